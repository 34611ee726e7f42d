//! Slices a second of every transform and of the training recipe, on slices of 192 x 192 with 3 neighbours.
//!
//! `cargo run --release -p omnimri-corpus --example augment [THREADS]`

use std::io::Write;
use std::time::Instant;

use omnimri_corpus::augment::{Recipe, Slice, Transform};
use omnimri_corpus::synth::{PhantomTask, phantom_example};

const SLICES: usize = 48;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let threads = std::env::args().nth(1).map_or(Ok(1), |n| n.parse())?;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()?;
    let e = phantom_example(PhantomTask::Head, 1)?;
    let size = e.image.size;
    let slice = Slice {
        image: e
            .image
            .voxels
            .iter()
            .flat_map(|v| [f32::from(*v) / 127.5 - 1.0; 3])
            .collect(),
        height: size.y,
        width: size.x,
        channels: 3,
        labels: e.labels.clone(),
        boxes: Vec::new(),
        facts: Vec::new(),
        mirror: true,
    };
    let slices = vec![slice; SLICES];
    let mut out = std::io::stdout();
    writeln!(
        out,
        "{SLICES} slices of {} x {} x 3, {threads} thread(s)",
        size.y, size.x
    )?;
    let mut time = |name: &str, recipe: &Recipe| -> std::io::Result<()> {
        let start = Instant::now();
        let made = pool.install(|| recipe.apply_all(&slices, 1));
        let rate = made.len() as f64 / start.elapsed().as_secs_f64();
        writeln!(out, "{name:>16} {rate:8.0} slices/s")
    };
    for transform in Transform::ALL {
        time(transform.name(), &Recipe::only(transform, 1.0))?;
    }
    time("training recipe", &Recipe::training())?;
    Ok(())
}
