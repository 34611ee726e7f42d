//! The single measures; what they mean stands at the fields of [`super::Quality`].

use omnimri_image::Zyx;

use super::PerAxis;

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
    let values = voxels
        .iter()
        .zip(chosen)
        .filter_map(|(v, c)| c.then_some(*v));
    median(values.collect())
}

fn median(mut values: Vec<f32>) -> Option<f32> {
    if values.len() < LEAST_VOXELS {
        return None;
    }
    let middle = values.len() / 2;
    Some(*values.select_nth_unstable_by(middle, f32::total_cmp).1)
}

/// Noise inside the object, from blocks of 2 x 2 that lie wholly in it.
pub(super) fn wavelet_sigma(voxels: &[f32], object: &[bool], size: Zyx<usize>) -> Option<f32> {
    let mut details = Vec::new();
    for z in 0..size.z {
        for y in (0..size.y.saturating_sub(1)).step_by(2) {
            for x in (0..size.x.saturating_sub(1)).step_by(2) {
                let at = size.offset(x, y, z);
                let four = [at, at + 1, at + size.x, at + size.x + 1];
                if four.iter().all(|&k| object[k]) {
                    let [a, b, c, d] = four.map(|k| voxels[k]);
                    details.push(((a - b - c + d) / 2.0).abs());
                }
            }
        }
    }
    median(details).map(|m| m / NORMAL_MAD)
}

/// Noise from air.
pub(super) fn air_sigma(voxels: &[f32], air: &[bool]) -> Option<f32> {
    let values: Vec<f32> = voxels
        .iter()
        .zip(air)
        .filter_map(|(v, a)| a.then_some(*v))
        .collect();
    let zeros = values.iter().filter(|v| **v <= 0.0).count();
    if zeros as f64 > CUT_AIR * values.len() as f64 {
        return None;
    }
    median(values).map(|m| m / RAYLEIGH_MEDIAN)
}

/// Which lines along `axis` (0 x, 1 y, 2 z) hold a voxel of the object, by their index.
fn lines_with_object(object: &[bool], size: Zyx<usize>, axis: usize) -> Vec<bool> {
    let mut out = vec![false; object.len() / [size.x, size.y, size.z][axis].max(1)];
    for (k, _) in object.iter().enumerate().filter(|(_, o)| **o) {
        out[line(k, size, axis)] = true;
    }
    out
}

/// Index of the line along `axis` through voxel `k`.
fn line(k: usize, size: Zyx<usize>, axis: usize) -> usize {
    let (x, y, z) = (k % size.x, k / size.x % size.y, k / (size.x * size.y));
    match axis {
        0 => z * size.y + y,
        1 => z * size.x + x,
        _ => y * size.x + x,
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
    let hit: [Vec<bool>; 3] = std::array::from_fn(|axis| lines_with_object(object, size, axis));
    let n_axes = if size.z > 1 { 3 } else { 2 };
    let mut beside = [(0.0f64, 0usize); 3];
    let mut corner = (0.0f64, 0usize);
    for k in (0..voxels.len()).filter(|&k| air[k]) {
        let along: [bool; 3] = std::array::from_fn(|a| a < n_axes && hit[a][line(k, size, a)]);
        let value = f64::from(voxels[k]);
        let region = match along {
            [true, false, false] => &mut beside[0],
            [false, true, false] => &mut beside[1],
            [false, false, true] => &mut beside[2],
            [false, false, false] => &mut corner,
            _ => continue,
        };
        region.0 += value;
        region.1 += 1;
    }
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
        let entropy: f64 = slice
            .iter()
            .filter(|v| **v > 0.0)
            .map(|v| f64::from(*v) / root)
            .map(|p| -p * p.ln())
            .sum();
        sum += energy * entropy / largest;
        weight += energy;
    }
    let focus = (sum / weight) as f32;
    focus.is_finite().then_some(focus)
}

/// Mean of the steepest tenth of the gradients.
pub(super) fn sharpness(
    voxels: &[f32],
    object: &[bool],
    size: Zyx<usize>,
    signal: f32,
) -> Option<f32> {
    let mut steps = Vec::new();
    for z in 0..size.z {
        for y in 1..size.y.saturating_sub(1) {
            for x in 1..size.x.saturating_sub(1) {
                let k = size.offset(x, y, z);
                if object[k] {
                    let dx = (voxels[k + 1] - voxels[k - 1]) / 2.0;
                    let dy = (voxels[k + size.x] - voxels[k - size.x]) / 2.0;
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
    for (k, _) in object.iter().enumerate().filter(|(_, o)| **o) {
        x[k % size.x] += 1;
        y[k / size.x % size.y] += 1;
        z[k / (size.x * size.y)] += 1;
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
