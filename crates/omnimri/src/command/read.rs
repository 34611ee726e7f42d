//! `omnimri read`

use std::process::ExitCode;

use omnimri_report::dicom::{SegmentationType, Uids};
use omnimri_report::result::TaskState;
use omnimri_workflow::{DicomOptions, Error, FormatOptions, ReadOutcome, Staged};

use crate::cli::{Read, Segmentation};
use crate::output;

/// Reads every input; 1 if some failed.
pub fn run(args: &Read) -> anyhow::Result<ExitCode> {
    let mut options = super::read_options(&args.kspace)?;
    options.open.max_voxels = options.open.max_voxels.min(voxels_within(args.memory));
    options.formats = formats(args)?;
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
            bar.suspend(|| match result {
                Ok(outcome) => {
                    let line = format!("{}: {}", path.display(), summary(outcome));
                    eprintln!("{}", output::one_line(&line));
                }
                Err(error) if is_too_large(error) => {
                    output::problem(format_args!("{error}; a sound one needs more --memory"));
                }
                Err(error) => output::problem(error),
            });
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

/// What to write besides the report; a bad root of UIDs is refused before any work.
fn formats(args: &Read) -> anyhow::Result<FormatOptions> {
    Uids::random(args.uid_root.as_deref())?;
    let dicom = args.dicom.map(|kind| DicomOptions {
        segmentation: match kind {
            Segmentation::Binary => SegmentationType::Binary,
            Segmentation::Labelmap => SegmentationType::LabelMap,
        },
        uid_root: args.uid_root.clone(),
    });
    Ok(FormatOptions {
        dicom,
        bids: args.bids,
    })
}

/// Bytes that a voxel takes while it is read: as stored, as a float, logits of the masks, labels.
const BYTES_A_VOXEL: u64 = 24;

/// Most voxels of one input.
fn voxels_within(memory: u64) -> usize {
    usize::try_from(memory / BYTES_A_VOXEL)
        .unwrap_or(usize::MAX)
        .max(1 << 20)
}

fn is_too_large(error: &Error) -> bool {
    matches!(error, Error::Image(omnimri_image::Error::TooLarge { .. }))
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
