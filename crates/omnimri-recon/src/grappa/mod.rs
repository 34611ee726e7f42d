//! GRAPPA for any Cartesian sampling pattern: missing samples from their measured neighbours.
//!
//! Griswold et al., "Generalized autocalibrating partially parallel acquisitions (GRAPPA)", Magn Reson Med 47 (2002) 1202.
//! Every local pattern of measured neighbours has its own kernel. All kernels are solved from one set of second moments of
//! the fully sampled centre, as the least mean squares estimate of the missing sample: the Tikhonov weight is the ratio of
//! noise to signal at the distance of the sample from the centre, so that weak samples are not paid for with noise.

mod moments;
mod pattern;

use std::borrow::Cow;

use num_complex::Complex32;
use omnimri_image::KSpace;
use rayon::prelude::*;

use crate::calibration::{CalibrationArea, MIN_CALIBRATION, noise_variance, validate};
use crate::products::{Factor, multiply};
use crate::{Error, Result};
use moments::RowPairs;
use pattern::{Group, Sources, find_lines, find_points, is_lines};

/// Rows of the calibration area that are used; more say little new.
const MAX_ROWS: usize = 32;
/// Columns of the calibration area that are used.
const MAX_COLUMNS: usize = 256;
/// Coils times samples along the readout of a kernel; it bounds the memory of the moments.
const MAX_WIDTH: usize = 256;
/// Most coils: with more, kernels would be a single sample wide and still too large.
const MAX_COILS: usize = 128;
/// Shells of the energy profile.
const N_SHELLS: usize = 24;

/// Settings of GRAPPA.
#[derive(Debug, Clone, PartialEq)]
pub struct GrappaOptions {
    /// Samples of the kernel along the readout of a scan of whole lines; odd.
    pub kernel_read: usize,
    /// Most measured lines in a kernel of a scan of whole lines.
    pub max_lines: usize,
    /// Most measured samples in a kernel of a scan that is undersampled along both axes.
    pub max_points: usize,
    /// Tikhonov weight in units of the mean signal energy of the calibration area; from the noise level if `None`.
    pub lambda: Option<f32>,
    /// Noise variance of a complex sample; estimated from the periphery if `None`.
    pub noise_variance: Option<f64>,
}

impl Default for GrappaOptions {
    fn default() -> Self {
        Self {
            kernel_read: 7,
            max_lines: 4,
            max_points: 8,
            lambda: None,
            noise_variance: None,
        }
    }
}

/// What GRAPPA did.
#[derive(Debug, Clone, PartialEq)]
pub struct GrappaReport {
    /// The area the kernels were calibrated on, in the index order of the scan that held it.
    pub area: CalibrationArea,
    /// Distinct patterns of neighbours and noise levels, each with its own kernel.
    pub n_kernels: usize,
    /// Samples filled (positions, not times coils).
    pub n_filled: usize,
    /// Samples too far from measured ones for the calibration area to say anything: they stay zero.
    pub n_unfilled: usize,
    /// Noise variance of a complex sample that was used.
    pub noise_variance: f64,
}

/// Fills missing samples with kernels calibrated on the scan's own fully sampled centre.
///
/// Kernels of many coils are made smaller, to 256 values a line; compress more than about 32 coils first. The returned mask
/// is true where samples were measured or filled.
///
/// # Errors
/// What [`validate`] finds; [`Error::NoCalibration`] without a fully sampled centre (see [`grappa_calibrated`] for a separate
/// one); [`Error::OutOfRange`] for settings that make no kernel.
pub fn grappa(kspace: &KSpace, options: &GrappaOptions) -> Result<(KSpace, GrappaReport)> {
    grappa_calibrated(kspace, kspace, options)
}

