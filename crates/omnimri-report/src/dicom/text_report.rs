//! The report as text: Basic Text SR with a heading for every section (PS3.3 A.35.1, PS3.16 TID 2000 Basic Diagnostic Imaging Report).

use dicom_dictionary_std::uids;
use dicom_object::InMemDicomObject;

use super::content::{Item, Value, context, document, evidence};
use super::dataset::Concept;
use super::making::Uids;
use super::measurements::{abstentions, considered, sentence};
use super::shell::{DESCRIPTION, Ids, Kind, Shell};
use crate::error::Result;
use crate::result::ResultDoc;
use crate::sentences::split;
use crate::words::BANNER;

/// Kind of the object.
pub(crate) const KIND: Kind = Kind {
    sop_class: uids::BASIC_TEXT_SR_STORAGE,
    modality: "SR",
    number: 3,
};

/// Heading of a section (CID 7001).
fn heading(section: &str) -> Concept {
    match section {
        "technique" => Concept("121064", "DCM", "Current Procedure Descriptions"),
        "findings" => Concept("121070", "DCM", "Findings"),
        "impression" => Concept("121072", "DCM", "Impressions"),
        _ => Concept("121110", "DCM", "Patient Presentation"),
    }
}

/// The report.
pub(crate) fn text_report(
    shell: &Shell<'_>,
    result: &ResultDoc,
    ids: &Ids,
    uids: &mut Uids,
) -> Result<InMemDicomObject> {
    let text = |concept, text: String| Item::contained(concept, Value::Text(text));
    let section = |heading, items| Item::contained(heading, Value::Container(None)).with(items);
    let mut root = Item::contained(
        Concept("18748-4", "LN", "Diagnostic imaging report"),
        Value::Container(Some("2000")),
    )
    .with(context(shell, &uids.uid()?));
    for part in split(&result.report).0 {
        let items: Vec<Item> = part
            .pieces
            .iter()
            .map(|piece| {
                let verified = piece.fact.is_some_and(|f| f.verified);
                let mark = if verified { "" } else { " (not verified)" };
                text(sentence(part.key), format!("{}{mark}", piece.text))
            })
            .collect();
        if !items.is_empty() {
            root = root.with([section(heading(part.key), items)]);
        }
    }
    let summary = Concept("121111", "DCM", "Summary");
    let comment = Concept("121106", "DCM", "Comment");
    let mut notes = vec![format!("{DESCRIPTION}. {BANNER}")];
    notes.extend(considered(result));
    notes.extend(abstentions(result));
    notes.extend(result.warnings.iter().cloned());
    let notes = notes.into_iter().map(|n| text(comment, n)).collect();
    root = root.with([section(summary, notes)]);
    let series = vec![evidence(&shell.source.series_uid, shell.instances())];
    Ok(document(shell, KIND, ids, &root, series))
}
