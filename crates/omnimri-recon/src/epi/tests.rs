use std::path::Path;

use num_complex::Complex32;
use omnimri_image::raw::{EpiInfo, EpiNavigator, FrameData, read_twix};
use omnimri_image::{KSpace, OpenOptions};

use super::*;

const N_COILS: usize = 2;
const N_Y: usize = 30;
const N_X: usize = 45;

/// Images of an off-centre ellipse with a hole under two sensitivities, `[coil][y][x]`.
fn object() -> Vec<Complex32> {
    let mut image = vec![Complex32::ZERO; N_COILS * N_Y * N_X];
    for (i, v) in image.iter_mut().enumerate() {
        let (coil, y, x) = (i / (N_Y * N_X), i / N_X % N_Y, i % N_X);
        let (dy, dx) = ((y as f32 - 14.0) / 6.5, (x as f32 - 24.0) / 11.0);
        let inside = dy * dy + dx * dx < 1.0 && !(y > 10 && y < 14 && x > 18 && x < 22);
        let weight = match coil {
            0 => 0.3 + x as f32 / N_X as f32,
            _ => 1.2 - x as f32 / N_X as f32,
        };
        if inside {
            *v = Complex32::from_polar(weight, 0.05 * y as f32 + coil as f32);
        }
    }
    image
}

fn reversed() -> Vec<bool> {
    (0..N_Y).map(|y| y % 2 == 1).collect()
}

/// K-space whose lines disagree by a phase a coil, and navigators that know it.
fn acquire(phases: [LinePhase; N_COILS]) -> (KSpace, EpiInfo) {
    let mut samples = object();
    let plane = CentredFft::new(&[N_Y, N_X]);
    plane.forward(&mut samples);
    let line = CentredFft::new(&[N_X]);
    line.inverse(&mut samples);
    let centre: Vec<Vec<Complex32>> = samples
        .chunks(N_Y * N_X)
        .map(|coil| coil[N_Y / 2 * N_X..][..N_X].to_vec())
        .collect();
    for (i, row) in samples.chunks_mut(N_X).enumerate() {
        let half = if i % N_Y % 2 == 1 { 0.5 } else { -0.5 };
        turn(row, phases[i / N_Y], half);
    }
    line.forward(&mut samples);
    // Phase that off-resonance adds from one navigator to the next.
    let drift = |i: usize| Complex32::cis(0.07 * i as f32);
    let navigators = [true, false, true]
        .iter()
        .enumerate()
        .map(|(i, &reversed)| {
            let mut all = Vec::new();
            for (coil, line) in centre.iter().enumerate() {
                let mut copy: Vec<_> = line.iter().map(|s| s * drift(i)).collect();
                turn(&mut copy, phases[coil], if reversed { 0.5 } else { -0.5 });
                all.extend(copy);
            }
            line.forward(&mut all);
            EpiNavigator {
                samples: all,
                reversed,
            }
        });
    let info = EpiInfo {
        navigators: navigators.collect(),
        reversed: reversed(),
        regrid: None,
    };
    let kspace = KSpace {
        samples,
        n_coils: N_COILS,
        n_y: N_Y,
        n_x: N_X,
        mask: vec![true; N_Y * N_X],
        warnings: Vec::new(),
    };
    (kspace, info)
}

/// Root-sum-of-squares image.
fn image(kspace: &KSpace) -> Vec<f32> {
    let mut images = kspace.samples.clone();
    CentredFft::new(&[kspace.n_y, kspace.n_x]).inverse(&mut images);
    let n = kspace.n_y * kspace.n_x;
    let square = |i: usize| (0..kspace.n_coils).map(move |c| c * n + i);
    (0..n)
        .map(|i| square(i).map(|j| images[j].norm_sqr()).sum::<f32>().sqrt())
        .collect()
}

fn nrmse(a: &[f32], b: &[f32]) -> f32 {
    let square = |v: f32| v * v;
    let error: f32 = a.iter().zip(b).map(|(a, b)| square(a - b)).sum();
    (error / b.iter().map(|b| square(*b)).sum::<f32>()).sqrt()
}

fn none() -> [LinePhase; N_COILS] {
    [LinePhase::default(); N_COILS]
}

fn some(constant_rad: f64, slope_rad: f64) -> LinePhase {
    LinePhase {
        constant_rad,
        slope_rad,
    }
}

