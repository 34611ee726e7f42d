//! The loop at a tiny size, on simulated heads: it learns, resumes exactly, freezes what it should.

mod finetune;
mod plan;

use std::collections::BTreeMap;
use std::path::Path;

use burn::prelude::*;
use omnimri_corpus::catalogue::Use;
use omnimri_corpus::miniature::write_miniature;
use omnimri_corpus::{BuildOptions, build};
use omnimri_model::Checkpoint;
use omnimri_train::augment::Augment;
use omnimri_train::config::{
    Ingredient, Kind, OptimizerConfig, Part, ShardSource, TokenizerSource,
};
use omnimri_train::{TrainConfig, train, train_until};

fn ingredient(kind: Kind, weight: f64) -> Ingredient {
    Ingredient {
        kind,
        sets: Vec::new(),
        batch: 2,
        slices: 1,
        weight,
        bank: 0,
        augment: Augment::default(),
    }
}

fn config(out: &Path, steps: u64) -> TrainConfig {
    TrainConfig {
        stage: 1,
        model: "tiny".into(),
        seed: 7,
        start: None,
        fresh: Vec::new(),
        decoder: None,
        tokenizer: TokenizerSource::Inherit,
        out: out.to_owned(),
        data: out.to_owned(),
        shards: None,
        sets: Vec::new(),
        own: Vec::new(),
        steps,
        optimizer: OptimizerConfig {
            learning_rate: 3e-3,
            final_share: 0.5,
            warmup: 2,
            weight_decay: 0.01,
            clip: 2.0,
        },
        learn: vec![Part::Vision, Part::Dense, Part::Heads],
        mixture: vec![ingredient(Kind::Synthetic, 1.0)],
        batches_per_step: 2,
        save_every_s: 3600,
        log_every: 1,
    }
}

/// Initial weights come from the device's one generator: tests that build a model take turns.
static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn turn() -> std::sync::MutexGuard<'static, ()> {
    TURN.lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn weights(dir: &Path) -> Vec<u8> {
    std::fs::read(dir.join("export/model.safetensors")).unwrap()
}

/// Exported tensors by name. Their order in the file is no part of them.
fn exported(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let bytes = weights(dir);
    safetensors::SafeTensors::deserialize(&bytes)
        .unwrap()
        .tensors()
        .into_iter()
        .map(|(name, t)| (name, t.data().to_vec()))
        .collect()
}

/// Names of tensors that are not the same in both.
fn differing<'a>(
    a: &'a BTreeMap<String, Vec<u8>>,
    b: &BTreeMap<String, Vec<u8>>,
) -> Vec<&'a String> {
    assert!(a.keys().eq(b.keys()));
    a.iter()
        .filter(|(name, data)| b[*name] != **data)
        .map(|(name, _)| name)
        .collect()
}

#[test]
fn a_resumed_run_equals_an_uninterrupted_one() {
    // The average that is exported takes in the weights of every fourth step: of steps 0, 4 and 8.
    const STEPS: u64 = 9;
    const STOP: u64 = 6;
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    let (whole, parts) = (
        config(&dir.path().join("a"), STEPS),
        config(&dir.path().join("b"), STEPS),
    );
    train(&whole, false).unwrap();
    train_until(&parts, false, STOP).unwrap();
    let early = exported(&parts.out);
    let summary = train(&parts, true).unwrap();
    assert_eq!(summary.steps, STEPS);
    let (a, b) = (exported(&whole.out), exported(&parts.out));
    let moved = differing(&early, &b).len();
    assert!(moved > 20, "three more steps change {moved} tensors");
    let differ = differing(&a, &b);
    assert!(differ.is_empty(), "{} differ: {differ:?}", differ.len());
    // Nine steps in all, none of them twice.
    let log = std::fs::read_to_string(parts.out.join("log.jsonl")).unwrap();
    let steps: Vec<u64> = log
        .lines()
        .map(|l| {
            serde_json::from_str::<serde_json::Value>(l).unwrap()["step"]
                .as_u64()
                .unwrap()
        })
        .collect();
    assert!(steps.iter().copied().eq(1..=STEPS), "{steps:?}");
}

/// Two datasets in miniature as shards below `dir`.
fn shards(dir: &Path) -> String {
    let data = dir.join("data");
    let names = ["brain_tumor_t1ce", "spine_lumbar"];
    for name in names {
        let entry = omnimri_corpus::find(name).unwrap();
        write_miniature(entry, &data.join(entry.folder())).unwrap();
    }
    let out = dir.join("shards").to_string_lossy().into_owned();
    let options = BuildOptions {
        names: names.map(str::to_owned).to_vec(),
        ..BuildOptions::new(&data, &out, Use::Unclear)
    };
    build(&options).unwrap();
    out
}

