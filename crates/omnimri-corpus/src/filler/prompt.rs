//! What a model is asked about one level, what it is shown, and what is taken of its answer.

use std::io::Cursor;

use image::{GrayImage, ImageFormat};

use crate::describe::{Level, Sentence};
use crate::error::{Error, Result};
use crate::example::Example;
use omnimri_findings::verify::Origin;

/// The prompt template that is used unless another is given. `{level}` is what is asked, `{known}` what is known already.
pub const PROMPT: &str = "You see one slice of a magnetic resonance image. {known}\n\
    In one or two short sentences of plain English, describe {level}. State only what the picture itself shows; give no number, \
    no name of a disease you cannot see, and no advice. If it cannot be told from the picture, answer with the one word UNKNOWN.";

/// The answer that says nothing can be told.
const UNKNOWN: &str = "unknown";
/// No more sentences are taken of an answer.
const MAX_SENTENCES: usize = 4;
/// No longer sentence is taken.
const MAX_SENTENCE_CHARS: usize = 400;

/// What a level asks for, as the prompt says it.
const fn wanted(level: Level) -> &'static str {
    match level {
        Level::Acquisition => "the image type and contrast weighting and the plane of the slice",
        Level::Anatomy => "which anatomical structures are visible",
        Level::Signal => "how bright the tissues and fluids are relative to one another",
        Level::Findings => "anything abnormal, and where in the picture it lies",
        Level::Impression => "what the findings most likely mean",
    }
}

/// Name of a level as the cache and the prompt know it.
pub(super) const fn level_name(level: Level) -> &'static str {
    match level {
        Level::Acquisition => "acquisition",
        Level::Anatomy => "anatomy",
        Level::Signal => "signal",
        Level::Findings => "findings",
        Level::Impression => "impression",
    }
}

/// Fills the template. What a model wrote on an earlier level is no knowledge and is left out.
pub(super) fn prompt(template: &str, level: Level, told: &[Sentence]) -> String {
    let known: Vec<&str> = told
        .iter()
        .filter(|s| s.origin != Origin::Generated)
        .map(|s| s.text.as_str())
        .collect();
    let known = if known.is_empty() {
        String::new()
    } else {
        format!("Known of it: {}", known.join(" "))
    };
    template
        .replace("{known}", &known)
        .replace("{level}", wanted(level))
}

/// The slice that shows most of what is outlined, else the middle one, as PNG.
pub(super) fn picture(example: &Example) -> Result<Vec<u8>> {
    let size = example.image.size;
    let area = (size.y * size.x).max(1);
    let outlined = |z: usize| {
        let labels = example.labels.as_deref().unwrap_or_default();
        let slice = labels.get(z * area..(z + 1) * area).unwrap_or_default();
        slice.iter().filter(|v| **v != 0).count()
    };
    let middle = size.z / 2;
    let z = (0..size.z)
        .max_by_key(|&z| (outlined(z), usize::MAX - z.abs_diff(middle)))
        .unwrap_or(0);
    let bad = |source| Error::EncodeImage {
        path: example.id.clone().into(),
        source,
    };
    let picture = GrayImage::from_raw(
        size.x as u32,
        size.y as u32,
        example.image.slice(z).to_vec(),
    );
    let mut bytes = Cursor::new(Vec::new());
    picture
        .unwrap_or_default()
        .write_to(&mut bytes, ImageFormat::Png)
        .map_err(bad)?;
    Ok(bytes.into_inner())
}

/// The whole sentences of an answer, markup removed; none where the model cannot tell.
pub(super) fn sentences_of(answer: &str) -> Vec<String> {
    let plain: String = answer
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .filter(|c| !matches!(c, '*' | '`' | '#' | '_'))
        .collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    let bare = |word: &str| {
        word.trim_matches(|c: char| !c.is_alphanumeric())
            .to_lowercase()
    };
    if words.first().is_none_or(|w| bare(w) == UNKNOWN) {
        return Vec::new();
    }
    let mut out = Vec::new();
    let mut sentence = String::new();
    for (k, word) in words.iter().enumerate() {
        if !sentence.is_empty() {
            sentence.push(' ');
        }
        sentence.push_str(word);
        let next_is_new = words
            .get(k + 1)
            .is_none_or(|w| w.starts_with(|c: char| !c.is_lowercase()));
        if word.ends_with(['.', '!', '?']) && next_is_new {
            if sentence.chars().count() <= MAX_SENTENCE_CHARS {
                out.push(std::mem::take(&mut sentence));
            }
            sentence.clear();
        }
    }
    // What is left has no end: it was cut off.
    out.truncate(MAX_SENTENCES);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_cut_to_whole_plain_sentences() {
        let of = |text: &str| sentences_of(text);
        assert_eq!(
            of("**Dark** fluid,\n approx. as in T1. Bright fat! The rest is cut o"),
            ["Dark fluid, approx. as in T1.", "Bright fat!"]
        );
        assert!(of("UNKNOWN").is_empty() && of(" Unknown. It is dark.").is_empty());
        assert!(of("").is_empty() && of("no end").is_empty());
        assert_eq!(of(&"A b. ".repeat(50)).len(), MAX_SENTENCES);
        assert!(of(&format!("{}.", "word ".repeat(200))).is_empty());
    }

    #[test]
    fn the_prompt_tells_what_is_known_and_nothing_a_model_said() {
        let told = |origin, text: &str| Sentence {
            level: Level::Acquisition,
            origin,
            facts: Vec::new(),
            text: text.into(),
            written_by: None,
        };
        let told = [
            told(Origin::Label, "An axial MR image."),
            told(Origin::Generated, "A cat."),
        ];
        let text = prompt(PROMPT, Level::Signal, &told);
        assert!(text.contains("An axial MR image.") && !text.contains("cat"));
        assert!(text.contains("how bright") && !text.contains('{'));
    }
}
