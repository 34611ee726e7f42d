//! One TOML a run: which stage, from which checkpoint, on which data, for how many steps.

use std::path::{Path, PathBuf};

use omnimri_corpus::CatalogueEntry;
use omnimri_model::{Borrowed, ModelConfig};
use serde::{Deserialize, Serialize};

use crate::augment::Augment;
use crate::error::{Error, Result};

/// Configuration of a run; unknown keys are errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Stage 1 to 4 of the paper; named in logs and the model card.
    pub stage: u8,
    /// Preset of the model's sizes.
    pub model: String,
    /// Seed of weights, data order and augmentation.
    pub seed: u64,
    /// Checkpoint folder to start from (an export with `model.safetensors`), or none for random weights.
    pub start: Option<PathBuf>,
    /// Parts that do not come from `start` but begin with random weights, in this program's sizes.
    #[serde(default)]
    pub fresh: Vec<Part>,
    /// A published language model to begin with in place of that of `start`: a GGUF file or a Hugging Face folder. Its sizes and
    /// its tokenizer become the run's; what depends on its width begins anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoder: Option<PathBuf>,
    /// Where the tokenizer comes from.
    #[serde(default)]
    pub tokenizer: TokenizerSource,
    /// Where state, log and exports of this run go.
    pub out: PathBuf,
    /// Folder that holds the datasets.
    #[serde(default)]
    pub data: PathBuf,
    /// Shards of `corpus build` to train on, in place of `data`.
    #[serde(default)]
    pub shards: Option<ShardSource>,
    /// Catalogue entries to train on; only their train split is read. With shards, none named means all.
    #[serde(default)]
    pub sets: Vec<String>,
    /// Entries for datasets of the user's own, in the form of a catalogue file; `sets` names them as any other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub own: Vec<CatalogueEntry>,
    /// Optimisation steps.
    pub steps: u64,
    /// Optimiser.
    pub optimizer: OptimizerConfig,
    /// Parts of the model that learn; the others are frozen.
    pub learn: Vec<Part>,
    /// How often each kind of batch is drawn.
    pub mixture: Vec<Ingredient>,
    /// Batches whose losses are averaged in a step. Batches are homogeneous, so a step of one batch pulls the shared parts
    /// towards one dataset at a time.
    #[serde(default = "one")]
    pub batches_per_step: usize,
    /// Seconds between saves of the run's state.
    #[serde(default = "default_save_every")]
    pub save_every_s: u64,
    /// Steps between log lines.
    #[serde(default = "default_log_every")]
    pub log_every: u64,
}

fn default_save_every() -> u64 {
    180
}

fn default_log_every() -> u64 {
    20
}

/// Shards to train on. Blocks of examples are drawn in a reproducible shuffled order and used one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardSource {
    /// A folder, `s3://bucket/path` or `http(s)://host/path`.
    pub root: String,
    /// Megabytes of voxels and labels a block; two blocks lie in memory.
    #[serde(default = "default_block_mb")]
    pub block_mb: u64,
    /// Steps that draw from one block.
    #[serde(default = "default_steps_per_block")]
    pub steps_per_block: u64,
}

fn default_block_mb() -> u64 {
    1000
}

fn default_steps_per_block() -> u64 {
    200
}

/// Where a run's tokenizer comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenizerSource {
    /// The checkpoint it starts from; trained where it starts from random weights.
    #[default]
    Inherit,
    /// Trained on the text of this run's sets; for the first stage in which the language model learns.
    Train,
}

/// AdamW with warm-up and cosine decay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizerConfig {
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Learning rate at the last step, as a share of the peak.
    pub final_share: f64,
    /// Steps of linear warm-up.
    pub warmup: u64,
    /// Weight decay.
    pub weight_decay: f64,
    /// Largest global norm of the gradient.
    pub clip: f64,
}

/// A part of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Vision encoder.
    Vision,
    /// Dense decoder.
    Dense,
    /// Class heads.
    Heads,
    /// Connector.
    Connector,
    /// Language model.
    Language,
    /// Learned reconstruction.
    Unrolled,
}

impl Part {
    /// All parts.
    pub const ALL: [Self; 6] = [
        Self::Vision,
        Self::Dense,
        Self::Heads,
        Self::Connector,
        Self::Language,
        Self::Unrolled,
    ];

    /// Name of the field of the model, the first part of its parameters' paths.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Vision => "vision",
            Self::Dense => "dense",
            Self::Heads => "heads",
            Self::Connector => "connector",
            Self::Language => "language",
            Self::Unrolled => "unrolled",
        }
    }
}

/// One kind of batch and how often it is drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ingredient {
    /// What a batch of this kind trains.
    pub kind: Kind,
    /// Catalogue entries it draws from; all of the run's where empty.
    #[serde(default)]
    pub sets: Vec<String>,
    /// Examples a batch.
    pub batch: usize,
    /// Slices an example (volumes; spread over the whole volume).
    #[serde(default = "one")]
    pub slices: usize,
    /// Relative frequency.
    pub weight: f64,
    /// Simulated acquisitions that are made once and drawn again and again; 0 to make every one anew (reconstruction).
    #[serde(default)]
    pub bank: usize,
    /// How strongly its slices are changed.
    #[serde(default)]
    pub augment: Augment,
}

fn one() -> usize {
    1
}

