//! Phantoms of any part of the body: materials with relaxation times, sampled on a grid with partial volumes at every edge.

use omnimri_image::{Plane, Zyx};
use rayon::prelude::*;

use super::maps::TissueMaps;
use super::signal::{ContrastAgent, Sequence};
use super::tissue::{FieldStrength, Relaxation, Tissue};
use crate::{Error, Result};

/// Most voxels that one call samples: 512 cubed over four.
const MAX_VOXELS: usize = 1 << 25;

/// What a voxel can be made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Material {
    /// Relaxation at 1.5 and 3 tesla without contrast agent.
    pub relaxation: [Relaxation; 2],
    /// Gadolinium in mmol/l some minutes after a single dose.
    pub uptake_mm: f32,
    /// Part of the signal that comes from fat.
    pub fat: f32,
}

impl Material {
    /// From proton density, T1 and T2 in milliseconds at 1.5 and 3 tesla, T2* over T2, uptake and fat.
    pub const fn new(
        pd: f32,
        low: [f32; 2],
        high: [f32; 2],
        star: f32,
        uptake_mm: f32,
        fat: f32,
    ) -> Self {
        const fn at(pd: f32, [t1_ms, t2_ms]: [f32; 2], star: f32) -> Relaxation {
            Relaxation {
                pd,
                t1_ms,
                t2_ms,
                t2_star_ms: t2_ms * star,
            }
        }
        Self {
            relaxation: [at(pd, low, star), at(pd, high, star)],
            uptake_mm,
            fat,
        }
    }

    /// A tissue of the head, with the part of fat in it.
    pub fn of(tissue: Tissue, fat: f32) -> Self {
        Self {
            relaxation: [FieldStrength::OnePointFive, FieldStrength::Three]
                .map(|field| tissue.relaxation(field, 0.0)),
            uptake_mm: tissue.uptake_mm(),
            fat,
        }
    }

    /// Relaxation at a field without contrast agent.
    pub const fn at(&self, field: FieldStrength) -> Relaxation {
        match field {
            FieldStrength::OnePointFive => self.relaxation[0],
            FieldStrength::Three => self.relaxation[1],
        }
    }

    /// Signal in a sequence, T1 stretched by `t1_scale`.
    pub fn signal(&self, sequence: &Sequence, t1_scale: f32) -> f32 {
        let agent = match sequence.contrast_agent {
            ContrastAgent::None => 0.0,
            ContrastAgent::Gadolinium => self.uptake_mm,
        };
        let mut relaxation = self
            .at(sequence.field)
            .with_gadolinium(sequence.field, agent);
        relaxation.t1_ms *= t1_scale;
        sequence.kind.signal(&relaxation)
    }
}

/// Which of the protons give signal; water and fat are separated ideally.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protons {
    /// All.
    All,
    /// Those of water.
    Water,
    /// Those of fat.
    Fat,
}

/// The grid a phantom is sampled on. Rows and columns run as radiologists look at slices (see [`super::Cut`]).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    /// Plane of the slices.
    pub plane: Plane,
    /// Slices, rows, columns.
    pub size: Zyx<usize>,
    /// Distances of slices, rows and columns.
    pub spacing_mm: Zyx<f32>,
    /// The grid's centre in the phantom's coordinates: left, posterior, superior.
    pub centre_mm: [f32; 3],
    /// Samples an axis and pixel, from which partial volumes are counted.
    pub supersampling: usize,
}

impl Grid {
    fn check(&self) -> Result<()> {
        let n = self
            .size
            .z
            .checked_mul(self.size.y)
            .and_then(|n| n.checked_mul(self.size.x))
            .unwrap_or(usize::MAX);
        let mm = self.spacing_mm;
        let (least, most) = (mm.z.min(mm.y).min(mm.x), mm.z.max(mm.y).max(mm.x));
        for (what, min, max, found) in [
            ("phantom voxels", 1.0, MAX_VOXELS as f64, n as f64),
            ("smallest voxel side", 0.05, 100.0, least.into()),
            ("largest voxel side", 0.05, 100.0, most.into()),
            ("supersampling", 1.0, 8.0, self.supersampling as f64),
        ] {
            if !(min..=max).contains(&found) {
                return Err(Error::OutOfRange {
                    what,
                    min,
                    max,
                    found,
                    hint: "choose another grid; sizes are in millimetres",
                });
            }
        }
        Ok(())
    }

    /// Phantom coordinates of a fractional voxel position.
    fn position(&self, z: f32, y: f32, x: f32) -> [f32; 3] {
        let from_middle = |at: f32, n: usize, mm: f32| (at - (n as f32 - 1.0) / 2.0) * mm;
        let s = from_middle(z, self.size.z, self.spacing_mm.z);
        let row = from_middle(y, self.size.y, self.spacing_mm.y);
        let column = from_middle(x, self.size.x, self.spacing_mm.x);
        let p = match self.plane {
            Plane::Axial => [column, row, s],
            Plane::Coronal => [column, s, -row],
            Plane::Sagittal => [s, column, -row],
        };
        std::array::from_fn(|a| p[a] + self.centre_mm[a])
    }
}

