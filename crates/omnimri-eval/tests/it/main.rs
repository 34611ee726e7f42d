//! Whole evaluations of made-up datasets in their published layouts, read by the embedded model.

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use omnimri_corpus::miniature::write_miniature;
use omnimri_corpus::{Split, find};
use omnimri_eval::{Error, EvalConfig, Evaluation, Event, Set, evaluate};
use omnimri_workflow::Engine;

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::embedded().expect("an embedded model"))
}

fn write(data: &Path, set: Set) {
    let entry = find(set.name()).expect("a catalogued set");
    write_miniature(entry, &data.join(entry.folder())).expect("a miniature");
}

fn config(data: &Path, sets: &[Set]) -> EvalConfig {
    EvalConfig {
        data: data.to_owned(),
        split: Split::Val,
        sets: sets.to_vec(),
        limit: None,
        seed: 3,
        draws: 50,
    }
}

fn run(config: &EvalConfig) -> Evaluation {
    evaluate(engine(), config, &|_| {}).expect("an evaluation")
}

#[test]
fn every_set_gets_its_figures() {
    let data = tempfile::tempdir().expect("a temporary folder");
    for set in Set::ALL {
        write(data.path(), set);
    }
    let config = config(data.path(), &Set::ALL);
    let done = AtomicUsize::new(0);
    let evaluation = evaluate(engine(), &config, &|event| {
        if matches!(event, Event::Input) {
            done.fetch_add(1, Ordering::Relaxed);
        }
    })
    .expect("an evaluation");
    assert_eq!(evaluation.model.sha256, engine().model_info().sha256);
    let inputs: usize = evaluation.sets.iter().map(|s| s.inputs).sum();
    assert_eq!(done.into_inner(), inputs);
    for report in &evaluation.sets {
        assert!(report.failed.is_empty(), "{:?}", report.failed);
        // Two subjects of two rows are val; the questions of a made-up set are about CT, which is not asked about.
        let expected = if report.set == Set::VqaRad { 0 } else { 4 };
        assert_eq!(report.inputs, expected, "{:?}", report.set);
        for figure in &report.figures {
            let e = figure.estimate;
            let values = [e.low, e.value, e.high].into_iter().flatten();
            // Distances and errors are no shares.
            let share = !["hausdorff", "volume_error"]
                .iter()
                .any(|name| figure.name.starts_with(name));
            assert!(
                values.clone().all(|v| !share || (0.0..=1.0).contains(&v)),
                "{figure:?}"
            );
            assert!(e.groups <= e.n, "{figure:?}");
        }
        let dice = report.figures.iter().find(|f| f.name == "dice");
        assert_eq!(dice.is_some(), report.set != Set::VqaRad);
        assert!(dice.is_none_or(|d| d.estimate.value.is_some()));
    }
    let table = evaluation.to_string();
    assert_eq!(
        table.lines().filter(|l| l.contains("| val |")).count(),
        22 + 7 + 5 + 2 + 3
    );
}

#[test]
fn equal_seeds_give_equal_tables_and_limits_hold() {
    let data = tempfile::tempdir().expect("a temporary folder");
    write(data.path(), Set::SpineLumbar);
    let mut config = config(data.path(), &[Set::SpineLumbar]);
    assert_eq!(run(&config), run(&config));
    config.limit = Some(3);
    assert_eq!(run(&config).sets[0].inputs, 3);
    config.split = Split::Train;
    config.limit = None;
    assert_eq!(run(&config).sets[0].inputs, 8);
}

#[test]
fn a_set_that_is_not_whole_is_refused() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let config = config(data.path(), &[Set::CardiacLv]);
    let fails = || evaluate(engine(), &config, &|_| {}).expect_err("an error");
    assert!(matches!(fails(), Error::Corpus(_)));
    write(data.path(), Set::CardiacLv);
    let images = data.path().join("cardiac_lv/images");
    for image in std::fs::read_dir(&images).expect("the images") {
        std::fs::write(image.expect("an image").path(), b"broken").expect("a broken file");
    }
    let error = fails().to_string();
    assert!(error.contains("rejected"), "{error}");
}
