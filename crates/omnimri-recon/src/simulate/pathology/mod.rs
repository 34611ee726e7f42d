//! Lesions of known extent for any image: shapes, mass effect, oedema, and the signal that a sequence makes of their tissue.
//!
//! A lesion is sampled on a grid as the part of each voxel that each of its tissues fills. Signals mix by these parts, which is
//! exact for partial volumes; signals of tissue come from relaxation times and the concentration of contrast agent through
//! the signal equations of [`super::signal`]. Growth pushes the surroundings away; oedema soaks what is allowed to soak.
//!
//! Relaxation times of plaques and infarcts are representative choices made for this simulation, longer than those of the tissue
//! they replace; they are not taken from one source.

mod shapes;
#[cfg(test)]
mod tests;

use omnimri_image::Zyx;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::body::Material;
use super::deform::Deformation;
use super::signal::Sequence;
use super::tissue::Tissue;
use crate::{Error, Result};
use shapes::{Mass, Places, infarct, plaques};

/// What a lesion imitates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PathologyKind {
    /// A lumpy mass that takes up contrast agent throughout, with oedema.
    Mass,
    /// A ragged mass with a rim that takes up contrast agent around a dead core, with oedema.
    RingMass,
    /// Several small ovals, most beside the ventricles, as in multiple sclerosis.
    Plaques,
    /// A wedge with its base at the surface, as of an artery's territory.
    Infarct,
}

impl PathologyKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Mass, Self::RingMass, Self::Plaques, Self::Infarct];
}

/// What a lesion is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LesionTissue {
    /// Solid, taking up contrast agent.
    Enhancing,
    /// The dead core.
    Necrosis,
    /// Oedema around a mass; no part of its mask.
    Oedema,
    /// A demyelinated plaque.
    Plaque,
    /// A plaque whose barrier is open.
    ActivePlaque,
    /// An infarct some days old.
    Infarct,
}

impl LesionTissue {
    /// Relaxation and uptake.
    pub fn material(self) -> Material {
        match self {
            Self::Enhancing => Material::of(Tissue::EnhancingGlioma, 0.0),
            Self::Necrosis => Material::of(Tissue::Necrosis, 0.0),
            Self::Oedema => Material::of(Tissue::Oedema, 0.0),
            Self::Plaque => Material::new(0.86, [1250.0, 140.0], [1450.0, 135.0], 0.65, 0.03, 0.0),
            Self::ActivePlaque => {
                Material::new(0.86, [1250.0, 140.0], [1450.0, 135.0], 0.65, 0.35, 0.0)
            }
            Self::Infarct => Material::new(0.90, [1450.0, 170.0], [1700.0, 160.0], 0.65, 0.05, 0.0),
        }
    }

    /// True for what belongs to the lesion's mask.
    pub const fn in_mask(self) -> bool {
        !matches!(self, Self::Oedema)
    }
}

/// Where a lesion may lie; masks are `[z][y][x]`.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// Grid.
    pub size: Zyx<usize>,
    /// Voxel sizes.
    pub voxel_mm: Zyx<f32>,
    /// Tissue that a lesion may take, for example the brain.
    pub allowed: &'a [bool],
    /// What plaques gather around, for example the ventricles; `None` spreads them.
    pub near: Option<&'a [bool]>,
}

/// A lesion on a grid.
#[derive(Debug, Clone, PartialEq)]
pub struct PaintedLesion {
    /// What it imitates.
    pub kind: PathologyKind,
    /// Grid.
    pub size: Zyx<usize>,
    /// Part of each voxel that each tissue fills, `[z][y][x]` each.
    pub parts: Vec<(LesionTissue, Vec<f32>)>,
    /// True where the lesion's own tissues fill at least half of the voxel.
    pub mask: Vec<bool>,
    /// First and last (exclusive) voxel of the mask: `[x0, y0, z0, x1, y1, z1]`.
    pub bounds: [usize; 6],
    /// How it pushes its surroundings; `None` if it does not.
    pub push: Option<Deformation>,
}

impl PaintedLesion {
    /// A random lesion of a kind; a pure function of site and seed. `None` where the site has no room for one.
    ///
    /// # Errors
    /// [`Error::Size`] if a mask does not fill the grid; [`Error::OutOfRange`] for voxels without a size.
    pub fn random(kind: PathologyKind, site: &Site<'_>, seed: u64) -> Result<Option<Self>> {
        site.check()?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let rng = &mut rng;
        let Some(places) = Places::new(site) else {
            return Ok(None);
        };
        let parts = match kind {
            PathologyKind::Mass | PathologyKind::RingMass => {
                let mass = Mass::random(kind == PathologyKind::RingMass, &places, rng);
                let Some(mass) = mass else { return Ok(None) };
                let parts = mass.parts(site);
                return Ok(Self::new(kind, site, parts, Some(mass.push(site))));
            }
            PathologyKind::Plaques => plaques(site, &places, rng),
            PathologyKind::Infarct => infarct(site, &places, rng),
        };
        Ok(Self::new(kind, site, parts, None))
    }

