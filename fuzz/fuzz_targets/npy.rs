//! NumPy arrays as k-space.
#![no_main]

use libfuzzer_sys::fuzz_target;
use omnimri_fuzz::{check_input, with_files};

fuzz_target!(|data: &[u8]| {
    with_files(&[("a.npy", data)], check_input);
});
