//! Questions are answered from facts, and read back from what users write.

use omnimri_findings::questions::{Question, agrees, answer, questions, without_tokens};
use omnimri_findings::*;
use omnimri_image::Plane;

#[test]
fn every_phrasing_is_read_back() {
    for question in Question::all() {
        for text in question.phrasings() {
            let read = Question::parse(&text.to_uppercase().replace('?', ""));
            assert_eq!(read, Some(question), "{text}");
        }
    }
}

#[test]
fn free_wordings_are_read_by_their_words() {
    let of = |text: &str| Question::parse(text);
    assert_eq!(
        of("Was the image taken in an axial fashion?"),
        Some(Question::IsPlane(Plane::Axial))
    );
    assert_eq!(of("is this axial or coronal"), Some(Question::Plane));
    assert_eq!(
        of("Is this a T2 image?"),
        Some(Question::IsSequence(Sequence::T2))
    );
    assert_eq!(
        of("Was contrast given?"),
        Some(Question::IsSequence(Sequence::T1Post))
    );
    assert_eq!(
        of("Any idea where the tumor is located?"),
        Some(Question::Location)
    );
    assert_eq!(
        of("please segment the Glioma"),
        Some(Question::Segment(Label::Glioma))
    );
    assert_eq!(
        of("can you see a meningioma"),
        Some(Question::IsTumour(TumourClass::Meningioma))
    );
    assert_eq!(of("How old is the patient?"), None);
    assert_eq!(of("¿?"), None);
}

#[test]
fn answers_follow_the_facts() {
    let facts = [
        Fact::Plane(Plane::Coronal),
        Fact::Tumour(TumourClass::Glioma),
        Fact::Location(Side::ImageRight),
    ];
    for variant in 0..20 {
        let of = |q| answer(&q, &facts, variant);
        assert!(of(Question::Plane).to_lowercase().contains("coronal"));
        assert!(of(Question::IsPlane(Plane::Coronal)).starts_with("Yes"));
        assert!(of(Question::IsPlane(Plane::Axial)).starts_with("No"));
        assert!(of(Question::TumourPresent).starts_with("Yes"));
        assert!(of(Question::IsTumour(TumourClass::Pituitary)).starts_with("No"));
        assert!(of(Question::TumourClass).to_lowercase().contains("glioma"));
        assert_eq!(of(Question::Location), "On the image right.");
        assert_eq!(
            of(Question::Segment(Label::Glioma)),
            "The glioma is outlined here: <seg>."
        );
        assert!(of(Question::Segment(Label::Meningioma)).starts_with("No meningioma"));
        assert_eq!(
            of(Question::Detect(Label::Glioma)),
            "The glioma is in this box: <box>."
        );
        assert!(of(Question::Sequence).starts_with("That cannot be told"));
    }
}

#[test]
fn training_pairs_are_complete_and_deterministic() {
    let facts = [
        Fact::Plane(Plane::Axial),
        Fact::Sequence(Sequence::Flair),
        Fact::Region(Region::Brain),
        Fact::Tumour(TumourClass::None),
        Fact::MsLesions { present: true },
    ];
    let pairs = questions(&facts, 7);
    assert_eq!(pairs, questions(&facts, 7));
    assert!(pairs.len() >= 9, "{pairs:?}");
    for seed in 0..50 {
        for (question, answer) in questions(&facts, seed) {
            assert!(Question::parse(&question).is_some(), "{question}");
            assert!(!answer.is_empty() && !answer.contains('{'), "{answer}");
            assert!(!answer.contains("  "), "{answer}");
        }
    }
    assert!(questions(&[], 0).is_empty());
}

#[test]
fn every_wording_of_a_true_answer_agrees_and_no_false_one_does() {
    let facts = [
        Fact::Plane(Plane::Coronal),
        Fact::Region(Region::Brain),
        Fact::Tumour(TumourClass::Glioma),
        Fact::Location(Side::ImageRight),
        Fact::Extent(Extent::Large),
    ];
    let others = [
        Fact::Plane(Plane::Axial),
        Fact::Region(Region::Heart),
        Fact::Tumour(TumourClass::Meningioma),
        Fact::Location(Side::ImageLeft),
        Fact::Extent(Extent::Small),
    ];
    for question in [
        Question::Plane,
        Question::IsPlane(Plane::Axial),
        Question::Region,
        Question::TumourPresent,
        Question::TumourClass,
        Question::IsTumour(TumourClass::Glioma),
        Question::Location,
        Question::Extent,
        Question::Segment(Label::Glioma),
    ] {
        for variant in 0..20 {
            let told = without_tokens(&answer(&question, &facts, variant));
            assert_eq!(agrees(&question, &told, &facts), Some(true), "{told}");
            assert_eq!(agrees(&question, &told, &others), Some(false), "{told}");
        }
    }
    assert_eq!(agrees(&Question::Signal, "bright", &facts), None);
}
