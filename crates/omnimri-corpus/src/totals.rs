//! Sums of the catalogue by kind and anatomy, beside those that the paper states.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;

use serde::Serialize;

use crate::catalogue::{CatalogueEntry, Kind, catalogue};

/// The paper's own totals of its corpus of 60 datasets.
pub const PAPER: PaperTotals = PaperTotals {
    datasets: 60,
    patients: 47_917,
    scans: 70_580,
    volumes: 224_194,
};

/// What the sums can be compared with, and what not.
const COMPARABLE: &str = "\
Comparable as an order of magnitude: the volumes of MR-only datasets. Not comparable: the selection (this catalogue lists what is\n\
public, the paper what its authors used); people (one who is in several collections is counted in each, see `overlaps` of `corpus show`);\n\
scans (sources count examinations, sessions or series, and none of them is summed here); 2D images (the paper counts slices of volumes).\n\
An entry without a published figure is counted as unknown and adds nothing; copies, parts and new texts on the images of another entry\n\
add their texts alone.";

/// Totals that the paper states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PaperTotals {
    /// Datasets.
    pub datasets: u64,
    /// Patients.
    pub patients: u64,
    /// Scans.
    pub scans: u64,
    /// Volumes.
    pub volumes: u64,
}

/// A sum, and how many entries state no number to add.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// Sum over the entries that state it.
    pub known: u64,
    /// Entries that do not.
    pub unknown: usize,
}

impl Counted {
    fn of(n: Option<u64>) -> Self {
        Self {
            known: n.unwrap_or(0),
            unknown: usize::from(n.is_none()),
        }
    }
}

impl AddAssign for Counted {
    fn add_assign(&mut self, other: Self) {
        self.known = self.known.saturating_add(other.known);
        self.unknown += other.unknown;
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.known, self.unknown) {
            (0, 0) => write!(f, "-"),
            (known, 0) => write!(f, "{}", grouped(known)),
            (0, unknown) => write!(f, "{unknown} unknown"),
            (known, unknown) => write!(f, "{} + {unknown} unknown", grouped(known)),
        }
    }
}

/// Sums over some entries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct CatalogueSum {
    /// Entries.
    pub datasets: usize,
    /// Of these: on the images of another entry; they add no people and no images.
    pub on_other_images: usize,
    /// People.
    pub subjects: Counted,
    /// 3D volumes; unknown where an entry states neither volumes nor images.
    pub volumes: Counted,
    /// 2D images.
    pub images: u64,
    /// Reports, captions and questions, of entries that have any.
    pub texts: Counted,
}

impl CatalogueSum {
    fn of(e: &CatalogueEntry) -> Self {
        let c = &e.counts;
        let own = e.images_from.is_empty();
        let texts = match (c.texts, c.questions) {
            (None, None) => None,
            (a, b) => Some(a.unwrap_or(0).saturating_add(b.unwrap_or(0))),
        };
        let mut sum = Self {
            datasets: 1,
            on_other_images: usize::from(!own),
            ..Self::default()
        };
        if own {
            sum.subjects = Counted::of(c.subjects);
            sum.images = c.images.unwrap_or(0);
            sum.volumes = Counted::of(c.volumes.or(c.images.map(|_| 0)));
        }
        if e.kind != Kind::ImageOnly {
            sum.texts = Counted::of(texts);
        }
        sum
    }
}

impl AddAssign for CatalogueSum {
    fn add_assign(&mut self, other: Self) {
        self.datasets += other.datasets;
        self.on_other_images += other.on_other_images;
        self.subjects += other.subjects;
        self.volumes += other.volumes;
        self.images = self.images.saturating_add(other.images);
        self.texts += other.texts;
    }
}

/// The paper's table of kinds and anatomies, computed from the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CatalogueTable {
    /// By kind, then by first-named anatomy; sets that mix MR with other modalities have a row of their own.
    pub rows: BTreeMap<Kind, BTreeMap<String, CatalogueSum>>,
    /// Of the sets that hold MR alone.
    pub mr_only: CatalogueSum,
    /// Of all.
    pub all: CatalogueSum,
    /// What the paper states.
    pub paper: PaperTotals,
}

