//! Settings of what is known of an image: classes, masks, boxes, texts and questions.

use std::collections::BTreeMap;

use omnimri_findings::{CardiacClass, Region, Sequence, Term, TumourClass};
use omnimri_image::Plane;
use serde::{Deserialize, Serialize};

use super::Choice;
use crate::example::{TextKind, Writer};

/// What is known of a row as a whole. A missing rule means unknown.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClassRules {
    /// Plane.
    pub plane: Option<Choice<Plane>>,
    /// Sequence; that of a series goes before it.
    pub sequence: Option<Choice<Sequence>>,
    /// Part of the body.
    pub region: Option<Choice<Region>>,
    /// Tumour class.
    pub tumour: Option<Choice<TumourClass>>,
    /// Cardiac diagnosis.
    pub cardiac: Option<Choice<CardiacClass>>,
    /// Magnetic resonance or not.
    pub modality_mr: Option<Choice<bool>>,
}

/// How masks store their values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaskForm {
    /// Above half of the largest value is one term (`label`).
    Binary,
    /// Each whole number is a term (`values`).
    Values,
    /// Segments of a DICOM SEG or structures of an RTSTRUCT, by name (`names`); `file` is that object, or a folder with one.
    Named,
}

/// What it means that the mask of a row is not there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingMask {
    /// The copy is damaged: the row is rejected.
    #[default]
    Error,
    /// Nobody outlined anything.
    Unlabelled,
    /// Someone looked and there is nothing.
    Empty,
}

/// Where masks lie and what they mean. Of several rules each paints over the one before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskRule {
    /// Template of the file; a series may have its own, which goes before. A folder of pictures is one mask a slice, in the order
    /// of their names, or matched with the DICOM files of the image by name where all have one.
    #[serde(default)]
    pub file: Option<String>,
    /// How values are stored.
    pub form: MaskForm,
    /// The term of a binary mask.
    #[serde(default)]
    pub label: Option<Choice<Term>>,
    /// The term of each stored value, 1 to 65535; 0 is always background.
    #[serde(default)]
    pub values: BTreeMap<String, Term>,
    /// Stored values that are read as background, for example 255 for "not outlined".
    #[serde(default)]
    pub ignore: Vec<u16>,
    /// The term of each segment or structure by its name; letter case is ignored, other names are passed over.
    #[serde(default)]
    pub names: BTreeMap<String, Term>,
    /// Terms that the annotator looked for in every image.
    pub annotated: Vec<Term>,
    /// Rows that have no mask because there is nothing to outline.
    #[serde(default)]
    pub empty_when: Option<EmptyWhen>,
    /// What a missing file means.
    #[serde(default)]
    pub missing: MissingMask,
    /// Name of the array within the file, for `array`.
    #[serde(default)]
    pub array: Option<String>,
}

/// A column's value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmptyWhen {
    /// The column.
    pub column: String,
    /// Its value.
    pub value: String,
}

/// How the four numbers of a box are meant, in pixels of the image as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoxForm {
    /// Left, top, width, height.
    LeftTopWidthHeight,
    /// Left, top, right, bottom; right and bottom are the first pixel outside.
    LeftTopRightBottom,
    /// Centre, width and height as shares of the image (YOLO): x, y, width, height.
    CentreShares,
}

/// Boxes of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoxRule {
    /// Table with a box a row, in any form that [`super::Rows::table`] has.
    pub table: String,
    /// Key path of the array within a JSON table.
    #[serde(default)]
    pub items: Option<String>,
    /// Template over the columns of the boxes' table that gives the id of the item.
    pub id: String,
    /// How the numbers are meant.
    pub form: BoxForm,
    /// Columns of the four numbers, in the order of `form`.
    pub columns: [String; 4],
    /// Column of the slice; absent for 2D images.
    #[serde(default)]
    pub slice: Option<String>,
    /// Column of the last slice of a box of several, inclusive.
    #[serde(default)]
    pub last_slice: Option<String>,
    /// What the table calls the first pixel and slice: 0 or 1.
    #[serde(default)]
    pub first: u8,
    /// The term.
    pub label: Choice<Term>,
}

/// A text of a row. An empty cell or a missing file is no text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextRule {
    /// What the text is.
    pub kind: TextKind,
    /// Column that holds it. One of `column` and `file`.
    #[serde(default)]
    pub column: Option<String>,
    /// Template of a plain text file (UTF-8).
    #[serde(default)]
    pub file: Option<String>,
    /// Who wrote it; a person if absent.
    #[serde(default)]
    pub writer: Writer,
    /// Language as ISO 639-1 has it; `en` if absent.
    #[serde(default)]
    pub language: Option<String>,
}

/// When an answer is closed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Closed {
    /// The column.
    pub column: String,
    /// Its value for a closed answer, letter case ignored.
    pub value: String,
}

/// Questions with answers: one a row, rows of one id are one example.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuestionRule {
    /// Column of the question.
    pub question: String,
    /// Column of the answer.
    pub answer: String,
    /// Which answers are closed; without a rule those that are yes or no.
    #[serde(default)]
    pub closed: Option<Closed>,
    /// Columns of the options of a multiple-choice question, told after the question as `A: ..., B: ...`.
    #[serde(default)]
    pub options: Vec<String>,
}
