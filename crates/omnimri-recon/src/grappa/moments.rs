//! Second moments of the calibration area, once for all kernels.

use std::ops::Range;

use num_complex::{Complex32, Complex64};
use omnimri_image::KSpace;
use rayon::prelude::*;

use crate::linalg::cholesky;
use crate::products::{Factor, multiply};

/// Parts of the energy spectrum that the calibration windows are weighted by: 0 would let the centre of k-space decide
/// everything, 1 would give the noise of the periphery as much say as the signal.
const WEIGHT_EXPONENT: f64 = 0.4;

/// Products of every pair of calibration rows, summed along the readout.
///
/// For rows `l` and `l + d` an entry `[(dx, coil)][(dx', coil')]` holds
/// `sum_x w(x) k_coil(l, x + dx) conj(k_coil'(l + d, x + dx'))`; kernels of any set of rows are assembled from these blocks.
pub(super) struct RowPairs {
    n_coils: usize,
    /// Samples of a window along the readout; odd.
    width: usize,
    n_rows: usize,
    /// `[difference][row]`, empty where no kernel asked for the difference.
    blocks: Vec<Vec<Vec<Complex32>>>,
    /// Weight of a window by the row of its target.
    row_weights: Vec<f64>,
    /// Sum of the readout weights.
    weight_sum: f64,
}

impl RowPairs {
    /// Moments of the rectangle `rows` x `columns` for the row differences `wanted[d]`.
    ///
    /// The rectangle must be at least `width` wide.
    pub fn new(
        kspace: &KSpace,
        rows: Range<usize>,
        columns: Range<usize>,
        width: usize,
        wanted: &[bool],
    ) -> Self {
        let n_coils = kspace.n_coils;
        let n_pixels = kspace.n_y * kspace.n_x;
        let n_x = columns.len() + 1 - width;
        let half = width / 2;
        let row_of = |coil: usize, l: usize| {
            &kspace.samples[coil * n_pixels + l * kspace.n_x..][columns.clone()]
        };
        let energy = |l: usize, x: usize| -> f64 {
            (0..n_coils)
                .map(|c| f64::from(row_of(c, l)[x].norm_sqr()))
                .sum()
        };
        let by_row: Vec<f64> = rows
            .clone()
            .map(|l| (0..columns.len()).map(|x| energy(l, x)).sum())
            .collect();
        let by_column: Vec<f64> = (0..columns.len())
            .map(|x| rows.clone().map(|l| energy(l, x)).sum())
            .collect();
        let column_weights = weights(&by_column);
        let row_weights = weights(&by_row);
        let w: Vec<f32> = column_weights[half..half + n_x]
            .iter()
            .map(|w| *w as f32)
            .collect();
        // Every row as [(dx, coil)][x].
        let windows: Vec<Vec<Complex32>> = rows
            .clone()
            .into_par_iter()
            .map(|l| {
                (0..width * n_coils)
                    .flat_map(|i| &row_of(i % n_coils, l)[i / n_coils..i / n_coils + n_x])
                    .copied()
                    .collect()
            })
            .collect();
        let weighted: Vec<Vec<Complex32>> = windows
            .par_iter()
            .map(|row| {
                let rows = row.chunks(n_x);
                rows.flat_map(|v| v.iter().zip(&w).map(|(v, w)| v * w))
                    .collect()
            })
            .collect();
        let n_rows = rows.len();
        let blocks = wanted
            .iter()
            .enumerate()
            .map(|(d, wanted)| {
                if !wanted || d >= n_rows {
                    return Vec::new();
                }
                (0..n_rows - d)
                    .into_par_iter()
                    .map(|l| outer(&weighted[l], &windows[l + d], n_x))
                    .collect()
            })
            .collect();
        Self {
            n_coils,
            width,
            n_rows,
            blocks,
            row_weights,
            weight_sum: w.iter().map(|w| f64::from(*w)).sum(),
        }
    }

    /// Covariance of windows over the rows at `offsets` (ascending) from the target row, which is offset 0 and among them.
    pub fn covariance(&self, offsets: &[isize]) -> Covariance {
        let block = self.width * self.n_coils;
        let n = offsets.len() * block;
        let (low, high) = (
            offsets.first().copied().unwrap_or(0).min(0),
            offsets.last().copied().unwrap_or(0).max(0),
        );
        let targets = low.unsigned_abs()..self.n_rows.saturating_sub(high.unsigned_abs());
        let mut matrix = vec![Complex64::default(); n * n];
        let mut weight = 0.0;
        for t in targets {
            let w = self.row_weights[t];
            weight += w * self.weight_sum;
            for (i, &a) in offsets.iter().enumerate() {
                for (j, &b) in offsets.iter().enumerate().skip(i) {
                    let pair = &self.blocks[(b - a).unsigned_abs()][t.wrapping_add_signed(a)];
                    for (p, row) in pair.chunks(block).enumerate() {
                        let start = (i * block + p) * n + j * block;
                        for (m, v) in matrix[start..start + block].iter_mut().zip(row) {
                            m.re += w * f64::from(v.re);
                            m.im += w * f64::from(v.im);
                        }
                    }
                }
            }
        }
        let scale = 1.0 / weight.max(f64::MIN_POSITIVE);
        for row in 0..n {
            for column in row..n {
                let v = matrix[row * n + column] * scale;
                matrix[row * n + column] = v;
                matrix[column * n + row] = v.conj();
            }
        }
        Covariance {
            matrix,
            n,
            width: self.width,
            n_coils: self.n_coils,
        }
    }
}

