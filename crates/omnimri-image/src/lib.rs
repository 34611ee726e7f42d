//! Volumes, k-space and their files: NIfTI, DICOM, npy, PNG and JPEG.
//!
//! In: a path. Out: [`Volume`], [`KSpace`] or an [`Error`] that names the file, what was expected and what was found.

pub mod dicom;
pub mod error;
pub mod geometry;
pub mod open;
pub mod volume;

pub use error::{Error, Result};
pub use geometry::{Affine, Geometry, Plane, Trust, Zyx};
pub use open::{KSpaceOptions, OpenOptions};
pub use volume::{Acquisition, KSpace, LabelMap, SourceKind, Volume};
