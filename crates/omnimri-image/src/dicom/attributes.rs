//! Lenient access to the values of a data set: what is absent, empty or malformed is `None`.

use dicom_core::{Tag, value::Value};
use dicom_object::InMemDicomObject;

/// A data set or an item of a sequence.
#[derive(Clone, Copy)]
pub(super) struct Attributes<'a>(pub &'a InMemDicomObject);

impl<'a> Attributes<'a> {
    /// Text of `tag` without padding, several values joined by a backslash; `None` if empty.
    pub fn text(self, tag: Tag) -> Option<String> {
        let text = self.0.get(tag)?.to_raw_str().ok()?;
        // A text of a header is shown to people: control characters would break a report's lines.
        let clean: String = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let clean = clean.trim();
        (!clean.is_empty()).then(|| clean.to_string())
    }

    /// Finite numbers of `tag`, whether stored as text or binary; `None` if any is not a number.
    pub fn numbers(self, tag: Tag) -> Option<Vec<f64>> {
        let element = self.0.get(tag)?;
        let Value::Primitive(value) = element.value() else {
            return None;
        };
        let numbers: Vec<f64> = match value {
            dicom_core::PrimitiveValue::Strs(_) | dicom_core::PrimitiveValue::Str(_) => {
                let text = value.to_raw_str();
                let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
                if text.is_empty() {
                    return None;
                }
                text.split('\\')
                    .map(|v| {
                        v.trim_matches(|c: char| c == '\0' || c.is_whitespace())
                            .parse()
                            .ok()
                    })
                    .collect::<Option<_>>()?
            }
            _ => value.to_multi_float64().ok()?,
        };
        (!numbers.is_empty() && numbers.iter().all(|v| v.is_finite())).then_some(numbers)
    }

    /// First number of `tag`.
    pub fn number(self, tag: Tag) -> Option<f64> {
        self.numbers(tag)?.first().copied()
    }

    /// Exactly `N` numbers of `tag`.
    pub fn vector<const N: usize>(self, tag: Tag) -> Option<[f64; N]> {
        self.numbers(tag)?.try_into().ok()
    }

    /// First number of `tag` if it is a whole number.
    pub fn integer(self, tag: Tag) -> Option<i64> {
        let v = self.number(tag)?;
        (v.fract() == 0.0 && v.abs() < 9e15).then_some(v as i64)
    }

    /// Items of the sequence `tag`; none if absent.
    pub fn items(self, tag: Tag) -> impl ExactSizeIterator<Item = Attributes<'a>> {
        self.0
            .get(tag)
            .and_then(|e| e.items())
            .unwrap_or_default()
            .iter()
            .map(Attributes)
    }

    /// First item of the sequence `tag`.
    pub fn item(self, tag: Tag) -> Option<Attributes<'a>> {
        self.items(tag).next()
    }
}
