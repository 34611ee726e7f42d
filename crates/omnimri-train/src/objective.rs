//! From a batch to a loss: what each kind of batch asks of which parts of the model.

use burn::prelude::*;
use omnimri_model::OmniMri;

use crate::batch::{ClassTargets, DenseBatch, RestoreBatch, Slices};
use crate::losses;

/// A loss and its named parts for the log.
pub struct Loss {
    /// What is minimised.
    pub total: Tensor<1>,
    /// Parts, as numbers.
    pub parts: Vec<(&'static str, f64)>,
}

/// Collects weighted parts.
#[derive(Default)]
struct LossSum {
    total: Option<Tensor<1>>,
    parts: Vec<(&'static str, Tensor<1>)>,
}

impl LossSum {
    fn add(&mut self, name: &'static str, weight: f64, part: Option<Tensor<1>>) {
        let Some(part) = part else { return };
        self.parts.push((name, part.clone()));
        let weighted = part * weight;
        self.total = Some(match self.total.take() {
            Some(sum) => sum + weighted,
            None => weighted,
        });
    }

    fn finish(self) -> Option<Loss> {
        let parts = self
            .parts
            .into_iter()
            .map(|(name, t)| (name, t.try_into_scalar::<f64>().unwrap_or(f64::NAN)))
            .collect();
        self.total.map(|total| Loss { total, parts })
    }
}

/// Slices as a tensor `[n, side, side, 3]`.
pub fn tensor(slices: &Slices, device: &Device) -> Tensor<4> {
    let shape = [slices.n, slices.side, slices.side, 3];
    Tensor::from_data(TensorData::new(slices.data.clone(), shape), device)
}

/// Names of the heads in the log, in the order of the logits.
const HEADS: [&str; 5] = ["region", "plane", "sequence", "tumour", "cardiac"];

fn add_classes(sum: &mut LossSum, logits: &[Tensor<2>], targets: &ClassTargets) {
    for ((name, logits), targets) in HEADS.into_iter().zip(logits).zip(targets) {
        let weight = if name == "tumour" { 0.5 } else { 0.25 };
        sum.add(name, weight, losses::classes(logits.clone(), targets));
    }
}

/// Masks and classes of labelled slices.
pub fn dense(model: &OmniMri, batch: &DenseBatch, device: &Device) -> Option<Loss> {
    let seen = model.see(tensor(&batch.slices, device), batch.slices.per_study);
    let mut sum = LossSum::default();
    if !batch.tasks.is_empty() {
        let logits = model.dense.masks(&seen.dense, &batch.tasks, None);
        let target = TensorData::new(batch.masks.clone(), logits.dims());
        sum.add(
            "mask",
            1.0,
            Some(losses::masks(logits, Tensor::from_data(target, device))),
        );
    }
    add_classes(&mut sum, &seen.evidence.logits, &batch.classes);
    sum.finish()
}

/// Restoration of corrupted slices.
pub fn restore(model: &OmniMri, batch: &RestoreBatch, device: &Device) -> Option<Loss> {
    let pyramid = model
        .vision
        .forward(tensor(&batch.slices, device), batch.slices.per_study);
    let restored = model.dense.restore(&model.dense.forward(&pyramid));
    let target = TensorData::new(batch.target.clone(), restored.dims());
    let mut sum = LossSum::default();
    sum.add(
        "restore",
        1.0,
        Some(losses::l1(restored, Tensor::from_data(target, device))),
    );
    sum.finish()
}
