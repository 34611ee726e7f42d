use omnimri_findings::{Label, Region, Sequence};
use omnimri_image::{Acquisition, Plane, Zyx};

use super::*;
use crate::example::{Classes, DatasetId, QuestionAnswer, SourceText, Split, TextKind, Writer};
use crate::harmonise::test_images::head;
use crate::stack::Stack;

fn example(k: usize) -> Example {
    let size = Zyx::new(1, 66, 58);
    let mut labels = vec![0; size.count()];
    for y in 20..30 {
        for x in 20..35 {
            labels[size.offset(x, y, 0)] = Label::Glioma.value();
        }
    }
    let spacing = Some(Zyx::new(5.0, 0.9, 0.9));
    Example {
        id: format!("case {k} <script>"),
        dataset: DatasetId::new(if k.is_multiple_of(3) {
            "brain_tumor_t1ce"
        } else {
            "made & up"
        }),
        subject: format!("s{}", k / 2),
        split: if k.is_multiple_of(4) {
            Split::Val
        } else {
            Split::Train
        },
        image: Stack::from_voxels(&head(size, k as u64), size, spacing, None).unwrap(),
        labels: k.is_multiple_of(2).then_some(labels),
        annotated: vec![Label::Glioma.into()],
        boxes: Vec::new(),
        classes: Classes {
            plane: Some(Plane::Axial),
            sequence: Some(Sequence::T1),
            region: Some(Region::Brain),
            ..Classes::default()
        },
        acquisition: Acquisition::default(),
        texts: vec![SourceText {
            kind: TextKind::Report,
            text: "A report | with <b>markup</b> & a line\nbreak.".into(),
            writer: Writer::Person,
            language: "en".into(),
            origin: "column report".into(),
        }],
        questions: vec![QuestionAnswer {
            question: "Which plane?".into(),
            answer: "axial".into(),
            closed: false,
        }],
    }
}

#[test]
fn counts_are_those_of_the_examples() {
    let examples: Vec<Example> = (0..30).map(example).collect();
    let card = card(
        &examples,
        CardOptions {
            samples: 4,
            side: 40,
        },
    );
    assert_eq!(card.n_examples(), 30);
    let d = &card.datasets["brain_tumor_t1ce"];
    assert_eq!((d.examples, d.val, d.outlined), (10, 3, 5));
    assert!(!d.subjects_named && d.notes.iter().any(|n| n.contains("not named")));
    assert_eq!(d.labels["glioma"], (5, 10));
    let other = &card.datasets["made & up"];
    assert!(other.licence.is_empty() && other.subjects_named);
    assert_eq!(card.sequences["T1-weighted"].stated, 30);
    assert_eq!(card.values["characters of an answer"], vec![5.0; 30]);
    assert_eq!(card.values["entropy focus"].len(), 30);
    assert_eq!(card.samples.len(), 8);
}

#[test]
fn the_sheet_does_not_depend_on_the_order() {
    let mut examples: Vec<Example> = (0..30).map(example).collect();
    let options = CardOptions {
        samples: 3,
        side: 40,
    };
    let one = card(&examples, options).samples;
    examples.reverse();
    let other = card(examples, options).samples;
    assert_eq!(one, other);
    assert!(
        one.iter()
            .any(|s| s.labels.iter().any(|(name, _)| name == "glioma"))
    );
    assert!(
        card(std::iter::empty::<Example>(), options)
            .samples
            .is_empty()
    );
}

#[test]
fn both_forms_are_written_and_nothing_in_them_runs_or_loads() {
    let dir = tempfile::tempdir().unwrap();
    let examples = (0..12).map(example);
    card(examples, CardOptions::default())
        .write(dir.path())
        .unwrap();
    let html = std::fs::read_to_string(dir.path().join("card.html")).unwrap();
    assert!(html.contains("data:image/png;base64,") && html.contains("made &amp; up"));
    assert!(!html.contains("<script") && !html.contains("<b>markup"));
    for outside in ["src=\"http", "href=", "url(", "@import"] {
        assert!(!html.contains(outside), "{outside}");
    }
    let markdown = std::fs::read_to_string(dir.path().join("card.md")).unwrap();
    for line in markdown.lines().filter(|l| l.starts_with("![")) {
        let file = line.split(['(', ')']).nth(1).unwrap();
        assert!(dir.path().join(file).is_file(), "{line}");
    }
    assert!(markdown.contains("A report \\| with \\<b\\>markup"));
    let json: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(dir.path().join("card.json")).unwrap())
            .unwrap();
    assert_eq!(json["datasets"]["brain_tumor_t1ce"]["examples"], 4);
}
