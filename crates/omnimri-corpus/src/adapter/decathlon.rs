//! `dataset.json` of the Medical Segmentation Decathlon and of nnU-Net, versions 1 and 2.
//!
//! The Decathlon lists its cases; nnU-Net 2 gives `channel_names` and `file_ending` and leaves the listing to the folders.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::settings::Adapter;
use crate::error::{Error, Result};
use crate::table::{Table, read_text};

const COLUMNS: [&str; 5] = ["id", "subject", "split", "image", "label"];
/// Suffix of the first of several channel files.
const FIRST: &str = "_0000";

/// Path of `dataset.json`.
pub(super) fn json(adapter: &Adapter, dir: &Path) -> PathBuf {
    let file = adapter.decathlon.as_ref().and_then(|d| d.file.as_deref());
    dir.join(file.unwrap_or("dataset.json"))
}

/// A row a case; the part is left open for training cases.
pub(super) fn table(adapter: &Adapter, dir: &Path) -> Result<Table> {
    let path = json(adapter, dir);
    let text = read_text(&path)?;
    let bad = |line: usize, expected: &str, found: String| Error::BadTable {
        path: path.clone(),
        line,
        expected: expected.into(),
        found,
    };
    let document: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|e| bad(e.line(), "a JSON document", e.to_string()))?;
    let home = path.parent().unwrap_or(dir);
    let below = home.strip_prefix(dir).unwrap_or(Path::new(""));
    let ending = document.get("file_ending").and_then(Value::as_str);
    let ending = ending.unwrap_or(".nii.gz");
    let with_test = adapter.decathlon.as_ref().is_some_and(|d| d.test);
    let mut rows = Vec::new();
    let parts: &[(&str, &str, &str, &str)] = &[
        ("training", "imagesTr", "labelsTr", ""),
        ("test", "imagesTs", "labelsTs", "val"),
    ];
    for (key, images, labels, split) in parts.iter().take(if with_test { 2 } else { 1 }) {
        let listed = document.get(*key).and_then(Value::as_array);
        let cases: Vec<(String, String)> = match listed {
            Some(items) => items
                .iter()
                .map(|item| case(item).ok_or_else(|| bad(1, "image and label", item.to_string())))
                .collect::<Result<_>>()?,
            None => in_folder(&home.join(images), ending)?
                .into_iter()
                .map(|id| {
                    let label = format!("{labels}/{id}{ending}");
                    (format!("{images}/{id}{FIRST}{ending}"), label)
                })
                .collect(),
        };
        for (image, label) in cases {
            let image = as_channels(home, &image, ending);
            let name = image.rsplit('/').next().unwrap_or(&image);
            let id = name.strip_suffix(ending).unwrap_or(name);
            let id = id.strip_suffix(FIRST).unwrap_or(id).to_owned();
            let inside = |p: &str| below.join(p).to_string_lossy().into_owned();
            rows.push(vec![
                id.clone(),
                id,
                (*split).to_owned(),
                inside(&image),
                inside(&label),
            ]);
        }
    }
    Ok(Table::from_rows(&path, &COLUMNS, rows))
}

/// Image and label of a listed case, `./` cut off. A test case is a path alone.
fn case(item: &Value) -> Option<(String, String)> {
    let path = |value: &Value| {
        let text = match value {
            Value::Array(several) => several.first()?.as_str()?,
            one => one.as_str()?,
        };
        Some(text.trim_start_matches("./").to_owned())
    };
    match item {
        Value::Object(fields) => {
            let label = fields.get("label").and_then(path).unwrap_or_default();
            Some((path(fields.get("image")?)?, label))
        }
        other => Some((path(other)?, String::new())),
    }
}

/// The first of the channel files where nnU-Net lists a case without channels.
fn as_channels(home: &Path, image: &str, ending: &str) -> String {
    if home.join(image).exists() {
        return image.to_owned();
    }
    match image.strip_suffix(ending) {
        Some(stem) if home.join(format!("{stem}{FIRST}{ending}")).exists() => {
            format!("{stem}{FIRST}{ending}")
        }
        _ => image.to_owned(),
    }
}

/// The file of channel `k` and the frame to read from it: the file `_000k`, or frame `k` of the one file.
pub(super) fn channel(image: &str, k: usize) -> (String, usize) {
    match image.rfind(FIRST) {
        Some(at) if !image[at..].contains('/') => {
            let rest = &image[at + FIRST.len()..];
            (format!("{}_{k:04}{rest}", &image[..at]), 0)
        }
        _ => (image.to_owned(), k),
    }
}

/// Sorted cases of a folder of channel files.
fn in_folder(dir: &Path, ending: &str) -> Result<Vec<String>> {
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let suffix = format!("{FIRST}{ending}");
    let mut found = Vec::new();
    for file in std::fs::read_dir(dir).map_err(Error::io(dir, "list"))? {
        let name = file.map_err(Error::io(dir, "list"))?.file_name();
        let name = name.to_string_lossy();
        if let Some(id) = name.strip_suffix(&suffix).filter(|n| !n.starts_with('.')) {
            found.push(id.to_owned());
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_files_or_frames() {
        let files = ("imagesTr/a_0002.nii.gz".to_owned(), 0);
        assert_eq!(channel("imagesTr/a_0000.nii.gz", 2), files);
        assert_eq!(
            channel("imagesTr/a.nii.gz", 2),
            ("imagesTr/a.nii.gz".into(), 2)
        );
    }

    #[test]
    fn both_dialects_name_their_cases() {
        let both =
            serde_json::json!({"image": "./imagesTr/a.nii.gz", "label": "./labelsTr/a.nii.gz"});
        let expected = ("imagesTr/a.nii.gz".into(), "labelsTr/a.nii.gz".into());
        assert_eq!(case(&both), Some(expected));
        let test = serde_json::json!("./imagesTs/b.nii.gz");
        assert_eq!(
            case(&test),
            Some(("imagesTs/b.nii.gz".into(), String::new()))
        );
        assert_eq!(case(&serde_json::json!(3)), None);
    }
}
