//! What the index holds of an object.

use std::path::Path;

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use omnimri_image::{DicomHeader, OpenOptions};

use super::error::{NodeError, Result};
use super::select::{SeriesTraits, plane_of};
use super::syntaxes::is_uid;

/// Attributes by which studies, series and instances are asked for (PS3.18 10.6), and those that answers repeat.
pub(super) const INDEXED: [Tag; 29] = [
    tags::SPECIFIC_CHARACTER_SET,
    tags::SOP_CLASS_UID,
    tags::SOP_INSTANCE_UID,
    tags::STUDY_INSTANCE_UID,
    tags::SERIES_INSTANCE_UID,
    tags::STUDY_DATE,
    tags::STUDY_TIME,
    tags::ACCESSION_NUMBER,
    tags::REFERRING_PHYSICIAN_NAME,
    tags::STUDY_DESCRIPTION,
    tags::STUDY_ID,
    tags::PATIENT_NAME,
    tags::PATIENT_ID,
    tags::ISSUER_OF_PATIENT_ID,
    tags::PATIENT_BIRTH_DATE,
    tags::PATIENT_SEX,
    tags::MODALITY,
    tags::SERIES_NUMBER,
    tags::SERIES_DESCRIPTION,
    tags::SERIES_DATE,
    tags::SERIES_TIME,
    tags::PERFORMED_PROCEDURE_STEP_START_DATE,
    tags::PERFORMED_PROCEDURE_STEP_START_TIME,
    tags::BODY_PART_EXAMINED,
    tags::INSTANCE_NUMBER,
    tags::ROWS,
    tags::COLUMNS,
    tags::BITS_ALLOCATED,
    tags::NUMBER_OF_FRAMES,
];

/// An object: its identity, and what is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Instance {
    pub sop_uid: String,
    pub class_uid: String,
    pub study_uid: String,
    pub series_uid: String,
    pub transfer_syntax: String,
    /// Identifier and its issuer, or the name of a patient without one.
    pub patient: String,
    /// [`INDEXED`] in the JSON model of PS3.18 F.
    pub attributes: serde_json::Map<String, serde_json::Value>,
    pub traits: SeriesTraits,
}

/// A data set in the JSON model (PS3.18 F.2), binary values of more than 64 KiB left out.
pub(super) fn to_json(object: &InMemDicomObject) -> serde_json::Map<String, serde_json::Value> {
    const MOST: u32 = 64 << 10;
    use dicom_core::header::HasLength;
    let short = |e: &&dicom_object::mem::InMemElement| {
        e.items().is_some() || e.value().length().get().is_none_or(|n| n <= MOST)
    };
    let kept = InMemDicomObject::from_element_iter(object.iter().filter(short).cloned());
    match dicom_json::to_value(&kept) {
        Ok(serde_json::Value::Object(mut map)) => {
            // Texts are UTF-8 now, whatever they were.
            if map.contains_key("00080005") {
                let value = serde_json::json!({"vr": "CS", "Value": ["ISO_IR 192"]});
                map.insert("00080005".to_owned(), value);
            }
            map
        }
        _ => serde_json::Map::new(),
    }
}

/// Text of an element without padding; `None` if absent or empty.
pub(super) fn text(object: &InMemDicomObject, tag: Tag) -> Option<String> {
    let text = object.get(tag)?.to_str().ok()?;
    let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
    (!text.is_empty()).then(|| text.to_owned())
}

impl Instance {
    /// Of the file at `path`.
    ///
    /// # Errors
    /// A malformed data set, or one without the UIDs that say what it is.
    pub fn of(path: &Path, options: &OpenOptions) -> Result<Self> {
        Self::of_header(&DicomHeader::read(path, options)?)
    }

    /// Of a header.
    pub fn of_header(header: &DicomHeader) -> Result<Self> {
        let object = &header.object;
        let uid = |tag, name: &str| {
            text(object, tag)
                .filter(|u| is_uid(u))
                .ok_or_else(|| NodeError::protocol(format!("a data set without a valid {name}")))
        };
        let indexed = InMemDicomObject::from_element_iter(
            INDEXED.iter().filter_map(|t| object.get(*t)).cloned(),
        );
        let name = || {
            let name = text(object, tags::PATIENT_NAME).unwrap_or_default();
            format!("name {}", name.trim_end_matches('^').to_lowercase())
        };
        let patient = match text(object, tags::PATIENT_ID) {
            Some(id) => {
                let issuer = text(object, tags::ISSUER_OF_PATIENT_ID).unwrap_or_default();
                format!("{id} {issuer}").trim_end().to_owned()
            }
            None => name(),
        };
        let orientation = orientation(object);
        Ok(Self {
            sop_uid: uid(tags::SOP_INSTANCE_UID, "SOP Instance UID")?,
            class_uid: uid(tags::SOP_CLASS_UID, "SOP Class UID")?,
            study_uid: uid(tags::STUDY_INSTANCE_UID, "Study Instance UID")?,
            series_uid: uid(tags::SERIES_INSTANCE_UID, "Series Instance UID")?,
            transfer_syntax: header.transfer_syntax.clone(),
            patient,
            attributes: to_json(&indexed),
            traits: SeriesTraits {
                modality: header.acquisition.modality.clone().unwrap_or_default(),
                description: header.acquisition.description.clone().unwrap_or_default(),
                plane: orientation.and_then(plane_of),
                contrast: header.acquisition.contrast_agent.is_some(),
            },
        })
    }
}

/// Image Orientation (Patient), of the first frame where there are several.
fn orientation(object: &InMemDicomObject) -> Option<[f64; 6]> {
    let of = |o: &InMemDicomObject| -> Option<[f64; 6]> {
        let values = o.get(tags::IMAGE_ORIENTATION_PATIENT)?;
        values.to_multi_float64().ok()?.try_into().ok()
    };
    let in_group = |group| -> Option<[f64; 6]> {
        let item = object.get(group)?.items()?.first()?;
        of(item
            .get(tags::PLANE_ORIENTATION_SEQUENCE)?
            .items()?
            .first()?)
    };
    of(object)
        .or_else(|| in_group(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE))
        .or_else(|| in_group(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE))
}
