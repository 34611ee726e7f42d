//! Is this folder the dataset, and is it whole?
//!
//! - `outliers`: volumes whose grid or quality differs from the others
//! - `display`: the report in words

mod display;
mod outliers;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use omnimri_image::Zyx;
use rayon::prelude::*;
use serde::Serialize;

use crate::adapter::{Fault, Item, leaks, list_with_leaks, read_item};
use crate::catalogue::CatalogueEntry;
use crate::error::Result;
use crate::example::Split;
use crate::harmonise::near::{NearIndex, Owner, Signatures};
use crate::harmonise::{BurntIn, Face, NearOptions, Quality, face};
use crate::load::Rejected;
pub use outliers::{Outlier, QualityOutlier};
use outliers::{orientation_outliers, quality_outliers, spacing_outliers};

/// Items that are read before their signatures join the index.
const PORTION: usize = 256;

/// Choices of a check.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CheckOptions {
    /// Share of items (0 to 1) that may be missing, damaged or have unknown label values in a sound dataset.
    pub max_bad_share: f64,
    /// How near-duplicates are searched, and the memory for it. Volumes themselves are held one a thread.
    pub near: NearOptions,
    /// Robust standard deviations from the median at which a quality measure is an outlier.
    pub outlier_deviations: f32,
}

impl Default for CheckOptions {
    fn default() -> Self {
        Self {
            max_bad_share: 0.0,
            near: NearOptions::default(),
            outlier_deviations: 8.0,
        }
    }
}

/// A number that the catalogue states, and what the folder has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CountCheck {
    /// What is counted.
    pub what: &'static str,
    /// The catalogue's number for the folder's layout, if it states one.
    pub expected: Option<u64>,
    /// What is there.
    pub found: u64,
}

/// A training image that is nearly the same as a validation image.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NearDuplicate {
    /// Id of the training example.
    pub train: String,
    /// Id of the validation example.
    pub val: String,
    /// Correlation of their thumbnails, up to 1.
    pub correlation: f32,
    /// True if one is the other mirrored or transposed.
    pub mirrored: bool,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckReport {
    /// Name of the entry.
    pub dataset: String,
    /// The folder.
    pub folder: PathBuf,
    /// Counts against the catalogue.
    pub counts: Vec<CountCheck>,
    /// Rows that make no sense.
    pub bad_rows: Vec<Rejected>,
    /// Files that are listed and not there.
    pub missing: Vec<PathBuf>,
    /// Files that do not decode, or whose mask does not fit.
    pub damaged: Vec<Rejected>,
    /// Stored mask values that the label map does not know, with the number of masks.
    pub unknown_values: BTreeMap<u16, usize>,
    /// Volumes of unusual voxel size.
    pub spacing_outliers: Vec<Outlier>,
    /// Volumes of unusual axis order or direction.
    pub orientation_outliers: Vec<Outlier>,
    /// Volumes with a quality measure far from the others.
    pub quality_outliers: Vec<QualityOutlier>,
    /// Images that probably have text burnt in.
    pub burnt_in_text: Vec<PathBuf>,
    /// Volumes with a possibly intact face.
    pub faces: Vec<PathBuf>,
    /// Volumes of unknown orientation or voxel size, so that nobody looked for a face.
    pub n_faces_unknown: usize,
    /// Subjects that lie in both splits.
    pub subjects_in_both_splits: Vec<String>,
    /// Nearly the same image in both splits.
    pub near_duplicates: Vec<NearDuplicate>,
    /// Images that were not compared for want of memory.
    pub n_not_compared: usize,
    /// Items that are missing, damaged or have unknown label values.
    pub n_bad: usize,
    /// Of these, how many a sound dataset may have.
    pub n_bad_allowed: usize,
}

/// What is kept of one item.
struct Seen {
    spacing_mm: Option<Zyx<f64>>,
    orientation: Option<String>,
    quality: Quality,
    burnt_in: BurntIn,
    face: Face,
}

/// As [`check_with`] with the default [`CheckOptions`].
pub fn check(entry: &CatalogueEntry, dir: &Path) -> Result<CheckReport> {
    check_with(entry, dir, &CheckOptions::default())
}

