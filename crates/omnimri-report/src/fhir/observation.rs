//! Findings, structures and missing answers as Observations.

use omnimri_findings::{AnatomyEntry, Finding, Label, Side};
use serde_json::{Value, json};

use super::{DCM, References};
use crate::dicom::dataset::Concept;
use crate::dicom::measurements::{AREA, CERTAINTY, DIAMETER, VOLUME, laterality};
use crate::result::{TaskState, TaskStatus};

/// A code with the system that its scheme stands for.
fn coding(concept: Concept) -> Value {
    let system = match concept.1 {
        "SCT" => "http://snomed.info/sct",
        _ => DCM,
    };
    json!({ "system": system, "code": concept.0, "display": concept.2 })
}

/// A label in its own words, with its code where the vocabulary has one.
fn named(label: Label) -> Value {
    match label.code() {
        Some(code) => json!({ "coding": [coding(code.into())], "text": label.name() }),
        None => json!({ "text": label.name() }),
    }
}

fn observation(refs: &References, value: Value) -> Value {
    json!({
        "resourceType": "Observation",
        "status": "preliminary",
        "category": [{ "coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/observation-category",
            "code": "imaging",
            "display": "Imaging"
        }] }],
        "code": { "coding": [coding(Concept("121071", "DCM", "Finding"))] },
        "subject": { "reference": refs.patient },
        "valueCodeableConcept": value,
        "device": { "reference": refs.device },
    })
}

fn quantity(name: Concept, value: f64, unit: &str) -> Value {
    json!({
        "code": { "coding": [coding(name)] },
        "valueQuantity": {
            "value": value,
            "unit": unit,
            "system": "http://unitsofmeasure.org",
            "code": unit,
        },
    })
}

/// Pixels are counted: an input without a voxel size has no other measure.
fn pixels(n: usize) -> Value {
    quantity(AREA, n as f64, "{pixels}")
}

fn body_site(label: Label, side: Option<Side>) -> Value {
    let region = label.region();
    let site = region.code().map(|c| coding(c.into()));
    let words = match side {
        Some(side) => format!("{}, {}", region.name(), side.name()),
        None => region.name().to_owned(),
    };
    let side = side.and_then(laterality).map(coding);
    let codings: Vec<Value> = site.into_iter().chain(side).collect();
    if codings.is_empty() {
        json!({ "text": words })
    } else {
        json!({ "coding": codings, "text": words })
    }
}

pub(super) fn finding(f: &Finding, refs: &References) -> Value {
    let mut out = observation(refs, named(f.label));
    let mut components = Vec::new();
    components.extend(f.volume_ml.map(|ml| quantity(VOLUME, ml, "mL")));
    components.extend(f.diameter_mm.map(|mm| quantity(DIAMETER, mm, "mm")));
    components.extend(f.area_px.map(pixels));
    components.push(quantity(CERTAINTY, 100.0 * f.probability, "%"));
    out["component"] = Value::Array(components);
    out["bodySite"] = body_site(f.label, f.location);
    out
}

pub(super) fn anatomy(a: &AnatomyEntry, refs: &References) -> Value {
    let mut out = observation(refs, named(a.label));
    let mut components = Vec::new();
    components.extend(a.volume_ml.map(|ml| quantity(VOLUME, ml, "mL")));
    components.extend(a.area_px.map(pixels));
    if !components.is_empty() {
        out["component"] = Value::Array(components);
    }
    out
}

/// A task that has no answer, with the reason (code system `data-absent-reason`).
pub(super) fn abstention(task: &str, status: &TaskStatus, refs: &References) -> Option<Value> {
    let (code, display) = match status.state {
        TaskState::Answered => return None,
        TaskState::Abstained => ("unknown", "Unknown"),
        TaskState::OutOfScope => ("not-applicable", "Not Applicable"),
    };
    let reason = format!("{}: {}", status.state.name(), status.reason);
    let mut out = observation(refs, Value::Null);
    if let Some(fields) = out.as_object_mut() {
        fields.remove("valueCodeableConcept");
    }
    out["code"] = json!({ "text": task });
    out["dataAbsentReason"] = json!({
        "coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/data-absent-reason",
            "code": code,
            "display": display,
        }],
        "text": reason,
    });
    Some(out)
}
