//! K-space to an image file.

use omnimri_image::{Input, NpyData, OpenOptions, open, read_npy};

use crate::support::{arg, head_nifti, head_png, kspace_npy, names, omnimri, slice};

/// Error against the truth, after the best scale.
fn nrmse(image: &[f32], truth: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    let (xx, xt, tt) = (dot(image, image), dot(image, truth), dot(truth, truth));
    ((tt - xt * xt / xx).max(0.0) / tt).sqrt()
}

#[test]
fn every_method_writes_every_kind_of_image() {
    let dir = tempfile::tempdir().unwrap();
    let k = kspace_npy(dir.path(), "k.npy");
    let (truth, n) = slice();
    let mut errors = Vec::new();
    let methods = [
        "zero-filled",
        "sense",
        "grappa",
        "l1-wavelet",
        "tv",
        "omnimri",
        "auto",
    ];
    for method in methods {
        let out = dir.path().join(format!("{method}.npy"));
        let args = [
            "recon",
            arg(&k),
            "--axes",
            "coil,y,x",
            "--method",
            method,
            "--out",
            arg(&out),
        ];
        let ran = omnimri(args).done();
        assert!(ran.out.is_empty(), "the image is the result: {ran:?}");
        assert!(
            ran.err.contains("2.") && ran.err.contains("fold"),
            "{ran:?}"
        );
        let array = read_npy(&out, &OpenOptions::default()).unwrap();
        assert_eq!(array.shape, [n, n]);
        let NpyData::F32(image) = array.data else {
            panic!("float32")
        };
        errors.push(nrmse(&image, &truth));
    }
    let [zero_filled, sense, grappa, wavelet, tv, learned, auto] = errors.try_into().unwrap();
    let iterative = [sense, grappa, wavelet, tv, learned];
    assert!(
        iterative.iter().all(|e| *e < 0.08 && *e < zero_filled),
        "{iterative:?} and {zero_filled}"
    );
    assert!(
        wavelet < sense && auto == wavelet,
        "{wavelet}, {sense}, {auto}"
    );

    for name in ["image.nii.gz", "image.nii", "image.png"] {
        let out = dir.path().join(name);
        omnimri(["recon", arg(&k), "--axes", "coil,y,x", "--out", arg(&out)]).done();
        let Input::Volumes(v) = open(&out, &OpenOptions::default()).unwrap() else {
            panic!("{name}")
        };
        assert_eq!(
            (v[0].geometry.size.x, v[0].geometry.size.y),
            (n, n),
            "{name}"
        );
        assert!(nrmse(&v[0].voxels, &truth) < 0.12, "{name}");
        assert!(
            v[0].geometry.trusted_spacing_mm().is_none(),
            "k-space says nothing of millimetres"
        );
    }
}

#[test]
fn coils_partial_fourier_and_series_are_options() {
    let dir = tempfile::tempdir().unwrap();
    let k = kspace_npy(dir.path(), "k.npy");
    let (truth, n) = slice();
    let out = dir.path().join("image.npy");
    let run = |more: &[&str]| {
        let args = ["recon", arg(&k), "--axes", "coil,y,x", "--out", arg(&out)];
        omnimri(args.iter().chain(more))
    };
    for (more, said) in [
        (&["--method", "sense", "--coils", "3"][..], "3 virtual"),
        (&["--partial-fourier", "pocs"], "changes nothing"),
        (&["--dynamic"], "locally low rank"),
    ] {
        let ran = run(more).done();
        assert!(ran.err.contains(said), "{said}: {ran:?}");
        let array = read_npy(&out, &OpenOptions::default()).unwrap();
        assert_eq!(array.shape, [n, n]);
        let NpyData::F32(image) = array.data else {
            panic!("float32")
        };
        let error = nrmse(&image, &truth);
        assert!(error < 0.25, "{more:?}: {error}");
    }
    run(&["--method", "sense", "--coils", "0"]).failed(1, &["virtual coils", "found 0"]);
    for wrong in [
        &["--partial-fourier", "all"][..],
        &["--dynamic", "--method", "sense"],
    ] {
        assert_eq!(run(wrong).code, 2, "{wrong:?}");
    }
}

#[test]
fn an_array_that_explains_itself_is_read_with_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let k = kspace_npy(dir.path(), "k.npy");
    let out = dir.path().join("image.png");
    let ran = omnimri(["recon", arg(&k), "--out", arg(&out)]).done();
    assert!(ran.err.contains("warning: "), "{ran:?}");
}

