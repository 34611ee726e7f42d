//! A service class user, as small as a test needs it.

use std::net::SocketAddr;

use dicom_core::{DataElement, PrimitiveValue, VR, dicom_value};
use dicom_dictionary_std::{tags, uids};
use dicom_encoding::transfer_syntax::TransferSyntaxIndex;
use dicom_object::InMemDicomObject;
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;
use dicom_ul::association::{ClientAssociation, ClientAssociationOptions};
use dicom_ul::pdu::{PDataValue, PDataValueType, Pdu};

const IMPLICIT: &str = uids::IMPLICIT_VR_LITTLE_ENDIAN;

/// An association with the node that proposes one class.
pub struct Scu {
    association: ClientAssociation<std::net::TcpStream>,
    id: u8,
    message: u16,
}

impl Scu {
    pub fn connect(
        address: SocketAddr,
        calling: &str,
        called: &str,
        class: &str,
        syntaxes: &[&str],
    ) -> Result<Self, dicom_ul::association::Error> {
        let association = ClientAssociationOptions::new()
            .calling_ae_title(calling.to_owned())
            .called_ae_title(called.to_owned())
            .with_presentation_context(
                class.to_owned(),
                syntaxes.iter().map(|s| s.to_string()).collect(),
            )
            .establish(address)?;
        let id = association.presentation_contexts()[0].id;
        Ok(Self {
            association,
            id,
            message: 0,
        })
    }

    fn pdata(&mut self, kind: PDataValueType, data: Vec<u8>) {
        let value = PDataValue {
            presentation_context_id: self.id,
            value_type: kind,
            is_last: true,
            data,
        };
        let pdu = Pdu::PData { data: vec![value] };
        self.association.send(&pdu).expect("a sent PDU");
    }

    /// Sends a command and what follows it; the status of the response, `None` if the node ended the association.
    fn message(
        &mut self,
        field: u16,
        uid: Option<(&str, &str)>,
        data: Option<&[u8]>,
    ) -> Option<u16> {
        self.message += 1;
        let us = |tag, v: u16| DataElement::new(tag, VR::US, dicom_value!(U16, [v]));
        let mut elements = vec![
            us(tags::COMMAND_FIELD, field),
            us(tags::MESSAGE_ID, self.message),
            us(
                tags::COMMAND_DATA_SET_TYPE,
                if data.is_some() { 1 } else { 0x0101 },
            ),
        ];
        if let Some((class, instance)) = uid {
            let ui = |tag, v: &str| DataElement::new(tag, VR::UI, PrimitiveValue::from(v));
            elements.push(ui(tags::AFFECTED_SOP_CLASS_UID, class));
            elements.push(ui(tags::AFFECTED_SOP_INSTANCE_UID, instance));
            elements.push(us(tags::PRIORITY, 0));
        }
        let command = InMemDicomObject::command_from_element_iter(elements);
        let implicit = TransferSyntaxRegistry.get(IMPLICIT).expect("implicit");
        let mut bytes = Vec::new();
        command
            .write_dataset_with_ts(&mut bytes, implicit)
            .expect("an encoded command");
        self.pdata(PDataValueType::Command, bytes);
        if let Some(data) = data {
            // In pieces that do not fit a single PDU.
            let mut chunks = data.chunks(10_000).peekable();
            while let Some(chunk) = chunks.next() {
                let value = PDataValue {
                    presentation_context_id: self.id,
                    value_type: PDataValueType::Data,
                    is_last: chunks.peek().is_none(),
                    data: chunk.to_vec(),
                };
                let pdu = Pdu::PData { data: vec![value] };
                self.association.send(&pdu).expect("a sent PDU");
            }
        }
        let Ok(Pdu::PData { data }) = self.association.receive() else {
            return None;
        };
        let response = InMemDicomObject::read_dataset_with_ts(data[0].data.as_slice(), implicit);
        let response = response.expect("a command set");
        let responded = response.element(tags::MESSAGE_ID_BEING_RESPONDED_TO);
        assert_eq!(responded.unwrap().to_int::<u16>().unwrap(), self.message);
        let status = response.element(tags::STATUS).expect("a status");
        Some(status.to_int::<u16>().expect("a number"))
    }

