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
use omnimri_image::{KSpace, Zyx};

use crate::Result;
use crate::calibration::{noise_variance, validate};
use crate::coil_maps::CoilMaps;
use crate::local_prior::{signal_weight, smooth_phase};
use crate::nlinv::{NlinvOptions, nlinv};
use crate::operator::{CartesianNormal, CartesianSenseOp, CoilNormal};
use crate::proximal::fista;
use crate::sense::{SenseSetup, check_maps, check_weight};
use crate::total_variation::TotalVariation;
use crate::wavelet::{Family, Wavelet};

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
/// - `adjoint`: `sum_c conj(S_c) F^H y_c` of the maps it is given, `[y][x]`; asked for once a round, so that nobody need keep the coil
///   images
/// - `noise`: noise deviation of a complex sample
pub fn solve(
    normal: &dyn CoilNormal,
    adjoint: &dyn Fn(&CoilMaps) -> Vec<Complex32>,
    mut maps: CoilMaps,
    noise: f32,
    options: &SparseOptions,
) -> SparseSolution {
    let (n_y, n_x) = (maps.n_y, maps.n_x);
    let mut rhs = adjoint(&maps);
    let lambda = options
        .lambda
        .unwrap_or_else(|| automatic_weight(noise, &rhs));
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
            |u| normal.sense(&maps, u),
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
        rhs = adjoint(&maps);
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
                [(); 2].map(|()| TotalVariation::new(Zyx::new(1, n_y, n_x), TV_ITERATIONS)),
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

/// The weight from the noise deviation of a sample and the adjoint image.
pub(crate) fn automatic_weight(noise: f32, rhs: &[Complex32]) -> f32 {
    (LAMBDA_OF_NOISE * noise).max(LEAST_LAMBDA * percentile(rhs, 98))
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
/// What [`validate`] finds; [`crate::Error::OutOfRange`] for a weight that is no weight.
pub fn sparse(kspace: &KSpace, options: &SparseOptions) -> Result<SenseSetup> {
    validate(kspace)?;
    sparse_with_maps(kspace, joint_maps(kspace)?, options)
}

/// As [`sparse`], with maps known from elsewhere.
///
/// # Errors
/// As [`sparse`], and [`crate::Error::Size`] if maps and k-space do not fit each other.
pub fn sparse_with_maps(
    kspace: &KSpace,
    maps: CoilMaps,
    options: &SparseOptions,
) -> Result<SenseSetup> {
    validate(kspace)?;
    check_maps(kspace, &maps)?;
    check_weight(options.lambda)?;
    let noise_variance = options
        .noise_variance
        .unwrap_or_else(|| noise_variance(kspace));
    let normal = CartesianNormal::new(kspace.mask.clone(), kspace.n_y, kspace.n_x);
    let solution = solve(
        &normal,
        &|maps| normal.adjoint(maps, &kspace.samples),
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
        warnings: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use crate::sampling::{
        LinePattern, PhaseAxis, SamplingMask, equispaced, random_lines, variable_density,
    };
    use crate::sense::{SenseOptions, sense};
    use crate::simulate::acquire::{acquire, coil_maps_birdcage};
    use crate::zero_filled::root_sum_of_squares;

    const N_Y: usize = 90;
    const N_X: usize = 101;

    /// An ellipse with a square and a smooth phase, measured by six coils; and its magnitude.
    fn scene(mask: &SamplingMask) -> (KSpace, Vec<f32>) {
        let image: Vec<Complex32> = (0..N_Y * N_X)
            .map(|i| {
                let y = (i / N_X) as f32 / N_Y as f32 - 0.5;
                let x = (i % N_X) as f32 / N_X as f32 - 0.5;
                let inside = f32::from(u8::from((y / 0.36).powi(2) + (x / 0.3).powi(2) < 1.0));
                let square = f32::from(u8::from(y.abs() < 0.08 && (x - 0.1).abs() < 0.06));
                Complex32::from_polar(inside * (0.8 - 0.4 * square), 1.5 * y + x)
            })
            .collect();
        let maps = coil_maps_birdcage(6, N_Y, N_X, 4);
        let truth = image.iter().map(|v| v.norm()).collect();
        (acquire(&image, &maps, mask, 0.02, 3).unwrap(), truth)
    }

    fn lines(acceleration: f64, n_centre: usize) -> LinePattern {
        LinePattern {
            axis: PhaseAxis::X,
            acceleration,
            n_centre,
            seed: 2,
        }
    }

    fn error(setup: &SenseSetup, truth: &[f32]) -> f64 {
        let image = root_sum_of_squares(&setup.operator.coil_images(&setup.initial), N_Y * N_X);
        let square = |v: f32| f64::from(v).powi(2);
        let wrong: f64 = image.iter().zip(truth).map(|(a, b)| square(a - b)).sum();
        (wrong / truth.iter().map(|b| square(*b)).sum::<f64>()).sqrt()
    }

    #[test]
    fn both_priors_beat_least_squares_and_seven_lines_are_enough() {
        for (mask, bound) in [
            (equispaced(N_Y, N_X, &lines(4.0, 9)).unwrap(), 0.08),
            (random_lines(N_Y, N_X, &lines(7.0, 7)).unwrap(), 0.2),
        ] {
            let (kspace, truth) = scene(&mask);
            let plain = error(&sense(&kspace, &SenseOptions::default()).unwrap(), &truth);
            for sparsity in [Sparsity::Wavelet, Sparsity::TotalVariation] {
                let options = SparseOptions {
                    sparsity,
                    ..SparseOptions::default()
                };
                let found = error(&sparse(&kspace, &options).unwrap(), &truth);
                assert!(
                    found < bound && found < 0.7 * plain,
                    "{sparsity:?}: {found}, {plain}"
                );
            }
        }
    }

    #[test]
    fn the_image_does_not_depend_on_the_number_of_threads() {
        let (kspace, _) = scene(&equispaced(N_Y, N_X, &lines(4.0, 9)).unwrap());
        let options = SparseOptions {
            max_iterations: 10,
            ..SparseOptions::default()
        };
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let setup = pool
                .build()
                .unwrap()
                .install(|| sparse(&kspace, &options))
                .unwrap();
            (setup.initial, setup.operator.maps().maps.clone())
        };
        assert!(run(1) == run(3));
    }

    #[test]
    fn a_scan_without_a_full_centre_is_solved_and_a_single_coil_too() {
        let (kspace, truth) = scene(&variable_density(N_Y, N_X, 4.0, 1, 3).unwrap());
        let found = error(&sparse(&kspace, &SparseOptions::default()).unwrap(), &truth);
        assert!(found < 0.15, "{found}");
        let mut one = kspace.clone();
        one.n_coils = 1;
        one.samples.truncate(N_Y * N_X);
        let setup = sparse(&one, &SparseOptions::default()).unwrap();
        assert!(
            setup
                .initial
                .iter()
                .all(|v| v.re.is_finite() && v.im.is_finite())
        );
    }

    #[test]
    fn the_factor_carries_the_phase_that_was_taken_out() {
        let (kspace, truth) = scene(&SamplingMask::full(N_Y, N_X));
        let setup = sparse(&kspace, &SparseOptions::default()).unwrap();
        let phase = setup.phase(&setup.initial);
        let a = 30 * N_X + 50;
        assert!(truth[a] > 0.5);
        // The image is nearly real, and the taken phase times it is what the plain maps would have given.
        assert!(setup.initial[a].im.abs() < 0.2 * setup.initial[a].re.abs());
        assert!((phase[a].norm() - 1.0).abs() < 1e-5);
    }

    #[test]
    fn weights_that_are_none_are_refused() {
        let (kspace, _) = scene(&equispaced(N_Y, N_X, &lines(4.0, 9)).unwrap());
        for lambda in [f32::NAN, -1.0, f32::INFINITY] {
            let options = SparseOptions {
                lambda: Some(lambda),
                ..SparseOptions::default()
            };
            let error = sparse(&kspace, &options).unwrap_err();
            assert!(matches!(error, Error::OutOfRange { what: "lambda", .. }));
        }
    }
}
