//! `omnimri ask`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use omnimri_workflow::Checked;
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
    match &reply.checked {
        Checked::Replaced { said } => eprintln!(
            "note: answered from masks, header and class heads; the language model said: {said}"
        ),
        Checked::Unchecked => {
            eprintln!("note: nothing that was measured speaks for or against this answer")
        }
        // Said beside the answer itself, or nothing to say.
        Checked::Independent | Checked::Unsure | Checked::Agrees | Checked::OutOfScope => {}
    }
    if args.json {
        output::json(&serde_json::json!({
            "answer": reply.text, "probability": reply.probability,
            "checked": reply.checked.name(), "note": reply.checked.note(), "box": reply.bbox,
        }))?;
    } else {
        output::line(&reply.text)?;
        if let Some(note) = reply.checked.note() {
            output::line(format_args!("({note})"))?;
        }
        if let Some([x0, y0, x1, y1]) = reply.bbox.as_deref() {
            output::line(format_args!(
                "box: x {x0:.0} to {x1:.0}, y {y0:.0} to {y1:.0} (pixels, ends exclusive)"
            ))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Every distinct image is looked at once; a bad one fails its own questions only. Answers come in the order of the rows.
fn batch(args: &Ask, file: &Path) -> anyhow::Result<ExitCode> {
    let options = super::read_options(&args.kspace)?;
    let rows = rows(file)?;
    let engine = super::engine(&args.model)?;
    let bar = super::counter(rows.len());
    let mut images: Vec<&PathBuf> = Vec::new();
    for row in &rows {
        if !images.contains(&&row.image) {
            images.push(&row.image);
        }
    }
    // A row is answered, failed, or still open; what is answered is printed as soon as all before it is done.
    let mut replies: Vec<Option<Option<String>>> = vec![None; rows.len()];
    let (mut failed, mut printed) = (0, 0);
    for image in images {
        let path = beside(file, image);
        let looked = engine.look_at(&path, &options);
        if let Err(error) = &looked {
            bar.suspend(|| output::problem(error));
        }
        for (row, reply) in rows
            .iter()
            .zip(&mut replies)
            .filter(|(r, _)| &r.image == image)
        {
            bar.inc(1);
            let said = looked
                .as_ref()
                .ok()
                .map(|looked| engine.ask(looked, &row.question, &path));
            let line = match said {
                Some(Ok(said)) => Some(serde_json::json!({
                    "id": row.id, "answer": said.text, "probability": said.probability,
                    "checked": said.checked.name(),
                    "note": said.checked.note(),
                })),
                Some(Err(error)) => {
                    bar.suspend(|| output::problem(format_args!("question {}: {error}", row.id)));
                    None
                }
                None => None,
            };
            failed += usize::from(line.is_none());
            *reply = Some(line.map(|l| l.to_string()));
        }
        while let Some(Some(reply)) = replies.get(printed) {
            if let Some(line) = reply {
                bar.suspend(|| output::line(line))?;
            }
            printed += 1;
        }
    }
    bar.finish_and_clear();
    if failed > 0 {
        output::problem(format_args!(
            "{failed} of {} questions have no answer, see above",
            rows.len()
        ));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Rows of a CSV with a header; a byte order mark and spaces around names do not matter.
fn rows(file: &Path) -> anyhow::Result<Vec<Row>> {
    let name = file.display();
    let bytes = std::fs::read(file)
        .with_context(|| format!("{name}: expected a CSV file with columns id,image,question"))?;
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(text);
    let header = reader.headers().cloned().unwrap_or_default();
    let found = header.iter().collect::<Vec<_>>().join(",");
    for column in ["id", "image", "question"] {
        anyhow::ensure!(
            header.iter().any(|h| h == column),
            "{name}: expected CSV columns id,image,question, found {found:?}; name them in the first line"
        );
    }
    reader
        .deserialize()
        .collect::<Result<_, _>>()
        .with_context(|| format!("{name}: expected a value of id,image,question in every line"))
}

/// An image as the CSV names it: from the working folder, or else from the CSV's own.
fn beside(file: &Path, image: &Path) -> PathBuf {
    match file.parent().map(|folder| folder.join(image)) {
        Some(path) if !image.exists() && path.exists() => path,
        _ => image.to_owned(),
    }
}
