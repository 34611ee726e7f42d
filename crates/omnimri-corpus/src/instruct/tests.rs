use std::collections::BTreeMap;

use omnimri_findings::questions::{BOX_TOKEN, IMG_TOKEN, SEG_TOKEN};
use omnimri_findings::{
    Detail, Flip, Label, Matter, Region, Sequence, Side, TumourClass, grammar::parse,
};
use omnimri_image::{Acquisition, Plane, Zyx};

use super::*;
use crate::example::{Classes, QuestionAnswer, SourceText, TextKind, Writer};
use crate::stack::Stack;

fn term(name: &str) -> Term {
    Term::from_name(name).unwrap()
}

/// An example with blocks of the given terms from left to right.
fn example(
    id: usize,
    classes: Classes,
    there: &[&str],
    looked_for: &[&str],
    deep: bool,
) -> Example {
    let size = if deep {
        Zyx::new(5, 41, 67)
    } else {
        Zyx::new(1, 41, 67)
    };
    let mut voxels: Vec<f32> = (0..size.count())
        .map(|k| 80.0 + (k * (id + 3) % 11) as f32)
        .collect();
    let mut labels = vec![0; size.count()];
    for (n, name) in there.iter().enumerate() {
        let first = 4 + 9 * n + id % 3;
        for z in 0..size.z.div_ceil(2) {
            for y in 6..12 {
                for x in first..first + 6 {
                    let k = size.offset(x, y, z);
                    voxels[k] = 150.0 + 10.0 * n as f32;
                    labels[k] = term(name).value();
                }
            }
        }
    }
    Example {
        id: format!("e{id}"),
        dataset: DatasetId::new("made"),
        subject: format!("s{id}"),
        split: Split::Train,
        image: Stack::from_voxels(&voxels, size, deep.then(|| Zyx::new(3.0, 1.0, 0.5)), None)
            .unwrap(),
        labels: (!looked_for.is_empty()).then_some(labels),
        annotated: looked_for.iter().map(|n| term(n)).collect(),
        boxes: Vec::new(),
        classes: Classes {
            modality_mr: Some(true),
            ..classes
        },
        acquisition: Acquisition::default(),
        texts: Vec::new(),
        questions: Vec::new(),
    }
}

/// Examples of every kind.
fn made() -> Vec<Example> {
    let brain = |plane, sequence, tumour| Classes {
        plane: Some(plane),
        sequence,
        region: Some(Region::Brain),
        tumour,
        ..Classes::default()
    };
    let tumours = ["glioma", "meningioma", "pituitary tumour"];
    let mut out = Vec::new();
    for k in 0..6 {
        let class = TumourClass::ALL[k % 4];
        let there: Vec<&str> = class.label().map(Label::name).into_iter().collect();
        let plane = [Plane::Axial, Plane::Coronal, Plane::Sagittal][k % 3];
        let classes = brain(plane, Some(Sequence::T1Post), Some(class));
        out.push(example(10 * k, classes, &there, &tumours, false));
        let ms: &[&str] = if k % 3 == 0 {
            &["multiple sclerosis lesion"]
        } else {
            &[]
        };
        let classes = brain(Plane::Axial, Some(Sequence::Flair), None);
        out.push(example(
            10 * k + 1,
            classes,
            ms,
            &["multiple sclerosis lesion"],
            false,
        ));
        let cine = Classes {
            sequence: Some(Sequence::Cine),
            region: Some(Region::Heart),
            cardiac: Some(omnimri_findings::CardiacClass::ALL[k % 4]),
            ..Classes::default()
        };
        let lv: &[&str] = if k % 2 == 0 {
            &["left ventricle cavity"]
        } else {
            &[]
        };
        out.push(example(
            10 * k + 2,
            cine,
            lv,
            &["left ventricle cavity"],
            false,
        ));
        let parts = ["anterior hippocampus", "posterior hippocampus"];
        let crop = Classes {
            sequence: Some(Sequence::T1),
            region: Some(Region::Hippocampus),
            ..Classes::default()
        };
        out.push(example(10 * k + 3, crop, &parts, &parts, true));
        let spine = Classes {
            plane: Some(Plane::Sagittal),
            sequence: Some(Sequence::WaterFat),
            region: Some(Region::LumbarSpine),
            ..Classes::default()
        };
        let levels = [
            "vertebral body L1",
            "vertebral body L2",
            "vertebral body L3",
            "vertebral body L4",
        ];
        out.push(example(
            10 * k + 4,
            spine,
            &levels[k % 2..2 + k % 3],
            &levels,
            false,
        ));
        let pairs = [
            "left hippocampus",
            "right thalamus",
            "stroke lesion",
            "cerebral ventricles",
        ];
        let classes = brain(Plane::Axial, Some(Sequence::T2), None);
        let looked = [&pairs[..], &["left thalamus", "lacune"]].concat();
        out.push(example(10 * k + 5, classes, &pairs, &looked, k % 2 == 1));
        let mut bare = example(10 * k + 6, Classes::default(), &[], &[], false);
        bare.classes.modality_mr = None;
        out.push(bare);
    }
    let mut texts = example(100, Classes::default(), &[], &[], false);
    let text = |kind, writer, text: &str| SourceText {
        kind,
        text: text.into(),
        writer,
        language: "en".into(),
        origin: "column text".into(),
    };
    texts.texts = vec![
        text(TextKind::Report, Writer::Person, "A report by a person."),
        text(TextKind::Caption, Writer::Model, "A caption by a model."),
        text(TextKind::History, Writer::Person, "Fell from a horse."),
    ];
    texts.questions = vec![QuestionAnswer {
        question: "Is it so?".into(),
        answer: "yes".into(),
        closed: true,
    }];
    out.push(texts);
    out
}

