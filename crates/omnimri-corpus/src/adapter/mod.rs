//! Adapters: a few general readers of layouts, driven by the settings in a catalogue entry.
//!
//! Every layout turns its tables or folders into rows, and rows into items (what to read and what is known of it) by one path;
//! reading an item is one function for all of them. A new dataset of a known layout is a new TOML file, not new code.
//!
//! | file | job |
//! | --- | --- |
//! | `settings` | what an entry says |
//! | `rows`, `pattern`, `bids`, `decathlon` | rows, from tables, names of files, and layouts that list themselves |
//! | `items`, `choose`, `boxes`, `dicom` | items from rows |
//! | `read` | pixels, masks, texts |

mod bids;
mod boxes;
mod choose;
mod decathlon;
mod dicom;
mod item;
mod items;
mod pattern;
mod read;
mod rows;
mod settings;

pub use settings::{
    Adapter, AdapterKind, ArrayForm, Bids, BidsImage, BoxForm, BoxRule, Choice, ClassRules, Closed,
    Decathlon, DicomChoice, EmptyWhen, Join, MaskForm, MaskRule, MissingMask, PartTable,
    QuestionRule, RawForm, Rows, Series, SplitFile, SubjectBlock, TextRule, VolumeForm,
};

pub(crate) use choose::class_columns;
pub(crate) use item::Item;
pub(crate) use items::{columns, list};
pub(crate) use read::{Fault, read_item};
pub(crate) use rows::has_rows;
