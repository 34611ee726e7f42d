//! DICOM: planes, order, spacing, series.

use dicom_core::VR;
use dicom_dictionary_std::{tags, uids};
use omnimri_image::{Input, InputKind, OpenOptions, Plane, detect, open};

use crate::dicom_checks::*;
use crate::dicom_files::*;
use crate::support::folder;

#[test]
fn every_plane_in_any_file_order_gives_the_same_world() {
    let expected = [Plane::Axial, Plane::Coronal, Plane::Sagittal, Plane::Axial];
    for ((name, axes), plane) in planes().into_iter().zip(expected) {
        let dir = written(&Slice::all(axes));
        assert_eq!(detect(dir.path()).unwrap(), InputKind::Dicom);
        let v = read_one(dir.path());
        assert!(v.warnings.is_empty(), "{name}: {:?}", v.warnings);
        assert!(v.geometry.orientation.is_trusted() && v.geometry.spacing.is_trusted());
        assert_places(&v, &axes, stored);
        // From positions: the slices are 2 mm thick.
        let spacing = v.geometry.affine.spacing_mm();
        for (found, step) in [(spacing.x, 0), (spacing.y, 1), (spacing.z, 2)] {
            assert!((found - STEP[step]).abs() < 1e-6);
        }
        let a = &v.acquisition;
        assert_eq!(a.plane, Some(plane), "{name}");
        assert_eq!(a.sop_uids.len(), N[2]);
        // Slice direction and order of UIDs agree.
        assert_eq!(a.sop_uids[0], "1.2.3.1");
    }
}

#[test]
fn slices_against_the_normal_are_turned() {
    let axes = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, -1.0]];
    let v = read_one(written(&Slice::all(axes)).path());
    assert_places(&v, &axes, stored);
    assert_eq!(v.geometry.affine.orientation_code(), "LPS");
    assert_eq!(v.acquisition.sop_uids[0], format!("1.2.3.{}", N[2]));
}

#[test]
fn the_header_tells_of_the_acquisition() {
    let v = read_one(written(&Slice::all(AXIAL)).path());
    let a = &v.acquisition;
    assert_eq!(a.modality.as_deref(), Some("MR"));
    assert_eq!(a.description.as_deref(), Some("T1 post"));
    assert_eq!(a.sequence_name.as_deref(), Some("*se2d1"));
    assert_eq!(a.contrast_agent.as_deref(), Some("gadobutrol"));
    assert_eq!(a.scanner.as_deref(), Some("Made"));
    assert_eq!(
        (a.repetition_time_ms, a.echo_time_ms),
        (Some(500.0), Some(15.0))
    );
    assert_eq!(
        (a.flip_angle_deg, a.field_strength_t),
        (Some(70.0), Some(1.5))
    );
    assert_eq!(
        (a.inversion_time_ms, a.slice_thickness_mm),
        (None, Some(2.0))
    );
    assert_eq!(
        (a.series_number, a.series_uid.as_deref()),
        (Some(4), Some("1.2.3"))
    );
    assert_eq!(a.study_uid.as_deref(), Some("1.2"));
}

#[test]
fn a_ct_series_is_read_for_others_to_refuse() {
    let slices = Slice::all(AXIAL).into_iter().map(|s| Slice {
        modality: "CT",
        ..s
    });
    let v = read_one(written(&slices.collect::<Vec<_>>()).path());
    assert_eq!(v.acquisition.modality.as_deref(), Some("CT"));
}

#[test]
fn a_tree_of_two_series_gives_two_volumes_in_order_of_their_numbers() {
    let dir = folder();
    for (name, number, series) in [("a/deep", 9, "1.2.9"), ("b", 2, "1.2.2")] {
        let folder = dir.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let slices = Slice::all(AXIAL).into_iter().map(|s| Slice {
            series: series.into(),
            series_number: number,
            ..s
        });
        write_shuffled(&folder, &slices.collect::<Vec<_>>());
    }
    // What lies in a series' own folder is not said of the other.
    std::fs::write(dir.path().join("b/notes.txt"), "no image").unwrap();
    let Input::Volumes(volumes) = open(dir.path(), &OpenOptions::default()).unwrap() else {
        panic!("k-space");
    };
    let numbers: Vec<_> = volumes
        .iter()
        .map(|v| v.acquisition.series_number)
        .collect();
    assert_eq!(numbers, [Some(2), Some(9)]);
    assert!(said(
        &volumes[0],
        "1 file that is not DICOM was skipped (notes.txt)"
    ));
    assert!(volumes[1].warnings.is_empty(), "{:?}", volumes[1].warnings);
}

#[test]
fn two_series_in_one_folder_are_told_apart_by_their_uid() {
    let dir = folder();
    let mut slices = Slice::all(AXIAL);
    slices.extend(Slice::all(AXIAL).into_iter().map(|s| Slice {
        series: "1.2.4".into(),
        ..s
    }));
    write_shuffled(dir.path(), &slices);
    let volumes = read(dir.path());
    assert_eq!(volumes.len(), 2);
    for v in &volumes {
        assert_places(v, &AXIAL, stored);
        assert!(v.warnings.is_empty(), "{:?}", v.warnings);
    }
}

