//! `omnimri train`

use std::process::ExitCode;

use omnimri_train::{TrainConfig, train_until};

use crate::cli::Train;
use crate::output;

/// Trains a stage.
pub fn run(args: &Train) -> anyhow::Result<ExitCode> {
    let mut config = TrainConfig::read(&args.config)?;
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
