//! Echo-planar readouts sampled while their gradient ramps, brought to equal steps in k-space.
//!
//! The gradient's shape gives the position of each sample. What one readout measured is the transform of an object's
//! projection, which lies within the field of view; the projection that fits the samples best (least squares, as in
//! D. Rosenfeld, Magn Reson Med 40:14, 1998) is transformed back to the grid. The widest step between samples bounds the
//! width of the projection that they can tell, which with the usual twofold oversampling is more than the image's.

use num_complex::{Complex32, Complex64};
use omnimri_image::raw::{RampSampling, RampShape};
use rayon::prelude::*;

use crate::linalg::cholesky;
use crate::{Error, Result};

/// Most samples a readout: the work goes with their cube.
const MOST_SAMPLES: usize = 1024;
/// Weight that keeps the fit finite, relative to the mean weight of the samples.
const REGULARISATION: f64 = 1e-4;

/// Brings readouts to equal steps; made once for all readouts of a frame.
#[derive(Debug)]
pub struct RampRegridder {
    n: usize,
    /// `[to][from]`
    matrix: Vec<Complex32>,
}

/// Area under the gradient from its start to `t`, its full strength being 1.
fn area(ramp: &RampSampling, t: f64) -> f64 {
    let full = |length: f64| match ramp.shape {
        RampShape::Sinusoid => 2.0 / std::f64::consts::PI * length,
        _ => length / 2.0,
    };
    // Area of the first part `t` of a ramp of `length`.
    let up = |t: f64, length: f64| match ramp.shape {
        _ if length <= 0.0 => 0.0,
        RampShape::Sinusoid => {
            full(length) * (1.0 - (std::f64::consts::FRAC_PI_2 * t / length).cos())
        }
        _ => t * t / (2.0 * length),
    };
    let (a, b, c) = (ramp.ramp_up_us, ramp.flat_us, ramp.ramp_down_us);
    if t <= a {
        up(t.max(0.0), a)
    } else if t <= a + b {
        full(a) + t - a
    } else {
        let left = (a + b + c - t).max(0.0);
        full(a) + b + full(c) - up(left, c)
    }
}

/// Positions of the samples in steps of the grid, zero in the middle of the readout.
///
/// The readout as a whole covers as much of k-space as the grid does.
pub fn positions(ramp: &RampSampling) -> Vec<f64> {
    let n = ramp.n_samples;
    let at = |part: f64| area(ramp, ramp.delay_us + part * ramp.adc_us);
    let (whole, middle) = (at(1.0) - at(0.0), at(0.5));
    (0..n)
        .map(|i| (at((i as f64 + 0.5) / n as f64) - middle) / whole * n as f64)
        .collect()
}

