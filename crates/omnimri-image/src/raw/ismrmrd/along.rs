//! A frame along a trajectory.

use num_complex::Complex32;

use super::index::Line;
use super::{Faults, Source, nothing_measured};
use crate::raw::{FrameData, NonCartesian};
use crate::{Error, Result, Zyx};

/// Trajectories of the header whose samples lie on a grid.
const ON_GRID: [&str; 2] = ["cartesian", "epi"];
/// Coordinates may leave the matrix by this part of it: gradient delays and rounding.
const BEYOND: f32 = 0.01;

/// What one stored unit is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    /// Cycles per field of view of one stored unit, `z, y, x`.
    unit: [f32; 3],
    /// The third value of a 2D trajectory is a density compensation weight.
    density: bool,
}

/// True if samples lie along a trajectory; an error if the header promises one that is not there.
pub(super) fn has_trajectory(source: &Source) -> Result<bool> {
    let Some(line) = source.frames.first().and_then(|f| f.imaging.first()) else {
        return Ok(false);
    };
    let line = &source.lines[*line as usize];
    let said = source.encoding.trajectory.as_str();
    if line.n_dims > 0 {
        return Ok(true);
    }
    if ON_GRID.contains(&said) {
        return Ok(false);
    }
    Err(Error::BadHeader {
        path: source.path.clone(),
        field: "ISMRMRD header encoding[0]/trajectory".into(),
        expected: "a trajectory with every acquisition, or cartesian".into(),
        found: format!("{said} without coordinates"),
        hint: "add the trajectory to the acquisitions when converting".into(),
    })
}

impl Scale {
    /// Looks at the first frame: files hold cycles per sample (at most one half) or cycles per field of view.
    pub fn find(source: &Source, warnings: &mut Vec<String>) -> Result<Self> {
        let mut most = [0.0_f32; 3];
        let mut least_third = 0.0_f32;
        for &at in &source.frames[0].imaging {
            let line = &source.lines[at as usize];
            let stored = stored(source, line)?;
            for values in stored.chunks(line.n_dims.into()) {
                for (most, value) in most.iter_mut().zip(values) {
                    *most = most.max(value.abs());
                }
                least_third = least_third.min(*values.get(2).unwrap_or(&0.0));
            }
        }
        let size = source.size();
        let sides = [size.x as f32, size.y as f32, size.z as f32];
        let density = size.z == 1 && most[2] > 0.0 && least_third >= 0.0;
        if density {
            warnings.push(
                "The third trajectory value is taken as a density compensation weight.".into(),
            );
        }
        let axes = if density { 2 } else { 3 };
        // Half a cycle per sample is the edge of the matrix; the smallest side in use has two samples.
        let per_sample = most[..axes].iter().all(|&m| m <= 0.5 * (1.0 + BEYOND));
        let unit = if per_sample {
            warnings.push(
                "The trajectory stays within -0.5 to 0.5 and is taken as cycles per sample of the encoded matrix.".into(),
            );
            [sides[2], sides[1], sides[0]]
        } else {
            warnings.push(
                "The trajectory is taken as cycles per field of view of the encoded matrix.".into(),
            );
            [1.0; 3]
        };
        let scale = Self { unit, density };
        if most[..axes].iter().all(|&m| m == 0.0) {
            return Err(Error::BadHeader {
                path: source.path.clone(),
                field: "acquisition trajectory".into(),
                expected: "coordinates that differ".into(),
                found: "zeros only".into(),
                hint: "add the trajectory to the acquisitions when converting".into(),
            });
        }
        Ok(scale)
    }
}

/// Coordinates as stored, `[sample][dimension]`.
fn stored(source: &Source, line: &Line) -> Result<Vec<f32>> {
    let n = usize::from(line.n_samples) * usize::from(line.n_dims);
    let wrong = |expected: String, found: String| Error::BadHeader {
        path: source.path.clone(),
        field: format!("acquisition {} traj", line.number),
        expected,
        found,
        hint: "convert the raw data again".into(),
    };
    if !matches!(line.n_dims, 2 | 3) {
        return Err(wrong(
            "2 or 3 values a sample".into(),
            line.n_dims.to_string(),
        ));
    }
    if line.trajectory.len as usize != n {
        let expected = format!(
            "{n} floats for {} samples of {} values",
            line.n_samples, line.n_dims
        );
        return Err(wrong(expected, format!("{} floats", line.trajectory.len)));
    }
    let values: Vec<f32> = source.heap.value(line.trajectory, 4, |bytes| {
        let (floats, _) = bytes.as_chunks::<4>();
        floats.iter().map(|b| f32::from_le_bytes(*b)).collect()
    })?;
    match values.iter().find(|v| !v.is_finite()) {
        Some(bad) => Err(wrong("finite coordinates".into(), bad.to_string())),
        None => Ok(values),
    }
}

