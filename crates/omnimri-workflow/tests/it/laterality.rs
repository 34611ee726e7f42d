//! One asymmetric volume in all 48 axis orders and flips, and as DICOM: one patient side, one mask, one volume.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use omnimri_image::volume_ops::AxisMap;
use omnimri_image::{Geometry, Input, OpenOptions, Volume, open, reorient, write_nifti};
use omnimri_report::ResultDoc;
use omnimri_report::result::JSON_SCHEMA;
use omnimri_workflow::{Engine, ReadOptions};

use crate::dicom_files::{Series, write_series};
use crate::engine::outlining;
use crate::head::head;

/// What one file of the volume gave.
struct Told {
    result: ResultDoc,
    /// Outlined voxels, as voxels of the first layout.
    mask: HashSet<[i64; 3]>,
}

/// Reads a file and brings its mask to the grid of `first`.
fn told(engine: &Engine, input: &Path, out: &Path, first: &Geometry) -> Told {
    let outcome = engine
        .read(input, out, None, &ReadOptions::default())
        .unwrap();
    let [result] = outcome.results.try_into().unwrap();
    validate(&outcome.folder.join("result.json"));
    let labels = volume(&outcome.folder.join("segmentation.nii.gz"));
    let read = volume(input);
    assert_eq!(
        labels.geometry.size, read.geometry.size,
        "the label map lies on the input's own grid"
    );
    let values: Vec<f32> = result
        .findings
        .iter()
        .filter_map(|f| f.value)
        .map(f32::from)
        .collect();
    let to_first = first
        .affine
        .inverse()
        .unwrap()
        .compose(&labels.geometry.affine);
    let size = labels.geometry.size;
    let mut mask = HashSet::new();
    for (n, label) in labels.voxels.iter().enumerate() {
        if values.contains(label) {
            let ijk = [n % size.x, n / size.x % size.y, n / (size.x * size.y)];
            let place = to_first.apply(ijk.map(|v| v as f64));
            assert!(
                place.iter().all(|v| (v - v.round()).abs() < 0.01),
                "{place:?}"
            );
            mask.insert(place.map(|v| v.round() as i64));
        }
    }
    Told { result, mask }
}

fn volume(path: &Path) -> Volume {
    match open(path, &OpenOptions::default()).unwrap() {
        Input::Volumes(mut v) if v.len() == 1 => v.remove(0),
        other => panic!("{}: {other:?}", path.display()),
    }
}

fn validate(path: &Path) {
    let schema = serde_json::from_str(JSON_SCHEMA).unwrap();
    let doc = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let errors: Vec<String> = jsonschema::validator_for(&schema)
        .unwrap()
        .iter_errors(&doc)
        .map(|e| format!("{}: {e}", e.instance_path()))
        .collect();
    assert_eq!(errors, Vec::<String>::new(), "{}", path.display());
}

fn dice(a: &HashSet<[i64; 3]>, b: &HashSet<[i64; 3]>) -> f64 {
    2.0 * a.intersection(b).count() as f64 / (a.len() + b.len()) as f64
}

/// The same side, mask, volume, diameter and class probabilities as the first layout.
fn assert_same(told: &Told, first: &Told, name: &str) {
    let (f, g) = (&told.result.findings, &first.result.findings);
    assert_eq!(f.len(), g.len(), "{name}");
    for (f, g) in f.iter().zip(g) {
        assert_eq!((f.label, f.location), (g.label, g.location), "{name}");
        for (what, a, b) in [
            ("volume", f.volume_ml, g.volume_ml),
            ("diameter", f.diameter_mm, g.diameter_mm),
        ] {
            let (a, b) = (a.unwrap(), b.unwrap());
            assert!((a - b).abs() <= 0.01 * b, "{name}: {what} {a} and {b}");
        }
    }
    let same = dice(&told.mask, &first.mask);
    assert!(same >= 0.99, "{name}: Dice {same}");
    for (a, b) in told.result.diagnosis.iter().zip(&first.result.diagnosis) {
        assert!(
            a.label == b.label && (a.probability - b.probability).abs() < 0.01,
            "{name}"
        );
    }
}

