//! Text batches: reports, questions and answers, and answers that point into the image.

use burn::module::Module;
use burn::prelude::*;
use omnimri_corpus::Example;
use omnimri_findings::questions::{Question, questions};
use omnimri_findings::{Label, Term, report_text};
use omnimri_model::decoder::mask_moments;
use omnimri_model::encoder::Pyramid;
use omnimri_model::model::Seen;
use omnimri_model::prompt::{self, shown_slices};
use omnimri_model::task::MaskTask;
use omnimri_model::{OmniMri, Tokenizer};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::batch::{Pool, Sampled, Slices, mask_targets, sample, side_of, step_rng};
use crate::config::{Ingredient, Kind};
use crate::error::Result;
use crate::losses;
use crate::objective::{Loss, tensor};

/// Paraphrases of every report that the tokenizer learns from.
const VARIANTS: u64 = 6;
/// Share of grounded answers whose `<seg>` state does not reach the query, so that dense batches need no text.
const SEG_DROP: f64 = 0.5;

/// Sequences of a batch, padded on the right.
#[derive(Debug, Clone)]
pub struct TextBatch {
    slices: Option<Slices>,
    /// Input ids, `[n, t]`.
    ids: Vec<i32>,
    /// Id that follows each input, `[n, t]`.
    next: Vec<i32>,
    /// 1 where the next id belongs to the answer.
    weight: Vec<f32>,
    n: usize,
    t: usize,
    grounding: Option<Grounding>,
}

/// Masks that `<seg>` must draw.
#[derive(Debug, Clone)]
struct Grounding {
    task: MaskTask,
    /// Position of `<seg>` in each sequence, none where the answer has none.
    at: Vec<Option<usize>>,
    /// Keep the state (or drop it) for each sequence.
    keep: Vec<bool>,
    /// `[n, grid * grid]`
    masks: Vec<f32>,
}

impl TextBatch {
    /// Sequences.
    pub fn len(&self) -> usize {
        self.n
    }
}

/// The tokenizer of a corpus: reports, questions and answers of its training part.
///
/// # Errors
/// If training the tokenizer fails.
pub fn train_tokenizer(pool: &Pool, vocab_size: usize, seed: u64) -> Result<Tokenizer> {
    let mut texts: Vec<String> = Question::all()
        .iter()
        .flat_map(Question::phrasings)
        .collect();
    for (i, e) in pool.examples().iter().enumerate() {
        let facts = e.facts();
        for v in 0..VARIANTS {
            let variant = seed.wrapping_add(i as u64 * VARIANTS + v);
            texts.push(report_text(&facts, variant));
        }
        for (q, a) in questions(&facts, seed.wrapping_add(i as u64)) {
            texts.extend([q, a]);
        }
        for qa in &e.questions {
            texts.extend([qa.question.clone(), qa.answer.clone()]);
        }
    }
    Ok(Tokenizer::train(&texts, vocab_size)?)
}

/// A question, its answer, and the label it points at.
struct Exchange {
    question: String,
    answer: String,
    label: Option<Label>,
}

/// Draws what is asked of an example; none if nothing is known of it.
fn exchange(
    rng: &mut ChaCha8Rng,
    e: &Example,
    kind: Kind,
    wanted: Option<Label>,
) -> Option<Exchange> {
    let facts = e.facts();
    let variant = rng.random();
    match kind {
        Kind::Report | Kind::TextOnly => {
            if facts.is_empty() {
                return None;
            }
            let phrasings = Question::Describe.phrasings();
            let question = phrasings[rng.random_range(0..phrasings.len())].clone();
            Some(Exchange {
                question,
                answer: report_text(&facts, variant),
                label: None,
            })
        }
        Kind::Grounded => {
            let label = wanted?;
            let ask = if rng.random_bool(0.5) {
                Question::Segment(label)
            } else {
                Question::Detect(label)
            };
            let phrasings = ask.phrasings();
            let question = phrasings[rng.random_range(0..phrasings.len())].clone();
            let answer = omnimri_findings::answer(&ask, &facts, variant);
            Some(Exchange {
                question,
                answer,
                label: Some(label),
            })
        }
        _ => {
            if !e.questions.is_empty() {
                let qa = &e.questions[rng.random_range(0..e.questions.len())];
                let (question, answer) = (qa.question.clone(), qa.answer.clone());
                return Some(Exchange {
                    question,
                    answer,
                    label: None,
                });
            }
            let mut all = questions(&facts, variant);
            if all.is_empty() {
                return None;
            }
            let (question, answer) = all.swap_remove(rng.random_range(0..all.len()));
            Some(Exchange {
                question,
                answer,
                label: None,
            })
        }
    }
}

