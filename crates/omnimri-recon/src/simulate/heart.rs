//! A beating heart in short-axis slices: a phantom, not anatomy.
//!
//! The left ventricle is a half ellipsoid whose wall keeps its volume while it contracts; the right ventricle is a crescent
//! beside it. Around lie fat, lungs, liver and the chest wall, coarsely. Sizes follow normal and diseased hearts as reported by
//! cardiac MR (Kawel-Boehm et al., J Cardiovasc Magn Reson 2020;22:87), rounded; the classes imitate those of the Sunnybrook
//! data (Radau et al., MIDAS J 2009).
//!
//! Relaxation times of myocardium, blood and liver: Stanisz et al., Magn Reson Med 2005;54:507.

use omnimri_image::{Plane, Zyx};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::body::{Body, BodyPhantom, Grid, Material, sample};
use super::field::Waves;
use super::signal::{ContrastAgent, Sequence, SequenceKind};
use super::tissue::{FieldStrength, Tissue};
use crate::Result;

/// What the heart imitates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeartKind {
    /// Ordinary size and contraction.
    Normal,
    /// A thick wall and a small cavity.
    Hypertrophy,
    /// Wide, contracting weakly all around.
    Dilated,
    /// Wide, a thinned part of the wall standing still.
    DilatedInfarct,
}

impl HeartKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [
        Self::Normal,
        Self::Hypertrophy,
        Self::Dilated,
        Self::DilatedInfarct,
    ];
}

/// Values of [`BodyPhantom::structures`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum HeartStructure {
    /// Blood pool of the left ventricle with its papillary muscles.
    LeftCavity = 1,
    /// Wall of the left ventricle.
    LeftWall = 2,
    /// Blood pool of the right ventricle.
    RightCavity = 3,
}

/// One heart. Coordinates are millimetres from the middle of the left ventricle's long axis: x and y in the short-axis plane as
/// the image shows them (right, down), z towards the base.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeartSpec {
    /// Draws trabeculae, fat and the surroundings.
    pub seed: u64,
    /// What it imitates.
    pub kind: HeartKind,
    /// Inner radius at the base at the end of diastole.
    pub radius_mm: f32,
    /// Thickness of the wall at the end of diastole.
    pub wall_mm: f32,
    /// From base to apex at the end of diastole.
    pub length_mm: f32,
    /// Part by which the radius shrinks in systole.
    pub shortening: f32,
    /// Middle angle and half width in radians of the part of the wall that stands still.
    pub infarct: Option<[f32; 2]>,
    /// Turn of the heart in the plane, radians.
    pub turn_rad: f32,
    /// Subcutaneous fat.
    pub fat_mm: f32,
    /// Strength of the shading by the surface coils.
    pub shading: f32,
}

impl HeartSpec {
    /// A random heart of a kind.
    pub fn random(kind: HeartKind, seed: u64) -> Self {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let (radius, wall, shortening) = match kind {
            HeartKind::Normal => (21.0..27.0, 7.0..10.0, 0.30..0.40),
            HeartKind::Hypertrophy => (17.0..24.0, 13.0..19.0, 0.34..0.46),
            HeartKind::Dilated => (29.0..37.0, 6.0..9.5, 0.06..0.16),
            HeartKind::DilatedInfarct => (27.0..36.0, 6.5..10.0, 0.12..0.24),
        };
        Self {
            seed,
            kind,
            radius_mm: rng.random_range(radius),
            wall_mm: rng.random_range(wall),
            length_mm: rng.random_range(75.0..98.0),
            shortening: rng.random_range(shortening),
            infarct: (kind == HeartKind::DilatedInfarct).then(|| {
                [
                    rng.random_range(-std::f32::consts::PI..std::f32::consts::PI),
                    rng.random_range(0.6..1.2),
                ]
            }),
            turn_rad: rng.random_range(-0.5..0.3),
            fat_mm: rng.random_range(5.0..24.0),
            shading: rng.random_range(0.2..0.8),
        }
    }

    /// A stack of short-axis slices from apex to base at a moment of the beat (0 and 1 are the end of diastole, about 0.35 the
    /// end of systole).
    ///
    /// # Errors
    /// [`crate::Error::OutOfRange`] for an empty or huge grid.
    pub fn stack(
        &self,
        moment: f32,
        size: Zyx<usize>,
        spacing_mm: Zyx<f32>,
    ) -> Result<BodyPhantom> {
        self.sampled(moment, 0.0, size, spacing_mm)
    }

