//! What a file or a model is, in words and in JSON.

use serde_json::Value;

use crate::support::{arg, head_nifti, head_png, kspace_npy, omnimri};

#[test]
fn every_kind_of_input_is_told_in_text_and_json() {
    let dir = tempfile::tempdir().unwrap();
    let (nifti, _) = head_nifti(dir.path(), "head.nii.gz");
    let inputs = [
        (nifti, "nifti", "112 x 112 x 3", "LPS"),
        (
            head_png(dir.path(), "head.png"),
            "image",
            "128 x 128 x 1",
            "not trusted",
        ),
        (
            kspace_npy(dir.path(), "k.npy"),
            "kspace",
            "4 x 128 x 128",
            "not trusted",
        ),
    ];
    for (path, kind, shape, orientation) in inputs {
        let text = omnimri(["info", arg(&path)]).done().out;
        assert!(
            text.contains(shape) && text.contains(orientation),
            "{kind}: {text}"
        );
        let json = omnimri(["info", "--json", arg(&path)]).done().json();
        assert_eq!(json["kind"], kind, "{json}");
        let numbers: Vec<String> = json["shape"]
            .as_array()
            .unwrap()
            .iter()
            .map(Value::to_string)
            .collect();
        assert_eq!(numbers.join(" x "), shape);
        assert_eq!(
            json["spacing_mm"].is_null(),
            orientation == "not trusted",
            "{json}"
        );
        assert!(json["warnings"].is_array());
    }
    let named = omnimri(["info", "--axes", "coil,y,x", arg(&dir.path().join("k.npy"))]).done();
    assert!(
        named.out.contains("sampled") && !named.out.contains("warning"),
        "{}",
        named.out
    );
}

#[test]
fn the_embedded_model_and_a_checkpoint_folder_are_told() {
    let nano = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/nano");
    let folder = omnimri(["info", "--json", nano]).done().json();
    let embedded = omnimri(["info", "--json", "nano"]).done().json();
    assert_eq!(
        folder, embedded,
        "the embedded model is the one of models/nano"
    );
    assert_eq!(folder["kind"], "model");
    assert_eq!(folder["sha256"].as_str().unwrap().len(), 64);
    let text = omnimri(["info", nano]).done().out;
    assert!(
        text.contains("trained on") && text.contains("Not a medical device"),
        "{text}"
    );
}

#[test]
fn what_is_no_input_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    omnimri(["info", arg(&dir.path().join("none.nii"))]).failed(1, &["none.nii", "no such file"]);
    omnimri(["info", arg(dir.path())]).failed(1, &["empty folder"]);
}
