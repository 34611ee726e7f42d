//! DICOM files made by the tests: an asymmetric volume cut into slices in any plane.

use std::io::Write;
use std::path::Path;

use dicom_core::value::{DataSetSequence, PixelFragmentSequence, PrimitiveValue};
use dicom_core::{DataElement, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_encoding::transfer_syntax::TransferSyntaxIndex;
use dicom_object::InMemDicomObject;
use dicom_object::meta::FileMetaTableBuilder;
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

/// Columns and rows of a slice, and slices; no common factor.
pub const N: [usize; 3] = [7, 5, 4];
/// Distance between columns, between rows and between slices, in millimetres.
pub const STEP: [f64; 3] = [0.9, 1.1, 3.3];

/// A slice to be written, with everything that the tests change.
#[derive(Clone)]
pub struct Slice {
    /// Place along the slice direction, in slices.
    pub z: usize,
    pub position: Option<[f64; 3]>,
    pub orientation: Option<[f64; 6]>,
    pub spacing: Option<[f64; 2]>,
    pub thickness: Option<f64>,
    pub series: String,
    pub series_number: i32,
    pub sop_uid: String,
    pub instance: i32,
    pub modality: &'static str,
    pub echo_ms: f64,
    pub rescale: Option<[f64; 2]>,
    pub photometric: &'static str,
    pub samples: Vec<u16>,
    pub bits_stored: u16,
    pub transfer_syntax: &'static str,
}

/// Directions of the standard planes and of one between them.
pub fn planes() -> [(&'static str, [[f64; 3]; 3]); 4] {
    let (s, c) = 0.4_f64.sin_cos();
    let (t, d) = 0.25_f64.sin_cos();
    [
        ("axial", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
        (
            "coronal",
            [[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]],
        ),
        (
            "sagittal",
            [[0.0, 1.0, 0.0], [0.0, 0.0, -1.0], [-1.0, 0.0, 0.0]],
        ),
        (
            "oblique",
            [[c * d, s * d, t], [-s, c, 0.0], [-c * t, -s * t, d]],
        ),
    ]
}

/// Sample at column `i` and row `j` of slice `k`.
pub fn sample(i: usize, j: usize, k: usize) -> u16 {
    (i + 10 * j + 100 * k + 7 * (i * j * k % 11)) as u16
}

/// Position of a voxel in the patient, LPS.
pub fn place(axes: &[[f64; 3]; 3], ijk: [usize; 3]) -> [f64; 3] {
    std::array::from_fn(|c| {
        let along: f64 = (0..3).map(|a| axes[a][c] * STEP[a] * ijk[a] as f64).sum();
        [-31.5, 12.25, 20.0][c] + along
    })
}

impl Slice {
    pub fn new(axes: [[f64; 3]; 3], z: usize) -> Self {
        let [row, column, _] = axes;
        let samples = (0..N[1]).flat_map(|j| (0..N[0]).map(move |i| sample(i, j, z)));
        Self {
            z,
            position: Some(place(&axes, [0, 0, z])),
            orientation: Some([row[0], row[1], row[2], column[0], column[1], column[2]]),
            spacing: Some([STEP[1], STEP[0]]),
            thickness: Some(2.0),
            series: "1.2.3".into(),
            series_number: 4,
            sop_uid: format!("1.2.3.{}", z + 1),
            instance: z as i32 + 1,
            modality: "MR",
            echo_ms: 15.0,
            rescale: None,
            photometric: "MONOCHROME2",
            samples: samples.collect(),
            bits_stored: 16,
            transfer_syntax: uids::EXPLICIT_VR_LITTLE_ENDIAN,
        }
    }

    /// Slices of the whole volume.
    pub fn all(axes: [[f64; 3]; 3]) -> Vec<Self> {
        (0..N[2]).map(|z| Self::new(axes, z)).collect()
    }

    /// The data set without pixel data.
    pub fn header(&self) -> InMemDicomObject {
        let mut object = InMemDicomObject::new_empty();
        text(
            &mut object,
            tags::SOP_CLASS_UID,
            VR::UI,
            uids::MR_IMAGE_STORAGE,
        );
        text(&mut object, tags::SOP_INSTANCE_UID, VR::UI, &self.sop_uid);
        text(&mut object, tags::SERIES_INSTANCE_UID, VR::UI, &self.series);
        text(&mut object, tags::STUDY_INSTANCE_UID, VR::UI, "1.2");
        text(&mut object, tags::MODALITY, VR::CS, self.modality);
        text(&mut object, tags::SERIES_DESCRIPTION, VR::LO, "T1 post");
        text(
            &mut object,
            tags::CONTRAST_BOLUS_AGENT,
            VR::LO,
            "gadobutrol",
        );
        text(&mut object, tags::SEQUENCE_NAME, VR::SH, "*se2d1");
        text(&mut object, tags::MANUFACTURER, VR::LO, "Made");
        text(
            &mut object,
            tags::SERIES_NUMBER,
            VR::IS,
            &self.series_number.to_string(),
        );
        text(
            &mut object,
            tags::INSTANCE_NUMBER,
            VR::IS,
            &self.instance.to_string(),
        );
        numbers(&mut object, tags::REPETITION_TIME, &[500.0]);
        numbers(&mut object, tags::ECHO_TIME, &[self.echo_ms]);
        numbers(&mut object, tags::FLIP_ANGLE, &[70.0]);
        numbers(&mut object, tags::MAGNETIC_FIELD_STRENGTH, &[1.5]);
        for (tag, values) in [
            (
                tags::IMAGE_POSITION_PATIENT,
                self.position.as_ref().map(|p| &p[..]),
            ),
            (
                tags::IMAGE_ORIENTATION_PATIENT,
                self.orientation.as_ref().map(|o| &o[..]),
            ),
            (tags::PIXEL_SPACING, self.spacing.as_ref().map(|s| &s[..])),
            (
                tags::SLICE_THICKNESS,
                self.thickness.as_ref().map(std::slice::from_ref),
            ),
            (tags::RESCALE_SLOPE, self.rescale.as_ref().map(|r| &r[..1])),
            (
                tags::RESCALE_INTERCEPT,
                self.rescale.as_ref().map(|r| &r[1..]),
            ),
        ] {
            if let Some(values) = values {
                numbers(&mut object, tag, values);
            }
        }
        text(
            &mut object,
            tags::PHOTOMETRIC_INTERPRETATION,
            VR::CS,
            self.photometric,
        );
        for (tag, value) in [
            (tags::SAMPLES_PER_PIXEL, 1),
            (tags::ROWS, N[1] as u16),
            (tags::COLUMNS, N[0] as u16),
            (tags::BITS_ALLOCATED, 16),
            (tags::BITS_STORED, self.bits_stored),
            (tags::HIGH_BIT, self.bits_stored - 1),
            (tags::PIXEL_REPRESENTATION, 0),
        ] {
            object.put(DataElement::new(tag, VR::US, PrimitiveValue::from(value)));
        }
        object
    }

    /// Writes the slice as a file.
    pub fn write(&self, path: &Path) {
        let mut object = self.header();
        match self.transfer_syntax {
            uids::RLE_LOSSLESS | uids::JPEGLS_LOSSLESS => {
                put_fragments(&mut object, vec![rle(&self.samples)]);
            }
            _ => put_samples(&mut object, &self.samples),
        }
        write(object, self.transfer_syntax, path);
    }
}

/// Writes a slice of `columns` x `rows` that another tool compressed.
pub fn write_stream(
    stream: &[u8],
    transfer_syntax: &str,
    [columns, rows, bits]: [u16; 3],
    path: &Path,
) {
    let slice = Slice {
        bits_stored: bits,
        ..Slice::new(planes()[0].1, 2)
    };
    let mut object = slice.header();
    for (tag, value) in [
        (tags::COLUMNS, columns),
        (tags::ROWS, rows),
        (tags::BITS_ALLOCATED, bits.next_multiple_of(8)),
    ] {
        object.put(DataElement::new(tag, VR::US, PrimitiveValue::from(value)));
    }
    put_fragments(&mut object, vec![stream.to_vec()]);
    write(object, transfer_syntax, path);
}

pub fn text(object: &mut InMemDicomObject, tag: Tag, vr: VR, value: &str) {
    object.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
}

pub fn numbers(object: &mut InMemDicomObject, tag: Tag, values: &[f64]) {
    // Twelve digits keep within the sixteen characters of a decimal string.
    let texts: Vec<_> = values
        .iter()
        .map(|v| format!("{v:.10}")[..].chars().take(16).collect::<String>())
        .collect();
    object.put(DataElement::new(
        tag,
        VR::DS,
        PrimitiveValue::Strs(texts.into()),
    ));
}

pub fn put_samples(object: &mut InMemDicomObject, samples: &[u16]) {
    let samples = PrimitiveValue::U16(samples.into());
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OW, samples));
}

pub fn put_fragments(object: &mut InMemDicomObject, fragments: Vec<Vec<u8>>) {
    let sequence = PixelFragmentSequence::new_fragments(fragments);
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, sequence));
}