#[test]
fn navigators_remove_the_ghost() {
    let truth = image(&acquire(none()).0);
    let phases = [some(0.6, 0.05), some(0.5, 0.06)];
    let (mut kspace, info) = acquire(phases);
    assert!(nrmse(&image(&kspace), &truth) > 0.2, "there is a ghost");
    let done = correct(&mut kspace, &info).unwrap();
    assert_eq!(done.source, EpiSource::Navigators);
    for (found, put) in done.phases.iter().zip(&phases) {
        assert!(
            (found.constant_rad - put.constant_rad).abs() < 0.02,
            "{found:?}"
        );
        assert!((found.slope_rad - put.slope_rad).abs() < 0.002, "{found:?}");
    }
    assert!(nrmse(&image(&kspace), &truth) < 0.02);
}

#[test]
fn without_navigators_the_image_itself_tells() {
    let truth = image(&acquire(none()).0);
    let (mut kspace, mut info) = acquire([some(-0.7, 0.04); N_COILS]);
    info.navigators.retain(|n| n.reversed);
    assert!(nrmse(&image(&kspace), &truth) > 0.2, "there is a ghost");
    let done = correct(&mut kspace, &info).unwrap();
    assert_eq!(done.source, EpiSource::Entropy);
    assert!(nrmse(&image(&kspace), &truth) < 0.05, "{:?}", done.phases);
}

#[test]
fn lines_that_agree_are_left_alone() {
    let (mut kspace, mut info) = acquire(none());
    info.reversed.fill(true);
    let before = kspace.clone();
    let done = correct(&mut kspace, &info).unwrap();
    assert_eq!(done.source, EpiSource::NotNeeded);
    assert_eq!(kspace, before);
}

#[test]
fn samples_not_measured_stay_zero() {
    let (mut kspace, info) = acquire([some(0.3, 0.02); N_COILS]);
    for y in (0..N_Y).filter(|y| y % 4 > 1) {
        kspace.mask[y * N_X..][..N_X].fill(false);
    }
    for i in 0..7 {
        kspace.mask[i] = false;
    }
    let mask = kspace.mask.clone();
    let zero = |kspace: &mut KSpace| {
        for coil in kspace.samples.chunks_mut(N_Y * N_X) {
            for (s, m) in coil.iter_mut().zip(&mask) {
                *s *= f32::from(u8::from(*m));
            }
        }
    };
    zero(&mut kspace);
    correct(&mut kspace, &info).unwrap();
    let after = kspace.clone();
    zero(&mut kspace);
    assert_eq!(kspace, after);
}

#[test]
fn shapes_that_contradict_each_other_are_refused() {
    let (kspace, info) = acquire(none());
    let refused = |change: &dyn Fn(&mut KSpace, &mut EpiInfo)| {
        let (mut kspace, mut info) = (kspace.clone(), info.clone());
        change(&mut kspace, &mut info);
        correct(&mut kspace, &info).unwrap_err()
    };
    let size = |e: Error| matches!(e, Error::Size { .. });
    assert!(size(refused(&|_, i| i.reversed.truncate(3))));
    assert!(size(refused(&|_, i| i.navigators[1].samples.truncate(3))));
    assert!(size(refused(&|k, _| k.samples.truncate(3))));
    assert!(size(refused(&|k, _| k.n_coils = usize::MAX)));
    let nan = refused(&|k, _| k.samples[5].re = f32::NAN);
    assert_eq!(nan, Error::NotFinite { found: 1 });
}

/// Mean signal where the object's ghost falls beside the object, and of the background beside both, over the object's.
fn ghost_level(kspace: &KSpace, object: &[bool]) -> [f32; 2] {
    let image = image(kspace);
    let (n_y, n_x) = (kspace.n_y, kspace.n_x);
    let shifted = |i: usize| (i + n_y / 2 * n_x) % (n_y * n_x);
    let near = |i: usize| {
        let (y, x) = (i / n_x, i % n_x);
        let rows = y.saturating_sub(2)..(y + 3).min(n_y);
        rows.flat_map(|y| (x.saturating_sub(2)..(x + 3).min(n_x)).map(move |x| y * n_x + x))
            .any(|i| object[i])
    };
    // The outer half of the columns is oversampling.
    let seen = |i: usize| (n_x / 4..n_x * 3 / 4).contains(&(i % n_x));
    let mean = |keep: &dyn Fn(usize) -> bool| {
        let kept: Vec<f32> = (0..image.len())
            .filter(|i| seen(*i) && keep(*i))
            .map(|i| image[i])
            .collect();
        kept.iter().sum::<f32>() / kept.len() as f32
    };
    let signal = mean(&|i| object[i]);
    let ghost = mean(&|i| object[shifted(i)] && !near(i));
    let noise = mean(&|i| !near(i) && !near(shifted(i)));
    [ghost / signal, noise / signal]
}

