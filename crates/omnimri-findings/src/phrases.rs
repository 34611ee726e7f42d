//! The wording of slots: how a fact is said within a sentence.

use crate::facts::{Fact, Signal};
use crate::pattern::strip;
use crate::vocabulary::{CardiacClass, Label, Sequence, Side};

/// Sequences as adjectives.
pub(crate) const SEQUENCES: [(&str, Sequence); 34] = [
    ("T1-weighted", Sequence::T1),
    ("contrast-enhanced T1-weighted", Sequence::T1Post),
    ("T2-weighted", Sequence::T2),
    ("FLAIR", Sequence::Flair),
    ("cine", Sequence::Cine),
    ("water-fat", Sequence::WaterFat),
    ("unclassified-sequence", Sequence::Other),
    ("proton-density-weighted", Sequence::Pd),
    ("fat-suppressed proton-density-weighted", Sequence::PdFatSat),
    ("fat-suppressed T1-weighted", Sequence::T1FatSat),
    ("fat-suppressed T2-weighted", Sequence::T2FatSat),
    ("STIR", Sequence::Stir),
    ("T2*-weighted", Sequence::T2Star),
    ("susceptibility-weighted", Sequence::Swi),
    ("diffusion-weighted", Sequence::Dwi),
    ("apparent diffusion coefficient", Sequence::Adc),
    ("dynamic susceptibility contrast", Sequence::Dsc),
    ("dynamic contrast-enhanced", Sequence::Dce),
    ("arterial spin labelling", Sequence::Asl),
    ("BOLD", Sequence::Bold),
    ("late gadolinium enhancement", Sequence::Lge),
    ("time-of-flight angiography", Sequence::Tof),
    ("phase-contrast", Sequence::PhaseContrast),
    ("contrast-enhanced angiography", Sequence::CeAngio),
    ("balanced SSFP", Sequence::Bssfp),
    ("double-echo steady-state", Sequence::Dess),
    ("in-phase T1-weighted", Sequence::InPhase),
    ("out-of-phase T1-weighted", Sequence::OutOfPhase),
    ("inversion recovery", Sequence::Ir),
    ("MP2RAGE", Sequence::Mp2rage),
    ("T1 map", Sequence::T1Map),
    ("T2 map", Sequence::T2Map),
    ("T2* map", Sequence::T2StarMap),
    ("magnetisation transfer", Sequence::Mt),
];

/// Sides as places.
pub(crate) const SIDES: [(&str, Side); 5] = [
    ("on the image left", Side::ImageLeft),
    ("on the image right", Side::ImageRight),
    ("in the midline", Side::Midline),
    ("on the patient's left", Side::PatientLeft),
    ("on the patient's right", Side::PatientRight),
];

/// Signals of tissues as clauses.
pub(crate) const TISSUES: [(&str, Signal); 3] = [
    ("fluid is hypointense", Signal::HypointenseFluid),
    ("fluid is hyperintense", Signal::HyperintenseFluid),
    ("the blood pool is bright", Signal::BrightBlood),
];

/// What the main lesion is called by its signal.
pub(crate) fn lesion_noun(facts: &[Fact]) -> &'static str {
    facts
        .iter()
        .find_map(|f| match f {
            Fact::Signal(s) if s.is_lesion() => Some(s.name()),
            _ => None,
        })
        .unwrap_or("lesion")
}

/// A disease of the heart; `None` where none of the known ones was found, which has sentences of its own.
pub(crate) const fn cardiac_phrase(class: CardiacClass) -> Option<&'static str> {
    match class {
        CardiacClass::HeartFailureInfarct => Some("heart failure with infarct"),
        CardiacClass::HeartFailureNoInfarct => Some("heart failure without infarct"),
        CardiacClass::Hypertrophy => Some("hypertrophy"),
        CardiacClass::Normal => None,
    }
}

const VERTEBRAE: [Label; 5] = [
    Label::VertebraL1,
    Label::VertebraL2,
    Label::VertebraL3,
    Label::VertebraL4,
    Label::VertebraL5,
];

/// `vertebral bodies L1 to L5`: first and last, 0-based.
fn vertebral_run(first: usize, last: usize) -> String {
    format!("vertebral bodies L{} to L{}", first + 1, last + 1)
}

/// The structures of `facts` as a list; neighbouring vertebrae become a range.
pub(crate) fn structures_phrase(facts: &[Fact]) -> String {
    let mut labels: Vec<Label> = facts
        .iter()
        .filter_map(|f| match f {
            Fact::Structure(label) => Some(*label),
            _ => None,
        })
        .collect();
    labels.sort_unstable();
    labels.dedup();
    let mut items: Vec<String> = Vec::new();
    let mut k = 0;
    while k < labels.len() {
        let start = VERTEBRAE.iter().position(|v| *v == labels[k]);
        let mut run = 1;
        while let Some(first) = start
            && first + run < VERTEBRAE.len()
            && labels.get(k + run) == Some(&VERTEBRAE[first + run])
        {
            run += 1;
        }
        items.push(match start {
            Some(first) if run > 1 => vertebral_run(first, first + run - 1),
            _ => labels[k].name().to_owned(),
        });
        k += run;
    }
    match items.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

/// Reads the longest list of structures at the start of `text`.
pub(crate) fn match_structures(text: &str) -> Option<(&str, Vec<Fact>)> {
    let (mut rest, labels) = match_item(text)?;
    let mut facts: Vec<Fact> = labels.into_iter().map(Fact::Structure).collect();
    while let Some(next) = [", ", " and "].iter().find_map(|s| strip(rest, s))
        && let Some((after, labels)) = match_item(next)
    {
        facts.extend(labels.into_iter().map(Fact::Structure));
        rest = after;
    }
    Some((rest, facts))
}

fn match_item(text: &str) -> Option<(&str, Vec<Label>)> {
    for first in 0..VERTEBRAE.len() {
        for last in first + 1..VERTEBRAE.len() {
            if let Some(rest) = strip(text, &vertebral_run(first, last)) {
                return Some((rest, VERTEBRAE[first..=last].to_vec()));
            }
        }
    }
    Label::ALL
        .into_iter()
        .find_map(|l| strip(text, l.name()).map(|rest| (rest, vec![l])))
}
