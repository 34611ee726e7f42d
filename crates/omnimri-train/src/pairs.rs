//! Images with masks beside them: which files belong together, as patterns that an adapter reads.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::error::{Error, Result};

/// Names of a folder of images.
const IMAGES: [&str; 4] = ["images", "image", "imgs", "imagesTr"];
/// Names of a folder of masks.
const MASKS: [&str; 8] = [
    "masks",
    "mask",
    "labels",
    "label",
    "labelsTr",
    "segmentations",
    "segmentation",
    "seg",
];
/// What a mask's name may have that its image's has not.
const SUFFIXES: [&str; 6] = ["", "_mask", "_seg", "_label", "_labels", "_segmentation"];
/// Endings of volumes and pictures; the longer of two that fit comes first.
const ENDINGS: [&str; 8] = [
    ".nii.gz", ".nii", ".mha", ".mhd", ".nrrd", ".png", ".jpeg", ".jpg",
];
/// Most files of a folder that are looked at.
const MAX_FILES: usize = 1_000_000;

/// Pairs of one form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pairs {
    /// Pattern that lists the pairs.
    pub list: String,
    /// Pattern of the images below the folder, with names in braces.
    pub image: String,
    /// Pattern of the masks.
    pub mask: String,
    /// Pattern of the id.
    pub id: String,
    /// Pattern of the subject.
    pub subject: String,
    /// How many there are.
    pub n: usize,
    /// Images of this form without a mask.
    pub alone: usize,
}

/// True for the name of a PNG or JPEG.
pub fn is_picture(name: &str) -> bool {
    [".png", ".jpg", ".jpeg"]
        .iter()
        .any(|e| name.to_lowercase().ends_with(e))
}

/// The form that most pairs of a folder have; none where there is no pair.
///
/// # Errors
/// If the folder cannot be listed.
pub fn find(dir: &Path) -> Result<Option<Pairs>> {
    let mut best: Option<Pairs> = None;
    let mut offer = |found: Option<Pairs>| {
        if let Some(found) = found
            && best.as_ref().is_none_or(|b| found.n > b.n)
        {
            best = Some(found);
        }
    };
    for image in IMAGES {
        for mask in MASKS {
            let (i, m) = (dir.join(image), dir.join(mask));
            if i.is_dir() && m.is_dir() {
                offer(matched(
                    &files(&i)?,
                    &files(&m)?,
                    (&format!("{image}/"), &format!("{mask}/")),
                ));
            }
        }
    }
    // Side by side, where the suffix alone tells a mask.
    let all = files(dir)?;
    offer(matched(&all, &all, ("", "")));
    Ok(best)
}

/// Names of a folder without their ending, by ending.
type Files = BTreeMap<&'static str, BTreeSet<String>>;

fn files(dir: &Path) -> Result<Files> {
    let mut found = Files::new();
    let fail = |source| Error::Read {
        path: dir.into(),
        source,
    };
    for file in std::fs::read_dir(dir).map_err(fail)?.take(MAX_FILES) {
        let name = file.map_err(fail)?.file_name();
        let Some(name) = name.to_str().filter(|n| !n.starts_with('.')) else {
            continue;
        };
        if let Some(ending) = ENDINGS.into_iter().find(|e| name.ends_with(e)) {
            let stem = name[..name.len() - ending.len()].to_owned();
            found.entry(ending).or_default().insert(stem);
        }
    }
    Ok(found)
}

fn matched(images: &Files, masks: &Files, (image_dir, mask_dir): (&str, &str)) -> Option<Pairs> {
    let side_by_side = image_dir == mask_dir;
    let mut best: Option<Pairs> = None;
    for (image_ending, stems) in images {
        for (mask_ending, mask_stems) in masks {
            for suffix in SUFFIXES {
                if side_by_side && suffix.is_empty() {
                    continue;
                }
                let is_mask =
                    |s: &String| side_by_side && s.ends_with(suffix) && !suffix.is_empty();
                let (with, without): (Vec<&String>, Vec<&String>) = stems
                    .iter()
                    .filter(|s| !is_mask(s))
                    .partition(|s| mask_stems.contains(&format!("{s}{suffix}")));
                if with.is_empty() || best.as_ref().is_some_and(|b| b.n >= with.len()) {
                    continue;
                }
                // Side by side a pattern of all images would take the masks too: the masks are listed instead.
                let alone = if side_by_side { 0 } else { without.len() };
                let (id, subject) = names(&with);
                let mask = format!("{mask_dir}{id}{suffix}{mask_ending}");
                let image = format!("{image_dir}{id}{image_ending}");
                best = Some(Pairs {
                    list: if side_by_side { &mask } else { &image }.clone(),
                    image,
                    mask,
                    id,
                    subject,
                    n: with.len(),
                    alone,
                });
            }
        }
    }
    best
}

/// Patterns of id and subject: BIDS names begin with the subject, any other name is a subject of its own.
fn names(stems: &[&String]) -> (String, String) {
    let bids = |s: &&&String| s.starts_with("sub-") && s.contains('_');
    if stems.iter().all(|s| bids(&s)) {
        ("{subject}_{rest}".into(), "{subject}".into())
    } else {
        ("{id}".into(), "{id}".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in names {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"").unwrap();
        }
        dir
    }

    #[test]
    fn folders_and_neighbours_are_paired() {
        let dir = folder(&[
            "images/a.png",
            "images/b.png",
            "images/c.jpg",
            "masks/a.png",
            "masks/b.png",
        ]);
        let found = find(dir.path()).unwrap().unwrap();
        assert_eq!(
            (found.image.as_str(), found.mask.as_str()),
            ("images/{id}.png", "masks/{id}.png")
        );
        assert_eq!((found.n, found.alone), (2, 0));
        let dir = folder(&[
            "sub-01_T1w.nii.gz",
            "sub-01_T1w_seg.nii.gz",
            "sub-02_T1w.nii.gz",
            "x.txt",
        ]);
        let found = find(dir.path()).unwrap().unwrap();
        assert_eq!(found.mask, "{subject}_{rest}_seg.nii.gz");
        assert_eq!((found.subject.as_str(), found.n), ("{subject}", 1));
        assert_eq!(find(folder(&["a.png", "b.txt"]).path()).unwrap(), None);
    }
}
