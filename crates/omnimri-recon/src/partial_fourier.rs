//! Partial Fourier: the side of k-space that was not measured, from the smoothness of the phase.
//!
//! - [`homodyne`]: Noll, Nishimura, Macovski, "Homodyne detection in magnetic resonance imaging", IEEE Trans Med Imaging 10
//!   (1991) 154.
//! - [`pocs`]: Haacke, Lindskog, Lin, "A fast, iterative, partial-Fourier technique capable of local phase recovery", J Magn
//!   Reson 92 (1991) 126.
//!
//! Both take the phase of every image from the symmetric band about the zero frequency. They work on one coil or many, or on
//! a combined image in a scan of one coil. Undersampled scans are filled first, for example by GRAPPA.

use std::ops::Range;
use std::str::FromStr;

use num_complex::Complex32;
use omnimri_image::KSpace;
use rayon::prelude::*;

use crate::calibration::validate;
use crate::fft::{CentredFft, ifft2};
use crate::sampling::PhaseAxis;
use crate::window::Window;
use crate::zero_filled::coil_images;
use crate::{Error, Result};

/// Narrowest symmetric band whose phase means something, in samples.
const MIN_BAND: usize = 8;

/// One axis of a scan that was measured to different distances on the two sides of the zero frequency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartialAxis {
    /// The axis along which samples are missing: `Y` if rows are.
    pub axis: PhaseAxis,
    /// First to last measured index.
    pub covered: Range<usize>,
    /// The part of it that is symmetric about the zero frequency.
    pub symmetric: Range<usize>,
}

/// Which axes were measured asymmetrically, the most asymmetric first; empty for an ordinary scan.
///
/// Sides that differ by up to 8 samples, or by up to a sixteenth of the axis, are what undersampling patterns do and do not
/// count.
///
/// # Shapes
/// - `mask`: `[n_y][n_x]`
pub fn detect_partial_fourier(mask: &[bool], n_y: usize, n_x: usize) -> Vec<PartialAxis> {
    let axis = |axis, n: usize, used: &dyn Fn(usize) -> bool| {
        let first = (0..n).find(|&i| used(i))?;
        let last = (0..n).rfind(|&i| used(i))?;
        let centre = n / 2;
        if first > centre || last < centre {
            return None;
        }
        let (low, high) = (centre - first, last - centre);
        let reach = low.min(high);
        (low.abs_diff(high) > 8.max(n / 16)).then(|| PartialAxis {
            axis,
            covered: first..last + 1,
            symmetric: centre - reach..centre + reach + 1,
        })
    };
    if n_y == 0 || n_x == 0 || mask.len() != n_y * n_x {
        return Vec::new();
    }
    let row = |y: usize| mask[y * n_x..(y + 1) * n_x].contains(&true);
    let column = |x: usize| (0..n_y).any(|y| mask[y * n_x + x]);
    let mut found: Vec<PartialAxis> = [
        axis(PhaseAxis::Y, n_y, &row),
        axis(PhaseAxis::X, n_x, &column),
    ]
    .into_iter()
    .flatten()
    .collect();
    found.sort_by_key(|p| {
        let n = if p.axis == PhaseAxis::Y { n_y } else { n_x };
        p.symmetric.len() * 4096 / n
    });
    found
}

/// Homodyne coil images `[coil][y][x]`, with the phase they were demodulated by; zero-filled images of an ordinary scan.
///
/// Of two asymmetric axes only the more asymmetric one is corrected: use [`pocs`] for both.
///
/// # Errors
/// What [`validate`] finds; [`Error::Pattern`] if the symmetric band is too narrow for a phase.
pub fn homodyne(kspace: &KSpace) -> Result<Vec<Complex32>> {
    validate(kspace)?;
    let Some(partial) = detect_partial_fourier(&kspace.mask, kspace.n_y, kspace.n_x)
        .into_iter()
        .next()
    else {
        return Ok(coil_images(kspace));
    };
    let phase = low_resolution_phase(kspace, std::slice::from_ref(&partial))?;
    let (n_y, n_x) = (kspace.n_y, kspace.n_x);
    let n = if partial.axis == PhaseAxis::Y {
        n_y
    } else {
        n_x
    };
    let centre = (n / 2) as f32;
    let reach = (partial.symmetric.len() / 2) as f32;
    // Measured samples of the one-sided part count twice, those of the band by a ramp from 0 to 2: a sample and its mirror
    // image always count 2 together.
    let towards = if partial.covered.end == partial.symmetric.end {
        -1.0
    } else {
        1.0
    };
    let weights: Vec<f32> = (0..n)
        .map(|i| 1.0 + (towards * (i as f32 - centre) / (reach + 1.0)).clamp(-1.0, 1.0))
        .collect();
    let mut images = masked(kspace);
    images
        .par_chunks_mut(n_x)
        .enumerate()
        .for_each(|(line, row)| {
            for (x, v) in row.iter_mut().enumerate() {
                *v *= match partial.axis {
                    PhaseAxis::Y => weights[line % n_y],
                    PhaseAxis::X => weights[x],
                };
            }
        });
    ifft2(&mut images, n_y, n_x);
    images
        .par_iter_mut()
        .zip(&phase)
        .with_min_len(4096)
        .for_each(|(v, p)| *v = p * (*v * p.conj()).re);
    Ok(images)
}

