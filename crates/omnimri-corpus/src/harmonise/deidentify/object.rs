//! One data set: the profile's action on every attribute, and a look at what is left.

use std::collections::BTreeSet;

use dicom_core::dictionary::DataDictionary;
use dicom_core::value::{DataSetSequence, Value};
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{StandardDataDictionary, tags};
use dicom_object::InMemDicomObject;
use dicom_object::mem::InMemElement;

use super::profile::{Action, action};
use super::pseudonym::{Key, shift_date};
use super::{Dates, DeidentifyOptions};

/// Deepest nesting of sequences; deeper ones are removed.
const MAX_DEPTH: usize = 16;
/// Shortest text of the original that is looked for in what is left.
const LEAST_TEXT: usize = 4;

/// Words that may stay in a description: they name planes, contrasts, techniques and parts, never people or places.
const WORDS: &[&str] = &[
    "2d",
    "3d",
    "adc",
    "angio",
    "ax",
    "axial",
    "bold",
    "brain",
    "bravo",
    "breast",
    "c",
    "cardiac",
    "ce",
    "cervical",
    "cine",
    "contrast",
    "cor",
    "coronal",
    "cube",
    "dark",
    "diffusion",
    "dixon",
    "dti",
    "dwi",
    "dynamic",
    "epi",
    "ffe",
    "fgre",
    "field",
    "fiesta",
    "fl",
    "flair",
    "flash",
    "fluid",
    "fov",
    "fs",
    "fse",
    "gad",
    "gd",
    "gradient",
    "gre",
    "haste",
    "head",
    "heart",
    "in",
    "iso",
    "ir",
    "knee",
    "liver",
    "lumbar",
    "map",
    "mp2rage",
    "mpr",
    "mprage",
    "mra",
    "mr",
    "opp",
    "out",
    "pd",
    "pelvis",
    "perf",
    "perfusion",
    "phase",
    "post",
    "pre",
    "prostate",
    "propeller",
    "reg",
    "sag",
    "sagittal",
    "se",
    "short",
    "space",
    "spair",
    "spgr",
    "spin",
    "spine",
    "ssfp",
    "star",
    "stir",
    "swi",
    "t1",
    "t1w",
    "t2",
    "t2w",
    "t1ce",
    "t1post",
    "t1pre",
    "t2flair",
    "tfe",
    "tfl",
    "thoracic",
    "tirm",
    "tof",
    "tra",
    "trufi",
    "tse",
    "vibe",
    "water",
    "fat",
    "weighted",
    "with",
    "without",
];

/// What a data set's texts are replaced by.
pub(super) struct Subject<'a> {
    pub key: &'a Key,
    pub options: &'a DeidentifyOptions,
    /// Days by which dates are moved back.
    pub days: i64,
    /// The patient's other name.
    pub pseudonym: String,
}

/// A data set after the profile.
pub(super) struct Cleaned {
    pub object: InMemDicomObject,
    /// Texts that the profile keeps and that repeated something it removes: now empty.
    pub residues: BTreeSet<Tag>,
}

