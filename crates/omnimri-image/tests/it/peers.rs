//! Properties of the real files, where they are present. Voxels are compared with nibabel by
//! `tools/peers`.

use omnimri_image::{Info, Input, InputKind, KSpaceOptions, OpenOptions, detect, open};
use omnimri_image::{read_image, read_kspace_npy, read_nifti};

use crate::support::*;

#[test]
fn glioma_headers_are_not_trusted_and_hippocampus_headers_are() {
    let Some(data) = shared_data() else { return };
    let options = OpenOptions::default();
    let glioma = files(&data.join("glioma_progression/nifti"), ".nii.gz");
    assert!(!glioma.is_empty());
    for path in glioma {
        let v = read_nifti(&path, &options).unwrap();
        assert!(!v.geometry.orientation.is_trusted() && !v.geometry.spacing.is_trusted());
        assert_eq!(v.geometry.voxel_ml(), None);
        assert!(
            v.warnings.iter().any(|w| w.contains("1x1x1 mm")),
            "{:?}",
            v.warnings
        );
        let info = Info::from_volume(&path, &v);
        let json = serde_json::to_value(&info).unwrap();
        assert!(json["spacing_mm"].is_null() && json["orientation"].is_null());
        assert_eq!(json["kind"], "nifti");
    }
    for path in files(&data.join("hippocampus/images"), ".nii.gz")
        .iter()
        .take(20)
    {
        let v = read_nifti(path, &options).unwrap();
        assert!(v.geometry.orientation.is_trusted() && v.geometry.spacing.is_trusted());
        assert!(v.warnings.is_empty(), "{:?}", v.warnings);
        assert_eq!(v.geometry.affine.orientation_code(), "RAS");
    }
}

#[test]
fn every_published_slice_opens() {
    let Some(data) = shared_data() else { return };
    let mut n = 0;
    for folder in [
        "vqa_rad",
        "brain_tumor_t1ce",
        "cardiac_lv",
        "spine_lumbar",
        "ms_brain",
    ] {
        let mut paths = files(&data.join(folder), ".jpg");
        paths.extend(files(&data.join(folder), ".png").into_iter().step_by(10));
        for path in paths {
            let v = read_image(&path, &OpenOptions::default()).unwrap();
            assert!(v.is_2d() && !v.voxels.is_empty());
            n += 1;
        }
    }
    assert!(n > 2000);
}

#[test]
fn kspace_files_open_without_axis_names() {
    let Some(data) = shared_data() else { return };
    for (name, shape, sampled) in [
        ("kspace/brain_8ch_cartesian.npy", (8, 230, 180), 0.05..0.2),
        ("kspace/siemens_gre_2ch.npy", (2, 160, 320), 0.99..1.01),
        (
            "kspace_more/brain_t2_4ch_full.npy",
            (4, 256, 512),
            0.99..1.01,
        ),
    ] {
        let path = data.join(name);
        assert_eq!(detect(&path).unwrap(), InputKind::KSpace);
        let k = read_kspace_npy(&path, &KSpaceOptions::default()).unwrap();
        assert_eq!((k.n_coils, k.n_y, k.n_x), shape);
        let info = Info::from_kspace(&path, &k);
        assert!(
            sampled.contains(&info.sampled_fraction.unwrap()),
            "{:?}",
            info.sampled_fraction
        );
        assert!(matches!(
            open(&path, &OpenOptions::default()).unwrap(),
            Input::KSpace(_)
        ));
    }
    let raw = data.join("kspace/siemens_gre_2ch.dat");
    assert_eq!(detect(&raw).unwrap(), InputKind::KSpace);
    let Input::KSpace(k) = open(&raw, &OpenOptions::default()).unwrap() else {
        panic!("raw data are no image");
    };
    assert_eq!((k.n_coils, k.n_y, k.n_x), (2, 160, 320));
}

#[test]
fn a_real_study_gives_one_trusted_volume_a_series() {
    let Some(data) = shared_data() else { return };
    let path = data.join("glioma_progression/dicom");
    assert_eq!(detect(&path).unwrap(), InputKind::Dicom);
    let Input::Volumes(volumes) = open(&path, &OpenOptions::default()).unwrap() else {
        panic!("k-space");
    };
    assert_eq!(volumes.len(), 4);
    for v in volumes {
        let size = v.geometry.size;
        assert_eq!((size.z, size.y, size.x, v.n_frames), (22, 512, 512, 1));
        assert!(v.geometry.orientation.is_trusted() && v.geometry.spacing.is_trusted());
        let spacing = v.geometry.affine.spacing_mm();
        assert!((spacing.x - 0.43).abs() < 0.01 && (spacing.z - 6.5).abs() < 0.01);
        assert!(v.warnings.is_empty(), "{:?}", v.warnings);
        assert_eq!(v.acquisition.modality.as_deref(), Some("MR"));
        assert_eq!(v.acquisition.plane, Some(omnimri_image::Plane::Axial));
        assert_eq!(v.acquisition.sop_uids.len(), 22);
    }
}
