//! Files and volumes that several tests need.

use std::path::{Path, PathBuf};

use omnimri_image::nifti::{ByteOrder, Header, Version, encode_nifti};
use omnimri_image::{Acquisition, Affine, Geometry, SourceKind, Trust, Volume, Zyx};

/// A folder that goes away with the test.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Real data, where it is present.
pub fn shared_data() -> Option<PathBuf> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data"));
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("skipped: no ../shared/data");
    None
}

/// All files below `folder` whose name ends in `suffix`, sorted.
pub fn files(folder: &Path, suffix: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(suffix) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Sizes without a common factor.
pub const SIZE: Zyx<usize> = Zyx::new(3, 5, 7);

/// An oblique affine with voxels of 0.9 x 1.1 x 4 mm.
pub fn affine() -> Affine {
    let (s, c) = 0.3_f64.sin_cos();
    Affine([
        [-0.9 * c, 1.1 * s, 0.0, 31.5],
        [-0.9 * s, -1.1 * c, 0.0, 12.25],
        [0.0, 0.0, 4.0, -20.0],
        [0.0, 0.0, 0.0, 1.0],
    ])
}

pub fn volume(n_frames: usize) -> Volume {
    let n = SIZE.count() * n_frames;
    Volume {
        voxels: (0..n).map(|i| (i * i % 101) as f32 - 7.5).collect(),
        n_frames,
        geometry: Geometry {
            size: SIZE,
            affine: affine(),
            orientation: Trust::Trusted,
            spacing: Trust::Trusted,
        },
        acquisition: Acquisition::default(),
        source: SourceKind::Nifti,
        warnings: Vec::new(),
    }
}

/// A header of `SIZE` with the oblique affine as sform.
pub fn header(version: Version, order: ByteOrder, datatype: i16, bitpix: i16) -> Header {
    let m = affine().0;
    let spacing = affine().spacing_mm();
    let mut header = Header {
        order,
        datatype,
        bitpix,
        ..Header::new(version)
    };
    header.dim = [3, SIZE.x as i64, SIZE.y as i64, SIZE.z as i64, 1, 1, 1, 1];
    header.pixdim[1..4].copy_from_slice(&[spacing.x, spacing.y, spacing.z]);
    header.sform_code = 1;
    header.srow = [m[0], m[1], m[2]];
    header
}

/// A small-endian float32 NIfTI-1 file of `SIZE` with the given values.
pub fn nifti_f32(change: impl FnOnce(&mut Header), values: &[f32]) -> Vec<u8> {
    let mut header = header(Version::One, ByteOrder::Little, 16, 32);
    change(&mut header);
    let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    encode_nifti(&header, &raw)
}

pub fn assert_close(a: &Affine, b: &Affine, tolerance: f64) {
    for r in 0..3 {
        for c in 0..4 {
            assert!((a.0[r][c] - b.0[r][c]).abs() <= tolerance, "{a:?}\n{b:?}");
        }
    }
}
