//! Terms: everything that a public dataset outlines, as one byte of a label map.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::imaging::Region;
use crate::terms::{Entry, TERMS};
use crate::vocabulary::{Code, Label};

/// Values of the labels that a model may know.
const LABELS: u8 = Label::ALL.len() as u8;

/// A value of a label map: anatomy or a finding. 1 to 12 are the [`Label`]s with the same names; 0 is background and no term.
///
/// Serialised by name.
///
/// ```
/// use omnimri_findings::{Label, Term};
///
/// let tumour = Term::from_name("enhancing tumour").unwrap();
/// assert!(tumour.is_finding() && tumour.label().is_none());
/// assert_eq!(Term::from(Label::Glioma).label(), Some(Label::Glioma));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term(u8);

impl Term {
    /// All terms by rising value.
    pub fn all() -> impl Iterator<Item = Self> {
        (1..=LABELS + TERMS.len() as u8).map(Self)
    }

    /// Value in a label map, 1 to 250.
    pub const fn value(self) -> u8 {
        self.0
    }

    /// The term with this value; `None` for background and values that are not given out.
    pub fn from_value(value: u8) -> Option<Self> {
        (1..=LABELS + TERMS.len() as u8)
            .contains(&value)
            .then_some(Self(value))
    }

    /// The term with this name, letter case ignored.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all().find(|term| term.name().eq_ignore_ascii_case(name.trim()))
    }

    /// The label of this value, for the twelve that a model may know.
    pub fn label(self) -> Option<Label> {
        Label::from_value(self.0)
    }

    /// Its entry of the table; the labels have none.
    fn entry(self) -> Option<&'static Entry> {
        TERMS.get(usize::from(self.0.checked_sub(LABELS + 1)?))
    }

    /// The label or the entry: every term is one of the two.
    fn look<T>(self, of_label: fn(Label) -> T, of_entry: fn(&'static Entry) -> T) -> Option<T> {
        match self.label() {
            Some(label) => Some(of_label(label)),
            None => self.entry().map(of_entry),
        }
    }

    /// Lower-case name (proper names and vertebrae aside).
    pub fn name(self) -> &'static str {
        self.look(Label::name, |e| e.name).unwrap_or_default()
    }

    /// True for pathology, false for anatomy.
    pub fn is_finding(self) -> bool {
        self.look(Label::is_finding, |e| e.finding)
            .unwrap_or_default()
    }

    /// The region in which it is outlined most often.
    pub fn region(self) -> Region {
        self.look(Label::region, |e| e.region)
            .unwrap_or(Region::WholeBody)
    }

    /// Code of SNOMED CT or, for one concept, of DICOM; `None` where none was checked. See [`Code::exact`].
    pub fn code(self) -> Option<Code> {
        self.look(Label::code, |e| e.code).flatten()
    }

    /// RadLex id of the same structure, both sides together; `None` where none was checked.
    pub fn radlex(self) -> Option<&'static str> {
        self.entry().and_then(|e| e.radlex)
    }
}

impl From<Label> for Term {
    fn from(label: Label) -> Self {
        Self(label.value())
    }
}

impl PartialEq<Label> for Term {
    fn eq(&self, label: &Label) -> bool {
        self.0 == label.value()
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Term {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Term {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| {
            de::Error::invalid_value(de::Unexpected::Str(&name), &"a term of the vocabulary")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn every_value_has_one_name_and_labels_keep_theirs() {
        let mut names = HashMap::new();
        for term in Term::all() {
            assert!(!term.name().is_empty() && term.value() <= 250);
            assert_eq!(names.insert(term.name(), term), None, "{term}");
            assert_eq!(Term::from_value(term.value()), Some(term));
            assert_eq!(Term::from_name(&term.name().to_uppercase()), Some(term));
        }
        for label in Label::ALL {
            let term = Term::from(label);
            assert_eq!((term.name(), term.value()), (label.name(), label.value()));
            assert_eq!(term.label(), Some(label));
            assert!(term.region() == label.region() && term.code() == label.code());
        }
        assert_eq!(names.values().filter(|t| t.label().is_some()).count(), 12);
        assert_eq!(Term::from_value(0), None);
        assert_eq!(Term::from_value(255), None);
    }

    #[test]
    fn values_of_the_table_do_not_move() {
        for (value, name) in [
            (13, "necrotic tumour core"),
            (14, "peritumoural oedema"),
            (33, "brain"),
        ] {
            assert_eq!(Term::from_value(value).map(Term::name), Some(name));
        }
    }

    #[test]
    fn names_survive_json() {
        let term = Term::from_name("disc L4/L5").unwrap();
        let text = serde_json::to_string(&term).unwrap();
        assert_eq!(serde_json::from_str::<Term>(&text).unwrap(), term);
        assert!(serde_json::from_str::<Term>("\"nothing\"").is_err());
    }

    #[test]
    fn a_side_has_no_exact_code_and_a_code_means_one_thing() {
        let mut meanings = HashMap::new();
        for term in Term::all() {
            let Some(code) = term.code() else { continue };
            let sided = term.name().starts_with("left ") || term.name().starts_with("right ");
            let chamber = term.name().starts_with("left atri");
            assert!(!sided || chamber || !code.exact, "{term}");
            if code.exact
                && let Some(other) = meanings.insert(code.value, term)
            {
                panic!("{term} and {other} have the same exact code");
            }
        }
        assert!(meanings.len() > 80);
    }
}
