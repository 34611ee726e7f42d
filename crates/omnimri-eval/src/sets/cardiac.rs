//! Short-axis cardiac slices: the cavity a slice, the diagnosis a subject.

use omnimri_findings::{CardiacClass, Label};
use omnimri_workflow::Interpretation;

use crate::case::{Case, Overlap};
use crate::figure::{Figure, SetReport};
use crate::reading::{Event, Run};
use crate::record::Record;
use crate::sets::Set;
use crate::told::Told;

/// Tolerance of the surface Dice, in pixels: the pixel size is not known.
const TOLERANCE_PX: f64 = 2.0;
const N_CLASSES: usize = CardiacClass::ALL.len();

/// What became of one slice.
#[derive(Debug)]
struct Outcome {
    overlap: Overlap,
    /// Probabilities of [`CardiacClass::ALL`].
    votes: [f64; N_CLASSES],
}

fn judge(case: &Case, said: Option<&Interpretation>) -> Outcome {
    let drawn = case.drawn(said.and_then(|s| s.labels.as_ref()));
    let cavity = |l| l == Label::LeftVentricleCavity;
    let mut votes = [0.0; N_CLASSES];
    for d in said.iter().flat_map(|s| &s.diagnosis) {
        if let Some(k) = CardiacClass::ALL.iter().position(|c| c.name() == d.label) {
            votes[k] += d.probability;
        }
    }
    Outcome {
        overlap: case.overlap(&drawn, cavity, TOLERANCE_PX),
        votes,
    }
}

/// Whether the class with most votes over a subject's slices is the true one; no vote is wrong. Subjects in order of appearance.
fn by_subject<'a>(
    slices: impl Iterator<Item = (&'a str, Option<CardiacClass>, [f64; N_CLASSES])>,
) -> Vec<(&'a str, bool)> {
    let mut subjects: Vec<(&str, Option<CardiacClass>, [f64; N_CLASSES])> = Vec::new();
    for (subject, truth, votes) in slices {
        match subjects.iter_mut().find(|s| s.0 == subject) {
            Some((_, _, sums)) => sums.iter_mut().zip(votes).for_each(|(s, v)| *s += v),
            None => subjects.push((subject, truth, votes)),
        }
    }
    subjects
        .into_iter()
        .map(|(subject, truth, votes)| {
            let best = (0..N_CLASSES).fold(0, |b, k| if votes[k] > votes[b] { k } else { b });
            (
                subject,
                votes[best] > 0.0 && truth == Some(CardiacClass::ALL[best]),
            )
        })
        .collect()
}

/// Reads and scores the slices.
pub(crate) fn report(run: Run<'_>, cases: &[Case]) -> (SetReport, Vec<Option<Told>>) {
    (run.tell)(Event::Set(Set::CardiacLv, cases.len()));
    let outcomes = run.read_all(cases, judge);
    let groups: Vec<&str> = cases.iter().map(|c| c.example.subject.as_str()).collect();
    let dices: Vec<f64> = outcomes.all.iter().map(|o| o.overlap.dice).collect();
    let surface: Vec<f64> = outcomes
        .all
        .iter()
        .map(|o| o.overlap.surface_dice)
        .collect();
    let far: Vec<Option<f64>> = outcomes
        .all
        .iter()
        .map(|o| o.overlap.hausdorff_95)
        .collect();
    let slices = cases.iter().zip(&outcomes.all);
    let diagnosed = by_subject(slices.map(|(c, o)| {
        (
            c.example.subject.as_str(),
            c.example.classes.cardiac,
            o.votes,
        )
    }));
    let (subjects, right): (Vec<&str>, Vec<bool>) = diagnosed.into_iter().unzip();
    let cavity = |l| l == Label::LeftVentricleCavity;
    let records = cases.iter().zip(&outcomes.all).map(|(case, o)| Record {
        dice: case
            .true_mask(cavity)
            .any(|inside| inside)
            .then_some(o.overlap.dice),
        ..Record::new(Set::CardiacLv, case, "left ventricle cavity")
    });
    let report = SetReport {
        records: records.collect(),
        out_of_scope: outcomes.out_of_scope,
        figures: vec![
            Figure::new("dice", run.bootstrap.mean(&dices, &groups)),
            Figure::new("dice_median", run.bootstrap.median(&dices, &groups)),
            Figure::new("surface_dice_2px", run.bootstrap.mean(&surface, &groups)),
            Figure::new(
                "hausdorff95_px",
                run.bootstrap.mean_of_defined(&far, &groups),
            ),
            Figure::new(
                "subject_diagnosis_accuracy",
                run.bootstrap.share(&right, &subjects),
            ),
        ],
        failed: outcomes.failed,
        notes: vec!["The diagnosis is one a subject: probabilities are summed over its slices."],
        ..SetReport::new(Set::CardiacLv, cases.len())
    };
    (report, outcomes.told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn votes_are_summed_over_a_subject() {
        let normal = Some(CardiacClass::Normal);
        let slices = [
            ("a", normal, [0.6, 0.1, 0.1, 0.2]),
            ("b", normal, [0.0; 4]),
            ("a", normal, [0.1, 0.1, 0.1, 0.7]),
            ("c", Some(CardiacClass::Hypertrophy), [0.5, 0.0, 0.4, 0.1]),
        ];
        let right = by_subject(slices.into_iter());
        assert_eq!(right, [("a", true), ("b", false), ("c", false)]);
    }
}
