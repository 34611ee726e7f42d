//! The command line, run as a user runs it: the built program, files made on the spot, exit codes and words.

#[path = "../../../omnimri-workflow/tests/it/dicom_files.rs"]
mod dicom_files;
#[path = "../../../omnimri-workflow/tests/it/head.rs"]
mod head;
mod support;

mod ask;
mod bad_images;
mod bad_input;
mod dicom;
mod disk;
mod help;
mod info;
mod many;
mod read;
mod recon;
