//! 3D scans without a fully sampled axis, solved whole: iterative SENSE, wavelets or total variation with ESPIRiT maps of the volume.
//!
//! Memory: the samples and the maps (8 bytes each a sample), one coil volume a thread and about a dozen single images; while maps are made
//! twice the maps. That stays below 40 bytes a sample from eight coils on.

use std::ops::Range;

use num_complex::Complex32;
use omnimri_image::{KSpace, KSpace3, Zyx};

use crate::calibration::{MIN_CALIBRATION, measured_energy, noise_variance_within};
use crate::coil_basis::CoilBasis;
use crate::coil_maps::CoilMaps;
use crate::espirit::{espirit_sets, volume_options};
use crate::operator::{CartesianNormal, CoilNormal};
use crate::proximal::fista;
use crate::reconstruct::{Method, ReconOptions};
use crate::sense::{check_weight, conjugate_gradient, tikhonov, unit_phase};
use crate::solver::magnitude;
use crate::sparse::automatic_weight;
use crate::total_variation::TotalVariation;
use crate::volume::validate_volume;
use crate::wavelet::{Family, Wavelet};
use crate::{Error, Result};

/// Most coils unless told otherwise: the patches of a volume hold 64 samples of each, and time grows with their cube.
const MAX_COILS: usize = 12;
/// Most iterations.
const ITERATIONS: usize = 60;
/// Relative change, or residual, at which to stop.
const TOLERANCE: f64 = 1e-3;
/// Levels of the wavelet.
const N_LEVELS: usize = 4;
/// Dual iterations of a proximal step of total variation.
const TV_ITERATIONS: usize = 5;

/// A volume, and how it came to be.
#[derive(Debug, Clone)]
pub struct VolumeSolution {
    /// Magnitude with phase, `[z][y][x]`; the magnitude is the root sum of squares of the coil images in the input's units.
    pub image: Vec<Complex32>,
    /// Weight used.
    pub lambda: f32,
    /// Iterations done.
    pub iterations: usize,
    /// What a user should know, each one sentence.
    pub warnings: Vec<String>,
}

/// Solves a 3D scan whole by [`Method::Sense`], [`Method::L1Wavelet`] or [`Method::TotalVariation`].
///
/// # Errors
/// What [`validate_volume`] finds; [`Error::NoCalibration`] for several coils without a fully sampled centre; [`Error::Noise`] for a bad
/// noise scan; [`Error::Pattern`] for another method; [`Error::OutOfRange`] for a weight that is none.
pub fn solve_volume(
    kspace: KSpace3,
    method: Method,
    options: &ReconOptions,
) -> Result<VolumeSolution> {
    validate_volume(&kspace)?;
    check_weight(options.lambda)?;
    let (size, n_coils) = (kspace.size, kspace.n_coils);
    let centre = centre_block(&kspace.mask, size);
    let block = crop(&kspace, &centre);
    let extent = Zyx::new(centre[0].len(), centre[1].len(), centre[2].len());
    let flat = KSpace {
        samples: block,
        n_coils,
        n_y: extent.z * extent.y,
        n_x: extent.x,
        mask: vec![true; extent.count()],
        warnings: Vec::new(),
    };
    let n_virtual = options.coils.unwrap_or(MAX_COILS);
    let (block, basis) = CoilBasis::of(&flat, options.noise.as_deref(), Some(n_virtual))?;
    let maps = if n_coils == 1 {
        CoilMaps::single(size.z * size.y, size.x)
    } else {
        let settings = volume_options();
        espirit_sets(
            &block.samples,
            block.n_coils,
            extent,
            size,
            &[settings.crop],
            &settings,
        )?
        .swap_remove(0)
    };
    let mask = kspace.mask;
    let samples = basis.solved(kspace.samples);
    let centre_of = |i: usize, n: usize| (i as f64 - (n / 2) as f64) / (n as f64 / 2.0);
    let radius = |i: usize| {
        let (z, y, x) = (i / (size.y * size.x), i / size.x % size.y, i % size.x);
        let plane = centre_of(y, size.y).hypot(centre_of(x, size.x));
        centre_of(z, size.z).hypot(plane)
    };
    let noise = match basis.is_white() {
        true => 1.0,
        false => noise_variance_within(&samples, &mask, radius),
    };
    let normal = CartesianNormal::volume(mask.clone(), size);
    let rhs = normal.adjoint(&maps, &samples);
    let most = options.max_iterations.unwrap_or(ITERATIONS);
    let (image, lambda, iterations) = if method == Method::Sense {
        let n_values = mask.iter().filter(|m| **m).count() * maps.n_coils;
        let energy = measured_energy(&samples, &mask);
        let lambda = options
            .lambda
            .unwrap_or_else(|| tikhonov(energy, n_values, noise, &maps));
        let solution =
            conjugate_gradient(|u| normal.sense(&maps, u), &rhs, lambda, most, TOLERANCE);
        (solution.x, lambda, solution.iterations)
    } else {
        let deviation = noise.sqrt() as f32;
        let lambda = options
            .lambda
            .unwrap_or_else(|| automatic_weight(deviation, &rhs));
        let (wavelet, tv);
        let prox: &dyn Fn(&mut [Complex32]) = match method {
            Method::L1Wavelet => {
                wavelet = Wavelet::volume(size, Family::Haar, N_LEVELS);
                &|z: &mut [Complex32]| wavelet.shrink(z, lambda)
            }
            Method::TotalVariation => {
                tv = TotalVariation::new(size, TV_ITERATIONS);
                &|z: &mut [Complex32]| tv.prox(z, lambda)
            }
            _ => {
                return Err(Error::Pattern {
                    step: method.name(),
                    expected: "an axis along which lines are measured whole",
                    found: "lines measured in part along every axis",
                    hint: "use sense, l1-wavelet, tv or zero-filled",
                });
            }
        };
        let mut image = vec![Complex32::default(); size.count()];
        let apply = |u: &[Complex32]| normal.sense(&maps, u);
        let done = fista(apply, &rhs, &mut image, prox, most, TOLERANCE);
        (image, lambda, done)
    };
    let magnitude = magnitude(&maps, &image, &basis);
    Ok(VolumeSolution {
        image: image
            .iter()
            .zip(magnitude)
            .map(|(v, m)| unit_phase(*v) * m)
            .collect(),
        lambda,
        iterations,
        warnings: basis.say(n_coils).into_iter().collect(),
    })
}

