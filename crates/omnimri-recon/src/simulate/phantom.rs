//! The head sampled on a grid, with partial volumes at every edge.

use omnimri_image::{Affine, Geometry, Plane, Trust, Zyx};
use rayon::prelude::*;

use super::anatomy::{Anatomy, Local};
use super::head::HeadSpec;
use super::tissue::{FieldStrength, N_TISSUES, Tissue};
use crate::{Error, Result};

/// Where a slice lies: rows and columns as radiologists look at them (patient's right on the image's left, anterior or
/// superior up, sagittal with the face to the left).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cut {
    /// Anatomical plane.
    pub plane: Plane,
    /// Distance from the centre of the brain along the normal: to superior, posterior or the patient's left, millimetres.
    pub offset_mm: f32,
    /// Distance of neighbouring pixels in the slice, millimetres.
    pub pixel_mm: f32,
    /// Samples an axis and pixel, from which partial volumes are counted; 2 is quick, 3 is good.
    pub supersampling: usize,
}

impl Cut {
    /// An axial cut.
    pub const fn axial(offset_mm: f32, pixel_mm: f32) -> Self {
        Self {
            plane: Plane::Axial,
            offset_mm,
            pixel_mm,
            supersampling: 2,
        }
    }

    /// Position in head coordinates (left, posterior, superior) of a point `(row, column)` millimetres from the slice's centre.
    fn position(&self, row: f32, column: f32, offset: f32) -> [f32; 3] {
        match self.plane {
            Plane::Axial => [column, row, offset],
            // Superior up; the field of view reaches a little further down than up.
            Plane::Coronal => [column, offset, -row - 12.0],
            Plane::Sagittal => [offset, column, -row - 12.0],
        }
    }
}

/// A head on a grid of `[n_z][n_y][n_x]` voxels.
#[derive(Debug, Clone, PartialEq)]
pub struct Phantom {
    /// Slices.
    pub n_z: usize,
    /// Rows.
    pub n_y: usize,
    /// Columns.
    pub n_x: usize,
    /// Part of each voxel that a tissue fills, `[z][y][x][tissue]`; sums to one.
    pub fractions: Vec<f32>,
    /// Relative change of T1 within tissues, `[z][y][x]`.
    pub texture: Vec<f32>,
    /// Smooth shading, about one, `[z][y][x]`.
    pub bias: Vec<f32>,
    /// Label of the tissue that fills most of the voxel, `[z][y][x]`.
    pub labels: Vec<u8>,
    /// True where tumour fills at least half of the voxel, `[z][y][x]`.
    pub lesion_mask: Vec<bool>,
    /// The first cut; slices follow along its normal.
    pub cut: Cut,
    /// Distance of slices, millimetres.
    pub slice_mm: f32,
}

/// Most voxels that one call samples: 512 cubed.
const MAX_VOXELS: usize = 1 << 27;

/// One slice of a head.
///
/// # Errors
/// [`Error::OutOfRange`] for an empty or huge grid, or pixels without a size.
pub fn slice(spec: &HeadSpec, cut: Cut, n_y: usize, n_x: usize) -> Result<Phantom> {
    stack(spec, cut, 1, 1.0, n_y, n_x)
}

/// `n_z` slices `slice_mm` apart, the first at `cut`.
///
/// # Errors
/// [`Error::OutOfRange`] for an empty or huge grid, or voxels without a size.
pub fn stack(
    spec: &HeadSpec,
    cut: Cut,
    n_z: usize,
    slice_mm: f32,
    n_y: usize,
    n_x: usize,
) -> Result<Phantom> {
    sampled(&Anatomy::new(spec), spec, cut, (n_z, slice_mm), (n_y, n_x))
}

/// Samples an anatomy drawn from `spec`.
pub(super) fn sampled(
    anatomy: &Anatomy<'_>,
    spec: &HeadSpec,
    cut: Cut,
    (n_z, slice_mm): (usize, f32),
    (n_y, n_x): (usize, usize),
) -> Result<Phantom> {
    check(cut, n_z, slice_mm, n_y, n_x)?;
    let n = n_y * n_x;
    let mut fractions = vec![0.0f32; n_z * n * N_TISSUES];
    let mut texture = vec![0.0f32; n_z * n];
    for z in 0..n_z {
        let at = Sampler {
            anatomy,
            spec,
            cut,
            offset: cut.offset_mm + z as f32 * slice_mm,
            n_y,
            n_x,
        };
        let lattice = at.lattice();
        fractions[z * n * N_TISSUES..(z + 1) * n * N_TISSUES]
            .par_chunks_mut(n_x * N_TISSUES)
            .zip(texture[z * n..(z + 1) * n].par_chunks_mut(n_x))
            .enumerate()
            .for_each(|(y, (fractions, texture))| at.row(y, &lattice, fractions, texture));
    }
    let labels: Vec<u8> = fractions
        .chunks(N_TISSUES)
        .map(|f| {
            let best = (0..N_TISSUES).fold(0, |best, t| if f[t] > f[best] { t } else { best });
            best as u8
        })
        .collect();
    let tumours: Vec<usize> = (0..N_TISSUES)
        .filter(|&t| Tissue::ALL[t].is_tumour())
        .collect();
    let lesion_mask = fractions
        .chunks(N_TISSUES)
        .map(|f| tumours.iter().map(|&t| f[t]).sum::<f32>() >= 0.5)
        .collect();
    let bias = bias_field(spec, n_z, n_y, n_x);
    Ok(Phantom {
        n_z,
        n_y,
        n_x,
        fractions,
        texture,
        bias,
        labels,
        lesion_mask,
        cut,
        slice_mm,
    })
}

