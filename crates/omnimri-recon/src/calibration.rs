//! What a scan says of itself: its fully sampled centre, its noise, its whitened samples.

use std::ops::Range;

use num_complex::{Complex32, Complex64};
use omnimri_image::KSpace;
use rayon::prelude::*;

use crate::linalg::{Lower, cholesky};
use crate::{Error, Result};

/// Smallest extent of a centre from which coil maps can be estimated.
pub const MIN_CALIBRATION: usize = 4;
/// Longest accepted axis; a longer one is an axis in the wrong place or a lying header.
const MAX_AXIS: usize = 16_384;
/// Most coils that a scanner has, with room to spare.
const MAX_COILS: usize = 512;

/// Checks that an array is a scan: sizes agree, samples are finite, something was measured.
///
/// # Errors
/// [`Error::OutOfRange`], [`Error::Size`], [`Error::NotFinite`] or [`Error::NoSignal`].
pub fn validate(kspace: &KSpace) -> Result<()> {
    let range = |what, found: usize, max: usize, hint| match found {
        n if n == 0 || n > max => Err(Error::OutOfRange {
            what,
            min: 1.0,
            max: max as f64,
            found: n as f64,
            hint,
        }),
        _ => Ok(()),
    };
    range(
        "coils",
        kspace.n_coils,
        MAX_COILS,
        "the coil axis comes first; name the axes with --axes coil,x,y",
    )?;
    range(
        "matrix rows",
        kspace.n_y,
        MAX_AXIS,
        "check the order of the axes",
    )?;
    range(
        "matrix columns",
        kspace.n_x,
        MAX_AXIS,
        "check the order of the axes",
    )?;
    // Cannot overflow: at most 512 * 16384 * 16384.
    let n_pixels = kspace.n_y * kspace.n_x;
    let size = |what, expected, found, hint| match found == expected {
        true => Ok(()),
        false => Err(Error::Size {
            what,
            expected,
            found,
            hint,
        }),
    };
    size(
        "k-space",
        kspace.n_coils * n_pixels,
        kspace.samples.len(),
        "samples must be [coil][y][x]",
    )?;
    size(
        "sampling mask",
        n_pixels,
        kspace.mask.len(),
        "the mask must be [y][x] of the same matrix",
    )?;
    let not_finite = kspace
        .samples
        .iter()
        .filter(|v| !(v.re.is_finite() && v.im.is_finite()))
        .count();
    if not_finite > 0 {
        return Err(Error::NotFinite { found: not_finite });
    }
    if !kspace.mask.contains(&true) {
        return Err(Error::NoSignal {
            found: "a mask without a single sample",
        });
    }
    if measured_energy(&kspace.samples, &kspace.mask) == 0.0 {
        return Err(Error::NoSignal {
            found: "only zeros where the mask says measured",
        });
    }
    Ok(())
}

/// Sum of squared magnitudes at the measured samples `[coil][...]`, all coils.
pub fn measured_energy(samples: &[Complex32], mask: &[bool]) -> f64 {
    let coils: Vec<f64> = samples
        .par_chunks(mask.len())
        .map(|coil| {
            let pairs = coil.iter().zip(mask);
            pairs
                .filter(|(_, m)| **m)
                .map(|(v, _)| f64::from(v.norm_sqr()))
                .sum()
        })
        .collect();
    coils.iter().sum()
}

/// The largest fully sampled rectangle around the zero frequency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalibrationArea {
    /// Rows.
    pub y: Range<usize>,
    /// Columns.
    pub x: Range<usize>,
}

