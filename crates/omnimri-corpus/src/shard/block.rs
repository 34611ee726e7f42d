//! Shuffled blocks: what training reads, a pure function of a seed and a number.
//!
//! Each epoch permutes the row groups of the split, cuts the permuted row into blocks by what they take in memory, and
//! shuffles the rows of each block. Block `k` is therefore known without reading those before it, a run may go on at any
//! step, and every epoch holds every example once. Only rows of one block meet: its budget should be many row groups.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::record::Record;
use super::set::{GroupAt, ShardSet};
use crate::error::{Error, Result};
use crate::example::Example;

/// Streams of random numbers of one seed.
const GROUPS: u64 = 0;
const ROWS: u64 = 1;

impl ShardSet {
    /// Block `k` of the endless shuffled sequence of a seed; at most `budget_bytes` of voxels and labels.
    ///
    /// The budget must hold the largest row group. It decides the blocks: with another one, block `k` is another.
    pub fn block(&self, seed: u64, k: u64, budget_bytes: u64) -> Result<Vec<Example>> {
        let rows = self.block_records(seed, k, budget_bytes)?;
        Ok(rows.into_iter().map(|r| r.example).collect())
    }

    /// As [`ShardSet::block`], with the text.
    pub fn block_records(&self, seed: u64, k: u64, budget_bytes: u64) -> Result<Vec<Record>> {
        let (epoch, groups) = self.block_groups(seed, k, budget_bytes)?;
        let read: Vec<_> = groups.into_par_iter().map(|at| self.group(at)).collect();
        let mut rows = Vec::new();
        for group in read {
            rows.extend(group?);
        }
        rows.shuffle(&mut random(seed, epoch, ROWS.wrapping_add(k)));
        Ok(rows)
    }

    /// The epoch in which block `k` lies.
    pub fn epoch_of_block(&self, seed: u64, k: u64, budget_bytes: u64) -> Result<u64> {
        Ok(self.block_groups(seed, k, budget_bytes)?.0)
    }

    /// Epoch and row groups of block `k`.
    fn block_groups(&self, seed: u64, k: u64, budget_bytes: u64) -> Result<(u64, Vec<GroupAt>)> {
        let largest = self.groups().iter().map(|g| g.decoded_bytes).max();
        let Some(largest) = largest else {
            return Ok((0, Vec::new()));
        };
        if largest > budget_bytes {
            return Err(Error::Memory {
                what: "the largest row group".into(),
                needed: largest,
                limit: budget_bytes,
            });
        }
        let mut left = k;
        let mut epoch = 0;
        loop {
            let mut blocks = self.epoch(seed, epoch, budget_bytes);
            let n = blocks.len() as u64;
            if left < n {
                return Ok((epoch, blocks.swap_remove(left as usize)));
            }
            left -= n;
            epoch += 1;
        }
    }

    /// The blocks of an epoch in order.
    fn epoch(&self, seed: u64, epoch: u64, budget_bytes: u64) -> Vec<Vec<GroupAt>> {
        let mut groups = self.groups().to_vec();
        groups.shuffle(&mut random(seed, epoch, GROUPS));
        let mut blocks: Vec<Vec<GroupAt>> = Vec::new();
        let mut bytes = 0u64;
        for group in groups {
            let with = bytes.saturating_add(group.decoded_bytes);
            match blocks.last_mut() {
                Some(block) if with <= budget_bytes => {
                    block.push(group);
                    bytes = with;
                }
                _ => {
                    blocks.push(vec![group]);
                    bytes = group.decoded_bytes;
                }
            }
        }
        blocks
    }

    /// Blocks from `first` on, each decoded on a thread of its own while the one before is used.
    ///
    /// Two blocks lie in memory: the one in use and the one being made, so this takes twice the budget.
    pub fn prefetch(&self, seed: u64, first: u64, budget_bytes: u64) -> Prefetch {
        // A block is handed over, not laid down: else three would lie in memory.
        let (sender, receiver) = sync_channel(0);
        let set = self.clone();
        let thread = std::thread::spawn(move || {
            for k in first.. {
                let block = set.block_records(seed, k, budget_bytes);
                let last = block.is_err();
                if sender.send(block).is_err() || last {
                    return;
                }
            }
        });
        Prefetch {
            receiver: Some(receiver),
            thread: Some(thread),
        }
    }
}

/// Random numbers for one purpose in one epoch.
fn random(seed: u64, epoch: u64, purpose: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    for (word, value) in key
        .as_chunks_mut::<8>()
        .0
        .iter_mut()
        .zip([seed, epoch, purpose])
    {
        *word = value.to_le_bytes();
    }
    ChaCha8Rng::from_seed(key)
}

/// The endless sequence of blocks; ends after an error.
#[derive(Debug)]
pub struct Prefetch {
    receiver: Option<Receiver<Result<Vec<Record>>>>,
    thread: Option<JoinHandle<()>>,
}

impl Iterator for Prefetch {
    type Item = Result<Vec<Record>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.receiver.as_ref()?.recv().ok()
    }
}

impl Drop for Prefetch {
    fn drop(&mut self) {
        self.receiver = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
