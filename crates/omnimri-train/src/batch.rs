//! From examples to the numbers of a batch; a pure function of (seed, step), so that a resumed run sees the same batches.

use omnimri_corpus::augment::normal;
use omnimri_corpus::{DatasetId, Example};
use omnimri_findings::{CardiacClass, Region, Sequence, TumourClass};
use omnimri_image::Plane;
use omnimri_model::config::NEIGHBOURS;
use omnimri_model::heads::{Head, OUT_OF_SCOPE};
use omnimri_model::preprocess::{
    Affine2, SIDE, SMALL_CROP, SMALL_SIDE, WINDOW_PERCENTILES, label_share, normalise, resample,
    stack_neighbours,
};
use omnimri_model::task::MaskTask;
use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::augment::Change;
use crate::config::Ingredient;

/// Slices on the network's grid, `[n, side, side, 3]`.
#[derive(Debug, Clone, Default)]
pub struct Slices {
    /// Values.
    pub data: Vec<f32>,
    /// Number of slices.
    pub n: usize,
    /// Side of the square.
    pub side: usize,
    /// Slices a study.
    pub per_study: usize,
}

/// Class targets, a row a slice, in the order of [`Head::ALL`].
pub type ClassTargets = [Vec<Option<usize>>; 5];

/// Labelled slices.
#[derive(Debug, Clone)]
pub struct DenseBatch {
    /// Input.
    pub slices: Slices,
    /// Tasks that an annotator looked for in every example of the batch.
    pub tasks: Vec<MaskTask>,
    /// Share of each cell at stride 2, `[n, side/2 * side/2, tasks]`.
    pub masks: Vec<f32>,
    /// Classes.
    pub classes: ClassTargets,
}

/// Corrupted slices and what they were.
#[derive(Debug, Clone)]
pub struct RestoreBatch {
    /// Corrupted input.
    pub slices: Slices,
    /// The slice itself at stride 2, `[n, side/2 * side/2]`.
    pub target: Vec<f32>,
}

/// The generator of one step.
pub fn step_rng(seed: u64, step: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(step.wrapping_add(1));
    rng
}

/// Examples by dataset and class, so that rare classes are drawn about as often as common ones.
#[derive(Debug)]
pub struct Pool {
    examples: Vec<Example>,
    /// Strata of one dataset: indices into `examples`.
    sets: Vec<(DatasetId, Vec<Vec<usize>>)>,
}

impl Pool {
    /// Sorts examples into strata.
    pub fn new(examples: Vec<Example>) -> Self {
        /// Tumour and cardiac class, and the examples of both.
        type Stratum = ((u8, u8), Vec<usize>);
        let mut sets: Vec<(DatasetId, Vec<Stratum>)> = Vec::new();
        for (i, e) in examples.iter().enumerate() {
            let at = sets
                .iter()
                .position(|(id, _)| *id == e.dataset)
                .unwrap_or_else(|| {
                    sets.push((e.dataset.clone(), Vec::new()));
                    sets.len() - 1
                });
            let key = (
                e.classes.tumour.map_or(u8::MAX, |t| t as u8),
                e.classes.cardiac.map_or(u8::MAX, |t| t as u8),
            );
            let strata = &mut sets[at].1;
            match strata.iter_mut().find(|(k, _)| *k == key) {
                Some((_, members)) => members.push(i),
                None => strata.push((key, vec![i])),
            }
        }
        let sets = sets
            .into_iter()
            .map(|(id, strata)| (id, strata.into_iter().map(|(_, m)| m).collect()))
            .collect();
        Self { examples, sets }
    }

    /// All examples.
    pub fn examples(&self) -> &[Example] {
        &self.examples
    }

