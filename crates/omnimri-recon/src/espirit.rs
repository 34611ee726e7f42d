//! Coil maps by the eigenvalue method (ESPIRiT).
//!
//! Patches of the calibration area span a small space. The projector onto it, averaged over all positions of a patch, is a
//! convolution in k-space and so a `coil x coil` matrix a pixel; true sensitivities are its eigenvectors with eigenvalue one
//! (Uecker et al., Magn Reson Med 2014;71:990).

use num_complex::{Complex32, Complex64};
use omnimri_image::KSpace;
use rayon::prelude::*;

use crate::calibration::{CalibrationArea, MIN_CALIBRATION};
use crate::coil_maps::{CoilMaps, align_phase, strongest_combination};
use crate::linalg::{dominant, hermitian_eigen};
use crate::{Error, Result};

/// Settings of the eigenvalue method; the defaults suit head and body arrays.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EspiritOptions {
    /// Largest patch extent in samples; smaller where the calibration area is short.
    pub kernel: usize,
    /// Most calibration samples used an axis.
    pub max_calibration: usize,
    /// Smallest eigenvalue of the patch covariance that counts as signal, relative to the largest.
    pub signal_threshold: f64,
    /// Smallest eigenvalue a pixel (0 to 1) at which a map is kept.
    pub crop: f32,
}

impl Default for EspiritOptions {
    fn default() -> Self {
        Self {
            kernel: 6,
            max_calibration: 24,
            signal_threshold: 1e-3,
            crop: 0.8,
        }
    }
}

/// Patch geometry: extents and the number of unknowns.
#[derive(Clone, Copy)]
struct Patch {
    k_y: usize,
    k_x: usize,
    n_coils: usize,
}

impl Patch {
    fn len(&self) -> usize {
        self.n_coils * self.k_y * self.k_x
    }
}

/// Estimates coil maps from the given calibration area.
///
/// # Errors
/// [`Error::NoCalibration`] if the area is too small or holds no signal.
pub fn espirit(
    kspace: &KSpace,
    area: &CalibrationArea,
    options: &EspiritOptions,
) -> Result<CoilMaps> {
    let (a_y, a_x) = (area.y.len(), area.x.len());
    let refused = || Error::NoCalibration {
        expected: MIN_CALIBRATION,
        found_y: a_y,
        found_x: a_x,
    };
    if !area.at_least(MIN_CALIBRATION) {
        return Err(refused());
    }
    let samples = area.crop(kspace);
    // A patch of more than half the area leaves too few positions to span the signal space.
    let extent = |a: usize| options.kernel.clamp(2, (a / 2 + 1).max(2));
    let patch = Patch {
        k_y: extent(a_y),
        k_x: extent(a_x),
        n_coils: kspace.n_coils,
    };
    let covariance = patch_covariance(&samples, patch, a_y, a_x).ok_or_else(refused)?;
    let threshold = options.signal_threshold;
    let eigen = hermitian_eigen(covariance, patch.len(), |values| {
        values
            .iter()
            .take_while(|v| **v > threshold * values[0])
            .count()
    })
    .ok_or_else(refused)?;
    let shifts = projector_by_shift(&eigen.vectors, patch);
    let reference = strongest_combination(&samples, kspace.n_coils, a_y * a_x);
    Ok(maps_from_shifts(
        &shifts,
        patch,
        &reference,
        kspace.n_y,
        kspace.n_x,
        options.crop,
    ))
}

/// `sum over positions of p p^H` of all patches, scaled to unit trace; `None` without signal.
fn patch_covariance(
    samples: &[Complex32],
    patch: Patch,
    a_y: usize,
    a_x: usize,
) -> Option<Vec<Complex64>> {
    let n = patch.len();
    let positions: Vec<(usize, usize)> = (0..=a_y - patch.k_y)
        .flat_map(|y| (0..=a_x - patch.k_x).map(move |x| (y, x)))
        .collect();
    // Row r holds unknown r at every position, so that a covariance entry is a dot product of two rows.
    let rows: Vec<Vec<Complex32>> = (0..n)
        .map(|r| {
            let (coil, rest) = (r / (patch.k_y * patch.k_x), r % (patch.k_y * patch.k_x));
            let (dy, dx) = (rest / patch.k_x, rest % patch.k_x);
            let at = |&(y, x): &(usize, usize)| samples[(coil * a_y + y + dy) * a_x + x + dx];
            positions.iter().map(at).collect()
        })
        .collect();
    let energy: f64 = rows.iter().flatten().map(|v| f64::from(v.norm_sqr())).sum();
    if !(energy > 0.0 && energy.is_finite()) {
        return None;
    }
    let lower: Vec<Vec<Complex64>> = (0..n)
        .into_par_iter()
        .map(|a| (0..=a).map(|b| dot(&rows[a], &rows[b]) / energy).collect())
        .collect();
    let mut out = vec![Complex64::default(); n * n];
    for (a, row) in lower.iter().enumerate() {
        for (b, v) in row.iter().enumerate() {
            out[a * n + b] = *v;
            out[b * n + a] = v.conj();
        }
    }
    Some(out)
}