    fn sampled(
        &self,
        moment: f32,
        level_mm: f32,
        size: Zyx<usize>,
        spacing_mm: Zyx<f32>,
    ) -> Result<BodyPhantom> {
        let grid = Grid {
            plane: Plane::Axial,
            size,
            spacing_mm,
            centre_mm: [-8.0, 4.0, level_mm],
            supersampling: 3,
        };
        sample(&Heart::new(self, moment), grid)
    }

    /// One short-axis slice `level_mm` above the middle of the ventricle's long axis (the base is above), at a moment of the beat.
    ///
    /// # Errors
    /// [`crate::Error::OutOfRange`] for an empty or huge grid.
    pub fn slice(
        &self,
        moment: f32,
        level_mm: f32,
        (n_y, n_x): (usize, usize),
        spacing_mm: Zyx<f32>,
    ) -> Result<BodyPhantom> {
        self.sampled(moment, level_mm, Zyx::new(1, n_y, n_x), spacing_mm)
    }

    /// The sequence of cine images: balanced steady-state free precession at 1.5 T (3.2 ms, 55 degrees).
    pub const fn cine() -> Sequence {
        Sequence {
            kind: SequenceKind::BalancedSsfp {
                tr_ms: 3.2,
                flip_deg: 55.0,
            },
            field: FieldStrength::OnePointFive,
            contrast_agent: ContrastAgent::None,
        }
    }
}

/// Positions in the list of materials.
mod is {
    pub const AIR: usize = 0;
    pub const SKIN: usize = 1;
    pub const FAT: usize = 2;
    pub const MUSCLE: usize = 3;
    pub const BONE: usize = 4;
    pub const BLOOD: usize = 5;
    pub const MYOCARDIUM: usize = 6;
    pub const LUNG: usize = 7;
    pub const LIVER: usize = 8;
    pub const STOMACH: usize = 9;
}

struct Heart<'a> {
    spec: &'a HeartSpec,
    /// Radius of the moving wall over that at the end of diastole.
    shrink: f32,
    /// Length of the ventricle now.
    length: f32,
    outline: Waves,
    ragged: Waves,
    organs: Waves,
    fine: Waves,
    sin_cos: (f32, f32),
}

impl<'a> Heart<'a> {
    fn new(spec: &'a HeartSpec, moment: f32) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(spec.seed);
        rng.set_stream(1);
        let t = moment.rem_euclid(1.0);
        // Systole takes a third of the beat.
        let phase = if t < 0.35 {
            t / 0.7
        } else {
            0.5 + (t - 0.35) / 1.3
        };
        let squeeze = 0.5 - 0.5 * (std::f32::consts::TAU * phase).cos();
        Self {
            spec,
            shrink: 1.0 - spec.shortening * squeeze,
            length: spec.length_mm * (1.0 - 0.4 * spec.shortening * squeeze),
            outline: Waves::random(&mut rng, 8, 60.0..120.0),
            ragged: Waves::random(&mut rng, 12, 7.0..16.0),
            organs: Waves::random(&mut rng, 12, 30.0..80.0),
            fine: Waves::random(&mut rng, 12, 6.0..14.0),
            sin_cos: spec.turn_rad.sin_cos(),
        }
    }

