//! NIfTI: types, byte orders, versions, pairs, scaling, trust and round trips.

use omnimri_image::nifti::{ByteOrder, Header, Version, encode_nifti};
use omnimri_image::{
    Affine, AxisMap, LabelMap, OpenOptions, Trust, Zyx, percentiles, read_nifti, reorient,
    reorient_to_canonical, write_label_map, write_nifti,
};

use crate::support::*;

/// Encodes small whole numbers as every type.
fn encode(datatype: i16, values: &[i32], order: ByteOrder) -> (i16, Vec<u8>) {
    macro_rules! as_type {
        ($t:ty) => {{
            let bytes = values.iter().flat_map(|&v| match order {
                ByteOrder::Little => (v as $t).to_le_bytes(),
                ByteOrder::Big => (v as $t).to_be_bytes(),
            });
            (size_of::<$t>() as i16 * 8, bytes.collect())
        }};
    }
    match datatype {
        2 => as_type!(u8),
        256 => as_type!(i8),
        512 => as_type!(u16),
        4 => as_type!(i16),
        768 => as_type!(u32),
        8 => as_type!(i32),
        1280 => as_type!(u64),
        1024 => as_type!(i64),
        16 => as_type!(f32),
        _ => as_type!(f64),
    }
}

const TYPES: [i16; 10] = [2, 256, 512, 4, 768, 8, 1280, 1024, 16, 64];

#[test]
fn every_type_version_order_and_packing_gives_the_same_values() {
    let dir = folder();
    let values: Vec<i32> = (0..SIZE.count() as i32).map(|v| v % 97).collect();
    let plain: Vec<f32> = values.iter().map(|&v| v as f32).collect();
    let scaled: Vec<f32> = values
        .iter()
        .map(|&v| (f64::from(v) * 0.25 - 3.0) as f32)
        .collect();
    for version in [Version::One, Version::Two] {
        for order in [ByteOrder::Little, ByteOrder::Big] {
            for datatype in TYPES {
                let (bitpix, raw) = encode(datatype, &values, order);
                for (slope, inter, expected) in [
                    (1.0, 0.0, &plain),
                    (0.0, 9.0, &plain),
                    (0.25, -3.0, &scaled),
                ] {
                    let mut header = header(version, order, datatype, bitpix);
                    header.scl_slope = slope;
                    header.scl_inter = inter;
                    let bytes = encode_nifti(&header, &raw);
                    let nii = dir.path().join("a.nii");
                    std::fs::write(&nii, &bytes).unwrap();
                    let gz = dir.path().join("b.nii.gz");
                    std::fs::write(&gz, gzip(&bytes)).unwrap();
                    header.single_file = false;
                    header.vox_offset = 0.0;
                    let hdr = dir.path().join("c.hdr");
                    std::fs::write(&hdr, encode_nifti(&header, &[])).unwrap();
                    let img = dir.path().join("c.img");
                    std::fs::write(&img, &raw).unwrap();
                    for path in [&nii, &gz, &hdr, &img] {
                        let v = read_nifti(path, &OpenOptions::default()).unwrap();
                        assert_eq!(&v.voxels, expected, "{header:?}");
                        assert_eq!(v.geometry.size, SIZE);
                        assert_close(&v.geometry.affine, &affine(), 1e-5);
                        assert!(v.warnings.is_empty(), "{:?}", v.warnings);
                    }
                }
            }
        }
    }
}

#[test]
fn a_volume_comes_back_as_written() {
    let dir = folder();
    for n_frames in [1, 4] {
        for name in ["a.nii", "a.nii.gz"] {
            let path = dir.path().join(name);
            let volume = volume(n_frames);
            write_nifti(&path, &volume).unwrap();
            let back = read_nifti(&path, &OpenOptions::default()).unwrap();
            assert_eq!(back.voxels, volume.voxels);
            assert_eq!(back.n_frames, n_frames);
            assert_eq!(back.geometry.size, SIZE);
            assert_close(&back.geometry.affine, &affine(), 1e-5);
            assert!(back.geometry.orientation.is_trusted() && back.warnings.is_empty());
        }
    }
}

