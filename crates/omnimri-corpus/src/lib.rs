//! Catalogue of datasets, adapters, descriptions, instructions and augmentation.
//!
//! In: the folders of public datasets, as their authors lay them out. Out: [`Example`]s with labels of one vocabulary,
//! facts and sentences, and reports on what a folder holds.
//!
//! - `catalogue`, `builtin`: what is known of each dataset; the files lie in `catalogue/` at the root
//! - `adapter`: from a layout to items, driven by the entry's settings
//! - `stack`, `example`, `facts`: one example and what is known of it
//! - `describe`, `measured`: five-level descriptions with the origin of every sentence
//! - `load`: a whole dataset into memory
//! - `listing`, `check`, `stats`, `licence`: what the command line prints, as structs with `Display` and serde
//! - `augment`: changes of training slices, reproducible and within a training thread's budget
//! - `synth`: images from label maps, lesions in healthy images, phantoms
//! - `miniature`: a dataset's layout filled with made-up images

pub mod adapter;
pub mod augment;
mod builtin;
pub mod catalogue;
pub mod check;
pub mod describe;
mod error;
pub mod example;
mod facts;
mod json_table;
pub mod licence;
pub mod listing;
pub mod load;
pub mod measured;
pub mod miniature;
mod signature;
pub mod stack;
pub mod stats;
pub mod synth;
mod table;

pub use catalogue::{CatalogueEntry, catalogue, find};
pub use describe::{Description, Level, Sentence, TextFiller, describe, describe_with};
pub use error::{Error, Result};
pub use example::{
    Classes, DatasetId, Example, LabelBox, QuestionAnswer, SourceText, Split, TextKind, Writer,
};
pub use load::{LoadOptions, Loaded, Rejected, load, load_all, load_all_with, load_with};
pub use measured::MeasuredStatements;
pub use stack::Stack;
