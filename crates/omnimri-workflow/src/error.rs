//! Everything that can go wrong between an input and its result; each message is one line that names the file.

use std::path::{Path, PathBuf};

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of the workflow.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input could not be read.
    #[error(transparent)]
    Image(#[from] omnimri_image::Error),
    /// The k-space could not be reconstructed.
    #[error("{path}: {source}")]
    Reconstruct {
        /// The input.
        path: PathBuf,
        /// Why.
        source: omnimri_recon::Error,
    },
    /// The model failed on this input.
    #[error("{path}: {source}")]
    Model {
        /// The input or the checkpoint.
        path: PathBuf,
        /// Why.
        source: Box<omnimri_model::Error>,
    },
    /// What was fitted to a checkpoint cannot be used.
    #[error("{}: {problem}", path.display())]
    Trust {
        /// `trust.json`.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// The report could not be written.
    #[error(transparent)]
    Report(Box<omnimri_report::Error>),
    /// The output folder cannot be used.
    #[error(
        "{}: expected a folder that can be written and has room, found {}; choose another with --out",
        path.display(), found(source)
    )]
    Output {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The program itself failed on this input.
    #[error("{}: expected to read it, but the program failed on it (a defect of omnimri); please report it with the file", path.display())]
    Panicked {
        /// The input.
        path: PathBuf,
    },
    /// Whoever follows the reading stopped it.
    #[error("{}: stopped before it was read to the end", path.display())]
    Stopped {
        /// The input.
        path: PathBuf,
    },
    /// Reconstruction would take more memory than allowed.
    #[error(
        "{path}: expected to need at most {allowed} bytes of memory (--memory), found that reconstruction needs about {needed}; \
         allow that much with --memory {needed}"
    )]
    Memory {
        /// The input.
        path: PathBuf,
        /// Bytes needed.
        needed: u64,
        /// Bytes allowed.
        allowed: u64,
    },
    /// The input is of a kind this command does not take.
    #[error("{path}: expected {expected}, found {found} ({hint})")]
    Kind {
        /// The input.
        path: PathBuf,
        /// What the command takes.
        expected: &'static str,
        /// What it is.
        found: String,
        /// What to do.
        hint: &'static str,
    },
}

impl From<omnimri_report::Error> for Error {
    fn from(error: omnimri_report::Error) -> Self {
        Self::Report(Box::new(error))
    }
}

/// What stands in the way of writing, in words.
fn found(source: &std::io::Error) -> String {
    use std::io::ErrorKind as K;
    let words = match source.kind() {
        K::AlreadyExists | K::NotADirectory => "a file in its place",
        K::StorageFull | K::QuotaExceeded => "a full disk",
        K::FileTooLarge => "a limit on the size of files",
        K::PermissionDenied => "no permission to write",
        K::ReadOnlyFilesystem => "a read-only file system",
        _ => return source.to_string(),
    };
    words.to_owned()
}

impl Error {
    /// The same error about a file that was being written into `fresh`, named as in `place`, where it would have been.
    pub(crate) fn placed(mut self, fresh: &Path, place: &Path) -> Self {
        use omnimri_report::Error as Report;
        let path = match &mut self {
            Self::Image(omnimri_image::Error::Io { path, .. }) | Self::Output { path, .. } => path,
            Self::Report(report) => match report.as_mut() {
                Report::WriteFile { path, .. }
                | Report::CreateFolder { path, .. }
                | Report::EncodeJson { path, .. }
                | Report::Image(omnimri_image::Error::Io { path, .. }) => path,
                _ => return self,
            },
            _ => return self,
        };
        if let Ok(rest) = path.strip_prefix(fresh) {
            *path = place.join(rest);
        }
        self
    }

    /// True if the disk is full: the same input can be read once there is room.
    pub fn is_disk_full(&self) -> bool {
        use omnimri_report::Error as Report;
        let source = match self {
            Self::Image(omnimri_image::Error::Io { source, .. }) | Self::Output { source, .. } => {
                source
            }
            Self::Report(report) => match report.as_ref() {
                Report::WriteFile { source, .. }
                | Report::CreateFolder { source, .. }
                | Report::Image(omnimri_image::Error::Io { source, .. }) => source,
                _ => return false,
            },
            _ => return false,
        };
        use std::io::ErrorKind as K;
        matches!(source.kind(), K::StorageFull | K::QuotaExceeded)
    }

    /// True if the input is to blame, not the program or the machine.
    pub fn is_invalid_input(&self) -> bool {
        match self {
            Self::Image(e) => e.is_invalid_input(),
            Self::Reconstruct { source, .. } => source.is_invalid_input(),
            Self::Model { source, .. } => source.is_invalid_input(),
            Self::Kind { .. } => true,
            _ => false,
        }
    }
}
