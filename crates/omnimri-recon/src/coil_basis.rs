//! The coils that a method works with: whitened, perhaps compressed to fewer virtual ones; and the way back to those of the input.

use std::borrow::Cow;

use num_complex::Complex32;
use omnimri_image::KSpace;

use crate::calibration::Whitening;
use crate::compression::{Compression, VirtualCoils, svd_compression};
use crate::matrix::resize_kspace;
use crate::products::{Factor, multiply};
use crate::{Error, Result};

/// From the input's coils to those of the solver and back.
#[derive(Debug, Default)]
pub struct CoilBasis {
    whitening: Option<Whitening>,
    compression: Option<Compression>,
}

impl CoilBasis {
    /// Whitens by a noise scan `[coil][sample]`, if there is one, and compresses to `n_virtual` coils, if that is fewer; with the scan in
    /// the new coils.
    ///
    /// # Errors
    /// [`Error::Noise`] for a bad noise scan; what [`svd_compression`] refuses.
    pub fn of<'a>(
        kspace: &'a KSpace,
        noise: Option<&[Complex32]>,
        n_virtual: Option<usize>,
    ) -> Result<(Cow<'a, KSpace>, Self)> {
        let mut scan = Cow::Borrowed(kspace);
        let mut basis = Self::default();
        if let Some(noise) = noise {
            let whitening = Whitening::from_noise_scan(noise, kspace.n_coils)?;
            whitening.apply(&mut scan.to_mut().samples);
            basis.whitening = Some(whitening);
        }
        if let Some(n) = n_virtual.filter(|n| *n < kspace.n_coils) {
            let compression = svd_compression(&scan, VirtualCoils::Count(n))?;
            scan = Cow::Owned(compression.compress(&scan)?);
            basis.compression = Some(compression);
        }
        Ok((scan, basis))
    }

    /// True if samples were whitened: their noise has unit variance.
    pub fn is_white(&self) -> bool {
        self.whitening.is_some()
    }

    /// Number of coils that a solver sees of `n_coils`.
    pub fn n_solved(&self, n_coils: usize) -> usize {
        self.compression
            .as_ref()
            .map_or(n_coils, Compression::n_virtual)
    }

    /// What was done to the number of coils, one sentence.
    pub fn say(&self, n_coils: usize) -> Option<String> {
        let compression = self.compression.as_ref()?;
        Some(format!(
            "{n_coils} coils were compressed to {} virtual ones, which hold {:.2}% of the energy of the k-space centre.",
            compression.n_virtual(),
            100.0 * compression.energy()
        ))
    }

    /// Another scan of the same coils and field of view in the solver's coils, on the matrix `n_y` x `n_x`.
    ///
    /// # Errors
    /// [`Error::Size`] if it has other coils; what [`resize_kspace`] refuses.
    pub fn convert(
        &self,
        kspace: &KSpace,
        n_coils: usize,
        (n_y, n_x): (usize, usize),
    ) -> Result<KSpace> {
        if kspace.n_coils != n_coils {
            return Err(Error::Size {
                what: "coils of the reference scan",
                expected: n_coils,
                found: kspace.n_coils,
                hint: "calibrate on a scan of the same coils",
            });
        }
        let mut scan = resize_kspace(kspace, n_y, n_x)?;
        if let Some(whitening) = &self.whitening {
            whitening.apply(&mut scan.samples);
        }
        match &self.compression {
            Some(compression) => compression.compress(&scan),
            None => Ok(scan),
        }
    }

    /// Samples `[coil][n]` of the input's coils in the solver's coils.
    pub fn solved(&self, mut values: Vec<Complex32>) -> Vec<Complex32> {
        if let Some(whitening) = &self.whitening {
            whitening.apply(&mut values);
        }
        match &self.compression {
            Some(compression) => {
                let a = Factor::plain(compression.matrices(), compression.n_coils());
                mixed(a, compression.n_virtual(), compression.n_coils(), &values)
            }
            None => values,
        }
    }

    /// Images or samples of the solver's coils as the input's coils would have them, in the input's units.
    ///
    /// # Shapes
    /// - `values`: `[solved coil][n]`; returns `[coil][n]`
    pub fn back(&self, mut values: Vec<Complex32>) -> Vec<Complex32> {
        if let Some(compression) = &self.compression {
            let a = Factor::adjoint(compression.matrices(), compression.n_coils());
            values = mixed(a, compression.n_coils(), compression.n_virtual(), &values);
        }
        if let Some(whitening) = &self.whitening {
            whitening.undo(&mut values);
        }
        values
    }
}

/// `a` times values `[coil][n]`.
fn mixed(
    a: Factor<'_, Complex32>,
    n_out: usize,
    n_in: usize,
    values: &[Complex32],
) -> Vec<Complex32> {
    let n = values.len() / n_in;
    let mut out = vec![Complex32::default(); n_out * n];
    let values = Factor::plain(values, n);
    multiply(
        &mut out,
        n,
        [n_out, n, n_in],
        false,
        Complex32::ONE,
        a,
        values,
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::tests::random_array;

    /// Twelve coils that are mixtures of four.
    fn scan() -> KSpace {
        let (n_y, n_x) = (20, 23);
        let (few, mix) = (random_array(4 * n_y * n_x, 1), random_array(48, 2));
        let mut samples = vec![Complex32::default(); 12 * n_y * n_x];
        for (c, coil) in samples.chunks_mut(n_y * n_x).enumerate() {
            for (i, v) in coil.iter_mut().enumerate() {
                *v = (0..4)
                    .map(|k| mix[c * 4 + k] * few[k * n_y * n_x + i])
                    .sum();
            }
        }
        KSpace {
            samples,
            n_coils: 12,
            n_y,
            n_x,
            mask: vec![true; n_y * n_x],
            warnings: Vec::new(),
        }
    }

    #[test]
    fn coils_of_rank_four_come_back_from_four_virtual_ones_whitened_or_not() {
        let kspace = scan();
        let noise = random_array(12 * 500, 3);
        for noise in [None, Some(noise.as_slice())] {
            let (solved, basis) = CoilBasis::of(&kspace, noise, Some(4)).unwrap();
            assert_eq!((solved.n_coils, basis.n_solved(12)), (4, 4));
            assert!(basis.say(12).unwrap().contains("100.00%"));
            let again = basis.back(solved.samples.clone());
            let worst = again
                .iter()
                .zip(&kspace.samples)
                .map(|(a, b)| (a - b).norm())
                .fold(0.0, f32::max);
            assert!(worst < 1e-3, "{worst}");
            for (a, b) in basis
                .solved(kspace.samples.clone())
                .iter()
                .zip(&solved.samples)
            {
                assert!((a - b).norm() < 1e-4);
            }
            let reference = basis.convert(&kspace, 12, (20, 23)).unwrap();
            for (a, b) in reference.samples.iter().zip(&solved.samples) {
                assert!((a - b).norm() < 1e-4);
            }
            let error = basis.convert(&kspace, 11, (20, 23)).unwrap_err();
            assert!(matches!(error, Error::Size { expected: 11, .. }));
        }
    }

    #[test]
    fn as_many_coils_as_there_are_stay_as_they_are() {
        let kspace = scan();
        let (solved, basis) = CoilBasis::of(&kspace, None, Some(12)).unwrap();
        assert!(matches!(solved, Cow::Borrowed(_)) && basis.say(12).is_none());
        assert_eq!(basis.back(kspace.samples.clone()), kspace.samples);
    }
}
