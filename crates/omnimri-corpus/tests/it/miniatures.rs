//! Every entry with an adapter is written in miniature, loaded and checked; then it is damaged.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use omnimri_corpus::adapter::AdapterKind;
use omnimri_corpus::check::check;
use omnimri_corpus::miniature::write_miniature;
use omnimri_corpus::{
    CatalogueEntry, LoadOptions, Split, catalogue, find, load, load_with, stats::stats,
};
use omnimri_findings::Term;

/// The entry without the counts of the published set, which a miniature cannot have.
fn entry(name: &str) -> CatalogueEntry {
    let mut entry = find(name).unwrap().clone();
    entry.counts = Default::default();
    entry
}

fn tolerant() -> LoadOptions {
    LoadOptions {
        max_rejected_share: 1.0,
        ..LoadOptions::default()
    }
}

/// All files below a folder whose path contains `part`.
fn files(dir: &Path, part: &str) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for file in fs::read_dir(dir).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            out.extend(files(&path, part));
        } else if path.to_string_lossy().contains(part) {
            out.push(path);
        }
    }
    out.sort();
    out
}

#[test]
fn the_built_in_list_is_the_folder() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../catalogue");
    let mut names = BTreeSet::new();
    for path in files(Path::new(folder), ".toml") {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let entry = CatalogueEntry::parse(&name, &fs::read_to_string(&path).unwrap())
            .unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(entry.name, name, "the file is named after the entry");
        names.insert(name);
    }
    let built_in: BTreeSet<_> = catalogue().iter().map(|e| e.name.clone()).collect();
    assert_eq!(names, built_in);
}

#[test]
fn every_readable_entry_passes_in_miniature() {
    let mut kinds = BTreeSet::new();
    for full in catalogue().iter().filter(|e| e.adapter.is_some()) {
        let (entry, dir) = (entry(&full.name), tempfile::tempdir().unwrap());
        let n = write_miniature(&entry, dir.path()).unwrap();
        let report = check(&entry, dir.path()).unwrap();
        assert!(report.is_sound(), "{report}");
        let loaded = load(&entry, dir.path(), None).unwrap();
        assert_eq!(loaded.rejected, [], "{}", entry.name);
        let adapter = entry.adapter.as_ref().unwrap();
        kinds.insert(adapter.kind);
        if adapter.rows.only.is_none() {
            assert_eq!(loaded.examples.len(), n, "{}", entry.name);
        }
        for e in &loaded.examples {
            let size = e.image.size;
            let expected = if size.z == 1 {
                (1, 37, 29)
            } else {
                (7, 31, 23)
            };
            assert_eq!((size.z, size.y, size.x), expected, "{}", entry.name);
            // Raw data and arrays may leave the distance of slices open.
            if !matches!(
                adapter.kind,
                AdapterKind::Array | AdapterKind::Fastmri | AdapterKind::Ismrmrd
            ) {
                assert_eq!(
                    e.image.spacing_mm.is_some(),
                    size.z > 1 && !adapter.form.spacing_wrong,
                    "{}",
                    entry.name
                );
            }
            if let Some(labels) = &e.labels {
                let known: BTreeSet<u8> = e.annotated.iter().map(|l| l.value()).collect();
                assert!(
                    labels.iter().all(|v| *v == 0 || known.contains(v)),
                    "{}",
                    entry.name
                );
            }
        }
        if adapter.mask_rules().next().is_some() {
            let outlined: BTreeSet<Term> =
                loaded.examples.iter().flat_map(|e| e.present()).collect();
            let annotated = adapter.mask_rules().flat_map(|m| m.annotated.clone());
            assert_eq!(outlined, annotated.collect(), "{}", entry.name);
        }
        if !adapter.texts.is_empty() {
            assert!(
                loaded.examples.iter().all(|e| !e.texts.is_empty()),
                "{}",
                entry.name
            );
        }
        if adapter.boxes.is_some() {
            assert!(
                loaded.examples.iter().all(|e| !e.boxes.is_empty()),
                "{}",
                entry.name
            );
        }
        assert!(stats(&loaded.examples).to_string().contains(&entry.name));
    }
    assert!(kinds.len() >= 3, "{kinds:?}");
}

#[test]
fn a_train_request_yields_no_val_and_splits_are_disjoint() {
    for full in catalogue().iter().filter(|e| e.adapter.is_some()) {
        let (entry, dir) = (entry(&full.name), tempfile::tempdir().unwrap());
        write_miniature(&entry, dir.path()).unwrap();
        let of = |split| load(&entry, dir.path(), Some(split)).unwrap().examples;
        let (train, val) = (of(Split::Train), of(Split::Val));
        assert!(
            train.iter().all(|e| e.split == Split::Train),
            "{}",
            entry.name
        );
        assert!(val.iter().all(|e| e.split == Split::Val), "{}", entry.name);
        let both = load(&entry, dir.path(), None).unwrap().examples.len();
        assert_eq!(train.len() + val.len(), both, "{}", entry.name);
        let subjects: BTreeSet<_> = train.iter().map(|e| e.subject.as_str()).collect();
        assert!(
            val.iter().all(|e| !subjects.contains(e.subject.as_str())),
            "{}",
            entry.name
        );
    }
}

