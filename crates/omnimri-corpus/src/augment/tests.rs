use omnimri_findings::{Extent, Fact, Label, Region, Side, Term};
use omnimri_image::{Plane, Zyx};

use super::*;
use crate::example::{Classes, DatasetId, Example, LabelBox, QuestionAnswer, Split};
use crate::stack::Stack;

const H: usize = 60;
const W: usize = 52;

/// A disc off the middle, labelled and boxed, with a different neighbour in every channel.
fn slice(label: Label, mirror: bool) -> Slice {
    let inside = |i: usize| {
        let (y, x) = ((i / W) as f32, (i % W) as f32);
        (y - 22.0).hypot(x - 15.0) < 7.0
    };
    let image = (0..H * W)
        .flat_map(|i| {
            let v = if inside(i) {
                0.7
            } else {
                -0.6 + 0.004 * (i % W) as f32
            };
            [v - 0.1, v, v + 0.1]
        })
        .collect();
    Slice {
        image,
        height: H,
        width: W,
        channels: 3,
        labels: Some(
            (0..H * W)
                .map(|i| if inside(i) { label.value() } else { 0 })
                .collect(),
        ),
        boxes: vec![PixelBox {
            label: label.into(),
            y0: 16,
            x0: 9,
            y1: 29,
            x1: 22,
        }],
        facts: vec![Fact::Extent(Extent::Large), Fact::Location(Side::ImageLeft)],
        mirror,
    }
}

/// The box around the label's own pixels.
fn bounds(slice: &Slice) -> [usize; 4] {
    let mut b = [usize::MAX, usize::MAX, 0, 0];
    for (i, v) in slice.labels.as_ref().unwrap().iter().enumerate() {
        if *v > 0 {
            let (y, x) = (i / W, i % W);
            b = [b[0].min(y), b[1].min(x), b[2].max(y + 1), b[3].max(x + 1)];
        }
    }
    b
}

#[test]
fn every_transform_changes_the_image_reproducibly_and_in_range() {
    let source = slice(Label::Glioma, true);
    for transform in Transform::ALL {
        let recipe = Recipe::only(transform, 1.0);
        let a = recipe.apply(&source, 11);
        assert_ne!(a.image, source.image, "{transform:?}");
        assert_eq!(a, recipe.apply(&source, 11), "{transform:?}");
        assert!(
            a.image.iter().all(|v| (-1.21..=2.21).contains(v)),
            "{transform:?}"
        );
        let none = Recipe::only(transform, 0.0).apply(&source, 11);
        assert_eq!(none, source, "{transform:?}");
        if transform != Transform::Mirror {
            assert_ne!(a.image, recipe.apply(&source, 12).image, "{transform:?}");
        }
    }
}

#[test]
fn strength_grows_the_change() {
    let source = slice(Label::Glioma, false);
    let change = |transform, strength| -> f32 {
        (0..8)
            .map(|seed| {
                let a = Recipe::only(transform, strength).apply(&source, seed);
                let d = a
                    .image
                    .iter()
                    .zip(&source.image)
                    .map(|(a, b)| (a - b).abs());
                d.sum::<f32>()
            })
            .sum()
    };
    for transform in Transform::ALL {
        if transform != Transform::Mirror {
            assert!(
                change(transform, 1.0) > 1.2 * change(transform, 0.3),
                "{transform:?}"
            );
        }
    }
}

#[test]
fn labels_and_boxes_follow_the_geometry() {
    let source = slice(Label::Glioma, true);
    for transform in [Transform::Affine, Transform::Elastic, Transform::Mirror] {
        for seed in 0..6 {
            let a = Recipe::only(transform, 1.0).apply(&source, seed);
            let b = a.boxes[0];
            let found = bounds(&a);
            let given = [b.y0, b.x0, b.y1, b.x1];
            // A turned box is a little larger than the box of the turned disc.
            for (g, f) in given.iter().zip(found) {
                assert!(g.abs_diff(f) <= 4, "{transform:?} {given:?} {found:?}");
            }
            // Where the label is, the image is bright.
            for (i, v) in a.labels.as_ref().unwrap().iter().enumerate() {
                let (y, x) = (i / W, i % W);
                let inner =
                    y > found[0] + 3 && y + 4 < found[2] && x > found[1] + 3 && x + 4 < found[3];
                if *v > 0 && inner {
                    assert!(a.image[i * 3 + 1] > 0.3, "{transform:?}");
                }
            }
        }
    }
}

#[test]
fn a_mirror_image_is_exact_and_rewrites_sides() {
    let source = slice(Label::Glioma, true);
    let a = Recipe::only(Transform::Mirror, 1.0).apply(&source, 0);
    for y in 0..H {
        for x in 0..W * 3 {
            let (column, channel) = (x / 3, x % 3);
            let from = (y * W + W - 1 - column) * 3 + channel;
            assert_eq!(a.image[y * W * 3 + x], source.image[from]);
        }
    }
    assert_eq!(a.boxes[0].x0, W - 22);
    assert_eq!(a.boxes[0].x1, W - 9);
    assert!(a.facts.contains(&Fact::Location(Side::ImageRight)));
    let twice = Recipe::only(Transform::Mirror, 1.0).apply(&a, 0);
    assert_eq!(twice, source);
}