fn check(cut: Cut, n_z: usize, slice_mm: f32, n_y: usize, n_x: usize) -> Result<()> {
    let n = n_z
        .checked_mul(n_y)
        .and_then(|n| n.checked_mul(n_x))
        .unwrap_or(usize::MAX);
    let range = |what, min: f64, max: f64, found: f64, hint| match (min..=max).contains(&found) {
        true => Ok(()),
        false => Err(Error::OutOfRange {
            what,
            min,
            max,
            found,
            hint,
        }),
    };
    range(
        "phantom voxels",
        1.0,
        MAX_VOXELS as f64,
        n as f64,
        "choose a smaller grid",
    )?;
    range(
        "pixel size",
        0.05,
        50.0,
        cut.pixel_mm.into(),
        "in millimetres",
    )?;
    range(
        "slice distance",
        0.05,
        100.0,
        slice_mm.into(),
        "in millimetres",
    )?;
    range(
        "supersampling",
        1.0,
        8.0,
        cut.supersampling as f64,
        "2 or 3 are usual",
    )
}

/// Samples one slice.
pub(super) struct Sampler<'a> {
    pub anatomy: &'a Anatomy<'a>,
    pub spec: &'a HeadSpec,
    pub cut: Cut,
    pub offset: f32,
    pub n_y: usize,
    pub n_x: usize,
}

impl Sampler<'_> {
    /// Head coordinates of a fractional pixel position; pixel centres are whole numbers.
    pub fn position(&self, y: f32, x: f32) -> [f32; 3] {
        let row = (y - (self.n_y as f32 - 1.0) / 2.0) * self.cut.pixel_mm;
        let column = (x - (self.n_x as f32 - 1.0) / 2.0) * self.cut.pixel_mm;
        let mut p = self.cut.position(row, column, self.offset);
        for (p, o) in p.iter_mut().zip(self.spec.offset_mm) {
            *p -= o;
        }
        for (axis, degrees) in self.spec.rotation_deg.into_iter().enumerate() {
            let (sin, cos) = degrees.to_radians().sin_cos();
            let (a, b) = ((axis + 1) % 3, (axis + 2) % 3);
            (p[a], p[b]) = (cos * p[a] + sin * p[b], cos * p[b] - sin * p[a]);
        }
        p
    }

    /// The position before the tumour pushed tissue away.
    pub fn undisturbed(&self, p: [f32; 3]) -> [f32; 3] {
        match (&self.spec.lesion, self.spec.lesion_centre_mm()) {
            (Some(lesion), Some(centre)) => lesion.pull_back(centre, p),
            _ => p,
        }
    }

    /// Smooth quantities at the corners of the pixels, `[n_y + 1][n_x + 1]`.
    fn lattice(&self) -> Vec<Local> {
        let width = self.n_x + 1;
        let mut out = vec![Local::default(); (self.n_y + 1) * width];
        out.par_chunks_mut(width).enumerate().for_each(|(y, row)| {
            for (x, local) in row.iter_mut().enumerate() {
                let p = self.position(y as f32 - 0.5, x as f32 - 0.5);
                *local = self.anatomy.local(p, self.undisturbed(p));
            }
        });
        out
    }

    fn row(&self, y: usize, lattice: &[Local], fractions: &mut [f32], texture: &mut [f32]) {
        let s = self.cut.supersampling;
        let width = self.n_x + 1;
        let share = 1.0 / (s * s) as f32;
        let centre = self.spec.lesion_centre_mm().unwrap_or_default();
        for x in 0..self.n_x {
            let corner = |dy: usize, dx: usize| &lattice[(y + dy) * width + x + dx];
            let corners = [corner(0, 0), corner(0, 1), corner(1, 0), corner(1, 1)];
            let out = &mut fractions[x * N_TISSUES..(x + 1) * N_TISSUES];
            // Far outside the head nothing needs sampling.
            if corners.iter().all(|c| c.depth < -140.0) {
                out[Tissue::Air as usize] = 1.0;
                continue;
            }
            for i in 0..s * s {
                let (v, u) = ((i / s) as f32 + 0.5, (i % s) as f32 + 0.5);
                let (v, u) = (v / s as f32, u / s as f32);
                let weights = [(1.0 - v) * (1.0 - u), (1.0 - v) * u, v * (1.0 - u), v * u];
                let local = Local::mix(corners, weights);
                let p = self.position(y as f32 - 0.5 + v, x as f32 - 0.5 + u);
                let host = self.anatomy.tissue(self.undisturbed(p), &local);
                let tissue = self.spec.lesion.as_ref().and_then(|lesion| {
                    lesion.tissue_at(centre, p, local.depth, local.lesion, host)
                });
                out[tissue.unwrap_or(host) as usize] += share;
                texture[x] += share * local.texture;
            }
            texture[x] *= 0.022;
        }
    }
}

