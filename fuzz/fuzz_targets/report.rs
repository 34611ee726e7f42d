//! Writers of DICOM objects and FHIR: whatever the source series and the texts of a result are, what is written can be read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use omnimri_fuzz::{options, with_files};
use omnimri_image::{DicomHeader, LabelMap, read_dicom_series};
use omnimri_report::dicom::{Making, SegmentationType, Uids, write_dicom};
use omnimri_report::fhir::fhir_bundle;
use omnimri_report::{Pictures, ResultDoc};
use serde_json::json;

/// A result with one text everywhere where the model or the input may put one.
fn result(text: &str) -> ResultDoc {
    let unknown = json!({"value": null, "source": "unknown"});
    let doc = json!({
        "schema": omnimri_report::result::SCHEMA,
        "input": {"path": text, "kind": "dicom", "sha256": "", "shape": [1, 1, 1], "spacing_mm": null},
        "model": {"name": text, "version": text, "sha256": text},
        "status": {text: {"state": "abstained", "reason": text}},
        "acquisition": {"modality": {"value": text, "source": "header"}, "sequence": unknown, "plane": unknown},
        "reconstruction": null,
        "anatomy": [],
        "findings": [],
        "diagnosis": [{"label": text, "probability": 0.5}],
        "report": {
            "sections": {"findings": text, "impression": text},
            "text": text,
            "facts": [],
        },
        "warnings": [text],
        "seconds": 0.0,
    });
    serde_json::from_value(doc).expect("a result of the schema")
}

fuzz_target!(|data: &[u8]| {
    // The first byte says how much of the rest is the text; what follows is the source.
    let Some((&n, rest)) = data.split_first() else {
        return;
    };
    let (text, source) = rest.split_at(usize::from(n).min(rest.len()));
    let doc = result(&String::from_utf8_lossy(text));
    with_files(&[("a.dcm", source)], |path| {
        let Ok(series) = read_dicom_series(path, &options()) else {
            return;
        };
        let folder = path.with_extension("out");
        for one in series {
            let Ok(source) = one.source else { continue };
            let mean = one.volume.voxels.iter().sum::<f32>() / one.volume.voxels.len() as f32;
            let first = &one.volume.voxels[..one.volume.geometry.size.count()];
            let labels = LabelMap {
                // Glioma and meningioma of the vocabulary.
                labels: first.iter().map(|v| if *v > mean { 9 } else { 10 }).collect(),
                geometry: one.volume.geometry.clone(),
            };
            let pictures = Pictures {
                volume: &one.volume,
                labels: Some(&labels),
                reconstruction: None,
            };
            for kind in [SegmentationType::Binary, SegmentationType::LabelMap] {
                let _ = std::fs::remove_dir_all(&folder);
                std::fs::create_dir_all(&folder).expect("a folder");
                let mut making = Making {
                    at: chrono::DateTime::UNIX_EPOCH.fixed_offset(),
                    uids: Uids::seeded(1),
                };
                let Ok(files) = write_dicom(&folder, &doc, &pictures, &source, kind, &mut making)
                else {
                    continue;
                };
                for file in files {
                    DicomHeader::read(&file, &options()).expect("what was written is DICOM");
                }
                let bundle = fhir_bundle(&doc, Some(&source), &mut making);
                assert!(bundle.is_err() || bundle.is_ok_and(|b| b.is_object()));
            }
        }
    });
});
