//! The measurement report: TID 1500 with a measurement group for every segment and every finding without one.
//!
//! PS3.16 TID 1500 Measurement Report, TID 1411 Volumetric ROI Measurements and Qualitative Evaluations, TID 1501 for findings
//! without a region, TID 1419 and TID 300 for the numbers, TID 4019 for the algorithm, TID 1600 for the image library.

use dicom_dictionary_std::uids;
use dicom_object::InMemDicomObject;
use omnimri_findings::{Finding, Label, Side};

use super::content::{
    Item, Relation, Value, context, document, evidence, procedure, segment_reference,
};
use super::dataset::{Concept, reference};
use super::making::Uids;
use super::segments::{Segment, property, site};
use super::shell::{DESCRIPTION, Ids, Kind, Shell};
use crate::error::Result;
use crate::result::{ResultDoc, TaskState};
use crate::sentences::split;
use crate::words::{BANNER, class, percent};

/// Kind of the object.
pub(crate) const KIND: Kind = Kind {
    sop_class: uids::COMPREHENSIVE_SR_STORAGE,
    modality: "SR",
    number: 2,
};

const FINDING: Concept = Concept("121071", "DCM", "Finding");
const COMMENT: Concept = Concept("121106", "DCM", "Comment");
/// How sure the model is, in percent: "the certainty that a device places upon an impression".
pub(crate) const CERTAINTY: Concept = Concept("111012", "DCM", "Certainty of Finding");
pub(crate) const VOLUME: Concept = Concept("118565006", "SCT", "Volume");
pub(crate) const DIAMETER: Concept = Concept("81827009", "SCT", "Diameter");
pub(crate) const AREA: Concept = Concept("42798000", "SCT", "Area");

/// The segmentation that groups refer to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segmented<'a> {
    pub(crate) segments: &'a [Segment],
    pub(crate) sop_class: &'static str,
    pub(crate) ids: &'a Ids,
}

/// The report; without `segmented`, where no voxel has a label, groups refer to no region.
pub(crate) fn measurement_report(
    shell: &Shell<'_>,
    result: &ResultDoc,
    segmented: Option<Segmented<'_>>,
    ids: &Ids,
    uids: &mut Uids,
) -> Result<InMemDicomObject> {
    let mut series = vec![evidence(&shell.source.series_uid, shell.instances())];
    if let Some(s) = segmented {
        let instance = reference(s.sop_class, &s.ids.instance_uid);
        series.push(evidence(&s.ids.series_uid, vec![instance]));
    }
    let mut root = Item::contained(
        Concept("126000", "DCM", "Imaging Measurement Report"),
        Value::Container(Some("1500")),
    )
    .with(context(shell, &uids.uid()?))
    .with(procedure(shell))
    .with([library(shell)]);
    let groups = groups(shell, result, segmented, uids)?;
    if !groups.is_empty() {
        let name = Concept("126010", "DCM", "Imaging Measurements");
        root = root.with([Item::contained(name, Value::Container(None)).with(groups)]);
    }
    let name = Concept("C0034375", "UMLS", "Qualitative Evaluations");
    root = root.with([Item::contained(name, Value::Container(None)).with(statements(result))]);
    Ok(document(shell, KIND, ids, &root, series))
}

