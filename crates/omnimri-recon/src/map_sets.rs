//! Several sets of coil maps: an object larger than the field of view.
//!
//! Where it folds onto itself two places with different sensitivities share a pixel. With one set of maps and one image a set the encoding is
//! linear as before (Uecker et al., Magn Reson Med 2014;71:990, "soft SENSE").

use num_complex::Complex32;
use omnimri_image::{KSpace, Zyx};

use crate::calibration::{CalibrationArea, noise_variance, validate};
use crate::coil_maps::CoilMaps;
use crate::espirit::{EspiritOptions, espirit_sets};
use crate::operator::{CartesianNormal, CoilNormal, LinearOperator};
use crate::sense::{
    SenseOptions, Solution, check_maps, check_weight, conjugate_gradient, default_lambda,
};
use crate::{Error, Result};

/// Part of the pixels where a second eigenvalue must be near one before a second set is used: fewer are chance.
const MIN_COVERAGE: f64 = 0.01;
/// How near to one.
const SECOND_CROP: f32 = 0.95;

/// Coil maps by ESPIRiT: one set, or two where the second eigenvalue says that the object is larger than the field of view.
///
/// # Errors
/// What [`validate`] finds; [`Error::NoCalibration`] without a fully sampled centre.
pub fn estimate_map_sets(kspace: &KSpace) -> Result<Vec<CoilMaps>> {
    validate(kspace)?;
    if kspace.n_coils == 1 {
        return Ok(vec![CoilMaps::single(kspace.n_y, kspace.n_x)]);
    }
    let options = EspiritOptions::default();
    let most = options.max_calibration;
    let area = CalibrationArea::find(&kspace.mask, kspace.n_y, kspace.n_x, most);
    let samples = area.crop(kspace);
    let extent = Zyx::new(1, area.y.len(), area.x.len());
    let size = Zyx::new(1, kspace.n_y, kspace.n_x);
    let crops = [options.crop, SECOND_CROP];
    let mut sets = espirit_sets(&samples, kspace.n_coils, extent, size, &crops, &options)?;
    // A map that covers almost nothing would give a silently black image.
    if sets[0].coverage() < 0.005 {
        return Err(Error::NoCalibration {
            expected: crate::calibration::MIN_CALIBRATION,
            found_y: area.y.len(),
            found_x: area.x.len(),
        });
    }
    if sets[1].coverage() < MIN_COVERAGE {
        sets.truncate(1);
    }
    Ok(sets)
}

/// The encoding of a Cartesian scan with several sets of maps.
///
/// Domain `[n_sets, n_y, n_x]` (an image a set), range `[n_coils, n_y, n_x]` (k-space, zero where not measured).
#[derive(Debug)]
pub struct MapSetsOp {
    sets: Vec<CoilMaps>,
    normal: CartesianNormal,
}

impl MapSetsOp {
    /// An operator for these sets, at least one, and the mask of a scan.
    ///
    /// # Errors
    /// [`Error::Size`] if a set does not have the coils and the matrix of the scan; [`Error::OutOfRange`] without a set.
    pub fn new(sets: Vec<CoilMaps>, kspace: &KSpace) -> Result<Self> {
        if sets.is_empty() {
            return Err(Error::OutOfRange {
                what: "sets of coil maps",
                min: 1.0,
                max: kspace.n_coils as f64,
                found: 0.0,
                hint: "estimate them first",
            });
        }
        for set in &sets {
            check_maps(kspace, set)?;
        }
        let normal = CartesianNormal::new(kspace.mask.clone(), kspace.n_y, kspace.n_x);
        Ok(Self { sets, normal })
    }

    /// `sum_m S_mc u_m` for every coil, `[n_coils][n_y][n_x]`, of images `[n_sets][n_y][n_x]`.
    pub fn coil_images(&self, u: &[Complex32]) -> Vec<Complex32> {
        let n = self.sets[0].n_y * self.sets[0].n_x;
        let mut parts = self.sets.iter().zip(u.chunks(n));
        let mut out = parts
            .next()
            .map_or_else(Vec::new, |(set, u)| set.coil_images(u));
        for (set, u) in parts {
            for (out, v) in out.iter_mut().zip(set.coil_images(u)) {
                *out += v;
            }
        }
        out
    }

    fn combine(&self, coil_images: &[Complex32]) -> Vec<Complex32> {
        let sets = self.sets.iter();
        sets.flat_map(|set| set.combine(coil_images)).collect()
    }
}

impl LinearOperator for MapSetsOp {
    fn domain(&self) -> Vec<usize> {
        vec![self.sets.len(), self.sets[0].n_y, self.sets[0].n_x]
    }

    fn range(&self) -> Vec<usize> {
        let maps = &self.sets[0];
        vec![maps.n_coils, maps.n_y, maps.n_x]
    }

    fn forward(&self, u: &[Complex32]) -> Vec<Complex32> {
        let mut out = self.coil_images(u);
        self.normal.measure(&mut out);
        out
    }

    fn adjoint(&self, v: &[Complex32]) -> Vec<Complex32> {
        let sets = self.sets.iter();
        sets.flat_map(|set| self.normal.adjoint(set, v)).collect()
    }

    fn normal(&self, u: &[Complex32]) -> Vec<Complex32> {
        let mut coils = self.coil_images(u);
        self.normal.apply(&mut coils);
        self.combine(&coils)
    }
}

/// What a solution with several sets is.
#[derive(Debug)]
pub struct MapSetsSolution {
    /// Coil images `[coil][y][x]`, all sets together.
    pub coil_images: Vec<Complex32>,
    /// Weight used.
    pub lambda: f32,
    /// Iterations done.
    pub iterations: usize,
}

