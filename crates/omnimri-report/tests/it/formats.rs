//! FHIR, BIDS and PDF of a made-up result.

use omnimri_findings::Label;
use omnimri_report::Pictures;
use omnimri_report::bids::{BidsName, write_bids, write_bids_description};
use omnimri_report::fhir::fhir_bundle;
use omnimri_report::pdf::render_pdf;
use serde_json::Value;

use crate::dicom::{making, read_series};
use crate::made_up_series::{lesions, result};

#[test]
fn the_bundle_is_preliminary_and_its_references_resolve() {
    let (volume, source) = read_series(|_, _| {});
    let doc = result(&volume, &lesions(&volume));
    let bundle = fhir_bundle(&doc, Some(&source.unwrap()), &mut making()).unwrap();
    let entries = bundle["entry"].as_array().unwrap();
    let of_kind = |kind: &str| -> Vec<&Value> {
        let all = entries.iter().map(|e| &e["resource"]);
        all.filter(|r| r["resourceType"] == kind).collect()
    };
    assert_eq!(of_kind("DiagnosticReport")[0]["status"], "preliminary");
    let observations = of_kind("Observation");
    assert_eq!(observations.len(), 4);
    assert!(observations.iter().all(|o| o["status"] == "preliminary"));
    assert!(
        observations[3]["dataAbsentReason"]["text"]
            .as_str()
            .unwrap()
            .starts_with("out of scope")
    );
    let site = &observations[1]["bodySite"]["coding"];
    assert_eq!(site[1]["code"], "7771000");
    assert_eq!(of_kind("Patient")[0]["birthDate"], "1970-01-02");
    let urls: Vec<&str> = entries
        .iter()
        .map(|e| e["fullUrl"].as_str().unwrap())
        .collect();
    let text = bundle.to_string();
    let mut n = 0;
    for rest in text.split("\"reference\":\"").skip(1) {
        let id = rest.split('"').next().unwrap();
        assert!(urls.contains(&id), "{id}");
        n += 1;
    }
    assert!(n > 10);
}

#[test]
fn derivatives_have_names_of_bids_and_a_table_of_all_labels() {
    let (volume, _) = read_series(|_, _| {});
    let labels = lesions(&volume);
    let doc = result(&volume, &labels);
    let pictures = Pictures {
        volume: &volume,
        labels: Some(&labels),
        reconstruction: None,
    };
    let dir = tempfile::tempdir().unwrap();
    write_bids_description(dir.path(), None).unwrap();
    let name = BidsName::of_bids("sub-01_ses-2_T1w.nii.gz".as_ref()).unwrap();
    let raw = "sub-01/ses-2/anat/sub-01_ses-2_T1w.nii.gz";
    let paths = write_bids(dir.path(), &name, Some(raw), &doc, &pictures).unwrap();
    let stem = dir
        .path()
        .join("sub-01/ses-2/anat/sub-01_ses-2_desc-omnimriT1w_dseg");
    assert_eq!(paths[0], stem.with_extension("nii.gz"));
    let table = std::fs::read_to_string(stem.with_extension("tsv")).unwrap();
    assert_eq!(table.lines().count(), Label::ALL.len() + 2);
    assert!(table.contains("9\tglioma\t#D55E00\t393564001\ttrue\n"));
    let sidecar: Value =
        serde_json::from_slice(&std::fs::read(stem.with_extension("json")).unwrap()).unwrap();
    assert_eq!(sidecar["Sources"][0], format!("bids:raw:{}", raw));
    let text = std::fs::read_to_string(dir.path().join("dataset_description.json")).unwrap();
    let description: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(description["DatasetType"], "derivative");
    assert_eq!(description["GeneratedBy"][0]["Name"], "omnimri");
}

#[test]
fn a_long_report_goes_on_over_pages() {
    let (volume, _) = read_series(|_, _| {});
    let labels = lesions(&volume);
    let mut doc = result(&volume, &labels);
    let pictures = Pictures {
        volume: &volume,
        labels: Some(&labels),
        reconstruction: None,
    };
    let count = |pdf: &[u8]| {
        let text = String::from_utf8_lossy(pdf);
        text.matches("/Type /Page\n").count()
    };
    let one = count(&render_pdf(&doc, &pictures).unwrap());
    doc.warnings = vec!["Something to know. ".repeat(20); 40];
    let many = count(&render_pdf(&doc, &pictures).unwrap());
    assert!(one >= 1 && many > one + 1, "{one} and {many} pages");
}
