//! From an image to the k-space that a coil array measures of it.

use num_complex::{Complex32, Complex64};
use omnimri_image::KSpace;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::coil_maps::CoilMaps;
use crate::fft::fft2;
use crate::sampling::SamplingMask;
use crate::{Error, Result};

/// Two independent normal numbers by the Box-Muller transform.
pub fn normal_pair(rng: &mut impl Rng) -> (f64, f64) {
    // One minus keeps the logarithm away from zero.
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    let angle = std::f64::consts::TAU * rng.random::<f64>();
    (radius * angle.cos(), radius * angle.sin())
}

/// Complex normal noise of variance `sigma^2` a sample (half of it a part).
pub fn complex_noise(n: usize, sigma: f32, rng: &mut impl Rng) -> Vec<Complex32> {
    let scale = f64::from(sigma) / std::f64::consts::SQRT_2;
    (0..n)
        .map(|_| {
            let (re, im) = normal_pair(rng);
            Complex32::new((re * scale) as f32, (im * scale) as f32)
        })
        .collect()
}

/// Adds Rician noise to a magnitude image in place: the magnitude of the image plus complex noise of standard deviation
/// `sigma` a part.
pub fn add_rician_noise(image: &mut [f32], sigma: f32, seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for v in image {
        let (re, im) = normal_pair(&mut rng);
        *v = (*v + sigma * re as f32).hypot(sigma * im as f32);
    }
}

/// Smooth complex sensitivities of loops on a cylinder around the field of view (a birdcage-like array), normalised so that
/// their sum of squares is one; positions, widths and phases vary with the seed.
pub fn coil_maps_birdcage(n_coils: usize, n_y: usize, n_x: usize, seed: u64) -> CoilMaps {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    struct Loop {
        centre: [f64; 2],
        width: f64,
        turn: f64,
        ramp: [f64; 2],
    }
    let start = rng.random_range(0.0..std::f64::consts::TAU);
    let loops: Vec<Loop> = (0..n_coils)
        .map(|c| {
            let place = c as f64 + rng.random_range(-0.15..0.15);
            let angle = start + std::f64::consts::TAU * place / n_coils as f64;
            let distance = rng.random_range(1.2..1.4);
            Loop {
                centre: [distance * angle.sin(), distance * angle.cos()],
                width: rng.random_range(0.7..0.95),
                turn: rng.random_range(0.0..std::f64::consts::TAU),
                ramp: [rng.random_range(-0.6..0.6), rng.random_range(-0.6..0.6)],
            }
        })
        .collect();
    let mut pixels = vec![Complex32::default(); n_coils * n_y * n_x];
    let unit = |i: usize, n: usize| (i as f64 - (n / 2) as f64) / (n as f64 / 2.0);
    pixels
        .par_chunks_mut((n_x * n_coils).max(1))
        .enumerate()
        .for_each(|(row, pixels)| {
            let y = unit(row, n_y);
            for (column, pixel) in pixels.chunks_mut(n_coils).enumerate() {
                let x = unit(column, n_x);
                let mut energy = 0.0;
                let values: Vec<Complex64> = loops
                    .iter()
                    .map(|l| {
                        let (dy, dx) = (y - l.centre[0], x - l.centre[1]);
                        // Strength falls with distance as on the axis of a loop; the phase follows the direction to a point so
                        // far outside the field of view that it has no branch cut inside.
                        let strength = (1.0 + (dy * dy + dx * dx) / (l.width * l.width)).powf(-1.5);
                        let inward = -Complex64::new(l.centre[1], l.centre[0]);
                        let away = Complex64::new(x, y) + inward * (1.9 / inward.norm());
                        let phase =
                            (away * inward.conj()).arg() + l.turn + l.ramp[0] * y + l.ramp[1] * x;
                        energy += strength * strength;
                        Complex64::from_polar(strength, phase)
                    })
                    .collect();
                for (out, v) in pixel.iter_mut().zip(values) {
                    let v = v / energy.sqrt();
                    *out = Complex32::new(v.re as f32, v.im as f32);
                }
            }
        });
    CoilMaps::from_pixels(&pixels, vec![true; n_y * n_x], n_coils, n_y, n_x)
}

