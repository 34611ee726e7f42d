//! Fine-tuning on a user's own corpus by one command: what is in it decides the mixture, its size the number of steps.

use std::collections::BTreeMap;
use std::path::PathBuf;

use omnimri_corpus::Example;
use omnimri_model::{CheckpointConfig, ModelConfig};

use crate::augment::Augment;
use crate::batch::{Pool, class_targets, side_of};
use crate::config::{
    Ingredient, Kind, OptimizerConfig, Part, ShardSource, TokenizerSource, TrainConfig,
};
use crate::error::{Error, Result};
use crate::held_out::HeldOut;
use crate::own::{Labels, recognise};
use crate::run::{Summary, train_on};
use crate::source::Source;

/// Times that a slice is seen where nobody says how many steps.
const PASSES: u64 = 20;
/// Bounds of the number of steps that is chosen.
const STEPS: (u64, u64) = (100, 3000);
/// Batches averaged in a step.
const BATCHES: usize = 3;
/// Slices of a volume that count as seen in a pass.
const SLICES_A_VOLUME: usize = 16;
/// Peak learning rate: that of stage 4, a third of that from random weights.
const LEARNING_RATE: f64 = 3e-4;

/// What a user says.
#[derive(Debug, Clone, PartialEq)]
pub struct FineTune {
    /// Checkpoint folder to start from.
    pub from: PathBuf,
    /// The corpus.
    pub data: PathBuf,
    /// Where state, log, configuration and weights go.
    pub out: PathBuf,
    /// Meaning of label values: `TERM` or `VALUE=TERM`.
    pub labels: Vec<String>,
    /// Steps; chosen by the size of the corpus if none.
    pub steps: Option<u64>,
    /// Seed of order and augmentation.
    pub seed: u64,
}

/// A run that is ready: its configuration, and its examples in memory.
pub struct Prepared {
    /// The configuration, as it is written beside the weights.
    pub config: TrainConfig,
    /// What was found and chosen, a line each.
    pub told: Vec<String>,
    source: Source,
    held_out: HeldOut,
}

/// How a fine-tuning went.
#[derive(Debug, Clone, PartialEq)]
pub struct FineTuned {
    /// The run.
    pub summary: Summary,
    /// Mean Dice on the held-out part, before and after; none where it outlines nothing.
    pub dice: Option<(f64, f64)>,
    /// Held-out examples.
    pub n_held_out: usize,
}

impl FineTune {
    /// Recognises the corpus, reads it, and chooses what the user left open.
    ///
    /// # Errors
    /// If the folder is not understood ([`Error::UnknownFolder`], [`Error::UnknownLabels`], [`Error::NothingToDraw`]), holds nothing to
    /// learn from ([`Error::NothingToLearn`]), or cannot be read.
    pub fn prepare(&self) -> Result<Prepared> {
        let found = recognise(&self.data, &Labels::parse(&self.labels)?)?;
        let mut config = TrainConfig {
            stage: 4,
            model: self.preset()?,
            seed: self.seed,
            start: Some(self.from.clone()),
            fresh: Vec::new(),
            decoder: None,
            tokenizer: TokenizerSource::Inherit,
            out: self.out.clone(),
            data: found.data,
            shards: found.shards.map(|root| ShardSource {
                root,
                block_mb: 1000,
                steps_per_block: 200,
            }),
            sets: found.sets,
            own: found.own,
            steps: 1,
            optimizer: OptimizerConfig {
                learning_rate: LEARNING_RATE,
                final_share: 0.05,
                warmup: 1,
                weight_decay: 0.02,
                clip: 2.0,
            },
            learn: Vec::new(),
            mixture: Vec::new(),
            batches_per_step: BATCHES,
            save_every_s: 180,
            log_every: 20,
        };
        let source = Source::open(&config)?;
        let pool = source.at(0)?;
        config.mixture = mixture(&pool);
        if config.mixture.is_empty() {
            return Err(Error::NothingToLearn {
                path: self.data.clone(),
                examples: pool.examples().len(),
            });
        }
        // The learned reconstruction rests: images alone say nothing about coils and noise.
        config.learn = Part::ALL
            .into_iter()
            .filter(|part| *part != Part::Unrolled)
            .filter(|part| {
                config
                    .mixture
                    .iter()
                    .any(|i| i.kind.trains().contains(part))
            })
            .collect();
        config.steps = match self.steps {
            Some(steps) => steps,
            None => steps(&config, source.n_slices(SLICES_A_VOLUME)),
        };
        config.optimizer.warmup = (config.steps / 20).clamp(1, 60);
        config.log_every = (config.steps / 20).clamp(1, 20);
        config.validate()?;
        let held_out = HeldOut::open(&config)?;
        let mut told = found.told;
        told.push(format!(
            "{} training examples{}, {} held out",
            pool.examples().len(),
            if config.shards.is_some() {
                " in the first block"
            } else {
                ""
            },
            held_out.n_examples()
        ));
        told.push(choices(&config));
        Ok(Prepared {
            config,
            told,
            source,
            held_out,
        })
    }

    /// The preset of the checkpoint's sizes.
    fn preset(&self) -> Result<String> {
        let path = self.from.join("config.json");
        let text = std::fs::read_to_string(&path).map_err(|source| Error::Read {
            path: path.clone(),
            source,
        })?;
        let checkpoint: CheckpointConfig =
            serde_json::from_str(&text).map_err(|source| omnimri_model::Error::Json {
                name: path.display().to_string(),
                source,
            })?;
        let name = checkpoint.model.name.clone();
        if ModelConfig::preset(&name) == Some(checkpoint.model) {
            Ok(name)
        } else {
            Err(Error::Config {
                key: "model",
                expected: "a checkpoint in the sizes of a preset (nano, tiny, small, base, large)",
                found: name,
            })
        }
    }
}

