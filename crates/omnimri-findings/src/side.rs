//! On which side a mask lies: of the patient where orientation is trusted, else of the image.

use omnimri_image::Volume;

use crate::vocabulary::Side;

/// A voxel belongs to the head or body when it is brighter than this share of the brightest voxel.
pub(crate) const FOREGROUND: f32 = 0.1;
/// A centre this close to the middle, as a share of the width, is called midline.
const MIDLINE: f64 = 0.05;
/// A head or body narrower than this is a crop, whose middle is not the patient's.
const NARROWEST_BODY_MM: f64 = 90.0;

/// Brightness above which a voxel of the first frame belongs to the head or body.
pub(crate) fn foreground_threshold(volume: &Volume) -> f32 {
    FOREGROUND * volume.frame(0).iter().copied().fold(0.0, f32::max)
}

/// First and last index along voxel axis `axis` (0 = i, 1 = j, 2 = k) that holds foreground.
fn foreground_range(volume: &Volume, axis: usize) -> Option<(usize, usize)> {
    let size = volume.geometry.size;
    let threshold = foreground_threshold(volume);
    let length = [size.x, size.y, size.z][axis];
    let mut seen = vec![false; length];
    for (row, voxels) in volume.frame(0).chunks_exact(size.x.max(1)).enumerate() {
        match axis {
            0 => voxels
                .iter()
                .zip(&mut seen)
                .for_each(|(v, s)| *s |= *v > threshold),
            _ => {
                let at = if axis == 1 {
                    row % size.y
                } else {
                    row / size.y
                };
                seen[at] |= voxels.iter().any(|v| *v > threshold);
            }
        }
    }
    Some((
        seen.iter().position(|s| *s)?,
        seen.iter().rposition(|s| *s)?,
    ))
}

/// The side of a mask whose mean voxel index is `centroid` (`i, j, k`).
///
/// `None` where it cannot be told: an empty image, a sagittal slice with trusted orientation, or a crop.
pub(crate) fn side_of(volume: &Volume, centroid: [f64; 3]) -> Option<Side> {
    let geometry = &volume.geometry;
    let trusted = geometry.orientation.is_trusted();
    let axes = geometry.affine.closest_axes();
    let axis = if trusted {
        axes.iter().position(|(world, _)| *world == 0)?
    } else {
        0
    };
    let (first, last) = foreground_range(volume, axis)?;
    if last == first {
        return None;
    }
    let width = (last - first) as f64;
    if trusted {
        let length = [geometry.size.x, geometry.size.y, geometry.size.z][axis];
        let crop = match geometry.trusted_spacing_mm() {
            Some(mm) => (width + 1.0) * [mm.x, mm.y, mm.z][axis] < NARROWEST_BODY_MM,
            None => first == 0 && last + 1 == length,
        };
        if crop {
            return None;
        }
    }
    let offset = (centroid[axis] - (first + last) as f64 / 2.0) / width;
    let towards_right = offset * axes[axis].1 > 0.0;
    Some(match (offset.abs() < MIDLINE, trusted) {
        (true, _) => Side::Midline,
        (false, true) if towards_right => Side::PatientRight,
        (false, true) => Side::PatientLeft,
        (false, false) if offset < 0.0 => Side::ImageLeft,
        (false, false) => Side::ImageRight,
    })
}
