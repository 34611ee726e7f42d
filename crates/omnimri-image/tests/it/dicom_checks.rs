//! What the DICOM tests check of every volume they read.

use std::path::Path;

use omnimri_image::{Error, OpenOptions, Volume, read_dicom};

use crate::dicom_files::*;
use crate::support::folder;

pub const AXIAL: [[f64; 3]; 3] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

pub fn read(path: &Path) -> Vec<Volume> {
    let volumes = read_dicom(path, &OpenOptions::default()).unwrap();
    for v in &volumes {
        assert_eq!(v.voxels.len(), v.geometry.size.count() * v.n_frames);
        assert!(v.geometry.affine.inverse().is_some());
    }
    volumes
}

pub fn read_one(path: &Path) -> Volume {
    let mut volumes = read(path);
    assert_eq!(
        volumes.len(),
        1,
        "{:?}",
        volumes.iter().map(|v| &v.warnings).collect::<Vec<_>>()
    );
    volumes.remove(0)
}

pub fn refuse(path: &Path) -> Error {
    let error = read_dicom(path, &OpenOptions::default()).unwrap_err();
    let text = error.to_string();
    assert!(!text.contains('\n'), "{text}");
    error
}

/// The file of every slice, in a fresh folder.
pub fn written(slices: &[Slice]) -> tempfile::TempDir {
    let dir = folder();
    write_shuffled(dir.path(), slices);
    dir
}

/// Every voxel of the made volume lies at its place in the world, RAS+, with value `of(i, j, k)`.
pub fn assert_places(v: &Volume, axes: &[[f64; 3]; 3], of: impl Fn(usize, usize, usize) -> f32) {
    let inverse = v.geometry.affine.inverse().unwrap();
    assert_eq!(v.geometry.size.count(), N.iter().product::<usize>());
    for k in 0..N[2] {
        for j in 0..N[1] {
            for i in 0..N[0] {
                let [l, p, s] = place(axes, [i, j, k]);
                let at = inverse.apply([-l, -p, s]);
                let voxel = at.map(|c| c.round() as usize);
                for c in 0..3 {
                    assert!((at[c] - voxel[c] as f64).abs() < 1e-4, "{at:?}");
                }
                let offset = v.geometry.size.offset(voxel[0], voxel[1], voxel[2]);
                assert_eq!(v.voxels[offset], of(i, j, k));
            }
        }
    }
}

pub fn stored(i: usize, j: usize, k: usize) -> f32 {
    sample(i, j, k).into()
}

pub fn said(v: &Volume, part: &str) -> bool {
    v.warnings.iter().any(|w| w.contains(part))
}
