//! SENSE: the image that explains the measured samples of all coils, by conjugate gradients.

use num_complex::Complex32;
use omnimri_image::KSpace;

use crate::calibration::{
    CalibrationArea, MIN_CALIBRATION, measured_energy, noise_variance, validate,
};
use crate::coil_maps::CoilMaps;
use crate::espirit::{EspiritOptions, espirit};
use crate::operator::{CartesianSenseOp, LinearOperator};
use crate::{Error, Result};

/// Coil maps from the calibration area that the mask itself shows.
///
/// # Errors
/// What [`validate`] finds, and [`Error::NoCalibration`] if there is no fully sampled centre.
pub fn estimate_maps(kspace: &KSpace) -> Result<CoilMaps> {
    validate(kspace)?;
    if kspace.n_coils == 1 {
        return Ok(CoilMaps::single(kspace.n_y, kspace.n_x));
    }
    let options = EspiritOptions::default();
    let area = CalibrationArea::find(
        &kspace.mask,
        kspace.n_y,
        kspace.n_x,
        options.max_calibration,
    );
    let maps = espirit(kspace, &area, &options)?;
    // A map that covers almost nothing would give a silently black image.
    if maps.coverage() < 0.005 {
        return Err(Error::NoCalibration {
            expected: MIN_CALIBRATION,
            found_y: area.y.len(),
            found_x: area.x.len(),
        });
    }
    Ok(maps)
}

/// Settings of the SENSE solver.
#[derive(Debug, Clone, PartialEq)]
pub struct SenseOptions {
    /// Tikhonov weight in units of the normal operator, whose norm is at most one; chosen from the noise level if `None`.
    pub lambda: Option<f32>,
    /// Noise variance of a complex sample, where it is known; estimated from the samples if `None`.
    pub noise_variance: Option<f64>,
    /// Most iterations.
    pub max_iterations: usize,
    /// Stop when the residual of the normal equation has fallen to this part of its start.
    pub tolerance: f64,
}

impl Default for SenseOptions {
    fn default() -> Self {
        Self {
            lambda: None,
            noise_variance: None,
            max_iterations: 60,
            tolerance: 1e-4,
        }
    }
}

/// A solved multi-coil problem, and all that a learned method needs to go on from it.
#[derive(Debug)]
pub struct SenseSetup {
    /// The encoding; it holds the coil maps and the mask.
    pub operator: CartesianSenseOp,
    /// The image, complex, `[y][x]`: the coil images are maps times it.
    pub initial: Vec<Complex32>,
    /// Regularisation weight used.
    pub lambda: f32,
    /// Noise variance of a complex sample, estimated from the data (1 after whitening).
    pub noise_variance: f64,
    /// Iterations done.
    pub iterations: usize,
    /// Factor a pixel that the maps were multiplied by, if any: `factor * initial` is the image with its phase.
    pub factor: Option<Vec<Complex32>>,
    /// What a user should know of this solution, each one sentence.
    pub warnings: Vec<String>,
}

impl SenseSetup {
    /// Phase of the image, `[y][x]`, as unit numbers: of `initial` times what was taken out of it.
    pub fn phase(&self, image: &[Complex32]) -> Vec<Complex32> {
        match &self.factor {
            Some(factor) => image
                .iter()
                .zip(factor)
                .map(|(v, f)| unit_phase(v * f))
                .collect(),
            None => image.iter().map(|v| unit_phase(*v)).collect(),
        }
    }

    /// The coil maps.
    pub fn maps(&self) -> &CoilMaps {
        self.operator.maps()
    }
}

/// A number of length one with the phase of `v`; one where `v` is zero.
pub(crate) fn unit_phase(v: Complex32) -> Complex32 {
    let norm = v.norm();
    if norm > 0.0 { v / norm } else { Complex32::ONE }
}

/// Estimates coil maps and solves SENSE.
///
/// # Errors
/// See [`estimate_maps`].
pub fn sense(kspace: &KSpace, options: &SenseOptions) -> Result<SenseSetup> {
    let maps = estimate_maps(kspace)?;
    sense_with_maps(kspace, maps, options)
}

/// Refuses maps of other coils or another matrix than the scan's.
pub(crate) fn check_maps(kspace: &KSpace, maps: &CoilMaps) -> Result<()> {
    if maps.maps.len() == kspace.samples.len() && maps.n_coils == kspace.n_coils {
        return Ok(());
    }
    Err(Error::Size {
        what: "coil maps",
        expected: kspace.samples.len(),
        found: maps.maps.len(),
        hint: "maps must have the coils and the matrix of the k-space",
    })
}

