//! Corrections on disk, without a server.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use omnimri_image::{Affine, Geometry, LabelMap, Trust, Zyx, read_nifti, write_label_map};
use serde_json::json;
use tempfile::TempDir;

use super::store::Versions;
use super::training::zipped;
use super::version::{Action, Change, NewVersion, State};
use crate::reply::Refusal;

/// Odd and different, so that no two axes can be mixed up.
const SIZE: Zyx<usize> = Zyx::new(3, 5, 7);

fn geometry() -> Geometry {
    Geometry {
        size: SIZE,
        affine: Affine([
            [-0.9, 0.0, 0.0, 30.0],
            [0.0, -0.9, 0.0, 40.0],
            [0.0, 0.0, 5.0, -7.0],
            [0.0, 0.0, 0.0, 1.0],
        ]),
        orientation: Trust::Trusted,
        spacing: Trust::Trusted,
    }
}

fn labels(geometry: &Geometry, at: &[(usize, u8)]) -> LabelMap {
    let mut labels = vec![0; geometry.size.count()];
    for &(offset, label) in at {
        labels[offset] = label;
    }
    LabelMap {
        labels,
        geometry: geometry.clone(),
    }
}

/// A series as the reader leaves it: two findings, one of them masked, and a structure.
fn series() -> (TempDir, Versions) {
    let dir = tempfile::tempdir().unwrap();
    let series = dir.path().join("results/head");
    fs::create_dir_all(&series).unwrap();
    let result = json!({
        "schema": "omnimri.result/1",
        "input": { "path": "head.nii.gz", "sha256": "00" },
        "model": { "name": "nano" },
        "findings": [
            { "label": "glioma", "value": 9, "probability": 0.9 },
            { "label": "meningioma", "value": null, "probability": 0.3 },
        ],
        "anatomy": [{ "label": "anterior hippocampus", "value": 1 }],
    });
    fs::write(series.join("result.json"), result.to_string()).unwrap();
    let predicted = labels(&geometry(), &[(10, 9), (11, 9), (20, 1)]);
    write_label_map(&series.join("segmentation.nii.gz"), &predicted).unwrap();
    // Any grid file will do for the image.
    write_label_map(&series.join("image.nii.gz"), &predicted).unwrap();
    let folder = dir.path().join("corrections/head");
    (
        dir,
        Versions {
            series,
            folder,
            max_voxels: 1 << 20,
        },
    )
}

fn encoded(map: &LabelMap) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.nii.gz");
    write_label_map(&path, map).unwrap();
    BASE64_STANDARD.encode(fs::read(path).unwrap())
}

fn by(author: &str) -> NewVersion {
    NewVersion {
        series: None,
        author: author.into(),
        note: None,
        supersedes: None,
        findings: Vec::new(),
        segmentation: None,
        accepts_report: false,
    }
}

fn change(id: &str, action: Action) -> Change {
    Change {
        id: id.into(),
        action,
        label: None,
        value: None,
    }
}

