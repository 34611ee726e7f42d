//! What the settings say of missing masks, unknown values, official lists, joined tables and unusable raw data.

use std::fs;

use omnimri_corpus::check::check;
use omnimri_corpus::miniature::write_miniature;
use omnimri_corpus::{LoadOptions, Loaded, Split, load, load_with};
use omnimri_findings::{Label, TumourClass};
use omnimri_image::raw::hdf5_write::{Hdf5Writer, Kind, floats};

use crate::layouts::entry;

fn tolerant() -> LoadOptions {
    LoadOptions {
        max_rejected_share: 1.0,
        ..LoadOptions::default()
    }
}

/// Case folders whose second mask is taken away.
fn without_a_mask(missing: &str) -> Loaded {
    let adapter = format!(
        r#"
[adapter]
kind = "nifti_cases"
image = "{{case}}/t1.nii.gz"
[adapter.rows]
list = "{{case}}/t1.nii.gz"
id = "{{case}}"
subject = "{{case}}"
[adapter.mask]
file = "{{case}}/seg.nii.gz"
form = "values"
values = {{ 1 = "glioma" }}
annotated = ["glioma"]
missing = "{missing}"
"#
    );
    let (entry, dir) = (entry(&adapter), tempfile::tempdir().unwrap());
    write_miniature(&entry, dir.path()).unwrap();
    fs::remove_file(dir.path().join("0002/seg.nii.gz")).unwrap();
    let report = check(&entry, dir.path()).unwrap();
    assert_eq!(report.missing.len(), usize::from(missing == "error"));
    load_with(&entry, dir.path(), &tolerant()).unwrap()
}

#[test]
fn a_missing_mask_is_an_error_or_nothing_known_or_nothing_there() {
    let rejected = without_a_mask("error");
    assert_eq!((rejected.examples.len(), rejected.rejected.len()), (11, 1));
    let unknown = without_a_mask("unlabelled");
    assert_eq!(unknown.examples[1].labels, None);
    assert!(unknown.examples[1].annotated.is_empty());
    let empty = without_a_mask("empty");
    let labels = empty.examples[1].labels.as_ref().unwrap();
    assert!(labels.iter().all(|&v| v == 0));
    assert!(empty.examples[1].annotated[0] == Label::Glioma);
}

#[test]
fn lists_of_names_and_joined_tables_tell_parts_and_classes() {
    let adapter = r#"
[adapter]
kind = "nifti_cases"
image = "{case}.nii.gz"
[adapter.rows]
list = "{case}.nii.gz"
id = "{case}"
subject = "{case}"
joins = [{ table = "clinical.csv", on = "{case}", with = "{ID}" }]
split_files = [
    { file = "train.txt", part = "train", name = "{case}" },
    { file = "test.txt", part = "val", name = "{case}" },
]
[adapter.classes]
tumour = { column = "diagnosis", map = { GBM = "glioma" }, others_unknown = true }
"#;
    let (entry, dir) = (entry(adapter), tempfile::tempdir().unwrap());
    write_miniature(&entry, dir.path()).unwrap();
    let at = |name: &str| dir.path().join(name);
    let all = load(&entry, dir.path(), None).unwrap().examples;
    assert!(
        all.iter()
            .all(|e| e.classes.tumour == Some(TumourClass::Glioma))
    );
    fs::write(at("train.txt"), "0001\n0002 x\n\"0003\",7\n").unwrap();
    fs::write(at("test.txt"), "0004\r\n").unwrap();
    fs::write(at("clinical.csv"), "ID,diagnosis\n0001,GBM\n0002,other\n").unwrap();
    let loaded = load_with(&entry, dir.path(), &tolerant()).unwrap();
    let seen: Vec<_> = loaded
        .examples
        .iter()
        .map(|e| (e.id.as_str(), e.split, e.classes.tumour))
        .collect();
    assert_eq!(
        seen,
        [
            ("0001", Split::Train, Some(TumourClass::Glioma)),
            ("0002", Split::Train, None),
            ("0003", Split::Train, None),
            ("0004", Split::Val, None),
        ]
    );
    assert_eq!(loaded.rejected.len(), 8);
    assert!(loaded.rejected[0].reason.contains("none of the lists"));
}

#[test]
fn undersampled_raw_data_are_reported() {
    let adapter = r#"
[adapter]
kind = "fastmri"
image = "{id}.h5"
[adapter.rows]
list = "{id}.h5"
subject = "{id}"
"#;
    let (entry, dir) = (entry(adapter), tempfile::tempdir().unwrap());
    write_miniature(&entry, dir.path()).unwrap();
    let mut file = Hdf5Writer::new();
    // Every third column of 31 x 23 was measured.
    let samples = (0..31 * 23).flat_map(|n| [f32::from(u8::from(n % 23 % 3 == 0)), 0.0]);
    let kspace = file.dataset(
        &Kind::complex(["r", "i"], 4),
        &[1, 1, 31, 23],
        &floats(samples),
    );
    let rss = file.dataset(&Kind::float(4), &[1, 2, 2], &floats([1.0; 4]));
    let root = file.group(&[("kspace", kspace), ("reconstruction_rss", rss)]);
    fs::write(dir.path().join("0001.h5"), file.finish(root, 0)).unwrap();
    fs::write(dir.path().join("0002.h5"), b"no HDF5").unwrap();
    let loaded = load_with(&entry, dir.path(), &tolerant()).unwrap();
    let reasons: Vec<_> = loaded.rejected.iter().map(|r| r.reason.as_str()).collect();
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    assert!(
        reasons[0].contains("fully sampled") && reasons[0].contains("35%"),
        "{reasons:?}"
    );
}

#[test]
fn settings_of_another_kind_are_refused() {
    let refused = |adapter: &str, part: &str| {
        let whole = format!("[adapter]\n{adapter}");
        let text = std::panic::catch_unwind(|| entry(&whole)).unwrap_err();
        let text = text.downcast_ref::<String>().unwrap().clone();
        assert!(text.contains(part), "{text} lacks {part}");
    };
    refused("kind = \"bids\"\n", "bids.images");
    refused(
        "kind = \"nifti_cases\"\nimage = \"a/{id}.nii\"\nraw = {}\n[adapter.rows]\nlist = \"a/{id}.nii\"\n",
        "adapter.raw",
    );
    refused(
        "kind = \"volume_report\"\nimage = \"a/{id}.nii\"\n[adapter.rows]\nlist = \"a/{id}.nii\"\n",
        "text rule",
    );
    refused(
        "kind = \"array\"\nimage = \"{id}.npy\"\narray = { axes = [\"x\"] }\n[adapter.rows]\nlist = \"{id}.npy\"\n",
        "array.axes",
    );
    refused(
        "kind = \"decathlon\"\n[adapter.rows]\nlist = \"{id}\"\n",
        "lists itself",
    );
}
