//! NIfTI-1 and NIfTI-2, packed or not.
#![no_main]

use libfuzzer_sys::fuzz_target;
use omnimri_fuzz::{check_input, with_files};

fuzz_target!(|data: &[u8]| {
    with_files(&[("a.nii", data)], check_input);
});
