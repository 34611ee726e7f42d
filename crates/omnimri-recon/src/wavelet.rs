//! Translation-invariant (undecimated) Daubechies wavelets of 2D complex images of any size, and shrinkage in them.
//!
//! The filters are dilated instead of the image decimated (Coifman and Donoho, *Translation-invariant de-noising*, 1995), so
//! that shrinkage is the average over all shifts of the shrinkage in the orthonormal basis: no blocks, no random shifts. With
//! periodic boundaries synthesis is the adjoint of analysis and its inverse, for every size.

use num_complex::Complex32;
use rayon::prelude::*;

/// Filters by the number of vanishing moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Haar: one vanishing moment, two taps.
    Haar,
    /// Daubechies, two vanishing moments, four taps.
    Daubechies2,
}

impl Family {
    /// Low-pass taps with the sum of squares 1/2, so that the undecimated transform is a Parseval frame.
    fn low(self) -> &'static [f32] {
        match self {
            Self::Haar => &[0.5, 0.5],
            Self::Daubechies2 => &[0.341_506_35, 0.591_506_35, 0.158_493_65, -0.091_506_35],
        }
    }
}

/// The transform of one image size.
#[derive(Debug, Clone)]
pub struct Wavelet {
    n_y: usize,
    n_x: usize,
    n_levels: usize,
    low: Vec<f32>,
    high: Vec<f32>,
}

/// Detail bands of one level: differences along x, along y and along both, `[n_y][n_x]` each.
type Details = [Vec<Complex32>; 3];

impl Wavelet {
    /// As many levels as the shorter axis allows, at most `max_levels`: the dilated filter must not wrap around it.
    pub fn new(n_y: usize, n_x: usize, family: Family, max_levels: usize) -> Self {
        let low = family.low();
        let n_levels = (0..max_levels)
            .take_while(|level| (low.len() - 1) << level < n_y.min(n_x))
            .count();
        let high = (0..low.len())
            .map(|i| {
                let tap = low[low.len() - 1 - i];
                if i % 2 == 0 { tap } else { -tap }
            })
            .collect();
        Self {
            n_y,
            n_x,
            n_levels,
            low: low.to_vec(),
            high,
        }
    }

    /// Number of levels.
    pub fn n_levels(&self) -> usize {
        self.n_levels
    }

    /// Soft-thresholds the magnitudes of all detail coefficients, in place. `threshold` is that of the orthonormal basis: the
    /// proximal step of `threshold * |W x|_1` averaged over all shifts.
    ///
    /// # Shapes
    /// - `image`: `[n_y][n_x]`
    ///
    /// # Panics
    /// If the image has another size than the transform.
    pub fn shrink(&self, image: &mut [Complex32], threshold: f32) {
        self.map_details(image, |level, band| {
            // White noise of variance 1 has variance 4^-(level + 1) in these coefficients.
            soft_threshold(band, threshold * 0.5f32.powi(level as i32 + 1));
        });
    }

    /// As [`Self::shrink`], real and imaginary parts by thresholds of their own.
    ///
    /// # Panics
    /// If the image has another size than the transform.
    pub fn shrink_parts(&self, image: &mut [Complex32], real: f32, imaginary: f32) {
        let shorten = |v: f32, t: f32| v - v.clamp(-t, t);
        self.map_details(image, |level, band| {
            let scale = 0.5f32.powi(level as i32 + 1);
            let (real, imaginary) = (real * scale, imaginary * scale);
            for v in band {
                *v = Complex32::new(shorten(v.re, real), shorten(v.im, imaginary));
            }
        });
    }

    /// Changes the detail bands by `change`, which is told the level (0 is the finest), in place.
    fn map_details(&self, image: &mut [Complex32], change: impl Fn(usize, &mut [Complex32])) {
        assert_eq!(image.len(), self.n_y * self.n_x, "image of another size");
        let mut rest = image.to_vec();
        let mut levels: Vec<Details> = Vec::with_capacity(self.n_levels);
        for level in 0..self.n_levels {
            let (low, mut details) = self.analyse(&rest, 1 << level);
            for band in &mut details {
                change(level, band);
            }
            levels.push(details);
            rest = low;
        }
        for (level, details) in levels.iter().enumerate().rev() {
            rest = self.synthesise(&rest, details, 1 << level);
        }
        image.copy_from_slice(&rest);
    }

    fn analyse(&self, image: &[Complex32], step: usize) -> (Vec<Complex32>, Details) {
        let n = image.len();
        let band = || vec![Complex32::default(); n];
        let (mut ll, mut lh, mut hl, mut hh) = (band(), band(), band(), band());
        let n_x = self.n_x;
        ll.par_chunks_mut(n_x)
            .zip(lh.par_chunks_mut(n_x))
            .zip(hl.par_chunks_mut(n_x).zip(hh.par_chunks_mut(n_x)))
            .enumerate()
            .for_each(|(y, ((ll, lh), (hl, hh)))| {
                let reach = (self.low.len() - 1) * step;
                for (taps, out_low, out_high) in [(&self.low, ll, lh), (&self.high, hl, hh)] {
                    let mut row = vec![Complex32::default(); n_x + reach];
                    for (k, &tap) in taps.iter().enumerate() {
                        let from = (y + k * step) % self.n_y * n_x;
                        add_scaled(&mut row[..n_x], &image[from..from + n_x], tap);
                    }
                    row.copy_within(..reach, n_x);
                    for (k, (&low, &high)) in self.low.iter().zip(&self.high).enumerate() {
                        let shifted = &row[k * step..k * step + n_x];
                        add_scaled(out_low, shifted, low);
                        add_scaled(out_high, shifted, high);
                    }
                }
            });
        (ll, [lh, hl, hh])
    }

