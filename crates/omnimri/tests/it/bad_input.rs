//! Inputs that cannot be read: one line with the file, what was expected, what was found and a hint; exit code 1; nothing written.

use std::io::Write;
use std::path::{Path, PathBuf};

use num_complex::Complex32;
use omnimri_image::nifti::{Header, Version, encode_nifti};
use omnimri_image::{write_npy_complex32, write_npy_f32};

use crate::support::{arg, kspace_npy, names, omnimri};

/// A sound little-endian NIfTI of 5 x 4 x 3 voxels, then spoilt.
fn nifti(change: impl FnOnce(&mut Header), voxels: &[f32]) -> Vec<u8> {
    let mut header = Header::new(Version::One);
    header.dim = [3, 5, 4, 3, 1, 1, 1, 1];
    header.sform_code = 1;
    header.srow = [
        [2.0, 0.0, 0.0, 1.0],
        [0.0, 2.0, 0.0, 2.0],
        [0.0, 0.0, 2.0, 3.0],
    ];
    change(&mut header);
    let raw: Vec<u8> = voxels.iter().flat_map(|v| v.to_le_bytes()).collect();
    encode_nifti(&header, &raw)
}

fn ramp() -> Vec<f32> {
    (0..60).map(|i| i as f32).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Every command that takes an input refuses this one, with the same words.
fn refused(path: &Path, words: &[&str]) {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("results");
    let name = path.file_name().unwrap().to_str().unwrap();
    let words: Vec<&str> = words.iter().copied().chain([name]).collect();
    omnimri(["read", arg(path), "--out", arg(&out)]).failed(1, &words);
    assert!(names(&out).is_empty(), "{:?}", names(&out));
    let info = omnimri(["info", arg(path)]).failed(1, &words);
    let ask = omnimri(["ask", arg(path), "Is there a tumour?"]).failed(1, &words);
    let image = scratch.path().join("image.npy");
    let recon = omnimri(["recon", arg(path), "--out", arg(&image)]).failed(1, &words);
    assert!(!image.exists() && [info, ask, recon].iter().all(|r| r.out.is_empty()));
}

fn file(dir: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn damaged_nifti() {
    let dir = tempfile::tempdir().unwrap();
    let noisy: Vec<f32> = (0..60u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32)
        .collect();
    let packed = gzip(&nifti(|_| {}, &noisy));
    let cut = file(&dir, "cut.nii.gz", &packed[..packed.len() - 40]);
    refused(&cut, &["expected", "found", "again"]);
    let short = nifti(|_| {}, &ramp());
    refused(
        &file(&dir, "short.nii", &short[..400]),
        &["truncated", "expected", "found", "again"],
    );
    // 2^31 voxels declared, 60 there.
    let lying = nifti(|h| h.dim = [3, 2048, 1024, 1024, 1, 1, 1, 1], &ramp());
    refused(&file(&dir, "lying.nii", &lying), &["expected", "found"]);
    refused(
        &file(&dir, "lying.nii.gz", &gzip(&lying)),
        &["expected", "found"],
    );
    let negative = nifti(|h| h.dim[2] = -4, &ramp());
    refused(
        &file(&dir, "negative.nii", &negative),
        &["dim[2]", "expected", "found"],
    );
    let no_type = nifti(|h| h.datatype = 77, &ramp());
    refused(
        &file(&dir, "type.nii", &no_type),
        &["expected", "found", "77"],
    );
}

#[test]
fn affines_and_voxels_that_are_no_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let nan = f64::NAN;
    let no_affine = nifti(
        |h| {
            h.srow = [[nan; 4]; 3];
            h.pixdim = [nan; 8];
        },
        &ramp(),
    );
    refused(
        &file(&dir, "nan-affine.nii", &no_affine),
        &["affine", "expected", "found"],
    );
    let no_voxels = nifti(|_| {}, &[f32::NAN; 60]);
    refused(
        &file(&dir, "nan.nii", &no_voxels),
        &["expected finite", "found"],
    );

    // Some values, or an affine of zeros, can be made good: said in a warning, and in the result.
    let mut holes = ramp();
    (holes[7], holes[8]) = (f32::NAN, f32::INFINITY);
    let holes = file(&dir, "holes.nii", &nifti(|_| {}, &holes));
    let zero = file(
        &dir,
        "zero.nii",
        &nifti(|h| (h.srow, h.pixdim) = ([[0.0; 4]; 3], [0.0; 8]), &ramp()),
    );
    for (path, word) in [(&holes, "replaced"), (&zero, "not trusted")] {
        let json = omnimri(["info", "--json", arg(path)]).done().json();
        let warnings = json["warnings"].to_string();
        assert!(warnings.contains(word), "{warnings}");
        assert!(json["intensity_range"][1].as_f64().unwrap().is_finite());
    }
    let out = dir.path().join("results");
    omnimri(["read", arg(&holes), arg(&zero), "--out", arg(&out)]).done();
    let doc = crate::support::result(&out.join("zero"));
    assert!(
        doc["input"]["spacing_mm"].is_null() && doc["warnings"].to_string().contains("not trusted")
    );
}

#[test]
fn folders_and_files_without_images() {
    let dir = tempfile::tempdir().unwrap();
    let empty = dir.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    refused(&empty, &["expected", "found an empty folder", "check"]);
    let papers = dir.path().join("papers");
    std::fs::create_dir(&papers).unwrap();
    std::fs::write(papers.join("a.txt"), "text").unwrap();
    std::fs::write(papers.join("b.csv"), "1,2").unwrap();
    refused(
        &papers,
        &[
            "expected a folder with DICOM files",
            "found 2 files",
            "check",
        ],
    );
    refused(
        &dir.path().join("missing"),
        &["no such file or folder", "check"],
    );
    refused(
        &file(&dir, "nothing.nii", b""),
        &["expected NIfTI", "found an empty file", "again"],
    );
    refused(
        &file(&dir, "text.png", b"no picture"),
        &["expected NIfTI", "found a text file"],
    );
    refused(
        &file(&dir, "pack.nii", b"PK\x03\x04...."),
        &["expected a sound zip archive", "again"],
    );
    refused(
        &file(&dir, "bytes.dcm", &[7; 300]),
        &["expected NIfTI", "found bytes of no known kind"],
    );
    // A line break and a colour code in a name stay in one line.
    let odd = file(&dir, "a\n\u{1b}[31mb.nii", b"text");
    let ran = omnimri(["info", arg(&odd)]);
    assert_eq!((ran.code, ran.err.lines().count()), (1, 1), "{ran:?}");
    assert!(!ran.err.contains('\u{1b}'));
}

#[test]
fn kspace_with_wrong_axes() {
    let dir = tempfile::tempdir().unwrap();
    let samples = |n: usize| {
        (0..n)
            .map(|i| Complex32::new(i as f32, 1.0))
            .collect::<Vec<_>>()
    };
    let write = |name: &str, values: &[Complex32], shape: &[usize]| {
        let path = dir.path().join(name);
        write_npy_complex32(&path, values, shape).unwrap();
        path
    };
    let last = write("last.npy", &samples(64 * 48 * 4), &[64, 48, 4]);
    refused(
        &last,
        &[
            "expected coils first",
            "found shape",
            "coils last",
            "--axes",
        ],
    );
    let axes = omnimri(["info", "--axes", "y,x,coil", arg(&last)])
        .done()
        .out;
    assert!(axes.contains("4 x 64 x 48"), "{axes}");
    omnimri(["info", "--axes", "coil,y", arg(&last)])
        .failed(1, &["expected one name for every axis", "--axes"]);
    refused(
        &write("none.npy", &[], &[0, 64, 48]),
        &[
            "expected at least one sample along every axis",
            "found shape",
        ],
    );
    refused(
        &write(
            "zeros.npy",
            &vec![Complex32::ZERO; 2 * 32 * 32],
            &[2, 32, 32],
        ),
        &["measured sample"],
    );
    let mut bad = samples(2 * 32 * 32);
    bad[5].re = f32::NAN;
    refused(
        &write("nan.npy", &bad, &[2, 32, 32]),
        &["expected finite k-space samples", "found 1 of"],
    );
    let real = dir.path().join("real.npy");
    write_npy_f32(&real, &[1.0; 64], &[8, 8]).unwrap();
    refused(&real, &["expected complex samples", "found", "export"]);
}

#[test]
fn options_of_kspace_that_do_not_fit() {
    let dir = tempfile::tempdir().unwrap();
    let k = kspace_npy(dir.path(), "k.npy");
    let mask = dir.path().join("mask.npy");
    write_npy_f32(&mask, &[1.0; 12], &[3, 4]).unwrap();
    let out = dir.path().join("image.npy");
    let run = |more: &[&str]| {
        omnimri(
            ["recon", arg(&k), "--axes", "coil,y,x", "--out", arg(&out)]
                .iter()
                .chain(more),
        )
    };
    run(&["--mask", arg(&mask)]).failed(1, &["mask.npy", "expected shape", "found"]);
    run(&["--mask", "missing.npy"]).failed(1, &["missing.npy", "no such file"]);
    run(&["--noise", arg(&mask)]).failed(1, &["mask.npy", "expected a complex noise scan"]);
    let noise = dir.path().join("noise.npy");
    write_npy_complex32(&noise, &[Complex32::ONE; 8], &[4, 2]).unwrap();
    run(&["--method", "sense", "--noise", arg(&noise)]).failed(1, &["noise scan", "expected"]);
    for lambda in ["--lambda=-1", "--lambda=nan", "--lambda=inf"] {
        let ran = run(&["--method", "sense", lambda]);
        assert!([1, 2].contains(&ran.code), "{lambda}: {ran:?}");
    }
    assert!(!out.exists());
}

#[test]
fn checkpoints_that_are_not_whole() {
    let dir = tempfile::tempdir().unwrap();
    let nano = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/nano"));
    let image = crate::support::blank_png(dir.path());
    let model = dir.path().join("model");
    std::fs::create_dir(&model).unwrap();
    let copy = |name: &str| std::fs::copy(nano.join(name), model.join(name)).unwrap();
    let fails = |words: &[&str]| {
        let out = dir.path().join("results");
        omnimri([
            "read",
            arg(&image),
            "--model",
            arg(&model),
            "--out",
            arg(&out),
        ])
        .failed(1, words);
        assert!(names(&out).is_empty());
        omnimri(["ask", arg(&image), "Why?", "--model", arg(&model)]).failed(1, words);
    };
    fails(&["model", "config.json", "checkpoint folder holds"]);
    for name in [
        "config.json",
        "tokenizer.json",
        "preprocessor_config.json",
        "model.safetensors",
    ] {
        copy(name);
    }
    // A tensor is missing; the file ends early; the file is something else; sizes that do not fit.
    let weights = std::fs::read(nano.join("model.safetensors")).unwrap();
    let mut tensors = safetensors::SafeTensors::deserialize(&weights)
        .unwrap()
        .tensors();
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    let removed = tensors.remove(7).0;
    let path = model.join("model.safetensors");
    std::fs::write(&path, safetensors::serialize(tensors, None).unwrap()).unwrap();
    fails(&["model", "missing tensors", &removed, "config.json"]);
    std::fs::write(&path, &weights[..weights.len() / 2]).unwrap();
    fails(&["model", "model.safetensors"]);
    std::fs::write(&path, b"not weights").unwrap();
    fails(&["model", "model.safetensors"]);
    copy("model.safetensors");
    let config = std::fs::read_to_string(nano.join("config.json")).unwrap();
    std::fs::write(
        model.join("config.json"),
        config.replace("\"width\": 192", "\"width\": 200"),
    )
    .unwrap();
    fails(&["model"]);
    std::fs::write(model.join("config.json"), "{").unwrap();
    fails(&["model", "config.json"]);
    omnimri(["info", arg(&model)]).failed(1, &["config.json"]);
}