pub fn write(object: InMemDicomObject, transfer_syntax: &str, path: &Path) {
    let sop_uid = object.element(tags::SOP_INSTANCE_UID).unwrap();
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax(transfer_syntax)
        .media_storage_sop_class_uid(uids::MR_IMAGE_STORAGE)
        .media_storage_sop_instance_uid(sop_uid.to_str().unwrap())
        .build()
        .unwrap();
    let mut bytes = vec![0; 128];
    bytes.extend(b"DICM");
    meta.write(&mut bytes).unwrap();
    let deflated = transfer_syntax == uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN;
    let plain = if deflated {
        uids::EXPLICIT_VR_LITTLE_ENDIAN
    } else {
        transfer_syntax
    };
    let mut data = Vec::new();
    let syntax = TransferSyntaxRegistry.get(plain).unwrap();
    object.write_dataset_with_ts(&mut data, syntax).unwrap();
    if deflated {
        let level = flate2::Compression::default();
        let mut encoder = flate2::write::DeflateEncoder::new(bytes, level);
        encoder.write_all(&data).unwrap();
        bytes = encoder.finish().unwrap();
    } else {
        bytes.extend(data);
    }
    std::fs::write(path, bytes).unwrap();
}

/// A frame as RLE: each byte plane as runs of one, but for its last two bytes, which are literal.
pub fn rle(samples: &[u16]) -> Vec<u8> {
    let planes = [8, 0].map(|shift| {
        let mut bytes: Vec<u8> = samples.iter().map(|s| (s >> shift) as u8).collect();
        let last = bytes.split_off(bytes.len() - 2);
        let mut packed = Vec::new();
        for run in bytes.chunk_by(|a, b| a == b).flat_map(|r| r.chunks(128)) {
            packed.extend(match run.len() {
                1 => [0, run[0]],
                n => [(1 - n as i32) as u8, run[0]],
            });
        }
        packed.extend([1, last[0], last[1]]);
        if packed.len() % 2 == 1 {
            packed.push(0x80);
        }
        packed
    });
    let mut frame = Vec::new();
    for word in [2, 64, 64 + planes[0].len() as u32] {
        frame.extend(word.to_le_bytes());
    }
    frame.resize(64, 0);
    frame.extend(planes.concat());
    frame
}

