//! Integration tests: every reader and writer through the public interface.

mod bad_input;
mod dicom;
mod dicom_checks;
mod dicom_damaged;
mod dicom_files;
mod dicom_labels;
mod dicom_streams;
mod dicom_values;
mod fuzz;
mod grid_files;
mod kspace;
mod nifti;
mod peers;
mod raster;
mod raw_arrays;
mod raw_damaged;
mod raw_hdf5;
mod support;
mod twix;
mod twix_damaged;
mod twix_files;
