//! Images from samples along a trajectory: gridding, iterative SENSE, and SENSE with a prior.
//!
//! Iterative SENSE for arbitrary trajectories: Pruessmann et al., Magn Reson Med 2001;46:638, with the normal operator as a convolution
//! ([`crate::nufft::ToeplitzNormal`]). A prior enters by the alternating direction method of multipliers (Boyd et al., Found Trends Mach
//! Learn 2011;3:1), which needs its proximal map only.

use num_complex::Complex32;
use omnimri_image::{KSpace, NonCartesian, Zyx};
use rayon::prelude::*;

use crate::calibration::{CalibrationArea, MIN_CALIBRATION, Whitening};
use crate::coil_maps::CoilMaps;
use crate::delays::{self, GradientDelays};
use crate::density::density_weights;
use crate::espirit::{EspiritOptions, espirit};
use crate::fft::CentredFft;
use crate::noncartesian_check::{noise_variance, usable};
use crate::nufft::{Nufft, NufftOptions, ToeplitzNormal};
use crate::sense::conjugate_gradient;
use crate::total_variation::TotalVariation;
use crate::{Error, Result};

/// The proximal map of a prior, in place on an image `[y][x]`: the minimum of `0.5 |u - image|^2 + strength prior(u)`.
pub type Prox<'a> = dyn Fn(&mut [Complex32], f32) + 'a;

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

/// How to make the image.
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub enum NonCartesianMethod<'a> {
    /// Density-compensated adjoint, coils combined by root sum of squares.
    Gridding,
    /// Least squares over all coils with a Tikhonov weight.
    IterativeSense,
    /// Least squares with total variation.
    #[default]
    TotalVariation,
    /// Least squares with the prior of this proximal map, for example soft thresholds of wavelet coefficients.
    Proximal(&'a Prox<'a>),
}

/// What to do about gradient delays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DelayCorrection {
    /// Find and correct them where the trajectory is radial.
    #[default]
    Auto,
    /// Take the trajectory as it is.
    Off,
}

/// Settings of [`reconstruct`].
#[derive(Clone, Default)]
pub struct NonCartesianOptions<'a> {
    /// How to make the image.
    pub method: NonCartesianMethod<'a>,
    /// Weight of Tikhonov term or prior in units of the normalised problem (normal operator of mean one); chosen from the noise level
    /// if `None`.
    pub lambda: Option<f32>,
    /// Most applications of the normal operator; 0 for the default.
    pub max_iterations: usize,
    /// A noise scan `[coil][sample]`; coils are whitened by it before solving.
    pub noise: Option<Vec<Complex32>>,
    /// Gradient delays.
    pub delays: DelayCorrection,
}

/// An image, and how it came to be.
#[derive(Debug, Clone)]
pub struct NonCartesianReconstruction {
    /// The image `[z][y][x]` in the input's units, complex where coils are combined by their maps; its magnitude is the root sum of squares of
    /// the coil images.
    pub image: Vec<Complex32>,
    /// Matrix.
    pub size: Zyx<usize>,
    /// Coil maps (of the whitened coils if there was a noise scan), if the method needs them.
    pub maps: Option<CoilMaps>,
    /// Weight used, if the method has one.
    pub lambda: Option<f32>,
    /// Noise variance of a complex sample, estimated from the data (after whitening).
    pub noise_variance: f64,
    /// Applications of the normal operator.
    pub iterations: usize,
    /// Delays that were corrected.
    pub delays: Option<GradientDelays>,
    /// What a user should know, each one sentence.
    pub warnings: Vec<String>,
}

