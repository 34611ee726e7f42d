//! `omnimri plan`

use std::process::ExitCode;

use omnimri_train::{TrainConfig, plan};

use crate::cli::Plan;
use crate::output;

/// Says what a run takes.
pub fn run(args: &Plan) -> anyhow::Result<ExitCode> {
    let plan = plan::plan(&TrainConfig::read(&args.config)?)?;
    if args.json {
        output::json(&plan)?;
    } else {
        output::line(&plan)?;
    }
    Ok(ExitCode::SUCCESS)
}
