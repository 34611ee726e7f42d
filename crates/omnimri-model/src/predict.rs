//! The model as the workflow uses it: look at a volume, write a report, answer a question, reconstruct.

use burn::prelude::*;
use burn::tensor::activation::softmax;
use num_complex::Complex32;
use omnimri_findings::{Region, questions::Question};
use omnimri_image::Volume;
use omnimri_recon::MultiCoil;
use omnimri_recon::sense::conjugate_gradient;

use crate::checkpoint::{Checkpoint, CheckpointConfig};
use crate::config::NEIGHBOURS;
use crate::encoder::Pyramid;
use crate::error::{Error, Result};
use crate::generate::greedy;
use crate::heads::Head;
use crate::mirror;
use crate::model::OmniMri;
use crate::preprocess::{Affine2, Prepared, SIDE, normalise, prepare, resample, window};
use crate::prompt::{self, shown_slices};
use crate::sense::{BatchSense, Mirrored, describe, to_complex, to_pairs};
use crate::task::MaskTask;
use crate::tokenizer::Tokenizer;
use crate::unrolled::ACQUISITION;

/// Slices that pass through the network at once: bounds memory whatever the volume's size.
const CHUNK: usize = 32;
/// Mean squared residual at the measured samples, in noise variances, above which the samples correct the network's image.
const MOST_RESIDUAL: f64 = 1.15;
/// Weights of the network's image against the samples, tried in turn.
const CONSISTENCY_WEIGHTS: [f32; 5] = [0.3, 0.1, 0.03, 0.01, 0.003];
/// Iterations of that data consistency.
const CONSISTENCY_ITERATIONS: usize = 15;

/// A loaded model, shared by threads.
#[derive(Debug)]
pub struct Predictor {
    model: OmniMri,
    config: CheckpointConfig,
    tokenizer: Tokenizer,
    sha256: String,
    device: Device,
}

/// What the model sees in a volume.
#[derive(Debug)]
pub struct Look {
    /// Probabilities of [`Region::HEAD`], then of "not an MRI slice this model knows".
    pub region: Vec<f32>,
    /// Probabilities of [`omnimri_image::Plane::ALL`], in display order of the slices.
    pub plane: Vec<f32>,
    /// Probabilities of [`omnimri_findings::Sequence::HEAD`].
    pub sequence: Vec<f32>,
    /// Probabilities of [`omnimri_findings::TumourClass::ALL`].
    pub tumour: Vec<f32>,
    /// Probabilities of [`omnimri_findings::CardiacClass::ALL`].
    pub cardiac: Vec<f32>,
    /// Mask logits on the input's own grid `[z][y][x]`, for the tasks of the most probable region; the mask is where they
    /// exceed 0.
    pub masks: Vec<(MaskTask, Vec<f32>)>,
    /// Pooled features before the heads, `[evidence_width]`, the mean over the slices: what an image unlike all others is told by.
    pub features: Vec<f32>,
    /// Slices looked at.
    pub slices: usize,
    visual: Tensor<3>,
    middle: Shown,
    prepared: Prepared,
}

/// The features of the middle slice, kept so that an answer can draw a mask.
#[derive(Debug)]
struct Shown {
    pyramid: Pyramid,
    z: usize,
}

/// An answer in words and, where asked for, a box or a mask.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The words.
    pub text: String,
    /// Geometric mean of the tokens' probabilities.
    pub probability: f64,
    /// Box `x0, y0, x1, y1` in pixels of the middle slice in display order, ends exclusive.
    pub bbox: Option<[f64; 4]>,
    /// Mask logits on the input's own grid, `[z][y][x]`.
    pub mask: Option<Vec<f32>>,
    /// The answer asks for a reconstruction.
    pub wants_reconstruction: bool,
}

impl Predictor {
    /// Takes a checkpoint.
    pub fn new(checkpoint: Checkpoint) -> Self {
        let Checkpoint {
            model,
            config,
            tokenizer,
            sha256,
        } = checkpoint;
        Self {
            model,
            config,
            tokenizer,
            sha256,
            device: Device::flex(),
        }
    }

    /// Name of the model.
    pub fn name(&self) -> &str {
        &self.config.model.name
    }

    /// Version of the program that trained it.
    pub fn version(&self) -> &str {
        &self.config.version
    }

