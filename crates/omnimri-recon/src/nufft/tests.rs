//! Against direct sums.

use num_complex::Complex64;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::CentredFft;
use crate::operator::tests::{assert_adjoint, random_array};

fn zyx(z: usize, y: usize, x: usize) -> Zyx<usize> {
    Zyx { z, y, x }
}

/// Positions over all of k-space and a little past its edge.
fn random_coord(n: usize, size: Zyx<usize>, seed: u64) -> Vec<[f32; 3]> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut axis = |n: usize| {
        if n == 1 {
            0.0
        } else {
            rng.random_range(-0.51..0.51) * n as f32
        }
    };
    (0..n)
        .map(|_| [axis(size.z), axis(size.y), axis(size.x)])
        .collect()
}

/// The sum as [`omnimri_image::NonCartesian`] defines it.
fn direct(image: &[Complex32], coord: &[[f32; 3]], size: Zyx<usize>) -> Vec<Complex64> {
    let scale = 1.0 / (image.len() as f64).sqrt();
    coord
        .iter()
        .map(|k| {
            let mut sum = Complex64::default();
            for (i, v) in image.iter().enumerate() {
                let r = [i / (size.y * size.x), i / size.x % size.y, i % size.x];
                let turns: f64 = [size.z, size.y, size.x]
                    .iter()
                    .enumerate()
                    .map(|(a, n)| f64::from(k[a]) * (r[a] as f64 - (n / 2) as f64) / *n as f64)
                    .sum();
                sum += Complex64::new(v.re.into(), v.im.into())
                    * Complex64::from_polar(scale, -std::f64::consts::TAU * turns);
            }
            sum
        })
        .collect()
}

const SIZES: [(usize, usize, usize); 6] = [
    (1, 16, 16),
    (1, 13, 22),
    (1, 33, 8),
    (1, 40, 41),
    (7, 10, 13),
    (12, 9, 8),
];

#[test]
fn forward_equals_the_direct_sum() {
    for (z, y, x) in SIZES {
        let size = zyx(z, y, x);
        let coord = random_coord(150, size, 3);
        let image = random_array(z * y * x, 4);
        let expected = direct(&image, &coord, size);
        for oversampling in [None, Some(2.0), Some(1.5), Some(1.25)] {
            let options = NufftOptions {
                oversampling,
                ..NufftOptions::default()
            };
            let found = Nufft::new(&coord, size, &options)
                .unwrap()
                .forward_batch(&image);
            let (mut error, mut norm) = (0.0, 0.0);
            for (f, e) in found.iter().zip(&expected) {
                error += (Complex64::new(f.re.into(), f.im.into()) - e).norm_sqr();
                norm += e.norm_sqr();
            }
            let error = (error / norm).sqrt();
            assert!(
                error
                    < if oversampling == Some(1.25) {
                        2e-5
                    } else {
                        4e-6
                    },
                "{size:?} {oversampling:?}: {error:e}"
            );
        }
    }
}

#[test]
fn on_grid_points_it_is_the_centred_transform() {
    let size = zyx(1, 11, 14);
    let coord: Vec<[f32; 3]> = (0..154)
        .map(|i| [0.0, (i / 14) as f32 - 5.0, (i % 14) as f32 - 7.0])
        .collect();
    let image = random_array(154, 9);
    let found = Nufft::new(&coord, size, &NufftOptions::default())
        .unwrap()
        .forward_batch(&image);
    let expected = LinearOperator::forward(&CentredFft::new(&[11, 14]), &image);
    let worst = found
        .iter()
        .zip(&expected)
        .map(|(a, b)| (a - b).norm())
        .fold(0.0, f32::max);
    assert!(worst < 1e-5, "{worst}");
}

#[test]
fn adjoint_belongs_to_forward_and_toeplitz_is_the_normal_operator() {
    for (z, y, x) in SIZES {
        let size = zyx(z, y, x);
        let coord = random_coord(700, size, 5);
        let nufft = Nufft::new(&coord, size, &NufftOptions::default()).unwrap();
        assert_adjoint(&nufft, 7);
        let toeplitz = ToeplitzNormal::new(&coord, None, size).unwrap();
        assert_adjoint(&toeplitz, 8);
        let u = random_array(z * y * x, 6);
        let (a, b) = (toeplitz.apply(&u), nufft.normal(&u));
        let peak = b.iter().map(|v| v.norm()).fold(0.0, f32::max);
        let worst = a
            .iter()
            .zip(&b)
            .map(|(a, b)| (a - b).norm())
            .fold(0.0, f32::max);
        assert!(worst < 1e-5 * peak, "{size:?}: {worst} of {peak}");
    }
}

#[test]
fn weights_enter_the_normal_operator() {
    let size = zyx(1, 12, 15);
    let coord = random_coord(400, size, 15);
    let weights: Vec<f32> = (0..400).map(|i| 0.1 + i as f32 / 400.0).collect();
    let toeplitz = ToeplitzNormal::new(&coord, Some(&weights), size).unwrap();
    let nufft = Nufft::new(&coord, size, &NufftOptions::default()).unwrap();
    let u = random_array(180, 16);
    let mut samples = nufft.forward_batch(&u);
    for (v, w) in samples.iter_mut().zip(&weights) {
        *v *= w;
    }
    let expected = nufft.adjoint_batch(&samples);
    let worst = toeplitz
        .apply(&u)
        .iter()
        .zip(&expected)
        .map(|(a, b)| (a - b).norm())
        .fold(0.0, f32::max);
    assert!(worst < 2e-5, "{worst}");
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    for (z, y, x) in [(1, 60, 70), (12, 14, 16)] {
        let size = zyx(z, y, x);
        let coord = random_coord(3000, size, 10);
        let image = random_array(2 * z * y * x, 11);
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| {
                let nufft = Nufft::new(&coord, size, &NufftOptions::default()).unwrap();
                let samples = nufft.forward_batch(&image);
                let toeplitz = ToeplitzNormal::new(&coord, None, size).unwrap();
                (
                    nufft.adjoint_batch(&samples),
                    toeplitz.apply(&image[..z * y * x]),
                    samples,
                )
            })
        };
        assert_eq!(run(1), run(3));
    }
}

#[test]
fn bad_positions_and_matrices_are_refused() {
    let options = NufftOptions::default();
    let plan = |k: [f32; 3], size| Nufft::new(&[k], size, &options).map(|_| ()).unwrap_err();
    assert!(matches!(
        plan([0.0, f32::NAN, 0.0], zyx(1, 8, 8)),
        Error::Trajectory { .. }
    ));
    assert!(matches!(
        plan([1.0, 0.0, 0.0], zyx(1, 8, 8)),
        Error::Trajectory { .. }
    ));
    assert!(matches!(
        plan([0.0; 3], zyx(1, 0, 8)),
        Error::OutOfRange { .. }
    ));
    assert!(matches!(
        plan([0.0; 3], zyx(4096, 4096, 4096)),
        Error::OutOfRange { .. }
    ));
    let wrong = NufftOptions {
        tolerance: 1e-9,
        ..options.clone()
    };
    assert!(matches!(
        Nufft::new(&[[0.0; 3]], zyx(1, 8, 8), &wrong),
        Err(Error::OutOfRange { .. })
    ));
}
