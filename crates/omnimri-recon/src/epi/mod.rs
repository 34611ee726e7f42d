//! Echo-planar readouts that ran opposite ways, brought into agreement.
//!
//! Gradient delays and eddy currents shift lines read out forwards against those read backwards, which folds a ghost
//! half a field of view away from the object. In the image along `x` the disagreement is a phase, constant plus linear;
//! half of it is taken from either kind of line, so that the object stays in place.
//!
//! With navigators, readouts of both kinds without phase encoding, the phase is that of their product: slope from its
//! autocorrelation at lag one (C. B. Ahn, Z. H. Cho, IEEE Trans Med Imaging 6:32, 1987; navigators after H. Bruder et
//! al, Magn Reson Med 23:311, 1992), refined to the largest coherent sum. Coils see different parts of the object and
//! get phases of their own, drawn to the common one where their signal is weak. Navigators of one kind measured before
//! and after one of the other are averaged, which removes the phase that off-resonance adds with time.
//!
//! Without navigators the phase is the one that makes the image's entropy least (S. Clare, Proc ISMRM 11:1041, 2003).

mod entropy;

use num_complex::{Complex32, Complex64};
use omnimri_image::raw::{EpiInfo, KSpace3};
use omnimri_image::{KSpace, Zyx};
use rayon::prelude::*;

use crate::fft::CentredFft;
use crate::ramp_sampling::RampRegridder;
use crate::{Error, Result};

/// How far a coil's phase is drawn to the common one: as if this part of an average coil's product were the common one's.
const COMMON_WEIGHT: f64 = 0.1;

/// Where the phase came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EpiSource {
    /// Navigators of both directions.
    Navigators,
    /// The image of least entropy; the constant is known up to half a turn only and taken as the smaller.
    Entropy,
    /// All lines ran the same way.
    NotNeeded,
}

/// Phase of backward lines against forward ones: `constant_rad + slope_rad * (x - n_x / 2)` at image column `x`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LinePhase {
    /// Phase at the centre.
    pub constant_rad: f64,
    /// Phase a pixel.
    pub slope_rad: f64,
}

/// What was corrected.
#[derive(Debug, Clone, PartialEq)]
pub struct EpiCorrection {
    /// Where the phases came from.
    pub source: EpiSource,
    /// One a coil; empty if not needed.
    pub phases: Vec<LinePhase>,
    /// True if readouts were regridded from samples on gradient ramps.
    pub regridded: bool,
}

/// Corrects a slice in place: regrids samples on ramps, then removes the disagreement of the two directions.
///
/// # Shapes
/// - `kspace.samples`: `[coil][y][x]`
/// - `info.reversed`: `[y]`; navigators `[coil][x]`
///
/// # Errors
/// [`Error::Size`] if shapes contradict each other, [`Error::NotFinite`], and what [`RampRegridder::new`] refuses.
pub fn correct(kspace: &mut KSpace, info: &EpiInfo) -> Result<EpiCorrection> {
    let size = Zyx::new(1, kspace.n_y, kspace.n_x);
    correct_lines(
        &mut kspace.samples,
        &kspace.mask,
        kspace.n_coils,
        size,
        info,
    )
}

/// Corrects a volume in place, as [`correct`] does a slice.
///
/// # Shapes
/// - `kspace.samples`: `[coil][z][y][x]`
/// - `info.reversed`: `[z][y]`; navigators `[coil][x]`
///
/// # Errors
/// As [`correct`].
pub fn correct_3d(kspace: &mut KSpace3, info: &EpiInfo) -> Result<EpiCorrection> {
    let size = kspace.size;
    correct_lines(
        &mut kspace.samples,
        &kspace.mask,
        kspace.n_coils,
        size,
        info,
    )
}

fn correct_lines(
    samples: &mut [Complex32],
    mask: &[bool],
    n_coils: usize,
    size: Zyx<usize>,
    info: &EpiInfo,
) -> Result<EpiCorrection> {
    let n_rows = size.z * size.y;
    check(samples, mask, n_coils, size, info)?;
    let n_x = size.x;
    let regridder = info.regrid.as_ref().map(RampRegridder::new).transpose()?;
    let measured: Vec<bool> = mask.chunks(n_x).map(|row| row.contains(&true)).collect();
    if let Some(regridder) = &regridder {
        for_each_row(samples, n_x, |i, line| {
            if measured[i % n_rows] {
                regridder.apply(line);
            }
        });
    }
    let has = |way: bool| {
        let rows = info.reversed.iter().zip(&measured);
        rows.into_iter().any(|(r, m)| *m && *r == way)
    };
    let along_x = CentredFft::new(&[n_x]);
    let (mut source, mut phases) = (EpiSource::NotNeeded, Vec::new());
    if has(true) && has(false) {
        along_x.inverse(samples);
        (source, phases) = match from_navigators(info, regridder.as_ref(), n_coils, &along_x) {
            Some(phases) => (EpiSource::Navigators, phases),
            None => {
                let phase = entropy::least_entropy(samples, n_coils, size, &info.reversed);
                (EpiSource::Entropy, vec![phase; n_coils])
            }
        };
        for_each_row(samples, n_x, |i, line| {
            let half = if info.reversed[i % n_rows] { -0.5 } else { 0.5 };
            turn(line, phases[i / n_rows], half);
        });
        along_x.forward(samples);
    }
    // Transforms along a line fill samples that were not measured.
    for coil in samples.chunks_mut(mask.len()) {
        for (s, _) in coil.iter_mut().zip(mask).filter(|(_, m)| !**m) {
            *s = Complex32::ZERO;
        }
    }
    Ok(EpiCorrection {
        source,
        phases,
        regridded: regridder.is_some(),
    })
}

