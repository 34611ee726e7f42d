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
    /// A file or an image could not be written.
    #[error(transparent)]
    Image(#[from] omnimri_image::Error),
    /// A folder could not be listed.
    #[error("{}: cannot list the folder: {source}", path.display())]
    ReadFolder {
        /// The folder.
        path: PathBuf,
        /// The system's own error.
        source: std::io::Error,
    },
    /// A folder is no BIDS dataset, or lacks what was asked for.
    #[error("{}: expected {expected}, found {found}; see the BIDS standard for names and folders", path.display())]
    NotBids {
        /// The dataset.
        path: PathBuf,
        /// What is needed.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A data set could not be encoded.
    #[error("cannot encode a DICOM object: {source}")]
    EncodeDicom {
        /// The encoder's error.
        source: Box<dicom_object::WriteError>,
    },
    /// File meta information could not be made.
    #[error("cannot make a DICOM file's meta information: {source}")]
    DicomMeta {
        /// The encoder's error.
        source: Box<dicom_object::WithMetaError>,
    },
    /// A root of UIDs that none can be made under.
    #[error("UID root: expected {expected}, found {found:?}")]
    UidRoot {
        /// What a root is.
        expected: &'static str,
        /// What was given.
        found: String,
    },
    /// The system has no random numbers for identifiers.
    #[error("cannot make identifiers: no random numbers from the system: {source}")]
    Random {
        /// The system's own error.
        source: std::io::Error,
    },
    /// More than a format or this program allows.
    #[error("{what}: expected at most {expected}, found {found}")]
    TooLarge {
        /// What is counted.
        what: &'static str,
        /// The cap.
        expected: u64,
        /// What there is.
        found: u64,
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