    fn new(
        kind: PathologyKind,
        site: &Site<'_>,
        mut parts: Vec<(LesionTissue, Vec<f32>)>,
        push: Option<Deformation>,
    ) -> Option<Self> {
        for (_, part) in &mut parts {
            for (v, allowed) in part.iter_mut().zip(site.allowed) {
                *v *= f32::from(u8::from(*allowed));
            }
        }
        let n = site.size.count();
        let mask: Vec<bool> = (0..n)
            .map(|i| {
                let own = parts.iter().filter(|(t, _)| t.in_mask());
                own.map(|(_, part)| part[i]).sum::<f32>() >= 0.5
            })
            .collect();
        let mut bounds = [usize::MAX, usize::MAX, usize::MAX, 0, 0, 0];
        let Zyx { y, x, .. } = site.size;
        for (i, _) in mask.iter().enumerate().filter(|(_, inside)| **inside) {
            for (axis, at) in [i % x, i / x % y, i / (x * y)].into_iter().enumerate() {
                bounds[axis] = bounds[axis].min(at);
                bounds[axis + 3] = bounds[axis + 3].max(at + 1);
            }
        }
        (bounds[3] > 0).then_some(Self {
            kind,
            size: site.size,
            parts,
            mask,
            bounds,
            push,
        })
    }

    /// Paints the lesion into an image in place: surroundings pushed aside, then signals mixed by the parts of each voxel.
    /// `signal` is that of a tissue at a voxel, `host` the image after the push.
    ///
    /// # Errors
    /// [`Error::Size`] if the image does not fill the lesion's grid.
    pub fn paint(
        &self,
        image: &mut Vec<f32>,
        signal: impl Fn(LesionTissue, usize, f32) -> f32,
    ) -> Result<()> {
        let expected = self.size.count();
        if image.len() != expected {
            return Err(Error::Size {
                what: "image to paint a lesion into",
                expected,
                found: image.len(),
                hint: "image and lesion must have one grid",
            });
        }
        if let Some(push) = &self.push {
            let outside = image.iter().copied().fold(f32::MAX, f32::min);
            *image = push.image(image, outside);
        }
        for (i, v) in image.iter_mut().enumerate() {
            let host = *v;
            let (mut sum, mut filled) = (0.0, 0.0);
            for (tissue, part) in &self.parts {
                if part[i] > 0.0 {
                    sum += part[i] * signal(*tissue, i, host);
                    filled += part[i];
                }
            }
            *v = sum + (1.0 - filled).max(0.0) * host;
        }
        Ok(())
    }

    /// As [`Self::paint`] on an image made by a sequence's signal equation, with the shading of its coils (`[z][y][x]`; empty for
    /// none).
    ///
    /// # Errors
    /// [`Error::Size`] if the image does not fill the lesion's grid.
    pub fn paint_simulated(
        &self,
        image: &mut Vec<f32>,
        sequence: &Sequence,
        shading: &[f32],
    ) -> Result<()> {
        let table = self
            .parts
            .iter()
            .map(|(t, _)| (*t, t.material().signal(sequence, 1.0)))
            .collect::<Vec<_>>();
        self.paint(image, |tissue, i, _| {
            let found = table.iter().find(|(t, _)| *t == tissue);
            found.map_or(0.0, |(_, s)| s * shading.get(i).copied().unwrap_or(1.0))
        })
    }
}

impl Site<'_> {
    fn check(&self) -> Result<()> {
        let expected = self.size.count();
        for (what, mask) in [
            ("mask of allowed tissue", Some(self.allowed)),
            ("mask of what plaques lie near", self.near),
        ] {
            if let Some(mask) = mask.filter(|m| m.len() != expected) {
                return Err(Error::Size {
                    what,
                    expected,
                    found: mask.len(),
                    hint: "masks must be on the image's grid",
                });
            }
        }
        for mm in [self.voxel_mm.z, self.voxel_mm.y, self.voxel_mm.x] {
            if !(0.05..=100.0).contains(&mm) {
                return Err(Error::OutOfRange {
                    what: "voxel size",
                    min: 0.05,
                    max: 100.0,
                    found: mm.into(),
                    hint: "in millimetres",
                });
            }
        }
        Ok(())
    }

    /// Position of a voxel in millimetres: x, y, z.
    fn point(&self, i: usize) -> [f32; 3] {
        let Zyx { y, x, .. } = self.size;
        [
            (i % x) as f32 * self.voxel_mm.x,
            (i / x % y) as f32 * self.voxel_mm.y,
            (i / (x * y)) as f32 * self.voxel_mm.z,
        ]
    }

    /// The smaller side of a pixel, over which edges are blurred.
    fn pixel(&self) -> f32 {
        self.voxel_mm.y.min(self.voxel_mm.x)
    }

    /// The part of each voxel inside a shape, from the distance in millimetres below its surface.
    fn fill(&self, below: impl Fn([f32; 3]) -> f32 + Sync) -> Vec<f32> {
        let pixel = self.pixel();
        (0..self.size.count())
            .into_par_iter()
            .with_min_len(4096)
            .map(|i| {
                if self.allowed[i] {
                    (0.5 + below(self.point(i)) / pixel).clamp(0.0, 1.0)
                } else {
                    0.0
                }
            })
            .collect()
    }
}
