//! A result as DICOM objects that refer to the series that was read.
//!
//! | file | object | source |
//! | --- | --- | --- |
//! | `segmentation.dcm` | Segmentation, BINARY or LABELMAP | PS3.3 A.51, Supplement 243 |
//! | `report.dcm` | Comprehensive SR, TID 1500 Measurement Report | PS3.3 A.35.3, PS3.16 |
//! | `report-text.dcm` | Basic Text SR, TID 2000 | PS3.3 A.35.1, PS3.16 |
//! | `report-pdf.dcm` | Encapsulated PDF | PS3.3 A.45.1 |
//! | `key-image-1.dcm` ... | Secondary Capture | PS3.3 A.8.1 |
//!
//! Each kind is a series of its own in the source's study; all are marked as preliminary and made by an algorithm.

mod capture;
mod content;
pub(crate) mod dataset;
mod document;
mod making;
pub(crate) mod measurements;
pub(crate) mod segmentation;
mod segments;
pub(crate) mod shell;
mod text_report;

use std::path::{Path, PathBuf};

use dicom_dictionary_std::uids;
use dicom_object::{FileDicomObject, FileMetaTableBuilder, InMemDicomObject};
use omnimri_image::{SourceSeries, write_beside};

pub(crate) use making::hyphenated;
pub use making::{Making, Uids};
pub use segmentation::SegmentationType;

use crate::error::{Error, Result};
use crate::figures::Pictures;
use crate::key_image::key_images;
use crate::pdf::render_pdf;
use crate::result::ResultDoc;
use segmentation::segmentation;
use shell::{Ids, Shell};

/// A data set with its file meta information.
pub type DicomFile = FileDicomObject<InMemDicomObject>;

/// Name of this program in file meta information (0002,0013): at most 16 characters.
const IMPLEMENTATION: &str = concat!("OMNIMRI_", env!("CARGO_PKG_VERSION"));
/// Implementation Class UID (0002,0012): a UUID made once for this program.
const IMPLEMENTATION_UID: &str = "2.25.262041936170917290843327196498731560187";

/// The objects of a result with the names of their files; a segmentation only where a voxel has a label.
///
/// `pictures.volume` and `pictures.labels` lie on the slices of `source`.
///
/// # Errors
/// [`Error::GridMismatch`] if labels and source do not fit; [`Error::InvalidNumber`] as for `result.json`.
pub fn dicom_objects(
    result: &ResultDoc,
    pictures: &Pictures<'_>,
    source: &SourceSeries,
    kind: SegmentationType,
    making: &mut Making,
) -> Result<Vec<(String, DicomFile)>> {
    result.validate()?;
    let shell = Shell::new(source, &result.model, making.at);
    let uids = &mut making.uids;
    let mut out = Vec::new();
    let mut add = |name: &str, object: InMemDicomObject| {
        out.push((name.to_owned(), with_meta(object)?));
        Ok::<(), Error>(())
    };
    let by_value = kind == SegmentationType::LabelMap;
    let segments = match pictures.labels {
        Some(map) => {
            segmentation::check_grid(source, map)?;
            segments::segments(&map.labels, by_value, uids)?
        }
        None => Vec::new(),
    };
    let mut segmented = None;
    if let Some(map) = pictures.labels.filter(|_| !segments.is_empty()) {
        let ids = new_ids(uids)?;
        let object = segmentation(&shell, map, &segments, kind, &ids, uids)?;
        add("segmentation.dcm", object)?;
        segmented = Some(ids);
    }
    let reference = segmented.as_ref().map(|ids| measurements::Segmented {
        segments: &segments,
        sop_class: segmentation::kind(kind).sop_class,
        ids,
    });
    let ids = new_ids(uids)?;
    let object = measurements::measurement_report(&shell, result, reference, &ids, uids)?;
    add("report.dcm", object)?;
    let ids = new_ids(uids)?;
    add(
        "report-text.dcm",
        text_report::text_report(&shell, result, &ids, uids)?,
    )?;
    let ids = new_ids(uids)?;
    let pdf = render_pdf(result, pictures)?;
    add("report-pdf.dcm", document::encapsulated(&shell, pdf, &ids))?;
    let mut ids = new_ids(uids)?;
    for (k, image) in key_images(pictures)?.iter().enumerate() {
        if k > 0 {
            ids.instance_uid = uids.uid()?;
            ids.instance_number += 1;
        }
        let name = format!("key-image-{}.dcm", k + 1);
        add(&name, capture::capture(&shell, image, &ids))?;
    }
    Ok(out)
}

/// Writes [`dicom_objects`] into `dir`, each file whole or not at all.
///
/// # Errors
/// As [`dicom_objects`], and if a file cannot be written.
pub fn write_dicom(
    dir: &Path,
    result: &ResultDoc,
    pictures: &Pictures<'_>,
    source: &SourceSeries,
    kind: SegmentationType,
    making: &mut Making,
) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for (name, object) in dicom_objects(result, pictures, source, kind, making)? {
        let path = dir.join(name);
        let bytes = encoded(&object)?;
        write_beside(&path, |w| w.write_all(&bytes))?;
        paths.push(path);
    }
    Ok(paths)
}

/// A file's bytes: Part 10, Explicit VR Little Endian.
fn encoded(object: &DicomFile) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    object
        .write_all(&mut bytes)
        .map_err(|e| Error::EncodeDicom {
            source: Box::new(e),
        })?;
    Ok(bytes)
}

fn with_meta(object: InMemDicomObject) -> Result<DicomFile> {
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN)
        .implementation_class_uid(IMPLEMENTATION_UID)
        .implementation_version_name(IMPLEMENTATION);
    object.with_meta(meta).map_err(|e| Error::DicomMeta {
        source: Box::new(e),
    })
}

fn new_ids(uids: &mut Uids) -> Result<Ids> {
    Ok(Ids {
        series_uid: uids.uid()?,
        instance_uid: uids.uid()?,
        instance_number: 1,
    })
}