/// What to do about a side of k-space that was not measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PartialFourier {
    /// Nothing: it counts as zero, or as what the method makes of it.
    #[default]
    Off,
    /// [`homodyne`].
    Homodyne,
    /// [`pocs`] with its default settings.
    Pocs,
}

impl PartialFourier {
    /// All, in the order the command line names them.
    pub const ALL: [Self; 3] = [Self::Off, Self::Homodyne, Self::Pocs];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "none",
            Self::Homodyne => "homodyne",
            Self::Pocs => "pocs",
        }
    }

    /// Coil images `[coil][y][x]` by this way.
    ///
    /// # Errors
    /// As [`homodyne`] and [`pocs`].
    pub fn coil_images(self, kspace: &KSpace) -> Result<Vec<Complex32>> {
        match self {
            Self::Off => Ok(coil_images(kspace)),
            Self::Homodyne => homodyne(kspace),
            Self::Pocs => pocs(kspace, &PocsOptions::default()),
        }
    }

    /// Corrects a combined image `[y][x]` of a scan with this mask in place: what a method made of the unmeasured side is replaced.
    /// Nothing happens to an ordinary scan.
    ///
    /// # Errors
    /// As [`homodyne`] and [`pocs`].
    pub fn correct_image(
        self,
        image: &mut Vec<Complex32>,
        mask: &[bool],
        n_y: usize,
        n_x: usize,
    ) -> Result<()> {
        let partial = detect_partial_fourier(mask, n_y, n_x);
        if self == Self::Off || partial.is_empty() {
            return Ok(());
        }
        let covered = |axis, i: usize| {
            let of_axis = partial.iter().find(|p| p.axis == axis);
            of_axis.is_none_or(|p| p.covered.contains(&i))
        };
        let mask = (0..n_y * n_x)
            .map(|i| covered(PhaseAxis::Y, i / n_x) && covered(PhaseAxis::X, i % n_x))
            .collect();
        let mut samples = std::mem::take(image);
        CentredFft::new(&[n_y, n_x]).forward(&mut samples);
        *image = self.coil_images(&KSpace {
            samples,
            n_coils: 1,
            n_y,
            n_x,
            mask,
            warnings: Vec::new(),
        })?;
        Ok(())
    }
}

impl FromStr for PartialFourier {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|m| m.name() == name);
        found.ok_or(Error::Pattern {
            step: "partial Fourier",
            expected: "none, homodyne or pocs",
            found: "another name",
            hint: "choose one of them",
        })
    }
}

/// Settings of [`pocs`].
#[derive(Debug, Clone, PartialEq)]
pub struct PocsOptions {
    /// Iterations, 1 to 1000.
    pub iterations: usize,
}

impl Default for PocsOptions {
    fn default() -> Self {
        Self { iterations: 12 }
    }
}

