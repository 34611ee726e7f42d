//! DICOM: planes, order, spacing, series, values, compression, and what is damaged or missing.

use std::path::Path;

use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::{tags, uids};
use omnimri_image::{
    Error, Input, InputKind, OpenOptions, Plane, Volume, detect, open, read_dicom,
};

use crate::dicom_files::*;
use crate::dicom_streams::*;
use crate::support::folder;

const AXIAL: [[f64; 3]; 3] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

fn read(path: &Path) -> Vec<Volume> {
    let volumes = read_dicom(path, &OpenOptions::default()).unwrap();
    for v in &volumes {
        assert_eq!(v.voxels.len(), v.geometry.size.count() * v.n_frames);
        assert!(v.geometry.affine.inverse().is_some());
    }
    volumes
}

fn read_one(path: &Path) -> Volume {
    let mut volumes = read(path);
    assert_eq!(
        volumes.len(),
        1,
        "{:?}",
        volumes.iter().map(|v| &v.warnings).collect::<Vec<_>>()
    );
    volumes.remove(0)
}

fn refuse(path: &Path) -> Error {
    let error = read_dicom(path, &OpenOptions::default()).unwrap_err();
    let text = error.to_string();
    assert!(!text.contains('\n'), "{text}");
    error
}

/// The file of every slice, in a fresh folder.
fn written(slices: &[Slice]) -> tempfile::TempDir {
    let dir = folder();
    write_shuffled(dir.path(), slices);
    dir
}

/// Every voxel of the made volume lies at its place in the world, RAS+, with value `of(i, j, k)`.
fn assert_places(v: &Volume, axes: &[[f64; 3]; 3], of: impl Fn(usize, usize, usize) -> f32) {
    let inverse = v.geometry.affine.inverse().unwrap();
    assert_eq!(v.geometry.size.count(), N.iter().product::<usize>());
    for k in 0..N[2] {
        for j in 0..N[1] {
            for i in 0..N[0] {
                let [l, p, s] = place(axes, [i, j, k]);
                let at = inverse.apply([-l, -p, s]);
                let voxel = at.map(|c| c.round() as usize);
                for c in 0..3 {
                    assert!((at[c] - voxel[c] as f64).abs() < 1e-4, "{at:?}");
                }
                let offset = v.geometry.size.offset(voxel[0], voxel[1], voxel[2]);
                assert_eq!(v.voxels[offset], of(i, j, k));
            }
        }
    }
}

fn stored(i: usize, j: usize, k: usize) -> f32 {
    sample(i, j, k).into()
}

fn said(v: &Volume, part: &str) -> bool {
    v.warnings.iter().any(|w| w.contains(part))
}

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
fn values_are_rescaled_slice_by_slice() {
    let slices = Slice::all(AXIAL).into_iter().map(|s| Slice {
        rescale: Some([0.5 + s.z as f64, -3.0]),
        ..s
    });
    let v = read_one(written(&slices.collect::<Vec<_>>()).path());
    assert_places(&v, &AXIAL, |i, j, k| {
        stored(i, j, k) * (0.5 + k as f32) - 3.0
    });
    let slices = Slice::all(AXIAL).into_iter().map(|s| Slice {
        rescale: Some([0.0, 5.0]),
        ..s
    });
    let v = read_one(written(&slices.collect::<Vec<_>>()).path());
    assert_places(&v, &AXIAL, stored);
    assert!(said(&v, "rescale slope"), "{:?}", v.warnings);
}

#[test]
fn monochrome1_is_turned_bright() {
    let slices = Slice::all(AXIAL).into_iter().map(|s| Slice {
        photometric: "MONOCHROME1",
        ..s
    });
    let v = read_one(written(&slices.collect::<Vec<_>>()).path());
    let all = Slice::all(AXIAL);
    let values = || all.iter().flat_map(|s| &s.samples).copied();
    let sum = f32::from(values().max().unwrap()) + f32::from(values().min().unwrap());
    assert_places(&v, &AXIAL, |i, j, k| sum - stored(i, j, k));
    assert!(said(&v, "MONOCHROME1"));
}

