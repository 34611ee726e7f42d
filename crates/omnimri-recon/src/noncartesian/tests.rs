//! Phantoms measured along radial and spiral trajectories.

use std::sync::atomic::{AtomicUsize, Ordering};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::Error;
use crate::delays::{DelayModel, corrected, estimate};
use crate::operator::LinearOperator;
use crate::operator::tests::random_array;
use crate::simulate::acquire::coil_maps_birdcage;

const N_COILS: usize = 6;
const SIZE: Zyx<usize> = Zyx { z: 1, y: 50, x: 56 };

/// Two-sided spokes, sampled twice as densely as the field of view needs.
fn spokes(n: usize, size: Zyx<usize>) -> Vec<[f32; 3]> {
    let per = 2 * size.y.max(size.x);
    (0..n * per)
        .map(|i| {
            let angle = std::f32::consts::PI * (i / per) as f32 / n as f32;
            let r = ((i % per) as f32 + 0.5) / per as f32 - 0.5;
            [
                0.0,
                r * angle.sin() * size.y as f32,
                r * angle.cos() * size.x as f32,
            ]
        })
        .collect()
}

/// Interleaved Archimedean spirals.
fn spirals(n: usize, per: usize, size: Zyx<usize>) -> Vec<[f32; 3]> {
    (0..n * per)
        .map(|i| {
            let s = ((i % per) as f32 / (per - 1) as f32).powf(0.7);
            let angle = std::f32::consts::TAU * (4.0 * s + (i / per) as f32 / n as f32);
            [
                0.0,
                0.5 * s * angle.sin() * size.y as f32,
                0.5 * s * angle.cos() * size.x as f32,
            ]
        })
        .collect()
}

/// Ellipses in an ellipse, `[y][x]`.
fn phantom(size: Zyx<usize>) -> Vec<f32> {
    let inside = |y: f32, x: f32, [cy, cx, ry, rx]: [f32; 4]| {
        ((y - cy) / ry).powi(2) + ((x - cx) / rx).powi(2) < 1.0
    };
    (0..size.y * size.x)
        .map(|i| {
            let (y, x) = (
                (i / size.x) as f32 / size.y as f32 - 0.5,
                (i % size.x) as f32 / size.x as f32 - 0.5,
            );
            let mut v = 0.0;
            for (ellipse, value) in [
                ([0.0, 0.02, 0.42, 0.36], 1.0),
                ([0.0, 0.02, 0.37, 0.31], -0.6),
                ([-0.1, 0.1, 0.12, 0.07], 0.4),
                ([0.12, -0.08, 0.08, 0.12], -0.3),
                ([0.2, 0.12, 0.03, 0.03], 0.5),
            ] {
                v += if inside(y, x, ellipse) { value } else { 0.0 };
            }
            v
        })
        .collect()
}

/// The phantom as the coils measure it at `coord`, and the root sum of squares of the coil images.
fn measured(
    coord: &[[f32; 3]],
    n_samples: usize,
    noise: f32,
    seed: u64,
) -> (NonCartesian, Vec<f32>) {
    let maps = coil_maps_birdcage(N_COILS, SIZE.y, SIZE.x, 3).maps;
    let image = phantom(SIZE);
    let coils: Vec<Complex32> = maps
        .iter()
        .enumerate()
        .map(|(i, s)| s * image[i % image.len()])
        .collect();
    let reference = root_sum_of_squares(&coils, N_COILS)
        .iter()
        .map(|v| v.re)
        .collect();
    let mut samples = Nufft::new(coord, SIZE, &NufftOptions::default())
        .unwrap()
        .forward_batch(&coils);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut gaussian =
        || (0..12).map(|_| rng.random_range(-0.5..0.5f32)).sum::<f32>() * noise / 2f32.sqrt();
    for v in &mut samples {
        *v += Complex32::new(gaussian(), gaussian());
    }
    let data = NonCartesian {
        samples,
        n_coils: N_COILS,
        n_readouts: coord.len() / n_samples,
        n_samples,
        coord: coord.to_vec(),
        size: SIZE,
        density: None,
    };
    (data, reference)
}

/// Without any scaling: the output must be in the units of the input.
fn nrmse(found: &[Complex32], reference: &[f32]) -> f32 {
    let error: f32 = found
        .iter()
        .zip(reference)
        .map(|(f, r)| (f.norm() - r).powi(2))
        .sum();
    (error / reference.iter().map(|r| r * r).sum::<f32>()).sqrt()
}

