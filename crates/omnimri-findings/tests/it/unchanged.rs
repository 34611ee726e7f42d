//! The words of reports do not change: the committed model was trained on them, and reports are compared over time.

use omnimri_findings::*;
use omnimri_image::Plane;

/// FNV-1a, so that the test needs no dependency.
fn digest(texts: impl Iterator<Item = String>) -> u64 {
    texts.fold(0xcbf2_9ce4_8422_2325, |hash, text| {
        text.bytes().chain([0]).fold(hash, |h, b| {
            (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3)
        })
    })
}

fn cases() -> Vec<Vec<Fact>> {
    let mut out = Vec::new();
    let regions = [
        Region::Brain,
        Region::Hippocampus,
        Region::Heart,
        Region::LumbarSpine,
    ];
    let sequences = [
        Sequence::T1,
        Sequence::T1Post,
        Sequence::T2,
        Sequence::Flair,
        Sequence::Cine,
        Sequence::WaterFat,
        Sequence::Other,
    ];
    for (k, plane) in Plane::ALL.into_iter().enumerate() {
        for (j, sequence) in sequences.into_iter().enumerate() {
            for tumour in TumourClass::ALL {
                for side in Side::ALL {
                    out.push(vec![
                        Fact::Plane(plane),
                        Fact::Sequence(sequence),
                        Fact::Region(regions[(k + j) % 4]),
                        Fact::Signal(Signal::ALL[j]),
                        Fact::Extent(Extent::ALL[k]),
                        Fact::Location(side),
                        Fact::Tumour(tumour),
                        Fact::MsLesions {
                            present: j % 2 == 0,
                        },
                        Fact::Cardiac(CardiacClass::ALL[(j + k) % 4]),
                    ]);
                }
            }
        }
    }
    out
}

#[test]
fn reports_of_every_variant_are_worded_as_before() {
    let texts = cases()
        .into_iter()
        .flat_map(|facts| (0..16).map(move |variant| report_text(&facts, variant)));
    assert_eq!(digest(texts), 0xbba1_924c_ccc5_32b4);
}

#[test]
fn training_questions_are_worded_as_before() {
    let texts = cases().into_iter().flat_map(|facts| {
        (0..8).flat_map(move |seed| questions(&facts, seed).into_iter().map(|(q, a)| q + &a))
    });
    assert_eq!(digest(texts), 0xd55e_bb64_5ebf_8837);
}
