//! What `result.json` lists: findings and anatomy.

use serde::{Deserialize, Serialize};

use crate::measure::Measurement;
use crate::vocabulary::{Label, Side};

/// A pathology that was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// What it is.
    pub label: Label,
    /// Its value in the label map; `None` for a box without a mask.
    pub value: Option<u8>,
    /// Probability between 0 and 1.
    pub probability: f64,
    /// Box in voxels with exclusive ends: `[x0, y0, x1, y1]` in 2D, `[x0, y0, z0, x1, y1, z1]` in 3D.
    #[serde(rename = "box")]
    pub bbox: Vec<usize>,
    /// Area in pixels of a 2D input.
    pub area_px: Option<usize>,
    /// Volume in millilitres of a 3D input with trusted spacing.
    pub volume_ml: Option<f64>,
    /// Longest in-plane diameter in millimetres of the largest connected part, where spacing is trusted.
    pub diameter_mm: Option<f64>,
    /// Side on which it lies.
    pub location: Option<Side>,
}

impl Finding {
    /// A finding with a mask.
    pub fn from_measurement(label: Label, probability: f64, m: &Measurement) -> Self {
        Self {
            label,
            value: Some(m.value),
            probability: finite_probability(probability),
            bbox: m.bbox.clone(),
            area_px: m.area_px,
            volume_ml: m.volume_ml,
            diameter_mm: m.diameter_mm,
            location: m.side,
        }
    }
}

/// A structure that was outlined.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnatomyEntry {
    /// What it is.
    pub label: Label,
    /// Its value in the label map.
    pub value: u8,
    /// Area in pixels of a 2D input.
    pub area_px: Option<usize>,
    /// Volume in millilitres of a 3D input with trusted spacing.
    pub volume_ml: Option<f64>,
    /// Name of the file that holds the label map.
    pub file: String,
}

impl AnatomyEntry {
    /// An entry with a mask in `file`.
    pub fn from_measurement(label: Label, m: &Measurement, file: &str) -> Self {
        Self {
            label,
            value: m.value,
            area_px: m.area_px,
            volume_ml: m.volume_ml,
            file: file.to_owned(),
        }
    }
}

/// `result.json` never holds a null probability: anything not finite becomes 0.
fn finite_probability(p: f64) -> f64 {
    if p.is_finite() {
        p.clamp(0.0, 1.0)
    } else {
        0.0
    }
}
