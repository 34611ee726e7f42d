//! Everything that can go wrong in training.

use std::path::PathBuf;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of the training room.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read.
    #[error("{path}: cannot read: {source}")]
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
    /// The configuration is not the TOML expected.
    #[error("{path}: {source}")]
    ParseConfig {
        /// The file.
        path: PathBuf,
        /// Why; unknown and missing keys are named.
        source: Box<toml::de::Error>,
    },
    /// A value of the configuration is impossible.
    #[error("configuration: {key} must be {expected}, found {found}")]
    Config {
        /// The key.
        key: &'static str,
        /// What is allowed.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// The data does not hold what a batch needs.
    #[error(
        "{kind}: no usable example in {sets:?} (is `data` the folder that holds the datasets?)"
    )]
    NoExamples {
        /// Kind of batch.
        kind: String,
        /// Sets asked for.
        sets: Vec<String>,
    },
    /// The shards end before the run does.
    #[error("block {block} of the shards: no more examples come; is the folder still there?")]
    NoBlock {
        /// Number of the block.
        block: u64,
    },
    /// State of a run cannot be resumed.
    #[error("{path}: cannot resume: {problem}")]
    Resume {
        /// State folder.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// Freezing did not freeze what it should.
    #[error("freezing: expected {expected} trainable tensors, found {found}")]
    Freeze {
        /// Tensors of the parts that learn.
        expected: usize,
        /// Tensors that would get gradients.
        found: usize,
    },
    /// The loss is no longer a number.
    #[error(
        "step {step}: the loss is {loss}; lower optimizer.learning_rate or look at the data of this step"
    )]
    Diverged {
        /// The step.
        step: u64,
        /// The loss.
        loss: f64,
    },
    /// The model failed.
    #[error(transparent)]
    Model(#[from] omnimri_model::Error),
    /// The corpus failed.
    #[error(transparent)]
    Corpus(#[from] omnimri_corpus::Error),
}
