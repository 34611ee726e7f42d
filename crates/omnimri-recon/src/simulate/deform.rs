//! Deformation of volumes: affine maps, and diffeomorphisms as flows of smooth random velocities.
//!
//! A deformation is a pull-back: for every voxel of the result, where its content comes from. Flows are integrated by scaling
//! and squaring (Arsigny et al., MICCAI 2006, LNCS 4190:924), so that they fold nowhere while the velocity is smooth; velocities
//! are drawn on a coarse grid as in SynthSeg (Billot et al., Med Image Anal 2023;86:102789). A volume of one slice is deformed
//! within its plane.

use omnimri_image::Zyx;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::acquire::normal_pair;

/// For every voxel the way to where its content comes from, in voxels: z, y, x.
#[derive(Debug, Clone, PartialEq)]
pub struct Deformation {
    /// Grid.
    pub size: Zyx<usize>,
    /// `[z][y][x]`
    pub shift: Vec<[f32; 3]>,
}

impl Deformation {
    /// `f` gives the source position (z, y, x in voxels) of a position.
    pub fn from_map(size: Zyx<usize>, f: impl Fn([f32; 3]) -> [f32; 3] + Sync) -> Self {
        let row = size.x.max(1);
        let mut shift = vec![[0.0; 3]; size.count()];
        shift.par_chunks_mut(row).enumerate().for_each(|(r, row)| {
            let (z, y) = ((r / size.y) as f32, (r % size.y) as f32);
            for (x, s) in row.iter_mut().enumerate() {
                let p = [z, y, x as f32];
                let q = f(p);
                *s = std::array::from_fn(|a| q[a] - p[a]);
            }
        });
        if size.z == 1 {
            shift.iter_mut().for_each(|s| s[0] = 0.0);
        }
        Self { size, shift }
    }

    /// The flow over unit time of a random stationary velocity: normal numbers of standard deviation `amplitude_mm` on a grid of
    /// `scale_mm`, interpolated.
    pub fn random_flow(
        size: Zyx<usize>,
        voxel_mm: Zyx<f32>,
        amplitude_mm: f32,
        scale_mm: f32,
        seed: u64,
    ) -> Self {
        /// Squarings: a velocity of some voxels is far below one voxel a step.
        const SQUARINGS: i32 = 6;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mm = [voxel_mm.z, voxel_mm.y, voxel_mm.x];
        let n = [size.z, size.y, size.x];
        let scale_mm = scale_mm.max(1e-3);
        // Cells of the coarse grid and knots beyond both ends for the cubic splines.
        let cells: [usize; 3] = std::array::from_fn(|a| {
            (((n[a] as f32 * mm[a]) / scale_mm).ceil() as usize).clamp(1, 64)
        });
        let knots = cells.map(|c| c + 3);
        let coarse: Vec<[f32; 3]> = (0..knots.iter().product())
            .map(|_| {
                let ((a, b), (c, _)) = (normal_pair(&mut rng), normal_pair(&mut rng));
                [a, b, c].map(|v| v as f32 * amplitude_mm / (1 << SQUARINGS) as f32)
            })
            .collect();
        let at = |p: [f32; 3]| {
            let (mut first, mut w) = ([0usize; 3], [[0.0f32; 4]; 3]);
            for a in 0..3 {
                let t = (p[a] + 0.5) / n[a] as f32 * cells[a] as f32;
                let cell = (t as usize).min(cells[a] - 1);
                first[a] = cell;
                w[a] = cubic_spline(t - cell as f32);
            }
            let mut sum = [0.0f32; 3];
            for i in 0..4 {
                for j in 0..4 {
                    let row = ((first[0] + i) * knots[1] + first[1] + j) * knots[2] + first[2];
                    for k in 0..4 {
                        let weight = w[0][i] * w[1][j] * w[2][k];
                        for (s, v) in sum.iter_mut().zip(coarse[row + k]) {
                            *s += weight * v;
                        }
                    }
                }
            }
            std::array::from_fn(|a| p[a] + sum[a] / mm[a].max(1e-3))
        };
        let mut flow = Self::from_map(size, at);
        for _ in 0..SQUARINGS {
            flow = flow.after(&flow);
        }
        flow
    }

