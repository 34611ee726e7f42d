//! How fast this machine is, measured in a few seconds: each kind of layer in its own shape, forward and backward.

use std::collections::BTreeMap;
use std::time::Instant;

use burn::module::Module;
use burn::nn::LinearConfig;
use burn::optim::{AdamWConfig, GradientsParams};
use burn::prelude::*;
use burn::tensor::Distribution;
use omnimri_corpus::{Classes, DatasetId, Example, Split, Stack};
use omnimri_findings::{Label, Term};
use omnimri_image::{Acquisition, Zyx};
use omnimri_model::ModelConfig;
use omnimri_model::layers::{NormConv, TransformerBlock};

use super::layers::{Layer, Work};
use crate::augment::Augment;
use crate::batch::{self, Pool};
use crate::config::{Ingredient, Kind, Part};

/// Repetitions, of which the fastest counts: others on the machine only ever slow a measurement down.
const REPEATS: usize = 6;
/// Widest layer of the language model that is measured; a wider one is scaled by its multiply-adds.
const WIDEST: usize = 1024;
/// Parameters of the layer whose optimiser step is measured.
const STEPPED: usize = 1 << 20;

/// Seconds of each kind of work.
#[derive(Debug, Default)]
pub struct Rates {
    /// Forward and backward of one layer of this shape.
    layers: BTreeMap<Work, f64>,
    /// A multiply-add of a plain matrix product, forward alone.
    pub mac: f64,
    /// A number read and written.
    pub pass: f64,
    /// A parameter through the optimiser.
    pub step: f64,
    /// A slice made ready for a batch: sampled, changed, its masks drawn.
    pub slice: f64,
}

fn fastest(mut run: impl FnMut()) -> f64 {
    run();
    (0..REPEATS)
        .map(|_| {
            let at = Instant::now();
            run();
            at.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min)
}

fn random<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    let x = Tensor::random(shape, Distribution::Default, device);
    if device.is_autodiff() {
        x.require_grad()
    } else {
        x
    }
}

impl Rates {
    /// Measures what the layers need.
    pub fn measure(model: &ModelConfig, layers: &[Layer]) -> Self {
        let device = Device::flex().autodiff();
        let mut rates = Self::default();
        let (a, b) = (
            random([512, 512], &device.clone().inner()),
            random([512, 512], &device.clone().inner()),
        );
        rates.mac = fastest(|| {
            let _ = a.clone().matmul(b.clone()).into_data();
        }) / 512f64.powi(3);
        let numbers = 1 << 21;
        let x = random([numbers], &device.clone().inner());
        rates.pass = fastest(|| {
            let _ = x.clone().mul_scalar(2.0);
        }) / numbers as f64;
        rates.step = optimizer(&device);
        rates.slice = made().unwrap_or_default();
        for layer in layers {
            if !rates.layers.contains_key(&layer.work) {
                let seconds = rates.one(model, layer.work, &device);
                rates.layers.insert(layer.work, seconds);
            }
        }
        rates
    }