/// TID 1600: the slices that were read, with what TID 1602 says of all of them.
fn library(shell: &Shell<'_>) -> Item {
    let of_all = |code, meaning, value| {
        let concept = Concept(code, "DCM", meaning);
        Item::new(Relation::AcquisitionContext, concept, value)
    };
    let pixels = |n: usize| Value::Number(n as f64, Concept("{pixels}", "UCUM", "pixels"));
    let source = shell.source;
    let mut common = Vec::new();
    if source.modality.as_deref() == Some("MR") {
        let mr = Value::Code(Concept("MR", "DCM", "Magnetic Resonance"));
        common.push(of_all("121139", "Modality", mr));
    }
    common.push(of_all("110910", "Pixel Data Rows", pixels(source.rows)));
    common.push(of_all(
        "110911",
        "Pixel Data Columns",
        pixels(source.columns),
    ));
    if let Some(uid) = &source.frame_of_reference_uid {
        let uid = Value::Uid(uid.clone());
        common.push(of_all("112227", "Frame of Reference UID", uid));
    }
    let group = Item::contained(
        Concept("126200", "DCM", "Image Library Group"),
        Value::Container(None),
    )
    .with(common)
    .with(shell.instances().into_iter().map(Item::library_image));
    Item::contained(
        Concept("111028", "DCM", "Image Library"),
        Value::Container(Some("1600")),
    )
    .with([group])
}

fn groups(
    shell: &Shell<'_>,
    result: &ResultDoc,
    segmented: Option<Segmented<'_>>,
    uids: &mut Uids,
) -> Result<Vec<Item>> {
    let mut out = Vec::new();
    let segment_of = |label: Label| {
        let s = segmented?;
        let segment = s.segments.iter().find(|g| g.label == label)?;
        Some((s, segment))
    };
    for finding in &result.findings {
        let region = finding.value.and_then(|_| segment_of(finding.label));
        let tracking = match region {
            Some((_, segment)) => (segment.tracking_id.clone(), segment.tracking_uid.clone()),
            None => (format!("omnimri {}", finding.label.name()), uids.uid()?),
        };
        let (_, what) = property(finding.label);
        let head = head(shell, &tracking, what, region);
        let item = head
            .with(site(finding.label).map(|place| finding_site(place, finding.location)))
            .with(numbers(shell, finding));
        out.push(item);
    }
    for entry in &result.anatomy {
        let Some((s, segment)) = segment_of(entry.label) else {
            continue;
        };
        let tracking = (segment.tracking_id.clone(), segment.tracking_uid.clone());
        let (category, place) = property(entry.label);
        let head = head(shell, &tracking, category, Some((s, segment)));
        let item = head
            .with([finding_site(place, None)])
            .with(entry.volume_ml.map(volume))
            .with(entry.area_px.map(|n| area(shell, n)));
        out.push(item);
    }
    Ok(out)
}

