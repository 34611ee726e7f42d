//! What a run will take, before it begins: parameters, memory and time a step.
//!
//! Parameters, multiply-adds and kept numbers are arithmetic over the configuration, layer by layer (`layers`). Time is the sum of
//! the layers, each measured in its own shape on this machine for a moment (`rates`): a multiply-add of a narrow convolution
//! costs several times one of a wide matrix product, so that one rate for all would be wrong by as much.

mod layers;
mod rates;

use std::fmt;

use omnimri_model::ModelConfig;
use omnimri_model::preprocess::SIDE;
use omnimri_model::prompt::shown_slices;
use serde::Serialize;

use crate::average;
use crate::config::{Ingredient, Kind, Part, TrainConfig};
use crate::error::Result;
use layers::Layer;
use rates::Rates;

/// Bytes of a number: everything is trained in singles.
const SINGLE: u64 = 4;
/// Tokens of question and answer that a text batch is taken to have.
const TEXT: usize = 96;
/// Tasks that a dense batch is taken to outline.
const TASKS: usize = 2;

/// A part of the model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartPlan {
    /// The part.
    pub part: Part,
    /// Parameters.
    pub parameters: u64,
    /// Does it learn in this run?
    pub learns: bool,
}

/// A kind of batch.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BatchPlan {
    /// The kind.
    pub kind: Kind,
    /// Share of the draws.
    pub share: f64,
    /// Slices.
    pub slices: usize,
    /// Multiply-adds forward.
    pub forward_macs: u64,
    /// Multiply-adds backward.
    pub backward_macs: u64,
    /// Bytes kept for the backward pass.
    pub kept_bytes: u64,
    /// Seconds, forward and backward; none for a kind that is not planned.
    pub seconds: Option<f64>,
}

/// What a run takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// Preset of the sizes.
    pub model: String,
    /// The parts.
    pub parts: Vec<PartPlan>,
    /// Parameters of all parts.
    pub parameters: u64,
    /// Parameters of the parts that learn.
    pub learning: u64,
    /// Weights, their average, moments and gradients.
    pub state_bytes: u64,
    /// The most that the batches of a step keep.
    pub kept_bytes: u64,
    /// The kinds of batches.
    pub batches: Vec<BatchPlan>,
    /// Multiply-adds a second of a plain matrix product here.
    pub macs_per_second: f64,
    /// Seconds a step in the mean, without making batches; none if nothing in the mixture is planned.
    pub seconds_a_step: Option<f64>,
    /// Seconds to make the batches of a step, beside it where there is a second core and before it where there is none.
    pub seconds_to_make: f64,
    /// Steps of the run.
    pub steps: u64,
}

/// Plans a run. Takes a few seconds to measure this machine.
///
/// # Errors
/// If the configuration is impossible, or names a decoder that cannot be opened.
pub fn plan(config: &TrainConfig) -> Result<Plan> {
    config.validate()?;
    let model = config.model_config()?;
    model.validate()?;
    let parts: Vec<PartPlan> = layers::parameters(&model)
        .into_iter()
        .map(|(part, parameters)| PartPlan {
            part,
            parameters,
            learns: config.learn.contains(&part),
        })
        .collect();
    let parameters: u64 = parts.iter().map(|p| p.parameters).sum();
    let learning: u64 = parts
        .iter()
        .filter(|p| p.learns)
        .map(|p| p.parameters)
        .sum();
    let work: Vec<Option<Vec<Run>>> = config
        .mixture
        .iter()
        .map(|i| runs(config, &model, i))
        .collect();
    let all: Vec<Layer> = work.iter().flatten().flatten().map(|r| r.layer).collect();
    let rates = Rates::measure(&model, &all);
    let total: f64 = config.mixture.iter().map(|i| i.weight.max(0.0)).sum();
    let batches: Vec<BatchPlan> = config
        .mixture
        .iter()
        .zip(&work)
        .map(|(i, runs)| {
            batch(
                &model,
                &rates,
                i,
                runs.as_deref(),
                i.weight.max(0.0) / total,
            )
        })
        .collect();
    let planned: f64 = batches
        .iter()
        .filter(|b| b.seconds.is_some())
        .map(|b| b.share)
        .sum();
    let mean: f64 = batches
        .iter()
        .filter_map(|b| Some(b.share * b.seconds?))
        .sum();
    // Of every step: the optimiser, the norm of the gradients and, every few steps, the average of the weights.
    let passes = 2.0 * learning as f64 + 3.0 * parameters as f64 / average::EVERY as f64;
    let update = learning as f64 * rates.step + passes * rates.pass;
    let per_step = config.batches_per_step as f64;
    let most = batches
        .iter()
        .map(|b| b.kept_bytes)
        .max()
        .unwrap_or_default();
    Ok(Plan {
        model: config.model.clone(),
        parameters,
        learning,
        // Weights and their average; of what learns also the gradient, two moments and, while they change, the new weights.
        state_bytes: SINGLE * (2 * parameters + 4 * learning),
        kept_bytes: most * config.batches_per_step as u64,
        parts,
        macs_per_second: 1.0 / rates.mac,
        seconds_to_make: per_step
            * rates.slice
            * batches
                .iter()
                .map(|b| b.share * b.slices as f64)
                .sum::<f64>(),
        seconds_a_step: (planned > 0.0).then(|| per_step * mean / planned + update),
        steps: config.steps,
        batches,
    })
}

