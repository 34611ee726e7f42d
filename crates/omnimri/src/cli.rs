//! The command line: stable, tests and users rely on it.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use omnimri_corpus::Split;
use omnimri_corpus::catalogue::{AccessKind, Kind, Use, Verified};
use omnimri_recon::Method;
use omnimri_recon::partial_fourier::PartialFourier;

/// MRI from k-space to a checked report: one model, one program, offline. Not a medical device.
#[derive(Debug, Parser)]
#[command(
    name = "omnimri",
    version,
    arg_required_else_help = true,
    after_help = "Examples:\n  omnimri demo\n  omnimri read scan.nii.gz --out results\n  omnimri ask brain.jpg \"Is there a tumour?\"\n  omnimri recon kspace.npy --axes coil,x,y --out image.nii.gz\n\nNot a medical device; for research only."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The whole workflow on a built-in simulated scan
    Demo(Demo),
    /// The whole workflow on k-space, DICOM, NIfTI or image files
    Read(Read),
    /// A BIDS dataset to BIDS derivatives, with the command line of a BIDS App
    Bids(Bids),
    /// One question about an input, the answer on stdout
    Ask(Ask),
    /// K-space to image
    Recon(Recon),
    /// Datasets: what exists, how to get it, is a folder sound
    Corpus(Corpus),
    /// Train a stage from a configuration
    Train(Train),
    /// Parameters, memory and time of a run before it begins
    Plan(Plan),
    /// Evaluate on a labelled split
    Eval(Eval),
    /// HTTP interface on this machine
    Serve(Serve),
    /// DICOM node: studies in over the network, results out
    Node(Node),
    /// What a file or a model is
    Info(Info),
    /// Shell completions on stdout
    #[command(
        after_help = "Example:\n  omnimri completions bash > ~/.local/share/bash-completion/completions/omnimri"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Which model.
#[derive(Debug, Args)]
pub struct ModelArg {
    /// Checkpoint folder (default: the embedded nano model)
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
}

/// How k-space is understood.
#[derive(Debug, Args)]
pub struct KSpaceArgs {
    /// Reconstruction of k-space: auto, zero-filled, sense, grappa, l1-wavelet, tv, omnimri
    #[arg(long, default_value = "auto", value_parser = method)]
    pub method: Method,
    /// Sampling mask (.npy, one for measured), where zeros do not tell
    #[arg(long, value_name = "FILE")]
    pub mask: Option<PathBuf>,
    /// Names of the array's axes, for example coil,x,y
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub axes: Option<Vec<String>>,
    /// Coordinates of samples along a trajectory (.npy, last axis the image axes), in cycles per field of view
    #[arg(long, value_name = "FILE", requires = "matrix")]
    pub trajectory: Option<PathBuf>,
    /// Image matrix for a trajectory, in the order of its coordinates
    #[arg(long, value_name = "N,N", value_delimiter = ',')]
    pub matrix: Vec<usize>,
    /// Which array of a file that holds several
    #[arg(long, value_name = "NAME")]
    pub array: Option<String>,
    /// Noise scan (.npy, coil x sample) for prewhitening; by default the file's own, if it has one
    #[arg(long, value_name = "FILE")]
    pub noise: Option<PathBuf>,
    /// Regularisation weight (default: from the noise level)
    #[arg(long, value_name = "L")]
    pub lambda: Option<f32>,
    /// Compress to this many virtual coils before solving
    #[arg(long, value_name = "N")]
    pub coils: Option<usize>,
    /// The side of k-space that was not measured: none, homodyne, pocs
    #[arg(long, value_name = "WAY", default_value = "none", value_parser = partial_fourier)]
    pub partial_fourier: PartialFourier,
}

fn partial_fourier(name: &str) -> Result<PartialFourier, String> {
    name.parse()
        .map_err(|e: omnimri_recon::Error| e.to_string())
}

fn method(name: &str) -> Result<Method, String> {
    name.parse()
        .map_err(|e: omnimri_recon::Error| e.to_string())
}

/// `demo`
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  omnimri demo --out results")]
pub struct Demo {
    /// Where results go
    #[arg(long, value_name = "DIR", default_value = "omnimri-results")]
    pub out: PathBuf,
    /// Seed of the simulation
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The model.
    #[command(flatten)]
    pub model: ModelArg,
}

