//! A lumbar spine in sagittal slices: a phantom, not anatomy.
//!
//! Vertebral bodies and discs are boxes with rounded corners strung along a lordotic curve; behind them lie the canal with cord
//! and cauda equina, pedicles, joints and spinous processes; fat, muscles and great vessels lie around, coarsely. Sizes follow
//! Panjabi et al., Spine 1992;17:299 (vertebrae) and Zhou et al., Eur Spine J 2000;9:242 (discs), rounded.
//!
//! Relaxation times: cord, Stanisz et al., Magn Reson Med 2005;54:507; marrow and fat, de Bazelaire et al., Radiology
//! 2004;230:652; discs, representative choices.

use omnimri_image::{Plane, Zyx};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::body::{Body, BodyPhantom, Grid, Material, sample};
use super::field::Waves;
use super::signal::{ContrastAgent, Sequence, SequenceKind};
use super::tissue::{FieldStrength, Tissue};
use crate::Result;

/// Vertebrae of the model from below: S2, S1, L5 to L1, T12 to T10.
const N_VERTEBRAE: usize = 10;
/// Position of L5 in that order.
const L5: usize = 2;

/// Values of [`BodyPhantom::structures`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SpineStructure {
    /// Body of the first lumbar vertebra; the others follow.
    L1 = 1,
    /// Body of the second.
    L2 = 2,
    /// Body of the third.
    L3 = 3,
    /// Body of the fourth.
    L4 = 4,
    /// Body of the fifth.
    L5 = 5,
    /// Any disc.
    Disc = 6,
    /// The spinal canal: fluid, cord and nerve roots.
    Canal = 7,
}

/// One spine. Coordinates are millimetres from the middle of L3: x to the patient's left, y posterior, z superior.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpineSpec {
    /// Draws textures and the surroundings.
    pub seed: u64,
    /// Height of L3's body; others follow in proportion.
    pub height_mm: f32,
    /// From front to back of a body.
    pub depth_mm: f32,
    /// Half width of a body.
    pub half_width_mm: f32,
    /// Thickness of each disc from below: S1-S2, L5-S1, and so on.
    pub disc_mm: [f32; N_VERTEBRAE - 1],
    /// True for discs that have lost their water.
    pub dry: [bool; N_VERTEBRAE - 1],
    /// Tilt of the sacrum's and of L1's axis against the vertical: forwards below, backwards above, degrees.
    pub tilt_deg: [f32; 2],
    /// Sideways curve: shift of the spine at T10 against L3 in millimetres.
    pub scoliosis_mm: f32,
    /// Width of the canal from front to back.
    pub canal_mm: f32,
    /// Subcutaneous fat of the back.
    pub fat_mm: f32,
    /// Part of fat in the marrow.
    pub marrow_fat: f32,
    /// Strength of the shading by the table's coils.
    pub shading: f32,
}

impl SpineSpec {
    /// A random spine.
    pub fn random(seed: u64) -> Self {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let disc: f32 = rng.random_range(8.0..11.5);
        let worn: f64 = rng.random_range(0.0..0.45);
        let dry: [bool; N_VERTEBRAE - 1] = std::array::from_fn(|_| rng.random_bool(worn));
        Self {
            seed,
            height_mm: rng.random_range(25.0..30.5),
            depth_mm: rng.random_range(31.0..38.0),
            half_width_mm: rng.random_range(20.0..25.0),
            disc_mm: std::array::from_fn(|i| {
                // The sacrum's disc is a remnant; dry discs are thin.
                let level = match i {
                    0 => 0.25,
                    1 | 2 => 1.1,
                    3..=5 => 1.0,
                    _ => 0.65,
                };
                disc * level * if dry[i] { 0.7 } else { 1.0 } * rng.random_range(0.9..1.1)
            }),
            dry,
            tilt_deg: [rng.random_range(25.0..45.0), rng.random_range(-16.0..-4.0)],
            scoliosis_mm: rng.random_range(-6.0..6.0),
            canal_mm: rng.random_range(14.0..19.0),
            fat_mm: rng.random_range(6.0..35.0),
            marrow_fat: rng.random_range(0.25..0.6),
            shading: rng.random_range(0.2..0.9),
        }
    }

    /// A stack of sagittal slices, from the patient's right to the left, centred on `centre_mm` from the middle of L3.
    ///
    /// # Errors
    /// [`crate::Error::OutOfRange`] for an empty or huge grid.
    pub fn stack(
        &self,
        centre_mm: [f32; 3],
        size: Zyx<usize>,
        spacing_mm: Zyx<f32>,
    ) -> Result<BodyPhantom> {
        let grid = Grid {
            plane: Plane::Sagittal,
            size,
            spacing_mm,
            centre_mm,
            supersampling: 3,
        };
        sample(&Spine::new(self), grid)
    }