/// Makes the image of samples along a trajectory.
///
/// # Errors
/// [`Error::Size`], [`Error::NotFinite`], [`Error::NoSignal`] or [`Error::Trajectory`] for data that is no scan; [`Error::NoCalibration`] if the
/// centre is not covered well enough for coil maps; [`Error::OutOfRange`] for settings, and for iterative methods on a 3D matrix.
pub fn reconstruct(
    data: &NonCartesian,
    options: &NonCartesianOptions<'_>,
) -> Result<NonCartesianReconstruction> {
    let (mut data, mut warnings) = usable(data)?;
    let whitening = match &options.noise {
        Some(noise) => Some(Whitening::from_noise_scan(noise, data.n_coils)?),
        None => None,
    };
    if let Some(whitening) = &whitening {
        whitening.apply(&mut data.samples);
    }
    if let Some(lambda) = options.lambda
        && !(lambda.is_finite() && lambda >= 0.0)
    {
        return Err(Error::OutOfRange {
            what: "lambda",
            min: 0.0,
            max: f64::from(f32::MAX),
            found: lambda.into(),
            hint: "leave it out to have it chosen from the noise level",
        });
    }
    let mut found = None;
    if options.delays == DelayCorrection::Auto && delays::applies_to(&data) {
        let delays = delays::estimate(&data)?;
        if delays.is_significant() {
            data.coord = delays::corrected(&data.coord, data.n_samples, &delays);
            warnings.push(format!(
                "Gradient delays were found and corrected: {delays}."
            ));
            found = Some(delays);
        }
    }
    let noise_variance = noise_variance(&data);
    let mut out = NonCartesianReconstruction {
        image: Vec::new(),
        size: data.size,
        maps: None,
        lambda: None,
        noise_variance,
        iterations: 0,
        delays: found,
        warnings,
    };
    if matches!(options.method, NonCartesianMethod::Gridding) {
        let mut coils = gridded_coils(&data)?;
        if let Some(whitening) = &whitening {
            whitening.undo(&mut coils);
        }
        out.image = root_sum_of_squares(&coils, data.n_coils);
        return Ok(out);
    }
    if data.size.z > 1 {
        return Err(Error::OutOfRange {
            what: "matrix along z",
            min: 1.0,
            max: 1.0,
            found: data.size.z as f64,
            hint: "iterative methods take a plane at a time; use gridding for a 3D trajectory",
        });
    }
    let maps = estimate_maps(&data)?;
    let problem = Problem::new(&data, maps)?;
    problem.solve(&data, options, &mut out);
    if let Some(whitening) = &whitening {
        let mut coils = problem.coil_images(&out.image);
        whitening.undo(&mut coils);
        let magnitude = root_sum_of_squares(&coils, data.n_coils);
        for (v, m) in out.image.iter_mut().zip(&magnitude) {
            *v *= if v.norm() > 0.0 { m.re / v.norm() } else { 0.0 };
        }
    }
    out.maps = Some(problem.maps);
    Ok(out)
}

/// Density-compensated adjoint of every coil, `[coil][z][y][x]`.
fn gridded_coils(data: &NonCartesian) -> Result<Vec<Complex32>> {
    let weights = match &data.density {
        Some(weights) => weights.clone(),
        None => density_weights(&data.coord, data.n_samples, data.size)?,
    };
    let nufft = Nufft::new(&data.coord, data.size, &NufftOptions::default())?;
    let mut samples = data.samples.clone();
    samples.par_chunks_mut(weights.len()).for_each(|coil| {
        for (v, w) in coil.iter_mut().zip(&weights) {
            *v *= w;
        }
    });
    Ok(nufft.adjoint_batch(&samples))
}

fn root_sum_of_squares(coils: &[Complex32], n_coils: usize) -> Vec<Complex32> {
    let n = coils.len() / n_coils;
    (0..n)
        .into_par_iter()
        .map(|p| {
            let sum: f32 = (0..n_coils).map(|c| coils[c * n + p].norm_sqr()).sum();
            Complex32::new(sum.sqrt(), 0.0)
        })
        .collect()
}