impl CalibrationArea {
    /// Finds the area in a mask `[n_y][n_x]`; each axis counts up to `max_extent` samples, and is cut to that many about
    /// the zero frequency. Empty if the zero frequency itself was not measured.
    pub fn find(mask: &[bool], n_y: usize, n_x: usize, max_extent: usize) -> Self {
        let (cy, cx) = (n_y / 2, n_x / 2);
        // The run of measured samples around the centre column, a row.
        let run = |y: usize| {
            let row = &mask[y * n_x..(y + 1) * n_x];
            if !row[cx] {
                return cx..cx;
            }
            let left = (0..cx).rev().take_while(|&x| row[x]).count();
            let right = (cx..n_x).take_while(|&x| row[x]).count();
            cx - left..cx + right
        };
        let meet =
            |a: &Range<usize>, b: Range<usize>| a.start.max(b.start)..a.end.min(b.end).max(cx);
        let mut best = (
            (0, 0),
            Self {
                y: cy..cy,
                x: cx..cx,
            },
        );
        let mut above = run(cy);
        for y0 in (0..=cy).rev() {
            above = meet(&above, run(y0));
            if above.is_empty() {
                break;
            }
            let mut columns = above.clone();
            for y1 in cy..n_y {
                columns = meet(&columns, run(y1));
                if columns.is_empty() {
                    break;
                }
                let area = (y1 + 1 - y0).min(max_extent) * columns.len().min(max_extent);
                // Of equal areas the longer one before the cap: it reaches to both sides of the zero frequency, about which
                // it is cut.
                let score = (area, (y1 + 1 - y0) + columns.len());
                if score > best.0 {
                    best = (
                        score,
                        Self {
                            y: y0..y1 + 1,
                            x: columns.clone(),
                        },
                    );
                }
            }
        }
        let cut = |r: Range<usize>, centre: usize| {
            if r.len() <= max_extent {
                return r;
            }
            let start = centre
                .saturating_sub(max_extent / 2)
                .clamp(r.start, r.end - max_extent);
            start..start + max_extent
        };
        Self {
            y: cut(best.1.y, cy),
            x: cut(best.1.x, cx),
        }
    }

    /// True if both extents reach `extent`.
    pub fn at_least(&self, extent: usize) -> bool {
        self.y.len() >= extent && self.x.len() >= extent
    }

    /// Copies the area out of k-space, `[coil][y][x]` of the area's own size.
    pub fn crop(&self, kspace: &KSpace) -> Vec<Complex32> {
        let mut out = Vec::with_capacity(kspace.n_coils * self.y.len() * self.x.len());
        for coil in kspace.samples.chunks(kspace.n_y * kspace.n_x) {
            for y in self.y.clone() {
                out.extend_from_slice(&coil[y * kspace.n_x..][self.x.clone()]);
            }
        }
        out
    }
}

/// Noise variance of a complex sample, estimated where signal is weakest: the lowest median energy among shells of
/// measured samples far from the centre. An upper bound where the periphery still holds signal.
pub fn noise_variance(kspace: &KSpace) -> f64 {
    noise_variance_within(&kspace.samples, &kspace.mask, |i| {
        let part = |i: usize, n: usize| (i as f64 - (n / 2) as f64) / (n as f64 / 2.0);
        part(i / kspace.n_x, kspace.n_y).hypot(part(i % kspace.n_x, kspace.n_x))
    })
}

/// As [`noise_variance`], of samples `[coil][...]` with a mask and the distance of every sample from the centre, one at the edge.
pub(crate) fn noise_variance_within(
    samples: &[Complex32],
    mask: &[bool],
    radius: impl Fn(usize) -> f64,
) -> f64 {
    const N_SHELLS: usize = 8;
    const MIN_SAMPLES: usize = 64;
    let mut shells: Vec<Vec<f32>> = vec![Vec::new(); N_SHELLS];
    for (i, _) in mask.iter().enumerate().filter(|(_, m)| **m) {
        let r = radius(i);
        // From 0.6 of the edge to the corners at sqrt(2).
        if r >= 0.6 {
            let shell = (((r - 0.6) / 0.82 * N_SHELLS as f64) as usize).min(N_SHELLS - 1);
            // Exact zeros are padding, not measurements.
            let coils = samples.iter().skip(i).step_by(mask.len());
            let coils = coils.map(|v| v.norm_sqr());
            shells[shell].extend(coils.filter(|e| *e > 0.0));
        }
    }
    // The median of an exponentially distributed energy is ln 2 of its mean.
    let medians = shells
        .iter_mut()
        .filter(|s| s.len() >= MIN_SAMPLES)
        .map(|s| {
            let middle = s.len() / 2;
            f64::from(*s.select_nth_unstable_by(middle, f32::total_cmp).1) / std::f64::consts::LN_2
        });
    let lowest = medians.fold(f64::INFINITY, f64::min);
    if lowest.is_finite() { lowest } else { 0.0 }
}