/// What one example contributes.
struct Part {
    data: Vec<f32>,
    n_slices: usize,
    ids: Vec<u32>,
    /// Ids before the answer.
    prompt: usize,
    mask: Vec<f32>,
}

/// A batch of sequences.
///
/// # Errors
/// If the tokenizer fails.
pub fn batch(
    seed: u64,
    step: u64,
    pool: &Pool,
    tokenizer: &Tokenizer,
    i: &Ingredient,
) -> Result<Option<TextBatch>> {
    let mut rng = step_rng(seed, step);
    let usable = |e: &Example| match i.kind {
        Kind::Grounded => e.labels.is_some() && present(e).next().is_some(),
        Kind::Instruct => !e.questions.is_empty() || !e.facts().is_empty(),
        _ => !e.facts().is_empty(),
    };
    let Some(drawn) = pool.draw(&mut rng, &i.sets, i.batch, usable) else {
        return Ok(None);
    };
    let task = (i.kind == Kind::Grounded).then(|| {
        let present: Vec<Label> = present(drawn[0]).collect();
        MaskTask::of(present[rng.random_range(0..present.len())])
    });
    let side = side_of(drawn[0]);
    let seeds: Vec<u64> = drawn.iter().map(|_| rng.random()).collect();
    let parts: Vec<Result<Option<Part>>> = drawn
        .par_iter()
        .zip(seeds)
        .map(|(e, s)| part(ChaCha8Rng::seed_from_u64(s), e, side, tokenizer, i, task))
        .collect();
    let mut kept = Vec::with_capacity(parts.len());
    for p in parts {
        kept.extend(p?);
    }
    if kept.is_empty() {
        return Ok(None);
    }
    Ok(Some(assemble(&mut rng, kept, tokenizer, side, i, task)))
}

/// Labels that are there; terms that are no label are nothing to ask for.
fn present(e: &Example) -> impl Iterator<Item = Label> {
    e.present().into_iter().filter_map(Term::label)
}

fn part(
    mut rng: ChaCha8Rng,
    e: &Example,
    side: usize,
    tokenizer: &Tokenizer,
    i: &Ingredient,
    task: Option<MaskTask>,
) -> Result<Option<Part>> {
    let wanted = task.and_then(|t| present(e).find(|l| MaskTask::of(*l) == t));
    let Some(x) = exchange(&mut rng, e, i.kind, wanted) else {
        return Ok(None);
    };
    let grid = side / 2;
    let slices = if e.image.size.z == 1 { 1 } else { i.slices };
    let sampled = if i.kind == Kind::TextOnly {
        None
    } else {
        Some(sample(&mut rng, e, side, slices, Some(&i.augment.mild())))
    };
    let mask = match (&sampled, x.label) {
        (Some(s), Some(label)) => middle_mask(e, s, MaskTask::of(label), side, grid),
        _ => Vec::new(),
    };
    let mut ids = prompt::question(tokenizer, &x.question)?;
    let prompt = ids.len();
    ids.extend(prompt::answer(
        tokenizer,
        &x.answer,
        bounding_box(&mask, grid),
    )?);
    let n_slices = sampled.as_ref().map_or(0, |s| s.z.len());
    let data = sampled.map(|s| s.data).unwrap_or_default();
    Ok(Some(Part {
        data,
        n_slices,
        ids,
        prompt,
        mask,
    }))
}

