//! Coil maps by the eigenvalue method (ESPIRiT).
//!
//! Patches of the calibration area span a small space. The projector onto it, averaged over all positions of a patch, is a
//! convolution in k-space and so a `coil x coil` matrix a pixel; true sensitivities are its eigenvectors with eigenvalue one
//! (Uecker et al., Magn Reson Med 2014;71:990).

use num_complex::{Complex32, Complex64};
use omnimri_image::{KSpace, Zyx};
use rayon::prelude::*;

use crate::calibration::{CalibrationArea, MIN_CALIBRATION};
use crate::coil_maps::{CoilMaps, align_phase, strongest_combinations};
use crate::linalg::{deflate, dominant, hermitian_eigen};
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

/// Settings that suit volumes: a patch has a third axis, and its covariance grows with the square of its samples.
pub fn volume_options() -> EspiritOptions {
    EspiritOptions {
        kernel: 4,
        max_calibration: 16,
        ..EspiritOptions::default()
    }
}

/// Patch geometry: extents and the number of unknowns.
#[derive(Clone, Copy)]
struct Patch {
    size: Zyx<usize>,
    n_coils: usize,
}

impl Patch {
    /// Samples of one coil.
    fn block(&self) -> usize {
        self.size.count()
    }

    fn len(&self) -> usize {
        self.n_coils * self.block()
    }

    /// Place of a sample of one coil.
    fn at(&self, i: usize) -> Zyx<usize> {
        let Zyx { y, x, .. } = self.size;
        Zyx::new(i / (y * x), i / x % y, i % x)
    }

