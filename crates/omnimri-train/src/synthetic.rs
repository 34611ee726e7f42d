//! Simulated heads with and without a tumour: outlines and classes without any data.

use omnimri_corpus::synth::{PhantomTask, phantom_example};
use omnimri_model::preprocess::SIDE;
use omnimri_model::task::MaskTask;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::batch::{
    ClassTargets, DenseBatch, Slices, class_targets, mask_targets, sample, step_rng,
};
use crate::config::Ingredient;

/// A batch of simulated slices.
pub fn batch(seed: u64, step: u64, i: &Ingredient) -> Option<DenseBatch> {
    let mut rng = step_rng(seed, step);
    let seeds: Vec<[u64; 2]> = (0..i.batch).map(|_| rng.random()).collect();
    let tasks = vec![MaskTask::Tumour];
    /// Slices, masks and classes of one head.
    type Part = (Vec<f32>, Vec<f32>, [Option<usize>; 5]);
    let parts: Vec<Part> = seeds
        .par_iter()
        .filter_map(|[s, change]| {
            let e = phantom_example(PhantomTask::Head, *s).ok()?;
            let mut rng = ChaCha8Rng::seed_from_u64(*change);
            let change = i.augment.full(e.classes.region);
            let sampled = sample(&mut rng, &e, SIDE, 1, Some(&change));
            let masks = mask_targets(&e, &sampled, &tasks, SIDE, SIDE / 2);
            Some((sampled.data, masks, class_targets(&e)))
        })
        .collect();
    let mut out = DenseBatch {
        slices: Slices {
            side: SIDE,
            per_study: 1,
            ..Slices::default()
        },
        tasks,
        masks: Vec::new(),
        classes: ClassTargets::default(),
    };
    for (data, masks, targets) in parts {
        out.slices.n += 1;
        out.slices.data.extend(data);
        out.masks.extend(masks);
        for (column, target) in out.classes.iter_mut().zip(targets) {
            column.push(target);
        }
    }
    (out.slices.n > 0).then_some(out)
}
