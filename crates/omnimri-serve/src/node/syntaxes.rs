//! What is negotiated: SOP classes and transfer syntaxes.

use dicom_dictionary_std::uids;

/// Magnetic resonance images that are read (PS3.4 B.5).
pub(super) const READ_CLASSES: [&str; 3] = [
    uids::MR_IMAGE_STORAGE,
    uids::ENHANCED_MR_IMAGE_STORAGE,
    uids::LEGACY_CONVERTED_ENHANCED_MR_IMAGE_STORAGE,
];

/// What belongs to a study and is stored and served, but not read.
pub(super) const KEPT_CLASSES: [&str; 11] = [
    uids::MR_SPECTROSCOPY_STORAGE,
    uids::ENHANCED_MR_COLOR_IMAGE_STORAGE,
    uids::SECONDARY_CAPTURE_IMAGE_STORAGE,
    uids::SEGMENTATION_STORAGE,
    uids::LABEL_MAP_SEGMENTATION_STORAGE,
    uids::BASIC_TEXT_SR_STORAGE,
    uids::ENHANCED_SR_STORAGE,
    uids::COMPREHENSIVE_SR_STORAGE,
    uids::COMPREHENSIVE3_DSR_STORAGE,
    uids::ENCAPSULATED_PDF_STORAGE,
    uids::KEY_OBJECT_SELECTION_DOCUMENT_STORAGE,
];

/// Transfer syntaxes whose pixel data are decoded here.
pub(super) const SYNTAXES: [&str; 10] = [
    uids::EXPLICIT_VR_LITTLE_ENDIAN,
    uids::IMPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    uids::RLE_LOSSLESS,
    uids::JPEG_BASELINE8_BIT,
    uids::JPEG_LOSSLESS,
    uids::JPEG_LOSSLESS_SV1,
    uids::JPEG2000_LOSSLESS,
    uids::JPEG2000,
];

/// Retired, and still sent.
const EXPLICIT_VR_BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";

/// Is an object of this class an image that is read?
pub(super) fn is_read_class(uid: &str) -> bool {
    READ_CLASSES.contains(&uid)
}

/// Is an object of this class stored?
pub(super) fn is_stored_class(uid: &str) -> bool {
    is_read_class(uid) || KEPT_CLASSES.contains(&uid)
}

/// A UID as PS3.5 9.1 writes it, which is also a safe name of a file.
pub(super) fn is_uid(text: &str) -> bool {
    let part = |p: &str| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit());
    text.len() <= 64 && text.split('.').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_are_digits_and_dots() {
        assert!(is_uid("1.2.840.10008.1.1"));
        for bad in ["", ".", "..", "1..2", "1.2/3", "1.a", &"1".repeat(65)] {
            assert!(!is_uid(bad), "{bad}");
        }
    }
}
