//! Key images as Secondary Capture (PS3.3 A.8.1, C.8.6): RGB, words burned in, nothing that names the patient.

use dicom_core::value::PrimitiveValue;
use dicom_core::{DataElement, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;

use super::dataset::{Concept, put, put_code, put_empty, put_items, put_text};
use super::segmentation::slice_reference;
use super::shell::{Ids, Kind, Shell};
use crate::key_image::KeyImage;

/// Kind of the object.
pub(crate) const KIND: Kind = Kind {
    sop_class: uids::SECONDARY_CAPTURE_IMAGE_STORAGE,
    modality: "OT",
    number: 4,
};

/// A key image; its slices are those of the source.
pub(crate) fn capture(shell: &Shell<'_>, image: &KeyImage, ids: &Ids) -> InMemDicomObject {
    let mut object = shell.object(KIND, ids);
    let o = &mut object;
    put(o, tags::CONVERSION_TYPE, "WSD");
    let derived = ["DERIVED".into(), "SECONDARY".into()];
    put(
        o,
        tags::IMAGE_TYPE,
        PrimitiveValue::Strs(derived.into_iter().collect()),
    );
    let directions = image.directions.map_or(PrimitiveValue::Empty, |letters| {
        PrimitiveValue::Strs(letters.iter().map(char::to_string).collect())
    });
    put(o, tags::PATIENT_ORIENTATION, directions);
    put_empty(o, tags::LATERALITY);
    // By its definition (C.7.6.1): nothing in the picture identifies the patient; the words that are in it stand in the comment.
    put(o, tags::BURNED_IN_ANNOTATION, "NO");
    let what = format!(
        "{}. Burned in: outlines, directions, scale, legend, notice",
        image.caption
    );
    put_text(o, tags::IMAGE_COMMENTS, &what, 1024);
    put_text(o, tags::DERIVATION_DESCRIPTION, &what, 1024);
    let sources = image
        .slices
        .iter()
        .filter_map(|z| shell.source.slices.get(*z))
        .map(|slice| {
            let mut item = slice_reference(slice);
            put_code(
                &mut item,
                tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE,
                Concept(
                    "121322",
                    "DCM",
                    "Source image for image processing operation",
                ),
            );
            item
        })
        .collect();
    put_items(o, tags::SOURCE_IMAGE_SEQUENCE, sources);
    put(o, tags::SAMPLES_PER_PIXEL, 3_u16);
    put(o, tags::PHOTOMETRIC_INTERPRETATION, "RGB");
    put(o, tags::PLANAR_CONFIGURATION, 0_u16);
    put(o, tags::ROWS, image.canvas.height as u16);
    put(o, tags::COLUMNS, image.canvas.width as u16);
    put(o, tags::BITS_ALLOCATED, 8_u16);
    put(o, tags::BITS_STORED, 8_u16);
    put(o, tags::HIGH_BIT, 7_u16);
    put(o, tags::PIXEL_REPRESENTATION, 0_u16);
    shell.lossy(o);
    let mut bytes = image.canvas.rgb.clone();
    if bytes.len() % 2 == 1 {
        bytes.push(0);
    }
    o.put(DataElement::new(
        tags::PIXEL_DATA,
        VR::OB,
        PrimitiveValue::from(bytes),
    ));
    object
}
