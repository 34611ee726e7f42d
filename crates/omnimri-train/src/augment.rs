//! Random geometry and intensity changes of training slices; a pure function of the generator given.

use omnimri_findings::Region;
use omnimri_model::mirror::MIRRORED;
use omnimri_model::preprocess::{Affine2, resample};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// How far a slice may be changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Strength {
    /// Largest rotation in degrees.
    pub rotation_deg: f32,
    /// Largest relative change of scale.
    pub scale: f32,
    /// Largest shift along rows (down) and columns in shares of the side.
    pub shift: [f32; 2],
    /// May left and right be exchanged? Only where no label names a side or level along that axis.
    pub mirror: bool,
}

impl Strength {
    /// For a region; mirrored where both sides look alike and no label depends on the side.
    pub fn of(region: Option<Region>) -> Self {
        let mirror = region.is_some_and(|r| MIRRORED.contains(&r));
        let rotation_deg = if region == Some(Region::Heart) {
            25.0
        } else {
            12.0
        };
        Self {
            rotation_deg,
            scale: 0.18,
            shift: match region {
                // A vertebra's level is counted from the sacrum, not read off its place in the picture: where the field of view
                // sits along the spine must tell nothing.
                Some(Region::LumbarSpine) => [0.25, 0.12],
                _ => [0.08, 0.08],
            },
            mirror,
        }
    }
}

/// A random map from network position to (unchanged) network position on a square of `side` pixels.
pub fn geometry(rng: &mut ChaCha8Rng, side: usize, strength: Strength) -> Affine2 {
    let mut within = |a: f32| {
        if a > 0.0 {
            rng.random_range(-a..a)
        } else {
            0.0
        }
    };
    let angle = within(strength.rotation_deg).to_radians();
    let (zoom, stretch) = (
        1.0 + within(strength.scale),
        1.0 + within(strength.scale / 3.0),
    );
    // Small shifts are the rule and large ones happen: a product of two draws peaks at zero.
    let mut shift = |a: f32| within(a) * within(1.0).abs() * side as f32;
    let (dy, dx) = (shift(strength.shift[0]), shift(strength.shift[1]));
    let mirror = if strength.mirror && rng.random_bool(0.5) {
        -1.0
    } else {
        1.0
    };
    let (s, c) = angle.sin_cos();
    let centre = (side as f32 - 1.0) / 2.0;
    let rows = [
        [zoom * stretch * c, -zoom * s * mirror],
        [zoom * s, zoom / stretch * c * mirror],
    ];
    let offset = |r: [f32; 2], d: f32| centre + d - r[0] * centre - r[1] * centre;
    Affine2([
        [rows[0][0], rows[0][1], offset(rows[0], dy)],
        [rows[1][0], rows[1][1], offset(rows[1], dx)],
    ])
}

/// A random change of intensities in the network's range (-1 to 1, a little beyond): gamma, contrast, brightness, a smooth
/// bias field, noise, and now and then blur by shrinking.
pub fn intensity(rng: &mut ChaCha8Rng, image: &mut [f32], side: usize, stride: usize) {
    let gamma = rng.random_range(-0.35f32..0.35).exp();
    let contrast = rng.random_range(0.8f32..1.2);
    let brightness = rng.random_range(-0.1f32..0.1);
    let bias: [f32; 4] = std::array::from_fn(|_| rng.random_range(-0.2..0.2));
    let noise = if rng.random_bool(0.4) {
        rng.random_range(0.0f32..0.08)
    } else {
        0.0
    };
    if rng.random_bool(0.15) {
        soften(image, side, stride);
    }
    for (i, pixel) in image.chunks_exact_mut(stride).enumerate() {
        let y = (i / side) as f32 / side as f32 - 0.5;
        let x = (i % side) as f32 / side as f32 - 0.5;
        let field =
            1.0 + bias[0] * y + bias[1] * x + bias[2] * y * x * 2.0 + bias[3] * (y * y - x * x);
        for v in pixel {
            let unit = ((*v + 1.0) / 2.0).clamp(0.0, 1.5).powf(gamma) * field * contrast
                + brightness * 0.5;
            let grain = if noise > 0.0 {
                noise * gaussian(rng)
            } else {
                0.0
            };
            *v = (unit + grain).clamp(-0.1, 1.6) * 2.0 - 1.0;
        }
    }
}

/// A standard normal value (sum of uniforms: cheap, and its tails do not matter here).
pub fn gaussian(rng: &mut ChaCha8Rng) -> f32 {
    (0..4).map(|_| rng.random::<f32>()).sum::<f32>() * 1.732 - 3.464
}

/// Halves the resolution and restores the size.
fn soften(image: &mut [f32], side: usize, stride: usize) {
    let half = side / 2;
    let down = Affine2::fit(side, side, 1.0, half);
    let up = Affine2::fit(half, half, 1.0, side);
    for channel in 0..stride {
        let plane: Vec<f32> = image
            .iter()
            .skip(channel)
            .step_by(stride)
            .copied()
            .collect();
        let mut small = vec![0.0; half * half];
        resample(&plane, (side, side), &down, -1.0, &mut small, half, (0, 1));
        resample(
            &small,
            (half, half),
            &up,
            -1.0,
            image,
            side,
            (channel, stride),
        );
    }
}
