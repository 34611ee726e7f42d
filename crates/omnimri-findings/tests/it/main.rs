//! The grammar over all combinations, the checked report, and the rules by which reports are scored.

mod checked;
mod grammar;
mod questions;
mod scoring;
mod unchanged;
