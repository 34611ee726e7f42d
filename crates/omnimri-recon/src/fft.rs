//! Centred orthonormal Fourier transforms of any size on plain arrays.
//!
//! The convention of the whole project, stated here once: along an axis of length `n` the zero frequency and the image
//! centre both lie at index `n / 2` (integer division), for even and odd `n`. The forward transform is
//! `kspace = fftshift(fft(ifftshift(image)))` with the factor `1 / sqrt(n)` an axis, so that it is unitary and its
//! inverse is its adjoint.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use num_complex::Complex32;
use rayon::prelude::*;
use rustfft::{Fft, FftPlanner};

/// Columns transformed together: one cache line holds eight complex numbers, two lines hide the stride.
pub(crate) const COLUMN_BLOCK: usize = 16;

/// Plans are immutable and shared by everybody; the planner keeps those made before.
static PLANNER: LazyLock<Mutex<FftPlanner<f32>>> = LazyLock::new(|| Mutex::new(FftPlanner::new()));

pub(crate) fn plan(n: usize, direction: rustfft::FftDirection) -> Arc<dyn Fft<f32>> {
    PLANNER
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .plan_fft(n, direction)
}

/// Which way a transform goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Image to k-space.
    Forward,
    /// K-space to image.
    Inverse,
}

/// Transforms of one line length, both ways.
struct Axis {
    n: usize,
    forward: Arc<dyn Fft<f32>>,
    inverse: Arc<dyn Fft<f32>>,
}

impl Axis {
    fn new(n: usize) -> Self {
        Self {
            n,
            forward: plan(n, rustfft::FftDirection::Forward),
            inverse: plan(n, rustfft::FftDirection::Inverse),
        }
    }

    fn fft(&self, inverse: bool) -> &dyn Fft<f32> {
        if inverse {
            self.inverse.as_ref()
        } else {
            self.forward.as_ref()
        }
    }
}

/// Centred orthonormal transform over the last axes of an array in C order, one to three of them.
///
/// Leading axes are a batch: an array of `[coil][y][x]` is transformed coil by coil by `CentredFft::new(&[n_y, n_x])`.
pub struct CentredFft {
    axes: Vec<Axis>,
    count: usize,
}

impl std::fmt::Debug for CentredFft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("CentredFft").field(&self.shape()).finish()
    }
}

impl CentredFft {
    /// A transform over axes of these lengths, slowest first.
    ///
    /// # Panics
    /// If an axis has length zero.
    pub fn new(shape: &[usize]) -> Self {
        assert!(
            shape.iter().all(|&n| n > 0),
            "an axis to transform has no samples: {shape:?}"
        );
        Self {
            axes: shape.iter().map(|&n| Axis::new(n)).collect(),
            count: shape.iter().product(),
        }
    }

    /// Lengths of the transformed axes, slowest first.
    pub fn shape(&self) -> Vec<usize> {
        self.axes.iter().map(|a| a.n).collect()
    }

    /// Image to k-space, in place.
    ///
    /// # Shapes
    /// - `data`: `[batch...][axes...]`
    pub fn forward(&self, data: &mut [Complex32]) {
        for axis in 0..self.axes.len() {
            self.transform_axis(data, axis, false);
        }
    }

    /// K-space to image, in place; the adjoint of [`Self::forward`].
    ///
    /// # Shapes
    /// - `data`: `[batch...][axes...]`
    pub fn inverse(&self, data: &mut [Complex32]) {
        for axis in 0..self.axes.len() {
            self.transform_axis(data, axis, true);
        }
    }

    /// Image to k-space along one of the axes only, in place.
    pub fn forward_axis(&self, data: &mut [Complex32], axis: usize) {
        self.transform_axis(data, axis, false);
    }

    /// K-space to image along one of the axes only, in place.
    pub fn inverse_axis(&self, data: &mut [Complex32], axis: usize) {
        self.transform_axis(data, axis, true);
    }

    /// Transforms lines `[line][n]` of one of the axes, which lie behind one another.
    pub(crate) fn transform_lines(&self, lines: &mut [Complex32], axis: usize, to: Direction) {
        let fft = self.axes[axis].fft(to == Direction::Inverse);
        if fft.len() > 1 {
            centred_lines(lines, fft);
        }
    }

