//! Draws the batch of a step and computes its loss.

use burn::prelude::*;
use omnimri_model::{OmniMri, Tokenizer};

use crate::batch::{self, DenseBatch, RestoreBatch};
use crate::config::{Ingredient, Kind, Part, TrainConfig};
use crate::error::{Error, Result};
use crate::objective::{self, Loss};
use crate::reconstruct::{self, Bank, ReconBatch};
use crate::source::Source;
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
    source: &'a Source,
    tokenizer: &'a Tokenizer,
    train_vision_from_text: bool,
    bank: Bank,
}

impl<'a> Drawer<'a> {
    /// A drawer for a run.
    pub fn new(config: &TrainConfig, source: &'a Source, tokenizer: &'a Tokenizer) -> Self {
        let train_vision_from_text = config.learn.contains(&Part::Vision);
        Self {
            seed: config.seed,
            source,
            tokenizer,
            train_vision_from_text,
            bank: Bank::default(),
        }
    }

    /// The batch of a draw, with what it is of: the ingredient whose turn it is or, where a block of shards holds no example for
    /// that one, the next of the mixture.
    ///
    /// # Errors
    /// [`Error::NoExamples`] if the data holds nothing of the kind (in shards: of any kind), and what reading the data fails with.
    pub fn next<'c>(&self, config: &'c TrainConfig, draw: u64) -> Result<(&'c Ingredient, Batch)> {
        let turn = crate::run::turn(config, draw);
        let mixture = &config.mixture;
        let tries = match self.source {
            Source::Memory(_) => 1,
            Source::Shards(_) => mixture.len(),
        };
        let mut missing = None;
        for k in (0..tries).map(|k| (turn + k) % mixture.len()) {
            match self.draw(draw, &mixture[k]) {
                Err(e @ Error::NoExamples { .. }) => missing = missing.or(Some(e)),
                batch => return batch.map(|b| (&mixture[k], b)),
            }
        }
        Err(missing.unwrap_or(Error::NoBlock { block: draw }))
    }

    /// The batch of a draw.
    ///
    /// # Errors
    /// [`Error::NoExamples`] if the data holds nothing of the kind, and what reading the data fails with.
    fn draw(&self, step: u64, i: &Ingredient) -> Result<Batch> {
        let seed = self.seed;
        let pool = self.source.at(step)?;
        let pool = pool.as_ref();
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
