//! State of a run on disk: weights, moments, average and position. Written beside and renamed, so that a kill at any moment
//! leaves the last whole state.

use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::prelude::*;
use omnimri_model::OmniMri;
use serde::{Deserialize, Serialize};

use crate::config::TrainConfig;
use crate::error::{Error, Result};

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Steps done.
    pub step: u64,
    /// Seconds trained, over all sessions.
    pub seconds: f64,
    /// Slices seen.
    pub slices: u64,
    /// The configuration as resolved.
    pub config: TrainConfig,
}

/// What is saved and restored.
pub struct State {
    /// Weights with gradients.
    pub model: OmniMri,
    /// Averaged weights.
    pub average: OmniMri,
    /// AdamW and its moments.
    pub optimizer: ModuleOptimizer,
    /// Where the run stands.
    pub position: Position,
}

fn folder(out: &Path) -> PathBuf {
    out.join("state")
}

/// True if a state can be resumed.
pub fn exists(out: &Path) -> bool {
    folder(out).join("position.json").exists()
        || out.join("state.old").join("position.json").exists()
}

impl State {
    /// Saves under `out/state`.
    ///
    /// # Errors
    /// If a file cannot be written; the last state stays.
    pub fn save(&self, out: &Path) -> Result<()> {
        let (target, fresh, old) = (folder(out), out.join("state.new"), out.join("state.old"));
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Write { path, source }
        };
        let record = |path: &Path, e: String| Error::Write {
            path: path.to_owned(),
            source: std::io::Error::other(e),
        };
        for stale in [&fresh, &old] {
            if stale.exists() && (stale == &fresh || target.exists()) {
                std::fs::remove_dir_all(stale).map_err(io(stale))?;
            }
        }
        std::fs::create_dir_all(&fresh).map_err(io(&fresh))?;
        let (m, a, o) = (
            fresh.join("model.bpk"),
            fresh.join("average.bpk"),
            fresh.join("optim.bpk"),
        );
        self.model
            .clone()
            .save_file(&m)
            .map_err(|e| record(&m, e.to_string()))?;
        self.average
            .clone()
            .save_file(&a)
            .map_err(|e| record(&a, e.to_string()))?;
        self.optimizer
            .save(&o)
            .map_err(|e| record(&o, e.to_string()))?;
        let p = fresh.join("position.json");
        let json =
            serde_json::to_string_pretty(&self.position).map_err(|e| record(&p, e.to_string()))?;
        std::fs::write(&p, json).map_err(io(&p))?;
        if target.exists() {
            std::fs::rename(&target, &old).map_err(io(&target))?;
        }
        std::fs::rename(&fresh, &target).map_err(io(&target))?;
        if old.exists() {
            std::fs::remove_dir_all(&old).map_err(io(&old))?;
        }
        Ok(())
    }

    /// Restores what [`Self::save`] wrote into freshly built parts of the same sizes.
    ///
    /// # Errors
    /// If the state is missing, damaged or of another model.
    pub fn load(
        out: &Path,
        model: OmniMri,
        average: OmniMri,
        optimizer: ModuleOptimizer,
    ) -> Result<Self> {
        let whole = folder(out);
        let dir = if whole.join("position.json").exists() {
            whole
        } else {
            out.join("state.old")
        };
        let fail = |problem: String| Error::Resume {
            path: dir.clone(),
            problem,
        };
        let text =
            std::fs::read_to_string(dir.join("position.json")).map_err(|e| fail(e.to_string()))?;
        let position: Position = serde_json::from_str(&text).map_err(|e| fail(e.to_string()))?;
        let model = model
            .try_load_file(dir.join("model.bpk"))
            .map_err(|e| fail(e.to_string()))?;
        let average = average
            .try_load_file(dir.join("average.bpk"))
            .map_err(|e| fail(e.to_string()))?;
        let optimizer = optimizer
            .load(dir.join("optim.bpk"))
            .map_err(|e| fail(e.to_string()))?;
        Ok(Self {
            model,
            average,
            optimizer,
            position,
        })
    }
}

/// Draws every lazy parameter now, in order, so that later random calls cannot change the weights.
pub fn materialise(model: &OmniMri, device: &Device) -> Result<()> {
    let _ = model.clone().into_record();
    device
        .sync()
        .map_err(|e| omnimri_model::Error::Tensor(e.to_string()))?;
    Ok(())
}
