//! Small dense Hermitian algebra in double precision: Cholesky factor, eigenvalues and eigenvectors.

use std::ops::Range;

use num_complex::{Complex32, Complex64};
use rayon::prelude::*;

use crate::products::{Factor, multiply};

/// A lower triangular matrix, row by row in full storage.
#[derive(Debug, Clone)]
pub(crate) struct Lower {
    /// Rows and columns.
    pub n: usize,
    entries: Vec<Complex64>,
}

impl Lower {
    /// Entry in single precision.
    pub fn narrow(&self, row: usize, column: usize) -> Complex32 {
        let v = self.entries[row * self.n + column];
        Complex32::new(v.re as f32, v.im as f32)
    }

    /// The inverse; it is lower triangular too.
    pub fn inverse(&self) -> Self {
        let n = self.n;
        let mut out = vec![Complex64::default(); n * n];
        for column in 0..n {
            for row in column..n {
                let start = if row == column {
                    Complex64::ONE
                } else {
                    Complex64::ZERO
                };
                let sum: Complex64 = (column..row)
                    .map(|k| self.entries[row * n + k] * out[k * n + column])
                    .sum();
                out[row * n + column] = (start - sum) / self.entries[row * n + row];
            }
        }
        Self { n, entries: out }
    }

    /// Solves `L L^H x = b` in place for several right-hand sides, `[n][n_rhs]`.
    pub fn solve(&self, rhs: &mut [Complex64], n_rhs: usize) {
        let n = self.n;
        // What is known of the solution goes into a block of rows by a product, the block itself by substitution.
        for first in (0..n).step_by(BLOCK) {
            let rows = first..(first + BLOCK).min(n);
            let (done, rest) = rhs.split_at_mut(first * n_rhs);
            let sizes = [rows.len(), n_rhs, first];
            let (l, x) = (&self.entries[first * n..], Factor::plain(&*done, n_rhs));
            multiply(rest, n_rhs, sizes, true, MINUS, Factor::plain(l, n), x);
            for row in rows {
                let (done, rest) = rest.split_at_mut((row - first) * n_rhs);
                let own = &mut rest[..n_rhs];
                for (k, x) in done.chunks(n_rhs).enumerate() {
                    let l = self.entries[row * n + first + k];
                    for (v, x) in own.iter_mut().zip(x) {
                        *v -= l * x;
                    }
                }
                let pivot = self.entries[row * n + row].re;
                own.iter_mut().for_each(|v| *v /= pivot);
            }
        }
        for first in (0..n).step_by(BLOCK).rev() {
            let end = (first + BLOCK).min(n);
            let (before, done) = rhs.split_at_mut(end * n_rhs);
            let block = &mut before[first * n_rhs..];
            if end < n {
                let sizes = [end - first, n_rhs, n - end];
                let l = Factor::adjoint(&self.entries[end * n + first..], n);
                multiply(
                    block,
                    n_rhs,
                    sizes,
                    true,
                    MINUS,
                    l,
                    Factor::plain(&*done, n_rhs),
                );
            }
            for row in (first..end).rev() {
                let (before, rest) = block.split_at_mut((row - first) * n_rhs);
                let own = &mut rest[..n_rhs];
                let pivot = self.entries[row * n + row].re;
                own.iter_mut().for_each(|v| *v /= pivot);
                for (k, x) in before.chunks_mut(n_rhs).enumerate() {
                    let l = self.entries[row * n + first + k].conj();
                    for (x, v) in x.iter_mut().zip(own.iter()) {
                        *x -= l * v;
                    }
                }
            }
        }
    }
}

/// Rows of a diagonal block that is factored or solved value by value.
const BLOCK: usize = 32;
/// Columns of a triangle that is solved value by value.
const TRIANGLE: usize = 8;
/// Columns updated by one product.
const COLUMNS: usize = 64;
const MINUS: Complex64 = Complex64::new(-1.0, 0.0);

/// `sum a conj(b)` as four independent sums, so that additions need not wait for each other.
fn dot_conj(a: &[Complex64], b: &[Complex64]) -> Complex64 {
    let mut sums = [Complex64::ZERO; 4];
    let (a4, b4) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest = a4.remainder().iter().zip(b4.remainder());
    let rest: Complex64 = rest.map(|(a, b)| a * b.conj()).sum();
    for (a, b) in a4.zip(b4) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b.conj();
        }
    }
    sums.iter().sum::<Complex64>() + rest
}

