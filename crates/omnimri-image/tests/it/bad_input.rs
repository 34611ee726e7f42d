//! One test for each class of malformed file: an error of one line with file, expected, found and a
//! hint, or a warning.

use std::path::Path;

use omnimri_image::nifti::{ByteOrder, Version, encode_nifti};
use omnimri_image::{
    Error, Input, KSpaceOptions, OpenOptions, detect, open, read_kspace_npy, read_nifti, sha256,
    stem, write_label_map, write_nifti, write_npy_complex32, write_npy_f32, write_png_labels,
};

use crate::support::*;

fn error_of(path: &Path) -> Error {
    let error = open(path, &OpenOptions::default()).unwrap_err();
    let text = error.to_string();
    assert!(!text.contains('\n'), "one line: {text}");
    assert!(
        text.contains(&*path.file_name().unwrap().to_string_lossy()),
        "names the file: {text}"
    );
    error
}

fn written(dir: &tempfile::TempDir, name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn truncated_gzip_names_declared_and_available_bytes() {
    let dir = folder();
    // Noise, so that the cut lies in the voxels.
    let values: Vec<f32> = (0..105_u32)
        .map(|i| f32::from_bits(0x3f80_0000 + i * 7919))
        .collect();
    let packed = gzip(&nifti_f32(|_| {}, &values));
    let path = written(&dir, "cut.nii.gz", &packed[..packed.len() - 100]);
    match error_of(&path) {
        Error::Truncated {
            expected, found, ..
        } => {
            assert_eq!(expected, 352 + 4 * 105);
            assert!(found < expected);
        }
        e => panic!("{e}"),
    }
    // The trailer alone missing is a truncation, too.
    let path = written(&dir, "trailer.nii.gz", &packed[..packed.len() - 4]);
    assert!(matches!(error_of(&path), Error::Truncated { .. }));
    // A whole stream that is shorter than declared.
    let path = written(
        &dir,
        "short.nii.gz",
        &gzip(&nifti_f32(|_| {}, &values[..50])),
    );
    match error_of(&path) {
        Error::Truncated {
            expected, found, ..
        } => {
            assert_eq!((expected, found), (352 + 4 * 105, 352 + 4 * 50));
        }
        e => panic!("{e}"),
    }
}

#[test]
fn a_damaged_gzip_stream_fails_its_checksum() {
    let dir = folder();
    let mut packed = gzip(&nifti_f32(|_| {}, &volume(1).voxels));
    let at = packed.len() - 6;
    packed[at] ^= 0x55;
    let path = written(&dir, "bad.nii.gz", &packed);
    let error = error_of(&path);
    assert!(
        matches!(error, Error::CorruptData { .. }) && error.is_invalid_input(),
        "{error}"
    );
}

#[test]
fn truncated_plain_file() {
    let dir = folder();
    let bytes = nifti_f32(|_| {}, &volume(1).voxels);
    for keep in [4, 100, 347, 352, 353, bytes.len() - 1] {
        let path = written(&dir, "cut.nii", &bytes[..keep]);
        assert!(matches!(error_of(&path), Error::Truncated { .. }), "{keep}");
    }
}

#[test]
fn lying_dimensions_allocate_nothing() {
    let dir = folder();
    let values = volume(1).voxels;
    for dim in [
        [3, 2048, 2048, 512, 1, 1, 1, 1],
        [3, 32767, 32767, 32767, 1, 1, 1, 1],
        [7, 32767, 32767, 32767, 32767, 32767, 32767, 32767],
    ] {
        let path = written(
            &dir,
            "lie.nii.gz",
            &gzip(&nifti_f32(|h| h.dim = dim, &values)),
        );
        assert!(matches!(error_of(&path), Error::TooLarge { .. }));
    }
    // Under the cap: the data run out, and only what was there was held.
    let dim = [3, 1024, 1024, 1000, 1, 1, 1, 1];
    for (name, packed) in [("lie2.nii", false), ("lie2.nii.gz", true)] {
        let bytes = nifti_f32(|h| h.dim = dim, &values);
        let path = written(&dir, name, &if packed { gzip(&bytes) } else { bytes });
        assert!(matches!(error_of(&path), Error::Truncated { .. }));
    }
    let mut header = header(Version::Two, ByteOrder::Big, 64, 64);
    header.dim = [3, i64::MAX, i64::MAX, 3, 1, 1, 1, 1];
    let path = written(&dir, "lie3.nii", &encode_nifti(&header, &[0; 64]));
    assert!(matches!(error_of(&path), Error::TooLarge { .. }));
}

#[test]
fn sizes_of_zero_or_less_and_wrong_axis_counts() {
    let dir = folder();
    for dim in [
        [3, 0, 5, 7, 1, 1, 1, 1],
        [3, 5, -7, 3, 1, 1, 1, 1],
        [0, 1, 1, 1, 1, 1, 1, 1],
        [9, 5, 7, 3, 1, 1, 1, 1],
        [-1, 5, 7, 3, 1, 1, 1, 1],
    ] {
        let path = written(&dir, "dim.nii", &nifti_f32(|h| h.dim = dim, &[0.0; 105]));
        let error = error_of(&path);
        assert!(matches!(error, Error::BadHeader { .. }), "{error}");
        assert!(error.to_string().contains("dim["), "{error}");
    }
    let dim = [5, 5, 7, 1, 3, 2, 1, 1];
    let path = written(&dir, "5d.nii", &nifti_f32(|h| h.dim = dim, &[0.0; 210]));
    assert!(error_of(&path).is_unsupported());
}

#[test]
fn zero_and_nan_affines() {
    let dir = folder();
    let values = volume(1).voxels;
    // Nothing usable at all is an error.
    let none = nifti_f32(
        |h| {
            h.srow = [[f64::NAN; 4]; 3];
            h.pixdim = [f64::NAN; 8];
        },
        &values,
    );
    let error = error_of(&written(&dir, "nan.nii", &none));
    assert!(
        matches!(error, Error::BadAffine { .. }) && error.to_string().contains("set the affine")
    );
    // A zero, NaN or flat sform beside sound voxel sizes gives pixels without sides, and says so.
    for srow in [
        [[0.0; 4]; 3],
        [[f64::NAN; 4]; 3],
        [
            [1.0, 0.0, 0.0, 0.0],
            [1.0, 0.0, 0.0, 0.0],
            [0.0, 0.0, 1.0, 0.0],
        ],
        [
            [f64::INFINITY, 0.0, 0.0, 0.0],
            [0.0, 1.0, 0.0, 0.0],
            [0.0, 0.0, 1.0, 0.0],
        ],
    ] {
        let path = written(&dir, "zero.nii", &nifti_f32(|h| h.srow = srow, &values));
        let v = read_nifti(&path, &OpenOptions::default()).unwrap();
        assert!(!v.geometry.orientation.is_trusted());
        assert!(
            v.warnings.iter().any(|w| w.contains("The sform is zero")),
            "{:?}",
            v.warnings
        );
        assert!(v.geometry.affine.inverse().is_some());
    }
}

#[test]
fn voxels_that_are_not_finite_are_replaced_and_counted() {
    let dir = folder();
    let mut values = volume(1).voxels;
    let low = values.iter().copied().fold(f32::INFINITY, f32::min);
    values[3] = f32::NAN;
    values[50] = f32::INFINITY;
    values[51] = f32::NEG_INFINITY;
    let path = written(&dir, "nan.nii", &nifti_f32(|_| {}, &values));
    let v = read_nifti(&path, &OpenOptions::default()).unwrap();
    for i in [3, 50, 51] {
        assert_eq!(v.voxels[i], low);
    }
    assert!(v.voxels.iter().all(|v| v.is_finite()));
    assert!(
        v.warnings[0].contains("1 NaN and 2 infinite voxels of 105"),
        "{:?}",
        v.warnings
    );
    let path = written(&dir, "all.nii", &nifti_f32(|_| {}, &[f32::NAN; 105]));
    assert!(matches!(error_of(&path), Error::NotFinite { .. }));
    // Scaling may overflow, too.
    let path = written(
        &dir,
        "scale.nii",
        &nifti_f32(|h| h.scl_slope = 1e38, &[1e10; 105]),
    );
    assert!(matches!(error_of(&path), Error::NotFinite { .. }));
}

#[test]
fn types_that_are_no_real_numbers() {
    let dir = folder();
    for (code, bits) in [
        (32, 64),
        (1792, 128),
        (1536, 128),
        (128, 24),
        (2304, 32),
        (1, 1),
    ] {
        let file = encode_nifti(
            &header(Version::One, ByteOrder::Little, code, bits),
            &[0; 4000],
        );
        let error = error_of(&written(&dir, "type.nii", &file));
        assert!(error.is_unsupported(), "{error}");
    }
    let file = encode_nifti(&header(Version::One, ByteOrder::Little, 77, 32), &[0; 4000]);
    assert!(matches!(
        error_of(&written(&dir, "type.nii", &file)),
        Error::BadHeader { .. }
    ));
}

#[test]
fn offsets_outside_the_file() {
    let dir = folder();
    for offset in [-8.0, 1.0, 352.5, f64::NAN, 1e30] {
        let file = nifti_f32(|h| h.vox_offset = offset, &[0.0; 105]);
        let error = error_of(&written(&dir, "offset.nii", &file));
        assert!(
            matches!(error, Error::BadHeader { .. }),
            "{offset}: {error}"
        );
    }
    let file = nifti_f32(|h| h.vox_offset = 1e6, &[0.0; 105]);
    for (name, bytes) in [("far.nii", file.clone()), ("far.nii.gz", gzip(&file))] {
        assert!(matches!(
            error_of(&written(&dir, name, &bytes)),
            Error::Truncated { .. }
        ));
    }
}

#[test]
fn a_pair_without_its_partner() {
    let dir = folder();
    let mut header = header(Version::One, ByteOrder::Little, 16, 32);
    header.single_file = false;
    header.vox_offset = 0.0;
    let path = written(&dir, "a.hdr", &encode_nifti(&header, &[]));
    let error = open(&path, &OpenOptions::default()).unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }) && error.to_string().contains("a.img"));
    let alone = written(&dir, "b.img", &[7; 420]);
    assert!(matches!(error_of(&alone), Error::UnknownFormat { .. }));
}