/// The fully sampled block about the zero frequency, `z, y, x`: grown by a plane at a time on every side that is measured whole, up to what
/// maps need.
fn centre_block(mask: &[bool], size: Zyx<usize>) -> [Range<usize>; 3] {
    let lengths = [size.z, size.y, size.x];
    let most = volume_options().max_calibration;
    let mut block = lengths.map(|n| n / 2..n / 2 + 1);
    let whole = |b: &[Range<usize>; 3]| {
        b[0].clone().all(|z| {
            b[1].clone().all(|y| {
                let row = (z * size.y + y) * size.x;
                mask[row..row + size.x][b[2].clone()].iter().all(|m| *m)
            })
        })
    };
    // Around a zero frequency that was not measured there is no block.
    let mut grew = whole(&block);
    while grew {
        grew = false;
        for axis in 0..3 {
            for up in [false, true] {
                let Range { start, end } = block[axis];
                if end - start == most || up && end == lengths[axis] || !up && start == 0 {
                    continue;
                }
                let mut face = block.clone();
                face[axis] = if up { end..end + 1 } else { start - 1..start };
                if whole(&face) {
                    block[axis] = if up { start..end + 1 } else { start - 1..end };
                    grew = true;
                }
            }
        }
    }
    block
}

/// `[coil][z][y][x]` of a block.
fn crop(kspace: &KSpace3, block: &[Range<usize>; 3]) -> Vec<Complex32> {
    let Zyx { y: n_y, x: n_x, .. } = kspace.size;
    let mut out = Vec::new();
    for coil in kspace.samples.chunks(kspace.mask.len()) {
        for z in block[0].clone() {
            for y in block[1].clone() {
                let row = (z * n_y + y) * n_x;
                out.extend_from_slice(&coil[row..row + n_x][block[2].clone()]);
            }
        }
    }
    out
}

