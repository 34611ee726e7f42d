//! Coarse voxels and thick slices on the grid of fine ones.

use omnimri_image::Zyx;
use omnimri_recon::simulate::filter::gaussian;

/// What of an image survives on voxels `factor` times as large along each axis: smoothed by the coarse voxel (a Gaussian of 0.42
/// of it, about a box's width), sampled there, `at_coarse` applied to the samples (noise, for one), interpolated linearly back.
pub(super) fn coarsen(
    voxels: &mut Vec<f32>,
    size: Zyx<usize>,
    factor: Zyx<f32>,
    at_coarse: impl FnOnce(&mut [f32]),
) {
    let sigma = |f: f32| {
        if f > 1.01 {
            0.42 * (f * f - 1.0).sqrt()
        } else {
            0.0
        }
    };
    gaussian(
        voxels,
        size,
        Zyx::new(sigma(factor.z), sigma(factor.y), sigma(factor.x)),
    );
    let cells = |n: usize, f: f32| ((n as f32 / f.max(1.0)).round() as usize).clamp(1, n);
    let small = Zyx::new(
        cells(size.z, factor.z),
        cells(size.y, factor.y),
        cells(size.x, factor.x),
    );
    *voxels = resize(voxels, size, small);
    at_coarse(voxels);
    *voxels = resize(voxels, small, size);
}

/// Linear interpolation to another grid over the same field of view.
fn resize(voxels: &[f32], from: Zyx<usize>, to: Zyx<usize>) -> Vec<f32> {
    let mut size = from;
    let mut data = voxels.to_vec();
    for (axis, n) in [(0, to.z), (1, to.y), (2, to.x)] {
        let (before, stride) = match axis {
            0 => (size.z, size.y * size.x),
            1 => (size.y, size.x),
            _ => (size.x, 1),
        };
        if before != n {
            data = resize_axis(&data, before, n, stride);
        }
        match axis {
            0 => size.z = n,
            1 => size.y = n,
            _ => size.x = n,
        }
    }
    data
}

fn resize_axis(data: &[f32], from: usize, to: usize, stride: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(data.len() / from.max(1) * to);
    for block in data.chunks_exact(from * stride) {
        for i in 0..to {
            let at =
                ((i as f32 + 0.5) * from as f32 / to as f32 - 0.5).clamp(0.0, (from - 1) as f32);
            let low = at as usize;
            let high = (low + 1).min(from - 1);
            let share = at - low as f32;
            let (a, b) = (&block[low * stride..], &block[high * stride..]);
            out.extend((0..stride).map(|k| a[k] + share * (b[k] - a[k])));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_of_one_changes_nothing_and_others_keep_the_mean() {
        let size = Zyx::new(6, 20, 22);
        let image: Vec<f32> = (0..size.count()).map(|i| ((i * 31) % 17) as f32).collect();
        let mut same = image.clone();
        coarsen(&mut same, size, Zyx::new(1.0, 1.0, 1.0), |_| {});
        assert_eq!(same, image);
        let mut coarse = image.clone();
        coarsen(&mut coarse, size, Zyx::new(3.0, 2.0, 1.0), |v| {
            assert_eq!(v.len(), 2 * 10 * 22);
        });
        let mean = |v: &[f32]| v.iter().sum::<f32>() / v.len() as f32;
        let spread = |v: &[f32]| v.iter().map(|x| (x - mean(v)).powi(2)).sum::<f32>();
        assert!((mean(&coarse) - mean(&image)).abs() < 0.3);
        assert!(spread(&coarse) < 0.5 * spread(&image));
    }
}
