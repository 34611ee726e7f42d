//! Total variation of complex images: the proximal map by a dual fast gradient method (Beck and Teboulle, IEEE Trans Image Process
//! 2009;18:2419).

use std::sync::{Mutex, PoisonError};

use num_complex::Complex32;
use omnimri_image::Zyx;
use rayon::prelude::*;

use crate::differences::FiniteDifferences;

/// Isotropic total variation of `[z][y][x]` images with a proximal map that goes on from its last solution.
#[derive(Debug)]
pub struct TotalVariation {
    differences: FiniteDifferences,
    iterations: usize,
    /// Dual variables, one an axis of the differences, in units of the strength.
    dual: Mutex<Vec<Vec<Complex32>>>,
}

/// A row of every dual variable and of the point ahead of it.
type DualRows<'a> = Vec<[&'a mut [Complex32]; 2]>;

impl TotalVariation {
    /// For images of this matrix (`z = 1` in 2D), with this many iterations a call.
    pub fn new(size: Zyx<usize>, iterations: usize) -> Self {
        let differences = FiniteDifferences::new(size);
        let zero = vec![Complex32::default(); differences.len()];
        Self {
            iterations,
            dual: Mutex::new(vec![zero; differences.n_axes()]),
            differences,
        }
    }

    /// Replaces `image` by the minimum of `0.5 |u - image|^2 + strength TV(u)`.
    pub fn prox(&self, image: &mut [Complex32], strength: f32) {
        if strength <= 0.0 {
            return;
        }
        let mut dual = self.dual.lock().unwrap_or_else(PoisonError::into_inner);
        let n_x = self.differences.size().x;
        let n_axes = self.differences.n_axes();
        // The norm of the differences is at most 2 an axis.
        let step = 1.0 / (4.0 * n_axes as f32 * strength);
        let mut ahead = dual.clone();
        let mut t = 1.0f32;
        for _ in 0..self.iterations {
            let u = self.primal(image, &ahead, strength);
            let next_t = 0.5 + (0.25 + t * t).sqrt();
            let mix = (t - 1.0) / next_t;
            t = next_t;
            rows(&mut dual, &mut ahead, n_x)
                .into_par_iter()
                .with_min_len(16)
                .enumerate()
                .for_each(|(row, mut duals)| {
                    self.differences.of_row(&u, row, |x, differences| {
                        let mut q = [Complex32::default(); 3];
                        let mut square = 0.0;
                        for ((q, d), [_, ahead]) in q.iter_mut().zip(differences).zip(&duals) {
                            *q = ahead[x] + d * step;
                            square += q.norm_sqr();
                        }
                        let scale = 1.0 / square.sqrt().max(1.0);
                        for (q, [dual, ahead]) in q.iter().zip(&mut duals) {
                            let q = q * scale;
                            ahead[x] = q + (q - dual[x]) * mix;
                            dual[x] = q;
                        }
                    });
                });
        }
        let out = self.primal(image, &dual, strength);
        image.copy_from_slice(&out);
    }

    /// `image - strength D^H dual`.
    fn primal(
        &self,
        image: &[Complex32],
        dual: &[Vec<Complex32>],
        strength: f32,
    ) -> Vec<Complex32> {
        let mut out = image.to_vec();
        out.par_chunks_mut(self.differences.size().x)
            .with_min_len(16)
            .enumerate()
            .for_each(|(row, out)| {
                self.differences
                    .add_adjoint_to_row(dual, row, -strength, out);
            });
        out
    }
}

/// The rows of all dual variables and of the points ahead of them.
fn rows<'a>(
    dual: &'a mut [Vec<Complex32>],
    ahead: &'a mut [Vec<Complex32>],
    n_x: usize,
) -> Vec<DualRows<'a>> {
    let mut out: Vec<DualRows<'a>> = Vec::new();
    for (dual, ahead) in dual.iter_mut().zip(ahead) {
        for (i, pair) in dual.chunks_mut(n_x).zip(ahead.chunks_mut(n_x)).enumerate() {
            if out.len() <= i {
                out.push(Vec::with_capacity(3));
            }
            out[i].push([pair.0, pair.1]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::tests::random_array;

    fn objective(u: &[Complex32], image: &[Complex32], n_x: usize, strength: f32) -> f32 {
        let n_y = u.len() / n_x;
        let mut sum = 0.0;
        for i in 0..u.len() {
            let (y, x) = (i / n_x, i % n_x);
            let dy = if y + 1 < n_y {
                u[i + n_x] - u[i]
            } else {
                Complex32::default()
            };
            let dx = if x + 1 < n_x {
                u[i + 1] - u[i]
            } else {
                Complex32::default()
            };
            sum += 0.5 * (u[i] - image[i]).norm_sqr()
                + strength * (dy.norm_sqr() + dx.norm_sqr()).sqrt();
        }
        sum
    }

    #[test]
    fn a_volume_that_does_not_change_along_z_is_solved_like_its_plane() {
        let (n_z, n_y, n_x, strength) = (4, 9, 10, 0.3);
        let mut plane = random_array(n_y * n_x, 4);
        let mut volume: Vec<Complex32> = plane
            .iter()
            .cycle()
            .take(n_z * plane.len())
            .copied()
            .collect();
        TotalVariation::new(Zyx::new(1, n_y, n_x), 300).prox(&mut plane, strength);
        TotalVariation::new(Zyx::new(n_z, n_y, n_x), 300).prox(&mut volume, strength);
        for (v, p) in volume.iter().zip(plane.iter().cycle()) {
            assert!((v - p).norm() < 2e-3, "{v} against {p}");
        }
    }

    #[test]
    fn the_proximal_map_is_a_minimum_and_keeps_the_mean() {
        let (n_y, n_x, strength) = (11, 14, 0.3);
        let image = random_array(n_y * n_x, 2);
        let mut u = image.clone();
        TotalVariation::new(Zyx::new(1, n_y, n_x), 300).prox(&mut u, strength);
        let mean = |v: &[Complex32]| v.iter().sum::<Complex32>() / v.len() as f32;
        assert!((mean(&u) - mean(&image)).norm() < 1e-5);
        let least = objective(&u, &image, n_x, strength);
        assert!(least < 0.9 * objective(&image, &image, n_x, strength));
        for seed in 0..20 {
            let other: Vec<_> = u
                .iter()
                .zip(random_array(n_y * n_x, 50 + seed))
                .map(|(u, d)| u + d * 0.05)
                .collect();
            assert!(objective(&other, &image, n_x, strength) > least);
        }
        // A second call goes on from the first one's duals and stays where it is.
        let tv = TotalVariation::new(Zyx::new(1, n_y, n_x), 30);
        let mut again = image.clone();
        for _ in 0..10 {
            again.copy_from_slice(&image);
            tv.prox(&mut again, strength);
        }
        let worst = again
            .iter()
            .zip(&u)
            .map(|(a, b)| (a - b).norm())
            .fold(0.0, f32::max);
        assert!(worst < 1e-2, "{worst}");
    }
}