impl Subject<'_> {
    /// Applies the profile to a whole object and states so in it.
    pub fn clean(&self, object: InMemDicomObject) -> Cleaned {
        let mut secrets = BTreeSet::new();
        collect(&object, self.options, &mut secrets);
        let mut out = self.walk(object, 0);
        let text = |tag, vr, value: &str| InMemElement::new(tag, vr, PrimitiveValue::from(value));
        out.put(text(tags::PATIENT_NAME, VR::PN, &self.pseudonym));
        out.put(text(tags::PATIENT_ID, VR::LO, &self.pseudonym));
        out.put(text(tags::PATIENT_IDENTITY_REMOVED, VR::CS, "YES"));
        let codes = self.options.codes();
        let method = "DICOM PS3.15 2026c Annex E; codes in (0012,0064)";
        out.put(text(tags::DEIDENTIFICATION_METHOD, VR::LO, method));
        let items: Vec<InMemDicomObject> = codes
            .iter()
            .map(|(value, meaning)| {
                InMemDicomObject::from_element_iter([
                    text(tags::CODE_VALUE, VR::SH, value),
                    text(tags::CODING_SCHEME_DESIGNATOR, VR::SH, "DCM"),
                    text(tags::CODE_MEANING, VR::LO, meaning),
                ])
            })
            .collect();
        out.put(DataElement::new(
            tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE,
            VR::SQ,
            DataSetSequence::from(items),
        ));
        let dates = match self.options.dates {
            Dates::Remove => "REMOVED",
            Dates::Shift => "MODIFIED",
        };
        out.put(text(
            tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED,
            VR::CS,
            dates,
        ));
        let mut residues = BTreeSet::new();
        blank(&mut out, &secrets, &mut residues);
        Cleaned {
            object: out,
            residues,
        }
    }

    fn walk(&self, object: InMemDicomObject, depth: usize) -> InMemDicomObject {
        let kept = object
            .into_iter()
            .filter_map(|element| self.element(element, depth));
        InMemDicomObject::from_element_iter(kept.collect::<Vec<_>>())
    }

    fn element(&self, element: InMemElement, depth: usize) -> Option<InMemElement> {
        let (tag, vr) = (element.header().tag, element.vr());
        let known = StandardDataDictionary.by_tag(tag).is_some();
        let empty = || {
            if vr == VR::SQ {
                DataElement::new(tag, vr, DataSetSequence::<InMemDicomObject>::empty())
            } else {
                DataElement::new(tag, vr, PrimitiveValue::Empty)
            }
        };
        if depth > 0 && tag == tags::PIXEL_DATA {
            // A picture in an item (an icon) may show what the image does not.
            return None;
        }
        match action(tag, vr, known, self.options) {
            Action::Remove => None,
            Action::Keep => Some(element),
            Action::Empty => Some(empty()),
            Action::Dummy if vr == VR::SQ => {
                let one = vec![InMemDicomObject::new_empty()];
                Some(DataElement::new(tag, vr, DataSetSequence::from(one)))
            }
            Action::Dummy => Some(DataElement::new(tag, vr, dummy(vr))),
            Action::Walk if depth >= MAX_DEPTH => None,
            Action::Walk => {
                let items = element.into_value().into_items()?;
                let items: Vec<_> = items.into_iter().map(|i| self.walk(i, depth + 1)).collect();
                Some(DataElement::new(tag, vr, DataSetSequence::from(items)))
            }
            Action::Uid => {
                let uids = texts(&element)?;
                let mapped: Vec<_> = uids.iter().map(|uid| self.uid(uid)).collect();
                let value = PrimitiveValue::Strs(mapped.into());
                Some(DataElement::new(tag, vr, value))
            }
            Action::Shift => {
                let values = texts(&element)?;
                let shifted: Option<Vec<_>> = values.iter().map(|v| self.shift(v, vr)).collect();
                Some(match shifted {
                    Some(values) => DataElement::new(tag, vr, PrimitiveValue::Strs(values.into())),
                    None => empty(),
                })
            }
            Action::Words => {
                let text = texts(&element)?.join(" ");
                let words: Vec<_> = words(&text)
                    .filter(|w| WORDS.contains(&w.as_str()))
                    .collect();
                Some(DataElement::new(
                    tag,
                    vr,
                    PrimitiveValue::from(words.join(" ")),
                ))
            }
        }
    }

    /// The stand-in of a UID; those of the standard itself name no instance.
    fn uid(&self, uid: &str) -> String {
        if uid.is_empty() || uid.starts_with("1.2.840.10008.") {
            uid.to_owned()
        } else {
            self.key.uid(uid)
        }
    }

    /// A date or date and time moved; times of day stay.
    fn shift(&self, value: &str, vr: VR) -> Option<String> {
        if value.is_empty() || vr == VR::TM {
            return Some(value.to_owned());
        }
        let date = shift_date(value.get(..8)?, self.days)?;
        Some(format!("{date}{}", value.get(8..)?))
    }
}

/// A value that is valid and says nothing.
fn dummy(vr: VR) -> PrimitiveValue {
    match vr {
        VR::DA => "19000101".into(),
        VR::DT => "19000101000000".into(),
        VR::TM => "000000".into(),
        VR::AS => "000Y".into(),
        VR::DS | VR::IS => "0".into(),
        VR::CS | VR::SH | VR::LO | VR::PN | VR::LT | VR::ST | VR::UT | VR::UC | VR::AE => {
            "REMOVED".into()
        }
        VR::UI => "2.25.0".into(),
        VR::US => PrimitiveValue::from(0u16),
        VR::SS => PrimitiveValue::from(0i16),
        VR::UL => PrimitiveValue::from(0u32),
        VR::SL => PrimitiveValue::from(0i32),
        VR::FL => PrimitiveValue::from(0f32),
        VR::FD => PrimitiveValue::from(0f64),
        VR::OB | VR::OW | VR::UN => PrimitiveValue::U8([0u8, 0].as_slice().into()),
        _ => PrimitiveValue::Empty,
    }
}

