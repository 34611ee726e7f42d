//! Where examples come from: whole datasets in memory, or the shards of `corpus build`, a block at a time.

use std::sync::{Arc, Mutex, PoisonError};

use omnimri_corpus::copies::{copies_of_validation, without};
use omnimri_corpus::shard::{Prefetch, ShardSet};
use omnimri_corpus::{Example, Loaded, Split, load};

use crate::batch::Pool;
use crate::config::{ShardSource, TrainConfig};
use crate::error::{Error, Result};

/// File of a run's folder that names the examples left out because validation has nearly the same image.
const NEAR_COPIES: &str = "near-copies.json";
/// Bytes of a megabyte.
const MB: u64 = 1_000_000;

/// The examples of a run; only ever of the train split.
pub enum Source {
    /// All of them.
    Memory(Arc<Pool>),
    /// Those of the block that the batch at hand draws from.
    Shards(Box<Blocks>),
}

impl Source {
    /// Opens what the configuration names. Inputs that are left out are told on standard error: damaged ones, and images that
    /// the validation part of any of the sets has nearly the same. Shards were built without either.
    ///
    /// # Errors
    /// If a dataset or the shards cannot be read.
    pub fn open(config: &TrainConfig) -> Result<Self> {
        if let Some(shards) = &config.shards {
            return Ok(Self::Shards(Box::new(Blocks::open(config, shards)?)));
        }
        if config.sets.is_empty() {
            return Ok(Self::Memory(Arc::new(Pool::new(Vec::new()))));
        }
        let loaded = load_sets(config, Split::Train)?;
        for r in &loaded.rejected {
            eprintln!("left out: {}: {}", r.path.display(), r.reason);
        }
        let kept = config.out.join(NEAR_COPIES);
        let entries = config.sets.iter().map(|name| config.entry(name));
        let entries: Vec<_> = entries.collect::<Result<_>>()?;
        let copies = copies_of_validation(&config.data, &entries, &loaded.examples, &kept)?;
        if !copies.is_empty() {
            let n = copies.len();
            eprintln!(
                "left out: {n} examples that are nearly the same as a validation image, see {}",
                kept.display()
            );
        }
        let examples = without(loaded.examples, &copies);
        Ok(Self::Memory(Arc::new(Pool::new(examples))))
    }

    /// The examples that the `draw`-th batch is drawn from: a function of the configuration and `draw` alone.
    ///
    /// # Errors
    /// If a block cannot be read.
    pub fn at(&self, draw: u64) -> Result<Arc<Pool>> {
        match self {
            Self::Memory(pool) => Ok(pool.clone()),
            Self::Shards(blocks) => blocks.at(draw),
        }
    }

    /// Slices of all training examples, at most `most` of each; of shards, the first block tells of the rest.
    pub fn n_slices(&self, most: usize) -> u64 {
        let of = |pool: &Pool| -> u64 {
            let depths = pool
                .examples()
                .iter()
                .map(|e| e.image.size.z.min(most) as u64);
            depths.sum()
        };
        match self {
            Self::Memory(pool) => of(pool),
            Self::Shards(blocks) => {
                let pool = blocks.at(0).ok();
                let (seen, n) = pool.map_or((0, 0), |p| (of(&p), p.examples().len() as u64));
                seen * blocks.set.len() / n.max(1)
            }
        }
    }

    /// Name and licence of every dataset that the examples come from.
    ///
    /// # Errors
    /// If a set is not in the catalogue.
    pub fn licences(&self, config: &TrainConfig) -> Result<Vec<(String, String)>> {
        match self {
            Self::Memory(_) => config
                .sets
                .iter()
                .map(|name| {
                    let entry = config.entry(name)?;
                    Ok((name.clone(), entry.licence.name.clone()))
                })
                .collect(),
            Self::Shards(blocks) => Ok(blocks
                .set
                .terms()
                .iter()
                .filter(|t| config.sets.is_empty() || config.sets.contains(&t.dataset))
                .map(|t| (t.dataset.clone(), t.licence.clone()))
                .collect()),
        }
    }
}

/// One part of every set of a run that lies in folders.
///
/// # Errors
/// If a set is unknown or cannot be read.
pub fn load_sets(config: &TrainConfig, split: Split) -> Result<Loaded> {
    let mut all = Loaded::default();
    for name in &config.sets {
        let entry = config.entry(name)?;
        let one = load(entry, &config.data.join(entry.folder()), Some(split))?;
        all.examples.extend(one.examples);
        all.rejected.extend(one.rejected);
    }
    Ok(all)
}

/// Shuffled blocks, the next one decoded while one is in use.
pub struct Blocks {
    set: ShardSet,
    seed: u64,
    bytes: u64,
    draws: u64,
    sets: Vec<String>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    current: Option<(u64, Arc<Pool>)>,
    ahead: Option<(u64, Prefetch)>,
}

impl Blocks {
    fn open(config: &TrainConfig, shards: &ShardSource) -> Result<Self> {
        let set = ShardSet::open(&shards.root, Split::Train)?;
        Ok(Self {
            set,
            seed: config.seed,
            bytes: shards.block_mb.saturating_mul(MB),
            draws: shards.steps_per_block * config.batches_per_step as u64,
            sets: config.sets.clone(),
            state: Mutex::default(),
        })
    }

    fn at(&self, draw: u64) -> Result<Arc<Pool>> {
        let k = draw / self.draws;
        // A panic elsewhere leaves at worst a block that is read again.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, pool)) = &state.current
            && *at == k
        {
            return Ok(pool.clone());
        }
        // The old block goes before the new one comes: two lie in memory, never three.
        state.current = None;
        let (next, mut ahead) = match state.ahead.take() {
            Some((next, ahead)) if next == k => (next, ahead),
            _ => (k, self.set.prefetch(self.seed, k, self.bytes)),
        };
        let Some(records) = ahead.next() else {
            return Err(Error::NoBlock { block: k });
        };
        let wanted = |e: &Example| {
            self.sets.is_empty() || self.sets.iter().any(|name| name == e.dataset.name())
        };
        let examples = records?.into_iter().map(|r| r.example).filter(wanted);
        let pool = Arc::new(Pool::new(examples.collect()));
        state.ahead = Some((next + 1, ahead));
        state.current = Some((k, pool.clone()));
        Ok(pool)
    }
}
