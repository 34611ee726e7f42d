//! The inputs of a BIDS dataset.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::name::BidsName;
use crate::error::{Error, Result};

/// Suffixes of anatomical images that are weighted like those the model knows (BIDS, MRI anatomy); maps of quantities are not read.
const SUFFIXES: [&str; 5] = ["T1w", "T2w", "FLAIR", "PDw", "inplaneT2"];
/// Most files of one dataset.
const MAX_INPUTS: usize = 1_000_000;

/// An image of a BIDS dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BidsInput {
    /// The file.
    pub path: PathBuf,
    /// Its path below the dataset, with `/` on every system.
    pub relative: String,
    /// What its derivatives are called.
    pub name: BidsName,
}

/// The images of `dataset` that are read, by subject, session and file name: anatomical ones (`anat/*_T1w.nii.gz` and the like).
///
/// `participants` are labels with or without `sub-`; none means all.
///
/// # Errors
/// [`Error::NotBids`] if `dataset` has no description, no such participant or no image; [`Error::ReadFolder`] if a folder cannot be
/// listed.
pub fn bids_inputs(dataset: &Path, participants: &[String]) -> Result<Vec<BidsInput>> {
    let not_bids = |expected: String, found: String| Error::NotBids {
        path: dataset.to_owned(),
        expected,
        found,
    };
    if !dataset.join("dataset_description.json").is_file() {
        let expected = "a BIDS dataset with dataset_description.json";
        return Err(not_bids(expected.to_owned(), "none".to_owned()));
    }
    let mut subjects = folders(dataset, "sub-")?;
    let wanted: BTreeSet<&str> = participants
        .iter()
        .map(|p| p.strip_prefix("sub-").unwrap_or(p))
        .collect();
    if !wanted.is_empty() {
        let there: BTreeSet<&str> = subjects.iter().map(|(name, _)| &name[4..]).collect();
        if let Some(missing) = wanted.iter().find(|w| !there.contains(*w)) {
            let n = there.len();
            let found = format!("{n} participants, not that one");
            return Err(not_bids(format!("participant sub-{missing}"), found));
        }
        subjects.retain(|(name, _)| wanted.contains(&name[4..]));
    }
    let mut out = Vec::new();
    for (subject, folder) in subjects {
        let mut places = vec![(subject.clone(), folder.clone())];
        for (session, inner) in folders(&folder, "ses-")? {
            places.push((format!("{subject}/{session}"), inner));
        }
        for (relative, place) in places {
            images(&place.join("anat"), &relative, &mut out)?;
            if out.len() > MAX_INPUTS {
                return Err(Error::TooLarge {
                    what: "images of a BIDS dataset",
                    expected: MAX_INPUTS as u64,
                    found: out.len() as u64,
                });
            }
        }
    }
    if out.is_empty() {
        let expected = format!("anat/*_{}.nii.gz", SUFFIXES.join(", anat/*_"));
        return Err(not_bids(expected, "no such image".to_owned()));
    }
    Ok(out)
}

/// Folders below `folder` whose names begin with `prefix` and go on, sorted.
fn folders(folder: &Path, prefix: &str) -> Result<Vec<(String, PathBuf)>> {
    let mut out = entries(folder)?;
    out.retain(|(name, path)| {
        name.len() > prefix.len() && name.starts_with(prefix) && path.is_dir()
    });
    Ok(out)
}

/// Names and paths of what is in a folder, sorted; names that are no Unicode are none of BIDS.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let failed = |source| Error::ReadFolder {
        path: folder.to_owned(),
        source,
    };
    let mut out = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if let Ok(name) = entry.file_name().into_string() {
            out.push((name, entry.path()));
        }
    }
    out.sort();
    Ok(out)
}

fn images(anat: &Path, relative: &str, out: &mut Vec<BidsInput>) -> Result<()> {
    if !anat.is_dir() {
        return Ok(());
    }
    for (file, path) in entries(anat)? {
        let Some(name) = BidsName::of_bids(&path).filter(|_| path.is_file()) else {
            continue;
        };
        let stem = file.split('.').next().unwrap_or_default();
        let suffix = stem.rsplit('_').next().unwrap_or_default();
        if SUFFIXES.contains(&suffix) {
            out.push(BidsInput {
                path,
                relative: format!("{relative}/anat/{file}"),
                name,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dataset() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in [
            "dataset_description.json",
            "sub-02/anat/sub-02_T1w.nii.gz",
            "sub-01/ses-b/anat/sub-01_ses-b_FLAIR.nii",
            "sub-01/ses-a/anat/sub-01_ses-a_T2w.nii.gz",
            "sub-01/ses-a/anat/sub-01_ses-a_T2w.json",
            "sub-01/ses-a/anat/sub-01_ses-a_T1map.nii.gz",
            "sub-01/ses-a/func/sub-01_ses-a_task-rest_bold.nii.gz",
            "derivatives/sub-01/anat/sub-01_T1w.nii.gz",
        ] {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "{}").unwrap();
        }
        dir
    }

    #[test]
    fn anatomical_images_are_read_in_order() {
        let dir = dataset();
        let found = |labels: &[&str]| -> Vec<String> {
            let labels: Vec<String> = labels.iter().map(|l| (*l).to_owned()).collect();
            let inputs = bids_inputs(dir.path(), &labels).unwrap();
            inputs.into_iter().map(|i| i.relative).collect()
        };
        let all = [
            "sub-01/ses-a/anat/sub-01_ses-a_T2w.nii.gz",
            "sub-01/ses-b/anat/sub-01_ses-b_FLAIR.nii",
            "sub-02/anat/sub-02_T1w.nii.gz",
        ];
        assert_eq!(found(&[]), all);
        assert_eq!(found(&["sub-02"]), all[2..]);
        assert_eq!(found(&["01", "02"]), all);
    }

    #[test]
    fn what_is_missing_is_named() {
        let dir = dataset();
        let error = bids_inputs(dir.path(), &["03".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("sub-03"), "{error}");
        fs::remove_file(dir.path().join("dataset_description.json")).unwrap();
        let error = bids_inputs(dir.path(), &[]).unwrap_err();
        assert!(
            error.to_string().contains("dataset_description.json"),
            "{error}"
        );
    }
}
