//! The files of a result, for every kind of input.

use std::path::{Path, PathBuf};

use omnimri_image::{Input, OpenOptions, Volume, open};
use serde_json::Value;

use crate::support::{
    arg, blank_png, head_nifti, head_png, kspace_npy, names, noise_png, omnimri, result,
};

fn validate(doc: &Value) {
    let schema = serde_json::from_str(omnimri::report::result::JSON_SCHEMA).unwrap();
    let errors: Vec<String> = jsonschema::validator_for(&schema)
        .unwrap()
        .iter_errors(doc)
        .map(|e| format!("{}: {e}", e.instance_path()))
        .collect();
    assert_eq!(errors, Vec::<String>::new(), "{doc}");
}

fn volume(path: &Path) -> Volume {
    match open(path, &OpenOptions::default()).unwrap() {
        Input::Volumes(mut v) => v.remove(0),
        Input::KSpace(_) => panic!("{}", path.display()),
    }
}

/// Words that no report may say of a patient.
fn assert_modest(folder: &Path) {
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let doc = result(folder);
    let said = doc["report"]["text"].as_str().unwrap().to_owned();
    for text in [read("report.md"), visible(&read("report.html")), said] {
        let lower = text.to_lowercase();
        for word in ["normal", "no abnormality", "unremarkable", "healthy"] {
            let found = lower
                .split(|c: char| !c.is_alphanumeric() && c != ' ')
                .any(|part| format!(" {part} ").contains(&format!(" {word} ")));
            assert!(!found, "{word:?} in {}: {text}", folder.display());
        }
    }
}

/// The text of a page, without its markup.
fn visible(html: &str) -> String {
    let mut out = String::new();
    for part in html.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap_or((part, ""));
        if !tag.starts_with("style") {
            out.push_str(text);
            out.push('\n');
        }
    }
    out
}

fn assert_self_contained(folder: &Path) {
    let html = std::fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(html.starts_with("<!doctype html>") && html.contains("data:image/png;base64,"));
    let html = html.replace("http://www.w3.org/", "");
    for outside in ["http://", "https://", "<script", "<link", "src=\"/", "url("] {
        assert!(!html.contains(outside), "{outside} in {}", folder.display());
    }
}

#[test]
fn every_kind_of_input_gets_its_result() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("results");
    let (nifti, head) = head_nifti(dir.path(), "volume.nii.gz");
    let inputs: Vec<PathBuf> = vec![
        nifti,
        head_png(dir.path(), "slice.png"),
        kspace_npy(dir.path(), "kspace.npy"),
        blank_png(dir.path()),
        noise_png(dir.path()),
    ];
    let mut args = vec!["read", "--json", "--axes", "coil,y,x", "--out", arg(&out)];
    args.extend(inputs.iter().map(|p| arg(p)));
    let ran = omnimri(&args).done();
    assert_eq!(names(&out), ["blank", "kspace", "noise", "slice", "volume"]);
    assert!(ran.err.contains("5 of 5 inputs read"), "{}", ran.err);
    for name in names(&out) {
        assert!(
            ran.err.contains(&format!("{name}.")),
            "progress names {name}: {}",
            ran.err
        );
    }
    let told = ran.json();
    for (doc, input) in told.as_array().unwrap().iter().zip(&inputs) {
        validate(doc);
        assert_eq!(doc["input"]["path"], arg(input), "in the order given");
    }
    for (name, kind, shape) in [
        ("volume", "nifti", vec![112, 112, 3]),
        ("slice", "image", vec![128, 128]),
        ("kspace", "k_space", vec![128, 128]),
        ("blank", "image", vec![96, 96]),
        ("noise", "image", vec![120, 120]),
    ] {
        let folder = out.join(name);
        let doc = result(&folder);
        validate(&doc);
        assert_eq!(doc["input"]["kind"], kind);
        assert_eq!(doc["input"]["shape"], serde_json::json!(shape), "{name}");
        assert_eq!(
            doc["input"]["spacing_mm"].is_null(),
            name != "volume",
            "{name}"
        );
        assert_modest(&folder);
        assert_self_contained(&folder);
        assert!(
            names(&folder).iter().all(|n| !n.starts_with('.')),
            "{:?}",
            names(&folder)
        );
        let scoped = doc["status"]["diagnosis"]["state"] != "out_of_scope";
        let labels: Vec<String> = names(&folder)
            .into_iter()
            .filter(|n| n.starts_with("segmentation"))
            .collect();
        match (name, scoped) {
            ("blank" | "noise", _) => {
                assert!(!scoped && labels.is_empty(), "{name}: {doc}");
                let reason = doc["status"]["diagnosis"]["reason"].as_str().unwrap();
                assert!(reason.contains(name), "{reason}");
                assert!(doc["findings"].as_array().unwrap().is_empty());
            }
            (_, false) => assert!(labels.is_empty(), "{name}: {labels:?}"),
            ("volume", true) => {
                let map = volume(&folder.join("segmentation.nii.gz"));
                assert_eq!(map.geometry.size, head.geometry.size);
                let (a, b) = (map.geometry.affine.0, head.geometry.affine.0);
                assert!(
                    a.iter()
                        .flatten()
                        .zip(b.iter().flatten())
                        .all(|(a, b)| (a - b).abs() < 1e-4)
                );
            }
            (_, true) => {
                assert_eq!(labels, ["segmentation.png"], "{name}");
                let map = volume(&folder.join("segmentation.png"));
                assert_eq!(map.geometry.size.x, shape[0], "{name}");
            }
        }
    }
    let k = result(&out.join("kspace"));
    assert_eq!(k["reconstruction"]["method"], "l1-wavelet");
    assert!(k["reconstruction"]["acceleration"].as_f64().unwrap() > 1.5);
    assert_eq!(
        volume(&out.join("kspace/reconstruction.nii.gz"))
            .geometry
            .size
            .x,
        128
    );
    let html = std::fs::read_to_string(out.join("kspace/report.html")).unwrap();
    assert!(
        html.contains("Zero-filled"),
        "both reconstructions are shown"
    );
    assert!(result(&out.join("slice"))["reconstruction"].is_null());
}

