//! DICOM objects against the series that they refer to.

use std::collections::HashMap;

use chrono::DateTime;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;
use omnimri_findings::Label;
use omnimri_image::{LabelMap, OpenOptions, SourceSeries, Volume, read_dicom_series};
use omnimri_report::Pictures;
use omnimri_report::dicom::{DicomFile, Making, SegmentationType, Uids, dicom_objects};

use crate::made_up_series::{SIZE, lesions, result, write_series};

pub fn making() -> Making {
    Making {
        at: DateTime::parse_from_rfc3339("2024-05-06T07:08:09+02:00").unwrap(),
        uids: Uids::seeded(5),
    }
}

/// The made-up series, its source and lesions.
pub fn read_series(
    change: impl Fn(usize, &mut InMemDicomObject),
) -> (Volume, omnimri_image::Result<SourceSeries>) {
    let dir = tempfile::tempdir().unwrap();
    write_series(dir.path(), change);
    let mut all = read_dicom_series(dir.path(), &OpenOptions::default()).unwrap();
    assert_eq!(all.len(), 1);
    let series = all.remove(0);
    (series.volume, series.source)
}

fn objects(kind: SegmentationType) -> (SourceSeries, LabelMap, HashMap<String, DicomFile>) {
    let (volume, source) = read_series(|_, _| {});
    let (source, labels) = (source.unwrap(), lesions(&volume));
    let doc = result(&volume, &labels);
    let pictures = Pictures {
        volume: &volume,
        labels: Some(&labels),
        reconstruction: None,
    };
    let made = dicom_objects(&doc, &pictures, &source, kind, &mut making()).unwrap();
    (source, labels, made.into_iter().collect())
}

fn text(o: &InMemDicomObject, tag: Tag) -> String {
    o.element(tag).unwrap().to_str().unwrap().trim().to_owned()
}

fn items(o: &InMemDicomObject, tag: Tag) -> &[InMemDicomObject] {
    o.element(tag).unwrap().items().unwrap()
}

#[test]
fn the_source_has_the_slices_in_order_of_the_volume() {
    let (volume, source) = read_series(|_, _| {});
    let source = source.unwrap();
    assert_eq!(source.slices.len(), usize::from(SIZE[2]));
    for (z, slice) in source.slices.iter().enumerate() {
        let [r, a, s] = volume.geometry.affine.apply([0.0, 0.0, z as f64]);
        for (ours, theirs) in [-r, -a, s].into_iter().zip(slice.position_mm) {
            assert!((ours - theirs).abs() < 1e-4);
        }
        assert_eq!(slice.sop_instance_uid, volume.acquisition.sop_uids[z]);
        assert_eq!(slice.frame, None);
    }
    assert_eq!(source.pixel_spacing_mm, [3.5, 3.25]);
    assert!((source.spacing_between_slices_mm.unwrap() - 7.5).abs() < 1e-3);
}

#[test]
fn mixed_patients_and_studies_have_no_source() {
    let alter = |tag, vr, value: &'static str| {
        let (_, source) = read_series(|z, o| {
            if z == 3 {
                o.put(DataElement::new(tag, vr, value));
            }
        });
        source.unwrap_err().to_string()
    };
    let error = alter(tags::PATIENT_ID, VR::LO, "another");
    assert!(
        error.contains("one patient") && !error.contains("another"),
        "{error}"
    );
    let error = alter(tags::STUDY_INSTANCE_UID, VR::UI, "1.2.3");
    assert!(error.contains("one study"), "{error}");
    let error = alter(tags::FRAME_OF_REFERENCE_UID, VR::UI, "1.2.3");
    assert!(error.contains("one frame of reference"), "{error}");

    let (_, a) = read_series(|_, _| {});
    let (_, b) = read_series(|_, o| {
        o.put(DataElement::new(tags::PATIENT_ID, VR::LO, "another"));
    });
    let (a, b) = (a.unwrap(), b.unwrap());
    SourceSeries::check_one_study([&a, &a]).unwrap();
    assert!(SourceSeries::check_one_study([&a, &b]).is_err());
}

#[test]
fn a_series_that_nothing_can_refer_to_says_why() {
    let (_, source) = read_series(|_, o| {
        o.remove_element(tags::STUDY_INSTANCE_UID);
    });
    let error = source.unwrap_err().to_string();
    assert!(error.contains("without study UID"), "{error}");
}