/// Makes the noise of the coils independent and of unit variance, and back.
#[derive(Debug, Clone)]
pub struct Whitening {
    factor: Lower,
}

impl Whitening {
    /// From a noise scan `[coil][sample]`: the Cholesky factor of its covariance.
    ///
    /// # Errors
    /// [`Error::Noise`] if there are too few samples or the covariance is singular; [`Error::NotFinite`].
    pub fn from_noise_scan(noise: &[Complex32], n_coils: usize) -> Result<Self> {
        let n_samples = noise.len() / n_coils.max(1);
        if n_coils == 0 || !noise.len().is_multiple_of(n_coils) || n_samples < n_coils {
            return Err(Error::Noise { n_coils, n_samples });
        }
        let found = noise
            .iter()
            .filter(|v| !(v.re.is_finite() && v.im.is_finite()))
            .count();
        if found > 0 {
            return Err(Error::NotFinite { found });
        }
        let wide = |v: &Complex32| Complex64::new(v.re.into(), v.im.into());
        let rows: Vec<&[Complex32]> = noise.chunks(n_samples).collect();
        let mut covariance = vec![Complex64::default(); n_coils * n_coils];
        for a in 0..n_coils {
            for b in 0..=a {
                let sum: Complex64 = rows[a]
                    .iter()
                    .zip(rows[b])
                    .map(|(p, q)| wide(p) * wide(q).conj())
                    .sum();
                covariance[a * n_coils + b] = sum / n_samples as f64;
                covariance[b * n_coils + a] = sum.conj() / n_samples as f64;
            }
        }
        let factor = cholesky(&covariance, n_coils).ok_or(Error::Noise { n_coils, n_samples })?;
        Ok(Self { factor })
    }

    /// Whitens coil data `[coil][...]` in place.
    pub fn apply(&self, data: &mut [Complex32]) {
        mix_coils(&self.factor.inverse(), data);
    }

    /// Returns whitened coil data `[coil][...]` to the coils' own units, in place.
    pub fn undo(&self, data: &mut [Complex32]) {
        mix_coils(&self.factor, data);
    }
}

