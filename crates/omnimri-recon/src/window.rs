//! Windows on k-space: less ringing for less resolution.
//!
//! Harris, "On the use of windows for harmonic analysis with the discrete Fourier transform", Proc IEEE 66 (1978) 51.

use num_complex::Complex32;
use rayon::prelude::*;

use crate::{Error, Result};

/// A window: a function of the distance from the zero frequency, 0 there and 1 at the edge of k-space.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Window {
    /// `(1 + cos(pi r)) / 2`: zero at the edge.
    Hann,
    /// `0.54 + 0.46 cos(pi r)`: 0.08 at the edge.
    Hamming,
    /// Flat up to `1 - taper`, then a cosine to zero at the edge; `taper` 0 is no window, 1 is Hann's.
    Tukey {
        /// Part of the radius that falls, 0 to 1.
        taper: f64,
    },
    /// `I0(beta sqrt(1 - r^2)) / I0(beta)`.
    Kaiser {
        /// Strength, 0 (none) to 100.
        beta: f64,
    },
    /// `exp(-r^2 / (2 sigma^2))`.
    Gaussian {
        /// Standard deviation in units of the distance to the edge, above 0.
        sigma: f64,
    },
}

/// How a window covers two axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WindowShape {
    /// The product of one window an axis: a rectangle in k-space.
    #[default]
    Separable,
    /// One window of the elliptic radius: zero frequency 0, middle of an edge 1; corners are outside.
    Radial,
}

impl Window {
    /// Checks the parameter.
    ///
    /// # Errors
    /// [`Error::OutOfRange`].
    pub fn validate(self) -> Result<()> {
        let (what, found, min, max) = match self {
            Self::Hann | Self::Hamming => return Ok(()),
            Self::Tukey { taper } => ("taper of the Tukey window", taper, 0.0, 1.0),
            Self::Kaiser { beta } => ("beta of the Kaiser window", beta, 0.0, 100.0),
            Self::Gaussian { sigma } => ("sigma of the Gaussian window", sigma, 1e-3, 1e3),
        };
        if (min..=max).contains(&found) {
            return Ok(());
        }
        Err(Error::OutOfRange {
            what,
            min,
            max,
            found,
            hint: "1 is the edge of k-space",
        })
    }

    /// The window at distance `r` from the zero frequency; zero beyond the edge at 1, but for the Gaussian.
    pub fn value(self, r: f64) -> f64 {
        let cosine = |r: f64| 0.5 + 0.5 * (std::f64::consts::PI * r).cos();
        let inside = r.abs() <= 1.0;
        match self {
            Self::Gaussian { sigma } => (-0.5 * (r / sigma).powi(2)).exp(),
            _ if !inside => 0.0,
            Self::Hann => cosine(r),
            Self::Hamming => 0.08 + 0.92 * cosine(r),
            Self::Tukey { taper } => {
                let beyond = r.abs() - (1.0 - taper);
                if beyond <= 0.0 {
                    1.0
                } else {
                    cosine(beyond / taper)
                }
            }
            Self::Kaiser { beta } => bessel_i0(beta * (1.0 - r * r).sqrt()) / bessel_i0(beta),
        }
    }

    /// The window along an axis of `n` samples, 1 at index `n / 2`.
    pub fn weights(self, n: usize) -> Vec<f32> {
        (0..n).map(|i| self.value(distance(i, n)) as f32).collect()
    }

    /// Multiplies k-space by the window, in place.
    ///
    /// # Shapes
    /// - `samples`: `[batch...][n_y][n_x]`
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a bad parameter; [`Error::Size`] if `samples` is not a batch of the matrix.
    pub fn apply(
        self,
        samples: &mut [Complex32],
        n_y: usize,
        n_x: usize,
        shape: WindowShape,
    ) -> Result<()> {
        self.validate()?;
        let n = n_y.saturating_mul(n_x);
        if n == 0 || !samples.len().is_multiple_of(n) {
            return Err(Error::Size {
                what: "k-space to window",
                expected: n,
                found: samples.len(),
                hint: "samples must be [batch...][y][x]",
            });
        }
        let weights: Vec<f32> = match shape {
            WindowShape::Separable => {
                let (rows, columns) = (self.weights(n_y), self.weights(n_x));
                rows.iter()
                    .flat_map(|a| columns.iter().map(move |b| a * b))
                    .collect()
            }
            WindowShape::Radial => (0..n)
                .map(|i| {
                    let r = distance(i / n_x, n_y).hypot(distance(i % n_x, n_x));
                    self.value(r) as f32
                })
                .collect(),
        };
        samples.par_chunks_mut(n).for_each(|image| {
            for (v, w) in image.iter_mut().zip(&weights) {
                *v *= w;
            }
        });
        Ok(())
    }
}

