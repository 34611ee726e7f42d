//! The four training stages on one step-based loop.
//!
//! In: a TOML configuration and the corpus. Out: a resumable state, a log of JSON lines, and a checkpoint folder.
//!
//! - `config`: what a run is; `run`: the loop; `state`: what survives a kill; `export`, `card`: what is published
//! - `source`: examples in memory or from shards; `draw`: the batch of a step; `batch`, `augment`, `junk`, `synthetic`, `reconstruct`, `text`: kinds of batches
//! - `own`, `pairs`: what a user's folder is; `finetune`: a run on it from published weights; `held_out`: how good it became
//! - `plan`: parameters, memory and time of a run before it begins
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
pub mod finetune;
mod held_out;
mod junk;
pub mod losses;
pub mod objective;
pub mod own;
mod pairs;
pub mod plan;
mod reconstruct;
mod run;
mod source;
pub mod state;
mod synthetic;
mod text;

pub use config::TrainConfig;
pub use error::{Error, Result};
pub use finetune::{FineTune, Prepared};
pub use held_out::HeldOut;
pub use run::{Summary, freeze, train, train_until, turn};
