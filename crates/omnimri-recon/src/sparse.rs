//! Compressed sensing (Lustig et al., Magn Reson Med 2007;58:1182) with what an image says of itself.
//!
//! Minimises `1/2 |A P z - y|^2 + lambda R(z)` by accelerated proximal gradients, with `R` the sum of magnitudes of
//! translation-invariant Haar wavelets or the total variation, and `P` a factor a pixel that is learned on the way, in a few
//! rounds:
//!
//! - its phase is the smooth phase of the last image, so that `z` is nearly real; its imaginary part is held more strictly. That
//!   is the phase constraint of partial Fourier imaging (McGibney et al. 1993; Blaimer et al. 2009, virtual coils), soft, so that
//!   phase that is not smooth survives. It about halves the unknowns.
//! - its magnitude is near one where the last image has energy in a small neighbourhood and falls towards zero in air: the scan
//!   cannot alias into places without tissue (a soft form of the support crop of coil maps).
//!
//! Coil maps come from the joint inversion ([`crate::nlinv`]), which needs no fully sampled centre.

use num_complex::Complex32;
use omnimri_image::KSpace;

use crate::calibration::{noise_variance, validate};
use crate::coil_maps::CoilMaps;
use crate::local_prior::{signal_weight, smooth_phase};
use crate::nlinv::{NlinvOptions, nlinv};
use crate::operator::{CartesianNormal, CartesianSenseOp, CoilNormal, sense_normal};
use crate::proximal::fista;
use crate::sense::SenseSetup;
use crate::total_variation::TotalVariation;
use crate::wavelet::{Family, Wavelet};
use crate::{Error, Result};

/// Regularisation in units of the noise deviation a sample; measured on the val cases of reconstruction (docs/experiments.md).
const LAMBDA_OF_NOISE: f32 = 0.17;
/// Least regularisation in units of the image's 98th percentile, for scans without noise.
const LEAST_LAMBDA: f32 = 3e-4;
/// Levels of the wavelet.
const N_LEVELS: usize = 4;
/// Dual iterations of a proximal step of total variation; each goes on from the last.
const TV_ITERATIONS: usize = 5;

/// In what an image is sparse.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sparsity {
    /// Translation-invariant Haar wavelets.
    #[default]
    Wavelet,
    /// Total variation.
    TotalVariation,
}

/// Settings; the defaults were measured on the val cases of reconstruction.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SparseOptions {
    /// In what the image is sparse.
    pub sparsity: Sparsity,
    /// Weight of `R` in the units of the samples; chosen from the noise level if `None`.
    pub lambda: Option<f32>,
    /// Noise variance of a complex sample, where it is known; estimated from the samples if `None`.
    pub noise_variance: Option<f64>,
    /// Rounds in which phase and support are learned.
    pub rounds: usize,
    /// Iterations of each round.
    pub round_iterations: usize,
    /// Most iterations after the last round.
    pub max_iterations: usize,
    /// Relative change at which the last round stops.
    pub tolerance: f64,
    /// Threshold of the imaginary part over that of the real part.
    pub imaginary: f32,
    /// Deviation of the low-pass that gives the phase, in pixels.
    pub phase_deviation: f32,
    /// Deviation of the low-pass that gives the support, in pixels.
    pub support_deviation: f32,
    /// Magnitude relative to the 95th percentile at which a pixel counts half.
    pub support_floor: f32,
}

impl Default for SparseOptions {
    fn default() -> Self {
        Self {
            sparsity: Sparsity::default(),
            lambda: None,
            noise_variance: None,
            rounds: 4,
            round_iterations: 20,
            max_iterations: 60,
            tolerance: 1e-3,
            imaginary: 4.0,
            phase_deviation: 9.0,
            support_deviation: 1.5,
            support_floor: 0.2,
        }
    }
}

/// What the solver arrived at.
#[derive(Debug, Clone)]
pub struct SparseSolution {
    /// Maps times the factor `P`: the coil images are `maps * image`.
    pub maps: CoilMaps,
    /// `P`, `[y][x]`: the image itself is `factor * image`.
    pub factor: Vec<Complex32>,
    /// `z`, complex but nearly real, `[y][x]`.
    pub image: Vec<Complex32>,
    /// Weight used.
    pub lambda: f32,
    /// Iterations in all.
    pub iterations: usize,
}

