//! What is said of one set.

use serde::Serialize;

use crate::calibrate::CalibrationReport;
use crate::interval::Estimate;
use crate::metrics::FrocPoint;
use crate::record::Record;
use crate::sets::Set;

/// A figure with its interval.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// Name, unique in its set.
    pub name: &'static str,
    /// Value, interval and counts.
    #[serde(flatten)]
    pub estimate: Estimate,
}

impl Figure {
    /// A figure.
    pub const fn new(name: &'static str, estimate: Estimate) -> Self {
        Self { name, estimate }
    }

    /// A figure of the set itself, not of the model: no interval.
    pub const fn plain(name: &'static str, value: Option<f64>, n: usize) -> Self {
        let estimate = Estimate {
            value,
            low: None,
            high: None,
            n,
            groups: 0,
        };
        Self { name, estimate }
    }
}

/// An input that could not be read; it counts as wrong in every figure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// The example.
    pub id: String,
    /// Why, in words.
    pub reason: String,
}

/// Which classes were taken for which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Confusion {
    /// Names of the classes.
    pub classes: Vec<&'static str>,
    /// Inputs, `[truth][said]`.
    pub counts: Vec<Vec<usize>>,
}

/// Figures of one set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SetReport {
    /// The set.
    pub set: Set,
    /// Inputs that were scored: images, volumes or questions.
    pub inputs: usize,
    /// Inputs that the model declared out of its scope; they count as wrong.
    pub out_of_scope: usize,
    /// Inputs that could not be read.
    pub failed: Vec<Failed>,
    /// The figures.
    pub figures: Vec<Figure>,
    /// Calibration, where the set has probabilities.
    pub calibrations: Vec<CalibrationReport>,
    /// Classes taken for each other, where the set has classes.
    pub confusion: Option<Confusion>,
    /// Sensitivity against false boxes an image, where the set has boxes.
    pub froc: Vec<FrocPoint>,
    /// One line an input.
    pub records: Vec<Record>,
    /// What the masks contradict in reports.
    pub contradictions: Vec<String>,
    /// What a reader of the figures must know.
    pub notes: Vec<&'static str>,
}

impl SetReport {
    /// A report without figures yet.
    pub(crate) const fn new(set: Set, inputs: usize) -> Self {
        Self {
            set,
            inputs,
            out_of_scope: 0,
            failed: Vec::new(),
            figures: Vec::new(),
            calibrations: Vec::new(),
            confusion: None,
            froc: Vec::new(),
            records: Vec::new(),
            contradictions: Vec::new(),
            notes: Vec::new(),
        }
    }
}
