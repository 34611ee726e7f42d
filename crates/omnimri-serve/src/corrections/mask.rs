//! Label maps that were sent, held against the grid of the prediction.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use omnimri_image::{Geometry, LabelMap, OpenOptions, read_image, read_nifti, write_label_map};
use sha2::{Digest, Sha256};

use super::version::Entry;
use crate::reply::Refusal;

/// Labels as a version keeps them.
pub(super) const LABELS: &str = "segmentation.nii.gz";
/// How far the corners of two grids may lie apart, in parts of a voxel: rounding of affines in float32, no more.
const CLOSE: f64 = 0.01;

/// The file that holds the predicted labels, and the one whose grid they are on.
#[derive(Debug)]
pub(super) struct Predicted {
    pub labels: Option<PathBuf>,
    pub image: PathBuf,
}

/// Finds them in the folder of a series.
///
/// # Errors
/// [`Refusal::NotFound`] if there is no image.
pub(super) fn predicted(series: &Path) -> Result<Predicted, Refusal> {
    let existing = |name: &str| Some(series.join(name)).filter(|p| p.is_file());
    let image = existing("image.nii.gz").or_else(|| existing("reconstruction.nii.gz"));
    Ok(Predicted {
        labels: existing(LABELS).or_else(|| existing("segmentation.png")),
        image: image.ok_or(Refusal::NotFound)?,
    })
}

/// The labels in a file: NIfTI, or for single pictures a grey PNG, whose grid is the image's.
///
/// # Errors
/// [`Refusal::Invalid`] if it is no label map.
pub(super) fn read_labels(
    file: &Path,
    image: &Path,
    max_voxels: usize,
) -> Result<LabelMap, Refusal> {
    let is_picture = file.extension().is_some_and(|e| e == "png");
    let options = OpenOptions {
        max_voxels,
        ..OpenOptions::default()
    };
    let read = if is_picture {
        read_image(file, &options)
    } else {
        read_nifti(file, &options)
    };
    let volume = read.map_err(|e| unreadable(&e, file))?;
    let geometry = if is_picture {
        grid(image, max_voxels)?
    } else {
        volume.geometry.clone()
    };
    if volume.n_frames != 1 || volume.voxels.len() != geometry.size.count() {
        return Err(Refusal::Invalid(
            "expected one label a voxel, found another number".into(),
        ));
    }
    let labels = volume.voxels.iter().map(|&v| {
        // Exact: labels are small whole numbers.
        ((0.0..=255.0).contains(&v) && v.fract() == 0.0).then_some(v as u8)
    });
    let labels: Option<Vec<u8>> = labels.collect();
    let labels = labels.ok_or_else(|| {
        Refusal::Invalid("expected labels of 0 to 255 in whole numbers, found other values".into())
    })?;
    Ok(LabelMap { labels, geometry })
}

/// The grid of an image file.
pub(super) fn grid(image: &Path, max_voxels: usize) -> Result<Geometry, Refusal> {
    let options = OpenOptions {
        max_voxels,
        ..OpenOptions::default()
    };
    let volume = read_nifti(image, &options).map_err(|e| unreadable(&e, image))?;
    Ok(volume.geometry)
}

/// Writes the labels that were sent into `folder`, on the prediction's own grid; gives their SHA-256.
///
/// # Errors
/// [`Refusal::Invalid`] if they are no label map or lie on another grid, which is named beside the expected one.
pub(super) fn keep(
    sent: &str,
    expected: &Geometry,
    folder: &Path,
) -> Result<(LabelMap, String), Refusal> {
    let bytes = BASE64_STANDARD.decode(sent.trim()).map_err(|e| {
        Refusal::Invalid(format!(
            "expected base64 in \"segmentation\", found otherwise: {e}"
        ))
    })?;
    let packed = bytes.starts_with(&[0x1f, 0x8b]);
    let received = folder.join(if packed { "sent.nii.gz" } else { "sent.nii" });
    let io = |e: std::io::Error| Refusal::of_io("keep the labels", &e);
    std::fs::write(&received, &bytes).map_err(io)?;
    drop(bytes);
    // The bound is the grid's own size: more is another grid, and is not unpacked.
    let read = read_labels(&received, &received, expected.size.count());
    std::fs::remove_file(&received).map_err(io)?;
    let mut map = read?;
    same_grid(expected, &map.geometry)?;
    map.geometry = expected.clone();
    let kept = folder.join(LABELS);
    write_label_map(&kept, &map).map_err(|e| {
        tracing::error!(error = %e, "cannot keep the labels");
        Refusal::Internal("cannot keep the labels; the server's log says why".into())
    })?;
    let kept = std::fs::read(&kept).map_err(io)?;
    let sha256 = Sha256::digest(&kept)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    Ok((map, sha256))
}

/// Refuses a grid that is not the expected one.
pub(super) fn same_grid(expected: &Geometry, found: &Geometry) -> Result<(), Refusal> {
    let (e, f) = (expected.size, found.size);
    let voxel = expected.affine.spacing_mm();
    let near = CLOSE * voxel.x.min(voxel.y).min(voxel.z);
    let far = |v: usize| v.saturating_sub(1) as f64;
    let corners = [
        [0.0, 0.0, 0.0],
        [far(e.x), 0.0, 0.0],
        [0.0, far(e.y), 0.0],
        [0.0, 0.0, far(e.z)],
    ];
    let apart = corners.iter().any(|&c| {
        let (a, b) = (expected.affine.apply(c), found.affine.apply(c));
        (0..3).any(|i| (a[i] - b[i]).abs() > near)
    });
    if e != f || apart {
        return Err(Refusal::Invalid(format!(
            "expected labels on the prediction's grid, {}; found {}",
            words(expected),
            words(found)
        )));
    }
    Ok(())
}

/// A grid in words, as exact as it must be to tell two apart.
fn words(g: &Geometry) -> String {
    let (s, mm, o) = (g.size, g.affine.spacing_mm(), g.affine.apply([0.0; 3]));
    format!(
        "{}x{}x{} voxels of {:.3}x{:.3}x{:.3} mm, axes {}, first voxel at {:.2}, {:.2}, {:.2} mm",
        s.x,
        s.y,
        s.z,
        mm.x,
        mm.y,
        mm.z,
        g.affine.orientation_code(),
        o[0],
        o[1],
        o[2]
    )
}

/// Counts the voxels of each finding.
pub(super) fn measure(entries: &mut [Entry], map: &LabelMap) {
    let mut counts = [0u64; 256];
    for &label in &map.labels {
        counts[usize::from(label)] += 1;
    }
    for entry in entries {
        let voxels = entry.value.map(|v| counts[usize::from(v)]);
        entry.voxels = voxels;
        entry.volume_ml = voxels
            .zip(map.geometry.voxel_ml())
            .map(|(n, ml)| n as f64 * ml);
    }
}

fn unreadable(error: &omnimri_image::Error, file: &Path) -> Refusal {
    // Where it lay here is nobody's business.
    let said = error
        .to_string()
        .replace(&file.display().to_string(), "the labels");
    Refusal::Invalid(said)
}