impl RampRegridder {
    /// Prepares for readouts under this gradient.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for more than 1024 samples, or times under which samples do not follow each other in k-space.
    pub fn new(ramp: &RampSampling) -> Result<Self> {
        let n = ramp.n_samples;
        let out_of_range = |what, min: f64, max: f64, found: f64| Error::OutOfRange {
            what,
            min,
            max,
            found,
            hint: "the protocol's ramp times contradict each other; leave out the regridding",
        };
        if !(2..=MOST_SAMPLES).contains(&n) {
            return Err(out_of_range(
                "samples on ramps",
                2.0,
                MOST_SAMPLES as f64,
                n as f64,
            ));
        }
        let k = positions(ramp);
        let steps = || k.windows(2).map(|w| w[1] - w[0]);
        let narrowest = steps().fold(f64::INFINITY, f64::min);
        let widest = steps().fold(0.0, f64::max);
        // Not a number fails as well.
        if !(narrowest > 0.0 && widest.is_finite()) {
            return Err(out_of_range(
                "smallest step between samples on ramps",
                f64::MIN_POSITIVE,
                n as f64,
                narrowest,
            ));
        }
        let half = ((n as f64 / widest / 2.0).floor() as i64).clamp(1, (n / 2) as i64);
        let pixels: Vec<f64> = (-half..half).map(|r| r as f64).collect();
        let m = pixels.len();
        let wave = |k: f64, r: f64| {
            Complex64::cis(-2.0 * std::f64::consts::PI * k * r / n as f64) / (n as f64).sqrt()
        };
        // Samples of the projection `[sample][pixel]`.
        let a: Vec<Complex64> = k
            .iter()
            .flat_map(|&k| pixels.iter().map(move |&r| wave(k, r)))
            .collect();
        let mut normal = vec![Complex64::ZERO; m * m];
        normal.par_chunks_mut(m).enumerate().for_each(|(i, row)| {
            for (j, v) in row.iter_mut().enumerate() {
                *v = (0..n).map(|s| a[s * m + i].conj() * a[s * m + j]).sum();
            }
            row[i] += REGULARISATION;
        });
        let lower = cholesky(&normal, m).ok_or_else(|| {
            out_of_range("widest step between samples on ramps", 0.0, 2.0, widest)
        })?;
        // On the grid both factors are whole numbers, so that there are only `n` different waves.
        let roots: Vec<Complex64> = (0..n).map(|i| wave(i as f64, 1.0)).collect();
        let phase = receiver_phase(ramp, &k);
        // Column by column: grid points from the projection that one sample alone would give.
        let columns: Vec<Vec<Complex32>> = (0..n)
            .into_par_iter()
            .map(|s| {
                let mut x: Vec<Complex64> = (0..m).map(|i| a[s * m + i].conj()).collect();
                lower.solve(&mut x, 1);
                (0..n as i64)
                    .map(|to| {
                        let k = to - (n / 2) as i64;
                        let waves =
                            (-half..half).map(|r| roots[(k * r).rem_euclid(n as i64) as usize]);
                        let sum: Complex64 = x.iter().zip(waves).map(|(x, w)| x * w).sum();
                        let sum = sum * phase[s];
                        Complex32::new(sum.re as f32, sum.im as f32)
                    })
                    .collect()
            })
            .collect();
        let mut matrix = vec![Complex32::ZERO; n * n];
        for (s, column) in columns.iter().enumerate() {
            for (to, v) in column.iter().enumerate() {
                matrix[to * n + s] = *v;
            }
        }
        Ok(Self { n, matrix })
    }

    /// Regrids one readout in place.
    ///
    /// # Shapes
    /// - `line`: `[x]`, as many samples as the gradient was described for
    pub fn apply(&self, line: &mut [Complex32]) {
        assert_eq!(line.len(), self.n, "a readout of another length");
        let from = line.to_vec();
        for (to, row) in line.iter_mut().zip(self.matrix.chunks_exact(self.n)) {
            *to = row.iter().zip(&from).map(|(m, f)| m * f).sum();
        }
    }
}

