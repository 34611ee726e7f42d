//! Images straight from the measured samples: root sum of squares and adaptive combination.

use num_complex::Complex32;
use omnimri_image::KSpace;
use rayon::prelude::*;

use crate::coil_maps::{CoilMaps, walsh};
use crate::fft::ifft2;

/// Coil images of the measured samples, what was not measured taken as zero, `[coil][y][x]`.
pub fn coil_images(kspace: &KSpace) -> Vec<Complex32> {
    let mut images = kspace.samples.clone();
    images
        .par_chunks_mut(kspace.n_y * kspace.n_x)
        .for_each(|coil| {
            for (v, &measured) in coil.iter_mut().zip(&kspace.mask) {
                if !measured {
                    *v = Complex32::default();
                }
            }
        });
    ifft2(&mut images, kspace.n_y, kspace.n_x);
    images
}

/// `sqrt(sum_c |I_c|^2)`, `[y][x]`, in the units of the samples.
///
/// # Shapes
/// - `coil_images`: `[coil][n_pixels]`
pub fn root_sum_of_squares(coil_images: &[Complex32], n_pixels: usize) -> Vec<f32> {
    let mut out = vec![0.0f32; n_pixels];
    out.par_chunks_mut(4096)
        .enumerate()
        .for_each(|(chunk, out)| {
            for coil in coil_images.chunks(n_pixels) {
                for (out, v) in out.iter_mut().zip(&coil[chunk * 4096..]) {
                    *out += v.norm_sqr();
                }
            }
            for v in out {
                *v = v.sqrt();
            }
        });
    out
}

/// Combination by coil maps of Walsh's kind, estimated from the images themselves: complex, less noise than the root sum of
/// squares where signal is weak. `[y][x]`, with the maps used.
///
/// # Shapes
/// - `coil_images`: `[coil][y][x]`
pub fn adaptive_combination(
    coil_images: &[Complex32],
    n_coils: usize,
    n_y: usize,
    n_x: usize,
) -> (Vec<Complex32>, CoilMaps) {
    let n = n_y * n_x;
    let maps = walsh(coil_images, n_coils, n_y, n_x, 3);
    let mut out = vec![Complex32::default(); n];
    for (image, map) in coil_images.chunks(n).zip(maps.maps.chunks(n)) {
        for ((out, v), s) in out.iter_mut().zip(image).zip(map) {
            *out += s.conj() * v;
        }
    }
    (out, maps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fft::fft2;
    use crate::operator::tests::random_array;

    #[test]
    fn a_fully_sampled_scan_returns_its_images() {
        let (n_coils, n_y, n_x) = (2, 9, 14);
        let images = random_array(n_coils * n_y * n_x, 2);
        let mut samples = images.clone();
        fft2(&mut samples, n_y, n_x);
        let kspace = KSpace {
            samples,
            n_coils,
            n_y,
            n_x,
            mask: vec![true; n_y * n_x],
            warnings: vec![],
        };
        let back = coil_images(&kspace);
        assert!(images.iter().zip(&back).all(|(a, b)| (a - b).norm() < 1e-5));
        let rss = root_sum_of_squares(&back, n_y * n_x);
        let expected = (images[5].norm_sqr() + images[n_y * n_x + 5].norm_sqr()).sqrt();
        assert!((rss[5] - expected).abs() < 1e-5);
    }

    #[test]
    fn samples_outside_the_mask_do_not_count() {
        let mut kspace = KSpace {
            samples: random_array(35, 2),
            n_coils: 1,
            n_y: 5,
            n_x: 7,
            mask: (0..35).map(|i| i % 2 == 0).collect(),
            warnings: vec![],
        };
        let before = coil_images(&kspace);
        kspace.samples[1] *= 100.0;
        assert_eq!(before, coil_images(&kspace));
    }

    #[test]
    fn adaptive_combination_keeps_the_magnitude_of_one_voxel_covariances() {
        let (n_y, n_x) = (16, 15);
        let image: Vec<Complex32> = (0..240)
            .map(|i| Complex32::new(1.0 + i as f32 / 240.0, 0.0))
            .collect();
        let mut coils = image.clone();
        coils.extend(image.iter().map(|v| v * Complex32::new(0.0, 2.0)));
        let (combined, _) = adaptive_combination(&coils, 2, n_y, n_x);
        for (c, v) in combined.iter().zip(&image) {
            assert!((c.norm() - v.norm() * 5f32.sqrt()).abs() < 1e-3);
        }
    }
}
