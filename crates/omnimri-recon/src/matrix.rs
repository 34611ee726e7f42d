//! From one matrix to another: crop and zero-fill about the centre, in image space or in k-space.
//!
//! The centre of an axis of `n` samples is index `n / 2` (integer division) on both sides, whatever the parities, so that
//! zero frequency and image centre stay where the convention of [`crate::fft`] wants them.

use num_complex::Complex32;
use omnimri_image::KSpace;
use rayon::prelude::*;

use crate::calibration::validate;
use crate::fft::CentredFft;
use crate::{Error, Result};

/// Longest accepted axis of a matrix to make.
const MAX_AXIS: usize = 16_384;

fn check(found: usize, from: [usize; 2], to: [usize; 2]) -> Result<()> {
    for n in from.into_iter().chain(to) {
        if n == 0 || n > MAX_AXIS {
            return Err(Error::OutOfRange {
                what: "matrix to resize",
                min: 1.0,
                max: MAX_AXIS as f64,
                found: n as f64,
                hint: "check the header's matrix sizes",
            });
        }
    }
    let n = from[0] * from[1];
    if !found.is_multiple_of(n) {
        return Err(Error::Size {
            what: "array to resize",
            expected: found.div_ceil(n) * n,
            found,
            hint: "the array must be [batch...][y][x]",
        });
    }
    Ok(())
}

/// Cuts the middle out of every 2D array of a batch; centre stays centre.
///
/// # Shapes
/// - `data`: `[batch...][from[0]][from[1]]`, returns `[batch...][to[0]][to[1]]`
///
/// # Errors
/// [`Error::Size`] if `data` is not a batch of `from`; [`Error::OutOfRange`] if `to` is empty or larger than `from`.
pub fn crop_centre<T: Copy + Default + Send + Sync>(
    data: &[T],
    from: [usize; 2],
    to: [usize; 2],
) -> Result<Vec<T>> {
    for (from, to) in from.into_iter().zip(to) {
        if to > from {
            return Err(Error::OutOfRange {
                what: "matrix to crop to",
                min: 1.0,
                max: from as f64,
                found: to as f64,
                hint: "it is larger than the array: zero-fill instead",
            });
        }
    }
    resize_centre(data, from, to)
}

/// Crops or zero-fills every 2D array of a batch, each axis by itself; centre stays centre.
///
/// # Shapes
/// - `data`: `[batch...][from[0]][from[1]]`, returns `[batch...][to[0]][to[1]]`
///
/// # Errors
/// [`Error::Size`] if `data` is not a batch of `from`; [`Error::OutOfRange`] for an impossible matrix.
pub fn resize_centre<T: Copy + Default + Send + Sync>(
    data: &[T],
    from: [usize; 2],
    to: [usize; 2],
) -> Result<Vec<T>> {
    check(data.len(), from, to)?;
    let batch = data.len() / (from[0] * from[1]);
    let mut out = vec![T::default(); batch * to[0] * to[1]];
    // First index that both have, in the indices of either.
    let common = |axis: usize| {
        let (a, b) = (from[axis] / 2, to[axis] / 2);
        let before = a.min(b);
        let n = before + (from[axis] - a).min(to[axis] - b);
        (a - before, b - before, n)
    };
    let ((y_in, y_out, n_y), (x_in, x_out, n_x)) = (common(0), common(1));
    out.par_chunks_mut(to[0] * to[1])
        .zip(data.par_chunks(from[0] * from[1]))
        .for_each(|(out, image)| {
            for i in 0..n_y {
                let source = &image[(y_in + i) * from[1] + x_in..][..n_x];
                out[(y_out + i) * to[1] + x_out..][..n_x].copy_from_slice(source);
            }
        });
    Ok(out)
}

