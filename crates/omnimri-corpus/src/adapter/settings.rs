//! What a catalogue entry says of its layout. Templates hold column names in braces: `images/{id}.png`.

use std::collections::BTreeMap;

use omnimri_findings::{CardiacClass, Label, Region, Sequence, TumourClass};
use omnimri_image::Plane;
use serde::{Deserialize, Serialize};

use crate::catalogue::is_inside;
use crate::error::{Error, Result};
use crate::example::Split;
use crate::table::placeholders;

/// How a dataset is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Adapter {
    /// One 2D image a row, with a mask beside it.
    ImageFolderCsv(ImageFolderCsv),
    /// One volume a row, images and label maps in two folders.
    NiftiFolder(NiftiFolder),
    /// Several registered 2D images a row that share one mask.
    PairedChannels(PairedChannels),
    /// One question a row, several rows an image.
    QuestionAnswerCsv(QuestionAnswerCsv),
    /// One folder a case, with several volumes and their masks.
    NiftiCases(NiftiCases),
}

/// The rows of a dataset: whose they are and to which part they belong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rows {
    /// Table, relative to the dataset's folder. A dataset without one gives `list`.
    #[serde(default)]
    pub table: Option<String>,
    /// In place of a table: a path with one `{name}`; each match is a row with the column `name`.
    ///
    /// Its rows have a column `split` too, `val` for about `val_percent` of the subjects by a hash of their names.
    #[serde(default)]
    pub list: Option<String>,
    /// Percentage of subjects that a list puts into val, 0 to 100.
    #[serde(default)]
    pub val_percent: u64,
    /// Template of the id.
    pub id: String,
    /// Template of the subject.
    pub subject: String,
    /// Neighbouring rows stand in for subjects, where subjects are not named.
    #[serde(default)]
    pub subject_block: Option<SubjectBlock>,
    /// Column that holds `train` or `val`.
    pub split: String,
    /// Only rows of this part are offered; both if absent.
    #[serde(default)]
    pub only: Option<Split>,
}

/// Neighbouring rows taken together as one subject, named `group/block`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectBlock {
    /// Column with a whole number.
    pub column: String,
    /// Rows of one group with the same `number / size` are one block.
    pub size: u64,
    /// Column of the group; a row where it is empty is a subject by itself, named by the subject's template.
    pub within: String,
}

/// A fixed value, or one looked up by a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Choice<T> {
    /// The same for every row.
    Fixed(T),
    /// By the value of a column; an empty cell that is not in the map means unknown.
    Column {
        /// The column.
        column: String,
        /// From its values to ours.
        map: BTreeMap<String, T>,
    },
}

/// What is known of a row as a whole. A missing rule means unknown.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClassRules {
    /// Plane.
    pub plane: Option<Choice<Plane>>,
    /// Sequence.
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
    /// Above half of the largest value is one label.
    Binary,
    /// Each value is a label.
    Values,
}

/// Where masks lie and what they mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskRule {
    /// Template of the file; a series may have its own.
    #[serde(default)]
    pub file: Option<String>,
    /// How values are stored.
    pub form: MaskForm,
    /// The label of a binary mask.
    #[serde(default)]
    pub label: Option<Choice<Label>>,
    /// The label of each stored value; 0 is always background.
    #[serde(default)]
    pub values: BTreeMap<String, Label>,
    /// Labels that the annotator looked for in every image.
    pub annotated: Vec<Label>,
    /// Rows that have no mask because there is nothing to outline.
    #[serde(default)]
    pub empty_when: Option<EmptyWhen>,
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

/// Settings of [`Adapter::ImageFolderCsv`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageFolderCsv {
    /// The rows.
    pub rows: Rows,
    /// Template of the image.
    pub image: String,
    /// Masks, if any.
    #[serde(default)]
    pub mask: Option<MaskRule>,
    /// Classes.
    #[serde(default)]
    pub classes: ClassRules,
}

/// What to believe of a volume's header and how to turn it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NiftiForm {
    /// Turn volumes so that their axes run closest to R, A, S; left as stored if false.
    pub canonical: bool,
    /// The header's voxel sizes are known to be wrong.
    pub spacing_wrong: bool,
}

/// Settings of [`Adapter::NiftiFolder`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NiftiFolder {
    /// The rows.
    pub rows: Rows,
    /// Template of the volume.
    pub image: String,
    /// Label maps, if any.
    #[serde(default)]
    pub mask: Option<MaskRule>,
    /// Header.
    #[serde(default)]
    pub form: NiftiForm,
    /// Classes.
    #[serde(default)]
    pub classes: ClassRules,
}

/// One of several images of a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Series {
    /// Name, appended to the id.
    pub name: String,
    /// Template of the image.
    pub image: String,
    /// Template of its own mask; that of the mask rule if absent.
    #[serde(default)]
    pub mask: Option<String>,
    /// Its sequence, before that of the class rules.
    #[serde(default)]
    pub sequence: Option<Sequence>,
}

/// Settings of [`Adapter::PairedChannels`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairedChannels {
    /// The rows.
    pub rows: Rows,
    /// The channels.
    pub series: Vec<Series>,
    /// The shared mask.
    #[serde(default)]
    pub mask: Option<MaskRule>,
    /// Classes.
    #[serde(default)]
    pub classes: ClassRules,
}

/// Settings of [`Adapter::NiftiCases`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NiftiCases {
    /// The rows: one a case.
    pub rows: Rows,
    /// Volumes of a case.
    pub series: Vec<Series>,
    /// What masks mean.
    #[serde(default)]
    pub mask: Option<MaskRule>,
    /// Header.
    #[serde(default)]
    pub form: NiftiForm,
    /// Classes.
    #[serde(default)]
    pub classes: ClassRules,
}