/// `L` with `A = L L^H` for a Hermitian positive definite `[n][n]`, else `None`.
pub(crate) fn cholesky(a: &[Complex64], n: usize) -> Option<Lower> {
    let mut l = a[..n * n].to_vec();
    let floor = 1e-12 * (0..n).map(|i| a[i * n + i].re).fold(0.0, f64::max);
    factor(&mut l, n, 0..n, floor)?;
    for (row, entries) in l.chunks_mut(n).enumerate() {
        entries[row + 1..].fill(Complex64::ZERO);
    }
    Some(Lower { n, entries: l })
}

/// Factors the diagonal block of `range` in place, lower triangle only: by halves, so that nearly all work is in products (Golub and Van
/// Loan, Matrix Computations, section 4.2).
fn factor(l: &mut [Complex64], n: usize, range: Range<usize>, floor: f64) -> Option<()> {
    let Range { start, end } = range;
    if range.len() <= BLOCK {
        for row in range {
            for column in start..=row {
                let dot = dot_conj(
                    &l[row * n..][start..column],
                    &l[column * n..][start..column],
                );
                let rest = l[row * n + column] - dot;
                l[row * n + column] = if row == column {
                    if rest.re.is_nan() || rest.re <= floor {
                        return None;
                    }
                    Complex64::new(rest.re.sqrt(), 0.0)
                } else {
                    rest / l[column * n + column]
                };
            }
        }
        return Some(());
    }
    let middle = start + (range.len() / 2).next_multiple_of(BLOCK);
    factor(l, n, start..middle, floor)?;
    solve_rows(l, n, middle..end, start..middle);
    let (width, below) = (middle - start, copied(l, n, middle..end, start..middle));
    for first in (middle..end).step_by(COLUMNS) {
        let sizes = [end - first, COLUMNS.min(end - first), width];
        let of_rows = &below[(first - middle) * width..];
        multiply(
            &mut l[first * n + first..],
            n,
            sizes,
            true,
            MINUS,
            Factor::plain(of_rows, width),
            Factor::adjoint(of_rows, width),
        );
    }
    factor(l, n, middle..end, floor)
}

/// `B <- B T^-H` of the block `B` of `rows` and `columns`, with `T` the lower triangle of `columns`.
fn solve_rows(l: &mut [Complex64], n: usize, rows: Range<usize>, columns: Range<usize>) {
    let Range { start, end } = columns;
    if columns.len() <= TRIANGLE {
        for row in rows {
            for column in start..end {
                let dot = dot_conj(
                    &l[row * n..][start..column],
                    &l[column * n..][start..column],
                );
                l[row * n + column] = (l[row * n + column] - dot) / l[column * n + column].re;
            }
        }
        return;
    }
    let middle = start + (columns.len() / 2).next_multiple_of(TRIANGLE);
    solve_rows(l, n, rows.clone(), start..middle);
    let width = middle - start;
    let left = copied(l, n, rows.clone(), start..middle);
    let triangle = copied(l, n, middle..end, start..middle);
    multiply(
        &mut l[rows.start * n + middle..],
        n,
        [rows.len(), end - middle, width],
        true,
        MINUS,
        Factor::plain(&left, width),
        Factor::adjoint(&triangle, width),
    );
    solve_rows(l, n, rows, middle..end);
}

/// A block of a matrix, its rows behind one another.
fn copied(l: &[Complex64], n: usize, rows: Range<usize>, columns: Range<usize>) -> Vec<Complex64> {
    rows.flat_map(|row| l[row * n..][columns.clone()].iter().copied())
        .collect()
}

/// Eigenvalues of a Hermitian matrix, largest first, and the eigenvectors that `keep` asks for.
pub(crate) struct Eigen {
    /// All eigenvalues, largest first; outside tests only `keep` looks at them.
    #[cfg(test)]
    pub values: Vec<f64>,
    /// Unit eigenvectors of the first values, a row each.
    pub vectors: Vec<Vec<Complex64>>,
}

