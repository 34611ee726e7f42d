//! K-space and npy: axes, masks, types, orders and versions.

use num_complex::Complex32;
use omnimri_image::{
    InputKind, KSpaceOptions, NpyData, OpenOptions, detect, read_kspace_npy, read_npy,
    write_npy_bool, write_npy_complex32, write_npy_f32,
};

use crate::support::*;

fn options(axes: &str) -> KSpaceOptions {
    KSpaceOptions {
        axes: Some(axes.split(',').map(String::from).collect()),
        mask: None,
    }
}

/// A value that tells its place.
fn sample(c: usize, y: usize, x: usize) -> Complex32 {
    Complex32::new((100 * c + y) as f32 + 1.0, x as f32)
}

fn coil_first(n: [usize; 3]) -> Vec<Complex32> {
    let [nc, ny, nx] = n;
    let all =
        (0..nc).flat_map(|c| (0..ny).flat_map(move |y| (0..nx).map(move |x| sample(c, y, x))));
    all.collect()
}

#[test]
fn coil_first_is_read_and_recorded() {
    let dir = folder();
    let path = dir.path().join("k.npy");
    write_npy_complex32(&path, &coil_first([3, 5, 7]), &[3, 5, 7]).unwrap();
    assert_eq!(detect(&path).unwrap(), InputKind::KSpace);
    let k = read_kspace_npy(&path, &KSpaceOptions::default()).unwrap();
    assert_eq!((k.n_coils, k.n_y, k.n_x), (3, 5, 7));
    assert_eq!(k.samples, coil_first([3, 5, 7]));
    assert!(k.mask.iter().all(|&m| m));
    assert!(
        k.warnings.len() == 1 && k.warnings[0].contains("(3, 5, 7)"),
        "{:?}",
        k.warnings
    );
    let named = read_kspace_npy(&path, &options("coil,ky,kz")).unwrap();
    assert!(named.samples == k.samples && named.warnings.is_empty());
}

#[test]
fn named_axes_in_any_order_give_the_same_samples() {
    let dir = folder();
    let path = dir.path().join("k.npy");
    let [nc, ny, nx] = [3, 5, 7];
    let expected = coil_first([nc, ny, nx]);
    let mut last = Vec::new();
    for y in 0..ny {
        for x in 0..nx {
            last.extend((0..nc).map(|c| sample(c, y, x)));
        }
    }
    write_npy_complex32(&path, &last, &[ny, nx, nc]).unwrap();
    let k = read_kspace_npy(&path, &options("x,y,coil")).unwrap();
    assert_eq!((k.n_coils, k.n_y, k.n_x), (nc, ny, nx));
    assert_eq!(k.samples, expected);
    // Coils in the middle.
    let mut middle = Vec::new();
    for y in 0..ny {
        for c in 0..nc {
            middle.extend((0..nx).map(|x| sample(c, y, x)));
        }
    }
    write_npy_complex32(&path, &middle, &[ny, nc, nx]).unwrap();
    assert_eq!(
        read_kspace_npy(&path, &options("line,channel,sample"))
            .unwrap()
            .samples,
        expected
    );
    // Axes of size 1.
    write_npy_complex32(&path, &expected, &[nc, 1, ny, nx]).unwrap();
    for axes in ["coil,slice,ky,kx", "coil,kz,ky,kx", "coil,ky,kx"] {
        assert_eq!(
            read_kspace_npy(&path, &options(axes)).unwrap().samples,
            expected
        );
    }
    assert_eq!(
        read_kspace_npy(&path, &KSpaceOptions::default())
            .unwrap()
            .samples,
        expected
    );
    // One coil.
    write_npy_complex32(&path, &expected[..ny * nx], &[ny, nx]).unwrap();
    let one = read_kspace_npy(&path, &options("ky,kx")).unwrap();
    assert_eq!((one.n_coils, one.n_y, one.n_x), (1, ny, nx));
    assert_eq!(
        read_kspace_npy(&path, &KSpaceOptions::default())
            .unwrap()
            .samples,
        one.samples
    );
}