#[test]
fn bits_beyond_those_stored_are_no_part_of_the_value() {
    let slices = Slice::all(AXIAL).into_iter().map(|s| Slice {
        bits_stored: 12,
        samples: s.samples.iter().map(|v| v | 0x9000).collect(),
        ..s
    });
    let v = read_one(written(&slices.collect::<Vec<_>>()).path());
    assert_places(&v, &AXIAL, stored);
}

#[test]
fn enhanced_multi_frame_objects_are_read_in_both_encodings() {
    let order = [2, 0, 3, 1];
    let scaled = |i, j, k: usize| 2.0 * stored(i, j, k) + k as f32;
    let dir = folder();
    for (_, axes) in planes() {
        let frames: Vec<_> = order.iter().map(|&z| Slice::new(axes, z).samples).collect();
        let path = dir.path().join("native.dcm");
        let mut object = enhanced(axes, &order);
        put_samples(&mut object, &frames.concat());
        write(object, uids::EXPLICIT_VR_LITTLE_ENDIAN, &path);
        let native = read_one(&path);
        assert_places(&native, &axes, scaled);
        assert!(native.warnings.is_empty(), "{:?}", native.warnings);
        let path = dir.path().join("rle.dcm");
        let mut object = enhanced(axes, &order);
        put_fragments(&mut object, frames.iter().map(|f| rle(f)).collect());
        write(object, uids::RLE_LOSSLESS, &path);
        assert_eq!(read_one(&path).voxels, native.voxels);
        assert_eq!(native.acquisition.sop_uids, ["1.2.3.1"; 4]);
        assert_eq!(native.acquisition.slice_thickness_mm, Some(2.0));
    }
}

#[test]
fn every_uncompressed_syntax_and_rle_give_the_same_values() {
    for transfer_syntax in [
        uids::IMPLICIT_VR_LITTLE_ENDIAN,
        uids::EXPLICIT_VR_LITTLE_ENDIAN,
        // Explicit big-endian, which is retired.
        "1.2.840.10008.1.2.2",
        uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
        uids::RLE_LOSSLESS,
    ] {
        let slices = Slice::all(AXIAL).into_iter().map(|s| Slice {
            transfer_syntax,
            ..s
        });
        let v = read_one(written(&slices.collect::<Vec<_>>()).path());
        assert_places(&v, &AXIAL, stored);
        assert!(v.warnings.is_empty(), "{transfer_syntax}: {:?}", v.warnings);
    }
}

#[test]
fn a_data_set_in_another_encoding_than_declared_is_read() {
    let dir = folder();
    let paths = ["explicit", "implicit"].map(|name| dir.path().join(name));
    let syntaxes = [
        uids::EXPLICIT_VR_LITTLE_ENDIAN,
        uids::IMPLICIT_VR_LITTLE_ENDIAN,
    ];
    let files = [0, 1].map(|n| {
        let transfer_syntax = syntaxes[n];
        Slice {
            transfer_syntax,
            ..Slice::new(AXIAL, 2)
        }
        .write(&paths[n]);
        std::fs::read(&paths[n]).unwrap()
    });
    // The meta information of one before the data set of the other.
    let parts = files.each_ref().map(|file| {
        let n = u32::from_le_bytes(file[140..144].try_into().unwrap()) as usize;
        file.split_at(144 + n)
    });
    for (meta, data) in [(0, 1), (1, 0)] {
        std::fs::write(&paths[0], [parts[meta].0, parts[data].1].concat()).unwrap();
        let v = read_one(&paths[0]);
        assert_eq!(v.voxels[..2], [stored(0, 0, 2), stored(1, 0, 2)]);
        assert_eq!(v.acquisition.series_number, Some(4));
    }
}

