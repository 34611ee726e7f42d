//! Arguments of `corpus`.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use omnimri_corpus::Split;
use omnimri_corpus::catalogue::{AccessKind, Kind, Use, Verified};

use super::bytes;

/// `corpus`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  omnimri corpus list\n  omnimri corpus show brain_tumor_t1ce\n  omnimri corpus check brain_tumor_t1ce data/brain_tumor_t1ce"
)]
pub struct Corpus {
    /// What to do.
    #[command(subcommand)]
    pub command: CorpusCommand,
}

/// Commands of `corpus`.
#[derive(Debug, Subcommand)]
pub enum CorpusCommand {
    /// Datasets of the catalogue
    #[command(
        after_help = "Examples:\n  omnimri corpus list\n  omnimri corpus list --kind paired --allow research\n  omnimri corpus list --anatomy heart --kspace\n  omnimri corpus list glioma post-treatment\n  omnimri corpus list --json"
    )]
    List(CorpusList),
    /// One dataset: how to get it, the folder it expects, its licence in plain words
    #[command(after_help = "Example:\n  omnimri corpus show brain_tumor_t1ce")]
    Show {
        /// Name in the catalogue
        name: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Is this folder the dataset, whole and sound?
    #[command(
        after_help = "Example:\n  omnimri corpus check brain_tumor_t1ce data/brain_tumor_t1ce"
    )]
    Check {
        /// Name in the catalogue
        name: String,
        /// The folder
        dir: PathBuf,
        /// Percentage of items that may be missing, damaged or have unknown label values
        #[arg(long, value_name = "PERCENT", default_value_t = 0.0, value_parser = percent)]
        allow_bad: f64,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Datasets to Parquet shards, with descriptions and licences carried along
    #[command(
        after_help = "Examples:\n  omnimri corpus build --data data --out shards --allow research\n  omnimri corpus build hippocampus ms_brain --data data --out s3://bucket/corpus --allow commercial\n\nA build that was stopped goes on where it was when the same command is given again; further datasets are added. S3 is\nreached by the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL."
    )]
    Build(CorpusBuild),
    /// DICOM images without the people in them (PS3.15 basic profile); pixels are copied, not cleaned
    #[command(
        after_help = "Example:\n  omnimri corpus deidentify scans clean --key secret.bin --shift-dates\n\nWithout --key a random key is used: files of a later run will not fit those of this one.\nBurnt-in text and faces are looked for and named; they are never removed. Exit code 1 where a person should look."
    )]
    Deidentify(Deidentify),
    /// Counts of the catalogue beside the paper's, or of the datasets under a folder
    #[command(
        after_help = "Examples:\n  omnimri corpus stats\n  omnimri corpus stats --data data\n  omnimri corpus stats --data data --out card"
    )]
    Stats {
        /// Folder that holds the datasets
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// Write the corpus card here: card.md, card.html with plots and samples, card.json
        #[arg(long, value_name = "DIR", requires = "data")]
        out: Option<PathBuf>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

/// `corpus list`
#[derive(Debug, Args)]
pub struct CorpusList {
    /// Only entries that contain each of these words
    pub words: Vec<String>,
    /// Only this kind
    #[arg(long, value_parser = PossibleValuesParser::new(Kind::NAMES).try_map(|s| s.parse::<Kind>()))]
    pub kind: Option<Kind>,
    /// Only this part of the body, as a part of its name
    #[arg(long, value_name = "TEXT")]
    pub anatomy: Option<String>,
    /// Only this task, as a part of its name
    #[arg(long, value_name = "TEXT")]
    pub task: Option<String>,
    /// Only licences that admit at least this use
    #[arg(long, value_name = "USE", value_parser = PossibleValuesParser::new(Use::NAMES).try_map(|s| s.parse::<Use>()))]
    pub allow: Option<Use>,
    /// Only what can be got so
    #[arg(long, value_parser = PossibleValuesParser::new(AccessKind::NAMES).try_map(|s| s.parse::<AccessKind>()))]
    pub access: Option<AccessKind>,
    /// Only entries whose facts were checked so far
    #[arg(long, value_parser = PossibleValuesParser::new(Verified::NAMES).try_map(|s| s.parse::<Verified>()))]
    pub verified: Option<Verified>,
    /// Only raw k-space
    #[arg(long)]
    pub kspace: bool,
    /// Only what this program can read
    #[arg(long)]
    pub readable: bool,
    /// As JSON: {"datasets": [...]}
    #[arg(long)]
    pub json: bool,
}

/// `corpus deidentify`
#[derive(Debug, Args)]
pub struct Deidentify {
    /// File or folder of DICOM images
    pub input: PathBuf,
    /// Folder to write into
    pub output: PathBuf,
    /// File with a secret of at least 16 bytes, so that later runs give the same names and UIDs
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Move each patient's dates back by a number of days of their own, in place of removing them
    #[arg(long)]
    pub shift_dates: bool,
    /// Keep sex, age, size, weight and the like
    #[arg(long)]
    pub keep_characteristics: bool,
    /// Keep technical words of series description, protocol and contrast agent
    #[arg(long)]
    pub keep_descriptors: bool,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// `corpus build`
#[derive(Debug, Args)]
pub struct CorpusBuild {
    /// Names in the catalogue (default: every dataset whose folder is there)
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Folder that holds the datasets
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Where the shards go: a folder or s3://bucket/path
    #[arg(long, value_name = "DIR|URL")]
    pub out: String,
    /// Use that every licence must admit: commercial, research, agreement, or unclear (terms that nobody settled)
    #[arg(long, value_name = "USE", value_parser = PossibleValuesParser::new(Use::NAMES).try_map(|s| s.parse::<Use>()))]
    pub allow: Use,
    /// Only train or val (default: both)
    #[arg(long, value_name = "SPLIT", value_parser = split)]
    pub split: Option<Split>,
    /// Shrink slices to this many pixels on the longer side (default: as they are)
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_side: Option<u32>,
    /// Memory for images in flight and for the writer, by estimates from the headers
    #[arg(long, value_name = "SIZE", default_value = "2G", value_parser = bytes)]
    pub memory: u64,
    /// Size at which a shard is full
    #[arg(long, value_name = "SIZE", default_value = "256M", value_parser = bytes)]
    pub shard_size: u64,
    /// Who writes the levels of a description on which a dataset says nothing
    #[command(flatten)]
    pub text: TextServer,
    /// The report as JSON
    #[arg(long)]
    pub json: bool,
}

/// A vision-language model that writes what a dataset does not say. Without one, measured statements do.
#[derive(Debug, Args)]
#[command(next_help_heading = "Text by a model")]
pub struct TextServer {
    /// OpenAI-compatible server, up to the version: http://localhost:8000/v1 (default: none, measured statements)
    #[arg(long, value_name = "URL", requires = "text_model")]
    pub text_server: Option<String>,
    /// Name of the model as the server knows it
    #[arg(long, value_name = "NAME", requires = "text_server")]
    pub text_model: Option<String>,
    /// Environment variable that holds the server's key
    #[arg(long, value_name = "VARIABLE", requires = "text_server")]
    pub text_key: Option<String>,
    /// Most requests, tries after a failure among them; what the cache holds costs none
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1000,
        requires = "text_server"
    )]
    pub text_budget: u64,
    /// Folder that keeps the answers, so that a build that goes on asks nothing twice
    #[arg(long, value_name = "DIR", requires = "text_server")]
    pub text_cache: Option<PathBuf>,
    /// Go on with measured statements where the budget is spent or the server does not answer (default: stop)
    #[arg(long, requires = "text_server")]
    pub text_or_measured: bool,
}

/// Part of a dataset.
fn split(text: &str) -> Result<Split, String> {
    match text {
        "train" => Ok(Split::Train),
        "val" => Ok(Split::Val),
        _ => Err("expected train or val".into()),
    }
}

/// A percentage.
fn percent(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(v) if (0.0..=100.0).contains(&v) => Ok(v),
        _ => Err("expected a number from 0 to 100".into()),
    }
}