/// The mask of the middle one of the shown slices, where answers point.
fn middle_mask(e: &Example, s: &Sampled, task: MaskTask, side: usize, grid: usize) -> Vec<f32> {
    let shown = shown_slices(s.z.len());
    let middle = shown[shown.len() / 2];
    let all = mask_targets(e, s, &[task], side, grid);
    all[middle * grid * grid..(middle + 1) * grid * grid].to_vec()
}

/// Box of a mask as shares of the square; none if it is empty.
fn bounding_box(mask: &[f32], grid: usize) -> Option<[f64; 4]> {
    let (mut x0, mut y0, mut x1, mut y1) = (grid, grid, 0, 0);
    for (i, v) in mask.iter().enumerate() {
        if *v >= 0.5 {
            let (y, x) = (i / grid, i % grid);
            (x0, y0) = (x0.min(x), y0.min(y));
            (x1, y1) = (x1.max(x + 1), y1.max(y + 1));
        }
    }
    (x1 > x0).then(|| [x0, y0, x1, y1].map(|v| v as f64 / grid as f64))
}

fn assemble(
    rng: &mut ChaCha8Rng,
    parts: Vec<Part>,
    tokenizer: &Tokenizer,
    side: usize,
    i: &Ingredient,
    task: Option<MaskTask>,
) -> TextBatch {
    let special = tokenizer.special();
    let n = parts.len();
    let t = parts.iter().map(|p| p.ids.len()).max().unwrap_or(1) - 1;
    let pad = special.pad as i32;
    let mut out = TextBatch {
        slices: None,
        ids: vec![pad; n * t],
        next: vec![pad; n * t],
        weight: vec![0.0; n * t],
        n,
        t,
        grounding: None,
    };
    let mut slices = Slices {
        side,
        per_study: parts[0].n_slices,
        ..Slices::default()
    };
    let mut grounding = task.map(|task| Grounding {
        task,
        at: Vec::new(),
        keep: Vec::new(),
        masks: Vec::new(),
    });
    for (row, p) in parts.into_iter().enumerate() {
        for k in 0..p.ids.len() - 1 {
            out.ids[row * t + k] = p.ids[k] as i32;
            out.next[row * t + k] = p.ids[k + 1] as i32;
            // Without an image the question's own words are worth learning too.
            let learn = k + 1 >= p.prompt || i.kind == Kind::TextOnly;
            out.weight[row * t + k] = f32::from(u8::from(learn));
        }
        slices.n += p.n_slices;
        slices.data.extend(p.data);
        if let Some(g) = &mut grounding {
            g.at.push(
                p.ids[..p.ids.len() - 1]
                    .iter()
                    .position(|id| *id == special.seg),
            );
            g.keep.push(!rng.random_bool(SEG_DROP));
            g.masks.extend(p.mask);
        }
    }
    if slices.n > 0 {
        out.slices = Some(slices);
    }
    out.grounding = grounding;
    out
}

/// The loss of a text batch. The dense decoder and the class heads are read, not trained, except by a grounded batch;
/// the encoder learns through the connector if `train_vision`.
pub fn loss(model: &OmniMri, batch: &TextBatch, device: &Device, train_vision: bool) -> Loss {
    let shape = [batch.n, batch.t];
    let ids = Tensor::<2, Int>::from_data(TensorData::new(batch.ids.clone(), shape), device);
    let text = model.language.embed(ids);
    let (input, grounds) = match &batch.slices {
        None => (text, None),
        Some(slices) => {
            let (visual, pyramid) = visual_tokens(model, slices, device, train_vision);
            (Tensor::cat(vec![visual, text], 1), Some(pyramid))
        }
    };
    let hidden = model.language.forward(input, None);
    let [n, all, d] = hidden.dims();
    let hidden = hidden.slice([0..n, all - batch.t..all, 0..d]);
    let logits = model.language.logits(hidden.clone());
    let tokens = losses::next_tokens(logits, batch.next.clone(), batch.weight.clone());
    let mut parts = vec![("text", scalar(&tokens))];
    let mut total = tokens;
    if let (Some(g), Some(pyramid), Some(s)) = (&batch.grounding, grounds, &batch.slices) {
        let mask = grounded(model, g, &middle(pyramid, s.per_study), hidden, device);
        parts.push(("seg", scalar(&mask)));
        total = total + mask;
    }
    Loss { total, parts }
}

