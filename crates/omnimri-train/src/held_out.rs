//! How well a checkpoint outlines the part of a corpus that a run never sees.

use std::path::Path;

use burn::prelude::*;
use omnimri_corpus::shard::ShardSet;
use omnimri_corpus::{Example, Split};
use omnimri_model::Checkpoint;
use omnimri_model::task::MaskTask;

use crate::batch::{Slices, mask_targets, sample, side_of, step_rng};
use crate::config::TrainConfig;
use crate::error::Result;
use crate::objective;
use crate::source::load_sets;

/// Most examples that are measured; of more, these are spread over all.
const MOST: usize = 64;
/// Slices of a volume that are measured.
const SLICES: usize = 16;
/// Bytes of shards that are decoded ahead.
const AHEAD: u64 = 200_000_000;

/// Outlined examples of the validation part.
pub struct HeldOut {
    examples: Vec<Example>,
}

impl HeldOut {
    /// Reads the validation part of a run's corpus.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn open(config: &TrainConfig) -> Result<Self> {
        let outlined =
            |e: &Example| e.labels.is_some() && e.annotated.iter().any(|t| t.label().is_some());
        let mut examples = Vec::new();
        match &config.shards {
            Some(shards) => {
                // A set of shards may have been built without this part.
                let Ok(set) = ShardSet::open(&shards.root, Split::Val) else {
                    return Ok(Self { examples });
                };
                let every = set.len().div_ceil(MOST as u64).max(1) as usize;
                for e in set.examples(AHEAD).step_by(every) {
                    examples.push(e?);
                }
            }
            None => examples = load_sets(config, Split::Val)?.examples,
        }
        examples.retain(outlined);
        let every = examples.len().div_ceil(MOST).max(1);
        let examples = examples.into_iter().step_by(every).collect();
        Ok(Self { examples })
    }

    /// Number of examples.
    pub fn n_examples(&self) -> usize {
        self.examples.len()
    }

    /// Mean Dice over examples and structures that are there, on the grid at stride 2 and without test-time changes; none if
    /// nothing is outlined.
    ///
    /// # Errors
    /// If the checkpoint cannot be read, or reading a mask back fails.
    pub fn dice(&self, checkpoint: &Path) -> Result<Option<f64>> {
        if self.examples.is_empty() {
            return Ok(None);
        }
        let device = Device::flex();
        let model = Checkpoint::read(checkpoint, &device)?.model;
        let (mut sum, mut n) = (0.0, 0usize);
        for e in &self.examples {
            let tasks: Vec<MaskTask> = MaskTask::ALL
                .into_iter()
                .filter(|t| {
                    let mut labels = e.annotated.iter().filter_map(|term| term.label());
                    labels.any(|l| MaskTask::of(l) == *t)
                })
                .collect();
            let side = side_of(e);
            // Without a change nothing is drawn, but for which slices of a deep volume.
            let mut rng = step_rng(0, 0);
            let sampled = sample(&mut rng, e, side, SLICES.min(e.image.size.z), None);
            let truth = mask_targets(e, &sampled, &tasks, side, side / 2);
            let slices = Slices {
                n: sampled.z.len(),
                per_study: sampled.z.len(),
                data: sampled.data,
                side,
            };
            let pyramid = model
                .vision
                .forward(objective::tensor(&slices, &device), slices.per_study);
            let logits = model
                .dense
                .masks(&model.dense.forward(&pyramid), &tasks, None)
                .try_into_data()
                .map_err(|e| omnimri_model::Error::Tensor(e.to_string()))?
                .try_into_vec::<f32>()
                .map_err(|e| omnimri_model::Error::Tensor(e.to_string()))?;
            for t in 0..tasks.len() {
                let at = |v: &[f32], threshold: f32| -> Vec<bool> {
                    let of_task = v.iter().skip(t).step_by(tasks.len());
                    of_task.map(|v| *v > threshold).collect()
                };
                if let Some(dice) = dice(&at(&logits, 0.0), &at(&truth, 0.5)) {
                    sum += dice;
                    n += 1;
                }
            }
        }
        Ok((n > 0).then(|| sum / n as f64))
    }
}

/// Dice of two masks; none where the second is empty.
fn dice(found: &[bool], truth: &[bool]) -> Option<f64> {
    let count = |v: &[bool]| v.iter().filter(|b| **b).count();
    let both = found.iter().zip(truth).filter(|(a, b)| **a && **b).count();
    let there = count(truth);
    (there > 0).then(|| 2.0 * both as f64 / (count(found) + there) as f64)
}

#[cfg(test)]
mod tests {
    use super::dice;

    #[test]
    fn dice_by_hand() {
        let truth = [true, true, false, false];
        assert_eq!(dice(&[true, false, true, true], &truth), Some(0.4));
        assert_eq!(dice(&truth, &truth), Some(1.0));
        assert_eq!(dice(&truth, &[false; 4]), None);
    }
}
