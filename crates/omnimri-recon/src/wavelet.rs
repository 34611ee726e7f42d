//! Translation-invariant (undecimated) Daubechies wavelets of complex images and volumes of any size, and shrinkage in them.
//!
//! The filters are dilated instead of the image decimated (Coifman and Donoho, *Translation-invariant de-noising*, 1995), so
//! that shrinkage is the average over all shifts of the shrinkage in the orthonormal basis: no blocks, no random shifts. With
//! periodic boundaries synthesis is the adjoint of analysis and its inverse, for every size.
//!
//! Synthesis is a sum over bands, so shrinkage never holds the bands: a level's details go row by row from analysis over the
//! threshold back to an image, with a few rows at hand, and the levels' images are then added from the coarsest on.

use num_complex::Complex32;
use omnimri_image::Zyx;
use rayon::prelude::*;

use crate::operator::LinearOperator;

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

/// The transform of one image size; in 3D along z too.
///
/// As an operator it takes an image `[z][y][x]` (2D: `[y][x]`) to its bands `[band][z][y][x]`: the details of every level from the
/// finest on, then what is left.
#[derive(Debug, Clone)]
pub struct Wavelet {
    size: Zyx<usize>,
    n_levels: usize,
    low: Vec<f32>,
    high: Vec<f32>,
}

/// A row of the bands of a plane, low and high along y and x: `[ll, lh, hl, hh]`; and room to work.
struct Rows {
    bands: [Vec<Complex32>; 4],
    work: Vec<Complex32>,
}

impl Wavelet {
    /// As many levels as the shorter axis allows, at most `max_levels`: the dilated filter must not wrap around it.
    pub fn new(n_y: usize, n_x: usize, family: Family, max_levels: usize) -> Self {
        Self::volume(Zyx::new(1, n_y, n_x), family, max_levels)
    }

