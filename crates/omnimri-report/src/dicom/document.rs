//! The report as a page: Encapsulated PDF (PS3.3 A.45.1, C.24.2).

use dicom_core::value::PrimitiveValue;
use dicom_core::{DataElement, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;

use super::dataset::{Concept, put, put_code, put_empty, put_items};
use super::shell::{Ids, Kind, Shell};

/// Kind of the object.
pub(crate) const KIND: Kind = Kind {
    sop_class: uids::ENCAPSULATED_PDF_STORAGE,
    modality: "DOC",
    number: 5,
};

/// A PDF file as an object.
pub(crate) fn encapsulated(shell: &Shell<'_>, mut pdf: Vec<u8>, ids: &Ids) -> InMemDicomObject {
    let mut object = shell.object(KIND, ids);
    let o = &mut object;
    put(o, tags::CONVERSION_TYPE, "WSD");
    put_empty(o, tags::ACQUISITION_DATE_TIME);
    // Neither name nor number of the patient stands on the page.
    put(o, tags::BURNED_IN_ANNOTATION, "NO");
    put(o, tags::VERIFICATION_FLAG, "UNVERIFIED");
    put(o, tags::DOCUMENT_TITLE, crate::pdf::TITLE);
    put_code(
        o,
        tags::CONCEPT_NAME_CODE_SEQUENCE,
        Concept("18748-4", "LN", "Diagnostic imaging report"),
    );
    put_items(o, tags::SOURCE_INSTANCE_SEQUENCE, shell.instances());
    put(
        o,
        tags::MIME_TYPE_OF_ENCAPSULATED_DOCUMENT,
        "application/pdf",
    );
    let length = u32::try_from(pdf.len()).unwrap_or(u32::MAX);
    put(o, tags::ENCAPSULATED_DOCUMENT_LENGTH, length);
    if pdf.len() % 2 == 1 {
        pdf.push(0);
    }
    o.put(DataElement::new(
        tags::ENCAPSULATED_DOCUMENT,
        VR::OB,
        PrimitiveValue::from(pdf),
    ));
    object
}
