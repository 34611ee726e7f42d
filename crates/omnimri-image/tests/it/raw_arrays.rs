//! Arrays with named axes: npy, npz and cfl, masks and trajectories.

use std::io::Write;
use std::path::Path;

use num_complex::Complex32;
use omnimri_image::raw::noncartesian_from_npy;
use omnimri_image::{
    Error, Frame, FrameData, Input, InputKind, KSpaceOptions, OpenOptions, RawOptions, RawScan,
    Zyx, detect, open, open_raw, stem, write_cfl, write_npy_bool, write_npy_complex32,
    write_npy_f32,
};

use crate::support::*;

fn options(axes: &str) -> OpenOptions {
    OpenOptions {
        kspace: KSpaceOptions {
            axes: Some(axes.split(',').map(String::from).collect()),
            mask: None,
        },
        ..OpenOptions::default()
    }
}

/// Values that tell their place in an array of `n`, never zero.
fn numbered(n: usize) -> Vec<Complex32> {
    (1..=n).map(|i| Complex32::new(i as f32, -0.5)).collect()
}

fn samples(frame: Frame) -> Vec<Complex32> {
    match frame.data {
        FrameData::Cartesian(k) => k.samples,
        FrameData::Cartesian3(k) => k.samples,
        FrameData::NonCartesian(k) => k.samples,
        _ => panic!("another kind"),
    }
}

fn one_line(result: Result<RawScan, Error>) -> String {
    let text = result
        .and_then(|scan| scan.frame(0))
        .unwrap_err()
        .to_string();
    assert!(!text.contains('\n'), "{text}");
    text
}

#[test]
fn three_axes_are_a_volume_and_others_are_frames() {
    let dir = folder();
    let path = dir.path().join("k.npy");
    let shape = [2, 3, 5, 7];
    write_npy_complex32(&path, &numbered(210), &shape).unwrap();
    let scan = open_raw(&path, &options("coil,kz,ky,kx")).unwrap();
    assert_eq!(
        (scan.len(), scan.header.n_coils, scan.header.encoded),
        (1, 2, Zyx::new(3, 5, 7))
    );
    let FrameData::Cartesian3(k) = scan.frame(0).unwrap().data else {
        panic!("a volume")
    };
    assert!(k.samples == numbered(210) && k.mask.iter().all(|&m| m));
    // Every axis in turn tells frames apart.
    for (axes, n_frames) in [
        ("slice,coil,ky,kx", 2),
        ("coil,time,ky,kx", 3),
        ("coil,ky,echo,kx", 5),
        ("coil,ky,kx,set", 7),
    ] {
        let scan = open_raw(&path, &options(axes)).unwrap();
        assert_eq!(scan.len(), n_frames, "{axes}");
        let along = axes
            .split(',')
            .position(|a| !matches!(a, "coil" | "ky" | "kx"))
            .unwrap();
        for index in 0..n_frames {
            let label = &scan.header.frames[index];
            assert_eq!(
                label.slice + label.repetition + label.contrast + label.set,
                index
            );
            let expected: Vec<Complex32> = numbered(210)
                .into_iter()
                .enumerate()
                .filter(|(i, _)| {
                    i / shape[along + 1..].iter().product::<usize>() % shape[along] == index
                })
                .map(|(_, v)| v)
                .collect();
            assert_eq!(
                samples(scan.frame(index).unwrap()),
                expected,
                "{axes} {index}"
            );
        }
    }
    // Coils last: transposed to coils first.
    let scan = open_raw(&path, &options("kz,ky,kx,coil")).unwrap();
    assert_eq!(
        (scan.header.n_coils, scan.header.encoded),
        (7, Zyx::new(2, 3, 5))
    );
    assert_eq!(
        samples(scan.frame(0).unwrap())[30 + 4],
        Complex32::new(1.0 + (4 * 7 + 1) as f32, -0.5)
    );
}

#[test]
fn names_that_cannot_be_right() {
    let dir = folder();
    let path = dir.path().join("k.npy");
    write_npy_complex32(&path, &numbered(130 * 4 * 10), &[130, 10, 4]).unwrap();
    let wrong = one_line(open_raw(&path, &options("coil,ky,kx")));
    assert!(
        wrong.contains("at most 128 coils")
            && wrong.contains("axis 2 (kx, 4 long) looks like coils"),
        "{wrong}"
    );
    open_raw(&path, &options("ky,kx,coil")).unwrap();
    for (axes, word) in [
        ("coil,ky", "one name for every axis"),
        ("coil,coil,kx", "distinct"),
        ("time,t,kx", "named twice in other words"),
        ("slice,time,kx", "two or three axes"),
    ] {
        let text = one_line(open_raw(&path, &options(axes)));
        assert!(text.contains(word), "{text}");
    }
    // Without names only what is unambiguous.
    let text = one_line(open_raw(&path, &OpenOptions::default()));
    assert!(text.contains("coils last"), "{text}");
    write_npy_complex32(&path, &numbered(96), &[4, 2, 3, 4]).unwrap();
    assert!(one_line(open_raw(&path, &OpenOptions::default())).contains("--axes"));
    let small = OpenOptions {
        max_voxels: 23,
        ..options("slice,coil,ky,kx")
    };
    assert!(one_line(open_raw(&path, &small)).contains("samples of one frame"));
    let enough = OpenOptions {
        max_voxels: 24,
        ..options("slice,coil,ky,kx")
    };
    assert_eq!(open_raw(&path, &enough).unwrap().len(), 4);
}

