//! Metrics, intervals and benchmarks.
//!
//! In: a configuration that names a labelled split, and the engine that every user's input goes through. Out: an
//! [`Evaluation`], as a Markdown table and as JSON. Every input is read from its own file and scored on its own grid.
//!
//! - `metrics`: plain functions on masks, boxes, probabilities and images; undefined is `None`, never a guess
//! - `interval`: bootstrap intervals that resample whole subjects
//! - `config`, `case`, `reading`: what is evaluated, its truth, and what the workflow says of it
//! - `sets`: which figures a labelled set gets, one file a set
//! - `calibrate`: temperatures and thresholds, cross-fitted by subject; `told`, `questions`: what is said, beside what is said of
//!   another image and of nothing; `scope`: images that are none of the model's
//! - `record`: one line an input, rows by centre, plane and class
//! - `evaluate`, `table`, `card`, `page`: the whole run, how it prints, and how it gets into a model card and onto a page

mod calibrate;
mod card;
mod case;
mod config;
mod error;
mod evaluate;
mod figure;
pub mod interval;
pub mod metrics;
mod page;
mod questions;
mod reading;
mod record;
mod scope;
mod sets;
mod table;
mod told;

pub use calibrate::{CalibrationReport, Fitted, Matter};
pub use card::{in_page, with_figures};
pub use config::{EvalConfig, ScopeConfig};
pub use error::{Error, Result};
pub use evaluate::{Evaluation, ModelUnderTest, evaluate};
pub use figure::{Confusion, Failed, Figure, SetReport};
pub use page::{Curves, page};
pub use reading::Event;
pub use record::{Record, Row};
pub use scope::{Kind, KindRow, ScopeReport};
pub use sets::Set;