    /// SHA-256 of the weights.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Sizes and provenance.
    pub fn config(&self) -> &CheckpointConfig {
        &self.config
    }

    /// Looks at one frame of a volume.
    ///
    /// # Errors
    /// [`Error::Image`] for an empty grid.
    pub fn look(&self, volume: &Volume, frame: usize) -> Result<Look> {
        let prepared = prepare(volume, frame)?;
        let (n, side) = (prepared.len(), prepared.plan.side);
        let grid = side / 2;
        let shown = shown_slices(n);
        let middle_z = shown[shown.len() / 2];
        let mut logits: Vec<Vec<f32>> = vec![Vec::new(); Head::ALL.len()];
        let mut masks: Vec<Vec<f32>> =
            vec![Vec::with_capacity(n * grid * grid); MaskTask::ALL.len()];
        let mut features: Vec<f32> = Vec::new();
        let mut visual = Vec::new();
        let mut middle = None;
        let each = side * side * NEIGHBOURS;
        // Slices of one chunk exchange information as a study; small volumes are one chunk.
        let chunks = n.div_ceil(CHUNK);
        for chunk in 0..chunks {
            let range = chunk * n / chunks..(chunk + 1) * n / chunks;
            let count = range.len();
            let data = prepared.slices[range.start * each..range.end * each].to_vec();
            let shape = [count, side, side, NEIGHBOURS];
            let x = Tensor::<4>::from_data(TensorData::new(data, shape), &self.device);
            let seen = mirror::see(&self.model, x, count)?;
            for (all, l) in logits.iter_mut().zip(&seen.evidence.logits) {
                all.extend(read(l.clone())?);
            }
            let pooled = read(seen.evidence.pooled.clone())?;
            features.resize(pooled.len() / count, 0.0);
            for row in pooled.chunks_exact(features.len().max(1)) {
                for (sum, v) in features.iter_mut().zip(row) {
                    *sum += v / n as f32;
                }
            }
            let drawn = read(seen.masks.clone())?;
            let tasks = MaskTask::ALL.len();
            for (t, mask) in masks.iter_mut().enumerate() {
                mask.extend(drawn.iter().skip(t).step_by(tasks));
            }
            let tokens = self.model.visual_tokens(&seen);
            let [_, v, d] = tokens.dims();
            for z in shown.iter().filter(|z| range.contains(z)) {
                let k = z - range.start;
                visual.push(tokens.clone().slice([k..k + 1, 0..v, 0..d]));
                if *z == middle_z {
                    middle = Some(Shown {
                        pyramid: one(&seen.pyramid, k),
                        z: *z,
                    });
                }
            }
        }
        let middle = middle.ok_or_else(|| Error::Image {
            expected: "at least one slice".into(),
            found: format!("{:?}", volume.geometry.size),
        })?;
        let classes: Vec<Vec<f32>> = Head::ALL
            .iter()
            .zip(&logits)
            .map(|(h, l)| pooled(*h, l))
            .collect();
        let best = argmax(&classes[0]);
        let tasks = Region::HEAD
            .get(best)
            .map_or(&[][..], |r| MaskTask::of_region(*r));
        let masks = tasks
            .iter()
            .map(|t| (*t, prepared.to_input_grid(&masks[t.index()], grid)))
            .collect();
        let mut classes = classes.into_iter();
        let mut next = || classes.next().unwrap_or_default();
        Ok(Look {
            region: next(),
            plane: next(),
            sequence: next(),
            tumour: next(),
            cardiac: next(),
            masks,
            features,
            slices: n,
            visual: Tensor::cat(visual, 1),
            middle,
            prepared,
        })
    }

    /// The report as the language model writes it from the visual tokens.
    ///
    /// # Errors
    /// If the model fails.
    pub fn report(&self, look: &Look) -> Result<String> {
        let question = Question::Describe
            .phrasings()
            .into_iter()
            .next()
            .unwrap_or_default();
        Ok(self.ask(look, &question)?.text)
    }

