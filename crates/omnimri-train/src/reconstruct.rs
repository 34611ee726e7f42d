//! Batches for the learned reconstruction: slices measured by simulated coils, undersampled, with noise.
//!
//! Magnitude images have no phase and no coils: a smooth random phase, shading and birdcage-like maps are given to them
//! (`omnimri_recon::simulate`); a part of the slices are simulated heads. The network starts from the conventional image with
//! maps estimated from the samples, as when reading. A magnitude image that was stored as JPEG or interpolated is easier than
//! raw data; figures on such acquisitions say so.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use burn::module::Module;
use burn::prelude::*;
use num_complex::Complex32;
use omnimri_corpus::augment::normal;
use omnimri_corpus::synth::{PhantomTask, phantom_example};
use omnimri_model::OmniMri;
use omnimri_model::config::NEIGHBOURS;
use omnimri_model::predict::magnitude_slice;
use omnimri_model::preprocess::SIDE;
use omnimri_model::sense::{BatchSense, describe, to_pairs};
use omnimri_model::unrolled::ACQUISITION;
use omnimri_recon::MultiCoil;
use omnimri_recon::operator::{CartesianSenseOp, LinearOperator};
use omnimri_recon::sampling::{
    LinePattern, PhaseAxis, SamplingMask, equispaced, random_lines, variable_density,
};
use omnimri_recon::simulate::acquire::{acquire, coil_maps_birdcage};
use omnimri_recon::sparse::{SparseOptions, sparse};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::batch::{Pool, sample, step_rng};
use crate::config::Ingredient;
use crate::objective::Loss;

/// Matrix of the training acquisitions: large enough for real coil maps, small enough for two cores.
const MATRIX: usize = 160;
/// Part of the slices that are simulated heads.
const SIMULATED: f64 = 0.2;
/// Added to the squared error ratio before its logarithm, so that a perfect slice does not outweigh all others.
const RATIO_FLOOR: f64 = 1e-3;

/// One acquisition, scaled as [`describe`] says.
#[derive(Debug, Clone)]
struct Acquisition {
    op: Arc<CartesianSenseOp>,
    /// `A^H y`
    rhs: Vec<Complex32>,
    initial: Vec<Complex32>,
    /// The image as unit maps of the estimated phase would combine the noise-free coil images.
    truth: Vec<Complex32>,
    /// Root sum of squares of the maps: `weight * image` compares with the truth.
    weight: Vec<f32>,
    /// Noise and acceleration.
    described: [f32; ACQUISITION],
}

/// Acquisitions of one matrix.
#[derive(Debug, Clone)]
pub struct ReconBatch {
    items: Vec<Arc<Acquisition>>,
}

impl ReconBatch {
    /// Slices.
    pub fn len(&self) -> usize {
        self.items.len()
    }
}

/// Acquisitions made so far, by their number in a bank: the conventional image costs more than a training step.
#[derive(Debug, Default)]
pub struct Bank {
    made: Mutex<HashMap<u64, Option<Arc<Acquisition>>>>,
}

impl Bank {
    fn get(&self, number: u64, make: impl Fn() -> Option<Acquisition>) -> Option<Arc<Acquisition>> {
        let lock = || self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = lock().get(&number) {
            return made.clone();
        }
        let made = make().map(Arc::new);
        lock().insert(number, made.clone());
        made
    }

    /// A batch of simulated acquisitions; none if the pool is empty. What number `k` of the bank is depends on the seed alone.
    pub fn batch(&self, seed: u64, step: u64, pool: &Pool, i: &Ingredient) -> Option<ReconBatch> {
        let mut rng = step_rng(seed, step);
        let numbers: Vec<u64> = (0..i.batch)
            .map(|_| {
                if i.bank == 0 {
                    rng.random()
                } else {
                    rng.random_range(0..i.bank as u64)
                }
            })
            .collect();
        let items: Vec<Arc<Acquisition>> = numbers
            .par_iter()
            .filter_map(|&number| {
                if i.bank == 0 {
                    acquisition(seed, number, pool, i).map(Arc::new)
                } else {
                    self.get(number, || acquisition(seed, number, pool, i))
                }
            })
            .collect();
        (!items.is_empty()).then_some(ReconBatch { items })
    }
}

