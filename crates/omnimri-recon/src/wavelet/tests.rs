//! Wavelets: perfect reconstruction, adjoints, and shrinkage against plain definitions.

use super::*;
use crate::operator::tests::{assert_adjoint, random_array};

fn energy(v: &[Complex32]) -> f64 {
    v.iter().map(|v| f64::from(v.norm_sqr())).sum()
}

#[test]
fn without_a_threshold_the_image_comes_back_for_every_size() {
    for family in [Family::Haar, Family::Daubechies2] {
        for (n_y, n_x) in [(16, 16), (13, 30), (31, 7), (1, 9), (100, 101)] {
            let wavelet = Wavelet::new(n_y, n_x, family, 4);
            let image = random_array(n_y * n_x, 3);
            let mut out = image.clone();
            wavelet.shrink(&mut out, 0.0);
            let worst = image
                .iter()
                .zip(&out)
                .map(|(a, b)| (a - b).norm())
                .fold(0.0, f32::max);
            assert!(worst < 1e-5, "{family:?} {n_y} x {n_x}: {worst}");
        }
    }
}

#[test]
fn the_frame_is_parseval_and_scales_noise_as_stated() {
    let (n_y, n_x) = (48, 50);
    let image = random_array(n_y * n_x, 3);
    for family in [Family::Haar, Family::Daubechies2] {
        let wavelet = Wavelet::new(n_y, n_x, family, 2);
        let bands = wavelet.forward(&image);
        assert!((energy(&bands) / energy(&image) - 1.0).abs() < 1e-5);
        for (i, band) in bands.chunks(n_y * n_x).take(6).enumerate() {
            let expected = f64::from(wavelet.scale(i / 3)).powi(2);
            let found = energy(band) / energy(&image);
            assert!((found / expected - 1.0).abs() < 0.25, "{found}, {expected}");
        }
    }
    let size = Zyx::new(12, 20, 22);
    let volume = random_array(size.z * size.y * size.x, 5);
    let wavelet = Wavelet::volume(size, Family::Haar, 1);
    let bands = wavelet.forward(&volume);
    for band in bands.chunks(volume.len()) {
        assert!((energy(band) / energy(&volume) - 0.125).abs() < 0.02);
    }
}

#[test]
fn the_transform_is_an_operator_with_its_adjoint_for_every_size() {
    for family in [Family::Haar, Family::Daubechies2] {
        for (z, y, x) in [
            (1, 13, 30),
            (1, 31, 7),
            (1, 100, 101),
            (9, 14, 11),
            (6, 5, 8),
        ] {
            let wavelet = Wavelet::volume(Zyx::new(z, y, x), family, 4);
            assert_adjoint(&wavelet, 31);
        }
    }
}

#[test]
fn shrinkage_is_the_threshold_between_analysis_and_synthesis() {
    for size in [Zyx::new(1, 40, 37), Zyx::new(7, 12, 9)] {
        for family in [Family::Haar, Family::Daubechies2] {
            let wavelet = Wavelet::volume(size, family, 3);
            let mut image = random_array(size.z * size.y * size.x, 6);
            let n = image.len();
            let mut bands = wavelet.forward(&image);
            let n_details = wavelet.n_details();
            for (i, band) in bands.chunks_mut(n).enumerate() {
                if i < n_details * wavelet.n_levels() {
                    soft_threshold(band, 0.9 * wavelet.scale(i / n_details));
                }
            }
            let expected = wavelet.adjoint(&bands);
            wavelet.shrink(&mut image, 0.9);
            for (a, b) in image.iter().zip(&expected) {
                assert!((a - b).norm() < 1e-5, "{a} against {b}");
            }
        }
    }
}

#[test]
fn shrinkage_takes_noise_off_a_piecewise_smooth_image() {
    let (n_y, n_x) = (60, 64);
    let clean: Vec<Complex32> = (0..n_y * n_x)
        .map(|i| {
            let inside = (i / n_x) > 20 && (i % n_x) > 30;
            Complex32::new(f32::from(u8::from(inside)), 0.3)
        })
        .collect();
    // Uniform noise of variance 0.2^2 / 3 a part.
    let mut noisy: Vec<Complex32> = clean
        .iter()
        .zip(random_array(n_y * n_x, 8))
        .map(|(c, n)| c + n * 0.2)
        .collect();
    let error = |x: &[Complex32]| {
        x.iter()
            .zip(&clean)
            .map(|(a, b)| (a - b).norm_sqr())
            .sum::<f32>()
    };
    let before = error(&noisy);
    Wavelet::new(n_y, n_x, Family::Daubechies2, 4).shrink(&mut noisy, 0.4);
    assert!(
        error(&noisy) < 0.3 * before,
        "{} of {before}",
        error(&noisy)
    );
}
