//! A result as FHIR R4 (HL7 4.0.1): one Bundle of a DiagnosticReport, its Observations, the study, the patient and the device.
//!
//! Everything is `preliminary`. Observations mirror the measurement groups of the DICOM report: what was found as value, volume,
//! diameter and certainty as components, side and site as body site; a task without an answer is an Observation whose value is absent.

mod observation;

use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use omnimri_image::SourceSeries;
use serde_json::{Value, json};

use crate::dicom::{Making, hyphenated};
use crate::error::Result;
use crate::result::ResultDoc;
use crate::words::BANNER;
use observation::{abstention, anatomy, finding};

/// System of Digital Imaging and Communications in Medicine's own codes.
const DCM: &str = "http://dicom.nema.org/resources/ontology/DCM";
/// Longest `conclusion` in characters.
const LONGEST: usize = 20_000;

/// What observations refer to.
struct References {
    patient: String,
    device: String,
    study: String,
}

/// The Bundle, of type `collection`. With `source`, patient and study are those of the DICOM series.
///
/// # Errors
/// If the result holds a number that no format may hold, or no identifiers can be made.
pub fn fhir_bundle(
    result: &ResultDoc,
    source: Option<&SourceSeries>,
    making: &mut Making,
) -> Result<Value> {
    result.validate()?;
    let mut urn = || Ok::<_, crate::Error>(format!("urn:uuid:{}", hyphenated(making.uids.uuid()?)));
    let refs = References {
        patient: urn()?,
        device: urn()?,
        study: urn()?,
    };
    let report = urn()?;
    let mut observations = Vec::new();
    for f in &result.findings {
        observations.push((urn()?, finding(f, &refs)));
    }
    for a in &result.anatomy {
        observations.push((urn()?, anatomy(a, &refs)));
    }
    for (task, status) in &result.status {
        if let Some(absent) = abstention(task, status, &refs) {
            observations.push((urn()?, absent));
        }
    }
    let issued = making.at.format("%Y-%m-%dT%H:%M:%S%:z").to_string();
    let results: Vec<Value> = observations
        .iter()
        .map(|(id, _)| json!({ "reference": id }))
        .collect();
    let mut diagnostic = json!({
        "resourceType": "DiagnosticReport",
        "status": "preliminary",
        "category": [{ "coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/v2-0074",
            "code": "RAD",
            "display": "Radiology"
        }] }],
        "code": { "coding": [{
            "system": "http://loinc.org",
            "code": "18748-4",
            "display": "Diagnostic imaging study"
        }] },
        "subject": { "reference": refs.patient },
        "issued": issued,
        "performer": [{ "display": format!("omnimri {}, {BANNER}", result.model.name) }],
        "conclusion": conclusion(result),
    });
    if !results.is_empty() {
        diagnostic["result"] = Value::Array(results);
    }
    let mut entries = vec![
        (report, diagnostic),
        (refs.patient.clone(), patient(source)),
    ];
    if let Some(source) = source {
        entries[0].1["imagingStudy"] = json!([{ "reference": refs.study }]);
        entries.push((refs.study.clone(), imaging_study(source, &refs)));
    }
    entries.push((refs.device.clone(), device(result)));
    entries.extend(observations);
    let entries: Vec<Value> = entries
        .into_iter()
        .map(|(url, resource)| json!({ "fullUrl": url, "resource": resource }))
        .collect();
    Ok(json!({
        "resourceType": "Bundle",
        "type": "collection",
        "timestamp": issued,
        "entry": entries,
    }))
}

fn conclusion(result: &ResultDoc) -> String {
    let text = format!("{BANNER}\n{}", result.report.text);
    text.chars().take(LONGEST).collect()
}

fn text(object: &InMemDicomObject, tag: dicom_core::Tag) -> Option<String> {
    let text = object.get(tag)?.to_str().ok()?.trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// `20240131` as `2024-01-31`.
fn date(text: &str) -> Option<String> {
    let digits = text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| format!("{}-{}-{}", &text[..4], &text[4..6], &text[6..]))
}

/// The patient as the series names them; without a series, one that nothing is said of.
fn patient(source: Option<&SourceSeries>) -> Value {
    let mut out = json!({ "resourceType": "Patient" });
    let Some(attributes) = source.map(|s| &s.attributes) else {
        out["text"] = json!({
            "status": "generated",
            "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">Not named in the input.</div>"
        });
        return out;
    };
    if let Some(id) = text(attributes, tags::PATIENT_ID) {
        out["identifier"] = json!([{ "value": id }]);
    }
    if let Some(name) = text(attributes, tags::PATIENT_NAME) {
        // Components of the alphabetic group (PS3.5 6.2.1).
        let group = name.split('=').next().unwrap_or_default();
        let mut parts = group.split('^').map(str::trim);
        let family = parts.next().unwrap_or_default();
        let given: Vec<&str> = parts.take(2).filter(|p| !p.is_empty()).collect();
        let mut human = json!({ "text": name });
        if !family.is_empty() {
            human["family"] = json!(family);
        }
        if !given.is_empty() {
            human["given"] = json!(given);
        }
        out["name"] = json!([human]);
    }
    let sex = text(attributes, tags::PATIENT_SEX);
    let gender = match sex.as_deref() {
        Some("M") => Some("male"),
        Some("F") => Some("female"),
        Some("O") => Some("other"),
        _ => None,
    };
    if let Some(gender) = gender {
        out["gender"] = json!(gender);
    }
    if let Some(born) = text(attributes, tags::PATIENT_BIRTH_DATE).and_then(|d| date(&d)) {
        out["birthDate"] = json!(born);
    }
    out
}

fn imaging_study(source: &SourceSeries, refs: &References) -> Value {
    let mut series = json!({
        "uid": source.series_uid,
        "modality": { "system": DCM, "code": source.modality.as_deref().unwrap_or("MR") },
        "numberOfInstances": source.slices.len(),
    });
    if let Some(number) = source
        .series_number
        .filter(|n| (0..=i64::from(i32::MAX)).contains(n))
    {
        series["number"] = json!(number);
    }
    if let Some(description) = &source.description {
        series["description"] = json!(description);
    }
    let mut out = json!({
        "resourceType": "ImagingStudy",
        "identifier": [{ "system": "urn:dicom:uid", "value": format!("urn:oid:{}", source.study_uid) }],
        "status": "available",
        "subject": { "reference": refs.patient },
        "series": [series],
    });
    if let Some(day) = text(&source.attributes, tags::STUDY_DATE).and_then(|d| date(&d)) {
        out["started"] = json!(day);
    }
    if let Some(what) = text(&source.attributes, tags::STUDY_DESCRIPTION) {
        out["description"] = json!(what);
    }
    out
}

fn device(result: &ResultDoc) -> Value {
    let model = &result.model;
    json!({
        "resourceType": "Device",
        "manufacturer": "omnimri",
        "deviceName": [{ "name": format!("omnimri {}", model.name), "type": "model-name" }],
        "version": [
            { "value": format!("omnimri {}", env!("CARGO_PKG_VERSION")) },
            { "value": format!("{} {}", model.name, model.version) },
            { "value": format!("weights sha256 {}", model.sha256) },
        ],
        "note": [{ "text": BANNER }],
    })
}