#[test]
fn bits_of_binary_frames_are_the_labels() {
    let (source, map, made) = objects(SegmentationType::Binary);
    let seg = &made["segmentation.dcm"];
    let bytes = seg.element(tags::PIXEL_DATA).unwrap().to_bytes().unwrap();
    let area = source.rows * source.columns;
    assert_ne!(area % 8, 0, "frames that begin within a byte are tested");
    let mut back = vec![0u8; map.labels.len()];
    let numbers: Vec<Label> = items(seg, tags::SEGMENT_SEQUENCE)
        .iter()
        .map(|s| Label::from_name(&text(s, tags::SEGMENT_LABEL)).unwrap())
        .collect();
    assert_eq!(numbers, [Label::Glioma, Label::Meningioma]);
    let frames = items(seg, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
    assert_eq!(text(seg, tags::NUMBER_OF_FRAMES), frames.len().to_string());
    assert_eq!(
        bytes.len(),
        (frames.len() * area).div_ceil(8).next_multiple_of(2)
    );
    for (f, group) in frames.iter().enumerate() {
        let image = &items(
            &items(group, tags::DERIVATION_IMAGE_SEQUENCE)[0],
            tags::SOURCE_IMAGE_SEQUENCE,
        )[0];
        let uid = text(image, tags::REFERENCED_SOP_INSTANCE_UID);
        let z = source
            .slices
            .iter()
            .position(|s| s.sop_instance_uid == uid)
            .unwrap();
        let segment = &items(group, tags::SEGMENT_IDENTIFICATION_SEQUENCE)[0];
        let number: usize = segment
            .element(tags::REFERENCED_SEGMENT_NUMBER)
            .unwrap()
            .to_int()
            .unwrap();
        let mut any = false;
        for k in 0..area {
            let at = f * area + k;
            if bytes[at / 8] >> (at % 8) & 1 == 1 {
                back[z * area + k] = numbers[number - 1].value();
                any = true;
            }
        }
        assert!(any, "empty frames are left out");
    }
    assert_eq!(back, map.labels);
}

#[test]
fn a_label_map_has_its_values_and_a_frame_a_slice() {
    let (source, map, made) = objects(SegmentationType::LabelMap);
    let seg = &made["segmentation.dcm"];
    assert_eq!(
        text(seg, tags::SOP_CLASS_UID),
        uids::LABEL_MAP_SEGMENTATION_STORAGE
    );
    let bytes = seg.element(tags::PIXEL_DATA).unwrap().to_bytes().unwrap();
    assert_eq!(&bytes[..map.labels.len()], &map.labels[..]);
    let frames = items(seg, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
    assert_eq!(frames.len(), source.slices.len());
    let numbers: Vec<u16> = items(seg, tags::SEGMENT_SEQUENCE)
        .iter()
        .map(|s| s.element(tags::SEGMENT_NUMBER).unwrap().to_int().unwrap())
        .collect();
    assert_eq!(numbers, [9, 10]);
}

#[test]
fn every_object_is_of_the_study_and_says_what_it_is() {
    let (source, _, made) = objects(SegmentationType::Binary);
    let mut instances = Vec::new();
    for (name, o) in &made {
        assert_eq!(
            text(o, tags::STUDY_INSTANCE_UID),
            source.study_uid,
            "{name}"
        );
        assert_ne!(text(o, tags::SERIES_INSTANCE_UID), source.series_uid);
        assert_eq!(text(o, tags::PATIENT_ID), "made-up-1");
        // Latin-1 in the source, UTF-8 here.
        assert_eq!(text(o, tags::PATIENT_NAME), "M\u{fc}ller^Anna");
        assert_eq!(text(o, tags::SPECIFIC_CHARACTER_SET), "ISO_IR 192");
        assert_eq!(text(o, tags::MANUFACTURER), "omnimri");
        assert!(text(o, tags::SERIES_DESCRIPTION).contains("not for clinical use"));
        assert_eq!(text(o, tags::CONTENT_TIME), "070809");
        instances.push(text(o, tags::SOP_INSTANCE_UID));
    }
    instances.sort();
    instances.dedup();
    assert_eq!(instances.len(), 6);
    for name in ["report.dcm", "report-text.dcm"] {
        assert_eq!(text(&made[name], tags::VERIFICATION_FLAG), "UNVERIFIED");
        assert_eq!(text(&made[name], tags::PRELIMINARY_FLAG), "PRELIMINARY");
    }
    let pdf = made["report-pdf.dcm"]
        .element(tags::ENCAPSULATED_DOCUMENT)
        .unwrap()
        .to_bytes()
        .unwrap();
    assert!(pdf.starts_with(b"%PDF-"));
}

/// All content items below, with the meaning of their names.
fn content<'a>(o: &'a InMemDicomObject, out: &mut Vec<(String, &'a InMemDicomObject)>) {
    let Some(below) = o.get(tags::CONTENT_SEQUENCE).and_then(|e| e.items()) else {
        return;
    };
    for item in below {
        let name = item
            .get(tags::CONCEPT_NAME_CODE_SEQUENCE)
            .and_then(|e| e.items())
            .map(|i| text(&i[0], tags::CODE_MEANING));
        out.push((name.unwrap_or_default(), item));
        content(item, out);
    }
}

#[test]
fn the_measurement_report_has_a_group_for_each_finding_that_tracks_its_segment() {
    let (_, _, made) = objects(SegmentationType::Binary);
    let seg = &made["segmentation.dcm"];
    let tracked: Vec<String> = items(seg, tags::SEGMENT_SEQUENCE)
        .iter()
        .map(|s| text(s, tags::TRACKING_UID))
        .collect();
    let mut all = Vec::new();
    content(&made["report.dcm"], &mut all);
    let named = |name: &str| -> Vec<&InMemDicomObject> {
        let items = all.iter().filter(|(n, _)| n == name);
        items.map(|(_, o)| *o).collect()
    };
    assert_eq!(named("Measurement Group").len(), 3);
    let uids: Vec<String> = named("Tracking Unique Identifier")
        .iter()
        .map(|o| text(o, tags::UID))
        .collect();
    // The meningioma comes first in the result.
    assert_eq!(uids[..2], [tracked[1].clone(), tracked[0].clone()]);
    let segments: Vec<u16> = named("Referenced Segment")
        .iter()
        .map(|o| {
            let image = &items(o, tags::REFERENCED_SOP_SEQUENCE)[0];
            assert_eq!(
                text(image, tags::REFERENCED_SOP_INSTANCE_UID),
                text(seg, tags::SOP_INSTANCE_UID)
            );
            image
                .element(tags::REFERENCED_SEGMENT_NUMBER)
                .unwrap()
                .to_int()
                .unwrap()
        })
        .collect();
    assert_eq!(segments, [2, 1]);
    let sides: Vec<String> = named("Laterality")
        .iter()
        .map(|o| text(&items(o, tags::CONCEPT_CODE_SEQUENCE)[0], tags::CODE_VALUE))
        .collect();
    assert_eq!(sides, ["24028007", "7771000"]);
    let comments: Vec<String> = named("Comment")
        .iter()
        .map(|o| text(o, tags::TEXT_VALUE))
        .collect();
    assert!(
        comments
            .iter()
            .any(|c| c.starts_with("No answer for cardiac: out of scope")),
        "{comments:?}"
    );
}

#[test]
fn the_same_clock_and_identifiers_give_the_same_bytes() {
    let bytes = || {
        let (_, _, made) = objects(SegmentationType::Binary);
        let mut names: Vec<&String> = made.keys().collect();
        names.sort();
        let mut out = Vec::new();
        for name in names {
            made[name].write_all(&mut out).unwrap();
        }
        out
    };
    assert!(bytes() == bytes());
}

#[test]
fn labels_of_another_grid_are_refused() {
    let (volume, source) = read_series(|_, _| {});
    let mut labels = lesions(&volume);
    let doc = result(&volume, &labels);
    labels.geometry.size.z -= 1;
    labels.labels.truncate(labels.geometry.size.count());
    let pictures = Pictures {
        volume: &volume,
        labels: Some(&labels),
        reconstruction: None,
    };
    let kind = SegmentationType::Binary;
    let error = dicom_objects(&doc, &pictures, &source.unwrap(), kind, &mut making());
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("slices of the DICOM series")
    );
}

#[test]
fn the_source_s_time_zone_holds_for_new_times() {
    let (volume, source) = read_series(|_, o| {
        let zone = PrimitiveValue::from("-0500");
        o.put(DataElement::new(
            tags::TIMEZONE_OFFSET_FROM_UTC,
            VR::SH,
            zone,
        ));
    });
    let labels = lesions(&volume);
    let doc = result(&volume, &labels);
    let pictures = Pictures {
        volume: &volume,
        labels: None,
        reconstruction: None,
    };
    let kind = SegmentationType::Binary;
    let made = dicom_objects(&doc, &pictures, &source.unwrap(), kind, &mut making()).unwrap();
    assert!(made.iter().all(|(name, _)| name != "segmentation.dcm"));
    for (_, o) in &made {
        assert_eq!(text(o, tags::CONTENT_DATE), "20240506");
        assert_eq!(text(o, tags::CONTENT_TIME), "000809");
    }
}
