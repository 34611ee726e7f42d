//! One command on a user's own folder: it is understood, trained on and measured, or refused with a hint.

use std::path::{Path, PathBuf};

use omnimri_corpus::miniature::write_miniature;
use omnimri_train::config::Kind;
use omnimri_train::own::{Labels, recognise};
use omnimri_train::{FineTune, TrainConfig, train};

use crate::{config, shards, turn, weights};

/// Weights of one step at the tiny size.
fn start(dir: &Path) -> PathBuf {
    let config = config(&dir.join("start"), 1);
    train(&config, false).unwrap();
    config.out.join("export")
}

fn fine_tune(from: &Path, data: &Path, labels: &[&str]) -> FineTune {
    FineTune {
        from: from.into(),
        data: data.into(),
        out: data.with_extension("out"),
        labels: labels.iter().map(|l| (*l).to_owned()).collect(),
        steps: Some(2),
        seed: 3,
    }
}

/// A disc in each of `n` images, with its mask, as PNG files of the same names.
fn discs(dir: &Path, n: usize) {
    let (h, w) = (40, 52);
    for k in 0..n {
        let inside = |y: usize, x: usize| {
            let (dy, dx) = (y as f32 - 15.0 - k as f32 / 3.0, x as f32 - 30.0);
            dy * dy + dx * dx < 64.0
        };
        for (folder, low) in [("images", 60.0), ("masks", 0.0)] {
            let path = dir.join(folder).join(format!("case{k}.png"));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let pixels: Vec<f32> = (0..h * w)
                .map(|i| if inside(i / w, i % w) { 255.0 } else { low })
                .collect();
            omnimri_image::write_png_grey(&path, &pixels, w, h).unwrap();
        }
    }
}

/// The Decathlon's hippocampi in miniature, with other names of the labels.
fn decathlon(dir: &Path, labels: serde_json::Value) -> PathBuf {
    let entry = omnimri_corpus::find("msd_task04_hippocampus").unwrap();
    write_miniature(entry, dir).unwrap();
    let data = dir.join("Task04_Hippocampus");
    let path = data.join("dataset.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
    json["labels"] = labels;
    std::fs::write(&path, json.to_string()).unwrap();
    data
}

#[test]
fn images_with_masks_are_trained_on_by_one_command() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("My discs");
    discs(&data, 24);
    let from = start(dir.path());
    let prepared = fine_tune(&from, &data, &["glioma"]).prepare().unwrap();
    let own = &prepared.config.own[0];
    assert_eq!((own.name.as_str(), own.folder()), ("my_discs", "My discs"));
    let kinds: Vec<Kind> = prepared.config.mixture.iter().map(|i| i.kind).collect();
    assert!(
        kinds.starts_with(&[Kind::Dense, Kind::Classes]),
        "{kinds:?}"
    );
    let done = prepared.run().unwrap();
    assert_eq!(done.summary.steps, 2);
    assert!(done.n_held_out > 0 && done.n_held_out < 12, "{done:?}");
    let (before, after) = done.dice.unwrap();
    assert!((0.0..=1.0).contains(&before) && (0.0..=1.0).contains(&after));
    let out = &prepared.config.out;
    assert_ne!(weights(out), weights(from.parent().unwrap()));
    // The configuration beside the weights says all of it, the user's own entry too.
    let written = TrainConfig::read(&out.join("config.toml")).unwrap();
    assert_eq!(written, prepared.config);
    assert_eq!(train(&written, true).unwrap().steps, 2);
    let card = std::fs::read_to_string(out.join("export/README.md")).unwrap();
    assert!(card.contains("my_discs"), "{card}");
}

#[test]
fn without_steps_the_size_of_the_corpus_decides() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("discs");
    discs(&data, 24);
    let mut options = fine_tune(&start(dir.path()), &data, &["glioma"]);
    options.steps = None;
    assert_eq!(options.prepare().unwrap().config.steps, 100);
}

#[test]
fn shards_and_datasets_of_the_catalogue_are_recognised() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    let root = shards(dir.path());
    let from = start(dir.path());
    let options = FineTune {
        out: dir.path().join("out"),
        ..fine_tune(&from, Path::new(&root), &[])
    };
    let done = options.prepare().unwrap().run().unwrap();
    assert_eq!(done.summary.steps, 2);
    // The same sets as folders: all of them, or the one that is named.
    let data = dir.path().join("data");
    let all = recognise(&data, &Labels::default()).unwrap();
    assert_eq!(all.sets, ["brain_tumor_t1ce", "spine_lumbar"]);
    let one = recognise(&data.join("spine_lumbar"), &Labels::default()).unwrap();
    assert_eq!(one.sets, ["spine_lumbar"]);
    assert!(one.own.is_empty());
}

#[test]
fn a_folder_with_its_own_entry_is_read_as_it_says() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("ours");
    let entry = omnimri_corpus::find("hippocampus").unwrap();
    write_miniature(entry, &data).unwrap();
    let mut own = entry.clone();
    own.name = "our_hippocampi".into();
    std::fs::write(data.join("omnimri.toml"), toml::to_string(&own).unwrap()).unwrap();
    let found = recognise(&data, &Labels::default()).unwrap();
    assert_eq!(found.sets, ["our_hippocampi"]);
    assert_eq!(found.own[0].folder(), "ours");
}

#[test]
fn nnunet_labels_are_terms_or_refused_with_a_hint() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    let labels = serde_json::json!({"background": 0, "Anterior": 1, "posterior_hippocampus": 2});
    let data = decathlon(dir.path(), labels);
    let refused = recognise(&data, &Labels::default())
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("1 (Anterior)") && refused.contains("--label 1=\"anterior hippocampus\""),
        "{refused}"
    );
    let options = fine_tune(&start(dir.path()), &data, &["1=anterior hippocampus"]);
    let prepared = options.prepare().unwrap();
    assert_eq!(prepared.config.mixture[0].kind, Kind::Dense);
    assert_eq!(prepared.config.mixture[0].slices, 8, "small crops");
    assert_eq!(prepared.run().unwrap().summary.steps, 2);
}

#[test]
fn what_cannot_be_learnt_is_refused_and_told() {
    let dir = tempfile::tempdir().unwrap();
    let told = |data: &Path, labels: &[&str]| {
        let labels: Vec<String> = labels.iter().map(|l| (*l).to_owned()).collect();
        let error = Labels::parse(&labels).and_then(|l| recognise(data, &l));
        error.unwrap_err().to_string()
    };
    let empty = dir.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    assert!(told(&empty, &[]).contains("dataset.json of nnU-Net"));
    let data = dir.path().join("discs");
    discs(&data, 3);
    assert!(told(&data, &[]).contains("--label"));
    assert!(told(&data, &["prostate"]).contains("it draws"));
    assert!(told(&data, &["nonsense"]).contains("left ventricle"));
    assert!(told(&dir.path().join("nowhere"), &[]).contains("nowhere"));
}