    /// `n` examples of one of the named sets (all where none is named); strata are drawn by the square root of their size.
    /// None if there is no example.
    pub fn draw(
        &self,
        rng: &mut ChaCha8Rng,
        names: &[String],
        n: usize,
        keep: impl Fn(&Example) -> bool,
    ) -> Option<Vec<&Example>> {
        let sets: Vec<_> = self
            .sets
            .iter()
            .filter(|(id, _)| names.is_empty() || names.iter().any(|name| name == id.name()))
            .filter(|(_, strata)| strata.iter().flatten().any(|i| keep(&self.examples[*i])))
            .collect();
        if sets.is_empty() {
            return None;
        }
        let (_, strata) = sets[rng.random_range(0..sets.len())];
        let total: f64 = strata.iter().map(|s| (s.len() as f64).sqrt()).sum();
        let mut drawn = Vec::with_capacity(n);
        while drawn.len() < n {
            let mut at = rng.random_range(0.0..total);
            let mut chosen = &strata[strata.len() - 1];
            for s in strata {
                at -= (s.len() as f64).sqrt();
                if at < 0.0 {
                    chosen = s;
                    break;
                }
            }
            let example = &self.examples[chosen[rng.random_range(0..chosen.len())]];
            if keep(example) {
                drawn.push(example);
            }
        }
        Some(drawn)
    }
}

/// Class targets of an example.
pub fn class_targets(e: &Example) -> [Option<usize>; 5] {
    let c = &e.classes;
    fn of<T: PartialEq>(all: &[T], value: Option<T>) -> Option<usize> {
        value.and_then(|v| all.iter().position(|a| *a == v))
    }
    let region = if c.modality_mr == Some(false) {
        Some(OUT_OF_SCOPE)
    } else {
        of(&Region::HEAD, c.region)
    };
    [
        region,
        of(&Plane::ALL, c.plane),
        of(&Sequence::HEAD, c.sequence),
        of(&TumourClass::ALL, c.tumour),
        of(&CardiacClass::ALL, c.cardiac),
    ]
}

/// Slices of an example to use: all of a 2D image, `n` spread over a volume.
fn chosen_slices(rng: &mut ChaCha8Rng, depth: usize, n: usize) -> Vec<usize> {
    if depth <= n {
        return (0..n).map(|i| i.min(depth - 1)).collect();
    }
    let step = depth as f64 / n as f64;
    let offset = rng.random_range(0.0..step);
    (0..n)
        .map(|i| ((offset + i as f64 * step) as usize).min(depth - 1))
        .collect()
}

/// Side of the network's square for an example.
pub fn side_of(e: &Example) -> usize {
    // The native size decides, as when reading.
    let native = e.image.native_size;
    if native.y.max(native.x) <= SMALL_CROP {
        SMALL_SIDE
    } else {
        SIDE
    }
}

/// What one example contributes: slices `[s, side, side, 3]` and the map each was sampled by.
pub struct Sampled {
    /// Values.
    pub data: Vec<f32>,
    /// Slice indices.
    pub z: Vec<usize>,
    /// Network position to pixel position.
    pub affine: Affine2,
}

/// Samples an example onto a square of `side`, changed within `change` (not at all where none).
pub fn sample(
    rng: &mut ChaCha8Rng,
    e: &Example,
    side: usize,
    slices: usize,
    change: Option<&Change>,
) -> Sampled {
    let (h, w) = (e.image.size.y, e.image.size.x);
    let aspect = e.image.spacing_mm.map_or(1.0, |s| s.y / s.x);
    let mut fit = Affine2::fit(h, w, aspect, side);
    if e.image.size.z > 1 {
        // The corpus keeps volumes in R, A, S order; the network sees them as displayed, rows from anterior, columns from right.
        let (bottom, right) = ((h - 1) as f32, (w - 1) as f32);
        fit = Affine2([[-1.0, 0.0, bottom], [0.0, -1.0, right]]).after(&fit);
    }
    let affine = match change {
        Some(c) => fit.after(&c.geometry(rng, side)),
        None => fit,
    };
    let z = chosen_slices(rng, e.image.size.z, slices);
    let floats: Vec<f32> = e.image.voxels.iter().map(|v| f32::from(*v)).collect();
    let p = omnimri_image::volume_ops::percentiles(&floats, &WINDOW_PERCENTILES);
    let range = [p[0], p[1]];
    let plane = |z: usize| {
        let n = h * w;
        let scaled: Vec<f32> = floats[z * n..(z + 1) * n]
            .iter()
            .map(|v| normalise(*v, range))
            .collect();
        let mut out = vec![0.0; side * side];
        resample(&scaled, (h, w), &affine, -1.0, &mut out, side, (0, 1));
        out
    };
    let mut data = Vec::with_capacity(z.len() * side * side * NEIGHBOURS);
    // One seed for the intensities: the same change for every slice of a volume.
    let seed: u64 = rng.random();
    for &k in &z {
        let last = e.image.size.z - 1;
        let around = [k.saturating_sub(1), k, (k + 1).min(last)];
        let planes: Vec<Vec<f32>> = if last == 0 {
            vec![plane(0); 3]
        } else {
            around.iter().map(|k| plane(*k)).collect()
        };
        let n = side * side * NEIGHBOURS;
        let stacked = stack_neighbours(&planes)[n..2 * n].to_vec();
        data.extend(match change {
            Some(c) => c.intensity(stacked, side, seed),
            None => stacked,
        });
    }
    Sampled { data, z, affine }
}

