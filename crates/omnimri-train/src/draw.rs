//! Draws the batch of a step and computes its loss.

use burn::prelude::*;
use omnimri_model::{OmniMri, Tokenizer};

use crate::batch::{self, DenseBatch, Pool, RestoreBatch};
use crate::config::{Ingredient, Kind, TrainConfig};
use crate::error::{Error, Result};
use crate::objective::{self, Loss};
use crate::reconstruct::{self, ReconBatch};
use crate::text::{self, TextBatch};

/// A batch of any kind.
pub enum Batch {
    /// Masks and classes.
    Dense(DenseBatch),
    /// Restoration.
    Restore(RestoreBatch),
    /// Reconstruction.
    Reconstruct(ReconBatch),
    /// Next tokens.
    Text(TextBatch),
}

impl Batch {
    /// Slices in the batch.
    pub fn slices(&self) -> usize {
        match self {
            Self::Dense(b) => b.slices.n,
            Self::Restore(b) => b.slices.n,
            Self::Reconstruct(b) => b.len(),
            Self::Text(b) => b.len(),
        }
    }
}

/// What batches are drawn from.
pub struct Drawer<'a> {
    seed: u64,
    pool: &'a Pool,
    tokenizer: Option<&'a Tokenizer>,
    train_vision_from_text: bool,
}

impl<'a> Drawer<'a> {
    /// A drawer for a run.
    ///
    /// # Errors
    /// [`Error::Config`] if text is asked for and there is no tokenizer.
    pub fn new(config: &TrainConfig, pool: &'a Pool, tokenizer: Option<&'a Tokenizer>) -> Result<Self> {
        use crate::config::Part;
        Ok(Self {
            seed: config.seed,
            pool,
            tokenizer,
            train_vision_from_text: config.learn.contains(&Part::Vision),
        })
    }

    /// The batch of a step.
    ///
    /// # Errors
    /// [`Error::NoExamples`] if the data holds nothing of the kind.
    pub fn draw(&self, step: u64, i: &Ingredient) -> Result<Batch> {
        let (seed, pool) = (self.seed, self.pool);
        let batch = match i.kind {
            Kind::Dense => batch::dense(seed, step, pool, i).map(Batch::Dense),
            Kind::Classes => batch::classes(seed, step, pool, i).map(Batch::Dense),
            Kind::Restore => batch::restore(seed, step, pool, i).map(Batch::Restore),
            Kind::Synthetic => Some(Batch::Dense(crate::synthetic::batch(seed, step, i))),
            Kind::Reconstruct => reconstruct::batch(seed, step, pool, i).map(Batch::Reconstruct),
            Kind::TextOnly | Kind::Report | Kind::Instruct | Kind::Grounded => {
                let tokenizer = self.tokenizer.ok_or(Error::Config {
                    key: "mixture.kind",
                    expected: "a kind without text (there is no tokenizer)",
                    found: format!("{:?}", i.kind),
                })?;
                text::batch(seed, step, pool, tokenizer, i)?.map(Batch::Text)
            }
        };
        batch.ok_or_else(|| Error::NoExamples { kind: format!("{:?}", i.kind), sets: i.sets.clone() })
    }

    /// The loss of a batch; none if nothing in it has a target.
    ///
    /// # Errors
    /// If the model fails.
    pub fn loss(&self, model: &OmniMri, batch: &Batch, device: &Device) -> Result<Option<Loss>> {
        Ok(match batch {
            Batch::Dense(b) => objective::dense(model, b, device),
            Batch::Restore(b) => objective::restore(model, b, device),
            Batch::Reconstruct(b) => reconstruct::loss(model, b, device),
            Batch::Text(b) => Some(text::loss(model, b, device, self.train_vision_from_text)),
        })
    }
}
