//! Images of nothing: an answer that is the same for them does not rest on the image.

use omnimri_image::{Acquisition, Affine, Geometry, SourceKind, Trust, Volume, Zyx};

/// Side in pixels.
const SIDE: usize = 256;

/// One grey level.
pub fn blank() -> Volume {
    volume(|_| 0.0)
}

/// Values without relation to each other, the same on every call (SplitMix64, Steele et al. 2014).
pub fn noise() -> Volume {
    volume(|i| {
        let z = (i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32
    })
}

fn volume(value: impl Fn(usize) -> f32) -> Volume {
    let untrusted = || Trust::Untrusted("nothing was measured".to_owned());
    Volume {
        voxels: (0..SIDE * SIDE).map(value).collect(),
        n_frames: 1,
        geometry: Geometry {
            size: Zyx::new(1, SIDE, SIDE),
            affine: Affine::from_spacing(Zyx::new(1.0, 1.0, 1.0)),
            orientation: untrusted(),
            spacing: untrusted(),
        },
        acquisition: Acquisition::default(),
        source: SourceKind::Image,
        warnings: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_blank_or_unrelated() {
        let first = blank().voxels[0];
        assert!(blank().voxels.iter().all(|v| *v == first));
        let noise = noise().voxels;
        let mean = noise.iter().map(|v| f64::from(*v)).sum::<f64>() / noise.len() as f64;
        let about = |a: &[f32], b: &[f32]| -> f64 {
            let products = a
                .iter()
                .zip(b)
                .map(|(a, b)| (f64::from(*a) - mean) * (f64::from(*b) - mean));
            products.sum()
        };
        let alike = about(&noise, &noise[1..]) / about(&noise, &noise);
        assert!(alike.abs() < 0.02, "{alike}");
    }
}
