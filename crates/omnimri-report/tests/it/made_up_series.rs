//! A made-up DICOM series, oblique and with unequal spacing, and a made-up result of any series.

use std::path::Path;

use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use omnimri_findings::*;
use omnimri_image::*;
use omnimri_report::ResultDoc;

use crate::made_up;

/// Columns, rows and slices.
pub const SIZE: [u16; 3] = [57, 43, 9];
/// Between columns, rows and slices, millimetres.
const SPACING: [f64; 3] = [3.25, 3.5, 7.5];
/// Turned about all three axes.
const ANGLES: [f64; 3] = [0.31, -0.17, 0.43];

/// Directions of columns, rows and slices, LPS.
fn directions() -> [[f64; 3]; 3] {
    let [a, b, c] = ANGLES;
    let (sa, ca, sb, cb, sc, cc) = (a.sin(), a.cos(), b.sin(), b.cos(), c.sin(), c.cos());
    [
        [cb * cc, cb * sc, -sb],
        [sa * sb * cc - ca * sc, sa * sb * sc + ca * cc, sa * cb],
        [ca * sb * cc + sa * sc, ca * sb * sc - sa * cc, ca * cb],
    ]
}

fn strs(values: impl IntoIterator<Item = String>) -> PrimitiveValue {
    PrimitiveValue::Strs(values.into_iter().collect())
}

/// Writes the series, a file a slice; file names are in another order than positions. `change` may alter each slice.
pub fn write_series(folder: &Path, change: impl Fn(usize, &mut InMemDicomObject)) {
    std::fs::create_dir_all(folder).unwrap();
    let [columns, rows, n] = SIZE;
    let [u, v, w] = directions();
    for z in 0..usize::from(n) {
        let mut o = InMemDicomObject::new_empty();
        let mut put = |tag: Tag, vr: VR, value: PrimitiveValue| {
            o.put(DataElement::new(tag, vr, value));
        };
        let uid = |k: usize| PrimitiveValue::from(format!("1.2.826.0.1.3680043.8.498.7.{k}"));
        put(tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 100".into());
        put(tags::SOP_CLASS_UID, VR::UI, uids::MR_IMAGE_STORAGE.into());
        put(tags::SOP_INSTANCE_UID, VR::UI, uid(100 + z));
        put(tags::STUDY_INSTANCE_UID, VR::UI, uid(1));
        put(tags::SERIES_INSTANCE_UID, VR::UI, uid(2));
        put(tags::FRAME_OF_REFERENCE_UID, VR::UI, uid(3));
        put(
            tags::POSITION_REFERENCE_INDICATOR,
            VR::LO,
            PrimitiveValue::Empty,
        );
        put(tags::PATIENT_NAME, VR::PN, "M\u{fc}ller^Anna".into());
        put(tags::PATIENT_ID, VR::LO, "made-up-1".into());
        put(tags::PATIENT_BIRTH_DATE, VR::DA, "19700102".into());
        put(tags::PATIENT_SEX, VR::CS, "F".into());
        put(tags::STUDY_DATE, VR::DA, "20240229".into());
        put(tags::STUDY_TIME, VR::TM, "101112".into());
        put(tags::STUDY_ID, VR::SH, "7".into());
        put(tags::ACCESSION_NUMBER, VR::SH, "A1".into());
        put(
            tags::REFERRING_PHYSICIAN_NAME,
            VR::PN,
            PrimitiveValue::Empty,
        );
        put(tags::MODALITY, VR::CS, "MR".into());
        put(tags::MANUFACTURER, VR::LO, "made up".into());
        put(tags::SERIES_NUMBER, VR::IS, "4".into());
        put(tags::SERIES_DESCRIPTION, VR::LO, "oblique".into());
        put(tags::INSTANCE_NUMBER, VR::IS, (z + 1).to_string().into());
        put(
            tags::IMAGE_TYPE,
            VR::CS,
            strs(["ORIGINAL", "PRIMARY", "M"].map(str::to_owned)),
        );
        // The first voxel of the first slice, so that the volume is about the origin.
        let middle = [columns, rows, n].map(|n| f64::from(n - 1) / 2.0);
        let position: [f64; 3] = std::array::from_fn(|c| {
            (z as f64 - middle[2]) * SPACING[2] * w[c]
                - middle[0] * SPACING[0] * u[c]
                - middle[1] * SPACING[1] * v[c]
        });
        put(
            tags::IMAGE_POSITION_PATIENT,
            VR::DS,
            strs(position.map(|p| format!("{p:.6}"))),
        );
        put(
            tags::IMAGE_ORIENTATION_PATIENT,
            VR::DS,
            strs(u.into_iter().chain(v).map(|d| format!("{d:.9}"))),
        );
        put(
            tags::PIXEL_SPACING,
            VR::DS,
            strs([SPACING[1], SPACING[0]].map(|s| s.to_string())),
        );
        put(tags::SLICE_THICKNESS, VR::DS, "5".into());
        put(tags::SPACING_BETWEEN_SLICES, VR::DS, "7.5".into());
        put(tags::SAMPLES_PER_PIXEL, VR::US, 1_u16.into());
        put(
            tags::PHOTOMETRIC_INTERPRETATION,
            VR::CS,
            "MONOCHROME2".into(),
        );
        put(tags::ROWS, VR::US, rows.into());
        put(tags::COLUMNS, VR::US, columns.into());
        put(tags::BITS_ALLOCATED, VR::US, 16_u16.into());
        put(tags::BITS_STORED, VR::US, 12_u16.into());
        put(tags::HIGH_BIT, VR::US, 11_u16.into());
        put(tags::PIXEL_REPRESENTATION, VR::US, 0_u16.into());
        let mut pixels = Vec::new();
        for y in 0..rows {
            for x in 0..columns {
                let at = [f64::from(x), f64::from(y), z as f64];
                let r: f64 = (0..3)
                    .map(|k| ((at[k] - middle[k]) / (middle[k] + 0.5)).powi(2))
                    .sum();
                pixels.push(if r < 0.9 { 400 + 3 * x + 5 * y } else { 7 });
            }
        }
        put(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(pixels.into()));
        change(z, &mut o);
        let meta = FileMetaTableBuilder::new().transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN);
        let file = folder.join(format!("{:02}.dcm", z * 4 % usize::from(n)));
        o.with_meta(meta).unwrap().write_to_file(file).unwrap();
    }
}

