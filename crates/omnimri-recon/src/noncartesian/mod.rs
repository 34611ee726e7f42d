//! Images from samples along a trajectory: gridding, iterative SENSE, and SENSE with a prior.
//!
//! Iterative SENSE for arbitrary trajectories: Pruessmann et al., Magn Reson Med 2001;46:638, with the normal operator as a convolution
//! ([`crate::nufft::ToeplitzNormal`]). A prior enters by the alternating direction method of multipliers (Boyd et al., Found Trends Mach
//! Learn 2011;3:1), which needs its proximal map only.

mod check;
mod encoding;
mod maps;
mod solve;
#[cfg(test)]
mod tests;

use num_complex::Complex32;
use omnimri_image::{NonCartesian, Zyx};
use rayon::prelude::*;

use crate::calibration::Whitening;
use crate::coil_maps::CoilMaps;
use crate::delays::{self, GradientDelays};
use crate::density::density_weights;
use crate::multi_coil::MultiCoil;
use crate::nufft::{Nufft, NufftOptions};
use crate::sense::check_weight;
use crate::{Error, Result};

use check::{noise_variance, usable};
pub(crate) use encoding::TrajectoryEncoding;
pub use maps::estimate_maps;
use solve::Problem;

/// The proximal map of a prior, in place on an image `[z][y][x]`: the minimum of `0.5 |u - image|^2 + strength prior(u)`.
pub type Prox<'a> = dyn Fn(&mut [Complex32], f32) + Sync + 'a;

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

/// Makes an image from the conventional one and what is known of the samples, in the units of the latter.
pub type Refine<'a, E> = dyn Fn(&MultiCoil) -> std::result::Result<Vec<Complex32>, E> + 'a;

/// Makes the image of samples along a trajectory.
///
/// # Errors
/// [`crate::Error::Size`], [`crate::Error::NotFinite`], [`crate::Error::NoSignal`] or [`crate::Error::Trajectory`] for data that is no scan; [`crate::Error::NoCalibration`] if the
/// centre is not covered well enough for coil maps; [`crate::Error::OutOfRange`] for settings.
pub fn reconstruct(
    data: &NonCartesian,
    options: &NonCartesianOptions<'_>,
) -> Result<NonCartesianReconstruction> {
    reconstruct_refined::<Error>(data, options, None)
}

/// As [`reconstruct`]; the image of a method that solves for one is given to `refine` and replaced by what that returns.
///
/// # Errors
/// Those of [`reconstruct`], [`Error::Pattern`] for a volume with `refine`, and what `refine` returns.
pub fn reconstruct_refined<E: From<Error>>(
    data: &NonCartesian,
    options: &NonCartesianOptions<'_>,
    refine: Option<&Refine<'_, E>>,
) -> std::result::Result<NonCartesianReconstruction, E> {
    if refine.is_some() && data.size.z > 1 {
        return Err(Error::Pattern {
            step: "the learned method",
            expected: "a slice",
            found: "a volume along a trajectory",
            hint: "use sense, l1-wavelet or tv",
        }
        .into());
    }
    let (mut data, mut warnings) = usable(data)?;
    let whitening = match &options.noise {
        Some(noise) => Some(Whitening::from_noise_scan(noise, data.n_coils)?),
        None => None,
    };
    if let Some(whitening) = &whitening {
        whitening.apply(&mut data.samples);
    }
    check_weight(options.lambda)?;
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
    let maps = estimate_maps(&data)?;
    let problem = Problem::new(&data, maps)?;
    problem.solve(&data, options, &mut out);
    if let Some(refine) = refine {
        let (maps, initial) = (problem.maps.clone(), std::mem::take(&mut out.image));
        out.image = refine(&MultiCoil::of_trajectory(
            &data,
            maps,
            initial,
            noise_variance,
        )?)?;
    }
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