/// Simulates acquisition `number`; none if the slice is empty.
fn acquisition(seed: u64, number: u64, pool: &Pool, i: &Ingredient) -> Option<Acquisition> {
    let mut rng = step_rng(seed ^ 0x7265_636f_6e00, number);
    let example = if rng.random_bool(SIMULATED) {
        phantom_example(PhantomTask::Head, rng.random()).ok()?
    } else {
        pool.draw(&mut rng, &i.sets, 1, |e| e.image.size.z == 1)?
            .first()
            .map(|e| (*e).clone())?
    };
    let change = i.augment.scanned();
    let slices = sample(&mut rng, &example, MATRIX, 1, Some(&change)).data;
    let (phase, shading) = (smooth_field(&mut rng, 1.0), smooth_field(&mut rng, 0.15));
    let image: Vec<Complex32> = slices
        .chunks_exact(NEIGHBOURS)
        .enumerate()
        .map(|(i, v)| {
            let (y, x) = (i / MATRIX, i % MATRIX);
            let magnitude = ((v[0] + 1.0) / 2.0).max(0.0) * shading(y, x).exp();
            Complex32::from_polar(magnitude, phase(y, x))
        })
        .collect();
    let n_coils = rng.random_range(4..=8);
    let maps = coil_maps_birdcage(n_coils, MATRIX, MATRIX, rng.random());
    let mask = pattern(&mut rng)?;
    let inside: Vec<f32> = image
        .iter()
        .map(|v| v.norm())
        .filter(|v| *v > 0.1)
        .collect();
    if inside.len() < MATRIX * MATRIX / 50 {
        return None;
    }
    let mean = inside.iter().sum::<f32>() / inside.len() as f32;
    let signal_to_noise = rng.random_range(2.4f32..4.0).exp();
    let noise = mean / signal_to_noise;
    let kspace = acquire(&image, &maps, &mask, noise, rng.random()).ok()?;
    let setup = sparse(&kspace, &SparseOptions::default()).ok()?;
    let problem = MultiCoil::of_grid(&setup, kspace.samples).ok()?;
    let (scale, described) = describe(&problem)?;
    let scaled = |x: Vec<Complex32>| x.into_iter().map(|c| c / scale).collect::<Vec<_>>();
    let n = MATRIX * MATRIX;
    let weight: Vec<f32> = (0..n)
        .map(|p| {
            setup
                .maps()
                .maps
                .iter()
                .skip(p)
                .step_by(n)
                .map(|s| s.norm_sqr())
                .sum::<f32>()
                .sqrt()
        })
        .collect();
    let coil_images = maps.coil_images(&image);
    let truth: Vec<Complex32> = setup
        .operator
        .combine(&coil_images)
        .iter()
        .zip(&weight)
        .map(|(v, w)| v / w.max(1e-6))
        .collect();
    let rhs = scaled(setup.operator.adjoint(&problem.measured));
    Some(Acquisition {
        rhs,
        truth: scaled(truth),
        initial: scaled(setup.initial),
        op: Arc::new(setup.operator),
        weight,
        described,
    })
}

/// A sampling pattern: lines evenly spaced or random, 3 to 8-fold, or points of variable density.
fn pattern(rng: &mut ChaCha8Rng) -> Option<SamplingMask> {
    let acceleration = rng.random_range(3.0..8.5f64);
    let n_centre = (MATRIX as f64 * rng.random_range(0.04..0.09)).round() as usize;
    if rng.random_bool(0.1) {
        return variable_density(MATRIX, MATRIX, 1.5 * acceleration, 16, rng.random()).ok();
    }
    let axis = if rng.random_bool(0.5) {
        PhaseAxis::X
    } else {
        PhaseAxis::Y
    };
    let lines = LinePattern {
        axis,
        acceleration,
        n_centre,
        seed: rng.random(),
    };
    if rng.random_bool(0.5) {
        equispaced(MATRIX, MATRIX, &lines)
    } else {
        random_lines(MATRIX, MATRIX, &lines)
    }
    .ok()
}

