//! Sentence patterns that are rendered from facts and matched back to them.
//!
//! A pattern is text with slots in braces. The same pattern writes and reads, so the two cannot drift apart.

use omnimri_image::Plane;

use crate::facts::{Extent, Fact, Signal};
use crate::phrases::{
    SEQUENCES, SIDES, TISSUES, cardiac_phrase, lesion_noun, match_structures, structures_phrase,
};
use crate::vocabulary::{CardiacClass, Region, TumourClass};

/// A hole in a pattern. Optional slots carry the space that parts them from their neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    /// `a` or `an`, by what follows; capital at the start of a sentence.
    Article,
    /// `axial ` or nothing.
    Plane,
    /// `T1-weighted ` or nothing.
    Sequence,
    /// ` of the brain` or nothing.
    Region,
    /// `small ` or nothing.
    Extent,
    /// `enhancing mass`, or `lesion` where the signal is not told.
    Lesion,
    /// ` on the image left` or nothing.
    Location,
    /// `fluid is hypointense`.
    Tissue,
    /// `vertebral bodies L1 to L5`.
    Structures,
    /// `glioma`.
    Tumour,
    /// `hypertrophy`.
    Cardiac,
}

#[derive(Debug, Clone, Copy)]
enum Part<'a> {
    Text(&'a str),
    Slot(Slot),
}

fn split(pattern: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = pattern;
    while let Some((text, after)) = rest.split_once('{') {
        let Some((name, tail)) = after.split_once('}') else {
            break;
        };
        parts.push(Part::Text(text));
        parts.push(Part::Slot(match name {
            "plane" => Slot::Plane,
            "sequence" => Slot::Sequence,
            "region" => Slot::Region,
            "extent" => Slot::Extent,
            "lesion" => Slot::Lesion,
            "location" => Slot::Location,
            "tissue" => Slot::Tissue,
            "structures" => Slot::Structures,
            "tumour" => Slot::Tumour,
            "cardiac" => Slot::Cardiac,
            _ => Slot::Article,
        }));
        rest = tail;
    }
    parts.push(Part::Text(rest));
    parts
}

/// Writes `pattern` with the facts its slots ask for; the sentence starts with a capital letter.
pub(crate) fn render(pattern: &str, facts: &[Fact]) -> String {
    let parts = split(pattern);
    let mut out = String::new();
    // Written from the end, because an article depends on the word after it.
    for part in parts.iter().rev() {
        let text = match part {
            Part::Text(text) => (*text).to_owned(),
            Part::Slot(Slot::Article) => article(&out).to_owned(),
            Part::Slot(slot) => fill(*slot, facts),
        };
        out.insert_str(0, &text);
    }
    capitalise(&out)
}

fn article(following: &str) -> &'static str {
    let word = following.trim_start();
    // "MR" is spoken "em ar".
    let vowel = word.starts_with(['a', 'e', 'i', 'o', 'u']) || word.starts_with("MR");
    if vowel { "an" } else { "a" }
}

fn capitalise(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map(|c| c.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}

fn fill(slot: Slot, facts: &[Fact]) -> String {
    let first = |pick: &dyn Fn(&Fact) -> Option<String>| facts.iter().find_map(pick);
    let found = match slot {
        Slot::Article => None,
        Slot::Plane => first(&|f| match f {
            Fact::Plane(p) => Some(format!("{} ", p.name())),
            _ => None,
        }),
        Slot::Sequence => first(&|f| match f {
            Fact::Sequence(s) => SEQUENCES
                .iter()
                .find(|(_, of)| of == s)
                .map(|(text, _)| format!("{text} ")),
            _ => None,
        }),
        Slot::Region => first(&|f| match f {
            Fact::Region(r) => Some(format!(" of the {}", r.name())),
            _ => None,
        }),
        Slot::Extent => first(&|f| match f {
            Fact::Extent(e) => Some(format!("{} ", e.name())),
            _ => None,
        }),
        Slot::Lesion => Some(lesion_noun(facts).to_owned()),
        Slot::Location => first(&|f| match f {
            Fact::Location(s) => SIDES
                .iter()
                .find(|(_, of)| of == s)
                .map(|(text, _)| format!(" {text}")),
            _ => None,
        }),
        Slot::Tissue => first(&|f| match f {
            Fact::Signal(s) => TISSUES
                .iter()
                .find(|(_, of)| of == s)
                .map(|(text, _)| (*text).to_owned()),
            _ => None,
        }),
        Slot::Structures => Some(structures_phrase(facts)),
        Slot::Tumour => first(&|f| match f {
            Fact::Tumour(t) => Some(t.name().to_owned()),
            _ => None,
        }),
        Slot::Cardiac => first(&|f| match f {
            Fact::Cardiac(c) => cardiac_phrase(*c).map(str::to_owned),
            _ => None,
        }),
    };
    found.unwrap_or_default()
}

/// Reads a whole sentence by `pattern`; `None` if it does not fit. Letter case is ignored.
pub(crate) fn read(pattern: &str, sentence: &str) -> Option<Vec<Fact>> {
    let mut facts = Vec::new();
    read_parts(&split(pattern), sentence, &mut facts).then_some(facts)
}

fn read_parts(parts: &[Part<'_>], text: &str, facts: &mut Vec<Fact>) -> bool {
    let Some((part, later)) = parts.split_first() else {
        return text.is_empty();
    };
    match part {
        Part::Text(literal) => {
            strip(text, literal).is_some_and(|rest| read_parts(later, rest, facts))
        }
        Part::Slot(slot) => candidates(*slot, text).into_iter().any(|(rest, found)| {
            let n = facts.len();
            facts.extend(found);
            let fits = read_parts(later, rest, facts);
            if !fits {
                facts.truncate(n);
            }
            fits
        }),
    }
}

/// `text` after `prefix`, letter case ignored.
pub(crate) fn strip<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix)
        .then(|| &text[prefix.len()..])
}