#[test]
fn sentences_state_their_origin_and_their_check() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("results");
    let (nifti, _) = head_nifti(dir.path(), "volume.nii");
    omnimri(["read", arg(&nifti), "--out", arg(&out)]).done();
    let doc = result(&out.join("volume"));
    let facts = doc["report"]["facts"].as_array().unwrap();
    let text = doc["report"]["text"].as_str().unwrap();
    if doc["status"]["report"]["state"] == "out_of_scope" {
        assert!(
            facts.is_empty() && text.starts_with("Impression: "),
            "{doc}"
        );
        return;
    }
    assert!(!facts.is_empty());
    for fact in facts {
        let (claim, origin) = (
            fact["claim"].as_str().unwrap(),
            fact["origin"].as_str().unwrap(),
        );
        assert!(
            ["generated", "template", "measured"].contains(&origin),
            "{fact}"
        );
        assert!(!fact["evidence"].as_str().unwrap().is_empty(), "{fact}");
        // What could not be confirmed is not in the report.
        if origin == "generated" && text.contains(claim) {
            assert!(fact["verified"] == true, "{fact}");
        }
    }
    let markdown = std::fs::read_to_string(out.join("volume/report.md")).unwrap();
    if facts.iter().any(|f| f["origin"] == "template") {
        assert!(markdown.contains("(template, "), "{markdown}");
    }
    let sections: Vec<&String> = doc["report"]["sections"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    assert_eq!(sections.last().unwrap().as_str(), "impression");
}

#[test]
fn the_demo_leaves_a_whole_result_and_says_what_it_did() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("results");
    let ran = omnimri(["demo", "--out", arg(&out)]).done();
    for words in [
        "zero-filled",
        "l1-wavelet",
        "omnimri",
        "NRMSE",
        "Dice",
        "report.html",
        "Not a medical device",
    ] {
        assert!(ran.out.contains(words), "{words}: {}", ran.out);
    }
    validate(&result(&out.join("demo")));
    assert!(
        out.join("demo/kspace.npy").is_file() && out.join("demo/reconstruction.nii.gz").is_file()
    );
    // Again, with another seed: the demo's own result is replaced, nothing else.
    omnimri(["demo", "--seed", "2", "--out", arg(&out)]).done();
    assert_eq!(names(&out), ["demo"]);
}
