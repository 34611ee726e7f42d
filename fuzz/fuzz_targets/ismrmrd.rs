//! ISMRMRD in HDF5.
#![no_main]

use libfuzzer_sys::fuzz_target;
use omnimri_fuzz::{check_scan, options, with_files};
use omnimri_image::raw::open_raw;

fuzz_target!(|data: &[u8]| {
    with_files(&[("a.mrd", data)], |path| {
        check_scan(open_raw(path, &options()));
    });
});
