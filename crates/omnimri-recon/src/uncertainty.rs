//! How much of an image is noise: pseudo-replicas for any reconstruction, and the g-factor of SENSE.
//!
//! Robson, Grant, Madhuranthakam, Lattanzi, Sodickson, McKenzie, "Comprehensive quantification of signal-to-noise ratio and
//! g-factor for image-based and k-space-based parallel imaging reconstructions", Magn Reson Med 60 (2008) 895;
//! Pruessmann, Weiger, Scheidegger, Boesiger, "SENSE: sensitivity encoding for fast MRI", Magn Reson Med 42 (1999) 952.

use num_complex::{Complex32, Complex64};
use omnimri_image::KSpace;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::calibration::{Whitening, validate};
use crate::coil_maps::CoilMaps;
use crate::linalg::cholesky;
use crate::sampling::PhaseAxis;
use crate::simulate::acquire::complex_noise;
use crate::{Error, Result};

/// Settings of the pseudo-replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplicaOptions {
    /// Number of replicas, 2 to 10000; the standard deviation is known to `1 / sqrt(2 n)` of itself.
    pub n_replicas: usize,
    /// Seed of the noise.
    pub seed: u64,
}

impl Default for ReplicaOptions {
    fn default() -> Self {
        Self {
            n_replicas: 64,
            seed: 0,
        }
    }
}

/// The noise of a scan.
#[derive(Debug, Clone, Copy)]
pub enum NoiseModel<'a> {
    /// Independent between coils, of this variance a complex sample; 1 after whitening.
    White {
        /// Variance of a complex sample.
        variance: f64,
    },
    /// Of the covariance of a noise scan, for k-space in the coils' own units.
    Measured(&'a Whitening),
}

/// Standard deviation of every pixel under the noise of the scan: noise is added to the measured samples again and again,
/// and each time the image is reconstructed.
///
/// The reconstruction must not choose anything from the noise that is added (such as a regularisation weight or coil maps),
/// unless that is what is to be measured.
///
/// # Errors
/// What [`validate`] finds; what `reconstruct` returns; [`Error::OutOfRange`] for impossible settings; [`Error::Size`] if
/// replicas differ in size.
pub fn noise_map(
    kspace: &KSpace,
    noise: NoiseModel<'_>,
    options: &ReplicaOptions,
    reconstruct: impl Fn(&KSpace) -> Result<Vec<f32>>,
) -> Result<Vec<f32>> {
    validate(kspace)?;
    let variance = match noise {
        NoiseModel::White { variance } => variance,
        NoiseModel::Measured(_) => 1.0,
    };
    for (what, found, min, max) in [
        ("replicas", options.n_replicas as f64, 2.0, 1e4),
        ("noise variance", variance, 0.0, f64::from(f32::MAX)),
    ] {
        if !(min..=max).contains(&found) {
            return Err(Error::OutOfRange {
                what,
                min,
                max,
                found,
                hint: "64 replicas know the noise to a tenth",
            });
        }
    }
    let sigma = variance.sqrt() as f32;
    let mut mean: Vec<f64> = Vec::new();
    let mut squares: Vec<f64> = Vec::new();
    for replica in 0..options.n_replicas {
        let image = reconstruct(&replicate(kspace, noise, sigma, options.seed, replica))?;
        if replica == 0 {
            mean = vec![0.0; image.len()];
            squares = vec![0.0; image.len()];
        }
        if image.len() != mean.len() {
            return Err(Error::Size {
                what: "reconstruction of a replica",
                expected: mean.len(),
                found: image.len(),
                hint: "the reconstruction must return the same matrix every time",
            });
        }
        // Welford's running mean and sum of squares: no cancellation, and replicas need not be kept.
        let n = (replica + 1) as f64;
        for ((m, s), v) in mean.iter_mut().zip(&mut squares).zip(&image) {
            let before = f64::from(*v) - *m;
            *m += before / n;
            *s += before * (f64::from(*v) - *m);
        }
    }
    let freedom = (options.n_replicas - 1) as f64;
    Ok(squares
        .iter()
        .map(|s| (s / freedom).sqrt() as f32)
        .collect())
}

