//! Metrics, intervals and benchmarks.
//!
//! In: a configuration that names a labelled split, and the engine that every user's input goes through. Out: an
//! [`Evaluation`], as a Markdown table and as JSON. Every input is read from its own file and scored on its own grid.
//!
//! - `metrics`: plain functions on masks, boxes, probabilities and images; undefined is `None`, never a guess
//! - `interval`: bootstrap intervals that resample whole subjects
//! - `config`, `case`, `reading`: what is evaluated, its truth, and what the workflow says of it
//! - `sets`: which figures a labelled set gets, one file a set
//! - `evaluate`, `table`, `card`: the whole run, how it prints, and how it gets into a model card

mod card;
mod case;
mod config;
mod error;
mod evaluate;
mod figure;
pub mod interval;
pub mod metrics;
mod reading;
mod sets;
mod table;

pub use card::with_figures;
pub use config::EvalConfig;
pub use error::{Error, Result};
pub use evaluate::{Evaluation, ModelUnderTest, evaluate};
pub use figure::{Failed, Figure, SetReport};
pub use reading::Event;
pub use sets::Set;
