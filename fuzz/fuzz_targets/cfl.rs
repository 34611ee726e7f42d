//! BART's pair of header and samples: the header ends at the first zero byte.
#![no_main]

use libfuzzer_sys::fuzz_target;
use omnimri_fuzz::{check_scan, options, with_files};
use omnimri_image::raw::open_raw;

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|b| *b == 0).unwrap_or(data.len());
    let (header, samples) = data.split_at(end);
    let samples = samples.get(1..).unwrap_or_default();
    with_files(&[("a.hdr", header), ("a.cfl", samples)], |path| {
        check_scan(open_raw(path, &options()));
    });
});
