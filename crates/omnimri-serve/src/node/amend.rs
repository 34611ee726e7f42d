//! Results of a later version say so, and name what they replace.

use std::path::Path;

use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;
use omnimri_image::write_beside;

use super::error::{NodeError, Result};
use super::instance::text;
use super::store::Stored;

/// What a result follows.
#[derive(Debug)]
pub(super) struct Succession {
    pub version: i64,
    /// Objects of the version before.
    pub earlier: Vec<Stored>,
}

/// Writes the version into the series description, and into a measurement report its predecessors (PS3.3 C.17.2, Predecessor
/// Documents Sequence: reports whose content was taken into account or superseded).
pub(super) fn amend(path: &Path, succession: &Succession) -> Result<()> {
    let failed = |found: String| NodeError::Amend {
        path: path.to_owned(),
        found,
    };
    let mut object = dicom_object::open_file(path).map_err(|e| failed(e.to_string()))?;
    let description = text(&object, tags::SERIES_DESCRIPTION).unwrap_or_default();
    let version = format!(", version {}", succession.version);
    let room = 64 - version.len();
    let described: String = description
        .chars()
        .take(room)
        .chain(version.chars())
        .collect();
    object.put(DataElement::new(
        tags::SERIES_DESCRIPTION,
        VR::LO,
        described.as_str(),
    ));
    let class = text(&object, tags::SOP_CLASS_UID).unwrap_or_default();
    let documents = [uids::COMPREHENSIVE_SR_STORAGE, uids::BASIC_TEXT_SR_STORAGE];
    if documents.contains(&class.as_str()) {
        let number = text(&object, tags::SERIES_NUMBER);
        let same_class: Vec<&Stored> = succession
            .earlier
            .iter()
            .filter(|e| e.class_uid == class)
            .collect();
        // Series numbers of results follow from that of the series that was read.
        let of_number = |e: &&&Stored| series_number(e).is_some() && series_number(e) == number;
        let mut chosen: Vec<&Stored> = same_class.iter().filter(of_number).copied().collect();
        if chosen.is_empty() {
            chosen = same_class;
        }
        if let Some(first) = chosen.first() {
            let series = chosen.iter().map(|e| series_item(e)).collect::<Vec<_>>();
            let study = InMemDicomObject::from_element_iter([
                uid(tags::STUDY_INSTANCE_UID, &first.study_uid),
                sequence(tags::REFERENCED_SERIES_SEQUENCE, series),
            ]);
            object.put(sequence(tags::PREDECESSOR_DOCUMENTS_SEQUENCE, vec![study]));
        }
    }
    let mut bytes = Vec::new();
    object
        .write_all(&mut bytes)
        .map_err(|e| failed(e.to_string()))?;
    Ok(write_beside(path, |w| w.write_all(&bytes))?)
}

fn series_number(object: &Stored) -> Option<String> {
    let value = object.attributes.get("00200011")?.get("Value")?.get(0)?;
    Some(match value {
        serde_json::Value::String(text) => text.trim().to_owned(),
        other => other.to_string(),
    })
}

fn series_item(object: &Stored) -> InMemDicomObject {
    let reference = InMemDicomObject::from_element_iter([
        uid(tags::REFERENCED_SOP_CLASS_UID, &object.class_uid),
        uid(tags::REFERENCED_SOP_INSTANCE_UID, &object.sop_uid),
    ]);
    InMemDicomObject::from_element_iter([
        sequence(tags::REFERENCED_SOP_SEQUENCE, vec![reference]),
        uid(tags::SERIES_INSTANCE_UID, &object.series_uid),
    ])
}

fn uid(tag: Tag, value: &str) -> DataElement<InMemDicomObject> {
    DataElement::new(tag, VR::UI, value)
}

fn sequence(tag: Tag, items: Vec<InMemDicomObject>) -> DataElement<InMemDicomObject> {
    DataElement::new(tag, VR::SQ, DataSetSequence::from(items))
}
