//! The one error type of this crate: which action failed, on which file, what was expected and what
//! was found.

use std::path::PathBuf;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a file could not be read or written.
///
/// Every message is one line: the file, what was expected, what was found, and a hint where one
/// helps.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused to read, write or list.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// File or folder.
        path: PathBuf,
        /// What was tried, for example `read` or `write`.
        action: &'static str,
        /// The system's own error.
        source: std::io::Error,
    },
    /// Nothing is there.
    #[error("{}: no such file or folder; check the spelling of the path", path.display())]
    NotFound {
        /// The path asked for.
        path: PathBuf,
    },
    /// The content is of no kind this crate reads.
    #[error("{}: expected {expected}, found {found}; {hint}", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// Kinds that would be read.
        expected: &'static str,
        /// What its first bytes look like.
        found: String,
        /// What to do.
        hint: &'static str,
    },
    /// A known format used in a way this crate does not read.
    #[error("{}: {what} is not supported: expected {expected}, found {found}; {hint}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The property, for example `data type` or `transfer syntax`.
        what: &'static str,
        /// What is read.
        expected: String,
        /// What the file has.
        found: String,
        /// What to do.
        hint: String,
    },
    /// A header field contradicts the format.
    #[error("{}: bad header at {field}: expected {expected}, found {found}; {hint}", path.display())]
    BadHeader {
        /// The file.
        path: PathBuf,
        /// The field, for example `dim[1]`.
        field: String,
        /// What the format allows.
        expected: String,
        /// What the file has.
        found: String,
        /// What to do.
        hint: String,
    },
    /// No usable map from voxels to millimetres.
    #[error("{}: no usable affine: expected {expected}, found {found}; {hint}", path.display())]
    BadAffine {
        /// The file.
        path: PathBuf,
        /// What the format asks for.
        expected: String,
        /// What the file has.
        found: String,
        /// What to do.
        hint: String,
    },
    /// The file ends before the data that its header declares.
    #[error(
        "{}: file is truncated: expected {expected} bytes, found {found}; copy or export it again",
        path.display()
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Bytes declared.
        expected: u64,
        /// Bytes that are there.
        found: u64,
        /// The decoder's error, where one ended the data early.
        source: Option<std::io::Error>,
    },
    /// Compressed data that does not decode or fails its checksum.
    #[error("{}: cannot decompress: expected {expected}, found {}; copy or export it again", path.display(), one_line(source))]
    CorruptData {
        /// The file.
        path: PathBuf,
        /// What the data should be, for example `a sound gzip stream`.
        expected: &'static str,
        /// The decoder's error.
        source: std::io::Error,
    },
    /// The declared size is over the cap.
    #[error("{}: {what} too large: expected at most {expected}, found {found}; {hint}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What is counted, for example `voxels`.
        what: &'static str,
        /// The cap.
        expected: u64,
        /// What the header declares, in words where it overflows.
        found: String,
        /// What to do.
        hint: &'static str,
    },
    /// No value, or a value that matters, is finite.
    #[error("{}: expected finite {what}, found {found}; {hint}", path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// What was looked at, for example `voxels` or `k-space samples`.
        what: &'static str,
        /// How many are not finite.
        found: String,
        /// What to do.
        hint: &'static str,
    },
    /// A colour photograph where a greyscale slice was expected.
    #[error("{}: expected a greyscale slice, found a colour image ({found}); {hint}", path.display())]
    ColourImage {
        /// The file.
        path: PathBuf,
        /// How much of it is coloured.
        found: String,
        /// What to do.
        hint: &'static str,
    },
    /// A PNG or JPEG that does not decode.
    #[error("{}: cannot decode the image: {}; expected a whole PNG or JPEG", path.display(), one_line(source))]
    DecodeImage {
        /// The file.
        path: PathBuf,
        /// The decoder's error.
        source: image::ImageError,
    },
    /// A PNG that could not be encoded.
    #[error("{}: cannot encode the image: {source}", path.display())]
    EncodeImage {
        /// The file.
        path: PathBuf,
        /// The encoder's error.
        source: image::ImageError,
    },
    /// A folder without files.
    #[error(
        "{}: expected a folder of DICOM files, found an empty folder; check the path or the copy",
        path.display()
    )]
    EmptyFolder {
        /// The folder.
        path: PathBuf,
    },
    /// A folder with files, none of them an image.
    #[error("{}: expected {expected}, found {found}; {hint}", path.display())]
    NoImages {
        /// The folder.
        path: PathBuf,
        /// What would be read.
        expected: &'static str,
        /// What is there, with a count.
        found: String,
        /// What to do.
        hint: &'static str,
    },
    /// A DICOM object that cannot be parsed or decoded.
    #[error("{}: cannot read DICOM {what}: expected {expected}, found {found}", path.display())]
    ReadDicom {
        /// The file.
        path: PathBuf,
        /// Part of the object, for example `file meta`, `pixel data` or an attribute's name.
        what: String,
        /// What the standard asks for.
        expected: String,
        /// What the file has.
        found: String,
        /// The parser's or decoder's error.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync + 'static>>,
    },
    /// Not a DICOM series, or one that nothing can refer to.
    #[error("{}: expected {expected}, found {found}; DICOM results need it", path.display())]
    NoDicomSource {
        /// The file or folder.
        path: PathBuf,
        /// What a derived object needs.
        expected: &'static str,
        /// What the input is or lacks.
        found: String,
    },
    /// Slices of one series that do not form a grid.
    #[error("{}: slices do not form one volume: expected {expected}, found {found}; {hint}", path.display())]
    MixedSeries {
        /// The file or folder.
        path: PathBuf,
        /// What a volume needs, for example `one matrix size`.
        expected: String,
        /// What the series has.
        found: String,
        /// What to do.
        hint: String,
    },
    /// A modality other than magnetic resonance.
    #[error("{}: expected modality MR, found {found}; omnimri reads magnetic resonance images only", path.display())]
    WrongModality {
        /// The file or folder.
        path: PathBuf,
        /// DICOM modality code.
        found: String,
    },
    /// An array whose shape does not say what its axes are, or contradicts what was said.
    #[error("{}: {what}: expected {expected}, found {found}; {hint}", path.display())]
    BadShape {
        /// The file.
        path: PathBuf,
        /// Array in question, for example `k-space` or `sampling mask`.
        what: &'static str,
        /// Shape or axes that would be read.
        expected: String,
        /// Shape that is there.
        found: String,
        /// What to do.
        hint: String,
    },
    /// Data handed to a writer that does not fit its own geometry.
    #[error("{}: cannot write {what}: expected {expected} values, found {found}", path.display())]
    LengthMismatch {
        /// The file to be written.
        path: PathBuf,
        /// What was to be written.
        what: &'static str,
        /// Values that the geometry needs.
        expected: usize,
        /// Values given.
        found: usize,
    },
}

/// Messages of other libraries may hold line breaks; ours are one line.
fn one_line(message: &dyn std::fmt::Display) -> String {
    message
        .to_string()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

impl Error {
    /// An [`Error::Io`]; a missing file becomes [`Error::NotFound`].
    pub fn io(
        path: impl Into<PathBuf>,
        action: &'static str,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| match source.kind() {
            std::io::ErrorKind::NotFound if action != "write" => Self::NotFound { path },
            _ => Self::Io {
                path,
                action,
                source,
            },
        }
    }

    /// True if the input itself is at fault (and another input may succeed).
    pub fn is_invalid_input(&self) -> bool {
        !matches!(
            self,
            Self::Io { .. }
                | Self::Unsupported { .. }
                | Self::EncodeImage { .. }
                | Self::LengthMismatch { .. }
        )
    }

    /// True if the input may be sound but is of a kind this crate does not read.
    pub fn is_unsupported(&self) -> bool {
        matches!(self, Self::Unsupported { .. } | Self::UnknownFormat { .. })
    }
}
