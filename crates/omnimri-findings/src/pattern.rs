//! Sentence patterns that are rendered from facts and matched back to them.
//!
//! A pattern is text with slots in braces. The same pattern writes and reads, so the two cannot drift apart.

use omnimri_image::Plane;

use crate::detail::Kind;
use crate::facts::{Extent, Fact, Signal};
use crate::phrases::{
    SEQUENCES, SIDES, TISSUES, cardiac_phrase, lesion_noun, match_structures, structures_phrase,
};
use crate::term::Term;
use crate::vocabulary::{CardiacClass, Region, TumourClass};
use crate::wording;

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
    /// `a repetition time of 2000 ms and an echo time of 30 ms`.
    Parameters,
    /// `glioma or meningioma`.
    Absent,
    /// Name of the term that a detail speaks of.
    Term,
    /// The number of a detail, or what is unknown.
    Value,
    /// A verb that agrees with the term: singular and plural.
    Verb(&'static str, &'static str),
}

/// Verbs by the name of their slot.
const VERBS: [(&str, &str); 6] = [
    ("is", "are"),
    ("has", "have"),
    ("measures", "measure"),
    ("covers", "cover"),
    ("takes", "take"),
    ("forms", "form"),
];

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
            "parameters" => Slot::Parameters,
            "absent" => Slot::Absent,
            "term" => Slot::Term,
            "value" => Slot::Value,
            _ => VERBS
                .into_iter()
                .find(|(singular, _)| *singular == name)
                .map_or(Slot::Article, |(one, many)| Slot::Verb(one, many)),
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
    // "MR" is spoken "em ar", "MP2RAGE" "em pee".
    let vowel = word.starts_with(['a', 'e', 'i', 'o', 'u'])
        || word.starts_with("MR")
        || word.starts_with("MP");
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
        Slot::Parameters => Some(wording::parameters(facts)),
        Slot::Absent => Some(wording::absent(facts)),
        Slot::Term => term_of(facts).map(|t| t.name().to_owned()),
        Slot::Value => first(&|f| match f {
            Fact::Detail(detail) => Some(wording::value(detail)),
            _ => None,
        }),
        Slot::Verb(one, many) => {
            let plural = term_of(facts).is_some_and(wording::is_plural);
            Some(if plural { many } else { one }.to_owned())
        }
    };
    found.unwrap_or_default()
}

fn term_of(facts: &[Fact]) -> Option<Term> {
    facts.iter().find_map(|f| match f {
        Fact::Detail(detail) => detail.term(),
        _ => None,
    })
}

/// Reads a whole sentence by `pattern`; `None` if it does not fit. Letter case is ignored.
///
/// `kind` is that of the details which the pattern tells, if any.
pub(crate) fn read(pattern: &str, kind: Option<Kind>, sentence: &str) -> Option<Vec<Fact>> {
    // Most patterns fail at their first words, before they need be split.
    strip(sentence, pattern.split('{').next().unwrap_or_default())?;
    let parts = split(pattern);
    // A number may stand before the term it belongs to: then every term is tried.
    let ahead = parts.iter().find_map(|part| match part {
        Part::Slot(Slot::Term) => Some(false),
        Part::Slot(Slot::Value) => Some(true),
        _ => None,
    });
    let late = ahead == Some(true) && parts.iter().any(|p| matches!(p, Part::Slot(Slot::Term)));
    let terms: Vec<Option<Term>> = if late {
        let lower = sentence.to_ascii_lowercase();
        let fits = parts.iter().all(|part| match part {
            Part::Text(literal) => lower.contains(&literal.to_ascii_lowercase()),
            Part::Slot(_) => true,
        });
        let named = Term::all().filter(|t| fits && lower.contains(&t.name().to_ascii_lowercase()));
        named.map(Some).collect()
    } else {
        vec![None]
    };
    terms.into_iter().find_map(|term| {
        let mut reading = Reading {
            kind,
            term,
            facts: Vec::new(),
        };
        reading.parts(&parts, sentence).then_some(reading.facts)
    })
}

/// What has been read so far.
struct Reading {
    kind: Option<Kind>,
    term: Option<Term>,
    facts: Vec<Fact>,
}

impl Reading {
    fn parts(&mut self, parts: &[Part<'_>], text: &str) -> bool {
        let Some((part, later)) = parts.split_first() else {
            return text.is_empty();
        };
        match part {
            Part::Text(literal) => strip(text, literal).is_some_and(|rest| self.parts(later, rest)),
            Part::Slot(Slot::Term) => self.term(later, text),
            Part::Slot(slot) => self
                .candidates(*slot, text)
                .into_iter()
                .any(|(rest, found)| {
                    let n = self.facts.len();
                    self.facts.extend(found);
                    let fits = self.parts(later, rest);
                    if !fits {
                        self.facts.truncate(n);
                    }
                    fits
                }),
        }
    }

    fn term(&mut self, later: &[Part<'_>], text: &str) -> bool {
        let before = self.term;
        wording::read_terms(text).into_iter().any(|(rest, term)| {
            if before.is_some_and(|t| t != term) {
                return false;
            }
            self.term = Some(term);
            let fits = self.parts(later, rest);
            if !fits {
                self.term = before;
            }
            fits
        })
    }

    fn candidates<'a>(&self, slot: Slot, text: &'a str) -> Vec<Candidate<'a>> {
        let fact = |(rest, detail)| (rest, vec![Fact::Detail(detail)]);
        match (slot, self.kind) {
            (Slot::Value, Some(kind)) => wording::read_value(kind, self.term, text)
                .into_iter()
                .map(fact)
                .collect(),
            (Slot::Verb(one, many), _) => {
                // The verb must agree, so that what is read is what would be written.
                let plural = self.term.is_some_and(wording::is_plural);
                let verb = if plural { many } else { one };
                strip(text, verb)
                    .map(|rest| (rest, vec![]))
                    .into_iter()
                    .collect()
            }
            _ => candidates(slot, text),
        }
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
        Slot::Parameters => return wording::read_parameters(text).into_iter().collect(),
        Slot::Absent => return wording::read_absent(text).into_iter().collect(),
        // Read by `Reading`, which knows the kind and the term.
        Slot::Term | Slot::Value | Slot::Verb(..) => {}
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
        let read_back = read(pattern, None, &text).unwrap();
        assert_eq!(read_back.len(), 3);
        assert!(facts.iter().all(|f| read_back.contains(f)));
        assert_eq!(read(pattern, None, "There is a lesion."), Some(vec![]));
        assert_eq!(read(pattern, None, "There is a lesion"), None);
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
        let facts = [Label::VertebraL2, Label::VertebraL3, Label::VertebraL5]
            .map(|l| Fact::Structure(l.into()));
        let text = render("visible structures: {structures}.", &facts);
        assert_eq!(
            text,
            "Visible structures: vertebral bodies L2 to L3 and vertebral body L5."
        );
        assert_eq!(
            read("visible structures: {structures}.", None, &text),
            Some(facts.to_vec())
        );
    }
}
