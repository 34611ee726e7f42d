//! The one image type every reader returns and every later room takes.

use serde::{Deserialize, Serialize};

use crate::geometry::{Geometry, Plane};

/// What a header said of how the image was acquired; `None` where it said nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Acquisition {
    /// DICOM modality code (0008,0060), for example `MR` or `CT`.
    pub modality: Option<String>,
    /// Plane of the stored slices (normal along `k`), from a trusted affine.
    pub plane: Option<Plane>,
    /// Series description or the like, as written.
    pub description: Option<String>,
    /// Scanning sequence or pulse sequence name, as written.
    pub sequence_name: Option<String>,
    /// Repetition time in milliseconds.
    pub repetition_time_ms: Option<f64>,
    /// Echo time in milliseconds.
    pub echo_time_ms: Option<f64>,
    /// Inversion time in milliseconds.
    pub inversion_time_ms: Option<f64>,
    /// Flip angle in degrees.
    pub flip_angle_deg: Option<f64>,
    /// Field strength in tesla.
    pub field_strength_t: Option<f64>,
    /// Contrast agent as written, if one was given.
    pub contrast_agent: Option<String>,
    /// Manufacturer and model, as written.
    pub scanner: Option<String>,
    /// Nominal slice thickness in millimetres (not the distance between slices).
    pub slice_thickness_mm: Option<f64>,
    /// Series number (0020,0011).
    pub series_number: Option<i64>,
    /// Series instance UID (0020,000E).
    pub series_uid: Option<String>,
    /// Study instance UID (0020,000D).
    pub study_uid: Option<String>,
    /// SOP instance UID of every slice in `z` order, frames of one object repeated.
    pub sop_uids: Vec<String>,
}

/// Kind of file a volume came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// NIfTI-1 or NIfTI-2.
    Nifti,
    /// MetaImage.
    MetaImage,
    /// NRRD.
    Nrrd,
    /// DICOM series.
    Dicom,
    /// PNG or JPEG slice.
    Image,
    /// Reconstructed from k-space.
    KSpace,
    /// Made by a simulation.
    Simulated,
}

/// Voxels with their geometry and acquisition.
///
/// `voxels` holds `n_frames` volumes of `geometry.size` in C order `[frame][z][y][x]`, rescale slope and intercept applied,
/// every value finite (readers replace or refuse NaN and infinities and say so in `warnings`).
#[derive(Debug, Clone, PartialEq)]
pub struct Volume {
    /// Intensities `[frame][z][y][x]`.
    pub voxels: Vec<f32>,
    /// Frames (fourth axis): time points, echoes or diffusion weightings; 1 for 3D.
    pub n_frames: usize,
    /// Grid, affine and trust.
    pub geometry: Geometry,
    /// What the header says of the acquisition.
    pub acquisition: Acquisition,
    /// Kind of file.
    pub source: SourceKind,
    /// What a user should know of this input: each one sentence.
    pub warnings: Vec<String>,
}

impl Volume {
    /// Voxels of frame `frame`, `[z][y][x]`.
    pub fn frame(&self, frame: usize) -> &[f32] {
        let n = self.geometry.size.count();
        &self.voxels[frame * n..(frame + 1) * n]
    }

    /// Slice `z` of frame `frame`, `[y][x]`.
    pub fn slice(&self, frame: usize, z: usize) -> &[f32] {
        let n = self.geometry.size.y * self.geometry.size.x;
        &self.frame(frame)[z * n..(z + 1) * n]
    }

    /// True for a single 2D image.
    pub fn is_2d(&self) -> bool {
        self.geometry.size.z == 1
    }
}

/// A label map on the grid of a volume: 0 is background.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelMap {
    /// Values `[z][y][x]`.
    pub labels: Vec<u8>,
    /// The grid of the volume it belongs to.
    pub geometry: Geometry,
}

/// Multi-coil Cartesian k-space of one slice.
///
/// The zero frequency lies at index `n / 2` (integer division) of both axes; the Fourier transform is orthonormal:
/// `kspace = fftshift(fft2(ifftshift(image), norm = "ortho"))`.
#[derive(Debug, Clone, PartialEq)]
pub struct KSpace {
    /// Samples `[coil][y][x]`, zero where not measured.
    pub samples: Vec<num_complex::Complex32>,
    /// Number of coils.
    pub n_coils: usize,
    /// Matrix rows (first image axis).
    pub n_y: usize,
    /// Matrix columns (second image axis).
    pub n_x: usize,
    /// Which samples were measured, `[y][x]`.
    pub mask: Vec<bool>,
    /// What a user should know of this input.
    pub warnings: Vec<String>,
}
