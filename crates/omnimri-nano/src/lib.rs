//! The embedded nano checkpoint: `models/nano/` of the repository inside the program.

use omnimri_model::CheckpointFiles;

/// The files of the checkpoint.
pub fn files() -> CheckpointFiles<'static> {
    CheckpointFiles {
        config: include_bytes!("../../../models/nano/config.json"),
        weights: include_bytes!("../../../models/nano/model.safetensors"),
        tokenizer: include_bytes!("../../../models/nano/tokenizer.json"),
        preprocessor: include_bytes!("../../../models/nano/preprocessor_config.json"),
    }
}

/// The model card.
pub const CARD: &str = include_str!("../../../models/nano/README.md");

/// What was fitted to the checkpoint after training (calibration, scope); empty where nothing was.
pub const TRUST: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/trust.json"));
