//! Batches for the learned reconstruction: real slices measured by simulated coils, undersampled, with noise.
//!
//! Magnitude images have no phase and no coils: a smooth random phase and birdcage-like maps are given to them
//! (`omnimri_recon::simulate`). The network starts from the SENSE image with maps estimated from the calibration area, as
//! when reading. A magnitude image that was stored as JPEG or interpolated is easier than raw data; figures on such
//! acquisitions say so.

use std::sync::Arc;

use burn::module::Module;
use burn::prelude::*;
use num_complex::Complex32;
use omnimri_corpus::Example;
use omnimri_model::OmniMri;
use omnimri_model::config::NEIGHBOURS;
use omnimri_model::predict::magnitude_slice;
use omnimri_model::preprocess::SIDE;
use omnimri_model::sense::{BatchSense, to_pairs};
use omnimri_recon::operator::{CartesianSenseOp, LinearOperator};
use omnimri_recon::sampling::{LinePattern, PhaseAxis, equispaced, random_lines};
use omnimri_recon::sense::{SenseOptions, sense};
use omnimri_recon::simulate::acquire::{acquire, coil_maps_birdcage};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::augment::{Strength, gaussian};
use crate::batch::{Pool, sample, step_rng};
use crate::config::Ingredient;
use crate::losses;
use crate::objective::Loss;

/// Matrix of the training acquisitions: large enough for real coil maps, small enough for two cores.
const MATRIX: usize = 160;
/// Iterations of the SENSE image the network starts from.
const START_ITERATIONS: usize = 12;

/// One acquisition, scaled so that the largest magnitude of its SENSE image is one.
#[derive(Debug, Clone)]
struct Acquisition {
    op: Arc<CartesianSenseOp>,
    /// `A^H y`
    rhs: Vec<Complex32>,
    initial: Vec<Complex32>,
    truth: Vec<Complex32>,
}

/// Acquisitions of one matrix.
#[derive(Debug, Clone)]
pub struct ReconBatch {
    items: Vec<Acquisition>,
}

impl ReconBatch {
    /// Slices.
    pub fn len(&self) -> usize {
        self.items.len()
    }
}

/// A batch of simulated acquisitions; none if the pool is empty.
pub fn batch(seed: u64, step: u64, pool: &Pool, i: &Ingredient) -> Option<ReconBatch> {
    let mut rng = step_rng(seed, step);
    let drawn = pool.draw(&mut rng, &i.sets, i.batch, |e| e.image.size.z == 1)?;
    let seeds: Vec<u64> = drawn.iter().map(|_| rng.random()).collect();
    let items: Vec<Acquisition> = drawn
        .par_iter()
        .zip(seeds)
        .filter_map(|(e, s)| acquisition(e, s))
        .collect();
    (!items.is_empty()).then_some(ReconBatch { items })
}

