//! Total variation of complex images: the proximal map by a dual fast gradient method (Beck and Teboulle, IEEE Trans Image Process
//! 2009;18:2419).

use std::sync::{Mutex, PoisonError};

use num_complex::Complex32;
use rayon::prelude::*;

/// Isotropic total variation of `[y][x]` images with a proximal map that goes on from its last solution.
#[derive(Debug)]
pub struct TotalVariation {
    n_x: usize,
    iterations: usize,
    /// Dual variables along y and x, in units of the strength.
    dual: Mutex<[Vec<Complex32>; 2]>,
}

impl TotalVariation {
    /// For images of this matrix, with this many iterations a call.
    pub fn new(n_y: usize, n_x: usize, iterations: usize) -> Self {
        let zero = vec![Complex32::default(); n_y * n_x];
        Self {
            n_x,
            iterations,
            dual: Mutex::new([zero.clone(), zero]),
        }
    }

    /// Replaces `image` by the minimum of `0.5 |u - image|^2 + strength TV(u)`.
    pub fn prox(&self, image: &mut [Complex32], strength: f32) {
        if strength <= 0.0 {
            return;
        }
        let mut dual = self.dual.lock().unwrap_or_else(PoisonError::into_inner);
        let n_x = self.n_x;
        let mut ahead = dual.clone();
        let mut t = 1.0f32;
        for _ in 0..self.iterations {
            let u = self.primal(image, &ahead, strength);
            let next_t = 0.5 + (0.25 + t * t).sqrt();
            let mix = (t - 1.0) / next_t;
            t = next_t;
            let step = 1.0 / (8.0 * strength);
            let n_y = u.len() / n_x;
            let [dual_y, dual_x] = &mut *dual;
            let [ahead_y, ahead_x] = &mut ahead;
            let rows = dual_y.par_chunks_mut(n_x).zip(dual_x.par_chunks_mut(n_x));
            let rows = rows.zip(ahead_y.par_chunks_mut(n_x).zip(ahead_x.par_chunks_mut(n_x)));
            rows.with_min_len(16)
                .enumerate()
                .for_each(|(y, ((py, px), (ay, ax)))| {
                    let row = &u[y * n_x..(y + 1) * n_x];
                    let below = if y + 1 < n_y {
                        &u[(y + 1) * n_x..(y + 2) * n_x]
                    } else {
                        row
                    };
                    for x in 0..n_x {
                        let right = row[(x + 1).min(n_x - 1)];
                        let (qy, qx) = (
                            ay[x] + (below[x] - row[x]) * step,
                            ax[x] + (right - row[x]) * step,
                        );
                        let scale = 1.0 / (qy.norm_sqr() + qx.norm_sqr()).sqrt().max(1.0);
                        let (qy, qx) = (qy * scale, qx * scale);
                        ay[x] = qy + (qy - py[x]) * mix;
                        ax[x] = qx + (qx - px[x]) * mix;
                        py[x] = qy;
                        px[x] = qx;
                    }
                });
        }
        let out = self.primal(image, &dual, strength);
        image.copy_from_slice(&out);
    }

    /// `image + strength div(dual)`.
    fn primal(
        &self,
        image: &[Complex32],
        dual: &[Vec<Complex32>; 2],
        strength: f32,
    ) -> Vec<Complex32> {
        let n_x = self.n_x;
        let n_y = image.len() / n_x;
        let mut out = image.to_vec();
        out.par_chunks_mut(n_x)
            .with_min_len(16)
            .enumerate()
            .for_each(|(y, row)| {
                let at = y * n_x;
                for (x, v) in row.iter_mut().enumerate() {
                    let mut div = Complex32::default();
                    // Differences over the edge do not exist, so their duals do not count.
                    if y + 1 < n_y {
                        div += dual[0][at + x];
                    }
                    if y > 0 {
                        div -= dual[0][at - n_x + x];
                    }
                    if x + 1 < n_x {
                        div += dual[1][at + x];
                    }
                    if x > 0 {
                        div -= dual[1][at + x - 1];
                    }
                    *v += div * strength;
                }
            });
        out
    }
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
    fn the_proximal_map_is_a_minimum_and_keeps_the_mean() {
        let (n_y, n_x, strength) = (11, 14, 0.3);
        let image = random_array(n_y * n_x, 2);
        let mut u = image.clone();
        TotalVariation::new(n_y, n_x, 300).prox(&mut u, strength);
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
        let tv = TotalVariation::new(n_y, n_x, 30);
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