/// Name of the row of sets that mix MR with other modalities.
const MIXED: &str = "mixed with other modalities";

/// Counts the catalogue.
pub fn catalogue_table() -> CatalogueTable {
    table_of(catalogue())
}

fn table_of(entries: &[CatalogueEntry]) -> CatalogueTable {
    let mut table = CatalogueTable {
        rows: BTreeMap::new(),
        mr_only: CatalogueSum::default(),
        all: CatalogueSum::default(),
        paper: PAPER,
    };
    for entry in entries {
        let sum = CatalogueSum::of(entry);
        let row = match entry.anatomy.first() {
            Some(anatomy) if entry.is_mr_only() => anatomy.as_str(),
            _ => MIXED,
        };
        let kind = table.rows.entry(entry.kind).or_default();
        *kind.entry(row.to_owned()).or_default() += sum;
        table.all += sum;
        if entry.is_mr_only() {
            table.mr_only += sum;
        }
    }
    table
}

impl fmt::Display for CatalogueTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| kind | anatomy | datasets | subjects | volumes | 2D images | texts and questions |\n\
             | --- | --- | ---: | ---: | ---: | ---: | ---: |"
        )?;
        let mut line = |kind: &str, anatomy: &str, s: &CatalogueSum| {
            let images = Counted {
                known: s.images,
                unknown: 0,
            };
            writeln!(
                f,
                "| {kind} | {anatomy} | {} | {} | {} | {images} | {} |",
                s.datasets, s.subjects, s.volumes, s.texts
            )
        };
        for (kind, row) in &self.rows {
            for (anatomy, sum) in row {
                line(kind.name(), anatomy, sum)?;
            }
        }
        line("all", "MR alone", &self.mr_only)?;
        line("all", "all", &self.all)?;
        let p = &self.paper;
        writeln!(
            f,
            "| the paper | all | {} | {} patients, {} scans | {} | not stated | not stated |\n",
            p.datasets,
            grouped(p.patients),
            grouped(p.scans),
            grouped(p.volumes)
        )?;
        write!(f, "{COMPARABLE}")
    }
}

/// Digits in groups of three.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (k, digit) in digits.chars().enumerate() {
        if k > 0 && (digits.len() - k).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::find;

    #[test]
    fn unknown_numbers_are_counted_as_unknown() {
        let mut known = find("glioma_progression").unwrap().clone();
        known.images_from.clear();
        let mut silent = known.clone();
        silent.counts = Default::default();
        let table = table_of(&[known, silent]);
        let brain = table.rows[&Kind::ImageOnly]["brain"];
        assert_eq!(
            brain.subjects,
            Counted {
                known: 8,
                unknown: 1
            }
        );
        assert_eq!(
            brain.volumes,
            Counted {
                known: 16,
                unknown: 1
            }
        );
        assert_eq!(brain.texts, Counted::default());
        assert!(
            table
                .to_string()
                .contains("| 8 + 1 unknown | 16 + 1 unknown |")
        );
    }

    #[test]
    fn images_of_another_entry_are_not_counted_again() {
        let mut copy = find("vqa_rad").unwrap().clone();
        copy.images_from = vec!["vqa_rad_full".into()];
        let sum = CatalogueSum::of(&copy);
        assert_eq!((sum.images, sum.subjects, sum.volumes), Default::default());
        assert_eq!(
            sum.texts,
            Counted {
                known: 768,
                unknown: 0
            }
        );
    }

    #[test]
    fn the_table_counts_every_entry_once_and_names_the_paper() {
        let table = catalogue_table();
        let rows = table.rows.values().flat_map(BTreeMap::values);
        assert_eq!(rows.map(|s| s.datasets).sum::<usize>(), catalogue().len());
        assert_eq!(table.all.datasets, catalogue().len());
        let text = table.to_string();
        assert!(text.contains("| 47,917 patients, 70,580 scans | 224,194 |"));
        assert!(text.contains("Not comparable"));
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(grouped(999), "999");
    }
}