type Candidate<'a> = (&'a str, Vec<Fact>);

/// Every way in which `slot` can begin `text`: what is left, and what was said.
fn candidates(slot: Slot, text: &str) -> Vec<Candidate<'_>> {
    let mut out: Vec<Candidate<'_>> = Vec::new();
    let mut add = |phrase: &str, facts: Vec<Fact>| {
        if let Some(rest) = strip(text, phrase) {
            out.push((rest, facts));
        }
    };
    match slot {
        Slot::Article => ["an", "a"].into_iter().for_each(|a| add(a, vec![])),
        Slot::Plane => {
            for plane in Plane::ALL {
                add(&format!("{} ", plane.name()), vec![Fact::Plane(plane)]);
            }
        }
        Slot::Sequence => {
            for (phrase, sequence) in SEQUENCES {
                add(&format!("{phrase} "), vec![Fact::Sequence(sequence)]);
            }
        }
        Slot::Region => {
            for region in Region::ALL {
                add(
                    &format!(" of the {}", region.name()),
                    vec![Fact::Region(region)],
                );
            }
        }
        Slot::Extent => {
            for extent in Extent::ALL {
                add(&format!("{} ", extent.name()), vec![Fact::Extent(extent)]);
            }
        }
        Slot::Lesion => {
            for signal in Signal::ALL.into_iter().filter(|s| s.is_lesion()) {
                add(signal.name(), vec![Fact::Signal(signal)]);
            }
            add("lesion", vec![]);
        }
        Slot::Location => {
            for (phrase, side) in SIDES {
                add(&format!(" {phrase}"), vec![Fact::Location(side)]);
            }
        }
        Slot::Tissue => {
            for (phrase, signal) in TISSUES {
                add(phrase, vec![Fact::Signal(signal)]);
            }
        }
        Slot::Structures => return match_structures(text).into_iter().collect(),
        Slot::Tumour => {
            for class in TumourClass::ALL.into_iter().filter(|c| c.label().is_some()) {
                add(class.name(), vec![Fact::Tumour(class)]);
            }
        }
        Slot::Cardiac => {
            for class in CardiacClass::ALL {
                if let Some(phrase) = cardiac_phrase(class) {
                    add(phrase, vec![Fact::Cardiac(class)]);
                }
            }
        }
    }
    let optional = matches!(
        slot,
        Slot::Plane | Slot::Sequence | Slot::Region | Slot::Extent | Slot::Location
    );
    if optional {
        out.push((text, vec![]));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::{Label, Sequence, Side};

    #[test]
    fn a_pattern_reads_what_it_wrote() {
        let pattern = "there is {a} {extent}{lesion}{location}.";
        let facts = [
            Fact::Signal(Signal::EnhancingMass),
            Fact::Extent(Extent::Large),
            Fact::Location(Side::ImageRight),
        ];
        let text = render(pattern, &facts);
        assert_eq!(text, "There is a large enhancing mass on the image right.");
        let read_back = read(pattern, &text).unwrap();
        assert_eq!(read_back.len(), 3);
        assert!(facts.iter().all(|f| read_back.contains(f)));
        assert_eq!(read(pattern, "There is a lesion."), Some(vec![]));
        assert_eq!(read(pattern, "There is a lesion"), None);
    }

    #[test]
    fn articles_follow_sound() {
        let of = |facts: &[Fact]| render("{a} {plane}{sequence}MR image{region}.", facts);
        assert_eq!(of(&[Fact::Plane(Plane::Axial)]), "An axial MR image.");
        assert_eq!(
            of(&[Fact::Sequence(Sequence::T2)]),
            "A T2-weighted MR image."
        );
        assert_eq!(
            of(&[Fact::Region(Region::Heart)]),
            "An MR image of the heart."
        );
    }

    #[test]
    fn lists_of_structures_are_read() {
        let facts = [Label::VertebraL2, Label::VertebraL3, Label::VertebraL5].map(Fact::Structure);
        let text = render("visible structures: {structures}.", &facts);
        assert_eq!(
            text,
            "Visible structures: vertebral bodies L2 to L3 and vertebral body L5."
        );
        assert_eq!(
            read("visible structures: {structures}.", &text),
            Some(facts.to_vec())
        );
    }
}