/// Every file below a folder with its content.
fn contents(folder: &Path) -> BTreeSet<(String, Vec<u8>)> {
    let mut out = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            out.extend(contents(&path));
        } else {
            out.insert((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    out
}

#[test]
fn versions_follow_one_another_and_none_is_changed() {
    let (dir, versions) = series();
    let before = contents(dir.path());
    let mut first = by("  Ada Reader ");
    first.note = Some("outline too small".into());
    first.findings = vec![change("f0", Action::Accept), change("f1", Action::Reject)];
    first.segmentation = Some(encoded(&labels(
        &geometry(),
        &[(10, 9), (11, 9), (12, 9), (20, 1)],
    )));
    let made = versions.add(&first, None).unwrap();
    assert_eq!(
        (made.number, made.supersedes, made.accepted),
        (1, Some(0), false)
    );
    assert_eq!(made.author.as_deref(), Some("Ada Reader"));
    let states: Vec<_> = made
        .findings
        .iter()
        .map(|f| (f.id.as_str(), f.state, f.voxels))
        .collect();
    assert_eq!(
        states,
        [
            ("f0", State::Accepted, Some(3)),
            ("f1", State::Rejected, None),
            ("a0", State::Predicted, Some(1)),
        ]
    );
    let ml = made.findings[0].volume_ml.unwrap();
    assert!((ml - 3.0 * 0.9 * 0.9 * 5.0 / 1000.0).abs() < 1e-9, "{ml}");
    let after_first = contents(dir.path());
    assert!(
        after_first.is_superset(&before),
        "the prediction stays as it was"
    );

    let mut second = by("Bo Second");
    second.supersedes = Some(1);
    second.accepts_report = true;
    second.findings = vec![Change {
        label: Some("metastasis".into()),
        ..change("f0", Action::Edit)
    }];
    let made = versions.add(&second, Some("ward".into())).unwrap();
    assert_eq!(
        (made.number, made.supersedes, made.accepted),
        (2, Some(1), true)
    );
    assert_eq!(made.findings[0].label, "metastasis");
    assert_eq!(
        made.findings[1].by.as_deref(),
        Some("Ada Reader"),
        "what was said before stays"
    );
    assert_eq!(made.signed_in.as_deref(), Some("ward"));
    let kept = read_nifti(
        &versions.file(2, "segmentation.nii.gz").unwrap(),
        &Default::default(),
    )
    .unwrap();
    assert_eq!(
        kept.voxels.iter().filter(|&&v| v == 9.0).count(),
        3,
        "painted labels are carried on"
    );
    assert!(contents(dir.path()).is_superset(&after_first));

    let listed = versions.list().unwrap();
    assert_eq!(
        listed.iter().map(|v| v.number).collect::<Vec<_>>(),
        [0, 1, 2]
    );
    assert_eq!(listed[2], made);
    // Acceptance holds for the version that was accepted, not for what comes after it.
    let mut third = by("Ada Reader");
    third.findings = vec![change("a0", Action::Accept)];
    assert!(!versions.add(&third, None).unwrap().accepted);
}

#[test]
fn a_correction_of_an_older_version_is_refused() {
    let (_dir, versions) = series();
    let mut new = by("Ada");
    new.findings = vec![change("f0", Action::Accept)];
    new.supersedes = Some(0);
    versions.add(&new, None).unwrap();
    assert!(matches!(
        versions.add(&new, None),
        Err(Refusal::Conflict(_))
    ));
    assert_eq!(versions.list().unwrap().len(), 2);
}

#[test]
fn labels_on_another_grid_are_refused_and_both_grids_named() {
    let (_dir, versions) = series();
    let mut flipped = geometry();
    flipped.affine.0[0] = [0.9, 0.0, 0.0, 24.6];
    let mut moved = geometry();
    moved.affine.0[2][3] += 5.0;
    let mut smaller = geometry();
    smaller.size = Zyx::new(3, 5, 6);
    let mut larger = geometry();
    larger.size = Zyx::new(30, 50, 70);
    for (wrong, named) in [
        (flipped, "axes RPS"),
        (moved, "-2.00 mm"),
        (smaller, "6x5x3 voxels"),
        (larger, ""),
    ] {
        let mut new = by("Ada");
        new.segmentation = Some(encoded(&labels(&wrong, &[(10, 9)])));
        let Err(Refusal::Invalid(why)) = versions.add(&new, None) else {
            panic!("expected a refusal of {named}");
        };
        // A larger one is refused before it is unpacked.
        assert!(why.contains(named), "{why}");
        assert!(
            named.is_empty() || why.contains("7x5x3 voxels of 0.900x0.900x5.000 mm, axes LPS"),
            "{why}"
        );
    }
    for broken in ["not base64!", "AAAA", ""] {
        let mut new = by("Ada");
        new.segmentation = Some(broken.into());
        assert!(
            matches!(versions.add(&new, None), Err(Refusal::Invalid(_))),
            "{broken}"
        );
    }
    assert_eq!(versions.list().unwrap().len(), 1);
    assert_eq!(
        contents(&versions.folder).len(),
        0,
        "nothing is left of what was refused"
    );
}

#[test]
fn what_cannot_be_said_is_refused() {
    let (_dir, versions) = series();
    let with = |findings: Vec<Change>| NewVersion {
        findings,
        ..by("Ada")
    };
    let add = |id: &str, label: Option<&str>, value| Change {
        label: label.map(Into::into),
        value,
        ..change(id, Action::Add)
    };
    let bad = [
        by("Ada"),
        NewVersion {
            accepts_report: true,
            ..by(" \n ")
        },
        NewVersion {
            accepts_report: true,
            ..by(&"x".repeat(101))
        },
        with(vec![change("f7", Action::Accept)]),
        with(vec![change("f0", Action::Edit)]),
        with(vec![
            change("f0", Action::Accept),
            change("f0", Action::Reject),
        ]),
        with(vec![add("f0", Some("new"), Some(13))]),
        with(vec![add("n1", Some("new"), Some(9))]),
        with(vec![add("n1", Some("new"), Some(0))]),
        with(vec![add("n1", None, Some(13))]),
    ];
    for new in bad {
        assert!(
            matches!(versions.add(&new, None), Err(Refusal::Invalid(_))),
            "{new:?}"
        );
    }
    let good = with(vec![add("n1", Some("cyst"), Some(13))]);
    let made = versions.add(&good, None).unwrap();
    assert_eq!(
        made.findings.last().map(|f| (f.label.as_str(), f.state)),
        Some(("cyst", State::Added))
    );
}

#[test]
fn a_correction_that_was_cut_off_is_not_there() {
    let (_dir, versions) = series();
    // What a crash leaves: a folder that was never renamed, and one without what makes it a version.
    fs::create_dir_all(versions.folder.join(".new-abc")).unwrap();
    fs::write(versions.folder.join(".new-abc/version.json"), b"{").unwrap();
    assert_eq!(versions.list().unwrap().len(), 1);
    let mut new = by("Ada");
    new.findings = vec![change("f0", Action::Accept)];
    assert_eq!(versions.add(&new, None).unwrap().number, 1);
    for path in [
        "../../results/head/result.json",
        ".new-abc/version.json",
        "/etc/passwd",
        "",
    ] {
        assert!(versions.file(1, path).is_err(), "{path}");
    }
}

#[test]
fn training_data_keeps_the_prediction_and_is_marked() {
    let (_dir, versions) = series();
    assert!(matches!(
        zipped(&versions, "head"),
        Err(Refusal::Conflict(_))
    ));
    let mut new = by("Ada");
    new.findings = vec![change("a0", Action::Reject)];
    new.segmentation = Some(encoded(&labels(&geometry(), &[(12, 9), (20, 1)])));
    versions.add(&new, None).unwrap();
    let (_folder, path) = zipped(&versions, "head").unwrap();
    let mut zip = zip::ZipArchive::new(fs::File::open(&path).unwrap()).unwrap();
    let mut names: Vec<String> = zip.file_names().map(|n| n.unwrap().into_owned()).collect();
    names.sort();
    assert_eq!(
        names,
        [
            "NEVER_IN_VALIDATION",
            "image.nii.gz",
            "labels.nii.gz",
            "prediction/result.json",
            "prediction/segmentation.nii.gz",
            "record.json",
            "versions/0001/segmentation.nii.gz",
            "versions/0001/version.json",
        ]
    );
    let mut bytes = |name: &str| {
        let mut out = Vec::new();
        zip.by_name(name).unwrap().read_to_end(&mut out).unwrap();
        out
    };
    assert_eq!(
        bytes("prediction/segmentation.nii.gz"),
        fs::read(versions.series.join("segmentation.nii.gz")).unwrap()
    );
    let record: serde_json::Value = serde_json::from_slice(&bytes("record.json")).unwrap();
    assert_eq!(
        (&record["split"], &record["never_in_validation"]),
        (&json!("train"), &json!(true))
    );
    assert_eq!(
        (&record["author"], &record["version"]),
        (&json!("Ada"), &json!(1))
    );
    let dir = tempfile::tempdir().unwrap();
    let corrected = dir.path().join("labels.nii.gz");
    fs::write(&corrected, bytes("labels.nii.gz")).unwrap();
    let corrected = read_nifti(&corrected, &Default::default()).unwrap();
    // The painted voxel is there; what was rejected is not.
    assert_eq!(
        (
            corrected.voxels[12],
            corrected.voxels[20],
            corrected.voxels[10]
        ),
        (9.0, 0.0, 0.0)
    );
}
