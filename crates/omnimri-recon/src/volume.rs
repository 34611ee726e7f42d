//! 3D Cartesian scans: decoupled along a fully sampled axis into slices, or reconstructed whole.
//!
//! Where whole lines of an axis are measured, an inverse transform along it turns the scan into independent 2D problems, one
//! a position, each with the same mask. The transform works in place and slices are handed out one by one: memory stays
//! that of the scan and one slice.

use num_complex::Complex32;
use omnimri_image::{KSpace, KSpace3, Zyx};

use crate::fft::CentredFft;
use crate::zero_filled::root_sum_of_squares;
use crate::{Error, Result};

/// Longest accepted axis.
const MAX_AXIS: usize = 16_384;
/// Most coils.
const MAX_COILS: usize = 512;

/// An axis of a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VolumeAxis {
    /// Slowest.
    Z,
    /// Rows.
    Y,
    /// Fastest.
    X,
}

impl VolumeAxis {
    fn index(self) -> usize {
        match self {
            Self::Z => 0,
            Self::Y => 1,
            Self::X => 2,
        }
    }

    /// Length of this axis.
    pub fn length(self, size: Zyx<usize>) -> usize {
        [size.z, size.y, size.x][self.index()]
    }

    /// Rows and columns of a slice across this axis: the other two, in their order.
    pub fn slice_size(self, size: Zyx<usize>) -> (usize, usize) {
        match self {
            Self::Z => (size.y, size.x),
            Self::Y => (size.z, size.x),
            Self::X => (size.z, size.y),
        }
    }

    /// Where the sample `(row, column)` of slice `position` lies in `[z][y][x]`.
    fn offset(self, size: Zyx<usize>, position: usize, row: usize, column: usize) -> usize {
        let (z, y, x) = match self {
            Self::Z => (position, row, column),
            Self::Y => (row, position, column),
            Self::X => (row, column, position),
        };
        (z * size.y + y) * size.x + x
    }
}

/// Checks sizes, samples and mask of a 3D scan.
///
/// # Errors
/// [`Error::OutOfRange`], [`Error::Size`], [`Error::NotFinite`] or [`Error::NoSignal`].
pub fn validate_volume(kspace: &KSpace3) -> Result<()> {
    let Zyx { z, y, x } = kspace.size;
    let limits = [
        (kspace.n_coils, MAX_COILS),
        (z, MAX_AXIS),
        (y, MAX_AXIS),
        (x, MAX_AXIS),
    ];
    for (n, max) in limits {
        if n == 0 || n > max {
            return Err(Error::OutOfRange {
                what: "coils or matrix of a 3D scan",
                min: 1.0,
                max: max as f64,
                found: n as f64,
                hint: "samples must be [coil][z][y][x]",
            });
        }
    }
    // At most 16384^3 * 512 < 2^51.
    let n = z * y * x;
    for (what, expected, found) in [
        ("3D k-space", n * kspace.n_coils, kspace.samples.len()),
        ("3D sampling mask", n, kspace.mask.len()),
    ] {
        if expected != found {
            return Err(Error::Size {
                what,
                expected,
                found,
                hint: "samples must be [coil][z][y][x], the mask [z][y][x]",
            });
        }
    }
    let finite = |v: &&Complex32| v.re.is_finite() && v.im.is_finite();
    let found = kspace.samples.len() - kspace.samples.iter().filter(finite).count();
    if found > 0 {
        return Err(Error::NotFinite { found });
    }
    if !kspace.mask.contains(&true) {
        return Err(Error::NoSignal {
            found: "a mask without a single sample",
        });
    }
    Ok(())
}

/// The axis along which every line is measured whole or not at all, if there is one; of several the fastest, which is the
/// readout by the usual order of axes.
///
/// # Shapes
/// - `mask`: `[z][y][x]`
pub fn fully_sampled_axis(mask: &[bool], size: Zyx<usize>) -> Option<VolumeAxis> {
    let n = size.z.checked_mul(size.y)?.checked_mul(size.x)?;
    if n == 0 || mask.len() != n {
        return None;
    }
    [VolumeAxis::X, VolumeAxis::Y, VolumeAxis::Z]
        .into_iter()
        .find(|axis| {
            let (rows, columns) = axis.slice_size(size);
            (0..rows).all(|r| {
                (0..columns).all(|c| {
                    let first = mask[axis.offset(size, 0, r, c)];
                    (1..axis.length(size)).all(|p| mask[axis.offset(size, p, r, c)] == first)
                })
            })
        })
}

