//! A DICOM object as it arrives over the network: its header, its frames as stored, and the image that it gives.
#![no_main]

use libfuzzer_sys::fuzz_target;
use omnimri_fuzz::{check_input, options, with_files};
use omnimri_image::{DicomHeader, read_dicom_frame};

fuzz_target!(|data: &[u8]| {
    with_files(&[("a.dcm", data)], |path| {
        if let Ok(header) = DicomHeader::read(path, &options()) {
            assert!(header.object.get(dicom_dictionary_std::tags::PIXEL_DATA).is_none());
        }
        for frame in [0, 1, usize::MAX] {
            if let Ok((syntax, bytes)) = read_dicom_frame(path, frame, &options()) {
                assert!(!syntax.is_empty() && bytes.len() <= data.len().max(64 << 20));
            }
        }
        check_input(path);
    });
});