/// Coil images `[coil][y][x]` by projection onto what was measured and onto the phase of the symmetric band, in turn;
/// zero-filled images of an ordinary scan. Every measured sample is kept.
///
/// # Errors
/// What [`validate`] finds; [`Error::OutOfRange`] for an impossible number of iterations; [`Error::Pattern`] if the symmetric
/// band is too narrow for a phase.
pub fn pocs(kspace: &KSpace, options: &PocsOptions) -> Result<Vec<Complex32>> {
    validate(kspace)?;
    if !(1..=1000).contains(&options.iterations) {
        return Err(Error::OutOfRange {
            what: "POCS iterations",
            min: 1.0,
            max: 1000.0,
            found: options.iterations as f64,
            hint: "12 are enough",
        });
    }
    let (n_y, n_x) = (kspace.n_y, kspace.n_x);
    let partial = detect_partial_fourier(&kspace.mask, n_y, n_x);
    let mut images = coil_images(kspace);
    if partial.is_empty() {
        return Ok(images);
    }
    let phase = low_resolution_phase(kspace, &partial)?;
    let range = |axis, n| {
        let found = partial.iter().find(|p| p.axis == axis);
        found.map_or(0..n, |p| p.covered.clone())
    };
    let (rows, columns) = (range(PhaseAxis::Y, n_y), range(PhaseAxis::X, n_x));
    let measured = masked(kspace);
    let fft = CentredFft::new(&[n_y, n_x]);
    for _ in 0..options.iterations {
        images
            .par_iter_mut()
            .zip(&phase)
            .with_min_len(4096)
            .for_each(|(v, p)| *v = p * (*v * p.conj()).re);
        fft.forward(&mut images);
        // Within the covered part samples are as measured, holes included: they are another method's to fill.
        images
            .par_chunks_mut(n_x)
            .zip(measured.par_chunks(n_x))
            .enumerate()
            .for_each(|(line, (row, data))| {
                if rows.contains(&(line % n_y)) {
                    row[columns.clone()].copy_from_slice(&data[columns.clone()]);
                }
            });
        fft.inverse(&mut images);
    }
    Ok(images)
}

fn masked(kspace: &KSpace) -> Vec<Complex32> {
    let mut samples = kspace.samples.clone();
    for coil in samples.chunks_mut(kspace.mask.len()) {
        for (v, m) in coil.iter_mut().zip(&kspace.mask) {
            if !m {
                *v = Complex32::default();
            }
        }
    }
    samples
}