    /// Answers a question about what was looked at.
    ///
    /// # Errors
    /// [`Error::TooLong`] for a question beyond the model's longest sequence.
    pub fn ask(&self, look: &Look, question: &str) -> Result<Answer> {
        let ids = prompt::question(&self.tokenizer, question)?;
        let special = self.tokenizer.special();
        let longest = self.config.model.language.max_position_embeddings;
        let limits = (prompt::MAX_ANSWER, longest);
        let decoded = greedy(
            &self.model.language,
            special,
            look.visual.clone(),
            &ids,
            limits,
        )?;
        let mask = match &decoded.seg {
            Some(seg) => self.asked_mask(look, question, seg.clone())?,
            None => None,
        };
        let places: Vec<f64> = decoded
            .ids
            .iter()
            .skip_while(|id| **id != special.bbox)
            .skip(1)
            .map_while(|id| self.tokenizer.position(*id))
            .collect();
        let bbox = match places.get(..4) {
            Some([x0, y0, x1, y1]) if x1 > x0 && y1 > y0 => {
                let side = look.prepared.plan.side as f64;
                let map = look.prepared.plan.to_slice();
                let at =
                    |x: f64, y: f64| map.apply((y * side - 0.5) as f32, (x * side - 0.5) as f32);
                let ((ya, xa), (yb, xb)) = (at(*x0, *y0), at(*x1, *y1));
                Some([xa + 0.5, ya + 0.5, xb + 0.5, yb + 0.5].map(f64::from))
            }
            _ => None,
        };
        Ok(Answer {
            text: self.tokenizer.decode(&decoded.ids)?.trim().to_owned(),
            probability: decoded.probability,
            bbox,
            mask,
            wants_reconstruction: decoded.ids.contains(&special.img),
        })
    }

    /// The mask that `<seg>` asks for, on the middle slice; none if the question names nothing that can be drawn.
    fn asked_mask(&self, look: &Look, question: &str, seg: Tensor<2>) -> Result<Option<Vec<f32>>> {
        let Some(Question::Segment(label) | Question::Detect(label)) = Question::parse(question)
        else {
            return Ok(None);
        };
        let dense = self.model.dense.forward(&look.middle.pyramid);
        let logits = self
            .model
            .dense
            .masks(&dense, &[MaskTask::of(label)], Some(seg));
        let slice = read(logits)?;
        let grid = dense.size[0];
        let mut all = vec![-20.0; look.slices * grid * grid];
        let at = look.middle.z * grid * grid;
        all[at..at + grid * grid].copy_from_slice(&slice);
        Ok(Some(look.prepared.to_input_grid(&all, grid)))
    }

    /// Learned reconstruction of a slice from its conventional solution: the complex image `[y][x]`, in the units of
    /// `problem.initial`.
    ///
    /// The samples have the last word: if the network's image `z` leaves a mean squared residual above 1.15 noise
    /// variances, `min |A x - y|^2 + w |x - z|^2` is solved with the largest `w` that does not.
    ///
    /// # Errors
    /// If a tensor cannot be read back.
    pub fn reconstruct(&self, problem: &MultiCoil) -> Result<Vec<Complex32>> {
        let (h, w) = problem.size;
        let rhs = problem.operator.adjoint(&problem.measured);
        let Some((scale, acquisition)) = describe(problem) else {
            return Ok(problem.initial.clone());
        };
        let scaled = |x: &[Complex32]| x.iter().map(|c| c / scale).collect::<Vec<_>>();
        let x = TensorData::new(to_pairs(&scaled(&problem.initial)), [1, h, w, 2]);
        let x = Tensor::<4>::from_data(x, &self.device);
        let ops = vec![problem.operator.clone()];
        let sense = BatchSense::new(ops, &[scaled(&rhs)], (h, w), &self.device);
        let pooled = self.condition(&problem.initial, (h, w));
        let acquisition = Tensor::from_data(
            TensorData::new(acquisition.to_vec(), [1, ACQUISITION]),
            &self.device,
        );
        // The mean over mirror images: what the network makes of chance differs between them.
        let views = [(false, false), (true, false), (false, true), (true, true)];
        let mut z = vec![Complex32::default(); h * w];
        for (vertical, horizontal) in views {
            let view = Mirrored {
                op: &sense,
                vertical,
                horizontal,
            };
            let (x, pooled, acquisition) = (x.clone(), pooled.clone(), acquisition.clone());
            let out = self
                .model
                .unrolled
                .forward(view.mirror(x), &view, pooled, acquisition);
            for (z, c) in z.iter_mut().zip(to_complex(&read(view.mirror(out))?)) {
                *z += c * (scale / views.len() as f32);
            }
        }
        Ok(held_to_samples(problem, &rhs, z))
    }

