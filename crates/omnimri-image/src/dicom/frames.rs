//! One record a frame: where it lies, how its values are scaled and what tells it from others at
//! the same place.
//!
//! Classic objects say it at the top of the data set, enhanced ones in per-frame and shared
//! functional groups.

use std::cmp::Ordering;
use std::ops::Range;
use std::path::Path;

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::attributes::Attributes;
use super::header::bad_header;
use crate::Result;

/// Sizes of a voxel that can be meant: from a micrometre to metres.
const SIZES_MM: Range<f64> = 1e-3..1e4;
/// No slice lies farther than this from the scanner's centre.
const FARTHEST_MM: f64 = 1e6;

/// Parameters that distinguish frames at one position; order of the fields is the order of the
/// fourth axis.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct FrameKey {
    pub temporal: Option<f64>,
    pub acquisition: Option<f64>,
    pub echo_ms: Option<f64>,
    pub inversion_ms: Option<f64>,
    pub b_value: Option<f64>,
    pub gradient: Option<[f64; 3]>,
    pub trigger_ms: Option<f64>,
}

impl FrameKey {
    fn values(&self) -> [f64; 9] {
        let v = |x: Option<f64>| x.unwrap_or(f64::NEG_INFINITY);
        let g = self.gradient.unwrap_or([f64::NEG_INFINITY; 3]);
        [
            v(self.temporal),
            v(self.acquisition),
            v(self.echo_ms),
            v(self.inversion_ms),
            v(self.b_value),
            g[0],
            g[1],
            g[2],
            v(self.trigger_ms),
        ]
    }

    /// A total order.
    pub fn order(&self, other: &Self) -> Ordering {
        let (a, b) = (self.values(), other.values());
        a.iter()
            .zip(&b)
            .map(|(a, b)| a.total_cmp(b))
            .find(|o| o.is_ne())
            .unwrap_or(Ordering::Equal)
    }

    /// The key without the trigger time, which differs a little from slice to slice in a cine
    /// series.
    pub fn discrete(&self) -> Self {
        Self {
            trigger_ms: None,
            ..*self
        }
    }

    /// Names of the parameters in which `self` and `other` differ.
    pub fn differing(&self, other: &Self) -> Vec<&'static str> {
        let pairs = [
            ("temporal position", self.temporal != other.temporal),
            ("acquisition number", self.acquisition != other.acquisition),
            ("echo time", self.echo_ms != other.echo_ms),
            ("inversion time", self.inversion_ms != other.inversion_ms),
            ("b-value", self.b_value != other.b_value),
            ("gradient direction", self.gradient != other.gradient),
            ("trigger time", self.trigger_ms != other.trigger_ms),
        ];
        pairs
            .into_iter()
            .filter(|(_, differs)| *differs)
            .map(|(name, _)| name)
            .collect()
    }
}

/// One frame of one file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct FrameRecord {
    /// Index of the file in the scan.
    pub file: usize,
    /// Index of the frame in the file.
    pub frame: u32,
    /// Centre of the first voxel, LPS millimetres.
    pub position: Option<[f64; 3]>,
    /// Unit direction of increasing column index and of increasing row index, LPS.
    pub orientation: Option<[[f64; 3]; 2]>,
    /// The same as written in the file, where it is usable.
    pub cosines: Option<[f64; 6]>,
    /// Distance between rows and between columns, millimetres.
    pub pixel_spacing: Option<[f64; 2]>,
    pub thickness_mm: Option<f64>,
    pub between_slices_mm: Option<f64>,
    pub slope: f64,
    pub intercept: f64,
    /// The header's slope or intercept was unusable and was taken as 1 and 0.
    pub bad_rescale: bool,
    pub key: FrameKey,
    /// Complex image component or frame type number, so that magnitude and phase frames are kept
    /// apart.
    pub component: Component,
    pub instance: Option<i64>,
}

/// Which part of a complex image a frame shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Component {
    #[default]
    Unsaid,
    Magnitude,
    Phase,
    Real,
    Imaginary,
    Mixed,
}

/// Looks a value up in the functional groups of a frame, then the shared ones, then the data set's
/// top.
#[derive(Clone, Copy)]
struct Groups<'a> {
    top: Attributes<'a>,
    shared: Option<Attributes<'a>>,
    frame: Option<Attributes<'a>>,
}

