//! The physics of each corruption, on objects whose answer is known.

use std::f32::consts::{FRAC_PI_2, PI};

use num_complex::Complex32;
use omnimri_image::Zyx;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::fft::fft2;

const N_Y: usize = 48;
const N_X: usize = 36;

/// Zero but for one pixel.
fn point(y: usize, x: usize) -> ComplexSlices {
    let mut data = vec![Complex32::default(); N_Y * N_X];
    data[y * N_X + x] = Complex32::ONE;
    ComplexSlices {
        data,
        size: Zyx::new(1, N_Y, N_X),
    }
}

/// Two slices with a smooth blob each.
fn blob(y: f32, x: f32) -> ComplexSlices {
    let data = (0..2 * N_Y * N_X)
        .map(|i| {
            let (dy, dx) = ((i / N_X % N_Y) as f32 - y, (i % N_X) as f32 - x);
            Complex32::new((-(dy * dy + dx * dx) / 12.0).exp(), 0.0)
        })
        .collect();
    ComplexSlices {
        data,
        size: Zyx::new(2, N_Y, N_X),
    }
}

fn run(image: &ComplexSlices, corruption: Corruption) -> Corrupted {
    corrupt(image, PhaseAxis::Y, &[corruption], 5).unwrap()
}

fn energy(data: &[Complex32]) -> f64 {
    data.iter().map(|v| f64::from(v.norm_sqr())).sum()
}

fn at(c: &Corrupted, y: usize, x: usize) -> f32 {
    c.image.data[y * c.image.size.x + x].norm()
}

/// Centre of mass of the magnitude of the first slice.
fn centre(image: &ComplexSlices) -> [f32; 2] {
    let (mut sum, mut at) = (0.0, [0.0; 2]);
    for (i, v) in image.data[..N_Y * N_X].iter().enumerate() {
        let m = v.norm();
        sum += m;
        at[0] += m * (i / N_X) as f32;
        at[1] += m * (i % N_X) as f32;
    }
    at.map(|a| a / sum)
}

#[test]
fn an_alternating_phase_makes_one_ghost_at_half_the_field_of_view() {
    for phase_rad in [0.3f32, 1.0] {
        let c = run(
            &point(10, 7),
            Corruption::Ghosting {
                period: 2,
                phase_rad,
            },
        );
        assert!((at(&c, 10, 7) - phase_rad.cos().abs()).abs() < 1e-5);
        assert!((at(&c, 10 + N_Y / 2, 7) - phase_rad.sin().abs()).abs() < 1e-5);
        assert!((energy(&c.image.data) - 1.0).abs() < 1e-5);
    }
}

#[test]
fn ghosts_of_a_longer_period_lie_closer_and_follow_bessel() {
    let c = run(
        &point(10, 7),
        Corruption::Ghosting {
            period: 6,
            phase_rad: 0.8,
        },
    );
    // J_0(0.8), J_1(0.8), J_2(0.8) of the tables.
    for (order, amplitude) in [(0, 0.8463), (1, 0.3688), (2, 0.0758)] {
        let y = (10 + order * N_Y / 6) % N_Y;
        assert!((at(&c, y, 7) - amplitude).abs() < 2e-3, "{order}");
    }
    assert!(at(&c, 11, 7) < 1e-5);
}

#[test]
fn an_echo_planar_phase_makes_the_ghost_of_its_half() {
    let (constant_rad, slope_rad) = (0.7, 0.02);
    let c = run(
        &point(10, 7),
        Corruption::EpiGhost {
            constant_rad,
            slope_rad,
        },
    );
    let half = 0.5 * (constant_rad + slope_rad * (7.0 - (N_X / 2) as f32));
    assert!((at(&c, 10, 7) - half.cos()).abs() < 1e-5);
    assert!((at(&c, 10 + N_Y / 2, 7) - half.sin().abs()).abs() < 1e-5);
}

