//! DICOM SEG (PS3.3 C.8.20): frames of one segment each, binary or fractional, painted by their own place in the patient.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use dicom_dictionary_std::tags;

use super::attributes::Attributes;
use super::labels::{Object, inverse_of, items, to_index};
use crate::{Affine, Error, Geometry, OpenOptions, Result};

/// A slice of the grid takes a frame whose plane is no farther than this part of the distance between slices.
const NEAR: f64 = 0.5;

/// Where the pixels of a frame lie, LPS.
struct Plane {
    origin: [f64; 3],
    /// Step from column to column and from row to row.
    step: [[f64; 3]; 2],
}

pub(super) fn paint(
    path: &Path,
    object: &Object,
    onto: &Geometry,
    value_of: &dyn Fn(&str) -> Option<u8>,
    options: &OpenOptions,
    labels: &mut [u8],
) -> Result<()> {
    let bad = |what: &str, expected: &str, found: String| Error::ReadDicom {
        path: path.into(),
        what: what.into(),
        expected: expected.into(),
        found,
        source: None,
    };
    let header = Attributes(&object.attributes);
    let inverse = inverse_of(path, onto)?;
    let side = |tag, what: &str| {
        header
            .integer(tag)
            .and_then(|n| usize::try_from(n).ok())
            .filter(|n| (1..=1 << 15).contains(n))
            .ok_or_else(|| bad(what, "1 to 32768", "another or none".into()))
    };
    let (rows, columns) = (side(tags::ROWS, "rows")?, side(tags::COLUMNS, "columns")?);
    let bits = header.integer(tags::BITS_ALLOCATED).unwrap_or(0);
    if !matches!(bits, 1 | 8) {
        return Err(bad("bits allocated", "1 or 8", bits.to_string()));
    }
    // Of a fraction more than half of the largest is inside.
    let most = header.integer(tags::MAXIMUM_FRACTIONAL_VALUE).unwrap_or(1);
    let mut values: HashMap<i64, u8> = HashMap::new();
    for segment in items(header, tags::SEGMENT_SEQUENCE) {
        let segment = Attributes(segment);
        let number = segment.integer(tags::SEGMENT_NUMBER);
        let name = segment.text(tags::SEGMENT_LABEL).unwrap_or_default();
        if let (Some(number), Some(value)) = (number, value_of(&name)) {
            values.insert(number, value);
        }
    }
    let frames = items(header, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
    let shared = items(header, tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE);
    let Some((offset, length)) = object.pixels else {
        return Err(bad(
            "pixel data",
            "uncompressed samples",
            "another encoding".into(),
        ));
    };
    let n = rows * columns;
    let n_values = n.checked_mul(frames.len());
    let Some(n_values) = n_values.filter(|n| *n <= options.max_voxels) else {
        return Err(Error::TooLarge {
            path: path.into(),
            what: "voxels of all segments",
            expected: options.max_voxels as u64,
            found: format!("{} frames of {rows} x {columns}", frames.len()),
            hint: "raise the voxel limit",
        });
    };
    let n_bytes = if bits == 1 {
        n_values.div_ceil(8)
    } else {
        n_values
    };
    if length < n_bytes as u64 {
        return Err(Error::Truncated {
            path: path.into(),
            expected: n_bytes as u64,
            found: length,
            source: None,
        });
    }
    let mut raw = vec![0; n_bytes];
    let mut file = File::open(path).map_err(Error::io(path, "read"))?;
    file.seek(SeekFrom::Start(offset))
        .and_then(|_| file.read_exact(&mut raw))
        .map_err(Error::io(path, "read"))?;
    // Bits of binary frames follow each other without a gap, the lowest bit of a byte first.
    let inside = |at: usize| match bits {
        1 => raw[at / 8] >> (at % 8) & 1 == 1,
        _ => 2 * i64::from(raw[at]) > most,
    };
    for (k, frame) in frames.iter().enumerate() {
        let frame = Attributes(frame);
        let number = items(frame, tags::SEGMENT_IDENTIFICATION_SEQUENCE)
            .first()
            .or_else(|| {
                let shared = Attributes(shared.first()?);
                items(shared, tags::SEGMENT_IDENTIFICATION_SEQUENCE).first()
            })
            .and_then(|i| Attributes(i).integer(tags::REFERENCED_SEGMENT_NUMBER));
        let Some(&value) = number.and_then(|n| values.get(&n)) else {
            continue;
        };
        let shared = shared.first().map(Attributes);
        let plane = plane(frame, shared).ok_or_else(|| {
            bad(
                "plane",
                "position, orientation and spacing of every frame",
                format!("none of frame {k}"),
            )
        })?;
        paint_frame(
            &plane,
            [rows, columns],
            onto,
            &inverse,
            labels,
            value,
            &|at| inside(k * n + at),
        );
    }
    Ok(())
}

/// The plane of a frame, from its own functional groups or the shared ones.
fn plane(frame: Attributes<'_>, shared: Option<Attributes<'_>>) -> Option<Plane> {
    let vector = |sequence, tag| {
        let of = |groups: Attributes<'_>| {
            let item = items(groups, sequence).first()?;
            Attributes(item).numbers(tag)
        };
        of(frame).or_else(|| of(shared?))
    };
    let position = vector(tags::PLANE_POSITION_SEQUENCE, tags::IMAGE_POSITION_PATIENT)?;
    let orientation = vector(
        tags::PLANE_ORIENTATION_SEQUENCE,
        tags::IMAGE_ORIENTATION_PATIENT,
    )?;
    let spacing = vector(tags::PIXEL_MEASURES_SEQUENCE, tags::PIXEL_SPACING)?;
    let origin: [f64; 3] = position.try_into().ok()?;
    let o: [f64; 6] = orientation.try_into().ok()?;
    let [between_rows, between_columns]: [f64; 2] = spacing.try_into().ok()?;
    (between_rows > 0.0 && between_columns > 0.0).then_some(Plane {
        origin,
        step: [
            [o[0], o[1], o[2]].map(|v| v * between_columns),
            [o[3], o[4], o[5]].map(|v| v * between_rows),
        ],
    })
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// Paints the voxels of the grid whose nearest pixel of the frame is inside; slices away from the frame's plane stay.
fn paint_frame(
    plane: &Plane,
    [rows, columns]: [usize; 2],
    onto: &Geometry,
    inverse: &Affine,
    labels: &mut [u8],
    value: u8,
    inside: &dyn Fn(usize) -> bool,
) {
    let size = onto.size;
    let corner = |i: f64, j: f64| -> [f64; 3] {
        std::array::from_fn(|c| plane.origin[c] + i * plane.step[0][c] + j * plane.step[1][c])
    };
    let middle = corner((columns - 1) as f64 / 2.0, (rows - 1) as f64 / 2.0);
    let slice = to_index(inverse, middle)[2];
    let k = slice.round();
    if !(0.0..size.z as f64).contains(&k) || (slice - k).abs() > NEAR {
        return;
    }
    let k = k as usize;
    let lengths = plane.step.map(|s| dot(s, s));
    for j in 0..size.y {
        for i in 0..size.x {
            let ras = onto.affine.apply([i as f64, j as f64, k as f64]);
            let from: [f64; 3] = [
                -ras[0] - plane.origin[0],
                -ras[1] - plane.origin[1],
                ras[2] - plane.origin[2],
            ];
            let column = (dot(from, plane.step[0]) / lengths[0]).round();
            let row = (dot(from, plane.step[1]) / lengths[1]).round();
            if (0.0..columns as f64).contains(&column)
                && (0.0..rows as f64).contains(&row)
                && inside(row as usize * columns + column as usize)
            {
                labels[size.offset(i, j, k)] = value;
            }
        }
    }
}
