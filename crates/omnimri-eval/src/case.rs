//! The inputs of a set: where each file lies and what its annotator said.

use std::path::{Path, PathBuf};

use omnimri_corpus::adapter::Adapter;
use omnimri_corpus::{Example, LoadOptions, Split, find, load_with};
use omnimri_findings::Label;
use omnimri_image::{AxisMap, LabelMap};

use crate::error::{Error, Result};
use crate::sets::Set;

/// An input with its truth.
#[derive(Debug)]
pub(crate) struct Case {
    /// What is known, labels on the native grid; the voxels are dropped, since the file itself is read.
    pub example: Example,
    /// The file.
    pub path: PathBuf,
    /// True if the labels are turned to axes closest to R, A, S.
    canonical: bool,
}

impl Case {
    /// True labels, empty where nobody outlined anything.
    pub fn truth(&self) -> &[u8] {
        self.example.labels.as_deref().unwrap_or_default()
    }

    /// True voxels of the wanted labels.
    pub fn true_mask(&self, wanted: impl Fn(Label) -> bool) -> impl Iterator<Item = bool> {
        mask(self.truth(), wanted)
    }

    /// Labels that the model drew, on the grid of the truth; background where it drew none.
    pub fn drawn(&self, map: Option<&LabelMap>) -> Vec<u8> {
        match map {
            None => vec![0; self.truth().len()],
            Some(map) if self.canonical => {
                AxisMap::to_canonical(&map.geometry.affine).apply(&map.labels, map.geometry.size)
            }
            Some(map) => map.labels.clone(),
        }
    }
}

/// Voxels whose value is a wanted label.
pub(crate) fn mask(labels: &[u8], wanted: impl Fn(Label) -> bool) -> impl Iterator<Item = bool> {
    let mut table = [false; 256];
    for label in Label::ALL {
        table[usize::from(label.value())] = wanted(label);
    }
    labels.iter().map(move |v| table[usize::from(*v)])
}

/// The inputs of one split of a set, in the order of its table; `limit` keeps the first.
///
/// An input that the set's table lists and that cannot be loaded is an error: figures of a part of a set are not its figures.
pub(crate) fn cases(
    set: Set,
    data: &Path,
    split: Split,
    limit: Option<usize>,
) -> Result<Vec<Case>> {
    let entry = find(set.name())?;
    let dir = data.join(entry.folder());
    let options = LoadOptions {
        split: Some(split),
        max_side: None,
        max_rejected_share: 0.0,
    };
    let loaded = load_with(entry, &dir, &options)?;
    if loaded.examples.is_empty() {
        return Err(Error::NoExamples {
            set: set.name(),
            split: split.name(),
        });
    }
    let canonical = entry
        .adapter
        .as_ref()
        .is_some_and(|adapter| adapter.form.canonical);
    loaded
        .examples
        .into_iter()
        .take(limit.unwrap_or(usize::MAX))
        .map(|mut example| {
            example.image.voxels = Vec::new();
            let path = dir.join(file_of(set, entry.adapter.as_ref(), &example.id)?);
            Ok(Case {
                example,
                path,
                canonical,
            })
        })
        .collect()
}

/// The image file of an example, where id and file are made of the same one column.
fn file_of(set: Set, adapter: Option<&Adapter>, id: &str) -> Result<String> {
    let template = adapter.and_then(|a| a.image.as_deref()).unwrap_or_default();
    let column = adapter.map_or("", |a| a.rows.id.as_str());
    match template.split_once(column) {
        Some((before, after))
            if !column.is_empty() && !after.contains('{') && !before.contains('{') =>
        {
            Ok(format!("{before}{id}{after}"))
        }
        _ => Err(Error::NoPath {
            set: set.name(),
            id: id.into(),
            template: template.into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_says_where_its_files_lie() {
        let path = |set: Set| {
            let entry = find(set.name()).unwrap();
            file_of(set, entry.adapter.as_ref(), "x7").unwrap()
        };
        assert_eq!(path(Set::BrainTumorT1ce), "images/x7.jpg");
        assert_eq!(path(Set::Hippocampus), "images/x7.nii.gz");
        assert_eq!(path(Set::VqaRad), "images/x7");
        for set in Set::ALL {
            assert!(path(set).starts_with("images/x7"));
        }
        assert!(file_of(Set::VqaRad, None, "x7").is_err());
    }

    #[test]
    fn masks_are_unions_of_labels() {
        let labels = [0, Label::Glioma.value(), Label::VertebraL1.value(), 255];
        let findings: Vec<bool> = mask(&labels, Label::is_finding).collect();
        assert_eq!(findings, [false, true, false, false]);
    }
}
