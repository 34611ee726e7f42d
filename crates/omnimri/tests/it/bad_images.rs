//! Pictures that are no slices, and DICOM that is no magnetic resonance.

use crate::support::{arg, head_png, names, omnimri};

#[test]
fn a_colour_photograph_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("photo.png");
    image::RgbImage::from_fn(90, 70, |x, y| {
        image::Rgb([x as u8 * 2, y as u8 * 3, 255 - x as u8])
    })
    .save(&path)
    .unwrap();
    let out = dir.path().join("results");
    let words = [
        "photo.png",
        "expected a greyscale slice",
        "found a colour image",
        "photograph",
    ];
    omnimri(["read", arg(&path), "--out", arg(&out)]).failed(1, &words);
    omnimri(["ask", arg(&path), "Is there a tumour?"]).failed(1, &words);
    assert!(names(&out).is_empty());
}

#[test]
fn a_cut_picture_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = head_png(dir.path(), "cut.png");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    omnimri(["info", arg(&path)]).failed(1, &["cut.png", "cannot decode", "expected"]);
    // A size that the file cannot have.
    let mut huge = bytes;
    huge[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
    std::fs::write(&path, huge).unwrap();
    omnimri(["info", arg(&path)]).failed(1, &["cut.png", "expected"]);
}

#[test]
fn a_cut_jpeg_is_not_read_half_grey() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cut.jpg");
    image::GrayImage::from_fn(150, 120, |x, y| image::Luma([((x * 3) ^ (y * 5)) as u8]))
        .save(&path)
        .unwrap();
    omnimri(["info", arg(&path)]).done();
    let bytes = std::fs::read(&path).unwrap();
    for left in [bytes.len() - 2, bytes.len() * 2 / 3] {
        std::fs::write(&path, &bytes[..left]).unwrap();
        omnimri(["info", arg(&path)]).failed(1, &["cut.jpg", "cannot decode", "expected a whole"]);
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_is_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe.nii");
    match std::process::Command::new("mkfifo").arg(&path).status() {
        Ok(done) if done.success() => {
            omnimri(["info", arg(&path)]).failed(1, &["pipe.nii", "found a pipe", "save it"]);
        }
        _ => eprintln!("skipped: no mkfifo here"),
    }
}

#[test]
fn flipped_bytes_never_end_in_a_panic() {
    // Every kind of file, with bytes changed in its header: refused or read, never a panic (checked by every run).
    let dir = tempfile::tempdir().unwrap();
    let (nifti, _) = crate::support::head_nifti(dir.path(), "head.nii");
    let k = crate::support::kspace_npy(dir.path(), "k.npy");
    let png = head_png(dir.path(), "head.png");
    for path in [nifti, k, png] {
        let sound = std::fs::read(&path).unwrap();
        for seed in 0..12u64 {
            let mut bytes = sound.clone();
            for n in 0..4u64 {
                let h = (seed * 4 + n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                let at = (h >> 33) as usize % bytes.len().min(360);
                bytes[at] ^= (h >> 20) as u8 | 1;
            }
            std::fs::write(&path, bytes).unwrap();
            let ran = omnimri(["info", arg(&path)]);
            assert!([0, 1].contains(&ran.code), "{ran:?}");
            assert!(ran.code == 0 || ran.err.lines().count() == 1, "{ran:?}");
        }
    }
}
