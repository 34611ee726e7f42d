//! Every pattern with every item of the vocabulary: what is written is read, and is read as nothing else.

use omnimri_image::Plane;

use super::*;
use crate::detail::{Detail, Hundredths, Kind, Length, Matter, Parameter, Place};
use crate::facts::{Extent, Signal};
use crate::term::Term;
use crate::vocabulary::{CardiacClass, Region, Sequence, Side, TumourClass};

fn options<T>(all: impl IntoIterator<Item = T>, fact: fn(T) -> Fact) -> Vec<Option<Fact>> {
    std::iter::once(None)
        .chain(all.into_iter().map(|x| Some(fact(x))))
        .collect()
}

/// Every way to choose one of each, at least one in all.
fn product(of: &[Vec<Option<Fact>>]) -> Vec<Vec<Fact>> {
    let mut out = vec![vec![]];
    for options in of {
        out = out
            .into_iter()
            .flat_map(|chosen: Vec<Fact>| {
                options
                    .iter()
                    .map(move |o| chosen.iter().copied().chain(*o).collect())
            })
            .collect();
    }
    out.retain(|facts| !facts.is_empty());
    out
}

/// What a group can say: every item of its vocabulary.
fn sayings(group: usize) -> Vec<Vec<Fact>> {
    let single = |facts: Vec<Fact>| facts.into_iter().map(|f| vec![f]).collect();
    match group {
        0 => {
            // Every sequence with every region, the planes in turn.
            let planes = options(Plane::ALL, Fact::Plane);
            let pairs = [
                options(Sequence::ALL, Fact::Sequence),
                options(Region::ALL, Fact::Region),
            ];
            let with_plane = product(&pairs).into_iter().enumerate().map(|(k, pair)| {
                let plane = planes[k % planes.len()];
                plane.into_iter().chain(pair).collect()
            });
            with_plane
                .chain(product(std::slice::from_ref(&planes)))
                .collect()
        }
        1 => {
            let all: Vec<Fact> = Term::all().map(Fact::Structure).collect();
            let pairs = all.windows(2).map(<[Fact]>::to_vec);
            let far = (0..all.len() / 2).map(|k| vec![all[k], all[all.len() - 1 - k]]);
            let three = all.windows(7).map(|w| vec![w[0], w[3], w[6]]);
            let one = all.iter().map(|f| vec![*f]);
            one.chain(pairs)
                .chain(far)
                .chain(three)
                .chain([all.clone()])
                .collect()
        }
        2 | 10 => product(&[
            options(
                Signal::ALL.into_iter().filter(|s| s.is_lesion()),
                Fact::Signal,
            ),
            options(Extent::ALL, Fact::Extent),
            options(Side::ALL, Fact::Location),
        ]),
        3 => single(
            Signal::ALL
                .into_iter()
                .filter(|s| !s.is_lesion())
                .map(Fact::Signal)
                .collect(),
        ),
        4 => single(
            TumourClass::ALL
                .into_iter()
                .filter(|t| t.label().is_some())
                .map(Fact::Tumour)
                .collect(),
        ),
        8 => single(
            CardiacClass::ALL
                .into_iter()
                .filter(|c| *c != CardiacClass::Normal)
                .map(Fact::Cardiac)
                .collect(),
        ),
        _ => match kind_of(group) {
            None => vec![GROUPS[group].fixed.into_iter().collect()],
            Some(kind) => details(kind)
                .into_iter()
                .map(|d| d.into_iter().map(Fact::Detail).collect())
                .collect(),
        },
    }
}

const NUMBERS: [u32; 7] = [0, 5, 100, 250, 8_600, 123_456, Hundredths::MAX.0];

