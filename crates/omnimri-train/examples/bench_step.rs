//! Seconds of one training step on masks and classes at the size of nano, for `tools/bench/torch_step.py`, which times the same
//! network in PyTorch: `bench_step [STEPS] [SLICES]`. The batch is made once; only the step is timed.

use std::time::Instant;

use burn::optim::{AdamWConfig, GradientsParams};
use burn::prelude::*;
use omnimri_model::ModelConfig;
use omnimri_model::preprocess::SIDE;
use omnimri_model::task::MaskTask;
use omnimri_train::batch::{ClassTargets, DenseBatch, Slices};
use omnimri_train::objective::dense;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[expect(clippy::print_stdout, reason = "the result")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let argument = |k: usize, default: usize| {
        let text = std::env::args().nth(k);
        text.map_or(Ok(default), |t| t.parse())
    };
    let (steps, n) = (argument(1, 20)?, argument(2, 6)?);
    let device = Device::flex().autodiff();
    let mut model = ModelConfig::nano().init(&device)?;
    let mut optimizer = AdamWConfig::new().init();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut random = |count: usize, low: f32, high: f32| -> Vec<f32> {
        (0..count).map(|_| rng.random_range(low..high)).collect()
    };
    let grid = SIDE / 2;
    let mut classes = ClassTargets::default();
    classes.iter_mut().for_each(|c| c.resize(n, Some(0)));
    let batch = DenseBatch {
        slices: Slices {
            data: random(n * SIDE * SIDE * 3, -1.0, 1.0),
            n,
            side: SIDE,
            per_study: 1,
        },
        tasks: vec![MaskTask::Tumour],
        masks: random(n * grid * grid, 0.0, 1.0),
        classes,
    };
    let mut seconds = Vec::with_capacity(steps);
    for _ in 0..steps {
        let start = Instant::now();
        let loss = dense(&model, &batch, &device).ok_or("no loss")?;
        let grads = GradientsParams::from_grads(loss.total.backward(), &model);
        model = optimizer.step(1e-4_f64, model, grads);
        seconds.push(start.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    let median = seconds.get(steps / 2).ok_or("at least one step")?;
    println!(
        "{{\"seconds_a_step\": {median:.4}, \"slices_per_s\": {:.2}}}",
        n as f64 / median
    );
    Ok(())
}