/// A batch of labelled slices.
pub fn dense(seed: u64, step: u64, pool: &Pool, ingredient: &Ingredient) -> Option<DenseBatch> {
    let mut rng = step_rng(seed, step);
    // Terms that are no label are no target.
    let labelled =
        |e: &Example| e.labels.is_some() && e.annotated.iter().any(|t| t.label().is_some());
    let drawn = pool.draw(&mut rng, &ingredient.sets, ingredient.batch, labelled)?;
    let side = side_of(drawn[0]);
    let tasks = common_tasks(&drawn);
    let seeds: Vec<u64> = drawn.iter().map(|_| rng.random()).collect();
    let grid = side / 2;
    let parts: Vec<(Vec<f32>, Vec<f32>, usize)> = drawn
        .par_iter()
        .zip(seeds)
        .map(|(e, s)| {
            let mut rng = ChaCha8Rng::seed_from_u64(s);
            let change = ingredient.augment.full(e.classes.region);
            let sampled = sample(&mut rng, e, side, ingredient.slices, Some(&change));
            let masks = mask_targets(e, &sampled, &tasks, side, grid);
            (sampled.data, masks, sampled.z.len())
        })
        .collect();
    let mut classes = ClassTargets::default();
    let mut out = DenseBatch {
        slices: Slices {
            side,
            per_study: ingredient.slices,
            ..Slices::default()
        },
        tasks,
        masks: Vec::new(),
        classes: ClassTargets::default(),
    };
    for (e, (data, masks, n)) in drawn.iter().zip(parts) {
        out.slices.data.extend(data);
        out.slices.n += n;
        out.masks.extend(masks);
        for (column, target) in classes.iter_mut().zip(class_targets(e)) {
            column.extend(std::iter::repeat_n(target, n));
        }
    }
    out.classes = classes;
    Some(out)
}

/// Tasks annotated in every example.
fn common_tasks(examples: &[&Example]) -> Vec<MaskTask> {
    MaskTask::ALL
        .into_iter()
        .filter(|t| {
            examples.iter().all(|e| {
                let mut labels = e.annotated.iter().filter_map(|term| term.label());
                labels.any(|l| MaskTask::of(l) == *t)
            })
        })
        .collect()
}

/// Mask targets of a sampled example: `[slices, grid * grid, tasks]`.
pub fn mask_targets(
    e: &Example,
    sampled: &Sampled,
    tasks: &[MaskTask],
    side: usize,
    grid: usize,
) -> Vec<f32> {
    let (h, w) = (e.image.size.y, e.image.size.x);
    let mut out = vec![0.0; sampled.z.len() * grid * grid * tasks.len()];
    let Some(labels) = &e.labels else { return out };
    let cells = grid * grid * tasks.len();
    for (k, out) in sampled.z.iter().zip(out.chunks_exact_mut(cells)) {
        let slice = &labels[k * h * w..(k + 1) * h * w];
        if slice.iter().all(|v| *v == 0) {
            continue;
        }
        for (t, task) in tasks.iter().enumerate() {
            if !slice.iter().any(|v| task.holds(*v)) {
                continue;
            }
            let share = label_share(slice, (h, w), &sampled.affine, (side, grid), |v| {
                task.holds(v)
            });
            for (i, v) in share.into_iter().enumerate() {
                out[i * tasks.len() + t] = v;
            }
        }
    }
    out
}