impl Prepared {
    /// Trains, and measures the held-out part before and after.
    ///
    /// # Errors
    /// As [`crate::train`].
    pub fn run(&self) -> Result<FineTuned> {
        let before = match &self.config.start {
            Some(start) => self.held_out.dice(start)?,
            None => None,
        };
        let summary = train_on(&self.config, &self.source, false, u64::MAX)?;
        let after = self.held_out.dice(&self.config.out.join("export"))?;
        Ok(FineTuned {
            summary,
            dice: before.zip(after),
            n_held_out: self.held_out.n_examples(),
        })
    }
}

/// What a dataset can teach.
#[derive(Default)]
struct Taught {
    /// Slices with outlines, of pictures and of volumes.
    pictures: usize,
    volumes: usize,
    /// True if the volumes are small crops.
    crops: bool,
    classes: usize,
    facts: usize,
    questions: usize,
}

fn taught(pool: &Pool) -> BTreeMap<String, Taught> {
    let mut sets: BTreeMap<String, Taught> = BTreeMap::new();
    for e in pool.examples() {
        let t = sets.entry(e.dataset.name().to_owned()).or_default();
        let flat = e.image.size.z == 1;
        if outlined(e) {
            if flat {
                t.pictures += 1;
            } else {
                t.volumes += e.image.size.z.min(SLICES_A_VOLUME);
                t.crops = side_of(e) < omnimri_model::preprocess::SIDE;
            }
            t.facts += usize::from(!e.facts().is_empty());
        }
        t.classes += usize::from(flat && class_targets(e).iter().any(Option::is_some));
        t.questions += usize::from(!e.questions.is_empty());
    }
    sets
}

fn outlined(e: &Example) -> bool {
    e.labels.is_some() && e.annotated.iter().any(|t| t.label().is_some())
}

/// Batches of the kinds that the examples have targets for. Of all draws, masks get about 0.65, classes 0.1, text the rest;
/// sets share by the square root of their slices.
fn mixture(pool: &Pool) -> Vec<Ingredient> {
    let sets = taught(pool);
    let mut out: Vec<Ingredient> = Vec::new();
    let mut add = |kind, sets: Vec<String>, batch, slices, weight: f64| {
        if !sets.is_empty() {
            let weight = (weight * 1e4).round() / 1e4;
            out.push(Ingredient {
                kind,
                sets,
                batch,
                slices,
                weight,
                bank: 0,
                augment: Augment::default(),
            });
        }
    };
    let root = |n: usize| (n as f64).sqrt();
    let total: f64 = sets
        .values()
        .map(|t| root(t.pictures) + root(t.volumes))
        .sum();
    for (name, t) in &sets {
        let one = vec![name.clone()];
        if t.pictures > 0 {
            add(
                Kind::Dense,
                one.clone(),
                6,
                1,
                0.65 * root(t.pictures) / total,
            );
        }
        if t.volumes > 0 {
            let slices = if t.crops { 8 } else { 4 };
            add(Kind::Dense, one, 2, slices, 0.65 * root(t.volumes) / total);
        }
    }
    let of = |keep: &dyn Fn(&Taught) -> bool| -> Vec<String> {
        let kept = sets.iter().filter(|(_, t)| keep(t));
        kept.map(|(name, _)| name.clone()).collect()
    };
    add(Kind::Classes, of(&|t| t.classes > 0), 6, 1, 0.1);
    add(Kind::Report, of(&|t| t.facts > 0), 6, 3, 0.1);
    add(
        Kind::Instruct,
        of(&|t| t.facts > 0 || t.questions > 0),
        6,
        3,
        0.1,
    );
    add(Kind::Grounded, of(&|t| t.facts > 0), 4, 3, 0.05);
    out
}

/// So many steps that every slice is seen [`PASSES`] times, within [`STEPS`].
fn steps(config: &TrainConfig, slices: u64) -> u64 {
    let total: f64 = config.mixture.iter().map(|i| i.weight).sum();
    let mean: f64 = config
        .mixture
        .iter()
        .map(|i| i.weight * (i.batch * i.slices) as f64)
        .sum::<f64>()
        / total;
    let steps = (PASSES * slices) as f64 / (mean * config.batches_per_step as f64);
    (steps as u64).clamp(STEPS.0, STEPS.1)
}

fn choices(config: &TrainConfig) -> String {
    let total: f64 = config.mixture.iter().map(|i| i.weight).sum();
    let mut shares: BTreeMap<String, f64> = BTreeMap::new();
    for i in &config.mixture {
        *shares
            .entry(format!("{:?}", i.kind).to_lowercase())
            .or_default() += i.weight / total;
    }
    let shares: Vec<String> = shares
        .into_iter()
        .map(|(kind, share)| format!("{kind} {:.0}%", 100.0 * share))
        .collect();
    let learn: Vec<&str> = config.learn.iter().map(|p| p.field()).collect();
    format!(
        "{} steps of {} batches, learning rate {}, batches of {}; {} learn",
        config.steps,
        config.batches_per_step,
        config.optimizer.learning_rate,
        shares.join(", "),
        learn.join(", ")
    )
}
