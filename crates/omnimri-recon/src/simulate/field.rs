//! Smooth random fields in space: sums of plane waves.

use rand::Rng;

/// A stationary random field of unit variance, a function of its generator's state only.
///
/// Waves lie in separate arrays and their count is a multiple of four, so that the sum runs in vector registers.
#[derive(Debug, Clone, PartialEq)]
pub struct Waves {
    kx: Vec<f32>,
    ky: Vec<f32>,
    kz: Vec<f32>,
    phase: Vec<f32>,
    amplitude: f32,
}

/// `sin(2 pi t)` to one part in a thousand.
#[inline]
fn sin_turns(t: f32) -> f32 {
    // Adding and taking away 1.5 * 2^23 rounds to the nearest integer.
    let t = t - ((t + 12_582_912.0) - 12_582_912.0);
    let y = 8.0 * t - 16.0 * t * t.abs();
    0.225 * (y * y.abs() - y) + y
}

impl Waves {
    /// `n` waves with directions drawn over the sphere and wavelengths in millimetres from the given range.
    pub fn random(rng: &mut impl Rng, n: usize, wavelength_mm: std::ops::Range<f32>) -> Self {
        let n = n.next_multiple_of(4);
        let mut waves = Self {
            kx: Vec::with_capacity(n),
            ky: Vec::with_capacity(n),
            kz: Vec::with_capacity(n),
            phase: Vec::with_capacity(n),
            amplitude: (2.0 / n as f32).sqrt(),
        };
        for _ in 0..n {
            let z: f32 = rng.random_range(-1.0..1.0);
            let (sin, cos) = rng.random_range(0.0..std::f32::consts::TAU).sin_cos();
            let k = 1.0 / rng.random_range(wavelength_mm.clone());
            let flat = (1.0 - z * z).sqrt();
            waves.kx.push(k * flat * cos);
            waves.ky.push(k * flat * sin);
            waves.kz.push(k * z);
            waves.phase.push(rng.random_range(0.0..1.0));
        }
        waves
    }

    /// Value at a point in millimetres.
    #[inline]
    pub fn value(&self, [x, y, z]: [f32; 3]) -> f32 {
        let n = self.phase.len();
        let (kx, ky, kz, phase) = (
            &self.kx[..n],
            &self.ky[..n],
            &self.kz[..n],
            &self.phase[..n],
        );
        let mut lanes = [0.0f32; 4];
        for group in (0..n).step_by(4) {
            for (lane, sum) in lanes.iter_mut().enumerate() {
                let i = group + lane;
                *sum += sin_turns(kx[i] * x + ky[i] * y + kz[i] * z + phase[i]);
            }
        }
        self.amplitude * ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3]))
    }

    /// Value at a point, and the length of the gradient a millimetre.
    #[inline]
    pub fn value_and_slope(&self, [x, y, z]: [f32; 3]) -> (f32, f32) {
        let n = self.phase.len();
        let (kx, ky, kz, phase) = (
            &self.kx[..n],
            &self.ky[..n],
            &self.kz[..n],
            &self.phase[..n],
        );
        let mut lanes = [[0.0f32; 4]; 4];
        for group in (0..n).step_by(4) {
            for lane in 0..4 {
                let i = group + lane;
                let t = kx[i] * x + ky[i] * y + kz[i] * z + phase[i];
                let cos = sin_turns(t + 0.25);
                lanes[0][lane] += sin_turns(t);
                lanes[1][lane] += kx[i] * cos;
                lanes[2][lane] += ky[i] * cos;
                lanes[3][lane] += kz[i] * cos;
            }
        }
        let [v, gx, gy, gz] = lanes.map(|l| self.amplitude * ((l[0] + l[1]) + (l[2] + l[3])));
        (
            v,
            std::f32::consts::TAU * (gx * gx + gy * gy + gz * gz).sqrt(),
        )
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn the_sine_is_close_enough() {
        for i in -3000..3000 {
            let t = i as f32 / 777.0;
            assert!((sin_turns(t) - (std::f32::consts::TAU * t).sin()).abs() < 2e-3);
        }
    }

    #[test]
    fn unit_variance_and_a_true_slope() {
        let waves = Waves::random(&mut ChaCha8Rng::seed_from_u64(2), 14, 20.0..40.0);
        let (mut sum, n) = (0.0, 4000);
        for i in 0..n {
            let p = [i as f32 * 3.7, (i % 57) as f32 * 5.1, (i % 31) as f32 * 2.9];
            let (v, slope) = waves.value_and_slope(p);
            sum += v * v;
            assert!((v - waves.value(p)).abs() < 1e-5);
            let h = 0.05;
            let d = |axis: usize| {
                let mut q = p;
                q[axis] += h;
                (waves.value(q) - v) / h
            };
            let numeric = (d(0).powi(2) + d(1).powi(2) + d(2).powi(2)).sqrt();
            assert!((numeric - slope).abs() < 0.05, "{numeric} {slope}");
        }
        assert!((sum / n as f32 - 1.0).abs() < 0.3);
    }
}