/// Unit phasors of the images of the symmetric band, under a Hann window, `[coil][y][x]`.
fn low_resolution_phase(kspace: &KSpace, partial: &[PartialAxis]) -> Result<Vec<Complex32>> {
    if partial.iter().any(|p| p.symmetric.len() < MIN_BAND) {
        return Err(Error::Pattern {
            step: "partial Fourier",
            expected: "a symmetric band of at least 8 samples about the zero frequency",
            found: "a narrower one",
            hint: "reconstruct zero-filled",
        });
    }
    let (n_y, n_x) = (kspace.n_y, kspace.n_x);
    let weights = |axis, n: usize| -> Vec<f32> {
        let Some(p) = partial.iter().find(|p| p.axis == axis) else {
            return vec![1.0; n];
        };
        let reach = p.symmetric.len() as f64 / 2.0;
        (0..n)
            .map(|i| Window::Hann.value((i as f64 - (n / 2) as f64) / reach) as f32)
            .collect()
    };
    let (rows, columns) = (weights(PhaseAxis::Y, n_y), weights(PhaseAxis::X, n_x));
    let mut images = masked(kspace);
    images
        .par_chunks_mut(n_x)
        .enumerate()
        .for_each(|(line, row)| {
            for (v, w) in row.iter_mut().zip(&columns) {
                *v *= w * rows[line % n_y];
            }
        });
    ifft2(&mut images, n_y, n_x);
    for v in &mut images {
        let norm = v.norm();
        *v = if norm > 0.0 {
            *v / norm
        } else {
            Complex32::ONE
        };
    }
    Ok(images)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampling::SamplingMask;
    use crate::simulate::acquire::{acquire, coil_maps_birdcage};
    use crate::zero_filled::root_sum_of_squares;

    const N_Y: usize = 80;
    const N_X: usize = 71;

    /// Bars and ellipses with a smooth phase.
    fn image() -> Vec<Complex32> {
        (0..N_Y * N_X)
            .map(|i| {
                let y = 2.0 * (i / N_X) as f32 / N_Y as f32 - 1.0;
                let x = 2.0 * (i % N_X) as f32 / N_X as f32 - 1.0;
                let mut v = 0.0;
                if (y / 0.8).powi(2) + (x / 0.7).powi(2) < 1.0 {
                    v = 0.6;
                    if (y * 14.0).floor() as i32 % 2 == 0 && x.abs() < 0.3 {
                        v = 1.0;
                    }
                    if (x * 12.0).floor() as i32 % 2 == 0 && y.abs() < 0.2 {
                        v = 0.2;
                    }
                }
                Complex32::from_polar(v, 0.9 * y - 0.7 * x * x + 0.4)
            })
            .collect()
    }

    fn scan(keep: impl Fn(usize, usize) -> bool) -> KSpace {
        let mask = SamplingMask {
            mask: (0..N_Y * N_X).map(|i| keep(i / N_X, i % N_X)).collect(),
            n_y: N_Y,
            n_x: N_X,
        };
        acquire(
            &image(),
            &coil_maps_birdcage(3, N_Y, N_X, 2),
            &mask,
            0.005,
            3,
        )
        .unwrap()
    }

    fn error(images: &[Complex32]) -> f32 {
        let found = root_sum_of_squares(images, N_Y * N_X);
        let truth: Vec<f32> = image().iter().map(|v| v.norm()).collect();
        let energy: f32 = truth.iter().map(|v| v * v).sum();
        let distance: f32 = found.iter().zip(&truth).map(|(a, b)| (a - b).powi(2)).sum();
        (distance / energy).sqrt()
    }

    #[test]
    fn both_methods_beat_zero_filling_on_either_side_of_either_axis() {
        type Keep = fn(usize, usize) -> bool;
        let scans: [(Keep, PhaseAxis); 4] = [
            (|y, _| y < 52, PhaseAxis::Y),
            (|y, _| y >= 28, PhaseAxis::Y),
            (|_, x| x < 46, PhaseAxis::X),
            (|_, x| x >= 25, PhaseAxis::X),
        ];
        for (keep, axis) in scans {
            let kspace = scan(keep);
            let found = detect_partial_fourier(&kspace.mask, N_Y, N_X);
            assert_eq!((found.len(), found[0].axis), (1, axis));
            let zero_filled = error(&coil_images(&kspace));
            let by_homodyne = error(&homodyne(&kspace).unwrap());
            let by_pocs = error(&pocs(&kspace, &PocsOptions::default()).unwrap());
            assert!(
                by_homodyne < 0.8 * zero_filled,
                "{by_homodyne} against {zero_filled}"
            );
            assert!(
                by_pocs < 0.8 * zero_filled,
                "{by_pocs} against {zero_filled}"
            );
        }
    }

    #[test]
    fn an_ordinary_scan_is_not_changed() {
        let masks: [fn(usize, usize) -> bool; 3] = [
            |_, _| true,
            |y, _| y % 4 == 3 || (30..50).contains(&y),
            |y, x| y.abs_diff(40) < 30 && x.abs_diff(35) < 25,
        ];
        for keep in masks {
            let kspace = scan(keep);
            assert!(detect_partial_fourier(&kspace.mask, N_Y, N_X).is_empty());
            assert_eq!(homodyne(&kspace).unwrap(), coil_images(&kspace));
            let by_pocs = pocs(&kspace, &PocsOptions::default()).unwrap();
            assert_eq!(by_pocs, coil_images(&kspace));
        }
    }

    #[test]
    fn what_was_measured_is_kept_and_two_axes_are_found() {
        let kspace = scan(|y, x| y < 55 && x >= 22);
        let found = detect_partial_fourier(&kspace.mask, N_Y, N_X);
        assert_eq!(found.len(), 2);
        let (y, x) = (
            found.iter().find(|p| p.axis == PhaseAxis::Y).unwrap(),
            found.iter().find(|p| p.axis == PhaseAxis::X).unwrap(),
        );
        assert_eq!((y.covered.clone(), y.symmetric.clone()), (0..55, 26..55));
        assert_eq!((x.covered.clone(), x.symmetric.clone()), (22..71, 22..49));
        let mut images = pocs(&kspace, &PocsOptions::default()).unwrap();
        assert!(error(&images) < error(&coil_images(&kspace)));
        crate::fft::fft2(&mut images, N_Y, N_X);
        for (i, v) in images.iter().enumerate() {
            if kspace.mask[i % kspace.mask.len()] {
                assert!((v - kspace.samples[i]).norm() < 1e-3);
            }
        }
    }

    #[test]
    fn a_band_without_a_phase_and_no_iterations_are_refused() {
        let narrow = scan(|y, _| y < 43);
        assert!(matches!(homodyne(&narrow), Err(Error::Pattern { .. })));
        let kspace = scan(|y, _| y < 52);
        assert!(matches!(
            pocs(&kspace, &PocsOptions { iterations: 0 }),
            Err(Error::OutOfRange { .. })
        ));
    }
}
