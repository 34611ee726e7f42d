//! The single measures; what they mean stands at the fields of [`super::Quality`].

use omnimri_image::Zyx;

use super::PerAxis;
use crate::select::Ranks;

/// Median absolute deviation of a normal distribution of standard deviation 1.
const NORMAL_MAD: f32 = 0.6745;
/// Median of a Rayleigh distribution of parameter 1: the root of 2 ln 2.
const RAYLEIGH_MEDIAN: f32 = 1.1774;
/// Fewest voxels of a region that a measure is taken from.
const LEAST_VOXELS: usize = 64;
/// Share of air that is exactly 0 from which it was cut away rather than measured.
const CUT_AIR: f64 = 0.5;

/// Median of the chosen voxels; `None` of too few.
pub(super) fn median_of(voxels: &[f32], chosen: &[bool]) -> Option<f32> {
    median(Ranks::of_chosen(voxels, chosen))
}

fn median(mut ranks: Ranks) -> Option<f32> {
    let n = ranks.len();
    (n >= LEAST_VOXELS).then(|| ranks.at(n / 2)).flatten()
}

/// Noise inside the object, from blocks of 2 x 2 that lie wholly in it.
pub(super) fn wavelet_sigma(voxels: &[f32], object: &[bool], size: Zyx<usize>) -> Option<f32> {
    let mut details = Vec::with_capacity(voxels.len() / 4);
    // Rows come in pairs; the last of an odd number has no partner in its slice.
    for slice in 0..size.z {
        for y in (0..size.y.saturating_sub(1)).step_by(2) {
            let at = size.offset(0, y, slice);
            let (upper, lower) = (at..at + size.x, at + size.x..at + 2 * size.x);
            let values = voxels[upper.clone()]
                .chunks_exact(2)
                .zip(voxels[lower.clone()].chunks_exact(2));
            let inside = object[upper]
                .chunks_exact(2)
                .zip(object[lower].chunks_exact(2));
            for ((ab, cd), (o, p)) in values.zip(inside) {
                if o[0] & o[1] & p[0] & p[1] {
                    details.push(((ab[0] - ab[1] - cd[0] + cd[1]) / 2.0).abs());
                }
            }
        }
    }
    median(Ranks::of(&details)).map(|m| m / NORMAL_MAD)
}

/// Noise from air.
pub(super) fn air_sigma(voxels: &[f32], air: &[bool]) -> Option<f32> {
    let in_air = voxels.iter().zip(air);
    let zeros = in_air.filter(|(v, a)| **a & (**v <= 0.0)).count();
    let values = Ranks::of_chosen(voxels, air);
    if zeros as f64 > CUT_AIR * values.len() as f64 {
        return None;
    }
    median(values).map(|m| m / RAYLEIGH_MEDIAN)
}

/// Which lines hold a voxel of the object.
struct Lines {
    /// Along `x`: `[z][y]`.
    x: Vec<bool>,
    /// Along `y`: `[z][x]`.
    y: Vec<bool>,
    /// Along `z`: `[y][x]`.
    z: Vec<bool>,
}

impl Lines {
    fn of(object: &[bool], size: Zyx<usize>) -> Self {
        let mut out = Self {
            x: Vec::with_capacity(size.z * size.y),
            y: vec![false; size.z * size.x],
            z: vec![false; size.y * size.x],
        };
        let slices = object.chunks_exact(size.y * size.x);
        for (slice, columns) in slices.zip(out.y.chunks_exact_mut(size.x)) {
            let lines = slice.chunks_exact(size.x);
            for (row, through) in lines.zip(out.z.chunks_exact_mut(size.x)) {
                out.x.push(row.contains(&true));
                let marks = columns.iter_mut().zip(through).zip(row);
                marks.for_each(|((column, through), inside)| {
                    *column |= inside;
                    *through |= inside;
                });
            }
        }
        out
    }
}

/// Ghosts along each axis.
pub(super) fn ghosts(
    voxels: &[f32],
    object: &[bool],
    air: &[bool],
    size: Zyx<usize>,
    signal: f32,
) -> PerAxis {
    let hit = Lines::of(object, size);
    let n_axes = if size.z > 1 { 3 } else { 2 };
    // By which lines through a voxel hold the object: bit 0 along x, 1 along y, 2 along z.
    let mut by_lines = [(0.0f64, 0usize); 8];
    for (row, &along_x) in hit.x.iter().enumerate() {
        let (y, z) = (row % size.y, row / size.y);
        let here = row * size.x..(row + 1) * size.x;
        let lines = hit.y[z * size.x..].iter().zip(&hit.z[y * size.x..]);
        let values = voxels[here.clone()].iter().zip(&air[here]);
        for ((&v, &in_air), (&along_y, &along_z)) in values.zip(lines) {
            if in_air {
                let along_z = n_axes == 3 && along_z;
                let at =
                    usize::from(along_x) | usize::from(along_y) << 1 | usize::from(along_z) << 2;
                by_lines[at].0 += f64::from(v);
                by_lines[at].1 += 1;
            }
        }
    }
    let (beside, corner) = ([by_lines[1], by_lines[2], by_lines[4]], by_lines[0]);
    let mean = |(sum, n): (f64, usize)| (n >= LEAST_VOXELS).then(|| sum / n as f64);
    let ratio = |axis: usize| {
        let more = mean(beside[axis])? - mean(corner)?;
        let ratio = (more / f64::from(signal)).max(0.0) as f32;
        ratio.is_finite().then_some(ratio)
    };
    PerAxis {
        x: ratio(0),
        y: ratio(1),
        z: if n_axes == 3 { ratio(2) } else { None },
    }
}

