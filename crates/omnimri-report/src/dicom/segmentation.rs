//! DICOM Segmentation: a label map as segments on the slices of its source.
//!
//! PS3.3 A.51 Segmentation IOD, C.8.20 its modules, C.7.6.16 functional groups, C.7.6.17 dimensions; Supplement 243 for LABELMAP.
//! BINARY has one frame for every segment in every slice that holds any of it; LABELMAP has one frame a slice.

use dicom_core::value::PrimitiveValue;
use dicom_core::{DataElement, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;
use omnimri_image::{LabelMap, SourceSeries, SourceSlice};

use super::dataset::{Concept, decimals, put, put_code, put_empty, put_items, reference};
use super::making::Uids;
use super::segments::Segment;
use super::shell::{Ids, Kind, Shell};
use crate::error::{Error, Result};

/// How a segmentation stores its voxels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SegmentationType {
    /// A bit a voxel, a frame for each segment of a slice: what every reader of segmentations knows.
    #[default]
    Binary,
    /// A byte a voxel, a frame a slice; of the standard since 2024.
    LabelMap,
}

/// Kind of the object.
pub(crate) const fn kind(of: SegmentationType) -> Kind {
    Kind {
        sop_class: match of {
            SegmentationType::Binary => uids::SEGMENTATION_STORAGE,
            SegmentationType::LabelMap => uids::LABEL_MAP_SEGMENTATION_STORAGE,
        },
        modality: "SEG",
        number: 1,
    }
}

/// A frame: a slice, and for BINARY the segment.
struct Frame<'a> {
    z: usize,
    segment: Option<(usize, &'a Segment)>,
}

/// Checks that a label map lies on the slices of its source.
pub(crate) fn check_grid(source: &SourceSeries, map: &LabelMap) -> Result<()> {
    let expected = [source.slices.len(), source.rows, source.columns];
    let size = map.geometry.size;
    if [size.z, size.y, size.x] == expected && map.labels.len() == size.count() {
        Ok(())
    } else {
        Err(Error::GridMismatch {
            what: "labels on the slices of the DICOM series",
            expected: expected.iter().product(),
            found: map.labels.len(),
        })
    }
}

/// The segmentation; `segments` are those of `map`, not empty.
pub(crate) fn segmentation(
    shell: &Shell<'_>,
    map: &LabelMap,
    segments: &[Segment],
    of: SegmentationType,
    ids: &Ids,
    uids: &mut Uids,
) -> Result<InMemDicomObject> {
    let source = shell.source;
    check_grid(source, map)?;
    let mut object = shell.object(kind(of), ids);
    let o = &mut object;
    frame_of_reference(o, source, uids)?;
    let frames = frames(map, segments, of);
    let n_frames = i32::try_from(frames.len()).map_err(|_| Error::TooLarge {
        what: "frames of a segmentation",
        expected: i32::MAX as u64,
        found: frames.len() as u64,
    })?;
    image(o, shell, of);
    put(o, tags::NUMBER_OF_FRAMES, n_frames.to_string());
    // The matrix is that of a DICOM image, whose rows and columns are 16-bit numbers.
    put(o, tags::ROWS, source.rows as u16);
    put(o, tags::COLUMNS, source.columns as u16);
    let items = segments.iter().map(|s| s.item(shell)).collect();
    put_items(o, tags::SEGMENT_SEQUENCE, items);
    dimensions(o, of, source, uids)?;
    put_items(
        o,
        tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE,
        vec![shared_groups(source)],
    );
    let groups = frames.iter().map(|f| frame_groups(source, f)).collect();
    put_items(o, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, groups);
    let mut series = InMemDicomObject::new_empty();
    put(
        &mut series,
        tags::SERIES_INSTANCE_UID,
        source.series_uid.as_str(),
    );
    put_items(
        &mut series,
        tags::REFERENCED_INSTANCE_SEQUENCE,
        shell.instances(),
    );
    put_items(o, tags::REFERENCED_SERIES_SEQUENCE, vec![series]);
    let bytes = pixels(map, &frames);
    o.put(DataElement::new(
        tags::PIXEL_DATA,
        VR::OB,
        PrimitiveValue::from(bytes),
    ));
    Ok(object)
}

fn frames<'a>(map: &LabelMap, segments: &'a [Segment], of: SegmentationType) -> Vec<Frame<'a>> {
    let size = map.geometry.size;
    match of {
        SegmentationType::LabelMap => (0..size.z).map(|z| Frame { z, segment: None }).collect(),
        SegmentationType::Binary => {
            let slices: Vec<&[u8]> = map.labels.chunks_exact(size.y * size.x).collect();
            let of_segment = |(index, segment): (usize, &'a Segment)| {
                let value = segment.label.value();
                (0..size.z)
                    .filter(|z| slices[*z].contains(&value))
                    .map(|z| Frame {
                        z,
                        segment: Some((index, segment)),
                    })
                    .collect::<Vec<_>>()
            };
            segments.iter().enumerate().flat_map(of_segment).collect()
        }
    }
}