/// Reads a frame: every line is one readout.
pub(super) fn read(
    source: &Source,
    index: usize,
    scale: Scale,
    warnings: &mut Vec<String>,
) -> Result<FrameData> {
    let frame = &source.frames[index];
    let lines: Vec<&Line> = frame
        .imaging
        .iter()
        .map(|&at| &source.lines[at as usize])
        .collect();
    let (from, end) = lines[0].kept();
    let n_samples = end - from;
    if let Some(other) = lines.iter().find(|l| l.kept() != (from, end)) {
        return Err(Error::BadShape {
            path: source.path.clone(),
            what: "readouts of several lengths",
            expected: format!(
                "samples {from} to {end} as in acquisition {}",
                lines[0].number
            ),
            found: format!("samples {:?} in acquisition {}", other.kept(), other.number),
            hint: "convert the raw data with one length".into(),
        });
    }
    let total = lines
        .len()
        .saturating_mul(n_samples)
        .saturating_mul(source.n_coils);
    if total > source.max_samples {
        return Err(Error::TooLarge {
            path: source.path.clone(),
            what: "samples of one frame",
            expected: source.max_samples as u64,
            found: format!(
                "{} readouts of {n_samples} samples and {} coils",
                lines.len(),
                source.n_coils
            ),
            hint: "raise the limit",
        });
    }
    let mut faults = Faults::default();
    let mut readouts: Vec<Vec<Complex32>> = Vec::with_capacity(lines.len());
    let mut coord = Vec::with_capacity(lines.len() * n_samples);
    let mut density = Vec::new();
    for line in lines {
        let samples = source.samples(line)?;
        if faults.leave_out(&samples) {
            continue;
        }
        let stored = stored(source, line)?;
        let dims = usize::from(line.n_dims);
        for values in stored[from * dims..end * dims].chunks(dims) {
            coord.push(position(source, line, values, scale)?);
            if scale.density {
                density.push(values.get(2).copied().unwrap_or(1.0));
            }
        }
        readouts.push(samples);
    }
    faults.warn(warnings);
    if readouts.is_empty() {
        return Err(nothing_measured(&source.path, index));
    }
    if !frame.calibration.is_empty() {
        warnings.push(format!(
            "{} calibration lines are left out.",
            frame.calibration.len()
        ));
    }
    let mut samples = Vec::with_capacity(readouts.len() * n_samples * source.n_coils);
    for coil in 0..source.n_coils {
        for readout in &readouts {
            let start = coil * source.n_samples;
            samples.extend_from_slice(&readout[start + from..start + end]);
        }
    }
    Ok(FrameData::NonCartesian(NonCartesian {
        samples,
        n_coils: source.n_coils,
        n_readouts: readouts.len(),
        n_samples,
        coord,
        size: source.size(),
        density: scale.density.then_some(density),
    }))
}

/// `z, y, x` in cycles per field of view.
fn position(source: &Source, line: &Line, values: &[f32], scale: Scale) -> Result<[f32; 3]> {
    let Zyx { z, y, x } = source.size();
    let third = match values.get(2) {
        Some(&third) if !scale.density => third * scale.unit[0],
        // Planes of a stack are told apart by the second phase counter.
        _ if z > 1 => f32::from(line.step_2) - source.centres[1] as f32,
        _ => 0.0,
    };
    let k = [third, values[1] * scale.unit[1], values[0] * scale.unit[2]];
    for (axis, (&k, side)) in k.iter().zip([z, y, x]).enumerate() {
        let most = side as f32 / 2.0;
        let allowed = if side == 1 {
            0.5
        } else {
            most * (1.0 + BEYOND) + 0.5
        };
        if k.abs() > allowed {
            return Err(Error::BadHeader {
                path: source.path.clone(),
                field: format!("acquisition {} traj", line.number),
                expected: format!(
                    "{} within -{most} to {most} cycles per field of view",
                    ["kz", "ky", "kx"][axis]
                ),
                found: k.to_string(),
                hint: "the trajectory does not belong to the encoded matrix".into(),
            });
        }
    }
    Ok(k)
}
