//! The embedded model with a few biases moved, so that it takes any image for a brain with a tumour and outlines a fixed share of
//! it. What it outlines is of no worth; that it outlines something, the same whatever the file's layout, is what tests rely on.

use std::path::Path;

use half::f16;
use omnimri_image::Volume;
use omnimri_model::MaskTask;
use omnimri_workflow::Engine;
use safetensors::SafeTensors;
use safetensors::tensor::{TensorView, serialize};

/// Share of the voxels outlined.
const SHARE: f64 = 0.01;

/// An engine that outlines a tumour in `volume` and in whatever looks alike.
pub fn outlining(folder: &Path, volume: &Volume) -> Engine {
    // Classes as the heads order them: brain is the first region, no tumour the first class.
    let certain = [
        ("heads.heads.0.bias", 0, 60.0),
        ("heads.heads.3.bias", 1, 60.0),
    ];
    let sure = write(folder, "sure", &certain);
    let look = sure.predictor().look(volume, 0).unwrap();
    let task = MaskTask::Tumour.index();
    let logits = &look
        .masks
        .iter()
        .find(|(t, _)| t.index() == task)
        .unwrap()
        .1;
    let mut sorted = logits.clone();
    sorted.sort_by(f32::total_cmp);
    let threshold = sorted[((1.0 - SHARE) * sorted.len() as f64) as usize];
    let [region, class] = certain;
    // No other structure of the brain competes.
    let silent = ("dense.biases", MaskTask::ALL.len() - 1, -60.0);
    write(
        folder,
        "outlining",
        &[region, class, ("dense.biases", task, -threshold), silent],
    )
}

/// The embedded checkpoint with numbers added to single values of tensors.
fn write(folder: &Path, name: &str, changes: &[(&str, usize, f32)]) -> Engine {
    let files = omnimri_nano::files();
    let tensors = SafeTensors::deserialize(files.weights).unwrap();
    let mut data: Vec<(String, Vec<usize>, Vec<u8>)> = tensors
        .tensors()
        .into_iter()
        .map(|(name, view)| (name, view.shape().to_vec(), view.data().to_vec()))
        .collect();
    for (tensor, index, add) in changes {
        let (.., bytes) = data.iter_mut().find(|(n, ..)| n == tensor).unwrap();
        let at = 2 * index..2 * index + 2;
        let old = f16::from_le_bytes([bytes[at.start], bytes[at.start + 1]]).to_f32();
        bytes[at].copy_from_slice(&f16::from_f32(old + add).to_le_bytes());
    }
    let views = data.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(safetensors::Dtype::F16, shape.clone(), bytes).unwrap();
        (name.clone(), view)
    });
    let weights = serialize(views, None).unwrap();
    let dir = folder.join(name);
    std::fs::create_dir_all(&dir).unwrap();
    for (file, bytes) in [
        ("config.json", files.config),
        ("model.safetensors", &weights),
        ("tokenizer.json", files.tokenizer),
        ("preprocessor_config.json", files.preprocessor),
    ] {
        std::fs::write(dir.join(file), bytes).unwrap();
    }
    Engine::from_dir(&dir).unwrap()
}