#[test]
fn archives_stored_and_packed() {
    let dir = folder();
    let npy = dir.path().join("k.npy");
    write_npy_complex32(&npy, &numbered(210), &[2, 3, 5, 7]).unwrap();
    let array = std::fs::read(&npy).unwrap();
    write_npy_f32(&npy, &[1.0; 7], &[7]).unwrap();
    let other = std::fs::read(&npy).unwrap();
    let write = |path: &Path, names: &[&str], method: zip::CompressionMethod| {
        let mut zip = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
        let settings = zip::write::SimpleFileOptions::default().compression_method(method);
        for name in names {
            zip.start_file(format!("{name}.npy"), settings).unwrap();
            zip.write_all(if *name == "mask" { &other } else { &array })
                .unwrap();
        }
        zip.finish().unwrap();
    };
    let path = dir.path().join("k.npz");
    for method in [
        zip::CompressionMethod::Stored,
        zip::CompressionMethod::Deflated,
    ] {
        write(&path, &["mask", "kspace"], method);
        assert_eq!(detect(&path).unwrap(), InputKind::KSpace);
        let scan = open_raw(&path, &options("time,coil,ky,kx")).unwrap();
        assert_eq!(samples(scan.frame(1).unwrap()), numbered(210)[105..]);
        assert!(
            scan.header.warnings[0].contains("mask (7,)"),
            "{:?}",
            scan.header.warnings
        );
        write(&path, &["a", "b"], method);
        assert!(
            one_line(open_raw(&path, &options("time,coil,ky,kx"))).contains("a (2, 3, 5, 7), b")
        );
        let mut named = options("time,coil,ky,kx");
        named.raw.array = Some("b".into());
        assert_eq!(open_raw(&path, &named).unwrap().len(), 2);
    }
}

#[test]
fn cfl_pairs_round_trip() {
    let dir = folder();
    let path = dir.path().join("k.cfl");
    write_cfl(&dir.path().join("k"), &numbered(210), &[2, 3, 5, 7]).unwrap();
    let text = std::fs::read_to_string(dir.path().join("k.hdr")).unwrap();
    assert!(text.starts_with("# Dimensions\n7 5 3 2 1 1 "), "{text}");
    for name in ["k.cfl", "k.hdr"] {
        assert_eq!(detect(&dir.path().join(name)).unwrap(), InputKind::KSpace);
        let scan = open_raw(&dir.path().join(name), &OpenOptions::default()).unwrap();
        assert_eq!(
            (scan.header.n_coils, scan.header.encoded),
            (2, Zyx::new(3, 5, 7))
        );
        assert_eq!(samples(scan.frame(0).unwrap()), numbered(210));
    }
    assert_eq!(stem(&path), "k");
    // Slices along axis 13; a slice along phs1 and phs2.
    let mut shape = vec![1; 14];
    (shape[0], shape[10], shape[11], shape[12]) = (2, 3, 5, 7);
    write_cfl(&path, &numbered(210), &shape).unwrap();
    let scan = open_raw(&path, &OpenOptions::default()).unwrap();
    assert_eq!((scan.len(), scan.header.frames[1].slice), (2, 1));
    assert_eq!(
        (scan.header.n_coils, scan.header.encoded),
        (3, Zyx::new(1, 5, 7))
    );
    assert_eq!(samples(scan.frame(1).unwrap()), numbered(210)[105..]);
    write_cfl(&path, &numbered(30), &[2, 3, 5, 1]).unwrap();
    let Input::KSpace(k) = open(&path, &OpenOptions::default()).unwrap() else {
        panic!("k-space")
    };
    assert_eq!(
        (k.n_coils, k.n_y, k.n_x, k.samples),
        (2, 3, 5, numbered(30))
    );
    // Sensitivity maps are no k-space, a short file is none.
    write_cfl(&path, &numbered(60), &[2, 2, 1, 5, 3]).unwrap();
    let maps = one_line(open_raw(&path, &OpenOptions::default()));
    assert!(maps.contains("2 along maps (axis 4)"), "{maps}");
    std::fs::write(dir.path().join("k.hdr"), "# Dimensions\n5 3 1 99\n").unwrap();
    assert!(matches!(
        open_raw(&path, &OpenOptions::default()),
        Err(Error::Truncated { .. })
    ));
    for text in [
        "# Dimensions\n",
        "# Dimensions\n5 x\n",
        "# Dimensions\n0 5\n",
        "#\n",
    ] {
        std::fs::write(dir.path().join("k.hdr"), text).unwrap();
        let error = one_line(open_raw(&path, &OpenOptions::default()));
        assert!(error.contains("# Dimensions"), "{error}");
    }
    assert!(write_cfl(&path, &numbered(5), &[2, 3]).is_err());
}