/// Fills missing samples with kernels calibrated on another scan of the same coils, such as a separate reference scan;
/// its matrix may differ as long as its field of view is the same.
///
/// # Errors
/// As [`grappa`], and [`Error::Size`] if the scans do not have the same coils.
pub fn grappa_calibrated(
    kspace: &KSpace,
    reference: &KSpace,
    options: &GrappaOptions,
) -> Result<(KSpace, GrappaReport)> {
    validate(kspace)?;
    validate(reference)?;
    check(options)?;
    if kspace.n_coils != reference.n_coils {
        return Err(Error::Size {
            what: "coils of the reference scan",
            expected: kspace.n_coils,
            found: reference.n_coils,
            hint: "calibrate on a scan of the same coils",
        });
    }
    if kspace.n_coils > MAX_COILS {
        return Err(Error::OutOfRange {
            what: "coils for GRAPPA",
            min: 1.0,
            max: MAX_COILS as f64,
            found: kspace.n_coils as f64,
            hint: "compress the coils first",
        });
    }
    let noise = options
        .noise_variance
        .unwrap_or_else(|| noise_variance(kspace));
    // Inside, lines run along x: a scan whose readout is y is turned.
    let turned = is_lines(kspace) == Some(Sources::LinesAlongY);
    let (scan, calibration) = if turned {
        (
            Cow::Owned(transposed(kspace)),
            Cow::Owned(transposed(reference)),
        )
    } else {
        (Cow::Borrowed(kspace), Cow::Borrowed(reference))
    };
    let area = calibration_area(&calibration)?;
    let profile = Profile::new(&scan, noise, options.lambda);
    let lines = is_lines(&scan).is_some();
    let groups = if lines {
        let most = (MAX_WIDTH / scan.n_coils).min(area.x.len() / 2);
        let width = odd_at_most(options.kernel_read, most);
        find_lines(&scan, area.y.len(), width, options.max_lines, |y, x| {
            profile.level(y, x)
        })
    } else {
        let half = |n: usize| {
            let most = (MAX_WIDTH / scan.n_coils).saturating_sub(1) / 2;
            (n.saturating_sub(2) / 2).min(most).clamp(1, 3)
        };
        let (half_y, half_x) = (half(area.y.len()), half(area.x.len()));
        let most = (MAX_WIDTH / scan.n_coils).max(2);
        let max_points = options.max_points.min(most);
        find_points(&scan, half_y, half_x, max_points, |y, x| {
            profile.level(y, x)
        })
    };
    let mut filled = fill(&scan, &calibration, &area, &groups, &profile, noise);
    if turned {
        filled = transposed(&filled);
    }
    let n_filled = count(&filled.mask) - count(&kspace.mask);
    let n_unfilled = filled.mask.len() - count(&filled.mask);
    if n_unfilled > 0 {
        filled.warnings.push(format!(
            "{n_unfilled} of {} samples lie too far from measured ones to be filled by GRAPPA and stay zero.",
            filled.mask.len()
        ));
    }
    let area = if turned {
        CalibrationArea {
            y: area.x,
            x: area.y,
        }
    } else {
        area
    };
    let report = GrappaReport {
        area,
        n_kernels: groups.groups.len(),
        n_filled,
        n_unfilled,
        noise_variance: noise,
    };
    Ok((filled, report))
}

fn check(options: &GrappaOptions) -> Result<()> {
    let between = |what, found: f64, min: f64, max: f64, hint| {
        if (min..=max).contains(&found) {
            Ok(())
        } else {
            Err(Error::OutOfRange {
                what,
                min,
                max,
                found,
                hint,
            })
        }
    };
    between(
        "kernel extent along the readout",
        options.kernel_read as f64,
        1.0,
        15.0,
        "7 is a good choice",
    )?;
    between(
        "lines of a kernel",
        options.max_lines as f64,
        1.0,
        8.0,
        "2 to 4 are good choices",
    )?;
    between(
        "samples of a kernel",
        options.max_points as f64,
        1.0,
        32.0,
        "8 is a good choice",
    )?;
    between(
        "lambda",
        options.lambda.unwrap_or(0.0).into(),
        0.0,
        f32::MAX.into(),
        "leave it out to have it chosen from the noise level",
    )?;
    between(
        "noise variance",
        options.noise_variance.unwrap_or(0.0),
        0.0,
        f64::MAX,
        "leave it out to have it estimated",
    )
}

fn count(mask: &[bool]) -> usize {
    mask.iter().filter(|m| **m).count()
}

fn odd_at_most(n: usize, limit: usize) -> usize {
    (n.min(limit).max(1) - 1) / 2 * 2 + 1
}

fn calibration_area(kspace: &KSpace) -> Result<CalibrationArea> {
    let found = CalibrationArea::find(&kspace.mask, kspace.n_y, kspace.n_x, MAX_COLUMNS);
    if !found.at_least(MIN_CALIBRATION) {
        return Err(Error::NoCalibration {
            expected: MIN_CALIBRATION,
            found_y: found.y.len(),
            found_x: found.x.len(),
        });
    }
    let centre = kspace.n_y / 2;
    let y = if found.y.len() > MAX_ROWS {
        let start = centre
            .saturating_sub(MAX_ROWS / 2)
            .clamp(found.y.start, found.y.end - MAX_ROWS);
        start..start + MAX_ROWS
    } else {
        found.y
    };
    Ok(CalibrationArea { y, x: found.x })
}

