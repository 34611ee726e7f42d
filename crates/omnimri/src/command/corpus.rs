//! `omnimri corpus`

use std::process::ExitCode;

use anyhow::Context;
use omnimri_corpus::card::{Card, CardOptions};
use omnimri_corpus::check::{CheckOptions, check_with};
use omnimri_corpus::filler::{Budget, OpenAi, OpenAiConfig, Otherwise};
use omnimri_corpus::harmonise::deidentify::{Dates, DeidentifyOptions, Key, deidentify_tree};
use omnimri_corpus::listing::{ListFilter, list, show};
use omnimri_corpus::load::{chosen, load};
use omnimri_corpus::stats::stats;
use omnimri_corpus::totals::catalogue_table;
use omnimri_corpus::{
    BuildOptions, BuildReport, MeasuredStatements, TextFiller, build_with, find, load_all,
};

use crate::cli::{Corpus, CorpusBuild, CorpusCommand, CorpusList, Deidentify, TextServer};
use crate::command::counter;
use crate::output;

/// Runs a command of the corpus.
pub fn run(args: &Corpus) -> anyhow::Result<ExitCode> {
    match &args.command {
        CorpusCommand::List(args) => print(args.json, &list(&filter(args)))?,
        CorpusCommand::Show { name, json } => print(*json, &show(name)?)?,
        CorpusCommand::Check {
            name,
            dir,
            allow_bad,
            json,
        } => {
            let options = CheckOptions {
                max_bad_share: allow_bad / 100.0,
                ..CheckOptions::default()
            };
            let report = check_with(find(name)?, dir, &options)?;
            print(*json, &report)?;
            if !report.is_sound() {
                return Ok(ExitCode::FAILURE);
            }
        }
        CorpusCommand::Build(args) => build_shards(args)?,
        CorpusCommand::Deidentify(args) => return deidentify(args),
        CorpusCommand::Stats {
            data: None, json, ..
        } => print(*json, &catalogue_table())?,
        CorpusCommand::Stats {
            data: Some(dir),
            out: Some(out),
            json,
        } => {
            // One dataset in memory at a time.
            let mut card = Card::new(CardOptions::default());
            for entry in chosen(dir, &[])? {
                let loaded = load(entry, &dir.join(entry.folder()), None)?;
                loaded.examples.iter().for_each(|e| card.add(e));
            }
            card.write(out)?;
            if *json {
                output::json(&card)?;
            } else {
                output::line(out.join("card.html").display())?;
            }
        }
        CorpusCommand::Stats {
            data: Some(dir),
            out: None,
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
    let model = text_filler(&args.text)?;
    let filler: &dyn TextFiller = match &model {
        Some(model) => model,
        None => &MeasuredStatements,
    };
    let bar = counter(0);
    let report = build_with(&options, filler, &mut |p| {
        bar.set_length(p.total);
        bar.set_position(p.done);
        bar.set_message(format!("{} {}, {:.1}/s", p.dataset, p.split, p.per_second));
    });
    bar.finish_and_clear();
    let report = BuildReport {
        text: model.map(|m| m.counts()),
        ..report?
    };
    print(args.json, &report)
}

/// The model that writes missing levels, if one is named.
fn text_filler(args: &TextServer) -> anyhow::Result<Option<OpenAi>> {
    let (Some(address), Some(model)) = (&args.text_server, &args.text_model) else {
        return Ok(None);
    };
    let config = OpenAiConfig {
        key_variable: args.text_key.clone(),
        cache: args.text_cache.clone(),
        budget: Budget {
            max_requests: args.text_budget,
            // Requests are what is bounded here: each one's tokens are.
            max_tokens: u64::MAX,
        },
        otherwise: if args.text_or_measured {
            Otherwise::Measured
        } else {
            Otherwise::Stop
        },
        ..OpenAiConfig::new(address, model)
    };
    Ok(Some(OpenAi::new(config)?))
}

/// De-identifies a folder; exit code 1 where a person should look.
fn deidentify(args: &Deidentify) -> anyhow::Result<ExitCode> {
    let key = match &args.key {
        Some(path) => {
            let secret =
                std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
            Key::from_secret(&secret)?
        }
        None => Key::random()?,
    };
    let options = DeidentifyOptions {
        dates: if args.shift_dates {
            Dates::Shift
        } else {
            Dates::Remove
        },
        patient_characteristics: args.keep_characteristics,
        descriptors: args.keep_descriptors,
    };
    let report = deidentify_tree(&args.input, &args.output, &key, &options)?;
    print(args.json, &report)?;
    Ok(if report.is_clear() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn print<T: serde::Serialize + std::fmt::Display>(json: bool, value: &T) -> anyhow::Result<()> {
    if json {
        output::json(value)
    } else {
        output::line(value)
    }
}