/// Kinds of batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Restore corrupted slices, hidden patches among them (stage 1).
    Restore,
    /// Reconstruct undersampled simulated acquisitions (stages 1, 3, 4).
    Reconstruct,
    /// Outline structures of simulated heads (stage 1).
    Synthetic,
    /// Masks and classes of labelled slices; the language model rests.
    Dense,
    /// Classes only, of everything, images that are no MRI among them.
    Classes,
    /// Text without an image (warm-up of the language model).
    TextOnly,
    /// Reports from images; the dense decoder gets no gradient.
    Report,
    /// Questions and answers about images.
    Instruct,
    /// `<seg>` and `<box>` answers with their masks.
    Grounded,
}

impl Kind {
    /// Parts of the model that get a gradient from a batch of this kind.
    pub const fn trains(self) -> &'static [Part] {
        match self {
            Self::Restore => &[Part::Vision, Part::Dense],
            Self::Reconstruct => &[Part::Unrolled],
            Self::Synthetic | Self::Dense | Self::Classes => {
                &[Part::Vision, Part::Dense, Part::Heads]
            }
            Self::TextOnly => &[Part::Language],
            Self::Report | Self::Instruct => &[Part::Connector, Part::Language],
            Self::Grounded => &[Part::Connector, Part::Language, Part::Dense],
        }
    }
}

impl TrainConfig {
    /// Reads and checks a configuration. Relative paths are taken from the current folder.
    ///
    /// # Errors
    /// If the file cannot be read, has unknown keys or impossible values.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Read {
            path: path.into(),
            source,
        })?;
        let config: Self = toml::from_str(&text).map_err(|source| Error::ParseConfig {
            path: path.into(),
            source: Box::new(source),
        })?;
        config.validate()?;
        Ok(config)
    }

    /// Checks values that types cannot.
    ///
    /// # Errors
    /// [`Error::Config`] naming the key.
    pub fn validate(&self) -> Result<()> {
        let fail = |key: &'static str, expected: &'static str, found: String| {
            Err(Error::Config {
                key,
                expected,
                found,
            })
        };
        let rate = self.optimizer.learning_rate;
        if !(rate > 0.0 && rate < 1.0) {
            return fail(
                "optimizer.learning_rate",
                "between 0 and 1",
                rate.to_string(),
            );
        }
        if self.steps == 0 {
            return fail("steps", "at least 1", "0".into());
        }
        if self.batches_per_step == 0 {
            return fail("batches_per_step", "at least 1", "0".into());
        }
        if let Some(shards) = &self.shards {
            if shards.block_mb == 0 || shards.steps_per_block == 0 {
                let key = "shards.block_mb, shards.steps_per_block";
                return fail(key, "at least 1", "0".into());
            }
            if !self.data.as_os_str().is_empty() {
                let found = format!("both {} and {}", self.data.display(), shards.root);
                return fail("data, shards", "one of the two", found);
            }
        }
        if self.learn.is_empty() {
            return fail("learn", "at least one part", "none".into());
        }
        if self.mixture.iter().map(|i| i.weight.max(0.0)).sum::<f64>() <= 0.0 {
            return fail("mixture", "a positive weight", "none".into());
        }
        for i in &self.mixture {
            if i.batch == 0 || i.slices == 0 {
                return fail("mixture.batch, mixture.slices", "at least 1", "0".into());
            }
            if !i.kind.trains().iter().any(|p| self.learn.contains(p)) {
                let found = format!("{:?}, which trains none of the parts that learn", i.kind);
                return fail(
                    "mixture.kind",
                    "a kind that trains a part of `learn`",
                    found,
                );
            }
            if let Some((key, expected, found)) = i.augment.fault() {
                return fail(key, expected, found);
            }
            let all = self.shards.is_some() && self.sets.is_empty();
            if let Some(set) = i.sets.iter().find(|s| !all && !self.sets.contains(s)) {
                return fail("mixture.sets", "names from `sets`", set.clone());
            }
        }
        Ok(())
    }

    /// Sizes of the run's model: the preset, with those of the decoder where one is borrowed.
    ///
    /// # Errors
    /// [`Error::Config`] for a preset that is unknown; if the decoder cannot be opened.
    pub fn model_config(&self) -> Result<ModelConfig> {
        let mut model = ModelConfig::preset(&self.model).ok_or_else(|| Error::Config {
            key: "model",
            expected: "nano, tiny, small, base or large",
            found: self.model.clone(),
        })?;
        if let Some(path) = &self.decoder {
            model.language = Borrowed::open(path)?.config;
        }
        Ok(model)
    }

    /// The entry of a set: the user's own of this name, or that of the catalogue.
    ///
    /// # Errors
    /// If neither has it.
    pub fn entry(&self, name: &str) -> Result<&CatalogueEntry> {
        match self.own.iter().find(|e| e.name == name) {
            Some(own) => Ok(own),
            None => Ok(omnimri_corpus::find(name)?),
        }
    }

    /// Learning rate at `step` of this run.
    pub fn learning_rate(&self, step: u64) -> f64 {
        let o = &self.optimizer;
        if step < o.warmup {
            return o.learning_rate * (step + 1) as f64 / o.warmup as f64;
        }
        let done = (step - o.warmup) as f64 / self.steps.saturating_sub(o.warmup).max(1) as f64;
        let cosine = 0.5 * (1.0 + (std::f64::consts::PI * done.min(1.0)).cos());
        o.learning_rate * (o.final_share + (1.0 - o.final_share) * cosine)
    }
}
