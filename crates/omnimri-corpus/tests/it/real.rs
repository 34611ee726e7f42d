//! The real sets. Without them every test says so and returns.

use std::path::PathBuf;

use omnimri_corpus::check::check;
use omnimri_corpus::{Example, LoadOptions, Split, find, load, load_all, load_with};
use omnimri_findings::{Fact, Label, Sequence, TumourClass};

/// The folder of real data, or `None` with a word on stderr.
pub fn data(test: &str) -> Option<PathBuf> {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data"));
    if root.is_dir() {
        return Some(root);
    }
    eprintln!("skipped: {test}: ../shared/data is not there");
    None
}

/// Loads one set whole and compares its counts with the catalogue.
fn whole(name: &str, root: &std::path::Path) -> Vec<Example> {
    let entry = find(name).unwrap();
    let loaded = load(entry, &root.join(entry.folder()), None).unwrap();
    assert_eq!(loaded.rejected, [], "{name}");
    let count = |split| loaded.examples.iter().filter(|e| e.split == split).count() as u64;
    let (train, val) = (count(Split::Train), count(Split::Val));
    assert_eq!(Some(train + val), entry.counts.examples, "{name}: examples");
    assert_eq!(
        Some(train),
        entry.counts.train.or(Some(train)),
        "{name}: train"
    );
    assert_eq!(Some(val), entry.counts.val.or(Some(val)), "{name}: val");
    for e in &loaded.examples {
        assert_eq!(e.image.voxels.len(), e.image.size.count());
        let n = e.image.size.count();
        assert!(e.labels.as_ref().is_none_or(|l| l.len() == n));
        assert!(e.image.size.y.max(e.image.size.x) <= 256);
    }
    loaded.examples
}

#[test]
fn every_set_loads_whole_and_matches_the_catalogue() {
    let Some(root) = data("every_set_loads_whole_and_matches_the_catalogue") else {
        return;
    };
    for name in [
        "hippocampus",
        "cardiac_lv",
        "spine_lumbar",
        "glioma_progression",
    ] {
        let examples = whole(name, &root);
        let outlined = examples.iter().filter(|e| !e.present().is_empty()).count();
        assert!(outlined > 0, "{name} has no label");
    }
    let ms = whole("ms_brain", &root);
    let flair: Vec<_> = ms
        .iter()
        .filter(|e| e.classes.sequence == Some(Sequence::Flair))
        .collect();
    assert_eq!(flair.len() * 4, ms.len());
    assert!(
        flair
            .iter()
            .any(|e| e.facts().contains(&Fact::MsLesions { present: false }))
    );
    assert!(flair.iter().any(|e| e.present() == [Label::MsLesion]));
}

#[test]
fn tumour_slices_have_their_class_outlined_and_the_others_are_empty() {
    let Some(root) = data("tumour_slices_have_their_class_outlined") else {
        return;
    };
    let examples = whole("brain_tumor_t1ce", &root);
    for e in &examples {
        let class = e.classes.tumour.unwrap();
        let expected: Vec<_> = class.label().into_iter().collect();
        assert_eq!(e.present(), expected, "{}", e.id);
        assert_eq!(e.annotated.len(), 3);
        let tumour = class != TumourClass::None;
        assert_eq!(e.classes.plane.is_some(), tumour);
        assert_eq!(e.classes.sequence, tumour.then_some(Sequence::T1Post));
    }
    let sided = examples
        .iter()
        .filter(|e| e.facts().iter().any(|f| matches!(f, Fact::Location(_))));
    assert!(sided.count() > 1000);
}

#[test]
fn questions_stay_with_their_image() {
    let Some(root) = data("questions_stay_with_their_image") else {
        return;
    };
    let examples = whole("vqa_rad", &root);
    assert_eq!(
        examples.iter().map(|e| e.questions.len()).sum::<usize>(),
        768
    );
    let mr = examples
        .iter()
        .filter(|e| e.classes.modality_mr == Some(true))
        .count();
    assert_eq!(mr, 72);
    assert!(
        examples
            .iter()
            .all(|e| e.labels.is_none() && e.annotated.is_empty())
    );
}

#[test]
fn asking_for_train_yields_no_val_of_any_set() {
    let Some(root) = data("asking_for_train_yields_no_val_of_any_set") else {
        return;
    };
    let names = [
        "hippocampus",
        "spine_lumbar",
        "ms_brain",
        "vqa_rad",
        "glioma_progression",
    ];
    let names = names.map(String::from);
    let train = load_all(&root, &names, Some(Split::Train)).unwrap();
    assert!(train.examples.iter().all(|e| e.split == Split::Train));
    assert!(
        !train
            .examples
            .iter()
            .any(|e| e.dataset.name() == "glioma_progression")
    );
    let val = load_all(&root, &names, Some(Split::Val)).unwrap();
    for v in &val.examples {
        assert_eq!(v.split, Split::Val);
        assert!(
            !train
                .examples
                .iter()
                .any(|t| t.dataset == v.dataset && t.subject == v.subject)
        );
    }
}

#[test]
fn native_size_is_kept_on_request() {
    let Some(root) = data("native_size_is_kept_on_request") else {
        return;
    };
    let entry = find("glioma_progression").unwrap();
    let options = LoadOptions {
        max_side: Some(101),
        ..LoadOptions::default()
    };
    let small = load_with(entry, &root.join(entry.folder()), &options).unwrap();
    let e = &small.examples[0];
    assert_eq!((e.image.size.x, e.image.native_size.x), (101, 256));
    assert_eq!(e.image.spacing_mm, None);
}

#[test]
fn every_set_is_sound() {
    let Some(root) = data("every_set_is_sound") else {
        return;
    };
    for entry in omnimri_corpus::catalogue() {
        let dir = root.join(entry.folder());
        if entry.adapter.is_some() && dir.is_dir() {
            let mut report = check(entry, &dir).unwrap();
            if entry.name == "brain_tumor_t1ce" {
                // The slices without tumour hold mirrored copies of each other on both sides of the published split.
                let mirrored = report.near_duplicates.iter().filter(|d| d.mirrored);
                assert!(mirrored.count() >= 40, "{report}");
                report.near_duplicates.clear();
            }
            assert!(report.is_sound(), "{report}");
        }
    }
}