    /// The deformation that first takes `self` and then `next`: what is pulled through `next` from the result of `self`.
    pub fn after(&self, next: &Self) -> Self {
        let shift = next
            .shift
            .par_iter()
            .enumerate()
            .with_min_len(4096)
            .map(|(i, s)| {
                let at = self.position(i, s);
                let more = self.interpolate(at);
                std::array::from_fn(|a| s[a] + more[a])
            })
            .collect();
        Self {
            size: self.size,
            shift,
        }
    }

    fn position(&self, i: usize, shift: &[f32; 3]) -> [f32; 3] {
        let Zyx { y, x, .. } = self.size;
        [
            (i / (y * x)) as f32 + shift[0],
            (i / x % y) as f32 + shift[1],
            (i % x) as f32 + shift[2],
        ]
    }

    fn interpolate(&self, at: [f32; 3]) -> [f32; 3] {
        let mut out = [0.0; 3];
        corners(self.size, at, |i, w| {
            for (o, v) in out.iter_mut().zip(self.shift[i]) {
                *o += w * v;
            }
        });
        out
    }

    /// A deformed image, trilinear; `outside` for content from beyond the grid.
    ///
    /// # Shapes
    /// - `voxels`: `[z][y][x]` of [`Self::size`]
    pub fn image(&self, voxels: &[f32], outside: f32) -> Vec<f32> {
        self.pull(|at| {
            if !self.holds(at) {
                return outside;
            }
            let mut sum = 0.0;
            corners(self.size, at, |i, w| {
                sum += w * voxels.get(i).copied().unwrap_or(outside);
            });
            sum
        })
    }

    /// A deformed label map: the nearest voxel's label, `outside` for content from beyond the grid.
    ///
    /// # Shapes
    /// - `labels`: `[z][y][x]` of [`Self::size`]
    pub fn labels<T: Copy + Send + Sync>(&self, labels: &[T], outside: T) -> Vec<T> {
        self.pull(|at| {
            if !self.holds(at) {
                return outside;
            }
            let [k, j, i] = at.map(|v| v.round().max(0.0) as usize);
            let Zyx { z, y, x } = self.size;
            let offset = self.size.offset(i.min(x - 1), j.min(y - 1), k.min(z - 1));
            labels.get(offset).copied().unwrap_or(outside)
        })
    }

    fn pull<T: Send>(&self, value: impl Fn([f32; 3]) -> T + Sync) -> Vec<T> {
        self.shift
            .par_iter()
            .enumerate()
            .with_min_len(4096)
            .map(|(i, s)| value(self.position(i, s)))
            .collect()
    }

    /// Does a position lie within half a voxel of the grid?
    fn holds(&self, at: [f32; 3]) -> bool {
        let n = [self.size.z, self.size.y, self.size.x];
        (0..3).all(|a| at[a] > -0.5 && at[a] < n[a] as f32 - 0.5)
    }
}

/// Weights of four uniform cubic B-spline knots at `t` between the second and the third.
fn cubic_spline(t: f32) -> [f32; 4] {
    let u = 1.0 - t;
    [
        u * u * u / 6.0,
        (3.0 * t * t * t - 6.0 * t * t + 4.0) / 6.0,
        (3.0 * u * u * u - 6.0 * u * u + 4.0) / 6.0,
        t * t * t / 6.0,
    ]
}