/// A smooth shading of low polynomial order, about one.
fn bias_field(spec: &HeadSpec, n_z: usize, n_y: usize, n_x: usize) -> Vec<f32> {
    use rand::{Rng, SeedableRng};
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(spec.seed);
    rng.set_stream(3);
    let c: [f32; 6] = std::array::from_fn(|_| rng.random_range(-1.0..1.0));
    let unit = |i: usize, n: usize| {
        if n > 1 {
            2.0 * i as f32 / (n - 1) as f32 - 1.0
        } else {
            0.0
        }
    };
    (0..n_z * n_y * n_x)
        .map(|i| {
            let (z, y, x) = (
                unit(i / (n_y * n_x), n_z),
                unit(i / n_x % n_y, n_y),
                unit(i % n_x, n_x),
            );
            let shape = 0.35 * (c[0] * x + c[1] * y + c[2] * z) + 0.25 * (c[3] * x * y)
                + 0.2 * (c[4] * x * x + c[5] * y * y)
                // Coils around the head brighten its rim.
                + 0.6 * (x * x + y * y - 0.5);
            (spec.bias * shape).exp()
        })
        .collect()
}

impl Phantom {
    /// Mean of a tissue property over the fractions of every voxel.
    fn mean(&self, property: impl Fn(Tissue) -> f32 + Sync) -> Vec<f32> {
        let table: [f32; N_TISSUES] = Tissue::ALL.map(property);
        self.fractions
            .par_chunks(N_TISSUES)
            .with_min_len(4096)
            .map(|f| f.iter().zip(&table).map(|(f, v)| f * v).sum())
            .collect()
    }

    /// Proton density relative to water, `[z][y][x]`.
    pub fn proton_density(&self) -> Vec<f32> {
        self.mean(|t| t.relaxation(FieldStrength::Three, 0.0).pd)
    }

    /// T1 in milliseconds without contrast agent, from the mean of rates, `[z][y][x]`.
    pub fn t1_ms(&self, field: FieldStrength) -> Vec<f32> {
        let rates = self.mean(|t| 1.0 / t.relaxation(field, 0.0).t1_ms);
        rates
            .iter()
            .zip(&self.texture)
            .map(|(r, t)| (1.0 + t) / r)
            .collect()
    }

    /// T2 in milliseconds without contrast agent, from the mean of rates, `[z][y][x]`.
    pub fn t2_ms(&self, field: FieldStrength) -> Vec<f32> {
        self.mean(|t| 1.0 / t.relaxation(field, 0.0).t2_ms)
            .iter()
            .map(|r| 1.0 / r)
            .collect()
    }

    /// Grid and affine of the phantom in patient space.
    pub fn geometry(&self) -> Geometry {
        let mm = f64::from(self.cut.pixel_mm);
        let step = f64::from(self.slice_mm);
        let start = f64::from(self.cut.offset_mm);
        let half = |n: usize| (n as f64 - 1.0) / 2.0 * mm;
        let (w, h) = (half(self.n_x), half(self.n_y));
        // Columns i, j, k and the origin, in RAS+; head coordinates are left, posterior, superior.
        let rows = match self.cut.plane {
            Plane::Axial => [
                [-mm, 0.0, 0.0, w],
                [0.0, -mm, 0.0, h],
                [0.0, 0.0, step, start],
            ],
            Plane::Coronal => [
                [-mm, 0.0, 0.0, w],
                [0.0, 0.0, -step, -start],
                [0.0, -mm, 0.0, h - 12.0],
            ],
            Plane::Sagittal => [
                [0.0, 0.0, -step, -start],
                [-mm, 0.0, 0.0, w],
                [0.0, -mm, 0.0, h - 12.0],
            ],
        };
        Geometry {
            size: Zyx::new(self.n_z, self.n_y, self.n_x),
            affine: Affine([rows[0], rows[1], rows[2], [0.0, 0.0, 0.0, 1.0]]),
            orientation: Trust::Trusted,
            spacing: Trust::Trusted,
        }
    }
}
