//! The four training stages on one step-based loop.
//!
//! In: a TOML configuration and the corpus. Out: a resumable state, a log of JSON lines, and a checkpoint folder.
//!
//! - `config`: what a run is; `run`: the loop; `state`: what survives a kill; `export`, `card`: what is published
//! - `source`: examples in memory or from shards; `draw`: the batch of a step; `batch`, `augment`, `junk`, `synthetic`, `reconstruct`, `text`: kinds of batches
//! - `objective`, `losses`: from a batch to a number; `clip`, `average`: steadier steps

pub mod augment;
mod average;
pub mod batch;
mod card;
mod clip;
pub mod config;
mod draw;
pub mod error;
mod export;
mod junk;
pub mod losses;
pub mod objective;
mod reconstruct;
mod run;
mod source;
pub mod state;
mod synthetic;
mod text;

pub use config::TrainConfig;
pub use error::{Error, Result};
pub use run::{Summary, freeze, train, train_until, turn};