#[test]
fn off_resonance_shifts_by_frequency_over_bandwidth() {
    for (along, to) in [(ShiftAxis::Readout, [10, 12]), (ShiftAxis::Phase, [15, 7])] {
        let c = run(
            &point(10, 7),
            Corruption::OffResonance {
                field: FieldShape::Uniform,
                peak_hz: 200.0,
                bandwidth_hz: 40.0,
                echo_ms: 0.0,
                along,
            },
        );
        assert!((at(&c, to[0], to[1]) - 1.0).abs() < 1e-4, "{along:?}");
        let moved = c.moved.unwrap()[10 * N_X + 7];
        assert_eq!(moved.map(|m| m.round() as usize), [to[0] - 10, to[1] - 7]);
        assert_eq!(c.truth, point(10, 7));
    }
}

#[test]
fn a_fraction_of_a_pixel_moves_the_centre_of_mass() {
    let c = run(
        &blob(20.0, 15.0),
        Corruption::OffResonance {
            field: FieldShape::Uniform,
            peak_hz: -30.0,
            bandwidth_hz: 40.0,
            echo_ms: 0.0,
            along: ShiftAxis::Readout,
        },
    );
    assert!((centre(&c.image)[1] - (15.0 - 0.75)).abs() < 1e-2);
    assert!((energy(&c.image.data) / energy(&c.truth.data) - 1.0).abs() < 1e-4);
}

#[test]
fn a_gradient_echo_dephases_in_a_steep_field_and_a_spin_echo_does_not() {
    // A ramp of 2 * peak over the field of view; 1 / TE across a voxel nulls it.
    let peak_hz = (N_X as f32 - 1.0) / 2.0 * 50.0;
    let ramp = |echo_ms| {
        run(
            &blob(20.0, 15.0),
            Corruption::OffResonance {
                field: FieldShape::Ramp,
                peak_hz,
                bandwidth_hz: 1e5,
                echo_ms,
                along: ShiftAxis::Readout,
            },
        )
    };
    let ratio = |c: &Corrupted| energy(&c.image.data) / energy(&c.truth.data);
    assert!((ratio(&ramp(0.0)) - 1.0).abs() < 1e-2);
    // sinc(1/2)^2 = (2 / pi)^2 at half of that echo time.
    let half = f64::from(4.0 / (PI * PI));
    assert!(
        (ratio(&ramp(10.0)) - half).abs() < 1e-2,
        "{}",
        ratio(&ramp(10.0))
    );
    assert!(ratio(&ramp(20.0)) < 1e-3);
}

#[test]
fn partial_fourier_keeps_the_energy_of_what_was_measured() {
    let image = blob(20.0, 15.0);
    let c = run(&image, Corruption::PartialFourier { share: 0.625 });
    let mut k = image.data.clone();
    fft2(&mut k, N_Y, N_X);
    let missing = N_Y - 30;
    let kept: f64 = k
        .chunks(N_Y * N_X)
        .map(|s| energy(&s[missing * N_X..]))
        .sum();
    assert!((energy(&c.image.data) / kept - 1.0).abs() < 1e-4);
    assert!(kept < energy(&image.data));
}

#[test]
fn truncation_rings_by_nine_percent_at_an_edge() {
    // A half plane: the overshoot of a truncated Fourier series at a jump is 8.95% of it (Gibbs, Nature 1899;59:606).
    let n = 256;
    let step: Vec<f32> = (0..n * n)
        .map(|i| {
            if (64..192).contains(&(i % n)) {
                1.0
            } else {
                0.0
            }
        })
        .collect();
    let image = ComplexSlices::from_magnitude(&step, Zyx::new(1, n, n));
    let c = run(&image, Corruption::Gibbs { share: 0.25 });
    let most = c.image.magnitude().into_iter().fold(0.0, f32::max);
    assert!((most - 1.09).abs() < 0.012, "{most}");
}

