//! What the basic profile does with each attribute.

use std::collections::HashMap;
use std::sync::OnceLock;

use dicom_core::{Tag, VR};

use super::{Dates, DeidentifyOptions};

/// Table E.1-1 of PS3.15: `GGGGEEEE action keyword` a line.
const TABLE: &str = include_str!("basic_profile.txt");

/// What happens to an attribute, named as PS3.15 Table E.1-1a names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// D: a value that says nothing.
    Dummy,
    /// Z: an empty value.
    Empty,
    /// X: the attribute goes.
    Remove,
    /// U: another UID, the same for the same.
    Uid,
    /// The sequence stays, and its items are treated like any data set.
    Walk,
    /// K: stays.
    Keep,
    /// C of the option on modified dates: moved by a subject's number of days.
    Shift,
    /// C of the option on descriptors: only words of a list stay.
    Words,
}

/// Attributes of the option to retain patient characteristics that need no cleaning.
const CHARACTERISTICS: [Tag; 8] = [
    Tag(0x0010, 0x0040), // Sex
    Tag(0x0010, 0x1010), // Age
    Tag(0x0010, 0x1020), // Size
    Tag(0x0010, 0x1030), // Weight
    Tag(0x0010, 0x2160), // Ethnic group
    Tag(0x0010, 0x21A0), // Smoking status
    Tag(0x0010, 0x21C0), // Pregnancy status
    Tag(0x0010, 0x2203), // Sex neutered
];

/// Texts that say which sequence it is.
const DESCRIPTORS: [Tag; 3] = [
    Tag(0x0008, 0x103E), // Series description
    Tag(0x0018, 0x1030), // Protocol name
    Tag(0x0018, 0x0010), // Contrast agent
];

/// UIDs that name a kind of thing and no thing.
const CLASS_UIDS: [Tag; 7] = [
    Tag(0x0008, 0x0016), // SOP class
    Tag(0x0008, 0x001A), // Related general SOP class
    Tag(0x0008, 0x001B), // Original specialized SOP class
    Tag(0x0008, 0x1150), // Referenced SOP class
    Tag(0x0008, 0x010C), // Coding scheme
    Tag(0x0008, 0x0117), // Context
    Tag(0x0008, 0x0118), // Mapping resource
];

/// The action of the basic profile, as its table writes it.
fn listed(tag: Tag) -> Option<&'static str> {
    static ACTIONS: OnceLock<HashMap<u32, &'static str>> = OnceLock::new();
    let actions = ACTIONS.get_or_init(|| {
        TABLE
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                let tag = u32::from_str_radix(words.next()?, 16).ok()?;
                Some((tag, words.next()?))
            })
            .collect()
    });
    let key = u32::from(tag.group()) << 16 | u32::from(tag.element());
    actions.get(&key).copied()
}

/// Curves (50xx) and overlays (60xx), as groups.
fn is_graphics(tag: Tag) -> bool {
    matches!(tag.group() & 0xFF00, 0x5000 | 0x6000)
}

/// What happens to an attribute. `known` says that the standard's dictionary has it.
///
/// Where the table leaves a choice by the type of the attribute (`X/Z/D` and the like), the action that keeps an object
/// valid for every type is taken: a dummy before an empty value before removal.
pub(super) fn action(tag: Tag, vr: VR, known: bool, options: &DeidentifyOptions) -> Action {
    // Private attributes and whatever nobody has described; group lengths are stale after any change.
    if tag.group() % 2 == 1 || tag.element() == 0 || is_graphics(tag) || !known {
        return Action::Remove;
    }
    let dated = matches!(vr, VR::DA | VR::DT | VR::TM) && tag.group() != 0x0010;
    if dated && options.dates == Dates::Shift {
        return Action::Shift;
    }
    if options.patient_characteristics && CHARACTERISTICS.contains(&tag) {
        return Action::Keep;
    }
    if options.descriptors && DESCRIPTORS.contains(&tag) {
        return Action::Words;
    }
    match listed(tag) {
        Some("X") => Action::Remove,
        Some("Z" | "X/Z") => Action::Empty,
        Some("U") => Action::Uid,
        Some("X/Z/U*") => Action::Walk,
        Some(_) => Action::Dummy,
        // Not in the table: kept, but for kinds of value that name people, days or instances.
        None if vr == VR::PN || matches!(vr, VR::DA | VR::DT | VR::TM) => Action::Empty,
        None if vr == VR::UI && !CLASS_UIDS.contains(&tag) => Action::Uid,
        None if vr == VR::SQ => Action::Walk,
        // Bytes of unknown form of an attribute whose form is known.
        None if vr == VR::UN => Action::Remove,
        None => Action::Keep,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dicom_dictionary_std::tags;

    #[test]
    fn the_table_is_whole_and_its_choices_are_resolved() {
        let lines = TABLE.lines().filter(|l| !l.starts_with('#'));
        for line in lines.clone() {
            let mut words = line.split_whitespace();
            assert!(
                u32::from_str_radix(words.next().unwrap(), 16).is_ok(),
                "{line}"
            );
            let parts: Vec<_> = words.next().unwrap().split('/').collect();
            assert!(
                parts.iter().all(|p| ["D", "Z", "X", "U", "U*"].contains(p)),
                "{line}"
            );
        }
        assert_eq!(lines.count(), 652);
        let of = |tag, vr| action(tag, vr, true, &DeidentifyOptions::default());
        assert_eq!(of(tags::PATIENT_NAME, VR::PN), Action::Empty);
        assert_eq!(of(tags::PATIENT_ID, VR::LO), Action::Dummy);
        assert_eq!(of(tags::STUDY_DATE, VR::DA), Action::Empty);
        assert_eq!(of(tags::ACCESSION_NUMBER, VR::SH), Action::Empty);
        assert_eq!(of(tags::INSTITUTION_NAME, VR::LO), Action::Dummy);
        assert_eq!(of(Tag(0x0010, 0x1000), VR::LO), Action::Remove);
        assert_eq!(of(tags::SOP_INSTANCE_UID, VR::UI), Action::Uid);
        assert_eq!(of(tags::SOP_CLASS_UID, VR::UI), Action::Keep);
        assert_eq!(of(tags::ECHO_TIME, VR::DS), Action::Keep);
        assert_eq!(of(tags::REFERENCED_IMAGE_SEQUENCE, VR::SQ), Action::Walk);
        assert_eq!(of(Tag(0x0009, 0x0010), VR::LO), Action::Remove);
        assert_eq!(of(Tag(0x6002, 0x3000), VR::OW), Action::Remove);
        assert_eq!(of(Tag(0x5004, 0x0010), VR::US), Action::Remove);
    }

    #[test]
    fn options_keep_what_they_name_and_no_more() {
        let options = DeidentifyOptions {
            dates: Dates::Shift,
            patient_characteristics: true,
            descriptors: true,
        };
        let of = |tag, vr| action(tag, vr, true, &options);
        assert_eq!(of(tags::STUDY_DATE, VR::DA), Action::Shift);
        assert_eq!(of(tags::PATIENT_BIRTH_DATE, VR::DA), Action::Empty);
        assert_eq!(of(tags::PATIENT_SEX, VR::CS), Action::Keep);
        assert_eq!(of(tags::SERIES_DESCRIPTION, VR::LO), Action::Words);
        assert_eq!(of(tags::STUDY_DESCRIPTION, VR::LO), Action::Remove);
    }
}
