use super::*;
use crate::sampling::{
    LinePattern, PhaseAxis, SamplingMask, equispaced, random_lines, variable_density,
};
use crate::simulate::acquire::{acquire, coil_maps_birdcage};
use crate::zero_filled::{coil_images, root_sum_of_squares};

const N_Y: usize = 96;
const N_X: usize = 81;

/// A few ellipses with edges and a smooth phase.
fn phantom() -> Vec<Complex32> {
    let ellipses = [
        (0.0, 0.0, 0.8, 0.62, 1.0),
        (0.1, 0.0, 0.6, 0.45, -0.5),
        (-0.2, 0.15, 0.12, 0.2, 0.6),
        (0.35, -0.1, 0.08, 0.1, 0.8),
    ];
    (0..N_Y * N_X)
        .map(|i| {
            let y = 2.0 * (i / N_X) as f32 / N_Y as f32 - 1.0;
            let x = 2.0 * (i % N_X) as f32 / N_X as f32 - 1.0;
            let value: f32 = ellipses
                .iter()
                .filter(|(cy, cx, ry, rx, _)| {
                    ((y - cy) / ry).powi(2) + ((x - cx) / rx).powi(2) < 1.0
                })
                .map(|e| e.4)
                .sum();
            Complex32::from_polar(value, 0.8 * y - 0.5 * x * y)
        })
        .collect()
}

fn scan(mask: &SamplingMask, sigma: f32) -> (KSpace, Vec<f32>) {
    let image = phantom();
    let maps = coil_maps_birdcage(8, N_Y, N_X, 2);
    let kspace = acquire(&image, &maps, mask, sigma, 5).unwrap();
    (kspace, image.iter().map(|v| v.norm()).collect())
}

fn error(kspace: &KSpace, truth: &[f32]) -> f64 {
    let image = root_sum_of_squares(&coil_images(kspace), truth.len());
    let part = |f: &dyn Fn(f32, f32) -> f32| {
        image
            .iter()
            .zip(truth)
            .map(|(a, b)| f64::from(f(*a, *b)))
            .sum::<f64>()
    };
    (part(&|a, b| (a - b) * (a - b)) / part(&|_, b| b * b)).sqrt()
}

fn lines(axis: PhaseAxis, acceleration: f64) -> LinePattern {
    LinePattern {
        axis,
        acceleration,
        n_centre: 16,
        seed: 3,
    }
}

/// NRMSE of GRAPPA and of zero filling.
fn both(mask: &SamplingMask) -> (f64, f64) {
    let (kspace, truth) = scan(mask, 0.01);
    let (filled, report) = grappa(&kspace, &GrappaOptions::default()).unwrap();
    assert_eq!(
        report.n_filled + report.n_unfilled,
        kspace.mask.iter().filter(|m| !**m).count()
    );
    for (i, m) in kspace.mask.iter().enumerate() {
        if *m {
            assert_eq!(kspace.samples[i], filled.samples[i]);
        }
    }
    (error(&filled, &truth), error(&kspace, &truth))
}

fn mask_of(keep: impl Fn(usize, usize) -> bool) -> SamplingMask {
    SamplingMask {
        mask: (0..N_Y * N_X).map(|i| keep(i / N_X, i % N_X)).collect(),
        n_y: N_Y,
        n_x: N_X,
    }
}

#[test]
fn every_kind_of_pattern_comes_close_to_the_truth() {
    let uniform_y = equispaced(N_Y, N_X, &lines(PhaseAxis::Y, 2.5)).unwrap();
    let uniform_x = equispaced(N_Y, N_X, &lines(PhaseAxis::X, 2.5)).unwrap();
    let random = random_lines(N_Y, N_X, &lines(PhaseAxis::Y, 2.0)).unwrap();
    let grid =
        mask_of(|y, x| y % 2 == 0 && x % 2 == 0 || (38..58).contains(&y) && (30..50).contains(&x));
    let disc = variable_density(N_Y, N_X, 4.0, 20, 1).unwrap();
    // Partial Fourier: what lies beyond the last line is not GRAPPA's to fill.
    let partial = mask_of(|y, _| y < 60 && (y % 2 == 0 || (38..58).contains(&y)));
    for (name, mask, gain) in [
        ("uniform lines along x", uniform_y, 0.55),
        ("uniform lines along y", uniform_x, 0.6),
        ("random lines", random, 0.65),
        ("grid", grid, 0.4),
        ("variable density", disc, 0.55),
        ("partial Fourier", partial, 0.85),
    ] {
        let (found, zero_filled) = both(&mask);
        assert!(
            found < gain * zero_filled,
            "{name}: {found} against {zero_filled} zero-filled"
        );
    }
}

