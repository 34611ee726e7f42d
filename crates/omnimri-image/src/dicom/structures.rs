//! RTSTRUCT (PS3.3 C.8.8): closed planar contours in the patient's space, filled on the slices of a grid.

use std::collections::HashMap;
use std::path::Path;

use dicom_dictionary_std::tags;

use super::attributes::Attributes;
use super::labels::{Object, inverse_of, items, to_index};
use crate::{Error, Geometry, Result};

/// Most points of one contour.
const MAX_POINTS: usize = 1 << 20;
/// A contour lies in a slice if none of its points is farther from it, in slices.
const IN_SLICE: f64 = 0.6;

pub(super) fn paint(
    path: &Path,
    object: &Object,
    onto: &Geometry,
    value_of: &dyn Fn(&str) -> Option<u8>,
    labels: &mut [u8],
) -> Result<()> {
    let header = Attributes(&object.attributes);
    let inverse = inverse_of(path, onto)?;
    let mut values: HashMap<i64, u8> = HashMap::new();
    for roi in items(header, tags::STRUCTURE_SET_ROI_SEQUENCE) {
        let roi = Attributes(roi);
        let name = roi.text(tags::ROI_NAME).unwrap_or_default();
        if let (Some(number), Some(value)) = (roi.integer(tags::ROI_NUMBER), value_of(&name)) {
            values.insert(number, value);
        }
    }
    for roi in items(header, tags::ROI_CONTOUR_SEQUENCE) {
        let roi = Attributes(roi);
        let number = roi.integer(tags::REFERENCED_ROI_NUMBER);
        let Some(&value) = number.and_then(|n| values.get(&n)) else {
            continue;
        };
        // Contours of one structure in one slice: a hole is a contour inside another, so inside is what is odd.
        let mut slices: HashMap<usize, Vec<Vec<[f64; 2]>>> = HashMap::new();
        for contour in items(roi, tags::CONTOUR_SEQUENCE) {
            let contour = Attributes(contour);
            let kind = contour.text(tags::CONTOUR_GEOMETRIC_TYPE);
            let data = contour.numbers(tags::CONTOUR_DATA).unwrap_or_default();
            if kind.as_deref() == Some("POINT") || data.len() < 9 {
                continue;
            }
            if data.len() > 3 * MAX_POINTS {
                return Err(Error::TooLarge {
                    path: path.into(),
                    what: "points of one contour",
                    expected: MAX_POINTS as u64,
                    found: (data.len() / 3).to_string(),
                    hint: "the object may be damaged",
                });
            }
            let points: Vec<[f64; 3]> = data
                .chunks_exact(3)
                .map(|p| to_index(&inverse, [p[0], p[1], p[2]]))
                .collect();
            let mean = points.iter().map(|p| p[2]).sum::<f64>() / points.len() as f64;
            let k = mean.round();
            let spread = points.iter().map(|p| (p[2] - k).abs()).fold(0.0, f64::max);
            if !(0.0..onto.size.z as f64).contains(&k) {
                continue;
            }
            if spread > IN_SLICE {
                return Err(Error::Unsupported {
                    path: path.into(),
                    what: "contour",
                    expected: "contours in the slices of the image".into(),
                    found: format!("one that reaches {spread:.1} slices out of its own"),
                    hint: "the structures may belong to another series".into(),
                });
            }
            let flat = points.iter().map(|p| [p[0], p[1]]).collect();
            slices.entry(k as usize).or_default().push(flat);
        }
        for (k, contours) in slices {
            fill(&contours, onto, k, labels, value);
        }
    }
    Ok(())
}

/// Paints the voxels whose centres are inside an odd number of contours.
fn fill(contours: &[Vec<[f64; 2]>], onto: &Geometry, k: usize, labels: &mut [u8], value: u8) {
    let size = onto.size;
    let mut crossings: Vec<f64> = Vec::new();
    for j in 0..size.y {
        let y = j as f64;
        crossings.clear();
        for contour in contours {
            for (n, a) in contour.iter().enumerate() {
                let b = contour[(n + 1) % contour.len()];
                // Half-open, so that a corner on the line counts once.
                if (a[1] <= y) != (b[1] <= y) {
                    crossings.push(a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0]));
                }
            }
        }
        crossings.sort_by(f64::total_cmp);
        for pair in crossings.chunks_exact(2) {
            let first = pair[0].ceil().max(0.0) as usize;
            let end = (pair[1].floor() + 1.0).clamp(0.0, size.x as f64) as usize;
            for i in first..end {
                labels[size.offset(i, j, k)] = value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Affine, Trust, Zyx};

    #[test]
    fn holes_stay_open_and_corners_count_once() {
        let size = Zyx::new(2, 8, 9);
        let onto = Geometry {
            size,
            affine: Affine::from_spacing(Zyx::new(1.0, 1.0, 1.0)),
            orientation: Trust::Trusted,
            spacing: Trust::Trusted,
        };
        let square = |low: f64, high: f64| vec![[low, low], [high, low], [high, high], [low, high]];
        let mut labels = vec![0; size.count()];
        fill(
            &[square(0.5, 6.5), square(2.5, 4.5)],
            &onto,
            1,
            &mut labels,
            7,
        );
        let painted = labels.iter().filter(|&&v| v == 7).count();
        assert_eq!(painted, 36 - 4);
        assert_eq!(labels[size.offset(3, 3, 1)], 0);
        assert_eq!(labels[size.offset(1, 6, 1)], 7);
        assert!(labels[..72].iter().all(|&v| v == 0));
        // Beyond the grid on every side.
        fill(&[square(-5.0, 50.0)], &onto, 0, &mut labels, 3);
        assert!(labels[..72].iter().all(|&v| v == 3));
    }
}
