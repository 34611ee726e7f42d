//! Gradient delays of radial scans: how far each spoke lies from where it was meant to.
//!
//! Delayed gradients shift the samples of a spoke of direction `n` by `S n` sample spacings, `S` a symmetric matrix of three numbers (the
//! ellipse of Rosenzweig, Holme and Uecker, Magn Reson Med 2019;81:1898, who find it from where spokes cross). Here the three numbers are
//! those with which one small image a coil explains all samples about the centre best: nonlinear least squares with the image projected
//! out (Golub and Pereyra, Inverse Problems 2003;19:R1), started from the energy's centre along every spoke.

use std::fmt;

use num_complex::{Complex32, Complex64};
use omnimri_image::{NonCartesian, Zyx};
use rayon::prelude::*;

use crate::density::Radial;
use crate::linalg::hermitian_eigen;
use crate::nufft::{Nufft, NufftOptions, ToeplitzNormal};
use crate::sense::conjugate_gradient;
use crate::{Error, Result};

/// Fewest spokes that tell three numbers.
const MIN_SPOKES: usize = 6;
/// Combinations of coils looked at; the strongest hold nearly all signal.
const MAX_COILS: usize = 4;
/// Delays beyond this many samples are a wrong trajectory rather than a delay.
const MAX_DELAY: f64 = 4.0;
/// Delays below this many samples change nothing that can be seen.
const SIGNIFICANT: f64 = 0.02;

/// Which part of the shift the scan shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DelayModel {
    /// `S n`, along and across the spoke: delays of the gradient axes.
    #[default]
    Vector,
    /// `(n . S n) n`, along the spoke only.
    Along,
}

/// Delays in sample spacings.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct GradientDelays {
    /// Of a spoke along x.
    pub sx: f64,
    /// Of a spoke along y.
    pub sy: f64,
    /// From one axis to the other.
    pub sxy: f64,
    /// Which part of the shift.
    pub model: DelayModel,
}

impl GradientDelays {
    /// True if correcting them changes anything.
    pub fn is_significant(&self) -> bool {
        self.sx.abs().max(self.sy.abs()).max(self.sxy.abs()) > SIGNIFICANT
    }

    /// Derivatives of the shift, `(y, x)` in sample spacings, of a spoke of direction `(y, x)` by `sx`, `sy` and `sxy`.
    fn derivatives(model: DelayModel, [ny, nx]: [f64; 2]) -> [[f64; 2]; 3] {
        match model {
            DelayModel::Vector => [[0.0, nx], [ny, 0.0], [nx, ny]],
            DelayModel::Along => {
                [nx * nx, ny * ny, 2.0 * nx * ny].map(|along| [along * ny, along * nx])
            }
        }
    }

    /// Shift of a spoke of this direction, `(y, x)` in sample spacings.
    fn shift(&self, direction: [f64; 2]) -> [f64; 2] {
        let d = Self::derivatives(self.model, direction);
        [0, 1].map(|axis| self.sx * d[0][axis] + self.sy * d[1][axis] + self.sxy * d[2][axis])
    }

    fn moved(&self, by: [f64; 3]) -> Self {
        Self {
            sx: self.sx + by[0],
            sy: self.sy + by[1],
            sxy: self.sxy + by[2],
            model: self.model,
        }
    }
}

impl fmt::Display for GradientDelays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.2} samples along x, {:.2} along y, {:.2} across",
            self.sx, self.sy, self.sxy
        )
    }
}

/// True if the data is a planar radial scan with enough spokes through the centre.
pub fn applies_to(data: &NonCartesian) -> bool {
    data.size.z == 1
        && data.size.y.min(data.size.x) >= 16
        && data.n_readouts >= MIN_SPOKES
        && Radial::of(&data.coord, data.n_samples).is_some_and(|radial| {
            // A spoke that starts at the centre does not show which way it was shifted.
            radial.first.iter().all(|f| *f < -2.0 * radial.step - 2.0)
        })
}