#[test]
fn a_mirror_image_is_refused_where_sides_differ() {
    let heart = slice(Label::LeftVentricleCavity, true);
    let recipe = Recipe::only(Transform::Mirror, 1.0);
    assert_eq!(recipe.apply(&heart, 0), heart);
    let forbidden = slice(Label::Glioma, false);
    assert_eq!(recipe.apply(&forbidden, 0), forbidden);
}

#[test]
fn a_batch_does_not_depend_on_threads() {
    let slices: Vec<Slice> = (0..5).map(|_| slice(Label::Glioma, true)).collect();
    let many = Recipe::training().apply_all(&slices, 7);
    let one = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap()
        .install(|| Recipe::training().apply_all(&slices, 7));
    assert_eq!(many, one);
    assert_ne!(many[0].image, many[1].image);
}

#[test]
fn a_recipe_survives_json_and_a_broken_slice_comes_back() {
    let recipe = Recipe::training();
    let text = serde_json::to_string(&recipe).unwrap();
    assert_eq!(serde_json::from_str::<Recipe>(&text).unwrap(), recipe);
    let broken = Slice {
        height: 3,
        ..slice(Label::Glioma, true)
    };
    assert_eq!(recipe.apply(&broken, 1), broken);
}

#[test]
fn terms_are_mirrored_by_name() {
    let term = |name: &str| Term::from_name(name).unwrap();
    assert_eq!(
        mirrored_term(term("left putamen")),
        Some(term("right putamen"))
    );
    assert_eq!(mirrored_term(term("thalamus")), Some(term("thalamus")));
    assert_eq!(mirrored_term(term("left atrium")), None);
    assert_eq!(mirrored_term(Label::LeftVentricleCavity.into()), None);
    // Twice is once.
    for t in Term::all() {
        if let Some(m) = mirrored_term(t) {
            assert_eq!(mirrored_term(m), Some(t), "{t}");
        }
    }
}

#[test]
fn words_of_sides_are_exchanged_where_that_is_sure() {
    for (text, mirrored) in [
        (
            "A mass in the left frontal lobe.",
            "A mass in the right frontal lobe.",
        ),
        (
            "Right-sided, LEFT of the midline",
            "Left-sided, RIGHT of the midline",
        ),
        (
            "Is the lesion on the left or right?",
            "Is the lesion on the right or left?",
        ),
        ("No lesion.", "No lesion."),
    ] {
        assert_eq!(mirrored_words(text).as_deref(), Some(mirrored), "{text}");
    }
    for text in [
        "The left ventricle is dilated",
        "L frontal lesion",
        "levoscoliosis of the lumbar spine",
        "all right",
        "a leftward shift",
        "right-handed patient",
    ] {
        assert_eq!(mirrored_words(text), None, "{text}");
    }
}

fn example(region: Region, plane: Plane) -> Example {
    let size = Zyx::new(1, 4, 6);
    let voxels: Vec<f32> = (0..24).map(|v| v as f32).collect();
    let putamen = Term::from_name("left putamen").unwrap();
    let mut labels = vec![0; 24];
    labels[7] = putamen.value();
    Example {
        id: "a".into(),
        dataset: DatasetId::new("made"),
        subject: "s".into(),
        split: Split::Train,
        image: Stack::from_voxels(&voxels, size, None, None).unwrap(),
        labels: Some(labels),
        annotated: vec![putamen],
        boxes: vec![LabelBox {
            label: putamen,
            lower: Zyx::new(0.0, 0.25, 1.0 / 6.0),
            upper: Zyx::new(1.0, 0.5, 2.0 / 6.0),
        }],
        classes: Classes {
            plane: Some(plane),
            region: Some(region),
            ..Classes::default()
        },
        acquisition: omnimri_image::Acquisition::default(),
        texts: Vec::new(),
        questions: vec![QuestionAnswer {
            question: "On which side?".into(),
            answer: "left".into(),
            closed: true,
        }],
    }
}

#[test]
fn an_example_is_mirrored_with_all_that_is_known_of_it() {
    let source = example(Region::Brain, Plane::Axial);
    let a = mirror_example(&source).unwrap();
    let right = Term::from_name("right putamen").unwrap();
    assert_eq!(a.labels.as_ref().unwrap()[10], right.value());
    assert_eq!(a.annotated, [right]);
    assert!((a.boxes[0].lower.x - 4.0 / 6.0).abs() < 1e-12);
    assert_eq!(a.boxes[0].label, right);
    assert_eq!(a.questions[0].answer, "right");
    assert_eq!(mirror_example(&a).unwrap().labels, source.labels);
    for (region, plane) in [
        (Region::Heart, Plane::Axial),
        (Region::Brain, Plane::Sagittal),
        (Region::LumbarSpine, Plane::Sagittal),
    ] {
        assert!(mirror_example(&example(region, plane)).is_err());
    }
    let mut unsure = example(Region::Brain, Plane::Axial);
    unsure.questions[0].answer = "L > R".into();
    assert!(matches!(
        mirror_example(&unsure),
        Err(MirrorError::Text { .. })
    ));
}
