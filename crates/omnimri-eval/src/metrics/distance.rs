//! Exact Euclidean distance transform on a grid of unequal spacing.

use omnimri_image::Zyx;

/// Squared distance in mm from every voxel to the nearest one for which `there` holds; infinite if there is none.
///
/// Separable lower envelopes of parabolas (Felzenszwalb and Huttenlocher, Theory of Computing 8, 2012): linear in the number of
/// voxels.
///
/// # Shapes
/// - `there` and the result: `[z][y][x]` of `size`
pub(super) fn squared_distance(there: &[bool], size: Zyx<usize>, spacing_mm: Zyx<f64>) -> Vec<f64> {
    let mut field: Vec<f64> = there
        .iter()
        .map(|t| if *t { 0.0 } else { f64::INFINITY })
        .collect();
    let axes = [
        (size.x, 1, spacing_mm.x),
        (size.y, size.x, spacing_mm.y),
        (size.z, size.x * size.y, spacing_mm.z),
    ];
    for (n, stride, step) in axes {
        let mut envelope = Envelope::new(n, step);
        for start in (0..field.len()).filter(|at| at / stride % n.max(1) == 0) {
            envelope.transform(&mut field, start, stride);
        }
    }
    field
}

/// The lower envelope of the parabolas of one line, kept between lines to save allocations.
struct Envelope {
    n: usize,
    step: f64,
    line: Vec<f64>,
    /// Place of each parabola's vertex.
    vertex: Vec<usize>,
    /// Where each parabola begins to be the lowest, in mm.
    from: Vec<f64>,
}

impl Envelope {
    fn new(n: usize, step: f64) -> Self {
        Self {
            n,
            step,
            line: vec![0.0; n],
            vertex: Vec::with_capacity(n),
            from: Vec::with_capacity(n),
        }
    }

    fn transform(&mut self, field: &mut [f64], start: usize, stride: usize) {
        for (k, value) in self.line.iter_mut().enumerate() {
            *value = field[start + k * stride];
        }
        self.vertex.clear();
        self.from.clear();
        let at = |k: usize| k as f64 * self.step;
        for k in (0..self.n).filter(|k| self.line[*k].is_finite()) {
            let height = self.line[k] + at(k) * at(k);
            let mut begins = f64::NEG_INFINITY;
            while let (Some(&last), Some(&since)) = (self.vertex.last(), self.from.last()) {
                let other = self.line[last] + at(last) * at(last);
                begins = (height - other) / (2.0 * (at(k) - at(last)));
                if begins > since {
                    break;
                }
                self.vertex.pop();
                self.from.pop();
                begins = f64::NEG_INFINITY;
            }
            self.vertex.push(k);
            self.from.push(begins);
        }
        if self.vertex.is_empty() {
            return;
        }
        let mut lowest = 0;
        for k in 0..self.n {
            while self.from.get(lowest + 1).is_some_and(|f| *f <= at(k)) {
                lowest += 1;
            }
            let d = at(k) - at(self.vertex[lowest]);
            field[start + k * stride] = d * d + self.line[self.vertex[lowest]];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_search_over_all_voxels() {
        let (size, mm) = (Zyx::new(3, 7, 11), Zyx::new(2.5, 0.7, 1.3));
        for sparse in [3, 17, 60] {
            let there: Vec<bool> = (0..size.count()).map(|k| (k * 31) % sparse == 1).collect();
            let found = squared_distance(&there, size, mm);
            let place = |k: usize| {
                let (x, y, z) = (k % 11, k / 11 % 7, k / 77);
                [x as f64 * mm.x, y as f64 * mm.y, z as f64 * mm.z]
            };
            for (k, found) in found.iter().enumerate() {
                let nearest = (0..there.len())
                    .filter(|i| there[*i])
                    .map(|i| {
                        let (a, b) = (place(k), place(i));
                        (0..3).map(|d| (a[d] - b[d]).powi(2)).sum::<f64>()
                    })
                    .fold(f64::INFINITY, f64::min);
                assert!((found - nearest).abs() < 1e-9, "{found} {nearest}");
            }
        }
        let none = squared_distance(&vec![false; size.count()], size, mm);
        assert!(none.iter().all(|d| d.is_infinite()));
    }
}
