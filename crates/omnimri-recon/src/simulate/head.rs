//! What one head is made of: sizes and proportions, drawn from a seed.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::lesion::{LesionKind, LesionSpec};

/// A head. Coordinates are millimetres from the centre of the brain: x to the patient's left, y posterior, z superior.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeadSpec {
    /// Draws folds, textures and all other fine detail.
    pub seed: u64,
    /// Semi-axes of the cerebrum: half width, half length, height above the centre.
    pub brain_mm: [f32; 3],
    /// Fluid between brain and dura.
    pub csf_mm: f32,
    /// Half width of the sulci at the surface.
    pub sulcus_mm: f32,
    /// Thickness of the cortical ribbon.
    pub cortex_mm: f32,
    /// Thickness of the skull.
    pub skull_mm: f32,
    /// Thickness of the subcutaneous fat.
    pub fat_mm: f32,
    /// Width of the ventricles relative to a typical young adult's.
    pub ventricle_scale: f32,
    /// Rotation of the head about x (nodding), y (tilting) and z (turning), degrees.
    pub rotation_deg: [f32; 3],
    /// Position of the brain's centre relative to that of the field of view.
    pub offset_mm: [f32; 3],
    /// Strength of the smooth shading by coils and transmitter, 0 for none.
    pub bias: f32,
    /// A tumour, if any.
    pub lesion: Option<LesionSpec>,
}

impl HeadSpec {
    /// A healthy head of average proportions.
    pub fn average(seed: u64) -> Self {
        Self {
            seed,
            brain_mm: [67.0, 84.0, 72.0],
            csf_mm: 2.4,
            sulcus_mm: 0.75,
            cortex_mm: 2.7,
            skull_mm: 6.5,
            fat_mm: 4.0,
            ventricle_scale: 1.0,
            rotation_deg: [0.0; 3],
            offset_mm: [0.0; 3],
            bias: 0.2,
            lesion: None,
        }
    }

    /// A head of random proportions; three in four carry a tumour that an axial slice at the same seed's
    /// [`Self::slice_offset_mm`] shows (pituitary tumours lie at their own height).
    pub fn random(seed: u64) -> Self {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let average = Self::average(seed);
        let mut spec = Self {
            brain_mm: average.brain_mm.map(|a| a * rng.random_range(0.93..1.06)),
            csf_mm: rng.random_range(1.6..4.5),
            sulcus_mm: rng.random_range(0.45..1.5),
            cortex_mm: rng.random_range(2.3..3.1),
            skull_mm: rng.random_range(5.0..8.5),
            fat_mm: rng.random_range(2.0..7.0),
            ventricle_scale: rng.random_range(0.7..1.7),
            rotation_deg: [
                rng.random_range(-9.0..9.0),
                rng.random_range(-5.0..5.0),
                rng.random_range(-6.0..6.0),
            ],
            offset_mm: [
                rng.random_range(-5.0..5.0),
                rng.random_range(-6.0..6.0),
                0.0,
            ],
            bias: rng.random_range(0.05..0.4),
            ..average
        };
        let kind = match rng.random_range(0..8) {
            0 | 1 => None,
            2..=4 => Some(LesionKind::GliomaLike),
            5 | 6 => Some(LesionKind::MeningiomaLike),
            _ => Some(LesionKind::PituitaryLike),
        };
        let mut spec_lesion = kind.map(|kind| LesionSpec::random(kind, 0.0, rng));
        if let Some(lesion) = &mut spec_lesion
            && lesion.kind != LesionKind::PituitaryLike
        {
            lesion.centre[2] += spec.slice_offset_mm() / spec.brain_mm[2];
        }
        spec.lesion = spec_lesion;
        spec
    }

    /// Height of an axial slice worth looking at, a function of the seed: through the ventricles and above, or through the
    /// tumour if it sits lower.
    pub fn slice_offset_mm(&self) -> f32 {
        if let Some(lesion) = &self.lesion
            && lesion.kind == LesionKind::PituitaryLike
        {
            return lesion.centre[2] * self.brain_mm[2];
        }
        // A stream of its own, so that the height does not change what else the seed draws.
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(1);
        rng.random_range(-5.0..38.0)
    }

    /// Centre of the tumour in millimetres.
    pub(crate) fn lesion_centre_mm(&self) -> Option<[f32; 3]> {
        let lesion = self.lesion.as_ref()?;
        Some(std::array::from_fn(|i| lesion.centre[i] * self.brain_mm[i]))
    }
}
