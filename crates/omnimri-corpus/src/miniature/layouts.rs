//! Layouts that list themselves: BIDS and `dataset.json`.

use std::collections::BTreeSet;
use std::path::Path;

use super::{SUBJECTS, is_val, table, write};
use crate::adapter::{Adapter, AdapterKind, Series, class_columns, columns};
use crate::error::Result;
use crate::table::{Row, Table};

/// Path of the image of a series, as the reader of the layout finds it.
pub(super) fn image_of(adapter: &Adapter, row: Row<'_>, series: &Series) -> String {
    match adapter.kind {
        // Channels of a case lie in one file here.
        AdapterKind::Decathlon => row.get("image").to_owned(),
        _ => row.fill(&series.image),
    }
}

/// An image of every kind for every subject, `participants.tsv`, and the columns that the reader will find.
pub(super) fn bids(adapter: &Adapter, dir: &Path) -> Result<Table> {
    let Some(bids) = &adapter.bids else {
        return Ok(table(dir, &[], Vec::new()));
    };
    let below = bids
        .root
        .as_ref()
        .map_or_else(String::new, |r| format!("{r}/"));
    let asked = columns(adapter).join(" ");
    let sessions = asked.split(' ').any(|c| c == "ses");
    let names = [
        "id", "entities", "path", "folder", "datatype", "suffix", "subject", "ses",
    ];
    let mut cells = Vec::new();
    for k in 0..SUBJECTS {
        let subject = format!("sub-{:02}", k + 1);
        let folder = if sessions {
            format!("{subject}/ses-1")
        } else {
            subject.clone()
        };
        for image in &bids.images {
            let mut entities = folder.replace('/', "_");
            for (key, value) in image.entities.iter().filter(|(_, v)| !v.is_empty()) {
                entities += &format!("_{key}-{value}");
            }
            let id = format!("{entities}_{}", image.suffix);
            let path = format!("{below}{folder}/{}/{id}.nii.gz", image.datatype);
            cells.push(vec![
                id,
                entities,
                path,
                folder.clone(),
                image.datatype.clone(),
                image.suffix.clone(),
                subject.clone(),
                if sessions { "1" } else { "" }.to_owned(),
            ]);
        }
    }
    let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
    let known: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    let mut others: Vec<String> = class_columns(&adapter.classes)
        .into_iter()
        .filter(|c| !known.contains(c))
        .map(str::to_owned)
        .collect();
    if columns(adapter).contains(&adapter.rows.split.as_str()) {
        others.push(adapter.rows.split.clone());
    }
    others.sort();
    others.dedup();
    let mut text = format!("participant_id\tage\t{}\n", others.join("\t"));
    for k in 0..SUBJECTS {
        let extra: Vec<String> = others.iter().map(|c| known_value(adapter, c, k)).collect();
        text += &format!("sub-{:02}\t{}\t{}\n", k + 1, 30 + k, extra.join("\t"));
    }
    write(
        &dir.join(format!("{below}participants.tsv")),
        text.as_bytes(),
    )?;
    let description = br#"{"Name": "Made up", "BIDSVersion": "1.9.0"}"#;
    write(
        &dir.join(format!("{below}dataset_description.json")),
        description,
    )?;
    Ok(table(dir, &names, cells))
}

/// A cell of the participants' table that its rule knows.
fn known_value(adapter: &Adapter, column: &str, k: usize) -> String {
    if column == adapter.rows.split {
        return if is_val(k) { "val" } else { "train" }.to_owned();
    }
    super::plan::known(adapter, column, k).unwrap_or_else(|| "made up".into())
}

/// `dataset.json` in the Decathlon's form with its cases.
pub(super) fn decathlon(adapter: &Adapter, dir: &Path) -> Result<Table> {
    let settings = adapter.decathlon.clone().unwrap_or_default();
    let file = settings.file.unwrap_or_else(|| "dataset.json".into());
    let below = match file.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/"),
        None => String::new(),
    };
    let (mut cells, mut training) = (Vec::new(), Vec::new());
    for k in 0..2 * SUBJECTS {
        let id = format!("case_{:03}", k + 1);
        training.push(serde_json::json!({
            "image": format!("./imagesTr/{id}.nii.gz"),
            "label": format!("./labelsTr/{id}.nii.gz"),
        }));
        cells.push(vec![
            id.clone(),
            format!("{below}imagesTr/{id}.nii.gz"),
            format!("{below}labelsTr/{id}.nii.gz"),
        ]);
    }
    let document = serde_json::json!({ "name": "Made up", "training": training });
    write(&dir.join(file), document.to_string().as_bytes())?;
    let names = ["id", "image", "label"].map(str::to_owned);
    Ok(table(dir, &names, cells))
}