/// Changes the resolution of complex images and keeps their field of view: k-space is cropped or zero-filled.
///
/// Intensities are kept: the mean of an image (its zero frequency) does not change. In k-space of orthonormal scaling that
/// means a factor of `sqrt(n_to / n_from)` on the samples, which this function applies.
///
/// # Shapes
/// - `images`: `[batch...][from[0]][from[1]]`, returns `[batch...][to[0]][to[1]]`
///
/// # Errors
/// As [`resize_centre`].
pub fn fourier_resize(
    images: &[Complex32],
    from: [usize; 2],
    to: [usize; 2],
) -> Result<Vec<Complex32>> {
    check(images.len(), from, to)?;
    let mut kspace = images.to_vec();
    CentredFft::new(&from).forward(&mut kspace);
    let mut out = resize_samples(&kspace, from, to)?;
    CentredFft::new(&to).inverse(&mut out);
    Ok(out)
}

/// Crops or zero-fills a scan's k-space to another matrix of the same field of view; image intensities are kept as
/// [`fourier_resize`] keeps them. What is added counts as not measured.
///
/// # Errors
/// What [`validate`] finds; as [`resize_centre`].
pub fn resize_kspace(kspace: &KSpace, n_y: usize, n_x: usize) -> Result<KSpace> {
    validate(kspace)?;
    let (from, to) = ([kspace.n_y, kspace.n_x], [n_y, n_x]);
    Ok(KSpace {
        samples: resize_samples(&kspace.samples, from, to)?,
        n_coils: kspace.n_coils,
        n_y,
        n_x,
        mask: resize_centre(&kspace.mask, from, to)?,
        warnings: kspace.warnings.clone(),
    })
}

fn resize_samples(
    kspace: &[Complex32],
    from: [usize; 2],
    to: [usize; 2],
) -> Result<Vec<Complex32>> {
    let mut out = resize_centre(kspace, from, to)?;
    let scale = ((to[0] * to[1]) as f64 / (from[0] * from[1]) as f64).sqrt() as f32;
    out.par_iter_mut()
        .with_min_len(4096)
        .for_each(|v| *v *= scale);
    Ok(out)
}

