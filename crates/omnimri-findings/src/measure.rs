//! From a mask to a box, an area, a volume, a diameter and a side.

use omnimri_image::Volume;

use crate::calipers::longest_distance;
use crate::components::components;
use crate::facts::{Extent, Signal};
use crate::side::{foreground_threshold, side_of};
use crate::vocabulary::{Sequence, Side};

/// Numbers of one label.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// Value in the label map.
    pub value: u8,
    /// Box with exclusive ends: `[x0, y0, x1, y1]` for a single slice, else `[x0, y0, z0, x1, y1, z1]`.
    pub bbox: Vec<usize>,
    /// Number of voxels.
    pub voxels: usize,
    /// Area in pixels of a single slice; `None` in 3D.
    pub area_px: Option<usize>,
    /// Volume in millilitres in 3D; `None` for a single slice or untrusted spacing.
    pub volume_ml: Option<f64>,
    /// Longest in-plane diameter of the largest connected part in millimetres; `None` for untrusted spacing.
    ///
    /// Pixels reach half a pixel from their centre along rows and columns, so a single pixel has the diameter of its longer edge.
    pub diameter_mm: Option<f64>,
    /// Mean voxel index `i, j, k`.
    pub centroid: [f64; 3],
    /// Side of the centroid; `None` where it cannot be told.
    pub side: Option<Side>,
    /// Number of connected parts.
    pub n_parts: usize,
    /// Area over that of the head (voxels above 10% of the brightest), in the slice with the most of this label; 0 to 1.
    pub head_fraction: f64,
    /// The slice `z` with the most of this label.
    pub largest_slice: usize,
}

impl Measurement {
    /// Size class by share of the head's area.
    pub fn extent(&self) -> Extent {
        Extent::from_fraction(self.head_fraction)
    }
}

/// Measures the voxels of `labels` (`[z][y][x]` on the grid of `volume`) that equal `value`.
///
/// `None` if there are none, or if `labels` does not fit the grid.
pub fn measure(labels: &[u8], value: u8, volume: &Volume) -> Option<Measurement> {
    let size = volume.geometry.size;
    if labels.len() != size.count() || labels.is_empty() || volume.voxels.len() < labels.len() {
        return None;
    }
    let (mut low, mut high) = ([usize::MAX; 3], [0usize; 3]);
    let (mut sum, mut voxels) = ([0f64; 3], 0usize);
    let mut by_slice = vec![0usize; size.z];
    for (row, line) in labels.chunks_exact(size.x).enumerate() {
        let (y, z) = (row % size.y, row / size.y);
        for (x, _) in line.iter().enumerate().filter(|(_, l)| **l == value) {
            voxels += 1;
            by_slice[z] += 1;
            for (axis, at) in [x, y, z].into_iter().enumerate() {
                low[axis] = low[axis].min(at);
                high[axis] = high[axis].max(at + 1);
                sum[axis] += at as f64;
            }
        }
    }
    if voxels == 0 {
        return None;
    }
    let centroid = sum.map(|s| s / voxels as f64);
    let flat = volume.is_2d();
    let bbox = if flat {
        vec![low[0], low[1], high[0], high[1]]
    } else {
        [low, high].concat()
    };
    let largest_slice = (0..size.z).rev().max_by_key(|z| by_slice[*z])?;
    let threshold = foreground_threshold(volume);
    let head = volume
        .slice(0, largest_slice)
        .iter()
        .filter(|v| **v > threshold)
        .count();
    let parts = components(size, |k| labels[k] == value);
    let diameter_mm = volume
        .geometry
        .spacing
        .is_trusted()
        .then(|| in_plane_diameter(&parts, volume, low, high));
    Some(Measurement {
        value,
        bbox,
        voxels,
        area_px: flat.then_some(voxels),
        volume_ml: volume
            .geometry
            .voxel_ml()
            .filter(|_| !flat)
            .map(|ml| ml * voxels as f64),
        diameter_mm,
        centroid,
        side: side_of(volume, centroid),
        n_parts: parts.sizes.len(),
        head_fraction: (by_slice[largest_slice] as f64 / head.max(1) as f64).min(1.0),
        largest_slice,
    })
}