#[test]
fn duplicates_are_left_out() {
    let dir = written(&Slice::all(AXIAL));
    Slice::new(AXIAL, 1).write(&dir.path().join("copy.dcm"));
    let v = read_one(dir.path());
    assert_places(&v, &AXIAL, stored);
    assert!(
        said(&v, "1 duplicate image was left out"),
        "{:?}",
        v.warnings
    );
    // All slices twice under new UIDs, as some archives export them.
    for slice in Slice::all(AXIAL) {
        let sop_uid = format!("9.{}", slice.z);
        Slice {
            sop_uid,
            ..slice.clone()
        }
        .write(&dir.path().join(format!("new{}.dcm", slice.z)));
    }
    std::fs::remove_file(dir.path().join("copy.dcm")).unwrap();
    let v = read_one(dir.path());
    assert_eq!(v.n_frames, 1);
    assert_places(&v, &AXIAL, stored);
    assert!(
        said(&v, "4 duplicate images were left out"),
        "{:?}",
        v.warnings
    );
}

#[test]
fn a_missing_slice_is_said_and_takes_the_trust_in_the_spacing() {
    let mut slices = Slice::all(AXIAL);
    slices.remove(2);
    let v = read_one(written(&slices).path());
    assert_eq!(v.geometry.size.z, N[2] - 1);
    assert!(
        said(&v, "1 slice is missing (between slices 2 and 3)"),
        "{:?}",
        v.warnings
    );
    assert!(v.geometry.orientation.is_trusted() && !v.geometry.spacing.is_trusted());
    assert_eq!(v.geometry.voxel_ml(), None);
    // Uneven without a rule.
    let mut slices = Slice::all(AXIAL);
    slices[1].position = Some(place(&AXIAL, [0, 0, 1]).map(|c| c + 0.8));
    let v = read_one(written(&slices).path());
    assert!(
        said(&v, "uneven") && !v.geometry.spacing.is_trusted(),
        "{:?}",
        v.warnings
    );
}

#[test]
fn a_tilted_gantry_is_in_the_affine() {
    // Slices stay parallel while their origins lean.
    let (s, c) = 0.3_f64.sin_cos();
    let leaning = [[1.0, 0.0, 0.0], [0.0, c, s], [0.0, 0.0, 1.0]];
    let v = read_one(written(&Slice::all(leaning)).path());
    assert!(
        v.warnings.is_empty() && v.geometry.spacing.is_trusted(),
        "{:?}",
        v.warnings
    );
    assert_places(&v, &leaning, stored);
    let ml = v.geometry.voxel_ml().unwrap();
    assert!((ml - STEP.iter().product::<f64>() * c / 1000.0).abs() < 1e-9);
}

#[test]
fn a_localizer_gives_a_volume_an_orientation() {
    let mut slices = Vec::new();
    for (n, (_, axes)) in planes().into_iter().take(3).enumerate() {
        slices.extend(Slice::all(axes).into_iter().map(|s| Slice {
            sop_uid: format!("7.{n}.{}", s.z),
            ..s
        }));
    }
    let volumes = read(written(&slices).path());
    let mut planes: Vec<_> = volumes.iter().map(|v| v.acquisition.plane).collect();
    planes.sort_by_key(|p| format!("{p:?}"));
    assert_eq!(
        planes,
        [
            Some(Plane::Axial),
            Some(Plane::Coronal),
            Some(Plane::Sagittal)
        ]
    );
    for v in &volumes {
        assert!(said(v, "differ in orientation"), "{:?}", v.warnings);
        assert_eq!(v.geometry.size.z, N[2]);
    }
}

#[test]
fn echoes_become_frames() {
    let mut slices = Slice::all(AXIAL);
    slices.extend(Slice::all(AXIAL).into_iter().map(|s| Slice {
        echo_ms: 90.0,
        sop_uid: format!("8.{}", s.z),
        samples: s.samples.iter().map(|v| v + 1000).collect(),
        ..s
    }));
    let v = read_one(written(&slices).path());
    assert_eq!(v.n_frames, 2);
    assert_eq!(v.acquisition.echo_time_ms, Some(15.0));
    let n = v.geometry.size.count();
    assert!((0..n).all(|at| v.voxels[n + at] == v.voxels[at] + 1000.0));
    assert!(said(
        &v,
        "2 images at each slice position, read as frames by echo time"
    ));
    // The second echo of one slice is lost: the first is whole.
    slices.pop();
    let v = read_one(written(&slices).path());
    assert_eq!(v.n_frames, 1);
    assert_places(&v, &AXIAL, stored);
    assert!(said(&v, "3 images were left out"), "{:?}", v.warnings);
}

