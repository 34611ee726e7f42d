//! The solvers: conjugate gradients, and alternating directions with a prior.

use num_complex::Complex32;
use omnimri_image::NonCartesian;
use rayon::prelude::*;

use super::{NonCartesianMethod, NonCartesianOptions, NonCartesianReconstruction, Prox};
use crate::Result;
use crate::coil_maps::CoilMaps;
use crate::nufft::{Nufft, NufftOptions, ToeplitzNormal};
use crate::sense::conjugate_gradient;
use crate::total_variation::TotalVariation;

/// Most applications of the normal operator unless told otherwise.
const DEFAULT_ITERATIONS: usize = 130;
/// Conjugate gradients before a prior or a weight is looked at.
const START_ITERATIONS: usize = 10;
/// Conjugate gradients between two looks at the prior, the first application of the normal operator counted.
const INNER_ITERATIONS: usize = 10;
/// Weight that holds image and prior together; the normal operator is one in the mean.
const PENALTY: f32 = 0.5;
/// Over-relaxation (Boyd et al., section 3.4.3).
const RELAXATION: f32 = 1.6;
/// Relative change of the image at which to stop.
const SETTLED: f64 = 3e-4;
/// Weight of a prior over the noise of the adjoint: small enough to leave detail, as priors also hold back undersampling artefacts.
const PRIOR_OVER_NOISE: f32 = 0.3;

/// Encoding of one slice or volume; scaled so that the diagonal of its normal operator is one inside the maps' support.
pub(super) struct Problem {
    pub maps: CoilMaps,
    normal: ToeplitzNormal,
    nufft: Nufft,
    /// One over the diagonal of the unscaled normal operator.
    scale: f32,
}

impl Problem {
    pub fn new(data: &NonCartesian, maps: CoilMaps) -> Result<Self> {
        Ok(Self {
            maps,
            normal: ToeplitzNormal::new(&data.coord, None, data.size)?,
            nufft: Nufft::new(&data.coord, data.size, &NufftOptions::default())?,
            scale: data.size.count() as f32 / data.coord.len() as f32,
        })
    }

    pub fn coil_images(&self, u: &[Complex32]) -> Vec<Complex32> {
        let maps = self.maps.maps.par_chunks(u.len());
        maps.flat_map_iter(|map| map.iter().zip(u).map(|(s, u)| s * u))
            .collect()
    }

    /// `scale sum_c conj(S_c) f(S_c u)`, coils summed in their order.
    fn normal(&self, u: &[Complex32]) -> Vec<Complex32> {
        let parts: Vec<Vec<Complex32>> = self
            .maps
            .maps
            .par_chunks(u.len())
            .map(|map| {
                let coil: Vec<Complex32> = map.iter().zip(u).map(|(s, u)| s * u).collect();
                self.normal.apply(&coil)
            })
            .collect();
        self.combine(&parts)
    }

    fn combine(&self, parts: &[Vec<Complex32>]) -> Vec<Complex32> {
        let n = self.maps.n_y * self.maps.n_x;
        let mut out = vec![Complex32::default(); n];
        for (part, map) in parts.iter().zip(self.maps.maps.chunks(n)) {
            for ((o, v), s) in out.iter_mut().zip(part).zip(map) {
                *o += s.conj() * v * self.scale;
            }
        }
        out
    }

    fn adjoint(&self, samples: &[Complex32]) -> Vec<Complex32> {
        let parts: Vec<Vec<Complex32>> = samples
            .par_chunks(self.nufft.n_samples())
            .map(|coil| self.nufft.adjoint_batch(coil))
            .collect();
        self.combine(&parts)
    }