impl<'a> Groups<'a> {
    /// First `Some` of `read` over the item of the functional group `group`, per frame before
    /// shared.
    fn find<T>(self, group: Tag, read: impl Fn(Attributes<'a>) -> Option<T>) -> Option<T> {
        [self.frame, self.shared]
            .into_iter()
            .flatten()
            .find_map(|g| read(g.item(group)?))
    }

    fn number(self, group: Tag, tag: Tag) -> Option<f64> {
        self.find(group, |item| item.number(tag))
    }
}

/// Records of the `n_frames` frames of a file, with [`FrameRecord::file`] 0.
pub(super) fn frame_records(
    path: &Path,
    top: Attributes<'_>,
    n_frames: usize,
) -> Result<Vec<FrameRecord>> {
    let shared = top.item(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE);
    let per_frame: Vec<_> = top
        .items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE)
        .collect();
    if !per_frame.is_empty() && per_frame.len() < n_frames {
        return Err(bad_header(
            path,
            "Per-Frame Functional Groups",
            format!("{n_frames} items, one a frame"),
            format!("{} items", per_frame.len()),
            "the file is damaged",
        ));
    }
    let enhanced = shared.is_some() || !per_frame.is_empty();
    let records = (0..n_frames).map(|f| {
        let groups = Groups {
            top,
            shared,
            frame: per_frame.get(f).copied(),
        };
        let mut record = record(groups, f as u32);
        if !enhanced && n_frames > 1 {
            // A classic multi-frame object has one position for all its frames, which places none
            // of them.
            record.position = None;
        }
        record
    });
    Ok(records.collect())
}

fn record(groups: Groups<'_>, frame: u32) -> FrameRecord {
    let top = groups.top;
    let vector = |group, tag| {
        groups
            .find(group, |item| item.vector(tag))
            .or_else(|| top.vector::<3>(tag))
    };
    let orientation = groups
        .find(tags::PLANE_ORIENTATION_SEQUENCE, |i| {
            i.vector(tags::IMAGE_ORIENTATION_PATIENT)
        })
        .or_else(|| top.vector::<6>(tags::IMAGE_ORIENTATION_PATIENT));
    let measures = tags::PIXEL_MEASURES_SEQUENCE;
    let pixel_spacing = groups
        .find(measures, |i| i.vector(tags::PIXEL_SPACING))
        .or_else(|| top.vector::<2>(tags::PIXEL_SPACING));
    let measure = |tag| groups.number(measures, tag).or_else(|| top.number(tag));
    let transform = tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE;
    let scale = |tag| groups.number(transform, tag).or_else(|| top.number(tag));
    let slope = scale(tags::RESCALE_SLOPE);
    let bad_rescale = slope == Some(0.0);
    FrameRecord {
        file: 0,
        frame,
        position: vector(tags::PLANE_POSITION_SEQUENCE, tags::IMAGE_POSITION_PATIENT)
            .filter(|p: &[f64; 3]| p.iter().all(|v| v.abs() < FARTHEST_MM)),
        orientation: orientation.and_then(unit_axes),
        cosines: orientation.filter(|o| unit_axes(*o).is_some()),
        pixel_spacing: pixel_spacing.filter(|s| s.iter().all(|v| SIZES_MM.contains(v))),
        thickness_mm: measure(tags::SLICE_THICKNESS).filter(|v| SIZES_MM.contains(v)),
        between_slices_mm: measure(tags::SPACING_BETWEEN_SLICES)
            .map(f64::abs)
            .filter(|v| SIZES_MM.contains(v)),
        slope: if bad_rescale {
            1.0
        } else {
            slope.unwrap_or(1.0)
        },
        intercept: if bad_rescale {
            0.0
        } else {
            scale(tags::RESCALE_INTERCEPT).unwrap_or(0.0)
        },
        bad_rescale,
        key: frame_key(groups),
        component: component(groups),
        instance: top.integer(tags::INSTANCE_NUMBER),
    }
}

