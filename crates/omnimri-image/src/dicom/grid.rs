//! One stack to a grid: slices in order along their normal, frames in order of what tells them
//! apart, and the affine with how far it is to be trusted.
//!
//! The distance between slices comes from their positions; slice thickness says how much tissue a
//! slice averages, not where the next one lies.

use super::frame_order::{self, Ordered};
use super::frames::{FrameRecord, cross, dot};
use crate::{Affine, Geometry, Trust, Zyx};

/// Slices nearer than this along the normal are at one place, in millimetres.
const SAME_PLACE_MM: f64 = 0.02;
/// Deviation of a distance between slices that is still even, as a part of it; positions are
/// sometimes rounded to a tenth of a millimetre, which is more for thin slices.
const EVEN: f64 = 0.05;
const EVEN_MM: f64 = 0.1;
/// Never as much as this part of the distance, so that a missing slice cannot pass.
const MOST_EVEN: f64 = 0.25;

/// A stack on its grid.
pub(super) struct Grid {
    pub geometry: Geometry,
    /// Frames `[frame][z]`, all of one length.
    pub frames: Vec<Vec<FrameRecord>>,
    /// Nothing in the header tells the frames apart: they may be copies.
    pub unlabelled: bool,
    pub warnings: Vec<String>,
}

impl Grid {
    /// Puts `records`, all of `rows` x `columns`, in order; `sop_uids` are those of the files.
    pub fn of(
        records: Vec<FrameRecord>,
        [rows, columns]: [usize; 2],
        sop_uids: &[Option<&str>],
    ) -> Self {
        let placed = records
            .iter()
            .all(|r| r.position.is_some() && r.orientation.is_some());
        let mut warnings = Vec::new();
        let places = if placed {
            by_place(records)
        } else {
            by_number(records)
        };
        let Ordered {
            frames,
            unlabelled,
            warnings: about_frames,
        } = frame_order::order(places, sop_uids);
        warnings.extend(about_frames);
        let lattice = if placed {
            measured(&frames[0])
        } else {
            assumed(&frames[0])
        };
        let Lattice {
            affine,
            orientation,
            spacing,
            warnings: about_lattice,
        } = lattice;
        warnings.extend(about_lattice);
        let size = Zyx::new(frames[0].len(), rows, columns);
        let geometry = Geometry {
            size,
            affine,
            orientation,
            spacing,
        };
        Self {
            geometry,
            frames,
            unlabelled,
            warnings,
        }
    }
}

/// Distance of a slice along the stack's normal.
fn along(normal: [f64; 3], record: &FrameRecord) -> f64 {
    record.position.map_or(0.0, |p| dot(normal, p))
}

fn normal_of(record: &FrameRecord) -> [f64; 3] {
    record
        .orientation
        .map_or([0.0, 0.0, 1.0], |[row, column]| cross(row, column))
}

/// Frames of each place along the normal, in order.
fn by_place(mut records: Vec<FrameRecord>) -> Vec<Vec<FrameRecord>> {
    let normal = normal_of(&records[0]);
    records.sort_by(|a, b| along(normal, a).total_cmp(&along(normal, b)));
    let mut places: Vec<Vec<FrameRecord>> = Vec::new();
    for record in records {
        match places.last_mut() {
            Some(place) if along(normal, &record) - along(normal, &place[0]) < SAME_PLACE_MM => {
                place.push(record);
            }
            _ => places.push(vec![record]),
        }
    }
    places
}

/// Without positions, each image is a slice of its own, in order of instance number.
fn by_number(mut records: Vec<FrameRecord>) -> Vec<Vec<FrameRecord>> {
    records.sort_by_key(|r| (r.instance.unwrap_or(i64::MAX), r.file, r.frame));
    records.into_iter().map(|r| vec![r]).collect()
}

/// Affine and what is to be said of it.
struct Lattice {
    affine: Affine,
    orientation: Trust,
    spacing: Trust,
    warnings: Vec<String>,
}

impl Lattice {
    /// Distrusts the voxel size for a reason, which is also a warning.
    fn distrust_spacing(&mut self, why: String) {
        self.warnings.push(format!("{}.", capitalised(&why)));
        if self.spacing.is_trusted() {
            self.spacing = Trust::Untrusted(why);
        }
    }
}

/// From positions and orientation.
fn measured(slices: &[FrameRecord]) -> Lattice {
    let first = &slices[0];
    let normal = normal_of(first);
    let mut warnings = Vec::new();
    let mut missing = None;
    let step = if slices.len() > 1 {
        mean_step(slices)
    } else {
        let distance = first.thickness_mm.or(first.between_slices_mm);
        if distance.is_none() {
            missing = Some("a single slice without slice thickness".to_string());
        } else {
            warnings.push("The series is a single slice; its thickness is used.".to_string());
        }
        normal.map(|n| n * distance.unwrap_or(1.0))
    };
    let mut lattice = Lattice {
        affine: affine_of(first, step),
        orientation: Trust::Trusted,
        spacing: Trust::Trusted,
        warnings,
    };
    if let Some(why) = missing {
        lattice.distrust_spacing(why);
    }
    if first.pixel_spacing.is_none() {
        lattice.distrust_spacing("the header has no usable pixel spacing".into());
    }
    if slices.len() > 2 {
        if let Some(why) = uneven(slices, normal) {
            lattice.distrust_spacing(why);
        } else if let Some(why) = off_line(slices, step) {
            lattice.distrust_spacing(why);
        }
    }
    lattice
}

