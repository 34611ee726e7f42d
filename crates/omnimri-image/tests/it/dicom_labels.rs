//! Segmentations and structure sets painted onto the volume they belong to.

use dicom_core::value::{DataSetSequence, PrimitiveValue};
use dicom_core::{DataElement, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;
use omnimri_image::{OpenOptions, Volume, paint_dicom_labels, read_dicom_files};

use crate::dicom_files::{N, STEP, Slice, numbers, place, planes, text, write};

fn items(object: &mut InMemDicomObject, tag: Tag, items: Vec<InMemDicomObject>) {
    object.put(DataElement::new(tag, VR::SQ, DataSetSequence::from(items)));
}

fn item(fill: impl FnOnce(&mut InMemDicomObject)) -> InMemDicomObject {
    let mut item = InMemDicomObject::new_empty();
    fill(&mut item);
    item
}

fn short(object: &mut InMemDicomObject, tag: Tag, value: u16) {
    object.put(DataElement::new(tag, VR::US, PrimitiveValue::from(value)));
}

/// The series in a folder, in files whose names run against the slices.
fn series(dir: &std::path::Path, axes: [[f64; 3]; 3]) -> Volume {
    let files: Vec<_> = Slice::all(axes)
        .iter()
        .map(|slice| {
            let path = dir.join(format!("{}.dcm", 9 - slice.z));
            slice.write(&path);
            path
        })
        .collect();
    let (volume, slices) = read_dicom_files(&files, &OpenOptions::default()).unwrap();
    assert_eq!(slices.len(), N[2]);
    // The file of a slice holds it: its first sample is 100 times its place in the made-up volume.
    for (z, path) in slices.iter().enumerate() {
        let name: usize = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
        assert_eq!(volume.slice(0, z)[0], 100.0 * (9 - name) as f32);
    }
    volume
}

/// Index of a voxel of the made-up volume in `volume`.
fn index(volume: &Volume, axes: &[[f64; 3]; 3], ijk: [usize; 3]) -> usize {
    let lps = place(axes, ijk);
    let inverse = volume.geometry.affine.inverse().unwrap();
    let [i, j, k] = inverse
        .apply([-lps[0], -lps[1], lps[2]])
        .map(|v| v.round() as usize);
    volume.geometry.size.offset(i, j, k)
}

fn value_of(name: &str) -> Option<u8> {
    match name {
        "Peripheral zone" => Some(3),
        "Lesion" => Some(5),
        _ => None,
    }
}

/// Segments 1 to 3 on slices 1, 2 and 3: pixel `n` of a frame is set if `n % (segment + 1) == 0`.
fn segmentation(axes: [[f64; 3]; 3], path: &std::path::Path) {
    let mut o = InMemDicomObject::new_empty();
    text(
        &mut o,
        tags::SOP_CLASS_UID,
        VR::UI,
        uids::SEGMENTATION_STORAGE,
    );
    text(&mut o, tags::SOP_INSTANCE_UID, VR::UI, "1.2.9");
    text(&mut o, tags::MODALITY, VR::CS, "SEG");
    let names = ["Peripheral zone", "Lesion", "Something else"];
    let segments = names.iter().enumerate().map(|(k, name)| {
        item(|i| {
            short(i, tags::SEGMENT_NUMBER, k as u16 + 1);
            text(i, tags::SEGMENT_LABEL, VR::LO, name);
        })
    });
    items(&mut o, tags::SEGMENT_SEQUENCE, segments.collect());
    let [row, column, _] = axes;
    let shared = item(|i| {
        let orientation = item(|i| {
            let cosines = [row[0], row[1], row[2], column[0], column[1], column[2]];
            numbers(i, tags::IMAGE_ORIENTATION_PATIENT, &cosines);
        });
        items(i, tags::PLANE_ORIENTATION_SEQUENCE, vec![orientation]);
        let measures = item(|i| numbers(i, tags::PIXEL_SPACING, &[STEP[1], STEP[0]]));
        items(i, tags::PIXEL_MEASURES_SEQUENCE, vec![measures]);
    });
    items(
        &mut o,
        tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE,
        vec![shared],
    );
    let frames = (1..=3usize).map(|k| {
        item(|i| {
            let segment = item(|i| short(i, tags::REFERENCED_SEGMENT_NUMBER, k as u16));
            items(i, tags::SEGMENT_IDENTIFICATION_SEQUENCE, vec![segment]);
            let position = item(|i| {
                numbers(i, tags::IMAGE_POSITION_PATIENT, &place(&axes, [0, 0, k]));
            });
            items(i, tags::PLANE_POSITION_SEQUENCE, vec![position]);
        })
    });
    items(
        &mut o,
        tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE,
        frames.collect(),
    );
    text(&mut o, tags::NUMBER_OF_FRAMES, VR::IS, "3");
    for (tag, value) in [
        (tags::ROWS, N[1] as u16),
        (tags::COLUMNS, N[0] as u16),
        (tags::BITS_ALLOCATED, 1),
        (tags::BITS_STORED, 1),
        (tags::HIGH_BIT, 0),
        (tags::PIXEL_REPRESENTATION, 0),
        (tags::SAMPLES_PER_PIXEL, 1),
    ] {
        short(&mut o, tag, value);
    }
    let n = N[0] * N[1];
    let mut bits = vec![0u8; (3 * n).div_ceil(8).next_multiple_of(2)];
    for k in 1..=3 {
        for at in (0..n).filter(|at| at % (k + 1) == 0) {
            let bit = (k - 1) * n + at;
            bits[bit / 8] |= 1 << (bit % 8);
        }
    }
    let bits = PrimitiveValue::U8(bits.into());
    o.put(DataElement::new(tags::PIXEL_DATA, VR::OB, bits));
    write(o, uids::EXPLICIT_VR_LITTLE_ENDIAN, path);
}

#[test]
fn segments_lie_where_their_frames_do() {
    for (name, axes) in planes() {
        let dir = tempfile::tempdir().unwrap();
        let volume = series(dir.path(), axes);
        let path = dir.path().join("seg.dcm");
        segmentation(axes, &path);
        let options = OpenOptions::default();
        let labels = paint_dicom_labels(&path, &volume.geometry, &value_of, &options).unwrap();
        let mut expected = vec![0; labels.len()];
        for (k, value) in [(1, 3), (2, 5)] {
            for at in (0..N[0] * N[1]).filter(|at| at % (k + 1) == 0) {
                expected[index(&volume, &axes, [at % N[0], at / N[0], k])] = value;
            }
        }
        assert_eq!(labels, expected, "{name}");
        // The folder holds the images too.
        let folder = paint_dicom_labels(dir.path(), &volume.geometry, &value_of, &options);
        assert_eq!(folder.unwrap(), expected, "{name}");
    }
}

/// A square from column 1 to 4 and row 1 to 3 of slice 2, seen from `axes`.
fn structures(axes: [[f64; 3]; 3], lift: f64, path: &std::path::Path) {
    let mut o = InMemDicomObject::new_empty();
    text(
        &mut o,
        tags::SOP_CLASS_UID,
        VR::UI,
        uids::RT_STRUCTURE_SET_STORAGE,
    );
    text(&mut o, tags::SOP_INSTANCE_UID, VR::UI, "1.2.8");
    text(&mut o, tags::MODALITY, VR::CS, "RTSTRUCT");
    let roi = item(|i| {
        text(i, tags::ROI_NUMBER, VR::IS, "4");
        text(i, tags::ROI_NAME, VR::LO, "Lesion");
    });
    items(&mut o, tags::STRUCTURE_SET_ROI_SEQUENCE, vec![roi]);
    let corner = |i: f64, j: f64, k: f64| -> [f64; 3] {
        let start = place(&axes, [0, 0, 0]);
        std::array::from_fn(|c| {
            start[c]
                + axes[0][c] * STEP[0] * i
                + axes[1][c] * STEP[1] * j
                + axes[2][c] * STEP[2] * k
        })
    };
    let points = [
        corner(0.6, 0.6, 2.0),
        corner(4.4, 0.6, 2.0),
        corner(4.4, 3.4, 2.0 + lift),
        corner(0.6, 3.4, 2.0 + lift),
    ];
    let contour = item(|i| {
        text(i, tags::CONTOUR_GEOMETRIC_TYPE, VR::CS, "CLOSED_PLANAR");
        numbers(i, tags::CONTOUR_DATA, points.as_flattened());
    });
    let contours = item(|i| {
        items(i, tags::CONTOUR_SEQUENCE, vec![contour]);
        text(i, tags::REFERENCED_ROI_NUMBER, VR::IS, "4");
    });
    items(&mut o, tags::ROI_CONTOUR_SEQUENCE, vec![contours]);
    write(o, uids::EXPLICIT_VR_LITTLE_ENDIAN, path);
}

#[test]
fn contours_are_filled_in_their_slice_and_others_refused() {
    for (name, axes) in planes() {
        let dir = tempfile::tempdir().unwrap();
        let volume = series(dir.path(), axes);
        let path = dir.path().join("rt.dcm");
        structures(axes, 0.0, &path);
        let options = OpenOptions::default();
        let labels = paint_dicom_labels(&path, &volume.geometry, &value_of, &options).unwrap();
        let mut expected = vec![0; labels.len()];
        for (i, j) in (1..=4).flat_map(|i| (1..=3).map(move |j| (i, j))) {
            expected[index(&volume, &axes, [i, j, 2])] = 5;
        }
        assert_eq!(labels, expected, "{name}");
        structures(axes, 1.9, &path);
        let error = paint_dicom_labels(&path, &volume.geometry, &value_of, &options);
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("slices of the image")
        );
        let image = dir.path().join("9.dcm");
        assert!(paint_dicom_labels(&image, &volume.geometry, &value_of, &options).is_err());
    }
}
