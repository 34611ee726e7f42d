//! The loaded model, shared by every command.

use std::path::Path;
use std::sync::OnceLock;

use burn::prelude::Device;
use omnimri_image::Volume;
use omnimri_model::{Checkpoint, Look, Predictor};
use omnimri_report::result::ModelInfo;

use crate::error::{Error, Result};
use crate::nothing;
use crate::trust::Trust;

/// A model ready to read.
#[derive(Debug)]
pub struct Engine {
    predictor: Predictor,
    trust: Trust,
    /// What is seen where there is nothing to see, once asked for.
    nothing: OnceLock<[Look; 2]>,
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
                    source: Box::new(source),
                }
            })?;
        let predictor = Predictor::new(checkpoint);
        let path = Path::new("embedded model");
        let trust = Trust::parse(omnimri_nano::TRUST, predictor.sha256(), path)?;
        Ok(Self::new(predictor, trust))
    }

    fn new(predictor: Predictor, trust: Trust) -> Self {
        Self {
            predictor,
            trust,
            nothing: OnceLock::new(),
        }
    }

    /// A checkpoint folder.
    ///
    /// # Errors
    /// [`Error::Model`] naming the folder and the file or tensor that is wrong.
    pub fn from_dir(dir: &Path) -> Result<Self> {
        let checkpoint = Checkpoint::read(dir, &Device::flex()).map_err(|source| Error::Model {
            path: dir.to_owned(),
            source: Box::new(source),
        })?;
        let predictor = Predictor::new(checkpoint);
        let trust = Trust::read(dir, predictor.sha256())?;
        Ok(Self::new(predictor, trust))
    }

    /// What was fitted to the model after training.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// The model's looks at a blank and at noise, of one slice each.
    ///
    /// # Errors
    /// [`Error::Model`] if the model fails.
    pub(crate) fn nothing(&self) -> Result<&[Look; 2]> {
        if let Some(looks) = self.nothing.get() {
            return Ok(looks);
        }
        let look = |volume: &Volume| {
            self.predictor
                .look(volume, 0)
                .map_err(|source| Error::Model {
                    path: "an image of nothing".into(),
                    source: Box::new(source),
                })
        };
        let looks = [look(&nothing::blank())?, look(&nothing::noise())?];
        Ok(self.nothing.get_or_init(|| looks))
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
