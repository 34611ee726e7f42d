//! `omnimri corpus`

use std::process::ExitCode;

use omnimri_corpus::listing::{ListFilter, list, show};
use omnimri_corpus::stats::stats;
use omnimri_corpus::totals::catalogue_table;
use omnimri_corpus::{BuildOptions, MeasuredStatements, build_with, check, find, load_all};

use crate::cli::{Corpus, CorpusBuild, CorpusCommand, CorpusList};
use crate::command::counter;
use crate::output;

/// Runs a command of the corpus.
pub fn run(args: &Corpus) -> anyhow::Result<ExitCode> {
    match &args.command {
        CorpusCommand::List(args) => print(args.json, &list(&filter(args)))?,
        CorpusCommand::Show { name, json } => print(*json, &show(name)?)?,
        CorpusCommand::Check { name, dir, json } => {
            let report = check::check(find(name)?, dir)?;
            print(*json, &report)?;
            if !report.is_sound() {
                return Ok(ExitCode::FAILURE);
            }
        }
        CorpusCommand::Build(args) => build_shards(args)?,
        CorpusCommand::Stats { data: None, json } => print(*json, &catalogue_table())?,
        CorpusCommand::Stats {
            data: Some(dir),
            json,
        } => {
            print(*json, &stats(&load_all(dir, &[], None)?.examples))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn filter(args: &CorpusList) -> ListFilter {
    ListFilter {
        kind: args.kind,
        anatomy: args.anatomy.clone(),
        task: args.task.clone(),
        admits: args.allow,
        access: args.access,
        verified: args.verified,
        kspace_only: args.kspace,
        readable_only: args.readable,
        words: args.words.clone(),
    }
}

/// Builds with a bar on stderr, and prints the report.
fn build_shards(args: &CorpusBuild) -> anyhow::Result<()> {
    let options = BuildOptions {
        names: args.names.clone(),
        split: args.split,
        max_side: args.max_side.map(|n| n as usize),
        memory_bytes: args.memory,
        shard_bytes: args.shard_size,
        ..BuildOptions::new(&args.data, &args.out, args.allow)
    };
    let bar = counter(0);
    let report = build_with(&options, &MeasuredStatements, &mut |p| {
        bar.set_length(p.total);
        bar.set_position(p.done);
        bar.set_message(format!("{} {}, {:.1}/s", p.dataset, p.split, p.per_second));
    });
    bar.finish_and_clear();
    print(args.json, &report?)
}

fn print<T: serde::Serialize + std::fmt::Display>(json: bool, value: &T) -> anyhow::Result<()> {
    if json {
        output::json(value)
    } else {
        output::line(value)
    }
}