#[test]
fn streams_of_other_tools_are_decoded() {
    let dir = folder();
    let path = dir.path().join("stream.dcm");
    let of_slice = |v: &Volume| {
        for (at, value) in v.voxels.iter().enumerate() {
            assert_eq!(*value, stored(at % N[0], at / N[0], 2));
        }
    };
    let size = [N[0] as u16, N[1] as u16];
    let lossless = bytes(JPEG_LOSSLESS_SV1);
    write_stream(
        &lossless,
        uids::JPEG_LOSSLESS_SV1,
        [size[0], size[1], 12],
        &path,
    );
    of_slice(&read_one(&path));
    if cfg!(feature = "jpeg-ls") {
        write_stream(
            &bytes(JPEG_LS),
            uids::JPEGLS_LOSSLESS,
            [size[0], size[1], 12],
            &path,
        );
        of_slice(&read_one(&path));
    }
    write_stream(
        &bytes(JPEG_2000),
        uids::JPEG2000_LOSSLESS,
        [33, 32, 12],
        &path,
    );
    for (at, value) in read_one(&path).voxels.iter().enumerate() {
        assert_eq!(*value, (at % 33 + 10 * (at / 33)) as f32);
    }
    let baseline = bytes(JPEG_BASELINE);
    write_stream(
        &baseline,
        uids::JPEG_BASELINE8_BIT,
        [size[0], size[1], 8],
        &path,
    );
    for (at, value) in read_one(&path).voxels.iter().enumerate() {
        let expected = 20 + 10 * (at % N[0]) + 12 * (at / N[0]);
        assert!(
            (value - expected as f32).abs() <= 3.0,
            "{value} for {expected}"
        );
    }
    // A stream of another size than the header says.
    write_stream(
        &baseline,
        uids::JPEG_BASELINE8_BIT,
        [size[1], size[0], 8],
        &path,
    );
    let error = refuse(&path).to_string();
    assert!(
        error.contains("expected a frame of 7 x 5, found 5 x 7"),
        "{error}"
    );
    write_stream(
        &bytes(JPEG_2000),
        uids::JPEG2000_LOSSLESS,
        [33, 33, 12],
        &path,
    );
    refuse(&path);
}