/// A smooth field: a plane and slow waves; `size` is one for a phase in radians.
fn smooth_field(rng: &mut ChaCha8Rng, size: f32) -> impl Fn(usize, usize) -> f32 + use<> {
    let w: [f32; 12] = std::array::from_fn(|_| normal(rng));
    move |y, x| {
        let (y, x) = (
            y as f32 / MATRIX as f32 - 0.5,
            x as f32 / MATRIX as f32 - 0.5,
        );
        let pi = std::f32::consts::PI;
        size * (1.8 * w[0]
            + w[1] * y
            + w[2] * x
            + 0.6 * w[3] * (pi * 2.0 * y + 3.0 * w[4]).sin()
            + 0.6 * w[5] * (pi * 2.0 * x + 3.0 * w[6]).sin()
            + 0.4 * w[7] * (pi * (3.0 * y + w[8] * x) + 3.0 * w[9]).sin()
            + 0.4 * w[10] * (pi * (3.0 * x + w[8] * y) + 3.0 * w[11]).sin())
    }
}

/// The logarithm of the error over that of the conventional image, complex and in magnitude: the gain in PSNR but for its sign
/// and scale. The encoder conditions and is not trained.
pub fn loss(model: &OmniMri, batch: &ReconBatch, device: &Device) -> Option<Loss> {
    let n = batch.items.len();
    let side = [n, MATRIX, MATRIX];
    let image = |f: &dyn Fn(&Acquisition) -> &[Complex32]| {
        let values: Vec<f32> = batch.items.iter().flat_map(|a| to_pairs(f(a))).collect();
        Tensor::<4>::from_data(
            TensorData::new(values, [side[0], side[1], side[2], 2]),
            device,
        )
    };
    let ops = batch.items.iter().map(|a| a.op.clone() as Arc<_>).collect();
    let rhs: Vec<Vec<Complex32>> = batch.items.iter().map(|a| a.rhs.clone()).collect();
    let op = BatchSense::new(ops, &rhs, (MATRIX, MATRIX), device);
    let slices: Vec<f32> = batch
        .items
        .iter()
        .flat_map(|a| magnitude_slice(&a.initial, (MATRIX, MATRIX)))
        .collect();
    let inner = device.clone().inner();
    let slices = TensorData::new(slices, [n, SIDE, SIDE, NEIGHBOURS]);
    let pooled = model
        .valid()
        .see(Tensor::from_data(slices, &inner), 1)
        .evidence
        .pooled;
    let described: Vec<f32> = batch.items.iter().flat_map(|a| a.described).collect();
    let described = Tensor::from_data(TensorData::new(described, [n, ACQUISITION]), device);
    let initial = image(&|a| &a.initial);
    let out = model
        .unrolled
        .forward(initial.clone(), &op, Tensor::from_inner(pooled), described);
    let weight: Vec<f32> = batch.items.iter().flat_map(|a| a.weight.clone()).collect();
    let weight = TensorData::new(weight, [side[0], side[1], side[2], 1]);
    let weight = Tensor::<4>::from_data(weight, device);
    let truth = image(&|a| &a.truth);
    let (out, initial) = (out * weight.clone(), initial * weight);
    let size = |x: Tensor<4>| x.square().reshape([n as i32, -1]).mean_dim(1);
    let ratio = |of: &dyn Fn(Tensor<4>) -> Tensor<4>| {
        let error = |x: &Tensor<4>| size(of(x.clone()) - of(truth.clone()));
        error(&out) / (error(&initial) + 1e-12)
    };
    let (complex, magnitude) = (ratio(&|x| x), ratio(&magnitude));
    let gain = |r: &Tensor<2>| (r.clone() + RATIO_FLOOR).log().mean();
    let total = (gain(&complex) + gain(&magnitude)) * 0.5;
    let value = |x: Tensor<1>| x.try_into_scalar::<f64>().unwrap_or(f64::NAN);
    let error_ratio = value(magnitude.sqrt().mean());
    Some(Loss {
        parts: vec![
            ("recon", value(total.clone())),
            ("error_ratio", error_ratio),
        ],
        total,
    })
}

fn magnitude(x: Tensor<4>) -> Tensor<4> {
    (x.square().sum_dim(3) + 1e-8).sqrt()
}