/// Positions with the delays put in, `[readout][sample]`.
///
/// A trajectory that is not radial is returned as it is.
pub fn corrected(coord: &[[f32; 3]], n_samples: usize, delays: &GradientDelays) -> Vec<[f32; 3]> {
    let Some(radial) = Radial::of(coord, n_samples) else {
        return coord.to_vec();
    };
    let mut out = coord.to_vec();
    for (readout, direction) in out.chunks_exact_mut(n_samples).zip(&radial.directions) {
        let shift = delays.shift(*direction).map(|s| s * radial.step);
        for k in readout {
            k[1] = (f64::from(k[1]) + shift[0]) as f32;
            k[2] = (f64::from(k[2]) + shift[1]) as f32;
        }
    }
    out
}

/// Finds the delays of a radial scan; zero where correcting would not explain the data better.
///
/// # Errors
/// [`Error::Trajectory`] if the trajectory is not radial through the centre ([`applies_to`]).
pub fn estimate(data: &NonCartesian) -> Result<GradientDelays> {
    if data.samples.len() != data.n_coils * data.coord.len() {
        return Err(Error::Size {
            what: "samples",
            expected: data.n_coils * data.coord.len(),
            found: data.samples.len(),
            hint: "samples must be [coil][readout][sample]",
        });
    }
    let radial = Radial::of(&data.coord, data.n_samples)
        .filter(|_| applies_to(data))
        .ok_or(Error::Trajectory {
            found: "readouts that are not straight lines through the centre".to_owned(),
            hint: "gradient delays are found from radial scans only",
        })?;
    let centre = Centre::new(data, &radial);
    let mut best = (
        centre.fit(&GradientDelays::default())?.residual * 0.999,
        GradientDelays::default(),
    );
    for model in [DelayModel::Vector, DelayModel::Along] {
        let (residual, delays) = centre.refine(model)?;
        if residual < best.0 {
            best = (residual, delays);
        }
    }
    Ok(best.1)
}

/// The samples about the centre, of the strongest combinations of coils.
struct Centre {
    coord: Vec<[f32; 3]>,
    /// Spoke of every sample.
    spokes: Vec<usize>,
    directions: Vec<[f64; 2]>,
    step: f64,
    /// `[combination][sample]`
    samples: Vec<Vec<Complex32>>,
    /// Matrix of the small image.
    size: Zyx<usize>,
    start: [f64; 3],
}

/// The best image at some delays, and which way to change them.
struct Fit {
    residual: f64,
    step: Option<[f64; 3]>,
}

impl Centre {
    fn new(data: &NonCartesian, radial: &Radial) -> Self {
        // As far out as neighbouring spokes are no more than a sample apart.
        let least = data.size.y.min(data.size.x) as f64 / 2.0;
        let radius = (data.n_readouts as f64 / std::f64::consts::PI)
            .clamp(6.0, 14.0)
            .min(least - 2.0);
        let n = 2 * (radius.ceil() as usize + 4);
        let mut chosen = Vec::new();
        let mut spokes = Vec::new();
        for (i, first) in radial.first.iter().enumerate() {
            for s in 0..data.n_samples {
                if (first + radial.step * s as f64).abs() <= radius {
                    chosen.push(i * data.n_samples + s);
                    spokes.push(i);
                }
            }
        }
        let coils: Vec<Vec<Complex32>> = data
            .samples
            .chunks(data.coord.len())
            .map(|coil| chosen.iter().map(|&i| coil[i]).collect())
            .collect();
        let start = centroid_start(&coils, &chosen, &spokes, data.n_samples, radial);
        Self {
            coord: chosen.iter().map(|&i| data.coord[i]).collect(),
            spokes,
            directions: radial.directions.clone(),
            step: radial.step,
            samples: strongest(coils),
            size: Zyx { z: 1, y: n, x: n },
            start,
        }
    }