#[test]
fn folders_and_files_that_are_no_images() {
    let dir = folder();
    let sub = dir.path().join("empty");
    std::fs::create_dir(&sub).unwrap();
    assert!(matches!(error_of(&sub), Error::EmptyFolder { .. }));
    std::fs::create_dir(sub.join("inner")).unwrap();
    assert!(matches!(error_of(&sub), Error::EmptyFolder { .. }));
    std::fs::write(sub.join("notes.txt"), "hello").unwrap();
    let error = error_of(&sub);
    assert!(matches!(error, Error::NoImages { .. }), "{error}");
    std::fs::write(
        sub.join("inner/a.nii"),
        nifti_f32(|_| {}, &volume(1).voxels),
    )
    .unwrap();
    assert!(
        error_of(&sub)
            .to_string()
            .contains("give those files themselves")
    );
    for (name, bytes, word) in [
        ("a.txt", &b"hello there"[..], "text file"),
        ("d.nii", b"", "empty file"),
        ("e.gz", b"\x1f\x8b\x08junk", "gzip"),
        ("f.dat", b"\x00\x01\x02\xff", "raw data"),
    ] {
        let error = error_of(&written(&dir, name, bytes));
        assert!(
            error.is_unsupported() && error.to_string().contains(word),
            "{error}"
        );
    }
    for (name, bytes, word) in [
        ("b.npz", &b"PK\x03\x04xxxx"[..], "zip archive"),
        ("c.h5", b"\x89HDF\r\n\x1a\n", "HDF5"),
    ] {
        let error = error_of(&written(&dir, name, bytes));
        assert!(
            error.is_invalid_input() && error.to_string().contains(word),
            "{error}"
        );
    }
    assert!(matches!(
        error_of(&dir.path().join("missing.nii")),
        Error::NotFound { .. }
    ));
}

