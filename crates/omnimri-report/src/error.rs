//! Why a report could not be written.

use std::path::{Path, PathBuf};

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Which step failed, where, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The output folder could not be made.
    #[error("{}: cannot make the output folder: {source}; choose another with --out", path.display())]
    CreateFolder {
        /// The folder.
        path: PathBuf,
        /// The system's own error.
        source: std::io::Error,
    },
    /// A file could not be written; none of the result's files was changed by it.
    #[error("{}: cannot write: {source}; check free space and permissions", path.display())]
    WriteFile {
        /// The file.
        path: PathBuf,
        /// The system's own error.
        source: std::io::Error,
    },
    /// The result could not be put into JSON.
    #[error("{}: cannot encode the result as JSON: {source}", path.display())]
    EncodeJson {
        /// The file.
        path: PathBuf,
        /// The encoder's error.
        source: serde_json::Error,
    },
    /// A picture could not be encoded.
    #[error("cannot encode a picture of {width} x {height} pixels as PNG: {source}")]
    EncodePicture {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
        /// The encoder's error.
        source: image::ImageError,
    },
    /// Voxels, labels or samples do not fit the grid they are said to lie on.
    #[error("{what}: expected {expected} values, found {found}")]
    GridMismatch {
        /// What does not fit.
        what: &'static str,
        /// Values the grid has.
        expected: usize,
        /// Values that were given.
        found: usize,
    },
    /// A number that `result.json` may not hold.
    #[error("{field}: expected {expected}, found {found}")]
    InvalidNumber {
        /// Where it stands.
        field: String,
        /// What the schema allows.
        expected: &'static str,
        /// What was given.
        found: f64,
    },
}

impl Error {
    pub(crate) fn write(path: &Path, source: std::io::Error) -> Self {
        Self::WriteFile {
            path: path.to_owned(),
            source,
        }
    }
}