    /// Chambers and walls; `None` outside the pericardium.
    fn ventricles(&self, [x, y, z]: [f32; 3], base: [f32; 3]) -> Option<(usize, u8)> {
        let spec = self.spec;
        // 0 at the base, 1 at the apex, which moves towards the base in systole.
        let s = (spec.length_mm / 2.0 - z) / self.length;
        if s > 1.12 {
            return None;
        }
        let taper = (1.0 - s.clamp(0.0, 1.0).powi(2)).sqrt();
        let distance = x.hypot(y);
        let angle = y.atan2(x);
        let still = spec.infarct.map_or(0.0, |[middle, half]| {
            let tau = std::f32::consts::TAU;
            let off = ((angle - middle + tau / 2.0).rem_euclid(tau) - tau / 2.0).abs();
            (1.0 - (off - half).max(0.0) / 0.4).clamp(0.0, 1.0)
        });
        let rest = spec.radius_mm * taper;
        let wall = spec.wall_mm * (1.0 - 0.45 * still);
        let shrink = self.shrink + (1.0 - self.shrink) * still;
        let inner = rest * shrink;
        // The wall keeps its area in every slice.
        let outer = ((rest + wall).powi(2) - rest * rest + inner * inner).sqrt();
        let wobble = 0.5 * self.outline.value(base);
        let rough = inner + 0.9 * self.ragged.value(base).clamp(-1.5, 0.6) + wobble;
        if (0.0..=1.0).contains(&s) && distance < rough {
            let papillary = [[0.55f32, 0.8], [2.45, 0.75]].into_iter().any(|[at, far]| {
                let (py, px) = (inner * far * 0.8 * at.sin(), inner * far * 0.8 * at.cos());
                let size = 3.8 * taper.max(0.4);
                (0.2..0.72).contains(&s) && (x - px).hypot(y - py) < size
            });
            let material = if papillary { is::MYOCARDIUM } else { is::BLOOD };
            return Some((material, HeartStructure::LeftCavity as u8));
        }
        if distance < outer + wobble {
            // Above the base the wall gives way to the atrium.
            return Some(if s >= 0.0 {
                (is::MYOCARDIUM, HeartStructure::LeftWall as u8)
            } else if distance < outer - 2.0 {
                (is::BLOOD, 0)
            } else {
                (is::MYOCARDIUM, 0)
            });
        }
        // The right ventricle: a disc behind the septum, wide at the base.
        let reach = (1.0 - (s.max(0.0) / 0.92).powi(2)).max(0.0).sqrt();
        let right = 31.0 * reach * (1.0 - 0.35 * (1.0 - self.shrink)) + 1.5 * wobble;
        let from = (x + outer * 0.62 + 14.0 * reach).hypot((y + 2.0) * 0.82);
        if from < right - 3.2 {
            let trabecula = self.ragged.value(base) > 1.7;
            let material = if trabecula { is::MYOCARDIUM } else { is::BLOOD };
            return Some((material, HeartStructure::RightCavity as u8));
        }
        if from < right {
            return Some((is::MYOCARDIUM, 0));
        }
        // Fat in the grooves, inside the pericardium.
        let depth = (distance - outer).min(from - right);
        let groove = 2.2 + 2.6 * self.organs.value(base).max(-0.7);
        (depth < groove).then_some((is::FAT, 0))
    }

    /// What lies around the heart.
    fn around(&self, p: [f32; 3]) -> (usize, u8) {
        let [x, y, z] = p;
        let wobble = 3.0 * self.outline.value(p);
        // Chest wall: an ellipse whose near side lies in front of the heart.
        let (cy, cx) = (y - 52.0, x - 6.0);
        let r = ((cx / 158.0).powi(2) + (cy / 112.0).powi(2)).sqrt();
        let inside = (1.0 - r) * 118.0 + wobble;
        let fat = self.spec.fat_mm;
        if inside < 0.0 {
            return (is::AIR, 0);
        }
        if inside < 2.0 {
            return (is::SKIN, 0);
        }
        if inside < 2.0 + fat {
            return (is::FAT, 0);
        }
        if inside < fat + 17.0 {
            let rib = (cx.atan2(cy) * 9.0 + 0.05 * z).sin();
            let deep = inside - fat;
            return if rib > 0.35 && (6.0..13.0).contains(&deep) {
                let marrow = rib > 0.6 && (7.5..11.5).contains(&deep);
                (if marrow { is::FAT } else { is::BONE }, 0)
            } else if self.fine.value(p) > 1.2 {
                (is::FAT, 0)
            } else {
                (is::MUSCLE, 0)
            };
        }
        if (x - 34.0).hypot(y - 74.0) < 10.5 {
            return (is::BLOOD, 0);
        }
        if (x - 4.0).hypot((y - 104.0) * 1.1) < 19.0 {
            return (is::LIVER, 0);
        }
        // The diaphragm rises towards the apex.
        let diaphragm = 47.0 + 0.10 * x + 0.25 * z + 5.0 * self.organs.value([x, 0.0, z]);
        if y > diaphragm {
            let o = self.organs.value(p);
            return if y < diaphragm + 2.0 {
                (is::MUSCLE, 0)
            } else if x < 12.0 + 8.0 * self.outline.value([0.0, y, z]) {
                let vessel = self.fine.value(p) > 2.0;
                (if vessel { is::BLOOD } else { is::LIVER }, 0)
            } else if o > 0.5 {
                (is::STOMACH, 0)
            } else if o > -0.2 {
                (is::MUSCLE, 0)
            } else {
                (is::FAT, 0)
            };
        }
        if self.fine.value(p) > 2.15 {
            return (is::BLOOD, 0);
        }
        (is::LUNG, 0)
    }
}

