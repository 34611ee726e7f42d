//! A whole evaluation.

use omnimri_corpus::Split;
use omnimri_workflow::Engine;
use serde::Serialize;

use crate::config::EvalConfig;
use crate::error::Result;
use crate::figure::SetReport;
use crate::interval::Bootstrap;
use crate::reading::{Event, Run};

/// Name and version of the JSON that an evaluation becomes.
const SCHEMA: &str = "omnimri.eval/1";

/// The model that was evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelUnderTest {
    /// Name.
    pub name: String,
    /// Version of the program that trained it.
    pub version: String,
    /// SHA-256 of the weights, lower-case hexadecimal.
    pub sha256: String,
}

/// Figures of every set, and what is needed to get them again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Name and version of this form.
    pub schema: &'static str,
    /// The model.
    pub model: ModelUnderTest,
    /// The split.
    pub split: Split,
    /// Only the first rows of each set; `None` for all.
    pub limit: Option<usize>,
    /// Seed of the bootstrap.
    pub seed: u64,
    /// Resamples of the bootstrap.
    pub draws: usize,
    /// The sets in the order of the configuration.
    pub sets: Vec<SetReport>,
}

/// Reads and scores every set; `tell` hears of each input.
///
/// # Errors
/// If the configuration makes no sense, or a set is missing, damaged or empty. An input whose reading fails is no error: it is
/// listed and counts as wrong.
pub fn evaluate(
    engine: &Engine,
    config: &EvalConfig,
    tell: &(dyn Fn(Event<'_>) + Sync),
) -> Result<Evaluation> {
    config.check()?;
    let bootstrap = Bootstrap {
        seed: config.seed,
        draws: config.draws,
    };
    let run = Run {
        engine,
        bootstrap,
        tell,
    };
    let mut sets = Vec::with_capacity(config.sets.len());
    for set in &config.sets {
        sets.push(set.report(run, &config.data, config.split, config.limit)?);
    }
    let model = engine.model_info();
    Ok(Evaluation {
        schema: SCHEMA,
        model: ModelUnderTest {
            name: model.name,
            version: model.version,
            sha256: model.sha256,
        },
        split: config.split,
        limit: config.limit,
        seed: config.seed,
        draws: config.draws,
        sets,
    })
}
