use super::*;
use crate::example::{Classes, DatasetId};
use crate::stack::Stack;
use omnimri_findings::{Label, Region, Sequence, Side, Term, TumourClass, grammar::parse};
use omnimri_image::{Acquisition, Plane, Zyx};

fn example(label: Option<Label>, classes: Classes, annotated: &[Label]) -> Example {
    let size = Zyx::new(3, 41, 53);
    let mut voxels: Vec<f32> = (0..size.count()).map(|k| 80.0 + (k % 7) as f32).collect();
    let mut labels = vec![0; size.count()];
    for y in 6..12 {
        for x in 5..11 {
            let k = size.offset(x, y, 1);
            voxels[k] = 200.0;
            labels[k] = label.map_or(0, Label::value);
        }
    }
    Example {
        id: "a".into(),
        dataset: DatasetId::new("made"),
        subject: "s".into(),
        split: Split::Train,
        image: Stack::from_voxels(&voxels, size, Some(Zyx::new(3.0, 1.0, 0.5)), None).unwrap(),
        labels: (!annotated.is_empty()).then_some(labels),
        annotated: annotated.iter().map(|l| Term::from(*l)).collect(),
        boxes: Vec::new(),
        acquisition: Acquisition {
            repetition_time_ms: Some(2000.0),
            field_strength_t: Some(2.8937),
            ..Acquisition::default()
        },
        texts: Vec::new(),
        classes,
        questions: Vec::new(),
    }
}

fn made() -> Vec<Example> {
    let brain = |sequence, tumour| Classes {
        plane: Some(Plane::Axial),
        sequence,
        region: Some(Region::Brain),
        tumour,
        ..Classes::default()
    };
    let tumours = [Label::Glioma, Label::Meningioma, Label::PituitaryTumour];
    let glioma = brain(Some(Sequence::T1Post), Some(TumourClass::Glioma));
    let cine = Classes {
        sequence: Some(Sequence::Cine),
        ..Classes::default()
    };
    vec![
        example(Some(Label::Glioma), glioma, &tumours),
        example(None, brain(None, Some(TumourClass::None)), &tumours),
        example(
            Some(Label::MsLesion),
            brain(Some(Sequence::Flair), None),
            &[Label::MsLesion],
        ),
        example(None, brain(Some(Sequence::T2), None), &[Label::MsLesion]),
        example(
            Some(Label::LeftVentricleCavity),
            cine,
            &[Label::LeftVentricleCavity],
        ),
        example(
            Some(Label::VertebraL2),
            Classes::default(),
            &[Label::VertebraL2],
        ),
        example(None, Classes::default(), &[]),
    ]
}

#[test]
fn every_level_is_told_and_every_sentence_is_read_back() {
    for (k, e) in made().iter().enumerate() {
        for variant in 0..12 {
            let description = describe(e, variant).unwrap();
            let mut levels: Vec<_> = description.sentences.iter().map(|s| s.level).collect();
            assert!(levels.is_sorted(), "{k}");
            levels.dedup();
            assert_eq!(levels, Level::ALL, "{k}: {}", description.text());
            for s in &description.sentences {
                let read: Vec<Fact> = parse(&s.text).into_iter().flat_map(|p| p.facts).collect();
                assert_eq!(read, s.facts, "{k}: {}", s.text);
                assert!(s.text.ends_with('.'));
                assert_ne!(s.origin, Origin::Generated);
                assert!(!s.facts.is_empty(), "{k}: {}", s.text);
            }
            for fact in e.facts().into_iter().chain(e.details()) {
                assert!(description.facts().contains(&fact), "{k}: {fact:?}");
            }
        }
    }
}

#[test]
fn origins_follow_the_facts() {
    let description = describe(&made()[0], 3).unwrap();
    let origin = |level| {
        let of = |s: &&Sentence| s.level == level && !s.facts.is_empty();
        description.sentences.iter().find(of).map(|s| s.origin)
    };
    assert_eq!(origin(Level::Acquisition), Some(Origin::Label));
    let header = |s: &&Sentence| s.origin == Origin::Header;
    assert_eq!(description.sentences.iter().filter(header).count(), 3);
    assert_eq!(origin(Level::Signal), Some(Origin::Measured));
    assert_eq!(origin(Level::Findings), Some(Origin::Measured));
    assert_eq!(origin(Level::Impression), Some(Origin::Label));
    let text = describe(&made()[0], 0).unwrap().text();
    assert!(
        text.contains("53 x 41") && text.contains("0.5 x 1 x 3 mm"),
        "{text}"
    );
    assert!(
        text.contains("a repetition time of 2000 ms and a field strength of 2.89 T"),
        "{text}"
    );
    assert!(text.contains(" mm") && !text.contains("model"), "{text}");
}

struct Model;

impl TextFiller for Model {
    fn name(&self) -> &str {
        "a model"
    }
    fn is_generative(&self) -> bool {
        true
    }
    fn fill(&self, _: &Example, level: Level, _: &[Sentence], _: u64) -> Result<Vec<Sentence>> {
        let sentence = |text: &str| Sentence {
            level,
            origin: Origin::Generated,
            facts: vec![],
            text: text.to_owned(),
            written_by: Some(WrittenBy {
                model: "m".into(),
                prompt: "p".into(),
            }),
        };
        Ok(vec![
            sentence("Something a model thinks."),
            sentence("It lies on the left."),
        ])
    }
}

#[test]
fn what_a_model_wrote_is_no_truth() {
    let mut e = made().swap_remove(6);
    let description = describe_with(&e, &Model, 1).unwrap();
    assert!(description.text().contains("thinks"));
    assert!(!description.truth().contains("thinks"));
    // Not even a filler that lies about itself reaches an example that judges.
    e.split = Split::Val;
    let val = describe_with(&e, &Model, 1).unwrap();
    assert!(!val.text().contains("thinks"));
    assert_eq!(val.text(), describe(&e, 1).unwrap().text());
    struct Liar;
    impl TextFiller for Liar {
        fn name(&self) -> &str {
            "a liar"
        }
        fn fill(&self, e: &Example, l: Level, t: &[Sentence], v: u64) -> Result<Vec<Sentence>> {
            Model.fill(e, l, t, v)
        }
    }
    assert!(
        !describe_with(&e, &Liar, 1)
            .unwrap()
            .text()
            .contains("thinks")
    );
}

#[test]
fn a_flip_changes_sides_and_places_and_nothing_else() {
    for variant in 0..8 {
        let before = describe(&made()[0], variant).unwrap();
        let after = before.flipped(Flip::Horizontal, variant);
        let side = Fact::Location(Side::ImageLeft);
        assert!(before.facts().contains(&side), "{}", before.text());
        assert!(after.facts().contains(&side.flipped(Flip::Horizontal)));
        assert!(!after.facts().contains(&side));
        assert_eq!(before.sentences.len(), after.sentences.len());
        assert_eq!(after.flipped(Flip::Horizontal, variant), before);
    }
    let generated = describe_with(&made()[6], &Model, 1).unwrap();
    let flipped = generated.flipped(Flip::Horizontal, 1).text();
    assert!(flipped.contains("thinks") && !flipped.contains("left"));
}
