//! Image and coil sensitivities together, from all samples: regularised nonlinear inversion (Uecker et al., Magn Reson Med
//! 2008;60:674).
//!
//! The eigenvalue method sees only the fully sampled centre and fails where that is short. Here the coils are smooth by
//! construction: a coil is `F^-1 (w c)` with weights `w(k) = (1 + 220 |k / 192|^2)^-16`, `k` in cycles per field of view, that rule
//! out fine structure. The Gauss-Newton problem of every step is solved by conjugate gradients. Sensitivities
//! are smooth, so that only the centre of k-space is used, which makes it quick; they are then interpolated to the matrix.

use num_complex::Complex32;
use omnimri_image::KSpace;
use rayon::prelude::*;

use crate::coil_maps::CoilMaps;
use crate::fft::CentredFft;
use crate::{Error, Result};

/// Settings of the nonlinear inversion.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct NlinvOptions {
    /// Gauss-Newton steps; the regularisation falls by half with each.
    pub steps: usize,
    /// Most conjugate-gradient iterations a step.
    pub inner: usize,
    /// Side of the central part of k-space that is used.
    pub side: usize,
}

impl Default for NlinvOptions {
    fn default() -> Self {
        Self {
            steps: 9,
            inner: 30,
            side: 48,
        }
    }
}

struct Problem {
    n_coils: usize,
    n: usize,
    fft: CentredFft,
    mask: Vec<f32>,
    weights: Vec<f32>,
}

/// Image `[y][x]` and coil coefficients `[coil][y][x]` behind one another: `x = (rho, c_1 .. c_n)`.
type State = Vec<Complex32>;

impl Problem {
    /// Coefficients to sensitivities.
    fn coils(&self, state: &[Complex32]) -> Vec<Complex32> {
        let mut out = state[self.n..].to_vec();
        out.par_chunks_mut(self.n).for_each(|coil| {
            for (v, w) in coil.iter_mut().zip(&self.weights) {
                *v *= w;
            }
        });
        self.fft.inverse(&mut out);
        out
    }

    fn coils_adjoint(&self, mut coils: Vec<Complex32>) -> Vec<Complex32> {
        self.fft.forward(&mut coils);
        coils.par_chunks_mut(self.n).for_each(|coil| {
            for (v, w) in coil.iter_mut().zip(&self.weights) {
                *v *= w;
            }
        });
        coils
    }

    fn sample(&self, images: &mut [Complex32]) {
        self.fft.forward(images);
        images.par_chunks_mut(self.n).for_each(|coil| {
            for (v, m) in coil.iter_mut().zip(&self.mask) {
                *v *= m;
            }
        });
    }

    /// `P F (rho C_j)`.
    fn forward(&self, rho: &[Complex32], coils: &[Complex32]) -> Vec<Complex32> {
        let mut out = coils.to_vec();
        out.par_chunks_mut(self.n).for_each(|coil| {
            for (v, r) in coil.iter_mut().zip(rho) {
                *v *= r;
            }
        });
        self.sample(&mut out);
        out
    }

    /// The derivative at `(rho, coils)` in the direction `d`.
    fn derivative(
        &self,
        rho: &[Complex32],
        coils: &[Complex32],
        d: &[Complex32],
    ) -> Vec<Complex32> {
        let d_coils = self.coils(d);
        let d_rho = &d[..self.n];
        let mut out = vec![Complex32::default(); self.n * self.n_coils];
        out.par_chunks_mut(self.n)
            .zip(coils.par_chunks(self.n).zip(d_coils.par_chunks(self.n)))
            .for_each(|(out, (coil, d_coil))| {
                for i in 0..out.len() {
                    out[i] = d_rho[i] * coil[i] + rho[i] * d_coil[i];
                }
            });
        self.sample(&mut out);
        out
    }

