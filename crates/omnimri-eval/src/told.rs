//! What reports say: against the truth, against the drawn masks, and beside what they say of another image or of nothing.
//!
//! Masks are measured here again from the label map alone, so that a mistake on the way from mask to sentence shows.

use omnimri_findings::facts::all_facts;
use omnimri_findings::grammar::parse;
use omnimri_findings::{Fact, Label, TumourClass, measure};
use omnimri_image::Volume;
use omnimri_workflow::{Engine, Interpretation, Wording, blank, noise};
use std::path::Path;

use crate::figure::Figure;
use crate::interval::Bootstrap;

/// What was told of one input.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Told {
    /// What the language model wrote.
    pub text: String,
    /// The facts of that.
    written: Vec<Fact>,
    /// The facts of the checked report.
    report: Vec<Fact>,
    /// What the report says and the masks do not.
    pub contradictions: Vec<String>,
    /// Sentences of the report.
    sentences: usize,
    /// Those that the evidence confirms.
    confirmed: usize,
}

impl Told {
    /// Reads the report of an interpretation back.
    pub fn of(said: &Interpretation, volume: &Volume) -> Self {
        let statements = parse(&said.report.text);
        let confirmed = statements.iter().filter(|s| {
            let mut entries = said.report.facts.iter();
            entries.any(|f| f.claim == s.text && f.verified && !f.evidence.is_empty())
        });
        let report = all_facts(&statements);
        Self {
            text: said.written.clone(),
            written: all_facts(&parse(&said.written)),
            contradictions: if said.is_out_of_scope() {
                Vec::new()
            } else {
                let labels = said.labels.as_ref().map_or(&[][..], |m| &m.labels);
                contradictions(&said.report.text, &report, labels, volume)
            },
            sentences: statements.len(),
            confirmed: confirmed.count(),
            report,
        }
    }
}

/// What a report says that the label map does not bear out.
fn contradictions(text: &str, facts: &[Fact], labels: &[u8], volume: &Volume) -> Vec<String> {
    let measured: Vec<_> = Label::ALL
        .into_iter()
        .filter_map(|label| Some((label, measure(labels, label.value(), volume)?)))
        .collect();
    let there = |value: u8| measured.iter().any(|(l, _)| l.value() == value);
    let tumours: Vec<TumourClass> = measured
        .iter()
        .filter_map(|(l, _)| TumourClass::from_label(*l))
        .collect();
    let lesion = || measured.iter().filter(|(l, _)| l.is_finding());
    let mut out = Vec::new();
    for fact in facts {
        let borne_out = match fact {
            Fact::Structure(term) => there(term.value()),
            Fact::MsLesions { present } => *present == there(Label::MsLesion.value()),
            Fact::Tumour(class) => tumours.iter().all(|t| t == class),
            Fact::Extent(extent) => lesion().any(|(_, m)| m.extent() == *extent),
            Fact::Location(side) => lesion().any(|(_, m)| m.side == Some(*side)),
            _ => true,
        };
        if !borne_out {
            out.push(format!("{fact:?} is not in the masks"));
        }
    }
    for (number, unit) in amounts(text) {
        let near = |v: Option<f64>| v.is_some_and(|v| (v - number).abs() <= 0.051);
        let borne_out = measured.iter().any(|(_, m)| match unit {
            "pixels" => near(m.area_px.map(|px| px as f64)),
            _ => near(m.volume_ml),
        });
        if !borne_out {
            out.push(format!("{number} {unit} is not in the masks"));
        }
    }
    out
}

/// Areas and volumes that a text states.
fn amounts(text: &str) -> Vec<(f64, &'static str)> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let pairs = words.windows(2).filter_map(|pair| {
        let number = pair[0].parse().ok()?;
        let unit = pair[1].trim_end_matches(['.', ',', ';']);
        ["pixels", "mL"]
            .into_iter()
            .find(|u| *u == unit)
            .map(|u| (number, u))
    });
    pairs.collect()
}

/// Truths that are told rightly and wrongly; the rest is not told.
fn score(told: &[Fact], truth: &[Fact]) -> (usize, usize) {
    let right = truth.iter().filter(|t| told.contains(t)).count();
    let wrong = truth
        .iter()
        .filter(|t| !told.contains(t) && told.iter().any(|f| f.same_matter(t) && f != *t));
    (right, wrong.count())
}