/// Two lesions in a volume: a glioma well on the patient's left, a meningioma behind on the right.
pub fn lesions(volume: &Volume) -> LabelMap {
    let geometry = volume.geometry.clone();
    let size = geometry.size;
    let centre = geometry.affine.apply([
        (size.x - 1) as f64 / 2.0,
        (size.y - 1) as f64 / 2.0,
        (size.z - 1) as f64 / 2.0,
    ]);
    let mut labels = Vec::with_capacity(size.count());
    for z in 0..size.z {
        for y in 0..size.y {
            for x in 0..size.x {
                let at = geometry.affine.apply([x as f64, y as f64, z as f64]);
                // Right, anterior and superior of the centre, millimetres.
                let [r, a, s] = std::array::from_fn(|k| at[k] - centre[k]);
                let ball = |to: [f64; 3], radius: f64| {
                    (r - to[0]).powi(2) + (a - to[1]).powi(2) + (s - to[2]).powi(2)
                        < radius * radius
                };
                labels.push(if ball([-38.0, 12.0, 4.0], 17.0) {
                    Label::Glioma.value()
                } else if ball([30.0, -25.0, -6.0], 11.0) {
                    Label::Meningioma.value()
                } else {
                    0
                });
            }
        }
    }
    LabelMap { labels, geometry }
}

/// A result with both lesions, and one that has a box alone.
pub fn result(volume: &Volume, labels: &LabelMap) -> ResultDoc {
    let mut doc = made_up::result(volume, labels);
    let m = measure(&labels.labels, Label::Glioma.value(), volume).unwrap();
    doc.findings
        .push(Finding::from_measurement(Label::Glioma, 0.43, &m));
    doc.findings.push(Finding {
        label: Label::MsLesion,
        value: None,
        probability: 0.21,
        bbox: m.bbox.clone(),
        area_px: None,
        volume_ml: None,
        diameter_mm: None,
        location: None,
    });
    doc
}