fn check(
    samples: &[Complex32],
    mask: &[bool],
    n_coils: usize,
    size: Zyx<usize>,
    info: &EpiInfo,
) -> Result<()> {
    let n_rows = size.z.saturating_mul(size.y);
    let n = n_rows.saturating_mul(size.x);
    let hint = "take the echo-planar facts and the samples from the same frame";
    let mut sizes = vec![
        ("samples", n.saturating_mul(n_coils), samples.len()),
        ("mask", n, mask.len()),
        ("directions of lines", n_rows, info.reversed.len()),
    ];
    for navigator in &info.navigators {
        let expected = n_coils.saturating_mul(size.x);
        sizes.push(("navigator", expected, navigator.samples.len()));
    }
    if let Some(ramp) = &info.regrid {
        sizes.push(("samples on ramps", size.x, ramp.n_samples));
    }
    for (what, expected, found) in sizes {
        if expected != found || found == 0 {
            return Err(Error::Size {
                what,
                expected,
                found,
                hint,
            });
        }
    }
    let all = info
        .navigators
        .iter()
        .flat_map(|n| &n.samples)
        .chain(samples);
    let found = all
        .filter(|s| !s.re.is_finite() || !s.im.is_finite())
        .count();
    match found {
        0 => Ok(()),
        _ => Err(Error::NotFinite { found }),
    }
}

/// Runs over all rows `[coil][row]` in parallel; each row is a task's own.
fn for_each_row(
    samples: &mut [Complex32],
    n_x: usize,
    work: impl Fn(usize, &mut [Complex32]) + Sync,
) {
    samples
        .par_chunks_mut(n_x)
        .enumerate()
        .with_min_len(8)
        .for_each(|(i, line)| work(i, line));
}

/// Turns a line of the image along `x` by `part` of a phase.
fn turn(line: &mut [Complex32], phase: LinePhase, part: f64) {
    let centre = (line.len() / 2) as f64;
    for (x, s) in line.iter_mut().enumerate() {
        let angle = part * (phase.constant_rad + phase.slope_rad * (x as f64 - centre));
        *s *= Complex32::cis(angle as f32);
    }
}

/// A phase a coil from navigators; `None` unless they ran both ways and hold signal.
fn from_navigators(
    info: &EpiInfo,
    regridder: Option<&RampRegridder>,
    n_coils: usize,
    along_x: &CentredFft,
) -> Option<Vec<LinePhase>> {
    let n = info.navigators.first()?.samples.len();
    let mut sums = [vec![Complex32::ZERO; n], vec![Complex32::ZERO; n]];
    for navigator in &info.navigators {
        let sum = &mut sums[usize::from(navigator.reversed)];
        for (sum, s) in sum.iter_mut().zip(&navigator.samples) {
            *sum += s;
        }
    }
    let n_x = n / n_coils;
    for sum in &mut sums {
        if let Some(regridder) = regridder {
            for_each_row(sum, n_x, |_, line| regridder.apply(line));
        }
        along_x.inverse(sum);
    }
    let wide = |v: Complex32| Complex64::new(v.re.into(), v.im.into());
    let [forwards, backwards] = &sums;
    let products: Vec<Complex64> = backwards
        .iter()
        .zip(forwards)
        .map(|(b, f)| wide(*b) * wide(*f).conj())
        .collect();
    let mut common = vec![Complex64::ZERO; n_x];
    for coil in products.chunks_exact(n_x) {
        for (sum, p) in common.iter_mut().zip(coil) {
            *sum += p * (COMMON_WEIGHT / n_coils as f64);
        }
    }
    if common.iter().all(|p| p.norm_sqr() == 0.0) {
        return None;
    }
    let phases = products.chunks_exact(n_x).map(|coil| {
        let drawn: Vec<_> = coil.iter().zip(&common).map(|(p, c)| p + c).collect();
        fit(&drawn)
    });
    Some(phases.collect())
}

/// The line `constant + slope * (x - n / 2)` nearest to the phases of `p`, weighted by their magnitude.
fn fit(p: &[Complex64]) -> LinePhase {
    let n = p.len();
    let lag: Complex64 = p.windows(2).map(|w| w[1] * w[0].conj()).sum();
    let start = if lag.norm_sqr() > 0.0 { lag.arg() } else { 0.0 };
    let sum = |slope: f64| -> Complex64 {
        let at = |x: usize| slope * (x as f64 - (n / 2) as f64);
        p.iter()
            .enumerate()
            .map(|(x, p)| p * Complex64::cis(-at(x)))
            .sum()
    };
    // The coherent sum has one peak within this distance of the start.
    let reach = std::f64::consts::TAU / n as f64;
    let slope = largest(start - reach, start + reach, |s| sum(s).norm());
    LinePhase {
        constant_rad: sum(slope).arg(),
        slope_rad: slope,
    }
}

/// Where a function with one peak between `low` and `high` is largest, by golden sections.
fn largest(mut low: f64, mut high: f64, f: impl Fn(f64) -> f64) -> f64 {
    let ratio = (5.0_f64.sqrt() - 1.0) / 2.0;
    let (mut a, mut b) = (high - ratio * (high - low), low + ratio * (high - low));
    let (mut f_a, mut f_b) = (f(a), f(b));
    for _ in 0..40 {
        if f_a > f_b {
            (high, b, f_b) = (b, a, f_a);
            a = high - ratio * (high - low);
            f_a = f(a);
        } else {
            (low, a, f_a) = (a, b, f_b);
            b = low + ratio * (high - low);
            f_b = f(b);
        }
    }
    (low + high) / 2.0
}

#[cfg(test)]
mod tests;
