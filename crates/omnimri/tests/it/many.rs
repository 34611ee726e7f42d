//! Many inputs at once: past the bad ones, one folder each, nothing overwritten.

use std::path::Path;

use omnimri_image::write_nifti;

use crate::head::head;
use crate::support::{arg, blank_png, head_png, names, noise_png, omnimri, png, result};

#[test]
fn a_bad_input_does_not_stop_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("results");
    let blank = blank_png(dir.path());
    let text = dir.path().join("notes.txt");
    std::fs::write(&text, "no image").unwrap();
    let missing = dir.path().join("missing.nii");
    let noise = noise_png(dir.path());
    // A bound below one input's need: they run one after the other.
    let args = [
        "read",
        arg(&text),
        arg(&blank),
        arg(&missing),
        arg(&noise),
        "--memory",
        "64M",
        "--out",
        arg(&out),
    ];
    let ran = omnimri(args);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert_eq!(names(&out), ["blank", "noise"]);
    let told: Vec<&str> = ran
        .err
        .lines()
        .filter(|l| l.starts_with("omnimri: "))
        .collect();
    assert_eq!(told.len(), 2, "{ran:?}");
    assert!(
        ran.err.contains("notes.txt: expected NIfTI")
            && ran.err.contains("missing.nii: no such file")
    );
    let last = ran.err.lines().last().unwrap();
    assert!(
        last.contains("2 of 4 inputs read") && last.contains("2 failed"),
        "{last}"
    );
    assert!(ran.out.is_empty());
    let ran = omnimri(["read", arg(&text), "--out", arg(&out), "--json"]);
    assert_eq!((ran.code, ran.json()), (1, serde_json::json!([])));
}

#[test]
fn equal_stems_get_folders_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("results");
    let place = |folder: &str| {
        let path = dir.path().join(folder);
        std::fs::create_dir_all(&path).unwrap();
        path
    };
    let one = png(&place("a"), "x.png", &[5.0; 64 * 64], 64);
    let two = png(&place("b"), "x.png", &[5.0; 80 * 80], 80);
    let three = dir.path().join("x.nii");
    write_nifti(&three, &head(1, 100)).unwrap();
    omnimri([
        "read",
        arg(&one),
        arg(&two),
        arg(&three),
        "--out",
        arg(&out),
    ])
    .done();
    assert_eq!(names(&out), ["x", "x-2", "x-3"]);
    let path_in = |name: &str| {
        result(&out.join(name))["input"]["path"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        [path_in("x"), path_in("x-2"), path_in("x-3")],
        [arg(&one), arg(&two), arg(&three)]
    );

    // One at a time, into a folder that holds results already: another input's result is kept, one's own is replaced.
    let other = png(&place("c"), "x.png", &[5.0; 72 * 72], 72);
    let ran = omnimri(["read", arg(&other), "--out", arg(&out)]).done();
    assert!(ran.err.contains("x-4"), "the folder is named: {}", ran.err);
    omnimri(["read", arg(&one), "--out", arg(&out)]).done();
    assert_eq!(names(&out), ["x", "x-2", "x-3", "x-4"]);
    assert_eq!(path_in("x-4"), arg(&other));
}

#[test]
fn what_is_no_result_is_never_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let input = head_png(dir.path(), "x.png");
    // The folder of the user's own that a result would be named after, and the input itself as a folder's neighbour.
    let own = dir.path().join("x");
    std::fs::create_dir(&own).unwrap();
    std::fs::write(own.join("keep.txt"), "mine").unwrap();
    omnimri(["read", arg(&input), "--out", arg(dir.path())]).done();
    assert_eq!(names(dir.path()), ["x", "x-2", "x.png"]);
    assert_eq!(names(&own), ["keep.txt"]);
    assert!(Path::new(&dir.path().join("x-2/result.json")).is_file());
}