/// An analytic body: what lies where.
pub(super) trait Body: Sync {
    /// All materials; [`Self::at`] gives positions in this list.
    fn materials(&self) -> Vec<Material>;
    /// Material and structure at a point (left, posterior, superior, millimetres).
    fn at(&self, p: [f32; 3]) -> (usize, u8);
    /// Relative change of T1 within materials.
    fn texture(&self, p: [f32; 3]) -> f32;
    /// Shading of the coils.
    fn shading(&self, p: [f32; 3]) -> f32;
}

/// A body on a grid.
#[derive(Debug, Clone, PartialEq)]
pub struct BodyPhantom {
    /// The grid.
    pub grid: Grid,
    /// What voxels are made of.
    pub materials: Vec<Material>,
    /// Part of each voxel that a material fills, `[z][y][x][material]`; sums to one.
    pub fractions: Vec<f32>,
    /// Structure that fills most of the voxel, `[z][y][x]`; 0 for none. The body's own enum names them.
    pub structures: Vec<u8>,
    /// Relative change of T1 within materials, `[z][y][x]`.
    pub texture: Vec<f32>,
    /// Shading of the coils, `[z][y][x]`.
    pub shading: Vec<f32>,
}

/// Samples a body.
pub(super) fn sample(body: &impl Body, grid: Grid) -> Result<BodyPhantom> {
    grid.check()?;
    let materials = body.materials();
    let (n, m, s) = (grid.size.count(), materials.len(), grid.supersampling);
    let mut out = BodyPhantom {
        fractions: vec![0.0; n * m],
        structures: vec![0; n],
        texture: vec![0.0; n],
        shading: vec![0.0; n],
        grid,
        materials,
    };
    let row = grid.size.x;
    out.fractions
        .par_chunks_mut(row * m)
        .zip(out.structures.par_chunks_mut(row))
        .zip(out.texture.par_chunks_mut(row))
        .zip(out.shading.par_chunks_mut(row))
        .enumerate()
        .for_each(|(r, (((fractions, structures), texture), shading))| {
            let (z, y) = ((r / grid.size.y) as f32, (r % grid.size.y) as f32);
            let part = |i: usize| (i as f32 + 0.5) / s as f32 - 0.5;
            for x in 0..row {
                let mut votes = [0u16; 256];
                for i in 0..s * s {
                    // Samples of one pixel lie at different depths of a thick slice.
                    let depth = part((i * 7 + i / s) % s);
                    let p = grid.position(z + depth, y + part(i / s), x as f32 + part(i % s));
                    let (material, structure) = body.at(p);
                    fractions[x * m + material.min(m - 1)] += 1.0 / (s * s) as f32;
                    votes[usize::from(structure)] += 1;
                }
                let centre = grid.position(z, y, x as f32);
                let best = (0..=255u8).fold(0, |best, v| {
                    if votes[usize::from(v)] > votes[usize::from(best)] {
                        v
                    } else {
                        best
                    }
                });
                structures[x] = best;
                texture[x] = body.texture(centre);
                shading[x] = body.shading(centre);
            }
        });
    Ok(out)
}

impl BodyPhantom {
    /// Signal of every voxel in a sequence, `[z][y][x]`: materials mix by their parts of the voxel, T1 varies within them, the
    /// shading multiplies. Real and not negative; noise comes with the acquisition.
    pub fn render(&self, sequence: &Sequence, protons: Protons) -> Vec<f32> {
        const STEP: f32 = 0.02;
        let part = |m: &Material| match protons {
            Protons::All => 1.0,
            Protons::Water => 1.0 - m.fat,
            Protons::Fat => m.fat,
        };
        let table: Vec<[f32; 2]> = self
            .materials
            .iter()
            .map(|m| {
                let (a, b) = (m.signal(sequence, 1.0), m.signal(sequence, 1.0 + STEP));
                [a * part(m), (b - a) / STEP * part(m)]
            })
            .collect();
        self.fractions
            .par_chunks(self.materials.len().max(1))
            .zip(&self.texture)
            .zip(&self.shading)
            .with_min_len(4096)
            .map(|((fractions, texture), shading)| {
                let (mut s, mut d) = (0.0, 0.0);
                for (f, [v, slope]) in fractions.iter().zip(&table) {
                    s += f * v;
                    d += f * slope;
                }
                shading * (s + texture * d).max(0.0)
            })
            .collect()
    }

    /// Proton density and relaxation times of every voxel, from means of rates.
    pub fn maps(&self, field: FieldStrength) -> TissueMaps {
        let rows: Vec<Relaxation> = self.materials.iter().map(|m| m.at(field)).collect();
        TissueMaps::mixed(self.grid.size, &self.fractions, &rows)
    }
}
