//! Which acquisition goes into which frame, and which are left out.

use std::collections::BTreeMap;
use std::path::Path;

use super::index::{Key, Line, flag, read_heads};
use crate::raw::SlicePosition;
use crate::raw::hdf5::Dataset;
use crate::{Error, Result};

/// Lines of one frame, as indices into [`Sorted::lines`], in the order of the file.
#[derive(Debug)]
pub(super) struct FrameLines {
    pub key: Key,
    pub imaging: Vec<u32>,
    /// Lines for calibration only.
    pub calibration: Vec<u32>,
    /// Readouts without phase encoding, for the phase correction of echo-planar lines.
    pub navigators: Vec<u32>,
    /// Of the first imaging line.
    pub position: Option<SlicePosition>,
}

/// All acquisitions, sorted.
pub(super) struct Sorted {
    pub lines: Vec<Line>,
    /// At least one; each with at least one imaging line.
    pub frames: Vec<FrameLines>,
    /// Noise scans, as indices into `lines`.
    pub noise: Vec<u32>,
    pub n_coils: usize,
    pub n_samples: usize,
}

/// Kinds of line that no image is made of.
const LEFT_OUT: [(u64, &str); 5] = [
    (flag::NAVIGATION, "navigator"),
    (flag::DUMMY, "dummy"),
    (flag::FEEDBACK, "feedback"),
    (flag::SURFACE_COIL, "surface-coil correction"),
    (flag::PHASE_STABILISATION, "phase-stabilisation"),
];

/// Reads and sorts all heads.
pub(super) fn sort(path: &Path, data: &Dataset, warnings: &mut Vec<String>) -> Result<Sorted> {
    let mut lines = Vec::new();
    let mut noise = Vec::new();
    let mut frames: BTreeMap<Key, FrameLines> = BTreeMap::new();
    let mut corrections: BTreeMap<Key, Vec<u32>> = BTreeMap::new();
    let mut n_left_out = [0_usize; LEFT_OUT.len()];
    let (mut n_empty, mut n_other_encoding) = (0_usize, 0_usize);
    read_heads(path, data, |line, position| {
        if line.n_samples == 0 || line.n_coils == 0 {
            n_empty += 1;
            return;
        }
        let at = lines.len() as u32;
        if line.has(flag::NOISE) {
            noise.push(at);
            lines.push(line);
            return;
        }
        if let Some(kind) = LEFT_OUT.iter().position(|(flags, _)| line.has(*flags)) {
            n_left_out[kind] += 1;
            return;
        }
        if line.encoding != 0 {
            n_other_encoding += 1;
            return;
        }
        if line.has(flag::PHASE_CORRECTION) {
            corrections.entry(line.key).or_default().push(at);
            lines.push(line);
            return;
        }
        let frame = frames.entry(line.key).or_insert_with(|| FrameLines {
            key: line.key,
            imaging: Vec::new(),
            calibration: Vec::new(),
            navigators: Vec::new(),
            position: None,
        });
        if line.has(flag::CALIBRATION) && !line.has(flag::CALIBRATION_AND_IMAGING) {
            frame.calibration.push(at);
        } else {
            if frame.imaging.is_empty() {
                frame.position = position;
            }
            frame.imaging.push(at);
        }
        lines.push(line);
    })?;
    for (n, (_, kind)) in n_left_out.iter().zip(LEFT_OUT) {
        if *n > 0 {
            warnings.push(format!("{n} {kind} lines are left out."));
        }
    }
    if n_empty > 0 {
        warnings.push(format!(
            "{n_empty} acquisitions without samples are left out."
        ));
    }
    if n_other_encoding > 0 {
        warnings.push(format!(
            "{n_other_encoding} lines of other encodings than the first are left out."
        ));
    }
    let mut frames: Vec<FrameLines> = frames.into_values().collect();
    drop_calibration_frames(&mut frames, warnings);
    let Some(&first) = frames.first().and_then(|f| f.imaging.first()) else {
        return Err(Error::BadShape {
            path: path.into(),
            what: "k-space",
            expected: "imaging lines of the first encoding".into(),
            found: format!(
                "none in {} acquisitions",
                data.shape.iter().product::<usize>()
            ),
            hint: "the file may hold a calibration or noise scan only".into(),
        });
    };
    let first = lines[first as usize];
    same_size(path, &lines, &frames, &first)?;
    drop_other_calibration(&lines, &mut frames, &first, warnings);
    serve_corrections(&lines, &corrections, &mut frames, &first, warnings);
    Ok(Sorted {
        n_coils: first.n_coils.into(),
        n_samples: first.n_samples.into(),
        lines,
        frames,
        noise,
    })
}