/// A 3D scan as independent slices, made by [`decouple`].
#[derive(Debug)]
pub struct Slices {
    /// Inverse-transformed along `axis`.
    hybrid: KSpace3,
    axis: VolumeAxis,
    next: usize,
}

impl Slices {
    /// The axis across which slices are cut.
    pub fn axis(&self) -> VolumeAxis {
        self.axis
    }

    /// The scan of one slice, or `None` beyond the last.
    pub fn get(&self, position: usize) -> Option<KSpace> {
        let size = self.hybrid.size;
        if position >= self.axis.length(size) {
            return None;
        }
        let (n_y, n_x) = self.axis.slice_size(size);
        let n = size.z * size.y * size.x;
        let mut samples = Vec::with_capacity(self.hybrid.n_coils * n_y * n_x);
        for coil in self.hybrid.samples.chunks(n) {
            for row in 0..n_y {
                samples.extend((0..n_x).map(|c| coil[self.axis.offset(size, position, row, c)]));
            }
        }
        let mask = (0..n_y * n_x)
            .map(|i| self.hybrid.mask[self.axis.offset(size, 0, i / n_x, i % n_x)])
            .collect();
        Some(KSpace {
            samples,
            n_coils: self.hybrid.n_coils,
            n_y,
            n_x,
            mask,
            warnings: Vec::new(),
        })
    }
}

impl Iterator for Slices {
    type Item = KSpace;

    fn next(&mut self) -> Option<KSpace> {
        let slice = self.get(self.next)?;
        self.next += 1;
        Some(slice)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let n = self.axis.length(self.hybrid.size) - self.next;
        (n, Some(n))
    }
}

impl ExactSizeIterator for Slices {}

/// Decouples a scan along an axis whose lines are all measured whole or not at all.
///
/// # Errors
/// What [`validate_volume`] finds; [`Error::Pattern`] if lines of the axis are measured in part.
pub fn decouple(mut kspace: KSpace3, axis: VolumeAxis) -> Result<Slices> {
    validate_volume(&kspace)?;
    let size = kspace.size;
    let (rows, columns) = axis.slice_size(size);
    for i in 0..rows * columns {
        let at = |p| kspace.mask[axis.offset(size, p, i / columns, i % columns)];
        if (1..axis.length(size)).any(|p| at(p) != at(0)) {
            return Err(Error::Pattern {
                step: "decoupling of a 3D scan",
                expected: "lines measured whole or not at all along the axis",
                found: "lines measured in part",
                hint: "ask `fully_sampled_axis` for the axis; without one reconstruct the volume whole",
            });
        }
    }
    mask_samples(&mut kspace);
    CentredFft::new(&[size.z, size.y, size.x]).inverse_axis(&mut kspace.samples, axis.index());
    Ok(Slices {
        hybrid: kspace,
        axis,
        next: 0,
    })
}

fn mask_samples(kspace: &mut KSpace3) {
    for coil in kspace.samples.chunks_mut(kspace.mask.len()) {
        for (v, m) in coil.iter_mut().zip(&kspace.mask) {
            if !m {
                *v = Complex32::default();
            }
        }
    }
}

/// Root sum of squares of the zero-filled coil volumes, `[z][y][x]`.
///
/// # Errors
/// What [`validate_volume`] finds.
pub fn zero_filled_volume(mut kspace: KSpace3) -> Result<Vec<f32>> {
    validate_volume(&kspace)?;
    mask_samples(&mut kspace);
    let Zyx { z, y, x } = kspace.size;
    CentredFft::new(&[z, y, x]).inverse(&mut kspace.samples);
    Ok(root_sum_of_squares(&kspace.samples, z * y * x))
}

