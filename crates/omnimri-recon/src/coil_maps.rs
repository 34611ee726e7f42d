//! Coil sensitivities, and their estimation from images by local covariance (Walsh).

use std::ops::Range;

use num_complex::Complex32;
use omnimri_image::KSpace;
use rayon::prelude::*;

use crate::calibration::CalibrationArea;
use crate::fft::ifft2;
use crate::linalg::{deflate, dominant};

/// Coil sensitivities of one slice, or of a volume with the rows of all its planes behind one another, normalised so that `sum_c |S_c|^2 = 1` on the support and 0 elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct CoilMaps {
    /// Sensitivities `[coil][y][x]`.
    pub maps: Vec<Complex32>,
    /// Number of coils.
    pub n_coils: usize,
    /// Matrix rows.
    pub n_y: usize,
    /// Matrix columns.
    pub n_x: usize,
    /// Where there is signal and the maps can be relied on, `[y][x]`.
    pub support: Vec<bool>,
}

impl CoilMaps {
    /// The map of a single coil: one everywhere.
    pub fn single(n_y: usize, n_x: usize) -> Self {
        let n = n_y * n_x;
        Self {
            maps: vec![Complex32::ONE; n],
            n_coils: 1,
            n_y,
            n_x,
            support: vec![true; n],
        }
    }

    /// From a unit vector and a strength in 0 to 1 a pixel, `[y][x][coil]` and `[y][x]`; support where strength is positive.
    pub(crate) fn from_pixels(
        pixels: &[Complex32],
        support: Vec<bool>,
        n_coils: usize,
        n_y: usize,
        n_x: usize,
    ) -> Self {
        let n = n_y * n_x;
        let mut maps = vec![Complex32::default(); n_coils * n];
        maps.par_chunks_mut(n).enumerate().for_each(|(coil, map)| {
            for ((out, pixel), &inside) in map.iter_mut().zip(pixels.chunks(n_coils)).zip(&support)
            {
                if inside {
                    *out = pixel[coil];
                }
            }
        });
        Self {
            maps,
            n_coils,
            n_y,
            n_x,
            support,
        }
    }

    /// `S_c u` for every coil, `[n_coils][n_y][n_x]`, of an image `[n_y][n_x]`.
    pub fn coil_images(&self, u: &[Complex32]) -> Vec<Complex32> {
        let mut out = vec![Complex32::default(); self.maps.len()];
        out.par_chunks_mut(u.len())
            .zip(self.maps.par_chunks(u.len()))
            .for_each(|(out, map)| {
                for ((out, map), u) in out.iter_mut().zip(map).zip(u) {
                    *out = map * u;
                }
            });
        out
    }

    /// `sum_c conj(S_c) v_c`, `[n_y][n_x]`, of coil images `[n_coils][n_y][n_x]`.
    pub fn combine(&self, coil_images: &[Complex32]) -> Vec<Complex32> {
        let mut out = vec![Complex32::default(); self.n_y * self.n_x];
        self.add_combined(0..self.n_coils, coil_images, &mut out);
        out
    }

    /// Adds `sum_c conj(S_c) v_c` over some of the coils to `out` `[n_y][n_x]`.
    ///
    /// # Shapes
    /// - `coil_images`: `[coils.len()][n_y][n_x]`
    pub(crate) fn add_combined(
        &self,
        coils: Range<usize>,
        coil_images: &[Complex32],
        out: &mut [Complex32],
    ) {
        const CHUNK: usize = 4096;
        let n = self.n_y * self.n_x;
        // Fixed chunks of pixels; coils are summed in their order.
        out.par_chunks_mut(CHUNK)
            .enumerate()
            .for_each(|(chunk, out)| {
                for (i, coil) in coils.clone().enumerate() {
                    let here = chunk * CHUNK..chunk * CHUNK + out.len();
                    let images = &coil_images[i * n..(i + 1) * n][here.clone()];
                    let maps = &self.maps[coil * n..(coil + 1) * n][here];
                    for (out, (v, map)) in out.iter_mut().zip(images.iter().zip(maps)) {
                        *out += map.conj() * v;
                    }
                }
            });
    }