    fn transform_axis(&self, data: &mut [Complex32], axis: usize, inverse: bool) {
        assert!(
            data.len().is_multiple_of(self.count),
            "array does not fit {:?}",
            self.shape()
        );
        let n = self.axes[axis].n;
        if n == 1 || data.is_empty() {
            return;
        }
        let inner: usize = self.axes[axis + 1..].iter().map(|a| a.n).product();
        let fft = self.axes[axis].fft(inverse);
        if inner == 1 {
            // About 16 ki samples a task: enough work to be worth handing out.
            let lines = (16_384 / n).max(1);
            data.par_chunks_mut(lines * n)
                .for_each(|chunk| centred_lines(chunk, fft));
        } else if data.len() / (n * inner) >= rayon::current_num_threads() {
            data.par_chunks_mut(n * inner)
                .for_each(|chunk| columns_in_place(chunk, inner, fft));
        } else {
            for chunk in data.chunks_mut(n * inner) {
                columns_in_parallel(chunk, inner, fft);
            }
        }
    }
}

/// Centred transform of every line of length `fft.len()`, scaled to be unitary.
fn centred_lines(lines: &mut [Complex32], fft: &dyn Fft<f32>) {
    let n = fft.len();
    for line in lines.chunks_mut(n) {
        line.rotate_left(n / 2);
    }
    let mut scratch = vec![Complex32::default(); fft.get_inplace_scratch_len()];
    fft.process_with_scratch(lines, &mut scratch);
    let scale = 1.0 / (n as f32).sqrt();
    for line in lines.chunks_mut(n) {
        line.rotate_right(n / 2);
        for v in line {
            *v *= scale;
        }
    }
}

/// Copies columns `first..first + width` of `[n][inner]` into `block` `[width][n]`.
pub(crate) fn gather(
    data: &[Complex32],
    inner: usize,
    first: usize,
    block: &mut [Complex32],
    n: usize,
) {
    for (i, row) in data.chunks(inner).enumerate() {
        for (j, v) in row[first..].iter().take(block.len() / n).enumerate() {
            block[j * n + i] = *v;
        }
    }
}

fn columns_in_place(data: &mut [Complex32], inner: usize, fft: &dyn Fft<f32>) {
    let n = fft.len();
    let mut block = vec![Complex32::default(); COLUMN_BLOCK.min(inner) * n];
    for first in (0..inner).step_by(COLUMN_BLOCK) {
        let width = COLUMN_BLOCK.min(inner - first);
        let block = &mut block[..width * n];
        gather(data, inner, first, block, n);
        centred_lines(block, fft);
        for (i, row) in data.chunks_mut(inner).enumerate() {
            for (j, v) in row[first..first + width].iter_mut().enumerate() {
                *v = block[j * n + i];
            }
        }
    }
}

fn columns_in_parallel(data: &mut [Complex32], inner: usize, fft: &dyn Fft<f32>) {
    let n = fft.len();
    let source = &*data;
    let blocks: Vec<Vec<Complex32>> = (0..inner.div_ceil(COLUMN_BLOCK))
        .into_par_iter()
        .map(|b| {
            let width = COLUMN_BLOCK.min(inner - b * COLUMN_BLOCK);
            let mut block = vec![Complex32::default(); width * n];
            gather(source, inner, b * COLUMN_BLOCK, &mut block, n);
            centred_lines(&mut block, fft);
            block
        })
        .collect();
    scatter(&blocks, data, inner, n);
}

/// Copies blocks of [`COLUMN_BLOCK`] columns, `[width][n]` each, back into `[n][inner]`.
pub(crate) fn scatter(blocks: &[Vec<Complex32>], data: &mut [Complex32], inner: usize, n: usize) {
    data.par_chunks_mut(inner)
        .with_min_len(32)
        .enumerate()
        .for_each(|(i, row)| {
            for (v, block) in row.chunks_mut(COLUMN_BLOCK).zip(blocks) {
                for (j, v) in v.iter_mut().enumerate() {
                    *v = block[j * n + i];
                }
            }
        });
}

/// Image to k-space over the last two axes, `[batch...][n_y][n_x]`.
pub fn fft2(data: &mut [Complex32], n_y: usize, n_x: usize) {
    CentredFft::new(&[n_y, n_x]).forward(data);
}

/// K-space to image over the last two axes, `[batch...][n_y][n_x]`.
pub fn ifft2(data: &mut [Complex32], n_y: usize, n_x: usize) {
    CentredFft::new(&[n_y, n_x]).inverse(data);
}