    /// Gauss-Newton steps, halved where they do not help.
    fn refine(&self, model: DelayModel) -> Result<(f64, GradientDelays)> {
        let zero = GradientDelays {
            model,
            ..GradientDelays::default()
        };
        let mut delays = zero.moved(self.start);
        let mut fit = self.fit(&delays)?;
        let at_zero = self.fit(&zero)?;
        if at_zero.residual < fit.residual {
            (delays, fit) = (zero, at_zero);
        }
        let mut damping = 1.0;
        for _ in 0..12 {
            let Some(step) = fit.step else { break };
            let step = step.map(|s| s * damping);
            let next = delays.moved(step);
            if [next.sx, next.sy, next.sxy]
                .iter()
                .any(|s| s.abs() > MAX_DELAY)
            {
                damping *= 0.5;
                continue;
            }
            let next_fit = self.fit(&next)?;
            if next_fit.residual < fit.residual {
                (delays, fit) = (next, next_fit);
                damping = 1.0;
                if step.iter().all(|s| s.abs() < 2e-3) {
                    break;
                }
            } else {
                damping *= 0.5;
                if damping < 0.1 {
                    break;
                }
            }
        }
        Ok((fit.residual, delays))
    }

    fn fit(&self, delays: &GradientDelays) -> Result<Fit> {
        let n = self.size.y;
        let moves: Vec<[f64; 2]> = self
            .directions
            .iter()
            .map(|d| delays.shift(*d).map(|s| s * self.step))
            .collect();
        let coord: Vec<[f32; 3]> = self
            .coord
            .iter()
            .zip(&self.spokes)
            .map(|(k, &spoke)| {
                [
                    0.0,
                    k[1] + moves[spoke][0] as f32,
                    k[2] + moves[spoke][1] as f32,
                ]
            })
            .collect();
        let nufft = Nufft::new(
            &coord,
            self.size,
            &NufftOptions {
                tolerance: 1e-4,
                ..NufftOptions::default()
            },
        )?;
        let normal = ToeplitzNormal::new(&coord, None, self.size)?;
        let lambda = 1e-3 * coord.len() as f32 / (n * n) as f32;
        let solve = |samples: &[Complex32]| {
            let rhs = nufft.adjoint_batch(samples);
            conjugate_gradient(|u| normal.apply(u), &rhs, lambda, 25, 1e-3).x
        };
        // What of the samples no image explains.
        let unexplained = |samples: &[Complex32], image: &[Complex32]| -> Vec<Complex32> {
            nufft
                .forward_batch(image)
                .iter()
                .zip(samples)
                .map(|(a, s)| s - a)
                .collect()
        };
        let derivatives: Vec<[[f64; 2]; 3]> = self
            .directions
            .iter()
            .map(|d| GradientDelays::derivatives(delays.model, *d))
            .collect();
        let parts: Vec<(f64, [[f64; 3]; 3], [f64; 3])> = self
            .samples
            .par_iter()
            .map(|samples| {
                let image = solve(samples);
                let rest = unexplained(samples, &image);
                // d/dk of the transform is the transform of -2 pi i r times the image.
                let slope = |axis: usize| {
                    let weighted: Vec<Complex32> = image
                        .iter()
                        .enumerate()
                        .map(|(p, v)| {
                            let r = if axis == 0 { p / n } else { p % n } as f32 - (n / 2) as f32;
                            v * Complex32::new(0.0, -std::f32::consts::TAU * r / n as f32)
                        })
                        .collect();
                    nufft.forward_batch(&weighted)
                };
                let slopes = [slope(0), slope(1)];
                let columns = [0, 1, 2].map(|j| {
                    let column: Vec<Complex32> = (0..coord.len())
                        .map(|i| {
                            let d = derivatives[self.spokes[i]][j].map(|d| (d * self.step) as f32);
                            slopes[0][i] * d[0] + slopes[1][i] * d[1]
                        })
                        .collect();
                    let image = solve(&column);
                    unexplained(&column, &image)
                });
                let matrix = [0, 1, 2].map(|a| [0, 1, 2].map(|b| dot(&columns[a], &columns[b])));
                (
                    dot(&rest, &rest),
                    matrix,
                    [0, 1, 2].map(|a| dot(&columns[a], &rest)),
                )
            })
            .collect();
        let (mut residual, mut matrix, mut right) = (0.0, [[0.0; 3]; 3], [0.0; 3]);
        for (r, m, b) in parts {
            residual += r;
            for i in 0..3 {
                right[i] += b[i];
                for j in 0..3 {
                    matrix[i][j] += m[i][j];
                }
            }
        }
        Ok(Fit {
            residual,
            step: solve3(matrix, right),
        })
    }
}

