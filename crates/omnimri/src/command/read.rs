//! `omnimri read`

use std::process::ExitCode;

use omnimri_report::result::TaskState;
use omnimri_workflow::{ReadOutcome, Staged};

use crate::cli::Read;
use crate::output;

/// Reads every input; 1 if some failed.
pub fn run(args: &Read) -> anyhow::Result<ExitCode> {
    let options = super::read_options(&args.kspace)?;
    // Refused before any work: a folder that cannot be written.
    drop(Staged::new(&args.out, "omnimri-probe")?);
    let engine = super::engine(&args.model)?;
    let bar = super::counter(args.inputs.len());
    let results = engine.read_many(
        &args.inputs,
        &args.out,
        &options,
        args.memory,
        |path, result| {
            bar.inc(1);
            let line = match result {
                Ok(outcome) => format!("{}: {}", path.display(), summary(outcome)),
                Err(error) => format!("omnimri: {error}"),
            };
            bar.suspend(|| eprintln!("{}", line.replace('\n', " ")));
        },
    );
    bar.finish_and_clear();
    let failed = results.iter().filter(|r| r.is_err()).count();
    if args.json {
        let all: Vec<_> = results.iter().flatten().flat_map(|o| &o.results).collect();
        output::json(&all)?;
    }
    eprintln!(
        "{} of {} inputs read into {}{}. Not a medical device.",
        results.len() - failed,
        results.len(),
        args.out.display(),
        if failed > 0 {
            format!("; {failed} failed, see above")
        } else {
            String::new()
        }
    );
    Ok(if failed > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// A few words on what was found.
fn summary(outcome: &ReadOutcome) -> String {
    let mut words = Vec::new();
    for r in &outcome.results {
        if r.status.values().any(|s| s.state == TaskState::OutOfScope) {
            words.push("out of scope".to_owned());
            continue;
        }
        words.extend(
            r.findings
                .iter()
                .map(|f| format!("{} ({:.2})", f.label.name(), f.probability)),
        );
        if r.findings.is_empty() {
            words.push(format!("{} structures outlined", r.anatomy.len()));
        }
    }
    format!("{} -> {}", words.join(", "), outcome.folder.display())
}
