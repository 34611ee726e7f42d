//! Volumes whose grid or quality differs from the others.

use std::collections::BTreeMap;
use std::path::PathBuf;

use omnimri_image::Zyx;
use serde::Serialize;

use super::Seen;
use crate::adapter::Item;
use crate::harmonise::Quality;

/// A voxel size this many times larger or smaller than the usual one is an outlier.
const SPACING_FACTOR: f64 = 1.5;
/// Fewest volumes that say what is usual for a quality measure.
const LEAST_VOLUMES: usize = 20;

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

/// A volume with a quality measure far from the others, on the bad side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QualityOutlier {
    /// The file.
    pub path: PathBuf,
    /// The measure.
    pub measure: &'static str,
    /// Its value.
    pub found: f32,
    /// The median of the set.
    pub usual: f32,
}

/// A measure's name, its value, the sign of its bad side, and the least deviation that counts as one: sets that are nearly
/// all alike (no ghost, nothing cut off) would otherwise make outliers of small differences.
type Measure = (&'static str, fn(&Quality) -> Option<f32>, f32, f32);

const MEASURES: [Measure; 7] = [
    ("noise", |q| q.noise, 1.0, 0.003),
    ("ghost-to-signal ratio", |q| q.ghost.worst(), 1.0, 0.01),
    ("sharpness", |q| q.sharpness, -1.0, 0.03),
    ("bias field", |q| q.bias, 1.0, 0.03),
    ("share of object", |q| Some(q.object_share), -1.0, 0.02),
    ("cut off by the border", |q| q.cut_off.worst(), 1.0, 0.12),
    (
        "share of empty slices",
        |q| (q.n_slices > 1).then(|| q.n_empty_slices as f32 / q.n_slices as f32),
        1.0,
        0.05,
    ),
];

/// Measures that lie more than `deviations` robust standard deviations (1.4826 median absolute deviations, at least 5 % of
/// the median) from the median, on the bad side.
pub(super) fn quality_outliers(seen: &[(&Item, Seen)], deviations: f32) -> Vec<QualityOutlier> {
    let mut out = Vec::new();
    for (measure, value, bad, least) in MEASURES {
        let values: Vec<f32> = seen.iter().filter_map(|(_, s)| value(&s.quality)).collect();
        if values.len() < LEAST_VOLUMES {
            continue;
        }
        let usual = median(values.clone());
        let spread = median(values.iter().map(|v| (v - usual).abs()).collect());
        let deviation = (1.4826 * spread).max(0.05 * usual.abs()).max(least);
        for (item, s) in seen {
            let Some(found) = value(&s.quality) else {
                continue;
            };
            if (found - usual) * bad > deviations * deviation {
                out.push(QualityOutlier {
                    path: item.image.clone(),
                    measure,
                    found,
                    usual,
                });
            }
        }
    }
    out
}

fn median(mut values: Vec<f32>) -> f32 {
    let middle = values.len() / 2;
    match values.get_mut(..) {
        Some(v) if middle < v.len() => *v.select_nth_unstable_by(middle, f32::total_cmp).1,
        _ => 0.0,
    }
}

/// Volumes of unusual voxel size.
pub(super) fn spacing_outliers(seen: &[(&Item, Seen)]) -> Vec<Outlier> {
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

/// Volumes of unusual axis order or direction.
pub(super) fn orientation_outliers(seen: &[(&Item, Seen)]) -> Vec<Outlier> {
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