/// Decomposes a Hermitian `[n][n]` by Householder tridiagonalisation and implicit QL.
///
/// `keep` is told the sorted eigenvalues and says of how many the eigenvectors are wanted. `None` if it does not converge,
/// which takes a matrix that is not finite.
pub(crate) fn hermitian_eigen(
    mut a: Vec<Complex64>,
    n: usize,
    keep: impl FnOnce(&[f64]) -> usize,
) -> Option<Eigen> {
    let (mut diagonal, mut off, phases, reflectors) = tridiagonalise(&mut a, n);
    // Row i of `zt` is the i-th eigenvector of the real tridiagonal matrix.
    let mut zt = vec![0.0; n * n];
    for i in 0..n {
        zt[i * n + i] = 1.0;
    }
    implicit_ql(&mut diagonal, &mut off, &mut zt, n)?;
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&p, &q| diagonal[q].total_cmp(&diagonal[p]));
    let values: Vec<f64> = order.iter().map(|&i| diagonal[i]).collect();
    let wanted = keep(&values).min(n);
    let vectors = order[..wanted]
        .par_iter()
        .map(|&i| {
            let row = &zt[i * n..(i + 1) * n];
            let mut u: Vec<Complex64> = row.iter().zip(&phases).map(|(z, p)| p * z).collect();
            for (k, v) in reflectors.iter().enumerate().rev() {
                let tail = &mut u[k + 1..];
                let dot: Complex64 = v.iter().zip(tail.iter()).map(|(v, u)| v.conj() * u).sum();
                for (u, v) in tail.iter_mut().zip(v) {
                    *u -= v * (2.0 * dot);
                }
            }
            u
        })
        .collect();
    Some(Eigen {
        #[cfg(test)]
        values,
        vectors,
    })
}

type Tridiagonal = (Vec<f64>, Vec<f64>, Vec<Complex64>, Vec<Vec<Complex64>>);

/// Diagonal, real off-diagonal, the phases that made it real, and the unit Householder vectors.
fn tridiagonalise(a: &mut [Complex64], n: usize) -> Tridiagonal {
    let mut reflectors = Vec::with_capacity(n.saturating_sub(1));
    let mut off = vec![0.0; n];
    let mut phases = vec![Complex64::ONE; n];
    for k in 0..n.saturating_sub(1) {
        let m = n - k - 1;
        let mut v: Vec<Complex64> = (k + 1..n).map(|i| a[i * n + k]).collect();
        let norm = v.iter().map(Complex64::norm_sqr).sum::<f64>().sqrt();
        let phase = if v[0].norm() > 0.0 {
            v[0] / v[0].norm()
        } else {
            Complex64::ONE
        };
        // The reflection maps the column to -phase * norm in its first place.
        let below = if m > 1 { -phase * norm } else { v[0] };
        if m > 1 && norm > 0.0 {
            v[0] += phase * norm;
            let length = v.iter().map(Complex64::norm_sqr).sum::<f64>().sqrt();
            for v in &mut v {
                *v /= length;
            }
            reflect(a, n, k + 1, &v);
        } else {
            v.fill(Complex64::ZERO);
        }
        reflectors.push(v);
        off[k] = below.norm();
        let turn = if off[k] > 0.0 {
            below / off[k]
        } else {
            Complex64::ONE
        };
        phases[k + 1] = phases[k] * turn;
    }
    let diagonal = (0..n).map(|i| a[i * n + i].re).collect();
    (diagonal, off, phases, reflectors)
}

/// `A <- H A H` on the trailing block from `first`, with `H = I - 2 v v^H`.
fn reflect(a: &mut [Complex64], n: usize, first: usize, v: &[Complex64]) {
    let row = |i: usize| (first + i) * n + first..(first + i + 1) * n;
    let mut p: Vec<Complex64> = (0..v.len())
        .map(|i| {
            a[row(i)]
                .iter()
                .zip(v)
                .map(|(a, v)| a * v)
                .sum::<Complex64>()
                * 2.0
        })
        .collect();
    let half: Complex64 = v.iter().zip(&p).map(|(v, p)| v.conj() * p).sum();
    for (p, v) in p.iter_mut().zip(v) {
        *p -= v * half;
    }
    let (p_conj, v_conj): (Vec<_>, Vec<_>) =
        p.iter().zip(v).map(|(p, v)| (p.conj(), v.conj())).unzip();
    for i in 0..v.len() {
        let (vi, pi) = (v[i], p[i]);
        for ((a, pc), vc) in a[row(i)].iter_mut().zip(&p_conj).zip(&v_conj) {
            *a -= vi * pc + pi * vc;
        }
    }
}