fn transposed(kspace: &KSpace) -> KSpace {
    let (n_y, n_x) = (kspace.n_y, kspace.n_x);
    let mut samples = vec![Complex32::default(); kspace.samples.len()];
    samples
        .par_chunks_mut(n_y * n_x)
        .zip(kspace.samples.par_chunks(n_y * n_x))
        .for_each(|(out, coil)| {
            // Tiles keep both the reads and the writes within the cache.
            const TILE: usize = 16;
            for x0 in (0..n_x).step_by(TILE) {
                for y in 0..n_y {
                    for x in x0..(x0 + TILE).min(n_x) {
                        out[x * n_y + y] = coil[y * n_x + x];
                    }
                }
            }
        });
    let mask = (0..n_y * n_x)
        .map(|i| kspace.mask[i % n_y * n_x + i / n_y])
        .collect();
    KSpace {
        samples,
        n_coils: kspace.n_coils,
        n_y: n_x,
        n_x: n_y,
        mask,
        warnings: kspace.warnings.clone(),
    }
}

/// Noise over signal by the distance from the centre, in steps of a factor of four.
struct Profile {
    /// Logarithm to base four of noise over signal, a shell each.
    shells: Vec<f64>,
    lambda: Option<f32>,
    n_y: usize,
    n_x: usize,
}

impl Profile {
    fn new(kspace: &KSpace, noise: f64, lambda: Option<f32>) -> Self {
        let n_pixels = kspace.n_y * kspace.n_x;
        let mut sums = [(0.0, 0usize); N_SHELLS];
        for i in (0..n_pixels).filter(|&i| kspace.mask[i]) {
            let shell = shell(i / kspace.n_x, i % kspace.n_x, kspace.n_y, kspace.n_x) as usize;
            let energy: f64 = (0..kspace.n_coils)
                .map(|c| f64::from(kspace.samples[c * n_pixels + i].norm_sqr()))
                .sum();
            let (sum, n) = &mut sums[shell.min(N_SHELLS - 1)];
            *sum += energy;
            *n += kspace.n_coils;
        }
        // A shell without samples takes the value of the one inside it.
        let mut last = 0.0;
        let shells = sums
            .iter()
            .map(|&(sum, n)| {
                if n > 0 && sum > 0.0 {
                    let energy = sum / n as f64;
                    let ratio = noise / (energy - noise).max(0.02 * energy);
                    last = ratio.max(1e-9).ln() / 4f64.ln();
                }
                last
            })
            .collect();
        Self {
            shells,
            lambda,
            n_y: kspace.n_y,
            n_x: kspace.n_x,
        }
    }

    /// Step of the Tikhonov weight at a sample.
    fn level(&self, y: usize, x: usize) -> i8 {
        if self.lambda.is_some() {
            return 0;
        }
        let at = (shell(y, x, self.n_y, self.n_x) - 0.5).clamp(0.0, (N_SHELLS - 1) as f64);
        let low = (at as usize).min(N_SHELLS - 2);
        let part = at - low as f64;
        let value = self.shells[low] * (1.0 - part) + self.shells[low + 1] * part;
        value.round().clamp(-10.0, 5.0) as i8
    }

    /// Noise over signal of a step.
    fn noise_to_signal(&self, level: i8) -> f64 {
        self.lambda
            .map_or_else(|| 4f64.powi(level.into()), f64::from)
    }
}

/// Shell of a sample: finer near the centre, where energy falls quickly.
fn shell(y: usize, x: usize, n_y: usize, n_x: usize) -> f64 {
    let part = |i: usize, n: usize| (i as f64 - (n / 2) as f64) / (n as f64 / 2.0);
    (part(y, n_y).hypot(part(x, n_x)) / 1.4143).sqrt() * N_SHELLS as f64
}

