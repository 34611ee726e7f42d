//! Missing levels of a description written by a vision-language model.
//!
//! - `openai`: the filler, [`OpenAi`]
//! - `prompt`: what is asked, and which slice is shown
//! - `http`: one question over the wire, with retries
//! - `cache`: answers on disk
//! - `budget`: how much may be spent

mod budget;
mod cache;
mod http;
mod openai;
mod prompt;

pub use budget::{Budget, Counts};
pub use openai::{OpenAi, OpenAiConfig, Otherwise};
pub use prompt::PROMPT;

#[cfg(test)]
mod tests;
