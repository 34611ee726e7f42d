//! What a derived object (a segmentation, a report) needs of the series that it speaks of.
//!
//! DICOM PS3.3: Patient (C.7.1.1), Clinical Trial Subject (C.7.1.3), General Study (C.7.2.1), Patient Study (C.7.2.2) and Frame of
//! Reference (C.7.4.1) are copied; Image Plane (C.7.6.2) and Pixel Measures (C.7.6.16.2.1) say where the slices lie.

use std::path::{Path, PathBuf};

use dicom_core::{Tag, header::Header};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::attributes::Attributes;
use super::frames::FrameRecord;
use super::header::FileInfo;
use crate::{Error, Geometry, Result};

/// Attributes of the patient and the study that a derived object repeats.
const COPIED: [Tag; 35] = [
    tags::TIMEZONE_OFFSET_FROM_UTC,
    tags::PATIENT_NAME,
    tags::PATIENT_ID,
    tags::ISSUER_OF_PATIENT_ID,
    tags::ISSUER_OF_PATIENT_ID_QUALIFIERS_SEQUENCE,
    tags::PATIENT_BIRTH_DATE,
    tags::PATIENT_BIRTH_TIME,
    tags::PATIENT_SEX,
    tags::PATIENT_COMMENTS,
    tags::QUALITY_CONTROL_SUBJECT,
    tags::PATIENT_IDENTITY_REMOVED,
    tags::DEIDENTIFICATION_METHOD,
    tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE,
    tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED,
    tags::CLINICAL_TRIAL_SPONSOR_NAME,
    tags::CLINICAL_TRIAL_PROTOCOL_ID,
    tags::CLINICAL_TRIAL_PROTOCOL_NAME,
    tags::CLINICAL_TRIAL_SITE_ID,
    tags::CLINICAL_TRIAL_SITE_NAME,
    tags::CLINICAL_TRIAL_SUBJECT_ID,
    tags::CLINICAL_TRIAL_SUBJECT_READING_ID,
    tags::CLINICAL_TRIAL_TIME_POINT_ID,
    tags::CLINICAL_TRIAL_TIME_POINT_DESCRIPTION,
    tags::STUDY_INSTANCE_UID,
    tags::STUDY_DATE,
    tags::STUDY_TIME,
    tags::STUDY_ID,
    tags::STUDY_DESCRIPTION,
    tags::ACCESSION_NUMBER,
    tags::ISSUER_OF_ACCESSION_NUMBER_SEQUENCE,
    tags::REFERRING_PHYSICIAN_NAME,
    tags::PROCEDURE_CODE_SEQUENCE,
    tags::PATIENT_AGE,
    tags::PATIENT_SIZE,
    tags::PATIENT_WEIGHT,
];

/// Attributes of the series, its frame of reference and its device that some derived objects repeat.
const COPIED_OF_SERIES: [Tag; 9] = [
    tags::FRAME_OF_REFERENCE_UID,
    tags::POSITION_REFERENCE_INDICATOR,
    tags::LOSSY_IMAGE_COMPRESSION,
    tags::LOSSY_IMAGE_COMPRESSION_RATIO,
    tags::LOSSY_IMAGE_COMPRESSION_METHOD,
    tags::MANUFACTURER,
    tags::MANUFACTURER_MODEL_NAME,
    tags::INSTITUTION_NAME,
    tags::STATION_NAME,
];

fn is_copied(tag: Tag) -> bool {
    COPIED.contains(&tag) || COPIED_OF_SERIES.contains(&tag)
}

/// What is repeated of a file, and the two UIDs by which it is referred to.
#[derive(Debug)]
pub(super) struct Identity {
    /// [`COPIED`] and [`COPIED_OF_SERIES`], decoded and marked as UTF-8.
    attributes: InMemDicomObject,
    sop_class_uid: Option<String>,
}

impl Identity {
    /// Of a data set.
    pub fn of(header: Attributes<'_>) -> Self {
        let copied = header.0.iter().filter(|e| is_copied(e.tag()));
        let mut attributes = InMemDicomObject::from_element_iter(copied.cloned());
        // Texts were decoded when the file was read.
        attributes.convert_to_utf8();
        Self {
            attributes,
            sop_class_uid: header.text(tags::SOP_CLASS_UID),
        }
    }

    fn text(&self, tag: Tag) -> Option<String> {
        Attributes(&self.attributes).text(tag)
    }

    /// The patient as far as an identifier says it; without one, by name.
    fn patient(&self) -> Option<String> {
        let name = || {
            Some(
                self.text(tags::PATIENT_NAME)?
                    .trim_end_matches('^')
                    .to_lowercase(),
            )
        };
        self.text(tags::PATIENT_ID).or_else(name)
    }
}

/// One slice of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceSlice {
    /// SOP class of the object that holds it.
    pub sop_class_uid: String,
    /// SOP instance of the object that holds it.
    pub sop_instance_uid: String,
    /// Number of the frame, from 1, where the object has several.
    pub frame: Option<u32>,
    /// Centre of the first voxel, LPS+ millimetres, as written in the file.
    pub position_mm: [f64; 3],
}