/// Eigenvalues of a real symmetric tridiagonal matrix into `d`; rotations are applied to the rows of `zt`.
fn implicit_ql(d: &mut [f64], e: &mut [f64], zt: &mut [f64], n: usize) -> Option<()> {
    // Comparisons with NaN are false: it would pass as converged.
    if d.iter().chain(e.iter()).any(|v| !v.is_finite()) {
        return None;
    }
    for l in 0..n {
        for sweep in 0.. {
            let mut m = l;
            while m + 1 < n && e[m].abs() > f64::EPSILON * (d[m].abs() + d[m + 1].abs()) {
                m += 1;
            }
            if m == l {
                break;
            }
            if sweep == 60 || !e[l].is_finite() {
                return None;
            }
            // Wilkinson's shift from the leading 2 x 2 block.
            let g = (d[l + 1] - d[l]) / (2.0 * e[l]);
            let r = g.hypot(1.0);
            let mut g = d[m] - d[l] + e[l] / (g + r.copysign(g));
            let (mut s, mut c, mut p) = (1.0, 1.0, 0.0);
            let mut split = false;
            for i in (l..m).rev() {
                let (f, b) = (s * e[i], c * e[i]);
                let r = f.hypot(g);
                e[i + 1] = r;
                if r == 0.0 {
                    // The matrix fell apart: undo the shift here and look again.
                    d[i + 1] -= p;
                    e[m] = 0.0;
                    split = true;
                    break;
                }
                s = f / r;
                c = g / r;
                g = d[i + 1] - p;
                let t = (d[i] - g) * s + 2.0 * c * b;
                p = s * t;
                d[i + 1] = g + p;
                g = c * t - b;
                let (upper, lower) = zt[i * n..(i + 2) * n].split_at_mut(n);
                for (z0, z1) in upper.iter_mut().zip(lower) {
                    let f = *z1;
                    *z1 = s * *z0 + c * f;
                    *z0 = c * *z0 - s * f;
                }
            }
            if !split {
                d[l] -= p;
                e[l] = g;
                e[m] = 0.0;
            }
        }
    }
    Some(())
}

/// Largest eigenvalue and its unit eigenvector of a Hermitian positive semidefinite `[c][c]`, by power iteration from
/// `vector`, which is replaced. Zero where the matrix is zero.
pub(crate) fn dominant(
    matrix: &[Complex32],
    vector: &mut [Complex32],
    max_iterations: usize,
) -> f32 {
    let n = vector.len();
    let mut next = vec![Complex32::default(); n];
    let mut value = 0.0;
    for _ in 0..max_iterations {
        for (i, out) in next.iter_mut().enumerate() {
            let row = &matrix[i * n..(i + 1) * n];
            *out = row.iter().zip(vector.iter()).map(|(a, v)| a * v).sum();
        }
        let norm = next.iter().map(Complex32::norm_sqr).sum::<f32>().sqrt();
        if norm.is_nan() || norm <= 1e-30 {
            return 0.0;
        }
        let mut change = 0.0;
        for (v, next) in vector.iter_mut().zip(&next) {
            let new = next / norm;
            change += (new - *v).norm_sqr();
            *v = new;
        }
        value = norm;
        if change < 1e-9 {
            break;
        }
    }
    value
}