#[test]
fn a_separate_reference_scan_serves_a_pattern_without_a_centre() {
    let uniform = mask_of(|y, _| y % 3 == 0);
    let (kspace, truth) = scan(&uniform, 0.005);
    let options = GrappaOptions::default();
    assert!(matches!(
        grappa(&kspace, &options),
        Err(Error::NoCalibration { .. })
    ));
    let (reference, _) = scan(&mask_of(|y, _| (36..60).contains(&y)), 0.005);
    let (filled, report) = grappa_calibrated(&kspace, &reference, &options).unwrap();
    assert_eq!(report.n_unfilled, 0);
    assert!(error(&filled, &truth) < 0.3 * error(&kspace, &truth));
}

#[test]
fn the_same_bits_at_any_number_of_threads() {
    for mask in [
        equispaced(N_Y, N_X, &lines(PhaseAxis::X, 4.0)).unwrap(),
        variable_density(N_Y, N_X, 5.0, 16, 1).unwrap(),
    ] {
        let (kspace, _) = scan(&mask, 0.01);
        let with = |n| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(n)
                .build()
                .unwrap();
            pool.install(|| grappa(&kspace, &GrappaOptions::default()).unwrap())
        };
        assert!(with(1) == with(5));
    }
}

#[test]
fn a_full_scan_is_left_as_it_is_and_noise_alone_does_not_break_it() {
    let (kspace, _) = scan(&SamplingMask::full(N_Y, N_X), 0.01);
    let (filled, report) = grappa(&kspace, &GrappaOptions::default()).unwrap();
    assert_eq!((filled, report.n_kernels), (kspace, 0));
    let (mut kspace, _) = scan(
        &equispaced(N_Y, N_X, &lines(PhaseAxis::Y, 4.0)).unwrap(),
        0.0,
    );
    // A dead coil and a dead line make the moments singular.
    kspace.samples[..N_Y * N_X].fill(Complex32::default());
    let (filled, _) = grappa(&kspace, &GrappaOptions::default()).unwrap();
    assert!(
        filled
            .samples
            .iter()
            .all(|v| v.re.is_finite() && v.im.is_finite())
    );
}

#[test]
fn the_noise_level_chooses_more_damping_than_no_noise() {
    let mask = equispaced(N_Y, N_X, &lines(PhaseAxis::Y, 4.0)).unwrap();
    let (kspace, truth) = scan(&mask, 0.1);
    let automatic = grappa(&kspace, &GrappaOptions::default()).unwrap().0;
    let undamped = GrappaOptions {
        lambda: Some(0.0),
        ..GrappaOptions::default()
    };
    let undamped = grappa(&kspace, &undamped).unwrap().0;
    assert!(error(&automatic, &truth) < 0.9 * error(&undamped, &truth));
}

#[test]
fn settings_that_make_no_kernel_are_refused() {
    let (kspace, _) = scan(
        &equispaced(N_Y, N_X, &lines(PhaseAxis::Y, 4.0)).unwrap(),
        0.0,
    );
    for change in [
        (|o: &mut GrappaOptions| o.kernel_read = 0) as fn(&mut GrappaOptions),
        |o| o.max_lines = 9,
        |o| o.max_points = 0,
        |o| o.lambda = Some(f32::NAN),
        |o| o.noise_variance = Some(-1.0),
    ] {
        let mut options = GrappaOptions::default();
        change(&mut options);
        assert!(matches!(
            grappa(&kspace, &options),
            Err(Error::OutOfRange { .. })
        ));
    }
    let mut other = kspace.clone();
    other.n_coils = 4;
    other.samples.truncate(4 * N_Y * N_X);
    assert!(matches!(
        grappa_calibrated(&kspace, &other, &GrappaOptions::default()),
        Err(Error::Size { .. })
    ));
}