    /// Multiplies every map by `factor` `[n_y][n_x]`, so that an image `x / factor` explains the same coil images.
    pub(crate) fn multiply(&mut self, factor: &[Complex32]) {
        self.maps.par_chunks_mut(factor.len()).for_each(|map| {
            for (v, f) in map.iter_mut().zip(factor) {
                *v *= f;
            }
        });
    }

    /// Part of the pixels inside the support.
    pub fn coverage(&self) -> f64 {
        self.support.iter().filter(|s| **s).count() as f64 / self.support.len().max(1) as f64
    }
}

/// Coil maps of Walsh's kind: the dominant eigenvector of the coil covariance summed over a box around each pixel.
///
/// The phase is that of the strongest coil combination, so that maps are smooth wherever that combination is.
///
/// # Shapes
/// - `images`: `[coil][y][x]`
pub fn walsh(
    images: &[Complex32],
    n_coils: usize,
    n_y: usize,
    n_x: usize,
    radius: usize,
) -> CoilMaps {
    let n = n_y * n_x;
    let reference = strongest_combination(images, n_coils, n);
    let mut pixels = vec![Complex32::default(); n * n_coils];
    let mut energy = vec![0.0f32; n];
    pixels
        .par_chunks_mut(n_x * n_coils)
        .zip(energy.par_chunks_mut(n_x))
        .enumerate()
        .for_each(|(y, (row, energy))| {
            let (y0, y1) = (y.saturating_sub(radius), (y + radius + 1).min(n_y));
            // Covariance summed over the box's rows, a column each; then a running sum along x.
            let columns: Vec<Vec<Complex32>> = (0..n_x)
                .map(|x| covariance(images, n_coils, n, (y0..y1).map(|y| y * n_x + x)))
                .collect();
            let mut v = reference.clone();
            for x in 0..n_x {
                let mut sum = vec![Complex32::default(); n_coils * n_coils];
                for column in &columns[x.saturating_sub(radius)..(x + radius + 1).min(n_x)] {
                    for (s, c) in sum.iter_mut().zip(column) {
                        *s += c;
                    }
                }
                let value = dominant(&sum, &mut v, 30);
                let count = (y1 - y0) * ((x + radius + 1).min(n_x) - x.saturating_sub(radius));
                energy[x] = value / count as f32;
                let pixel = &mut row[x * n_coils..(x + 1) * n_coils];
                pixel.copy_from_slice(&v);
                align_phase(pixel, &reference);
                if value == 0.0 {
                    v.copy_from_slice(&reference);
                }
            }
        });
    // Five per cent of a high percentile of the magnitude separates head from air.
    let mut sorted = energy.clone();
    let high = (n * 98 / 100).min(n - 1);
    let level = *sorted.select_nth_unstable_by(high, f32::total_cmp).1 * 0.05 * 0.05;
    let support = energy.iter().map(|e| *e > level).collect();
    CoilMaps::from_pixels(&pixels, support, n_coils, n_y, n_x)
}

/// `sum_p I_a(p) conj(I_b(p))` over the given pixels, `[a][b]`.
fn covariance(
    images: &[Complex32],
    n_coils: usize,
    n: usize,
    pixels: impl Iterator<Item = usize>,
) -> Vec<Complex32> {
    let mut sum = vec![Complex32::default(); n_coils * n_coils];
    for p in pixels {
        for a in 0..n_coils {
            let value = images[a * n + p];
            for b in 0..n_coils {
                sum[a * n_coils + b] += value * images[b * n + p].conj();
            }
        }
    }
    sum
}

/// The unit coil vector that holds most of the energy of `images` `[coil][pixel]`.
pub(crate) fn strongest_combination(
    images: &[Complex32],
    n_coils: usize,
    n: usize,
) -> Vec<Complex32> {
    strongest_combinations(images, n_coils, n, 1).swap_remove(0)
}

/// The `count` orthogonal unit coil vectors that hold most of the energy of `images` `[coil][pixel]`, the strongest first.
pub(crate) fn strongest_combinations(
    images: &[Complex32],
    n_coils: usize,
    n: usize,
    count: usize,
) -> Vec<Vec<Complex32>> {
    // A power of two keeps the scale exact and the sum away from overflow.
    let peak = images
        .iter()
        .map(|v| v.norm_sqr())
        .fold(0.0, f32::max)
        .max(f32::MIN_POSITIVE);
    let mut sum: Vec<Complex32> = covariance(images, n_coils, n, 0..n)
        .iter()
        .map(|v| v / (peak * n as f32))
        .collect();
    (0..count)
        .map(|_| {
            let mut v = vec![Complex32::new(1.0 / (n_coils as f32).sqrt(), 0.0); n_coils];
            let value = dominant(&sum, &mut v, 100);
            deflate(&mut sum, &v, value);
            v
        })
        .collect()
}

