//! What the fuzz targets share: bytes become a file, and whatever is read from it must be true to its own sizes.

use std::path::Path;

use omnimri_corpus::BuildOptions;
use omnimri_corpus::catalogue::Use;
use omnimri_corpus::miniature::write_miniature;
use omnimri_image::raw::{FrameData, RawScan};
use omnimri_image::{Input, OpenOptions, Result};
use serde_json::Value;

/// Most voxels or samples of one input: small, so that a run spends its time on parsing.
const CAP: usize = 1 << 18;
/// Most frames of one input that are read.
const MOST_FRAMES: usize = 4;

thread_local! {
    static FOLDER: tempfile::TempDir = tempfile::tempdir().expect("a folder for temporary files");
    static SHARDS: Shards = Shards::build();
}

/// A built set of one shard, whose bytes are exchanged.
struct Shards {
    folder: tempfile::TempDir,
    manifest: Value,
}

impl Shards {
    fn build() -> Self {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        let (data, out) = (folder.path().join("data"), folder.path().join("out"));
        let entry = omnimri_corpus::find("ms_brain").expect("an entry of the catalogue");
        write_miniature(entry, &data.join(entry.folder())).expect("a miniature");
        let options = BuildOptions {
            names: vec!["ms_brain".to_owned()],
            threads: Some(1),
            ..BuildOptions::new(&data, out.to_string_lossy(), Use::Unclear)
        };
        omnimri_corpus::build(&options).expect("shards of a miniature");
        let text = std::fs::read_to_string(out.join("manifest.json")).expect("a manifest");
        let manifest = serde_json::from_str(&text).expect("a manifest of JSON");
        Self { folder, manifest }
    }
}

/// Puts `bytes` in the place of a shard, tells the manifest their number, and hands the root to `read`.
pub fn with_shard(bytes: &[u8], read: impl FnOnce(&str)) {
    SHARDS.with(|shards| {
        let root = shards.folder.path().join("out");
        let mut manifest = shards.manifest.clone();
        let parts = manifest["parts"].as_array_mut().expect("parts");
        let full = |p: &&mut Value| p["shards"].as_array().is_some_and(|s| !s.is_empty());
        let part = parts.iter_mut().find(full).expect("a part with a shard");
        let shard = &mut part["shards"][0];
        let path = root.join(shard["path"].as_str().expect("a path"));
        shard["bytes"] = bytes.len().into();
        std::fs::write(path, bytes).expect("a shard");
        std::fs::write(root.join("manifest.json"), manifest.to_string()).expect("a manifest");
        read(&root.to_string_lossy());
    });
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
pub fn check_error(error: &omnimri_image::Error) {
    let text = error.to_string();
    assert!(!text.is_empty() && !text.contains('\n'), "{text:?}");
}
