//! Every kind of adapter on a made-up entry: written in miniature, checked, loaded.

use std::collections::BTreeSet;

use omnimri_corpus::adapter::AdapterKind;
use omnimri_corpus::check::check;
use omnimri_corpus::miniature::write_miniature;
use omnimri_corpus::{CatalogueEntry, Example, Split, TextKind, load};
use omnimri_findings::{Sequence, Term};

/// An entry of this adapter.
pub fn entry(adapter: &str) -> CatalogueEntry {
    let text = format!(
        r#"
name = "made_up"
title = "Made up"
kind = "image-only"
anatomy = ["brain"]
sequences = []
tasks = ["segmentation"]
verified = "no"
citation = "none"
layout = "none"
layout_from = "none"
[licence]
name = "CC0"
admits = "commercial"
read = true
plain = "Any use."
[access]
how = "open"
page = "none"
{adapter}
"#
    );
    CatalogueEntry::parse("made_up", &text).unwrap_or_else(|e| panic!("{e}"))
}

/// Written, checked and loaded whole.
fn whole(adapter: &str) -> Vec<Example> {
    let (entry, dir) = (entry(adapter), tempfile::tempdir().unwrap());
    let n = write_miniature(&entry, dir.path()).unwrap();
    let report = check(&entry, dir.path()).unwrap();
    assert!(report.is_sound(), "{report}\n{adapter}");
    let loaded = load(&entry, dir.path(), None).unwrap();
    assert_eq!(loaded.rejected, []);
    assert_eq!(loaded.examples.len(), n);
    assert!(n >= 6, "{n}");
    loaded.examples
}

fn term(name: &str) -> Term {
    Term::from_name(name).unwrap()
}

fn outlined(examples: &[Example]) -> BTreeSet<Term> {
    examples.iter().flat_map(|e| e.present()).collect()
}

#[test]
fn bids_with_derivatives_and_participants() {
    let examples = whole(
        r#"
[adapter]
kind = "bids"
[adapter.bids]
images = [{ suffix = "FLAIR" }, { suffix = "T1w", entities = { ce = "gd" } }]
[adapter.mask]
file = "derivatives/lesions/{folder}/{entities}_label-lesion_mask.nii.gz"
form = "binary"
label = "multiple sclerosis lesion"
annotated = ["multiple sclerosis lesion"]
[adapter.classes]
region = "brain"
"#,
    );
    let sequences: BTreeSet<_> = examples.iter().map(|e| e.classes.sequence).collect();
    let expected = [Sequence::T1Post, Sequence::Flair].map(Some);
    assert_eq!(sequences, expected.into());
    assert!(examples.iter().any(|e| e.id == "sub-01_ce-gd_T1w"));
    assert!(examples.iter().all(|e| e.subject.starts_with("sub-")));
    assert_eq!(
        outlined(&examples),
        [term("multiple sclerosis lesion")].into()
    );
}

#[test]
fn decathlon_with_channels_of_one_file() {
    let examples = whole(
        r#"
[adapter]
kind = "decathlon"
series = [
    { name = "t2", frame = 0, sequence = "T2-weighted" },
    { name = "adc", frame = 1, sequence = "apparent diffusion coefficient" },
]
[adapter.decathlon]
file = "Task05/dataset.json"
[adapter.mask]
form = "values"
values = { 1 = "prostate peripheral zone", 2 = "prostate transition zone" }
annotated = ["prostate peripheral zone", "prostate transition zone"]
"#,
    );
    assert_eq!(examples.len(), 24);
    assert_ne!(examples[0].image.window, examples[1].image.window);
    assert!(examples[1].id.ends_with("/adc"));
    assert_eq!(outlined(&examples).len(), 2);
}