/// Reconstructs a volume slice by slice across a fully sampled axis, zero-filled where there is none; `[z][y][x]`.
///
/// # Errors
/// What [`validate_volume`] finds, what `slice` returns, [`Error::Size`] if `slice` returns an image of another matrix.
pub fn reconstruct_volume(
    kspace: KSpace3,
    slice: impl Fn(&KSpace) -> Result<Vec<f32>>,
) -> Result<Vec<f32>> {
    validate_volume(&kspace)?;
    let size = kspace.size;
    let Some(axis) = fully_sampled_axis(&kspace.mask, size) else {
        return zero_filled_volume(kspace);
    };
    let (n_y, n_x) = axis.slice_size(size);
    let mut out = vec![0.0; size.z * size.y * size.x];
    for (position, scan) in decouple(kspace, axis)?.enumerate() {
        // A slice beyond the object holds nothing to calibrate on, and nothing to show.
        if scan.samples.iter().all(|v| v.norm_sqr() == 0.0) {
            continue;
        }
        let image = slice(&scan)?;
        if image.len() != n_y * n_x {
            return Err(Error::Size {
                what: "reconstructed slice",
                expected: n_y * n_x,
                found: image.len(),
                hint: "the slice reconstruction must keep the matrix",
            });
        }
        for (i, v) in image.into_iter().enumerate() {
            out[axis.offset(size, position, i / n_x, i % n_x)] = v;
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampling::variable_density;
    use crate::sense::{SenseOptions, sense};
    use crate::simulate::acquire::{coil_maps_birdcage, complex_noise};
    use rand::SeedableRng;

    const SIZE: Zyx<usize> = Zyx::new(44, 48, 9);

    /// An ellipsoid with a smaller one in it, and coils that change along all axes.
    fn phantom(n_coils: usize) -> (Vec<f32>, Vec<Complex32>) {
        let Zyx { z, y, x } = SIZE;
        let n = z * y * x;
        let at = |i: usize, n: usize| 2.0 * i as f32 / n as f32 - 1.0;
        let image: Vec<f32> = (0..n)
            .map(|i| {
                let (pz, py, px) = (at(i / (y * x), z), at(i / x % y, y), at(i % x, x));
                let inside = |c: [f32; 3], r: [f32; 3]| {
                    ((pz - c[0]) / r[0]).powi(2)
                        + ((py - c[1]) / r[1]).powi(2)
                        + ((px - c[2]) / r[2]).powi(2)
                        < 1.0
                };
                let mut v = 0.0;
                if inside([0.0; 3], [0.8, 0.7, 1.5]) {
                    v += 1.0;
                }
                if inside([0.2, -0.1, 0.2], [0.2, 0.3, 0.6]) {
                    v += 0.7;
                }
                v
            })
            .collect();
        let maps = coil_maps_birdcage(n_coils, z, y, 3);
        let mut coils = vec![Complex32::default(); n_coils * n];
        for c in 0..n_coils {
            for i in 0..n {
                let turn = Complex32::from_polar(1.0, 0.3 * (c as f32) * at(i % x, x));
                coils[c * n + i] = maps.maps[c * z * y + i / x] * turn * image[i];
            }
        }
        (image, coils)
    }

    /// A scan with lines along x and a 2D mask across them.
    fn scan() -> (KSpace3, Vec<f32>) {
        let (image, mut samples) = phantom(6);
        let Zyx { z, y, x } = SIZE;
        let points = variable_density(z, y, 3.0, 14, 2).unwrap();
        let mask: Vec<bool> = (0..z * y * x).map(|i| points.mask[i / x]).collect();
        CentredFft::new(&[z, y, x]).forward(&mut samples);
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(4);
        let noise = complex_noise(samples.len(), 0.02, &mut rng);
        for (i, (v, e)) in samples.iter_mut().zip(noise).enumerate() {
            *v = if mask[i % mask.len()] {
                *v + e
            } else {
                Complex32::default()
            };
        }
        let kspace = KSpace3 {
            samples,
            n_coils: 6,
            size: SIZE,
            mask,
        };
        (kspace, image)
    }

    fn error(found: &[f32], truth: &[f32]) -> f32 {
        let energy: f32 = truth.iter().map(|v| v * v).sum();
        let distance: f32 = found.iter().zip(truth).map(|(a, b)| (a - b).powi(2)).sum();
        (distance / energy).sqrt()
    }

    #[test]
    fn slices_by_sense_make_the_volume() {
        let (kspace, truth) = scan();
        assert_eq!(fully_sampled_axis(&kspace.mask, SIZE), Some(VolumeAxis::X));
        let zero_filled = error(&zero_filled_volume(kspace.clone()).unwrap(), &truth);
        let volume = reconstruct_volume(kspace, |slice| {
            let setup = sense(slice, &SenseOptions::default())?;
            Ok(setup.initial.iter().map(|v| v.norm()).collect())
        })
        .unwrap();
        let found = error(&volume, &truth);
        assert!(
            found < 0.12 && found < 0.6 * zero_filled,
            "{found} against {zero_filled} zero-filled"
        );
    }

    #[test]
    fn a_full_scan_decouples_along_every_axis_to_the_same_volume() {
        let (_, coils) = phantom(2);
        let Zyx { z, y, x } = SIZE;
        let mut samples = coils.clone();
        CentredFft::new(&[z, y, x]).forward(&mut samples);
        let kspace = KSpace3 {
            samples,
            n_coils: 2,
            size: SIZE,
            mask: vec![true; z * y * x],
        };
        let whole = zero_filled_volume(kspace.clone()).unwrap();
        for axis in [VolumeAxis::Z, VolumeAxis::Y, VolumeAxis::X] {
            let slices = decouple(kspace.clone(), axis).unwrap();
            assert_eq!(slices.len(), axis.length(SIZE));
            for (p, slice) in slices.enumerate() {
                let coils = crate::zero_filled::coil_images(&slice);
                let image = root_sum_of_squares(&coils, slice.n_y * slice.n_x);
                for (i, v) in image.iter().enumerate() {
                    let at = axis.offset(SIZE, p, i / slice.n_x, i % slice.n_x);
                    assert!((v - whole[at]).abs() < 1e-4, "{axis:?} {p}");
                }
            }
        }
    }

    #[test]
    fn the_fully_sampled_axis_is_found_or_not() {
        let mask = |keep: &dyn Fn(usize, usize, usize) -> bool| -> Vec<bool> {
            let Zyx { z, y, x } = SIZE;
            (0..z * y * x)
                .map(|i| keep(i / (y * x), i / x % y, i % x))
                .collect()
        };
        let along_y = mask(&|z, _, x| (z + 2 * x) % 3 == 0);
        assert_eq!(fully_sampled_axis(&along_y, SIZE), Some(VolumeAxis::Y));
        let along_z = mask(&|_, y, x| (y + x) % 3 == 0);
        assert_eq!(fully_sampled_axis(&along_z, SIZE), Some(VolumeAxis::Z));
        let points = mask(&|z, y, x| (z + y + x) % 3 == 0);
        assert_eq!(fully_sampled_axis(&points, SIZE), None);
        assert_eq!(fully_sampled_axis(&points[1..], SIZE), None);
        let (mut kspace, _) = scan();
        kspace.mask = points;
        assert!(matches!(
            decouple(kspace.clone(), VolumeAxis::X),
            Err(Error::Pattern { .. })
        ));
        // Without such an axis the volume is still made, whole.
        let expected = zero_filled_volume(kspace.clone()).unwrap();
        assert_eq!(
            reconstruct_volume(kspace, |_| Ok(vec![])).unwrap(),
            expected
        );
    }

    #[test]
    fn bad_volumes_are_refused() {
        let (good, _) = scan();
        let broken = |change: fn(&mut KSpace3)| {
            let mut k = good.clone();
            change(&mut k);
            zero_filled_volume(k).unwrap_err()
        };
        assert!(matches!(
            broken(|k| k.n_coils = 0),
            Error::OutOfRange { .. }
        ));
        assert!(matches!(
            broken(|k| k.size.y = usize::MAX),
            Error::OutOfRange { .. }
        ));
        assert!(matches!(broken(|k| k.size.y = 7), Error::Size { .. }));
        assert!(matches!(broken(|k| k.mask.truncate(3)), Error::Size { .. }));
        assert!(matches!(
            broken(|k| k.samples[1].re = f32::NAN),
            Error::NotFinite { found: 1 }
        ));
        assert!(matches!(
            broken(|k| k.mask.fill(false)),
            Error::NoSignal { .. }
        ));
        assert!(matches!(
            reconstruct_volume(good.clone(), |_| Ok(vec![0.0; 3])),
            Err(Error::Size { found: 3, .. })
        ));
    }
}