#[test]
fn sform_and_qform_of_a_written_file_agree_in_all_48_layouts() {
    let dir = folder();
    let path = dir.path().join("q.nii");
    for map in AxisMap::all() {
        let moved = reorient(&volume(1), map);
        write_nifti(&path, &moved).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let from_sform = read_nifti(&path, &OpenOptions::default()).unwrap();
        // Without the sform code the qform is read.
        bytes[254..256].fill(0);
        std::fs::write(&path, &bytes).unwrap();
        let from_qform = read_nifti(&path, &OpenOptions::default()).unwrap();
        assert_close(&from_sform.geometry.affine, &moved.geometry.affine, 2e-5);
        assert_close(&from_qform.geometry.affine, &moved.geometry.affine, 2e-5);
        let (canonical, applied) = reorient_to_canonical(&from_sform);
        let (expected, _) = reorient_to_canonical(&volume(1));
        assert_eq!(canonical.voxels, expected.voxels);
        let back = applied
            .invert()
            .apply(&canonical.voxels, canonical.geometry.size);
        assert_eq!(back, moved.voxels);
    }
}

#[test]
fn a_label_map_keeps_the_affine_and_its_values() {
    let dir = folder();
    let path = dir.path().join("labels.nii.gz");
    let labels: Vec<u8> = (0..SIZE.count()).map(|i| (i % 7) as u8 * 40).collect();
    let map = LabelMap {
        labels: labels.clone(),
        geometry: volume(1).geometry,
    };
    write_label_map(&path, &map).unwrap();
    let back = read_nifti(&path, &OpenOptions::default()).unwrap();
    assert_eq!(
        back.voxels,
        labels.iter().map(|&l| f32::from(l)).collect::<Vec<_>>()
    );
    assert_close(&back.geometry.affine, &affine(), 1e-5);
    // Equal input gives an equal file.
    let first = std::fs::read(&path).unwrap();
    write_label_map(&path, &map).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), first);
}

#[test]
fn a_file_without_transforms_is_not_trusted_and_stays_so_when_written() {
    let dir = folder();
    let path = dir.path().join("none.nii");
    let values = volume(1).voxels;
    std::fs::write(&path, nifti_f32(|h| h.sform_code = 0, &values)).unwrap();
    let v = read_nifti(&path, &OpenOptions::default()).unwrap();
    assert!(!v.geometry.orientation.is_trusted() && !v.geometry.spacing.is_trusted());
    assert_eq!(v.geometry.voxel_ml(), None);
    assert_eq!(v.acquisition.plane, None);
    assert_eq!(v.warnings.len(), 1, "{:?}", v.warnings);
    assert!(v.warnings[0].contains("sides are those of the image"));
    let copy = dir.path().join("copy.nii");
    write_nifti(&copy, &v).unwrap();
    let back = read_nifti(&copy, &OpenOptions::default()).unwrap();
    assert_close(&back.geometry.affine, &v.geometry.affine, 1e-6);
    assert!(!back.geometry.orientation.is_trusted() && !back.geometry.spacing.is_trusted());
}

#[test]
fn untrusted_spacing_alone_survives_a_round_trip() {
    let dir = folder();
    let path = dir.path().join("s.nii.gz");
    let mut volume = volume(1);
    volume.geometry.spacing = Trust::Untrusted("test".into());
    write_nifti(&path, &volume).unwrap();
    let back = read_nifti(&path, &OpenOptions::default()).unwrap();
    assert!(back.geometry.orientation.is_trusted());
    assert!(!back.geometry.spacing.is_trusted());
}