/// `energy^-exponent`, smoothed by the mean of neighbours so that a single strong sample does not hide itself.
fn weights(energy: &[f64]) -> Vec<f64> {
    let mean = energy.iter().sum::<f64>() / energy.len().max(1) as f64;
    let floor = 1e-6 * mean + f64::MIN_POSITIVE;
    (0..energy.len())
        .map(|i| {
            let near = &energy[i.saturating_sub(2)..(i + 3).min(energy.len())];
            let smooth = near.iter().sum::<f64>() / near.len() as f64;
            ((smooth + floor) / (mean + floor)).powf(-WEIGHT_EXPONENT)
        })
        .collect()
}

/// `a b^H` of two matrices of rows of length `n_x`.
fn outer(a: &[Complex32], b: &[Complex32], n_x: usize) -> Vec<Complex32> {
    let n = a.len() / n_x;
    let mut out = vec![Complex32::ZERO; n * n];
    let (a, b) = (Factor::plain(a, n_x), Factor::adjoint(b, n_x));
    multiply(&mut out, n, [n, n, n_x], false, Complex32::ONE, a, b);
    out
}

/// Covariance of all positions of a window, `[(row, dx, coil)]` squared.
pub(super) struct Covariance {
    matrix: Vec<Complex64>,
    n: usize,
    width: usize,
    n_coils: usize,
}

impl Covariance {
    fn index(&self, (row, dx): (usize, usize)) -> usize {
        (row * self.width + dx) * self.n_coils
    }

    /// Weights that predict all coils at `target` from all coils at `sources`, `[coil][source, coil]`.
    ///
    /// Positions are (index among the rows of the window, sample of the window along the readout). `noise` is the noise
    /// variance of a sample within the covariance, `noise_to_signal` that of the samples to predict in units of their
    /// signal energy. Weights of zero if the covariance cannot be factored.
    pub fn solve(
        &self,
        sources: &[(usize, usize)],
        target: (usize, usize),
        noise: f64,
        noise_to_signal: f64,
    ) -> Vec<Complex32> {
        let c = self.n_coils;
        let n = sources.len() * c;
        let mut a = Vec::with_capacity(n * n);
        let mut rhs = Vec::with_capacity(n * c);
        let target = self.index(target);
        for &s in sources {
            for coil in 0..c {
                let row = &self.matrix[(self.index(s) + coil) * self.n..][..self.n];
                for &other in sources {
                    a.extend_from_slice(&row[self.index(other)..][..c]);
                }
                rhs.extend_from_slice(&row[target..][..c]);
            }
        }
        let diagonal = (0..n).map(|i| a[i * n + i].re).sum::<f64>() / n.max(1) as f64;
        let signal = (diagonal - noise).max(0.05 * diagonal);
        // What the covariance already holds of noise need not be added; the floor bounds the condition number.
        let ridge = (noise_to_signal * signal - noise).max(1e-5 * diagonal);
        for i in 0..n {
            a[i * n + i] += ridge;
        }
        let Some(factor) = cholesky(&a, n) else {
            return vec![Complex32::default(); n * c];
        };
        factor.solve(&mut rhs, c);
        (0..c)
            .flat_map(|target| {
                let rhs = &rhs;
                (0..n).map(move |j| {
                    let v = rhs[j * c + target];
                    Complex32::new(v.re as f32, -v.im as f32)
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::tests::random_array;

    #[test]
    fn the_covariance_is_that_of_the_windows_themselves() {
        let (n_coils, n_y, n_x) = (2, 7, 19);
        let kspace = KSpace {
            samples: random_array(n_coils * n_y * n_x, 3),
            n_coils,
            n_y,
            n_x,
            mask: vec![true; n_y * n_x],
            warnings: vec![],
        };
        let pairs = RowPairs::new(&kspace, 1..7, 2..17, 3, &[true; 6]);
        let offsets = [-2, 0, 1];
        let found = pairs.covariance(&offsets);
        assert_eq!(found.n, 3 * 3 * n_coils);
        let energy = |l: usize, x: usize| {
            (0..n_coils)
                .map(|c| f64::from(kspace.samples[(c * n_y + l) * n_x + x].norm_sqr()))
                .sum::<f64>()
        };
        let by_row: Vec<f64> = (1..7)
            .map(|l| (2..17).map(|x| energy(l, x)).sum())
            .collect();
        let by_column: Vec<f64> = (2..17)
            .map(|x| (1..7).map(|l| energy(l, x)).sum())
            .collect();
        let (wr, wc) = (weights(&by_row), weights(&by_column));
        let (mut sum, mut total) = (vec![Complex64::default(); 18 * 18], 0.0);
        // Targets whose rows -2 and +1 lie within 1..7, and whose columns -1 and +1 lie within 2..17.
        for l in 3..6 {
            for x in 3..16 {
                let w = wr[l - 1] * wc[x - 2];
                total += w;
                let mut window = Vec::new();
                for o in offsets {
                    for dx in 0..3 {
                        for c in 0..n_coils {
                            let row = l.wrapping_add_signed(o);
                            let v = kspace.samples[(c * n_y + row) * n_x + x + dx - 1];
                            window.push(Complex64::new(v.re.into(), v.im.into()));
                        }
                    }
                }
                for i in 0..18 {
                    for j in 0..18 {
                        sum[i * 18 + j] += window[i] * window[j].conj() * w;
                    }
                }
            }
        }
        for (f, e) in found.matrix.iter().zip(&sum) {
            assert!((f - e / total).norm() < 1e-5, "{f} against {}", e / total);
        }
    }
}