/// Removes the oversampling of a readout along x: the field of view is cut to `n_x` pixels in image space.
///
/// Transforms along x are unitary, so pixel intensities and the noise variance of a sample stay what they were.
///
/// # Errors
/// What [`validate`] finds; [`Error::OutOfRange`] if `n_x` is larger than the readout; [`Error::Pattern`] if rows are
/// measured in part, since what they miss cannot be told apart after the cut.
pub fn remove_oversampling(kspace: &KSpace, n_x: usize) -> Result<KSpace> {
    validate(kspace)?;
    let rows = kspace.mask.chunks(kspace.n_x);
    if rows.clone().any(|row| row.iter().any(|m| *m != row[0])) {
        return Err(Error::Pattern {
            step: "removal of oversampling",
            expected: "rows measured whole or not at all",
            found: "rows measured in part",
            hint: "reconstruct the whole field of view and crop the image",
        });
    }
    let mut hybrid = kspace.samples.clone();
    CentredFft::new(&[kspace.n_x]).inverse(&mut hybrid);
    let mut samples = crop_centre(&hybrid, [kspace.n_y, kspace.n_x], [kspace.n_y, n_x])?;
    CentredFft::new(&[n_x]).forward(&mut samples);
    let mask = rows
        .flat_map(|row| std::iter::repeat_n(row[0], n_x))
        .collect();
    Ok(KSpace {
        samples,
        n_coils: kspace.n_coils,
        n_y: kspace.n_y,
        n_x,
        mask,
        warnings: kspace.warnings.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fft::{fft2, ifft2};
    use crate::operator::tests::random_array;

    #[test]
    fn the_centre_stays_the_centre_for_every_parity() {
        for from in [[6, 9], [7, 8], [5, 5]] {
            for to in [[4, 5], [3, 4], [8, 11], [9, 4], [1, 12]] {
                let n = from[0] * from[1];
                let data: Vec<i32> = (1..=2 * n as i32).collect();
                let out = resize_centre(&data, from, to).unwrap();
                for b in 0..2 {
                    for y in 0..to[0] as isize {
                        for x in 0..to[1] as isize {
                            let from_y = y - (to[0] / 2) as isize + (from[0] / 2) as isize;
                            let from_x = x - (to[1] / 2) as isize + (from[1] / 2) as isize;
                            let inside = (0..from[0] as isize).contains(&from_y)
                                && (0..from[1] as isize).contains(&from_x);
                            let expected = match inside {
                                true => data[b * n + from_y as usize * from[1] + from_x as usize],
                                false => 0,
                            };
                            let at = (b * to[0] + y as usize) * to[1] + x as usize;
                            assert_eq!(out[at], expected, "{from:?} to {to:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_finer_matrix_shows_the_same_image_and_back_again() {
        let (from, to) = ([12, 15], [21, 20]);
        // A plane wave of two and three periods a field of view, its origin at the centre of either grid.
        let wave = |n: [usize; 2]| -> Vec<Complex32> {
            (0..n[0] * n[1])
                .map(|i| {
                    let at = |i: usize, n: usize| (i as f32 - (n / 2) as f32) / n as f32;
                    let turns = 2.0 * at(i / n[1], n[0]) - 3.0 * at(i % n[1], n[1]);
                    Complex32::from_polar(0.7, std::f32::consts::TAU * turns)
                })
                .collect()
        };
        let fine = fourier_resize(&wave(from), from, to).unwrap();
        let close = |a: &[Complex32], b: &[Complex32]| {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).norm() < 1e-5)
        };
        assert!(close(&fine, &wave(to)));
        assert!(close(
            &fourier_resize(&fine, to, from).unwrap(),
            &wave(from)
        ));
    }

    fn scan(n_coils: usize, n_y: usize, n_x: usize, keep: impl Fn(usize, usize) -> bool) -> KSpace {
        KSpace {
            samples: random_array(n_coils * n_y * n_x, 3),
            n_coils,
            n_y,
            n_x,
            mask: (0..n_y * n_x).map(|i| keep(i / n_x, i % n_x)).collect(),
            warnings: vec![],
        }
    }

    #[test]
    fn kspace_is_resized_with_its_mask_and_keeps_the_mean() {
        let kspace = scan(2, 10, 13, |y, _| y % 2 == 1);
        let out = resize_kspace(&kspace, 14, 8).unwrap();
        assert_eq!((out.n_y, out.n_x, out.mask.len()), (14, 8, 112));
        assert!(!out.mask[0] && out.mask[7 * 8]);
        let mean = |k: &KSpace| {
            let mut image = k.samples.clone();
            ifft2(&mut image, k.n_y, k.n_x);
            let n = k.n_y * k.n_x;
            image[n..].iter().sum::<Complex32>() / n as f32
        };
        assert!((mean(&out) - mean(&kspace)).norm() < 1e-5);
    }

    #[test]
    fn oversampling_goes_and_the_pixels_stay() {
        for n_x in [20, 21, 40] {
            let mut kspace = scan(3, 9, 40, |y, _| y != 2);
            let images = kspace.samples.clone();
            fft2(&mut kspace.samples, 9, 40);
            let mut cut = remove_oversampling(&kspace, n_x).unwrap();
            assert_eq!(cut.mask.iter().filter(|m| !**m).count(), n_x);
            ifft2(&mut cut.samples, 9, n_x);
            let expected = crop_centre(&images, [9, 40], [9, n_x]).unwrap();
            assert!(
                cut.samples
                    .iter()
                    .zip(&expected)
                    .all(|(a, b)| (a - b).norm() < 1e-5)
            );
        }
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        assert!(matches!(
            crop_centre(&[0.0; 30], [5, 6], [6, 6]),
            Err(Error::OutOfRange { .. })
        ));
        assert!(matches!(
            resize_centre(&[0.0; 31], [5, 6], [6, 6]),
            Err(Error::Size { found: 31, .. })
        ));
        assert!(matches!(
            resize_centre(&[0.0; 30], [5, 6], [usize::MAX, 2]),
            Err(Error::OutOfRange { .. })
        ));
        let partial = scan(1, 5, 8, |_, x| x > 1);
        assert!(matches!(
            remove_oversampling(&partial, 4),
            Err(Error::Pattern { .. })
        ));
    }
}
