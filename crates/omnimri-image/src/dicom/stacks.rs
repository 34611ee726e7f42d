//! Frames of a scan to stacks: one series, matrix, orientation, voxel size and kind of image each.

use std::collections::BTreeMap;
use std::path::Path;

use super::frames::{FrameRecord, dot};
use super::header::FileInfo;
use crate::{Error, Result};

/// Most stacks of one series; a localizer has three, a radial series some dozens.
const MAX_STACKS: usize = 1000;
/// Cosine between directions that count as one: 0.5 degrees, far below what a scan plan turns.
const SAME_DIRECTION: f64 = 0.99996;
/// Relative difference of pixel spacings that count as one.
const SAME_SPACING: f64 = 1e-3;

/// Frames that can lie on one grid.
#[derive(Debug)]
pub(super) struct Stack {
    /// In order of file and frame.
    pub records: Vec<FrameRecord>,
    /// Why the series is more than this stack.
    pub warning: Option<String>,
}

/// All stacks, ordered by series number, series UID and place of their first file.
pub(super) fn stacks(
    path: &Path,
    files: &[FileInfo],
    records: &[FrameRecord],
) -> Result<Vec<Stack>> {
    let mut series: BTreeMap<(i64, &str), Vec<Vec<FrameRecord>>> = BTreeMap::new();
    for record in records {
        let info = &files[record.file];
        let number = info.acquisition.series_number.unwrap_or(i64::MAX);
        let groups = series.entry((number, &info.series_uid)).or_default();
        let together = |group: &Vec<FrameRecord>| differences(files, &group[0], record).is_empty();
        match groups.iter().position(together) {
            Some(group) => groups[group].push(*record),
            None if groups.len() == MAX_STACKS => {
                return Err(Error::MixedSeries {
                    path: path.into(),
                    expected: format!("at most {MAX_STACKS} groups of parallel slices a series"),
                    found: "more".into(),
                    hint: "the folder may mix several examinations".into(),
                });
            }
            None => groups.push(vec![*record]),
        }
    }
    let of_series = |groups: Vec<Vec<FrameRecord>>| {
        let warning = split_warning(files, &groups);
        groups.into_iter().map(move |records| Stack {
            records,
            warning: warning.clone(),
        })
    };
    Ok(series.into_values().flat_map(of_series).collect())
}

/// Properties that keep two frames of a series apart.
fn differences(files: &[FileInfo], a: &FrameRecord, b: &FrameRecord) -> Vec<&'static str> {
    let [fa, fb] = [a, b].map(|r| &files[r.file]);
    let pairs = [
        (
            "matrix size",
            (fa.format.rows, fa.format.columns) != (fb.format.rows, fb.format.columns),
        ),
        ("orientation", !same_orientation(a, b)),
        ("pixel spacing", !same_spacing(a, b)),
        (
            "image type",
            fa.image_type != fb.image_type || a.component != b.component,
        ),
        (
            "photometric interpretation",
            fa.format.inverted != fb.format.inverted,
        ),
        (
            "modality",
            fa.acquisition.modality != fb.acquisition.modality,
        ),
    ];
    pairs
        .into_iter()
        .filter(|(_, differs)| *differs)
        .map(|(name, _)| name)
        .collect()
}

fn same_orientation(a: &FrameRecord, b: &FrameRecord) -> bool {
    match (a.orientation, b.orientation) {
        (Some(a), Some(b)) => (0..2).all(|axis| dot(a[axis], b[axis]) > SAME_DIRECTION),
        (None, None) => true,
        _ => false,
    }
}

fn same_spacing(a: &FrameRecord, b: &FrameRecord) -> bool {
    match (a.pixel_spacing, b.pixel_spacing) {
        (Some(a), Some(b)) => a
            .iter()
            .zip(b)
            .all(|(a, b)| (a - b).abs() <= SAME_SPACING * a),
        (None, None) => true,
        _ => false,
    }
}

fn split_warning(files: &[FileInfo], groups: &[Vec<FrameRecord>]) -> Option<String> {
    let first = &groups.first()?[0];
    let mut names: Vec<&str> = Vec::new();
    for name in groups[1..]
        .iter()
        .flat_map(|g| differences(files, first, &g[0]))
    {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() {
        return None;
    }
    let localizer = if names.contains(&"orientation") {
        ", as a localizer's do"
    } else {
        ""
    };
    Some(format!(
        "The slices of this series differ in {}{localizer}: it is read as {} volumes.",
        names.join(" and "),
        groups.len()
    ))
}
