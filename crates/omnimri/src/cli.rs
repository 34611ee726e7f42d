//! The command line: stable, tests and users rely on it. `corpus` and what listens have files of their own.

mod corpus;
mod network;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use omnimri_recon::Method;
use omnimri_recon::partial_fourier::PartialFourier;

pub use corpus::{Corpus, CorpusBuild, CorpusCommand, CorpusList, Deidentify, TextServer};
pub use network::{Node, Serve};

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

/// `4G`, `500M`, `1048576`.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
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