/// What is told of nothing: what the language model writes and what the report says.
pub(crate) struct OfNothing {
    looks: [Told; 2],
}

impl OfNothing {
    /// Reads a blank and noise.
    pub fn read(engine: &Engine) -> Result<Self, String> {
        let question = "an image of nothing";
        let told = |volume: &Volume| {
            let said = engine.interpret_with(
                volume,
                Path::new(question),
                Wording::Decoded,
                &engine.trust().uncalibrated(),
            );
            said.map(|said| Told::of(&said, volume))
                .map_err(|e| e.to_string())
        };
        let mut looks = [told(&blank())?, told(&noise())?];
        // Reading refuses nothing before a word is written: what would be written is asked for.
        let words = engine
            .said_of_nothing(&report_question())
            .map_err(|e| e.to_string())?;
        for (look, words) in looks.iter_mut().zip(words) {
            look.written = all_facts(&parse(&words));
            look.text = words;
        }
        Ok(Self { looks })
    }
}

/// The question that a report answers.
fn report_question() -> String {
    use omnimri_findings::questions::Question;
    let phrasings = Question::Describe.phrasings();
    phrasings.into_iter().next().unwrap_or_default()
}

/// One case: whose, what is true, what was told.
pub(crate) struct Line<'a> {
    pub subject: &'a str,
    pub truth: &'a [Fact],
    pub told: &'a Told,
}

