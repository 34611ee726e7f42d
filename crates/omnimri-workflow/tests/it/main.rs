//! From a file to its result, over every way a file can lay out the same volume.

mod dicom_files;
mod engine;
mod head;
mod laterality;
mod trust;
mod untrusted;
