//! Builds shards and tells what is in them, for comparison with other tools and for timing.
//!
//! ```text
//! shards miniature DIR NAME...             a made-up copy of each dataset's layout below DIR
//! shards build DATA OUT THREADS NAME...    builds, both splits, and prints the report as JSON
//! shards fill DATA OUT URL MODEL REQUESTS stop|measured CACHE NAME...
//!                                          builds with a model behind an OpenAI-compatible address; CACHE - for none
//! shards dump OUT SPLIT                    one JSON line a record; pixels as SHA-256
//! shards blocks OUT SPLIT SEED N MIB       decodes N shuffled blocks and prints rows, pixels and seconds
//! ```

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use omnimri_corpus::catalogue::Use;
use omnimri_corpus::filler::{Budget, OpenAi, OpenAiConfig};
use omnimri_corpus::miniature::write_miniature;
use omnimri_corpus::shard::Record;
use omnimri_corpus::{BuildOptions, BuildReport, ShardSet, Split, build, build_with, find};
use serde_json::json;
use sha2::{Digest, Sha256};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["miniature", dir, names @ ..] => miniature(Path::new(dir), names),
        ["build", data, out, threads, names @ ..] => run(data, out, threads, names),
        [
            "fill",
            data,
            out,
            url,
            model,
            requests,
            otherwise,
            cache,
            names @ ..,
        ] => fill(data, out, [url, model, requests, otherwise, cache], names),
        ["dump", out, split] => dump(out, split),
        ["blocks", out, split, seed, n, mib] => blocks(out, split, seed, n, mib),
        _ => Err("usage: shards miniature|build|fill|dump|blocks ...".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn miniature(dir: &Path, names: &[&str]) -> Outcome<()> {
    for name in names {
        let entry = find(name)?;
        write_miniature(entry, &dir.join(entry.folder()))?;
    }
    Ok(())
}

fn run(data: &str, out: &str, threads: &str, names: &[&str]) -> Outcome<()> {
    let report = build(&BuildOptions {
        names: names.iter().map(|n| (*n).to_owned()).collect(),
        threads: Some(threads.parse()?),
        ..BuildOptions::new(data, out, Use::Unclear)
    })?;
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&report)?)?;
    Ok(())
}

fn fill(data: &str, out: &str, filler: [&str; 5], names: &[&str]) -> Outcome<()> {
    let [url, model, requests, otherwise, cache] = filler;
    let filler = OpenAi::new(OpenAiConfig {
        budget: Budget {
            max_requests: requests.parse()?,
            ..Budget::default()
        },
        otherwise: serde_json::from_value(otherwise.into())?,
        cache: (cache != "-").then(|| cache.into()),
        ..OpenAiConfig::new(url, model)
    })?;
    let options = BuildOptions {
        names: names.iter().map(|n| (*n).to_owned()).collect(),
        ..BuildOptions::new(data, out, Use::Unclear)
    };
    let report = build_with(&options, &filler, &mut |_| {})?;
    let report = BuildReport {
        text: Some(filler.counts()),
        ..report
    };
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&report)?)?;
    Ok(())
}

fn split_of(name: &str) -> Outcome<Split> {
    Ok(serde_json::from_value(name.into())?)
}

fn dump(out: &str, split: &str) -> Outcome<()> {
    let set = ShardSet::open(out, split_of(split)?)?;
    set.verify()?;
    let mut stdout = std::io::stdout().lock();
    for record in set.records(256 << 20) {
        writeln!(stdout, "{}", told(&record?))?;
    }
    Ok(())
}

fn told(record: &Record) -> serde_json::Value {
    let e = &record.example;
    let digest = |bytes: &[u8]| {
        let digest = Sha256::digest(bytes);
        digest
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect::<String>()
    };
    let sentences = &record.description.sentences;
    json!({
        "id": e.id,
        "dataset": e.dataset,
        "subject": e.subject,
        "split": e.split,
        "licence": record.licence,
        "size": [e.image.size.z, e.image.size.y, e.image.size.x],
        "native_size": [e.image.native_size.z, e.image.native_size.y, e.image.native_size.x],
        "spacing_mm": e.image.spacing_mm.map(|s| [s.z, s.y, s.x]),
        "window": e.image.window,
        "peak": e.image.peak,
        "slices_sha256": digest(&e.image.voxels),
        "labels_sha256": e.labels.as_deref().map(digest),
        "annotated": e.annotated,
        "boxes": e.boxes,
        "classes": e.classes,
        "acquisition": e.acquisition,
        "texts": e.texts,
        "questions": e.questions,
        "description": sentences,
    })
}

fn blocks(out: &str, split: &str, seed: &str, n: &str, mib: &str) -> Outcome<()> {
    let set = ShardSet::open(out, split_of(split)?)?;
    let (seed, n, mib): (u64, u64, u64) = (seed.parse()?, n.parse()?, mib.parse()?);
    let clock = Instant::now();
    let (mut rows, mut bytes) = (0, 0);
    for k in 0..n {
        for e in set.block(seed, k, mib << 20)? {
            rows += 1;
            bytes += e.image.voxels.len() + e.labels.map_or(0, |l| l.len());
        }
    }
    let seconds = clock.elapsed().as_secs_f64();
    let line = json!({ "rows": rows, "bytes": bytes, "seconds": seconds });
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}
