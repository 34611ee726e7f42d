//! BIDS: a row an image, from the names of files (BIDS specification 1.9, "Entities" and "Magnetic Resonance Imaging data").

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use omnimri_findings::Sequence;

use super::settings::{Adapter, BidsImage};
use crate::error::{Error, Result};
use crate::json_table::Shape;
use crate::table::Table;

/// Columns that every row has, before the entities.
const COLUMNS: [&str; 8] = [
    "id", "entities", "path", "folder", "datatype", "suffix", "subject", "sequence",
];

/// The folder of the raw dataset.
pub(super) fn root(adapter: &Adapter, dir: &Path) -> PathBuf {
    let root = adapter.bids.as_ref().and_then(|b| b.root.as_deref());
    root.map_or_else(|| dir.to_path_buf(), |root| dir.join(root))
}

/// An image of the dataset.
struct Found {
    /// Path below the dataset's folder.
    path: String,
    /// Folder of the subject or session, below the raw dataset.
    folder: String,
    stem: String,
    entities: BTreeMap<String, String>,
    image: usize,
}

/// A row for every image that the settings name, sorted by path, with the columns of `participants.tsv`.
pub(super) fn table(adapter: &Adapter, dir: &Path) -> Result<Table> {
    let Some(bids) = &adapter.bids else {
        return Ok(Table::from_rows(dir, &COLUMNS, Vec::new()));
    };
    let root = root(adapter, dir);
    let below = bids
        .root
        .as_ref()
        .map_or_else(String::new, |r| format!("{r}/"));
    let mut found = Vec::new();
    for subject in folders(&root, "sub-")? {
        let mut homes = vec![subject.clone()];
        let sessions = folders(&root.join(&subject), "ses-")?;
        homes.extend(sessions.iter().map(|s| format!("{subject}/{s}")));
        for home in homes {
            for (k, image) in bids.images.iter().enumerate() {
                let folder = format!("{home}/{}", image.datatype);
                for name in names(&root.join(&folder))? {
                    if let Some((stem, entities)) = fits(image, &name) {
                        found.push(Found {
                            path: format!("{below}{folder}/{name}"),
                            folder: home.clone(),
                            stem,
                            entities,
                            image: k,
                        });
                    }
                }
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found.dedup_by(|a, b| a.path == b.path);
    let mut table = rows(&root, &bids.images, &found);
    let participants = root.join("participants.tsv");
    if participants.is_file() {
        add_participants(&mut table, &participants)?;
    }
    Ok(table)
}

fn rows(root: &Path, images: &[BidsImage], found: &[Found]) -> Table {
    let mut columns: Vec<String> = COLUMNS.iter().map(|c| (*c).to_owned()).collect();
    for key in found.iter().flat_map(|f| f.entities.keys()) {
        if !columns.contains(key) {
            columns.push(key.clone());
        }
    }
    let rows = found
        .iter()
        .map(|f| {
            let image = &images[f.image];
            let entities = f.stem.rsplit_once('_').map_or("", |(e, _)| e);
            let sequence = image
                .sequence
                .or_else(|| sequence_of(&image.suffix, &f.entities));
            let fixed = [
                f.stem.clone(),
                entities.to_owned(),
                f.path.clone(),
                f.folder.clone(),
                image.datatype.clone(),
                image.suffix.clone(),
                f.folder.split('/').next().unwrap_or_default().to_owned(),
                sequence.map_or("", Sequence::name).to_owned(),
            ];
            let others = columns[COLUMNS.len()..].iter();
            let others = others.map(|key| f.entities.get(key).cloned().unwrap_or_default());
            fixed.into_iter().chain(others).collect()
        })
        .collect();
    Table::from_rows(root, &columns, rows)
}

/// Columns of the participants' table, by `participant_id`.
fn add_participants(table: &mut Table, path: &Path) -> Result<()> {
    let people = Table::read(path, Shape::default())?;
    people.require(["participant_id"])?;
    for column in people.columns() {
        if table.has(column) {
            continue;
        }
        let values: BTreeMap<&str, &str> = people
            .rows()
            .map(|row| (row.get("participant_id"), row.get(column)))
            .collect();
        table.set_column(column, |row| {
            // Some tables leave out the `sub-`.
            let subject = row.get("subject");
            let bare = subject.trim_start_matches("sub-");
            let value = values.get(subject).or_else(|| values.get(bare));
            value.map_or_else(String::new, |v| (*v).to_owned())
        });
    }
    Ok(())
}

/// The name without its extension, and its entities, if the image is one of these.
fn fits(image: &BidsImage, name: &str) -> Option<(String, BTreeMap<String, String>)> {
    let stem = name
        .strip_suffix(".nii.gz")
        .or_else(|| name.strip_suffix(".nii"))?;
    let (parts, suffix) = stem.rsplit_once('_')?;
    let entities: BTreeMap<String, String> = parts
        .split('_')
        .filter_map(|part| part.split_once('-'))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    let holds = |(key, wanted): (&String, &String)| match entities.get(key) {
        Some(value) => value == wanted,
        None => wanted.is_empty(),
    };
    (suffix == image.suffix && image.entities.iter().all(holds))
        .then(|| (stem.to_owned(), entities))
}

/// What a suffix says of the sequence.
fn sequence_of(suffix: &str, entities: &BTreeMap<String, String>) -> Option<Sequence> {
    Some(match suffix {
        "T1w" if entities.contains_key("ce") => Sequence::T1Post,
        "T1w" => Sequence::T1,
        "T2w" => Sequence::T2,
        "FLAIR" => Sequence::Flair,
        "PDw" => Sequence::Pd,
        "T2starw" | "T2star" => Sequence::T2Star,
        "swi" | "SWI" => Sequence::Swi,
        "dwi" => Sequence::Dwi,
        "ADC" | "adc" => Sequence::Adc,
        "bold" | "sbref" => Sequence::Bold,
        "asl" | "m0scan" => Sequence::Asl,
        "angio" => Sequence::Tof,
        "UNIT1" | "MP2RAGE" => Sequence::Mp2rage,
        "T1map" => Sequence::T1Map,
        "T2map" => Sequence::T2Map,
        "T2starmap" => Sequence::T2StarMap,
        "MTS" | "MTR" => Sequence::Mt,
        _ => return None,
    })
}

/// Sorted names of the folders of `dir` that begin so.
fn folders(dir: &Path, prefix: &str) -> Result<Vec<String>> {
    let mut found = names(dir)?;
    found.retain(|name| name.starts_with(prefix) && dir.join(name).is_dir());
    Ok(found)
}

/// Sorted names in a folder; none where there is no folder.
fn names(dir: &Path) -> Result<Vec<String>> {
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for file in std::fs::read_dir(dir).map_err(Error::io(dir, "list"))? {
        let file = file.map_err(Error::io(dir, "list"))?;
        found.push(file.file_name().to_string_lossy().into_owned());
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_and_suffixes_are_told_apart() {
        let image = |suffix: &str, entities: &[(&str, &str)]| BidsImage {
            suffix: suffix.into(),
            datatype: "anat".into(),
            entities: entities
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
            sequence: None,
        };
        let name = "sub-01_ses-2_ce-gd_T1w.nii.gz";
        let (stem, entities) = fits(&image("T1w", &[]), name).unwrap();
        assert_eq!(stem, "sub-01_ses-2_ce-gd_T1w");
        assert_eq!(entities["ses"], "2");
        assert_eq!(sequence_of("T1w", &entities), Some(Sequence::T1Post));
        assert!(fits(&image("T1w", &[("ce", "")]), name).is_none());
        assert!(fits(&image("T1w", &[("ce", "gd")]), name).is_some());
        assert!(fits(&image("T2w", &[]), name).is_none());
        assert!(fits(&image("T1w", &[]), "sub-01_T1w.json").is_none());
    }
}