impl Body for Heart<'_> {
    fn materials(&self) -> Vec<Material> {
        vec![
            Material::of(Tissue::Air, 0.0),
            Material::of(Tissue::Skin, 0.0),
            Material::of(Tissue::Fat, 0.93),
            Material::of(Tissue::Muscle, 0.03),
            Material::of(Tissue::Bone, 0.0),
            // Arterial blood.
            Material::new(0.95, [1441.0, 290.0], [1932.0, 275.0], 0.6, 0.7, 0.0),
            Material::new(0.80, [1030.0, 40.0], [1471.0, 47.0], 0.7, 0.15, 0.0),
            // A representative choice: little water, signal lost at its many surfaces.
            Material::new(0.12, [1200.0, 20.0], [1300.0, 18.0], 0.1, 0.05, 0.0),
            Material::new(0.80, [576.0, 46.0], [812.0, 42.0], 0.6, 0.2, 0.03),
            // Representative: a wall with contents.
            Material::new(0.75, [900.0, 60.0], [1100.0, 55.0], 0.5, 0.1, 0.1),
        ]
    }

    fn at(&self, p: [f32; 3]) -> (usize, u8) {
        let (sin, cos) = self.sin_cos;
        let turned = [cos * p[0] + sin * p[1], cos * p[1] - sin * p[0], p[2]];
        match self.ventricles(turned, p) {
            Some(found) => found,
            None => self.around(p),
        }
    }

    fn texture(&self, p: [f32; 3]) -> f32 {
        0.03 * self.fine.value(p) + 0.03 * self.organs.value(p)
    }

    fn shading(&self, [x, y, _]: [f32; 3]) -> f32 {
        // Coils lie on the chest.
        (self.spec.shading * (-(y + 10.0) / 90.0 - 0.1 * x / 90.0)).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::body::Protons;

    const SIZE: Zyx<usize> = Zyx::new(9, 72, 76);
    const MM: Zyx<f32> = Zyx::new(10.0, 3.0, 3.0);

    fn cavity(spec: &HeartSpec, moment: f32) -> f32 {
        let phantom = spec.stack(moment, SIZE, MM).unwrap();
        phantom
            .structures
            .iter()
            .filter(|s| **s == HeartStructure::LeftCavity as u8)
            .count() as f32
    }

    #[test]
    fn ejection_fractions_are_those_of_the_kinds() {
        for (kind, range) in [
            (HeartKind::Normal, 0.45..0.75),
            (HeartKind::Hypertrophy, 0.5..0.8),
            (HeartKind::Dilated, 0.08..0.4),
            (HeartKind::DilatedInfarct, 0.08..0.45),
        ] {
            let spec = HeartSpec::random(kind, 3);
            let ejection = 1.0 - cavity(&spec, 0.35) / cavity(&spec, 0.0);
            assert!(range.contains(&ejection), "{kind:?} {ejection}");
            assert_eq!(spec.infarct.is_some(), kind == HeartKind::DilatedInfarct);
        }
    }

    #[test]
    fn blood_is_brighter_than_the_wall_in_cine() {
        let spec = HeartSpec {
            shading: 0.0,
            ..HeartSpec::random(HeartKind::Normal, 5)
        };
        let phantom = spec.stack(0.0, SIZE, MM).unwrap();
        let image = phantom.render(&HeartSpec::cine(), Protons::All);
        let mean = |structure: HeartStructure| {
            let of: Vec<f32> = image
                .iter()
                .zip(&phantom.structures)
                .filter(|(_, s)| **s == structure as u8)
                .map(|(v, _)| *v)
                .collect();
            of.iter().sum::<f32>() / of.len() as f32
        };
        let blood = mean(HeartStructure::LeftCavity);
        assert!(blood > 1.5 * mean(HeartStructure::LeftWall));
        assert!(mean(HeartStructure::RightCavity) > 1.5 * mean(HeartStructure::LeftWall));
        let n = phantom.materials.len();
        assert!(
            phantom
                .fractions
                .chunks(n)
                .all(|f| (f.iter().sum::<f32>() - 1.0).abs() < 1e-4)
        );
    }
}