#[test]
fn half_a_field_of_view_folds_what_lies_outside() {
    let mut image = point(N_Y / 2, 3);
    image.data[2 * N_X + 9] = Complex32::ONE;
    let c = run(&image, Corruption::WrapAround { share: 0.5 });
    assert_eq!(c.image.size, Zyx::new(1, N_Y / 2, N_X));
    // Row 2 lies 10 rows above the smaller field of view (rows 12 to 35) and comes in from below.
    assert_eq!(at(&c, 14, 9), 1.0);
    assert_eq!(at(&c, 12, 3), 1.0);
    assert!((energy(&c.truth.data) - 1.0).abs() < 1e-6);
    // The same as measuring every other line.
    let mut k = image.data.clone();
    fft2(&mut k, N_Y, N_X);
    let mut half: Vec<Complex32> = k
        .chunks(N_X)
        .step_by(2)
        .flat_map(|row| row.iter().map(|v| v * 2.0f32.sqrt()))
        .collect();
    crate::fft::ifft2(&mut half, N_Y / 2, N_X);
    for (a, b) in half.iter().zip(&c.image.data) {
        assert!((a.norm() - b.norm()).abs() < 1e-5);
    }
}

#[test]
fn a_spike_is_a_plane_wave_of_its_energy() {
    let image = blob(20.0, 15.0);
    let c = run(
        &image,
        Corruption::Spike {
            n: 1,
            strength: 0.5,
        },
    );
    let added: Vec<Complex32> = c
        .image
        .data
        .iter()
        .zip(&c.truth.data)
        .map(|(a, b)| a - b)
        .collect();
    let level = added[0].norm();
    assert!(
        level > 1e-3
            && added
                .iter()
                .take(N_Y * N_X)
                .all(|v| (v.norm() - level).abs() < 1e-5)
    );
    let Drawn::Samples(places) = &c.applied[0].drawn else {
        panic!("no places")
    };
    let mut k = added;
    fft2(&mut k, N_Y, N_X);
    let [z, y, x] = places[0];
    let whole: f64 = energy(&k[..N_Y * N_X]);
    let one = f64::from(k[z * N_Y * N_X + y * N_X + x].norm_sqr());
    assert!((one / whole - 1.0).abs() < 1e-4);
}

#[test]
fn a_zipper_is_one_column_of_its_strength() {
    let c = run(&blob(20.0, 15.0), Corruption::Zipper { strength: 3.0 });
    let Drawn::Column(column) = c.applied[0].drawn else {
        panic!("no column")
    };
    let rms = (energy(&c.truth.data) / c.truth.data.len() as f64).sqrt();
    let mut on = 0.0;
    for (i, (a, b)) in c.image.data.iter().zip(&c.truth.data).enumerate() {
        let d = f64::from((a - b).norm_sqr());
        if i % N_X == column {
            on += d;
        } else {
            assert!(d < 1e-9);
        }
    }
    assert!(((on / (2 * N_Y) as f64).sqrt() / rms - 3.0).abs() < 1e-3);
}

#[test]
fn noise_has_its_level() {
    let c = run(&blob(20.0, 15.0), Corruption::Noise { sigma: 0.5 });
    let rms = (energy(&c.truth.data) / c.truth.data.len() as f64).sqrt();
    let d: f64 = c
        .image
        .data
        .iter()
        .zip(&c.truth.data)
        .map(|(a, b)| f64::from((a - b).norm_sqr()))
        .sum();
    let level = (d / c.truth.data.len() as f64).sqrt() / rms;
    assert!((level - 0.5).abs() < 0.02, "{level}");
}

#[test]
fn each_shot_measures_the_object_in_its_pose() {
    let image = blob(20.0, 15.0);
    let mut moved = image.clone();
    let pose = Pose {
        dy_px: 3.25,
        dx_px: -2.5,
        rotation_deg: 20.0,
    };
    motion::apply(&mut moved, &[pose], ShotOrder::Sequential);
    // About the centre of the matrix, from x towards y.
    let (sin, cos) = 20f32.to_radians().sin_cos();
    let (y, x) = (20.0 - 24.0, 15.0 - 18.0);
    let expected = [
        24.0 + sin * x + cos * y + pose.dy_px,
        18.0 + cos * x - sin * y + pose.dx_px,
    ];
    let found = centre(&moved);
    assert!(
        (found[0] - expected[0]).abs() < 0.05 && (found[1] - expected[1]).abs() < 0.05,
        "{found:?} {expected:?}"
    );
    assert!((energy(&moved.data) / energy(&image.data) - 1.0).abs() < 1e-4);
    // Two shots: half of the lines of each pose.
    let mut half = image.clone();
    motion::apply(&mut half, &[Pose::default(), pose], ShotOrder::Interleaved);
    let (mut a, mut b, mut c) = (half.data, image.data, moved.data);
    for data in [&mut a, &mut b, &mut c] {
        fft2(data, N_Y, N_X);
    }
    for (i, v) in a.iter().enumerate() {
        let from = if (i / N_X % N_Y).is_multiple_of(2) {
            b[i]
        } else {
            c[i]
        };
        assert!((v - from).norm() < 1e-4);
    }
}