/// Coil maps by ESPIRiT from the centre of k-space, which a least-squares fit of a small image brings onto the Cartesian grid.
///
/// # Errors
/// [`Error::NoCalibration`] if fewer than [`MIN_CALIBRATION`] samples an axis are covered.
pub fn estimate_maps(data: &NonCartesian) -> Result<CoilMaps> {
    let (n_y, n_x) = (data.size.y, data.size.x);
    if data.n_coils == 1 {
        return Ok(CoilMaps::single(n_y, n_x));
    }
    let options = EspiritOptions {
        crop: 0.7,
        ..EspiritOptions::default()
    };
    let wanted = options.max_calibration;
    let (a_y, a_x) = (wanted.min(n_y), wanted.min(n_x));
    let low = low_resolution(
        data,
        Zyx {
            z: 1,
            y: (a_y + 8).min(n_y),
            x: (a_x + 8).min(n_x),
        },
    )?;
    let (l_y, l_x) = (low.size.y, low.size.x);
    let mut spectra = low.images;
    CentredFft::new(&[l_y, l_x]).forward(&mut spectra);
    let area = CalibrationArea {
        y: n_y / 2 - a_y / 2..n_y / 2 - a_y / 2 + a_y,
        x: n_x / 2 - a_x / 2..n_x / 2 - a_x / 2 + a_x,
    };
    let mut kspace = KSpace {
        samples: vec![Complex32::default(); data.n_coils * n_y * n_x],
        n_coils: data.n_coils,
        n_y,
        n_x,
        mask: vec![false; n_y * n_x],
        warnings: Vec::new(),
    };
    for (out, coil) in kspace
        .samples
        .chunks_mut(n_y * n_x)
        .zip(spectra.chunks(l_y * l_x))
    {
        for (i, y) in area.y.clone().enumerate() {
            let from = (l_y / 2 - a_y / 2 + i) * l_x + l_x / 2 - a_x / 2;
            out[y * n_x + area.x.start..][..a_x].copy_from_slice(&coil[from..from + a_x]);
        }
    }
    for y in area.y.clone() {
        kspace.mask[y * n_x..][area.x.clone()].fill(true);
    }
    let maps = espirit(&kspace, &area, &options)?;
    // A map that covers almost nothing would give a silently black image.
    if maps.coverage() < 0.005 {
        return Err(Error::NoCalibration {
            expected: MIN_CALIBRATION,
            found_y: a_y,
            found_x: a_x,
        });
    }
    Ok(maps)
}

/// Small images of all coils.
struct LowResolution {
    /// `[coil][y][x]`
    images: Vec<Complex32>,
    size: Zyx<usize>,
}

/// Least-squares images of a small matrix from the samples that it reaches.
fn low_resolution(data: &NonCartesian, size: Zyx<usize>) -> Result<LowResolution> {
    let inside =
        |k: &[f32; 3]| k[1].abs() < size.y as f32 / 2.0 && k[2].abs() < size.x as f32 / 2.0;
    let chosen: Vec<usize> = (0..data.coord.len())
        .filter(|&i| inside(&data.coord[i]))
        .collect();
    let n_pixels = size.y * size.x;
    if chosen.len() < n_pixels / 4 {
        return Err(Error::NoCalibration {
            expected: MIN_CALIBRATION,
            found_y: 0,
            found_x: 0,
        });
    }
    let coord: Vec<[f32; 3]> = chosen.iter().map(|&i| data.coord[i]).collect();
    let nufft = Nufft::new(&coord, size, &NufftOptions::default())?;
    let normal = ToeplitzNormal::new(&coord, None, size)?;
    let mean = coord.len() as f32 / n_pixels as f32;
    let mut images = vec![Complex32::default(); data.n_coils * n_pixels];
    images
        .par_chunks_mut(n_pixels)
        .zip(data.samples.par_chunks(data.coord.len()))
        .for_each(|(image, coil)| {
            let samples: Vec<Complex32> = chosen.iter().map(|&i| coil[i]).collect();
            let rhs = nufft.adjoint_batch(&samples);
            let solution = conjugate_gradient(|u| normal.apply(u), &rhs, 1e-3 * mean, 40, 1e-4);
            image.copy_from_slice(&solution.x);
        });
    Ok(LowResolution { images, size })
}

/// Encoding of one slice; scaled so that the diagonal of its normal operator is one inside the maps' support.
struct Problem {
    maps: CoilMaps,
    normal: ToeplitzNormal,
    nufft: Nufft,
    /// One over the diagonal of the unscaled normal operator.
    scale: f32,
}

impl Problem {
    fn new(data: &NonCartesian, maps: CoilMaps) -> Result<Self> {
        Ok(Self {
            maps,
            normal: ToeplitzNormal::new(&data.coord, None, data.size)?,
            nufft: Nufft::new(&data.coord, data.size, &NufftOptions::default())?,
            scale: (data.size.y * data.size.x) as f32 / data.coord.len() as f32,
        })
    }

    fn coil_images(&self, u: &[Complex32]) -> Vec<Complex32> {
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

    fn solve(
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
                tv = TotalVariation::new(data.size.y, data.size.x, 8);
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
