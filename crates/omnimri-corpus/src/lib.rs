//! Catalogue of datasets, adapters, descriptions, instructions and augmentation.
//!
//! In: the folders of public datasets, as their authors lay them out. Out: [`Example`]s with labels of one vocabulary,
//! facts and sentences, and reports on what a folder holds.
//!
//! - `catalogue`, `builtin`: what is known of each dataset; the files lie in `catalogue/` at the root
//! - `adapter`: from a layout to items, driven by the entry's settings
//! - `stack`, `example`, `facts`: one example and what is known of it
//! - `load`: a whole dataset into memory

pub mod adapter;
mod builtin;
pub mod catalogue;
mod error;
pub mod example;
mod facts;
pub mod load;
pub mod stack;
mod table;

pub use catalogue::{CatalogueEntry, catalogue, find};
pub use error::{Error, Result};
pub use example::{Classes, DatasetId, Example, QuestionAnswer, Split};
pub use load::{LoadOptions, Loaded, Rejected, load, load_all, load_all_with, load_with};
pub use stack::Stack;
