//! Made-up images that the tests of this folder share.

use omnimri_image::Zyx;

/// A small generator of equally distributed bits (Steele et al., SplitMix64), so that tests need no other crate.
pub(crate) struct Random(pub u64);

impl Random {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 to 1.
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Of mean 0 and standard deviation 1.
    pub fn normal(&mut self) -> f32 {
        let radius = (-2.0 * self.unit().max(1e-7).ln()).sqrt();
        radius * (std::f32::consts::TAU * self.unit()).cos()
    }
}

/// A head of `seed`: skull, brain, two ventricles and soft blobs that differ from seed to seed; 0 to 0.9.
pub(crate) fn head(size: Zyx<usize>, seed: u64) -> Vec<f32> {
    let mut random = Random(seed);
    let shape: Vec<f32> = (0..6).map(|_| random.unit() - 0.5).collect();
    let blobs: Vec<[f32; 5]> = (0..24)
        .map(|_| {
            [
                1.1 * random.unit() - 0.55,
                1.1 * random.unit() - 0.55,
                2.0 * random.unit() - 1.0,
                0.05 + 0.12 * random.unit(),
                0.36 * (random.unit() - 0.5),
            ]
        })
        .collect();
    let mut out = Vec::with_capacity(size.count());
    for z in 0..size.z {
        let w = 2.0 * (z as f32 + 0.5) / size.z as f32 - 1.0;
        for y in 0..size.y {
            let v = 2.0 * (y as f32 + 0.5) / size.y as f32 - 1.0;
            for x in 0..size.x {
                let u = 2.0 * (x as f32 + 0.5) / size.x as f32 - 1.0;
                let (a, b) = (0.62 + 0.08 * shape[0], 0.74 + 0.08 * shape[1]);
                let r = ((u / a).powi(2) + (v / b).powi(2)).sqrt();
                let side = u.abs() - 0.14 - 0.04 * shape[2];
                let hole = ((side / 0.08).powi(2) + ((v + 0.1 * shape[3]) / 0.24).powi(2)).sqrt();
                let mut value = match r {
                    r if r > 1.0 => 0.0,
                    r if r > 0.93 => 0.9,
                    r if r > 0.87 => 0.35,
                    _ if hole < 1.0 => 0.3,
                    _ => 0.6,
                };
                if r < 0.87 {
                    for [bu, bv, bw, wide, height] in &blobs {
                        let d = (u - bu).powi(2) + (v - bv).powi(2) + 0.3 * (w - bw).powi(2);
                        value += height * (-d / (2.0 * wide * wide)).exp();
                    }
                }
                out.push(value.clamp(0.0, 0.9));
            }
        }
    }
    out
}

/// Magnitude after complex Gaussian noise of standard deviation `sigma`.
pub(crate) fn rician(voxels: &[f32], sigma: f32, seed: u64) -> Vec<f32> {
    let mut random = Random(seed);
    voxels
        .iter()
        .map(|v| (v + sigma * random.normal()).hypot(sigma * random.normal()))
        .collect()
}
