//! Samples of one frame, read when asked for.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use num_complex::Complex32;

use super::container::read_at;
use super::mdh::{Readout, SAMPLE_BYTES};
use super::scan::{Grid, Plan};
use crate::raw::{Calibration, EpiInfo, EpiNavigator, Frame, FrameData, FrameSource, KSpace3};
use crate::{Error, KSpace, Result};

/// The imaging measurement of an opened file.
#[derive(Debug)]
pub(super) struct Source {
    pub path: PathBuf,
    pub plan: Plan,
}

/// Samples of one readout `[coil][sample]`, turned round if it ran backwards.
///
/// The buffer is reused from line to line.
pub(super) fn read_readout(
    file: &mut File,
    path: &Path,
    r: &Readout,
    bytes: &mut Vec<u8>,
    samples: &mut Vec<Complex32>,
) -> Result<()> {
    let (n, stride) = (usize::from(r.n_samples), r.coil_stride as usize);
    // Its length was checked against the file's size when the line was found.
    bytes.resize(stride * (usize::from(r.n_coils) - 1) + n * SAMPLE_BYTES, 0);
    read_at(file, path, r.samples_at, bytes)?;
    samples.clear();
    for coil in bytes.chunks(stride) {
        let float = |b: &[u8]| f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
        let start = samples.len();
        let pairs = coil[..n * SAMPLE_BYTES].chunks_exact(SAMPLE_BYTES);
        samples.extend(pairs.map(|p| Complex32::new(float(p), float(&p[4..]))));
        if r.reversed() {
            samples[start..].reverse();
        }
    }
    Ok(())
}

/// A grid being filled with lines.
struct Filling {
    samples: Vec<Complex32>,
    /// How often each sample `[z][y][x]` was measured.
    counts: Vec<u16>,
    /// Direction of each row `[z][y]`, where measured.
    reversed: Vec<Option<bool>>,
    seen: BTreeSet<(usize, u16)>,
    n_twice: usize,
    n_not_finite: usize,
    n_against: usize,
    n_outside: usize,
}

impl Filling {
    fn new(grid: &Grid, n_coils: usize) -> Self {
        let rows = grid.size.z * grid.size.y;
        Self {
            samples: vec![Complex32::ZERO; n_coils * rows * grid.size.x],
            counts: vec![0; rows * grid.size.x],
            reversed: vec![None; rows],
            seen: BTreeSet::new(),
            n_twice: 0,
            n_not_finite: 0,
            n_against: 0,
            n_outside: 0,
        }
    }

    /// Adds a line to what its row holds; averages are divided out at the end.
    fn add(&mut self, grid: &Grid, r: &Readout, line: &[Complex32]) {
        let Some(row) = grid.row(r) else {
            self.n_outside += 1;
            return;
        };
        if line.iter().any(|s| !s.re.is_finite() || !s.im.is_finite()) {
            self.n_not_finite += 1;
            return;
        }
        // Lines that ran opposite ways are not the same measurement until they are corrected.
        if self.reversed[row].is_some_and(|way| way != r.reversed()) {
            self.n_against += 1;
            return;
        }
        self.reversed[row] = Some(r.reversed());
        self.n_twice += usize::from(!self.seen.insert((row, r.average)));
        let n_x = grid.size.x;
        let n = usize::from(r.n_samples);
        let Overlap { start, end, from } = overlap(grid, r);
        let n_rows = self.reversed.len();
        for count in &mut self.counts[row * n_x..][start..end] {
            *count = count.saturating_add(1);
        }
        for (coil, line) in line.chunks_exact(n).enumerate() {
            let to = &mut self.samples[(coil * n_rows + row) * n_x..][start..end];
            for (sum, s) in to.iter_mut().zip(&line[from..]) {
                *sum += s;
            }
        }
    }

    /// Means of averages, and which samples were measured.
    fn finish(&mut self) -> Vec<bool> {
        let n = self.counts.len();
        if self.counts.iter().any(|&c| c > 1) {
            for coil in self.samples.chunks_exact_mut(n) {
                for (s, &count) in coil.iter_mut().zip(&self.counts) {
                    if count > 1 {
                        *s /= f32::from(count);
                    }
                }
            }
        }
        self.counts.iter().map(|&c| c > 0).collect()
    }

    fn warnings(&self) -> Vec<String> {
        let told = [
            (
                self.n_twice,
                "lines were measured twice within one average, and averaged",
            ),
            (
                self.n_not_finite,
                "lines hold NaN or infinite samples and count as not measured",
            ),
            (
                self.n_against,
                "lines ran against an earlier one of the same number and were left out",
            ),
            (
                self.n_outside,
                "lines lie outside the matrix and were left out",
            ),
        ];
        let told = told.into_iter().filter(|(n, _)| *n > 0);
        told.map(|(n, what)| format!("{n} {what}.")).collect()
    }
}

/// Where a readout meets the grid: columns from `start` to `end`, the first from the readout's sample `from`.
struct Overlap {
    start: usize,
    end: usize,
    from: usize,
}