#[test]
fn images_of_one_place_that_nothing_tells_apart_are_frames_if_they_differ() {
    let mut slices = Slice::all(AXIAL);
    slices.extend(Slice::all(AXIAL).into_iter().map(|s| Slice {
        sop_uid: format!("8.{}", s.z),
        instance: s.instance + 100,
        samples: s.samples.iter().map(|v| v + 1000).collect(),
        ..s
    }));
    let v = read_one(written(&slices).path());
    assert_eq!(v.n_frames, 2);
    assert_eq!(v.voxels[v.geometry.size.count()], v.voxels[0] + 1000.0);
    assert!(said(&v, "does not tell apart"), "{:?}", v.warnings);
}

#[test]
fn magnitude_and_phase_are_volumes_of_their_own() {
    let dir = folder();
    for slice in Slice::all(AXIAL) {
        for (n, kind) in ["M", "P"].into_iter().enumerate() {
            let sop_uid = format!("6.{n}.{}", slice.z);
            let mut object = Slice {
                sop_uid,
                ..slice.clone()
            }
            .header();
            let image_type = format!("ORIGINAL\\PRIMARY\\{kind}");
            text(&mut object, tags::IMAGE_TYPE, VR::CS, &image_type);
            put_samples(&mut object, &slice.samples);
            let path = dir.path().join(format!("{kind}{}", slice.z));
            write(object, uids::EXPLICIT_VR_LITTLE_ENDIAN, &path);
        }
    }
    let volumes = read(dir.path());
    assert_eq!(volumes.len(), 2);
    for v in &volumes {
        assert_places(v, &AXIAL, stored);
        assert!(said(v, "differ in image type: it is read as 2 volumes"));
    }
}

#[test]
fn a_plain_multi_frame_object_has_slices_and_no_positions() {
    let dir = folder();
    let path = dir.path().join("frames.dcm");
    let mut object = Slice::new(AXIAL, 0).header();
    text(&mut object, tags::NUMBER_OF_FRAMES, VR::IS, "4");
    let samples: Vec<_> = Slice::all(AXIAL)
        .into_iter()
        .flat_map(|s| s.samples)
        .collect();
    put_samples(&mut object, &samples);
    write(object, uids::EXPLICIT_VR_LITTLE_ENDIAN, &path);
    let v = read_one(&path);
    let values: Vec<f32> = samples.iter().map(|v| f32::from(*v)).collect();
    assert_eq!((v.geometry.size.z, v.n_frames, v.voxels), (4, 1, values));
    assert!(!v.geometry.orientation.is_trusted() && !v.geometry.spacing.is_trusted());
}

#[test]
fn a_single_slice_is_as_thick_as_it_says() {
    let dir = folder();
    let path = dir.path().join("one");
    Slice::new(AXIAL, 2).write(&path);
    for path in [&path, dir.path()] {
        let v = read_one(path);
        assert!(v.is_2d() && v.geometry.spacing.is_trusted());
        assert_eq!(v.geometry.affine.spacing_mm().z, 2.0);
        assert!(said(&v, "single slice"));
    }
    Slice {
        thickness: None,
        ..Slice::new(AXIAL, 2)
    }
    .write(&path);
    let v = read_one(&path);
    assert!(!v.geometry.spacing.is_trusted() && v.geometry.orientation.is_trusted());
}

#[test]
fn orientations_and_positions_that_are_none_are_not_trusted() {
    let bad = [f64::NAN, f64::INFINITY, 0.0, 1.0, 1e300];
    for value in bad {
        let slices = Slice::all(AXIAL).into_iter().map(|s| Slice {
            orientation: Some([value; 6]),
            ..s
        });
        let v = read_one(written(&slices.collect::<Vec<_>>()).path());
        assert!(!v.geometry.orientation.is_trusted() && !v.geometry.spacing.is_trusted());
        assert!(said(&v, "no usable slice orientation"), "{:?}", v.warnings);
        assert_eq!(v.acquisition.plane, None);
        // The order of instance numbers is left.
        assert_eq!(v.voxels[0], stored(0, 0, 0));
        assert_eq!(v.slice(0, 3)[0], stored(0, 0, 3));
    }
    for position in [None, Some([f64::NAN; 3]), Some([1e300; 3])] {
        let slices = Slice::all(AXIAL)
            .into_iter()
            .map(|s| Slice { position, ..s });
        let v = read_one(written(&slices.collect::<Vec<_>>()).path());
        assert!(said(&v, "no usable slice position"), "{:?}", v.warnings);
        assert_eq!(v.geometry.size.z, N[2]);
    }
    for spacing in [
        None,
        Some([0.0; 2]),
        Some([-1.0; 2]),
        Some([f64::NAN; 2]),
        Some([1e30; 2]),
    ] {
        let slices = Slice::all(AXIAL)
            .into_iter()
            .map(|s| Slice { spacing, ..s });
        let v = read_one(written(&slices.collect::<Vec<_>>()).path());
        assert!(v.geometry.orientation.is_trusted() && !v.geometry.spacing.is_trusted());
        assert!(said(&v, "no usable pixel spacing"), "{:?}", v.warnings);
    }
}