/// What is missing of the receiver's phase: it followed the centre of the field of view as if the gradient were at full
/// strength throughout.
fn receiver_phase(ramp: &RampSampling, k: &[f64]) -> Vec<Complex64> {
    let n = k.len() as f64;
    let at = |part: f64| area(ramp, ramp.delay_us + part * ramp.adc_us);
    let full_step = ramp.adc_us / (at(1.0) - at(0.0));
    k.iter()
        .enumerate()
        .map(|(i, k)| {
            let followed = full_step * (i as f64 - (n - 1.0) / 2.0);
            Complex64::cis(2.0 * std::f64::consts::PI * ramp.off_centre * (k - followed))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(shape: RampShape, n_samples: usize) -> RampSampling {
        RampSampling {
            shape,
            ramp_up_us: 160.0,
            flat_us: 240.0,
            ramp_down_us: 160.0,
            delay_us: 45.0,
            adc_us: 470.0,
            n_samples,
            off_centre: 0.0,
        }
    }

    /// Samples of a few points at any positions.
    fn signal(k: impl Iterator<Item = f64>, n: usize) -> Vec<Complex64> {
        let points = [(-9.0, 1.0), (-3.5, 0.4), (2.0, 0.8), (11.0, 0.6)];
        k.map(|k| {
            let waves = points
                .iter()
                .map(|&(r, a)| a * Complex64::cis(-2.0 * std::f64::consts::PI * k * r / n as f64));
            waves.sum()
        })
        .collect()
    }

    fn narrow(v: &[Complex64]) -> Vec<Complex32> {
        let narrow = |v: &Complex64| Complex32::new(v.re as f32, v.im as f32);
        v.iter().map(narrow).collect()
    }

    fn distance(a: &[Complex32], b: &[Complex32]) -> f32 {
        let norm =
            |v: &mut dyn Iterator<Item = Complex32>| v.map(|v| v.norm_sqr()).sum::<f32>().sqrt();
        norm(&mut a.iter().zip(b).map(|(a, b)| a - b)) / norm(&mut b.iter().copied())
    }

    #[test]
    fn the_area_is_the_integral_of_the_gradient() {
        for shape in [RampShape::Trapezoid, RampShape::Sinusoid] {
            let r = ramp(shape, 64);
            let gradient = |t: f64| {
                let part = (t / r.ramp_up_us)
                    .min((r.ramp_up_us + r.flat_us + r.ramp_down_us - t) / r.ramp_down_us)
                    .clamp(0.0, 1.0);
                match shape {
                    RampShape::Sinusoid => (std::f64::consts::FRAC_PI_2 * part).sin(),
                    _ => part,
                }
            };
            let (mut sum, step) = (0.0, 0.05);
            for i in 0..11_000 {
                let t = f64::from(i) * step;
                assert!((area(&r, t) - sum).abs() < 0.05, "{shape:?} at {t}");
                sum += gradient(t + step / 2.0) * step;
            }
        }
    }

    #[test]
    fn samples_on_ramps_become_those_of_the_grid() {
        for (shape, n) in [(RampShape::Trapezoid, 64), (RampShape::Sinusoid, 63)] {
            let r = ramp(shape, n);
            let k = positions(&r);
            let mut line = narrow(&signal(k.iter().copied(), n));
            let grid = (0..n).map(|i| i as f64 - (n / 2) as f64);
            let want = narrow(&signal(grid, n));
            assert!(distance(&line, &want) > 0.3, "{shape:?}: nothing to mend");
            RampRegridder::new(&r).unwrap().apply(&mut line);
            // The outermost sample of the grid lies a little outside those measured.
            let left = distance(&line[1..], &want[1..]);
            assert!(left < 0.02, "{shape:?}: {left}");
        }
    }

    #[test]
    fn the_receivers_frequency_is_mended() {
        let n = 64;
        let mut r = ramp(RampShape::Trapezoid, n);
        r.off_centre = 0.1;
        let k = positions(&r);
        let step = k[n / 2] - k[n / 2 - 1];
        // The object seen about the centre of the field of view, but the receiver turned as on a plateau.
        let mut line = signal(k.iter().copied(), n);
        for (i, (s, k)) in line.iter_mut().zip(&k).enumerate() {
            let turned = step * (i as f64 - (n as f64 - 1.0) / 2.0) - k;
            *s *= Complex64::cis(2.0 * std::f64::consts::PI * r.off_centre * turned);
        }
        let mut line = narrow(&line);
        RampRegridder::new(&r).unwrap().apply(&mut line);
        let want = narrow(&signal((0..n).map(|i| i as f64 - 32.0), n));
        let left = distance(&line[1..], &want[1..]);
        assert!(left < 0.02, "{left}");
    }

    #[test]
    fn impossible_times_are_refused() {
        let good = ramp(RampShape::Trapezoid, 64);
        for bad in [
            RampSampling {
                n_samples: 1,
                ..good
            },
            RampSampling {
                n_samples: 1 << 20,
                ..good
            },
            RampSampling {
                delay_us: 900.0,
                ..good
            },
            RampSampling {
                adc_us: f64::NAN,
                ..good
            },
            RampSampling {
                ramp_up_us: 0.0,
                flat_us: 0.0,
                ramp_down_us: 0.0,
                ..good
            },
        ] {
            assert!(RampRegridder::new(&bad).is_err(), "{bad:?}");
        }
    }
}
