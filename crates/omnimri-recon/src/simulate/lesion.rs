//! Tumours of the phantom: shape, enhancement, oedema and mass effect.

use rand::Rng;
use serde::{Deserialize, Serialize};

use super::tissue::Tissue;

/// Kind of tumour, by the look it imitates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LesionKind {
    /// Inside the brain, irregular, with oedema.
    GliomaLike,
    /// On the dura, smooth, pushing the brain away.
    MeningiomaLike,
    /// In the midline above the sella.
    PituitaryLike,
}

/// How a tumour takes up contrast agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Enhancement {
    /// A rim around a necrotic core.
    Ring,
    /// Throughout.
    Solid,
    /// Not at all.
    Absent,
}

/// One tumour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LesionSpec {
    /// Kind.
    pub kind: LesionKind,
    /// Centre in units of the brain's semi-axes: x to the patient's left, y posterior, z superior; the brain ends at length 1.
    pub centre: [f32; 3],
    /// Mean radius in millimetres.
    pub radius_mm: f32,
    /// 0 for a ball, 1 for a very ragged outline.
    pub irregularity: f32,
    /// Uptake.
    pub enhancement: Enhancement,
    /// Thickness of the rim in millimetres, for [`Enhancement::Ring`].
    pub rim_mm: f32,
    /// Reach of the oedema beyond the tumour in millimetres.
    pub oedema_mm: f32,
}

impl LesionSpec {
    /// A tumour of this kind at a place where such tumours grow. Gliomas and meningiomas lie near the axial plane `z_mm`
    /// (millimetres above the centre of the brain), so that a slice there shows them.
    pub fn random(kind: LesionKind, z_mm: f32, rng: &mut impl Rng) -> Self {
        let side = if rng.random::<bool>() { 1.0 } else { -1.0 };
        let around = |rng: &mut dyn rand::RngCore| rng.random_range(0.0..std::f32::consts::TAU);
        match kind {
            LesionKind::GliomaLike => {
                let angle = around(rng);
                let distance = rng.random_range(0.35..0.72);
                let radius_mm = rng.random_range(7.0..22.0);
                let ring = radius_mm > 9.0 && rng.random::<f32>() < 0.65;
                let silent = rng.random::<f32>() < 0.12;
                Self {
                    kind,
                    centre: [
                        side * (0.12 + 0.88 * distance * angle.cos().abs()),
                        distance * angle.sin(),
                        z_mm / 72.0 + rng.random_range(-0.06..0.06),
                    ],
                    radius_mm,
                    irregularity: rng.random_range(0.3..0.9),
                    enhancement: match (ring, silent) {
                        (_, true) => Enhancement::Absent,
                        (true, false) => Enhancement::Ring,
                        (false, false) => Enhancement::Solid,
                    },
                    rim_mm: rng.random_range(2.2..5.0),
                    oedema_mm: rng.random_range(2.0..18.0),
                }
            }
            LesionKind::MeningiomaLike => {
                let angle = around(rng);
                let z = z_mm / 72.0 + rng.random_range(-0.06..0.06);
                let flat = (1.0 - z * z).max(0.1).sqrt();
                // A quarter grows on the falx, the rest on the convexity.
                let falx = rng.random::<f32>() < 0.25;
                let centre = if falx {
                    let y =
                        rng.random_range(0.6..0.85) * if angle.sin() < 0.0 { -1.0 } else { 1.0 };
                    [side * rng.random_range(0.08..0.16), y * flat, z]
                } else {
                    let at = flat * rng.random_range(0.84..0.95);
                    [at * angle.cos(), at * angle.sin(), z]
                };
                Self {
                    kind,
                    centre,
                    radius_mm: rng.random_range(7.0..22.0),
                    irregularity: rng.random_range(0.05..0.3),
                    enhancement: Enhancement::Solid,
                    rim_mm: 0.0,
                    oedema_mm: if rng.random::<bool>() {
                        rng.random_range(0.0..10.0)
                    } else {
                        0.0
                    },
                }
            }
            LesionKind::PituitaryLike => Self {
                kind,
                centre: [
                    rng.random_range(-0.05..0.05),
                    rng.random_range(-0.24..-0.16),
                    rng.random_range(-0.44..-0.36),
                ],
                radius_mm: rng.random_range(5.0..14.0),
                irregularity: rng.random_range(0.05..0.4),
                enhancement: Enhancement::Solid,
                rim_mm: 0.0,
                oedema_mm: 0.0,
            },
        }
    }