#[test]
fn every_layout_of_a_volume_gives_one_result() {
    let dir = tempfile::tempdir().unwrap();
    let original = head(5, 112);
    let engine = outlining(dir.path(), &original);
    let maps = AxisMap::all();
    let inputs: Vec<PathBuf> = (0..maps.len())
        .map(|n| dir.path().join(format!("layout{n:02}.nii")))
        .collect();
    for (map, path) in maps.iter().zip(&inputs) {
        write_nifti(path, &reorient(&original, *map)).unwrap();
    }
    let codes: HashSet<String> = inputs
        .iter()
        .map(|p| volume(p).geometry.affine.orientation_code())
        .collect();
    assert_eq!(codes.len(), 48, "48 layouts");

    let out = dir.path().join("out");
    let read = |input: &Path| told(&engine, input, &out, &original.geometry);
    let first = read(&inputs[0]);
    let finding = &first.result.findings[0];
    assert!(!first.mask.is_empty() && finding.volume_ml.unwrap() > 0.0);
    assert!(
        finding.location.unwrap().name().starts_with("patient")
            || finding.location.unwrap().name() == "midline"
    );
    assert_eq!(
        first.result.acquisition.plane.value.as_deref(),
        Some("axial")
    );
    for input in &inputs[1..] {
        let name = input.display().to_string();
        let told = read(input);
        assert_same(&told, &first, &name);
        assert_eq!(
            told.result.acquisition.plane, first.result.acquisition.plane,
            "{name}"
        );
        assert_eq!(
            told.result.report.sections, first.result.report.sections,
            "{name}"
        );
    }
}

#[test]
fn dicom_gives_the_result_of_nifti() {
    let dir = tempfile::tempdir().unwrap();
    let original = head(5, 112);
    let engine = outlining(dir.path(), &original);
    let out = dir.path().join("out");
    let nifti = dir.path().join("head.nii.gz");
    write_nifti(&nifti, &original).unwrap();
    let first = told(&engine, &nifti, &out, &original.geometry);
    let series = Series {
        modality: "MR",
        number: 3,
        description: "AX T1 POST",
    };
    // As acquired; and with slices from above and rows from behind.
    for (n, flip) in [[false; 3], [false, true, true]].into_iter().enumerate() {
        let folder = dir.path().join(format!("dicom{n}"));
        let map = AxisMap::new([0, 1, 2], flip).unwrap();
        write_series(&folder, &reorient(&original, map), &series);
        let told = told(&engine, &folder, &out, &original.geometry);
        assert_same(&told, &first, "DICOM");
        let a = &told.result.acquisition;
        assert_eq!(a.modality.value.as_deref(), Some("MR"));
        assert_eq!(
            a.sequence.value.as_deref(),
            Some("contrast-enhanced T1-weighted")
        );
        assert_eq!(a.plane.value.as_deref(), Some("axial"));
    }
}

/// The simulated tumour itself, through the network's grid and back, in every layout: the path of a mask without a network.
#[test]
fn a_mask_keeps_its_place_in_every_layout() {
    use omnimri_findings::{Side, measure};
    use omnimri_model::preprocess::prepare;
    use omnimri_recon::simulate::demo::demo_head;
    use omnimri_recon::simulate::{Cut, stack};

    let original = head(5, 112);
    let phantom = stack(
        &demo_head(1),
        Cut::axial(-2.0, 230.0 / 112.0),
        5,
        6.0,
        112,
        112,
    )
    .unwrap();
    assert!(
        phantom.lesion_mask.iter().filter(|m| **m).count() > 300,
        "a tumour to follow"
    );
    let truth = Volume {
        voxels: phantom
            .lesion_mask
            .iter()
            .map(|m| f32::from(u8::from(*m)))
            .collect(),
        ..original.clone()
    };
    let mut amounts = Vec::new();
    for map in AxisMap::all() {
        let (image, mask) = (reorient(&original, map), reorient(&truth, map));
        let prepared = prepare(&mask, 0).unwrap();
        let (side, grid) = (prepared.plan.side, prepared.plan.side / 2);
        let mut logits = vec![0.0; prepared.len() * grid * grid];
        for (i, l) in logits.iter_mut().enumerate() {
            let (z, y, x) = (i / (grid * grid), i / grid % grid, i % grid);
            for d in 0..4 {
                let at = (z * side + 2 * y + d / 2) * side + 2 * x + d % 2;
                *l += prepared.slices[3 * at + 1] / 4.0;
            }
        }
        let labels: Vec<u8> = prepared
            .to_input_grid(&logits, grid)
            .iter()
            .map(|l| 9 * u8::from(*l > 0.0))
            .collect();
        let m = measure(&labels, 9, &image).unwrap();
        assert_eq!(m.side, Some(Side::PatientLeft), "{map:?}");
        let both = labels
            .iter()
            .zip(&mask.voxels)
            .filter(|(l, t)| **l > 0 && **t > 0.5)
            .count();
        let all = labels.iter().filter(|l| **l > 0).count()
            + mask.voxels.iter().filter(|t| **t > 0.5).count();
        assert!(
            2.0 * both as f64 / all as f64 > 0.95,
            "{map:?}: {both} of {all}"
        );
        amounts.push(m.volume_ml.unwrap());
    }
    assert!(
        amounts
            .iter()
            .all(|ml| (ml - amounts[0]).abs() <= 0.01 * amounts[0]),
        "{amounts:?}"
    );
}
