//! `omnimri train`

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use omnimri_train::{FineTune, TrainConfig, train_until};

use crate::cli::Train;
use crate::output;

/// Trains a stage, or fine-tunes on a user's own corpus.
pub fn run(args: &Train) -> anyhow::Result<ExitCode> {
    match (&args.from, &args.data) {
        (Some(from), Some(data)) => fine_tune(args, from, data),
        _ => stage(args),
    }
}

fn stage(args: &Train) -> anyhow::Result<ExitCode> {
    let path = args.config.as_deref().context("--config is missing")?;
    let mut config = TrainConfig::read(path)?;
    let resume = match &args.resume {
        None => false,
        Some(None) => true,
        Some(Some(weights)) => {
            config.start = Some(weights.clone());
            false
        }
    };
    let stop = args.stop_after.unwrap_or(u64::MAX);
    let summary = train_until(&config, resume, stop)?;
    output::line(format_args!(
        "stage {}: {} steps, {} slices in {:.0} s; weights in {}",
        config.stage,
        summary.steps,
        summary.slices,
        summary.seconds,
        config.out.join("export").display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn fine_tune(args: &Train, from: &Path, data: &Path) -> anyhow::Result<ExitCode> {
    let prepared = FineTune {
        from: from.to_owned(),
        data: data.to_owned(),
        out: args.out.clone(),
        labels: args.labels.clone(),
        steps: args.steps,
        seed: args.seed,
    }
    .prepare()?;
    for line in &prepared.told {
        eprintln!("omnimri train: {line}");
    }
    let config = args.out.join("config.toml");
    eprintln!(
        "omnimri train: all choices are in {0}; to go on after a stop: omnimri train --config {0} --resume",
        config.display()
    );
    let done = prepared.run()?;
    let held_out = match done.dice {
        Some((before, after)) => format!(
            "; mean Dice on {} held-out examples {before:.3} before, {after:.3} after",
            done.n_held_out
        ),
        None => "; nothing is held out, so nothing says how good it is".to_owned(),
    };
    output::line(format_args!(
        "{} steps, {} slices in {:.0} s{held_out}; weights in {}",
        done.summary.steps,
        done.summary.slices,
        done.summary.seconds,
        args.out.join("export").display()
    ))?;
    Ok(ExitCode::SUCCESS)
}
