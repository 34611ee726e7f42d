//! DICOM files without the people in them, after the basic profile of PS3.15 Annex E.
//!
//! Every attribute of the data set and of the items of its sequences is removed, emptied, replaced or kept as Table E.1-1
//! says (edition 2026c); UIDs are mapped by a keyed hash, so that references between files still hold; private attributes,
//! attributes that the dictionary does not know, curves and overlays go. What stays is searched for names, identifiers and
//! dates of the original. Pixel data are copied as they are: burnt-in text and faces are looked for and flagged, and it is
//! never claimed that they were removed.

mod object;
mod profile;
mod pseudonym;
mod tree;

use serde::{Deserialize, Serialize};

pub use pseudonym::Key;
pub use tree::{DeidentifyReport, PixelFlag, deidentify_tree};

/// What becomes of dates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dates {
    /// Removed, emptied or replaced, as the basic profile says.
    #[default]
    Remove,
    /// Moved back by a number of days that is a patient's own; times of day stay. Days of birth go all the same.
    Shift,
}

/// Options of the profile that keep more than the basic profile does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeidentifyOptions {
    /// Dates: the option "retain longitudinal temporal information with modified dates".
    pub dates: Dates,
    /// Keep sex, age, size, weight and the like: "retain patient characteristics".
    pub patient_characteristics: bool,
    /// Keep words of series description, protocol and contrast agent that are in a list of technical words: "clean
    /// descriptors".
    pub descriptors: bool,
}

impl DeidentifyOptions {
    /// Codes and meanings of context group 7050 of PS3.16 that say what was done.
    pub fn codes(&self) -> Vec<(&'static str, &'static str)> {
        let mut out = vec![("113100", "Basic Application Confidentiality Profile")];
        if self.descriptors {
            out.push(("113105", "Clean Descriptors Option"));
        }
        if self.dates == Dates::Shift {
            out.push((
                "113107",
                "Retain Longitudinal Temporal Information Modified Dates Option",
            ));
        }
        if self.patient_characteristics {
            out.push(("113108", "Retain Patient Characteristics Option"));
        }
        out
    }
}
