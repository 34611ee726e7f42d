//! The one loop of all stages: draw a batch, step, average, log, save. Steps, not epochs; a step is a pure function of the
//! configuration and its number, so that a resumed run equals an uninterrupted one.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::time::Instant;

use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::prelude::*;
use indicatif::{ProgressBar, ProgressStyle};
use omnimri_model::{Borrowed, Checkpoint, OmniMri, Tokenizer};

use crate::average;
use crate::clip;
use crate::config::{Ingredient, Part, TokenizerSource, TrainConfig};
use crate::draw::{Batch, Drawer};
use crate::error::{Error, Result};
use crate::objective::Loss;
use crate::source::Source;
use crate::state::{self, Position, State};

/// What of a checkpoint has the width of its language model, and cannot stay beside another.
const OF_THE_DECODERS_WIDTH: [&str; 5] = [
    "language",
    "connector",
    "heads.tokens",
    "heads.moments_token",
    "dense.seg_query",
];
/// Batches prepared ahead of the step that uses them.
const PREFETCH: usize = 4;

/// What a run reports when it ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Steps done.
    pub steps: u64,
    /// Seconds trained.
    pub seconds: f64,
    /// Slices seen.
    pub slices: u64,
    /// Mean loss of the last log interval.
    pub loss: f64,
}

/// Runs a configuration to its end, from its saved state if `resume`.
///
/// # Errors
/// Everything in [`Error`]; state saved before the error stays.
pub fn train(config: &TrainConfig, resume: bool) -> Result<Summary> {
    train_until(config, resume, u64::MAX)
}

/// As [`train`], but stops after step `stop` with its state saved; resuming goes on as if it had not stopped.
///
/// # Errors
/// As [`train`].
pub fn train_until(config: &TrainConfig, resume: bool, stop: u64) -> Result<Summary> {
    config.validate()?;
    train_on(config, &Source::open(config)?, resume, stop)
}

/// As [`train_until`], on examples that are there already.
pub(crate) fn train_on(
    config: &TrainConfig,
    source: &Source,
    resume: bool,
    stop: u64,
) -> Result<Summary> {
    config.validate()?;
    std::fs::create_dir_all(&config.out).map_err(|source| Error::Write {
        path: config.out.clone(),
        source,
    })?;
    write_config(config)?;
    let device = Device::flex().autodiff();
    let (mut state, tokenizer) = begin(config, resume, &device, source)?;
    let drawer = Drawer::new(config, source, &tokenizer);
    let bar = progress_bar(config, state.position.step);
    let result = steps(config, stop, &device, &drawer, &mut state, &bar);
    bar.finish_and_clear();
    let summary = result?;
    state.save(&config.out)?;
    let licences = source.licences(config)?;
    crate::export::write(config, &state, &tokenizer, licences)?;
    Ok(summary)
}

fn write_config(config: &TrainConfig) -> Result<()> {
    let path = config.out.join("config.toml");
    let text = toml::to_string_pretty(config).map_err(|e| Error::Write {
        path: path.clone(),
        source: std::io::Error::other(e),
    })?;
    std::fs::write(&path, text).map_err(|source| Error::Write { path, source })
}

fn optimizer(config: &TrainConfig) -> ModuleOptimizer {
    AdamWConfig::new()
        .with_beta_2(0.99)
        .with_epsilon(1e-8)
        .with_weight_decay(config.optimizer.weight_decay as f32)
        .init()
}

/// Builds the model, from random weights, a published checkpoint or the run's own state.
fn begin(
    config: &TrainConfig,
    resume: bool,
    device: &Device,
    source: &Source,
) -> Result<(State, Tokenizer)> {
    let model_config = config.model_config()?;
    let mut borrowed = config.decoder.as_deref().map(Borrowed::open).transpose()?;
    device.seed(config.seed);
    let (mut model, tokenizer) = match &config.start {
        Some(path) => {
            let mut fresh: Vec<&str> = config.fresh.iter().map(|p| p.field()).collect();
            if borrowed.is_some() {
                fresh.extend(OF_THE_DECODERS_WIDTH);
            }
            let sizes = (!fresh.is_empty()).then_some(&model_config);
            let checkpoint = Checkpoint::read_except(path, sizes, &fresh, device)?;
            (checkpoint.model, Some(checkpoint.tokenizer))
        }
        None => (model_config.init(device)?, None),
    };
    let tokenizer = match (tokenizer, config.tokenizer, &mut borrowed) {
        (_, _, Some(borrowed)) => {
            model.language = borrowed.load(device)?;
            borrowed.tokenizer.clone()
        }
        (Some(tokenizer), TokenizerSource::Inherit, _) => tokenizer,
        _ => {
            let pool = source.at(0)?;
            crate::text::train_tokenizer(&pool, model_config.language.vocab_size, config.seed)?
        }
    };
    state::materialise(&model, device)?;
    let average = model.valid();
    let position = Position {
        step: 0,
        seconds: 0.0,
        slices: 0,
        config: config.clone(),
    };
    let mut state = State {
        model,
        average,
        optimizer: optimizer(config),
        position,
    };
    if resume && state::exists(&config.out) {
        let State {
            model,
            average,
            optimizer,
            ..
        } = state;
        state = State::load(&config.out, model, average, optimizer)?;
        if state.position.config.seed != config.seed || state.position.config.model != config.model
        {
            return Err(Error::Resume {
                path: config.out.clone(),
                problem: format!(
                    "the state is of model {} with seed {}, the configuration of model {} with seed {}",
                    state.position.config.model,
                    state.position.config.seed,
                    config.model,
                    config.seed
                ),
            });
        }
        state.position.config = config.clone();
    }
    state.model = freeze(state.model, &config.learn)?;
    Ok((state, tokenizer))
}