/// Longest distance in millimetres between the edges of two pixels of one slice of the largest part.
fn in_plane_diameter(
    parts: &crate::components::Components,
    volume: &Volume,
    low: [usize; 3],
    high: [usize; 3],
) -> f64 {
    let Some(largest) = parts.largest() else {
        return 0.0;
    };
    let geometry = &volume.geometry;
    // Coordinates within the slice: along the rows, and across them within the plane (columns may be sheared).
    let (u, v) = (geometry.affine.column(0), geometry.affine.column(1));
    let dot = |a: [f64; 3], b: [f64; 3]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let u_mm = dot(u, u).sqrt();
    let along = dot(u, v) / u_mm;
    let across = (dot(v, v) - along * along).max(0.0).sqrt();
    let world = |i: f64, j: f64| [i * u_mm + j * along, j * across];
    let mut longest = 0.0f64;
    for z in low[2]..high[2] {
        let mut points = Vec::new();
        for y in low[1]..high[1] {
            // Only the ends of a row can lie on the convex hull.
            let row = (low[0]..high[0])
                .map(|x| parts.part[geometry.size.offset(x, y, z)] == largest)
                .collect::<Vec<_>>();
            let Some(first) = row.iter().position(|b| *b) else {
                continue;
            };
            let last = row.iter().rposition(|b| *b).unwrap_or(first);
            let j = y as f64;
            for x in [first, last] {
                let i = (low[0] + x) as f64;
                points.extend([world(i, j - 0.5), world(i, j + 0.5)]);
                points.extend([world(i - 0.5, j), world(i + 0.5, j)]);
            }
        }
        longest = longest.max(longest_distance(points));
    }
    longest
}