#[test]
fn the_pose_at_the_centre_of_kspace_is_the_truth() {
    for order in [ShotOrder::Sequential, ShotOrder::Interleaved] {
        let c = run(
            &blob(20.0, 15.0),
            Corruption::Motion {
                shots: 7,
                course: Course::Random,
                order,
                shift_px: 4.0,
                rotation_deg: 5.0,
            },
        );
        let Drawn::Poses(poses) = &c.applied[0].drawn else {
            panic!("no poses")
        };
        assert_eq!(poses.len(), 7);
        assert!(poses.contains(&Pose::default()));
        assert!(poses.iter().any(|p| p.dy_px.abs() > 0.5));
        let moved = energy(
            &c.image
                .data
                .iter()
                .zip(&c.truth.data)
                .map(|(a, b)| a - b)
                .collect::<Vec<_>>(),
        );
        assert!(moved > 1e-3 * energy(&c.truth.data));
    }
}

#[test]
fn phase_encoding_along_columns_is_the_transposed_case() {
    let image = point(10, 7);
    let list = [Corruption::Ghosting {
        period: 2,
        phase_rad: FRAC_PI_2,
    }];
    let c = corrupt(&image, PhaseAxis::X, &list, 0).unwrap();
    assert_eq!(c.image.size, image.size);
    assert!((at(&c, 10, 7 + N_X / 2) - 1.0).abs() < 1e-5);
}

#[test]
fn every_kind_runs_is_reproducible_and_does_not_depend_on_threads() {
    let image = blob(20.0, 15.0);
    for (i, kind) in CorruptionKind::ALL.into_iter().enumerate() {
        let mut rng = ChaCha8Rng::seed_from_u64(i as u64);
        let list = [kind.draw(0.8, N_Y, &mut rng)];
        let many = corrupt(&image, PhaseAxis::Y, &list, 3).unwrap();
        assert_ne!(many.image.data, image.data, "{kind:?}");
        assert!(many.image.data.iter().all(|v| v.is_finite()));
        let one = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap()
            .install(|| corrupt(&image, PhaseAxis::Y, &list, 3).unwrap());
        assert_eq!(one, many, "{kind:?}");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let image = point(1, 1);
    let refused = |c: Corruption| corrupt(&image, PhaseAxis::Y, &[c], 0).is_err();
    assert!(refused(Corruption::Gibbs { share: 0.0 }));
    assert!(refused(Corruption::Noise { sigma: f32::NAN }));
    assert!(refused(Corruption::WrapAround { share: 0.1 }));
    assert!(refused(Corruption::Ghosting {
        period: 0,
        phase_rad: 1.0
    }));
    let bad = ComplexSlices {
        data: vec![Complex32::ONE; 5],
        size: Zyx::new(1, 2, 3),
    };
    assert!(corrupt(&bad, PhaseAxis::Y, &[], 0).is_err());
    let nan = ComplexSlices::from_magnitude(&[f32::NAN], Zyx::new(1, 1, 1));
    assert!(corrupt(&nan, PhaseAxis::Y, &[], 0).is_err());
    let empty = ComplexSlices::from_magnitude(&[], Zyx::new(0, 1, 1));
    assert!(corrupt(&empty, PhaseAxis::Y, &[], 0).is_err());
}
