//! Density compensation: how much of k-space each sample stands for.

use num_complex::Complex32;
use omnimri_image::Zyx;

use crate::Result;
use crate::nufft::{Nufft, NufftOptions};

/// Iterations of Pipe and Menon; the weights settle within ten to twenty.
const ITERATIONS: usize = 15;

/// Straight, evenly spaced readouts through the centre of k-space in one plane.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Radial {
    /// Unit direction of every readout, `(y, x)`.
    pub directions: Vec<[f64; 2]>,
    /// Signed distance of every readout's first sample from the point nearest the centre, in cycles per field of view.
    pub first: Vec<f64>,
    /// Distance from sample to sample.
    pub step: f64,
    /// Largest distance at which a readout passes the centre.
    pub off_centre: f64,
}

impl Radial {
    /// What the positions `[readout][sample]` are, if they are radial in the plane.
    pub fn of(coord: &[[f32; 3]], n_samples: usize) -> Option<Self> {
        if n_samples < 4 || coord.is_empty() {
            return None;
        }
        let plane = |k: &[f32; 3]| [f64::from(k[1]), f64::from(k[2])];
        let mut out = Self {
            directions: Vec::new(),
            first: Vec::new(),
            step: 0.0,
            off_centre: 0.0,
        };
        for (i, readout) in coord.chunks_exact(n_samples).enumerate() {
            let (a, b) = (plane(&readout[0]), plane(&readout[n_samples - 1]));
            let span = [b[0] - a[0], b[1] - a[1]];
            let length = span[0].hypot(span[1]);
            let step = length / (n_samples - 1) as f64;
            if i == 0 {
                out.step = step;
            }
            let near = |x: f64, y: f64| (x - y).abs() <= 0.05 * out.step + 1e-5;
            if step <= 0.0 || !near(step, out.step) {
                return None;
            }
            let direction = [span[0] / length, span[1] / length];
            let straight = readout.iter().enumerate().all(|(s, k)| {
                let k = plane(k);
                [0, 1]
                    .into_iter()
                    .all(|axis| near(k[axis], a[axis] + direction[axis] * step * s as f64))
            });
            let across = a[0] * direction[1] - a[1] * direction[0];
            let first = a[0] * direction[0] + a[1] * direction[1];
            // The centre is passed within two samples, and lies on the readout or just before it.
            if !straight || across.abs() > 2.0 * step || first > 2.0 * step {
                return None;
            }
            out.off_centre = out.off_centre.max(across.abs());
            out.directions.push(direction);
            out.first.push(first);
        }
        let planar = coord.iter().all(|k| k[0] == coord[0][0]);
        (planar && out.directions.len() > 1).then_some(out)
    }

    /// Area of k-space a sample, `[readout][sample]`.
    fn weights(&self, n_samples: usize) -> Vec<f32> {
        let two_sided = self
            .first
            .iter()
            .all(|f| *f < -0.25 * self.step * n_samples as f64);
        let turn = if two_sided {
            std::f64::consts::PI
        } else {
            std::f64::consts::TAU
        };
        let angle = |d: &[f64; 2]| d[0].atan2(d[1]).rem_euclid(turn);
        let mut order: Vec<usize> = (0..self.directions.len()).collect();
        order.sort_by(|a, b| angle(&self.directions[*a]).total_cmp(&angle(&self.directions[*b])));
        let mut out = vec![0.0; order.len() * n_samples];
        for (i, &readout) in order.iter().enumerate() {
            let before = angle(&self.directions[order[(i + order.len() - 1) % order.len()]]);
            let after = angle(&self.directions[order[(i + 1) % order.len()]]);
            let sector = match (after - before).rem_euclid(turn) {
                // Two readouts of opposite sides, or repeated ones.
                gap if order.len() == 2 || gap == 0.0 => turn / order.len() as f64,
                gap => gap / 2.0,
            };
            for (s, w) in out[readout * n_samples..][..n_samples]
                .iter_mut()
                .enumerate()
            {
                let r = self.first[readout] + self.step * s as f64;
                let primitive = |r: f64| 0.5 * r * r.abs();
                let (inner, outer) = (
                    primitive(r - self.step / 2.0),
                    primitive(r + self.step / 2.0),
                );
                // Across the centre both parts count.
                let area = if r.abs() < self.step / 2.0 {
                    outer.abs() + inner.abs()
                } else {
                    (outer - inner).abs()
                };
                *w = (area * sector) as f32;
            }
        }
        out
    }
}