#[test]
fn outputs_that_cannot_be_written_leave_nothing() {
    let dir = folder();
    let blocker = written(&dir, "file", b"x");
    let v = volume(1);
    let map = omnimri_image::LabelMap {
        labels: vec![1; 105],
        geometry: v.geometry.clone(),
    };
    for path in [
        blocker.join("a.nii.gz"),
        dir.path().join("no/such/a.nii.gz"),
    ] {
        let errors = [
            write_nifti(&path, &v).unwrap_err(),
            write_label_map(&path, &map).unwrap_err(),
            write_png_labels(&path, &[1; 6], 3, 2).unwrap_err(),
            write_npy_f32(&path, &[1.0; 6], &[3, 2]).unwrap_err(),
        ];
        for error in errors {
            assert!(
                matches!(
                    error,
                    Error::Io {
                        action: "write",
                        ..
                    }
                ),
                "{error}"
            );
            assert!(!error.is_invalid_input());
        }
    }
    // A folder in the way of the file.
    std::fs::create_dir(dir.path().join("taken.nii")).unwrap();
    assert!(write_nifti(&dir.path().join("taken.nii"), &v).is_err());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    // Lengths that do not fit.
    let short = omnimri_image::LabelMap {
        labels: vec![1; 7],
        geometry: v.geometry,
    };
    let error = write_label_map(&dir.path().join("x.nii"), &short).unwrap_err();
    assert!(matches!(
        error,
        Error::LengthMismatch {
            expected: 105,
            found: 7,
            ..
        }
    ));
}