#[test]
fn nnunet_channel_files_are_found_beside_their_case() {
    let adapter = r#"
[adapter]
kind = "decathlon"
series = [{ name = "a", frame = 0 }, { name = "b", frame = 1 }]
[adapter.mask]
form = "values"
values = { 1 = "liver" }
annotated = ["liver"]
"#;
    let (entry, dir) = (entry(adapter), tempfile::tempdir().unwrap());
    write_miniature(&entry, dir.path()).unwrap();
    let at = |p: String| dir.path().join(p);
    for k in 1..=12 {
        let image = at(format!("imagesTr/case_{k:03}.nii.gz"));
        std::fs::copy(&image, at(format!("imagesTr/case_{k:03}_0001.nii.gz"))).unwrap();
        std::fs::rename(&image, at(format!("imagesTr/case_{k:03}_0000.nii.gz"))).unwrap();
    }
    let json =
        r#"{"channel_names": {"0": "a", "1": "b"}, "file_ending": ".nii.gz", "numTraining": 12}"#;
    std::fs::write(at("dataset.json".into()), json).unwrap();
    let loaded = load(&entry, dir.path(), None).unwrap();
    assert_eq!((loaded.examples.len(), loaded.rejected.len()), (24, 0));
    assert_eq!(loaded.examples[3].id, "case_002/b");
}

#[test]
fn case_folders_with_official_parts_and_two_label_files() {
    let examples = whole(
        r#"
[adapter]
kind = "nifti_cases"
series = [
    { name = "t1c", image = "{part}/{case}/{case}-t1c.nii.gz", sequence = "contrast-enhanced T1-weighted" },
    { name = "t2", image = "{part}/{case}/{case}-t2.mha", sequence = "T2-weighted" },
]
[adapter.rows]
list = "{part}/{case}"
id = "{case}"
subject = "{case}"
split = "part"
split_words = { Training = "train", Testing = "val" }
[adapter.mask]
file = "{part}/{case}/{case}-seg.nii.gz"
form = "values"
values = { 1 = "necrotic tumour core", 2 = "peritumoural oedema", 4 = "enhancing tumour" }
annotated = ["necrotic tumour core", "peritumoural oedema", "enhancing tumour"]
[[adapter.masks]]
file = "{part}/{case}/{case}-cavity.nii.gz"
form = "binary"
label = "resection cavity"
annotated = ["resection cavity"]
"#,
    );
    assert_eq!(outlined(&examples).len(), 4);
    assert_eq!(examples[0].annotated.len(), 4);
    assert!(examples.iter().any(|e| e.split == Split::Val));
}

#[test]
fn reports_come_with_their_volume_from_json_lines_and_files() {
    let examples = whole(
        r#"
[adapter]
kind = "volume_report"
image = "scans/{id}.nrrd"
texts = [
    { kind = "findings", column = "Case.Findings" },
    { kind = "report", file = "reports/{id}.txt", writer = "model" },
]
[adapter.rows]
table = "cases.jsonl"
val_percent = 30
[adapter.classes]
region = "brain"
"#,
    );
    for e in &examples {
        let kinds: Vec<_> = e.texts.iter().map(|t| t.kind).collect();
        assert_eq!(kinds, [TextKind::Findings, TextKind::Report]);
        assert!(e.texts[1].origin.ends_with(".txt") && e.image.spacing_mm.is_some());
    }
    assert!(examples.iter().any(|e| e.split == Split::Train));
}

#[test]
fn questions_come_from_official_json_parts_and_are_filtered() {
    let examples = whole(
        r#"
[adapter]
kind = "question_answer"
image = "imgs/{img_name}"
[adapter.rows]
tables = [{ file = "train.json", part = "train" }, { file = "test.json", part = "val" }]
id = "{img_name}"
subject = "{img_name}"
keep = { modality = ["MRI"], q_lang = ["en"] }
[adapter.questions]
question = "question"
answer = "answer"
"#,
    );
    assert_eq!(examples.len(), 6);
    assert!(
        examples
            .iter()
            .all(|e| e.questions.len() == 2 && e.questions[0].closed)
    );
}

#[test]
fn boxes_and_classes_of_pictures() {
    let examples = whole(
        r#"
[adapter]
kind = "image_folder_csv"
image = "slices/{id}.png"
[adapter.rows]
table = "list.tsv"
[adapter.boxes]
table = "boxes.csv"
id = "{file}"
form = "left_top_width_height"
columns = ["x", "y", "width", "height"]
label = { column = "what", map = { Tear = "meniscal tear" } }
[adapter.classes]
region = "knee"
sequence = "proton-density-weighted"
"#,
    );
    let one = &examples[0].boxes[0];
    assert_eq!(one.label, term("meniscal tear"));
    assert!((one.lower.x - 5.0 / 29.0).abs() < 1e-12 && (one.upper.y - 14.0 / 37.0).abs() < 1e-12);
    assert!(examples[0].labels.is_none());
}