/// Solves for any encoding.
///
/// # Shapes
/// - `adjoint`: the adjoint coil images `F^H y`, `[coil][y][x]`
/// - `noise`: noise deviation of a complex sample
pub fn solve(
    normal: &dyn CoilNormal,
    adjoint: &[Complex32],
    mut maps: CoilMaps,
    noise: f32,
    options: &SparseOptions,
) -> SparseSolution {
    let (n_y, n_x) = (maps.n_y, maps.n_x);
    let mut rhs = maps.combine(adjoint);
    let lambda = options
        .lambda
        .unwrap_or_else(|| (LAMBDA_OF_NOISE * noise).max(LEAST_LAMBDA * percentile(&rhs, 98)));
    let mut image = vec![Complex32::default(); n_y * n_x];
    let mut weight = vec![1.0f32; n_y * n_x];
    let mut factor = vec![Complex32::ONE; n_y * n_x];
    let prox = Prox::new(options.sparsity, n_y, n_x);
    let mut iterations = 0;
    for round in 0..=options.rounds {
        let last = round == options.rounds;
        let (count, tolerance) = if last {
            (options.max_iterations, options.tolerance)
        } else {
            (options.round_iterations, 0.0)
        };
        // The first round knows no phase yet.
        let imaginary = if round == 0 { 1.0 } else { options.imaginary };
        iterations += fista(
            |u| sense_normal(&maps, normal, u),
            &rhs,
            &mut image,
            |z| prox.apply(z, lambda, lambda * imaginary),
            count,
            tolerance,
        );
        if last {
            break;
        }
        let phase = smooth_phase(&image, n_y, n_x, options.phase_deviation);
        let new = signal_weight(
            &image,
            n_y,
            n_x,
            options.support_deviation,
            options.support_floor,
        );
        let change: Vec<Complex32> = phase
            .iter()
            .zip(new.iter().zip(&weight))
            .map(|(p, (new, old))| p * (new / old.max(f32::MIN_POSITIVE)))
            .collect();
        maps.multiply(&change);
        for (f, c) in factor.iter_mut().zip(&change) {
            *f *= c;
        }
        for ((v, p), w) in image.iter_mut().zip(&phase).zip(&new) {
            *v *= p.conj() * *w;
        }
        weight = new;
        rhs = maps.combine(adjoint);
    }
    SparseSolution {
        maps,
        factor,
        image,
        lambda,
        iterations,
    }
}

/// The proximal step of `R`, its parts weighted apart.
enum Prox {
    Wavelet(Wavelet),
    TotalVariation(Box<[TotalVariation; 2]>),
}

impl Prox {
    fn new(sparsity: Sparsity, n_y: usize, n_x: usize) -> Self {
        match sparsity {
            Sparsity::Wavelet => Self::Wavelet(Wavelet::new(n_y, n_x, Family::Haar, N_LEVELS)),
            Sparsity::TotalVariation => Self::TotalVariation(Box::new(
                [(); 2].map(|()| TotalVariation::new(n_y, n_x, TV_ITERATIONS)),
            )),
        }
    }

    fn apply(&self, z: &mut [Complex32], real: f32, imaginary: f32) {
        match self {
            // Magnitudes together where no phase is known.
            Self::Wavelet(w) if real == imaginary => w.shrink(z, real),
            Self::Wavelet(w) => w.shrink_parts(z, real, imaginary),
            Self::TotalVariation(parts) => {
                let mut re: Vec<Complex32> = z.iter().map(|v| v.re.into()).collect();
                let mut im: Vec<Complex32> = z.iter().map(|v| v.im.into()).collect();
                parts[0].prox(&mut re, real);
                parts[1].prox(&mut im, imaginary);
                for (v, (re, im)) in z.iter_mut().zip(re.iter().zip(&im)) {
                    *v = Complex32::new(re.re, im.re);
                }
            }
        }
    }
}

fn percentile(image: &[Complex32], percent: usize) -> f32 {
    let mut sorted: Vec<f32> = image.iter().map(|v| v.norm()).collect();
    let at = (sorted.len() * percent / 100).min(sorted.len() - 1);
    *sorted.select_nth_unstable_by(at, f32::total_cmp).1
}

/// Coil maps by the joint inversion; one everywhere for a single coil.
///
/// # Errors
/// See [`nlinv`].
pub fn joint_maps(kspace: &KSpace) -> Result<CoilMaps> {
    if kspace.n_coils == 1 {
        return Ok(CoilMaps::single(kspace.n_y, kspace.n_x));
    }
    nlinv(kspace, &NlinvOptions::default())
}

/// Coil maps and image of one slice, in whitened units if the samples are.
///
/// # Errors
/// What [`validate`] finds; [`Error::OutOfRange`] for a weight that is no weight.
pub fn sparse(kspace: &KSpace, options: &SparseOptions) -> Result<SenseSetup> {
    validate(kspace)?;
    sparse_with_maps(kspace, joint_maps(kspace)?, options)
}

/// As [`sparse`], with maps known from elsewhere.
///
/// # Errors
/// As [`sparse`], and [`Error::Size`] if maps and k-space do not fit each other.
pub fn sparse_with_maps(
    kspace: &KSpace,
    maps: CoilMaps,
    options: &SparseOptions,
) -> Result<SenseSetup> {
    validate(kspace)?;
    if maps.maps.len() != kspace.samples.len() || maps.n_coils != kspace.n_coils {
        return Err(Error::Size {
            what: "coil maps",
            expected: kspace.samples.len(),
            found: maps.maps.len(),
            hint: "maps must have the coils and the matrix of the k-space",
        });
    }
    if let Some(lambda) = options.lambda.filter(|l| !(l.is_finite() && *l >= 0.0)) {
        return Err(Error::OutOfRange {
            what: "lambda",
            min: 0.0,
            max: f64::from(f32::MAX),
            found: lambda.into(),
            hint: "leave it out to have it chosen from the noise level",
        });
    }
    let noise_variance = options
        .noise_variance
        .unwrap_or_else(|| noise_variance(kspace));
    let normal = CartesianNormal::new(kspace.mask.clone(), kspace.n_y, kspace.n_x);
    let adjoint = crate::zero_filled::coil_images(kspace);
    let solution = solve(
        &normal,
        &adjoint,
        maps,
        noise_variance.sqrt() as f32,
        options,
    );
    Ok(SenseSetup {
        operator: CartesianSenseOp::new(solution.maps, kspace.mask.clone())?,
        initial: solution.image,
        lambda: solution.lambda,
        noise_variance,
        iterations: solution.iterations,
        factor: Some(solution.factor),
    })
}
