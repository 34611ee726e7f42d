//! Products of complex matrices, by the `gemm` crate on one thread: the same numbers whatever the number of threads.

use num_complex::{Complex32, Complex64};

/// Numbers that matrices are made of.
pub(crate) trait Element: Copy + 'static {
    const ONE: Self;
}

impl Element for Complex32 {
    const ONE: Self = Self::ONE;
}

impl Element for Complex64 {
    const ONE: Self = Self::ONE;
}

/// A factor of a product.
#[derive(Clone, Copy)]
pub(crate) struct Factor<'a, T> {
    data: &'a [T],
    row: usize,
    column: usize,
    conjugate: bool,
}

impl<'a, T> Factor<'a, T> {
    /// A matrix in rows that begin `stride` values apart.
    pub fn plain(data: &'a [T], stride: usize) -> Self {
        Self {
            data,
            row: stride,
            column: 1,
            conjugate: false,
        }
    }

    /// The adjoint of a matrix in rows that begin `stride` values apart.
    pub fn adjoint(data: &'a [T], stride: usize) -> Self {
        Self {
            data,
            row: 1,
            column: stride,
            conjugate: true,
        }
    }

    fn holds(&self, rows: usize, columns: usize) -> bool {
        rows == 0
            || columns == 0
            || (rows - 1) * self.row + (columns - 1) * self.column < self.data.len()
    }
}

/// `out = keep out + scale a b` of `m x k` and `k x n` matrices; rows of `out` begin `stride` values apart.
///
/// # Panics
/// If a slice does not hold its matrix.
pub(crate) fn multiply<T: Element>(
    out: &mut [T],
    stride: usize,
    [m, n, k]: [usize; 3],
    keep: bool,
    scale: T,
    a: Factor<'_, T>,
    b: Factor<'_, T>,
) {
    if m == 0 || n == 0 {
        return;
    }
    assert!(
        n <= stride && (m - 1) * stride + n <= out.len() && a.holds(m, k) && b.holds(k, n),
        "a slice does not hold its matrix"
    );
    // SAFETY: the assertion bounds every element of the three matrices; `out` is borrowed mutably, so that it shares nothing with the
    // factors.
    #[expect(unsafe_code, reason = "the crate takes pointers")]
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            stride as isize,
            keep,
            a.data.as_ptr(),
            a.column as isize,
            a.row as isize,
            b.data.as_ptr(),
            b.column as isize,
            b.row as isize,
            T::ONE,
            scale,
            false,
            a.conjugate,
            b.conjugate,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::tests::random_array;

    #[test]
    fn products_are_those_of_the_sums_for_every_shape() {
        for (m, n, k) in [(1, 1, 1), (3, 5, 7), (16, 17, 33), (40, 2, 65), (4, 9, 0)] {
            let (a, b) = (random_array(m * k, 1), random_array(n * k, 2));
            let start = random_array(m * n, 3);
            for keep in [false, true] {
                let mut out = start.clone();
                let scale = Complex32::new(-1.0, 0.5);
                multiply(
                    &mut out,
                    n,
                    [m, n, k],
                    keep,
                    scale,
                    Factor::plain(&a, k),
                    Factor::adjoint(&b, k),
                );
                for i in 0..m {
                    for j in 0..n {
                        let sum: Complex32 =
                            (0..k).map(|l| a[i * k + l] * b[j * k + l].conj()).sum();
                        let before = if keep {
                            start[i * n + j]
                        } else {
                            Complex32::ZERO
                        };
                        let expected = before + scale * sum;
                        assert!((out[i * n + j] - expected).norm() < 1e-4, "{m} {n} {k}");
                    }
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "does not hold")]
    fn a_slice_too_short_is_refused() {
        let a = random_array(5, 1);
        let mut out = [Complex32::ZERO; 6];
        multiply(
            &mut out,
            3,
            [2, 3, 2],
            false,
            Complex32::ONE,
            Factor::plain(&a, 3),
            Factor::plain(&a, 3),
        );
    }
}