/// Frames of calibration lines alone are scans of their own, unless there is nothing else.
fn drop_calibration_frames(frames: &mut Vec<FrameLines>, warnings: &mut Vec<String>) {
    if frames.iter().all(|f| f.imaging.is_empty()) {
        for frame in frames.iter_mut() {
            std::mem::swap(&mut frame.imaging, &mut frame.calibration);
        }
        if !frames.is_empty() {
            warnings
                .push("All lines are marked as calibration; they are taken as the image.".into());
        }
        return;
    }
    let n = frames.len();
    frames.retain(|f| !f.imaging.is_empty());
    if frames.len() < n {
        warnings.push(format!(
            "{} frames of calibration lines alone are left out.",
            n - frames.len()
        ));
    }
}

/// Imaging lines must all have the coils and samples of the first.
fn same_size(path: &Path, lines: &[Line], frames: &[FrameLines], first: &Line) -> Result<()> {
    for &at in frames.iter().flat_map(|f| &f.imaging) {
        let line = &lines[at as usize];
        if (line.n_coils, line.n_samples, line.n_dims)
            != (first.n_coils, first.n_samples, first.n_dims)
        {
            let text = |l: &Line| {
                format!(
                    "{} coils, {} samples and {} trajectory values a sample in acquisition {}",
                    l.n_coils, l.n_samples, l.n_dims, l.number
                )
            };
            return Err(Error::BadShape {
                path: path.into(),
                what: "imaging lines of several sizes",
                expected: text(first),
                found: text(line),
                hint: "split the file by scan".into(),
            });
        }
    }
    Ok(())
}

/// Calibration lines of another size cannot be laid on the grid.
fn drop_other_calibration(
    lines: &[Line],
    frames: &mut [FrameLines],
    first: &Line,
    warnings: &mut Vec<String>,
) {
    let mut n = 0;
    for frame in frames {
        let before = frame.calibration.len();
        frame.calibration.retain(|&at| {
            let line = &lines[at as usize];
            (line.n_coils, line.n_samples, line.n_dims)
                == (first.n_coils, first.n_samples, first.n_dims)
        });
        n += before - frame.calibration.len();
    }
    if n > 0 {
        warnings.push(format!(
            "{n} calibration lines of another size than the image are left out."
        ));
    }
}

/// Gives every frame the phase-correction lines of its own counters, or else the first ones of its slice; those of another size than
/// the image cannot serve.
fn serve_corrections(
    lines: &[Line],
    corrections: &BTreeMap<Key, Vec<u32>>,
    frames: &mut [FrameLines],
    first: &Line,
    warnings: &mut Vec<String>,
) {
    let fits = |at: &u32| {
        let line = &lines[*at as usize];
        (line.n_coils, line.n_samples) == (first.n_coils, first.n_samples)
    };
    for frame in frames {
        let of_slice = || {
            let mut all = corrections.iter();
            all.find(|(key, _)| key.slice == frame.key.slice)
                .map(|(_, list)| list)
        };
        let serving = corrections.get(&frame.key).or_else(of_slice);
        frame.navigators = serving
            .into_iter()
            .flatten()
            .copied()
            .filter(fits)
            .collect();
    }
    let n = corrections
        .values()
        .flatten()
        .filter(|at| !fits(at))
        .count();
    if n > 0 {
        warnings.push(format!(
            "{n} phase-correction lines of another size than the image are left out."
        ));
    }
}
