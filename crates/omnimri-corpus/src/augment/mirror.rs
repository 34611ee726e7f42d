//! The mirror image: left and right exchanged in pixels, labels, boxes, facts and words, or refused.
//!
//! A slice may be mirrored where its region looks alike on both sides and its columns run from side to side. A heart may not:
//! its chambers are named left and right and are no mirror images of each other. Nor may a sagittal slice, whose columns run
//! from front to back.

use omnimri_findings::{Fact, Region, Side, Term};
use omnimri_image::{Plane, Zyx};

use crate::example::{Classes, Example, LabelBox};

/// Why an example was not mirrored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MirrorError {
    /// A region without mirror symmetry, or none known.
    #[error("expected a region whose sides look alike, found {found}")]
    Region {
        /// The region, or "none".
        found: &'static str,
    },
    /// Columns that do not run from side to side, or may not.
    #[error("expected an axial or coronal plane, found {found}")]
    Plane {
        /// The plane, or "none".
        found: &'static str,
    },
    /// A label that names a side and has no counterpart in the vocabulary.
    #[error("label {label} names a side and the vocabulary has no mirrored one")]
    Label {
        /// The label.
        label: &'static str,
    },
    /// A text whose sides cannot be rewritten surely.
    #[error("text speaks of sides in a way that cannot be rewritten surely: {text}")]
    Text {
        /// The text.
        text: String,
    },
}

/// Regions that look alike on both sides.
const ALIKE: [Region; 3] = [Region::Brain, Region::Hippocampus, Region::LumbarSpine];

/// True where classes allow a mirror image: the region looks alike on both sides and the plane is axial or coronal. Small
/// crops of a hippocampus have no plane in most datasets and are mirrored all the same.
///
/// # Errors
/// [`MirrorError`] with what stands against it.
pub fn may_mirror(classes: &Classes) -> Result<(), MirrorError> {
    match classes.region {
        Some(region) if ALIKE.contains(&region) => {}
        found => {
            return Err(MirrorError::Region {
                found: found.map_or("none", Region::name),
            });
        }
    }
    match classes.plane {
        Some(Plane::Axial | Plane::Coronal) => Ok(()),
        None if classes.region == Some(Region::Hippocampus) => Ok(()),
        Some(Plane::Sagittal) => Err(MirrorError::Plane { found: "sagittal" }),
        None => Err(MirrorError::Plane { found: "none" }),
    }
}

/// The term of the mirror image: the same where no side is named, the other side's where it is; `None` where the vocabulary has
/// none, or where left and right name different organs (the chambers of the heart).
pub fn mirrored_term(term: Term) -> Option<Term> {
    let name = term.name();
    if !name.split_whitespace().any(|w| side_word(w).is_some()) {
        return Some(term);
    }
    if term.region() == Region::Heart {
        return None;
    }
    Term::from_name(&exchange(name))
}

/// The fact of the mirror image.
pub fn mirrored_fact(fact: Fact) -> Fact {
    match fact {
        Fact::Location(side) => Fact::Location(match side {
            Side::ImageLeft => Side::ImageRight,
            Side::ImageRight => Side::ImageLeft,
            Side::PatientLeft => Side::PatientRight,
            Side::PatientRight => Side::PatientLeft,
            other => other,
        }),
        other => other,
    }
}

/// The other side's word, letter case kept; `None` for any other word.
fn side_word(word: &str) -> Option<&'static str> {
    Some(match word {
        "left" => "right",
        "right" => "left",
        "Left" => "Right",
        "Right" => "Left",
        "LEFT" => "RIGHT",
        "RIGHT" => "LEFT",
        "left-sided" => "right-sided",
        "right-sided" => "left-sided",
        "Left-sided" => "Right-sided",
        "Right-sided" => "Left-sided",
        _ => return None,
    })
}

/// Words of sides exchanged, everything else as it was.
fn exchange(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (word, between) in words(text) {
        out.push_str(side_word(word).unwrap_or(word));
        out.push_str(between);
    }
    out
}