/// The scan with one more draw of its noise at the measured samples.
fn replicate(
    kspace: &KSpace,
    noise: NoiseModel<'_>,
    sigma: f32,
    seed: u64,
    replica: usize,
) -> KSpace {
    let n = kspace.mask.len();
    let mut drawn = vec![Complex32::default(); kspace.samples.len()];
    drawn.par_chunks_mut(n).enumerate().for_each(|(coil, out)| {
        // A stream a replica and coil: the noise does not depend on how coils are handed to threads.
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream((replica * kspace.n_coils + coil) as u64);
        out.copy_from_slice(&complex_noise(n, sigma, &mut rng));
    });
    if let NoiseModel::Measured(whitening) = noise {
        whitening.undo(&mut drawn);
    }
    let mut out = kspace.clone();
    for (coil, drawn) in out.samples.chunks_mut(n).zip(drawn.chunks(n)) {
        for ((v, e), m) in coil.iter_mut().zip(drawn).zip(&kspace.mask) {
            if *m {
                *v += e;
            }
        }
    }
    out
}

/// The g-factor from two noise maps, of the accelerated and of the full scan: `sd_accelerated / (sd_full sqrt(R))`; zero
/// where the full scan has no noise.
///
/// # Errors
/// [`Error::Size`] if the maps differ in size; [`Error::OutOfRange`] for an acceleration below one.
pub fn g_factor_from_replicas(
    sd_accelerated: &[f32],
    sd_full: &[f32],
    acceleration: f64,
) -> Result<Vec<f32>> {
    if sd_accelerated.len() != sd_full.len() {
        return Err(Error::Size {
            what: "noise map of the full scan",
            expected: sd_accelerated.len(),
            found: sd_full.len(),
            hint: "both scans must have one matrix",
        });
    }
    if !(1.0..=1e6).contains(&acceleration) {
        return Err(Error::OutOfRange {
            what: "acceleration",
            min: 1.0,
            max: 1e6,
            found: acceleration,
            hint: "it is the matrix size over the measured samples",
        });
    }
    let root = acceleration.sqrt() as f32;
    Ok(sd_accelerated
        .iter()
        .zip(sd_full)
        .map(|(a, f)| if *f > 0.0 { a / (f * root) } else { 0.0 })
        .collect())
}

