//! The slices a volume is read in. A file may store them along any axis: what is said of slices (plane, in-plane diameter, share
//! of the head) is said of those that were acquired, so that it does not depend on the file's layout.

use omnimri_findings::{Measurement, measure};
use omnimri_image::{Plane, Volume, Zyx, plane_of, reorient};
use omnimri_model::preprocess::SlicePlan;

/// Ratio of the largest to the smallest spacing from which the acquired slices are certain.
const ANISOTROPIC: f64 = 1.5;

/// A volume and its labels with the slices last, where the file stores them along another axis.
pub struct Recut {
    /// The volume, rearranged.
    pub volume: Volume,
    /// Its labels, rearranged alike.
    pub labels: Vec<u8>,
}

/// The volume cut as it is read, or none where the stored slices are those already.
pub fn recut(volume: &Volume, labels: &[u8]) -> Option<Recut> {
    let plan = SlicePlan::new(&volume.geometry).ok()?;
    if keeps_slices(&plan) || labels.len() != volume.geometry.size.count() {
        return None;
    }
    Some(Recut {
        labels: plan.map.apply(labels, volume.geometry.size),
        volume: reorient(volume, plan.map),
    })
}

/// Does the third axis stay the third?
fn keeps_slices(plan: &SlicePlan) -> bool {
    plan.map.size(Zyx::new(3, 2, 1)).z == 3
}

/// Plane that the header gives: of the acquired slices where the spacing tells them, else of the stored ones.
pub fn header_plane(volume: &Volume) -> Option<Plane> {
    let geometry = &volume.geometry;
    let s = geometry.affine.spacing_mm();
    let (low, high) = (s.x.min(s.y).min(s.z), s.x.max(s.y).max(s.z));
    if geometry.orientation.is_trusted()
        && geometry.size.z > 1
        && high / low > ANISOTROPIC
        && let Ok(plan) = SlicePlan::new(geometry)
    {
        return plane_of(&plan.map.apply_geometry(geometry));
    }
    volume.acquisition.plane
}

/// Measures a label: place and amount on the input's own grid, what depends on slices in the slices that are read.
pub fn measured(
    labels: &[u8],
    value: u8,
    volume: &Volume,
    recut: Option<&Recut>,
) -> Option<Measurement> {
    let mut m = measure(labels, value, volume)?;
    if let Some(cut) = recut
        && let Some(seen) = measure(&cut.labels, value, &cut.volume)
    {
        m.diameter_mm = seen.diameter_mm;
        m.head_fraction = seen.head_fraction;
    }
    Some(m)
}