/// `read`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  omnimri read scan.nii.gz --out results\n  omnimri read study/ slices/*.png --out results --memory 4G\n  omnimri read kspace.npy --axes coil,x,y --method sense --out results\n  omnimri read study/ --out results --dicom --bids"
)]
pub struct Read {
    /// Files or folders: NIfTI, MetaImage, NRRD, DICOM, PNG, JPEG, k-space (ISMRMRD, fastMRI, TWIX, cfl, npy)
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// Where results go, a folder an input
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Memory that inputs read at the same time may take
    #[arg(long, value_name = "SIZE", default_value = "4G", value_parser = bytes)]
    pub memory: u64,
    /// Results as JSON on stdout too
    #[arg(long)]
    pub json: bool,
    /// DICOM too, for DICOM inputs: segmentation (binary unless told =labelmap), reports, key images; and FHIR
    #[arg(long, value_enum, value_name = "KIND", num_args = 0..=1, require_equals = true, default_missing_value = "binary")]
    pub dicom: Option<Segmentation>,
    /// Root of new DICOM UIDs (default: 2.25, with a UUID)
    #[arg(long, value_name = "UID", requires = "dicom")]
    pub uid_root: Option<String>,
    /// BIDS derivatives too, in bids/ of each result
    #[arg(long)]
    pub bids: bool,
    /// K-space.
    #[command(flatten)]
    pub kspace: KSpaceArgs,
    /// The model.
    #[command(flatten)]
    pub model: ModelArg,
}

/// How a DICOM segmentation stores its voxels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Segmentation {
    /// A bit a voxel, a frame for each segment of a slice
    Binary,
    /// A byte a voxel, a frame a slice (of the standard since 2024)
    Labelmap,
}

/// `bids`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  omnimri bids data/ds001 derivatives participant\n  omnimri bids data/ds001 derivatives participant --participant-label 01 02"
)]
pub struct Bids {
    /// The BIDS dataset; its anatomical images are read
    #[arg(value_name = "BIDS_DIR")]
    pub dataset: PathBuf,
    /// Where the derivatives go
    #[arg(value_name = "OUT")]
    pub out: PathBuf,
    /// Each participant by itself
    #[arg(value_enum, value_name = "LEVEL")]
    pub level: BidsLevel,
    /// Only these participants, with or without sub-
    #[arg(long, alias = "participant_label", value_name = "LABEL", num_args = 1..)]
    pub participant_label: Vec<String>,
    /// The model.
    #[command(flatten)]
    pub model: ModelArg,
}

/// Levels of analysis of a BIDS App.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum BidsLevel {
    /// Each participant by itself
    Participant,
}

/// A file whose name says which kind of image to write.
fn image_file(name: &str) -> Result<PathBuf, String> {
    let lower = name.to_lowercase();
    if [".npy", ".nii", ".nii.gz", ".png", ".cfl"]
        .iter()
        .any(|e| lower.ends_with(e))
    {
        Ok(PathBuf::from(name))
    } else {
        Err("expected a name that ends in .npy, .nii, .nii.gz, .cfl or .png".to_owned())
    }
}

/// A number of days, parts of one included.
fn days(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(days) if (0.0..=36_500.0).contains(&days) => Ok(days),
        _ => Err("expected a number of days, such as 30".into()),
    }
}

/// `4G`, `500M`, `1048576`.
fn bytes(text: &str) -> Result<u64, String> {
    let (digits, unit) = text.split_at(
        text.find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len()),
    );
    let shift = match unit
        .to_ascii_uppercase()
        .trim_end_matches("IB")
        .trim_end_matches('B')
    {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        _ => return Err(format!("expected a size such as 4G or 500M, found {text}")),
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(1 << shift))
        .filter(|n| *n > 0)
        .ok_or_else(|| format!("expected a size such as 4G or 500M, found {text}"))
}

/// `ask`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  omnimri ask brain.jpg \"Which plane is this?\"\n  omnimri ask --batch questions.csv > answers.jsonl"
)]
pub struct Ask {
    /// The image
    #[arg(required_unless_present = "batch", value_name = "INPUT")]
    pub input: Option<PathBuf>,
    /// The question
    #[arg(required_unless_present = "batch", value_name = "QUESTION")]
    pub question: Option<String>,
    /// CSV with columns id,image,question; a JSON line {id, answer, probability, checked, note} a question on stdout
    #[arg(long, value_name = "FILE", conflicts_with_all = ["input", "question"])]
    pub batch: Option<PathBuf>,
    /// The answer as JSON
    #[arg(long)]
    pub json: bool,
    /// K-space.
    #[command(flatten)]
    pub kspace: KSpaceArgs,
    /// The model.
    #[command(flatten)]
    pub model: ModelArg,
}