    /// The adjoint of the derivative; `v` is zero where nothing was measured.
    fn adjoint(&self, rho: &[Complex32], coils: &[Complex32], mut v: Vec<Complex32>) -> State {
        self.fft.inverse(&mut v);
        let mut out = vec![Complex32::default(); self.n];
        for (coil, v) in coils.chunks(self.n).zip(v.chunks(self.n)) {
            for i in 0..self.n {
                out[i] += coil[i].conj() * v[i];
            }
        }
        v.par_chunks_mut(self.n).for_each(|coil| {
            for (v, r) in coil.iter_mut().zip(rho) {
                *v *= r.conj();
            }
        });
        out.extend(self.coils_adjoint(v));
        out
    }
}

fn dot(a: &[Complex32], b: &[Complex32]) -> f64 {
    // Chunks of fixed size, summed in their order.
    a.chunks(4096)
        .zip(b.chunks(4096))
        .map(|(a, b)| {
            let part: f32 = a
                .iter()
                .zip(b)
                .map(|(a, b)| a.re * b.re + a.im * b.im)
                .sum();
            f64::from(part)
        })
        .sum()
}

/// Estimates coil maps of the whole matrix from whitened or raw k-space.
///
/// # Errors
/// [`Error::NoCalibration`] if the centre holds no signal.
pub fn nlinv(kspace: &KSpace, options: &NlinvOptions) -> Result<CoilMaps> {
    let side = |n: usize| options.side.min(n);
    let (s_y, s_x) = (side(kspace.n_y), side(kspace.n_x));
    let (y0, x0) = (kspace.n_y / 2 - s_y / 2, kspace.n_x / 2 - s_x / 2);
    let (n, n_coils) = (s_y * s_x, kspace.n_coils);
    let crop = |i: usize| (y0 + i / s_x) * kspace.n_x + x0 + i % s_x;
    let mask: Vec<f32> = (0..n)
        .map(|i| f32::from(u8::from(kspace.mask[crop(i)])))
        .collect();
    let full = kspace.n_y * kspace.n_x;
    let mut data: Vec<Complex32> = (0..n_coils * n)
        .map(|i| kspace.samples[i / n * full + crop(i % n)] * mask[i % n])
        .collect();
    let norm = dot(&data, &data).sqrt();
    if !(norm > 0.0 && norm.is_finite()) {
        return Err(Error::NoCalibration {
            expected: 1,
            found_y: 0,
            found_x: 0,
        });
    }
    // The regularisation of the first step is 1, so that data have a fixed norm (100 a square root of a coil, as published).
    let scale = (100.0 / norm) as f32;
    for v in &mut data {
        *v *= scale;
    }
    let weights = weights(s_y, s_x);
    let problem = Problem {
        n_coils,
        n,
        fft: CentredFft::new(&[s_y, s_x]),
        mask,
        weights,
    };
    let mut state: State = vec![Complex32::default(); n * (n_coils + 1)];
    state[..n].fill(Complex32::ONE);
    let mut alpha = 1.0f32;
    for _ in 0..options.steps {
        let coils = problem.coils(&state);
        let rho = state[..n].to_vec();
        let residual: Vec<Complex32> = problem
            .forward(&rho, &coils)
            .iter()
            .zip(&data)
            .map(|(f, y)| y - f)
            .collect();
        let mut rhs = problem.adjoint(&rho, &coils, residual);
        // Towards the first guess (image 1, coils 0), not towards the last step.
        for (i, r) in rhs.iter_mut().enumerate() {
            let start = if i < n {
                Complex32::ONE
            } else {
                Complex32::default()
            };
            *r += (start - state[i]) * alpha;
        }
        let normal =
            |d: &[Complex32]| problem.adjoint(&rho, &coils, problem.derivative(&rho, &coils, d));
        let step = crate::sense::conjugate_gradient(normal, &rhs, alpha, options.inner, 1e-2);
        for (v, d) in state.iter_mut().zip(&step.x) {
            *v += d;
        }
        alpha *= 0.5;
    }
    Ok(interpolate(&problem, &state, kspace, (s_y, s_x)))
}