#[test]
fn missing_damaged_and_unknown_are_reported_not_fatal() {
    let (entry, dir) = (entry("spine_lumbar"), tempfile::tempdir().unwrap());
    let n = write_miniature(&entry, dir.path()).unwrap();
    let images = files(dir.path(), "images/");
    let masks = files(dir.path(), "masks/");
    fs::remove_file(&images[0]).unwrap();
    fs::write(&images[1], b"no picture").unwrap();
    let half = fs::read(&masks[2]).unwrap();
    fs::write(&masks[2], &half[..half.len() / 2]).unwrap();
    image::GrayImage::from_pixel(29, 37, image::Luma([9]))
        .save(&masks[3])
        .unwrap();
    image::GrayImage::from_pixel(28, 37, image::Luma([0]))
        .save(&masks[4])
        .unwrap();
    let report = check(&entry, dir.path()).unwrap();
    assert_eq!(report.missing, [images[0].clone()]);
    assert_eq!(report.damaged.len(), 3, "{report}");
    assert_eq!(report.unknown_values.get(&9), Some(&1));
    assert!(!report.is_sound() && report.to_string().contains("not sound"));
    let loaded = load_with(&entry, dir.path(), &tolerant()).unwrap();
    assert_eq!((loaded.examples.len(), loaded.rejected.len()), (n - 5, 5));
    let reasons: Vec<_> = loaded.rejected.iter().map(|r| r.reason.as_str()).collect();
    assert!(
        reasons.iter().any(|r| r.contains("label map: {9}")),
        "{reasons:?}"
    );
    assert!(
        reasons.iter().any(|r| r.contains("1 x 37 x 28")),
        "{reasons:?}"
    );
    let error = load(&entry, dir.path(), None).unwrap_err().to_string();
    assert!(error.contains("5 of 12"), "{error}");
}

#[test]
fn a_copied_image_in_both_splits_is_found() {
    let (entry, dir) = (entry("cardiac_lv"), tempfile::tempdir().unwrap());
    write_miniature(&entry, dir.path()).unwrap();
    let images = files(dir.path(), "images/");
    // Rows 1 to 4 are train, 5 and 6 val.
    fs::copy(&images[1], &images[4]).unwrap();
    let report = check(&entry, dir.path()).unwrap();
    assert_eq!(report.near_duplicates.len(), 1, "{report}");
    assert!(report.near_duplicates[0].correlation > 0.999);
    assert!(!report.is_sound());
}

#[test]
fn a_table_that_leaks_or_leaves_its_folder_is_refused() {
    let (entry, dir) = (entry("cardiac_lv"), tempfile::tempdir().unwrap());
    write_miniature(&entry, dir.path()).unwrap();
    let table = dir.path().join("annotations.csv");
    fs::write(
        &table,
        "id,subject,split,diagnosis\n1,a,train,normal\n2,a,val,normal\n",
    )
    .unwrap();
    let error = load(&entry, dir.path(), None).unwrap_err().to_string();
    assert!(error.contains("subject a in train and val"), "{error}");
    fs::write(
        &table,
        "id,subject,split,diagnosis\n../../etc/x,a,train,normal\n2,b,holdout,normal\n\
         3,c,train,strange\n0001,d,train,normal\n0001,d,train,normal\n",
    )
    .unwrap();
    let loaded = load_with(&entry, dir.path(), &tolerant()).unwrap();
    let reasons: Vec<_> = loaded.rejected.iter().map(|r| r.reason.as_str()).collect();
    assert_eq!(reasons.len(), 4, "{reasons:?}");
    for (reason, part) in
        reasons
            .iter()
            .zip(["inside", "\"holdout\"", "\"strange\"", "second time"])
    {
        assert!(reason.contains(part), "{reason} lacks {part}");
    }
    fs::write(&table, "id,subject,diagnosis\n1,a,normal\n").unwrap();
    let error = load(&entry, dir.path(), None).unwrap_err().to_string();
    assert!(error.contains("a column named split"), "{error}");
    fs::remove_file(&table).unwrap();
    let error = load(&entry, dir.path(), None).unwrap_err().to_string();
    assert!(error.contains("corpus show cardiac_lv"), "{error}");
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let (entry, dir) = (entry("ms_brain"), tempfile::tempdir().unwrap());
    write_miniature(&entry, dir.path()).unwrap();
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| load(&entry, dir.path(), None).unwrap().examples)
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn an_entry_that_contradicts_itself_is_refused() {
    let text = include_str!("../../../../catalogue/cardiac_lv.toml");
    let refused = |from: &str, to: &str, part: &str| {
        let changed = text.replace(from, to);
        assert_ne!(changed, text, "{from}");
        let error = CatalogueEntry::parse("x", &changed)
            .unwrap_err()
            .to_string();
        assert!(error.contains(part), "{error} lacks {part}");
    };
    refused("train = 537", "train = 538", "train + val");
    refused(
        "table = \"annotations.csv\"",
        "table = \"../a.csv\"",
        "rows.table",
    );
    refused(
        "table = \"annotations.csv\"",
        "",
        "either a table or a list",
    );
    refused("label = \"left ventricle cavity\"\n", "", "mask.label");
    refused("anatomy = [\"heart\"]", "anatomy = []", "anatomy");
    refused(
        "name = \"cardiac_lv\"",
        "name = \"Cardiac LV\"",
        "lower-case",
    );
    refused(
        "kind = \"image_folder_csv\"",
        "kind = \"image_folder_csv\"\nsurprise = 1",
        "surprise",
    );
}