/// `data[a] <- sum_b m[a][b] data[b]`; lower triangular, so rows are done from the last to the first.
fn mix_coils(m: &Lower, data: &mut [Complex32]) {
    let n = data.len() / m.n;
    for a in (0..m.n).rev() {
        let (before, rest) = data.split_at_mut(a * n);
        let own = m.narrow(a, a);
        rest[..n]
            .par_chunks_mut(8192)
            .enumerate()
            .for_each(|(chunk, out)| {
                for v in out.iter_mut() {
                    *v *= own;
                }
                for b in 0..a {
                    let weight = m.narrow(a, b);
                    for (v, w) in out.iter_mut().zip(&before[b * n + chunk * 8192..]) {
                        *v += weight * w;
                    }
                }
            });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::tests::random_array;

    fn area(n_y: usize, n_x: usize, keep: impl Fn(usize, usize) -> bool) -> CalibrationArea {
        let mask: Vec<bool> = (0..n_y * n_x).map(|i| keep(i / n_x, i % n_x)).collect();
        CalibrationArea::find(&mask, n_y, n_x, 24)
    }

    #[test]
    fn finds_full_lines_blocks_and_nothing() {
        let lines = area(101, 90, |_, x| (40..53).contains(&x) || x % 4 == 0);
        assert_eq!(lines.x, 40..53);
        assert_eq!(lines.y, 38..62);
        let block = area(64, 70, |y, x| {
            (20..44).contains(&y) && (30..41).contains(&x) || (y + x) % 9 == 0
        });
        assert_eq!((block.y, block.x), (20..44, 30..41));
        // A single fully sampled line is no reason to give up the block.
        let cross = area(200, 200, |y, x| {
            y == 100 || (95..106).contains(&y) && (95..106).contains(&x)
        });
        assert_eq!((cross.y.len(), cross.x.len()), (11, 11));
        assert!(!area(20, 20, |_, x| x % 2 == 1).at_least(1));
        assert_eq!(
            area(7, 9, |_, _| true),
            CalibrationArea { y: 0..7, x: 0..9 }
        );
    }

    #[test]
    fn whitening_makes_noise_white_and_can_be_undone() {
        let (n_coils, n) = (3, 5000);
        let mut noise = random_array(n_coils * n, 4);
        let (a, b) = noise.split_at_mut(n);
        for (a, b) in a.iter_mut().zip(b) {
            *a = *a * 3.0 + *b * Complex32::new(0.5, 1.0);
        }
        let whitening = Whitening::from_noise_scan(&noise, n_coils).unwrap();
        let mut white = noise.clone();
        whitening.apply(&mut white);
        let again = Whitening::from_noise_scan(&white, n_coils).unwrap();
        for a in 0..3 {
            for b in 0..=a {
                let expected = if a == b { 1.0 } else { 0.0 };
                assert!((again.factor.narrow(a, b) - expected).norm() < 1e-3);
            }
        }
        whitening.undo(&mut white);
        assert!(noise.iter().zip(&white).all(|(a, b)| (a - b).norm() < 1e-4));
    }

    #[test]
    fn bad_noise_scans_are_refused() {
        let dead = vec![Complex32::default(); 200];
        assert!(matches!(
            Whitening::from_noise_scan(&dead, 2),
            Err(Error::Noise { .. })
        ));
        assert!(matches!(
            Whitening::from_noise_scan(&dead[..3], 2),
            Err(Error::Noise { .. })
        ));
        assert!(matches!(
            Whitening::from_noise_scan(&dead, 0),
            Err(Error::Noise { .. })
        ));
    }

    #[test]
    fn every_class_of_bad_kspace_has_its_error() {
        let good = KSpace {
            samples: random_array(2 * 5 * 7, 1),
            n_coils: 2,
            n_y: 5,
            n_x: 7,
            mask: vec![true; 35],
            warnings: Vec::new(),
        };
        assert_eq!(validate(&good), Ok(()));
        let broken = |change: fn(&mut KSpace)| {
            let mut k = good.clone();
            change(&mut k);
            validate(&k).unwrap_err()
        };
        assert!(matches!(
            broken(|k| k.n_coils = 0),
            Error::OutOfRange { what: "coils", .. }
        ));
        assert!(matches!(
            broken(|k| k.n_x = usize::MAX),
            Error::OutOfRange { .. }
        ));
        assert!(matches!(
            broken(|k| k.n_y = 6),
            Error::Size {
                what: "k-space",
                ..
            }
        ));
        assert!(matches!(
            broken(|k| {
                k.mask.pop();
            }),
            Error::Size {
                what: "sampling mask",
                ..
            }
        ));
        assert!(matches!(
            broken(|k| k.samples[3].im = f32::NAN),
            Error::NotFinite { found: 1 }
        ));
        assert!(matches!(
            broken(|k| k.mask.fill(false)),
            Error::NoSignal { .. }
        ));
        assert!(matches!(
            broken(|k| k.samples.fill(Complex32::default())),
            Error::NoSignal { .. }
        ));
    }

    #[test]
    fn noise_variance_is_found_in_the_periphery() {
        let (n_y, n_x) = (101, 90);
        let mut samples = random_array(2 * n_y * n_x, 8);
        // Uniform in a square of half width 1: variance 2/3; far larger signal in the centre.
        samples[50 * n_x + 45] *= 1e4;
        let kspace = KSpace {
            samples,
            n_coils: 2,
            n_y,
            n_x,
            mask: vec![true; n_y * n_x],
            warnings: vec![],
        };
        let found = noise_variance(&kspace);
        assert!((0.5..1.2).contains(&found), "{found}");
    }
}
