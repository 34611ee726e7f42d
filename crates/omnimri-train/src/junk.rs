//! Images that are no MRI slice, for the class "out of scope": blank, noise, ramps, stripes, shapes, photographs' statistics.

use omnimri_corpus::augment::normal;
use omnimri_model::config::NEIGHBOURS;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// One image in the network's range, `[side, side, 3]`.
pub fn image(rng: &mut ChaCha8Rng, side: usize) -> Vec<f32> {
    let kind = rng.random_range(0..6);
    let level = rng.random_range(-1.0f32..1.5);
    let spread = rng.random_range(0.05f32..1.0);
    let (ky, kx) = (
        rng.random_range(-0.6f32..0.6),
        rng.random_range(-0.6f32..0.6),
    );
    let shapes: Vec<[f32; 5]> = (0..rng.random_range(1..9))
        .map(|_| {
            let mut at = |lo: f32, hi: f32| rng.random_range(lo..hi) * side as f32;
            let (y, x, h, w) = (at(0.0, 1.0), at(0.0, 1.0), at(0.05, 0.5), at(0.05, 0.5));
            [y, x, h, w, rng.random_range(-1.0..1.5)]
        })
        .collect();
    // A sum of waves falling with frequency has a photograph's spectrum without its content.
    let waves: Vec<[f32; 4]> = (1..24)
        .map(|k| {
            let f = k as f32 / side as f32 * std::f32::consts::TAU * rng.random_range(0.3f32..1.5);
            let direction = rng.random_range(0.0..std::f32::consts::TAU);
            [
                f * direction.sin(),
                f * direction.cos(),
                rng.random_range(0.0..std::f32::consts::TAU),
                1.2 / k as f32,
            ]
        })
        .collect();
    let mut out = Vec::with_capacity(side * side * NEIGHBOURS);
    for y in 0..side {
        for x in 0..side {
            let (fy, fx) = (y as f32, x as f32);
            let v = match kind {
                0 => level,
                1 => level * 0.3 + spread * normal(rng),
                2 => level + (ky * fy + kx * fx) / side as f32 * 2.0,
                3 => level * 0.3 + spread * (ky * fy + kx * fx).sin(),
                4 => shapes.iter().fold(-1.0, |v, s| {
                    if (fy - s[0]).abs() < s[2] && (fx - s[1]).abs() < s[3] {
                        s[4]
                    } else {
                        v
                    }
                }),
                _ => {
                    let wave = |w: &[f32; 4]| w[3] * (w[0] * fy + w[1] * fx + w[2]).sin();
                    level * 0.3 + waves.iter().map(wave).sum::<f32>()
                }
            };
            out.extend([v.clamp(-1.0, 2.0); NEIGHBOURS]);
        }
    }
    out
}
