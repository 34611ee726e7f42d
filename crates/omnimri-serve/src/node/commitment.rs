//! Storage Commitment, push model (PS3.4 J): who has our results for good?

use std::io::{Read, Write};

use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;
use dicom_ul::association::{CloseSocket, SyncAssociation};
use dicom_ul::pdu::PresentationContextNegotiated;
use omnimri_image::DicomHeader;

use super::config::NodeConfig;
use super::dimse::Inbox;
use super::error::{NodeError, Result};
use super::files::{Incoming, Meta};
use super::instance::text;
use super::receive::{Intake, next_attempt, now_ms};
use super::store::Waiting;

/// Largest data set of a report: 4096 references and a generous rest.
const MOST_BYTES: u64 = 4 << 20;

/// What a peer says of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Report {
    transaction_uid: String,
    committed: Vec<String>,
    failed: Vec<String>,
}

/// The data set of an N-ACTION that asks for commitment to these objects (PS3.4 J.3.2).
pub(super) fn request(transaction_uid: &str, items: &[Waiting]) -> InMemDicomObject {
    let references = items.iter().map(|item| {
        InMemDicomObject::from_element_iter([
            DataElement::new(
                tags::REFERENCED_SOP_CLASS_UID,
                VR::UI,
                item.class_uid.as_str(),
            ),
            DataElement::new(
                tags::REFERENCED_SOP_INSTANCE_UID,
                VR::UI,
                item.sop_uid.as_str(),
            ),
        ])
    });
    InMemDicomObject::from_element_iter([
        DataElement::new(tags::TRANSACTION_UID, VR::UI, transaction_uid),
        DataElement::new(
            tags::REFERENCED_SOP_SEQUENCE,
            VR::SQ,
            DataSetSequence::from(references.collect::<Vec<_>>()),
        ),
    ])
}

/// The data set of an N-EVENT-REPORT (PS3.4 J.3.3), parsed as carefully as an image: it may be anything.
///
/// The outer error ends the association.
pub(super) fn receive<S, A>(
    association: &mut A,
    inbox: &mut Inbox,
    context: &PresentationContextNegotiated,
    intake: &Intake,
) -> Result<Result<Report>>
where
    S: Read + Write + CloseSocket,
    A: SyncAssociation<S>,
{
    let meta = Meta {
        class_uid: uids::STORAGE_COMMITMENT_PUSH_MODEL,
        sop_uid: uids::STORAGE_COMMITMENT_PUSH_MODEL_INSTANCE,
        transfer_syntax: &context.transfer_syntax,
        sender: "COMMITMENT",
    };
    let mut incoming = Incoming::with_meta(&intake.folders, MOST_BYTES, meta);
    let taken = inbox.data(association, context.id, |bytes| match &mut incoming {
        Ok(incoming) => incoming.write(bytes),
        Err(_) => Ok(()),
    })?;
    let parse = || -> Result<Report> {
        let mut incoming = incoming?;
        taken?;
        incoming.sync()?;
        let header = DicomHeader::read(incoming.path(), &intake.open)?;
        parse(&header.object)
    };
    Ok(parse())
}

fn parse(object: &InMemDicomObject) -> Result<Report> {
    let transaction_uid = text(object, tags::TRANSACTION_UID)
        .ok_or_else(|| NodeError::protocol("a report without a transaction"))?;
    let uids = |tag| -> Vec<String> {
        let items = object.get(tag).and_then(|e| e.items()).unwrap_or_default();
        let uid = |i: &InMemDicomObject| text(i, tags::REFERENCED_SOP_INSTANCE_UID);
        items.iter().filter_map(uid).collect()
    };
    Ok(Report {
        transaction_uid,
        committed: uids(tags::REFERENCED_SOP_SEQUENCE),
        failed: uids(tags::FAILED_SOP_SEQUENCE),
    })
}

/// Records a report; only what was asked of this peer counts.
pub(super) fn record(
    report: &Report,
    peer: &str,
    intake: &Intake,
    config: &NodeConfig,
) -> Result<()> {
    let next = next_attempt(now_ms(), 1, config.retry_s, config.retry_most_s);
    let mut known = 0;
    for (uids, success) in [(&report.committed, true), (&report.failed, false)] {
        for uid in uids {
            let transaction = &report.transaction_uid;
            known += intake
                .store
                .committed(transaction, peer, uid, success, next)?;
        }
    }
    if known == 0 {
        tracing::info!("a commitment of {peer} to nothing that was asked");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_what_was_sent() {
        let item = Waiting {
            id: 1,
            attempts: 0,
            sop_uid: "1.2.3".into(),
            class_uid: uids::SEGMENTATION_STORAGE.into(),
            path: String::new(),
        };
        let object = request("2.25.1", &[item]);
        let report = parse(&object).unwrap();
        assert_eq!(report.transaction_uid, "2.25.1");
        assert_eq!(report.committed, ["1.2.3"]);
        assert!(report.failed.is_empty());
        assert!(parse(&InMemDicomObject::new_empty()).is_err());
    }
}