/// A DICOM series as derived objects refer to it.
///
/// Slices are in the order of the volume's `z` axis (first frame of its fourth axis); rows and columns of a slice are `y` and `x`
/// of the volume, neither flipped nor turned.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceSeries {
    /// The file or folder that was read.
    pub path: PathBuf,
    /// Patient, study, frame of reference, lossy compression and equipment, as in the first slice; texts are UTF-8.
    pub attributes: InMemDicomObject,
    /// Study Instance UID.
    pub study_uid: String,
    /// Series Instance UID.
    pub series_uid: String,
    /// Series Number.
    pub series_number: Option<i64>,
    /// Modality, `MR` and the like.
    pub modality: Option<String>,
    /// Series Description.
    pub description: Option<String>,
    /// Frame of Reference UID.
    pub frame_of_reference_uid: Option<String>,
    /// Rows of a slice.
    pub rows: usize,
    /// Columns of a slice.
    pub columns: usize,
    /// Image Orientation (Patient): directions of increasing column and of increasing row index, LPS+, as written in the file.
    pub orientation: [f64; 6],
    /// Pixel Spacing: between rows and between columns, millimetres.
    pub pixel_spacing_mm: [f64; 2],
    /// Slice Thickness in millimetres.
    pub slice_thickness_mm: Option<f64>,
    /// Distance between the centres of slices in millimetres, where it is even.
    pub spacing_between_slices_mm: Option<f64>,
    /// The slices.
    pub slices: Vec<SourceSlice>,
}

impl SourceSeries {
    /// The attributes of patient and study alone, for an object of a series of its own.
    pub fn study_attributes(&self) -> InMemDicomObject {
        let mut attributes = self.attributes.clone();
        for tag in COPIED_OF_SERIES {
            attributes.remove_element(tag);
        }
        attributes
    }

    /// The slices of a volume as their files describe them.
    pub(super) fn of(
        path: &Path,
        files: &[FileInfo],
        slices: &[FrameRecord],
        geometry: &Geometry,
    ) -> Result<Self> {
        let lacks = |what: &'static str| Error::NoDicomSource {
            path: path.into(),
            expected: "a DICOM series that derived objects can refer to",
            found: format!("a series without {what}"),
        };
        let first = slices.first().ok_or_else(|| lacks("slices"))?;
        let info = &files[first.file];
        for record in slices {
            agree(path, &info.identity, &files[record.file].identity)?;
        }
        let text = |tag| info.identity.text(tag);
        let of_slice = |record: &FrameRecord| {
            let file = &files[record.file];
            Ok(SourceSlice {
                sop_class_uid: (file.identity.sop_class_uid.clone())
                    .ok_or_else(|| lacks("SOP class UID"))?,
                sop_instance_uid: file
                    .sop_uid
                    .clone()
                    .ok_or_else(|| lacks("SOP instance UID"))?,
                frame: (file.n_frames > 1).then_some(record.frame + 1),
                position_mm: record.position.ok_or_else(|| lacks("slice positions"))?,
            })
        };
        let thickness = first.thickness_mm;
        let between = (slices.len() > 1)
            .then(|| geometry.trusted_spacing_mm().map(|mm| mm.z))
            .flatten();
        Ok(Self {
            path: path.into(),
            attributes: info.identity.attributes.clone(),
            study_uid: text(tags::STUDY_INSTANCE_UID).ok_or_else(|| lacks("study UID"))?,
            series_uid: (info.acquisition.series_uid.clone()).ok_or_else(|| lacks("series UID"))?,
            series_number: info.acquisition.series_number,
            modality: info.acquisition.modality.clone(),
            description: info.acquisition.description.clone(),
            frame_of_reference_uid: text(tags::FRAME_OF_REFERENCE_UID),
            rows: info.format.rows,
            columns: info.format.columns,
            orientation: first.cosines.ok_or_else(|| lacks("slice orientation"))?,
            pixel_spacing_mm: first.pixel_spacing.ok_or_else(|| lacks("pixel spacing"))?,
            slice_thickness_mm: thickness,
            spacing_between_slices_mm: between,
            slices: slices.iter().map(of_slice).collect::<Result<_>>()?,
        })
    }

    /// Refuses series of different patients or studies, whose results must not be filed together.
    ///
    /// # Errors
    /// [`Error::MixedSeries`] with what differs.
    pub fn check_one_study<'a>(all: impl IntoIterator<Item = &'a Self>) -> Result<()> {
        let mut all = all.into_iter();
        let Some(first) = all.next() else {
            return Ok(());
        };
        let identity = |s: &Self| Identity {
            attributes: s.attributes.clone(),
            sop_class_uid: None,
        };
        let ours = identity(first);
        for other in all {
            let theirs = identity(other);
            same_patient_and_study(&other.path, &ours, &theirs)?;
        }
        Ok(())
    }
}

/// Refuses files of one series that do not belong together.
fn agree(path: &Path, a: &Identity, b: &Identity) -> Result<()> {
    same_patient_and_study(path, a, b)?;
    let frame = |i: &Identity| i.text(tags::FRAME_OF_REFERENCE_UID);
    if frame(a) == frame(b) {
        Ok(())
    } else {
        Err(mixed(path, "frame of reference"))
    }
}

fn same_patient_and_study(path: &Path, a: &Identity, b: &Identity) -> Result<()> {
    let study = |i: &Identity| i.text(tags::STUDY_INSTANCE_UID);
    if a.patient() != b.patient() {
        Err(mixed(path, "patient"))
    } else if study(a) != study(b) {
        Err(mixed(path, "study"))
    } else {
        Ok(())
    }
}

/// Names no patient: messages end up in logs.
fn mixed(path: &Path, what: &str) -> Error {
    Error::MixedSeries {
        path: path.into(),
        expected: format!("one {what}"),
        found: "several".into(),
        hint: "give the files of each by themselves".into(),
    }
}
