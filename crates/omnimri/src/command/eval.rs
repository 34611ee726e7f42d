//! `omnimri eval`

use std::process::ExitCode;

use anyhow::Context;
use omnimri_eval::{EvalConfig, Event, evaluate, with_figures};
use omnimri_image::write_beside;

use crate::cli::Eval;
use crate::output;

/// Evaluates a model; 1 if some inputs could not be read.
pub fn run(args: &Eval) -> anyhow::Result<ExitCode> {
    let config = EvalConfig::read(&args.config)?;
    let engine = super::engine(&args.model)?;
    let bar = super::counter(0);
    let done = evaluate(&engine, &config, &|event| match event {
        Event::Set(set, inputs) => {
            bar.set_message(set.name());
            bar.inc_length(inputs as u64);
        }
        Event::Input => bar.inc(1),
        Event::Failed(_, reason) => {
            bar.suspend(|| eprintln!("omnimri: {reason}"));
        }
        _ => {}
    });
    bar.finish_and_clear();
    let done = done?;
    if args.card
        && let Some(dir) = &args.model.model
    {
        let path = dir.join("README.md");
        let card = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        write_beside(&path, |out| {
            out.write_all(with_figures(&card, &done).as_bytes())
        })?;
    }
    if args.json {
        output::json(&done)?;
    } else {
        output::line(&done)?;
    }
    let failed: usize = done.sets.iter().map(|s| s.failed.len()).sum();
    Ok(if failed > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