    /// A spoiled gradient echo as used for separating water and fat at 3 T (10/1.3, 5 degrees).
    pub const fn water_fat() -> Sequence {
        Sequence {
            kind: SequenceKind::SpoiledGradientEcho {
                tr_ms: 10.0,
                te_ms: 1.3,
                flip_deg: 5.0,
            },
            field: FieldStrength::Three,
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
    pub const MARROW: usize = 5;
    pub const NUCLEUS: usize = 6;
    pub const ANNULUS: usize = 7;
    pub const CSF: usize = 8;
    pub const CORD: usize = 9;
    pub const LIGAMENT: usize = 10;
    pub const VESSEL: usize = 11;
    pub const BOWEL: usize = 12;
    pub const DRY: usize = 13;
}

/// A vertebra in the median plane: centre (y, z), axis upwards, size.
#[derive(Debug, Clone, Copy, Default)]
struct Vertebra {
    centre: [f32; 2],
    up: [f32; 2],
    height: f32,
    depth: f32,
}

impl Vertebra {
    /// Position along the depth (backwards) and the height.
    fn local(&self, y: f32, z: f32) -> [f32; 2] {
        let (dy, dz) = (y - self.centre[0], z - self.centre[1]);
        [
            dy * self.up[1] - dz * self.up[0],
            dy * self.up[0] + dz * self.up[1],
        ]
    }

    /// The point at a local position.
    fn at(&self, back: f32, up: f32) -> [f32; 2] {
        [
            self.centre[0] + back * self.up[1] + up * self.up[0],
            self.centre[1] - back * self.up[0] + up * self.up[1],
        ]
    }
}

struct Spine<'a> {
    spec: &'a SpineSpec,
    vertebrae: [Vertebra; N_VERTEBRAE],
    outline: Waves,
    organs: Waves,
    fine: Waves,
    trabeculae: Waves,
}

impl<'a> Spine<'a> {
    fn new(spec: &'a SpineSpec) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(spec.seed);
        rng.set_stream(1);
        let mut vertebrae = [Vertebra::default(); N_VERTEBRAE];
        let tilt = |k: usize| {
            let t = k as f32 - 1.0;
            // Steep at the sacrum, upright at L3, leaning back from L1 on.
            let lower = spec.tilt_deg[0] * (1.0 - t / 3.0).clamp(-0.2, 1.4).max(0.0).powf(1.4);
            let upper = spec.tilt_deg[1] * ((t - 3.0) / 3.0).clamp(0.0, 1.2);
            (lower + upper).to_radians()
        };
        let mut top = [0.0f32; 2];
        for k in 0..N_VERTEBRAE {
            let (sin, cos) = tilt(k).sin_cos();
            let up = [-sin, cos];
            let scale = match k {
                0 | 1 => 0.85,
                2..=4 => 1.0,
                _ => 1.0 - 0.045 * (k as f32 - 4.0),
            };
            let height = spec.height_mm * scale;
            let gap = if k == 0 { 0.0 } else { spec.disc_mm[k - 1] };
            vertebrae[k] = Vertebra {
                centre: std::array::from_fn(|a| top[a] + up[a] * (gap + height / 2.0)),
                up,
                height,
                depth: spec.depth_mm * scale.max(0.8),
            };
            top = vertebrae[k].at(0.0, height / 2.0);
        }
        let middle = vertebrae[L5 + 2].centre;
        for v in &mut vertebrae {
            v.centre = [v.centre[0] - middle[0], v.centre[1] - middle[1]];
        }
        Self {
            spec,
            vertebrae,
            outline: Waves::random(&mut rng, 8, 50.0..110.0),
            organs: Waves::random(&mut rng, 12, 22.0..60.0),
            fine: Waves::random(&mut rng, 12, 5.0..12.0),
            trabeculae: Waves::random(&mut rng, 12, 3.0..7.0),
        }
    }

