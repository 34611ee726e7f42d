//! The inputs of a set: where each file lies and what its annotator said.

use std::path::{Path, PathBuf};

use omnimri_corpus::adapter::Adapter;
use omnimri_corpus::instruct::{Task, instructions};
use omnimri_corpus::{Example, LoadOptions, Split, find, load_with};
use omnimri_findings::{Fact, Label};
use omnimri_image::{AxisMap, LabelMap, Volume, Zyx};

use crate::error::{Error, Result};
use crate::metrics::{dice, surface_distances};
use crate::sets::Set;

/// An input with its truth.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Case {
    /// What is known, labels on the native grid; the voxels are dropped, since the file itself is read.
    pub example: Example,
    /// The file.
    pub path: PathBuf,
    /// What is known of it, as facts; empty where words are not asked for.
    pub facts: Vec<Fact>,
    /// Questions of the instruction data, of different kinds; none where words are not asked for.
    pub questions: Vec<String>,
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

    /// How far drawn labels agree with the truth on the wanted ones; distances in mm where the voxel size is known, else in
    /// pixels of the image. Nothing agrees where the drawn labels do not fit the grid.
    pub fn overlap(&self, drawn: &[u8], wanted: impl Fn(Label) -> bool, tolerance: f64) -> Overlap {
        let size = self.example.image.native_size;
        let pixels = Zyx::new(1.0, 1.0, 1.0);
        let spacing = self.example.image.spacing_mm.unwrap_or(pixels);
        let drawn: Vec<bool> = mask(drawn, &wanted).collect();
        let truth: Vec<bool> = self.true_mask(&wanted).collect();
        let distances = surface_distances(&drawn, &truth, size, spacing);
        Overlap {
            dice: dice(drawn, truth).unwrap_or(0.0),
            surface_dice: distances
                .as_ref()
                .map_or(0.0, |d| d.surface_dice(tolerance)),
            hausdorff_95: distances.and_then(|d| d.hausdorff_95()),
        }
    }

    /// The first frame of the input on the grid of the truth.
    pub fn as_truth_lies(&self, volume: &Volume) -> Vec<f32> {
        let frame = volume.frame(0);
        if self.canonical {
            AxisMap::to_canonical(&volume.geometry.affine).apply(frame, volume.geometry.size)
        } else {
            frame.to_vec()
        }
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

/// Agreement of a drawn mask with the true one.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Overlap {
    pub dice: f64,
    /// Share of both surfaces within the tolerance of the other.
    pub surface_dice: f64,
    /// 95% Hausdorff distance; `None` where one mask is empty.
    pub hausdorff_95: Option<f64>,
}

/// Voxels whose value is a wanted label.
pub(crate) fn mask(labels: &[u8], wanted: impl Fn(Label) -> bool) -> impl Iterator<Item = bool> {
    let mut table = [false; 256];
    for label in Label::ALL {
        table[usize::from(label.value())] = wanted(label);
    }
    labels.iter().map(move |v| table[usize::from(*v)])
}

/// The inputs of one split of a set, in the order of its table; `limit` keeps the first, `words` tells facts and questions of them.
///
/// An input that the set's table lists and that cannot be loaded is an error: figures of a part of a set are not its figures.
pub(crate) fn cases(
    set: Set,
    data: &Path,
    split: Split,
    (limit, words): (Option<usize>, bool),
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
            let (facts, questions) = match words {
                true => (example.facts(), asked(&example)),
                false => (Vec::new(), Vec::new()),
            };
            example.image.voxels = Vec::new();
            let path = dir.join(file_of(set, entry.adapter.as_ref(), &example.id)?);
            Ok(Case {
                example,
                path,
                facts,
                questions,
                canonical,
            })
        })
        .collect()
}

/// Seed of the questions.
const SEED: u64 = 1;

/// One question of each kind that can be answered in words.
fn asked(example: &Example) -> Vec<String> {
    let all = instructions(example, SEED);
    let first = |task: Task| {
        let mut single = all.iter().filter(|i| i.turns.len() == 1);
        let found = single.find(|i| i.task == task)?;
        found.turns.first().map(|t| t.question.clone())
    };
    [Task::Ask, Task::YesNo, Task::Diagnose]
        .into_iter()
        .filter_map(first)
        .collect()
}

/// The image file of an example, where id and file are made of the same one column and the name of a series.
fn file_of(set: Set, adapter: Option<&Adapter>, id: &str) -> Result<String> {
    let mut series = adapter.into_iter().flat_map(|a| &a.series);
    let part = series.find_map(|s| Some((id.strip_suffix(&s.name)?.strip_suffix('/')?, &s.image)));
    let (id, template) = match part {
        Some((id, image)) => (id, image.as_str()),
        None => {
            let whole = adapter.and_then(|a| a.image.as_deref());
            (id, whole.unwrap_or_default())
        }
    };
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
        let series = |set: Set, id: &str| {
            let entry = find(set.name()).unwrap();
            file_of(set, entry.adapter.as_ref(), id).unwrap()
        };
        assert_eq!(
            series(Set::GliomaProgression, "x7/post"),
            "nifti/x7/Post_Scan_T1.nii.gz"
        );
        assert_eq!(series(Set::MsBrain, "x7/flair"), "flair/x7.png");
        assert!(file_of(Set::VqaRad, None, "x7").is_err());
    }

    #[test]
    fn masks_are_unions_of_labels() {
        let labels = [0, Label::Glioma.value(), Label::VertebraL1.value(), 255];
        let findings: Vec<bool> = mask(&labels, Label::is_finding).collect();
        assert_eq!(findings, [false, true, false, false]);
    }
}