/// Reads everything an entry lists in `dir` and compares it with the catalogue. Fails only where nothing can be listed.
pub fn check_with(
    entry: &CatalogueEntry,
    dir: &Path,
    options: &CheckOptions,
) -> Result<CheckReport> {
    let listed = list_with_leaks(entry, dir)?;
    let mut report = CheckReport {
        dataset: entry.name.clone(),
        folder: dir.into(),
        counts: counts(entry, &listed.items, listed.n_guarded),
        bad_rows: listed.rejected,
        missing: Vec::new(),
        damaged: Vec::new(),
        unknown_values: BTreeMap::new(),
        spacing_outliers: Vec::new(),
        orientation_outliers: Vec::new(),
        quality_outliers: Vec::new(),
        burnt_in_text: Vec::new(),
        faces: Vec::new(),
        n_faces_unknown: 0,
        subjects_in_both_splits: leaks(&listed.items),
        near_duplicates: Vec::new(),
        n_not_compared: 0,
        n_bad: 0,
        n_bad_allowed: (listed.items.len() as f64 * options.max_bad_share).floor() as usize,
    };
    let mut index = NearIndex::new(options.near);
    let mut seen = Vec::new();
    for portion in listed.items.chunks(PORTION) {
        let read: Vec<_> = portion
            .par_iter()
            .map(|item| {
                let (example, orientation) = read_item(item, None)?;
                let signatures = Signatures::of(&example.image, options.near.slices_per_volume);
                let one = Seen {
                    spacing_mm: example.image.spacing_mm,
                    quality: Quality::of(&example.image),
                    burnt_in: BurntIn::of(&example.image),
                    face: face(&example.image, orientation.as_deref()),
                    orientation,
                };
                Ok((one, Owner::of(&example), signatures))
            })
            .collect();
        for (item, result) in portion.iter().zip(read) {
            match result {
                Ok((one, owner, signatures)) => {
                    index.add(owner, signatures);
                    seen.push((item, one));
                }
                Err(fault) => report.add_fault(item, fault),
            }
        }
    }
    report.spacing_outliers = spacing_outliers(&seen);
    report.orientation_outliers = orientation_outliers(&seen);
    report.quality_outliers = quality_outliers(&seen, options.outlier_deviations);
    for (item, one) in &seen {
        if one.burnt_in.suspected {
            report.burnt_in_text.push(item.image.clone());
        }
        match one.face {
            Face::PossiblyIntact => report.faces.push(item.image.clone()),
            Face::Unknown => report.n_faces_unknown += 1,
            Face::NotSeen => {}
        }
    }
    let near = index.pairs(|a, b| a.split != b.split);
    report.n_not_compared = near.n_not_compared;
    report.near_duplicates = near
        .pairs
        .into_iter()
        .map(|pair| {
            let (train, val) = match pair.first.split {
                Split::Train => (pair.first.id, pair.second.id),
                Split::Val => (pair.second.id, pair.first.id),
            };
            NearDuplicate {
                train,
                val,
                correlation: pair.correlation,
                mirrored: pair.mirrored,
            }
        })
        .collect();
    Ok(report)
}

fn counts(entry: &CatalogueEntry, items: &[Item], n_guarded: usize) -> Vec<CountCheck> {
    let of = |split| items.iter().filter(|i| i.split == split).count() as u64;
    let subjects: HashSet<&str> = items.iter().map(|i| i.subject.as_str()).collect();
    let questions: usize = items.iter().map(|i| i.questions.len()).sum();
    let c = &entry.counts;
    let mut out = vec![
        CountCheck {
            what: "examples",
            expected: c.examples,
            found: items.len() as u64,
        },
        CountCheck {
            what: "train",
            expected: c.train,
            found: of(Split::Train),
        },
        CountCheck {
            what: "val",
            expected: c.val,
            found: of(Split::Val),
        },
        // Not compared: a copy may hold a part of the people, and blocks may stand in for them.
        CountCheck {
            what: "subjects",
            expected: None,
            found: subjects.len() as u64,
        },
    ];
    if n_guarded > 0 {
        out.push(CountCheck {
            what: "guard band",
            expected: None,
            found: n_guarded as u64,
        });
    }
    if questions > 0 || c.questions.is_some() {
        out.push(CountCheck {
            what: "questions",
            expected: c.questions,
            found: questions as u64,
        });
    }
    out
}

impl CheckReport {
    /// Counts an item that cannot be used.
    fn add_fault(&mut self, item: &Item, fault: Fault) {
        self.n_bad += 1;
        match fault {
            Fault::Missing(path) => self.missing.push(path),
            Fault::UnknownValues(values) => {
                for value in values {
                    *self.unknown_values.entry(value).or_default() += 1;
                }
            }
            fault => self.damaged.push(Rejected {
                path: item.image.clone(),
                reason: fault.to_string(),
            }),
        }
    }

    /// True if it is the dataset of the catalogue, whole and readable up to the allowed share, and neither a subject nor an
    /// image lies in both splits. Outliers, burnt-in text and faces are for a person to judge and do not count.
    pub fn is_sound(&self) -> bool {
        self.counts
            .iter()
            .all(|c| c.expected.is_none_or(|e| e == c.found))
            && self.bad_rows.is_empty()
            && self.n_bad <= self.n_bad_allowed
            && self.subjects_in_both_splits.is_empty()
            && self.near_duplicates.is_empty()
    }
}

/// Ids of training examples that are nearly the same as a validation image, for leaving out.
pub fn leaking_ids(report: &CheckReport) -> BTreeSet<&str> {
    report
        .near_duplicates
        .iter()
        .map(|d| d.train.as_str())
        .collect()
}