    /// The body or disc at a point.
    fn column(&self, x: f32, y: f32, z: f32) -> Option<(usize, u8)> {
        let width = self.spec.half_width_mm;
        if x.abs() > width * 1.05 {
            return None;
        }
        for (k, v) in self.vertebrae.iter().enumerate() {
            let [back, up] = v.local(y, z);
            if up.abs() > v.height || back.abs() > v.depth * 0.7 {
                continue;
            }
            let side = (x / width).powi(2);
            let waist = 1.0 - 0.09 * (1.0 - (2.0 * up / v.height).powi(2)).max(0.0);
            // Kidney-shaped from above: the back is flat or hollow.
            let deep = if back < 0.0 {
                (1.0 - side).max(0.0).sqrt() * v.depth / 2.0
            } else {
                (1.0 - side.powi(3)).max(0.0).sqrt() * v.depth / 2.0
            } * waist;
            let hollow = 1.7 * (1.0 - (2.0 * back / v.depth).powi(2)).max(0.0);
            let half = v.height / 2.0 - hollow + 0.3 * self.fine.value([x, y, z]);
            let q = (back / deep.max(1e-3)).abs().powi(8) + (up / half).abs().powi(8);
            if q < 1.0 {
                let shell = 1.1;
                let inner = (back / (deep - shell).max(1e-3)).abs().powi(8)
                    + (up / (half - shell)).abs().powi(8);
                // The basivertebral vein enters in the middle of the back.
                let vein = back > 0.15 * v.depth && up.abs() < 1.3 && x.abs() < 5.0;
                let material = match (inner < 1.0, vein) {
                    (_, true) => is::VESSEL,
                    (true, false) => is::MARROW,
                    (false, false) => is::BONE,
                };
                let structure = match k {
                    L5..=6 => (7 - k) as u8,
                    _ => 0,
                };
                return Some((material, structure));
            }
            // The disc above this body.
            let Some(next) = self.vertebrae.get(k + 1) else {
                continue;
            };
            let [back_next, below] = next.local(y, z);
            let above = up - v.height / 2.0;
            let under = -below - next.height / 2.0;
            let middle = 0.5 * (back + back_next);
            let bulge = if self.spec.dry[k] { 1.8 } else { 0.8 };
            let deep = (1.0 - side).max(0.0).sqrt() * v.depth / 2.0 + bulge;
            let from = middle / deep.max(1e-3);
            if above > -hollow - 1.0 && under > -hollow - 1.0 && above < 16.0 && from.abs() < 1.0 {
                let core =
                    (from / 0.72).powi(2) + ((above - under) / (above + under + 5.0)).powi(2);
                let material = if core > 1.0 || above.min(under) < -2.6 {
                    is::ANNULUS
                } else if self.spec.dry[k] {
                    is::DRY
                } else {
                    is::NUCLEUS
                };
                return Some((material, SpineStructure::Disc as u8));
            }
        }
        None
    }

    /// The canal's centre nearest to a point: signed distance (posterior positive) and the height in vertebrae from S2.
    fn canal(&self, y: f32, z: f32) -> (f32, f32) {
        let point = |k: usize| {
            let v = &self.vertebrae[k];
            v.at(v.depth / 2.0 + 1.5 + self.spec.canal_mm / 2.0, 0.0)
        };
        let mut best = (f32::MAX, 0.0, 0.0);
        for k in 0..N_VERTEBRAE - 1 {
            let (a, b) = (point(k), point(k + 1));
            let (dy, dz) = (b[0] - a[0], b[1] - a[1]);
            let t = ((y - a[0]) * dy + (z - a[1]) * dz) / (dy * dy + dz * dz);
            let low = if k == 0 { -0.5 } else { 0.0 };
            let high = if k + 2 == N_VERTEBRAE { 3.0 } else { 1.0 };
            let h = t.clamp(low, high);
            let (ey, ez) = (y - a[0] - h * dy, z - a[1] - h * dz);
            let distance = ey.hypot(ez);
            if distance < best.0 {
                let sign = (ey * dz - ez * dy).signum();
                best = (distance, sign * distance, k as f32 + h);
            }
        }
        (best.1, best.2)
    }

