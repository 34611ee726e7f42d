//! Sequence and plane: what the dataset says, else the header, else the file's name, else a rule on the image.
//!
//! Every answer carries its source. Rules abstain where they are not reliable; what the image rules get right and wrong on
//! sets with known labels stands at [`image`].

pub mod header;
pub mod image;

use omnimri_findings::{Region, Sequence};
use omnimri_image::Plane;
use serde::{Deserialize, Serialize};

use crate::example::Example;

/// Where an answer comes from, the most reliable first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The dataset's own statement, through its catalogue entry.
    Dataset,
    /// The file's header.
    Header,
    /// The name of the file.
    FileName,
    /// A rule on the image.
    ImageRule,
}

impl Source {
    /// Lower-case name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dataset => "dataset",
            Self::Header => "header",
            Self::FileName => "file name",
            Self::ImageRule => "image rule",
        }
    }
}

/// An answer and its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recognised<T> {
    /// The answer.
    pub value: T,
    /// Where it comes from.
    pub source: Source,
}

impl<T> Recognised<T> {
    /// An answer from a source.
    pub const fn new(value: T, source: Source) -> Self {
        Self { value, source }
    }
}

/// What is known of an example's sequence and plane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Known {
    /// Sequence.
    pub sequence: Option<Recognised<Sequence>>,
    /// Plane of the stored slices.
    pub plane: Option<Recognised<Plane>>,
}

/// Recognises sequence and plane of an example. `file_name` is the image's path in its dataset, for its words.
///
/// The image is asked only of heads: the rules were not measured on anything else.
pub fn recognise(example: &Example, file_name: &str) -> Known {
    let head = matches!(example.classes.region, Some(Region::Brain | Region::Head))
        && example.classes.modality_mr != Some(false);
    let (classes, acquisition) = (&example.classes, &example.acquisition);
    let stated = |value| Recognised::new(value, Source::Dataset);
    let sequence = classes
        .sequence
        .map(stated)
        .or_else(|| header::sequence(acquisition, file_name))
        .or_else(|| {
            let found = head.then(|| image::sequence(&example.image)).flatten()?;
            Some(Recognised::new(found, Source::ImageRule))
        });
    let plane = classes
        .plane
        .map(|plane| Recognised::new(plane, Source::Dataset))
        .or_else(|| header::plane(acquisition, file_name))
        .or_else(|| {
            let found = head.then(|| image::plane(&example.image)).flatten()?;
            Some(Recognised::new(found, Source::ImageRule))
        });
    Known { sequence, plane }
}