    /// Extents of the shifts between two samples of a patch.
    fn shifts(&self) -> Zyx<usize> {
        let Zyx { z, y, x } = self.size;
        Zyx::new(2 * z - 1, 2 * y - 1, 2 * x - 1)
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
    let size = Zyx::new(1, kspace.n_y, kspace.n_x);
    let samples = area.crop(kspace);
    let extent = Zyx::new(1, area.y.len(), area.x.len());
    let mut sets = espirit_sets(
        &samples,
        kspace.n_coils,
        extent,
        size,
        &[options.crop],
        options,
    )?;
    Ok(sets.swap_remove(0))
}

/// Estimates sets of coil maps, one for every smallest eigenvalue in `crops`, of an image or a volume of `size` from calibration samples of `extent` about the zero frequency.
///
/// A second set has support where a second eigenvalue is near one: where an object larger than the field of view folds onto itself, two
/// places with different sensitivities share a pixel, and one set cannot explain both (Uecker et al. 2014, "soft SENSE"). Sets are orthogonal
/// at every pixel.
///
/// Maps of a volume hold the rows of all planes behind one another: `n_y = size.z * size.y`.
///
/// # Shapes
/// - `samples`: `[coil][z][y][x]` of `extent`; `z = 1` in 2D
///
/// # Errors
/// [`Error::NoCalibration`] if the extent is too small or holds no signal; [`Error::Size`] if the samples do not have it;
/// [`Error::OutOfRange`] for no set or more of them than coils.
pub fn espirit_sets(
    samples: &[Complex32],
    n_coils: usize,
    extent: Zyx<usize>,
    size: Zyx<usize>,
    crops: &[f32],
    options: &EspiritOptions,
) -> Result<Vec<CoilMaps>> {
    let refused = || Error::NoCalibration {
        expected: MIN_CALIBRATION,
        found_y: extent.y,
        found_x: extent.x,
    };
    let (n, n_sets) = (extent.count(), crops.len());
    if samples.len() != n_coils * n {
        return Err(Error::Size {
            what: "calibration samples",
            expected: n_coils * n,
            found: samples.len(),
            hint: "samples must be [coil][z][y][x] of the calibration area",
        });
    }
    if n_sets == 0 || n_sets > n_coils {
        return Err(Error::OutOfRange {
            what: "sets of coil maps",
            min: 1.0,
            max: n_coils as f64,
            found: n_sets as f64,
            hint: "one set is enough unless the object is larger than the field of view; two then",
        });
    }
    let short = |a: usize| a < MIN_CALIBRATION;
    if short(extent.y) || short(extent.x) || size.z > 1 && short(extent.z) {
        return Err(refused());
    }
    // A patch of more than half the area leaves too few positions to span the signal space.
    let side = |a: usize| options.kernel.clamp(2, (a / 2 + 1).max(2));
    let patch = Patch {
        size: Zyx::new(
            if extent.z == 1 { 1 } else { side(extent.z) },
            side(extent.y),
            side(extent.x),
        ),
        n_coils,
    };
    let covariance = patch_covariance(samples, patch, extent).ok_or_else(refused)?;
    let threshold = options.signal_threshold;
    let eigen = hermitian_eigen(covariance, patch.len(), |values| {
        values
            .iter()
            .take_while(|v| **v > threshold * values[0])
            .count()
    })
    .ok_or_else(refused)?;
    let shifts = projector_by_shift(&eigen.vectors, patch);
    let references = strongest_combinations(samples, n_coils, n, n_sets);
    Ok(maps_from_shifts(&shifts, patch, &references, size, crops))
}

/// `sum over positions of p p^H` of all patches, scaled to unit trace; `None` without signal.
fn patch_covariance(
    samples: &[Complex32],
    patch: Patch,
    extent: Zyx<usize>,
) -> Option<Vec<Complex64>> {
    let n = patch.len();
    let Zyx {
        z: k_z,
        y: k_y,
        x: k_x,
    } = patch.size;
    let Zyx {
        z: a_z,
        y: a_y,
        x: a_x,
    } = extent;
    let positions: Vec<(usize, usize, usize)> = (0..=a_z - k_z)
        .flat_map(|z| (0..=a_y - k_y).map(move |y| (z, y)))
        .flat_map(|(z, y)| (0..=a_x - k_x).map(move |x| (z, y, x)))
        .collect();
    // Row r holds unknown r at every position, so that a covariance entry is a dot product of two rows.
    let rows: Vec<Vec<Complex32>> = (0..n)
        .map(|r| {
            let coil = r / patch.block();
            let d = patch.at(r % patch.block());
            let at = |&(z, y, x): &(usize, usize, usize)| {
                samples[((coil * a_z + z + d.z) * a_y + y + d.y) * a_x + x + d.x]
            };
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
/// `h[dz][dy][dx]` of size `2 k - 1` along every axis; pairs `(a, b)` with `b <= a` in order.
fn projector_by_shift(vectors: &[Vec<Complex64>], patch: Patch) -> Vec<Vec<Complex32>> {
    let block = patch.block();
    let narrow: Vec<Vec<Complex32>> = vectors
        .iter()
        .map(|v| {
            v.iter()
                .map(|c| Complex32::new(c.re as f32, c.im as f32))
                .collect()
        })
        .collect();
    let Zyx {
        z: k_z,
        y: k_y,
        x: k_x,
    } = patch.size;
    let shifts = patch.shifts();
    pairs(patch.n_coils)
        .into_par_iter()
        .map(|(a, b)| {
            let mut kernel = vec![Complex32::default(); shifts.count()];
            for v in &narrow {
                let (va, vb) = (
                    &v[a * block..(a + 1) * block],
                    &v[b * block..(b + 1) * block],
                );
                for (i, p) in va.iter().enumerate() {
                    let from = patch.at(i);
                    for j in 0..k_z * k_y {
                        let (jz, jy) = (j / k_y, j % k_y);
                        // As jx grows the shift falls, so the row of the kernel is walked backwards.
                        let (dz, dy) = (from.z + k_z - 1 - jz, from.y + k_y - 1 - jy);
                        let start = (dz * shifts.y + dy) * shifts.x + from.x;
                        let row = &mut kernel[start..start + k_x];
                        for (out, q) in row.iter_mut().rev().zip(&vb[j * k_x..]) {
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

/// Eigenvectors of the projector at every pixel, one set for every reference, which gives a set its phase.
fn maps_from_shifts(
    shifts: &[Vec<Complex32>],
    patch: Patch,
    references: &[Vec<Complex32>],
    size: Zyx<usize>,
    crops: &[f32],
) -> Vec<CoilMaps> {
    let (n_coils, n_sets) = (patch.n_coils, references.len());
    let (n_y, n_x, width) = (size.y, size.x, patch.shifts());
    let phases_z = phases(patch.size.z, size.z);
    let phases_y = phases(patch.size.y, n_y);
    let phases_x = phases(patch.size.x, n_x);
    let pairs = pairs(n_coils);
    let mut pixels = vec![vec![Complex32::default(); size.count() * n_coils]; n_sets];
    let mut support = vec![vec![false; size.count()]; n_sets];
    for z in 0..size.z {
        // The kernels along z are done once a plane, those along y once a row, those along x a pixel.
        let plane: Vec<Vec<Complex32>> = shifts
            .iter()
            .map(|h| along(h, &phases_z[z * width.z..(z + 1) * width.z]))
            .collect();
        // Rows of all sets together.
        let mut rows: Vec<Vec<(&mut [Complex32], &mut [bool])>> =
            (0..n_y).map(|_| Vec::with_capacity(n_sets)).collect();
        for (pixels, support) in pixels.iter_mut().zip(&mut support) {
            let pixels = pixels[z * n_y * n_x * n_coils..].chunks_mut(n_x * n_coils);
            let support = support[z * n_y * n_x..].chunks_mut(n_x);
            for (rows, row) in rows.iter_mut().zip(pixels.zip(support)) {
                rows.push(row);
            }
        }
        rows.par_iter_mut().enumerate().for_each(|(y, sets)| {
            let py = &phases_y[y * width.y..(y + 1) * width.y];
            let lines: Vec<Vec<Complex32>> = plane.iter().map(|h| along(h, py)).collect();
            let mut matrix = vec![Complex32::default(); n_coils * n_coils];
            let mut vectors = references.to_vec();
            for x in 0..n_x {
                let px = &phases_x[x * width.x..(x + 1) * width.x];
                for (&(a, b), line) in pairs.iter().zip(&lines) {
                    let value: Complex32 = line.iter().zip(px).map(|(h, p)| h * p).sum();
                    matrix[a * n_coils + b] = value;
                    matrix[b * n_coils + a] = value.conj();
                }
                let sets = sets.iter_mut().zip(crops);
                for (((set, crop), v), reference) in sets.zip(&mut vectors).zip(references) {
                    let (row, support) = set;
                    // The neighbour's vector is a good start, the reference keeps it from being orthogonal.
                    for (v, r) in v.iter_mut().zip(reference) {
                        *v += r * 1e-3;
                    }
                    let value = dominant(&matrix, v, 40);
                    support[x] = value > *crop;
                    let pixel = &mut row[x * n_coils..(x + 1) * n_coils];
                    pixel.copy_from_slice(v);
                    align_phase(pixel, reference);
                    v.copy_from_slice(pixel);
                    if n_sets > 1 {
                        deflate(&mut matrix, v, value);
                    }
                }
            }
        });
    }
    pixels
        .iter()
        .zip(support)
        .map(|(pixels, support)| CoilMaps::from_pixels(pixels, support, n_coils, size.z * n_y, n_x))
        .collect()
}

/// A kernel `[slow][fast...]` summed along its slow axis with the phases of one place.
fn along(kernel: &[Complex32], phases: &[Complex32]) -> Vec<Complex32> {
    let n = kernel.len() / phases.len();
    let mut out = vec![Complex32::default(); n];
    for (h, p) in kernel.chunks(n).zip(phases) {
        for (out, h) in out.iter_mut().zip(h) {
            *out += h * p;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coil_maps::tests::normalisation_error;
    use crate::fft::{CentredFft, fft2};
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
    fn a_volume_has_the_maps_of_its_planes() {
        let (n_coils, size) = (4, Zyx::new(14, 22, 20));
        let Zyx { z, y, x } = size;
        let planes = coil_maps_birdcage(n_coils, y, x, 3);
        let n = size.count();
        // Maps turn their phase along z; an ellipsoid with structure.
        let map = |c: usize, i: usize| {
            let turn = 0.4 * (c as f32 - 1.5) * (i / (y * x)) as f32 / z as f32;
            planes.maps[c * y * x + i % (y * x)] * Complex32::from_polar(1.0, turn)
        };
        let image = |i: usize| {
            let at = |i: usize, n: usize| i as f32 / n as f32 - 0.5;
            let (a, b, c) = (at(i / (y * x), z), at(i / x % y, y), at(i % x, x));
            let inside = f32::from(u8::from(a * a + b * b + c * c < 0.17));
            inside * (1.0 + 0.5 * (31.0 * a).sin() * (23.0 * b).cos() * (17.0 * c).cos())
        };
        let mut samples: Vec<Complex32> = (0..n_coils * n)
            .map(|i| map(i / n, i % n) * image(i % n))
            .collect();
        CentredFft::new(&[z, y, x]).forward(&mut samples);
        let extent = Zyx::new(12, 12, 12);
        let (z0, y0, x0) = (z / 2 - 6, y / 2 - 6, x / 2 - 6);
        let centre: Vec<Complex32> = (0..n_coils * 1728)
            .map(|i| {
                let (c, a, b, d) = (i / 1728, i / 144 % 12, i / 12 % 12, i % 12);
                samples[((c * z + z0 + a) * y + y0 + b) * x + x0 + d]
            })
            .collect();
        let maps = espirit_sets(&centre, n_coils, extent, size, &[0.8], &volume_options()).unwrap();
        assert_eq!((maps[0].n_y, maps[0].n_x), (z * y, x));
        let inside: Vec<usize> = (0..n).filter(|&p| image(p) > 0.2).collect();
        let good = inside.iter().filter(|&&p| {
            let fit: Complex32 = (0..n_coils)
                .map(|c| maps[0].maps[c * n + p].conj() * map(c, p))
                .sum();
            fit.norm() > 0.98
        });
        assert!(good.count() * 100 > inside.len() * 95);
    }

    #[test]
    fn what_makes_no_sets_is_refused() {
        let samples = vec![Complex32::ONE; 2 * 64];
        let (extent, size) = (Zyx::new(1, 8, 8), Zyx::new(1, 16, 16));
        let sets = |n: usize, coils: usize| {
            espirit_sets(
                &samples,
                coils,
                extent,
                size,
                &vec![0.8; n],
                &EspiritOptions::default(),
            )
        };
        assert!(matches!(sets(0, 2), Err(Error::OutOfRange { .. })));
        assert!(matches!(sets(3, 2), Err(Error::OutOfRange { .. })));
        assert!(matches!(sets(1, 3), Err(Error::Size { .. })));
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