/// Measures a complex image: coil maps, Fourier transform, complex noise of variance `noise_sigma^2` a sample, sampling.
///
/// # Shapes
/// - `image`: `[y][x]` of the matrix of maps and mask
///
/// # Errors
/// [`Error::Size`] if image, maps and mask do not have one matrix; [`Error::OutOfRange`] for a negative noise level.
pub fn acquire(
    image: &[Complex32],
    maps: &CoilMaps,
    mask: &SamplingMask,
    noise_sigma: f32,
    seed: u64,
) -> Result<KSpace> {
    let n = maps.n_y * maps.n_x;
    for (what, found) in [("image", image.len()), ("sampling mask", mask.mask.len())] {
        if found != n || (mask.n_y, mask.n_x) != (maps.n_y, maps.n_x) {
            let hint = "image, coil maps and mask must have one matrix";
            return Err(Error::Size {
                what,
                expected: n,
                found,
                hint,
            });
        }
    }
    if !(noise_sigma.is_finite() && noise_sigma >= 0.0) {
        return Err(Error::OutOfRange {
            what: "noise level",
            min: 0.0,
            max: f32::MAX.into(),
            found: noise_sigma.into(),
            hint: "use 0 for a scan without noise",
        });
    }
    let mut samples = maps.maps.clone();
    samples.par_chunks_mut(n.max(1)).for_each(|coil| {
        for (v, p) in coil.iter_mut().zip(image) {
            *v *= p;
        }
    });
    fft2(&mut samples, maps.n_y, maps.n_x);
    samples
        .par_chunks_mut(n.max(1))
        .enumerate()
        .for_each(|(coil, samples)| {
            // A stream a coil: the noise does not depend on how coils are handed to threads.
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(coil as u64);
            let noise = complex_noise(n, noise_sigma, &mut rng);
            for ((v, e), &measured) in samples.iter_mut().zip(noise).zip(&mask.mask) {
                *v = if measured {
                    *v + e
                } else {
                    Complex32::default()
                };
            }
        });
    Ok(KSpace {
        samples,
        n_coils: maps.n_coils,
        n_y: maps.n_y,
        n_x: maps.n_x,
        mask: mask.mask.clone(),
        warnings: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coil_maps::tests::normalisation_error;
    use crate::zero_filled::{coil_images, root_sum_of_squares};

    #[test]
    fn maps_are_normalised_smooth_and_distinct() {
        let maps = coil_maps_birdcage(7, 31, 40, 9);
        assert!(normalisation_error(&maps) < 1e-5);
        let n = 31 * 40;
        for map in maps.maps.chunks(n) {
            for row in map.chunks(40) {
                assert!(row.windows(2).all(|w| (w[0] - w[1]).norm() < 0.2));
            }
        }
        assert!((0..n).any(|p| (maps.maps[p] - maps.maps[n + p]).norm() > 0.5));
        assert_eq!(maps, coil_maps_birdcage(7, 31, 40, 9));
        assert_ne!(maps, coil_maps_birdcage(7, 31, 40, 10));
    }

    #[test]
    fn a_full_noiseless_scan_gives_the_image_back() {
        let (n_y, n_x) = (21, 34);
        let maps = coil_maps_birdcage(4, n_y, n_x, 1);
        let image: Vec<Complex32> = (0..n_y * n_x)
            .map(|i| Complex32::from_polar(1.0 + (i % 5) as f32, i as f32))
            .collect();
        let scan = acquire(&image, &maps, &SamplingMask::full(n_y, n_x), 0.0, 0).unwrap();
        let back = root_sum_of_squares(&coil_images(&scan), n_y * n_x);
        assert!(
            image
                .iter()
                .zip(&back)
                .all(|(a, b)| (a.norm() - b).abs() < 1e-4)
        );
    }

    #[test]
    fn noise_has_its_variance_and_its_seed() {
        let maps = coil_maps_birdcage(2, 64, 65, 1);
        let zero = vec![Complex32::default(); 64 * 65];
        let full = SamplingMask::full(64, 65);
        let scan = acquire(&zero, &maps, &full, 0.5, 3).unwrap();
        let variance: f32 =
            scan.samples.iter().map(|v| v.norm_sqr()).sum::<f32>() / scan.samples.len() as f32;
        assert!((variance - 0.25).abs() < 0.02, "{variance}");
        assert_eq!(scan, acquire(&zero, &maps, &full, 0.5, 3).unwrap());
        assert_ne!(scan, acquire(&zero, &maps, &full, 0.5, 4).unwrap());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let maps = coil_maps_birdcage(2, 6, 5, 1);
        let image = vec![Complex32::ONE; 30];
        assert!(acquire(&image[1..], &maps, &SamplingMask::full(6, 5), 0.0, 0).is_err());
        assert!(acquire(&image, &maps, &SamplingMask::full(5, 6), 0.0, 0).is_err());
        assert!(acquire(&image, &maps, &SamplingMask::full(6, 5), f32::NAN, 0).is_err());
    }
}
