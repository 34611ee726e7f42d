//! Instructions and their answers, for training and for `ask`.

mod answers;
mod phrasings;

use omnimri_image::Plane;

use crate::vocabulary::{Label, Sequence, TumourClass};

pub use answers::{UNKNOWN, agrees, answer, questions, without_tokens};

/// Marks a mask in an answer.
pub const SEG_TOKEN: &str = "<seg>";
/// Marks a box in an answer.
pub const BOX_TOKEN: &str = "<box>";
/// Marks a reconstructed image in an answer.
pub const IMG_TOKEN: &str = "<img>";

/// An instruction this model understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Question {
    /// Which plane?
    Plane,
    /// Is it this plane?
    IsPlane(Plane),
    /// Which sequence?
    Sequence,
    /// Is it this sequence?
    IsSequence(Sequence),
    /// Which part of the body?
    Region,
    /// Is there a tumour?
    TumourPresent,
    /// Which tumour?
    TumourClass,
    /// Is there this tumour?
    IsTumour(TumourClass),
    /// On which side?
    Location,
    /// How large?
    Extent,
    /// Which signal has the lesion?
    Signal,
    /// Which structures are seen?
    Structures,
    /// Are there lesions of multiple sclerosis?
    MsLesions,
    /// Which cardiac disease?
    Cardiac,
    /// Write a report.
    Describe,
    /// Outline this.
    Segment(Label),
    /// Put a box around this.
    Detect(Label),
    /// Reconstruct the image from k-space.
    Reconstruct,
}

impl Question {
    /// Every question with its possible arguments, for reading a question back.
    pub fn all() -> Vec<Self> {
        let mut out = vec![
            Self::Plane,
            Self::Sequence,
            Self::Region,
            Self::TumourPresent,
            Self::TumourClass,
            Self::Location,
            Self::Extent,
            Self::Signal,
            Self::Structures,
            Self::MsLesions,
            Self::Cardiac,
            Self::Describe,
            Self::Reconstruct,
        ];
        out.extend(Plane::ALL.map(Self::IsPlane));
        out.extend(
            // Those beyond the heads need phrasings of their own: to the reader of words T2* is T2.
            Sequence::HEAD
                .into_iter()
                .filter(|s| *s != Sequence::Other)
                .map(Self::IsSequence),
        );
        out.extend(
            TumourClass::ALL
                .into_iter()
                .filter(|t| t.label().is_some())
                .map(Self::IsTumour),
        );
        out.extend(Label::ALL.map(Self::Segment));
        out.extend(Label::ALL.map(Self::Detect));
        out
    }

    /// Reads a question: by its phrasings first, else by its telling words. `None` if it is none of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let wanted = words(text);
        if wanted.is_empty() {
            return None;
        }
        let exact = Self::all().into_iter().find(|q| {
            q.phrasings()
                .iter()
                .any(|phrasing| words(phrasing) == wanted)
        });
        exact.or_else(|| by_keywords(&wanted))
    }
}

/// Lower-case words; spelling variants of tumour become one.
fn words(text: &str) -> Vec<String> {
    text.to_lowercase()
        // The star of T2* is part of its name.
        .split(|c: char| !c.is_alphanumeric() && c != '*')
        .filter(|w| !w.is_empty())
        .map(|w| w.replace("tumor", "tumour"))
        .collect()
}

fn by_keywords(words: &[String]) -> Option<Question> {
    let has = |options: &[&str]| words.iter().any(|w| options.contains(&w.as_str()));
    let phrase = |text: &str| format!(" {} ", words.join(" ")).contains(&format!(" {text} "));
    let closed = words.first().is_some_and(|w| {
        ["is", "are", "was", "were", "does", "do", "has", "can"].contains(&w.as_str())
    });
    let label = Label::ALL
        .into_iter()
        .find(|l| phrase(&self::words(l.name()).join(" ")));
    if has(&["reconstruct", "undersampled", "undersampling"]) {
        return Some(Question::Reconstruct);
    }
    if has(&["segment", "outline", "mask", "delineate"]) {
        return label.map(Question::Segment);
    }
    if has(&["box", "detect", "localise", "localize"]) {
        return label.map(Question::Detect);
    }
    let plane = Plane::ALL.into_iter().find(|p| has(&[p.name()]));
    if let (true, Some(plane), false) = (closed, plane, has(&["or"])) {
        return Some(Question::IsPlane(plane));
    }
    if plane.is_some() || has(&["plane", "planes"]) {
        return Some(Question::Plane);
    }
    let sequence = if phrase("contrast enhanced") || has(&["contrast", "gadolinium"]) {
        Some(Sequence::T1Post)
    } else if has(&["t1"]) {
        Some(Sequence::T1)
    } else if has(&["t2"]) {
        Some(Sequence::T2)
    } else if has(&["flair"]) {
        Some(Sequence::Flair)
    } else {
        None
    };
    if let (true, Some(sequence), false) = (closed, sequence, has(&["or"])) {
        return Some(Question::IsSequence(sequence));
    }
    if has(&["sequence", "weighting", "modality", "weighted"]) {
        return Some(Question::Sequence);
    }
    if has(&["where", "side", "located", "location"]) {
        return Some(Question::Location);
    }
    if has(&["sclerosis"]) {
        return Some(Question::MsLesions);
    }
    if let (true, Some(class)) = (closed, label.and_then(TumourClass::from_label)) {
        return Some(Question::IsTumour(class));
    }
    if has(&[
        "tumour", "tumours", "mass", "masses", "neoplasm", "lesion", "lesions",
    ]) {
        return Some(if closed {
            Question::TumourPresent
        } else if has(&["large", "big", "size"]) {
            Question::Extent
        } else if has(&["signal", "intensity", "bright", "intense"]) {
            Question::Signal
        } else {
            Question::TumourClass
        });
    }
    if has(&["diagnosis", "pathology", "disease"]) {
        return Some(Question::TumourClass);
    }
    if has(&["organ", "region", "body"]) {
        return Some(Question::Region);
    }
    if has(&["structures", "anatomy"]) {
        return Some(Question::Structures);
    }
    has(&["report", "describe", "summarise", "summarize"]).then_some(Question::Describe)
}
