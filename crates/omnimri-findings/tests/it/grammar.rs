//! Rendering and reading back over every combination of facts.

use omnimri_findings::facts::{all_facts, canonical};
use omnimri_findings::*;
use omnimri_image::Plane;

fn options<T: Copy>(all: &[T], fact: fn(T) -> Fact) -> Vec<Option<Fact>> {
    std::iter::once(None)
        .chain(all.iter().map(|x| Some(fact(*x))))
        .collect()
}

#[test]
fn every_technique_survives() {
    for plane in options(&Plane::ALL, Fact::Plane) {
        for sequence in options(&Sequence::ALL, Fact::Sequence) {
            for region in options(&Region::ALL, Fact::Region) {
                for variant in 0..12 {
                    let facts: Vec<Fact> =
                        [plane, sequence, region].into_iter().flatten().collect();
                    survives(&facts, variant);
                }
            }
        }
    }
}

#[test]
fn every_lesion_survives() {
    for signal in options(&Signal::ALL, Fact::Signal) {
        for extent in options(&Extent::ALL, Fact::Extent) {
            for side in options(&Side::ALL, Fact::Location) {
                for tumour in options(&TumourClass::ALL, Fact::Tumour) {
                    for variant in 0..12 {
                        let facts: Vec<Fact> = [Some(Fact::Plane(Plane::Axial)), signal]
                            .into_iter()
                            .chain([extent, side, tumour])
                            .flatten()
                            .collect();
                        survives(&facts, variant);
                    }
                }
            }
        }
    }
}

#[test]
fn every_set_of_structures_survives() {
    for bits in 0u32..1 << 12 {
        let facts: Vec<Fact> = Label::ALL
            .into_iter()
            .filter(|l| bits >> (l.value() - 1) & 1 == 1)
            .map(|l| Fact::Structure(l.into()))
            .collect();
        survives(&facts, u64::from(bits));
    }
}

#[test]
fn every_impression_survives() {
    let ms = [None, Some(true), Some(false)];
    for ms in ms.map(|m| m.map(|present| Fact::MsLesions { present })) {
        for cardiac in options(&CardiacClass::ALL, Fact::Cardiac) {
            for tumour in options(&TumourClass::ALL, Fact::Tumour) {
                for fluid in [None, Some(Fact::Signal(Signal::HypointenseFluid))] {
                    for variant in 0..20 {
                        let facts: Vec<Fact> =
                            [ms, cardiac, tumour, fluid].into_iter().flatten().collect();
                        survives(&facts, variant);
                    }
                }
            }
        }
    }
}

fn survives(facts: &[Fact], variant: u64) {
    let text = report_text(facts, variant);
    let back = all_facts(&parse(&text));
    assert_eq!(back, canonical(facts), "{text}");
    assert_eq!(report_text(facts, variant), text);
    for word in text.to_lowercase().split(|c: char| !c.is_alphanumeric()) {
        assert!(word != "normal" && word != "abnormality", "{text}");
    }
    // Letter case and spacing do not matter.
    let shouted = text.to_uppercase().replace(' ', "  ");
    assert_eq!(all_facts(&parse(&shouted)), canonical(facts), "{shouted}");
}

#[test]
fn lesion_and_fluid_signals_are_told_together() {
    let facts = [
        Fact::Signal(Signal::EnhancingMass),
        Fact::Signal(Signal::HypointenseFluid),
        Fact::Location(Side::Midline),
    ];
    survives(&facts, 5);
}

#[test]
fn a_training_text_has_a_moderate_length_and_many_wordings() {
    let facts = [
        Fact::Plane(Plane::Axial),
        Fact::Sequence(Sequence::T1Post),
        Fact::Region(Region::Brain),
        Fact::Signal(Signal::EnhancingMass),
        Fact::Signal(Signal::HypointenseFluid),
        Fact::Extent(Extent::Medium),
        Fact::Location(Side::ImageLeft),
        Fact::Tumour(TumourClass::Meningioma),
    ];
    let texts: std::collections::BTreeSet<String> =
        (0..200).map(|v| report_text(&facts, v)).collect();
    assert!(texts.len() > 100, "{}", texts.len());
    for text in &texts {
        let n = text.split_whitespace().count();
        assert!((30..=70).contains(&n), "{n}: {text}");
    }
}