/// Columns of the grid that a readout fills: its samples less those cut off, as far as the grid reaches.
fn overlap(grid: &Grid, r: &Readout) -> Overlap {
    let (mut cut_start, mut cut_end) = (i64::from(r.cut_start), i64::from(r.cut_end));
    if r.reversed() {
        // The header counts in time.
        std::mem::swap(&mut cut_start, &mut cut_end);
    }
    let n_x = grid.size.x as i64;
    let first = grid.first_column(r);
    let start = (first + cut_start).max(0);
    let end = (first + i64::from(r.n_samples) - cut_end).min(n_x);
    if start >= end {
        return Overlap {
            start: 0,
            end: 0,
            from: 0,
        };
    }
    Overlap {
        start: start as usize,
        end: end as usize,
        from: (start - first) as usize,
    }
}

impl Source {
    fn fill(&self, file: &mut File, lines: &[usize]) -> Result<Filling> {
        let mut filling = Filling::new(&self.plan.grid, self.plan.n_coils);
        let (mut bytes, mut line) = (Vec::new(), Vec::new());
        for &i in lines {
            let r = &self.plan.readouts[i];
            read_readout(file, &self.path, r, &mut bytes, &mut line)?;
            filling.add(&self.plan.grid, r, &line);
        }
        Ok(filling)
    }

    fn data(&self, filling: &mut Filling) -> FrameData {
        let mask = filling.finish();
        let samples = std::mem::take(&mut filling.samples);
        let (n_coils, size) = (self.plan.n_coils, self.plan.grid.size);
        if self.plan.grid.is_3d {
            FrameData::Cartesian3(KSpace3 {
                samples,
                n_coils,
                size,
                mask,
            })
        } else {
            FrameData::Cartesian(KSpace {
                samples,
                n_coils,
                n_y: size.y,
                n_x: size.x,
                mask,
                warnings: Vec::new(),
            })
        }
    }

    /// Echo-planar facts, if lines ran backwards or were sampled on ramps.
    fn epi(
        &self,
        file: &mut File,
        filling: &Filling,
        lines: &[usize],
        navigators: &[usize],
    ) -> Result<Option<EpiInfo>> {
        let reversed: Vec<bool> = filling
            .reversed
            .iter()
            .map(|way| way.unwrap_or(false))
            .collect();
        let size = self.plan.grid.size;
        // Reference lines may be of another kind than the image's.
        let whole = |i: &usize| usize::from(self.plan.readouts[*i].n_samples) == size.x;
        let regrid = self.plan.regrid.filter(|_| lines.iter().all(whole));
        if regrid.is_none() && !reversed.contains(&true) {
            return Ok(None);
        }
        let mut info = EpiInfo {
            navigators: Vec::new(),
            reversed,
            regrid,
        };
        let (mut bytes, mut line) = (Vec::new(), Vec::new());
        for &i in navigators {
            let r = &self.plan.readouts[i];
            read_readout(file, &self.path, r, &mut bytes, &mut line)?;
            if line.iter().any(|s| !s.re.is_finite() || !s.im.is_finite()) {
                continue;
            }
            let Overlap { start, end, from } = overlap(&self.plan.grid, r);
            let mut samples = vec![Complex32::ZERO; self.plan.n_coils * size.x];
            for (to, from_coil) in samples
                .chunks_exact_mut(size.x)
                .zip(line.chunks_exact(r.n_samples.into()))
            {
                to[start..end].copy_from_slice(&from_coil[from..from + end - start]);
            }
            info.navigators.push(EpiNavigator {
                samples,
                reversed: r.reversed(),
            });
        }
        Ok(Some(info))
    }
}

impl FrameSource for Source {
    fn read(&self, index: usize) -> Result<Frame> {
        let plan = &self.plan.frames[index];
        let mut file = File::open(&self.path).map_err(Error::io(&self.path, "read"))?;
        let mut filling = self.fill(&mut file, &plan.lines)?;
        if filling.n_not_finite == plan.lines.len() {
            return Err(Error::NotFinite {
                path: self.path.clone(),
                what: "k-space samples",
                found: format!(
                    "NaN or infinite samples in each of {} lines",
                    plan.lines.len()
                ),
                hint: "the file is damaged; copy or export it again",
            });
        }
        let mut warnings = filling.warnings();
        if self.plan.broken && plan.lines.len() < self.plan.most_lines {
            warnings.push(format!(
                "The measurement breaks off in this frame: {} of {} lines were read.",
                plan.lines.len(),
                self.plan.most_lines
            ));
        }
        let epi = self.epi(&mut file, &filling, &plan.lines, &plan.navigators)?;
        let data = self.data(&mut filling);
        let mut calibration = None;
        if !plan.reference.is_empty() {
            let mut filling = self.fill(&mut file, &plan.reference)?;
            let told = filling.warnings().into_iter();
            warnings.extend(told.map(|w| format!("Reference scan: {w}")));
            let (lines, navigators) = (&plan.reference, &plan.reference_navigators);
            let epi = self.epi(&mut file, &filling, lines, navigators)?;
            let data = self.data(&mut filling);
            calibration = Some(Box::new(Calibration { data, epi }));
        }
        Ok(Frame {
            epi,
            calibration,
            warnings,
            ..Frame::new(index, data)
        })
    }
}
