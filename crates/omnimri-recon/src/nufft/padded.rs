//! Fourier transforms of zero-padded images that skip the zeros.
//!
//! The padded array is kept with its axes reversed, `[x][y][z]`: each axis is transformed as the fastest one, so that every axis
//! costs one transposition, and lines that hold only padding are never transformed.

use std::sync::Arc;

use num_complex::Complex32;
use omnimri_image::Zyx;
use rayon::prelude::*;
use rustfft::{Fft, FftDirection};

use crate::fft::plan;

/// Lines transposed together.
const BLOCK: usize = 16;

/// Transforms between an image and a larger grid about the same centre.
///
/// The pixel at `r` stands at `r - n / 2` (integer division), wrapped; grid frequencies count from zero, wrapped.
#[derive(Clone)]
pub(super) struct PaddedFft {
    /// Image matrix.
    pub small: Zyx<usize>,
    /// Grid matrix, at least as large.
    pub big: Zyx<usize>,
    /// x, y, z: both directions.
    axes: [[Arc<dyn Fft<f32>>; 2]; 3],
}

impl std::fmt::Debug for PaddedFft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PaddedFft {:?} in {:?}", self.small, self.big)
    }
}

/// A length from `least` on that transforms fast: even, no prime factor above 5; 1 stays 1.
pub(super) fn fast_length(least: usize) -> usize {
    if least <= 1 {
        return 1;
    }
    let smooth = |mut n: usize| {
        for p in [2, 3, 5] {
            while n.is_multiple_of(p) {
                n /= p;
            }
        }
        n == 1
    };
    (least.next_multiple_of(2)..)
        .step_by(2)
        .find(|&n| smooth(n))
        .unwrap_or(least)
}

impl PaddedFft {
    pub fn new(small: Zyx<usize>, big: Zyx<usize>) -> Self {
        let axis = |n| {
            [
                plan(n, FftDirection::Forward),
                plan(n, FftDirection::Inverse),
            ]
        };
        Self {
            small,
            big,
            axes: [axis(big.x), axis(big.y), axis(big.z)],
        }
    }

    /// Number of grid samples.
    pub fn grid_len(&self) -> usize {
        self.big.z * self.big.y * self.big.x
    }

    /// Number of pixels.
    pub fn image_len(&self) -> usize {
        self.small.z * self.small.y * self.small.x
    }

    /// The unscaled transform of the image `[z][y][x]`, `[x][y][z]`.
    pub fn forward(&self, image: &[Complex32]) -> Vec<Complex32> {
        let (s, b) = (self.small, self.big);
        let mut rows = vec![Complex32::default(); s.z * s.y * b.x];
        rows.par_chunks_mut(b.x)
            .with_min_len(BLOCK)
            .zip(image.par_chunks(s.x))
            .for_each(|(row, line)| {
                let half = s.x / 2;
                row[..s.x - half].copy_from_slice(&line[half..]);
                row[b.x - half..].copy_from_slice(&line[..half]);
            });
        lines(&mut rows, self.axes[0][0].as_ref());
        // [z][y][x] to [z][x][y]
        let mut planes = vec![Complex32::default(); s.z * b.x * b.y];
        planes
            .par_chunks_mut(b.x * b.y)
            .zip(rows.par_chunks(s.y * b.x))
            .for_each(|(out, plane)| {
                pad_transposed(plane, b.x, out, b.y, self.axes[1][0].as_ref());
            });
        if b.z == 1 {
            return planes;
        }
        let mut grid = vec![Complex32::default(); self.grid_len()];
        pad_transposed(&planes, b.x * b.y, &mut grid, b.z, self.axes[2][0].as_ref());
        grid
    }

    /// The adjoint of [`Self::forward`]: from `[x][y][z]` to `[z][y][x]`; the grid is used up.
    pub fn adjoint(&self, mut grid: Vec<Complex32>) -> Vec<Complex32> {
        let (s, b) = (self.small, self.big);
        let mut planes = if b.z == 1 {
            grid
        } else {
            let mut planes = vec![Complex32::default(); s.z * b.x * b.y];
            crop_transposed(
                &mut grid,
                b.z,
                &mut planes,
                b.x * b.y,
                self.axes[2][1].as_ref(),
            );
            drop(grid);
            planes
        };
        let mut rows = vec![Complex32::default(); s.z * s.y * b.x];
        planes
            .par_chunks_mut(b.x * b.y)
            .zip(rows.par_chunks_mut(s.y * b.x))
            .for_each(|(plane, out)| {
                crop_transposed(plane, b.y, out, b.x, self.axes[1][1].as_ref());
            });
        lines(&mut rows, self.axes[0][1].as_ref());
        let mut image = vec![Complex32::default(); self.image_len()];
        image
            .par_chunks_mut(s.x)
            .with_min_len(BLOCK)
            .zip(rows.par_chunks(b.x))
            .for_each(|(line, row)| {
                let half = s.x / 2;
                line[half..].copy_from_slice(&row[..s.x - half]);
                line[..half].copy_from_slice(&row[b.x - half..]);
            });
        image
    }
}

/// Transforms every line.
fn lines(data: &mut [Complex32], fft: &dyn Fft<f32>) {
    if fft.len() == 1 {
        return;
    }
    data.par_chunks_mut(BLOCK * fft.len()).for_each(|block| {
        let mut scratch = vec![Complex32::default(); fft.get_inplace_scratch_len()];
        fft.process_with_scratch(block, &mut scratch);
    });
}

/// `[rows][columns]` to `[columns][n]`, rows wrapped about their centre, and every line of `n` transformed.
fn pad_transposed(
    data: &[Complex32],
    columns: usize,
    out: &mut [Complex32],
    n: usize,
    fft: &dyn Fft<f32>,
) {
    let rows = data.len() / columns;
    let half = rows / 2;
    out.par_chunks_mut(BLOCK * n)
        .enumerate()
        .for_each(|(block, out)| {
            let first = block * BLOCK;
            let width = out.len() / n;
            for (r, row) in data.chunks(columns).enumerate() {
                let to = if r >= half { r - half } else { n + r - half };
                for (j, v) in row[first..first + width].iter().enumerate() {
                    out[j * n + to] = *v;
                }
            }
            let mut scratch = vec![Complex32::default(); fft.get_inplace_scratch_len()];
            fft.process_with_scratch(out, &mut scratch);
        });
}

/// The way back: every line of `n` transformed, `[columns][n]` to `[rows][columns]`.
fn crop_transposed(
    data: &mut [Complex32],
    n: usize,
    out: &mut [Complex32],
    columns: usize,
    fft: &dyn Fft<f32>,
) {
    lines(data, fft);
    let rows = out.len() / columns;
    let half = rows / 2;
    out.par_chunks_mut(BLOCK * columns)
        .enumerate()
        .for_each(|(block, out)| {
            let first = block * BLOCK;
            let height = out.len() / columns;
            let mut from = [0; BLOCK];
            for (i, f) in from.iter_mut().enumerate().take(height) {
                let r = first + i;
                *f = if r >= half { r - half } else { n + r - half };
            }
            for (c, line) in data.chunks(n).enumerate() {
                for (i, f) in from[..height].iter().enumerate() {
                    out[i * columns + c] = line[*f];
                }
            }
        });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fast_lengths_are_even_and_smooth() {
        assert_eq!(
            [1, 2, 7, 31, 202, 256].map(fast_length),
            [1, 2, 8, 32, 216, 256]
        );
    }
}
