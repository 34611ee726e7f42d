//! One training or evaluation example, and what is known of it.

use std::fmt;
use std::sync::Arc;

use omnimri_findings::{CardiacClass, Region, Sequence, Term, TumourClass};
use omnimri_image::{Acquisition, Plane, Zyx};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::stack::Stack;
use crate::study::histogram;

/// Name of the catalogue entry an example came from; cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DatasetId(Arc<str>);

impl DatasetId {
    /// The id of the entry of this name.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// Name of the entry.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DatasetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for DatasetId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for DatasetId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::new(&String::deserialize(deserializer)?))
    }
}

/// Part of a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// May be trained on.
    Train,
    /// Never trained on.
    Val,
}

impl Split {
    /// Lower-case name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a dataset says of an image as a whole; `None` where it says nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Classes {
    /// Plane of the slices.
    pub plane: Option<Plane>,
    /// Sequence.
    pub sequence: Option<Sequence>,
    /// Part of the body.
    pub region: Option<Region>,
    /// Tumour class; `Some(TumourClass::None)` where an annotator looked and found none.
    pub tumour: Option<TumourClass>,
    /// Diagnosis of the subject's cardiac examination.
    pub cardiac: Option<CardiacClass>,
    /// Magnetic resonance (`true`) or another modality (`false`).
    pub modality_mr: Option<bool>,
}

/// A question about an image with its answer, as people wrote them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuestionAnswer {
    /// The question.
    pub question: String,
    /// The answer.
    pub answer: String,
    /// True where the answer is one of a few (yes, no, ...).
    pub closed: bool,
}

/// What a text of a dataset is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextKind {
    /// A whole radiology report.
    Report,
    /// Its findings.
    Findings,
    /// Its impression, or a diagnosis.
    Impression,
    /// The caption of a figure.
    Caption,
    /// History and complaint of the patient.
    History,
    /// Any other description.
    Description,
}

impl TextKind {
    /// Lower-case name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Findings => "findings",
            Self::Impression => "impression",
            Self::Caption => "caption",
            Self::History => "history",
            Self::Description => "description",
        }
    }
}

/// Who wrote a text of a dataset.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Writer {
    /// A person, as far as the dataset says.
    #[default]
    Person,
    /// A template filled from structured data.
    Template,
    /// A language model; such text may train and is never truth in an evaluation.
    Model,
}

/// A text of the dataset's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceText {
    /// What it is.
    pub kind: TextKind,
    /// The text, line breaks kept, trimmed.
    pub text: String,
    /// Who wrote it.
    pub writer: Writer,
    /// Language as ISO 639-1 has it.
    pub language: String,
    /// Where it stands: `column findings` or the file's path below the dataset's folder.
    pub origin: String,
}

/// A box around something, where the dataset gives boxes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelBox {
    /// What is inside.
    pub label: Term,
    /// Lower corner as shares of the grid, 0 to 1, so that shrinking changes nothing; voxel `i` of `n` begins at `i / n`.
    pub lower: Zyx<f64>,
    /// Upper corner, likewise; above the lower one on every axis.
    pub upper: Zyx<f64>,
}

/// One training or evaluation example on its native grid (or shrunk, see [`Stack::native_size`]).
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Unique in the dataset.
    pub id: String,
    /// The catalogue entry.
    pub dataset: DatasetId,
    /// Person, or the smallest group that surely holds one; splits and resampling never break it.
    pub subject: String,
    /// Part of the dataset.
    pub split: Split,
    /// The slices.
    pub image: Stack,
    /// Values of [`Term`], `[z][y][x]` on the grid of `image`; `None` where nobody outlined anything.
    pub labels: Option<Vec<u8>>,
    /// Terms that an annotator looked for; any other term is unknown, not absent.
    pub annotated: Vec<Term>,
    /// Boxes, where the dataset gives boxes.
    pub boxes: Vec<LabelBox>,
    /// What is known of the image as a whole.
    pub classes: Classes,
    /// What the header or the sidecar states; unique identifiers of the source are left out.
    pub acquisition: Acquisition,
    /// Texts of the dataset's own.
    pub texts: Vec<SourceText>,
    /// Questions of the dataset's own with their answers.
    pub questions: Vec<QuestionAnswer>,
}

impl Example {
    /// Number of voxels of every annotated term, by rising value; 0 for looked for and not there.
    pub fn label_counts(&self) -> Vec<(Term, usize)> {
        let counts = histogram(self.labels.as_deref().unwrap_or_default());
        let mut out: Vec<_> = self
            .annotated
            .iter()
            .map(|&label| (label, counts[usize::from(label.value())]))
            .collect();
        out.sort_by_key(|(label, _)| label.value());
        out
    }

    /// Annotated terms that are there.
    pub fn present(&self) -> Vec<Term> {
        self.label_counts()
            .into_iter()
            .filter(|&(_, n)| n > 0)
            .map(|(label, _)| label)
            .collect()
    }
}