/// Refuses a regularisation weight that is none.
pub(crate) fn check_weight(lambda: Option<f32>) -> Result<()> {
    match lambda {
        Some(lambda) if !(lambda.is_finite() && lambda >= 0.0) => Err(Error::OutOfRange {
            what: "lambda",
            min: 0.0,
            max: f64::from(f32::MAX),
            found: lambda.into(),
            hint: "leave it out to have it chosen from the noise level",
        }),
        _ => Ok(()),
    }
}

/// Solves SENSE with maps known from elsewhere.
///
/// # Errors
/// What [`validate`] finds, [`Error::Size`] if maps and k-space do not fit each other.
pub fn sense_with_maps(
    kspace: &KSpace,
    maps: CoilMaps,
    options: &SenseOptions,
) -> Result<SenseSetup> {
    validate(kspace)?;
    check_maps(kspace, &maps)?;
    check_weight(options.lambda)?;
    let noise_variance = options
        .noise_variance
        .unwrap_or_else(|| noise_variance(kspace));
    let lambda = options
        .lambda
        .unwrap_or_else(|| default_lambda(kspace, &maps, noise_variance));
    let operator = CartesianSenseOp::new(maps, kspace.mask.clone())?;
    let rhs = operator.adjoint(&kspace.samples);
    let solution = conjugate_gradient(
        |u| operator.normal(u),
        &rhs,
        lambda,
        options.max_iterations,
        options.tolerance,
    );
    Ok(SenseSetup {
        operator,
        initial: solution.x,
        lambda,
        noise_variance,
        iterations: solution.iterations,
        factor: None,
        warnings: Vec::new(),
    })
}

/// [`tikhonov`] of a slice.
pub(crate) fn default_lambda(kspace: &KSpace, maps: &CoilMaps, noise_variance: f64) -> f32 {
    let n_measured = kspace.mask.iter().filter(|m| **m).count();
    let energy = measured_energy(&kspace.samples, &kspace.mask);
    tikhonov(energy, n_measured * kspace.n_coils, noise_variance, maps)
}

/// Noise variance over mean signal energy a pixel: the Tikhonov weight that is best for an image of independent pixels; from the energy of
/// all measured values.
pub(crate) fn tikhonov(energy: f64, n_values: usize, noise_variance: f64, maps: &CoilMaps) -> f32 {
    let noise = noise_variance * n_values as f64;
    let n_support = maps.support.iter().filter(|s| **s).count().max(1) as f64;
    // Most energy lies in the centre, which is measured, so the sum over measured samples stands for the whole.
    let signal = (energy - noise).max(0.01 * energy) / n_support;
    (noise_variance / signal).clamp(1e-6, 0.3) as f32
}

/// What conjugate gradients arrived at.
#[derive(Debug, Clone)]
pub struct Solution {
    /// The solution.
    pub x: Vec<Complex32>,
    /// Iterations done.
    pub iterations: usize,
    /// Norm of the residual relative to that of the right-hand side.
    pub residual: f64,
}

/// Solves `(A^H A + lambda) x = rhs` from zero, given `A^H A`.
pub fn conjugate_gradient(
    normal: impl Fn(&[Complex32]) -> Vec<Complex32>,
    rhs: &[Complex32],
    lambda: f32,
    max_iterations: usize,
    tolerance: f64,
) -> Solution {
    let mut x = vec![Complex32::default(); rhs.len()];
    let mut residual = rhs.to_vec();
    let mut direction = rhs.to_vec();
    let start = energy(rhs);
    let mut current = start;
    let mut iterations = 0;
    while iterations < max_iterations && current > tolerance * tolerance * start {
        let mut image = normal(&direction);
        for (v, d) in image.iter_mut().zip(&direction) {
            *v += d * lambda;
        }
        let curvature: f64 = direction
            .iter()
            .zip(&image)
            .map(|(d, v)| f64::from(d.re) * f64::from(v.re) + f64::from(d.im) * f64::from(v.im))
            .sum();
        // Zero or negative curvature is rounding at the end of the road.
        if curvature.is_nan() || curvature <= 0.0 {
            break;
        }
        let step = (current / curvature) as f32;
        for (((x, r), d), v) in x.iter_mut().zip(&mut residual).zip(&direction).zip(&image) {
            *x += d * step;
            *r -= v * step;
        }
        let next = energy(&residual);
        let mix = (next / current) as f32;
        for (d, r) in direction.iter_mut().zip(&residual) {
            *d = r + *d * mix;
        }
        current = next;
        iterations += 1;
    }
    let residual = if start > 0.0 {
        (current / start).sqrt()
    } else {
        0.0
    };
    Solution {
        x,
        iterations,
        residual,
    }
}

fn energy(v: &[Complex32]) -> f64 {
    v.iter().map(|v| f64::from(v.norm_sqr())).sum()
}