/// The voxels around a position with their trilinear weights; positions beyond the grid are drawn to its edge.
#[inline]
fn corners(size: Zyx<usize>, at: [f32; 3], mut visit: impl FnMut(usize, f32)) {
    let n = [size.z, size.y, size.x];
    let (mut low, mut high, mut share) = ([0usize; 3], [0usize; 3], [0.0f32; 3]);
    for a in 0..3 {
        let p = at[a].clamp(0.0, (n[a] - 1) as f32);
        low[a] = p as usize;
        high[a] = (low[a] + 1).min(n[a] - 1);
        share[a] = p - low[a] as f32;
    }
    for (k, wz) in [(low[0], 1.0 - share[0]), (high[0], share[0])] {
        if wz == 0.0 {
            continue;
        }
        for (j, wy) in [(low[1], 1.0 - share[1]), (high[1], share[1])] {
            let row = (k * size.y + j) * size.x;
            visit(row + low[2], wz * wy * (1.0 - share[2]));
            visit(row + high[2], wz * wy * share[2]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Zyx<usize> = Zyx::new(7, 40, 33);
    const MM: Zyx<f32> = Zyx::new(3.0, 1.0, 1.2);

    #[test]
    fn a_shift_moves_images_and_labels_alike() {
        let d = Deformation::from_map(SIZE, |[z, y, x]| [z, y + 2.0, x - 3.0]);
        let labels: Vec<u8> = (0..SIZE.count()).map(|i| (i % 251) as u8).collect();
        let image: Vec<f32> = labels.iter().map(|v| f32::from(*v)).collect();
        let (moved, moved_labels) = (d.image(&image, 0.0), d.labels(&labels, 0));
        assert_eq!(moved[SIZE.offset(10, 10, 3)], image[SIZE.offset(7, 12, 3)]);
        assert!(
            moved
                .iter()
                .zip(&moved_labels)
                .all(|(a, b)| *a == f32::from(*b))
        );
        assert_eq!(moved[SIZE.offset(1, 10, 3)], 0.0);
    }

    #[test]
    fn a_flow_folds_nowhere_and_moves_something() {
        let d = Deformation::random_flow(SIZE, MM, 3.0, 20.0, 4);
        let at = |i: usize, j: usize, k: usize| d.shift[SIZE.offset(i, j, k)];
        let (mut least, mut most) = (f32::MAX, 0.0f32);
        for k in 0..SIZE.z - 1 {
            for j in 0..SIZE.y - 1 {
                for i in 0..SIZE.x - 1 {
                    let o = at(i, j, k);
                    let column = |q: [f32; 3], axis: usize| -> [f32; 3] {
                        std::array::from_fn(|a| q[a] - o[a] + f32::from(u8::from(a == axis)))
                    };
                    let (u, v, w) = (
                        column(at(i, j, k + 1), 0),
                        column(at(i, j + 1, k), 1),
                        column(at(i + 1, j, k), 2),
                    );
                    let jacobian = u[0] * (v[1] * w[2] - v[2] * w[1])
                        - u[1] * (v[0] * w[2] - v[2] * w[0])
                        + u[2] * (v[0] * w[1] - v[1] * w[0]);
                    least = least.min(jacobian);
                    most = most.max(o[1].hypot(o[2]));
                }
            }
        }
        assert!(least > 0.1, "{least}");
        assert!(most > 1.0, "{most}");
        assert_eq!(d, Deformation::random_flow(SIZE, MM, 3.0, 20.0, 4));
    }

    #[test]
    fn a_slice_stays_in_its_plane() {
        let d = Deformation::random_flow(Zyx::new(1, 20, 20), MM, 2.0, 10.0, 1);
        assert!(d.shift.iter().all(|s| s[0] == 0.0));
        assert!(d.shift.iter().any(|s| s[1].abs() > 0.3));
    }

    #[test]
    fn composition_adds_shifts() {
        let a = Deformation::from_map(SIZE, |[z, y, x]| [z, y + 1.5, x]);
        let b = Deformation::from_map(SIZE, |[z, y, x]| [z, y - 0.5, x + 1.0]);
        let c = a.after(&b);
        assert_eq!(c.shift[SIZE.offset(9, 9, 3)], [0.0, 1.0, 1.0]);
    }
}
