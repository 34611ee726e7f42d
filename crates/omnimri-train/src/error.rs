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
    /// A folder in no form that is known.
    #[error("{}: expected a corpus, found {found}; {HINT}", path.display())]
    UnknownFolder {
        /// The folder.
        path: PathBuf,
        /// What is there.
        found: String,
    },
    /// Label values whose meaning is not known.
    #[error(
        "{}: the labels {unknown} are not in the vocabulary; say what they are, for example --label {value}={example:?} \
         (terms that can be drawn: {})",
        path.display(),
        drawable()
    )]
    UnknownLabels {
        /// The folder.
        path: PathBuf,
        /// The labels, as the dataset names them.
        unknown: String,
        /// One of their values.
        value: u16,
        /// A term that comes near.
        example: String,
    },
    /// A `--label` that is no term.
    #[error(
        "--label {found}: expected {expected}; terms that can be drawn: {}",
        drawable()
    )]
    BadLabel {
        /// What was given.
        found: String,
        /// What is understood.
        expected: &'static str,
    },
    /// Labels that are known, and that the model has no query for.
    #[error(
        "{}: it outlines {found}, and the model draws none of these; it draws {}",
        path.display(),
        drawable()
    )]
    NothingToDraw {
        /// The folder.
        path: PathBuf,
        /// What it outlines.
        found: String,
    },
    /// Nothing in the examples is a target.
    #[error(
        "{}: {examples} training examples, none with masks, classes or questions to learn from",
        path.display()
    )]
    NothingToLearn {
        /// The folder.
        path: PathBuf,
        /// Examples of the training part.
        examples: usize,
    },
    /// The model failed.
    #[error(transparent)]
    Model(#[from] omnimri_model::Error),
    /// The corpus failed.
    #[error(transparent)]
    Corpus(#[from] omnimri_corpus::Error),
}

/// Forms of a corpus, for a folder that is none of them.
const HINT: &str = "known are shards of `omnimri corpus build`, a folder of datasets of the catalogue or one of them, a folder with an \
                    entry of its own (omnimri.toml, in the form of a catalogue file), dataset.json of nnU-Net or the Decathlon, images/ \
                    with masks/ of the same names, and NAME.nii.gz beside NAME_mask.nii.gz";

/// Everything that a query exists for.
fn drawable() -> String {
    omnimri_findings::Label::ALL.map(|l| l.name()).join(", ")
}
