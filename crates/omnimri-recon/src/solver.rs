//! The methods that solve for one image behind coil maps: SENSE, L1-wavelet and total variation.

use std::borrow::Cow;

use num_complex::Complex32;
use omnimri_image::KSpace;
use rayon::prelude::*;

use crate::calibration::{CalibrationArea, MIN_CALIBRATION, validate};
use crate::coil_basis::CoilBasis;
use crate::coil_maps::CoilMaps;
use crate::map_sets::{estimate_map_sets, sense_with_sets};
use crate::partial_fourier::PartialFourier;
use crate::reconstruct::{
    Method, ReconOptions, Reconstruction, Reconstructor, acceleration, of_coil_images,
};
use crate::sampling::is_lattice;
use crate::sense::{SenseOptions, SenseSetup, estimate_maps, sense_with_maps, unit_phase};
use crate::sparse::{SparseOptions, Sparsity, joint_maps, sparse_with_maps};
use crate::zero_filled::root_sum_of_squares;
use crate::{Error, Result};

/// Most coils that the eigenvalue method is given: its patches hold 36 samples of each.
const MAX_EIGEN_COILS: usize = 32;

/// A method that solves for one image behind coil maps: SENSE, L1-wavelet or total variation.
#[derive(Debug, Clone)]
pub struct Solver {
    /// Which of them.
    pub method: Method,
    /// Weight, iterations and the noise scan.
    pub options: ReconOptions,
}

impl Solver {
    /// Whitens and compresses, estimates maps and solves: the complex image and all that led to it, in whitened units if there is a noise
    /// scan, and the way back to the input's coils.
    ///
    /// # Errors
    /// See [`sense_with_maps`] and [`sparse_with_maps`]; [`Error::Noise`] for a bad noise scan; [`Error::NeedsModel`] for a method that is none of
    /// the three.
    pub fn setup(&self, kspace: &KSpace) -> Result<(SenseSetup, CoilBasis)> {
        let (scan, reference, basis) = self.prepared(kspace)?;
        let mut setup = self.solve(&scan, reference.as_ref(), None)?;
        setup.warnings.extend(basis.say(kspace.n_coils));
        Ok((setup, basis))
    }