#[cfg(test)]
mod tests {
    use num_complex::Complex64;

    use super::*;
    use crate::operator::tests::{assert_adjoint, random_array};

    /// The sum as the convention defines it, in double precision.
    fn naive(line: &[Complex32], inverse: bool) -> Vec<Complex32> {
        let n = line.len();
        let sign = if inverse { 1.0 } else { -1.0 };
        let centre = (n / 2) as i64;
        (0..n)
            .map(|k| {
                let sum: Complex64 = (0..n)
                    .map(|x| {
                        let turns =
                            ((k as i64 - centre) * (x as i64 - centre)).rem_euclid(n as i64);
                        let angle = sign * std::f64::consts::TAU * turns as f64 / n as f64;
                        Complex64::new(line[x].re.into(), line[x].im.into())
                            * Complex64::from_polar(1.0, angle)
                    })
                    .sum();
                let v = sum / (n as f64).sqrt();
                Complex32::new(v.re as f32, v.im as f32)
            })
            .collect()
    }

    fn distance(a: &[Complex32], b: &[Complex32]) -> f32 {
        a.iter()
            .zip(b)
            .map(|(a, b)| (a - b).norm())
            .fold(0.0, f32::max)
    }

    #[test]
    fn one_axis_equals_the_naive_sum() {
        for n in [1, 2, 3, 7, 8, 13, 16, 320, 321] {
            let line = random_array(n, n as u64);
            let fft = CentredFft::new(&[n]);
            let mut out = line.clone();
            fft.forward(&mut out);
            assert!(
                distance(&out, &naive(&line, false)) < 1e-5,
                "forward, n = {n}"
            );
            let mut out = line.clone();
            fft.inverse(&mut out);
            assert!(
                distance(&out, &naive(&line, true)) < 1e-5,
                "inverse, n = {n}"
            );
        }
    }

    /// Every axis by the naive sum, for any number of axes.
    fn naive_nd(data: &[Complex32], shape: &[usize]) -> Vec<Complex32> {
        let mut out = data.to_vec();
        for axis in 0..shape.len() {
            let inner: usize = shape[axis + 1..].iter().product();
            let n = shape[axis];
            for start in 0..out.len() / n {
                let (outer, j) = (start / inner, start % inner);
                let at = |i: usize| (outer * n + i) * inner + j;
                let line: Vec<_> = (0..n).map(|i| out[at(i)]).collect();
                for (i, v) in naive(&line, false).into_iter().enumerate() {
                    out[at(i)] = v;
                }
            }
        }
        out
    }

    #[test]
    fn two_and_three_axes_with_a_batch_equal_the_naive_sum() {
        for shape in [
            vec![7, 13],
            vec![16, 33],
            vec![1, 5],
            vec![3, 8, 7],
            vec![5, 1, 18],
        ] {
            for batch in [1, 5] {
                let data = random_array(batch * shape.iter().product::<usize>(), 3);
                let mut out = data.clone();
                CentredFft::new(&shape).forward(&mut out);
                assert!(
                    distance(&out, &naive_nd(&data, &shape)) < 1e-5,
                    "{shape:?} x {batch}"
                );
            }
        }
    }

    #[test]
    fn unitary_and_inverse_is_the_adjoint() {
        for shape in [vec![13], vec![14, 17], vec![100, 101], vec![6, 7, 9]] {
            let fft = CentredFft::new(&shape);
            let n = shape.iter().product();
            let x = random_array(n, 1);
            let mut y = x.clone();
            fft.forward(&mut y);
            let energy = |v: &[Complex32]| v.iter().map(|c| f64::from(c.norm_sqr())).sum::<f64>();
            assert!((energy(&y) / energy(&x) - 1.0).abs() < 1e-5);
            fft.inverse(&mut y);
            assert!(distance(&x, &y) < 1e-5);
            assert_adjoint(&fft, 2);
        }
    }

    #[test]
    fn the_zero_frequency_lies_at_half_the_length() {
        let mut ones = vec![Complex32::new(1.0, 0.0); 7 * 10];
        fft2(&mut ones, 7, 10);
        let peak = ones.iter().position(|v| v.norm() > 1.0).unwrap();
        assert_eq!(peak, 3 * 10 + 5);
    }
}
