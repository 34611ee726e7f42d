//! What the fuzz targets share: bytes become a file, and whatever is read from it must be true to its own sizes.

use std::path::Path;

use omnimri_image::raw::{FrameData, RawScan};
use omnimri_image::{Input, OpenOptions, Result};

/// Most voxels or samples of one input: small, so that a run spends its time on parsing.
const CAP: usize = 1 << 18;
/// Most frames of one input that are read.
const MOST_FRAMES: usize = 4;

thread_local! {
    static FOLDER: tempfile::TempDir = tempfile::tempdir().expect("a folder for temporary files");
}

/// Options with the small cap.
pub fn options() -> OpenOptions {
    OpenOptions {
        max_voxels: CAP,
        ..OpenOptions::default()
    }
}

/// Writes bytes as files of these names and hands the path of the last to `read`.
pub fn with_files(files: &[(&str, &[u8])], read: impl FnOnce(&Path)) {
    FOLDER.with(|folder| {
        let mut last = folder.path().to_path_buf();
        for (name, bytes) in files {
            last = folder.path().join(name);
            std::fs::write(&last, bytes).expect("a temporary file");
        }
        read(&last);
    });
}

/// Opens an image or k-space by its content.
pub fn check_input(path: &Path) {
    match omnimri_image::open(path, &options()) {
        Err(error) => check_error(&error),
        Ok(Input::Volumes(volumes)) => {
            for v in volumes {
                assert_eq!(v.voxels.len(), v.n_frames * v.geometry.size.count());
                assert!(v.voxels.len() <= CAP && v.voxels.iter().all(|x| x.is_finite()));
            }
        }
        Ok(Input::KSpace(k)) => check_samples(k.n_coils, k.n_y * k.n_x, k.samples.len(), &k.mask),
        // Kinds added later.
        #[allow(unreachable_patterns)]
        Ok(_) => {}
    }
}

/// Reads a few frames of raw data.
pub fn check_scan(opened: Result<RawScan>) {
    let scan = match opened {
        Err(error) => return check_error(&error),
        Ok(scan) => scan,
    };
    if let Some(noise) = &scan.header.noise {
        assert_eq!(noise.samples.len(), scan.header.n_coils * noise.n_samples);
        assert!(noise.samples.len() <= CAP);
    }
    for index in 0..scan.len().min(MOST_FRAMES) {
        let frame = match scan.frame(index) {
            Err(error) => {
                check_error(&error);
                continue;
            }
            Ok(frame) => frame,
        };
        match &frame.data {
            FrameData::Cartesian(k) => {
                check_samples(k.n_coils, k.n_y * k.n_x, k.samples.len(), &k.mask)
            }
            FrameData::Cartesian3(k) => {
                check_samples(k.n_coils, k.size.count(), k.samples.len(), &k.mask)
            }
            FrameData::NonCartesian(k) => {
                let n = k.n_readouts * k.n_samples;
                assert_eq!((k.samples.len(), k.coord.len()), (k.n_coils * n, n));
                assert!(k.samples.len() <= CAP);
            }
            _ => {}
        }
    }
}

fn check_samples(n_coils: usize, n: usize, n_samples: usize, mask: &[bool]) {
    assert_eq!((n_samples, mask.len()), (n_coils * n, n));
    assert!(n_samples <= CAP);
}

/// Errors are one line and name something.
fn check_error(error: &omnimri_image::Error) {
    let text = error.to_string();
    assert!(!text.is_empty() && !text.contains('\n'), "{text:?}");
}