    /// The scan and the reference scan in the solver's coils.
    fn prepared<'a>(
        &self,
        kspace: &'a KSpace,
    ) -> Result<(Cow<'a, KSpace>, Option<KSpace>, CoilBasis)> {
        validate(kspace)?;
        let (n_coils, size) = (kspace.n_coils, (kspace.n_y, kspace.n_x));
        let too_many = self.method == Method::Sense && n_coils > MAX_EIGEN_COILS;
        let n_virtual = self.options.coils.or(too_many.then_some(MAX_EIGEN_COILS));
        let (scan, basis) = CoilBasis::of(kspace, self.options.noise.as_deref(), n_virtual)?;
        let reference = match &self.options.calibration {
            Some(reference) => Some(basis.convert(reference, n_coils, size)?),
            None => None,
        };
        Ok((scan, reference, basis))
    }

    /// Settings of SENSE.
    fn sense_options(&self) -> SenseOptions {
        let defaults = SenseOptions::default();
        SenseOptions {
            lambda: self.options.lambda,
            // Whitened samples have unit variance.
            noise_variance: self.options.noise.as_ref().map(|_| 1.0),
            max_iterations: self
                .options
                .max_iterations
                .unwrap_or(defaults.max_iterations),
            ..defaults
        }
    }

    /// SENSE with as many sets of maps as the scan asks for.
    fn sense(&self, kspace: &KSpace) -> Result<Reconstruction> {
        let (scan, reference, basis) = self.prepared(kspace)?;
        let mut sets = estimate_map_sets(reference.as_ref().unwrap_or(&scan))?;
        if sets.len() == 1 {
            let mut setup = self.solve(&scan, reference.as_ref(), sets.pop())?;
            setup.warnings.extend(basis.say(kspace.n_coils));
            return Ok(of_solution(
                kspace,
                &setup,
                &setup.initial,
                &basis,
                self.name(),
            ));
        }
        let n_sets = sets.len();
        let solution = sense_with_sets(&scan, sets, &self.sense_options())?;
        let coils = basis.back(solution.coil_images);
        let mut made = of_coil_images(kspace, &coils, self.name());
        made.lambda = Some(solution.lambda);
        made.iterations = Some(solution.iterations);
        made.warnings.extend(basis.say(kspace.n_coils));
        made.warnings.push(format!(
            "The object seems larger than the field of view: {n_sets} sets of coil maps were used."
        ));
        Ok(made)
    }

    /// Solves in the solver's coils; maps of SENSE may be known already.
    fn solve(
        &self,
        kspace: &KSpace,
        reference: Option<&KSpace>,
        maps: Option<CoilMaps>,
    ) -> Result<SenseSetup> {
        // The scan that maps come from.
        let calibration = reference.unwrap_or(kspace);
        let (mask, n_y, n_x) = (&calibration.mask, calibration.n_y, calibration.n_x);
        if is_lattice(mask, n_y, n_x) {
            return Err(Error::Pattern {
                step: "coil maps",
                expected: "a fully sampled centre, uneven sampling or a reference scan",
                found: "evenly spaced samples without a centre, where nothing tells coils from aliasing",
                hint: "add the lines of a calibration scan, or use --method zero-filled to see the aliased image",
            });
        }
        let (lambda, max_iterations) = (self.options.lambda, self.options.max_iterations);
        // Whitened samples have unit variance.
        let noise_variance = self.options.noise.as_ref().map(|_| 1.0);
        let sparsity = match self.method {
            Method::Sense => {
                let maps = match maps {
                    Some(maps) => maps,
                    None => estimate_maps(calibration)?,
                };
                return sense_with_maps(kspace, maps, &self.sense_options());
            }
            Method::L1Wavelet => Sparsity::Wavelet,
            Method::TotalVariation => Sparsity::TotalVariation,
            _ => {
                return Err(Error::NeedsModel {
                    found: self.method.name(),
                });
            }
        };
        let mut options = SparseOptions::default();
        options.sparsity = sparsity;
        options.noise_variance = noise_variance;
        options.lambda = lambda;
        options.max_iterations = max_iterations.unwrap_or(options.max_iterations);
        let maps = joint_maps(calibration)?;
        let mut setup = sparse_with_maps(kspace, maps, &options)?;
        let area = CalibrationArea::find(mask, n_y, n_x, MIN_CALIBRATION);
        if kspace.n_coils > 1 && !area.at_least(MIN_CALIBRATION) {
            setup.warnings.push(
                "The scan has no fully sampled centre: coil maps rest on undersampled data, and aliasing may remain."
                    .to_owned(),
            );
        }
        Ok(setup)
    }
}

/// The image that a solution stands for, in the coils' own units: root sum of squares of maps times image.
pub fn of_solution(
    kspace: &KSpace,
    setup: &SenseSetup,
    image: &[Complex32],
    basis: &CoilBasis,
    method: &'static str,
) -> Reconstruction {
    let acceleration = acceleration(kspace);
    let mut warnings = setup.warnings.clone();
    if kspace.n_coils > 1 && acceleration > kspace.n_coils as f64 {
        warnings.push(format!(
            "The scan is accelerated {acceleration:.1} times with {} coils: detail is uncertain.",
            kspace.n_coils
        ));
    }
    Reconstruction {
        image: magnitude(setup.maps(), image, basis),
        phase: setup.phase(image),
        n_y: kspace.n_y,
        n_x: kspace.n_x,
        method: method.to_owned(),
        why: None,
        acceleration,
        lambda: Some(setup.lambda),
        iterations: Some(setup.iterations),
        warnings,
    }
}

