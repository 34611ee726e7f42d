//! Derivatives of one input, and the description of their dataset.

use std::fs;
use std::path::{Path, PathBuf};

use omnimri_findings::Label;
use omnimri_image::{write_beside, write_label_map};
use serde_json::{Value, json};

use super::name::BidsName;
use crate::error::{Error, Result};
use crate::figures::{Pictures, figures};
use crate::html::render_html;
use crate::result::ResultDoc;
use crate::words::BANNER;

/// Version of the standard that names and files follow.
const BIDS_VERSION: &str = "1.10.0";
/// Reports are no files of the standard: validators are told to pass them over.
const IGNORED: &str = "*_report.html\n*_report.json\n";

fn write(path: &Path, text: &str) -> Result<()> {
    Ok(write_beside(path, |w| w.write_all(text.as_bytes()))?)
}

fn make_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|source| Error::CreateFolder {
        path: path.to_owned(),
        source,
    })
}

/// Writes `dataset_description.json`, `README` and `.bidsignore` of the derivatives into `out`; `raw` is the dataset they are made of.
///
/// # Errors
/// If the folder cannot be made or a file cannot be written.
pub fn write_bids_description(out: &Path, raw: Option<&Path>) -> Result<()> {
    make_folder(out)?;
    let version = env!("CARGO_PKG_VERSION");
    let mut description = json!({
        "Name": "omnimri derivatives, preliminary, not for clinical use",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [{ "Name": "omnimri", "Version": version, "Description": BANNER }],
    });
    if let Some(raw) = raw {
        description["DatasetLinks"] = json!({ "raw": raw.to_string_lossy() });
    }
    write(
        &out.join("dataset_description.json"),
        &format!("{description:#}\n"),
    )?;
    let readme = format!(
        "Made by omnimri {version}. {BANNER}\n\nEach *_dseg.nii.gz lies on the grid of its image; the table of the same name \
         lists its labels, the report of the same name what was said of the image and how it was checked.\n"
    );
    write(&out.join("README"), &readme)?;
    write(&out.join(".bidsignore"), IGNORED)
}

/// Writes the derivatives of one input below `out` and returns their paths: label map, lookup table and sidecar where anything was
/// outlined, and the report as HTML and JSON. `raw` is the input's path below its BIDS dataset, where it comes from one.
///
/// # Errors
/// If a number of the result is not allowed, pictures do not fit their grid, or a file cannot be written.
pub fn write_bids(
    out: &Path,
    name: &BidsName,
    raw: Option<&str>,
    result: &ResultDoc,
    pictures: &Pictures<'_>,
) -> Result<Vec<PathBuf>> {
    result.validate()?;
    let folder = out.join(name.folder());
    make_folder(&folder)?;
    let path = |end: &str| folder.join(format!("{}_{end}", name.stem()));
    let mut paths = Vec::new();
    if let Some(map) = pictures.labels {
        let image = path("dseg.nii.gz");
        write_label_map(&image, map)?;
        let table = path("dseg.tsv");
        write(&table, &lookup())?;
        let sidecar_path = path("dseg.json");
        write(&sidecar_path, &format!("{:#}\n", sidecar(raw, result)))?;
        paths.extend([image, table, sidecar_path]);
    }
    let page = path("report.html");
    write(&page, &render_html(result, &figures(pictures)?))?;
    let json = path("report.json");
    let text = serde_json::to_string_pretty(result).map_err(|source| Error::EncodeJson {
        path: json.clone(),
        source,
    })?;
    write(&json, &(text + "\n"))?;
    paths.extend([page, json]);
    Ok(paths)
}

/// Every label of the vocabulary (BIDS Derivatives, Common image-derived labels).
fn lookup() -> String {
    let mut out = String::from(
        "index\tname\tcolor\tsnomed_ct\tsnomed_ct_exact\n0\tbackground\t#000000\tn/a\tn/a\n",
    );
    for label in Label::ALL {
        let [r, g, b] = label.rgb();
        let (code, exact) = label.code().map_or(("n/a", "n/a"), |c| {
            (c.value, if c.exact { "true" } else { "false" })
        });
        let (index, name) = (label.value(), label.name());
        out.push_str(&format!(
            "{index}\t{name}\t#{r:02X}{g:02X}{b:02X}\t{code}\t{exact}\n"
        ));
    }
    out
}

/// Sidecar of label map and table, which share their name.
fn sidecar(raw: Option<&str>, result: &ResultDoc) -> Value {
    let model = &result.model;
    let mut out = json!({
        "Description": format!("Label map by omnimri {} {}. {BANNER}", model.name, model.version),
        "Manual": false,
        "SpatialReference": "orig",
        "ModelSha256": model.sha256,
        "InputSha256": result.input.sha256,
        "snomed_ct": { "Description": "SNOMED CT concept of the label" },
        "snomed_ct_exact": { "Description": "false where the concept is wider than the label" },
    });
    if let Some(raw) = raw {
        out["Sources"] = json!([format!("bids:raw:{raw}")]);
    }
    out
}