#[test]
fn a_mask_file_selects_samples() {
    let dir = folder();
    let path = dir.path().join("k.npy");
    let mask_path = dir.path().join("m.npy");
    let mut samples = coil_first([2, 5, 7]);
    samples[3] = Complex32::ZERO;
    samples[35 + 3] = Complex32::ZERO;
    write_npy_complex32(&path, &samples, &[2, 5, 7]).unwrap();
    let none = read_kspace_npy(&path, &KSpaceOptions::default()).unwrap();
    assert_eq!(none.mask.iter().position(|m| !m), Some(3));
    assert_eq!(none.mask.iter().filter(|&&m| m).count(), 34);

    let options = KSpaceOptions {
        axes: None,
        mask: Some(mask_path.clone()),
    };
    write_npy_f32(&mask_path, &[1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0], &[7]).unwrap();
    let columns = read_kspace_npy(&path, &options).unwrap();
    // One of the 15 samples that the mask names is zero in every coil: not measured, and it is said.
    assert_eq!(columns.mask.iter().filter(|&&m| m).count(), 14);
    assert!(
        columns
            .warnings
            .iter()
            .any(|w| w.contains("zero in every coil"))
    );
    assert!(
        columns
            .samples
            .iter()
            .enumerate()
            .all(|(i, s)| matches!(i % 7, 0 | 3 | 6) || *s == Complex32::ZERO)
    );
    let full: Vec<bool> = (0..35).map(|i| i % 4 == 0).collect();
    write_npy_bool(&mask_path, &full, &[5, 7]).unwrap();
    assert_eq!(read_kspace_npy(&path, &options).unwrap().mask, full);
    write_npy_bool(&mask_path, &full, &[7, 5]).unwrap();
    let text = read_kspace_npy(&path, &options).unwrap_err().to_string();
    assert!(
        text.contains("(7, 5)") && text.contains("(5, 7)"),
        "names both shapes: {text}"
    );
    write_npy_bool(&mask_path, &[false; 35], &[5, 7]).unwrap();
    assert!(read_kspace_npy(&path, &options).is_err());
}

/// An `.npy` file by hand.
fn npy(version: u8, descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let text = format!("{{\"descr\": '{descr}', 'fortran_order': {fortran}, 'shape': {shape} }}\n");
    let mut file = b"\x93NUMPY".to_vec();
    file.extend([version, 0]);
    match version {
        1 => file.extend((text.len() as u16).to_le_bytes()),
        _ => file.extend((text.len() as u32).to_le_bytes()),
    }
    file.extend(text.as_bytes());
    file.extend(data);
    file
}

#[test]
fn types_orders_and_versions() {
    let dir = folder();
    let path = dir.path().join("a.npy");
    let read = |bytes: Vec<u8>| {
        std::fs::write(&path, bytes).unwrap();
        read_npy(&path, &OpenOptions::default()).unwrap()
    };
    for version in 1..=3 {
        let a = read(npy(
            version,
            "<i2",
            "False",
            "(3,)",
            &[1, 0, 2, 0, 255, 255],
        ));
        assert_eq!((a.shape, a.data), (vec![3], NpyData::I16(vec![1, 2, -1])));
    }
    assert_eq!(
        read(npy(1, ">u4", "False", "()", &[0, 0, 1, 2])).data,
        NpyData::U32(vec![258])
    );
    assert_eq!(
        read(npy(1, "|b1", "False", "(2,)", &[0, 1])).data,
        NpyData::Bool(vec![false, true])
    );
    assert_eq!(
        read(npy(1, "<f2", "False", "(1,)", &[0, 0x3c])).data,
        NpyData::F32(vec![1.0])
    );
    let bytes: Vec<u8> = [1.5_f64, -2.0]
        .iter()
        .flat_map(|v| v.to_be_bytes())
        .collect();
    let a = read(npy(1, ">c16", "False", "(1,)", &bytes));
    assert_eq!(
        a.data,
        NpyData::Complex64(vec![num_complex::Complex64::new(1.5, -2.0)])
    );
    // Fortran order of [[0, 1, 2], [3, 4, 5]].
    let a = read(npy(1, "|u1", "True", "(2, 3)", &[0, 3, 1, 4, 2, 5]));
    assert_eq!(
        (a.shape, a.data),
        (vec![2, 3], NpyData::U8(vec![0, 1, 2, 3, 4, 5]))
    );
    assert_eq!(
        read(npy(1, "<f4", "False", "(0, 3)", &[])).data,
        NpyData::F32(vec![])
    );
}

#[test]
fn malformed_arrays_are_errors() {
    let dir = folder();
    let path = dir.path().join("a.npy");
    for bytes in [
        npy(1, "<f4", "False", "(3,)", &[0; 11]),
        npy(1, "<f4", "False", "(99999999999, 99999999999)", &[0; 12]),
        npy(1, "<f4", "False", "(1000000, 1000)", &[0; 12]),
        npy(1, "<f4", "Maybe", "(3,)", &[0; 12]),
        npy(1, "<f4", "False", "(3,-1)", &[0; 12]),
        npy(1, "<f4", "False", "3", &[0; 12]),
        npy(1, "|O", "False", "(3,)", &[0; 12]),
        npy(1, "<f3", "False", "(3,)", &[0; 12]),
        npy(1, "<U4", "False", "(3,)", &[0; 120]),
        npy(9, "<f4", "False", "(3,)", &[0; 12]),
        b"\x93NUMPY".to_vec(),
        b"\x93NUMPY\x02\0\xff\xff\xff\xff".to_vec(),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let error = read_npy(&path, &OpenOptions::default()).unwrap_err();
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}
