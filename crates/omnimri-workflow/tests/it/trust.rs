//! What was fitted to a checkpoint decides what is said: a class too unsure is kept back, an unlike image refused, an answer that
//! does not rest on the image labelled.

use std::path::Path;

use omnimri_workflow::{Checked, Engine, Gate, Interpretation, Odds, Temperature, Trust, Wording};

use crate::engine::outlining;
use crate::head::head;

/// The outlining engine's checkpoint with `change` made to what is fitted to it.
fn with(folder: &Path, change: impl FnOnce(&mut Trust)) -> Engine {
    let dir = folder.join("outlining");
    let engine = Engine::from_dir(&dir).unwrap();
    let mut trust = engine.trust().clone();
    change(&mut trust);
    trust.write(&dir).unwrap();
    Engine::from_dir(&dir).unwrap()
}

fn read(engine: &Engine) -> Interpretation {
    let volume = head(1, 112);
    engine
        .interpret_volume(&volume, Path::new("head"), Wording::Decoded)
        .unwrap()
}

#[test]
fn an_unsure_class_is_kept_back_and_an_unlike_image_refused() {
    let dir = tempfile::tempdir().unwrap();
    let volume = head(1, 112);
    let plain = outlining(dir.path(), &volume);
    let sure = read(&plain);
    assert_eq!(sure.status["diagnosis"].state.name(), "answered");
    let class = sure.diagnosis[0].label.as_str();
    assert!(sure.report.text.contains(class), "{}", sure.report.text);

    let engine = with(dir.path(), |trust| {
        trust.diagnosis = Some(Temperature {
            temperature: 20.0,
            abstain_below: 0.9,
            n: 1,
        });
    });
    let unsure = read(&engine);
    let status = &unsure.status["diagnosis"];
    assert_eq!(status.state.name(), "abstained");
    assert!(status.reason.starts_with("Undecided"), "{}", status.reason);
    // Neither sentence nor outline names what is not given; the alternatives stay, best first.
    assert!(
        !unsure.report.text.contains(class),
        "{}",
        unsure.report.text
    );
    assert!(
        unsure.report.text.contains("outlined lesion"),
        "{}",
        unsure.report.text
    );
    assert_eq!(unsure.diagnosis[0].label, class);
    assert!(unsure.diagnosis[0].probability < sure.diagnosis[0].probability);
    assert_eq!(unsure.labels, sure.labels);

    let engine = with(dir.path(), |trust| {
        trust.diagnosis = None;
        trust.findings = Some(Odds {
            scale: 0.0,
            shift: -3f64.ln(),
            unsure_below: 0.9,
            n: 1,
        });
    });
    let found = read(&engine);
    assert!((found.findings[0].probability - 0.25).abs() < 1e-9);
    let told = |said: &Interpretation| {
        said.warnings
            .iter()
            .any(|w| w.starts_with("Unsure finding"))
    };
    assert!(told(&found) && !told(&sure), "{:?}", found.warnings);

    let sight = plain.sight(&volume, Path::new("head")).unwrap();
    let engine = with(dir.path(), |trust| {
        trust.gate = Some(Gate {
            weights: vec![0.0; sight.features.len()],
            bias: -1.0,
            least: 0.0,
            n_in: 1,
            n_out: 1,
        });
    });
    let refused = read(&engine);
    assert!(refused.is_out_of_scope() && refused.labels.is_none());
    assert!(
        refused.warnings[0].contains("unlike"),
        "{:?}",
        refused.warnings
    );
}

#[test]
fn an_answer_that_is_the_same_for_nothing_is_labelled() {
    let dir = tempfile::tempdir().unwrap();
    let volume = head(1, 112);
    let engine = outlining(dir.path(), &volume);
    let path = Path::new("head");
    let looked = engine.look_at_volume(&volume, path).unwrap();

    for question in [
        "Was the patient afraid?",
        "Who wrote this?",
        "Is the table warm?",
        "Does it hurt?",
    ] {
        let reply = engine.ask(&looked, question, path).unwrap();
        let said = engine.said(&looked, question, path).unwrap().text;
        let nothing = engine.said_of_nothing(question).unwrap();
        let same = nothing.iter().all(|n| *n == reply.text);
        match reply.checked {
            Checked::Independent => {
                assert!(same, "{question}: {said}, of nothing {nothing:?}");
                let note = reply.checked.note().unwrap();
                assert!(note.contains("Not seen in this image"), "{note}");
            }
            Checked::Unchecked => assert!(!same && reply.checked.note().is_none(), "{said}"),
            // A finding that was not found.
            Checked::Replaced { .. } => {}
            other => panic!("{question}: {other:?}"),
        }
    }
    // Equal words for nothing are equal on every call.
    let again = engine.said_of_nothing("Does it hurt?").unwrap();
    assert_eq!(again, engine.said_of_nothing("Does it hurt?").unwrap());
}