/// `recon`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  omnimri recon kspace.npy --axes coil,x,y --out image.nii.gz\n  omnimri recon kspace.npy --axes coil,x,y --mask mask.npy --method sense --out image.npy\n  omnimri recon scan.h5 --out image.nii.gz\n  omnimri recon meas.dat --part complex --out image.cfl\n  omnimri recon radial.npy --axes coil,readout,sample --trajectory coord.npy --matrix 256,256 --out image.nii.gz"
)]
pub struct Recon {
    /// K-space: ISMRMRD or fastMRI (.h5), Siemens TWIX (.dat), BART (.cfl), MATLAB v7.3 (.mat), .npy, .npz
    #[arg(value_name = "INPUT")]
    pub input: PathBuf,
    /// Image: .nii.gz, .nii, .npy, .cfl or .png
    #[arg(long, value_name = "FILE", value_parser = image_file)]
    pub out: PathBuf,
    /// What of the complex image to write
    #[arg(long, value_enum, default_value_t = Part::Magnitude)]
    pub part: Part,
    /// Also a map of the noise's standard deviation (pseudo-replicas), of a 2D scan
    #[arg(long, value_name = "FILE", value_parser = image_file)]
    pub uncertainty: Option<PathBuf>,
    /// Noise replicas of the map
    #[arg(long, value_name = "N", default_value_t = 32, requires = "uncertainty")]
    pub replicas: usize,
    /// The frames of every slice together, as a dynamic series of locally low rank
    #[arg(long, conflicts_with_all = ["method", "uncertainty"])]
    pub dynamic: bool,
    /// Memory that reconstruction may take; a scan that needs more is refused
    #[arg(long, value_name = "SIZE", default_value = "4G", value_parser = bytes)]
    pub memory: u64,
    /// K-space.
    #[command(flatten)]
    pub kspace: KSpaceArgs,
    /// The model.
    #[command(flatten)]
    pub model: ModelArg,
}

/// Parts of a complex image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// Root sum of squares of the coil images
    Magnitude,
    /// Magnitude with phase
    Complex,
    /// Phase in radians
    Phase,
}

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

/// `train`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  omnimri train --from models/nano --data my_corpus\n  omnimri train --from models/nano --data my_images --label glioma --out my_model\n  omnimri train --config configs/nano/stage1.toml\n  omnimri train --config configs/nano/stage1.toml --resume\n  omnimri train --config my.toml --resume=models/nano"
)]
pub struct Train {
    /// The run
    #[arg(long, value_name = "FILE", required_unless_present = "from")]
    pub config: Option<PathBuf>,
    /// Fine-tune this checkpoint folder on --data, with choices by what is there
    #[arg(long, value_name = "DIR", conflicts_with_all = ["config", "resume", "stop_after"], requires = "data")]
    pub from: Option<PathBuf>,
    /// Your corpus: shards, datasets of the catalogue, nnU-Net or Decathlon, or images with masks
    #[arg(long, value_name = "DIR|URL", requires = "from")]
    pub data: Option<PathBuf>,
    /// Where state, configuration and weights go
    #[arg(long, value_name = "DIR", default_value = "omnimri-trained")]
    pub out: PathBuf,
    /// What masks outline: a term, or VALUE=TERM for each value (repeat it)
    #[arg(long = "label", value_name = "TERM", requires = "from")]
    pub labels: Vec<String>,
    /// Steps of a fine-tuning (default: by the size of the corpus)
    #[arg(long, value_name = "N", requires = "from", value_parser = clap::value_parser!(u64).range(1..))]
    pub steps: Option<u64>,
    /// Seed of a fine-tuning
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Go on from the run's saved state, or (with =DIR) from published weights with fresh moments
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true)]
    pub resume: Option<Option<PathBuf>>,
    /// Stop after this step with the state saved
    #[arg(long, value_name = "STEP")]
    pub stop_after: Option<u64>,
}

