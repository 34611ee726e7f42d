//! The reports are read by a scorer that drops clauses with a negation and takes the first name it meets.

use omnimri_findings::*;
use omnimri_image::Plane;

const NEGATIONS: [&str; 14] = [
    "no",
    "not",
    "without",
    "absent",
    "negative",
    "unlikely",
    "less likely",
    "rather than",
    "ruled out",
    "exclude",
    "excluded",
    "neither",
    "nor",
    "none of",
];

/// Whether `phrase` stands in `text` as whole words.
fn position(text: &str, phrase: &str) -> Option<usize> {
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    text.match_indices(phrase).map(|(at, _)| at).find(|at| {
        !text[..*at].chars().next_back().is_some_and(word)
            && !text[at + phrase.len()..].chars().next().is_some_and(word)
    })
}

/// The clauses that assert something.
fn asserted(report: &str) -> String {
    let (others, impression) = report.split_once("Impression:").unwrap_or((report, ""));
    let text = format!("{impression} . {others} . {report}").to_lowercase();
    text.replace(", but ", ".")
        .replace(" however ", ".")
        .split(['.', ';', '\n'])
        .filter(|clause| NEGATIONS.iter().all(|n| position(clause, n).is_none()))
        .collect::<Vec<_>>()
        .join(" . ")
}

fn first<'a>(text: &str, options: &[&'a str]) -> Option<&'a str> {
    options
        .iter()
        .filter_map(|o| Some((position(text, o)?, *o)))
        .min()
        .map(|(_, o)| o)
}

#[test]
fn the_scorer_reads_class_plane_and_side() {
    const TUMOURS: [&str; 3] = ["meningioma", "glioma", "pituitary"];
    const SIDES: [&str; 3] = ["image left", "image right", "midline"];
    for tumour in TumourClass::ALL {
        for plane in Plane::ALL {
            for side in [Side::ImageLeft, Side::ImageRight, Side::Midline] {
                for variant in 0..60 {
                    let found = tumour != TumourClass::None;
                    let mut facts = vec![
                        Fact::Tumour(tumour),
                        Fact::Plane(plane),
                        Fact::Sequence(Sequence::T1Post),
                        Fact::Region(Region::Brain),
                    ];
                    if found {
                        facts.extend([
                            Fact::Location(side),
                            Fact::Signal(Signal::HyperintenseLesion),
                            Fact::Extent(Extent::Small),
                        ]);
                    }
                    let report = report_text(&facts, variant);
                    let text = asserted(&report);
                    let class = found.then(|| tumour.name().split(' ').next().unwrap());
                    assert_eq!(first(&text, &TUMOURS), class, "{report}");
                    let planes = Plane::ALL.map(Plane::name);
                    assert_eq!(first(&text, &planes), Some(plane.name()), "{report}");
                    assert_eq!(first(&text, &SIDES), found.then(|| side.name()), "{report}");
                    for other in TUMOURS.iter().filter(|t| Some(**t) != class) {
                        assert_eq!(position(&text, other), None, "{report}");
                    }
                }
            }
        }
    }
}