/// Freezes the parts that do not learn and checks that exactly they are frozen.
pub fn freeze(model: OmniMri, learn: &[Part]) -> Result<OmniMri> {
    let mut model = model;
    for part in Part::ALL.into_iter().filter(|p| !learn.contains(p)) {
        match part {
            Part::Vision => model.vision = model.vision.no_grad(),
            Part::Dense => model.dense = model.dense.no_grad(),
            Part::Heads => model.heads = model.heads.no_grad(),
            Part::Connector => model.connector = model.connector.no_grad(),
            Part::Language => model.language = model.language.no_grad(),
            Part::Unrolled => model.unrolled = model.unrolled.no_grad(),
        }
    }
    let expected = Part::ALL
        .into_iter()
        .filter(|p| learn.contains(p))
        .map(|p| match p {
            Part::Vision => tensors(&model.vision).1,
            Part::Dense => tensors(&model.dense).1,
            Part::Heads => tensors(&model.heads).1,
            Part::Connector => tensors(&model.connector).1,
            Part::Language => tensors(&model.language).1,
            Part::Unrolled => tensors(&model.unrolled).1,
        })
        .sum();
    let found = tensors(&model).0;
    if found == expected {
        Ok(model)
    } else {
        Err(Error::Freeze { expected, found })
    }
}

/// Tensors with gradients and tensors in all.
fn tensors<M: Module>(module: &M) -> (usize, usize) {
    use burn::module::{ModuleVisitor, Param};
    struct Count(usize, usize);
    impl ModuleVisitor for Count {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0 += usize::from(param.val().is_require_grad());
            self.1 += 1;
        }
    }
    let mut count = Count(0, 0);
    module.visit(&mut count);
    (count.0, count.1)
}

fn progress_bar(config: &TrainConfig, done: u64) -> ProgressBar {
    let bar = ProgressBar::new(config.steps);
    if let Ok(style) = ProgressStyle::with_template(
        "stage {prefix} [{elapsed_precise}] {wide_bar} {pos}/{len} {msg} (left {eta})",
    ) {
        bar.set_style(style);
    }
    bar.set_prefix(config.stage.to_string());
    bar.set_position(done);
    bar
}

/// Place in the mixture of the ingredient of the `draw`-th batch, by its number alone: a golden-ratio sequence, so that any few
/// batches in a row hold the mixture about evenly.
pub fn turn(config: &TrainConfig, draw: u64) -> usize {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let total: f64 = config.mixture.iter().map(|i| i.weight.max(0.0)).sum();
    let mut at = (draw as f64 * GOLDEN).fract() * total;
    for (k, i) in config.mixture.iter().enumerate() {
        at -= i.weight.max(0.0);
        if at < 0.0 {
            return k;
        }
    }
    config.mixture.len() - 1
}

fn steps(
    config: &TrainConfig,
    stop: u64,
    device: &Device,
    drawer: &Drawer<'_>,
    state: &mut State,
    bar: &ProgressBar,
) -> Result<Summary> {
    let (first, end) = (state.position.step, config.steps.min(stop));
    std::thread::scope(|scope| {
        let (send, receive) = sync_channel(PREFETCH);
        scope.spawn(move || {
            let per_step = config.batches_per_step as u64;
            for draw in first * per_step..end * per_step {
                // The other end hangs up when training stops early.
                if send.send(drawer.next(config, draw)).is_err() {
                    break;
                }
            }
        });
        let mut log = Log::open(&config.out)?;
        let (mut tick, mut saved) = (Instant::now(), Instant::now());
        while state.position.step < end {
            let step = state.position.step;
            let mut batches = Vec::with_capacity(config.batches_per_step);
            let waiting = Instant::now();
            for _ in 0..config.batches_per_step {
                let Ok(batch) = receive.recv() else { break };
                batches.push(batch?);
            }
            log.waited += waiting.elapsed().as_secs_f64();
            one_step(config, device, drawer, state, &batches, &mut log)?;
            state.position.step += 1;
            state.position.slices += batches.iter().map(|(_, b)| b.slices() as u64).sum::<u64>();
            state.position.seconds += tick.elapsed().as_secs_f64();
            tick = Instant::now();
            bar.set_position(step + 1);
            if (step + 1).is_multiple_of(config.log_every) {
                bar.set_message(log.write(state, config.learning_rate(step))?);
            }
            if saved.elapsed().as_secs() >= config.save_every_s {
                state.save(&config.out)?;
                saved = Instant::now();
            }
        }
        let loss = log.last;
        let p = &state.position;
        Ok(Summary {
            steps: p.step,
            seconds: p.seconds,
            slices: p.slices,
            loss,
        })
    })
}

