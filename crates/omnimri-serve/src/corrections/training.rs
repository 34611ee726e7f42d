//! Corrections as training data: a zip with the image, the corrected labels, the original prediction, and who said what when.
//!
//! Whoever corrected a prediction saw it first, so the labels lean towards the model: they may teach it, they may not judge it.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use omnimri_image::write_label_map;
use serde_json::{Value, json};
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::mask::{self, LABELS};
use super::store::{VERSION, Versions};
use super::version::{Entry, State, Version};
use crate::reply::Refusal;

/// Its presence says that nothing in this folder may be validated with.
const MARKER: &str = "NEVER_IN_VALIDATION";
const MARKER_TEXT: &str = "These labels are corrections of a model's own prediction, made by a person who saw it.\n\
     Use them for training only: never in a validation or test split, of this model or another.\n";

/// Writes the zip into a temporary folder, which holds it as long as it is kept.
///
/// # Errors
/// [`Refusal::Conflict`] while there is no correction.
pub(super) fn zipped(versions: &Versions, name: &str) -> Result<(TempDir, PathBuf), Refusal> {
    let all = versions.list()?;
    let last = match all.last() {
        Some(last) if last.number > 0 => last,
        _ => {
            return Err(Refusal::Conflict(
                "expected a corrected result, found only the prediction".into(),
            ));
        }
    };
    let io = |e: io::Error| Refusal::of_io("write the training data", &e);
    let folder = TempDir::with_prefix_in(".training-", &versions.folder).map_err(io)?;
    let path = folder.path().join("training.zip");
    let mut zip = ZipWriter::new(File::create_new(&path).map_err(io)?);
    let result = std::fs::read(versions.series.join("result.json")).map_err(io)?;
    let result: Value =
        serde_json::from_slice(&result).map_err(|e| Refusal::Internal(e.to_string()))?;
    put(&mut zip, MARKER, MARKER_TEXT.as_bytes())?;
    let predicted = mask::predicted(&versions.series)?;
    put_file(&mut zip, "image.nii.gz", &predicted.image)?;
    // The labels that stand: the last painted ones, else the predicted ones.
    let painted = last
        .segmentation
        .as_ref()
        .map(|name| versions.at(last.number).join(name));
    if let Some(labels) = painted.or_else(|| predicted.labels.clone()) {
        let mut map = mask::read_labels(&labels, &predicted.image, versions.max_voxels)?;
        let rejected = rejected(last);
        for label in &mut map.labels {
            if rejected.contains(label) {
                *label = 0;
            }
        }
        let corrected = folder.path().join(LABELS);
        write_label_map(&corrected, &map).map_err(|e| Refusal::Internal(e.to_string()))?;
        put_file(&mut zip, "labels.nii.gz", &corrected)?;
    }
    put(
        &mut zip,
        "record.json",
        &pretty(&record(name, &result, last))?,
    )?;
    if let Some(labels) = &predicted.labels {
        let name = if labels.ends_with(LABELS) {
            LABELS
        } else {
            "segmentation.png"
        };
        put_file(&mut zip, &format!("prediction/{name}"), labels)?;
    }
    put(&mut zip, "prediction/result.json", &pretty(&result)?)?;
    for version in all.iter().filter(|v| v.number > 0) {
        let from = versions.at(version.number);
        for file in [VERSION, LABELS] {
            if from.join(file).is_file() {
                put_file(
                    &mut zip,
                    &format!("versions/{:04}/{file}", version.number),
                    &from.join(file),
                )?;
            }
        }
    }
    zip.finish().map_err(|e| packing(&e))?;
    Ok((folder, path))
}

/// What the zip holds, for programs.
fn record(name: &str, result: &Value, last: &Version) -> Value {
    let stands = last.findings.iter().filter(|f| f.state != State::Rejected);
    let label = |f: &Entry| Some(json!({ "value": f.value?, "label": f.label, "state": f.state }));
    let labels: Vec<Value> = stands.filter_map(label).collect();
    json!({
        "schema": "omnimri.correction/1",
        "name": name,
        "split": "train",
        "never_in_validation": true,
        "why": "corrected by a person who saw the prediction",
        "input": result["input"],
        "model": result["model"],
        "version": last.number,
        "author": last.author,
        "when": last.when,
        "report_accepted": last.accepted,
        "labels": labels,
        "findings": last.findings,
    })
}

/// Label values of findings that were rejected.
fn rejected(version: &Version) -> Vec<u8> {
    let found = version
        .findings
        .iter()
        .filter(|f| f.state == State::Rejected);
    found.filter_map(|f| f.value).collect()
}

fn pretty(value: &Value) -> Result<Vec<u8>, Refusal> {
    serde_json::to_vec_pretty(value).map_err(|e| Refusal::Internal(e.to_string()))
}

fn packing(error: &zip::result::ZipError) -> Refusal {
    tracing::error!(%error, "cannot write the training data");
    Refusal::Internal("cannot write the training data; the server's log says why".into())
}

/// Most files are packed already: they are stored as they are.
fn begin(zip: &mut ZipWriter<File>, name: &str) -> Result<(), Refusal> {
    let options = SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .large_file(true);
    zip.start_file(name, options).map_err(|e| packing(&e))
}

fn put(zip: &mut ZipWriter<File>, name: &str, bytes: &[u8]) -> Result<(), Refusal> {
    begin(zip, name)?;
    zip.write_all(bytes)
        .map_err(|e| Refusal::of_io("write the training data", &e))
}

fn put_file(zip: &mut ZipWriter<File>, name: &str, from: &Path) -> Result<(), Refusal> {
    begin(zip, name)?;
    let copied = File::open(from).and_then(|mut f| io::copy(&mut f, zip));
    copied
        .map(drop)
        .map_err(|e| Refusal::of_io("write the training data", &e))
}
