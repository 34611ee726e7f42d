//! Integration tests: every reader and writer through the public interface.

mod bad_input;
mod dicom;
mod dicom_files;
mod dicom_streams;
mod fuzz;
mod kspace;
mod nifti;
mod peers;
mod raster;
mod support;