fn all(seed: u64) -> Vec<(Example, Vec<Instruction>)> {
    made()
        .into_iter()
        .map(|e| {
            let of = instructions(&e, seed);
            (e, of)
        })
        .collect()
}

#[test]
fn every_task_is_made_and_depends_on_seed_and_name_alone() {
    let mut tasks: BTreeMap<Task, usize> = BTreeMap::new();
    let first = all(3);
    for ((e, a), (_, b)) in first.iter().zip(all(3)) {
        assert_eq!(a, &b, "{}", e.id);
        for i in a {
            *tasks.entry(i.task).or_default() += 1;
            assert_eq!((&i.example, i.split), (&e.id, e.split));
            let text = serde_json::to_string(i).unwrap();
            assert_eq!(&serde_json::from_str::<Instruction>(&text).unwrap(), i);
        }
    }
    assert_eq!(tasks.len(), Task::ALL.len(), "{tasks:?}");
    assert_ne!(first[0].1, all(4)[0].1);
}

#[test]
fn answers_say_their_facts_and_nothing_else() {
    for seed in 0..12 {
        for (e, of) in all(seed) {
            let known = Known::of(&e);
            for i in of {
                let answers: Vec<&str> = i.turns.iter().map(|t| t.answer.as_str()).collect();
                let read: Vec<Fact> = answers
                    .iter()
                    .flat_map(|a| parse(a))
                    .flat_map(|s| s.facts)
                    .collect();
                let said = omnimri_findings::facts::canonical(&read);
                let pointing = answers.iter().any(|a| a.contains('<'));
                if !pointing
                    && i.task != Task::Source
                    && !(i.task == Task::Report && i.facts.is_empty())
                {
                    assert_eq!(said, omnimri_findings::facts::canonical(&i.facts), "{i:?}");
                    assert!(!i.facts.is_empty(), "{i:?}");
                } else {
                    assert!(read.is_empty(), "{i:?}");
                }
                for fact in &i.facts {
                    let unknown = matches!(fact, Fact::Detail(Detail::Unknown { of }) if known.unknown.contains(of));
                    assert!(unknown || known.facts.contains(fact), "{fact:?} of {i:?}");
                }
                let unknown = |f: &Fact| matches!(f, Fact::Detail(Detail::Unknown { .. }));
                assert_eq!(i.unanswerable, i.task == Task::Unanswerable);
                assert!(!i.unanswerable || i.facts.iter().all(unknown));
                for turn in &i.turns {
                    assert!(
                        !turn.question.contains(['{', '}']) && !turn.answer.contains(['{', '}'])
                    );
                    assert!(turn.question.len() > 3 || i.task == Task::Source);
                }
                let expected = if i.task == Task::Conversation {
                    3..=5
                } else {
                    1..=1
                };
                assert!(expected.contains(&i.turns.len()), "{i:?}");
                let tokens = |token| {
                    answers
                        .iter()
                        .map(|a| a.matches(token).count())
                        .sum::<usize>()
                };
                assert_eq!(tokens(BOX_TOKEN), i.boxes.len());
                assert_eq!(tokens(SEG_TOKEN), i.masks.len());
                assert_eq!(tokens(IMG_TOKEN), usize::from(i.task == Task::Reconstruct));
                assert!(i.masks.iter().all(|t| e.present().contains(t)));
            }
        }
    }
}

#[test]
fn yes_and_no_are_as_many_over_any_run() {
    for seed in 0..20 {
        let mut balance = 0i64;
        let mut n = 0;
        for (e, of) in all(seed) {
            for i in of.iter().filter(|i| i.task == Task::YesNo) {
                n += 1;
                balance += match i.turns[0].answer.split(' ').next() {
                    Some("Yes.") => 1,
                    Some("No.") => -1,
                    other => panic!("{other:?}"),
                };
            }
            assert_eq!(balance, 0, "{}", e.id);
        }
        assert!(n > 40, "{n}");
    }
    // Both answers are given to the question on the one structure of a set.
    let asked = |word: &str| {
        (0..20).flat_map(all).flat_map(|(_, of)| of).any(|i| {
            let turn = &i.turns[0];
            i.task == Task::YesNo
                && turn.question.contains("left ventricle cavity")
                && turn.answer.starts_with(word)
        })
    };
    assert!(asked("Yes.") && asked("No."));
}

