//! Exports the averaged weights of a run as a checkpoint folder.

use std::collections::BTreeMap;

use omnimri_model::{Checkpoint, CheckpointConfig, Tokenizer};

use crate::config::TrainConfig;
use crate::error::{Error, Result};
use crate::state::State;

/// Writes `out/export`; `trained_on` holds name and licence of every dataset of this run.
///
/// # Errors
/// If a file cannot be written.
pub fn write(
    config: &TrainConfig,
    state: &State,
    tokenizer: &Tokenizer,
    trained_on: Vec<(String, String)>,
) -> Result<()> {
    let mut history = Vec::new();
    let mut licences = BTreeMap::new();
    if let Some(start) = &config.start {
        let path = start.join("config.json");
        let text = std::fs::read_to_string(&path).map_err(|source| Error::Read {
            path: path.clone(),
            source,
        })?;
        let before: CheckpointConfig = serde_json::from_str(&text).map_err(|e| Error::Resume {
            path,
            problem: e.to_string(),
        })?;
        history = before.history;
        licences = before.licences;
    }
    let p = &state.position;
    history.push(format!(
        "stage {}: {} steps, {} slices, {:.0} s, seed {}",
        config.stage, p.step, p.slices, p.seconds, config.seed
    ));
    licences.extend(trained_on);
    let model = config.model_config()?;
    let checkpoint = CheckpointConfig {
        model_type: "omnimri".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        model,
        licences,
        history,
    };
    let card = crate::card::model_card(&checkpoint);
    Checkpoint::write(
        &config.out.join("export"),
        &state.average,
        &checkpoint,
        tokenizer,
        &card,
    )?;
    Ok(())
}
