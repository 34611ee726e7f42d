//! Descriptions and instructions of the real sets. Without them every test says so and returns.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use omnimri_corpus::instruct::{Instruction, Task, instructions};
use omnimri_corpus::{Example, Level, LoadOptions, Split, describe, find, load_with};
use omnimri_findings::verify::Origin;
use omnimri_findings::{Fact, facts::canonical, grammar::parse};

use crate::real::data;

/// A handful of examples of every set, both splits where there are two; loaded once for all tests.
fn some(test: &str) -> Option<&'static [Example]> {
    static EXAMPLES: OnceLock<Vec<Example>> = OnceLock::new();
    let root = data(test)?;
    Some(EXAMPLES.get_or_init(|| load_some(&root)))
}

fn load_some(root: &Path) -> Vec<Example> {
    let mut out = Vec::new();
    for name in [
        "brain_tumor_t1ce",
        "hippocampus",
        "cardiac_lv",
        "spine_lumbar",
        "ms_brain",
        "glioma_progression",
        "vqa_rad",
    ] {
        let entry = find(name).unwrap();
        let loaded = load_with(entry, &root.join(entry.folder()), &LoadOptions::default()).unwrap();
        let step = (loaded.examples.len() / 20).max(1);
        out.extend(loaded.examples.into_iter().step_by(step));
    }
    out
}

fn facts_of(text: &str) -> Vec<Fact> {
    canonical(
        &parse(text)
            .into_iter()
            .flat_map(|s| s.facts)
            .collect::<Vec<_>>(),
    )
}

#[test]
fn real_descriptions_have_every_level_and_are_read_back() {
    let Some(examples) = some("real_descriptions_have_every_level_and_are_read_back") else {
        return;
    };
    for (k, e) in examples.iter().enumerate() {
        let description = describe(e, k as u64).unwrap();
        let mut levels: Vec<Level> = description.sentences.iter().map(|s| s.level).collect();
        levels.dedup();
        // Where the dataset has texts of its own, nothing is said to be unknown.
        if e.texts.is_empty() && e.questions.is_empty() {
            assert_eq!(levels, Level::ALL, "{}: {}", e.id, description.text());
        }
        for s in &description.sentences {
            assert_eq!(
                facts_of(&s.text),
                canonical(&s.facts),
                "{}: {}",
                e.id,
                s.text
            );
            assert_ne!(s.origin, Origin::Generated);
        }
        let mm = description.text().contains(" mm");
        assert!(!mm || e.image.spacing_mm.is_some() || e.acquisition.slice_thickness_mm.is_some());
    }
}

#[test]
fn real_instructions_are_true_balanced_and_repeatable() {
    let Some(examples) = some("real_instructions_are_true_balanced_and_repeatable") else {
        return;
    };
    let mut tasks: BTreeMap<Task, usize> = BTreeMap::new();
    let mut balance = 0i64;
    for e in examples {
        let made: Vec<Instruction> = instructions(e, 7);
        assert_eq!(made, instructions(e, 7));
        for i in &made {
            *tasks.entry(i.task).or_default() += 1;
            assert_eq!(i.split, e.split);
            if i.task == Task::YesNo {
                balance += if i.turns[0].answer.starts_with("Yes.") {
                    1
                } else {
                    -1
                };
            }
            if i.task != Task::Source && i.masks.is_empty() && i.boxes.is_empty() {
                let said: Vec<Fact> = i.turns.iter().flat_map(|t| facts_of(&t.answer)).collect();
                assert_eq!(canonical(&said), canonical(&i.facts), "{}: {i:?}", e.id);
            }
            for b in &i.boxes {
                assert!(b.upper.x <= e.image.size.x && b.upper.y <= e.image.size.y);
            }
        }
        assert_eq!(balance, 0);
    }
    assert!(tasks.values().all(|n| *n > 10), "{tasks:?}");
    assert_eq!(tasks.len(), Task::ALL.len(), "{tasks:?}");
    assert!(examples.iter().any(|e| e.split == Split::Val));
}

/// Prints samples to be read by a person: `cargo test -p omnimri-corpus --test it -- --ignored --nocapture samples`.
#[test]
#[ignore = "prints samples for a person to read"]
fn samples() {
    let Some(examples) = some("samples") else {
        return;
    };
    let step = (examples.len() / 20).max(1);
    for (k, e) in examples.iter().step_by(step).enumerate() {
        eprintln!("\n=== {} {} ({})", e.dataset, e.id, e.split);
        eprintln!("{}", describe(e, k as u64).unwrap().text());
        for i in instructions(e, k as u64) {
            eprintln!("  [{:?}] {:?}", i.task, i.boxes);
            for t in &i.turns {
                eprintln!("    Q: {}\n    A: {}", t.question, t.answer);
            }
        }
    }
}
