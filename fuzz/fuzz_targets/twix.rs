//! Siemens TWIX, VB and VD.
#![no_main]

use libfuzzer_sys::fuzz_target;
use omnimri_fuzz::{check_scan, options, with_files};
use omnimri_image::raw::read_twix;

fuzz_target!(|data: &[u8]| {
    with_files(&[("a.dat", data)], |path| {
        check_scan(read_twix(path, &options()));
    });
});
