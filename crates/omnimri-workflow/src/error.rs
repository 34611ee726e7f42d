//! Everything that can go wrong between an input and its result; each message is one line that names the file.

use std::path::PathBuf;

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
        source: omnimri_model::Error,
    },
    /// The report could not be written.
    #[error(transparent)]
    Report(#[from] omnimri_report::Error),
    /// The output folder cannot be used.
    #[error(
        "{path}: cannot write the result: {source} (choose another folder with --out, or make room)"
    )]
    Output {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
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

impl Error {
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