/// True if the centre of a scan is sampled well enough for maps of the volume.
pub fn can_calibrate(kspace: &KSpace3) -> bool {
    let block = centre_block(&kspace.mask, kspace.size);
    kspace.n_coils == 1 || block.iter().all(|range| range.len() >= MIN_CALIBRATION)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fft::CentredFft;
    use crate::operator::tests::random_array;
    use crate::simulate::acquire::coil_maps_birdcage;
    use crate::volume::{fully_sampled_axis, zero_filled_volume};

    const SIZE: Zyx<usize> = Zyx::new(20, 26, 24);

    /// Six coils of an ellipsoid with a smaller one in it, every `n`-th sample measured at random and a block in the centre.
    fn scan(keep: f32) -> (KSpace3, Vec<f32>) {
        let Zyx { z, y, x } = SIZE;
        let n = SIZE.count();
        let maps = coil_maps_birdcage(6, y, x, 3);
        let image: Vec<f32> = (0..n)
            .map(|i| {
                let at = |i: usize, n: usize| 2.0 * i as f32 / n as f32 - 1.0;
                let (a, b, c) = (at(i / (y * x), z), at(i / x % y, y), at(i % x, x));
                let outer = f32::from(u8::from(a * a + b * b + c * c < 0.6));
                let inner = f32::from(u8::from(a * a + (b - 0.2).powi(2) + c * c < 0.08));
                outer + 0.6 * inner
            })
            .collect();
        let mut samples: Vec<Complex32> = (0..6 * n)
            .map(|i| maps.maps[i / n * y * x + i % (y * x)] * image[i % n])
            .collect();
        CentredFft::new(&[z, y, x]).forward(&mut samples);
        let chance = random_array(n, 7);
        let near = |i: usize, n: usize| i.abs_diff(n / 2) < 5;
        let mask: Vec<bool> = (0..n)
            .map(|i| {
                let centre = near(i / (y * x), z) && near(i / x % y, y) && near(i % x, x);
                centre || chance[i].re < 2.0 * keep - 1.0
            })
            .collect();
        let noise = random_array(samples.len(), 8);
        for (i, (v, n)) in samples.iter_mut().zip(noise).enumerate() {
            *v = if mask[i % mask.len()] {
                *v + n * 0.02
            } else {
                Complex32::ZERO
            };
        }
        let kspace = KSpace3 {
            samples,
            n_coils: 6,
            size: SIZE,
            mask,
        };
        (kspace, image)
    }

    fn error(image: impl Iterator<Item = f32>, truth: &[f32]) -> f32 {
        let wrong: f32 = image.zip(truth).map(|(a, b)| (a - b).powi(2)).sum();
        (wrong / truth.iter().map(|b| b * b).sum::<f32>()).sqrt()
    }

    #[test]
    fn a_scan_undersampled_along_all_axes_is_solved_by_every_method() {
        let (kspace, truth) = scan(0.3);
        assert_eq!(fully_sampled_axis(&kspace.mask, SIZE), None);
        assert!(can_calibrate(&kspace));
        let zero_filled = zero_filled_volume(kspace.clone()).unwrap();
        let before = error(zero_filled.into_iter(), &truth);
        for (method, part) in [
            (Method::Sense, 0.4),
            (Method::L1Wavelet, 0.25),
            (Method::TotalVariation, 0.25),
        ] {
            let made = solve_volume(kspace.clone(), method, &ReconOptions::default()).unwrap();
            let found = error(made.image.iter().map(|v| v.norm()), &truth);
            assert!(found < part * before, "{method}: {found}, {before}");
        }
        let other = solve_volume(kspace, Method::Grappa, &ReconOptions::default());
        assert!(matches!(other, Err(Error::Pattern { .. })));
    }

    #[test]
    fn coils_are_compressed_on_request_and_units_stay() {
        let (kspace, truth) = scan(0.5);
        let options = ReconOptions {
            coils: Some(4),
            ..ReconOptions::default()
        };
        let made = solve_volume(kspace, Method::Sense, &options).unwrap();
        let found = error(made.image.iter().map(|v| v.norm()), &truth);
        assert!(found < 0.15, "{found}");
        assert_eq!(made.warnings.len(), 1);
    }

    #[test]
    fn without_a_centre_it_is_refused() {
        let (mut kspace, _) = scan(0.5);
        for (i, m) in kspace.mask.iter_mut().enumerate() {
            *m &= i % 2 == 0;
        }
        assert!(!can_calibrate(&kspace));
        let error = solve_volume(kspace, Method::Sense, &ReconOptions::default()).unwrap_err();
        assert!(matches!(error, Error::NoCalibration { .. }));
    }
}