fn with(method: NonCartesianMethod<'_>) -> NonCartesianOptions<'_> {
    NonCartesianOptions {
        method,
        ..NonCartesianOptions::default()
    }
}

#[test]
fn radial_phantom_comes_back_by_every_method() {
    let coord = spokes(24, SIZE);
    let (data, reference) = measured(&coord, 112, 0.01, 1);
    let error = |method| {
        let out = reconstruct(&data, &with(method)).unwrap();
        assert_eq!(out.delays, None);
        nrmse(&out.image, &reference)
    };
    let gridding = error(NonCartesianMethod::Gridding);
    let sense = error(NonCartesianMethod::IterativeSense);
    let tv = error(NonCartesianMethod::TotalVariation);
    assert!(gridding < 0.35, "{gridding}");
    assert!(sense < 0.14 && sense < 0.6 * gridding, "{sense} {gridding}");
    assert!(tv < 0.06 && tv < 0.7 * sense, "{tv} {sense}");
}

#[test]
fn spiral_phantom_comes_back_by_every_method() {
    let coord = spirals(8, 700, SIZE);
    let (data, reference) = measured(&coord, 700, 0.01, 2);
    let error = |method| {
        nrmse(
            &reconstruct(&data, &with(method)).unwrap().image,
            &reference,
        )
    };
    let gridding = error(NonCartesianMethod::Gridding);
    let sense = error(NonCartesianMethod::IterativeSense);
    let tv = error(NonCartesianMethod::TotalVariation);
    assert!(gridding < 0.25, "{gridding}");
    assert!(sense < 0.14 && sense < gridding, "{sense} {gridding}");
    assert!(tv < 0.06 && tv < sense, "{tv} {sense}");
}

#[test]
fn delays_are_found_and_corrected_and_none_are_invented() {
    let square = Zyx { z: 1, y: 56, x: 56 };
    let claimed: Vec<[f32; 3]> = spokes(32, square);
    for model in [DelayModel::Vector, DelayModel::Along] {
        let truth = GradientDelays {
            sx: 0.9,
            sy: -0.6,
            sxy: 0.35,
            model,
        };
        let (mut data, reference) = measured(&corrected(&claimed, 112, &truth), 112, 0.01, 3);
        data.coord.clone_from(&claimed);
        let found = estimate(&data).unwrap();
        let off = [
            found.sx - truth.sx,
            found.sy - truth.sy,
            found.sxy - truth.sxy,
        ];
        assert!(off.iter().all(|d| d.abs() < 0.05), "{found:?}");
        let error = |delays| {
            let options = NonCartesianOptions {
                delays,
                ..with(NonCartesianMethod::TotalVariation)
            };
            nrmse(&reconstruct(&data, &options).unwrap().image, &reference)
        };
        let (with, without) = (error(DelayCorrection::Auto), error(DelayCorrection::Off));
        assert!(with < 0.08 && with < 0.5 * without, "{with} {without}");
    }
    for noise in [0.0, 0.05] {
        let (data, _) = measured(&claimed, 112, noise, 4);
        let none = estimate(&data).unwrap();
        assert!(
            [none.sx, none.sy, none.sxy].iter().all(|d| d.abs() < 0.02),
            "{none:?}"
        );
    }
}

#[test]
fn noise_is_estimated_and_a_noise_scan_keeps_the_units() {
    let coord = spokes(24, SIZE);
    let (mut data, reference) = measured(&coord, 112, 0.02, 5);
    let found = noise_variance(&data).sqrt();
    assert!((found / 0.02 - 1.0).abs() < 0.1, "{found}");
    // One coil with a larger gain.
    for v in &mut data.samples[..coord.len()] {
        *v *= 5.0;
    }
    let mut noise = random_array(N_COILS * 500, 6);
    for v in &mut noise[..500] {
        *v *= 5.0;
    }
    let options = NonCartesianOptions {
        noise: Some(noise),
        ..NonCartesianOptions::default()
    };
    let image = reconstruct(&data, &options).unwrap().image;
    let maps = coil_maps_birdcage(N_COILS, SIZE.y, SIZE.x, 3).maps;
    let plain = phantom(SIZE);
    let louder: Vec<f32> = (0..plain.len())
        .map(|p| (reference[p].powi(2) + 24.0 * (maps[p] * plain[p]).norm_sqr()).sqrt())
        .collect();
    let error = nrmse(&image, &louder);
    assert!(error < 0.09, "{error}");
}

#[test]
fn any_proximal_map_can_be_the_prior() {
    let (data, reference) = measured(&spokes(24, SIZE), 112, 0.01, 7);
    let calls = AtomicUsize::new(0);
    // Soft thresholds of the pixels themselves: with a small weight near the least-squares image.
    let prox = |u: &mut [Complex32], strength: f32| {
        calls.fetch_add(1, Ordering::Relaxed);
        for v in u {
            *v *= (1.0 - strength / v.norm().max(1e-12)).max(0.0);
        }
    };
    let out = reconstruct(&data, &with(NonCartesianMethod::Proximal(&prox))).unwrap();
    assert!(calls.into_inner() > 1 && out.lambda.is_some_and(|l| l > 0.0));
    let error = nrmse(&out.image, &reference);
    assert!(error < 0.14, "{error}");
}

#[test]
fn any_number_of_threads_gives_the_same_image() {
    let square = Zyx { z: 1, y: 56, x: 56 };
    let (data, _) = measured(&spokes(16, square), 112, 0.01, 8);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let options = NonCartesianOptions {
            max_iterations: 30,
            ..NonCartesianOptions::default()
        };
        pool.install(|| {
            let out = reconstruct(&data, &options).unwrap();
            (out.image, out.maps, out.lambda, estimate(&data).unwrap())
        })
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn samples_beyond_the_matrix_are_left_out() {
    let large = Zyx {
        z: 1,
        y: 2 * SIZE.y,
        x: 2 * SIZE.x,
    };
    let coord = spokes(40, large);
    let (data, reference) = measured(&coord, 224, 0.0, 9);
    let out = reconstruct(&data, &with(NonCartesianMethod::TotalVariation)).unwrap();
    assert!(
        out.warnings.iter().any(|w| w.contains("left out")),
        "{:?}",
        out.warnings
    );
    assert!(nrmse(&out.image, &reference) < 0.06);
}

#[test]
fn bad_data_has_its_error() {
    let (good, _) = measured(&spokes(8, SIZE), 112, 0.01, 10);
    let broken = |change: &dyn Fn(&mut NonCartesian)| {
        let mut data = good.clone();
        change(&mut data);
        reconstruct(&data, &NonCartesianOptions::default())
            .map(|_| ())
            .unwrap_err()
    };
    assert!(matches!(
        broken(&|d| d.n_coils = 0),
        Error::OutOfRange { what: "coils", .. }
    ));
    assert!(matches!(
        broken(&|d| d.n_samples = usize::MAX),
        Error::Size { .. }
    ));
    assert!(matches!(
        broken(&|d| d.n_samples = 1),
        Error::Trajectory { .. }
    ));
    assert!(matches!(
        broken(&|d| d.coord.truncate(5)),
        Error::Size {
            what: "trajectory",
            ..
        }
    ));
    assert!(matches!(
        broken(&|d| d.samples.truncate(5)),
        Error::Size {
            what: "samples",
            ..
        }
    ));
    assert!(matches!(
        broken(&|d| d.density = Some(vec![1.0])),
        Error::Size {
            what: "density weights",
            ..
        }
    ));
    assert!(matches!(
        broken(&|d| d.density = Some(vec![-1.0; d.coord.len()])),
        Error::OutOfRange { .. }
    ));
    assert!(matches!(
        broken(&|d| d.samples[5].re = f32::NAN),
        Error::NotFinite { found: 1 }
    ));
    assert!(matches!(
        broken(&|d| d.samples.fill(Complex32::default())),
        Error::NoSignal { .. }
    ));
    assert!(matches!(
        broken(&|d| d.coord[9][1] = f32::INFINITY),
        Error::Trajectory { .. }
    ));
    assert!(matches!(
        broken(&|d| d.coord[9][2] = 300.0),
        Error::Trajectory { .. }
    ));
    assert!(matches!(
        broken(&|d| d.coord[9][0] = 1.0),
        Error::Trajectory { .. }
    ));
    assert!(matches!(
        broken(&|d| d.coord.iter_mut().flatten().for_each(|k| *k /= 112.0)),
        Error::Trajectory { .. }
    ));
    assert!(matches!(
        broken(&|d| d.size.y = 0),
        Error::OutOfRange { .. }
    ));
    // A trajectory that never comes near the centre cannot calibrate coils.
    let away = broken(&|d| d.coord.iter_mut().for_each(|k| k[1] = 23.0));
    assert!(matches!(away, Error::NoCalibration { .. }), "{away}");
    let options = NonCartesianOptions {
        lambda: Some(f32::NAN),
        ..NonCartesianOptions::default()
    };
    assert!(matches!(
        reconstruct(&good, &options),
        Err(Error::OutOfRange { what: "lambda", .. })
    ));
}

/// A volume measured along radial spokes of all directions (golden angles on a sphere), eight coils' worth of two.
#[test]
fn a_volume_is_solved_along_a_koosh_ball() {
    let size = Zyx {
        z: 18,
        y: 20,
        x: 22,
    };
    let (n_spokes, n_samples) = (420, 40);
    let mut coord = Vec::with_capacity(n_spokes * n_samples);
    for spoke in 0..n_spokes {
        let height = 2.0 * (spoke as f32 + 0.5) / n_spokes as f32 - 1.0;
        let turn = spoke as f32 * 2.399_963;
        let flat = (1.0 - height * height).sqrt();
        for s in 0..n_samples {
            let r = s as f32 / n_samples as f32 - 0.5;
            coord.push([
                r * size.z as f32 * height,
                r * size.y as f32 * flat * turn.sin(),
                r * size.x as f32 * flat * turn.cos(),
            ]);
        }
    }
    let n = size.count();
    let maps = coil_maps_birdcage(4, size.y, size.x, 3);
    let truth: Vec<f32> = (0..n)
        .map(|i| {
            let at = |i: usize, n: usize| 2.0 * i as f32 / n as f32 - 1.0;
            let (y, x) = (i / size.x % size.y, i % size.x);
            let (a, b, c) = (
                at(i / (size.y * size.x), size.z),
                at(y, size.y),
                at(x, size.x),
            );
            let outer = f32::from(u8::from(a * a + b * b + c * c < 0.55));
            outer * (1.0 + 0.5 * f32::from(u8::from(a * a + b * b + c * c < 0.08)))
        })
        .collect();
    let coils: Vec<Complex32> = (0..4 * n)
        .map(|i| maps.maps[i / n * size.y * size.x + i % (size.y * size.x)] * truth[i % n])
        .collect();
    let nufft = Nufft::new(&coord, size, &NufftOptions::default()).unwrap();
    let samples: Vec<Complex32> = coils
        .chunks(n)
        .flat_map(|coil| nufft.forward_batch(coil))
        .collect();
    let data = NonCartesian {
        samples,
        n_coils: 4,
        n_readouts: n_spokes,
        n_samples,
        coord,
        size,
        density: None,
    };
    let error = |method| {
        let options = NonCartesianOptions {
            max_iterations: 40,
            delays: DelayCorrection::Off,
            ..with(method)
        };
        let made = reconstruct(&data, &options).unwrap();
        assert_eq!(made.size, size);
        let scale = match made.lambda {
            Some(_) => 1.0,
            // Gridding is right up to a factor of its density weights.
            None => {
                let sum = |f: &dyn Fn(usize) -> f32| (0..n).map(f).sum::<f32>();
                sum(&|i| made.image[i].norm() * truth[i]) / sum(&|i| made.image[i].norm_sqr())
            }
        };
        let wrong: f32 = (0..n)
            .map(|i| (made.image[i].norm() * scale - truth[i]).powi(2))
            .sum();
        (wrong / truth.iter().map(|v| v * v).sum::<f32>()).sqrt()
    };
    let gridded = error(NonCartesianMethod::Gridding);
    for method in [
        NonCartesianMethod::IterativeSense,
        NonCartesianMethod::TotalVariation,
    ] {
        let found = error(method);
        assert!(found < 0.15 && found < gridded, "{found}, {gridded}");
    }
}

#[test]
fn the_weighted_encoding_has_its_adjoint_and_its_normal_operator() {
    for (coord, per) in [(spokes(20, SIZE), 2 * SIZE.x), (spirals(6, 300, SIZE), 300)] {
        let data = NonCartesian {
            samples: vec![Complex32::ONE; N_COILS * coord.len()],
            n_coils: N_COILS,
            n_readouts: coord.len() / per,
            n_samples: per,
            coord,
            density: None,
            size: SIZE,
        };
        let maps = coil_maps_birdcage(N_COILS, SIZE.y, SIZE.x, 3);
        let op = TrajectoryEncoding::new(&data, maps).unwrap();
        crate::operator::tests::assert_adjoint(&op, 5);
        // A few power iterations: the normal operator is no larger than about one, as on a grid.
        let mut u = random_array(SIZE.count(), 6);
        let mut norm = 0.0;
        for _ in 0..12 {
            let v = op.normal(&u);
            let length = |x: &[Complex32]| x.iter().map(|c| c.norm_sqr()).sum::<f32>().sqrt();
            norm = length(&v) / length(&u);
            let by = length(&v);
            u = v.iter().map(|c| c / by).collect();
        }
        assert!((0.5..1.3).contains(&norm), "{norm}");
    }
}

#[test]
fn the_refined_image_takes_the_place_of_the_conventional_one() {
    let (data, _) = measured(&spokes(40, SIZE), 112, 0.02, 8);
    let options = with(NonCartesianMethod::IterativeSense);
    let seen = std::cell::Cell::new(f64::NAN);
    let refine = |problem: &MultiCoil| -> Result<Vec<Complex32>> {
        seen.set(problem.residual_variance(&problem.initial) / problem.noise_variance);
        Ok(problem.initial.iter().map(|v| v * 2.0).collect())
    };
    let plain = reconstruct(&data, &options).unwrap();
    let refined = reconstruct_refined(&data, &options, Some(&refine)).unwrap();
    assert!(
        plain
            .image
            .iter()
            .zip(&refined.image)
            .all(|(a, b)| (a * 2.0 - b).norm() < 1e-6)
    );
    // The least-squares image explains the samples to about the noise.
    assert!((0.3..3.0).contains(&seen.get()), "{}", seen.get());
}
