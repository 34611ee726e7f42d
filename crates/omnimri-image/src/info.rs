//! What was understood of an input, for people and for machines.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use crate::{InputKind, KSpace, Plane, SourceKind, Trust, Volume, Zyx};

/// Summary of one volume or one slice of k-space.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Info {
    /// The path as given.
    pub path: String,
    /// Kind of file.
    pub kind: InfoKind,
    /// Sizes `[x, y, z]` of an image; `[coil, y, x]` of k-space.
    pub shape: Vec<usize>,
    /// Number of frames (time points, echoes or the like).
    pub n_frames: usize,
    /// Voxel sizes in millimetres where they can be trusted.
    pub spacing_mm: Option<SpacingMm>,
    /// Why there is no voxel size.
    pub spacing_reason: Option<String>,
    /// Direction in which `i`, `j` and `k` grow, for example `RAS`, where it can be trusted.
    pub orientation: Option<String>,
    /// Why there is no orientation.
    pub orientation_reason: Option<String>,
    /// Plane of the stored slices.
    pub plane: Option<Plane>,
    /// DICOM modality code.
    pub modality: Option<String>,
    /// Description of the series, as written.
    pub description: Option<String>,
    /// Pulse sequence, as written.
    pub sequence: Option<String>,
    /// Timing and contrast of the acquisition.
    pub timing: Timing,
    /// Field strength in tesla.
    pub field_strength_t: Option<f64>,
    /// Contrast agent as written.
    pub contrast_agent: Option<String>,
    /// Manufacturer and model.
    pub scanner: Option<String>,
    /// Series number.
    pub series_number: Option<i64>,
    /// Smallest and largest intensity (of k-space: magnitude).
    pub intensity_range: [f32; 2],
    /// Measured samples of all, of k-space.
    pub sampled_fraction: Option<f64>,
    /// What a user should know, each one sentence.
    pub warnings: Vec<String>,
}

/// Kind named in an [`Info`]: that of the file, or of a volume that was made rather than read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum InfoKind {
    /// From a file of this kind.
    File(InputKind),
    /// Made by a simulation.
    #[serde(rename = "simulated")]
    Simulated(SourceKind),
}

/// Voxel sizes in millimetres, serialised as `[x, y, z]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(into = "[f64; 3]")]
pub struct SpacingMm(pub Zyx<f64>);

impl From<SpacingMm> for [f64; 3] {
    fn from(s: SpacingMm) -> Self {
        [s.0.x, s.0.y, s.0.z]
    }
}

/// Times and angles that set the contrast.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Timing {
    /// Repetition time in milliseconds.
    pub repetition_time_ms: Option<f64>,
    /// Echo time in milliseconds.
    pub echo_time_ms: Option<f64>,
    /// Inversion time in milliseconds.
    pub inversion_time_ms: Option<f64>,
    /// Flip angle in degrees.
    pub flip_angle_deg: Option<f64>,
}

impl Info {
    /// Of a volume that was read from `path`.
    pub fn from_volume(path: &Path, volume: &Volume) -> Self {
        let g = &volume.geometry;
        let a = &volume.acquisition;
        let reason = |trust: &Trust| match trust {
            Trust::Trusted => None,
            Trust::Untrusted(why) => Some(why.clone()),
        };
        Self {
            path: path.display().to_string(),
            kind: match volume.source {
                SourceKind::Nifti => InfoKind::File(InputKind::Nifti),
                SourceKind::Dicom => InfoKind::File(InputKind::Dicom),
                SourceKind::Image => InfoKind::File(InputKind::Image),
                SourceKind::KSpace => InfoKind::File(InputKind::KSpace),
                SourceKind::MetaImage => InfoKind::File(InputKind::MetaImage),
                SourceKind::Nrrd => InfoKind::File(InputKind::Nrrd),
                SourceKind::Simulated => InfoKind::Simulated(SourceKind::Simulated),
            },
            shape: vec![g.size.x, g.size.y, g.size.z],
            n_frames: volume.n_frames,
            spacing_mm: g.trusted_spacing_mm().map(SpacingMm),
            spacing_reason: reason(&g.spacing),
            orientation: g
                .orientation
                .is_trusted()
                .then(|| g.affine.orientation_code()),
            orientation_reason: reason(&g.orientation),
            plane: a.plane,
            modality: a.modality.clone(),
            description: a.description.clone(),
            sequence: a.sequence_name.clone(),
            timing: Timing {
                repetition_time_ms: a.repetition_time_ms,
                echo_time_ms: a.echo_time_ms,
                inversion_time_ms: a.inversion_time_ms,
                flip_angle_deg: a.flip_angle_deg,
            },
            field_strength_t: a.field_strength_t,
            contrast_agent: a.contrast_agent.clone(),
            scanner: a.scanner.clone(),
            series_number: a.series_number,
            intensity_range: range(volume.voxels.iter().copied()),
            sampled_fraction: None,
            warnings: volume.warnings.clone(),
        }
    }

