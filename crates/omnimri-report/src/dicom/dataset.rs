//! Elements, items and codes of a data set.

use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{StandardDataDictionary, tags};
use dicom_object::InMemDicomObject;
use omnimri_findings::vocabulary;

/// Puts a value under `tag` with the value representation of the standard dictionary.
pub(crate) fn put(object: &mut InMemDicomObject, tag: Tag, value: impl Into<PrimitiveValue>) {
    let vr = StandardDataDictionary
        .by_tag(tag)
        .map_or(VR::UN, |entry| entry.vr().relaxed());
    object.put(DataElement::new(tag, vr, value.into()));
}

/// Puts an element of type 2, present without a value, where nothing stands yet.
pub(crate) fn put_empty(object: &mut InMemDicomObject, tag: Tag) {
    if object.get(tag).is_none() {
        put(object, tag, PrimitiveValue::Empty);
    }
}

/// Puts a text under `tag`, cleaned and cut to what its value representation holds.
pub(crate) fn put_text(object: &mut InMemDicomObject, tag: Tag, text: &str, longest: usize) {
    put(object, tag, cut(text, longest));
}

/// A text in one line of at most `longest` characters, without the backslash that would part it into values.
pub(crate) fn cut(text: &str, longest: usize) -> String {
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() || c == '\\' { ' ' } else { c })
        .collect();
    clean.trim().chars().take(longest).collect()
}

/// Puts a sequence.
pub(crate) fn put_items(object: &mut InMemDicomObject, tag: Tag, items: Vec<InMemDicomObject>) {
    object.put(DataElement::new(tag, VR::SQ, DataSetSequence::from(items)));
}

/// Decimal strings (PS3.5 6.2: at most 16 characters) as close to `values` as they can be.
pub(crate) fn decimals(values: &[f64]) -> PrimitiveValue {
    PrimitiveValue::Strs(values.iter().map(|v| decimal(*v)).collect())
}

/// A decimal string of at most 16 characters; what is not finite becomes 0.
pub(crate) fn decimal(value: f64) -> String {
    const LONGEST: usize = 16;
    // Below any length or direction cosine that a file can mean.
    if !value.is_finite() || value.abs() < 1e-14 {
        return "0".to_owned();
    }
    let plain = format!("{value}");
    if plain.len() <= LONGEST {
        return plain;
    }
    for precision in (1..=15).rev() {
        let fixed = format!("{value:.precision$}");
        if fixed.len() <= LONGEST {
            return fixed.trim_end_matches('0').trim_end_matches('.').to_owned();
        }
    }
    for precision in (0..=10).rev() {
        let exponent = format!("{value:.precision$e}");
        if exponent.len() <= LONGEST {
            return exponent;
        }
    }
    "0".to_owned()
}

/// A coded concept: value, coding scheme designator and meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Concept(
    pub(crate) &'static str,
    pub(crate) &'static str,
    pub(crate) &'static str,
);

impl From<vocabulary::Code> for Concept {
    fn from(code: vocabulary::Code) -> Self {
        Self(code.value, code.scheme, code.meaning)
    }
}

impl Concept {
    /// The item of a code sequence (PS3.3 8.8).
    pub(crate) fn item(self) -> InMemDicomObject {
        let mut item = InMemDicomObject::new_empty();
        put(&mut item, tags::CODE_VALUE, self.0);
        put(&mut item, tags::CODING_SCHEME_DESIGNATOR, self.1);
        put(&mut item, tags::CODE_MEANING, self.2);
        item
    }
}

/// Puts a code sequence of one item.
pub(crate) fn put_code(object: &mut InMemDicomObject, tag: Tag, concept: Concept) {
    put_items(object, tag, vec![concept.item()]);
}

/// A reference to an instance (PS3.3 10.8).
pub(crate) fn reference(sop_class: &str, sop_instance: &str) -> InMemDicomObject {
    let mut item = InMemDicomObject::new_empty();
    put(&mut item, tags::REFERENCED_SOP_CLASS_UID, sop_class);
    put(&mut item, tags::REFERENCED_SOP_INSTANCE_UID, sop_instance);
    item
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_fit_and_stay_close() {
        for value in [
            0.1 + 0.2,
            -0.123_456_789_012_345_67,
            1_234.567_890_123_456_7,
            -1e-9 / 3.0,
            123_456_789_012_345_678.0,
            2.0 / 3.0,
        ] {
            let text = decimal(value);
            assert!(text.len() <= 16, "{text}");
            let back: f64 = text.parse().unwrap();
            assert!(
                (back - value).abs() <= 1e-9 * value.abs().max(1e-3),
                "{value} {text}"
            );
        }
        assert_eq!(decimal(0.9375), "0.9375");
        assert_eq!(decimal(f64::NAN), "0");
    }

    #[test]
    fn texts_have_one_line_and_one_value() {
        assert_eq!(cut(" a\\b\nc ", 64), "a b c");
        assert_eq!(cut("\u{e4}\u{f6}\u{fc}", 2), "\u{e4}\u{f6}");
    }
}
