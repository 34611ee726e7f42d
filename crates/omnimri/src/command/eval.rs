//! `omnimri eval`

use std::process::ExitCode;

use anyhow::Context;
use omnimri_eval::{Curves, EvalConfig, Event, evaluate, in_page, page, with_figures};
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
        Event::Looking(images) => {
            bar.set_message("scope");
            bar.inc_length(images as u64);
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
    if args.trust
        && let Some(dir) = &args.model.model
    {
        done.trust.write(dir)?;
    }
    if let Some(path) = &args.results {
        let name = args
            .config
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy();
        let old = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let new = in_page(&old, &name, &done.to_string()).with_context(|| {
            format!(
                "{}: expected the marks <!-- eval {name} --> and <!-- /eval {name} -->",
                path.display()
            )
        })?;
        write_beside(path, |out| out.write_all(new.as_bytes()))?;
    }
    if let Some(path) = &args.html {
        let curves = args.log.as_deref().map(Curves::read).transpose()?;
        let html = page(&done, curves.as_ref(), &engine);
        write_beside(path, |out| out.write_all(html.as_bytes()))?;
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