/// `sum a conj(b)`, blocks in single precision and their sum in double.
fn dot(a: &[Complex32], b: &[Complex32]) -> Complex64 {
    let mut total = Complex64::default();
    for (a, b) in a.chunks(64).zip(b.chunks(64)) {
        // Four running sums let the compiler use vector registers.
        let mut sums = [[0.0f32; 4]; 2];
        for (a, b) in a.chunks(4).zip(b.chunks(4)) {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                sums[0][i] += a.re * b.re + a.im * b.im;
                sums[1][i] += a.im * b.re - a.re * b.im;
            }
        }
        total += Complex64::new(
            sums[0].iter().sum::<f32>().into(),
            sums[1].iter().sum::<f32>().into(),
        );
    }
    total
}

/// The projector onto the signal space summed along equal shifts: for a pair of coils the convolution kernel
/// `h[dy][dx]` of size `(2 k_y - 1) x (2 k_x - 1)`; pairs `(a, b)` with `b <= a` in order.
fn projector_by_shift(vectors: &[Vec<Complex64>], patch: Patch) -> Vec<Vec<Complex32>> {
    let block = patch.k_y * patch.k_x;
    let narrow: Vec<Vec<Complex32>> = vectors
        .iter()
        .map(|v| {
            v.iter()
                .map(|c| Complex32::new(c.re as f32, c.im as f32))
                .collect()
        })
        .collect();
    let width = 2 * patch.k_x - 1;
    pairs(patch.n_coils)
        .into_par_iter()
        .map(|(a, b)| {
            let mut kernel = vec![Complex32::default(); (2 * patch.k_y - 1) * width];
            for v in &narrow {
                let (va, vb) = (
                    &v[a * block..(a + 1) * block],
                    &v[b * block..(b + 1) * block],
                );
                for (i, p) in va.iter().enumerate() {
                    let (iy, ix) = (i / patch.k_x, i % patch.k_x);
                    for jy in 0..patch.k_y {
                        // As jx grows the shift falls, so the row of the kernel is walked backwards.
                        let start = (iy + patch.k_y - 1 - jy) * width + ix;
                        let row = &mut kernel[start..start + patch.k_x];
                        for (out, q) in row.iter_mut().rev().zip(&vb[jy * patch.k_x..]) {
                            *out += p * q.conj();
                        }
                    }
                }
            }
            let scale = 1.0 / block as f32;
            kernel.iter().map(|v| v * scale).collect()
        })
        .collect()
}

/// Coil pairs `(a, b)`, `b <= a`.
fn pairs(n_coils: usize) -> Vec<(usize, usize)> {
    (0..n_coils)
        .flat_map(|a| (0..=a).map(move |b| (a, b)))
        .collect()
}

/// `exp(2 pi i d (q - n / 2) / n)` for shifts `d` from `1 - k` to `k - 1`, `[q][d]`.
fn phases(k: usize, n: usize) -> Vec<Complex32> {
    let mut out = Vec::with_capacity(n * (2 * k - 1));
    for q in 0..n as i64 {
        for d in 1 - k as i64..k as i64 {
            let turns = (d * (q - (n / 2) as i64)).rem_euclid(n as i64) as f64 / n as f64;
            let v = Complex64::from_polar(1.0, std::f64::consts::TAU * turns);
            out.push(Complex32::new(v.re as f32, v.im as f32));
        }
    }
    out
}

