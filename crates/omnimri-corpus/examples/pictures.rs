//! Contact sheets of what is made: `augment.png` and `synth.png`, from simulated images alone.
//!
//! `cargo run --release -p omnimri-corpus --example pictures -- DIR`

use std::error::Error;
use std::path::Path;

use image::{GrayImage, Luma};
use omnimri_corpus::augment::{Recipe, Slice, Transform};
use omnimri_corpus::synth::{PhantomTask, SynthOptions, paste_lesion, phantom_example, synthesise};
use omnimri_corpus::{Example, Stack};
use omnimri_findings::{Sequence, TumourClass};
use omnimri_image::Plane;
use omnimri_recon::sampling::PhaseAxis;
use omnimri_recon::simulate::corrupt::{ComplexSlices, CorruptionKind, corrupt};
use omnimri_recon::simulate::pathology::PathologyKind;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Side of a tile and the gap between tiles.
const TILE: u32 = 112;
const GAP: u32 = 2;

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::args().nth(1).ok_or("which folder?")?;
    let head = find(PhantomTask::Head, |e| {
        e.classes.plane == Some(Plane::Axial) && e.classes.tumour == Some(TumourClass::Glioma)
    })?;
    sheet(Path::new(&dir), "augment.png", 6, &augmented(&head)?)?;
    sheet(Path::new(&dir), "synth.png", 8, &synthesised()?)
}

/// The first example of a task that fits.
fn find(task: PhantomTask, fits: impl Fn(&Example) -> bool) -> Result<Example, Box<dyn Error>> {
    for seed in 0..500 {
        let e = phantom_example(task, seed)?;
        if fits(&e) {
            return Ok(e);
        }
    }
    Err("no such example".into())
}

/// A tile: rows of grey values with their size.
type Tile = (Vec<u8>, usize, usize);

fn tile(stack: &Stack) -> Tile {
    (
        stack.slice(stack.size.z / 2).to_vec(),
        stack.size.y,
        stack.size.x,
    )
}

/// The slice itself, each transform, the training recipe four times, each corruption.
fn augmented(e: &Example) -> Result<Vec<Tile>, Box<dyn Error>> {
    let size = e.image.size;
    let unit = |v: &u8| f32::from(*v) / 127.5 - 1.0;
    let slice = Slice {
        image: e.image.voxels.iter().map(unit).collect(),
        height: size.y,
        width: size.x,
        channels: 1,
        labels: e.labels.clone(),
        boxes: Vec::new(),
        facts: Vec::new(),
        mirror: true,
    };
    let grey = |s: Slice| -> Tile {
        let byte = |v: &f32| ((v + 1.0) * 127.5).clamp(0.0, 255.0) as u8;
        (s.image.iter().map(byte).collect(), s.height, s.width)
    };
    let mut tiles = vec![tile(&e.image)];
    for transform in Transform::ALL {
        tiles.push(grey(Recipe::only(transform, 1.4).apply(&slice, 3)));
    }
    for seed in 0..5 {
        tiles.push(grey(Recipe::training().apply(&slice, seed)));
    }
    let image = e
        .image
        .voxels
        .iter()
        .map(|v| f32::from(*v))
        .collect::<Vec<_>>();
    let image = ComplexSlices::from_magnitude(&image, size);
    for (i, kind) in CorruptionKind::ALL.into_iter().enumerate() {
        let mut rng = ChaCha8Rng::seed_from_u64(i as u64);
        let list = [kind.draw(0.75, size.y, &mut rng)];
        let c = corrupt(&image, PhaseAxis::Y, &list, 1)?.image;
        let byte = |v: f32| v.clamp(0.0, 255.0) as u8;
        tiles.push((
            c.magnitude().into_iter().map(byte).collect(),
            c.size.y,
            c.size.x,
        ));
    }
    Ok(tiles)
}

/// Phantoms, lesions painted into them, and syntheses from their labels.
fn synthesised() -> Result<Vec<Tile>, Box<dyn Error>> {
    let tasks = [
        PhantomTask::Head,
        PhantomTask::Hippocampus,
        PhantomTask::Heart,
        PhantomTask::Spine,
    ];
    let mut tiles = Vec::new();
    for task in tasks {
        for seed in [5, 8] {
            tiles.push(tile(&phantom_example(task, seed)?.image));
        }
    }
    // Masses after contrast agent, plaques and infarcts in FLAIR.
    let sequence_of = |kind| match kind {
        PathologyKind::Mass | PathologyKind::RingMass => Sequence::T1Post,
        PathologyKind::Plaques | PathologyKind::Infarct => Sequence::Flair,
    };
    for kind in PathologyKind::ALL {
        let made = find(PhantomTask::Lesion(kind), |e| {
            e.classes.sequence == Some(sequence_of(kind)) && !e.boxes.is_empty()
        })?;
        tiles.push(tile(&made.image));
    }
    for kind in PathologyKind::ALL {
        let healthy = find(PhantomTask::Head, |e| {
            e.classes.plane == Some(Plane::Axial)
                && e.classes.tumour == Some(TumourClass::None)
                && e.classes.sequence == Some(sequence_of(kind))
        })?;
        let made = paste_lesion(&healthy, kind, 4)?.ok_or("no room for a lesion")?;
        tiles.push(tile(&made.image));
    }
    for task in tasks {
        let source = phantom_example(task, 5)?;
        for seed in 0..4 {
            let made = synthesise(&source, &SynthOptions::default(), seed)?;
            tiles.push(tile(&made.image));
        }
    }
    Ok(tiles)
}

/// Tiles in rows, each shrunk or stretched to the same size with its aspect kept.
fn sheet(dir: &Path, name: &str, columns: u32, tiles: &[Tile]) -> Result<(), Box<dyn Error>> {
    let rows = (tiles.len() as u32).div_ceil(columns);
    let mut out = GrayImage::from_pixel(
        columns * (TILE + GAP) - GAP,
        rows * (TILE + GAP) - GAP,
        Luma([255]),
    );
    for (k, (voxels, h, w)) in tiles.iter().enumerate() {
        let at = [
            k as u32 % columns * (TILE + GAP),
            k as u32 / columns * (TILE + GAP),
        ];
        let longer = (*h).max(*w) as f32;
        for i in 0..TILE * TILE {
            let source = |p: u32, n: usize| {
                let q = (p as f32 + 0.5) / TILE as f32 * longer - (longer - n as f32) / 2.0;
                (q >= 0.0 && q < n as f32).then_some(q as usize)
            };
            let (y, x) = (i / TILE, i % TILE);
            let value = match (source(y, *h), source(x, *w)) {
                (Some(sy), Some(sx)) => voxels[sy * w + sx],
                _ => 0,
            };
            out.put_pixel(at[0] + x, at[1] + y, Luma([value]));
        }
    }
    out.save(dir.join(name))?;
    Ok(())
}