#[test]
fn boxes_hold_their_term_and_nothing_outside_does() {
    for (e, of) in all(1) {
        for i in of.iter().filter(|i| !i.boxes.is_empty()) {
            let size = e.image.size;
            let labels = e.labels.as_ref().unwrap();
            for b in &i.boxes {
                assert!(b.upper.x <= size.x && b.upper.y <= size.y && b.upper.z <= size.z);
                assert!(b.lower.x < b.upper.x && b.lower.y < b.upper.y && b.lower.z < b.upper.z);
            }
            for (k, value) in labels.iter().enumerate() {
                let Some(term) = Term::from_value(*value).filter(|t| t.is_finding()) else {
                    continue;
                };
                let (x, y, z) = (k % size.x, k / size.x % size.y, k / (size.x * size.y));
                let holds = |b: &&TermBox| {
                    b.term == term
                        && (b.lower.x..b.upper.x).contains(&x)
                        && (b.lower.y..b.upper.y).contains(&y)
                        && (b.lower.z..b.upper.z).contains(&z)
                };
                assert_eq!(i.boxes.iter().filter(holds).count(), 1);
            }
        }
    }
}

#[test]
fn a_flip_of_the_pixels_is_a_flip_of_what_is_known() {
    for e in made() {
        let mut mirrored = e.clone();
        let size = e.image.size;
        let flip = |v: &[u8]| -> Vec<u8> {
            v.chunks_exact(size.x)
                .flat_map(|row| row.iter().rev().copied())
                .collect()
        };
        mirrored.image.voxels = flip(&e.image.voxels);
        let rename = |v: u8| Term::from_value(v).map_or(0, |t| t.mirrored().value());
        mirrored.labels = e
            .labels
            .as_ref()
            .map(|l| flip(l).into_iter().map(rename).collect());
        for t in &mut mirrored.annotated {
            *t = t.mirrored();
        }
        mirrored.texts.clear();
        mirrored.questions.clear();
        let (mut a, mut b) = (
            Known::of(&e).flipped(Flip::Horizontal),
            Known::of(&mirrored),
        );
        // Without texts of its own an image has more that is unknown.
        a.unknown.clear();
        b.unknown.clear();
        for known in [&mut a, &mut b] {
            known.present.sort_unstable();
            known.absent.sort_unstable();
            known.boxes.sort_by_key(|x| (x.term, x.lower.x));
        }
        assert_eq!(a, b, "{}", e.id);
        assert_eq!(
            instructions_of(&Known::of(&e).flipped(Flip::Horizontal), 5).len(),
            instructions_of(&Known::of(&e).flipped(Flip::Horizontal), 5).len()
        );
    }
    let e = &made()[7];
    let side = |k: &Known| {
        k.facts.iter().find_map(|f| match f {
            Fact::Location(side) => Some(*side),
            _ => None,
        })
    };
    let known = Known::of(e);
    assert_eq!(side(&known), Some(Side::ImageLeft));
    assert_eq!(
        side(&known.flipped(Flip::Horizontal)),
        Some(Side::ImageRight)
    );
    assert_eq!(known.flipped(Flip::Vertical).flipped(Flip::Vertical), known);
}

#[test]
fn what_a_model_wrote_trains_and_never_judges() {
    let mut e = made().pop().unwrap();
    let model = |of: &[Instruction]| of.iter().filter(|i| i.origin == Origin::Generated).count();
    let train = instructions(&e, 1);
    assert_eq!(model(&train), 1);
    assert!(train.iter().all(|i| i.may_train()));
    assert!(train.iter().any(|i| !i.may_judge()));
    assert!(!train.iter().any(|i| i.turns[0].answer.contains("horse")));
    e.split = Split::Val;
    let val = instructions(&e, 1);
    assert_eq!((val.len(), model(&val)), (train.len() - 1, 0));
    assert!(val.iter().all(|i| i.may_judge() && !i.may_train()));
}

#[test]
fn what_is_known_is_not_asked_as_unknown() {
    let mut e = made().swap_remove(0);
    let unknown = |e: &Example| Known::of(e).unknown;
    assert!(unknown(&e).contains(&Matter::VoxelSize));
    assert!(unknown(&e).contains(&Matter::Term(term("stroke lesion"))));
    assert!(!unknown(&e).contains(&Matter::Term(term("glioma"))));
    assert!(
        !unknown(&e).contains(&Matter::ContrastAgent),
        "its sequence tells"
    );
    assert!(!unknown(&e).contains(&Matter::Plane));
    e.image.spacing_mm = Some(Zyx::new(1.0, 1.0, 1.0));
    e.acquisition.echo_time_ms = Some(30.0);
    e.classes.plane = None;
    let now = unknown(&e);
    assert!(!now.contains(&Matter::VoxelSize) && now.contains(&Matter::Plane));
    assert!(!now.contains(&Matter::Parameter(omnimri_findings::Parameter::EchoTime)));
    // A text may tell what no label does.
    e.questions = made().pop().unwrap().questions;
    assert!(!unknown(&e).contains(&Matter::Age) && !unknown(&e).contains(&Matter::Plane));
}