/// The source's frame of reference; a new one where it has none, which then says that positions are comparable within the object.
pub(crate) fn frame_of_reference(
    o: &mut InMemDicomObject,
    source: &SourceSeries,
    uids: &mut Uids,
) -> Result<()> {
    let uid = match &source.frame_of_reference_uid {
        Some(uid) => uid.clone(),
        None => uids.uid()?,
    };
    put(o, tags::FRAME_OF_REFERENCE_UID, uid);
    o.extend(
        source
            .attributes
            .get(tags::POSITION_REFERENCE_INDICATOR)
            .cloned(),
    );
    put_empty(o, tags::POSITION_REFERENCE_INDICATOR);
    Ok(())
}

/// Segmentation Image and Image Pixel (C.8.20.2, C.7.6.3).
fn image(o: &mut InMemDicomObject, shell: &Shell<'_>, of: SegmentationType) {
    put(
        o,
        tags::IMAGE_TYPE,
        PrimitiveValue::Strs(["DERIVED".into(), "PRIMARY".into()].into_iter().collect()),
    );
    put(o, tags::CONTENT_LABEL, "OMNIMRI");
    put(o, tags::CONTENT_DESCRIPTION, super::shell::DESCRIPTION);
    put_empty(o, tags::CONTENT_CREATOR_NAME);
    let (kind, bits) = match of {
        SegmentationType::Binary => ("BINARY", 1_u16),
        SegmentationType::LabelMap => ("LABELMAP", 8),
    };
    put(o, tags::SEGMENTATION_TYPE, kind);
    put(o, tags::SEGMENTS_OVERLAP, "NO");
    if of == SegmentationType::LabelMap {
        // Background is a value of its own and not a segment.
        o.put(DataElement::new(
            tags::PIXEL_PADDING_VALUE,
            VR::US,
            PrimitiveValue::from(0_u16),
        ));
    }
    put(o, tags::SAMPLES_PER_PIXEL, 1_u16);
    put(o, tags::PHOTOMETRIC_INTERPRETATION, "MONOCHROME2");
    put(o, tags::BITS_ALLOCATED, bits);
    put(o, tags::BITS_STORED, bits);
    put(o, tags::HIGH_BIT, bits - 1);
    put(o, tags::PIXEL_REPRESENTATION, 0_u16);
    put(o, tags::BURNED_IN_ANNOTATION, "NO");
    shell.lossy(o);
}

/// Multi-frame Dimension (C.7.6.17): by segment where frames have one, then by position.
fn dimensions(
    o: &mut InMemDicomObject,
    of: SegmentationType,
    source: &SourceSeries,
    uids: &mut Uids,
) -> Result<()> {
    let organization = uids.uid()?;
    let mut item = InMemDicomObject::new_empty();
    put(
        &mut item,
        tags::DIMENSION_ORGANIZATION_UID,
        organization.as_str(),
    );
    put_items(o, tags::DIMENSION_ORGANIZATION_SEQUENCE, vec![item]);
    if of == SegmentationType::LabelMap && source.spacing_between_slices_mm.is_some() {
        put(o, tags::DIMENSION_ORGANIZATION_TYPE, "3D");
    }
    let index = |pointer: Tag, group: Tag, label: &str| {
        let mut item = InMemDicomObject::new_empty();
        put(
            &mut item,
            tags::DIMENSION_ORGANIZATION_UID,
            organization.as_str(),
        );
        put(&mut item, tags::DIMENSION_INDEX_POINTER, pointer);
        put(&mut item, tags::FUNCTIONAL_GROUP_POINTER, group);
        put(&mut item, tags::DIMENSION_DESCRIPTION_LABEL, label);
        item
    };
    let mut items = Vec::new();
    if of == SegmentationType::Binary {
        items.push(index(
            tags::REFERENCED_SEGMENT_NUMBER,
            tags::SEGMENT_IDENTIFICATION_SEQUENCE,
            "Segment",
        ));
    }
    items.push(index(
        tags::IMAGE_POSITION_PATIENT,
        tags::PLANE_POSITION_SEQUENCE,
        "Position",
    ));
    put_items(o, tags::DIMENSION_INDEX_SEQUENCE, items);
    Ok(())
}