/// Figures of the reports of a set.
pub(crate) fn figures(
    lines: &[Line<'_>],
    nothing: &OfNothing,
    bootstrap: Bootstrap,
) -> Vec<Figure> {
    let n = lines.len();
    if n == 0 {
        return Vec::new();
    }
    let [blank, noise] = &nothing.looks;
    // Another image of the set, far from this one in the table.
    let other = |i: usize| &lines[(i + n.div_ceil(2)) % n];
    type Facts = fn(&Told) -> &[Fact];
    let report: Facts = |t| &t.report;
    let written: Facts = |t| &t.written;
    let mut out = Vec::new();
    // A fact is an item, a subject a group.
    let mut add = |names: [&'static str; 2], facts: &dyn Fn(usize) -> Vec<Fact>| {
        let (mut right, mut wrong, mut groups) = (Vec::new(), Vec::new(), Vec::new());
        for (i, line) in lines.iter().enumerate() {
            let (r, w) = score(&facts(i), line.truth);
            for k in 0..line.truth.len() {
                right.push(k < r);
                wrong.push(k < w);
                groups.push(line.subject);
            }
        }
        out.push(Figure::new(names[0], bootstrap.share(&right, &groups)));
        out.push(Figure::new(names[1], bootstrap.share(&wrong, &groups)));
    };
    let own = |i: usize| lines[i].told;
    add(["report_facts_right", "report_facts_wrong"], &|i| {
        report(own(i)).to_vec()
    });
    add(
        ["report_facts_right_shuffled", "report_facts_wrong_shuffled"],
        &|i| report(other(i).told).to_vec(),
    );
    add(
        ["report_facts_right_blank", "report_facts_wrong_blank"],
        &|_| report(blank).to_vec(),
    );
    add(
        ["report_facts_right_noise", "report_facts_wrong_noise"],
        &|_| report(noise).to_vec(),
    );
    add(["written_facts_right", "written_facts_wrong"], &|i| {
        written(own(i)).to_vec()
    });
    add(
        [
            "written_facts_right_shuffled",
            "written_facts_wrong_shuffled",
        ],
        &|i| written(other(i).told).to_vec(),
    );
    add(
        ["written_facts_right_blank", "written_facts_wrong_blank"],
        &|_| written(blank).to_vec(),
    );
    add(
        ["written_facts_right_noise", "written_facts_wrong_noise"],
        &|_| written(noise).to_vec(),
    );
    let groups: Vec<&str> = lines.iter().map(|l| l.subject).collect();
    let same =
        |as_of: &Told| -> Vec<bool> { lines.iter().map(|l| l.told.text == as_of.text).collect() };
    out.push(Figure::new(
        "written_same_on_blank",
        bootstrap.share(&same(blank), &groups),
    ));
    out.push(Figure::new(
        "written_same_on_noise",
        bootstrap.share(&same(noise), &groups),
    ));
    let count = |of: fn(&Told) -> usize| lines.iter().map(|l| of(l.told)).sum::<usize>();
    let sentences = count(|t| t.sentences);
    out.push(Figure::plain(
        "report_sentences_with_evidence",
        (sentences > 0).then(|| count(|t| t.confirmed) as f64 / sentences as f64),
        sentences,
    ));
    out.push(Figure::plain(
        "report_contradictions_of_masks",
        Some(count(|t| t.contradictions.len()) as f64),
        n,
    ));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use omnimri_findings::{Extent, Side};
    use omnimri_image::Plane;

    /// What is found against a report over a square of glioma in the left of a head that fills the middle.
    fn told(text: &str) -> Vec<String> {
        let mut volume = blank();
        let size = volume.geometry.size;
        for y in 16..240 {
            for x in 16..240 {
                volume.voxels[size.offset(x, y, 0)] = 100.0 + (x % 7) as f32;
            }
        }
        let mut labels = vec![0; size.count()];
        for y in 100..110 {
            for x in 20..30 {
                labels[size.offset(x, y, 0)] = Label::Glioma.value();
            }
        }
        contradictions(text, &all_facts(&parse(text)), &labels, &volume)
    }

    #[test]
    fn what_the_masks_do_not_bear_out_is_found() {
        let right = "Findings: There is a lesion on the image left. The outlined glioma measures 100 pixels in area.";
        assert_eq!(told(right), Vec::<String>::new());
        let side = told("Findings: There is a lesion on the image right.");
        assert!(side.len() == 1 && side[0].contains("Location"), "{side:?}");
        let size = told("Findings: The outlined glioma measures 90 pixels in area.");
        assert!(size.len() == 1 && size[0].contains("90"), "{size:?}");
        let class =
            told("Impression: A meningioma is the most likely of the classes this model knows.");
        assert!(
            class.len() == 1 && class[0].contains("Meningioma"),
            "{class:?}"
        );
    }

    #[test]
    fn facts_are_right_wrong_or_not_told() {
        let truth = [
            Fact::Plane(Plane::Axial),
            Fact::Location(Side::ImageLeft),
            Fact::Extent(Extent::Small),
        ];
        let said = [Fact::Plane(Plane::Axial), Fact::Location(Side::ImageRight)];
        assert_eq!(score(&said, &truth), (1, 1));
        assert_eq!(score(&[], &truth), (0, 0));
    }

    #[test]
    fn amounts_are_read() {
        let text =
            "Measured volumes: anterior 1.23 mL, posterior 0.50 mL. It measures 12 pixels in area.";
        assert_eq!(amounts(text), [(1.23, "mL"), (0.5, "mL"), (12.0, "pixels")]);
    }

    #[test]
    fn reports_stand_beside_those_of_another_image_and_of_nothing() {
        let plane = |p| Told {
            report: vec![Fact::Plane(p)],
            sentences: 1,
            confirmed: 1,
            text: format!("{p:?}"),
            ..Told::default()
        };
        let all = [plane(Plane::Axial), plane(Plane::Coronal)];
        let truths = [[Fact::Plane(Plane::Axial)], [Fact::Plane(Plane::Coronal)]];
        let lines: Vec<Line<'_>> = all
            .iter()
            .zip(&truths)
            .zip(["a", "b"])
            .map(|((told, truth), subject)| Line {
                subject,
                truth,
                told,
            })
            .collect();
        let nothing = OfNothing {
            looks: [plane(Plane::Axial), Told::default()],
        };
        let figures = figures(&lines, &nothing, Bootstrap { seed: 1, draws: 20 });
        let value = |name: &str| {
            figures
                .iter()
                .find(|f| f.name == name)
                .unwrap()
                .estimate
                .value
        };
        assert_eq!(value("report_facts_right"), Some(1.0));
        assert_eq!(value("report_facts_right_shuffled"), Some(0.0));
        assert_eq!(value("report_facts_wrong_shuffled"), Some(1.0));
        assert_eq!(value("report_facts_right_blank"), Some(0.5));
        assert_eq!(value("report_facts_right_noise"), Some(0.0));
        assert_eq!(value("written_same_on_blank"), Some(0.5));
        assert_eq!(value("report_sentences_with_evidence"), Some(1.0));
        assert_eq!(value("report_contradictions_of_masks"), Some(0.0));
    }
}