/// How bright the label is against the rest of the head in the same slices, in standard deviations: beyond 0.5 hyper- or hypointense.
///
/// A bright lesion on a contrast-enhanced sequence is called an enhancing mass. `None` for an empty label or an empty head.
pub fn lesion_signal(
    labels: &[u8],
    value: u8,
    volume: &Volume,
    sequence: Option<Sequence>,
) -> Option<Signal> {
    let size = volume.geometry.size;
    if labels.len() != size.count() || labels.is_empty() || volume.voxels.len() < labels.len() {
        return None;
    }
    let threshold = foreground_threshold(volume);
    let area = size.y * size.x;
    let (mut lesion, mut n_lesion) = (0f64, 0usize);
    let (mut rest, mut squares, mut n_rest) = (0f64, 0f64, 0usize);
    for (z, slice) in labels.chunks_exact(area).enumerate() {
        if !slice.contains(&value) {
            continue;
        }
        for (&label, &voxel) in slice.iter().zip(volume.slice(0, z)) {
            let intensity = f64::from(voxel);
            if label == value {
                lesion += intensity;
                n_lesion += 1;
            } else if voxel > threshold {
                rest += intensity;
                squares += intensity * intensity;
                n_rest += 1;
            }
        }
    }
    if n_lesion == 0 || n_rest < 2 {
        return None;
    }
    let mean = rest / n_rest as f64;
    let deviation = (squares / n_rest as f64 - mean * mean).max(0.0).sqrt();
    let score = (lesion / n_lesion as f64 - mean) / deviation.max(1e-6 * mean.abs()).max(1e-12);
    Some(if score > 0.5 && sequence == Some(Sequence::T1Post) {
        Signal::EnhancingMass
    } else if score > 0.5 {
        Signal::HyperintenseLesion
    } else if score < -0.5 {
        Signal::HypointenseLesion
    } else {
        Signal::IsointenseLesion
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use omnimri_image::{Acquisition, Affine, Geometry, SourceKind, Trust, Zyx};

    fn volume(size: Zyx<usize>, affine: Affine, trusted: bool) -> Volume {
        let trust = if trusted {
            Trust::Trusted
        } else {
            Trust::Untrusted("no header".into())
        };
        Volume {
            voxels: vec![1.0; size.count()],
            n_frames: 1,
            geometry: Geometry {
                size,
                affine,
                orientation: trust.clone(),
                spacing: trust,
            },
            acquisition: Acquisition::default(),
            source: SourceKind::Simulated,
            warnings: vec![],
        }
    }

    #[test]
    fn a_slice_without_header_has_pixels_and_image_sides() {
        let size = Zyx::new(1, 31, 101);
        let v = volume(size, Affine::from_spacing(Zyx::new(1.0, 1.0, 1.0)), false);
        let mut labels = vec![0; size.count()];
        for y in 4..9 {
            for x in 10..17 {
                labels[size.offset(x, y, 0)] = 9;
            }
        }
        let m = measure(&labels, 9, &v).unwrap();
        assert_eq!(m.bbox, [10, 4, 17, 9]);
        assert_eq!(
            (m.area_px, m.volume_ml, m.diameter_mm),
            (Some(35), None, None)
        );
        assert_eq!(m.side, Some(Side::ImageLeft));
        assert_eq!(m.centroid, [13.0, 6.0, 0.0]);
        assert_eq!(m.extent(), Extent::Medium);
        assert_eq!(measure(&labels, 10, &v), None);
        assert_eq!(measure(&labels[1..], 9, &v), None);
    }

    #[test]
    fn millimetres_follow_the_affine_and_the_largest_part() {
        let size = Zyx::new(5, 13, 77);
        let v = volume(size, Affine::from_spacing(Zyx::new(3.0, 2.0, 1.5)), true);
        let mut labels = vec![0; size.count()];
        for x in 50..61 {
            labels[size.offset(x, 6, 2)] = 12;
        }
        labels[size.offset(1, 1, 0)] = 12;
        let m = measure(&labels, 12, &v).unwrap();
        assert_eq!(m.bbox, [1, 1, 0, 61, 7, 3]);
        assert_eq!(
            (m.n_parts, m.voxels, m.area_px, m.largest_slice),
            (2, 12, None, 2)
        );
        assert!((m.volume_ml.unwrap() - 12.0 * 9.0 / 1000.0).abs() < 1e-12);
        assert!((m.diameter_mm.unwrap() - 11.0 * 1.5).abs() < 1e-12);
        assert_eq!(m.side, Some(Side::PatientRight));
    }

    #[test]
    fn side_follows_the_patient_through_flips_and_permutations() {
        let body = [77usize, 61, 47];
        for permutation in [
            [0, 1, 2],
            [0, 2, 1],
            [1, 0, 2],
            [1, 2, 0],
            [2, 0, 1],
            [2, 1, 0],
        ] {
            for flips in 0..8u32 {
                let mut affine = [[0.0; 4]; 4];
                affine[3][3] = 1.0;
                let mut n = [0; 3];
                for axis in 0..3 {
                    let world = permutation[axis];
                    n[axis] = body[world];
                    let flip = flips >> axis & 1 == 1;
                    affine[world][axis] = if flip { -2.0 } else { 2.0 };
                    affine[world][3] = if flip {
                        2.0 * (n[axis] - 1) as f64
                    } else {
                        0.0
                    };
                }
                let size = Zyx::new(n[2], n[1], n[0]);
                let v = volume(size, Affine(affine), true);
                let mut labels = vec![0; size.count()];
                let inverse = v.geometry.affine.inverse().unwrap();
                for r in 100..110 {
                    let at = inverse.apply([f64::from(r) / 2.0 * 2.0, 40.0, 30.0]);
                    let [i, j, k] = at.map(|x| x.round() as usize);
                    labels[size.offset(i, j, k)] = 9;
                }
                assert_eq!(
                    measure(&labels, 9, &v).unwrap().side,
                    Some(Side::PatientRight)
                );
            }
        }
    }

    #[test]
    fn a_crop_has_no_side_and_a_centred_mask_is_midline() {
        let size = Zyx::new(3, 35, 33);
        let mut labels = vec![0; size.count()];
        labels[size.offset(2, 3, 1)] = 1;
        let crop = volume(size, Affine::from_spacing(Zyx::new(1.0, 1.0, 1.0)), true);
        assert_eq!(measure(&labels, 1, &crop).unwrap().side, None);
        let head = volume(size, Affine::from_spacing(Zyx::new(5.0, 5.0, 5.0)), true);
        assert_eq!(
            measure(&labels, 1, &head).unwrap().side,
            Some(Side::PatientLeft)
        );
        labels.fill(0);
        labels[size.offset(17, 3, 1)] = 1;
        assert_eq!(
            measure(&labels, 1, &head).unwrap().side,
            Some(Side::Midline)
        );
    }

    #[test]
    fn signal_compares_with_the_rest_of_the_head() {
        let size = Zyx::new(1, 7, 11);
        let mut v = volume(size, Affine::from_spacing(Zyx::new(1.0, 1.0, 1.0)), false);
        for (k, x) in v.voxels.iter_mut().enumerate() {
            *x = 10.0 + (k % 3) as f32;
        }
        let mut labels = vec![0; size.count()];
        labels[5] = 9;
        v.voxels[5] = 20.0;
        let of = |v: &Volume, s| lesion_signal(&labels, 9, v, s);
        assert_eq!(of(&v, Some(Sequence::T1Post)), Some(Signal::EnhancingMass));
        assert_eq!(of(&v, Some(Sequence::T2)), Some(Signal::HyperintenseLesion));
        v.voxels[5] = 2.0;
        assert_eq!(of(&v, None), Some(Signal::HypointenseLesion));
        v.voxels[5] = 11.0;
        assert_eq!(of(&v, None), Some(Signal::IsointenseLesion));
        assert_eq!(lesion_signal(&labels, 10, &v, None), None);
    }
}
