//! Adapters: a few general readers of layouts, driven by the settings in a catalogue entry.
//!
//! Every adapter turns its table or folder into items (what to read and what is known of it); reading an item is
//! one function for all of them. A new dataset of a known layout is a new TOML file, not new code.

mod items;
mod read;
mod rows;
mod settings;

pub use settings::{
    Adapter, AdapterKind, ArrayForm, Bids, BidsImage, BoxForm, BoxRule, Choice, ClassRules, Closed,
    Decathlon, DicomChoice, EmptyWhen, Join, MaskForm, MaskRule, MissingMask, PartTable,
    QuestionRule, RawForm, Rows, Series, SplitFile, SubjectBlock, TextRule, VolumeForm,
};

pub(crate) use items::{Item, list};
pub(crate) use read::{Fault, read_item};
pub(crate) use rows::has_rows;
