//! DICOM SEG and RTSTRUCT, painted onto a small grid: the labels fit the grid or there is an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use omnimri_fuzz::{check_error, options, with_files};
use omnimri_image::{Affine, Geometry, Trust, Zyx, paint_dicom_labels};

fuzz_target!(|data: &[u8]| {
    let size = Zyx::new(5, 12, 16);
    let onto = Geometry {
        size,
        affine: Affine::from_spacing(Zyx::new(3.0, 1.0, 1.0)),
        orientation: Trust::Trusted,
        spacing: Trust::Trusted,
    };
    // Every name has a value, so that everything the object holds is painted.
    let value_of = |name: &str| Some(1 + (name.len() % 255) as u8);
    with_files(&[("a.dcm", data)], |path| {
        match paint_dicom_labels(path, &onto, &value_of, &options()) {
            Ok(labels) => assert_eq!(labels.len(), size.count()),
            Err(error) => check_error(&error),
        }
    });
});