/// Words with what follows each; a first empty word where the text begins with something else.
fn words(text: &str) -> Vec<(&str, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '-' || c == '\'';
    let mut out = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        let next = tail.find(is_word).unwrap_or(tail.len());
        let (between, tail) = tail.split_at(next);
        out.push((word, between));
        rest = tail;
    }
    out
}

/// A text with its sides exchanged; `None` where that is not sure: sides abbreviated to letters, organs that have but one side,
/// turns of speech ("right away", "left over", "all right"), words with a side in them ("levoscoliosis", "leftward").
pub fn mirrored_words(text: &str) -> Option<String> {
    /// Words after which, or before which, a side is none, or is an organ's own.
    const UNSURE: [&str; 13] = [
        "over",
        "away",
        "out",
        "all",
        "now",
        "handed",
        "ventricle",
        "ventricular",
        "atrium",
        "atrial",
        "that's",
        "answer",
        "or",
    ];
    let words: Vec<&str> = words(text).into_iter().map(|(w, _)| w).collect();
    for (i, word) in words.iter().enumerate() {
        let lower = word.to_lowercase();
        let hidden = [
            "levo", "dextro", "leftw", "rightw", "left-h", "right-h", "situs",
        ];
        if matches!(*word, "L" | "R" | "Lt" | "Rt" | "LT" | "RT")
            || hidden.iter().any(|h| lower.contains(h))
        {
            return None;
        }
        if side_word(word).is_none() {
            // Every other spelling of a side is unknown.
            if lower.starts_with("left") || lower.starts_with("right") {
                return None;
            }
            continue;
        }
        let beside = [i.checked_sub(1), Some(i + 1)];
        let unsure = beside
            .into_iter()
            .flatten()
            .filter_map(|k| words.get(k))
            .any(|w| UNSURE.contains(&w.to_lowercase().as_str()));
        let choice = words
            .get(i + 1..i + 3)
            .is_some_and(|w| w[0].eq_ignore_ascii_case("or") && side_word(w[1]).is_some());
        if unsure && !choice && !chosen(&words, i) {
            return None;
        }
    }
    Some(exchange(text))
}

/// Is word `i` the second of "left or right"?
fn chosen(words: &[&str], i: usize) -> bool {
    i >= 2 && words[i - 1].eq_ignore_ascii_case("or") && side_word(words[i - 2]).is_some()
}

/// The mirror image of an example: columns, labels, boxes, texts and questions. Facts follow from labels and classes.
///
/// # Errors
/// [`MirrorError`] where the region or plane has no mirror image, a label that is there or was looked for has no counterpart, or
/// a text cannot be rewritten surely.
pub fn mirror_example(source: &Example) -> Result<Example, MirrorError> {
    may_mirror(&source.classes)?;
    let follow = |term: Term| mirrored_term(term).ok_or(MirrorError::Label { label: term.name() });
    let words = |text: &str| {
        mirrored_words(text).ok_or_else(|| MirrorError::Text {
            text: text.to_owned(),
        })
    };
    let mut out = source.clone();
    let width = source.image.size.x.max(1);
    out.image
        .voxels
        .chunks_exact_mut(width)
        .for_each(<[u8]>::reverse);
    if let Some(labels) = &mut out.labels {
        let mut table: [u8; 256] = std::array::from_fn(|v| v as u8);
        for value in 1..=u8::MAX {
            if let Some(term) = Term::from_value(value).filter(|_| labels.contains(&value)) {
                table[usize::from(value)] = follow(term)?.value();
            }
        }
        labels.chunks_exact_mut(width).for_each(<[u8]>::reverse);
        labels.iter_mut().for_each(|v| *v = table[usize::from(*v)]);
    }
    for term in &mut out.annotated {
        *term = follow(*term)?;
    }
    for b in &mut out.boxes {
        *b = LabelBox {
            label: follow(b.label)?,
            lower: Zyx::new(b.lower.z, b.lower.y, 1.0 - b.upper.x),
            upper: Zyx::new(b.upper.z, b.upper.y, 1.0 - b.lower.x),
        };
    }
    for text in &mut out.texts {
        text.text = words(&text.text)?;
    }
    for question in &mut out.questions {
        question.question = words(&question.question)?;
        question.answer = words(&question.answer)?;
    }
    Ok(out)
}