/// Simulates one; none if the maps cannot be estimated (an empty image).
fn acquisition(e: &Example, seed: u64) -> Option<Acquisition> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let strength = Strength {
        rotation_deg: 8.0,
        scale: 0.1,
        shift: 0.03,
        mirror: true,
    };
    let slices = sample(&mut rng, e, MATRIX, 1, Some(strength)).data;
    let phase = smooth_phase(&mut rng);
    let image: Vec<Complex32> = slices
        .chunks_exact(NEIGHBOURS)
        .enumerate()
        .map(|(i, v)| {
            let magnitude = ((v[0] + 1.0) / 2.0).max(0.0);
            Complex32::from_polar(magnitude, phase(i / MATRIX, i % MATRIX))
        })
        .collect();
    let n_coils = rng.random_range(4..=8);
    let maps = coil_maps_birdcage(n_coils, MATRIX, MATRIX, rng.random());
    let pattern = LinePattern {
        axis: if rng.random_bool(0.5) {
            PhaseAxis::X
        } else {
            PhaseAxis::Y
        },
        acceleration: rng.random_range(3.0..8.0),
        n_centre: rng.random_range(10..=16),
        seed: rng.random(),
    };
    let mask = if rng.random_bool(0.5) {
        equispaced(MATRIX, MATRIX, &pattern)
    } else {
        random_lines(MATRIX, MATRIX, &pattern)
    }
    .ok()?;
    let noise = rng.random_range(0.002f32..0.02);
    let kspace = acquire(&image, &maps, &mask, noise, rng.random()).ok()?;
    let options = SenseOptions {
        max_iterations: START_ITERATIONS,
        ..SenseOptions::default()
    };
    let setup = sense(&kspace, &options).ok()?;
    let scale = setup
        .initial
        .iter()
        .map(|c| c.norm())
        .fold(0.0f32, f32::max);
    if scale <= 0.0 {
        return None;
    }
    let scaled = |x: Vec<Complex32>| x.into_iter().map(|c| c / scale).collect::<Vec<_>>();
    // The truth as the estimated maps would combine the noise-free coil images.
    let coil_images: Vec<Complex32> = maps
        .maps
        .chunks_exact(MATRIX * MATRIX)
        .flat_map(|s| s.iter().zip(&image).map(|(s, x)| s * x).collect::<Vec<_>>())
        .collect();
    let truth = scaled(setup.operator.combine(&coil_images));
    let rhs = scaled(setup.operator.adjoint(&kspace.samples));
    let initial = scaled(setup.initial);
    Some(Acquisition {
        op: Arc::new(setup.operator),
        rhs,
        initial,
        truth,
    })
}

/// A smooth phase: a plane and a few slow waves, in radians.
fn smooth_phase(rng: &mut ChaCha8Rng) -> impl Fn(usize, usize) -> f32 + use<> {
    let w: [f32; 7] = std::array::from_fn(|_| gaussian(rng) * 0.6);
    move |y, x| {
        let (y, x) = (
            y as f32 / MATRIX as f32 - 0.5,
            x as f32 / MATRIX as f32 - 0.5,
        );
        let tau = std::f32::consts::TAU;
        w[0] * 3.0
            + w[1] * 2.0 * y
            + w[2] * 2.0 * x
            + w[3] * (tau * y + w[4]).sin()
            + w[5] * (tau * x + w[6]).sin()
    }
}

/// Difference of the refined image from the truth, complex and in magnitude. The encoder conditions and is not trained.
pub fn loss(model: &OmniMri, batch: &ReconBatch, device: &Device) -> Option<Loss> {
    let n = batch.items.len();
    let image = |f: &dyn Fn(&Acquisition) -> &[Complex32]| {
        let values: Vec<f32> = batch.items.iter().flat_map(|a| to_pairs(f(a))).collect();
        Tensor::<4>::from_data(TensorData::new(values, [n, MATRIX, MATRIX, 2]), device)
    };
    let ops = batch.items.iter().map(|a| a.op.clone()).collect();
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
    let out = model
        .unrolled
        .forward(image(&|a| &a.initial), &op, Tensor::from_inner(pooled));
    let truth = image(&|a| &a.truth);
    let total = losses::l1(out.clone(), truth.clone())
        + losses::l1(magnitude(out.clone()), magnitude(truth.clone()));
    let value = |x: &Tensor<1>| x.clone().try_into_scalar::<f64>().unwrap_or(f64::NAN);
    let error = |x: Tensor<4>| value(&(magnitude(x) - magnitude(truth.clone())).square().mean());
    let start = error(image(&|a| &a.initial));
    let ratio = (error(out) / start.max(1e-12)).sqrt();
    Some(Loss {
        parts: vec![("recon", value(&total)), ("error_ratio", ratio)],
        total,
    })
}

fn magnitude(x: Tensor<4>) -> Tensor<4> {
    (x.square().sum_dim(3) + 1e-8).sqrt()
}
