//! The gridding kernel: exponential of a semicircle, as piecewise polynomials and in the image domain.
//!
//! `phi(t) = exp(beta (sqrt(1 - t^2) - 1))`, `|t| <= 1`, `w` grid samples wide (Barnett, Magland, af Klinteberg, SIAM J Sci Comput
//! 2019;41:C479). Its error at oversampling `sigma` is about `exp(-pi w sqrt(1 - 1 / sigma))`.

use std::f64::consts::PI;

/// Widest kernel.
pub(super) const MAX_WIDTH: usize = 16;

/// A kernel of one width.
#[derive(Debug, Clone)]
pub(super) struct Kernel {
    /// Grid samples it spans.
    pub width: usize,
    /// Shape parameter.
    beta: f64,
    /// Coefficients, highest power first: `[power][tap]`, taps past `width` zero.
    pub coefficients: Vec<[f32; MAX_WIDTH]>,
}

impl Kernel {
    /// The narrowest kernel whose error at this oversampling stays below `tolerance`, as far as `MAX_WIDTH` reaches.
    pub fn new(tolerance: f64, oversampling: f64) -> Self {
        let decay = PI * (1.0 - 1.0 / oversampling).sqrt();
        // On a tight grid the image's edge is scaled up most, and single-precision rounding with it: one tap fewer is more exact.
        let margin = usize::from(oversampling >= 1.4);
        let width = ((-tolerance.ln() / decay).ceil() as usize + margin).clamp(3, MAX_WIDTH);
        // Near the largest value whose transform still ends before the first alias.
        let beta = 0.97 * PI * width as f64 * (1.0 - 0.5 / oversampling);
        let degree = width + 3;
        let mut coefficients = vec![[0.0; MAX_WIDTH]; degree + 1];
        for tap in 0..width {
            let start = tap as f64 - width as f64 / 2.0;
            let piece = |z: f64| semicircle(beta, (start + (z + 1.0) / 2.0) / (width as f64 / 2.0));
            for (power, c) in polynomial(piece, degree).into_iter().enumerate() {
                coefficients[degree - power][tap] = c as f32;
            }
        }
        Self {
            width,
            beta,
            coefficients,
        }
    }

    /// Its Fourier transform at `turns` cycles a grid sample, with the grid sample as the unit of length.
    pub fn transform(&self, turns: f64) -> f64 {
        const N: usize = 512;
        // With t = sin(a) the integrand is smooth up to the ends.
        let sum: f64 = (0..N)
            .map(|i| {
                let a = PI * ((i as f64 + 0.5) / N as f64 - 0.5);
                let u = a.sin() * self.width as f64 / 2.0;
                (self.beta * (a.cos() - 1.0)).exp() * a.cos() * (2.0 * PI * turns * u).cos()
            })
            .sum();
        sum * PI / N as f64 * self.width as f64 / 2.0
    }
}

fn semicircle(beta: f64, t: f64) -> f64 {
    (beta * ((1.0 - t * t).max(0.0).sqrt() - 1.0)).exp()
}

/// Coefficients, lowest power first, of the polynomial through `f` at the Chebyshev nodes of [-1, 1].
fn polynomial(f: impl Fn(f64) -> f64, degree: usize) -> Vec<f64> {
    let n = degree + 1;
    let node = |i: usize| (PI * (i as f64 + 0.5) / n as f64).cos();
    let values: Vec<f64> = (0..n).map(|i| f(node(i))).collect();
    let mut out = vec![0.0; n];
    // Chebyshev polynomials in powers of x: T(k + 1) = 2 x T(k) - T(k - 1), which holds from T(-1) = x on.
    let (mut previous, mut current) = (vec![0.0; n], vec![0.0; n]);
    previous[1] = 1.0;
    current[0] = 1.0;
    for k in 0..n {
        let sum: f64 = (0..n)
            .map(|i| values[i] * (PI * k as f64 * (i as f64 + 0.5) / n as f64).cos())
            .sum();
        let c = sum * if k == 0 { 1.0 } else { 2.0 } / n as f64;
        for (o, p) in out.iter_mut().zip(&current) {
            *o += c * p;
        }
        for i in (0..n).rev() {
            let shifted = if i == 0 { 0.0 } else { current[i - 1] };
            previous[i] = 2.0 * shifted - previous[i];
        }
        std::mem::swap(&mut previous, &mut current);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polynomials_follow_the_kernel() {
        for (tolerance, oversampling) in [(1e-3, 2.0), (1e-6, 2.0), (1e-6, 1.25), (1e-5, 1.5)] {
            let kernel = Kernel::new(tolerance, oversampling);
            for step in 0..=40 {
                let z = step as f64 / 20.0 - 1.0;
                for tap in 0..kernel.width {
                    let value = kernel
                        .coefficients
                        .iter()
                        .fold(0.0, |v, c| v * z + f64::from(c[tap]));
                    let t = (tap as f64 - kernel.width as f64 / 2.0 + (z + 1.0) / 2.0)
                        / (kernel.width as f64 / 2.0);
                    assert!(
                        (value - semicircle(kernel.beta, t)).abs() < 0.3 * tolerance.max(1e-6),
                        "{tolerance} {oversampling} tap {tap}: {value}"
                    );
                }
            }
        }
    }
}
