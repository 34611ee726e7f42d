//! Everything that can go wrong in an evaluation as a whole.

use std::path::PathBuf;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of an evaluation. A single input that cannot be read is none: it is listed and counts as wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration could not be read.
    #[error("{}: cannot read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The configuration is not the TOML expected.
    #[error("{}: {source}", path.display())]
    ParseConfig {
        /// The file.
        path: PathBuf,
        /// Why; unknown and missing keys are named.
        source: Box<toml::de::Error>,
    },
    /// A value of the configuration is impossible.
    #[error("configuration: {key}: expected {expected}, found {found}")]
    Config {
        /// The key.
        key: &'static str,
        /// What is allowed.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// The model failed on a blank or on noise.
    #[error("an image of nothing: {0}")]
    Nothing(String),
    /// A gate could not be fitted.
    #[error(
        "scope: expected images in and out of scope that a gate can be fitted to, found {found}"
    )]
    Gate {
        /// What there is.
        found: String,
    },
    /// A labelled set could not be loaded.
    #[error(transparent)]
    Corpus(#[from] omnimri_corpus::Error),
    /// The split of a set holds nothing.
    #[error("{set}: no example of the {split} split (is `data` the folder that holds the sets?)")]
    NoExamples {
        /// The set.
        set: &'static str,
        /// The split.
        split: &'static str,
    },
    /// The layout of a set does not say which file an example came from.
    #[error(
        "{set}: example {id}: expected a path made of the example's id alone, found {template}"
    )]
    NoPath {
        /// The set.
        set: &'static str,
        /// The example.
        id: String,
        /// The path's template in the catalogue.
        template: String,
    },
}