/// Mean over slices, weighted by their energy, of the normalised entropy.
pub(super) fn entropy_focus(voxels: &[f32], size: Zyx<usize>) -> Option<f32> {
    let n = size.y * size.x;
    let largest = (n as f64).sqrt() * (n as f64).sqrt().ln();
    let (mut sum, mut weight) = (0.0, 0.0);
    for slice in voxels.chunks_exact(n) {
        let energy: f64 = slice.iter().map(|v| f64::from(*v).powi(2)).sum();
        if energy <= 0.0 {
            continue;
        }
        let root = energy.sqrt();
        let mut terms = Terms::new(root);
        let entropy: f64 = slice
            .iter()
            .filter(|v| **v > 0.0)
            .map(|v| terms.of(*v))
            .sum();
        sum += energy * entropy / largest;
        weight += energy;
    }
    let focus = (sum / weight) as f32;
    focus.is_finite().then_some(focus)
}

/// Terms of an entropy. Images are mostly of 256 values, so that each logarithm is taken once a slice and not once a voxel.
struct Terms {
    root: f64,
    /// The value last seen at each place, and its term.
    kept: Vec<(f32, f64)>,
}

impl Terms {
    fn new(root: f64) -> Self {
        Self {
            root,
            kept: vec![(f32::NAN, 0.0); 256],
        }
    }

    /// `-p ln p` of the share `p` of a value above 0 and at most 1.
    fn of(&mut self, v: f32) -> f64 {
        let kept = &mut self.kept[(v * 255.0) as usize & 255];
        if kept.0 != v {
            let p = f64::from(v) / self.root;
            *kept = (v, -p * p.ln());
        }
        kept.1
    }
}

/// Mean of the steepest tenth of the gradients.
pub(super) fn sharpness(
    voxels: &[f32],
    object: &[bool],
    size: Zyx<usize>,
    signal: f32,
) -> Option<f32> {
    let mut steps = Vec::with_capacity(voxels.len());
    for z in 0..size.z {
        for y in 1..size.y.saturating_sub(1) {
            let row = |y: usize| &voxels[size.offset(0, y, z)..][..size.x];
            let (above, here, below) = (row(y - 1), row(y), row(y + 1));
            let inside = &object[size.offset(0, y, z)..][..size.x];
            for x in 1..size.x.saturating_sub(1) {
                if inside[x] {
                    let dx = (here[x + 1] - here[x - 1]) / 2.0;
                    let dy = (below[x] - above[x]) / 2.0;
                    steps.push(dx.hypot(dy));
                }
            }
        }
    }
    if steps.len() < LEAST_VOXELS {
        return None;
    }
    let from = steps.len() * 9 / 10;
    steps.select_nth_unstable_by(from, f32::total_cmp);
    let steep = &mut steps[from..];
    // Sorted, so that the sum does not depend on how the selection ordered them.
    steep.sort_by(f32::total_cmp);
    let mean = steep.iter().map(|v| f64::from(*v)).sum::<f64>() / steep.len() as f64;
    let ratio = mean as f32 / signal;
    ratio.is_finite().then_some(ratio)
}

/// How much of the object the border cuts off.
pub(super) fn cut_off(object: &[bool], size: Zyx<usize>) -> PerAxis {
    let (mut x, mut y, mut z) = (vec![0usize; size.x], vec![0; size.y], vec![0; size.z]);
    for (k, row) in object.chunks_exact(size.x).enumerate() {
        let n = row.iter().filter(|o| **o).count();
        y[k % size.y] += n;
        z[k / size.y] += n;
        let columns = x.iter_mut().zip(row);
        columns.for_each(|(count, inside)| *count += usize::from(*inside));
    }
    let ratio = |counts: &[usize]| {
        let most = counts.iter().copied().max().filter(|n| *n > 0)?;
        let ends = counts.first().copied().max(counts.last().copied())?;
        (counts.len() > 1).then(|| ends as f32 / most as f32)
    };
    PerAxis {
        x: ratio(&x),
        y: ratio(&y),
        z: ratio(&z),
    }
}