/// Real part of `<a, b>`.
fn dot(a: &[Complex32], b: &[Complex32]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(a, b)| f64::from(a.re) * f64::from(b.re) + f64::from(a.im) * f64::from(b.im))
        .sum()
}

/// The strongest combinations of coils by the eigenvectors of their covariance, `[combination][sample]`.
fn strongest(coils: Vec<Vec<Complex32>>) -> Vec<Vec<Complex32>> {
    let n = coils.len();
    if n <= MAX_COILS {
        return coils;
    }
    let wide = |v: &Complex32| Complex64::new(v.re.into(), v.im.into());
    let mut covariance = vec![Complex64::default(); n * n];
    for a in 0..n {
        for b in 0..n {
            covariance[a * n + b] = coils[a]
                .iter()
                .zip(&coils[b])
                .map(|(p, q)| wide(p) * wide(q).conj())
                .sum();
        }
    }
    let Some(eigen) = hermitian_eigen(covariance, n, |_| MAX_COILS) else {
        return coils.into_iter().take(MAX_COILS).collect();
    };
    eigen
        .vectors
        .iter()
        .map(|v| {
            let weights: Vec<Complex32> = v
                .iter()
                .map(|w| Complex32::new(w.re as f32, -w.im as f32))
                .collect();
            (0..coils[0].len())
                .map(|s| coils.iter().zip(&weights).map(|(c, w)| c[s] * w).sum())
                .collect()
        })
        .collect()
}

/// A first guess: the energy's centre along each spoke lies where the centre of k-space was passed.
fn centroid_start(
    coils: &[Vec<Complex32>],
    chosen: &[usize],
    spokes: &[usize],
    n_samples: usize,
    radial: &Radial,
) -> [f64; 3] {
    let n = radial.directions.len();
    let (mut sum, mut moment) = (vec![0.0; n], vec![0.0; n]);
    for (i, (&at, &spoke)) in chosen.iter().zip(spokes).enumerate() {
        let energy: f64 = coils.iter().map(|c| f64::from(c[i].norm_sqr())).sum();
        let r = radial.first[spoke] + radial.step * (at % n_samples) as f64;
        sum[spoke] += energy;
        moment[spoke] += energy * r;
    }
    let (mut matrix, mut right) = ([[0.0; 3]; 3], [0.0; 3]);
    for spoke in (0..n).filter(|s| sum[*s] > 0.0) {
        let [ny, nx] = radial.directions[spoke];
        let row = [nx * nx, ny * ny, 2.0 * nx * ny];
        // The sample there is really at zero.
        let shift = -moment[spoke] / sum[spoke] / radial.step;
        for i in 0..3 {
            right[i] += row[i] * shift;
            for j in 0..3 {
                matrix[i][j] += row[i] * row[j];
            }
        }
    }
    solve3(matrix, right)
        .filter(|s| s.iter().all(|s| s.abs() < MAX_DELAY))
        .unwrap_or_default()
}

/// Solves three equations by Cramer's rule; `None` if they do not determine a solution.
fn solve3(m: [[f64; 3]; 3], b: [f64; 3]) -> Option<[f64; 3]> {
    let det = |m: &[[f64; 3]; 3]| {
        m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1])
            - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
            + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
    };
    let d = det(&m);
    let size = m.iter().flatten().fold(0.0f64, |a, v| a.max(v.abs()));
    if !d.is_finite() || d.abs() <= 1e-9 * size.powi(3) {
        return None;
    }
    Some([0, 1, 2].map(|column| {
        let mut replaced = m;
        for row in 0..3 {
            replaced[row][column] = b[row];
        }
        det(&replaced) / d
    }))
}
