//! `omnimri ask`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use serde::Deserialize;

use crate::cli::Ask;
use crate::output;

/// One row of `--batch`.
#[derive(Debug, Deserialize)]
struct Row {
    id: String,
    image: PathBuf,
    question: String,
}

/// Answers one question or a file of them.
pub fn run(args: &Ask) -> anyhow::Result<ExitCode> {
    match (&args.batch, &args.input, &args.question) {
        (Some(file), _, _) => batch(args, file),
        (None, Some(input), Some(question)) => one(args, input, question),
        _ => anyhow::bail!("expected an input and a question, or --batch FILE"),
    }
}

fn one(args: &Ask, input: &Path, question: &str) -> anyhow::Result<ExitCode> {
    let options = super::read_options(&args.kspace)?;
    let engine = super::engine(&args.model)?;
    let looked = engine.look_at(input, &options)?;
    let reply = engine.ask(&looked, question, input)?;
    if args.json {
        let bbox = reply.answer.as_ref().and_then(|a| a.bbox);
        output::json(&serde_json::json!({
            "answer": reply.text, "probability": reply.probability, "box": bbox,
        }))?;
    } else {
        output::line(&reply.text)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Every distinct image is looked at once; a bad one fails its own questions only.
fn batch(args: &Ask, file: &Path) -> anyhow::Result<ExitCode> {
    let options = super::read_options(&args.kspace)?;
    let mut reader = csv::Reader::from_path(file).with_context(|| file.display().to_string())?;
    let rows: Vec<Row> = reader
        .deserialize()
        .collect::<Result<_, _>>()
        .with_context(|| format!("{}: expected CSV columns id,image,question", file.display()))?;
    let engine = super::engine(&args.model)?;
    let bar = super::counter(rows.len());
    let mut images: Vec<&PathBuf> = Vec::new();
    for row in &rows {
        if !images.contains(&&row.image) {
            images.push(&row.image);
        }
    }
    let mut failed = 0;
    for image in images {
        let looked = engine.look_at(image, &options);
        if let Err(error) = &looked {
            bar.suspend(|| eprintln!("omnimri: {error}"));
        }
        for row in rows.iter().filter(|r| &r.image == image) {
            bar.inc(1);
            let Ok(looked) = &looked else {
                failed += 1;
                continue;
            };
            let reply = engine.ask(looked, &row.question, image)?;
            output::line(serde_json::json!({
                "id": row.id, "answer": reply.text, "probability": reply.probability,
            }))?;
        }
    }
    bar.finish_and_clear();
    Ok(if failed > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