/// Texts of an element without padding; `None` if it is no text.
fn texts(element: &InMemElement) -> Option<Vec<String>> {
    let Value::Primitive(value) = element.value() else {
        return None;
    };
    let text = value.to_raw_str();
    Some(
        text.split('\\')
            .map(|v| v.trim_matches(['\0', ' ']).to_owned())
            .collect(),
    )
}

/// Lower-case words and numbers of a text.
fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
        .map(str::to_lowercase)
}

/// Is this a VR whose value people write?
fn is_text(vr: VR) -> bool {
    matches!(
        vr,
        VR::SH | VR::LO | VR::LT | VR::ST | VR::UT | VR::UC | VR::UR | VR::PN | VR::AE | VR::CS
    )
}

/// Texts of an object that the profile takes away: names by word, identifiers and dates whole.
fn collect(object: &InMemDicomObject, options: &DeidentifyOptions, out: &mut BTreeSet<String>) {
    for element in object.iter() {
        let (tag, vr) = (element.header().tag, element.vr());
        if let Some(items) = element.items() {
            items.iter().for_each(|item| collect(item, options, out));
            continue;
        }
        // Descriptions are everyday words: only names, numbers, identifiers and dates are looked for.
        let identifies =
            vr == VR::PN || matches!(vr, VR::DA | VR::DT | VR::UI) || IDENTIFIERS.contains(&tag);
        if !identifies || action(tag, vr, true, options) == Action::Keep {
            continue;
        }
        for value in texts(element).into_iter().flatten() {
            if value.starts_with("1.2.840.10008.") {
                continue;
            }
            if vr == VR::PN {
                out.extend(words(&value).filter(|w| w.chars().count() >= LEAST_TEXT));
            } else if value.len() >= LEAST_TEXT {
                out.insert(value.to_lowercase());
            }
        }
    }
}

/// Attributes whose text tells one patient, visit, place or device from another.
const IDENTIFIERS: [Tag; 14] = [
    tags::PATIENT_ID,
    Tag(0x0010, 0x1000), // Other patient IDs, retired
    tags::ACCESSION_NUMBER,
    tags::STUDY_ID,
    tags::INSTITUTION_NAME,
    tags::INSTITUTION_ADDRESS,
    tags::STATION_NAME,
    tags::DEVICE_SERIAL_NUMBER,
    tags::PATIENT_ADDRESS,
    tags::PATIENT_TELEPHONE_NUMBERS,
    Tag(0x0010, 0x1090), // Medical record locator, retired
    tags::ADMISSION_ID,
    tags::REQUESTED_PROCEDURE_ID,
    tags::PERFORMED_PROCEDURE_STEP_ID,
];

/// Empties kept texts that repeat what was taken away.
fn blank(object: &mut InMemDicomObject, secrets: &BTreeSet<String>, found: &mut BTreeSet<Tag>) {
    let repeats = |element: &InMemElement| {
        is_text(element.vr())
            && texts(element).is_some_and(|values| {
                let text = values.join("\\").to_lowercase();
                secrets.iter().any(|s| text.contains(s.as_str()))
            })
    };
    let bad: Vec<(Tag, VR)> = object
        .iter()
        .filter(|e| repeats(e))
        .map(|e| (e.header().tag, e.vr()))
        .collect();
    for (tag, vr) in bad {
        found.insert(tag);
        object.put(DataElement::new(tag, vr, PrimitiveValue::Empty));
    }
    let sequences: Vec<Tag> = object
        .iter()
        .filter(|e| e.items().is_some())
        .map(|e| e.header().tag)
        .collect();
    for tag in sequences {
        object.update_value(tag, |value| {
            for item in value.items_mut().into_iter().flatten() {
                blank(item, secrets, found);
            }
        });
    }
}
