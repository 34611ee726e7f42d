//! The types of `result.json`, schema `omnimri.result/1`.

use std::collections::BTreeMap;

use omnimri_findings::{AnatomyEntry, CheckedReport, Claim, Finding, Origin, Verified};
use omnimri_image::SourceKind;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::sections::Sections;

/// Name and version of the schema.
pub const SCHEMA: &str = "omnimri.result/1";

/// The schema as JSON Schema 2020-12, as published in `docs/result.schema.json`.
pub const JSON_SCHEMA: &str = include_str!("../../../docs/result.schema.json");

/// Everything `omnimri read` says of one input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultDoc {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// What was read.
    pub input: InputInfo,
    /// Which model read it.
    pub model: ModelInfo,
    /// What became of each task, by the task's name.
    pub status: BTreeMap<String, TaskStatus>,
    /// Modality, sequence and plane.
    pub acquisition: AcquisitionInfo,
    /// How the image was reconstructed; `None` where the input was an image.
    pub reconstruction: Option<ReconstructionInfo>,
    /// Outlined anatomy.
    pub anatomy: Vec<AnatomyEntry>,
    /// What was found.
    pub findings: Vec<Finding>,
    /// Classes with probabilities, best first; "no tumour" and the like included.
    pub diagnosis: Vec<DiagnosisEntry>,
    /// The checked report.
    pub report: ReportInfo,
    /// What a reader must know: each one sentence.
    pub warnings: Vec<String>,
    /// Wall-clock time of this input in seconds.
    pub seconds: f64,
}

/// The input file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputInfo {
    /// Path as given.
    pub path: String,
    /// Kind of file.
    pub kind: SourceKind,
    /// SHA-256 of the file, lower-case hexadecimal; of a folder, over its files in order.
    pub sha256: String,
    /// Voxels an axis: `[x, y]`, `[x, y, z]` or `[x, y, z, frames]`.
    pub shape: Vec<usize>,
    /// Voxel sizes in millimetres in the order of `shape`; `None` where they cannot be trusted.
    pub spacing_mm: Option<Vec<f64>>,
}

/// The model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelInfo {
    /// Name, for example `nano`.
    pub name: String,
    /// Version.
    pub version: String,
    /// SHA-256 of the weights, lower-case hexadecimal.
    pub sha256: String,
}

/// Whether a task was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// Done.
    Answered,
    /// Within the model's scope, but it was not sure enough.
    Abstained,
    /// Not for this kind of input.
    OutOfScope,
}

impl TaskState {
    /// Words for a reader.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Abstained => "abstained",
            Self::OutOfScope => "out of scope",
        }
    }
}

/// State of a task with its reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskStatus {
    /// Whether it was done.
    pub state: TaskState,
    /// Why, in words.
    pub reason: String,
}

/// Who says a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueSource {
    /// The file's header.
    Header,
    /// The model.
    Model,
    /// Nobody: the value is null.
    Unknown,
}

impl ValueSource {
    /// Lower-case name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Model => "model",
            Self::Unknown => "unknown",
        }
    }
}

/// A value with its source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sourced {
    /// The value; `None` where it is unknown.
    pub value: Option<String>,
    /// Who says it.
    pub source: ValueSource,
}

impl Sourced {
    /// A known value.
    pub fn new(value: impl Into<String>, source: ValueSource) -> Self {
        Self {
            value: Some(value.into()),
            source,
        }
    }

    /// An unknown value.
    pub const fn unknown() -> Self {
        Self {
            value: None,
            source: ValueSource::Unknown,
        }
    }
}

/// How the image was acquired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcquisitionInfo {
    /// `MR` and the like.
    pub modality: Sourced,
    /// Sequence name of the vocabulary.
    pub sequence: Sourced,
    /// `axial`, `coronal` or `sagittal`.
    pub plane: Sourced,
}

/// How k-space became an image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReconstructionInfo {
    /// Name of the method, for example `sense`.
    pub method: String,
    /// Samples of the full grid over samples measured.
    pub acceleration: f64,
}

/// A class with its probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiagnosisEntry {
    /// Class name of the vocabulary.
    pub label: String,
    /// Probability between 0 and 1.
    pub probability: f64,
}

/// The checked report.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportInfo {
    /// Text of each section in reading order, impression last.
    pub sections: Sections,
    /// All sections as one text.
    pub text: String,
    /// Every sentence with its check, those taken out included.
    pub facts: Vec<FactEntry>,
}

/// A sentence with its check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactEntry {
    /// The sentence.
    pub claim: String,
    /// What the evidence says.
    pub evidence: String,
    /// True only if everything the sentence says was confirmed.
    pub verified: bool,
    /// Who wrote it.
    pub origin: Origin,
}

impl From<&Claim> for FactEntry {
    fn from(claim: &Claim) -> Self {
        Self {
            claim: claim.text.clone(),
            evidence: claim.evidence.clone(),
            verified: claim.verified == Verified::Confirmed,
            origin: claim.origin,
        }
    }
}

impl From<&CheckedReport> for ReportInfo {
    fn from(report: &CheckedReport) -> Self {
        let sections = report
            .sections
            .iter()
            .map(|(s, text)| (s.key().to_owned(), text.clone()))
            .collect();
        Self {
            sections: Sections(sections),
            text: report.text.clone(),
            facts: report.claims.iter().map(FactEntry::from).collect(),
        }
    }
}

impl ResultDoc {
    /// Refuses numbers that JSON would turn into null or that the schema does not allow.
    pub fn validate(&self) -> Result<()> {
        let probability = |field: String, p: f64| {
            if (0.0..=1.0).contains(&p) {
                Ok(())
            } else {
                Err(Error::InvalidNumber {
                    field,
                    expected: "a number from 0 to 1",
                    found: p,
                })
            }
        };
        let size = |field: String, v: Option<f64>| match v {
            Some(v) if !(v.is_finite() && v >= 0.0) => Err(Error::InvalidNumber {
                field,
                expected: "a finite number, not below 0",
                found: v,
            }),
            _ => Ok(()),
        };
        for (k, d) in self.diagnosis.iter().enumerate() {
            probability(format!("diagnosis[{k}].probability"), d.probability)?;
        }
        for (k, f) in self.findings.iter().enumerate() {
            probability(format!("findings[{k}].probability"), f.probability)?;
            size(format!("findings[{k}].volume_ml"), f.volume_ml)?;
            size(format!("findings[{k}].diameter_mm"), f.diameter_mm)?;
        }
        for (k, a) in self.anatomy.iter().enumerate() {
            size(format!("anatomy[{k}].volume_ml"), a.volume_ml)?;
        }
        for mm in self.input.spacing_mm.iter().flatten() {
            size("input.spacing_mm".to_owned(), Some(*mm))?;
        }
        size("seconds".to_owned(), Some(self.seconds))?;
        let acceleration = self.reconstruction.as_ref().map(|r| r.acceleration);
        size("reconstruction.acceleration".to_owned(), acceleration)
    }
}