fn one_step(
    config: &TrainConfig,
    device: &Device,
    drawer: &Drawer<'_>,
    state: &mut State,
    batches: &[(&Ingredient, Batch)],
    log: &mut Log,
) -> Result<()> {
    let step = state.position.step;
    let mut sum: Option<Tensor<1>> = None;
    for (ingredient, batch) in batches {
        let Some(Loss { total, parts }) = drawer.loss(&state.model, batch, device)? else {
            continue;
        };
        log.add(ingredient, batch, &parts);
        let part = total / config.batches_per_step as f64;
        sum = Some(match sum {
            Some(sum) => sum + part,
            None => part,
        });
    }
    let Some(total) = sum else { return Ok(()) };
    let value = total
        .clone()
        .inner()
        .try_into_scalar::<f64>()
        .unwrap_or(f64::NAN);
    if !value.is_finite() {
        return Err(Error::Diverged { step, loss: value });
    }
    let mut grads = GradientsParams::from_grads(total.backward(), &state.model);
    let norm = clip::global_norm(&state.model, &mut grads, config.optimizer.clip);
    if norm.is_finite() {
        let model = state.model.clone();
        state.model = state
            .optimizer
            .step(config.learning_rate(step), model, grads);
    }
    if step.is_multiple_of(average::EVERY) {
        state.average = average::update(state.average.clone(), &state.model, step);
    }
    log.add_value("loss", value);
    log.add_value("gradient", norm);
    Ok(())
}

/// JSON lines, a line each log interval: means by kind of batch; `waiting` is the share of the time spent waiting for batches.
struct Log {
    file: std::fs::File,
    path: std::path::PathBuf,
    sums: std::collections::BTreeMap<String, (f64, u32)>,
    since: Instant,
    slices: usize,
    /// Seconds that the training thread waited for batches since the last line.
    waited: f64,
    last: f64,
}

impl Log {
    fn open(out: &Path) -> Result<Self> {
        let path = out.join("log.jsonl");
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(|source| Error::Write {
                path: path.clone(),
                source,
            })?;
        let sums = std::collections::BTreeMap::new();
        Ok(Self {
            file,
            path,
            sums,
            since: Instant::now(),
            slices: 0,
            waited: 0.0,
            last: f64::NAN,
        })
    }

    fn add(&mut self, ingredient: &Ingredient, batch: &Batch, parts: &[(&'static str, f64)]) {
        let set = ingredient.sets.join("+");
        for (name, value) in parts {
            let key = format!("{:?}/{set}/{name}", ingredient.kind).to_lowercase();
            self.add_value(&key, *value);
        }
        self.slices += batch.slices();
    }

    fn add_value(&mut self, key: &str, value: f64) {
        let sum = self.sums.entry(key.to_owned()).or_insert((0.0, 0));
        *sum = (sum.0 + value, sum.1 + 1);
    }

    fn write(&mut self, state: &State, rate: f64) -> Result<String> {
        let seconds = self.since.elapsed().as_secs_f64();
        let speed = self.slices as f64 / seconds.max(1e-9);
        let mean: serde_json::Map<String, serde_json::Value> = std::mem::take(&mut self.sums)
            .into_iter()
            .map(|(k, (sum, n))| {
                (
                    k,
                    serde_json::json!((sum / f64::from(n) * 1e4).round() / 1e4),
                )
            })
            .collect();
        let loss = mean
            .get("loss")
            .and_then(serde_json::Value::as_f64)
            .unwrap_or(f64::NAN);
        let p = &state.position;
        let line = serde_json::json!({
            "step": p.step, "seconds": p.seconds.round(), "slices": p.slices,
            "slices_per_s": (speed * 100.0).round() / 100.0,
            "waiting": (self.waited / seconds.max(1e-9) * 1e4).round() / 1e4,
            "learning_rate": rate, "mean": mean,
        });
        writeln!(self.file, "{line}").map_err(|source| Error::Write {
            path: self.path.clone(),
            source,
        })?;
        (self.since, self.slices, self.waited, self.last) = (Instant::now(), 0, 0.0, loss);
        Ok(format!("loss {loss:.3}, {speed:.1} slices/s"))
    }
}
