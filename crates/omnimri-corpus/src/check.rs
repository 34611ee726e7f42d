//! Is this folder the dataset, and is it whole?

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};

use omnimri_image::Zyx;
use rayon::prelude::*;
use serde::Serialize;

use crate::adapter::{Fault, Item, list, read_item};
use crate::catalogue::CatalogueEntry;
use crate::error::Result;
use crate::example::Split;
use crate::load::Rejected;
use crate::signature::Signature;

/// A voxel size this many times larger or smaller than the usual one is an outlier.
const SPACING_FACTOR: f64 = 1.5;

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

/// A volume whose header differs from the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outlier {
    /// The file.
    pub path: PathBuf,
    /// What it has.
    pub found: String,
    /// What most have.
    pub usual: String,
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
    /// Nearly the same image in both splits.
    pub near_duplicates: Vec<NearDuplicate>,
}

/// What is kept of one item.
struct Seen {
    spacing_mm: Option<Zyx<f64>>,
    orientation: Option<String>,
    signature: Signature,
}

/// Reads everything an entry lists in `dir` and compares it with the catalogue. Fails only where nothing can be listed.
pub fn check(entry: &CatalogueEntry, dir: &Path) -> Result<CheckReport> {
    let listed = list(entry, dir)?;
    let read: Vec<_> = listed
        .items
        .par_iter()
        .map(|item| {
            read_item(item, None).map(|(example, orientation)| Seen {
                spacing_mm: example.image.spacing_mm,
                orientation,
                signature: Signature::of(&example.image),
            })
        })
        .collect();
    let mut report = CheckReport {
        dataset: entry.name.clone(),
        folder: dir.into(),
        counts: counts(entry, &listed.items),
        bad_rows: listed.rejected,
        missing: Vec::new(),
        damaged: Vec::new(),
        unknown_values: BTreeMap::new(),
        spacing_outliers: Vec::new(),
        orientation_outliers: Vec::new(),
        near_duplicates: Vec::new(),
    };
    let mut seen = Vec::new();
    for (item, result) in listed.items.iter().zip(read) {
        match result {
            Ok(one) => seen.push((item, one)),
            Err(Fault::Missing(path)) => report.missing.push(path),
            Err(Fault::UnknownValues(values)) => {
                for value in values {
                    *report.unknown_values.entry(value).or_default() += 1;
                }
            }
            Err(fault) => report.damaged.push(Rejected {
                path: item.image.clone(),
                reason: fault.to_string(),
            }),
        }
    }
    report.spacing_outliers = spacing_outliers(&seen);
    report.orientation_outliers = orientation_outliers(&seen);
    report.near_duplicates = near_duplicates(&seen);
    Ok(report)
}

fn counts(entry: &CatalogueEntry, items: &[Item]) -> Vec<CountCheck> {
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
    if questions > 0 || c.questions.is_some() {
        out.push(CountCheck {
            what: "questions",
            expected: c.questions,
            found: questions as u64,
        });
    }
    out
}

fn spacing_outliers(seen: &[(&Item, Seen)]) -> Vec<Outlier> {
    let axes = |s: Zyx<f64>| [s.x, s.y, s.z];
    let all: Vec<[f64; 3]> = seen
        .iter()
        .filter_map(|(_, s)| s.spacing_mm.map(axes))
        .collect();
    if all.is_empty() {
        return Vec::new();
    }
    let usual: [f64; 3] = std::array::from_fn(|axis| {
        let mut values: Vec<f64> = all.iter().map(|s| s[axis]).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    });
    let words = |s: [f64; 3]| format!("{:.2} x {:.2} x {:.2} mm (x, y, z)", s[0], s[1], s[2]);
    let far = |a: f64, b: f64| a > b * SPACING_FACTOR || b > a * SPACING_FACTOR;
    seen.iter()
        .filter_map(|(item, s)| Some((item, axes(s.spacing_mm?))))
        .filter(|(_, s)| s.iter().zip(usual).any(|(&a, b)| far(a, b)))
        .map(|(item, s)| Outlier {
            path: item.image.clone(),
            found: words(s),
            usual: words(usual),
        })
        .collect()
}

