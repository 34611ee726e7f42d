//! Where voxels lie: sizes, affines, orientation codes and how far a header can be trusted.
//!
//! Convention, stated once: voxel index `(i, j, k)` is `(x, y, z)`; `i` runs fastest in memory, so a volume of size
//! [`Zyx`] `{z, y, x}` is stored in C order `[z][y][x]`. An [`Affine`] maps `(i, j, k, 1)` to RAS+ millimetres
//! (x to the patient's Right, y Anterior, z Superior), as NIfTI-1 defines it. DICOM's LPS+ is converted when it is read.

use serde::{Deserialize, Serialize};

/// A triple named by axis, so that `z, y, x` and `x, y, z` cannot be confused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Zyx<T> {
    /// Slowest axis: slices.
    pub z: T,
    /// Rows of a slice.
    pub y: T,
    /// Fastest axis: columns of a slice.
    pub x: T,
}

impl<T> Zyx<T> {
    /// A triple in the order `z, y, x`.
    pub const fn new(z: T, y: T, x: T) -> Self {
        Self { z, y, x }
    }
}

impl Zyx<usize> {
    /// Number of voxels.
    pub const fn count(&self) -> usize {
        self.z * self.y * self.x
    }

    /// Offset of voxel `(i, j, k)` = `(x, y, z)` in C order.
    pub const fn offset(&self, i: usize, j: usize, k: usize) -> usize {
        (k * self.y + j) * self.x + i
    }
}

/// Voxel index `(i, j, k)` to RAS+ millimetres; the last row is `0 0 0 1`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Affine(pub [[f64; 4]; 4]);

impl Affine {
    /// Axes along R, A, S with the given voxel sizes in millimetres and voxel `(0, 0, 0)` at the origin.
    pub fn from_spacing(spacing_mm: Zyx<f64>) -> Self {
        Self([
            [spacing_mm.x, 0.0, 0.0, 0.0],
            [0.0, spacing_mm.y, 0.0, 0.0],
            [0.0, 0.0, spacing_mm.z, 0.0],
            [0.0, 0.0, 0.0, 1.0],
        ])
    }

    /// World position in millimetres of a (fractional) voxel index `(i, j, k)`.
    pub fn apply(&self, ijk: [f64; 3]) -> [f64; 3] {
        std::array::from_fn(|r| {
            self.0[r][0] * ijk[0] + self.0[r][1] * ijk[1] + self.0[r][2] * ijk[2] + self.0[r][3]
        })
    }

    /// Direction in world space (millimetres a voxel) of voxel axis `axis` (0 = i, 1 = j, 2 = k).
    pub fn column(&self, axis: usize) -> [f64; 3] {
        std::array::from_fn(|r| self.0[r][axis])
    }

    /// Voxel sizes in millimetres: the lengths of the columns.
    pub fn spacing_mm(&self) -> Zyx<f64> {
        let norm = |c: [f64; 3]| c.iter().map(|v| v * v).sum::<f64>().sqrt();
        Zyx::new(
            norm(self.column(2)),
            norm(self.column(1)),
            norm(self.column(0)),
        )
    }

    /// Determinant of the linear part: the signed volume of a voxel in cubic millimetres.
    pub fn determinant(&self) -> f64 {
        let [a, b, c] = [self.column(0), self.column(1), self.column(2)];
        a[0] * (b[1] * c[2] - b[2] * c[1]) - b[0] * (a[1] * c[2] - a[2] * c[1])
            + c[0] * (a[1] * b[2] - a[2] * b[1])
    }

    /// The inverse map, or `None` if the affine is singular or not finite.
    pub fn inverse(&self) -> Option<Self> {
        let det = self.determinant();
        if !det.is_finite() || det.abs() < 1e-12 || !self.0.iter().flatten().all(|v| v.is_finite())
        {
            return None;
        }
        let m = &self.0;
        let mut inv = [[0.0; 4]; 4];
        for r in 0..3 {
            for c in 0..3 {
                // Cofactor of the transposed position, by cyclic indices.
                let (r1, r2, c1, c2) = ((c + 1) % 3, (c + 2) % 3, (r + 1) % 3, (r + 2) % 3);
                inv[r][c] = (m[r1][c1] * m[r2][c2] - m[r1][c2] * m[r2][c1]) / det;
            }
        }
        for r in 0..3 {
            inv[r][3] = -(0..3).map(|c| inv[r][c] * m[c][3]).sum::<f64>();
        }
        inv[3][3] = 1.0;
        Some(Self(inv))
    }