fn frame_key(groups: Groups<'_>) -> FrameKey {
    let top = groups.top;
    let content = tags::FRAME_CONTENT_SEQUENCE;
    let diffusion = tags::MR_DIFFUSION_SEQUENCE;
    let direction = tags::DIFFUSION_GRADIENT_DIRECTION_SEQUENCE;
    let orientation = tags::DIFFUSION_GRADIENT_ORIENTATION;
    FrameKey {
        temporal: groups
            .number(content, tags::TEMPORAL_POSITION_INDEX)
            .or_else(|| top.number(tags::TEMPORAL_POSITION_IDENTIFIER)),
        acquisition: groups
            .number(content, tags::FRAME_ACQUISITION_NUMBER)
            .or_else(|| top.number(tags::ACQUISITION_NUMBER)),
        echo_ms: groups
            .number(tags::MR_ECHO_SEQUENCE, tags::EFFECTIVE_ECHO_TIME)
            .or_else(|| top.number(tags::ECHO_TIME)),
        inversion_ms: groups
            .number(tags::MR_MODIFIER_SEQUENCE, tags::INVERSION_TIMES)
            .or_else(|| top.number(tags::INVERSION_TIME)),
        b_value: groups
            .number(diffusion, tags::DIFFUSION_B_VALUE)
            .or_else(|| top.number(tags::DIFFUSION_B_VALUE)),
        gradient: groups
            .find(diffusion, |i| i.item(direction)?.vector(orientation))
            .or_else(|| top.vector(orientation)),
        trigger_ms: groups
            .number(
                tags::CARDIAC_SYNCHRONIZATION_SEQUENCE,
                tags::NOMINAL_CARDIAC_TRIGGER_DELAY_TIME,
            )
            .or_else(|| top.number(tags::TRIGGER_TIME)),
    }
}

fn component(groups: Groups<'_>) -> Component {
    let tag = tags::COMPLEX_IMAGE_COMPONENT;
    let text = groups
        .find(tags::MR_IMAGE_FRAME_TYPE_SEQUENCE, |item| item.text(tag))
        .or_else(|| groups.top.text(tag));
    match text.as_deref() {
        Some("MAGNITUDE") => Component::Magnitude,
        Some("PHASE") => Component::Phase,
        Some("REAL") => Component::Real,
        Some("IMAGINARY") => Component::Imaginary,
        Some("MIXED") => Component::Mixed,
        _ => Component::Unsaid,
    }
}

/// Row and column directions as unit vectors, or `None` if they are not nearly unit and
/// perpendicular.
fn unit_axes(v: [f64; 6]) -> Option<[[f64; 3]; 2]> {
    let axes = [[v[0], v[1], v[2]], [v[3], v[4], v[5]]];
    let norms = axes.map(|a| dot(a, a).sqrt());
    if norms.iter().any(|n| (n - 1.0).abs() > 0.05) {
        return None;
    }
    let unit: [[f64; 3]; 2] = std::array::from_fn(|a| axes[a].map(|c| c / norms[a]));
    (dot(unit[0], unit[1]).abs() < 0.02).then_some(unit)
}

/// Scalar product.
pub(super) fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// Vector product.
pub(super) fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_that_are_no_directions_are_refused() {
        assert!(unit_axes([0.0; 6]).is_none());
        assert!(unit_axes([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]).is_none());
        assert!(unit_axes([2.0, 0.0, 0.0, 0.0, 1.0, 0.0]).is_none());
        let axes = unit_axes([1.001, 0.0, 0.0, 0.0, 0.0, -1.0]).unwrap();
        assert_eq!(axes, [[1.0, 0.0, 0.0], [0.0, 0.0, -1.0]]);
    }

    #[test]
    fn keys_are_ordered_by_time_then_echo() {
        let key = |temporal, echo| FrameKey {
            temporal: Some(temporal),
            echo_ms: Some(echo),
            ..FrameKey::default()
        };
        assert_eq!(key(1.0, 30.0).order(&key(2.0, 10.0)), Ordering::Less);
        assert_eq!(key(1.0, 30.0).order(&key(1.0, 10.0)), Ordering::Greater);
        assert_eq!(key(1.0, 30.0).order(&key(1.0, 30.0)), Ordering::Equal);
        assert_eq!(key(1.0, 30.0).differing(&key(1.0, 10.0)), ["echo time"]);
    }
}