    /// Canal, arches and joints behind the bodies.
    fn arch(&self, x: f32, y: f32, z: f32, behind: f32, level: f32) -> Option<(usize, u8)> {
        let half = self.spec.canal_mm / 2.0 * if level < 1.5 { 0.75 } else { 1.0 };
        let side = x.abs();
        let inside = (behind / half).powi(2) + (x / 11.5).powi(2);
        if inside < 1.0 {
            let canal = SpineStructure::Canal as u8;
            if inside > 0.86 {
                return Some((is::LIGAMENT, 0));
            }
            // The cord ends about L1; below, nerve roots hang in the back of the fluid.
            let cord = (4.6 - 1.9 * (6.6 - level).max(0.0)).min(4.6);
            if cord > 0.0 && (behind / cord).powi(2) + (x / (cord * 1.3)).powi(2) < 1.0 {
                return Some((is::CORD, canal));
            }
            let roots = level > 1.0 && level < 6.8 && behind > -1.0 + 0.4 * half;
            let strand = (self.fine.value([x * 2.2, behind * 2.6, 0.15 * z])) > 0.1;
            return Some((if roots && strand { is::CORD } else { is::CSF }, canal));
        }
        if behind < half && side > 9.0 && side < 17.0 && behind > -half * 1.3 {
            let k = level.round();
            let off = level - k;
            // Pedicles at the upper half of each vertebra, foramina with fat and a root between.
            return Some(if (-0.02..0.26).contains(&off) {
                let edge = !(0.02..0.22).contains(&off);
                (if edge { is::BONE } else { is::MARROW }, 0)
            } else if (off + 0.32).hypot(behind * 0.06) < 0.11 {
                (is::CORD, 0)
            } else {
                (is::FAT, 0)
            });
        }
        if behind < half * 0.9 {
            return None;
        }
        let deep = behind - half;
        let off = level - level.round();
        if side < 6.0 {
            // Spinous processes point back and down; ligaments and fat between them.
            let low = off + 0.012 * deep + 0.20;
            let thick = 0.24 + 0.05 * (deep / 20.0 - 0.8).clamp(-1.0, 1.0);
            if level > 1.2 && deep < 33.0 && deep > 3.5 && low.abs() < thick {
                let edge = low.abs() > thick - 0.045 || deep > 31.5 || side > 4.6;
                return Some((if edge { is::BONE } else { is::MARROW }, 0));
            }
            if deep < 5.0 {
                return Some((is::FAT, 0));
            }
            if deep < 33.0 {
                let mixed = self.fine.value([x, y, z]) > 0.2;
                return Some((if mixed { is::FAT } else { is::LIGAMENT }, 0));
            }
            return None;
        }
        if side < 21.0 && deep < 15.0 {
            // Joints between the arches.
            let q = ((off + 0.42).abs().min((off - 0.58).abs()) / 0.30).powi(2)
                + ((deep - 5.0) / 8.5).powi(2)
                + ((side - 14.0) / 7.5).powi(2);
            if q < 1.0 {
                let gap = (deep - 5.0 + 14.0 * (off + 0.42)).abs() < 0.8;
                return Some((
                    if gap {
                        is::CSF
                    } else if q > 0.7 {
                        is::BONE
                    } else {
                        is::MARROW
                    },
                    0,
                ));
            }
        }
        None
    }

    /// Muscles, fat, vessels and bowel.
    fn around(&self, [x, y, z]: [f32; 3], behind: f32) -> (usize, u8) {
        let front = behind + self.spec.canal_mm + self.spec.depth_mm;
        // The back follows the spine, smoothed.
        let back = 52.0 + 0.5 * (behind - y) + 2.5 * self.outline.value([0.0, 0.0, z]);
        let skin = back + self.spec.fat_mm - behind;
        if skin < -1.8 {
            return (is::AIR, 0);
        }
        if skin < 0.0 {
            return (is::SKIN, 0);
        }
        if skin < self.spec.fat_mm {
            let septum = self.fine.value([x, 0.4 * y, 0.4 * z]) > 2.0;
            return (if septum { is::LIGAMENT } else { is::FAT }, 0);
        }
        let belly = y + 118.0 + 8.0 * self.outline.value([0.3 * x, 0.0, z]);
        if belly < 0.0 {
            return (is::AIR, 0);
        }
        if belly < 14.0 {
            return (is::FAT, 0);
        }
        if behind > -6.0 {
            let streak = self.organs.value([x, 1.4 * y, 0.35 * z]) > 1.05;
            return (if streak { is::FAT } else { is::MUSCLE }, 0);
        }
        let aorta = ((x - 9.0) / 9.0).powi(2) + ((front + 8.0) / 8.0).powi(2);
        let cava = ((x + 13.0) / 10.0).powi(2) + ((front + 8.5) / 7.5).powi(2);
        if aorta < 1.0 || cava < 1.0 {
            return (is::VESSEL, 0);
        }
        if (x.abs() - 34.0).hypot(0.6 * (front - 12.0)) < 14.0 {
            return (is::MUSCLE, 0);
        }
        if front > -3.0 {
            return (is::FAT, 0);
        }
        let o = self.organs.value([x, y, z]);
        let f = self.fine.value([x, y, z]);
        let material = if o > 1.0 {
            is::AIR
        } else if o > 0.1 {
            if o + 0.15 * f < 0.25 {
                is::MUSCLE
            } else {
                is::BOWEL
            }
        } else if f > 1.5 {
            is::VESSEL
        } else {
            is::FAT
        };
        (material, 0)
    }

