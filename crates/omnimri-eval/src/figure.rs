//! What is said of one set.

use serde::Serialize;

use crate::interval::Estimate;
use crate::metrics::Bin;
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
    /// Reliability table of the diagnosis, where the set has one.
    pub reliability: Vec<Bin>,
    /// What a reader of the figures must know.
    pub notes: Vec<&'static str>,
}
