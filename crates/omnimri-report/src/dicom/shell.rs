//! What all objects have in common: patient, study, series, equipment and identity.
//!
//! PS3.3 C.7.1.1 Patient, C.7.2.1 General Study, C.7.3.1 General Series, C.7.5.1 General and C.7.5.2 Enhanced General Equipment,
//! C.12.1 SOP Common.

use chrono::{DateTime, FixedOffset};
use dicom_core::header::HasLength;
use dicom_core::value::PrimitiveValue;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use omnimri_image::SourceSeries;

use super::dataset::{Concept, put, put_code, put_empty, put_items, put_text, reference};
use crate::result::ModelInfo;

/// Series Description of everything that is written.
pub(crate) const DESCRIPTION: &str = "omnimri AI, preliminary, not for clinical use";
/// Maker and equipment.
pub(crate) const MAKER: &str = "omnimri";

/// Kind of a derived object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) sop_class: &'static str,
    pub(crate) modality: &'static str,
    /// Tells the new series of one input apart; last digit of their series numbers.
    pub(crate) number: i64,
}

/// Identifiers of a new object.
#[derive(Debug, Clone)]
pub(crate) struct Ids {
    pub(crate) series_uid: String,
    pub(crate) instance_uid: String,
    pub(crate) instance_number: i64,
}

/// What new objects of one input share.
pub(crate) struct Shell<'a> {
    pub(crate) source: &'a SourceSeries,
    pub(crate) model: &'a ModelInfo,
    /// In the offset that the source's dates are in.
    pub(crate) at: DateTime<FixedOffset>,
}

impl<'a> Shell<'a> {
    pub(crate) fn new(
        source: &'a SourceSeries,
        model: &'a ModelInfo,
        at: DateTime<FixedOffset>,
    ) -> Self {
        // Timezone Offset From UTC (C.12.1.1.8) holds for all times of an object, the study's and the new ones.
        let offset = source
            .attributes
            .get(tags::TIMEZONE_OFFSET_FROM_UTC)
            .and_then(|e| e.to_str().ok())
            .and_then(|text| text.trim().parse::<FixedOffset>().ok());
        Self {
            source,
            model,
            at: offset.map_or(at, |o| at.with_timezone(&o)),
        }
    }

    pub(crate) fn date(&self) -> String {
        self.at.format("%Y%m%d").to_string()
    }

    pub(crate) fn time(&self) -> String {
        self.at.format("%H%M%S").to_string()
    }

    /// Date, time and offset in one value.
    fn moment(&self) -> String {
        self.at.format("%Y%m%d%H%M%S%z").to_string()
    }

    /// Name of the model and of this program with their versions.
    pub(crate) fn versions(&self) -> [String; 2] {
        [
            format!("{MAKER} {}", env!("CARGO_PKG_VERSION")),
            format!("{} {}", self.model.name, self.model.version),
        ]
    }

    /// The model as equipment.
    pub(crate) fn model_name(&self) -> String {
        format!("{MAKER} {}", self.model.name)
    }

    /// First digits of the weights' hash: two models of one name and version have different ones.
    pub(crate) fn serial(&self) -> String {
        crate::words::short(&self.model.sha256)
    }