#[test]
fn the_ghost_of_a_real_scan_sinks_into_the_noise() {
    let path = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/data/kspace/siemens_epi_2ch.dat"
    ));
    if !path.exists() {
        eprintln!("skipped: no ../shared/data/kspace");
        return;
    }
    let scan = read_twix(path, &OpenOptions::default()).unwrap();
    let frame = scan.frame(0).unwrap();
    let FrameData::Cartesian(measured) = frame.data else {
        panic!("a slice was expected");
    };
    let info = frame.epi.unwrap();
    let corrected = |info: &EpiInfo| {
        let mut kspace = measured.clone();
        let done = correct(&mut kspace, info).unwrap();
        (kspace, done)
    };
    let (by_navigators, done) = corrected(&info);
    assert!(done.regridded && done.source == EpiSource::Navigators);
    let reference = image(&by_navigators);
    let peak = reference.iter().copied().fold(0.0, f32::max);
    let mut object: Vec<bool> = reference.iter().map(|v| *v > 0.3 * peak).collect();
    // Dark inserts inside the phantom are no background.
    for row in object.chunks_mut(measured.n_x) {
        let ends = row
            .iter()
            .position(|o| *o)
            .zip(row.iter().rposition(|o| *o));
        if let Some((first, last)) = ends {
            row[first..=last].fill(true);
        }
    }
    // Regridded alone: told that no line ran backwards.
    let mut only_regridded = info.clone();
    only_regridded.reversed.fill(false);
    let (before, _) = corrected(&only_regridded);
    let mut no_navigators = info.clone();
    no_navigators.navigators.clear();
    let (by_entropy, done) = corrected(&no_navigators);
    assert_eq!(done.source, EpiSource::Entropy);
    let [before, noise] = ghost_level(&before, &object);
    let [navigators, _] = ghost_level(&by_navigators, &object);
    let [entropy, _] = ghost_level(&by_entropy, &object);
    eprintln!(
        "ghost before {before:.4}, by navigators {navigators:.4}, by entropy {entropy:.4}; background {noise:.4}"
    );
    // What is left after noise, whose magnitude adds in squares.
    let above = |level: f32| (level * level - noise * noise).max(0.0).sqrt();
    assert!(
        above(navigators) < 0.5 * above(before),
        "{navigators} after {before}"
    );
    assert!(
        above(entropy) < 0.5 * above(before),
        "{entropy} after {before}"
    );
}

#[test]
fn a_volume_is_corrected_as_its_slices_and_alike_on_any_number_of_threads() {
    let (slice, info) = acquire([some(0.6, 0.05), some(0.5, 0.06)]);
    let n = N_Y * N_X;
    let mut samples = Vec::new();
    for coil in slice.samples.chunks(n) {
        samples.extend_from_slice(coil);
        samples.extend(coil.iter().map(|s| s * 2.0));
    }
    let volume = KSpace3 {
        samples,
        n_coils: N_COILS,
        size: Zyx::new(2, N_Y, N_X),
        mask: vec![true; 2 * n],
    };
    let twice = EpiInfo {
        reversed: info.reversed.repeat(2),
        ..info.clone()
    };
    let no_navigators = EpiInfo {
        navigators: Vec::new(),
        ..twice.clone()
    };
    let on = |threads: usize, info: &EpiInfo| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap().install(|| {
            let mut volume = volume.clone();
            let done = correct_3d(&mut volume, info).unwrap();
            (volume, done)
        })
    };
    for info in [&twice, &no_navigators] {
        assert_eq!(on(1, info), on(3, info));
    }
    let mut alone = slice;
    correct(&mut alone, &info).unwrap();
    let (together, _) = on(2, &twice);
    for coil in 0..N_COILS {
        let a = &alone.samples[coil * n..][..n];
        for (z, scale) in [(0, 1.0), (1, 2.0)] {
            let b = &together.samples[(2 * coil + z) * n..][..n];
            let far = a
                .iter()
                .zip(b)
                .map(|(a, b)| (a * scale - b).norm())
                .fold(0.0, f32::max);
            assert!(far < 1e-4, "coil {coil}, partition {z}: {far}");
        }
    }
}