/// Turns a coil vector so that its product with the reference combination is real and positive.
pub(crate) fn align_phase(vector: &mut [Complex32], reference: &[Complex32]) {
    let dot: Complex32 = reference
        .iter()
        .zip(vector.iter())
        .map(|(r, v)| r.conj() * v)
        .sum();
    let norm = dot.norm();
    if norm > 0.0 {
        let turn = dot.conj() / norm;
        for v in vector {
            *v *= turn;
        }
    }
}

/// Coil images from the calibration area alone, tapered against ringing, `[coil][y][x]`.
pub fn low_resolution_images(kspace: &KSpace, area: &CalibrationArea) -> Vec<Complex32> {
    let (n_y, n_x) = (kspace.n_y, kspace.n_x);
    let hann = |i: usize, range: &Range<usize>, n: usize| {
        if range.len() == n {
            return 1.0;
        }
        let half = range.len() as f32 / 2.0;
        let at = (i as f32 + 0.5 - range.start as f32 - half) / half;
        0.5 + 0.5 * (std::f32::consts::PI * at).cos()
    };
    let mut images = vec![Complex32::default(); kspace.samples.len()];
    for (out, coil) in images
        .chunks_mut(n_y * n_x)
        .zip(kspace.samples.chunks(n_y * n_x))
    {
        for y in area.y.clone() {
            for x in area.x.clone() {
                out[y * n_x + x] =
                    coil[y * n_x + x] * (hann(y, &area.y, n_y) * hann(x, &area.x, n_x));
            }
        }
    }
    ifft2(&mut images, n_y, n_x);
    images
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Largest deviation of `sum_c |S_c|^2` from one on the support, and from zero outside.
    pub fn normalisation_error(maps: &CoilMaps) -> f32 {
        let n = maps.n_y * maps.n_x;
        (0..n)
            .map(|p| {
                let sum: f32 = (0..maps.n_coils)
                    .map(|c| maps.maps[c * n + p].norm_sqr())
                    .sum();
                (sum - f32::from(u8::from(maps.support[p]))).abs()
            })
            .fold(0.0, f32::max)
    }

    #[test]
    fn walsh_finds_known_maps_up_to_a_common_phase() {
        let (n_y, n_x, n_coils) = (37, 41, 3);
        let n = n_y * n_x;
        let mut images = vec![Complex32::default(); n_coils * n];
        for p in 0..n {
            let (y, x) = ((p / n_x) as f32 / n_y as f32, (p % n_x) as f32 / n_x as f32);
            for c in 0..n_coils {
                let gain = 0.3 + (c as f32 * 0.3 + x - y).cos().powi(2);
                images[c * n + p] = Complex32::from_polar(gain, c as f32 + x * 0.7);
            }
        }
        let maps = walsh(&images, n_coils, n_y, n_x, 2);
        assert!(normalisation_error(&maps) < 1e-5);
        assert_eq!(maps.coverage(), 1.0);
        for p in 0..n {
            let rss = (0..n_coils)
                .map(|c| images[c * n + p].norm_sqr())
                .sum::<f32>()
                .sqrt();
            let fit: Complex32 = (0..n_coils)
                .map(|c| maps.maps[c * n + p].conj() * images[c * n + p])
                .sum();
            assert!(fit.norm() / rss > 0.999);
        }
    }

    #[test]
    fn air_is_outside_the_support() {
        let (n_y, n_x) = (20, 21);
        let mut images = vec![Complex32::default(); 2 * n_y * n_x];
        for coil in images.chunks_mut(n_y * n_x) {
            for row in coil.chunks_mut(n_x).skip(8).take(8) {
                row[8..16].fill(Complex32::new(1.0, 0.5));
            }
        }
        let maps = walsh(&images, 2, n_y, n_x, 1);
        assert!(maps.support[12 * n_x + 12]);
        assert!(!maps.support[2 * n_x + 2]);
        assert!(normalisation_error(&maps) < 1e-5);
    }
}
