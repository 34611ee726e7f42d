//! Finite differences between neighbouring pixels.

use num_complex::Complex32;
use omnimri_image::Zyx;

use crate::operator::LinearOperator;

/// Forward differences along every axis longer than one; over the far edge they are zero.
///
/// Domain `[z][y][x]` (2D: `[y][x]`), range `[axis][z][y][x]` with the axes in the order `y, x, z` (no `z` in 2D).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FiniteDifferences {
    size: Zyx<usize>,
}

impl FiniteDifferences {
    /// For images of this matrix.
    pub fn new(size: Zyx<usize>) -> Self {
        Self { size }
    }

    /// Matrix.
    pub fn size(&self) -> Zyx<usize> {
        self.size
    }

    /// Pixels.
    pub(crate) fn len(&self) -> usize {
        self.size.z * self.size.y * self.size.x
    }

    /// Number of axes along which there are differences.
    pub fn n_axes(&self) -> usize {
        if self.size.z == 1 { 2 } else { 3 }
    }

    /// Differences of row `row` (of all planes' rows behind one another), which `use_them` is told a column at a time: column and
    /// differences along `y, x, z`.
    #[inline]
    pub(crate) fn of_row(
        &self,
        image: &[Complex32],
        row: usize,
        mut use_them: impl FnMut(usize, [Complex32; 3]),
    ) {
        let Zyx { z: n_z, y: n_y, x } = self.size;
        let line = |row: usize| &image[row * x..(row + 1) * x];
        let own = line(row);
        let (z, y) = (row / n_y, row % n_y);
        let below = if y + 1 < n_y { line(row + 1) } else { own };
        let behind = if z + 1 < n_z { line(row + n_y) } else { own };
        for i in 0..x {
            let right = own[(i + 1).min(x - 1)];
            use_them(i, [below[i] - own[i], right - own[i], behind[i] - own[i]]);
        }
    }

    /// Adds `scale` times the adjoint to row `row`; `along` holds the differences along `y, x` and, in 3D, `z`.
    #[inline]
    pub(crate) fn add_adjoint_to_row(
        &self,
        along: &[impl AsRef<[Complex32]>],
        row: usize,
        scale: f32,
        out: &mut [Complex32],
    ) {
        let Zyx { z: n_z, y: n_y, x } = self.size;
        let (z, y) = (row / n_y, row % n_y);
        let at = row * x;
        let along_y = along[0].as_ref();
        let along_x = along[1].as_ref();
        for (i, v) in out.iter_mut().enumerate() {
            let mut sum = Complex32::default();
            // Differences over the edge do not exist, so they do not count.
            if y + 1 < n_y {
                sum -= along_y[at + i];
            }
            if y > 0 {
                sum += along_y[at - x + i];
            }
            if i + 1 < x {
                sum -= along_x[at + i];
            }
            if i > 0 {
                sum += along_x[at + i - 1];
            }
            if n_z > 1 {
                let along_z = along[2].as_ref();
                if z + 1 < n_z {
                    sum -= along_z[at + i];
                }
                if z > 0 {
                    sum += along_z[at - n_y * x + i];
                }
            }
            *v += sum * scale;
        }
    }
}

impl LinearOperator for FiniteDifferences {
    fn domain(&self) -> Vec<usize> {
        match self.size {
            Zyx { z: 1, y, x } => vec![y, x],
            Zyx { z, y, x } => vec![z, y, x],
        }
    }

    fn range(&self) -> Vec<usize> {
        let mut shape = vec![self.n_axes()];
        shape.extend(self.domain());
        shape
    }

    fn forward(&self, u: &[Complex32]) -> Vec<Complex32> {
        let n = self.len();
        let mut out = vec![Complex32::default(); self.n_axes() * n];
        for row in 0..self.size.z * self.size.y {
            self.of_row(u, row, |column, differences| {
                for (axis, d) in differences.into_iter().take(self.n_axes()).enumerate() {
                    out[axis * n + row * self.size.x + column] = d;
                }
            });
        }
        out
    }

    fn adjoint(&self, v: &[Complex32]) -> Vec<Complex32> {
        let along: Vec<&[Complex32]> = v.chunks(self.len()).collect();
        let mut out = vec![Complex32::default(); self.len()];
        for (row, out) in out.chunks_mut(self.size.x).enumerate() {
            self.add_adjoint_to_row(&along, row, 1.0, out);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::tests::assert_adjoint;

    #[test]
    fn differences_are_an_operator_with_its_adjoint_for_every_size() {
        for (z, y, x) in [(1, 13, 14), (1, 1, 9), (1, 100, 101), (5, 7, 6), (2, 1, 3)] {
            assert_adjoint(&FiniteDifferences::new(Zyx::new(z, y, x)), 41);
        }
    }

    #[test]
    fn a_ramp_has_its_slopes() {
        let size = Zyx::new(3, 4, 5);
        let ramp: Vec<Complex32> = (0..60)
            .map(|i| Complex32::from((100 * (i / 20) + 10 * (i / 5 % 4) + i % 5) as f32))
            .collect();
        let found = FiniteDifferences::new(size).forward(&ramp);
        for (axis, slope, last) in [
            (0, 10.0, (|i| i / 5 % 4 == 3) as fn(usize) -> bool),
            (1, 1.0, |i| i % 5 == 4),
            (2, 100.0, |i| i / 20 == 2),
        ] {
            for i in 0..60 {
                let expected = if last(i) { 0.0 } else { slope };
                assert_eq!(found[axis * 60 + i], Complex32::from(expected));
            }
        }
    }
}