    pub fn solve(
        &self,
        data: &NonCartesian,
        options: &NonCartesianOptions<'_>,
        out: &mut NonCartesianReconstruction,
    ) {
        let rhs = self.adjoint(&data.samples);
        // Standard deviation of the noise in `rhs`.
        let noise = (out.noise_variance as f32 * self.scale).sqrt();
        let limit = if options.max_iterations == 0 {
            DEFAULT_ITERATIONS
        } else {
            options.max_iterations
        };
        let tv;
        let prox: &Prox<'_> = match options.method {
            NonCartesianMethod::Proximal(prox) => prox,
            NonCartesianMethod::TotalVariation => {
                tv = TotalVariation::new(data.size, 8);
                &|u: &mut [Complex32], strength: f32| tv.prox(u, strength)
            }
            NonCartesianMethod::Gridding | NonCartesianMethod::IterativeSense => {
                let lambda = options.lambda.unwrap_or_else(|| self.tikhonov(&rhs, noise));
                let solution = conjugate_gradient(|u| self.normal(u), &rhs, lambda, limit, 1e-4);
                out.image = solution.x;
                out.iterations = solution.iterations;
                out.lambda = Some(lambda);
                return;
            }
        };
        let lambda = options.lambda.unwrap_or(PRIOR_OVER_NOISE * noise);
        out.lambda = Some(lambda);
        let (image, iterations) = self.split(&rhs, prox, lambda, limit);
        out.image = image;
        out.iterations = iterations;
    }

    /// Noise over signal energy a pixel, the latter from a few iterations.
    fn tikhonov(&self, rhs: &[Complex32], noise: f32) -> f32 {
        let start = conjugate_gradient(|u| self.normal(u), rhs, 0.0, START_ITERATIONS, 1e-3);
        let energy: f64 = start.x.iter().map(|v| f64::from(v.norm_sqr())).sum();
        let n_support = self.maps.support.iter().filter(|s| **s).count().max(1) as f64;
        (f64::from(noise * noise) * n_support / energy.max(f64::MIN_POSITIVE)).clamp(1e-6, 0.3)
            as f32
    }

    /// Alternating direction method of multipliers: image and applications of the normal operator.
    fn split(
        &self,
        rhs: &[Complex32],
        prox: &Prox<'_>,
        lambda: f32,
        limit: usize,
    ) -> (Vec<Complex32>, usize) {
        let start = conjugate_gradient(|u| self.normal(u), rhs, 0.01, START_ITERATIONS, 1e-3);
        let (mut x, mut used) = (start.x, start.iterations);
        let mut z = x.clone();
        prox(&mut z, lambda / PENALTY);
        let mut dual: Vec<Complex32> = x.iter().zip(&z).map(|(x, z)| x - z).collect();
        while used + INNER_ITERATIONS <= limit {
            // (N + penalty) dx = rhs - N x - penalty (x - z + dual)
            let image = self.normal(&x);
            let residual: Vec<Complex32> = (0..x.len())
                .map(|i| rhs[i] - image[i] - (x[i] - z[i] + dual[i]) * PENALTY)
                .collect();
            let step = conjugate_gradient(
                |u| self.normal(u),
                &residual,
                PENALTY,
                INNER_ITERATIONS - 1,
                1e-3,
            );
            used += 1 + step.iterations;
            for (x, d) in x.iter_mut().zip(&step.x) {
                *x += d;
            }
            let relaxed: Vec<Complex32> = x
                .iter()
                .zip(&z)
                .map(|(x, z)| x * RELAXATION + z * (1.0 - RELAXATION))
                .collect();
            let mut next: Vec<Complex32> = relaxed.iter().zip(&dual).map(|(x, u)| x + u).collect();
            prox(&mut next, lambda / PENALTY);
            for ((u, x), z) in dual.iter_mut().zip(&relaxed).zip(&next) {
                *u += x - z;
            }
            let energy = |v: &mut dyn Iterator<Item = Complex32>| {
                v.map(|v| f64::from(v.norm_sqr())).sum::<f64>()
            };
            let change = energy(&mut z.iter().zip(&next).map(|(a, b)| a - b));
            let whole = energy(&mut next.iter().copied());
            z = next;
            if change <= SETTLED * SETTLED * whole {
                break;
            }
        }
        (z, used)
    }
}
