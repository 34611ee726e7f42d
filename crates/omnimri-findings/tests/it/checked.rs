//! What a language model wrote, checked against evidence.

use omnimri_findings::facts::{self, all_facts};
use omnimri_findings::*;
use omnimri_image::Plane;

fn evidence() -> Evidence {
    Evidence {
        plane: Some((Plane::Axial, Source::Header)),
        sequence: Some((Sequence::T1Post, Source::Model)),
        region: Some((Region::Brain, Source::Model)),
        tumour: vec![(TumourClass::None, 0.02), (TumourClass::Glioma, 0.93)],
        findings: vec![Finding {
            label: Label::Glioma,
            value: Some(9),
            probability: 0.93,
            bbox: vec![10, 20, 30, 41],
            area_px: Some(300),
            volume_ml: None,
            diameter_mm: Some(24.04),
            location: Some(Side::ImageLeft),
        }],
        extent: Some(Extent::Medium),
        signal: Some(Signal::EnhancingMass),
        ..Evidence::default()
    }
}

#[test]
fn a_right_report_is_kept_as_it_is() {
    let truth = evidence();
    for variant in 0..20 {
        let statements = parse(&report_text(&truth.facts(), variant));
        let report = check(&statements, &truth, 0);
        let generated = report
            .claims
            .iter()
            .filter(|c| c.origin == Origin::Generated);
        assert_eq!(generated.count(), statements.len());
        assert!(
            report
                .claims
                .iter()
                .all(|c| c.verified == Verified::Confirmed && c.in_report)
        );
        assert!(report.text.contains("measures 24.0 mm"), "{}", report.text);
    }
}

#[test]
fn a_wrong_sentence_is_replaced_and_kept_on_record() {
    let truth = evidence();
    let text = "Technique: A coronal MR image of the brain. Findings: There is a lesion on the \
                image right. Fluid is hypointense. Fluid is hyperintense. Impression: A \
                meningioma is the most likely of the classes this model knows.";
    let report = check(&parse(text), &truth, 3);
    assert_eq!(
        all_facts(&parse(&report.text)),
        facts::canonical(&truth.facts())
    );
    let out: Vec<_> = report.claims.iter().filter(|c| !c.in_report).collect();
    // What a sequence typically shows was not seen: it goes too, though nothing speaks against it.
    let of = |verified| out.iter().filter(|c| c.verified == verified).count();
    assert_eq!(
        (of(Verified::Contradicted), of(Verified::Unsupported)),
        (4, 1),
        "{out:?}"
    );
    assert!(!report.text.contains("meningioma") && !report.text.contains("coronal"));
    assert_eq!(report.sections.last().unwrap().0, Section::Impression);
    assert!(
        report
            .claims
            .iter()
            .any(|c| c.evidence.contains("class head: glioma 93%"))
    );
}

#[test]
fn nonsense_and_repetition_are_taken_out() {
    let truth = evidence();
    let text = "Findings: glioma the the normal. There is a lesion on the image left. There is a \
                lesion on the image left.";
    let report = check(&parse(text), &truth, 1);
    assert!(!report.text.contains("normal"));
    assert_eq!(report.text.matches("on the image left").count(), 1);
    assert_eq!(report.claims.iter().filter(|c| !c.in_report).count(), 1);
}

#[test]
fn without_evidence_nothing_is_asserted() {
    let statements =
        parse("Impression: A glioma is the most likely of the classes this model knows.");
    let report = check(&statements, &Evidence::default(), 0);
    assert_eq!(report.sections.len(), 1);
    assert!(!report.text.contains("glioma"), "{}", report.text);
    assert_eq!(
        verify(&statements, &Evidence::default())[0].verified,
        Verified::Unsupported
    );
}

#[test]
fn a_mask_without_a_tumour_class_is_not_described() {
    let mut truth = evidence();
    truth.tumour = vec![(TumourClass::None, 0.9), (TumourClass::Glioma, 0.1)];
    let report = check(
        &parse("Findings: There is a lesion on the image left."),
        &truth,
        0,
    );
    assert!(!report.text.contains("image left") && !report.text.contains("measures"));
    assert!(
        report.text.to_lowercase().contains("no "),
        "{}",
        report.text
    );
}

#[test]
fn anatomy_is_measured() {
    let entry = |label: Label, ml| AnatomyEntry {
        label,
        value: label.value(),
        area_px: None,
        volume_ml: Some(ml),
        file: "segmentation.nii.gz".into(),
    };
    let truth = Evidence {
        region: Some((Region::Hippocampus, Source::Model)),
        structures: vec![
            entry(Label::AnteriorHippocampus, 1.234),
            entry(Label::PosteriorHippocampus, 1.5),
        ],
        ..Evidence::default()
    };
    let report = check(&[], &truth, 2);
    assert!(
        report.text.contains(
            "Measured volumes: anterior hippocampus 1.23 mL, posterior hippocampus 1.50 mL."
        ),
        "{}",
        report.text
    );
    assert!(
        report
            .claims
            .iter()
            .all(|c| c.verified == Verified::Confirmed)
    );
}

#[test]
fn a_short_sentence_is_completed_without_a_second_lesion() {
    let truth = evidence();
    let report = check(
        &parse("Findings: There is a lesion on the image left."),
        &truth,
        0,
    );
    let findings = &report
        .sections
        .iter()
        .find(|(s, _)| *s == Section::Findings)
        .unwrap()
        .1;
    assert!(
        findings.starts_with(
            "There is a lesion on the image left. This is a medium-sized enhancing mass. The \
             outlined glioma"
        ),
        "{findings}"
    );
}