    fn synthesise(&self, low: &[Complex32], details: &Details, step: usize) -> Vec<Complex32> {
        let (n_x, n_y) = (self.n_x, self.n_y);
        let reach = (self.low.len() - 1) * step;
        // Along x: the pairs (low, high) of the low and of the high rows become one row each.
        let mut rows = vec![Complex32::default(); 2 * low.len()];
        rows.par_chunks_mut(2 * n_x)
            .enumerate()
            .for_each(|(y, rows)| {
                let (of_low, of_high) = rows.split_at_mut(n_x);
                let line = y * n_x..(y + 1) * n_x;
                let pairs = [
                    (&low[line.clone()], &details[0][line.clone()], of_low),
                    (&details[1][line.clone()], &details[2][line], of_high),
                ];
                for (low, high, out) in pairs {
                    for (from, taps) in [(low, &self.low), (high, &self.high)] {
                        let mut row = vec![Complex32::default(); n_x + reach];
                        row[..reach].copy_from_slice(&from[n_x - reach..]);
                        row[reach..].copy_from_slice(from);
                        for (k, &tap) in taps.iter().enumerate() {
                            let start = reach - k * step;
                            add_scaled(out, &row[start..start + n_x], tap);
                        }
                    }
                }
            });
        let mut out = vec![Complex32::default(); low.len()];
        out.par_chunks_mut(n_x).enumerate().for_each(|(y, out)| {
            for (k, (&low, &high)) in self.low.iter().zip(&self.high).enumerate() {
                let from = (y + n_y - k * step % n_y) % n_y * 2 * n_x;
                add_scaled(out, &rows[from..from + n_x], low);
                add_scaled(out, &rows[from + n_x..from + 2 * n_x], high);
            }
        });
        out
    }
}

fn add_scaled(out: &mut [Complex32], from: &[Complex32], scale: f32) {
    for (out, v) in out.iter_mut().zip(from) {
        *out += v * scale;
    }
}

/// Shortens every complex number by `threshold`, to zero if it is shorter.
pub fn soft_threshold(values: &mut [Complex32], threshold: f32) {
    let square = threshold * threshold;
    for v in values {
        let energy = v.norm_sqr();
        // The branch-free form lets the compiler use vector registers.
        let scale = if energy > square {
            1.0 - threshold / energy.sqrt()
        } else {
            0.0
        };
        *v *= scale;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::tests::random_array;

    fn energy(v: &[Complex32]) -> f64 {
        v.iter().map(|v| f64::from(v.norm_sqr())).sum()
    }

    #[test]
    fn without_a_threshold_the_image_comes_back_for_every_size() {
        for family in [Family::Haar, Family::Daubechies2] {
            for (n_y, n_x) in [(16, 16), (13, 30), (31, 7), (1, 9), (100, 101)] {
                let wavelet = Wavelet::new(n_y, n_x, family, 4);
                let image = random_array(n_y * n_x, 3);
                let mut out = image.clone();
                wavelet.shrink(&mut out, 0.0);
                let worst = image
                    .iter()
                    .zip(&out)
                    .map(|(a, b)| (a - b).norm())
                    .fold(0.0, f32::max);
                assert!(worst < 1e-5, "{family:?} {n_y} x {n_x}: {worst}");
            }
        }
    }

    #[test]
    fn the_frame_is_parseval_and_scales_noise_as_stated() {
        let (n_y, n_x) = (48, 50);
        let image = random_array(n_y * n_x, 3);
        for family in [Family::Haar, Family::Daubechies2] {
            let wavelet = Wavelet::new(n_y, n_x, family, 1);
            let (low, details) = wavelet.analyse(&image, 1);
            let all: f64 = details.iter().map(|d| energy(d)).sum::<f64>() + energy(&low);
            assert!((all / energy(&image) - 1.0).abs() < 1e-5);
            for d in &details {
                assert!((energy(d) / energy(&image) - 0.25).abs() < 0.03);
            }
        }
    }

    #[test]
    fn shrinkage_takes_noise_off_a_piecewise_smooth_image() {
        let (n_y, n_x) = (60, 64);
        let clean: Vec<Complex32> = (0..n_y * n_x)
            .map(|i| {
                let inside = (i / n_x) > 20 && (i % n_x) > 30;
                Complex32::new(f32::from(u8::from(inside)), 0.3)
            })
            .collect();
        // Uniform noise of variance 0.2^2 / 3 a part.
        let mut noisy: Vec<Complex32> = clean
            .iter()
            .zip(random_array(n_y * n_x, 8))
            .map(|(c, n)| c + n * 0.2)
            .collect();
        let error = |x: &[Complex32]| {
            x.iter()
                .zip(&clean)
                .map(|(a, b)| (a - b).norm_sqr())
                .sum::<f32>()
        };
        let before = error(&noisy);
        Wavelet::new(n_y, n_x, Family::Daubechies2, 4).shrink(&mut noisy, 0.4);
        assert!(
            error(&noisy) < 0.3 * before,
            "{} of {before}",
            error(&noisy)
        );
    }
}