/// SENSE with several sets of maps, by conjugate gradients.
///
/// # Errors
/// What [`validate`] finds; [`Error::Size`] if sets and k-space do not fit each other; [`Error::OutOfRange`] for a weight that is none.
pub fn sense_with_sets(
    kspace: &KSpace,
    sets: Vec<CoilMaps>,
    options: &SenseOptions,
) -> Result<MapSetsSolution> {
    validate(kspace)?;
    check_weight(options.lambda)?;
    let operator = MapSetsOp::new(sets, kspace)?;
    let noise = options
        .noise_variance
        .unwrap_or_else(|| noise_variance(kspace));
    let lambda = options
        .lambda
        .unwrap_or_else(|| default_lambda(kspace, &operator.sets[0], noise));
    let rhs = operator.adjoint(&kspace.samples);
    let Solution { x, iterations, .. } = conjugate_gradient(
        |u| operator.normal(u),
        &rhs,
        lambda,
        options.max_iterations,
        options.tolerance,
    );
    Ok(MapSetsSolution {
        coil_images: operator.coil_images(&x),
        lambda,
        iterations,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fft::fft2;
    use crate::operator::tests::{assert_adjoint, random_array};
    use crate::sampling::{LinePattern, PhaseAxis, equispaced};
    use crate::sense::sense;
    use crate::simulate::acquire::coil_maps_birdcage;
    use crate::zero_filled::root_sum_of_squares;

    const N_Y: usize = 64;
    const N_X: usize = 60;

    /// Coil images of a disc in a field of view of `N_X` of its `wide` columns, onto which the rest folds.
    fn folded(wide: usize, reach: f32) -> Vec<Complex32> {
        let maps = coil_maps_birdcage(8, N_Y, wide, 3);
        let mut out = vec![Complex32::default(); 8 * N_Y * N_X];
        for c in 0..8 {
            for y in 0..N_Y {
                for x in 0..wide {
                    let (v, u) = (y as f32 / N_Y as f32 - 0.5, x as f32 / wide as f32 - 0.5);
                    if v * v + u * u > reach * reach {
                        continue;
                    }
                    let value = 1.0 + 0.5 * (29.0 * v).sin() * (23.0 * u).cos();
                    let to = (x + 10 * N_X + N_X / 2 - wide / 2) % N_X;
                    out[(c * N_Y + y) * N_X + to] += maps.maps[(c * N_Y + y) * wide + x] * value;
                }
            }
        }
        out
    }

    fn scan(coils: &[Complex32]) -> KSpace {
        let lines = LinePattern {
            axis: PhaseAxis::Y,
            acceleration: 2.0,
            n_centre: 24,
            seed: 1,
        };
        let mask = equispaced(N_Y, N_X, &lines).unwrap().mask;
        let mut samples = coils.to_vec();
        fft2(&mut samples, N_Y, N_X);
        let noise = random_array(samples.len(), 3);
        for (i, (v, n)) in samples.iter_mut().zip(noise).enumerate() {
            *v = if mask[i % mask.len()] {
                *v + n * 2e-3
            } else {
                Complex32::ZERO
            };
        }
        KSpace {
            samples,
            n_coils: 8,
            n_y: N_Y,
            n_x: N_X,
            mask,
            warnings: Vec::new(),
        }
    }

    fn error(coils: &[Complex32], truth: &[Complex32]) -> f32 {
        let n = N_Y * N_X;
        let (a, b) = (root_sum_of_squares(coils, n), root_sum_of_squares(truth, n));
        let wrong: f32 = a.iter().zip(&b).map(|(a, b)| (a - b).powi(2)).sum();
        (wrong / b.iter().map(|b| b * b).sum::<f32>()).sqrt()
    }

    #[test]
    fn an_object_within_the_field_of_view_gets_one_set_and_a_larger_one_two() {
        let inside = scan(&folded(N_X, 0.4));
        assert_eq!(estimate_map_sets(&inside).unwrap().len(), 1);
        let truth = folded(84, 0.47);
        let kspace = scan(&truth);
        let sets = estimate_map_sets(&kspace).unwrap();
        assert_eq!(sets.len(), 2);
        let options = SenseOptions::default();
        let plain = sense(&kspace, &options).unwrap();
        let one = error(&plain.operator.coil_images(&plain.initial), &truth);
        let two = sense_with_sets(&kspace, sets, &options).unwrap();
        let two = error(&two.coil_images, &truth);
        assert!(
            two < 0.6 * one && two < 0.1,
            "{two} with two sets, {one} with one"
        );
    }

    #[test]
    fn the_operator_is_adjoint_for_odd_and_even_sizes() {
        for (n_y, n_x) in [(13, 14), (16, 7)] {
            let n = n_y * n_x;
            let sets = (0..2u64)
                .map(|seed| CoilMaps {
                    maps: random_array(3 * n, seed),
                    n_coils: 3,
                    n_y,
                    n_x,
                    support: vec![true; n],
                })
                .collect();
            let kspace = KSpace {
                samples: random_array(3 * n, 9),
                n_coils: 3,
                n_y,
                n_x,
                mask: (0..n).map(|i| i % 3 != 1).collect(),
                warnings: Vec::new(),
            };
            assert_adjoint(&MapSetsOp::new(sets, &kspace).unwrap(), 5);
            assert!(MapSetsOp::new(Vec::new(), &kspace).is_err());
        }
    }
}
