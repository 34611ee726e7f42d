//! The best and worst cases as pictures: what the annotator outlined beside what the model drew.

use std::fmt::Write as _;

use omnimri_corpus::card::{escaped, picture};
use omnimri_corpus::{Example, Stack};
use omnimri_image::{Input, OpenOptions, Zyx, open};
use omnimri_workflow::{Engine, Wording};

use crate::case::Case;
use crate::evaluate::Evaluation;
use crate::record::Record;

/// Cases at either end.
const SHOWN: usize = 10;
/// Side of a picture in pixels.
const SIDE: usize = 176;

/// The records with the highest and the lowest Dice, the best and the worst first.
pub(crate) fn ends<'a>(records: impl Iterator<Item = &'a Record>) -> [Vec<&'a Record>; 2] {
    let mut ranked: Vec<(f64, &Record)> = records
        .filter_map(|r| Some((r.dice.filter(|d| d.is_finite())?, r)))
        .collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let best = ranked.iter().take(SHOWN).map(|(_, r)| *r).collect();
    let worst = ranked.iter().rev().take(SHOWN).map(|(_, r)| *r).collect();
    [best, worst]
}

pub(super) fn section(evaluation: &Evaluation, engine: &Engine, out: &mut String) {
    let [best, worst] = ends(evaluation.sets.iter().flat_map(|s| &s.records));
    for (title, records) in [("The ten worst cases", worst), ("The ten best cases", best)] {
        if records.is_empty() {
            continue;
        }
        let _ = write!(
            out,
            "<section><h2>{title} by Dice (left: annotator, right: model)</h2><div class=\"sheet\">"
        );
        for record in records {
            let case = evaluation.shown.iter().find(|c| c.path == record.path);
            tile(record, case, engine, out);
        }
        out.push_str("</div></section>");
    }
}

fn tile(record: &Record, case: Option<&Case>, engine: &Engine, out: &mut String) {
    let said = format!(
        "{}, Dice {:.3}{}",
        record.class,
        record.dice.unwrap_or(0.0),
        match record.recognised {
            Some(true) => ", recognised",
            Some(false) => ", not recognised",
            None => "",
        }
    );
    out.push_str("<article>");
    if let Some([truth, drawn]) = case.and_then(|case| pictures(case, engine)) {
        let _ = write!(
            out,
            "<div style=\"display:grid;grid-template-columns:1fr 1fr\"><img src=\"{truth}\" alt=\"outlined by the annotator\">\
             <img src=\"{drawn}\" alt=\"drawn by the model\"></div>"
        );
    }
    let _ = write!(
        out,
        "<div class=\"say\"><p class=\"id\">{} {}</p><p class=\"facts\">{}</p></div></article>",
        escaped(record.set.name()),
        escaped(&record.id),
        escaped(&said)
    );
}

/// The slice with most of the truth, once with the true and once with the drawn labels; `None` if it cannot be read again.
fn pictures(case: &Case, engine: &Engine) -> Option<[String; 2]> {
    let Input::Volumes(volumes) = open(&case.path, &OpenOptions::default()).ok()? else {
        return None;
    };
    let volume = volumes.into_iter().next()?;
    let said = engine
        .interpret_volume(&volume, &case.path, Wording::Omitted)
        .ok()?;
    let (truth, drawn) = (case.truth(), case.drawn(said.labels.as_ref()));
    let voxels = case.as_truth_lies(&volume);
    let size = case.example.image.native_size;
    let n = size.y * size.x;
    let count = |z: usize| {
        let slice = truth.get(z * n..(z + 1) * n).unwrap_or_default();
        slice.iter().filter(|v| **v > 0).count()
    };
    let z = (0..size.z).max_by_key(|z| count(*z))?;
    let grey = voxels.get(z * n..(z + 1) * n)?;
    let mm = case.example.image.spacing_mm;
    let draw = |labels: &[u8]| {
        let one = Example {
            image: Stack::from_voxels(grey, Zyx::new(1, size.y, size.x), mm, None)?,
            labels: Some(labels.get(z * n..(z + 1) * n)?.to_vec()),
            ..case.example.clone()
        };
        picture(&one, SIDE).map(|(url, _)| url)
    };
    Some([draw(truth)?, draw(&drawn)?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sets::Set;
    use std::path::PathBuf;

    #[test]
    fn the_best_and_the_worst_come_first_in_their_lists() {
        let record = |k: usize, dice| Record {
            set: Set::CardiacLv,
            id: k.to_string(),
            path: PathBuf::new(),
            subject: String::new(),
            centre: "c",
            plane: None,
            class: "x",
            dice,
            recognised: None,
        };
        let mut all: Vec<Record> = (0..30).map(|k| record(k, Some(k as f64 / 30.0))).collect();
        all.push(record(30, None));
        let [best, worst] = ends(all.iter());
        let ids = |of: &[&Record]| of.iter().map(|r| r.id.clone()).collect::<Vec<_>>();
        assert_eq!((best.len(), worst.len()), (10, 10));
        assert_eq!(
            (&ids(&best)[0], &ids(&worst)[0]),
            (&"29".to_owned(), &"0".to_owned())
        );
    }
}
