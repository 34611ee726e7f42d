//! 3x3 convolution, channels last, on plain arrays: tiles of gathered neighbourhoods times a weight matrix.
//!
//! A tile of a few rows is gathered into `[pixels, 9c]` so that it stays in the second-level cache, then one matrix product
//! does the work (im2col; Chellapilla et al. 2006). Images run in parallel; weight gradients are summed image by image in
//! order, so the result does not depend on the number of threads.

use gemm::{Parallelism, gemm};
use rayon::prelude::*;

/// Sizes of a convolution: `b` images of `h` x `w` pixels, `c` channels in, `o` channels out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ConvShape {
    pub b: usize,
    pub h: usize,
    pub w: usize,
    pub c: usize,
    pub o: usize,
}

/// Values a gathered tile may hold: 512 KiB of `f32`, half of a common second-level cache.
const TILE_VALUES: usize = 128 * 1024;

impl ConvShape {
    fn rows_a_tile(&self) -> usize {
        (TILE_VALUES / (self.w * 9 * self.c)).clamp(1, self.h)
    }

    /// The same convolution seen from its output: channels exchanged.
    fn transposed(self) -> Self {
        Self {
            c: self.o,
            o: self.c,
            ..self
        }
    }
}

/// Gathers rows `y0..y1` of `image` (`[h, w, c]`) into `tile` (`[(y1 - y0) * w, 9c]`), zero outside the image.
fn gather(image: &[f32], s: ConvShape, y0: usize, y1: usize, tile: &mut [f32]) {
    let ConvShape { h, w, c, .. } = s;
    for y in y0..y1 {
        for dy in 0..3 {
            let inside = (y + dy).checked_sub(1).filter(|&sy| sy < h);
            for x in 0..w {
                let at = (((y - y0) * w + x) * 9 + dy * 3) * c;
                let out = &mut tile[at..at + 3 * c];
                let Some(sy) = inside else {
                    out.fill(0.0);
                    continue;
                };
                let row = &image[sy * w * c..(sy + 1) * w * c];
                if x > 0 && x + 1 < w {
                    out.copy_from_slice(&row[(x - 1) * c..(x + 2) * c]);
                } else {
                    for dx in 0..3 {
                        let cell = &mut out[dx * c..(dx + 1) * c];
                        match (x + dx).checked_sub(1).filter(|&sx| sx < w) {
                            Some(sx) => cell.copy_from_slice(&row[sx * c..(sx + 1) * c]),
                            None => cell.fill(0.0),
                        }
                    }
                }
            }
        }
    }
}

/// `dst[m, n] (+)= lhs[m, k] * rhs[k, n]` for row-major `rhs` and `dst`; `lhs` is given by its row and column strides.
fn product(
    (m, n, k): (usize, usize, usize),
    dst: &mut [f32],
    accumulate: bool,
    lhs: &[f32],
    (lhs_row, lhs_col): (usize, usize),
    rhs: &[f32],
) {
    assert!(dst.len() >= m * n && rhs.len() >= k * n);
    assert!(lhs.len() > (m - 1) * lhs_row + (k - 1) * lhs_col);
    // SAFETY: the three asserts above keep every access of the strided product inside the slices.
    #[expect(unsafe_code, reason = "the gemm crate takes raw pointers")]
    unsafe {
        gemm(
            m,
            n,
            k,
            dst.as_mut_ptr(),
            1,
            n as isize,
            accumulate,
            lhs.as_ptr(),
            lhs_col as isize,
            lhs_row as isize,
            rhs.as_ptr(),
            1,
            n as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

/// `y[b, h, w, o]` from `x[b, h, w, c]` and `weight[9c, o]`, zero padding, stride 1.
pub(super) fn forward(x: &[f32], weight: &[f32], s: ConvShape) -> Vec<f32> {
    let mut y = vec![0.0; s.b * s.h * s.w * s.o];
    let rows = s.rows_a_tile();
    y.par_chunks_mut(s.h * s.w * s.o)
        .zip(x.par_chunks(s.h * s.w * s.c))
        .for_each(|(y, x)| {
            y.par_chunks_mut(rows * s.w * s.o)
                .enumerate()
                .for_each_init(
                    || vec![0.0; rows * s.w * 9 * s.c],
                    |tile, (t, y)| {
                        let (y0, m) = (t * rows, y.len() / s.o);
                        gather(x, s, y0, y0 + m / s.w, tile);
                        product((m, s.o, 9 * s.c), y, false, tile, (9 * s.c, 1), weight);
                    },
                );
        });
    y
}

/// Gradient with respect to `x`: the convolution of `grad_y` with the weights turned by half a turn.
pub(super) fn backward_input(grad_y: &[f32], weight: &[f32], s: ConvShape) -> Vec<f32> {
    let mut turned = vec![0.0; weight.len()];
    for tap in 0..9 {
        for i in 0..s.c {
            for j in 0..s.o {
                turned[((8 - tap) * s.o + j) * s.c + i] = weight[(tap * s.c + i) * s.o + j];
            }
        }
    }
    forward(grad_y, &turned, s.transposed())
}

/// Gradient with respect to `weight[9c, o]`.
pub(super) fn backward_weight(x: &[f32], grad_y: &[f32], s: ConvShape) -> Vec<f32> {
    let rows = s.rows_a_tile();
    let n = 9 * s.c * s.o;
    let parts: Vec<Vec<f32>> = x
        .par_chunks(s.h * s.w * s.c)
        .zip(grad_y.par_chunks(s.h * s.w * s.o))
        .map(|(x, gy)| {
            let mut sum = vec![0.0; n];
            let mut tile = vec![0.0; rows * s.w * 9 * s.c];
            for (t, gy) in gy.chunks(rows * s.w * s.o).enumerate() {
                let m = gy.len() / s.o;
                gather(x, s, t * rows, t * rows + m / s.w, &mut tile);
                // tile^T [9c, m] * gy [m, o]
                product((9 * s.c, s.o, m), &mut sum, t > 0, &tile, (1, 9 * s.c), gy);
            }
            sum
        })
        .collect();
    let mut total = vec![0.0; n];
    for part in parts {
        for (t, p) in total.iter_mut().zip(part) {
            *t += p;
        }
    }
    total
}
