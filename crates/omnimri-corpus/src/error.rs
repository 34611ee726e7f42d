//! The one error type of this crate.

use std::path::PathBuf;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a catalogue entry or a dataset could not be used as a whole.
///
/// A single damaged image is not an error: it is listed in [`crate::Loaded::rejected`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// File or folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// The system's own error.
        source: std::io::Error,
    },
    /// A catalogue entry that does not parse.
    #[error("catalogue entry {name}: {source}")]
    ParseEntry {
        /// Name of the entry or its file.
        name: String,
        /// The parser's error, with line and column.
        source: Box<toml::de::Error>,
    },
    /// A catalogue entry that parses and contradicts itself.
    #[error("catalogue entry {name}: {field}: expected {expected}, found {found}")]
    BadEntry {
        /// Name of the entry.
        name: String,
        /// The key.
        field: String,
        /// What is allowed.
        expected: String,
        /// What is there.
        found: String,
    },
    /// No entry of this name.
    #[error("no dataset named {name} in the catalogue; {hint}")]
    UnknownDataset {
        /// The name asked for.
        name: String,
        /// Names that come near, or how to list them.
        hint: String,
    },
    /// A word that is not of a closed list.
    #[error("{found} is no {what}; expected one of {}", expected.join(", "))]
    UnknownName {
        /// What the list holds.
        what: &'static str,
        /// The list.
        expected: &'static [&'static str],
        /// The word.
        found: String,
    },
    /// An entry that is described but cannot be read.
    #[error("dataset {name}: no adapter reads this layout yet; the entry holds facts only")]
    NoAdapter {
        /// Name of the entry.
        name: String,
    },
    /// The folder or its table is missing.
    #[error("{}: expected {expected}, found nothing; {hint}", path.display())]
    Missing {
        /// The path.
        path: PathBuf,
        /// What should be there.
        expected: String,
        /// What to do.
        hint: String,
    },
    /// A table that breaks its own form.
    #[error("{}: line {line}: expected {expected}, found {found}", path.display())]
    BadTable {
        /// The table.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
        /// What a table needs.
        expected: String,
        /// What is there.
        found: String,
    },
    /// Too many inputs were rejected to go on.
    #[error(
        "dataset {name}: {rejected} of {total} inputs rejected, more than {allowed}; first: {first}"
    )]
    TooManyRejected {
        /// Name of the dataset.
        name: String,
        /// How many were rejected.
        rejected: usize,
        /// How many there were.
        total: usize,
        /// The limit.
        allowed: usize,
        /// The first reason.
        first: String,
    },
    /// A licence that the caller's policy does not admit.
    #[error("dataset {name}: its licence ({licence}) admits {admits}, the policy asks for {asked}")]
    Licence {
        /// Name of the dataset.
        name: String,
        /// The licence's name.
        licence: String,
        /// Use that the licence admits.
        admits: String,
        /// Use that was asked for.
        asked: String,
    },
    /// An image that could not be encoded.
    #[error("{}: cannot encode the image: {source}", path.display())]
    EncodeImage {
        /// The file to be written.
        path: PathBuf,
        /// The encoder's error.
        source: image::ImageError,
    },
    /// A language model's server that is misconfigured, refuses the request, or does not answer.
    #[error("{address}: expected {expected}, found {found}; {hint}")]
    Filler {
        /// Address of the server.
        address: String,
        /// What is needed.
        expected: String,
        /// What came.
        found: String,
        /// What to do.
        hint: String,
    },
    /// The budget of a filler is spent.
    #[error(
        "the text filler's budget is spent: {bound} reached after {requests} requests and {tokens} tokens; \
         raise it, or set otherwise = \"measured\""
    )]
    BudgetSpent {
        /// The bound that was reached.
        bound: &'static str,
        /// Requests sent.
        requests: u64,
        /// Tokens spent.
        tokens: u64,
    },
    /// A card that could not be written as JSON.
    #[error("{}: cannot write as JSON: {source}", path.display())]
    WriteJson {
        /// The file to be written.
        path: PathBuf,
        /// The encoder's error.
        source: serde_json::Error,
    },
    /// A secret too short to keep pseudonyms from being guessed.
    #[error("the key: expected a secret of at least 16 bytes, found {found}")]
    WeakKey {
        /// Its length in bytes.
        found: usize,
    },
    /// An example from which nothing may or can be made.
    #[error("example {id}: expected {expected}, found {found}")]
    UnfitSource {
        /// Id of the example.
        id: String,
        /// What the synthesis takes.
        expected: &'static str,
        /// What the example is.
        found: String,
    },
    /// A simulation that refused.
    #[error(transparent)]
    Simulate(#[from] omnimri_recon::Error),
    /// A file that could not be written.
    #[error(transparent)]
    Write(omnimri_image::Error),
    /// A place where shards cannot lie.
    #[error("{url}: expected {expected}, found {found}")]
    BadUrl {
        /// The place as given.
        url: String,
        /// What is understood.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A folder, an object store or a web server that refused.
    #[error("{url}: cannot {action}: {source}")]
    Store {
        /// File and root.
        url: String,
        /// What was tried.
        action: &'static str,
        /// The store's own error.
        source: Box<object_store::Error>,
    },
    /// A shard or a manifest that is damaged, unfinished or of another version.
    #[error("{url}: expected {expected}, found {found}")]
    BadShard {
        /// The file.
        url: String,
        /// What it should hold.
        expected: String,
        /// What it holds.
        found: String,
    },
    /// A shard that is no Parquet, or could not be written as Parquet.
    #[error("{url}: cannot {action}: {source}")]
    Parquet {
        /// The file.
        url: String,
        /// What was tried.
        action: &'static str,
        /// The format's own error.
        source: Box<parquet::errors::ParquetError>,
    },
    /// Shards that were begun with other settings.
    #[error("{url}: begun with {what} {was}, asked to go on with {now}; {hint}")]
    Changed {
        /// The manifest.
        url: String,
        /// The setting.
        what: String,
        /// Its value in the manifest.
        was: String,
        /// Its value now.
        now: String,
        /// What to do.
        hint: &'static str,
    },
    /// A limit of memory below what the work takes.
    #[error(
        "{what} takes {needed} bytes, the limit is {limit}; allow that much, or take less at once"
    )]
    Memory {
        /// The work.
        what: String,
        /// Bytes that it takes.
        needed: u64,
        /// Bytes that it may take.
        limit: u64,
    },
}

impl Error {
    /// An [`Error::Io`] for `map_err`.
    pub fn io(
        path: impl Into<PathBuf>,
        action: &'static str,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            path,
            action,
            source,
        }
    }

    /// True if the data or the entry is at fault rather than the system.
    pub fn is_invalid_input(&self) -> bool {
        !matches!(
            self,
            Self::Io { .. }
                | Self::EncodeImage { .. }
                | Self::Filler { .. }
                | Self::BudgetSpent { .. }
                | Self::Write(_)
                | Self::Store { .. }
                | Self::WriteJson { .. }
        )
    }

    /// True if the dataset is known and cannot be read by this version.
    pub fn is_unsupported(&self) -> bool {
        matches!(self, Self::NoAdapter { .. })
    }
}
