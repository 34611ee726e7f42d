//! From input to result: the one place that joins reading, reconstruction, model and report.
//!
//! In: a path. Out: a result folder, or an answer. The command line, the server and the evaluation call this.
//!
//! - `engine`: the loaded model; `read`: one input to one folder; `many`: many inputs; `ask`: one question
//! - `formats`: DICOM, FHIR and BIDS beside the report
//! - `watch`: progress of a reading, and a way to stop it
//! - `staged`: folders that are whole or not there
//! - `scan`: a raw data file to a volume; `kspace`: one slice of it; `scope`: may the model answer at all?
//! - `cut`: the slices a volume is read in
//! - `trust`: calibration and the gate of unlike images, kept beside the weights; `nothing`: a blank and noise, for comparison
//! - `outline`, `interpret`: from logits to labels, measurements, diagnosis and the checked report
//! - `demo`: the whole workflow on a simulated scan

mod ask;
mod cut;
pub mod demo;
mod engine;
mod error;
mod formats;
mod interpret;
pub mod kspace;
mod many;
mod nothing;
mod outline;
mod read;
pub mod scan;
mod scope;
mod staged;
mod trust;
mod watch;

pub use ask::{Checked, Looked, Reply};
pub use engine::Engine;
pub use error::{Error, Result};
pub use formats::{DicomOptions, FormatOptions, Formats};
pub use interpret::{Interpretation, Wording, tumour_line};
pub use many::{folder_names, memory_needed};
pub use nothing::{blank, noise};
pub use read::{ReadOptions, ReadOutcome, Subject};
pub use scope::{Scope, Sight};
pub use staged::Staged;
pub use trust::{Gate, Odds, Temperature, Trust};
pub use watch::{Progress, Step, Watch};