/// Pixel Measures (C.7.6.16.2.1) and Plane Orientation (C.7.6.16.2.4), as the source has them.
fn shared_groups(source: &SourceSeries) -> InMemDicomObject {
    let mut measures = InMemDicomObject::new_empty();
    let m = &mut measures;
    put(m, tags::PIXEL_SPACING, decimals(&source.pixel_spacing_mm));
    let thickness = source
        .slice_thickness_mm
        .or(source.spacing_between_slices_mm);
    if let Some(mm) = thickness {
        put(m, tags::SLICE_THICKNESS, decimals(&[mm]));
    }
    if let Some(mm) = source.spacing_between_slices_mm {
        put(m, tags::SPACING_BETWEEN_SLICES, decimals(&[mm]));
    }
    let mut orientation = InMemDicomObject::new_empty();
    put(
        &mut orientation,
        tags::IMAGE_ORIENTATION_PATIENT,
        decimals(&source.orientation),
    );
    let mut shared = InMemDicomObject::new_empty();
    put_items(&mut shared, tags::PIXEL_MEASURES_SEQUENCE, vec![measures]);
    put_items(
        &mut shared,
        tags::PLANE_ORIENTATION_SEQUENCE,
        vec![orientation],
    );
    shared
}

/// A reference to a slice, with its frame number where the object has several.
pub(crate) fn slice_reference(slice: &SourceSlice) -> InMemDicomObject {
    let mut item = reference(&slice.sop_class_uid, &slice.sop_instance_uid);
    if let Some(frame) = slice.frame {
        put(&mut item, tags::REFERENCED_FRAME_NUMBER, frame.to_string());
    }
    item
}

/// Frame Content, Plane Position, Segment Identification and Derivation Image of one frame.
fn frame_groups(source: &SourceSeries, frame: &Frame<'_>) -> InMemDicomObject {
    let slice = &source.slices[frame.z];
    let place = frame.z as u32 + 1;
    let mut group = InMemDicomObject::new_empty();
    let mut content = InMemDicomObject::new_empty();
    let index = match frame.segment {
        Some((segment, _)) => vec![segment as u32 + 1, place],
        None => vec![place],
    };
    put(
        &mut content,
        tags::DIMENSION_INDEX_VALUES,
        PrimitiveValue::U32(index.into()),
    );
    put_items(&mut group, tags::FRAME_CONTENT_SEQUENCE, vec![content]);
    let mut position = InMemDicomObject::new_empty();
    put(
        &mut position,
        tags::IMAGE_POSITION_PATIENT,
        decimals(&slice.position_mm),
    );
    put_items(&mut group, tags::PLANE_POSITION_SEQUENCE, vec![position]);
    if let Some((_, segment)) = frame.segment {
        let mut item = InMemDicomObject::new_empty();
        put(&mut item, tags::REFERENCED_SEGMENT_NUMBER, segment.number);
        put_items(
            &mut group,
            tags::SEGMENT_IDENTIFICATION_SEQUENCE,
            vec![item],
        );
    }
    let mut image = slice_reference(slice);
    put_code(
        &mut image,
        tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE,
        Concept(
            "121322",
            "DCM",
            "Source image for image processing operation",
        ),
    );
    put(&mut image, tags::SPATIAL_LOCATIONS_PRESERVED, "YES");
    let mut derivation = InMemDicomObject::new_empty();
    put_code(
        &mut derivation,
        tags::DERIVATION_CODE_SEQUENCE,
        Concept("113076", "DCM", "Segmentation"),
    );
    put_items(&mut derivation, tags::SOURCE_IMAGE_SEQUENCE, vec![image]);
    put_items(
        &mut group,
        tags::DERIVATION_IMAGE_SEQUENCE,
        vec![derivation],
    );
    group
}

/// Pixel Data: values of LABELMAP; of BINARY the bits of all frames without gaps, lowest bit first (PS3.5 8.1.1, D.1). Of even length.
fn pixels(map: &LabelMap, frames: &[Frame<'_>]) -> Vec<u8> {
    let area = map.geometry.size.y * map.geometry.size.x;
    let slice = |z: usize| &map.labels[z * area..(z + 1) * area];
    let known = |v: &u8| omnimri_findings::Label::from_value(*v).map_or(0, |l| l.value());
    let mut bytes = Vec::new();
    let mut n_bits = 0;
    for frame in frames {
        match frame.segment {
            None => bytes.extend(slice(frame.z).iter().map(known)),
            Some((_, segment)) => {
                bytes.resize((n_bits + area).div_ceil(8), 0);
                let value = segment.label.value();
                for (k, _) in (slice(frame.z).iter().enumerate()).filter(|(_, v)| **v == value) {
                    let at = n_bits + k;
                    bytes[at / 8] |= 1 << (at % 8);
                }
                n_bits += area;
            }
        }
    }
    if bytes.len() % 2 == 1 {
        bytes.push(0);
    }
    bytes
}