fn maps_from_shifts(
    shifts: &[Vec<Complex32>],
    patch: Patch,
    reference: &[Complex32],
    n_y: usize,
    n_x: usize,
    crop: f32,
) -> CoilMaps {
    let n_coils = patch.n_coils;
    let (width_y, width_x) = (2 * patch.k_y - 1, 2 * patch.k_x - 1);
    let (phases_y, phases_x) = (phases(patch.k_y, n_y), phases(patch.k_x, n_x));
    let pairs = pairs(n_coils);
    let mut pixels = vec![Complex32::default(); n_y * n_x * n_coils];
    let mut support = vec![false; n_y * n_x];
    pixels
        .par_chunks_mut(n_x * n_coils)
        .zip(support.par_chunks_mut(n_x))
        .enumerate()
        .for_each(|(y, (row, support))| {
            // The kernels along y are done once a row, those along x a pixel.
            let py = &phases_y[y * width_y..(y + 1) * width_y];
            let lines: Vec<Vec<Complex32>> = shifts
                .iter()
                .map(|h| {
                    let mut line = vec![Complex32::default(); width_x];
                    for (h, p) in h.chunks(width_x).zip(py) {
                        for (out, h) in line.iter_mut().zip(h) {
                            *out += h * p;
                        }
                    }
                    line
                })
                .collect();
            let mut matrix = vec![Complex32::default(); n_coils * n_coils];
            let mut v = reference.to_vec();
            for x in 0..n_x {
                let px = &phases_x[x * width_x..(x + 1) * width_x];
                for (&(a, b), line) in pairs.iter().zip(&lines) {
                    let value: Complex32 = line.iter().zip(px).map(|(h, p)| h * p).sum();
                    matrix[a * n_coils + b] = value;
                    matrix[b * n_coils + a] = value.conj();
                }
                // The neighbour's vector is a good start, the reference keeps it from being orthogonal.
                for (v, r) in v.iter_mut().zip(reference) {
                    *v += r * 1e-3;
                }
                let value = dominant(&matrix, &mut v, 40);
                support[x] = value > crop;
                let pixel = &mut row[x * n_coils..(x + 1) * n_coils];
                pixel.copy_from_slice(&v);
                align_phase(pixel, reference);
                v.copy_from_slice(pixel);
            }
        });
    CoilMaps::from_pixels(&pixels, support, n_coils, n_y, n_x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coil_maps::tests::normalisation_error;
    use crate::fft::fft2;
    use crate::simulate::acquire::coil_maps_birdcage;

    /// A disc with structure, seen by smooth coils.
    fn scene(n_coils: usize, n_y: usize, n_x: usize) -> (KSpace, CoilMaps, Vec<f32>) {
        let truth = coil_maps_birdcage(n_coils, n_y, n_x, 3);
        let n = n_y * n_x;
        let image: Vec<f32> = (0..n)
            .map(|p| {
                let (y, x) = (
                    (p / n_x) as f32 / n_y as f32 - 0.5,
                    (p % n_x) as f32 / n_x as f32 - 0.5,
                );
                let inside = y * y + x * x * 1.3 < 0.15;
                f32::from(u8::from(inside)) * (1.0 + 0.5 * (31.0 * y).sin() * (23.0 * x).cos())
            })
            .collect();
        let mut samples: Vec<Complex32> = truth
            .maps
            .iter()
            .enumerate()
            .map(|(i, s)| s * image[i % n])
            .collect();
        fft2(&mut samples, n_y, n_x);
        let kspace = KSpace {
            samples,
            n_coils,
            n_y,
            n_x,
            mask: vec![true; n],
            warnings: Vec::new(),
        };
        (kspace, truth, image)
    }

    #[test]
    fn maps_agree_with_the_truth_where_there_is_signal() {
        for (n_coils, n_y, n_x) in [(6, 64, 61), (4, 48, 80)] {
            let (kspace, truth, image) = scene(n_coils, n_y, n_x);
            let area = CalibrationArea::find(&kspace.mask, n_y, n_x, 24);
            let maps = espirit(&kspace, &area, &EspiritOptions::default()).unwrap();
            assert!(normalisation_error(&maps) < 1e-4);
            let n = n_y * n_x;
            let mut covered = 0;
            let inside: Vec<usize> = (0..n).filter(|&p| image[p] > 0.2).collect();
            for &p in &inside {
                let fit: Complex32 = (0..n_coils)
                    .map(|c| maps.maps[c * n + p].conj() * truth.maps[c * n + p])
                    .sum();
                covered += usize::from(fit.norm() > 0.99);
            }
            assert!(
                covered * 100 > inside.len() * 98,
                "{covered} of {}",
                inside.len()
            );
        }
    }

    #[test]
    fn a_short_area_is_used_and_a_tiny_one_refused() {
        let (kspace, truth, image) = scene(6, 64, 61);
        let seven = CalibrationArea {
            y: 20..44,
            x: 27..34,
        };
        let maps = espirit(&kspace, &seven, &EspiritOptions::default()).unwrap();
        let n = 64 * 61;
        let inside: Vec<usize> = (0..n).filter(|&p| image[p] > 0.2).collect();
        let good = inside.iter().filter(|&&p| {
            let fit: Complex32 = (0..6)
                .map(|c| maps.maps[c * n + p].conj() * truth.maps[c * n + p])
                .sum();
            fit.norm() > 0.95
        });
        assert!(good.count() * 100 > inside.len() * 80);
        let tiny = CalibrationArea {
            y: 20..44,
            x: 30..32,
        };
        let error = espirit(&kspace, &tiny, &EspiritOptions::default()).unwrap_err();
        assert!(matches!(error, Error::NoCalibration { found_x: 2, .. }));
    }
}
