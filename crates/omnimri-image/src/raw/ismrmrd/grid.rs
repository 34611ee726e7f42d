//! A Cartesian frame: lines laid on the encoded matrix.

use std::collections::HashSet;

use num_complex::Complex32;

use super::index::{Line, flag};
use super::{Faults, Source, nothing_measured};
use crate::raw::mrd_header::Limit;
use crate::raw::{FrameData, KSpace3};
use crate::{Error, KSpace, Result};

/// Place of a line: `[z][y]` and where its samples lie along x.
pub(super) struct Place {
    pub row: usize,
    column: Column,
}

/// Both phase directions: name of the counter and matrix side.
fn directions(source: &Source) -> [(&'static str, usize); 2] {
    let size = source.size();
    [
        ("kspace_encode_step_1", size.y),
        ("kspace_encode_step_2", size.z),
    ]
}

/// Counter of the zero frequency in both phase directions: that of the header, or the middle of the matrix.
pub(super) fn centres(source: &Source, warnings: &mut Vec<String>) -> [usize; 2] {
    let mut last = [0; 2];
    for &at in source.frames.iter().flat_map(|f| &f.imaging) {
        let line = &source.lines[at as usize];
        last = [last[0].max(line.step_1), last[1].max(line.step_2)];
    }
    let limits = [source.encoding.step_1, source.encoding.step_2];
    let mut centres = [0; 2];
    for (i, (name, side)) in directions(source).into_iter().enumerate() {
        centres[i] = match limits[i] {
            None => side / 2,
            // Writers that do not fill the limits leave zeros, with which the lines would leave the matrix.
            Some(Limit {
                minimum: 0,
                centre: 0,
            }) if usize::from(last[i]) >= side - side / 2 && usize::from(last[i]) < side => {
                warnings.push(format!(
                    "The header puts the centre of {name} at line 0, from which lines up to {} would leave the matrix; line {} \
                     is taken as the centre.",
                    last[i],
                    side / 2
                ));
                side / 2
            }
            Some(limit) => limit.centre,
        };
    }
    centres
}

/// Checks that every line of every frame has a place, so that a wrong header is found at once.
pub(super) fn check(source: &Source, warnings: &mut Vec<String>) -> Result<()> {
    let mut recentred = None;
    for &at in source.frames.iter().flat_map(|f| &f.imaging) {
        let line = &source.lines[at as usize];
        place(source, line)?;
        if column(source, line).is_some_and(|c| c.repaired) {
            recentred.get_or_insert(line.centre);
        }
    }
    if let Some(centre) = recentred {
        warnings.push(format!(
            "Lines say that their centre is at sample {centre}, where they would leave the matrix of {} columns; they are laid \
             symmetrically.",
            source.size().x
        ));
    }
    Ok(())
}

pub(super) struct Column {
    /// Of the first sample; negative where discarded samples stick out.
    first: isize,
    /// Laid symmetrically because its centre cannot be right.
    repaired: bool,
}

impl Column {
    /// Column of a sample of a line: the first sample of one that was read out backwards goes last.
    pub fn of(&self, source: &Source, line: &Line, sample: usize) -> usize {
        let along = if line.has(flag::REVERSE) {
            source.n_samples - 1 - sample
        } else {
            sample
        };
        // Kept samples lie within the matrix, or there would be no column.
        (self.first + along as isize).max(0) as usize
    }
}

/// Column of the first sample; `None` if the line does not fit.
pub(super) fn column(source: &Source, line: &Line) -> Option<Column> {
    let n_x = source.size().x as isize;
    let (from, to) = line.kept();
    let (from, to) = (from as isize, to as isize);
    let n = isize::try_from(source.n_samples).ok()?;
    let (from, to) = if line.has(flag::REVERSE) {
        (n - to, n - from)
    } else {
        (from, to)
    };
    let fits = |first: isize| first + from >= 0 && first + to <= n_x;
    let first = n_x / 2 - line.centre as isize;
    if fits(first) {
        return Some(Column {
            first,
            repaired: false,
        });
    }
    // A whole line has one place only; a centre at 0 was not filled in.
    let first = if to - from == n_x {
        -from
    } else {
        n_x / 2 - n / 2
    };
    ((line.centre == 0 || to - from == n_x) && fits(first)).then_some(Column {
        first,
        repaired: true,
    })
}

pub(super) fn place(source: &Source, line: &Line) -> Result<Place> {
    let wrong = |field: String, expected: String, found: String, hint: &str| Error::BadHeader {
        path: source.path.clone(),
        field: format!("acquisition {} {field}", line.number),
        expected,
        found,
        hint: hint.into(),
    };
    let mut at = [0; 2];
    for (i, (name, side)) in directions(source).into_iter().enumerate() {
        let step = usize::from([line.step_1, line.step_2][i]);
        let centre = source.centres[i];
        let position = (step + side / 2).checked_sub(centre).filter(|&p| p < side);
        at[i] = position.ok_or_else(|| {
            wrong(
                format!("idx.{name}"),
                format!("a line of the encoded matrix ({side} lines, centre at {centre})"),
                format!("line {step}"),
                "the encoded matrix or the encoding limits of the header do not belong to these data",
            )
        })?;
    }
    let [y, z] = at;
    let Some(column) = column(source, line) else {
        return Err(wrong(
            "number_of_samples".into(),
            format!(
                "at most {} samples about the centre, the encoded matrix",
                source.size().x
            ),
            format!(
                "{} samples with the centre at {}",
                line.n_samples, line.centre
            ),
            "the encoded matrix of the header does not belong to these data",
        ));
    };
    Ok(Place {
        row: z * source.size().y + y,
        column,
    })
}

/// Reads a frame: lines measured several times are averaged; calibration lines fill what the imaging lines left open.
pub(super) fn read(source: &Source, index: usize, warnings: &mut Vec<String>) -> Result<FrameData> {
    let frame = &source.frames[index];
    let size = source.size();
    let n = size.count();
    let n_rows = size.z * size.y;
    let mut sum = vec![Complex32::ZERO; source.n_coils * n];
    let mut count = vec![0_u32; n];
    let mut seen = HashSet::new();
    let mut faults = Faults::default();
    let (mut n_repeated, mut n_filled) = (0, 0);
    let mut lay = |line: &Line, to: &Place, samples: &[Complex32]| {
        let (from, end) = line.kept();
        for sample in from..end {
            let x = to.row * size.x + to.column.of(source, line, sample);
            count[x] += 1;
            for coil in 0..source.n_coils {
                sum[coil * n + x] += samples[coil * source.n_samples + sample];
            }
        }
    };
    let mut imaged = vec![false; n_rows];
    for &at in &frame.imaging {
        let line = &source.lines[at as usize];
        let samples = source.samples(line)?;
        if faults.leave_out(&samples) {
            continue;
        }
        let to = place(source, line)?;
        let kept = line.kept();
        n_repeated += usize::from(!seen.insert((to.row, line.average, kept, line.centre)));
        imaged[to.row] = true;
        lay(line, &to, &samples);
    }
    for &at in &frame.calibration {
        let line = &source.lines[at as usize];
        // A calibration line may have been measured apart, with another contrast: what is imaged goes before.
        let Ok(to) = place(source, line) else {
            continue;
        };
        if imaged[to.row] {
            continue;
        }
        let samples = source.samples(line)?;
        if faults.leave_out(&samples) {
            continue;
        }
        n_filled += 1;
        lay(line, &to, &samples);
    }
    faults.warn(warnings);
    if n_repeated > 0 {
        warnings.push(format!(
            "{n_repeated} lines were measured again without an average counter; they are averaged."
        ));
    }
    if n_filled > 0 {
        warnings.push(format!(
            "{n_filled} calibration lines are used where the image has none."
        ));
    }
    let mask: Vec<bool> = count.iter().map(|&n| n > 0).collect();
    if !mask.contains(&true) {
        return Err(nothing_measured(&source.path, index));
    }
    for coil in sum.chunks_mut(n) {
        for (value, &n) in coil.iter_mut().zip(&count) {
            if n > 1 {
                *value /= n as f32;
            }
        }
    }
    Ok(if size.z == 1 {
        FrameData::Cartesian(KSpace {
            samples: sum,
            n_coils: source.n_coils,
            n_y: size.y,
            n_x: size.x,
            mask,
            warnings: Vec::new(),
        })
    } else {
        FrameData::Cartesian3(KSpace3 {
            samples: sum,
            n_coils: source.n_coils,
            size,
            mask,
        })
    })
}