/// `(1 + 220 |k / 192|^2)^-16` with `k` in cycles per field of view: half at about four cycles, as the published weights at a
/// matrix of 192, but independent of the matrix.
fn weights(s_y: usize, s_x: usize) -> Vec<f32> {
    (0..s_y * s_x)
        .map(|i| {
            let part = |i: usize, n: usize| (i as f64 - (n / 2) as f64) / 192.0;
            let (y, x) = (part(i / s_x, s_y), part(i % s_x, s_x));
            (1.0 + 220.0 * (y * y + x * x)).powi(-16) as f32
        })
        .collect()
}

/// Zero-fills the coils' spectra to the matrix and normalises them a pixel.
fn interpolate(
    problem: &Problem,
    state: &[Complex32],
    kspace: &KSpace,
    (s_y, s_x): (usize, usize),
) -> CoilMaps {
    let (n_y, n_x, n_coils) = (kspace.n_y, kspace.n_x, problem.n_coils);
    let full = n_y * n_x;
    let (y0, x0) = (n_y / 2 - s_y / 2, n_x / 2 - s_x / 2);
    let mut maps = vec![Complex32::default(); n_coils * full];
    for (coil, map) in state[problem.n..]
        .chunks(problem.n)
        .zip(maps.chunks_mut(full))
    {
        for y in 0..s_y {
            for x in 0..s_x {
                map[(y0 + y) * n_x + x0 + x] = coil[y * s_x + x] * problem.weights[y * s_x + x];
            }
        }
    }
    CentredFft::new(&[n_y, n_x]).inverse(&mut maps);
    for p in 0..full {
        let norm = (0..n_coils)
            .map(|c| maps[c * full + p].norm_sqr())
            .sum::<f32>()
            .sqrt();
        for c in 0..n_coils {
            maps[c * full + p] /= norm.max(f32::MIN_POSITIVE);
        }
    }
    CoilMaps {
        maps,
        n_coils,
        n_y,
        n_x,
        support: vec![true; full],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampling::{LinePattern, PhaseAxis, equispaced};
    use crate::simulate::acquire::{acquire, coil_maps_birdcage};

    #[test]
    fn maps_agree_with_the_truth_with_seven_lines_in_the_centre() {
        let (n_y, n_x) = (96, 91);
        let truth = coil_maps_birdcage(6, n_y, n_x, 3);
        let image: Vec<Complex32> = (0..n_y * n_x)
            .map(|p| {
                let y = (p / n_x) as f32 / n_y as f32 - 0.5;
                let x = (p % n_x) as f32 / n_x as f32 - 0.5;
                let inside = f32::from(u8::from(y * y + x * x * 1.3 < 0.15));
                Complex32::from(inside * (1.0 + 0.5 * (31.0 * y).sin() * (23.0 * x).cos()))
            })
            .collect();
        let lines = LinePattern {
            axis: PhaseAxis::X,
            acceleration: 6.0,
            n_centre: 7,
            seed: 1,
        };
        let mask = equispaced(n_y, n_x, &lines).unwrap();
        let kspace = acquire(&image, &truth, &mask, 0.01, 5).unwrap();
        let maps = nlinv(&kspace, &NlinvOptions::default()).unwrap();
        let n = n_y * n_x;
        let inside: Vec<usize> = (0..n).filter(|&p| image[p].re > 0.2).collect();
        let good = inside.iter().filter(|&&p| {
            let fit: Complex32 = (0..6)
                .map(|c| maps.maps[c * n + p].conj() * truth.maps[c * n + p])
                .sum();
            fit.norm() > 0.98
        });
        let good = good.count();
        assert!(good * 100 > inside.len() * 95, "{good} of {}", inside.len());
    }

    #[test]
    fn a_scan_of_zeros_is_refused() {
        let kspace = KSpace {
            samples: vec![Complex32::default(); 2 * 30],
            n_coils: 2,
            n_y: 5,
            n_x: 6,
            mask: vec![true; 30],
            warnings: Vec::new(),
        };
        let error = nlinv(&kspace, &NlinvOptions::default()).unwrap_err();
        assert!(matches!(error, Error::NoCalibration { .. }));
    }
}