#[test]
fn an_image_is_no_kspace() {
    let dir = tempfile::tempdir().unwrap();
    let (nifti, _) = head_nifti(dir.path(), "head.nii");
    let out = dir.path().join("image.npy");
    for input in [nifti, head_png(dir.path(), "head.png")] {
        let words = ["expected k-space", "found an image", "omnimri read"];
        omnimri(["recon", arg(&input), "--out", arg(&out)]).failed(1, &words);
    }
    assert_eq!(
        names(dir.path()),
        ["head.nii", "head.png"],
        "nothing is written"
    );
}

#[test]
fn a_folder_for_the_image_must_be_there() {
    let dir = tempfile::tempdir().unwrap();
    let k = kspace_npy(dir.path(), "k.npy");
    let out = dir.path().join("missing/image.npy");
    omnimri(["recon", arg(&k), "--out", arg(&out)])
        .failed(1, &["missing", "existing folder", "--out"]);
    // A file in the place of the folder, and a folder in the place of the file.
    omnimri(["recon", arg(&k), "--out", arg(&k.join("image.npy"))]).failed(1, &["k.npy", "--out"]);
    std::fs::create_dir(dir.path().join("image.npy")).unwrap();
    let out = dir.path().join("image.npy");
    omnimri(["recon", arg(&k), "--out", arg(&out)]).failed(1, &["image.npy", "write"]);
    assert_eq!(
        names(dir.path()),
        ["image.npy", "k.npy"],
        "nothing temporary is left"
    );
}

#[test]
fn parts_of_the_complex_image_fit_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let k = kspace_npy(dir.path(), "k.npy");
    let made = |part: &str, name: &str| {
        let out = dir.path().join(name);
        let args = [
            "recon",
            arg(&k),
            "--axes",
            "coil,y,x",
            "--part",
            part,
            "--out",
            arg(&out),
        ];
        omnimri(args).done();
        read_npy(&out, &OpenOptions::default()).unwrap().data
    };
    let (NpyData::F32(magnitude), NpyData::F32(phase), NpyData::Complex32(complex)) = (
        made("magnitude", "m.npy"),
        made("phase", "p.npy"),
        made("complex", "c.npy"),
    ) else {
        panic!("types of the parts")
    };
    for ((m, p), c) in magnitude.iter().zip(&phase).zip(&complex) {
        let expected = (m * p.cos(), m * p.sin());
        assert!((c.re - expected.0).abs() + (c.im - expected.1).abs() < 1e-4 * m.max(1.0));
    }
    let out = dir.path().join("c.png");
    omnimri([
        "recon",
        arg(&k),
        "--axes",
        "coil,y,x",
        "--part",
        "complex",
        "--out",
        arg(&out),
    ])
    .failed(1, &["c.png", "complex"]);
}

#[test]
fn a_scan_that_needs_more_memory_is_refused_with_the_number() {
    let dir = tempfile::tempdir().unwrap();
    let k = kspace_npy(dir.path(), "k.npy");
    let out = dir.path().join("image.npy");
    let args = [
        "recon",
        arg(&k),
        "--axes",
        "coil,y,x",
        "--memory",
        "100K",
        "--out",
        arg(&out),
    ];
    omnimri(args).failed(1, &["k.npy", "--memory", "needs about"]);
    assert_eq!(names(dir.path()), ["k.npy"]);
}

#[test]
fn a_noise_map_has_the_matrix_of_the_image() {
    let dir = tempfile::tempdir().unwrap();
    let k = kspace_npy(dir.path(), "k.npy");
    let (out, map) = (dir.path().join("image.npy"), dir.path().join("noise.npy"));
    let args = [
        "recon",
        arg(&k),
        "--axes",
        "coil,y,x",
        "--method",
        "zero-filled",
        "--out",
        arg(&out),
        "--uncertainty",
        arg(&map),
        "--replicas",
        "8",
    ];
    omnimri(args).done();
    let image = read_npy(&out, &OpenOptions::default()).unwrap();
    let noise = read_npy(&map, &OpenOptions::default()).unwrap();
    assert_eq!(image.shape, noise.shape);
    let NpyData::F32(values) = noise.data else {
        panic!("float32")
    };
    assert!(values.iter().all(|v| v.is_finite() && *v >= 0.0) && values.iter().any(|v| *v > 0.0));
}