/// `plan`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  omnimri plan --config configs/nano/dense.toml\n  omnimri plan --config configs/large/stage4.toml --json"
)]
pub struct Plan {
    /// The run
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// `eval`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  omnimri eval --config configs/eval/val.toml --html eval.html\n  omnimri eval --config configs/eval/scope.toml --model models/nano --trust --card"
)]
pub struct Eval {
    /// What to evaluate
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// The table as JSON
    #[arg(long)]
    pub json: bool,
    /// A page with plots and with pictures of the best and worst cases (they show the data)
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Log of a training run (log.jsonl), whose learning curves the page shows
    #[arg(long, value_name = "FILE", requires = "html")]
    pub log: Option<PathBuf>,
    /// Write the table into this page, between the marks <!-- eval NAME --> and <!-- /eval NAME --> of the configuration's name
    #[arg(long, value_name = "FILE")]
    pub results: Option<PathBuf>,
    /// Write what was fitted (calibration, or the gate of unlike images) into trust.json of --model
    #[arg(long, requires = "model")]
    pub trust: bool,
    /// Write the figures into the model card (README.md) of --model
    #[arg(long, requires = "model")]
    pub card: bool,
    /// The model.
    #[command(flatten)]
    pub model: ModelArg,
}

/// `serve`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  omnimri serve\n  omnimri serve --listen 127.0.0.1:9000 --data /srv/omnimri --keep 30\n  \
                  omnimri serve --listen 0.0.0.0:8443 --tokens tokens.txt --tls-cert cert.pem --tls-key key.pem\n  \
                  curl -F file=@scan.nii.gz http://127.0.0.1:8080/v1/jobs\n\n\
                  A file of tokens has lines of ROLE NAME TOKEN; roles are read, write and admin.\n\
                  Jobs that were running when the program ended are read again at the next start."
)]
pub struct Serve {
    /// Address; one that other machines reach needs --tokens and TLS
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: std::net::SocketAddr,
    /// Folder of the store: jobs, results, audit log; one server a folder
    #[arg(long, value_name = "DIR", default_value = "omnimri-data")]
    pub data: PathBuf,
    /// The model.
    #[command(flatten)]
    pub model: ModelArg,
    /// Remove ended jobs after so many days, overwriting their files
    #[arg(long, value_name = "DAYS", value_parser = days)]
    pub keep: Option<f64>,
    /// File of tokens; without it everyone who reaches the address may do everything
    #[arg(long, value_name = "FILE")]
    pub tokens: Option<PathBuf>,
    /// Chain of certificates (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Private key of the certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Serve other machines without tokens or TLS: something else keeps strangers out
    #[arg(long)]
    pub insecure: bool,
    /// Jobs read at the same time
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64).map(usize::from))]
    pub workers: usize,
    /// Jobs that may wait; one more is answered 429
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub queue: usize,
    /// Requests a second from one client on average; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub rate: u32,
    /// Largest file
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = bytes)]
    pub max_file: u64,
    /// Memory that all readers together may need
    #[arg(long, value_name = "SIZE", default_value = "8G", value_parser = bytes)]
    pub memory: u64,
    /// Seconds that running jobs may go on once the server is told to stop
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub grace: u64,
}

/// `node`
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  omnimri node --data node-data --config node.toml\n\nThe configuration is explained in docs/node.md. What is given here overrides it."
)]
pub struct Node {
    /// Address of the DICOM listener; only this machine unless told otherwise
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<std::net::SocketAddr>,
    /// Application Entity title
    #[arg(long, value_name = "TITLE")]
    pub aet: Option<String>,
    /// Folder for everything that is received and made
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Peers, callers, selection of series, TLS, DICOMweb (TOML)
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The model.
    #[command(flatten)]
    pub model: ModelArg,
}

/// `info`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  omnimri info scan.nii.gz\n  omnimri info models/nano --json\n  omnimri info nano"
)]
pub struct Info {
    /// A file, a DICOM folder, a checkpoint folder, or nano for the embedded model
    #[arg(value_name = "FILE|MODEL")]
    pub path: PathBuf,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// Names of the axes of a k-space array
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub axes: Option<Vec<String>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_are_read() {
        assert_eq!(bytes("4G").unwrap(), 4 << 30);
        assert_eq!(bytes("500MiB").unwrap(), 500 << 20);
        assert!(bytes("0").is_err() && bytes("4X").is_err() && bytes("99999999999G").is_err());
    }
}