    /// The transform of volumes; as [`Self::new`] for a single plane.
    pub fn volume(size: Zyx<usize>, family: Family, max_levels: usize) -> Self {
        let low = family.low();
        let shortest = match size.z {
            1 => size.y.min(size.x),
            z => z.min(size.y).min(size.x),
        };
        let n_levels = (0..max_levels)
            .take_while(|level| (low.len() - 1) << level < shortest)
            .count();
        let high = (0..low.len())
            .map(|i| {
                let tap = low[low.len() - 1 - i];
                if i % 2 == 0 { tap } else { -tap }
            })
            .collect();
        Self {
            size,
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
    /// - `image`: `[z][y][x]`
    ///
    /// # Panics
    /// If the image has another size than the transform.
    pub fn shrink(&self, image: &mut [Complex32], threshold: f32) {
        self.map_details(image, |scale, band| soft_threshold(band, threshold * scale));
    }

    /// As [`Self::shrink`], real and imaginary parts by thresholds of their own.
    ///
    /// # Panics
    /// If the image has another size than the transform.
    pub fn shrink_parts(&self, image: &mut [Complex32], real: f32, imaginary: f32) {
        let shorten = |v: f32, t: f32| v - v.clamp(-t, t);
        self.map_details(image, |scale, band| {
            let (real, imaginary) = (real * scale, imaginary * scale);
            for v in band {
                *v = Complex32::new(shorten(v.re, real), shorten(v.im, imaginary));
            }
        });
    }

    fn plane_len(&self) -> usize {
        self.size.y * self.size.x
    }

    fn len(&self) -> usize {
        self.size.z * self.plane_len()
    }

    /// Detail bands of a level.
    fn n_details(&self) -> usize {
        if self.size.z == 1 { 3 } else { 7 }
    }

    /// Deviation of a coefficient of this level (0 is the finest) for white noise of deviation one.
    fn scale(&self, level: usize) -> f32 {
        let axes = if self.size.z == 1 { 2.0 } else { 3.0 };
        0.5f32.powf(axes / 2.0 * (level + 1) as f32)
    }

    /// Changes rows of the detail bands by `change`, which is told the deviation of white noise in them, in place.
    fn map_details(&self, image: &mut [Complex32], change: impl Fn(f32, &mut [Complex32]) + Sync) {
        assert_eq!(image.len(), self.len(), "image of another size");
        if self.n_levels == 0 {
            return;
        }
        // `image` takes the details of the finest level; what a level has read takes those of the next one.
        let mut source = image.to_vec();
        let mut free = Vec::new();
        let mut details: Vec<Vec<Complex32>> = Vec::with_capacity(self.n_levels);
        for level in 0..self.n_levels {
            let mut low = vec![Complex32::default(); source.len()];
            let scale = self.scale(level);
            if level == 0 {
                self.shrink_level(1, &source, &mut low, image, |band| change(scale, band));
            } else {
                self.shrink_level(1 << level, &source, &mut low, &mut free, |band| {
                    change(scale, band);
                });
                details.push(free);
            }
            free = std::mem::replace(&mut source, low);
        }
        drop(free);
        let mut low = source;
        for level in (1..self.n_levels).rev() {
            if let Some(mut part) = details.pop() {
                self.add_low(1 << level, &low, &mut part);
                low = part;
            }
        }
        self.add_low(1, &low, image);
    }

    /// One level: what is left for the next one into `low`, the image of the changed details into `out`.
    fn shrink_level(
        &self,
        step: usize,
        image: &[Complex32],
        low: &mut [Complex32],
        out: &mut [Complex32],
        change: impl Fn(&mut [Complex32]) + Sync,
    ) {
        let n = self.plane_len();
        if self.size.z == 1 {
            self.details_of_plane(step, Some(low), out, |y, rows| {
                self.analyse_row(image, y, step, rows);
                rows.bands[1..].iter_mut().for_each(|band| change(band));
            });
            return;
        }
        out.fill(Complex32::default());
        let mut part = vec![Complex32::default(); n];
        for (z, low) in low.chunks_mut(n).enumerate() {
            let plane = self.along_z(image, z, step, &self.low);
            self.details_of_plane(step, Some(low), &mut part, |y, rows| {
                self.analyse_row(&plane, y, step, rows);
                rows.bands[1..].iter_mut().for_each(|band| change(band));
            });
            self.spread_along_z(&part, z, step, &self.low, out);
            let plane = self.along_z(image, z, step, &self.high);
            self.details_of_plane(step, None, &mut part, |y, rows| {
                self.analyse_row(&plane, y, step, rows);
                rows.bands.iter_mut().for_each(|band| change(band));
            });
            self.spread_along_z(&part, z, step, &self.high, out);
        }
    }

    /// A plane filtered along z.
    fn along_z(&self, image: &[Complex32], z: usize, step: usize, taps: &[f32]) -> Vec<Complex32> {
        let n = self.plane_len();
        let mut out = vec![Complex32::default(); n];
        for (k, &tap) in taps.iter().enumerate() {
            let from = (z + k * step) % self.size.z * n;
            add_scaled(&mut out, &image[from..from + n], tap);
        }
        out
    }

    /// The adjoint of [`Self::along_z`], added to `out`.
    fn spread_along_z(
        &self,
        plane: &[Complex32],
        z: usize,
        step: usize,
        taps: &[f32],
        out: &mut [Complex32],
    ) {
        let n = self.plane_len();
        for (k, &tap) in taps.iter().enumerate() {
            let to = (z + k * step) % self.size.z * n;
            add_scaled(&mut out[to..to + n], plane, tap);
        }
    }

    /// Row `y` of the bands of a plane.
    fn analyse_row(&self, plane: &[Complex32], y: usize, step: usize, rows: &mut Rows) {
        let n_x = self.size.x;
        let reach = (self.low.len() - 1) * step;
        let [ll, lh, hl, hh] = &mut rows.bands;
        for (taps, out_low, out_high) in [(&self.low, ll, lh), (&self.high, hl, hh)] {
            let row = &mut rows.work[..n_x + reach];
            row.fill(Complex32::default());
            for (k, &tap) in taps.iter().enumerate() {
                let from = (y + k * step) % self.size.y * n_x;
                add_scaled(&mut row[..n_x], &plane[from..from + n_x], tap);
            }
            row.copy_within(..reach, n_x);
            out_low.fill(Complex32::default());
            out_high.fill(Complex32::default());
            for (k, (&low, &high)) in self.low.iter().zip(&self.high).enumerate() {
                let shifted = &row[k * step..k * step + n_x];
                add_scaled(out_low, shifted, low);
                add_scaled(out_high, shifted, high);
            }
        }
    }

    /// Adds the adjoint of filtering a row along x to `out`.
    fn synthesise_row(
        &self,
        from: &[Complex32],
        taps: &[f32],
        step: usize,
        work: &mut [Complex32],
        out: &mut [Complex32],
    ) {
        let n_x = self.size.x;
        let reach = (taps.len() - 1) * step;
        let row = &mut work[..n_x + reach];
        row[..reach].copy_from_slice(&from[n_x - reach..]);
        row[reach..].copy_from_slice(from);
        for (k, &tap) in taps.iter().enumerate() {
            let start = reach - k * step;
            add_scaled(out, &row[start..start + n_x], tap);
        }
    }

    /// Strips of rows that threads take, and the rows before a strip that it needs too.
    fn strip(&self, step: usize) -> (usize, usize) {
        let rows = self.size.y.div_ceil(rayon::current_num_threads()).max(32);
        (rows, (self.low.len() - 1) * step)
    }

    /// The image of the detail bands of a plane, whose rows `bands_of` fills in. With `low` the `ll` band goes there, else it is a
    /// detail like the others.
    fn details_of_plane(
        &self,
        step: usize,
        low: Option<&mut [Complex32]>,
        out: &mut [Complex32],
        bands_of: impl Fn(usize, &mut Rows) + Sync,
    ) {
        let Zyx { y: n_y, x: n_x, .. } = self.size;
        let (strip, reach) = self.strip(step);
        let keeps_low = low.is_some();
        let low_strips: Vec<Option<&mut [Complex32]>> = match low {
            Some(low) => low.chunks_mut(strip * n_x).map(Some).collect(),
            None => (0..n_y.div_ceil(strip)).map(|_| None).collect(),
        };
        out.par_chunks_mut(strip * n_x)
            .zip(low_strips)
            .enumerate()
            .for_each(|(i, (out, mut low))| {
                let row = || vec![Complex32::default(); n_x];
                let mut rows = Rows {
                    bands: [row(), row(), row(), row()],
                    work: vec![Complex32::default(); n_x + reach],
                };
                // The last rows, done along x: what came from the low and from the high rows along y.
                let mut last = vec![[row(), row()]; reach + 1];
                let n_rows = out.len() / n_x;
                for at in 0..reach + n_rows {
                    let y = (i * strip + n_y - reach + at) % n_y;
                    bands_of(y, &mut rows);
                    let Rows { bands, work } = &mut rows;
                    let [ll, lh, hl, hh] = &*bands;
                    let own = at.checked_sub(reach);
                    if let (Some(own), Some(low)) = (own, &mut low) {
                        low[own * n_x..(own + 1) * n_x].copy_from_slice(ll);
                    }
                    let [of_low, of_high] = &mut last[at % (reach + 1)];
                    of_low.fill(Complex32::default());
                    of_high.fill(Complex32::default());
                    if !keeps_low {
                        self.synthesise_row(ll, &self.low, step, work, of_low);
                    }
                    self.synthesise_row(lh, &self.high, step, work, of_low);
                    self.synthesise_row(hl, &self.low, step, work, of_high);
                    self.synthesise_row(hh, &self.high, step, work, of_high);
                    let Some(own) = own else { continue };
                    let out = &mut out[own * n_x..(own + 1) * n_x];
                    out.fill(Complex32::default());
                    for (k, (&low, &high)) in self.low.iter().zip(&self.high).enumerate() {
                        let [of_low, of_high] = &last[(at - k * step) % (reach + 1)];
                        add_scaled(out, of_low, low);
                        add_scaled(out, of_high, high);
                    }
                }
            });
    }

    /// Adds the image of a level's low band to `out`.
    fn add_low(&self, step: usize, low: &[Complex32], out: &mut [Complex32]) {
        if self.size.z == 1 {
            return self.add_low_plane(step, low, out, 1.0);
        }
        let n = self.plane_len();
        for (z, low) in low.chunks(n).enumerate() {
            for (k, &tap) in self.low.iter().enumerate() {
                let to = (z + k * step) % self.size.z * n;
                self.add_low_plane(step, low, &mut out[to..to + n], tap);
            }
        }
    }

    fn add_low_plane(&self, step: usize, low: &[Complex32], out: &mut [Complex32], scale: f32) {
        let Zyx { y: n_y, x: n_x, .. } = self.size;
        let (strip, reach) = self.strip(step);
        out.par_chunks_mut(strip * n_x)
            .enumerate()
            .for_each(|(i, out)| {
                let mut work = vec![Complex32::default(); n_x + reach];
                let mut last = vec![vec![Complex32::default(); n_x]; reach + 1];
                for at in 0..reach + out.len() / n_x {
                    let y = (i * strip + n_y - reach + at) % n_y;
                    let row = &mut last[at % (reach + 1)];
                    row.fill(Complex32::default());
                    let from = &low[y * n_x..(y + 1) * n_x];
                    self.synthesise_row(from, &self.low, step, &mut work, row);
                    let Some(own) = at.checked_sub(reach) else {
                        continue;
                    };
                    let out = &mut out[own * n_x..(own + 1) * n_x];
                    for (k, &tap) in self.low.iter().enumerate() {
                        add_scaled(out, &last[(at - k * step) % (reach + 1)], tap * scale);
                    }
                }
            });
    }
}

impl LinearOperator for Wavelet {
    fn domain(&self) -> Vec<usize> {
        match self.size {
            Zyx { z: 1, y, x } => vec![y, x],
            Zyx { z, y, x } => vec![z, y, x],
        }
    }

    fn range(&self) -> Vec<usize> {
        let mut shape = vec![self.n_levels * self.n_details() + 1];
        shape.extend(self.domain());
        shape
    }

    fn forward(&self, u: &[Complex32]) -> Vec<Complex32> {
        let (n, n_plane, n_x) = (self.len(), self.plane_len(), self.size.x);
        let mut out = Vec::with_capacity((self.n_levels * self.n_details() + 1) * n);
        let mut rest = u.to_vec();
        for level in 0..self.n_levels {
            let step = 1 << level;
            // The low band first, then the details.
            let mut bands = vec![vec![Complex32::default(); n]; 1 + self.n_details()];
            let mut rows = Rows {
                bands: [(); 4].map(|()| vec![Complex32::default(); n_x]),
                work: vec![Complex32::default(); n_x + (self.low.len() - 1) * step],
            };
            let filters = match self.size.z {
                1 => vec![None],
                _ => vec![Some(&self.low), Some(&self.high)],
            };
            for z in 0..self.size.z {
                for (of_filter, taps) in bands.chunks_mut(4).zip(&filters) {
                    let plane = match taps {
                        Some(taps) => self.along_z(&rest, z, step, taps),
                        None => rest.clone(),
                    };
                    for y in 0..self.size.y {
                        self.analyse_row(&plane, y, step, &mut rows);
                        let at = z * n_plane + y * n_x;
                        for (band, row) in of_filter.iter_mut().zip(&rows.bands) {
                            band[at..at + n_x].copy_from_slice(row);
                        }
                    }
                }
            }
            for band in bands.drain(1..) {
                out.extend(band);
            }
            rest = bands.swap_remove(0);
        }
        out.extend(rest);
        out
    }

    fn adjoint(&self, v: &[Complex32]) -> Vec<Complex32> {
        let (n, n_plane, n_x) = (self.len(), self.plane_len(), self.size.x);
        let of_level = self.n_details() * n;
        let mut rest = v[self.n_levels * of_level..].to_vec();
        for level in (0..self.n_levels).rev() {
            let step = 1 << level;
            let bands = &v[level * of_level..(level + 1) * of_level];
            let mut out = vec![Complex32::default(); n];
            self.add_low(step, &rest, &mut out);
            let mut part = vec![Complex32::default(); n_plane];
            for z in 0..self.size.z {
                let row = |band: usize, y: usize| {
                    let at = band * n + z * n_plane + y * n_x;
                    &bands[at..at + n_x]
                };
                // The first three bands belong to the low planes along z.
                let mut unused = vec![Complex32::default(); n_plane];
                self.details_of_plane(step, Some(&mut unused), &mut part, |y, rows| {
                    for (i, band) in rows.bands[1..].iter_mut().enumerate() {
                        band.copy_from_slice(row(i, y));
                    }
                });
                if self.size.z == 1 {
                    add_scaled(&mut out, &part, 1.0);
                    continue;
                }
                self.spread_along_z(&part, z, step, &self.low, &mut out);
                self.details_of_plane(step, None, &mut part, |y, rows| {
                    for (i, band) in rows.bands.iter_mut().enumerate() {
                        band.copy_from_slice(row(3 + i, y));
                    }
                });
                self.spread_along_z(&part, z, step, &self.high, &mut out);
            }
            rest = out;
        }
        rest
    }

    /// The transform is a Parseval frame.
    fn normal(&self, u: &[Complex32]) -> Vec<Complex32> {
        u.to_vec()
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
mod tests;