    pub fn echo(&mut self) -> Option<u16> {
        self.message(0x0030, None, None)
    }

    /// Sends an object of which only the class and instance are told apart from its data set.
    pub fn store_as(&mut self, class: &str, instance: &str, data: &[u8]) -> Option<u16> {
        self.message(0x0001, Some((class, instance)), Some(data))
    }

    pub fn store(&mut self, object: &InMemDicomObject) -> Option<u16> {
        let text = |tag| object.element(tag).unwrap().to_str().unwrap().into_owned();
        let data = encode(object);
        self.store_as(
            &text(tags::SOP_CLASS_UID),
            &text(tags::SOP_INSTANCE_UID),
            &data,
        )
    }

    pub fn release(self) {
        self.association.release().expect("a release");
    }
}

/// Explicit VR Little Endian.
pub fn encode(object: &InMemDicomObject) -> Vec<u8> {
    let explicit = TransferSyntaxRegistry.get(uids::EXPLICIT_VR_LITTLE_ENDIAN);
    let mut bytes = Vec::new();
    object
        .write_dataset_with_ts(&mut bytes, explicit.expect("explicit"))
        .expect("an encoded data set");
    bytes
}

/// Slice `k` of a made-up axial series of 32 x 32 pixels.
pub fn slice(study: &str, patient: &str, k: usize) -> InMemDicomObject {
    let series = format!("{study}.1");
    let uid = format!("{series}.{}", k + 1);
    let position = format!("-16\\-16\\{}", 4 * k);
    let number = (k + 1).to_string();
    let texts = [
        (tags::SOP_CLASS_UID, VR::UI, uids::MR_IMAGE_STORAGE),
        (tags::SOP_INSTANCE_UID, VR::UI, &uid),
        (tags::STUDY_INSTANCE_UID, VR::UI, study),
        (tags::SERIES_INSTANCE_UID, VR::UI, &series),
        (tags::FRAME_OF_REFERENCE_UID, VR::UI, study),
        (tags::MODALITY, VR::CS, "MR"),
        (tags::PATIENT_NAME, VR::PN, "Made^Up"),
        (tags::PATIENT_ID, VR::LO, patient),
        (tags::STUDY_DATE, VR::DA, "20260101"),
        (tags::SERIES_DESCRIPTION, VR::LO, "T1 axial"),
        (tags::SERIES_NUMBER, VR::IS, "3"),
        (tags::INSTANCE_NUMBER, VR::IS, &number),
        (tags::IMAGE_POSITION_PATIENT, VR::DS, &position),
        (tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "1\\0\\0\\0\\1\\0"),
        (tags::PIXEL_SPACING, VR::DS, "1\\1"),
        (tags::SLICE_THICKNESS, VR::DS, "4"),
        (tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2"),
    ];
    let mut object = InMemDicomObject::new_empty();
    for (tag, vr, text) in texts {
        object.put(DataElement::new(tag, vr, PrimitiveValue::from(text)));
    }
    for (tag, value) in [
        (tags::ROWS, 32),
        (tags::COLUMNS, 32),
        (tags::BITS_ALLOCATED, 16),
        (tags::BITS_STORED, 12),
        (tags::HIGH_BIT, 11),
        (tags::PIXEL_REPRESENTATION, 0),
        (tags::SAMPLES_PER_PIXEL, 1u16),
    ] {
        object.put(DataElement::new(tag, VR::US, dicom_value!(U16, [value])));
    }
    let pixel = |i: usize| {
        let (y, x) = (i / 32, i % 32);
        let inside = (y as f64 - 16.0).hypot(x as f64 - 15.0) < 12.0;
        if inside {
            500 + (i % 37) as u16
        } else {
            (i % 7) as u16
        }
    };
    let pixels: Vec<u16> = (0..32 * 32).map(pixel).collect();
    object.put(DataElement::new(
        tags::PIXEL_DATA,
        VR::OW,
        PrimitiveValue::U16(pixels.into_iter().collect()),
    ));
    object
}
