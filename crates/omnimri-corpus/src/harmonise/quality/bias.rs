//! Strength of the slow intensity change that coils cause.

use omnimri_image::Zyx;

/// Blocks along the longer side of a slice.
const BLOCKS: usize = 12;
/// Least share of a block that must be object.
const FILLED: f64 = 0.75;
/// Slices from which the change along `z` is fitted too.
const LEAST_SLICES: usize = 8;
/// Percentile of a block that stands for its tissue: fluid-filled spaces darken or brighten the mean, not this.
const PERCENTILE: f64 = 0.7;

/// Standard deviation of the natural logarithm of a smooth field fitted to the object: 0.1 says that it changes by about
/// 10 %; `None` where too little of the object is there to fit.
///
/// A polynomial of second order in log intensity, in the manner of Styner et al. (IEEE Trans. Med. Imaging 19, 2000)
/// without their tissue classes: real changes of tissue over the image count as field too, so it is an upper bound.
pub(crate) fn bias_strength(voxels: &[f32], object: &[bool], size: Zyx<usize>) -> Option<f32> {
    let points = blocks(voxels, object, size);
    let along_z = size.z >= LEAST_SLICES;
    let terms = |p: &[f64; 3]| -> Vec<f64> {
        let [x, y, z] = *p;
        let mut out = vec![1.0, x, y, x * x, y * y, x * y];
        if along_z {
            out.extend([z, z * z, x * z, y * z]);
        }
        out
    };
    let n = if along_z { 10 } else { 6 };
    if points.len() < 3 * n {
        return None;
    }
    let (mut a, mut b) = (vec![vec![0.0; n]; n], vec![0.0; n]);
    for (place, log) in &points {
        let row = terms(place);
        for i in 0..n {
            for j in 0..n {
                a[i][j] += row[i] * row[j];
            }
            b[i] += row[i] * log;
        }
    }
    for (i, row) in a.iter_mut().enumerate() {
        row[i] += 1e-6 * points.len() as f64;
    }
    let fit = solve(a, b)?;
    let field: Vec<f64> = points
        .iter()
        .map(|(place, _)| terms(place).iter().zip(&fit).map(|(t, c)| t * c).sum())
        .collect();
    let mean = field.iter().sum::<f64>() / field.len() as f64;
    let variance = field.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / field.len() as f64;
    let strength = variance.sqrt() as f32;
    strength.is_finite().then_some(strength)
}

/// Places (x, y, z from -1 to 1) of blocks inside the object, and the logarithm of their intensity.
fn blocks(voxels: &[f32], object: &[bool], size: Zyx<usize>) -> Vec<([f64; 3], f64)> {
    let side = (size.y.max(size.x) / BLOCKS).max(2);
    let place = |at: usize, n: usize| 2.0 * (at as f64 + 0.5) / n as f64 - 1.0;
    let mut out = Vec::new();
    let mut values = Vec::with_capacity(side * side);
    for z in 0..size.z {
        for y in (0..size.y.saturating_sub(side - 1)).step_by(side) {
            for x in (0..size.x.saturating_sub(side - 1)).step_by(side) {
                values.clear();
                for row in y..y + side {
                    let at = size.offset(x, row, z);
                    let line = at..at + side;
                    values.extend(line.filter(|&k| object[k]).map(|k| voxels[k]));
                }
                if (values.len() as f64) < FILLED * (side * side) as f64 {
                    continue;
                }
                let k = ((values.len() - 1) as f64 * PERCENTILE) as usize;
                let v = *values.select_nth_unstable_by(k, f32::total_cmp).1;
                if v > 0.01 {
                    let middle = side / 2;
                    let at = [
                        place(x + middle, size.x),
                        place(y + middle, size.y),
                        place(z, size.z),
                    ];
                    out.push((at, f64::from(v).ln()));
                }
            }
        }
    }
    out
}

/// Solves a small symmetric system by elimination with pivots; `None` if it is singular.
fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Option<Vec<f64>> {
    let n = b.len();
    for k in 0..n {
        let pivot = (k..n).max_by(|&i, &j| a[i][k].abs().total_cmp(&a[j][k].abs()))?;
        if a[pivot][k].abs() < 1e-12 {
            return None;
        }
        a.swap(k, pivot);
        b.swap(k, pivot);
        for i in k + 1..n {
            let f = a[i][k] / a[k][k];
            for j in k..n {
                a[i][j] -= f * a[k][j];
            }
            b[i] -= f * b[k];
        }
    }
    for k in (0..n).rev() {
        let rest: f64 = (k + 1..n).map(|j| a[k][j] * b[j]).sum();
        b[k] = (b[k] - rest) / a[k][k];
    }
    Some(b)
}