#[test]
fn shards_are_trained_on_block_by_block_and_a_resumed_run_is_the_same() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    let root = shards(dir.path());
    let of = |name: &str| {
        let mut c = config(&dir.path().join(name), 5);
        c.data = std::path::PathBuf::new();
        c.shards = Some(ShardSource {
            root: root.clone(),
            block_mb: 50,
            steps_per_block: 2,
        });
        c.mixture = vec![ingredient(Kind::Dense, 1.0)];
        c
    };
    let (whole, parts) = (of("a"), of("b"));
    train(&whole, false).unwrap();
    // Stopped in the middle of a block.
    train_until(&parts, false, 3).unwrap();
    train(&parts, true).unwrap();
    let (a, b) = (exported(&whole.out), exported(&parts.out));
    assert_eq!(differing(&a, &b), Vec::<&String>::new());
    let log = std::fs::read_to_string(whole.out.join("log.jsonl")).unwrap();
    assert!(log.lines().all(|l| l.contains("dense//mask")), "{log}");
    // The terms of what went into the shards reach the checkpoint.
    let trained = Checkpoint::read(&whole.out.join("export"), &Device::flex())
        .unwrap()
        .config;
    let names: Vec<_> = trained.licences.keys().map(String::as_str).collect();
    assert_eq!(names, ["brain_tumor_t1ce", "spine_lumbar"]);
    // One of the two, not both.
    let mut both = of("c");
    both.data = dir.path().to_owned();
    let error = train(&both, false).unwrap_err().to_string();
    assert!(error.contains("one of the two"), "{error}");
}

#[test]
fn the_loss_falls_on_simulated_heads() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    let c = config(dir.path(), 14);
    train(&c, false).unwrap();
    let log = std::fs::read_to_string(c.out.join("log.jsonl")).unwrap();
    let losses: Vec<f64> = log
        .lines()
        .map(|l| {
            serde_json::from_str::<serde_json::Value>(l).unwrap()["mean"]["loss"]
                .as_f64()
                .unwrap()
        })
        .collect();
    let mean = |l: &[f64]| l.iter().sum::<f64>() / l.len() as f64;
    assert!(mean(&losses[10..]) < 0.9 * mean(&losses[..3]), "{losses:?}");
}

#[test]
fn frozen_parts_do_not_move_and_published_weights_start_a_stage() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    let first = config(&dir.path().join("a"), 2);
    train(&first, false).unwrap();
    let mut second = config(&dir.path().join("b"), 2);
    second.stage = 2;
    second.start = Some(first.out.join("export"));
    second.learn = vec![Part::Heads];
    train(&second, false).unwrap();
    let (a, b) = (weights(&first.out), weights(&second.out));
    let (a, b) = (
        safetensors::SafeTensors::deserialize(&a).unwrap(),
        safetensors::SafeTensors::deserialize(&b).unwrap(),
    );
    let mut moved = 0;
    for (name, tensor) in a.tensors() {
        let same = tensor.data() == b.tensor(&name).unwrap().data();
        if name.starts_with("heads.") {
            moved += usize::from(!same);
        } else {
            assert!(same, "{name} is frozen");
        }
    }
    assert!(moved > 5, "{moved} tensors of the heads moved");
    let config = Checkpoint::read(&second.out.join("export"), &Device::flex())
        .unwrap()
        .config;
    assert_eq!(config.history.len(), 2);
}

#[test]
fn what_cannot_work_is_refused_before_training() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    let mut c = config(dir.path(), 2);
    c.mixture = vec![ingredient(Kind::Reconstruct, 1.0)];
    let error = train(&c, false).unwrap_err().to_string();
    assert!(error.contains("Reconstruct"), "{error}");
    c = config(dir.path(), 2);
    c.model = "enormous".into();
    assert!(
        train(&c, false)
            .unwrap_err()
            .to_string()
            .contains("enormous")
    );
    let path = dir.path().join("typo.toml");
    std::fs::write(&path, "stage = 1\nlearning_rat = 3\n").unwrap();
    let error = TrainConfig::read(&path).unwrap_err().to_string();
    assert!(error.contains("learning_rat"), "{error}");
}

#[test]
fn the_committed_configurations_are_valid() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/nano");
    let mut n = 0;
    for entry in std::fs::read_dir(dir).unwrap() {
        TrainConfig::read(&entry.unwrap().path()).unwrap();
        n += 1;
    }
    assert!(n >= 4);
}
