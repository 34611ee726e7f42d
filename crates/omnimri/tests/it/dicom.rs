//! DICOM from the command line: a study, a single slice, a modality that is not ours.

use serde_json::Value;

use crate::dicom_files::{Series, write_series};
use crate::head::head;
use crate::support::{arg, names, omnimri, result};

const MR: Series<'_> = Series {
    modality: "MR",
    number: 4,
    description: "AX T1 POST",
};

#[test]
fn a_study_gets_one_folder_a_series() {
    let dir = tempfile::tempdir().unwrap();
    let study = dir.path().join("study");
    write_series(&study.join("a"), &head(2, 100), &MR);
    write_series(
        &study.join("b"),
        &head(3, 100),
        &Series {
            number: 7,
            description: "AX FLAIR",
            ..MR
        },
    );
    std::fs::write(study.join("README.txt"), "not an image").unwrap();
    let out = dir.path().join("results");
    omnimri(["read", arg(&study), "--out", arg(&out)]).done();
    assert_eq!(names(&out), ["study"]);
    let bytes = std::fs::read(out.join("study/study.json")).unwrap();
    let index: Value = serde_json::from_slice(&bytes).unwrap();
    let series = index["series"].as_array().unwrap();
    assert_eq!(series.len(), 2, "{index}");
    for (entry, number, sequence, slices) in [
        (&series[0], 4, "contrast-enhanced T1-weighted", 2),
        (&series[1], 7, "FLAIR", 3),
    ] {
        let folder = entry["folder"].as_str().unwrap();
        assert!(
            folder.starts_with(&format!("{number}-")) && folder.len() == 10,
            "{folder}"
        );
        let doc = result(&out.join("study").join(folder));
        assert_eq!(doc["input"]["shape"][2], slices);
        assert_eq!(doc["acquisition"]["sequence"]["value"], sequence);
        assert_eq!(doc["acquisition"]["modality"]["source"], "header");
        assert!(out.join("study").join(folder).join("report.html").is_file());
    }
    // The whole study again replaces its own result.
    omnimri(["read", arg(&study), "--out", arg(&out)]).done();
    assert_eq!(names(&out), ["study"]);
    let info = omnimri(["info", "--json", arg(&study)]).done().json();
    assert_eq!(info.as_array().unwrap().len(), 2);
    assert!(
        omnimri(["info", arg(&study)])
            .done()
            .out
            .contains("AX FLAIR")
    );
}

#[test]
fn a_single_slice_is_read() {
    let dir = tempfile::tempdir().unwrap();
    write_series(&dir.path().join("one"), &head(1, 100), &MR);
    let out = dir.path().join("results");
    omnimri(["read", arg(&dir.path().join("one")), "--out", arg(&out)]).done();
    let doc = result(&out.join("one"));
    assert_eq!(doc["input"]["shape"], serde_json::json!([100, 100, 1]));
    assert_eq!(doc["acquisition"]["plane"]["value"], "axial");
    let file = names(&dir.path().join("one")).remove(0);
    omnimri(["info", arg(&dir.path().join("one").join(file))]).done();
}

#[test]
fn computed_tomography_is_out_of_scope() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("ct");
    write_series(
        &folder,
        &head(2, 100),
        &Series {
            modality: "CT",
            description: "HEAD CT",
            ..MR
        },
    );
    let out = dir.path().join("results");
    omnimri(["read", arg(&folder), "--out", arg(&out)]).done();
    let doc = result(&out.join("ct"));
    for (task, status) in doc["status"].as_object().unwrap() {
        assert_eq!(status["state"], "out_of_scope", "{task}");
        assert!(
            status["reason"].as_str().unwrap().contains("modality CT"),
            "{task}"
        );
    }
    assert!(
        doc["findings"].as_array().unwrap().is_empty()
            && doc["diagnosis"].as_array().unwrap().is_empty()
    );
    assert_eq!(doc["acquisition"]["modality"]["value"], "CT");
    let said = omnimri(["ask", arg(&folder), "Is there a tumour?"])
        .done()
        .out;
    assert!(said.contains("CT"), "{said}");
}

#[test]
fn damaged_dicom_is_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("one");
    write_series(&folder, &head(1, 100), &MR);
    let path = folder.join(names(&folder).remove(0));
    let bytes = std::fs::read(&path).unwrap();
    for cut in [140, 400, bytes.len() / 2] {
        std::fs::write(&path, &bytes[..cut]).unwrap();
        let ran = omnimri(["info", arg(&path)]);
        assert_eq!(
            (ran.code, ran.err.lines().count()),
            (1, 1),
            "{cut}: {ran:?}"
        );
    }
}
