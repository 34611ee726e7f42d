//! Settings of the rows: where they are listed, whose they are and to which part they belong.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::example::Split;

/// The rows of a dataset: whose they are and to which part they belong. One row is one image, or one case of several.
///
/// Rows come from `table` or `tables`, or from the names of files by `list`. The layouts `bids` and `decathlon` list themselves
/// and need none of the three.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rows {
    /// Table, relative to the dataset's folder: `.csv`, `.tsv`, `.json` (an array of objects) or `.jsonl` (one object a line).
    ///
    /// Keys of nested objects are joined by dots: `Case.Findings`.
    pub table: Option<String>,
    /// Several tables of one form, one an official part; their rows have the column of `split`.
    pub tables: Vec<PartTable>,
    /// In place of a table: a path with `{names}`; each file or folder that fits is a row with a column of every name.
    ///
    /// A name never spans a `/` and takes as little as it can; `{}` fits anything and gives no column. Example:
    /// `imagesTr/{case}_0000.nii.gz`, `{part}/{subject}/{subject}-t1c.nii.gz`.
    pub list: Option<String>,
    /// Key path of the array within a JSON table, dots between keys; the document itself if absent.
    pub items: Option<String>,
    /// Key of an array within every object of a JSON table: each of its elements is a row, beside the keys of its object.
    pub explode: Option<String>,
    /// Further tables that add columns to a row, for example ages or diagnoses by subject.
    pub joins: Vec<Join>,
    /// Only rows whose columns have one of these values, for example `modality = ["MRI"]`.
    pub keep: BTreeMap<String, Vec<String>>,
    /// Template of the id; `{id}` if absent.
    pub id: String,
    /// Template of the subject; `{subject}` if absent.
    pub subject: String,
    /// Neighbouring rows stand in for subjects, where subjects are not named.
    pub subject_block: Option<SubjectBlock>,
    /// Column of the official part; `split` if absent. It may be a `{name}` of the list, so that folders tell parts.
    ///
    /// Known words: train, training, tr for train; val, valid, validation, dev, test, testing, ts for val.
    pub split: String,
    /// Further words of that column, or other meanings of the known ones.
    pub split_words: BTreeMap<String, Split>,
    /// Lists of official parts, one name a line (a further column after a comma, tab or space is passed over).
    pub split_files: Vec<SplitFile>,
    /// Percentage of subjects, 0 to 100, that a hash of their names puts into val where no official part is known.
    ///
    /// Absent: 10 for a list, `bids` or `decathlon`; a table must then have the column of `split` or `split_files`.
    pub val_percent: Option<u64>,
    /// Only rows of this part are offered; both if absent.
    pub only: Option<Split>,
}

impl Default for Rows {
    fn default() -> Self {
        Self {
            table: None,
            tables: Vec::new(),
            list: None,
            items: None,
            explode: None,
            joins: Vec::new(),
            keep: BTreeMap::new(),
            id: "{id}".into(),
            subject: "{subject}".into(),
            subject_block: None,
            split: "split".into(),
            split_words: BTreeMap::new(),
            split_files: Vec::new(),
            val_percent: None,
            only: None,
        }
    }
}

/// One of several tables.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartTable {
    /// The table, relative to the dataset's folder.
    pub file: String,
    /// The part to which its rows belong.
    pub part: Split,
}

/// A table that adds columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// The table, relative to the dataset's folder, in any form that [`Rows::table`] has.
    pub table: String,
    /// Key path of the array within a JSON table.
    #[serde(default)]
    pub items: Option<String>,
    /// Template over the columns of a row: what to look up.
    pub on: String,
    /// Template over the columns of this table: what it is found by. The first row of several wins.
    pub with: String,
    /// Put before the names of the added columns, so that they differ from those of the row.
    #[serde(default)]
    pub prefix: String,
}

/// A list of the names of one official part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitFile {
    /// The file, relative to the dataset's folder.
    pub file: String,
    /// The part.
    pub part: Split,
    /// Template over the columns of a row: the name by which the list knows it.
    pub name: String,
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
        /// True: a value that is not in the map means unknown. Absent or false: it is an error of the row.
        #[serde(default)]
        others_unknown: bool,
    },
}
