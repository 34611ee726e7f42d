//! What a raw data file says of itself.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use num_complex::Complex32;

use crate::{Acquisition, Zyx};

/// Header of a raw data file.
///
/// Axes: `x` is the readout and `y` the first phase direction where the file distinguishes them, else the array's last and last
/// but one axis. Index order on output is that of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct RawHeader {
    /// The file.
    pub path: PathBuf,
    /// Format, in words, for example `ISMRMRD`.
    pub format: &'static str,
    /// Number of coils.
    pub n_coils: usize,
    /// Encoded matrix, readout oversampling included; the samples of a Cartesian frame lie on it.
    pub encoded: Zyx<usize>,
    /// Reconstruction matrix: the image is cropped or zero-filled in k-space to it about the centre.
    pub recon: Zyx<usize>,
    /// Field of view of the encoded matrix in millimetres, if the file says so.
    pub encoded_fov_mm: Option<Zyx<f64>>,
    /// Field of view of the reconstruction matrix in millimetres, if the file says so.
    pub recon_fov_mm: Option<Zyx<f64>>,
    /// What each frame is, in reading order.
    pub frames: Vec<FrameLabel>,
    /// Samples of noise alone, if the file holds them.
    pub noise: Option<NoiseScan>,
    /// Sequence parameters, where given.
    pub acquisition: Acquisition,
    /// What a user should know of this file: each one sentence.
    pub warnings: Vec<String>,
}

/// Which image a frame is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FrameLabel {
    /// Slice.
    pub slice: usize,
    /// Contrast (echo).
    pub contrast: usize,
    /// Cardiac or respiratory phase.
    pub phase: usize,
    /// Repetition.
    pub repetition: usize,
    /// Set (flow encoding and the like).
    pub set: usize,
    /// Where the slice lies, if the file says so.
    pub position: Option<SlicePosition>,
}

/// Position of a slice (or slab) in the patient, in DICOM's LPS millimetres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlicePosition {
    /// Centre of the slice or slab.
    pub centre_mm: [f64; 3],
    /// Unit vector along increasing `x` (readout).
    pub read: [f64; 3],
    /// Unit vector along increasing `y` (phase).
    pub phase: [f64; 3],
    /// Unit vector along increasing `z` (slice).
    pub slice: [f64; 3],
}

/// Samples of noise alone.
#[derive(Debug, Clone, PartialEq)]
pub struct NoiseScan {
    /// `[coil][sample]`, scaled to the bandwidth of the imaging samples where the file gives both.
    pub samples: Vec<Complex32>,
    /// Samples a coil.
    pub n_samples: usize,
}

impl fmt::Display for RawHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, value: String| writeln!(f, "  {name:<12} {value}");
        let size = |s: &Zyx<usize>| format!("{} x {} x {} (z, y, x)", s.z, s.y, s.x);
        let mm = |s: &Zyx<f64>| format!("{} x {} x {} mm (z, y, x)", s.z, s.y, s.x);
        line("file", self.path.display().to_string())?;
        line("kind", format!("raw data, {}", self.format))?;
        line("coils", self.n_coils.to_string())?;
        line("encoded", size(&self.encoded))?;
        line("recon", size(&self.recon))?;
        if let Some(fov) = &self.encoded_fov_mm {
            line("encoded fov", mm(fov))?;
        }
        if let Some(fov) = &self.recon_fov_mm {
            line("recon fov", mm(fov))?;
        }
        line("frames", self.frames_text())?;
        line(
            "noise scan",
            match &self.noise {
                Some(noise) => format!("{} samples a coil", noise.n_samples),
                None => "none".into(),
            },
        )?;
        for warning in &self.warnings {
            line("warning", warning.clone())?;
        }
        Ok(())
    }
}

impl RawHeader {
    /// Number of frames and how many values each counter takes, for example `6: 3 slices x 2 contrasts`.
    fn frames_text(&self) -> String {
        let names = ["slices", "contrasts", "phases", "repetitions", "sets"];
        let of = |f: &FrameLabel| [f.slice, f.contrast, f.phase, f.repetition, f.set];
        let parts: Vec<String> = names
            .iter()
            .enumerate()
            .filter_map(|(i, name)| {
                let values: BTreeSet<usize> = self.frames.iter().map(|f| of(f)[i]).collect();
                (values.len() > 1).then(|| format!("{} {name}", values.len()))
            })
            .collect();
        match parts.is_empty() {
            true => self.frames.len().to_string(),
            false => format!("{}: {}", self.frames.len(), parts.join(" x ")),
        }
    }
}
