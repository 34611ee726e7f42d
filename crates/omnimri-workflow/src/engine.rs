//! The loaded model, shared by every command.

use std::path::Path;

use burn::prelude::Device;
use omnimri_model::{Checkpoint, Predictor};
use omnimri_report::result::ModelInfo;

use crate::error::{Error, Result};

/// A model ready to read.
#[derive(Debug)]
pub struct Engine {
    predictor: Predictor,
}

impl Engine {
    /// The embedded nano model.
    ///
    /// # Errors
    /// [`Error::Model`] if the program was built without a usable checkpoint.
    pub fn embedded() -> Result<Self> {
        let checkpoint =
            Checkpoint::from_files(omnimri_nano::files(), &Device::flex()).map_err(|source| {
                Error::Model {
                    path: "embedded model".into(),
                    source,
                }
            })?;
        Ok(Self {
            predictor: Predictor::new(checkpoint),
        })
    }

    /// A checkpoint folder.
    ///
    /// # Errors
    /// [`Error::Model`] naming the folder and the file or tensor that is wrong.
    pub fn from_dir(dir: &Path) -> Result<Self> {
        let checkpoint = Checkpoint::read(dir, &Device::flex()).map_err(|source| Error::Model {
            path: dir.to_owned(),
            source,
        })?;
        Ok(Self {
            predictor: Predictor::new(checkpoint),
        })
    }

    /// The model itself.
    pub fn predictor(&self) -> &Predictor {
        &self.predictor
    }

    /// Name, version and hash as results state them.
    pub fn model_info(&self) -> ModelInfo {
        ModelInfo {
            name: self.predictor.name().to_owned(),
            version: self.predictor.version().to_owned(),
            sha256: self.predictor.sha256().to_owned(),
        }
    }
}
