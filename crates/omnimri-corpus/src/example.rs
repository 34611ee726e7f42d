//! One training or evaluation example, and what is known of it.

use std::fmt;
use std::sync::Arc;

use omnimri_findings::{CardiacClass, Label, Region, Sequence, TumourClass};
use omnimri_image::Plane;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::stack::Stack;

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
    /// Values of [`Label`], `[z][y][x]` on the grid of `image`; `None` where nobody outlined anything.
    pub labels: Option<Vec<u8>>,
    /// Labels that an annotator looked for; any other label is unknown, not absent.
    pub annotated: Vec<Label>,
    /// What is known of the image as a whole.
    pub classes: Classes,
    /// Questions of the dataset's own with their answers.
    pub questions: Vec<QuestionAnswer>,
}

impl Example {
    /// Number of voxels of every annotated label, by rising label value; 0 for looked for and not there.
    pub fn label_counts(&self) -> Vec<(Label, usize)> {
        let mut counts = [0usize; 256];
        for &value in self.labels.iter().flatten() {
            counts[usize::from(value)] += 1;
        }
        let mut out: Vec<_> = self
            .annotated
            .iter()
            .map(|&label| (label, counts[usize::from(label.value())]))
            .collect();
        out.sort_by_key(|(label, _)| label.value());
        out
    }

    /// Annotated labels that are there.
    pub fn present(&self) -> Vec<Label> {
        self.label_counts()
            .into_iter()
            .filter(|&(_, n)| n > 0)
            .map(|(label, _)| label)
            .collect()
    }
}
