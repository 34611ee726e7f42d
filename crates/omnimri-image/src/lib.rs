//! Volumes, k-space and their files: NIfTI, DICOM, npy, PNG and JPEG.
//!
//! In: a path. Out: [`Volume`], [`KSpace`] or an [`Error`] that names the file, what was expected
//! and what was found.
//!
//! | file | job |
//! | --- | --- |
//! | [`open`](mod@open) | tells the kind of a path by its content and calls the right reader |
//! | [`nifti`], [`metaimage`], [`nrrd`], [`dicom`], [`raster`], [`npy`], [`kspace`] | one format each |
//! | [`grid_file`] | volume files by their content; what MetaImage and NRRD share |
//! | [`raw`] | raw data: header at once, samples a frame at a time |
//! | [`geometry`], [`volume`] | voxel grids in RAS+ millimetres, how far they are trusted, and what lies on them |
//! | [`volume_ops`] | reorientation with its exact inverse, imaging plane, percentiles |
//! | [`info`] | what was understood, as text and JSON |
//! | [`write_beside`](mod@write_beside) | files that are whole or not there |

pub mod dicom;
pub mod error;
pub mod geometry;
pub mod grid_file;
pub mod guard;
pub mod info;
pub mod kspace;
mod memory;
pub mod metaimage;
pub mod nifti;
pub mod npy;
pub mod nrrd;
pub mod open;
pub mod raster;
pub mod raw;
pub mod volume;
pub mod volume_ops;
pub mod write_beside;

pub use dicom::{
    DicomHeader, DicomSeries, SeriesFiles, SourceSeries, SourceSlice, dicom_series,
    paint_dicom_labels, read_dicom, read_dicom_files, read_dicom_frame, read_dicom_series,
};
pub use error::{Error, Result};
pub use geometry::{Affine, Geometry, Plane, Trust, Zyx};
pub use grid_file::read_volume;
pub use info::Info;
pub use kspace::read_kspace_npy;
pub use metaimage::read_metaimage;
pub use nifti::{read_nifti, write_label_map, write_nifti};
pub use npy::{NpyArray, NpyData, read_npy, write_npy_bool, write_npy_complex32, write_npy_f32};
pub use nrrd::read_nrrd;
pub use open::{
    Input, InputKind, KSpaceOptions, OpenOptions, RawOptions, detect, open, sha256, stem,
};
pub use raster::{read_image, write_png_grey, write_png_labels};
pub use raw::{
    Frame, FrameData, KSpace3, NonCartesian, RawHeader, RawScan, array_names, open_raw, read_array,
    write_cfl,
};
pub use volume::{Acquisition, KSpace, LabelMap, SourceKind, Volume};
pub use volume_ops::{AxisMap, percentiles, plane_of, reorient, reorient_to_canonical};
pub use write_beside::write_beside;
