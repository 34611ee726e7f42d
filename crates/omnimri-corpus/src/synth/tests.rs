use omnimri_findings::{Label, Region, Sequence, Term, TumourClass};
use omnimri_image::{Plane, Zyx};
use omnimri_recon::simulate::pathology::PathologyKind;
use omnimri_recon::simulate::{Cut, HeadSpec, render, slice};

use super::*;
use crate::example::Classes;
use crate::stack::Stack;

const TASKS: [PhantomTask; 5] = [
    PhantomTask::Head,
    PhantomTask::Lesion(PathologyKind::Plaques),
    PhantomTask::Hippocampus,
    PhantomTask::Heart,
    PhantomTask::Spine,
];

#[test]
fn phantoms_carry_the_labels_of_their_task() {
    for (task, label) in [
        (PhantomTask::Hippocampus, Label::AnteriorHippocampus),
        (PhantomTask::Hippocampus, Label::PosteriorHippocampus),
        (PhantomTask::Heart, Label::LeftVentricleCavity),
        (PhantomTask::Spine, Label::VertebraL3),
        (PhantomTask::Lesion(PathologyKind::Plaques), Label::MsLesion),
    ] {
        let e = phantom_example(task, 4).unwrap();
        let n = e
            .label_counts()
            .iter()
            .find(|(t, _)| *t == label)
            .unwrap()
            .1;
        assert!(n > 10, "{task:?} {label}: {n}");
        assert_eq!(e.split, Split::Train);
        assert_eq!(e, phantom_example(task, 4).unwrap());
        // Every value on the map is a term that was looked for.
        let labels = e.labels.as_ref().unwrap();
        for value in 1..=u8::MAX {
            let known = e.annotated.iter().any(|t| t.value() == value);
            assert!(known || !labels.contains(&value), "{task:?} {value}");
        }
    }
    let head = phantom_example(PhantomTask::Head, 1).unwrap();
    let left = Term::from_name("left putamen").unwrap();
    assert!(head.annotated.contains(&left));
}

#[test]
fn a_head_shows_the_tumour_that_it_names() {
    let mut with = 0;
    for seed in 0..8 {
        let e = phantom_example(PhantomTask::Head, seed).unwrap();
        let label = e.classes.tumour.unwrap().label();
        let labels = e.labels.as_ref().unwrap();
        for class in TumourClass::ALL {
            if let Some(l) = class.label() {
                assert_eq!(labels.contains(&l.value()), label == Some(l), "{seed}");
            }
        }
        with += usize::from(label.is_some());
    }
    assert!((2..8).contains(&with), "{with}");
}

#[test]
fn a_synthesis_keeps_labels_and_drops_what_was_said_of_the_contrast() {
    for task in TASKS {
        let source = phantom_example(task, 3).unwrap();
        let made = synthesise(&source, &SynthOptions::default(), 9).unwrap();
        assert_eq!(
            made,
            synthesise(&source, &SynthOptions::default(), 9).unwrap()
        );
        assert_ne!(made.image.voxels, source.image.voxels);
        assert_eq!(made.classes.region, source.classes.region);
        assert_eq!((made.classes.sequence, made.classes.cardiac), (None, None));
        assert_eq!(
            (&made.dataset, &made.subject),
            (&source.dataset, &source.subject)
        );
        for ((term, a), (_, b)) in source.label_counts().iter().zip(made.label_counts()) {
            // Large structures stay about as large, and no new ones come.
            if *a > 400 {
                let ratio = b as f32 / *a as f32;
                assert!((0.4..2.2).contains(&ratio), "{task:?} {term} {ratio}");
            }
            assert!(*a > 0 || b == 0);
        }
    }
}

#[test]
fn a_synthesis_does_not_depend_on_threads() {
    let source = phantom_example(PhantomTask::Hippocampus, 2).unwrap();
    let o = SynthOptions {
        artefact: 1.0,
        ..SynthOptions::default()
    };
    let many = synthesise(&source, &o, 5).unwrap();
    let one = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap()
        .install(|| synthesise(&source, &o, 5).unwrap());
    assert_eq!(many, one);
}

#[test]
fn compartments_get_contrasts_of_their_own() {
    // Two labels and two clusters of the rest, without any blur: four grey levels and their noise.
    let source = phantom_example(PhantomTask::Spine, 6).unwrap();
    let made = synthesise(&source, &SynthOptions::default(), 3).unwrap();
    let labels = made.labels.as_ref().unwrap();
    let mean = |value: u8| {
        let of: Vec<f32> = labels
            .iter()
            .zip(&made.image.voxels)
            .filter(|(l, _)| **l == value)
            .map(|(_, v)| f32::from(*v))
            .collect();
        of.iter().sum::<f32>() / of.len().max(1) as f32
    };
    let levels: Vec<f32> = [Label::VertebraL2, Label::VertebraL3, Label::VertebraL4]
        .map(|l| mean(l.value()))
        .to_vec();
    let spread = levels.iter().copied().fold(f32::MIN, f32::max)
        - levels.iter().copied().fold(f32::MAX, f32::min);
    // In a real image all vertebrae are alike; here each has drawn its own.
    assert!(spread > 8.0, "{levels:?}");
}