/// Root sum of squares of maps times image in the input's coils; a block of pixels at a time, so that the coil images are never held
/// whole.
pub(crate) fn magnitude(maps: &CoilMaps, image: &[Complex32], basis: &CoilBasis) -> Vec<f32> {
    const BLOCK: usize = 4096;
    let n = image.len();
    let mut out = vec![0.0; n];
    out.par_chunks_mut(BLOCK)
        .zip(image.par_chunks(BLOCK))
        .enumerate()
        .for_each(|(block, (out, image))| {
            let first = block * BLOCK;
            let coils: Vec<Complex32> = maps
                .maps
                .chunks(n)
                .flat_map(|map| map[first..].iter().zip(image).map(|(s, u)| s * u))
                .collect();
            out.copy_from_slice(&root_sum_of_squares(&basis.back(coils), image.len()));
        });
    out
}

impl Reconstructor for Solver {
    fn name(&self) -> &'static str {
        self.method.name()
    }

    fn reconstruct(&self, kspace: &KSpace) -> Result<Reconstruction> {
        let mut made = if self.method == Method::Sense {
            self.sense(kspace)?
        } else {
            let (setup, basis) = self.setup(kspace)?;
            of_solution(kspace, &setup, &setup.initial, &basis, self.name())
        };
        if self.options.partial_fourier != PartialFourier::Off {
            let mut image = made.complex();
            let how = self.options.partial_fourier;
            how.correct_image(&mut image, &kspace.mask, kspace.n_y, kspace.n_x)?;
            made.image = image.iter().map(|v| v.norm()).collect();
            made.phase = image.iter().map(|v| unit_phase(*v)).collect();
        }
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconstruct::reconstruct;
    use crate::sampling::{LinePattern, PhaseAxis, SamplingMask, equispaced};
    use crate::simulate::acquire::{acquire, coil_maps_birdcage};

    const N_Y: usize = 60;
    const N_X: usize = 54;

    /// A disc with structure and a smooth phase, and its magnitude.
    fn image() -> (Vec<Complex32>, Vec<f32>) {
        let image: Vec<Complex32> = (0..N_Y * N_X)
            .map(|i| {
                let y = (i / N_X) as f32 / N_Y as f32 - 0.5;
                let x = (i % N_X) as f32 / N_X as f32 - 0.5;
                let inside = f32::from(u8::from(y * y + x * x < 0.14));
                let value = 20.0 * inside * (1.0 + 0.4 * (25.0 * y).sin() * (19.0 * x).cos());
                Complex32::from_polar(value, 0.6 + y - 0.5 * x)
            })
            .collect();
        let magnitude = image.iter().map(|v| v.norm()).collect();
        (image, magnitude)
    }

    fn scan(n_coils: usize, keep: &dyn Fn(usize) -> bool) -> (KSpace, Vec<f32>) {
        let (image, truth) = image();
        let mask = SamplingMask {
            mask: (0..N_Y * N_X).map(|i| keep(i / N_X)).collect(),
            n_y: N_Y,
            n_x: N_X,
        };
        let maps = coil_maps_birdcage(n_coils, N_Y, N_X, 3);
        (acquire(&image, &maps, &mask, 0.1, 3).unwrap(), truth)
    }

    fn error(image: &[f32], truth: &[f32]) -> f32 {
        let wrong: f32 = image.iter().zip(truth).map(|(a, b)| (a - b).powi(2)).sum();
        (wrong / truth.iter().map(|b| b * b).sum::<f32>()).sqrt()
    }

    #[test]
    fn few_virtual_coils_give_nearly_the_image_of_all_in_the_input_units() {
        let lines = LinePattern {
            axis: PhaseAxis::Y,
            acceleration: 2.0,
            n_centre: 16,
            seed: 1,
        };
        let mask = equispaced(N_Y, N_X, &lines).unwrap().mask;
        let (kspace, truth) = scan(12, &|y| mask[y * N_X]);
        for method in [Method::Sense, Method::L1Wavelet, Method::Grappa] {
            let options = ReconOptions {
                coils: Some(6),
                ..ReconOptions::default()
            };
            let all = reconstruct(&kspace, method, &ReconOptions::default()).unwrap();
            let few = reconstruct(&kspace, method, &options).unwrap();
            let (all_error, found) = (error(&all.image, &truth), error(&few.image, &truth));
            assert!(found < all_error + 0.02, "{method}: {found}, {all_error}");
            assert!(few.warnings.iter().any(|w| w.contains("6 virtual")));
        }
        let none = ReconOptions {
            coils: Some(0),
            ..ReconOptions::default()
        };
        assert!(matches!(
            reconstruct(&kspace, Method::Sense, &none),
            Err(Error::OutOfRange { .. })
        ));
    }

    #[test]
    fn more_coils_than_the_eigenvalue_method_takes_are_compressed_and_it_is_said() {
        let lines = LinePattern {
            axis: PhaseAxis::Y,
            acceleration: 2.0,
            n_centre: 16,
            seed: 1,
        };
        let mask = equispaced(N_Y, N_X, &lines).unwrap().mask;
        let (kspace, truth) = scan(128, &|y| mask[y * N_X]);
        let options = ReconOptions {
            coils: Some(8),
            ..ReconOptions::default()
        };
        let made = reconstruct(&kspace, Method::Sense, &options).unwrap();
        let found = error(&made.image, &truth);
        assert!(found < 0.08, "{found}");
        assert!(made.warnings.iter().any(|w| w.contains("128 coils")));
    }

    #[test]
    fn partial_fourier_fills_the_side_that_was_not_measured() {
        let (kspace, truth) = scan(4, &|y| y < 38);
        for method in [Method::ZeroFilled, Method::L1Wavelet] {
            let by = |partial_fourier| {
                let options = ReconOptions {
                    partial_fourier,
                    ..ReconOptions::default()
                };
                reconstruct(&kspace, method, &options).unwrap()
            };
            let zero_filled = reconstruct(&kspace, Method::ZeroFilled, &ReconOptions::default());
            let before = error(&zero_filled.unwrap().image, &truth);
            for how in [PartialFourier::Homodyne, PartialFourier::Pocs] {
                let made = by(how);
                let found = error(&made.image, &truth);
                assert!(found < 0.7 * before, "{method} {how:?}: {found}, {before}");
                assert!(!made.warnings.iter().any(|w| w.contains("changes nothing")));
            }
        }
        let (whole, _) = scan(4, &|_| true);
        let options = ReconOptions {
            partial_fourier: PartialFourier::Pocs,
            ..ReconOptions::default()
        };
        let plain = reconstruct(&whole, Method::ZeroFilled, &ReconOptions::default()).unwrap();
        let made = reconstruct(&whole, Method::ZeroFilled, &options).unwrap();
        assert_eq!(made.image, plain.image);
        assert!(made.warnings.iter().any(|w| w.contains("changes nothing")));
        assert!("dixon".parse::<PartialFourier>().is_err());
    }

    #[test]
    fn evenly_spaced_lines_without_a_centre_are_refused_unless_there_is_a_reference() {
        let (kspace, truth) = scan(6, &|y| y % 2 == 0);
        for method in [Method::Auto, Method::L1Wavelet, Method::TotalVariation] {
            let refused = reconstruct(&kspace, method, &ReconOptions::default()).unwrap_err();
            let text = refused.to_string();
            assert!(
                text.contains("evenly spaced") && text.contains("zero-filled"),
                "{text}"
            );
        }
        let (reference, _) = scan(6, &|y| (18..42).contains(&y));
        let options = ReconOptions {
            calibration: Some(reference),
            ..ReconOptions::default()
        };
        let made = reconstruct(&kspace, Method::L1Wavelet, &options).unwrap();
        let found = error(&made.image, &truth);
        assert!(found < 0.1, "{found}");
    }
}