fn orientation_outliers(seen: &[(&Item, Seen)]) -> Vec<Outlier> {
    let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, s) in seen {
        if let Some(code) = &s.orientation {
            *votes.entry(code).or_default() += 1;
        }
    }
    let Some((&usual, _)) = votes.iter().max_by_key(|(_, n)| **n) else {
        return Vec::new();
    };
    seen.iter()
        .filter_map(|(item, s)| Some((item, s.orientation.as_deref()?)))
        .filter(|&(_, code)| code != usual)
        .map(|(item, code)| Outlier {
            path: item.image.clone(),
            found: code.to_owned(),
            usual: usual.to_owned(),
        })
        .collect()
}

fn near_duplicates(seen: &[(&Item, Seen)]) -> Vec<NearDuplicate> {
    let of = |split| seen.iter().filter(move |(item, _)| item.split == split);
    let val: Vec<_> = of(Split::Val).collect();
    of(Split::Train)
        .collect::<Vec<_>>()
        .par_iter()
        .flat_map_iter(|(t, a)| {
            val.iter().filter_map(|(v, b)| {
                // Channels of one row differ in contrast only, and rows never cross splits.
                let correlation = a.signature.near(&b.signature)?;
                Some(NearDuplicate {
                    train: t.id.clone(),
                    val: v.id.clone(),
                    correlation,
                })
            })
        })
        .collect()
}

impl CheckReport {
    /// True if it is the dataset of the catalogue, whole and readable, and no image lies in both splits.
    pub fn is_sound(&self) -> bool {
        self.counts
            .iter()
            .all(|c| c.expected.is_none_or(|e| e == c.found))
            && self.bad_rows.is_empty()
            && self.missing.is_empty()
            && self.damaged.is_empty()
            && self.unknown_values.is_empty()
            && self.near_duplicates.is_empty()
    }
}

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_sound() {
            "sound"
        } else {
            "not sound"
        };
        writeln!(
            f,
            "{} in {}: {verdict}",
            self.dataset,
            self.folder.display()
        )?;
        for c in &self.counts {
            match c.expected {
                Some(e) if e != c.found => {
                    writeln!(f, "  {:20} {} (the catalogue says {e})", c.what, c.found)?;
                }
                _ => writeln!(f, "  {:20} {}", c.what, c.found)?,
            }
        }
        section(f, "bad rows", &self.bad_rows, |r| {
            format!("{}: {}", r.path.display(), r.reason)
        })?;
        section(f, "missing files", &self.missing, |p| {
            p.display().to_string()
        })?;
        section(f, "damaged files", &self.damaged, |r| {
            format!("{}: {}", r.path.display(), r.reason)
        })?;
        let values: Vec<_> = self.unknown_values.iter().collect();
        section(f, "unknown label values", &values, |(v, n)| {
            format!("{v} in {n} masks")
        })?;
        let outlier =
            |o: &Outlier| format!("{}: {} (usual: {})", o.path.display(), o.found, o.usual);
        section(f, "unusual spacing", &self.spacing_outliers, outlier)?;
        section(
            f,
            "unusual orientation",
            &self.orientation_outliers,
            outlier,
        )?;
        section(f, "train near val", &self.near_duplicates, |d| {
            format!(
                "{} and {} (correlation {:.4})",
                d.train, d.val, d.correlation
            )
        })
    }
}

/// A count and the first few items.
fn section<T>(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    items: &[T],
    line: impl Fn(&T) -> String,
) -> fmt::Result {
    const SHOWN: usize = 8;
    writeln!(f, "  {title:20} {}", items.len())?;
    for item in items.iter().take(SHOWN) {
        writeln!(f, "    {}", line(item))?;
    }
    if items.len() > SHOWN {
        writeln!(f, "    and {} more", items.len() - SHOWN)?;
    }
    Ok(())
}

/// Ids of training examples that are nearly the same as a validation image, for leaving out.
pub fn leaking_ids(report: &CheckReport) -> BTreeSet<&str> {
    report
        .near_duplicates
        .iter()
        .map(|d| d.train.as_str())
        .collect()
}