#[test]
fn masks_are_held_against_the_data() {
    let dir = folder();
    let (path, mask) = (dir.path().join("k.npy"), dir.path().join("m.npy"));
    let mut values = numbered(70);
    for coil in 0..2 {
        values[coil * 35 + 9] = Complex32::ZERO;
    }
    write_npy_complex32(&path, &values, &[2, 5, 7]).unwrap();
    let mut options = options("coil,ky,kx");
    options.kspace.mask = Some(mask.clone());
    write_npy_bool(&mask, &[true, true, true, true, true, true, false], &[7]).unwrap();
    let frame = open_raw(&path, &options).unwrap().frame(0).unwrap();
    let said = frame.warnings.join(" ");
    assert!(
        said.contains("marks 1 samples") && said.contains("drops 5 measured"),
        "{said}"
    );
    let FrameData::Cartesian(k) = frame.data else {
        panic!("a 2D frame")
    };
    let expected = |i: usize| i != 9 && i % 7 != 6;
    assert!(
        (0..35)
            .all(|i| k.mask[i] == expected(i) && (k.samples[i] == Complex32::ZERO) != expected(i))
    );
    write_npy_bool(&mask, &[true; 6], &[6]).unwrap();
    assert!(one_line(open_raw(&path, &options)).contains("(5, 7) or (7,)"));
    values[3].re = f32::NAN;
    write_npy_complex32(&path, &values, &[2, 5, 7]).unwrap();
    options.kspace.mask = None;
    assert!(one_line(open_raw(&path, &options)).contains("1 of 70 NaN"));
}

#[test]
fn trajectories_beside_the_samples() {
    let dir = folder();
    let at = |name: &str| dir.path().join(name);
    let (n_coils, n_readouts, n_samples) = (2, 3, 5);
    let coord: Vec<f32> = (0..30).map(|i| (i as f32 - 15.0) / 4.0).collect();
    write_npy_complex32(
        &at("k.npy"),
        &numbered(30),
        &[n_coils, n_readouts, n_samples],
    )
    .unwrap();
    write_npy_f32(&at("c.npy"), &coord, &[n_readouts, n_samples, 2]).unwrap();
    let defaults = OpenOptions::default();
    let scan = noncartesian_from_npy(&at("k.npy"), &at("c.npy"), &[8, 9], &defaults).unwrap();
    let FrameData::NonCartesian(k) = scan.frame(0).unwrap().data else {
        panic!("a trajectory")
    };
    assert_eq!(
        (k.samples.as_slice(), k.size),
        (numbered(30).as_slice(), Zyx::new(1, 8, 9))
    );
    assert_eq!(k.coord[7], [0.0, coord[14], coord[15]]);
    // The same through the one door, and as a pair of cfl.
    let raw = RawOptions {
        array: None,
        trajectory: Some(at("c.npy")),
        matrix: vec![8, 9],
    };
    let options = OpenOptions {
        raw: raw.clone(),
        ..OpenOptions::default()
    };
    assert_eq!(
        open_raw(&at("k.npy"), &options)
            .unwrap()
            .frame(0)
            .unwrap()
            .data,
        FrameData::NonCartesian(k.clone())
    );
    write_cfl(
        &at("k"),
        &numbered(30),
        &[n_coils, n_readouts, n_samples, 1],
    )
    .unwrap();
    let in_bart: Vec<Complex32> = coord
        .chunks(2)
        .flat_map(|yx| [yx[1], yx[0], 0.0])
        .map(|v| Complex32::new(v, 0.0))
        .collect();
    write_cfl(&at("c"), &in_bart, &[n_readouts, n_samples, 3]).unwrap();
    let raw = RawOptions {
        trajectory: Some(at("c.cfl")),
        matrix: vec![9, 8],
        ..raw
    };
    let options = OpenOptions {
        raw,
        ..OpenOptions::default()
    };
    assert_eq!(
        open_raw(&at("k.cfl"), &options)
            .unwrap()
            .frame(0)
            .unwrap()
            .data,
        FrameData::NonCartesian(k)
    );
    let refused = |matrix: &[usize]| {
        one_line(noncartesian_from_npy(
            &at("k.npy"),
            &at("c.npy"),
            matrix,
            &defaults,
        ))
    };
    assert!(
        refused(&[6, 9]).contains("ky within -3 to 3"),
        "{}",
        refused(&[6, 9])
    );
    assert!(refused(&[6]).contains("image matrix of 2 sizes"));
    write_npy_f32(&at("c.npy"), &coord, &[5, 3, 2]).unwrap();
    assert!(
        refused(&[8, 9]).contains("(5, 3, 2)"),
        "{}",
        refused(&[8, 9])
    );
}
