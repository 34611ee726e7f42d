//! Everything that can go wrong in this crate.

use std::path::PathBuf;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of the model room.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A size of the model is impossible.
    #[error("model configuration: {field} must be {expected}, found {found}")]
    Config {
        /// Name of the field.
        field: &'static str,
        /// What is allowed.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// A file of the checkpoint could not be read.
    #[error(
        "{path}: cannot read: {source} (a checkpoint folder holds config.json, model.safetensors, tokenizer.json, preprocessor_config.json)"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file could not be written.
    #[error("{path}: cannot write: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A JSON file of the checkpoint does not hold what it should.
    #[error("{name}: {source}")]
    Json {
        /// Which file.
        name: String,
        /// Why.
        source: serde_json::Error,
    },
    /// The weights do not fit the configuration.
    #[error("{name}: {problem} (the weights and config.json must come from one export)")]
    Weights {
        /// Which file.
        name: String,
        /// Which tensors are missing, unused or misshapen.
        problem: String,
    },
    /// A published language model that cannot be the decoder.
    #[error("{}: {what}: expected {expected}, found {found}", path.display())]
    Borrow {
        /// File or folder.
        path: PathBuf,
        /// Place within it.
        what: String,
        /// What the decoder needs.
        expected: String,
        /// What is there.
        found: String,
    },
    /// The tokenizer could not be built, read or used.
    #[error("tokenizer: {0}")]
    Tokenizer(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A special token is missing from the tokenizer.
    #[error("tokenizer: the special token {0} is missing; was it trained by `omnimri train`?")]
    SpecialToken(String),
    /// The text and image tokens exceed the longest sequence.
    #[error(
        "sequence of {found} tokens, the model takes at most {expected}; ask a shorter question"
    )]
    TooLong {
        /// Longest sequence.
        expected: usize,
        /// Tokens given.
        found: usize,
    },
    /// An image cannot be brought to the network's grid.
    #[error("image of {found}: expected {expected}")]
    Image {
        /// What is needed.
        expected: String,
        /// What was given.
        found: String,
    },
    /// Reconstruction failed.
    #[error(transparent)]
    Recon(#[from] omnimri_recon::Error),
    /// Reading a tensor back failed.
    #[error("reading a tensor back from the device: {0}")]
    Tensor(String),
}

impl Error {
    /// True if the input, not the program or the checkpoint, is to blame.
    pub fn is_invalid_input(&self) -> bool {
        matches!(
            self,
            Self::Image { .. } | Self::TooLong { .. } | Self::Recon(_)
        )
    }
}
