//! MATLAB files of k-space.
#![no_main]

use libfuzzer_sys::fuzz_target;
use omnimri_fuzz::{check_scan, options, with_files};
use omnimri_image::raw::open_raw;

fuzz_target!(|data: &[u8]| {
    with_files(&[("a.mat", data)], |path| {
        check_scan(open_raw(path, &options()));
    });
});
