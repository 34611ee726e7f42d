//! A volume as the DICOM files of a series, one slice a file.

use std::path::Path;

use dicom_core::value::PrimitiveValue;
use dicom_core::{DataElement, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use omnimri_image::Volume;

/// What the header of a series says.
pub struct Series<'a> {
    /// Modality code.
    pub modality: &'a str,
    /// Series number; part of the UIDs.
    pub number: u32,
    /// Series description.
    pub description: &'a str,
}

/// Writes the slices of `volume` (whole grey levels) into `folder`, in an order that file names do not tell.
pub fn write_series(folder: &Path, volume: &Volume, series: &Series<'_>) {
    std::fs::create_dir_all(folder).unwrap();
    for z in 0..volume.geometry.size.z {
        let name = format!("im{:03}.dcm", (z * 7 + 3) % 101);
        write_slice(&folder.join(name), volume, z, series);
    }
}

fn write_slice(path: &Path, volume: &Volume, z: usize, series: &Series<'_>) {
    let geometry = &volume.geometry;
    let spacing = geometry.affine.spacing_mm();
    // RAS to LPS: the first two axes change sign.
    let lps = |v: [f64; 3]| [-v[0], -v[1], v[2]];
    let unit = |axis: usize, length: f64| lps(geometry.affine.column(axis)).map(|v| v / length);
    let [row, column] = [unit(0, spacing.x), unit(1, spacing.y)];
    let position = lps(geometry.affine.apply([0.0, 0.0, z as f64]));
    let list = |v: &[f64]| {
        v.iter()
            .map(|v| format!("{v:.6}"))
            .collect::<Vec<_>>()
            .join("\\")
    };
    let uid = |part: &str| format!("2.25.7001.{}.{part}", series.number);

    let mut object = InMemDicomObject::new_empty();
    let mut text = |tag: Tag, vr: VR, value: String| {
        object.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
    };
    text(tags::SOP_CLASS_UID, VR::UI, uids::MR_IMAGE_STORAGE.into());
    text(tags::SOP_INSTANCE_UID, VR::UI, uid(&format!("2.{}", z + 1)));
    text(tags::STUDY_INSTANCE_UID, VR::UI, "2.25.7001.9".into());
    text(tags::SERIES_INSTANCE_UID, VR::UI, uid("1"));
    text(tags::FRAME_OF_REFERENCE_UID, VR::UI, "2.25.7001.8".into());
    text(tags::MODALITY, VR::CS, series.modality.into());
    text(tags::SERIES_NUMBER, VR::IS, series.number.to_string());
    text(tags::INSTANCE_NUMBER, VR::IS, (z + 1).to_string());
    text(tags::SERIES_DESCRIPTION, VR::LO, series.description.into());
    text(tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY".into());
    text(tags::PATIENT_NAME, VR::PN, "Phantom".into());
    text(tags::PATIENT_ID, VR::LO, "phantom".into());
    text(tags::IMAGE_POSITION_PATIENT, VR::DS, list(&position));
    text(
        tags::IMAGE_ORIENTATION_PATIENT,
        VR::DS,
        list(&[row, column].concat()),
    );
    text(tags::PIXEL_SPACING, VR::DS, list(&[spacing.y, spacing.x]));
    text(tags::SLICE_THICKNESS, VR::DS, list(&[spacing.z]));
    text(tags::SPACING_BETWEEN_SLICES, VR::DS, list(&[spacing.z]));
    text(
        tags::PHOTOMETRIC_INTERPRETATION,
        VR::CS,
        "MONOCHROME2".into(),
    );
    let mut number = |tag: Tag, value: usize| {
        object.put(DataElement::new(
            tag,
            VR::US,
            PrimitiveValue::from(value as u16),
        ));
    };
    number(tags::SAMPLES_PER_PIXEL, 1);
    number(tags::ROWS, geometry.size.y);
    number(tags::COLUMNS, geometry.size.x);
    number(tags::BITS_ALLOCATED, 16);
    number(tags::BITS_STORED, 16);
    number(tags::HIGH_BIT, 15);
    number(tags::PIXEL_REPRESENTATION, 0);
    let pixels: Vec<u16> = volume.slice(0, z).iter().map(|v| *v as u16).collect();
    object.put(DataElement::new(
        tags::PIXEL_DATA,
        VR::OW,
        PrimitiveValue::U16(pixels.into()),
    ));
    let meta = FileMetaTableBuilder::new().transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN);
    object.with_meta(meta).unwrap().write_to_file(path).unwrap();
}
