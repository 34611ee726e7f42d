//! Why a node does not start, or cannot store, read or send.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Result of the node.
pub type Result<T> = std::result::Result<T, NodeError>;

/// Errors of the node.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The configuration cannot be read.
    #[error("{path}: cannot read the configuration: {source}")]
    ReadConfig {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The configuration is not TOML of the expected form.
    #[error("{path}: {source}")]
    ParseConfig {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<toml::de::Error>,
    },
    /// A value that the node refuses to run with.
    #[error("{key}: expected {expected}, found {found}")]
    BadConfig {
        /// The key of the configuration.
        key: &'static str,
        /// What may stand there.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// The address could not be taken.
    #[error("{address}: cannot listen: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// A file or folder of the node cannot be written or read.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The index failed.
    #[error("the index of the node: {source}")]
    Index {
        /// Why.
        #[from]
        source: rusqlite::Error,
    },
    /// Certificates or keys cannot be used.
    #[error("{path}: {found}")]
    Tls {
        /// The file.
        path: PathBuf,
        /// Why.
        found: String,
    },
    /// The series or its result could not be read.
    #[error(transparent)]
    Read(#[from] omnimri_workflow::Error),
    /// A DICOM file is malformed.
    #[error(transparent)]
    Image(#[from] omnimri_image::Error),
    /// A result could not be completed.
    #[error("{path}: cannot write the DICOM object: {found}")]
    Amend {
        /// The file.
        path: PathBuf,
        /// Why.
        found: String,
    },
    /// A peer or the connection to it failed.
    #[error("{peer}: {found}")]
    Peer {
        /// AE title of the peer.
        peer: String,
        /// What happened.
        found: String,
    },
    /// A message that the protocol does not allow.
    #[error("malformed message: {found}")]
    Protocol {
        /// What was wrong.
        found: String,
    },
    /// The upper layer failed.
    #[error("{source}")]
    Association {
        /// Why.
        #[from]
        source: Box<dicom_ul::association::Error>,
    },
}

impl From<dicom_ul::association::Error> for NodeError {
    fn from(source: dicom_ul::association::Error) -> Self {
        Self::Association {
            source: Box::new(source),
        }
    }
}

impl NodeError {
    /// An error about the file at `path`.
    pub(super) fn file(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }

    /// A malformed message.
    pub(super) fn protocol(found: impl Into<String>) -> Self {
        let found = found.into();
        Self::Protocol { found }
    }

    /// True if there is no room left for data, whatever was being done: it may be done later.
    pub(crate) fn is_out_of_resources(&self) -> bool {
        if let Self::Index { source } = self {
            use rusqlite::ErrorCode as C;
            return source.sqlite_error_code().is_some_and(|code| {
                matches!(
                    code,
                    C::DiskFull
                        | C::SystemIoFailure
                        | C::OutOfMemory
                        | C::DatabaseBusy
                        | C::CannotOpen
                )
            });
        }
        let mut next: Option<&(dyn std::error::Error + 'static)> = Some(self);
        while let Some(error) = next {
            if let Some(io) = error.downcast_ref::<std::io::Error>() {
                use std::io::ErrorKind as K;
                return matches!(
                    io.kind(),
                    K::StorageFull
                        | K::QuotaExceeded
                        | K::FileTooLarge
                        | K::ReadOnlyFilesystem
                        | K::OutOfMemory
                );
            }
            next = error.source();
        }
        false
    }
}