fn details(kind: Kind) -> Vec<Vec<Detail>> {
    let numbers = NUMBERS.map(Hundredths);
    let percents = [0, 1, 42, 100];
    let of_terms = |of: &dyn Fn(Term, usize) -> Detail, n: usize| -> Vec<Vec<Detail>> {
        Term::all()
            .flat_map(|t| (0..n).map(move |k| (t, k)))
            .map(|(t, k)| vec![of(t, k)])
            .collect()
    };
    match kind {
        Kind::Parameter => (1u32..1 << Parameter::ALL.len())
            .map(|bits| {
                let chosen = Parameter::ALL.into_iter().enumerate();
                chosen
                    .filter(|(k, _)| bits >> k & 1 == 1)
                    .map(|(k, of)| Detail::Parameter {
                        of,
                        value: numbers[(k + bits as usize) % numbers.len()],
                    })
                    .collect()
            })
            .collect(),
        Kind::Matrix => [(1, 1, 1), (512, 37, 1), (256, 250, 24), (7, 3, 1000)]
            .map(|(columns, rows, slices)| {
                vec![Detail::Matrix {
                    columns,
                    rows,
                    slices,
                }]
            })
            .to_vec(),
        Kind::Voxel => numbers
            .windows(3)
            .map(|w| {
                vec![Detail::Voxel {
                    x: w[0],
                    y: w[1],
                    z: w[2],
                }]
            })
            .collect(),
        Kind::Foreground => percents
            .map(|percent| vec![Detail::Foreground { percent }])
            .to_vec(),
        Kind::Brightness => percents
            .map(|percent| vec![Detail::Brightness { percent }])
            .to_vec(),
        Kind::Absent => {
            let all: Vec<Detail> = Term::all().map(|of| Detail::Absent { of }).collect();
            let pairs = all.windows(2).map(<[Detail]>::to_vec);
            let one = all.iter().map(|d| vec![*d]);
            one.chain(pairs).chain([all.clone()]).collect()
        }
        Kind::Relative => of_terms(
            &|of, k| Detail::Relative {
                of,
                percent: percents[k],
            },
            4,
        ),
        Kind::Diameter => of_terms(
            &|of, k| Detail::Diameter {
                of,
                length: match k {
                    0 => Length::Mm(Hundredths(1340)),
                    1 => Length::Px(Hundredths(4200)),
                    _ => Length::Mm(Hundredths(5)),
                },
            },
            3,
        ),
        Kind::Area => of_terms(
            &|of, k| Detail::Area {
                of,
                pixels: [1, 2, 40_000][k],
            },
            3,
        ),
        Kind::Volume => of_terms(&|of, k| Detail::Volume { of, ml: numbers[k] }, 5),
        Kind::Parts => of_terms(
            &|of, k| Detail::Parts {
                of,
                n: [1, 2, 117][k],
            },
            3,
        ),
        Kind::Share => of_terms(
            &|of, k| Detail::Share {
                of,
                percent: numbers[k],
            },
            4,
        ),
        Kind::Place => Place::ALL
            .map(|place| vec![Detail::Place { place }])
            .to_vec(),
        Kind::Unknown => Matter::all()
            .into_iter()
            .map(|of| vec![Detail::Unknown { of }])
            .collect(),
    }
}

#[test]
fn every_pattern_says_one_thing() {
    let mut n = 0;
    for (index, group) in GROUPS.iter().enumerate() {
        let sayings = sayings(index);
        assert!(!sayings.is_empty());
        for pattern in group.all() {
            assert_slots_are_known(pattern);
            for facts in &sayings {
                let facts = canonical(facts);
                let text = render(pattern, &facts);
                let section = section_of(group.section, &facts);
                let told = Statement {
                    section,
                    facts,
                    text: text.clone(),
                };
                assert_eq!(parse(&text), [told], "{pattern}");
                assert!(text.ends_with('.') && !text.contains("  "), "{text}");
                assert!(!text.contains(['{', '}']), "{text}");
                assert_eq!(sentences(&text), [text.as_str()]);
                n += 1;
            }
        }
    }
    assert!(n > 50_000, "{n}");
}

#[test]
fn every_group_has_six_to_a_dozen_wordings_in_a_description() {
    for (index, group) in GROUPS.iter().enumerate() {
        // What completes a sentence is chosen by no voice.
        if index + 1 == crate::groups::N_REPORT {
            continue;
        }
        let wordings: std::collections::BTreeSet<&str> =
            (0..600).map(|k| group.choose(Voice::Record, k)).collect();
        assert!((6..=12).contains(&wordings.len()), "{index}: {wordings:?}");
        for wording in wordings {
            assert!(!wording.contains("model"), "{wording}");
            assert!(!wording.is_empty());
        }
        let report: std::collections::BTreeSet<&str> =
            (0..600).map(|k| group.choose(Voice::Model, k)).collect();
        if !group.patterns.is_empty() {
            assert_eq!(report.len(), group.patterns.len());
        }
    }
}

/// An unknown slot would be read as an article.
fn assert_slots_are_known(pattern: &str) {
    const KNOWN: [&str; 21] = [
        "a",
        "plane",
        "sequence",
        "region",
        "extent",
        "lesion",
        "location",
        "tissue",
        "structures",
        "tumour",
        "cardiac",
        "parameters",
        "absent",
        "term",
        "value",
        "is",
        "has",
        "measures",
        "covers",
        "takes",
        "forms",
    ];
    for slot in pattern.split('{').skip(1) {
        let name = slot.split('}').next().unwrap_or_default();
        assert!(KNOWN.contains(&name), "{name} in {pattern}");
    }
}
