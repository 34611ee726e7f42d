//! Changes of intensities in the network's range, -1 to 1 and a little beyond.

use omnimri_image::Zyx;
use omnimri_recon::simulate::filter::gaussian;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Least and most intensity, dark being 0 and bright 1.
const RANGE: [f32; 2] = [-0.1, 1.6];

/// Changes every intensity, dark being 0 and bright 1.
pub(super) fn map_unit(planes: &mut [Vec<f32>], mut f: impl FnMut(usize, f32) -> f32) {
    for plane in planes {
        for (i, v) in plane.iter_mut().enumerate() {
            *v = f(i, (*v + 1.0) / 2.0).clamp(RANGE[0], RANGE[1]) * 2.0 - 1.0;
        }
    }
}

pub(super) fn gamma(planes: &mut [Vec<f32>], strength: f32, rng: &mut ChaCha8Rng) {
    let exponent = (rng.random_range(-0.35..0.35f32) * strength).exp();
    map_unit(planes, |_, v| v.clamp(0.0, 1.5).powf(exponent));
}

pub(super) fn contrast(planes: &mut [Vec<f32>], strength: f32, rng: &mut ChaCha8Rng) {
    let contrast = 1.0 + rng.random_range(-0.2..0.2f32) * strength;
    let brightness = rng.random_range(-0.05..0.05f32) * strength;
    map_unit(planes, |_, v| v * contrast + brightness);
}

pub(super) fn bias(
    planes: &mut [Vec<f32>],
    (h, w): (usize, usize),
    strength: f32,
    rng: &mut ChaCha8Rng,
) {
    let c: [f32; 4] = std::array::from_fn(|_| rng.random_range(-0.2..0.2f32) * strength);
    map_unit(planes, |i, v| {
        let y = (i / w) as f32 / h as f32 - 0.5;
        let x = (i % w) as f32 / w as f32 - 0.5;
        v * (1.0 + c[0] * y + c[1] * x + c[2] * y * x * 2.0 + c[3] * (y * y - x * x))
    });
}

pub(super) fn blur(
    planes: &mut [Vec<f32>],
    (h, w): (usize, usize),
    strength: f32,
    rng: &mut ChaCha8Rng,
) {
    let mut sigma = || 0.3 + rng.random_range(0.0..1.2f32) * strength.min(10.0);
    let sigma = Zyx::new(0.0, sigma(), sigma());
    for plane in planes {
        gaussian(plane, Zyx::new(1, h, w), sigma);
    }
}

pub(super) fn noise(planes: &mut [Vec<f32>], strength: f32, rng: &mut ChaCha8Rng) {
    let level = rng.random_range(0.01..0.08f32) * strength;
    map_unit(planes, |_, v| {
        let (re, im) = (level * normal(rng), level * normal(rng));
        // The magnitude of a complex sample, where there is signal to speak of.
        if v > 0.0 {
            (v + re).hypot(im)
        } else {
            v + re.hypot(im)
        }
    });
}

/// A standard normal value (sum of uniforms: cheap, and its tails do not matter here).
pub fn normal(rng: &mut ChaCha8Rng) -> f32 {
    let bits: u64 = rng.random();
    let sum: u64 = (0..4).map(|i| bits >> (16 * i) & 0xffff).sum();
    (sum as f32 / 65_535.0) * 1.732 - 3.464
}