/// Solves every kernel and applies it where it belongs.
fn fill(
    scan: &KSpace,
    calibration: &KSpace,
    area: &CalibrationArea,
    groups: &pattern::Groups,
    profile: &Profile,
    noise: f64,
) -> KSpace {
    let pairs = RowPairs::new(
        calibration,
        area.y.clone(),
        area.x.clone(),
        groups.width,
        &groups.row_differences(),
    );
    let pad = groups.width / 2;
    let padded = pad_columns(scan, pad);
    let same_window: Vec<&[Group]> = groups.groups.chunk_by(|a, b| a.rows == b.rows).collect();
    // Groups share nothing, and each writes its own samples: the order of the threads does not matter. A window's covariance
    // lives as long as its groups are worked on.
    let values: Vec<Vec<Vec<Complex32>>> = same_window
        .par_iter()
        .map(|same| {
            let rows = &groups.rows[same[0].rows];
            let zero = rows.iter().position(|r| *r == 0).unwrap_or(0);
            let covariance = pairs.covariance(rows);
            let of_group = |group: &Group| {
                let noise_to_signal = profile.noise_to_signal(group.level);
                // The calibration scan's own noise is taken to be that of the scan.
                let weights = covariance.solve(&group.sources, (zero, pad), noise, noise_to_signal);
                apply(scan, &padded, pad, rows, group, &weights)
            };
            same.par_iter().map(of_group).collect()
        })
        .collect();
    let mut out = scan.clone();
    let n_pixels = scan.n_y * scan.n_x;
    for coil in out.samples.chunks_mut(n_pixels) {
        for (v, m) in coil.iter_mut().zip(&scan.mask) {
            if !m {
                *v = Complex32::default();
            }
        }
    }
    for (group, values) in groups.groups.iter().zip(values.iter().flatten()) {
        let mut at = 0;
        let total = group.n_columns();
        for (y, columns) in &group.targets {
            let n = columns.len();
            for coil in 0..scan.n_coils {
                let start = coil * n_pixels + y * scan.n_x;
                out.samples[start + columns.start..start + columns.end]
                    .copy_from_slice(&values[coil * total + at..coil * total + at + n]);
            }
            at += n;
            out.mask[y * scan.n_x..][columns.clone()].fill(true);
        }
    }
    out
}

/// Samples with `pad` zero columns on both sides, zero where not measured.
fn pad_columns(scan: &KSpace, pad: usize) -> Vec<Complex32> {
    let width = scan.n_x + 2 * pad;
    let mut out = vec![Complex32::default(); scan.n_coils * scan.n_y * width];
    let rows = scan
        .samples
        .chunks(scan.n_x)
        .zip(scan.mask.chunks(scan.n_x).cycle());
    for (out, (row, mask)) in out.chunks_mut(width).zip(rows) {
        for ((v, s), m) in out[pad..].iter_mut().zip(row).zip(mask) {
            if *m {
                *v = *s;
            }
        }
    }
    out
}

/// The filled samples of a group, `[coil][column]` with the columns of all targets behind one another.
fn apply(
    scan: &KSpace,
    padded: &[Complex32],
    pad: usize,
    rows: &[isize],
    group: &Group,
    weights: &[Complex32],
) -> Vec<Complex32> {
    /// Columns of one product, whose sources stay in the cache.
    const COLUMNS: usize = 512;
    let n_coils = scan.n_coils;
    let width = scan.n_x + 2 * pad;
    let n_sources = group.sources.len() * n_coils;
    let total = group.n_columns();
    let mut out = vec![Complex32::default(); n_coils * total];
    // Sources of a run of columns, `[source, coil][column]`.
    let mut sources = vec![Complex32::default(); n_sources * COLUMNS.min(total)];
    let mut runs = group.targets.iter().flat_map(|(y, columns)| {
        let starts = columns.clone().step_by(COLUMNS);
        starts.map(move |start| (*y, start..(start + COLUMNS).min(columns.end)))
    });
    let (mut first, mut next) = (0, runs.next());
    while next.is_some() {
        let mut n = 0;
        while let Some((y, columns)) = next.take_if(|(_, columns)| n + columns.len() <= COLUMNS) {
            for (s, &(row, dx)) in group.sources.iter().enumerate() {
                let line = y.wrapping_add_signed(rows[row]);
                for coil in 0..n_coils {
                    let from = (coil * scan.n_y + line) * width + columns.start + dx;
                    let to = (s * n_coils + coil) * COLUMNS.min(total) + n;
                    sources[to..to + columns.len()]
                        .copy_from_slice(&padded[from..from + columns.len()]);
                }
            }
            n += columns.len();
            next = runs.next();
        }
        multiply(
            &mut out[first..],
            total,
            [n_coils, n, n_sources],
            false,
            Complex32::ONE,
            Factor::plain(weights, n_sources),
            Factor::plain(&sources, COLUMNS.min(total)),
        );
        first += n;
    }
    out
}

#[cfg(test)]
mod tests;
