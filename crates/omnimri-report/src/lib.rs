//! The checked report as Markdown, HTML, JSON, PDF, DICOM, FHIR and BIDS derivatives.
//!
//! In: a [`ResultDoc`] and the [`Pictures`] it speaks of. Out: `result.json`, `report.md`, `report.pdf` and a self-contained
//! `report.html`.
//!
//! - `result`, `sections`: the types of `omnimri.result/1`; `docs/result.schema.json` is the same as JSON Schema
//! - `view`: how a slice is turned for display, and which letters stand at its edges
//! - `render`: slices, overlays and mosaics as PNG
//! - `figures`: which pictures a report shows
//! - `sentences`: sections matched with the check of each sentence
//! - `words`, `markdown`, `html`: the two renderings and the words they share
//! - `glyphs`, `key_image`, `pdf`: pictures with words in them, and the report on pages
//! - [`dicom`], [`fhir`], [`bids`]: results that other people's tools open; `docs/dicom.md` says what each holds
//! - `write`: all files of a result, whole or not at all

pub mod bids;
pub mod dicom;
mod error;
pub mod fhir;
mod figures;
mod glyphs;
pub mod html;
mod key_image;
pub mod markdown;
pub mod pdf;
pub mod render;
pub mod result;
mod sections;
mod sentences;
mod view;
mod words;
mod write;

pub use error::{Error, Result};
pub use figures::{Pictures, ReconPictures};
pub use result::ResultDoc;
pub use sections::Sections;
pub use write::write_report;