    /// A data set with everything but its content.
    pub(crate) fn object(&self, kind: Kind, ids: &Ids) -> InMemDicomObject {
        let mut object = self.source.study_attributes();
        object.convert_to_utf8();
        let o = &mut object;
        for tag in [
            tags::PATIENT_NAME,
            tags::PATIENT_ID,
            tags::PATIENT_BIRTH_DATE,
            tags::PATIENT_SEX,
            tags::STUDY_DATE,
            tags::STUDY_TIME,
            tags::STUDY_ID,
            tags::ACCESSION_NUMBER,
            tags::REFERRING_PHYSICIAN_NAME,
        ] {
            put_empty(o, tag);
        }
        put(o, tags::SOP_CLASS_UID, kind.sop_class);
        put(o, tags::SOP_INSTANCE_UID, ids.instance_uid.as_str());
        put(o, tags::INSTANCE_CREATION_DATE, self.date());
        put(o, tags::INSTANCE_CREATION_TIME, self.time());
        put(o, tags::CONTENT_DATE, self.date());
        put(o, tags::CONTENT_TIME, self.time());
        put(o, tags::STUDY_INSTANCE_UID, self.source.study_uid.as_str());
        put(o, tags::MODALITY, kind.modality);
        put(o, tags::SERIES_INSTANCE_UID, ids.series_uid.as_str());
        put(o, tags::SERIES_NUMBER, self.series_number(kind).to_string());
        put(o, tags::SERIES_DESCRIPTION, DESCRIPTION);
        put(o, tags::SERIES_DATE, self.date());
        put(o, tags::SERIES_TIME, self.time());
        put(o, tags::INSTANCE_NUMBER, ids.instance_number.to_string());
        self.equipment(o);
        put_items(
            o,
            tags::CONTRIBUTING_EQUIPMENT_SEQUENCE,
            self.contributors(),
        );
        object
    }

    /// `<source>00<kind>`, where a number of that size is a series number still.
    fn series_number(&self, kind: Kind) -> i64 {
        match self.source.series_number {
            Some(n @ 1..=99_999) => 1000 * n + kind.number,
            _ => kind.number,
        }
    }

    fn equipment(&self, o: &mut InMemDicomObject) {
        put(o, tags::MANUFACTURER, MAKER);
        put_text(o, tags::MANUFACTURER_MODEL_NAME, &self.model_name(), 64);
        put_text(o, tags::DEVICE_SERIAL_NUMBER, &self.serial(), 64);
        let versions = self.versions().map(|v| super::dataset::cut(&v, 64));
        let versions = PrimitiveValue::Strs(versions.into_iter().collect());
        put(o, tags::SOFTWARE_VERSIONS, versions);
    }

    /// The scanner where it is known, and this program as what derived the object from its images.
    fn contributors(&self) -> Vec<InMemDicomObject> {
        let mut items = Vec::new();
        let source = &self.source.attributes;
        if let Some(maker) = source.get(tags::MANUFACTURER).filter(|e| !e.is_empty()) {
            let mut item = InMemDicomObject::new_empty();
            let purpose = Concept("109101", "DCM", "Acquisition Equipment");
            put_code(&mut item, tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE, purpose);
            item.put(maker.clone());
            for tag in [
                tags::MANUFACTURER_MODEL_NAME,
                tags::INSTITUTION_NAME,
                tags::STATION_NAME,
            ] {
                item.extend(source.get(tag).cloned());
            }
            items.push(item);
        }
        let mut item = InMemDicomObject::new_empty();
        let purpose = Concept("109102", "DCM", "Processing Equipment");
        put_code(&mut item, tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE, purpose);
        self.equipment(&mut item);
        put(&mut item, tags::CONTRIBUTION_DATE_TIME, self.moment());
        let what = "Derived by an algorithm without review; preliminary, not for clinical use";
        put(&mut item, tags::CONTRIBUTION_DESCRIPTION, what);
        items.push(item);
        items
    }

    /// The items that name the slices of the source once each, in order.
    pub(crate) fn instances(&self) -> Vec<InMemDicomObject> {
        let mut seen = std::collections::HashSet::new();
        self.source
            .slices
            .iter()
            .filter(|s| seen.insert(s.sop_instance_uid.as_str()))
            .map(|s| reference(&s.sop_class_uid, &s.sop_instance_uid))
            .collect()
    }

    /// Lossy compression of the source, which what is made of it inherits (C.7.6.1.1.5).
    pub(crate) fn lossy(&self, o: &mut InMemDicomObject) {
        put(o, tags::LOSSY_IMAGE_COMPRESSION, "00");
        for tag in [
            tags::LOSSY_IMAGE_COMPRESSION,
            tags::LOSSY_IMAGE_COMPRESSION_RATIO,
            tags::LOSSY_IMAGE_COMPRESSION_METHOD,
        ] {
            let element = self.source.attributes.get(tag);
            o.extend(element.filter(|e| !e.is_empty()).cloned());
        }
    }
}
