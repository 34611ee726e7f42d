//! Output that cannot be written: a file in the place of a folder, a limit on file sizes, a full device.

use std::path::Path;
use std::process::Command;

use crate::support::{
    Ran, arg, blank_png, head_nifti, head_png, kspace_npy, names, omnimri, program,
};

#[test]
fn a_file_in_the_place_of_the_output_folder() {
    let dir = tempfile::tempdir().unwrap();
    let input = blank_png(dir.path());
    for out in [input.clone(), input.join("below")] {
        let words = [
            "blank.png",
            "expected a folder",
            "found a file in its place",
            "--out",
        ];
        omnimri(["read", arg(&input), "--out", arg(&out)]).failed(1, &words);
        omnimri(["demo", "--out", arg(&out)]).failed(1, &words);
    }
    assert_eq!(names(dir.path()), ["blank.png"]);
}

/// Runs the program with a limit on the size of files, in blocks of 512 bytes; none where the shell cannot set it.
fn limited(blocks: u32, args: &[&str]) -> Option<Ran> {
    let script = format!("ulimit -f {blocks} || exit 99; exec \"$0\" \"$@\"");
    let output = Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_omnimri")])
        .args(args)
        .output();
    match output {
        Ok(o) if o.status.code() != Some(99) => Some(Ran::of(o)),
        _ => {
            eprintln!("skipped: no limit on file sizes here");
            None
        }
    }
}

#[test]
fn a_file_that_grows_too_large_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("results");
    let small = blank_png(dir.path());
    let (volume, _) = head_nifti(dir.path(), "volume.nii.gz");
    let before = names(dir.path());
    // Not even the smallest result fits.
    let Some(ran) = limited(2, &["read", arg(&small), arg(&volume), "--out", arg(&out)]) else {
        return;
    };
    assert_eq!(ran.code, 1, "{ran:?}");
    assert_eq!(
        ran.err
            .lines()
            .filter(|l| l.starts_with("omnimri: "))
            .count(),
        2,
        "{ran:?}"
    );
    assert!(names(&out).is_empty(), "{:?}", names(&out));
    // The file is named by the place it was meant for, not by the temporary one.
    assert!(
        ran.err.contains("results/volume/") && !ran.err.contains(".omnimri-"),
        "{ran:?}"
    );

    let k = kspace_npy(dir.path(), "k.npy");
    let image = dir.path().join("image.npy");
    let args = ["recon", arg(&k), "--axes", "coil,y,x", "--out", arg(&image)];
    limited(2, &args)
        .unwrap()
        .failed(1, &["image.npy: cannot write"]);
    std::fs::remove_file(&k).unwrap();
    let mut expected = before;
    expected.push("results".to_owned());
    expected.sort();
    assert_eq!(names(dir.path()), expected);
}

#[test]
fn a_full_device_behind_stdout_is_an_error() {
    let full = Path::new("/dev/full");
    if !full.exists() {
        eprintln!("skipped: no /dev/full");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let image = head_png(dir.path(), "head.png");
    for args in [
        &["info", arg(&image)][..],
        &["completions", "bash"],
        &["corpus", "list"],
    ] {
        let stdout = std::fs::OpenOptions::new().write(true).open(full).unwrap();
        let output = program().args(args).stdout(stdout).output().unwrap();
        Ran::of(output).failed(1, &["stdout", "space"]);
    }
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_no_error() {
    let command = format!(
        "{} completions bash | head -n 1",
        env!("CARGO_BIN_EXE_omnimri")
    );
    let output = Command::new("sh").args(["-c", &command]).output().unwrap();
    assert!(output.stderr.is_empty(), "{output:?}");
}