#[test]
fn unit_voxels_on_a_thick_slab_are_not_trusted() {
    let dir = folder();
    let path = dir.path().join("slab.nii");
    let values = vec![1.0; 96 * 96 * 6];
    let file = nifti_f32(
        |h| {
            h.dim = [3, 96, 96, 6, 1, 1, 1, 1];
            h.pixdim = [1.0; 8];
            h.srow = [
                [-1.0, 0.0, 0.0, 0.0],
                [0.0, -1.0, 0.0, 0.0],
                [0.0, 0.0, 1.0, 0.0],
            ];
        },
        &values,
    );
    std::fs::write(&path, file).unwrap();
    let v = read_nifti(&path, &OpenOptions::default()).unwrap();
    assert!(!v.geometry.orientation.is_trusted() && !v.geometry.spacing.is_trusted());
    assert!(
        v.warnings.len() == 1 && v.warnings[0].contains("1x1x1 mm"),
        "{:?}",
        v.warnings
    );
}

#[test]
fn fewer_and_more_axes_are_read() {
    let dir = folder();
    let path = dir.path().join("axes.nii");
    let values: Vec<f32> = (0..70).map(|v| v as f32).collect();
    for (dim, size, n_frames) in [
        ([2, 10, 7, 1, 1, 1, 1, 1], Zyx::new(1, 7, 10), 1),
        ([1, 70, 0, 0, 0, 0, 0, 0], Zyx::new(1, 1, 70), 1),
        ([4, 5, 7, 1, 2, 1, 1, 1], Zyx::new(1, 7, 5), 2),
        ([5, 5, 1, 7, 1, 2, 1, 1], Zyx::new(7, 1, 5), 2),
        ([7, 5, 1, 7, 2, 1, 1, 1], Zyx::new(7, 1, 5), 2),
    ] {
        std::fs::write(&path, nifti_f32(|h| h.dim = dim, &values)).unwrap();
        let v = read_nifti(&path, &OpenOptions::default()).unwrap();
        assert_eq!((v.geometry.size, v.n_frames), (size, n_frames));
        assert_eq!(v.voxels, values);
    }
}

#[test]
fn echo_and_repetition_times_are_taken_from_the_header() {
    let dir = folder();
    let path = dir.path().join("t.nii");
    let change = |h: &mut Header| {
        h.dim = [4, 7, 5, 1, 3, 1, 1, 1];
        h.pixdim[4] = 2.5;
        h.descrip = "TE=30;Time=101500.1".into();
    };
    std::fs::write(&path, nifti_f32(change, &vec![0.5; 105])).unwrap();
    let a = read_nifti(&path, &OpenOptions::default())
        .unwrap()
        .acquisition;
    assert_eq!(
        (a.repetition_time_ms, a.echo_time_ms),
        (Some(2500.0), Some(30.0))
    );
}

#[test]
fn a_size_beyond_nifti_1_is_written_as_nifti_2() {
    let dir = folder();
    let path = dir.path().join("wide.nii");
    let mut v = volume(1);
    v.geometry.size = Zyx::new(1, 1, 40_000);
    v.voxels = (0..40_000).map(|i| i as f32).collect();
    write_nifti(&path, &v).unwrap();
    let back = read_nifti(&path, &OpenOptions::default()).unwrap();
    assert_eq!(
        (back.voxels, back.geometry.size),
        (v.voxels, v.geometry.size)
    );
    assert_eq!(
        omnimri_image::nifti::read_header(&path).unwrap().version,
        Version::Two
    );
}

#[test]
fn many_chunks_are_read_in_order() {
    let dir = folder();
    let n = 3 * (1 << 20) + 12_345;
    let mut v = volume(1);
    v.geometry.size = Zyx::new(1, 5, n / 5);
    v.geometry.affine = Affine::from_spacing(Zyx::new(2.0, 2.0, 2.0));
    v.voxels = (0..n / 5 * 5).map(|i| (i % 65_521) as f32).collect();
    for name in ["big.nii", "big.nii.gz"] {
        let path = dir.path().join(name);
        write_nifti(&path, &v).unwrap();
        let back = read_nifti(&path, &OpenOptions::default()).unwrap();
        assert!(back.voxels == v.voxels);
    }
    assert_eq!(percentiles(&v.voxels, &[0.0])[0], 0.0);
}
