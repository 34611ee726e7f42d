//! One vocabulary of anatomy and findings, measurements, and a grammar between facts and sentences.
//!
//! In: label maps and volumes, or text that a language model wrote. Out: measurements, facts, sentences, and for every
//! sentence whether the evidence confirms it.
//!
//! - `vocabulary`, `imaging`: label values, classes, sides, regions, sequences, with codes and colours
//! - `term`, `terms`: everything that a public dataset outlines, the labels among it
//! - `components`, `calipers`, `side`, `measure`: from masks to numbers
//! - `finding`: what `result.json` lists
//! - `facts`, `phrases`, `pattern`, `grammar`: facts to sentences and back
//! - `questions`: instructions and their answers
//! - `evidence`, `verify`: sentences against masks, geometry, header and class heads

mod calipers;
pub mod components;
pub mod evidence;
pub mod facts;
pub mod finding;
pub mod grammar;
mod imaging;
pub mod measure;
mod pattern;
mod phrases;
pub mod questions;
mod side;
pub mod term;
mod terms;
pub mod verify;
pub mod vocabulary;

pub use evidence::{Evidence, Source};
pub use facts::{Extent, Fact, Section, Signal, Statement};
pub use finding::{AnatomyEntry, Finding};
pub use grammar::{describe, parse, report_text};
pub use measure::{Measurement, lesion_signal, measure};
pub use questions::{Question, answer, questions};
pub use term::Term;
pub use verify::{CheckedReport, Claim, Origin, Verified, check, verify};
pub use vocabulary::{CardiacClass, Code, Label, Region, Sequence, Side, TumourClass};