/// Weights `[readout][sample]` that make the adjoint transform a reconstruction: each is the area (volume in 3D) of k-space, in cycles per
/// field of view, that the sample stands for. Planar radial trajectories have them in closed form (a ramp); others by the iteration of Pipe and
/// Menon, Magn Reson Med 1999;41:179.
///
/// # Shapes
/// - `coord`: `[readout][sample]`, axes `z, y, x`
///
/// # Errors
/// See [`Nufft::new`].
pub fn density_weights(coord: &[[f32; 3]], n_samples: usize, size: Zyx<usize>) -> Result<Vec<f32>> {
    // Spokes that miss the centre, as corrected ones do, share it out differently from a ramp.
    if size.z == 1
        && let Some(radial) = Radial::of(coord, n_samples)
        && radial.off_centre < 0.1 * radial.step
    {
        return Ok(radial.weights(n_samples));
    }
    iterated_weights(coord, size)
}

/// Pipe and Menon: divide by the density that the weights themselves leave.
fn iterated_weights(coord: &[[f32; 3]], size: Zyx<usize>) -> Result<Vec<f32>> {
    // A coarse kernel is exact enough, and fast.
    let nufft = Nufft::new(
        coord,
        size,
        &NufftOptions {
            tolerance: 1e-2,
            oversampling: Some(1.5),
        },
    )?;
    let mut weights = vec![Complex32::ONE; coord.len()];
    for _ in 0..ITERATIONS {
        let density = nufft.kernel_density(&weights);
        for (w, d) in weights.iter_mut().zip(&density) {
            w.re /= d.re.max(1e-6);
        }
    }
    // What is sampled is the box (or what of it the samples reach): one sample a cell where it is full.
    let (grid, size) = (nufft.grid_size(), nufft.size());
    let cell = |big: usize, small: usize| small as f32 / big as f32;
    let unit = cell(grid.z, size.z) * cell(grid.y, size.y) * cell(grid.x, size.x);
    let scale = nufft.kernel_volume() * unit;
    Ok(weights.iter().map(|w| w.re * scale).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spokes(n: usize, matrix: usize) -> Vec<[f32; 3]> {
        (0..n * 2 * matrix)
            .map(|i| {
                let (spoke, s) = (i / (2 * matrix), i % (2 * matrix));
                let angle = std::f32::consts::PI * spoke as f32 / n as f32;
                let r = (s as f32 - matrix as f32) / 2.0;
                [0.0, r * angle.sin(), r * angle.cos()]
            })
            .collect()
    }

    /// Weighted samples of a point at the centre give back a point: its neighbours' largest part of it.
    fn side_lobe(coord: &[[f32; 3]], weights: &[f32], size: Zyx<usize>) -> f32 {
        let nufft = Nufft::new(coord, size, &NufftOptions::default()).unwrap();
        let samples: Vec<Complex32> = weights.iter().map(|w| Complex32::new(*w, 0.0)).collect();
        let image = nufft.adjoint_batch(&samples);
        let centre = size.y / 2 * size.x + size.x / 2;
        let around = (0..image.len()).filter(|&p| {
            let d = ((p / size.x) as f32 - (size.y / 2) as f32)
                .hypot((p % size.x) as f32 - (size.x / 2) as f32);
            (4.0..size.x as f32 / 3.0).contains(&d)
        });
        around.map(|p| image[p].norm()).fold(0.0, f32::max) / image[centre].norm()
    }

    #[test]
    fn a_radial_point_spread_becomes_flat() {
        let size = Zyx { z: 1, y: 32, x: 32 };
        let coord = spokes(64, 32);
        let plain = side_lobe(&coord, &vec![1.0; coord.len()], size);
        let ramp = density_weights(&coord, 64, size).unwrap();
        let iterated = iterated_weights(&coord, size).unwrap();
        let [ramp_lobe, iterated_lobe] =
            [&ramp, &iterated].map(|weights| side_lobe(&coord, weights, size));
        // The transform of a full disc falls to 0.036 there.
        assert!(ramp_lobe < 0.037, "{ramp_lobe}");
        assert!(iterated_lobe < 0.045, "{iterated_lobe}");
        assert!(plain > 1.5 * iterated_lobe, "{plain}");
        // Both tile the disc.
        let disc = std::f32::consts::PI * 256.0;
        for weights in [ramp, iterated] {
            let sum: f32 = weights.iter().sum();
            assert!((sum / disc - 1.0).abs() < 0.12, "{sum} of {disc}");
        }
    }

    #[test]
    fn radial_readouts_are_told_from_others() {
        let coord = spokes(5, 16);
        let radial = Radial::of(&coord, 32).unwrap();
        assert!((radial.step - 0.5).abs() < 1e-5 && (radial.first[0] + 8.0).abs() < 1e-5);
        let bent: Vec<[f32; 3]> = coord
            .iter()
            .map(|k| [0.0, k[1] + 0.01 * k[2] * k[2], k[2]])
            .collect();
        assert_eq!(Radial::of(&bent, 32), None);
        let lines: Vec<[f32; 3]> = (0..160)
            .map(|i| [0.0, (i / 32) as f32 * 3.0, (i % 32) as f32 / 2.0 - 8.0])
            .collect();
        assert_eq!(Radial::of(&lines, 32), None);
    }
}