/// Signed distance from the zero frequency in units of half the axis.
fn distance(i: usize, n: usize) -> f64 {
    2.0 * (i as f64 - (n / 2) as f64) / n as f64
}

/// Modified Bessel function of the first kind and order zero, by its power series (all terms are positive).
fn bessel_i0(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut term, mut sum) = (1.0, 1.0);
    for k in 1..500 {
        term *= quarter / f64::from(k * k);
        sum += term;
        if term < 1e-17 * sum {
            break;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::tests::random_array;

    const ALL: [Window; 5] = [
        Window::Hann,
        Window::Hamming,
        Window::Tukey { taper: 0.4 },
        Window::Kaiser { beta: 6.0 },
        Window::Gaussian { sigma: 0.5 },
    ];

    #[test]
    fn values_known_by_hand() {
        let close = |window: Window, r, expected: f64| {
            assert!(
                (window.value(r) - expected).abs() < 1e-6,
                "{window:?} at {r}"
            );
        };
        for window in ALL {
            close(window, 0.0, 1.0);
        }
        close(Window::Hann, 0.5, 0.5);
        close(Window::Hann, -1.0, 0.0);
        close(Window::Hamming, 1.0, 0.08);
        close(Window::Tukey { taper: 0.4 }, 0.6, 1.0);
        close(Window::Tukey { taper: 0.4 }, 0.8, 0.5);
        close(Window::Tukey { taper: 0.0 }, 1.0, 1.0);
        close(Window::Tukey { taper: 1.0 }, 0.3, Window::Hann.value(0.3));
        // I0(6) = 67.234407.
        close(Window::Kaiser { beta: 6.0 }, 1.0, 1.0 / 67.234_407);
        close(Window::Gaussian { sigma: 0.5 }, 0.5, (-0.5f64).exp());
        close(Window::Hann, 1.2, 0.0);
    }

    #[test]
    fn the_maximum_lies_at_the_zero_frequency_and_both_shapes_fall_from_it() {
        let (n_y, n_x) = (12, 17);
        for window in ALL {
            for shape in [WindowShape::Separable, WindowShape::Radial] {
                let mut ones = vec![Complex32::ONE; 2 * n_y * n_x];
                window.apply(&mut ones, n_y, n_x, shape).unwrap();
                let centre = n_y / 2 * n_x + n_x / 2;
                assert_eq!(ones[centre], Complex32::ONE);
                assert_eq!(ones[..n_y * n_x], ones[n_y * n_x..]);
                let row = &ones[n_y / 2 * n_x..][..n_x];
                assert!(row[n_x / 2..].windows(2).all(|w| w[0].re >= w[1].re));
                assert!(row[..=n_x / 2].windows(2).all(|w| w[0].re <= w[1].re));
            }
        }
        // A corner: the product against the window of the longer radius.
        let corner = |shape| {
            let mut ones = vec![Complex32::ONE; 64];
            Window::Hamming.apply(&mut ones, 8, 8, shape).unwrap();
            ones[0].re
        };
        assert!((corner(WindowShape::Separable) - 0.0064).abs() < 1e-6);
        assert_eq!(corner(WindowShape::Radial), 0.0);
    }

    #[test]
    fn bad_parameters_and_sizes_are_refused() {
        let mut samples = random_array(35, 1);
        for window in [
            Window::Tukey { taper: 1.5 },
            Window::Kaiser { beta: f64::NAN },
            Window::Gaussian { sigma: 0.0 },
        ] {
            assert!(matches!(
                window.apply(&mut samples, 5, 7, WindowShape::Radial),
                Err(Error::OutOfRange { .. })
            ));
        }
        assert!(matches!(
            Window::Hann.apply(&mut samples, 5, 6, WindowShape::Radial),
            Err(Error::Size { .. })
        ));
    }
}
