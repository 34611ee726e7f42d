//! One line an input over all sets, and the same figures by centre, plane and class.

use std::path::PathBuf;

use omnimri_image::Plane;
use serde::Serialize;

use crate::case::Case;
use crate::interval::{Bootstrap, Estimate};
use crate::sets::Set;

/// How one image or volume was read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Record {
    /// The set.
    pub set: Set,
    /// The example.
    pub id: String,
    /// The file; one's own, so not published.
    #[serde(skip)]
    pub path: PathBuf,
    /// Person or block of slices.
    #[serde(skip)]
    pub subject: String,
    /// Where it was acquired, as far as the sets tell.
    pub centre: &'static str,
    /// Plane of the slices.
    #[serde(skip)]
    pub plane: Option<Plane>,
    /// What is outlined or said to be absent.
    pub class: &'static str,
    /// Dice of what is outlined; `None` where there is nothing.
    pub dice: Option<f64>,
    /// Whether the class is recognised, where the set has classes.
    pub recognised: Option<bool>,
}

impl Record {
    /// The record of a case.
    pub(crate) fn new(set: Set, case: &Case, class: &'static str) -> Self {
        Self {
            set,
            id: case.example.id.clone(),
            path: case.path.clone(),
            subject: format!("{}/{}", set.name(), case.example.subject),
            centre: set.name(),
            plane: case.example.classes.plane,
            class,
            dice: None,
            recognised: None,
        }
    }
}

/// Figures of the inputs that have one thing in common.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// `centre`, `plane` or `class`.
    pub by: &'static str,
    /// Which.
    pub value: &'static str,
    /// Mean Dice of what is outlined.
    pub dice: Estimate,
    /// Share whose class is recognised.
    pub recognised: Estimate,
}

/// One row over every centre, every plane and every class, in the order in which they occur.
pub(crate) fn rows(records: &[Record], bootstrap: Bootstrap) -> Vec<Row> {
    type Key = fn(&Record) -> &'static str;
    let keys: [(&'static str, Key); 3] = [
        ("centre", |r| r.centre),
        ("plane", |r| r.plane.map_or("not stated", Plane::name)),
        ("class", |r| r.class),
    ];
    let mut out = Vec::new();
    for (by, key) in keys {
        let mut values: Vec<&'static str> = Vec::new();
        for r in records {
            if !values.contains(&key(r)) {
                values.push(key(r));
            }
        }
        for value in values {
            let mine: Vec<&Record> = records.iter().filter(|r| key(r) == value).collect();
            let groups: Vec<String> = mine.iter().map(|r| r.subject.clone()).collect();
            let dice: Vec<Option<f64>> = mine.iter().map(|r| r.dice).collect();
            let right = mine
                .iter()
                .map(|r| r.recognised.map(|r| f64::from(u8::from(r))));
            let right: Vec<Option<f64>> = right.collect();
            out.push(Row {
                by,
                value,
                dice: bootstrap.mean_of_defined(&dice, &groups),
                recognised: bootstrap.mean_of_defined(&right, &groups),
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_centre_plane_and_class_gets_a_row() {
        let record = |set: Set, plane, class, dice, recognised| Record {
            set,
            id: "a".into(),
            path: PathBuf::new(),
            subject: "s".into(),
            centre: set.name(),
            plane,
            class,
            dice,
            recognised,
        };
        let axial = Some(Plane::Axial);
        let all = [
            record(Set::BrainTumorT1ce, axial, "glioma", Some(0.5), Some(true)),
            record(Set::BrainTumorT1ce, axial, "no tumour", None, Some(false)),
            record(Set::CardiacLv, None, "left ventricle", Some(0.9), None),
        ];
        let rows = rows(&all, Bootstrap { seed: 1, draws: 20 });
        let find = |by: &str, value: &str| {
            rows.iter()
                .find(|r| r.by == by && r.value == value)
                .unwrap()
        };
        assert_eq!(rows.len(), 2 + 2 + 3);
        let plane = find("plane", "axial");
        assert_eq!((plane.dice.value, plane.dice.n), (Some(0.5), 1));
        assert_eq!(plane.recognised.value, Some(0.5));
        assert_eq!(find("centre", "cardiac_lv").dice.value, Some(0.9));
        assert_eq!(find("class", "no tumour").dice.value, None);
        assert_eq!(find("plane", "not stated").recognised.n, 0);
    }
}