    /// Pooled encoder features of the image, `[1, evidence_width]`.
    fn condition(&self, image: &[Complex32], (h, w): (usize, usize)) -> Tensor<2> {
        let slices = magnitude_slice(image, (h, w));
        let x = TensorData::new(slices, [1, SIDE, SIDE, NEIGHBOURS]);
        self.model
            .see(Tensor::from_data(x, &self.device), 1)
            .evidence
            .pooled
    }
}

/// The image nearest to `z` that explains the samples as well as the truth would.
fn held_to_samples(problem: &MultiCoil, rhs: &[Complex32], z: Vec<Complex32>) -> Vec<Complex32> {
    let most = MOST_RESIDUAL * problem.noise_variance;
    if problem.residual_variance(&z) <= most {
        return z;
    }
    let mut best = z.clone();
    for weight in CONSISTENCY_WEIGHTS {
        let target: Vec<Complex32> = rhs.iter().zip(&z).map(|(r, z)| r + z * weight).collect();
        let normal = |u: &[Complex32]| problem.operator.normal(u);
        best = conjugate_gradient(normal, &target, weight, CONSISTENCY_ITERATIONS, 1e-6).x;
        if problem.residual_variance(&best) <= most {
            break;
        }
    }
    best
}

/// The magnitude of a complex image on the network's grid, `[SIDE, SIDE, 3]`.
pub fn magnitude_slice(image: &[Complex32], (h, w): (usize, usize)) -> Vec<f32> {
    let magnitude: Vec<f32> = image.iter().map(|c| c.norm()).collect();
    let range = window(&magnitude);
    let scaled: Vec<f32> = magnitude.iter().map(|v| normalise(*v, range)).collect();
    let mut out = vec![0.0; SIDE * SIDE * NEIGHBOURS];
    let fit = Affine2::fit(h, w, 1.0, SIDE);
    for channel in 0..NEIGHBOURS {
        resample(
            &scaled,
            (h, w),
            &fit,
            -1.0,
            &mut out,
            SIDE,
            (channel, NEIGHBOURS),
        );
    }
    out
}

fn one(p: &Pyramid, k: usize) -> Pyramid {
    let pick = |x: &Tensor<4>| {
        let [_, h, w, c] = x.dims();
        x.clone().slice([k..k + 1, 0..h, 0..w, 0..c])
    };
    Pyramid {
        s2: pick(&p.s2),
        s4: pick(&p.s4),
        s8: pick(&p.s8),
        s16: pick(&p.s16),
    }
}

fn read<const D: usize>(x: Tensor<D>) -> Result<Vec<f32>> {
    x.try_into_data()
        .map_err(|e| Error::Tensor(e.to_string()))?
        .try_into_vec::<f32>()
        .map_err(|e| Error::Tensor(e.to_string()))
}

/// Probabilities of a study from the logits of its slices `[n, classes]`: the mean of the slices' probabilities; for the
/// tumour class, slices count by how sure they are of a tumour, so that one clear slice is not outvoted by empty ones.
fn pooled(head: Head, logits: &[f32]) -> Vec<f32> {
    let c = head.classes();
    let rows: Vec<Vec<f32>> = logits
        .chunks_exact(c)
        .map(|row| {
            let x = Tensor::<1>::from_data(TensorData::new(row.to_vec(), [c]), &Device::flex());
            softmax(x, 0)
                .into_data()
                .try_into_vec::<f32>()
                .unwrap_or_default()
        })
        .collect();
    let weight = |row: &[f32]| match head {
        Head::Tumour => (1.0 - row[0]).powi(2) + 1e-3,
        _ => 1.0,
    };
    let mut out = vec![0.0; c];
    let mut total = 0.0;
    for row in rows.iter().filter(|r| r.len() == c) {
        total += weight(row);
        for (o, p) in out.iter_mut().zip(row) {
            *o += weight(row) * p;
        }
    }
    out.iter().map(|v| v / f32::max(total, 1e-12)).collect()
}

fn argmax(p: &[f32]) -> usize {
    p.iter()
        .enumerate()
        .fold(0, |best, (i, v)| if *v > p[best] { i } else { best })
}
