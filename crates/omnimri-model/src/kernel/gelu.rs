//! GELU, `x Phi(x)` (Hendrycks and Gimpel 2016), on plain arrays.
//!
//! The error function is the rational approximation 7.1.26 of Abramowitz and Stegun (absolute error below 1.5e-7, the
//! resolution of `f32` around 1), written without branches so that the compiler computes several values at once; calling the
//! scalar error function of the C library took a fifth of a training step.

use rayon::prelude::*;

/// Values a parallel task computes.
const CHUNK: usize = 1 << 14;

/// `exp(x)` for `x` between -87 and 0; smaller values give `exp(-87)`.
#[inline(always)]
fn exp_negative(x: f32) -> f32 {
    /// Added and taken away, it leaves the nearest whole number.
    const ROUND: f32 = 12_582_912.0;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = x.max(-87.0);
    let n = (x * std::f32::consts::LOG2_E + ROUND) - ROUND;
    let r = (x - n * LN2_HIGH) - n * LN2_LOW;
    // Polynomial of the Cephes library's expf.
    let mut p = 1.987_569_1e-4;
    for c in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5] {
        p = p * r + c;
    }
    let p = p * r * r + r + 1.0;
    // 2^n through the bits of the exponent: n lies between -126 and 0.
    p * f32::from_bits(((n as i32 + 127) << 23) as u32)
}

/// `Phi(x)` and the density `phi(x)` of the standard normal distribution.
#[inline(always)]
fn normal(x: f32) -> (f32, f32) {
    const DENSITY: f32 = 0.398_942_3;
    let e = exp_negative(-0.5 * x * x);
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let mut p = 1.061_405_4;
    for c in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
        p = p * t + c;
    }
    // The upper tail of |x|.
    let tail = 0.5 * p * t * e;
    let phi = if x > 0.0 { 1.0 - tail } else { tail };
    (phi, DENSITY * e)
}

/// `x Phi(x)`.
pub(super) fn forward(x: &[f32]) -> Vec<f32> {
    let mut y = vec![0.0; x.len()];
    y.par_chunks_mut(CHUNK)
        .zip(x.par_chunks(CHUNK))
        .for_each(|(y, x)| {
            for (y, &x) in y.iter_mut().zip(x) {
                *y = x * normal(x).0;
            }
        });
    y
}

/// `(Phi(x) + x phi(x)) grad_y`.
pub(super) fn backward(x: &[f32], grad_y: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; x.len()];
    out.par_chunks_mut(CHUNK)
        .zip(x.par_chunks(CHUNK).zip(grad_y.par_chunks(CHUNK)))
        .for_each(|(out, (x, gy))| {
            for (out, (&x, &gy)) in out.iter_mut().zip(x.iter().zip(gy)) {
                let (cumulative, density) = normal(x);
                *out = (cumulative + x * density) * gy;
            }
        });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_is_exact_to_float_resolution() {
        for k in 0..8_700 {
            let x = -(k as f32) / 100.0;
            let (found, expected) = (f64::from(exp_negative(x)), f64::from(x).exp());
            assert!(
                (found / expected - 1.0).abs() < 3e-7,
                "{x}: {found} {expected}"
            );
        }
        assert!(exp_negative(f32::NEG_INFINITY) < 1e-37);
    }

    #[test]
    fn known_values_and_tails() {
        // Phi(1) and phi(1) to seven digits.
        let (cumulative, density) = normal(1.0);
        assert!((cumulative - 0.841_344_7).abs() < 3e-7 && (density - 0.241_970_7).abs() < 1e-7);
        let y = forward(&[-40.0, -1.0, 0.0, 1.0, 40.0, f32::NAN]);
        assert_eq!((y[2], y[4]), (0.0, 40.0));
        assert!(y[0].abs() < 1e-30 && (y[1] + 0.158_655_3).abs() < 1e-6);
        assert!(y[5].is_nan());
    }
}