/// When an answer is closed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Closed {
    /// The column.
    pub column: String,
    /// Its value for a closed answer.
    pub value: String,
}

/// Settings of [`Adapter::QuestionAnswerCsv`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuestionAnswerCsv {
    /// The rows: one a question; rows of one id are one example.
    pub rows: Rows,
    /// Template of the image.
    pub image: String,
    /// Column of the question.
    pub question: String,
    /// Column of the answer.
    pub answer: String,
    /// Which answers are closed.
    #[serde(default)]
    pub closed: Option<Closed>,
    /// Classes.
    #[serde(default)]
    pub classes: ClassRules,
}

impl Adapter {
    /// Name as written in a catalogue entry.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::ImageFolderCsv(_) => "image_folder_csv",
            Self::NiftiFolder(_) => "nifti_folder",
            Self::PairedChannels(_) => "paired_channels",
            Self::QuestionAnswerCsv(_) => "question_answer_csv",
            Self::NiftiCases(_) => "nifti_cases",
        }
    }

    /// The rows.
    pub const fn rows(&self) -> &Rows {
        match self {
            Self::ImageFolderCsv(s) => &s.rows,
            Self::NiftiFolder(s) => &s.rows,
            Self::PairedChannels(s) => &s.rows,
            Self::QuestionAnswerCsv(s) => &s.rows,
            Self::NiftiCases(s) => &s.rows,
        }
    }

    /// The mask rule, if any.
    pub const fn mask(&self) -> Option<&MaskRule> {
        match self {
            Self::ImageFolderCsv(s) => s.mask.as_ref(),
            Self::NiftiFolder(s) => s.mask.as_ref(),
            Self::PairedChannels(s) => s.mask.as_ref(),
            Self::NiftiCases(s) => s.mask.as_ref(),
            Self::QuestionAnswerCsv(_) => None,
        }
    }

    /// The class rules.
    pub const fn classes(&self) -> &ClassRules {
        match self {
            Self::ImageFolderCsv(s) => &s.classes,
            Self::NiftiFolder(s) => &s.classes,
            Self::PairedChannels(s) => &s.classes,
            Self::QuestionAnswerCsv(s) => &s.classes,
            Self::NiftiCases(s) => &s.classes,
        }
    }

    /// How volumes are turned and trusted; `None` for 2D images.
    pub const fn nifti_form(&self) -> Option<&NiftiForm> {
        match self {
            Self::NiftiFolder(s) => Some(&s.form),
            Self::NiftiCases(s) => Some(&s.form),
            _ => None,
        }
    }

    /// The images of a row; one without a name for adapters of one image a row.
    pub(crate) fn series(&self) -> Vec<Series> {
        let one = |image: &String| {
            vec![Series {
                name: String::new(),
                image: image.clone(),
                mask: None,
                sequence: None,
            }]
        };
        match self {
            Self::ImageFolderCsv(s) => one(&s.image),
            Self::NiftiFolder(s) => one(&s.image),
            Self::QuestionAnswerCsv(s) => one(&s.image),
            Self::PairedChannels(s) => s.series.clone(),
            Self::NiftiCases(s) => s.series.clone(),
        }
    }

    /// Refuses settings that cannot work.
    pub(crate) fn validate(&self, name: &str) -> Result<()> {
        let bad = |field: &str, expected: &str, found: &str| {
            Err(Error::BadEntry {
                name: name.into(),
                field: format!("adapter.{field}"),
                expected: expected.into(),
                found: found.into(),
            })
        };
        let rows = self.rows();
        match (&rows.table, &rows.list) {
            (Some(table), None) if is_inside(table) => {}
            (None, Some(list)) if is_inside(list) && has_one_name(list) => {}
            (Some(table), None) => {
                return bad("rows.table", "a path inside the dataset's folder", table);
            }
            (None, Some(list)) => return bad("rows.list", "a path with one {name}", list),
            _ => return bad("rows", "either a table or a list", "both or none"),
        }
        if rows.val_percent > 100 {
            return bad(
                "rows.val_percent",
                "0 to 100",
                &rows.val_percent.to_string(),
            );
        }
        if self
            .rows()
            .subject_block
            .as_ref()
            .is_some_and(|b| b.size == 0)
        {
            return bad("rows.subject_block.size", "at least 1", "0");
        }
        let series = self.series();
        if series.is_empty() {
            return bad("series", "at least one", "none");
        }
        if series.len() > 1 && series.iter().any(|s| s.name.is_empty()) {
            return bad(
                "series.name",
                "a name for each of several series",
                "an empty name",
            );
        }
        let Some(mask) = self.mask() else {
            return Ok(());
        };
        if mask.file.is_none() && series.iter().any(|s| s.mask.is_none()) {
            return bad("mask.file", "a template, or one in every series", "none");
        }
        match mask.form {
            MaskForm::Binary if mask.label.is_none() => bad("mask.label", "a label", "none"),
            MaskForm::Values if mask.values.is_empty() => bad("mask.values", "a map", "none"),
            MaskForm::Values => match mask.values.keys().find(|k| !is_mask_value(k)) {
                Some(key) => bad("mask.values", "whole numbers from 1 to 255", key),
                None => Ok(()),
            },
            MaskForm::Binary => Ok(()),
        }
    }
}

fn is_mask_value(key: &str) -> bool {
    key.parse::<u8>().is_ok_and(|v| v > 0)
}

/// True if all braces of a template hold one and the same name.
fn has_one_name(template: &str) -> bool {
    let names = placeholders(template);
    names
        .first()
        .is_some_and(|first| names.iter().all(|name| name == first))
}