    /// Sideways shift of the spine at a height.
    fn sway(&self, z: f32) -> f32 {
        self.spec.scoliosis_mm * (z / 130.0) * (z / 130.0).abs().min(1.5)
    }
}

impl Body for Spine<'_> {
    fn materials(&self) -> Vec<Material> {
        let fat = self.spec.marrow_fat;
        vec![
            Material::of(Tissue::Air, 0.0),
            Material::of(Tissue::Skin, 0.0),
            Material::of(Tissue::Fat, 0.93),
            Material::of(Tissue::Muscle, 0.04),
            Material::of(Tissue::Bone, 0.0),
            Material::new(0.62, [549.0, 49.0], [586.0, 49.0], 0.35, 0.05, fat),
            // Nucleus and annulus of discs, representative.
            Material::new(0.88, [1150.0, 110.0], [1350.0, 100.0], 0.7, 0.0, 0.0),
            Material::new(0.70, [950.0, 42.0], [1100.0, 38.0], 0.6, 0.0, 0.0),
            Material::of(Tissue::Csf, 0.0),
            Material::new(0.74, [745.0, 74.0], [993.0, 78.0], 0.6, 0.01, 0.0),
            // Ligaments, representative.
            Material::new(0.35, [800.0, 12.0], [900.0, 10.0], 0.5, 0.05, 0.05),
            // Flowing blood that has left the slice gives little signal; representative.
            Material::new(0.35, [1441.0, 120.0], [1932.0, 90.0], 0.3, 0.7, 0.0),
            Material::new(0.70, [900.0, 70.0], [1100.0, 60.0], 0.4, 0.1, 0.05),
            Material::new(0.66, [850.0, 50.0], [1000.0, 45.0], 0.6, 0.0, 0.0),
        ]
    }

    fn at(&self, p: [f32; 3]) -> (usize, u8) {
        let [x, y, z] = [p[0] - self.sway(p[2]), p[1], p[2]];
        let (behind, level) = self.canal(y, z);
        // Only points before the canal's middle can lie in a body or disc.
        if behind < 0.0
            && let Some(found) = self.column(x, y, z)
        {
            return found;
        }
        if let Some(found) = self.arch(x, y, z, behind, level) {
            return found;
        }
        self.around([x, y, z], behind)
    }

    fn texture(&self, p: [f32; 3]) -> f32 {
        0.05 * self.trabeculae.value(p) + 0.04 * self.organs.value(p)
    }

    fn shading(&self, [_, y, _]: [f32; 3]) -> f32 {
        // Coils lie in the table.
        (self.spec.shading * (y - 30.0) / 80.0).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::body::Protons;

    #[test]
    fn five_bodies_lie_above_each_other_with_discs_between() {
        let spec = SpineSpec::random(4);
        let size = Zyx::new(3, 112, 96);
        let phantom = spec
            .stack([0.0, 10.0, 0.0], size, Zyx::new(6.0, 2.4, 2.4))
            .unwrap();
        let n = size.y * size.x;
        let middle = &phantom.structures[n..2 * n];
        let mut rows = Vec::new();
        for value in 1..=5u8 {
            let at: Vec<usize> = (0..n).filter(|i| middle[*i] == value).collect();
            let area = at.len() as f32 * 2.4 * 2.4;
            assert!((450.0..1300.0).contains(&area), "L{value}: {area} mm2");
            rows.push(at.iter().map(|i| (i / size.x) as f32).sum::<f32>() / at.len() as f32);
        }
        // L1 is the topmost.
        assert!(rows.windows(2).all(|w| w[1] - w[0] > 10.0), "{rows:?}");
        for value in [SpineStructure::Disc, SpineStructure::Canal] {
            assert!(middle.iter().filter(|s| **s == value as u8).count() > 100);
        }
    }

    #[test]
    fn water_and_fat_add_up() {
        let spec = SpineSpec::random(1);
        let phantom = spec
            .stack([0.0; 3], Zyx::new(1, 40, 40), Zyx::new(5.0, 6.0, 6.0))
            .unwrap();
        let sequence = SpineSpec::water_fat();
        let [all, water, fat] =
            [Protons::All, Protons::Water, Protons::Fat].map(|p| phantom.render(&sequence, p));
        for i in 0..all.len() {
            // Each is cut off at zero on its own.
            assert!((all[i] - water[i] - fat[i]).abs() < 0.02 * all[i].max(0.05));
        }
        assert!(fat.iter().any(|v| *v > 0.02) && water.iter().any(|v| *v > 0.02));
    }
}