    /// Of k-space that was read from `path`.
    pub fn from_kspace(path: &Path, kspace: &KSpace) -> Self {
        let reason = "k-space arrays carry none".to_string();
        let n_measured = kspace.mask.iter().filter(|&&m| m).count();
        Self {
            path: path.display().to_string(),
            kind: InfoKind::File(InputKind::KSpace),
            shape: vec![kspace.n_coils, kspace.n_y, kspace.n_x],
            n_frames: 1,
            spacing_mm: None,
            spacing_reason: Some(reason.clone()),
            orientation: None,
            orientation_reason: Some(reason),
            plane: None,
            modality: None,
            description: None,
            sequence: None,
            timing: Timing::default(),
            field_strength_t: None,
            contrast_agent: None,
            scanner: None,
            series_number: None,
            intensity_range: range(kspace.samples.iter().map(|s| s.norm())),
            sampled_fraction: Some(n_measured as f64 / kspace.mask.len().max(1) as f64),
            warnings: kspace.warnings.clone(),
        }
    }
}

fn range(values: impl Iterator<Item = f32>) -> [f32; 2] {
    let (low, high) = values.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), v| {
        (low.min(v), high.max(v))
    });
    if low <= high { [low, high] } else { [0.0, 0.0] }
}

impl fmt::Display for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, value: String| writeln!(f, "  {name:<12} {value}");
        let join = |v: &[usize]| {
            v.iter()
                .map(usize::to_string)
                .collect::<Vec<_>>()
                .join(" x ")
        };
        let known = |v: &Option<String>| v.clone().filter(|v| !v.is_empty());
        line("file", self.path.clone())?;
        line("kind", self.kind.name().into())?;
        if self.kind == InfoKind::File(InputKind::KSpace) && self.sampled_fraction.is_some() {
            line("shape", format!("{} (coil, y, x)", join(&self.shape)))?;
        } else {
            line("shape", format!("{} (x, y, z)", join(&self.shape)))?;
        }
        if self.n_frames > 1 {
            line("frames", self.n_frames.to_string())?;
        }
        match (&self.spacing_mm, &self.spacing_reason) {
            (Some(SpacingMm(s)), _) => {
                line(
                    "voxel size",
                    format!("{:.4} x {:.4} x {:.4} mm", s.x, s.y, s.z),
                )?;
            }
            (None, why) => line("voxel size", unknown(why))?,
        }
        match &self.orientation {
            Some(code) => line("orientation", code.clone())?,
            None => line("orientation", unknown(&self.orientation_reason))?,
        }
        if let Some(plane) = self.plane {
            line("plane", plane.name().into())?;
        }
        for (name, value) in [
            ("modality", known(&self.modality)),
            ("description", known(&self.description)),
            ("sequence", known(&self.sequence)),
            ("timing", self.timing.text()),
            ("field", self.field_strength_t.map(|t| format!("{t} T"))),
            ("contrast", known(&self.contrast_agent)),
            ("scanner", known(&self.scanner)),
            ("series", self.series_number.map(|n| n.to_string())),
        ] {
            if let Some(value) = value {
                line(name, value)?;
            }
        }
        let [low, high] = self.intensity_range;
        line("intensity", format!("{low} to {high}"))?;
        if let Some(fraction) = self.sampled_fraction {
            line(
                "sampled",
                format!("{:.1} % of the matrix", 100.0 * fraction),
            )?;
        }
        for warning in &self.warnings {
            line("warning", warning.clone())?;
        }
        Ok(())
    }
}

fn unknown(why: &Option<String>) -> String {
    match why {
        Some(why) => format!("not trusted: {why}"),
        None => "not known".into(),
    }
}

impl InfoKind {
    fn name(self) -> &'static str {
        match self {
            Self::File(InputKind::Nifti) => "NIfTI",
            Self::File(InputKind::Dicom) => "DICOM",
            Self::File(InputKind::Image) => "PNG or JPEG",
            Self::File(InputKind::KSpace) => "k-space",
            Self::File(InputKind::MetaImage) => "MetaImage",
            Self::File(InputKind::Nrrd) => "NRRD",
            Self::Simulated(_) => "simulated",
        }
    }
}

impl Timing {
    fn text(&self) -> Option<String> {
        let parts: Vec<String> = [
            ("TR", self.repetition_time_ms, " ms"),
            ("TE", self.echo_time_ms, " ms"),
            ("TI", self.inversion_time_ms, " ms"),
            ("flip", self.flip_angle_deg, " degrees"),
        ]
        .into_iter()
        .filter_map(|(name, value, unit)| value.map(|v| format!("{name} {v}{unit}")))
        .collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}
