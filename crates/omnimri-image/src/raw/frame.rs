//! One frame of raw data.

use num_complex::Complex32;

use super::EpiInfo;
use crate::{KSpace, Zyx};

/// Raw data of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// Index in [`crate::raw::RawHeader::frames`].
    pub index: usize,
    /// The samples.
    pub data: FrameData,
    /// Echo-planar facts, where lines ran both ways or were sampled on ramps.
    pub epi: Option<EpiInfo>,
    /// Lines of a separate reference scan for parallel imaging, if there is one.
    pub calibration: Option<Box<Calibration>>,
    /// What a user should know of this frame: each one sentence.
    pub warnings: Vec<String>,
}

impl Frame {
    /// A frame of samples alone.
    pub fn new(index: usize, data: FrameData) -> Self {
        Self {
            index,
            data,
            epi: None,
            calibration: None,
            warnings: Vec::new(),
        }
    }
}

/// Lines of a separate reference scan: another echo time or flip angle than the frame's own, so never mixed with them.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// Samples on the grid of the frame.
    pub data: FrameData,
    /// Echo-planar facts of the reference lines.
    pub epi: Option<EpiInfo>,
}

/// The samples, by how they lie in k-space.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum FrameData {
    /// A 2D grid.
    Cartesian(KSpace),
    /// A 3D grid.
    Cartesian3(KSpace3),
    /// Along a trajectory.
    NonCartesian(NonCartesian),
}

/// Multi-coil Cartesian k-space of one volume; conventions as [`KSpace`].
#[derive(Debug, Clone, PartialEq)]
pub struct KSpace3 {
    /// Samples `[coil][z][y][x]`, zero where not measured.
    pub samples: Vec<Complex32>,
    /// Number of coils.
    pub n_coils: usize,
    /// Matrix.
    pub size: Zyx<usize>,
    /// Which samples were measured, `[z][y][x]`.
    pub mask: Vec<bool>,
}

/// Multi-coil samples along a trajectory.
///
/// The sample at `k` (cycles per field of view) of image `m` is
/// `1/sqrt(n_pixels) sum_r m(r) exp(-2 pi i sum_a k_a (r_a - floor(n_a / 2)) / n_a)`, which on grid points is the convention of
/// [`KSpace`].
#[derive(Debug, Clone, PartialEq)]
pub struct NonCartesian {
    /// Samples `[coil][readout][sample]`.
    pub samples: Vec<Complex32>,
    /// Number of coils.
    pub n_coils: usize,
    /// Readouts (spokes, interleaves).
    pub n_readouts: usize,
    /// Samples a readout.
    pub n_samples: usize,
    /// Positions `[readout][sample]`, axes in the order `z, y, x` in cycles per field of view of `size`; `z` is 0 in 2D.
    pub coord: Vec<[f32; 3]>,
    /// Image matrix, `z = 1` in 2D.
    pub size: Zyx<usize>,
    /// Density compensation weights `[readout][sample]`, if the file gives them.
    pub density: Option<Vec<f32>>,
}