/// A measurement group as far as its region.
fn head(
    shell: &Shell<'_>,
    (id, uid): &(String, String),
    finding: Concept,
    region: Option<(Segmented<'_>, &Segment)>,
) -> Item {
    let context = |code, meaning, value| {
        let concept = Concept(code, "DCM", meaning);
        Item::new(Relation::ObservationContext, concept, value)
    };
    let template = if region.is_some() { "1411" } else { "1501" };
    let group = Item::contained(
        Concept("125007", "DCM", "Measurement Group"),
        Value::Container(Some(template)),
    )
    .with([
        context("112039", "Tracking Identifier", Value::Text(id.clone())),
        context(
            "112040",
            "Tracking Unique Identifier",
            Value::Uid(uid.clone()),
        ),
        Item::contained(FINDING, Value::Code(finding)),
    ]);
    let group = match region {
        Some((s, segment)) => {
            let image = segment_reference(s.sop_class, &s.ids.instance_uid, segment.number);
            group.with([
                Item::contained(
                    Concept("121191", "DCM", "Referenced Segment"),
                    Value::Image(Box::new(image)),
                ),
                Item::contained(
                    Concept("121232", "DCM", "Source series for segmentation"),
                    Value::Uid(shell.source.series_uid.clone()),
                ),
            ])
        }
        None => group,
    };
    group.with([
        Item::new(
            Relation::ConceptModifier,
            Concept("111001", "DCM", "Algorithm Name"),
            Value::Text(shell.model_name()),
        ),
        Item::new(
            Relation::ConceptModifier,
            Concept("111003", "DCM", "Algorithm Version"),
            Value::Text(shell.model.version.clone()),
        ),
    ])
}

/// Finding Site with the patient's side; sides of the image and the midline are none of the patient's.
fn finding_site(place: Concept, side: Option<Side>) -> Item {
    let name = Concept("363698007", "SCT", "Finding Site");
    let item = Item::modifier(name, place);
    match side.and_then(laterality) {
        Some(side) => {
            let name = Concept("272741003", "SCT", "Laterality");
            item.with([Item::modifier(name, side)])
        }
        None => item,
    }
}

/// CID 244.
pub(crate) const fn laterality(side: Side) -> Option<Concept> {
    match side {
        Side::PatientLeft => Some(Concept("7771000", "SCT", "Left")),
        Side::PatientRight => Some(Concept("24028007", "SCT", "Right")),
        Side::ImageLeft | Side::ImageRight | Side::Midline => None,
    }
}

fn number(name: Concept, value: f64, unit: &'static str, meaning: &'static str) -> Item {
    let unit = Concept(unit, "UCUM", meaning);
    Item::contained(name, Value::Number(value, unit))
}

fn volume(ml: f64) -> Item {
    number(VOLUME, ml, "mL", "milliliter")
}

/// Area of `n_pixels` of a single slice.
fn area(shell: &Shell<'_>, n_pixels: usize) -> Item {
    let [y, x] = shell.source.pixel_spacing_mm;
    let mm2 = n_pixels as f64 * y * x;
    number(AREA, mm2, "mm2", "square millimeter")
}

fn numbers(shell: &Shell<'_>, finding: &Finding) -> Vec<Item> {
    let mut out = Vec::new();
    out.extend(finding.volume_ml.map(volume));
    out.extend(finding.area_px.map(|n| area(shell, n)));
    out.extend(finding.diameter_mm.map(|mm| {
        // The longest within a slice.
        number(DIAMETER, mm, "mm", "millimeter").with([Item::modifier(
            Concept("121401", "DCM", "Derivation"),
            Concept("56851009", "SCT", "Maximum"),
        )])
    }));
    out.push(number(
        CERTAINTY,
        100.0 * finding.probability,
        "%",
        "percent",
    ));
    out
}

/// The report's sentences, the classes considered, abstentions and warnings: a text item each.
fn statements(result: &ResultDoc) -> Vec<Item> {
    let text = |concept, text: String| Item::contained(concept, Value::Text(text));
    let mut out = vec![text(COMMENT, format!("{DESCRIPTION}. {BANNER}"))];
    for section in split(&result.report).0 {
        for piece in &section.pieces {
            let verified = piece.fact.is_some_and(|f| f.verified);
            let mark = if verified { "" } else { " (not verified)" };
            out.push(text(sentence(section.key), format!("{}{mark}", piece.text)));
        }
    }
    out.extend(considered(result).map(|t| text(COMMENT, t)));
    out.extend(abstentions(result).map(|t| text(COMMENT, t)));
    out.extend(result.warnings.iter().map(|w| text(COMMENT, w.clone())));
    out
}

/// Concept of a sentence of a section (CID 7002).
pub(crate) fn sentence(section: &str) -> Concept {
    match section {
        "technique" => Concept("121065", "DCM", "Procedure Description"),
        "findings" => FINDING,
        "impression" => Concept("121073", "DCM", "Impression"),
        _ => COMMENT,
    }
}

/// A sentence for each class with a probability.
pub(crate) fn considered(result: &ResultDoc) -> impl Iterator<Item = String> {
    result.diagnosis.iter().map(|d| {
        let (name, share) = (class(&d.label), percent(d.probability));
        format!("Class considered: {name}, probability {share} by the model.")
    })
}

/// A sentence for each task that has no answer.
pub(crate) fn abstentions(result: &ResultDoc) -> impl Iterator<Item = String> {
    result
        .status
        .iter()
        .filter(|(_, s)| s.state != TaskState::Answered)
        .map(|(task, s)| format!("No answer for {task}: {} ({}).", s.state.name(), s.reason))
}