fn scalar(x: &Tensor<1>) -> f64 {
    x.clone().try_into_scalar::<f64>().unwrap_or(f64::NAN)
}

/// Visual and evidence tokens of the shown slices, `[n, tokens, hidden_size]`, and the tracked pyramid.
fn visual_tokens(
    model: &OmniMri,
    slices: &Slices,
    device: &Device,
    train_vision: bool,
) -> (Tensor<3>, Pyramid) {
    let frozen = model.valid();
    let x = tensor(slices, device);
    let seen = frozen.see(x.clone().inner(), slices.per_study);
    let pyramid = if train_vision {
        model.vision.forward(x, slices.per_study)
    } else {
        let track = |x: &Tensor<4>| Tensor::from_inner(x.clone());
        let p = &seen.pyramid;
        Pyramid {
            s2: track(&p.s2),
            s4: track(&p.s4),
            s8: track(&p.s8),
            s16: track(&p.s16),
        }
    };
    let Seen {
        dense,
        masks,
        evidence,
        ..
    } = seen;
    let moments = Tensor::from_inner(mask_moments(masks, dense.size));
    let logits: Vec<Tensor<2>> = evidence
        .logits
        .into_iter()
        .map(Tensor::from_inner)
        .collect();
    let tokens = Tensor::cat(
        vec![
            model.connector.forward(pyramid.s16.clone()),
            model.heads.tokens(&logits, moments),
        ],
        1,
    );
    let [all, t, d] = tokens.dims();
    let (per, shown) = (slices.per_study, shown_slices(slices.per_study));
    let studies = all / per;
    let kept = shown
        .iter()
        .map(|z| {
            tokens
                .clone()
                .reshape([studies, per, t, d])
                .slice([0..studies, *z..z + 1])
        })
        .collect();
    let tokens = Tensor::cat(kept, 1).reshape([studies, shown.len() * t, d]);
    (tokens, pyramid)
}

/// The features of every study's middle shown slice.
fn middle(p: Pyramid, per_study: usize) -> Pyramid {
    if per_study == 1 {
        return p;
    }
    let shown = shown_slices(per_study);
    let z = shown[shown.len() / 2];
    let pick = |x: Tensor<4>| {
        let [n, h, w, c] = x.dims();
        let studies = n / per_study;
        x.reshape([studies, per_study, h, w, c])
            .slice([0..studies, z..z + 1])
            .reshape([studies, h, w, c])
    };
    Pyramid {
        s2: pick(p.s2),
        s4: pick(p.s4),
        s8: pick(p.s8),
        s16: pick(p.s16),
    }
}

fn grounded(
    model: &OmniMri,
    g: &Grounding,
    pyramid: &Pyramid,
    hidden: Tensor<3>,
    device: &Device,
) -> Tensor<1> {
    let [n, t, d] = hidden.dims();
    let mut pick = vec![0.0f32; n * t];
    for (row, (at, keep)) in g.at.iter().zip(&g.keep).enumerate() {
        if let (Some(k), true) = (at, keep) {
            pick[row * t + k] = 1.0;
        }
    }
    let pick = Tensor::<3>::from_data(TensorData::new(pick, [n, 1, t]), device);
    let seg = pick.matmul(hidden).reshape([n, d]);
    let dense = model.dense.forward(pyramid);
    let logits = model.dense.masks(&dense, &[g.task], Some(seg));
    let target = TensorData::new(g.masks.clone(), logits.dims());
    losses::masks(logits, Tensor::from_data(target, device))
}
