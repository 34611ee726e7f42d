//! Dynamic series: all frames of a slice together, by locally low rank patches ([`crate::low_rank`]).

use num_complex::Complex32;
use omnimri_image::KSpace;

use crate::Result;
use crate::coil_basis::CoilBasis;
use crate::low_rank::{LowRankOptions, locally_low_rank, time_average};
use crate::reconstruct::{ReconOptions, Reconstruction, acceleration};
use crate::sense::{check_weight, unit_phase};
use crate::solver::magnitude;
use crate::sparse::joint_maps;

/// Name of the method in results.
pub const NAME: &str = "locally low rank";

/// Reconstructs the frames of one slice together, in their order. Coil maps come from the mean over time, or from the reference scan in
/// `options`; `options.lambda` is the threshold of the singular values in units of the image.
///
/// # Errors
/// What [`locally_low_rank`] and [`time_average`] refuse; [`crate::Error::Noise`] for a bad noise scan.
pub fn reconstruct_series(
    frames: &[KSpace],
    options: &ReconOptions,
) -> Result<Vec<Reconstruction>> {
    check_weight(options.lambda)?;
    let average = time_average(frames)?;
    let (n_coils, size) = (average.n_coils, (average.n_y, average.n_x));
    let (scan, basis) = CoilBasis::of(&average, options.noise.as_deref(), options.coils)?;
    let maps = match &options.calibration {
        Some(reference) => joint_maps(&basis.convert(reference, n_coils, size)?)?,
        None => joint_maps(&scan)?,
    };
    let converted: Vec<KSpace>;
    let solved = if basis.is_white() || basis.n_solved(n_coils) < n_coils {
        converted = frames
            .iter()
            .map(|frame| basis.convert(frame, n_coils, size))
            .collect::<Result<_>>()?;
        &converted
    } else {
        frames
    };
    let defaults = LowRankOptions::default();
    let settings = LowRankOptions {
        iterations: options.max_iterations.unwrap_or(defaults.iterations),
        threshold: options.lambda,
        noise_variance: basis.is_white().then_some(1.0),
        ..defaults
    };
    let series = locally_low_rank(solved, &maps, &settings)?;
    let n = average.mask.len();
    let of_frame = |(frame, image): (&KSpace, &[Complex32])| Reconstruction {
        image: magnitude(&maps, image, &basis),
        phase: image.iter().map(|v| unit_phase(*v)).collect(),
        n_y: size.0,
        n_x: size.1,
        method: NAME.to_owned(),
        why: None,
        acceleration: acceleration(frame),
        lambda: Some(series.threshold),
        iterations: Some(settings.iterations),
        warnings: basis.say(n_coils).into_iter().collect(),
    };
    Ok(frames
        .iter()
        .zip(series.images.chunks(n))
        .map(of_frame)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibration::MIN_CALIBRATION;
    use crate::sampling::{LinePattern, PhaseAxis, random_lines};
    use crate::simulate::acquire::{acquire, coil_maps_birdcage};
    use crate::zero_filled::{coil_images, root_sum_of_squares};

    #[test]
    fn a_series_is_better_together_and_keeps_the_input_units() {
        let (n_y, n_x, n_frames) = (48, 45, 8);
        let maps = coil_maps_birdcage(6, n_y, n_x, 3);
        let truth = |t: usize| -> Vec<Complex32> {
            let bright = 1.0 + 0.5 * (t as f32 / n_frames as f32 * 6.0).sin();
            (0..n_y * n_x)
                .map(|i| {
                    let y = (i / n_x) as f32 / n_y as f32 - 0.5;
                    let x = (i % n_x) as f32 / n_x as f32 - 0.5;
                    let inside = f32::from(u8::from(y * y + x * x < 0.15));
                    let spot = f32::from(u8::from(y.abs() < 0.1 && x.abs() < 0.1));
                    Complex32::from(30.0 * inside * (0.5 + spot * bright))
                })
                .collect()
        };
        let frames: Vec<KSpace> = (0..n_frames)
            .map(|t| {
                let lines = LinePattern {
                    axis: PhaseAxis::X,
                    acceleration: 3.0,
                    n_centre: 2 * MIN_CALIBRATION,
                    seed: t as u64,
                };
                let mask = random_lines(n_y, n_x, &lines).unwrap();
                acquire(&truth(t), &maps, &mask, 0.3, t as u64).unwrap()
            })
            .collect();
        let error = |image: &[f32], t: usize| {
            let truth = truth(t);
            let wrong: f32 = image
                .iter()
                .zip(&truth)
                .map(|(a, b)| (a - b.re).powi(2))
                .sum();
            (wrong / truth.iter().map(|v| v.re * v.re).sum::<f32>()).sqrt()
        };
        for coils in [None, Some(4)] {
            let options = ReconOptions {
                coils,
                ..ReconOptions::default()
            };
            let made = reconstruct_series(&frames, &options).unwrap();
            assert_eq!(made.len(), n_frames);
            for (t, made) in made.iter().enumerate() {
                let zero_filled = root_sum_of_squares(&coil_images(&frames[t]), n_y * n_x);
                let found = error(&made.image, t);
                assert!(found < 0.12, "frame {t}: {found}");
                assert!(found < 0.5 * error(&zero_filled, t));
                assert_eq!(made.warnings.len(), usize::from(coils.is_some()));
            }
        }
    }
}
