//! Whole evaluations of made-up datasets in their published layouts, read by the embedded model.

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use omnimri_corpus::miniature::write_miniature;
use omnimri_corpus::{LoadOptions, Split, find, load_with};
use omnimri_eval::{Error, EvalConfig, Evaluation, Event, ScopeConfig, Set, evaluate, page};
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
        words: false,
        asked: 0,
        scope: None,
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
        let expected = match report.set {
            Set::VqaRad => 0,
            _ => inputs_of(data.path(), report.set),
        };
        assert_eq!(report.inputs, expected, "{:?}", report.set);
        for figure in &report.figures {
            let e = figure.estimate;
            let values = [e.low, e.value, e.high].into_iter().flatten();
            // Distances and errors are no shares.
            let share = !["hausdorff", "volume_error", "report_contradictions"]
                .iter()
                .any(|name| figure.name.starts_with(name));
            assert!(
                values.clone().all(|v| !share || (0.0..=1.0).contains(&v)),
                "{figure:?}"
            );
            assert!(e.groups <= e.n, "{figure:?}");
        }
        let dice = report.figures.iter().find(|f| f.name.starts_with("dice"));
        assert_eq!(dice.is_some(), report.set != Set::VqaRad);
        assert!(dice.is_none_or(|d| d.estimate.value.is_some()));
    }
    assert!(evaluation.rows.iter().any(|r| r.by == "plane"));
    let table = evaluation.to_string();
    let figures: usize = evaluation.sets.iter().map(|s| s.figures.len()).sum();
    let of_sets = |l: &&str| l.contains("| val |") || l.contains("| train |");
    assert_eq!(table.lines().filter(of_sets).count(), figures);
}

/// Images or volumes of a made set's part that is read: its val part, or the only one there is.
fn inputs_of(data: &Path, set: Set) -> usize {
    let entry = find(set.name()).expect("a catalogued set");
    let options = |split| LoadOptions {
        split: Some(split),
        max_side: None,
        max_rejected_share: 0.0,
    };
    let load = |split| {
        let loaded = load_with(entry, &data.join(entry.folder()), &options(split));
        loaded.expect("a set").examples
    };
    match set {
        // Its FLAIR slices alone.
        Set::MsBrain => {
            let all = load(Split::Train).into_iter();
            all.filter(|e| e.id.ends_with("/flair")).count()
        }
        _ => load(Split::Val).len(),
    }
}

#[test]
fn reports_and_answers_are_held_against_the_truth_and_against_nothing() {
    let data = tempfile::tempdir().expect("a temporary folder");
    write(data.path(), Set::Hippocampus);
    let mut config = config(data.path(), &[Set::Hippocampus]);
    config.words = true;
    config.asked = 2;
    let evaluation = run(&config);
    let set = &evaluation.sets[0];
    let value = |name: &str| {
        let figure = set.figures.iter().find(|f| f.name == name);
        figure.unwrap_or_else(|| panic!("{name}")).estimate.value
    };
    assert_eq!(
        value("report_contradictions_of_masks"),
        Some(0.0),
        "{:?}",
        set.contradictions
    );
    assert_eq!(set.contradictions, Vec::<String>::new());
    for name in [
        "report_facts_right",
        "report_facts_right_shuffled",
        "written_same_on_blank",
    ] {
        assert!(value(name).is_some(), "{name}");
    }
    // A blank is refused: nothing is told of it.
    assert_eq!(value("report_facts_right_blank"), Some(0.0));
    assert_eq!(value("report_facts_wrong_noise"), Some(0.0));
}

#[test]
fn a_page_shows_plots_and_cases_and_loads_nothing() {
    let data = tempfile::tempdir().expect("a temporary folder");
    write(data.path(), Set::BrainTumorT1ce);
    let evaluation = run(&config(data.path(), &[Set::BrainTumorT1ce]));
    let html = page(&evaluation, None, engine());
    for word in [
        "<svg",
        "worst cases",
        "data:image/png;base64,",
        "By centre, plane and class",
    ] {
        assert!(html.contains(word), "{word}");
    }
    assert!(
        !html.contains("http://")
            || html.matches("http://").count()
                == html.matches("http://www.w3.org/2000/svg").count()
    );
    assert!(!html.contains("https://") && !html.contains("<script"));
    // Where the data lies is nobody's business.
    assert!(!html.contains(&data.path().display().to_string()));
}

#[test]
fn a_gate_is_fitted_on_the_train_part_and_measured_on_val() {
    let data = tempfile::tempdir().expect("a temporary folder");
    write(data.path(), Set::SpineLumbar);
    let mut config = config(data.path(), &[Set::SpineLumbar]);
    config.scope = Some(ScopeConfig {
        each: 2,
        seed: 5,
        train_each: 2,
        train_seed: 6,
        train_images: 8,
    });
    let evaluation = run(&config);
    let scope = evaluation.scope.as_ref().expect("a report of scope");
    let judged: usize = scope
        .rows
        .iter()
        .filter(|r| !r.in_scope)
        .map(|r| r.refused.n)
        .sum();
    assert_eq!((judged, scope.failed), (18, 0));
    let set = scope.rows.iter().find(|r| r.in_scope).expect("a set");
    assert_eq!((set.name, set.refused.n), ("spine_lumbar", 4));
    assert!(evaluation.trust.gate.is_some() && evaluation.sets.is_empty());
    assert!(
        evaluation
            .to_string()
            .contains("| simulated knee | refused |")
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