/// The g-factor of SENSE for every `acceleration`-th line along `axis`, `[y][x]`, for white noise (whiten the maps first);
/// zero outside the support of the maps.
///
/// With `S` the coil sensitivities of the pixels that fold onto each other, `g = sqrt([(S^H S)^-1]_ii [S^H S]_ii)`.
///
/// # Errors
/// [`Error::OutOfRange`] if the acceleration does not divide the axis.
pub fn g_factor_sense(maps: &CoilMaps, axis: PhaseAxis, acceleration: usize) -> Result<Vec<f32>> {
    let (n_y, n_x) = (maps.n_y, maps.n_x);
    let n = match axis {
        PhaseAxis::Y => n_y,
        PhaseAxis::X => n_x,
    };
    if acceleration == 0 || n == 0 || !n.is_multiple_of(acceleration) {
        return Err(Error::OutOfRange {
            what: "acceleration of a uniform pattern",
            min: 1.0,
            max: n as f64,
            found: acceleration as f64,
            hint: "it must divide the axis; use pseudo-replicas for other patterns",
        });
    }
    let n_pixels = n_y * n_x;
    let apart = n / acceleration * if axis == PhaseAxis::Y { n_x } else { 1 };
    let mut out = vec![0.0; n_pixels];
    for first in 0..n_pixels {
        let line = if axis == PhaseAxis::Y {
            first / n_x
        } else {
            first % n_x
        };
        if line >= n / acceleration {
            continue;
        }
        let set: Vec<usize> = (0..acceleration)
            .map(|j| first + j * apart)
            .filter(|&p| maps.support[p])
            .collect();
        let r = set.len();
        let mut gram = vec![Complex64::default(); r * r];
        for coil in maps.maps.chunks(n_pixels) {
            let s: Vec<Complex64> = set
                .iter()
                .map(|&p| Complex64::new(coil[p].re.into(), coil[p].im.into()))
                .collect();
            for i in 0..r {
                for j in 0..r {
                    gram[i * r + j] += s[i].conj() * s[j];
                }
            }
        }
        // Pixels that the coils cannot tell apart have no finite g-factor.
        let factor = cholesky(&gram, r);
        for (i, &p) in set.iter().enumerate() {
            out[p] = factor.as_ref().map_or(f32::INFINITY, |factor| {
                let mut unit = vec![Complex64::default(); r];
                unit[i] = Complex64::ONE;
                factor.solve(&mut unit, 1);
                (unit[i].re * gram[i * r + i].re).sqrt() as f32
            });
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampling::SamplingMask;
    use crate::sense::{SenseOptions, sense_with_maps};
    use crate::simulate::acquire::{acquire, coil_maps_birdcage};
    use crate::zero_filled::{coil_images, root_sum_of_squares};

    const N_Y: usize = 24;
    const N_X: usize = 21;
    const SIGMA: f32 = 0.05;

    fn scan(maps: &CoilMaps, keep: impl Fn(usize) -> bool) -> KSpace {
        let mask = SamplingMask {
            mask: (0..N_Y * N_X).map(|i| keep(i / N_X)).collect(),
            n_y: N_Y,
            n_x: N_X,
        };
        acquire(&vec![Complex32::ONE; N_Y * N_X], maps, &mask, SIGMA, 3).unwrap()
    }

    fn white() -> NoiseModel<'static> {
        NoiseModel::White {
            variance: f64::from(SIGMA * SIGMA),
        }
    }

    fn options(n_replicas: usize) -> ReplicaOptions {
        ReplicaOptions {
            n_replicas,
            seed: 9,
        }
    }

    fn mean(v: &[f32]) -> f32 {
        v.iter().sum::<f32>() / v.len() as f32
    }

    fn rss(k: &KSpace) -> Result<Vec<f32>> {
        Ok(root_sum_of_squares(&coil_images(k), N_Y * N_X))
    }

    fn by_sense(maps: &CoilMaps) -> impl Fn(&KSpace) -> Result<Vec<f32>> {
        let options = SenseOptions {
            noise_variance: None,
            lambda: Some(0.0),
            max_iterations: 60,
            tolerance: 1e-6,
        };
        let maps = maps.clone();
        move |k| {
            let setup = sense_with_maps(k, maps.clone(), &options)?;
            Ok(setup.initial.iter().map(|v| v.norm()).collect())
        }
    }

    #[test]
    fn noise_of_a_full_scan_is_that_of_the_magnitude() {
        // At high signal the magnitude has the noise of one channel, sigma / sqrt(2), in either combination.
        let maps = coil_maps_birdcage(4, N_Y, N_X, 1);
        let full = scan(&maps, |_| true);
        let expected = SIGMA / 2f32.sqrt();
        for found in [
            noise_map(&full, white(), &options(60), rss).unwrap(),
            noise_map(&full, white(), &options(60), by_sense(&maps)).unwrap(),
        ] {
            assert!(
                (mean(&found) / expected - 1.0).abs() < 0.03,
                "{}",
                mean(&found)
            );
            let off = found
                .iter()
                .filter(|v| (*v / expected - 1.0).abs() > 0.45)
                .count();
            assert_eq!(off, 0);
        }
    }

    #[test]
    fn replicas_find_the_analytic_g_factor() {
        let maps = coil_maps_birdcage(4, N_Y, N_X, 1);
        let analytic = g_factor_sense(&maps, PhaseAxis::Y, 2).unwrap();
        let sense = by_sense(&maps);
        let full = noise_map(&scan(&maps, |_| true), white(), &options(100), &sense).unwrap();
        // Twice, not more: where g is large the magnitude no longer has the noise of one channel.
        let half = scan(&maps, |y| y % 2 == 0);
        let accelerated = noise_map(&half, white(), &options(100), &sense).unwrap();
        let found = g_factor_from_replicas(&accelerated, &full, 2.0).unwrap();
        assert!(
            mean(&analytic) > 1.03,
            "nothing to find: {}",
            mean(&analytic)
        );
        assert!(
            (mean(&found) / mean(&analytic) - 1.0).abs() < 0.05,
            "{} against {}",
            mean(&found),
            mean(&analytic)
        );
        let relative: f32 = found
            .iter()
            .zip(&analytic)
            .map(|(f, a)| (f / a - 1.0).powi(2))
            .sum::<f32>();
        let rms = (relative / found.len() as f32).sqrt();
        assert!(rms < 0.2, "{rms}");
    }

    #[test]
    fn without_acceleration_g_is_one_and_alike_pixels_have_none() {
        let maps = coil_maps_birdcage(3, N_Y, N_X, 1);
        let one = g_factor_sense(&maps, PhaseAxis::X, 1).unwrap();
        assert!(one.iter().all(|g| (g - 1.0).abs() < 1e-5));
        let along_x = g_factor_sense(&maps, PhaseAxis::X, 3).unwrap();
        assert!(along_x.iter().all(|g| *g >= 0.999));
        let flat = CoilMaps::single(N_Y, N_X);
        let none = g_factor_sense(&flat, PhaseAxis::Y, 2).unwrap();
        assert!(none.iter().all(|g| g.is_infinite()));
    }

    #[test]
    fn measured_noise_has_its_covariance_and_the_seed_decides() {
        let maps = coil_maps_birdcage(2, N_Y, N_X, 1);
        let full = scan(&maps, |_| true);
        let mut noise = crate::operator::tests::random_array(2 * 4000, 4);
        noise[4000..].iter_mut().for_each(|v| *v *= 0.1);
        let whitening = Whitening::from_noise_scan(&noise, 2).unwrap();
        let model = NoiseModel::Measured(&whitening);
        // Uniform in a square of half width 1: variance 2/3; the real part has half of it.
        let coil = |c: usize| {
            move |k: &KSpace| -> Result<Vec<f32>> {
                Ok(k.samples[c * N_Y * N_X..][..N_Y * N_X]
                    .iter()
                    .map(|v| v.re)
                    .collect())
            }
        };
        let first = noise_map(&full, model, &options(50), coil(0)).unwrap();
        let second = noise_map(&full, model, &options(50), coil(1)).unwrap();
        let expected = (1.0f32 / 3.0).sqrt();
        assert!((mean(&first) / expected - 1.0).abs() < 0.03);
        assert!((mean(&second) / (0.1 * expected) - 1.0).abs() < 0.03);
        assert_eq!(
            first,
            noise_map(&full, model, &options(50), coil(0)).unwrap()
        );
        let other = ReplicaOptions {
            seed: 10,
            ..options(50)
        };
        assert_ne!(first, noise_map(&full, model, &other, coil(0)).unwrap());
    }

    #[test]
    fn impossible_settings_are_refused() {
        let maps = coil_maps_birdcage(2, N_Y, N_X, 1);
        let full = scan(&maps, |_| true);
        assert!(matches!(
            noise_map(&full, white(), &options(1), rss),
            Err(Error::OutOfRange { .. })
        ));
        assert!(matches!(
            noise_map(
                &full,
                NoiseModel::White { variance: f64::NAN },
                &options(4),
                rss
            ),
            Err(Error::OutOfRange { .. })
        ));
        assert!(matches!(
            g_factor_sense(&maps, PhaseAxis::Y, 5),
            Err(Error::OutOfRange { .. })
        ));
        assert!(matches!(
            g_factor_from_replicas(&[1.0], &[1.0, 2.0], 2.0),
            Err(Error::Size { .. })
        ));
        assert!(matches!(
            g_factor_from_replicas(&[1.0], &[1.0], 0.5),
            Err(Error::OutOfRange { .. })
        ));
    }
}