    /// `self` after `first`: `(self * first)(x) = self(first(x))`.
    pub fn compose(&self, first: &Self) -> Self {
        let mut out = [[0.0; 4]; 4];
        for r in 0..4 {
            for c in 0..4 {
                out[r][c] = (0..4).map(|k| self.0[r][k] * first.0[k][c]).sum();
            }
        }
        Self(out)
    }

    /// For each voxel axis `i, j, k`: the world axis (0 R, 1 A, 2 S) it follows most closely, each used once, and its sign.
    ///
    /// The assignment with the largest sum of absolute direction cosines among all permutations.
    pub fn closest_axes(&self) -> [(usize, f64); 3] {
        const PERMUTATIONS: [[usize; 3]; 6] = [
            [0, 1, 2],
            [0, 2, 1],
            [1, 0, 2],
            [1, 2, 0],
            [2, 0, 1],
            [2, 1, 0],
        ];
        let unit: [[f64; 3]; 3] = std::array::from_fn(|axis| {
            let c = self.column(axis);
            let n = c.iter().map(|v| v * v).sum::<f64>().sqrt().max(1e-300);
            c.map(|v| v / n)
        });
        let score = |p: &[usize; 3]| (0..3).map(|axis| unit[axis][p[axis]].abs()).sum::<f64>();
        let mut best = PERMUTATIONS[0];
        for p in &PERMUTATIONS[1..] {
            if score(p) > score(&best) + 1e-12 {
                best = *p;
            }
        }
        std::array::from_fn(|axis| {
            (
                best[axis],
                if unit[axis][best[axis]] < 0.0 {
                    -1.0
                } else {
                    1.0
                },
            )
        })
    }

    /// Three letters: the direction in which `i`, `j` and `k` grow, as nibabel's `aff2axcodes`, for example `RAS` or `LPS`.
    pub fn orientation_code(&self) -> String {
        const LETTERS: [[char; 2]; 3] = [['L', 'R'], ['P', 'A'], ['I', 'S']];
        self.closest_axes()
            .iter()
            .map(|&(world, sign)| LETTERS[world][usize::from(sign > 0.0)])
            .collect()
    }
}

/// Whether a property of a header may be relied on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "trust", content = "why")]
pub enum Trust {
    /// The header says it and nothing contradicts it.
    Trusted,
    /// The header does not say it, or what it says is contradicted; the reason in words.
    Untrusted(String),
}

impl Trust {
    /// True if the property may be relied on.
    pub fn is_trusted(&self) -> bool {
        matches!(self, Self::Trusted)
    }
}

/// Size and position of a voxel grid, and what of it can be trusted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Geometry {
    /// Number of voxels an axis.
    pub size: Zyx<usize>,
    /// Voxel index to RAS+ millimetres. Always invertible; unit spacing where the file says nothing.
    pub affine: Affine,
    /// May sides of the patient be named from the affine?
    pub orientation: Trust,
    /// May millimetres and millilitres be computed from the affine?
    pub spacing: Trust,
}

impl Geometry {
    /// Voxel sizes in millimetres, or `None` where they cannot be trusted.
    pub fn trusted_spacing_mm(&self) -> Option<Zyx<f64>> {
        self.spacing.is_trusted().then(|| self.affine.spacing_mm())
    }

    /// Volume of a voxel in millilitres, or `None` where spacing cannot be trusted.
    pub fn voxel_ml(&self) -> Option<f64> {
        self.spacing
            .is_trusted()
            .then(|| self.affine.determinant().abs() / 1000.0)
    }
}

/// Anatomical imaging plane of a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plane {
    /// Normal along the superior-inferior axis.
    Axial,
    /// Normal along the anterior-posterior axis.
    Coronal,
    /// Normal along the left-right axis.
    Sagittal,
}

impl Plane {
    /// All planes, in the order the model's plane head uses.
    pub const ALL: [Self; 3] = [Self::Axial, Self::Coronal, Self::Sagittal];

    /// Lower-case name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Axial => "axial",
            Self::Coronal => "coronal",
            Self::Sagittal => "sagittal",
        }
    }
}