    fn one(&self, model: &ModelConfig, work: Work, device: &Device) -> f64 {
        // Two slices at once, so that what is done once a call is shared as in a batch.
        const N: usize = 2;
        match work {
            Work::Conv { c, o, pixels } => {
                let side = (pixels as f64).sqrt() as usize;
                let layer = NormConv::new(c, o, 1.0, device);
                let x = random([N, side, pixels / side.max(1), c], device);
                fastest(|| {
                    let _ = layer.forward(x.clone()).mean().backward();
                }) / N as f64
            }
            Work::Linear { i, o, rows } => {
                let (rows, scale) = capped(rows, 4096);
                let (o, wide) = capped(o, 8192);
                let layer = LinearConfig::new(i, o).init(device);
                let x = random([rows, i], device);
                scale
                    * wide
                    * fastest(|| {
                        let _ = layer.forward(x.clone()).mean().backward();
                    })
            }
            Work::Block {
                width,
                heads,
                tokens,
            } => {
                let layer = TransformerBlock::new(width, heads, device);
                let x = random([N, tokens, width], device);
                fastest(|| {
                    let _ = layer.forward(x.clone()).mean().backward();
                }) / N as f64
            }
            Work::Decoder { tokens } => {
                let mut small = model.clone();
                let l = &mut small.language;
                (l.vocab_size, l.num_hidden_layers) = (16, 1);
                let groups = l.hidden_size.div_ceil(WIDEST);
                // Narrower by whole heads, so that a head keeps its width.
                let head = l.hidden_size / l.num_attention_heads;
                if groups > 1 {
                    l.num_attention_heads = (WIDEST / head).max(1);
                    l.num_key_value_heads = 1;
                    l.intermediate_size =
                        l.intermediate_size * (head * l.num_attention_heads) / l.hidden_size;
                    l.hidden_size = head * l.num_attention_heads;
                }
                let layer = small.language.init(device);
                let x = random([N, tokens, small.language.hidden_size], device);
                let seconds = fastest(|| {
                    let _ = layer.forward(x.clone(), None).mean().backward();
                }) / N as f64;
                let macs = |m: &ModelConfig| {
                    let n = 1;
                    Layer {
                        part: Part::Language,
                        work,
                        n,
                    }
                    .forward_macs(m) as f64
                };
                seconds * macs(model) / macs(&small)
            }
            Work::Pass { numbers } => 3.0 * self.pass * numbers as f64,
        }
    }

    /// Seconds of a layer, forward and backward.
    pub fn both(&self, layer: &Layer) -> f64 {
        layer.n as f64 * self.layers.get(&layer.work).copied().unwrap_or_default()
    }
}

/// Seconds to make a slice of a usual size ready, with a mask.
fn made() -> Option<f64> {
    const SIDE: usize = 256;
    let size = Zyx {
        z: 1,
        y: SIDE,
        x: SIDE,
    };
    let voxels: Vec<f32> = (0..SIDE * SIDE).map(|i| ((i * 7) % 251) as f32).collect();
    let inside =
        |i: usize| (i / SIDE).abs_diff(SIDE / 2) < 30 && (i % SIDE).abs_diff(SIDE / 2) < 30;
    let term = Term::from(Label::Glioma);
    let labels = (0..SIDE * SIDE).map(|i| if inside(i) { term.value() } else { 0 });
    let example = Example {
        id: "made".into(),
        dataset: DatasetId::new("made"),
        subject: "made".into(),
        split: Split::Train,
        image: Stack::from_voxels(&voxels, size, None, None)?,
        labels: Some(labels.collect()),
        annotated: vec![term],
        boxes: Vec::new(),
        classes: Classes::default(),
        acquisition: Acquisition::default(),
        texts: Vec::new(),
        questions: Vec::new(),
    };
    let pool = Pool::new(vec![example]);
    let ingredient = Ingredient {
        kind: Kind::Dense,
        sets: Vec::new(),
        batch: 1,
        slices: 1,
        weight: 1.0,
        bank: 0,
        augment: Augment::default(),
    };
    let mut draw = 0;
    Some(fastest(|| {
        draw += 1;
        let _ = batch::dense(1, draw, &pool, &ingredient);
    }))
}

/// At most `most`, and how much more there was.
fn capped(n: usize, most: usize) -> (usize, f64) {
    let kept = n.clamp(1, most);
    (kept, n as f64 / kept as f64)
}

fn optimizer(device: &Device) -> f64 {
    let side = (STEPPED as f64).sqrt() as usize;
    let mut layer = LinearConfig::new(side, side).with_bias(false).init(device);
    let mut optimizer = AdamWConfig::new().init();
    let x = random([1, side], device);
    let mut best = f64::INFINITY;
    for _ in 0..=REPEATS {
        let gradients = layer.forward(x.clone()).mean().backward();
        let gradients = GradientsParams::from_grads(gradients, &layer);
        let at = Instant::now();
        layer = optimizer.step(1e-4, layer, gradients);
        // Burn's parameters are drawn and updated when they are looked at.
        let _ = layer.clone().into_record();
        best = best.min(at.elapsed().as_secs_f64());
    }
    best / (side * side) as f64
}