#[test]
fn kspace_is_refused_where_it_is_ambiguous() {
    use num_complex::Complex32;
    let dir = folder();
    let path = dir.path().join("k.npy");
    let refuse = |shape: &[usize]| {
        let n = shape.iter().product();
        write_npy_complex32(&path, &vec![Complex32::new(1.0, 2.0); n], shape).unwrap();
        error_of(&path)
    };
    let error = refuse(&[23, 18, 8]);
    let text = error.to_string();
    assert!(
        text.contains("(23, 18, 8)") && text.contains("--axes x,y,coil"),
        "{text}"
    );
    assert!(matches!(error, Error::BadShape { .. }));
    assert!(matches!(refuse(&[0, 23, 18]), Error::BadShape { .. }));
    assert!(matches!(refuse(&[40, 23, 31]), Error::BadShape { .. }));
    assert!(matches!(refuse(&[2, 3, 23, 18]), Error::BadShape { .. }));
    assert!(matches!(refuse(&[23]), Error::BadShape { .. }));
    // Real values, values that are not finite, and nothing but zeros.
    write_npy_f32(&path, &[1.0; 60], &[3, 4, 5]).unwrap();
    assert!(error_of(&path).to_string().contains("float32"));
    let mut samples = vec![Complex32::new(1.0, 0.0); 60];
    samples[7].im = f32::NAN;
    write_npy_complex32(&path, &samples, &[3, 4, 5]).unwrap();
    assert!(matches!(error_of(&path), Error::NotFinite { .. }));
    write_npy_complex32(&path, &[Complex32::ZERO; 60], &[3, 4, 5]).unwrap();
    assert!(error_of(&path).to_string().contains("zeros only"));
    // Names that do not fit.
    write_npy_complex32(&path, &vec![Complex32::new(1.0, 0.0); 60], &[3, 4, 5]).unwrap();
    for axes in ["coil,x", "coil,x,x", "x,y,z", "coil,coils,x"] {
        let axes = Some(axes.split(',').map(String::from).collect());
        let options = KSpaceOptions { axes, mask: None };
        let error = read_kspace_npy(&path, &options).unwrap_err();
        assert!(matches!(error, Error::BadShape { .. }), "{error}");
    }
}

#[test]
fn kinds_stems_and_hashes() {
    let dir = folder();
    let path = written(
        &dir,
        "Scan.v2.NII.gz",
        &gzip(&nifti_f32(|_| {}, &volume(1).voxels)),
    );
    assert_eq!(
        serde_json::to_string(&detect(&path).unwrap()).unwrap(),
        "\"nifti\""
    );
    assert!(
        matches!(open(&path, &OpenOptions::default()).unwrap(), Input::Volumes(v) if v.len() == 1)
    );
    for (name, expected) in [
        ("Scan.v2.NII.gz", "Scan.v2"),
        ("a.b.nii", "a.b"),
        ("x.jpeg", "x"),
        ("k.npy", "k"),
        ("IM0001", "IM0001"),
        (".nii", ".nii"),
        ("series.1", "series.1"),
        ("i.dcm", "i"),
    ] {
        assert_eq!(stem(Path::new(name)), expected);
    }
    let abc = written(&dir, "abc", b"abc");
    assert!(
        sha256(&abc)
            .unwrap()
            .starts_with("ba7816bf8f01cfea414140de5dae2223")
    );
    let before = sha256(dir.path()).unwrap();
    assert_eq!(before, sha256(dir.path()).unwrap());
    std::fs::rename(&abc, dir.path().join("abd")).unwrap();
    assert_ne!(before, sha256(dir.path()).unwrap());
}
