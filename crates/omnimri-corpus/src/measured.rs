//! The default filler: statements measured on the image and its labels, none of which states what is not known.

use omnimri_findings::verify::Origin;
use omnimri_findings::{Fact, Label, Sequence, Signal, Term, TumourClass, lesion_signal};

use crate::describe::{Level, Sentence, TextFiller, statements};
use crate::error::Result;
use crate::example::Example;

/// Brightness, as a share of the brightest voxel, above which a voxel is foreground.
const FOREGROUND: f32 = 0.1;

/// Measured statements on the levels that a dataset lacks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MeasuredStatements;

impl TextFiller for MeasuredStatements {
    fn name(&self) -> &str {
        "measured statements"
    }

    fn fill(
        &self,
        example: &Example,
        level: Level,
        _told: &[Sentence],
        variant: u64,
    ) -> Result<Vec<Sentence>> {
        let plain = |origin, text: String| Sentence {
            level,
            origin,
            facts: Vec::new(),
            text,
        };
        Ok(match level {
            // The grid is told anyway.
            Level::Acquisition => Vec::new(),
            Level::Anatomy => vec![plain(Origin::Measured, coverage(example, variant))],
            Level::Signal => signal(example, variant),
            Level::Findings => findings(example, variant)
                .map(|t| plain(Origin::Label, t))
                .into_iter()
                .collect(),
            Level::Impression => vec![plain(
                Origin::Label,
                pick(
                    variant,
                    [
                        "No diagnosis is recorded.",
                        "The dataset records no diagnosis.",
                    ],
                )
                .to_owned(),
            )],
        })
    }
}

fn pick<T: Copy, const N: usize>(variant: u64, texts: [T; N]) -> T {
    texts[(variant % N as u64) as usize]
}

/// Share of the image that is foreground.
fn coverage(example: &Example, variant: u64) -> String {
    let threshold = FOREGROUND * example.image.peak;
    let voxels = &example.image.voxels;
    let n = voxels
        .iter()
        .filter(|&&b| example.image.intensity(b) > threshold)
        .count();
    let percent = (100.0 * n as f64 / voxels.len().max(1) as f64).round();
    match variant % 2 {
        0 => format!("The foreground covers {percent}% of the image."),
        _ => format!("{percent}% of the image is foreground."),
    }
}

/// How bright the outlined structure or lesions are; else how bright the foreground is.
fn signal(example: &Example, variant: u64) -> Vec<Sentence> {
    let level = Level::Signal;
    let measured = |facts: Vec<Fact>, text| Sentence {
        level,
        origin: Origin::Measured,
        facts,
        text,
    };
    let sequence = example.classes.sequence;
    let largest = example
        .label_counts()
        .into_iter()
        .max_by_key(|&(_, n)| n)
        .filter(|l| l.1 > 0);
    let labels = example.labels.as_deref().unwrap_or_default();
    let compared = largest.and_then(|(label, _)| {
        Some((
            label,
            lesion_signal(labels, label.value(), &example.volume(), sequence)?,
        ))
    });
    match compared {
        Some((term, Signal::HyperintenseLesion))
            if term == Label::LeftVentricleCavity && sequence == Some(Sequence::Cine) =>
        {
            statements(level, &[Fact::Signal(Signal::BrightBlood)], variant)
        }
        Some((label, signal)) if label.is_finding() => {
            statements(level, &[Fact::Signal(signal)], variant)
        }
        Some((label, signal)) => {
            let how = match signal {
                Signal::HyperintenseLesion | Signal::EnhancingMass => "brighter than",
                Signal::HypointenseLesion => "darker than",
                _ => "about as bright as",
            };
            let the = pick(variant, ["On average the", "The outlined"]);
            vec![measured(
                Vec::new(),
                format!(
                    "{the} {} is {how} the rest of the foreground.",
                    label.name()
                ),
            )]
        }
        None => {
            let threshold = FOREGROUND * example.image.peak;
            let mut foreground: Vec<u8> = example.image.voxels.clone();
            foreground.retain(|&b| example.image.intensity(b) > threshold);
            if foreground.is_empty() {
                return Vec::new();
            }
            let middle = foreground.len() / 2;
            let median = example
                .image
                .intensity(*foreground.select_nth_unstable(middle).1);
            let percent = (100.0 * median / example.image.peak).round();
            let text = match variant % 2 {
                0 => {
                    format!("The median foreground is {percent}% as bright as the brightest voxel.")
                }
                _ => format!("Half of the foreground is below {percent}% of the brightest voxel."),
            };
            vec![measured(Vec::new(), text)]
        }
    }
}

/// Which findings someone looked for without outlining any; `None` where some are outlined.
fn findings(example: &Example, variant: u64) -> Option<String> {
    let looked: Vec<Term> = example
        .annotated
        .iter()
        .copied()
        .filter(|l| l.is_finding())
        .collect();
    if example.present().into_iter().any(Term::is_finding) {
        // Scattered lesions have no one place and size: their count of voxels is what can be said.
        return example
            .present()
            .contains(&Label::MsLesion.into())
            .then(|| share(example, variant));
    }
    if looked.is_empty() {
        return Some(
            pick(
                variant,
                ["No finding was looked for.", "Findings were not annotated."],
            )
            .to_owned(),
        );
    }
    let is_tumour = |t: &Term| t.label().and_then(TumourClass::from_label).is_some();
    let kinds = if looked.iter().all(is_tumour) {
        "tumour"
    } else {
        "lesion"
    };
    Some(match variant % 2 {
        0 => format!("The annotator outlined no {kinds}."),
        _ => format!("No {kinds} is outlined."),
    })
}

/// Share of the foreground that is outlined as lesion.
fn share(example: &Example, variant: u64) -> String {
    let threshold = FOREGROUND * example.image.peak;
    let head = example
        .image
        .voxels
        .iter()
        .filter(|&&b| example.image.intensity(b) > threshold);
    let n: usize = example
        .label_counts()
        .iter()
        .filter(|(l, _)| l.is_finding())
        .map(|(_, n)| n)
        .sum();
    let percent = 100.0 * n as f64 / head.count().max(1) as f64;
    match variant % 2 {
        0 => format!("The outlined lesions cover {percent:.1}% of the foreground."),
        _ => format!("{percent:.1}% of the foreground is outlined as lesion."),
    }
}
