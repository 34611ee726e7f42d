//! Draws the batch of a step and computes its loss.

use burn::prelude::*;
use omnimri_model::{OmniMri, Tokenizer};

use crate::batch::{self, DenseBatch, Pool, RestoreBatch};
use crate::config::{Ingredient, Kind, Part, TrainConfig};
use crate::error::{Error, Result};
use crate::objective::{self, Loss};
use crate::reconstruct::{self, Bank, ReconBatch};
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
    tokenizer: &'a Tokenizer,
    train_vision_from_text: bool,
    bank: Bank,
}

impl<'a> Drawer<'a> {
    /// A drawer for a run.
    pub fn new(config: &TrainConfig, pool: &'a Pool, tokenizer: &'a Tokenizer) -> Self {
        let train_vision_from_text = config.learn.contains(&Part::Vision);
        Self {
            seed: config.seed,
            pool,
            tokenizer,
            train_vision_from_text,
            bank: Bank::default(),
        }
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
            Kind::Synthetic => crate::synthetic::batch(seed, step, i).map(Batch::Dense),
            Kind::Reconstruct => self.bank.batch(seed, step, pool, i).map(Batch::Reconstruct),
            Kind::TextOnly | Kind::Report | Kind::Instruct | Kind::Grounded => {
                text::batch(seed, step, pool, self.tokenizer, i)?.map(Batch::Text)
            }
        };
        batch.ok_or_else(|| Error::NoExamples {
            kind: format!("{:?}", i.kind),
            sets: i.sets.clone(),
        })
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
