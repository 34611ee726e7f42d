//! Catalogue of datasets, adapters, descriptions, instructions and augmentation.
//!
//! In: the folders of public datasets, as their authors lay them out. Out: [`Example`]s with labels of one vocabulary,
//! facts and sentences, and reports on what a folder holds.
//!
//! - `catalogue`, `kinds`, `builtin`: what is known of each dataset; the files lie in `catalogue/` at the root
//! - `adapter`: from a layout to items, driven by the entry's settings
//! - `stack`, `example`, `facts`, `details`: one example and what is known of it; `study`: each number measured once
//! - `describe`, `measured`: five-level descriptions with the origin of every sentence
//! - `filler`: levels written by a model behind an OpenAI-compatible address
//! - `instruct`: what is asked of an image and the right answers
//! - `load`: a whole dataset into memory; `copies`: what of it is nearly the same as a validation image
//! - `listing`, `check`, `stats`, `totals`, `licence`: what the command line prints, as structs with `Display` and serde
//! - `build`, `shard`: datasets to Parquet shards, and from shards to training
//! - `harmonise`: quality measures, grids and intensities that can be undone, sequence and plane, de-identification
//! - `card`: what a corpus holds, to look at before training
//! - `augment`: changes of training slices, reproducible and within a training thread's budget
//! - `synth`: images from label maps, lesions in healthy images, phantoms
//! - `miniature`: a dataset's layout filled with made-up images

pub mod adapter;
pub mod augment;
pub mod build;
mod builtin;
pub mod card;
pub mod catalogue;
pub mod check;
pub mod copies;
pub mod describe;
mod details;
mod error;
pub mod example;
mod facts;
pub mod filler;
pub mod harmonise;
pub mod instruct;
mod json_table;
mod kinds;
pub mod licence;
pub mod listing;
pub mod load;
pub mod measured;
pub mod miniature;
mod select;
pub mod shard;
mod signature;
pub mod stack;
pub mod stats;
mod study;
pub mod synth;
mod table;
pub mod totals;

pub use build::{BuildOptions, BuildReport, build, build_with};
pub use catalogue::{CatalogueEntry, catalogue, find};
pub use describe::{Description, Level, Sentence, TextFiller, WrittenBy, describe, describe_with};
pub use error::{Error, Result};
pub use example::{
    Classes, DatasetId, Example, LabelBox, QuestionAnswer, SourceText, Split, TextKind, Writer,
};
pub use load::{LoadOptions, Loaded, Rejected, load, load_all, load_all_with, load_with};
pub use measured::MeasuredStatements;
pub use shard::{Record, ShardSet};
pub use stack::Stack;