/// From the first slice to the last, so that both ends lie where the header puts them.
fn mean_step(slices: &[FrameRecord]) -> [f64; 3] {
    let ends = [&slices[0], &slices[slices.len() - 1]].map(|r| r.position.unwrap_or_default());
    std::array::from_fn(|c| (ends[1][c] - ends[0][c]) / (slices.len() - 1) as f64)
}

/// Why the distances between slices are not all alike, if they are not.
fn uneven(slices: &[FrameRecord], normal: [f64; 3]) -> Option<String> {
    let gaps: Vec<f64> = slices
        .windows(2)
        .map(|w| along(normal, &w[1]) - along(normal, &w[0]))
        .collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let even = |distance: f64| (EVEN * distance).max(EVEN_MM.min(MOST_EVEN * distance));
    if gaps.iter().all(|g| (g - mean).abs() <= even(mean)) {
        return None;
    }
    let mut sorted = gaps.clone();
    sorted.sort_by(f64::total_cmp);
    // The lower median: of two gaps, one with a missing slice, the shorter is the rule.
    let regular = sorted[(sorted.len() - 1) / 2];
    let whole = |g: &f64| (g / regular - (g / regular).round()).abs() * regular <= even(regular);
    if !gaps.iter().all(whole) {
        let [least, most] = [sorted[0], sorted[sorted.len() - 1]];
        return Some(format!(
            "the distance between slices is uneven, from {least:.2} to {most:.2} mm"
        ));
    }
    let holes: Vec<(usize, usize)> = gaps
        .iter()
        .map(|g| (g / regular).round() as usize)
        .enumerate()
        .filter(|(_, n)| *n > 1)
        .map(|(z, n)| (z, n - 1))
        .collect();
    let n: usize = holes.iter().map(|(_, n)| n).sum();
    let named: Vec<_> = holes
        .iter()
        .take(3)
        .map(|(z, _)| format!("{} and {}", z + 1, z + 2))
        .collect();
    let more = if holes.len() > 3 {
        " and elsewhere"
    } else {
        ""
    };
    Some(format!(
        "{n} {} missing (between slices {}{more}), so the slices do not lie evenly",
        if n == 1 { "slice is" } else { "slices are" },
        named.join(", ")
    ))
}

/// Why the slices' origins do not lie on one line, if they do not.
///
/// Only half a pixel counts; a line that leans, as with a tilted gantry, is in the affine.
fn off_line(slices: &[FrameRecord], step: [f64; 3]) -> Option<String> {
    let first = slices[0].position?;
    let pixel = slices[0].pixel_spacing.map_or(1.0, |s| s[0].min(s[1]));
    let off = |(z, record): (usize, &FrameRecord)| {
        let p = record.position.unwrap_or_default();
        let d: [f64; 3] = std::array::from_fn(|c| p[c] - first[c] - z as f64 * step[c]);
        dot(d, d).sqrt()
    };
    let worst = slices.iter().enumerate().map(off).fold(0.0, f64::max);
    (worst > 0.5 * pixel)
        .then(|| format!("slices are shifted against each other by up to {worst:.1} mm"))
}

/// Without positions or orientation: unit axes, and whatever sizes the header has.
fn assumed(slices: &[FrameRecord]) -> Lattice {
    let first = &slices[0];
    let lacks = match (first.position, first.orientation) {
        (None, None) => "slice position and orientation",
        (None, Some(_)) => "slice position",
        _ => "slice orientation",
    };
    let why = format!("the header has no usable {lacks}");
    let [y, x] = first.pixel_spacing.unwrap_or([1.0; 2]);
    let z = first
        .between_slices_mm
        .or(first.thickness_mm)
        .unwrap_or(1.0);
    let mut warnings = vec![format!("{}.", capitalised(&why))];
    if slices.len() > 1 {
        warnings.push("Slices are in order of their instance numbers.".to_string());
    }
    Lattice {
        affine: Affine::from_spacing(Zyx::new(z, y, x)),
        orientation: Trust::Untrusted(why.clone()),
        spacing: Trust::Untrusted(why),
        warnings,
    }
}

/// Voxel to world: LPS of the header turned to RAS here and nowhere else.
fn affine_of(first: &FrameRecord, step: [f64; 3]) -> Affine {
    let [row, column] = first
        .orientation
        .unwrap_or([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]);
    let [between_rows, between_columns] = first.pixel_spacing.unwrap_or([1.0; 2]);
    let origin = first.position.unwrap_or_default();
    let mut affine = [[0.0; 4]; 4];
    for (r, sign) in [-1.0, -1.0, 1.0].into_iter().enumerate() {
        // `0.0 +` keeps a zero from becoming -0.
        affine[r] = [
            0.0 + sign * row[r] * between_columns,
            0.0 + sign * column[r] * between_rows,
            0.0 + sign * step[r],
            0.0 + sign * origin[r],
        ];
    }
    affine[3][3] = 1.0;
    Affine(affine)
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map(|c| c.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}