/// A layer run `times` times in a batch, with a backward pass or without.
struct Run {
    layer: Layer,
    times: usize,
    backward: bool,
}

/// The layers of a batch; none for reconstruction, whose time is that of its acquisitions.
fn runs(config: &TrainConfig, m: &ModelConfig, i: &Ingredient) -> Option<Vec<Run>> {
    let mut out = Vec::new();
    let mut add = |layers: Vec<Layer>, times: usize, backward: bool| {
        out.extend(layers.into_iter().map(|layer| Run {
            layer,
            times,
            backward,
        }));
    };
    let slices = i.batch * i.slices;
    let learns = |part: Part| config.learn.contains(&part);
    match i.kind {
        Kind::Reconstruct => return None,
        Kind::Dense | Kind::Classes | Kind::Synthetic | Kind::Restore => {
            let tasks = if i.kind == Kind::Classes { 0 } else { TASKS };
            add(layers::vision(m, SIDE), slices, learns(Part::Vision));
            // Classes alone still draw the masks that they look under, and move only the parts below.
            add(layers::dense(m, SIDE), slices, true);
            add(layers::masks_and_classes(m, SIDE, tasks), slices, true);
        }
        Kind::TextOnly => add(layers::language(m, TEXT, TEXT), i.batch, true),
        Kind::Report | Kind::Instruct | Kind::Grounded => {
            add(layers::vision(m, SIDE), slices, false);
            add(layers::dense(m, SIDE), slices, false);
            add(layers::masks_and_classes(m, SIDE, 0), slices, false);
            if learns(Part::Vision) {
                add(layers::vision(m, SIDE), slices, true);
            }
            add(layers::connector(m, SIDE), slices, true);
            let shown = shown_slices(i.slices).len();
            let tokens = shown * layers::visual_tokens(SIDE) + TEXT;
            add(layers::language(m, tokens, TEXT), i.batch, true);
            if i.kind == Kind::Grounded {
                add(layers::dense(m, SIDE), i.batch, true);
                add(layers::masks_and_classes(m, SIDE, 1), i.batch, true);
            }
        }
    }
    Some(out)
}

fn batch(
    m: &ModelConfig,
    rates: &Rates,
    i: &Ingredient,
    runs: Option<&[Run]>,
    share: f64,
) -> BatchPlan {
    let each = || runs.into_iter().flatten();
    let forward = |r: &Run| r.layer.forward_macs(m) * r.times as u64;
    let backwards = || each().filter(|r| r.backward);
    BatchPlan {
        kind: i.kind,
        share,
        slices: if i.kind == Kind::TextOnly {
            0
        } else {
            i.batch * i.slices
        },
        forward_macs: each().map(forward).sum(),
        // Two products for each: the gradient of the input and of the weights.
        backward_macs: backwards().map(|r| 2 * forward(r)).sum(),
        kept_bytes: backwards()
            .map(|r| SINGLE * r.layer.kept(m) * r.times as u64)
            .sum(),
        seconds: runs.map(|runs| {
            let seconds = runs.iter().map(|r| {
                let share = if r.backward { 1.0 } else { 1.0 / 3.0 };
                rates.both(&r.layer) * r.times as f64 * share
            });
            seconds.sum()
        }),
    }
}

/// `1234567` as `1.23 M`.
fn short(n: f64) -> String {
    match n {
        n if n >= 1e12 => format!("{:.2} T", n / 1e12),
        n if n >= 1e9 => format!("{:.2} G", n / 1e9),
        n if n >= 1e6 => format!("{:.2} M", n / 1e6),
        n if n >= 1e3 => format!("{:.1} k", n / 1e3),
        n => format!("{n:.0}"),
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} parameters, {} learn",
            self.model, self.parameters, self.learning
        )?;
        for p in &self.parts {
            let learns = if p.learns { "learns" } else { "rests" };
            writeln!(f, "  {:<10} {:>14}  {learns}", p.part.field(), p.parameters)?;
        }
        writeln!(f, "batches")?;
        for b in &self.batches {
            let seconds = b
                .seconds
                .map_or("time not planned".into(), |s| format!("{s:.3} s"));
            writeln!(
                f,
                "  {:<12} {:>4.0}%  {} slices, {} multiply-adds forward, {} backward, {}B kept, {seconds}",
                format!("{:?}", b.kind).to_lowercase(),
                100.0 * b.share,
                b.slices,
                short(b.forward_macs as f64),
                short(b.backward_macs as f64),
                short(b.kept_bytes as f64),
            )?;
        }
        writeln!(
            f,
            "memory: {}B of weights, average, gradients and moments, up to {}B of a step's batches; the examples come on top",
            short(self.state_bytes as f64),
            short(self.kept_bytes as f64)
        )?;
        write!(
            f,
            "this machine: {} multiply-adds a second",
            short(self.macs_per_second)
        )?;
        if let Some(s) = self.seconds_a_step {
            let hours = s * self.steps as f64 / 3600.0;
            write!(
                f,
                "\ntime: {s:.2} s a step, {hours:.1} hours for {} steps",
                self.steps
            )?;
        }
        Ok(())
    }
}