/// Takes an eigenpair out of a Hermitian matrix: `A <- A - value v v^H`.
pub(crate) fn deflate(matrix: &mut [Complex32], vector: &[Complex32], value: f32) {
    for (row, a) in matrix.chunks_mut(vector.len()).zip(vector) {
        for (m, b) in row.iter_mut().zip(vector) {
            *m -= a * b.conj() * value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::tests::random_array;

    /// A random Hermitian positive semidefinite matrix of rank at most `rank`.
    fn gram(n: usize, rank: usize, seed: u64) -> Vec<Complex64> {
        let b = random_array(n * rank, seed);
        let at = |i: usize, k: usize| {
            let v = b[i * rank + k];
            Complex64::new(v.re.into(), v.im.into())
        };
        (0..n * n)
            .map(|e| (0..rank).map(|k| at(e / n, k) * at(e % n, k).conj()).sum())
            .collect()
    }

    #[test]
    fn eigenvectors_satisfy_their_equation_and_are_orthonormal() {
        for (n, rank) in [(1, 1), (2, 2), (3, 1), (7, 7), (40, 13), (65, 65)] {
            let a = gram(n, rank, n as u64);
            let eigen = hermitian_eigen(a.clone(), n, |values| values.len()).unwrap();
            let trace: f64 = (0..n).map(|i| a[i * n + i].re).sum();
            assert!((eigen.values.iter().sum::<f64>() - trace).abs() < 1e-9 * trace);
            assert!(eigen.values.windows(2).all(|w| w[0] >= w[1]));
            assert!(eigen.values[rank.min(n) - 1] > 1e-6 * trace / n as f64 || rank == n);
            for (i, u) in eigen.vectors.iter().enumerate() {
                for row in 0..n {
                    let product: Complex64 = (0..n).map(|k| a[row * n + k] * u[k]).sum();
                    assert!(
                        (product - u[row] * eigen.values[i]).norm() < 1e-9 * trace,
                        "n = {n}"
                    );
                }
                for (j, w) in eigen.vectors.iter().enumerate() {
                    let dot: Complex64 = u.iter().zip(w).map(|(a, b)| a.conj() * b).sum();
                    assert!((dot - f64::from(u8::from(i == j))).norm() < 1e-9);
                }
            }
        }
    }

    #[test]
    fn a_diagonal_matrix_and_nan_are_survived() {
        let mut a = vec![Complex64::ZERO; 25];
        for i in 0..5 {
            a[i * 6] = Complex64::new(i as f64, 0.0);
        }
        let eigen = hermitian_eigen(a.clone(), 5, |_| 2).unwrap();
        assert_eq!(eigen.values, [4.0, 3.0, 2.0, 1.0, 0.0]);
        assert_eq!(eigen.vectors.len(), 2);
        a[1] = Complex64::new(f64::NAN, 0.0);
        a[5] = a[1];
        assert!(hermitian_eigen(a, 5, |_| 5).is_none());
    }

    #[test]
    fn power_iteration_finds_the_largest() {
        let a = gram(6, 6, 3);
        let narrow: Vec<_> = a
            .iter()
            .map(|v| Complex32::new(v.re as f32, v.im as f32))
            .collect();
        let largest = hermitian_eigen(a, 6, |_| 0).unwrap().values[0];
        let mut v = vec![Complex32::ONE; 6];
        let found = dominant(&narrow, &mut v, 500);
        assert!((f64::from(found) / largest - 1.0).abs() < 1e-4);
        assert_eq!(dominant(&[Complex32::ZERO; 36], &mut v, 10), 0.0);
    }

    #[test]
    fn a_large_matrix_is_factored_in_blocks() {
        for n in [31, 33, 64, 97, 130] {
            let mut a = gram(n, n + 3, 5);
            for i in 0..n {
                a[i * n + i] += 0.1;
            }
            let l = cholesky(&a, n).unwrap();
            let scale = a.iter().map(|v| v.norm()).fold(0.0, f64::max);
            for i in 0..n {
                for j in 0..n {
                    let product: Complex64 = (0..n)
                        .map(|k| l.entries[i * n + k] * l.entries[j * n + k].conj())
                        .sum();
                    assert!((product - a[i * n + j]).norm() < 1e-12 * scale, "{n}");
                }
            }
            let mut x: Vec<Complex64> = (0..n * 3)
                .map(|i| Complex64::new((i % 7) as f64, (i % 5) as f64 - 2.0))
                .collect();
            let rhs = x.clone();
            l.solve(&mut x, 3);
            for i in 0..n * 3 {
                let product: Complex64 = (0..n).map(|k| a[i / 3 * n + k] * x[k * 3 + i % 3]).sum();
                assert!(
                    (product - rhs[i]).norm() < 1e-7,
                    "{n}: {product} against {}",
                    rhs[i]
                );
            }
            assert!(cholesky(&gram(n, n / 2, 5), n).is_none());
        }
    }

    #[test]
    fn cholesky_factor_and_inverse() {
        let mut a = gram(5, 5, 1);
        for i in 0..5 {
            a[i * 6] += 1.0;
        }
        let l = cholesky(&a, 5).unwrap();
        let inverse = l.inverse();
        for i in 0..5 {
            for j in 0..5 {
                let product: Complex64 = (0..5)
                    .map(|k| l.entries[i * 5 + k] * l.entries[j * 5 + k].conj())
                    .sum();
                assert!((product - a[i * 5 + j]).norm() < 1e-12);
                let unit: Complex64 = (0..5)
                    .map(|k| l.entries[i * 5 + k] * inverse.entries[k * 5 + j])
                    .sum();
                assert!((unit - f64::from(u8::from(i == j))).norm() < 1e-12);
            }
        }
        let expected: Vec<Complex64> = (0..10)
            .map(|i| Complex64::new(f64::from(i), 3.0 - f64::from(i)))
            .collect();
        let mut x: Vec<Complex64> = (0..10)
            .map(|i| {
                let (row, column) = (i / 2, i % 2);
                (0..5)
                    .map(|k| a[row * 5 + k] * expected[k * 2 + column])
                    .sum()
            })
            .collect();
        l.solve(&mut x, 2);
        assert!(x.iter().zip(&expected).all(|(x, e)| (x - e).norm() < 1e-9));
        assert!(cholesky(&gram(5, 2, 1), 5).is_none());
    }
}