/// An enhanced multi-frame object of the volume, frames in the order of `order`, with one scale a
/// frame.
pub fn enhanced(axes: [[f64; 3]; 3], order: &[usize]) -> InMemDicomObject {
    let slice = Slice::new(axes, 0);
    let mut object = Slice {
        position: None,
        orientation: None,
        spacing: None,
        thickness: None,
        ..slice.clone()
    }
    .header();
    text(
        &mut object,
        tags::NUMBER_OF_FRAMES,
        VR::IS,
        &order.len().to_string(),
    );
    let group = |tag: Tag, values: &[(Tag, &[f64])]| {
        let mut item = InMemDicomObject::new_empty();
        for (tag, values) in values {
            numbers(&mut item, *tag, values);
        }
        (tag, item)
    };
    let groups = |parts: Vec<(Tag, InMemDicomObject)>| {
        let mut item = InMemDicomObject::new_empty();
        for (tag, part) in parts {
            item.put(DataElement::new(
                tag,
                VR::SQ,
                DataSetSequence::from(vec![part]),
            ));
        }
        item
    };
    let orientation = slice.orientation.unwrap();
    let shared = groups(vec![
        group(
            tags::PLANE_ORIENTATION_SEQUENCE,
            &[(tags::IMAGE_ORIENTATION_PATIENT, &orientation)],
        ),
        group(
            tags::PIXEL_MEASURES_SEQUENCE,
            &[
                (tags::PIXEL_SPACING, &[STEP[1], STEP[0]]),
                (tags::SLICE_THICKNESS, &[2.0]),
            ],
        ),
    ]);
    let per_frame: Vec<_> = order
        .iter()
        .map(|&z| {
            let scale = [
                (tags::RESCALE_SLOPE, &[2.0][..]),
                (tags::RESCALE_INTERCEPT, &[z as f64][..]),
            ];
            groups(vec![
                group(
                    tags::PLANE_POSITION_SEQUENCE,
                    &[(tags::IMAGE_POSITION_PATIENT, &place(&axes, [0, 0, z]))],
                ),
                group(tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE, &scale),
            ])
        })
        .collect();
    for (tag, items) in [
        (tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![shared]),
        (tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, per_frame),
    ] {
        object.put(DataElement::new(tag, VR::SQ, DataSetSequence::from(items)));
    }
    object
}

/// Writes slices as files in an order of names that says nothing of their place.
pub fn write_shuffled(folder: &Path, slices: &[Slice]) {
    for (n, slice) in slices.iter().enumerate() {
        let name = n * 7 % 11;
        slice.write(&folder.join(format!("{name:02}_{n}.dcm")));
    }
}