#[cfg(not(feature = "jpeg-ls"))]
#[test]
fn jpeg_ls_without_its_feature_says_how_to_get_it() {
    let slices = Slice::all(AXIAL).into_iter().map(|s| Slice {
        transfer_syntax: uids::JPEGLS_LOSSLESS,
        ..s
    });
    let dir = written(&slices.collect::<Vec<_>>());
    let error = refuse(dir.path());
    assert!(error.is_unsupported());
    let text = error.to_string();
    assert!(
        text.contains("JPEG-LS") && text.contains("--features omnimri-image/jpeg-ls"),
        "{text}"
    );
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

#[test]
fn damaged_files_of_a_folder_are_named_and_the_rest_is_read() {
    let dir = written(&Slice::all(AXIAL));
    let whole = std::fs::read(dir.path().join("00_0.dcm")).unwrap();
    std::fs::write(dir.path().join("cut.dcm"), &whole[..whole.len() - 9]).unwrap();
    std::fs::write(dir.path().join("empty.dcm"), []).unwrap();
    std::fs::write(dir.path().join("notes.txt"), "no image").unwrap();
    let mut report = Slice::new(AXIAL, 0).header();
    text(&mut report, tags::MODALITY, VR::CS, "SR");
    write(
        report,
        uids::EXPLICIT_VR_LITTLE_ENDIAN,
        &dir.path().join("report.dcm"),
    );
    // The directory of an exported disc, which is no image and needs no word.
    let mut directory = enhanced(AXIAL, &[0]);
    let items = directory
        .take_element(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE)
        .unwrap();
    directory.put(DataElement::new(
        tags::DIRECTORY_RECORD_SEQUENCE,
        VR::SQ,
        items.into_value(),
    ));
    text(&mut directory, tags::MODALITY, VR::CS, "");
    write(
        directory,
        uids::EXPLICIT_VR_LITTLE_ENDIAN,
        &dir.path().join("DICOMDIR"),
    );
    // Sound to the header, damaged in the pixels.
    let mut broken = Slice::new(AXIAL, N[2]).header();
    put_fragments(&mut broken, vec![vec![0; 64]]);
    write(broken, uids::RLE_LOSSLESS, &dir.path().join("pixels.dcm"));
    let v = read_one(dir.path());
    assert_places(&v, &AXIAL, stored);
    assert!(!said(&v, "DICOMDIR"), "{:?}", v.warnings);
    assert!(said(&v, "2 images could not be read"), "{:?}", v.warnings);
    assert!(
        said(&v, "cut.dcm") && said(&v, "pixels.dcm"),
        "{:?}",
        v.warnings
    );
    assert!(
        said(&v, "report.dcm: a structured report (SR)"),
        "{:?}",
        v.warnings
    );
    assert!(said(
        &v,
        "2 files that are not DICOM were skipped (empty.dcm; notes.txt)"
    ));
}

#[test]
fn nothing_to_read_is_one_clear_error() {
    let dir = folder();
    assert!(matches!(refuse(dir.path()), Error::EmptyFolder { .. }));
    assert!(matches!(
        refuse(&dir.path().join("none.dcm")),
        Error::NotFound { .. }
    ));
    std::fs::write(dir.path().join("a.txt"), "text").unwrap();
    assert!(matches!(refuse(dir.path()), Error::UnknownFormat { .. }));
    std::fs::write(dir.path().join("b.txt"), "text").unwrap();
    let error = refuse(dir.path()).to_string();
    assert!(
        error.contains("2 files, of which 2 are not DICOM"),
        "{error}"
    );
    let path = dir.path().join("cut.dcm");
    Slice::new(AXIAL, 0).write(&path);
    let whole = std::fs::read(&path).unwrap();
    for n in (1..whole.len()).rev() {
        std::fs::write(&path, &whole[..n]).unwrap();
        refuse(&path);
    }
    std::fs::write(&path, &whole[..whole.len() - 2]).unwrap();
    let error = refuse(dir.path()).to_string();
    assert!(
        error.contains("1 cannot be read") && error.contains("truncated"),
        "{error}"
    );
}

#[test]
fn elements_that_do_not_fit_their_type_are_skipped() {
    let dir = folder();
    let path = dir.path().join("odd.dcm");
    let slice = Slice::new(AXIAL, 0);
    slice.write(&path);
    let whole = std::fs::read(&path).unwrap();
    // The pulse sequence name, six characters, as a number of four bytes; and as a private element.
    let name = whole.windows(6).position(|w| w == b"*se2d1").unwrap();
    for (at, bytes) in [
        (name - 4, &b"SL"[..]),
        (name - 8, &[0x19, 0x00, 0x01, 0x10]),
    ] {
        let mut damaged = whole.clone();
        damaged[at..at + bytes.len()].copy_from_slice(bytes);
        std::fs::write(&path, &damaged).unwrap();
        let v = read_one(&path);
        assert_eq!(v.acquisition.sequence_name, None);
        assert_eq!(v.acquisition.flip_angle_deg, Some(70.0));
    }
}

#[test]
fn headers_that_lie_of_sizes_are_refused_before_memory_is_taken() {
    let dir = folder();
    let path = dir.path().join("lie.dcm");
    for (tag, vr, value) in [
        (tags::ROWS, VR::US, "65535"),
        (tags::COLUMNS, VR::US, "0"),
        (tags::NUMBER_OF_FRAMES, VR::IS, "99999"),
        (tags::NUMBER_OF_FRAMES, VR::IS, "-1"),
        (tags::BITS_ALLOCATED, VR::US, "32"),
        (tags::BITS_ALLOCATED, VR::US, "12"),
        (tags::BITS_STORED, VR::US, "17"),
        (tags::SAMPLES_PER_PIXEL, VR::US, "3"),
        (tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "RGB"),
    ] {
        let slice = Slice::new(AXIAL, 0);
        let mut object = slice.header();
        put_samples(&mut object, &slice.samples);
        match vr {
            VR::US => {
                let number: u16 = value.parse().unwrap();
                object.put(DataElement::new(tag, vr, PrimitiveValue::from(number)));
            }
            _ => text(&mut object, tag, vr, value),
        }
        write(object, uids::EXPLICIT_VR_LITTLE_ENDIAN, &path);
        refuse(&path);
    }
    // The limit counts all series together.
    let dir = written(&Slice::all(AXIAL));
    let options = OpenOptions {
        max_voxels: N.iter().product::<usize>() - 1,
        ..OpenOptions::default()
    };
    assert!(matches!(
        read_dicom(dir.path(), &options),
        Err(Error::TooLarge { .. })
    ));
}