#[test]
fn both_sides_of_a_structure_look_alike() {
    let mut source = phantom_example(PhantomTask::Head, 1).unwrap();
    let o = SynthOptions {
        bias: 0.0,
        artefact: 0.0,
        ..SynthOptions::default()
    };
    // One structure on both sides and nothing else.
    let [left, right] =
        ["left thalamus", "right thalamus"].map(|name| Term::from_name(name).unwrap().value());
    let w = source.image.size.x;
    source.labels = Some(
        (0..source.image.voxels.len())
            .map(|i| match (i / w, i % w) {
                (80..110, 60..85) => right,
                (80..110, 105..130) => left,
                _ => 0,
            })
            .collect(),
    );
    for seed in 0..4 {
        let made = synthesise(&source, &o, seed).unwrap();
        let mean = |value: u8| {
            let of: Vec<f32> = made
                .labels
                .iter()
                .flatten()
                .zip(&made.image.voxels)
                .filter(|(l, _)| **l == value)
                .map(|(_, v)| f32::from(*v))
                .collect();
            of.iter().sum::<f32>() / of.len() as f32
        };
        let (a, b) = (mean(left), mean(right));
        assert!((a - b).abs() < 0.08 * a.max(b) + 6.0, "{a} {b}");
    }
}

#[test]
fn validation_examples_and_examples_without_labels_are_refused() {
    let mut source = phantom_example(PhantomTask::Heart, 1).unwrap();
    source.split = Split::Val;
    assert!(synthesise(&source, &SynthOptions::default(), 0).is_err());
    assert!(paste_lesion(&source, PathologyKind::Mass, 0).is_err());
    source.split = Split::Train;
    source.labels = None;
    assert!(synthesise(&source, &SynthOptions::default(), 0).is_err());
}

/// A healthy head of a known sequence.
fn healthy(sequence: Sequence) -> Example {
    let spec = HeadSpec::average(3);
    let n = 144;
    let phantom = slice(&spec, Cut::axial(12.0, 1.45), n, n).unwrap();
    let voxels = render(&phantom, &physics(sequence).unwrap());
    let spacing = Zyx::new(1.0, 1.45, 1.45);
    let image = Stack::from_voxels(&voxels, Zyx::new(1, n, n), Some(spacing), None);
    Example {
        image: image.unwrap(),
        labels: None,
        annotated: [Label::Glioma, Label::MsLesion].map(Term::from).to_vec(),
        classes: Classes {
            plane: Some(Plane::Axial),
            sequence: Some(sequence),
            region: Some(Region::Brain),
            tumour: Some(TumourClass::None),
            ..Classes::default()
        },
        ..phantom_example(PhantomTask::Heart, 1).unwrap()
    }
}

#[test]
fn lesions_are_as_bright_as_their_sequence_makes_them() {
    for (sequence, kind, brighter) in [
        (Sequence::Flair, PathologyKind::Plaques, true),
        (Sequence::T1Post, PathologyKind::Mass, true),
        (Sequence::T1, PathologyKind::Infarct, false),
    ] {
        let source = healthy(sequence);
        let (mut inside, mut before, mut n) = (0.0, 0.0, 0);
        for seed in 0..6 {
            let Some(e) = paste_lesion(&source, kind, seed).unwrap() else {
                continue;
            };
            let b = e.boxes.last().unwrap();
            let labels = e.labels.as_ref().unwrap();
            let w = e.image.size.x;
            for i in (0..labels.len()).filter(|i| labels[*i] == b.label.value()) {
                let (y, x) = ((i / w) as f64 + 0.5, (i % w) as f64 + 0.5);
                let (h, w) = (e.image.size.y as f64, w as f64);
                assert!(y / h > b.lower.y && y / h < b.upper.y);
                assert!(x / w > b.lower.x && x / w < b.upper.x);
                inside += e.image.intensity(e.image.voxels[i]);
                before += f32::from(source.image.voxels[i]) / 255.0;
                n += 1;
            }
            assert!(e.annotated.contains(&b.label));
        }
        assert!(n > 50, "{sequence:?} {kind:?}");
        let ratio = inside / before;
        assert!(
            if brighter { ratio > 1.15 } else { ratio < 0.95 },
            "{sequence:?} {kind:?} {ratio}"
        );
    }
}

#[test]
fn lesions_are_refused_where_they_cannot_be_truth() {
    let refused = |e: &Example| paste_lesion(e, PathologyKind::Mass, 1).is_err();
    let good = healthy(Sequence::Flair);
    assert!(!refused(&good));
    let mut e = good.clone();
    e.classes.sequence = None;
    assert!(refused(&e));
    let mut e = good.clone();
    e.classes.region = Some(Region::Heart);
    assert!(refused(&e));
    let mut e = good.clone();
    e.classes.tumour = Some(TumourClass::Glioma);
    assert!(refused(&e));
    let mut e = good.clone();
    e.classes.tumour = None;
    e.annotated.clear();
    assert!(refused(&e));
    // An empty image has no room.
    let mut e = good.clone();
    let size = Zyx::new(1, 64, 64);
    e.image = Stack::from_voxels(&vec![0.0; 64 * 64], size, None, None).unwrap();
    e.labels = None;
    assert_eq!(paste_lesion(&e, PathologyKind::Mass, 1).unwrap(), None);
}