#[test]
fn raw_data_become_images() {
    let fast = whole(
        r#"
[adapter]
kind = "fastmri"
image = "multicoil_{part}/{id}.h5"
[adapter.rows]
list = "multicoil_{part}/{id}.h5"
subject = "{id}"
split = "part"
[adapter.classes]
region = "knee"
"#,
    );
    assert_eq!((fast[0].image.size.z, fast[0].image.size.y), (7, 31));
    let own = whole(
        r#"
[adapter]
kind = "fastmri"
image = "{id}.h5"
raw = { reconstructions = ["reconstruction_rss"] }
[adapter.rows]
list = "{id}.h5"
subject = "{id}"
"#,
    );
    assert_ne!(own[0].image.voxels, fast[0].image.voxels);
    let mrd = whole(
        r#"
[adapter]
kind = "ismrmrd"
image = "{id}.h5"
[adapter.rows]
list = "{id}.h5"
subject = "{id}"
"#,
    );
    assert_eq!((mrd[0].image.size.y, mrd[0].image.size.x), (37, 29));
}

#[test]
fn dicom_series_are_chosen_and_outlined_by_a_structure_set() {
    let adapter = |form: &str, canonical: bool| {
        format!(
            r#"
[adapter]
kind = "dicom_tree"
series = [{{ name = "t2", image = "{{patient}}/images", dicom = {{ description = ["t2 tse"] }} }}]
form = {{ canonical = {canonical} }}
[adapter.rows]
list = "{{patient}}/images"
id = "{{patient}}"
subject = "{{patient}}"
[adapter.mask]
{form}
annotated = ["spleen", "liver"]
"#
        )
    };
    let named = "file = \"{patient}/rt.dcm\"\nform = \"named\"\nnames = { Leber = \"liver\", Milz = \"spleen\" }";
    let straight = whole(&adapter(named, false));
    assert_eq!(outlined(&straight), [term("spleen"), term("liver")].into());
    assert_eq!(straight[0].acquisition.echo_time_ms, Some(15.0));
    assert_eq!(straight[0].acquisition.series_uid, None);
    let turned = whole(&adapter(named, true));
    let count = |e: &Example| e.label_counts();
    assert_eq!(count(&straight[0]), count(&turned[0]));
    assert_ne!(straight[0].labels, turned[0].labels);
    let pictures = "file = \"{patient}/Ground\"\nform = \"values\"\nvalues = { 63 = \"liver\", 252 = \"spleen\" }";
    assert_eq!(outlined(&whole(&adapter(pictures, false))).len(), 2);
}

#[test]
fn arrays_of_matlab_and_numpy() {
    let matlab = whole(
        r#"
[adapter]
kind = "array"
image = "{id}.mat"
array = { axes = ["y", "x", "z"], array = "vol", spacing_mm = [3.0, 1.0, 1.0] }
[adapter.rows]
list = "{id}.mat"
subject = "{id}"
[adapter.mask]
form = "values"
array = "seg"
values = { 1 = "left atrium" }
annotated = ["left atrium"]
"#,
    );
    assert_eq!(matlab[0].image.size.z, 7);
    assert_eq!(matlab[0].image.size.x, 23);
    assert_eq!(outlined(&matlab), [term("left atrium")].into());
    let numpy = whole(
        r#"
[adapter]
kind = "array"
image = "train/axial/{id}.npy"
array = { axes = ["z", "y", "x"] }
[adapter.rows]
table = "labels.csv"
"#,
    );
    assert_eq!(numpy[0].image.size.y, 31);
}

#[test]
fn every_kind_has_a_name_of_its_own() {
    let names: BTreeSet<_> = AdapterKind::ALL.iter().map(|k| k.name()).collect();
    assert_eq!(names.len(), AdapterKind::ALL.len());
    for kind in AdapterKind::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
    }
}