/// A batch for the class heads: any example at the ordinary size, a quarter of it images that are no MRI slice.
pub fn classes(seed: u64, step: u64, pool: &Pool, ingredient: &Ingredient) -> Option<DenseBatch> {
    let mut rng = step_rng(seed, step);
    let mut out = DenseBatch {
        slices: Slices {
            side: SIDE,
            per_study: 1,
            ..Slices::default()
        },
        tasks: Vec::new(),
        masks: Vec::new(),
        classes: ClassTargets::default(),
    };
    for _ in 0..ingredient.batch {
        let (data, targets) = if rng.random_bool(0.25) {
            let mut targets = [None; 5];
            targets[0] = Some(OUT_OF_SCOPE);
            (crate::junk::image(&mut rng, SIDE), targets)
        } else {
            let e = *pool
                .draw(&mut rng, &ingredient.sets, 1, |e| {
                    e.image.size.z == 1 && class_targets(e).iter().any(Option::is_some)
                })?
                .first()?;
            let change = ingredient.augment.full(e.classes.region);
            (
                sample(&mut rng, e, SIDE, 1, Some(&change)).data,
                class_targets(e),
            )
        };
        out.slices.data.extend(data);
        out.slices.n += 1;
        for (column, target) in out.classes.iter_mut().zip(targets) {
            column.push(target);
        }
    }
    debug_assert_eq!(Head::ALL.len(), out.classes.len());
    Some(out)
}

/// A batch of corrupted slices: hidden patches, noise and blur.
pub fn restore(seed: u64, step: u64, pool: &Pool, ingredient: &Ingredient) -> Option<RestoreBatch> {
    let mut rng = step_rng(seed, step);
    let drawn = pool.draw(&mut rng, &ingredient.sets, ingredient.batch, |_| true)?;
    let side = side_of(drawn[0]);
    let mut out = RestoreBatch {
        slices: Slices {
            side,
            per_study: ingredient.slices,
            ..Slices::default()
        },
        target: Vec::new(),
    };
    let middle = NEIGHBOURS / 2;
    for e in drawn {
        let change = ingredient.augment.full(e.classes.region);
        let mut sampled = sample(&mut rng, e, side, ingredient.slices, Some(&change));
        for image in sampled.data.chunks_exact_mut(side * side * NEIGHBOURS) {
            let value = |y: usize, x: usize| image[(y * side + x) * NEIGHBOURS + middle];
            for y in (0..side).step_by(2) {
                for x in (0..side).step_by(2) {
                    let sum = value(y, x) + value(y, x + 1) + value(y + 1, x) + value(y + 1, x + 1);
                    out.target.push(sum / 4.0);
                }
            }
            hide(&mut rng, image, side);
        }
        out.slices.n += sampled.z.len();
        out.slices.data.extend(sampled.data);
    }
    Some(out)
}

/// Hides a third of the 16 x 16 patches and adds noise.
fn hide(rng: &mut ChaCha8Rng, image: &mut [f32], side: usize) {
    const PATCH: usize = 16;
    let noise = rng.random_range(0.0f32..0.3);
    for py in (0..side).step_by(PATCH) {
        for px in (0..side).step_by(PATCH) {
            let hidden = rng.random_bool(0.35);
            for y in py..py + PATCH {
                for x in px..px + PATCH {
                    for v in
                        &mut image[(y * side + x) * NEIGHBOURS..(y * side + x + 1) * NEIGHBOURS]
                    {
                        *v = if hidden {
                            -1.0
                        } else {
                            *v + noise * normal(rng)
                        };
                    }
                }
            }
        }
    }
}
