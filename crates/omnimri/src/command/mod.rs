//! One file a command: arguments to a call of a library, results to text.

pub mod ask;
pub mod bids;
pub mod corpus;
pub mod demo;
pub mod eval;
pub mod info;
pub mod node;
pub mod plan;
pub mod read;
pub mod recon;
pub mod serve;
pub mod train;

use std::process::ExitCode;

use anyhow::Context;
use clap::CommandFactory;
use indicatif::{ProgressBar, ProgressStyle};
use omnimri_image::{KSpaceOptions, NpyData, OpenOptions, RawOptions, read_npy};
use omnimri_recon::ReconOptions;
use omnimri_workflow::{Engine, ReadOptions};

use crate::cli::{Cli, KSpaceArgs, ModelArg};

/// The model of the command line.
pub fn engine(model: &ModelArg) -> anyhow::Result<Engine> {
    Ok(match &model.model {
        Some(dir) => Engine::from_dir(dir)?,
        None => Engine::embedded()?,
    })
}

/// Options from the k-space arguments.
pub fn read_options(k: &KSpaceArgs) -> anyhow::Result<ReadOptions> {
    let kspace = KSpaceOptions {
        axes: k.axes.clone(),
        mask: k.mask.clone(),
    };
    let raw = RawOptions {
        array: k.array.clone(),
        trajectory: k.trajectory.clone(),
        matrix: k.matrix.clone(),
    };
    let open = OpenOptions {
        kspace,
        raw,
        ..OpenOptions::default()
    };
    let noise = match &k.noise {
        None => None,
        Some(path) => match read_npy(path, &open)?.data {
            NpyData::Complex32(values) => Some(values),
            _ => anyhow::bail!(
                "{}: expected a complex noise scan (coil x sample), found real numbers; save it as complex64",
                path.display()
            ),
        },
    };
    let recon = ReconOptions {
        lambda: k.lambda,
        noise,
        coils: k.coils,
        partial_fourier: k.partial_fourier,
        ..ReconOptions::default()
    };
    Ok(ReadOptions {
        open,
        method: k.method,
        recon,
        ..ReadOptions::default()
    })
}

/// A bar on stderr that counts inputs.
pub fn counter(n: usize) -> ProgressBar {
    let bar = ProgressBar::new(n as u64);
    if let Ok(style) = ProgressStyle::with_template(
        "[{elapsed_precise}] {wide_bar} {pos}/{len} (left {eta}) {msg}",
    ) {
        bar.set_style(style);
    }
    bar
}

/// Shell completions on stdout.
pub fn completions(shell: clap_complete::Shell) -> anyhow::Result<ExitCode> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "omnimri", &mut text);
    let text = String::from_utf8(text).context("completions")?;
    crate::output::line(text.trim_end())?;
    Ok(ExitCode::SUCCESS)
}
