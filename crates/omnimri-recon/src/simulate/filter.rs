//! Smoothing of volumes by separable Gaussians.

use omnimri_image::Zyx;
use rayon::prelude::*;

/// Convolves with a Gaussian of these standard deviations in voxels, `[z][y][x]`; the edge is repeated. Axes of one voxel and
/// standard deviations below a twentieth of a voxel are left alone.
pub fn gaussian(voxels: &mut [f32], size: Zyx<usize>, sigma: Zyx<f32>) {
    debug_assert_eq!(voxels.len(), size.count());
    for (n, stride, sigma) in [
        (size.x, 1, sigma.x),
        (size.y, size.x, sigma.y),
        (size.z, size.x * size.y, sigma.z),
    ] {
        if n > 1 && sigma >= 0.05 && !voxels.is_empty() {
            along(voxels, n, stride, &kernel(sigma, n));
        }
    }
}

/// Half of a normalised Gaussian, from its centre outwards, to three standard deviations.
fn kernel(sigma: f32, n: usize) -> Vec<f32> {
    let reach = ((3.0 * sigma).ceil() as usize).clamp(1, n);
    let mut k: Vec<f32> = (0..=reach)
        .map(|i| (-0.5 * (i as f32 / sigma).powi(2)).exp())
        .collect();
    let sum = 2.0 * k.iter().sum::<f32>() - k[0];
    k.iter_mut().for_each(|v| *v /= sum);
    k
}

fn along(voxels: &mut [f32], n: usize, stride: usize, kernel: &[f32]) {
    // A block of n * stride values holds whole lines.
    voxels.par_chunks_mut(n * stride).for_each(|block| {
        let source = block.to_vec();
        for i in 0..n {
            let out = &mut block[i * stride..(i + 1) * stride];
            out.fill(0.0);
            for (offset, &weight) in kernel.iter().enumerate() {
                let (low, high) = (i.saturating_sub(offset), (i + offset).min(n - 1));
                let weight = if offset == 0 { weight / 2.0 } else { weight };
                let (a, b) = (&source[low * stride..], &source[high * stride..]);
                for ((o, a), b) in out.iter_mut().zip(a).zip(b) {
                    *o += weight * (a + b);
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_becomes_a_gaussian_of_its_width() {
        let size = Zyx::new(9, 31, 25);
        let mut v = vec![0.0; size.count()];
        v[size.offset(12, 15, 4)] = 1.0;
        gaussian(&mut v, size, Zyx::new(1.0, 2.0, 1.5));
        assert!((v.iter().sum::<f32>() - 1.0).abs() < 1e-4);
        let spread = |axis: usize, centre: f32| -> f32 {
            v.iter()
                .enumerate()
                .map(|(i, v)| {
                    let at = [i / (31 * 25), i / 25 % 31, i % 25][axis] as f32;
                    v * (at - centre).powi(2)
                })
                .sum()
        };
        for (axis, centre, sigma) in [(0, 4.0, 1.0f32), (1, 15.0, 2.0), (2, 12.0, 1.5)] {
            let found = spread(axis, centre);
            assert!(
                (found / (sigma * sigma) - 1.0).abs() < 0.06,
                "{axis} {found}"
            );
        }
        let mut flat = vec![3.0; size.count()];
        gaussian(&mut flat, size, Zyx::new(2.0, 2.0, 2.0));
        assert!(flat.iter().all(|v| (v - 3.0).abs() < 1e-4));
    }
}