    /// Where the undisturbed anatomy at `p` came from: tissue is pushed outwards, most at the tumour's edge.
    pub(crate) fn pull_back(&self, centre_mm: [f32; 3], p: [f32; 3]) -> [f32; 3] {
        let v = [
            p[0] - centre_mm[0],
            p[1] - centre_mm[1],
            p[2] - centre_mm[2],
        ];
        let d2 = v[0] * v[0] + v[1] * v[1] + v[2] * v[2];
        let r = self.radius_mm;
        // The push dies out within three radii; half of the tumour's volume displaces, the rest infiltrates.
        let share = match self.kind {
            LesionKind::GliomaLike => 0.35,
            LesionKind::MeningiomaLike | LesionKind::PituitaryLike => 0.6,
        };
        let scale = 1.0 - share * (-d2 / (1.6 * r * r)).exp();
        std::array::from_fn(|i| centre_mm[i] + v[i] * scale)
    }

    /// The tumour's own tissue at `p`, given the tissue that would be there, or `None` where it leaves things as they are.
    ///
    /// `shape` and `inner` are unit-variance noises, the first of the tumour's own scale, the second finer; `depth` is that
    /// below the brain's surface in millimetres.
    pub(crate) fn tissue_at(
        &self,
        centre_mm: [f32; 3],
        p: [f32; 3],
        depth: f32,
        [shape, inner]: [f32; 2],
        host: Tissue,
    ) -> Option<Tissue> {
        let r = self.radius_mm;
        let squeeze = if self.kind == LesionKind::PituitaryLike {
            0.75
        } else {
            1.0
        };
        let v = [
            p[0] - centre_mm[0],
            p[1] - centre_mm[1],
            (p[2] - centre_mm[2]) * squeeze,
        ];
        let distance = (v[0] * v[0] + v[1] * v[1] + v[2] * v[2]).sqrt();
        if distance > 2.0 * r + self.oedema_mm + 20.0 {
            return None;
        }
        let ragged = self.irregularity * (0.20 * shape + 0.07 * inner);
        // Positive inside the tumour, millimetres.
        let inside = r * (1.0 + ragged) - distance;
        let allowed = match self.kind {
            LesionKind::GliomaLike => {
                depth > 1.0 && !matches!(host, Tissue::Bone | Tissue::Dura | Tissue::Air)
            }
            LesionKind::MeningiomaLike => depth > -3.5,
            LesionKind::PituitaryLike => true,
        };
        if inside > 0.0 && allowed {
            return Some(self.inside(inside, inner));
        }
        // The dural tail of a meningioma: dura thickened beside its base.
        if self.kind == LesionKind::MeningiomaLike && inside > -8.0 && (-3.5..-1.8).contains(&depth)
        {
            return Some(Tissue::Dura);
        }
        let reach = self.oedema_mm * (0.65 + 0.45 * shape + 0.25 * inner);
        let soaked = host == Tissue::WhiteMatter && inside > -reach && depth > 1.0;
        soaked.then_some(Tissue::Oedema)
    }

    fn inside(&self, inside: f32, inner: f32) -> Tissue {
        match (self.kind, self.enhancement) {
            (LesionKind::MeningiomaLike, _) => Tissue::Meningioma,
            (LesionKind::PituitaryLike, _) => Tissue::Adenoma,
            (_, Enhancement::Absent) => Tissue::SolidGlioma,
            (_, Enhancement::Solid) if inner > 2.1 => Tissue::Necrosis,
            (_, Enhancement::Solid) => Tissue::EnhancingGlioma,
            (_, Enhancement::Ring) => {
                // A rim of uneven thickness, with nodules where the noise is high.
                let rim = self.rim_mm * (1.0 + 0.45 * inner);
                if inside < rim.max(1.2) {
                    Tissue::EnhancingGlioma
                } else {
                    Tissue::Necrosis
                }
            }
        }
    }
}
