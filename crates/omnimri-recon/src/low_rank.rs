//! Locally low rank reconstruction of dynamic series: patches of all frames vary together.
//!
//! Zhang, Pauly, Levesque, "Accelerating parameter mapping with a locally low rank constraint", Magn Reson Med 73 (2015)
//! 655. The problem `1/2 sum_t |A_t x_t - b_t|^2 + threshold sum_patches |patch|_*` is descended by FISTA (Beck, Teboulle,
//! SIAM J Imaging Sci 2 (2009) 183); the grid of patches is moved at random every iteration (cycle spinning), so that no
//! patch edges show.

use num_complex::{Complex32, Complex64};
use omnimri_image::KSpace;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::calibration::{noise_variance, validate};
use crate::coil_maps::CoilMaps;
use crate::linalg::hermitian_eigen;
use crate::operator::{CartesianNormal, CoilNormal};
use crate::{Error, Result};

/// Most frames of a series: the decomposition of a patch grows with their cube.
const MAX_FRAMES: usize = 1024;

/// Settings of the locally low rank reconstruction.
#[derive(Debug, Clone, PartialEq)]
pub struct LowRankOptions {
    /// Side of a square patch in pixels, 2 to 64.
    pub block: usize,
    /// Iterations, 1 to 10000.
    pub iterations: usize,
    /// Threshold of the singular values in units of the image; from the noise level if `None`.
    pub threshold: Option<f32>,
    /// Noise variance of a complex sample; estimated from the periphery of all frames if `None`.
    pub noise_variance: Option<f64>,
    /// Seed of the shifts of the patches.
    pub seed: u64,
}

impl Default for LowRankOptions {
    fn default() -> Self {
        Self {
            block: 8,
            iterations: 40,
            threshold: None,
            noise_variance: None,
            seed: 0,
        }
    }
}

/// A reconstructed series.
#[derive(Debug, Clone, PartialEq)]
pub struct LowRankSeries {
    /// Complex images `[frame][y][x]`.
    pub images: Vec<Complex32>,
    /// Threshold used, in units of the image.
    pub threshold: f32,
    /// Noise variance of a complex sample that was used.
    pub noise_variance: f64,
}

/// The mean over time of every sample that was ever measured: a scan to estimate coil maps of the series from.
///
/// # Errors
/// What [`validate`] finds in a frame; [`Error::Size`] if frames differ; [`Error::OutOfRange`] without a frame.
pub fn time_average(frames: &[KSpace]) -> Result<KSpace> {
    check_frames(frames)?;
    let n = frames[0].mask.len();
    let mut counts = vec![0u32; n];
    let mut samples = vec![Complex32::default(); frames[0].samples.len()];
    for frame in frames {
        for (count, m) in counts.iter_mut().zip(&frame.mask) {
            *count += u32::from(*m);
        }
        for (out, coil) in samples.chunks_mut(n).zip(frame.samples.chunks(n)) {
            for ((out, v), m) in out.iter_mut().zip(coil).zip(&frame.mask) {
                if *m {
                    *out += v;
                }
            }
        }
    }
    for coil in samples.chunks_mut(n) {
        for (v, count) in coil.iter_mut().zip(&counts) {
            *v /= (*count).max(1) as f32;
        }
    }
    Ok(KSpace {
        samples,
        n_coils: frames[0].n_coils,
        n_y: frames[0].n_y,
        n_x: frames[0].n_x,
        mask: counts.iter().map(|c| *c > 0).collect(),
        warnings: Vec::new(),
    })
}

fn check_frames(frames: &[KSpace]) -> Result<()> {
    if frames.is_empty() || frames.len() > MAX_FRAMES {
        return Err(Error::OutOfRange {
            what: "frames of a series",
            min: 1.0,
            max: MAX_FRAMES as f64,
            found: frames.len() as f64,
            hint: "reconstruct a longer series in parts",
        });
    }
    for frame in frames {
        validate(frame)?;
        let same = frame.n_coils == frames[0].n_coils
            && (frame.n_y, frame.n_x) == (frames[0].n_y, frames[0].n_x);
        if !same {
            return Err(Error::Size {
                what: "frame of a series",
                expected: frames[0].samples.len(),
                found: frame.samples.len(),
                hint: "all frames must have the same coils and the same matrix",
            });
        }
    }
    Ok(())
}

/// Reconstructs all frames of a series together, given coil maps that they share.
///
/// # Errors
/// What [`validate`] finds in a frame; [`Error::Size`] if frames or maps do not fit; [`Error::OutOfRange`] for impossible
/// settings.
pub fn locally_low_rank(
    frames: &[KSpace],
    maps: &CoilMaps,
    options: &LowRankOptions,
) -> Result<LowRankSeries> {
    check_frames(frames)?;
    check_options(options)?;
    let first = &frames[0];
    let (n_y, n_x) = (first.n_y, first.n_x);
    if maps.n_coils != first.n_coils || (maps.n_y, maps.n_x) != (n_y, n_x) {
        return Err(Error::Size {
            what: "coil maps",
            expected: first.samples.len(),
            found: maps.maps.len(),
            hint: "maps must have the coils and the matrix of the frames",
        });
    }
    let noise = options.noise_variance.unwrap_or_else(|| {
        let levels: Vec<f64> = frames.iter().map(noise_variance).collect();
        levels.iter().sum::<f64>() / levels.len() as f64
    });
    // The largest singular value of a patch of pure noise of this variance.
    let n_patch = (options.block * options.block) as f64;
    let threshold = options
        .threshold
        .unwrap_or_else(|| (noise.sqrt() * (n_patch.sqrt() + (frames.len() as f64).sqrt())) as f32);
    let n = n_y * n_x;
    // The maps are one for all frames.
    let operators: Vec<CartesianNormal> = frames
        .iter()
        .map(|f| CartesianNormal::new(f.mask.clone(), n_y, n_x))
        .collect();
    let rhs: Vec<Complex32> = operators
        .iter()
        .zip(frames)
        .flat_map(|(op, frame)| op.adjoint(maps, &frame.samples))
        .collect();
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    let mut x = rhs.clone();
    let mut point = x.clone();
    let mut momentum = 1.0f32;
    for _ in 0..options.iterations {
        // The norm of A^H A is at most one (maps of unit norm, unitary transform): a step of one descends.
        for ((point, rhs), op) in point.chunks_mut(n).zip(rhs.chunks(n)).zip(&operators) {
            let normal = op.sense(maps, point);
            for ((p, b), v) in point.iter_mut().zip(rhs).zip(&normal) {
                *p += b - v;
            }
        }
        let shift = (
            rng.random_range(0..options.block),
            rng.random_range(0..options.block),
        );
        shrink_patches(&mut point, n_y, n_x, options.block, shift, threshold);
        let next = 0.5 * (1.0 + (1.0 + 4.0 * momentum * momentum).sqrt());
        let push = (momentum - 1.0) / next;
        // `point` holds the new image: extrapolate it and keep it.
        for (p, x) in point.iter_mut().zip(&mut x) {
            let new = *p;
            *p = new + (new - *x) * push;
            *x = new;
        }
        momentum = next;
    }
    Ok(LowRankSeries {
        images: x,
        threshold,
        noise_variance: noise,
    })
}

fn check_options(options: &LowRankOptions) -> Result<()> {
    for (what, found, min, max) in [
        ("side of a patch", options.block as f64, 2.0, 64.0),
        ("iterations", options.iterations as f64, 1.0, 1e4),
        (
            "threshold",
            options.threshold.unwrap_or(0.0).into(),
            0.0,
            f32::MAX.into(),
        ),
        (
            "noise variance",
            options.noise_variance.unwrap_or(0.0),
            0.0,
            f64::MAX,
        ),
    ] {
        if !(min..=max).contains(&found) {
            return Err(Error::OutOfRange {
                what,
                min,
                max,
                found,
                hint: "the defaults suit most series",
            });
        }
    }
    Ok(())
}

/// Soft-thresholds the singular values of every patch `[pixel][frame]`, on a grid moved by `shift` that wraps around.
fn shrink_patches(
    images: &mut [Complex32],
    n_y: usize,
    n_x: usize,
    block: usize,
    shift: (usize, usize),
    threshold: f32,
) {
    let n = n_y * n_x;
    let n_frames = images.len() / n;
    let (across, down) = (n_x.div_ceil(block), n_y.div_ceil(block));
    let source = &*images;
    let pixels = |patch: usize| -> Vec<usize> {
        let (by, bx) = (patch / across * block, patch % across * block);
        (by..(by + block).min(n_y))
            .flat_map(|y| {
                (bx..(bx + block).min(n_x))
                    .map(move |x| (y + shift.0) % n_y * n_x + (x + shift.1) % n_x)
            })
            .collect()
    };
    // Patches share no pixel, so their order does not matter.
    let patches: Vec<(Vec<usize>, Vec<Complex32>)> = (0..across * down)
        .into_par_iter()
        .map(|patch| {
            let pixels = pixels(patch);
            let mut values = Vec::with_capacity(pixels.len() * n_frames);
            for &p in &pixels {
                values.extend((0..n_frames).map(|t| source[t * n + p]));
            }
            shrink(&mut values, n_frames, threshold);
            (pixels, values)
        })
        .collect();
    for (pixels, values) in patches {
        for (p, row) in pixels.into_iter().zip(values.chunks(n_frames)) {
            for (t, v) in row.iter().enumerate() {
                images[t * n + p] = *v;
            }
        }
    }
}

/// Soft-thresholds the singular values of a matrix `[row][n]` in place, by the eigenvectors of its Gram matrix.
fn shrink(matrix: &mut [Complex32], n: usize, threshold: f32) {
    let wide = |v: &Complex32| Complex64::new(v.re.into(), v.im.into());
    let mut gram = vec![Complex64::default(); n * n];
    for row in matrix.chunks(n) {
        for (out, a) in gram.chunks_mut(n).zip(row) {
            let a = wide(a).conj();
            for (o, b) in out.iter_mut().zip(row) {
                *o += a * wide(b);
            }
        }
    }
    let threshold = f64::from(threshold);
    let mut values = Vec::new();
    let eigen = hermitian_eigen(gram, n, |all| {
        values = all.to_vec();
        all.iter()
            .take_while(|v| **v > threshold * threshold)
            .count()
    });
    let Some(eigen) = eigen else {
        return;
    };
    // M sum_k v_k (1 - threshold / s_k) v_k^H
    let mut mix = vec![Complex64::default(); n * n];
    for (value, v) in values.iter().zip(&eigen.vectors) {
        let keep = 1.0 - threshold / value.sqrt();
        for i in 0..n {
            for j in 0..n {
                mix[i * n + j] += v[i] * v[j].conj() * keep;
            }
        }
    }
    let mix: Vec<Complex32> = mix
        .iter()
        .map(|v| Complex32::new(v.re as f32, v.im as f32))
        .collect();
    let mut out = vec![Complex32::default(); n];
    for row in matrix.chunks_mut(n) {
        out.fill(Complex32::default());
        for (a, mix) in row.iter().zip(mix.chunks(n)) {
            for (o, m) in out.iter_mut().zip(mix) {
                *o += a * m;
            }
        }
        row.copy_from_slice(&out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::tests::random_array;
    use crate::sampling::{LinePattern, PhaseAxis, random_lines};
    use crate::sense::{SenseOptions, sense_with_maps};
    use crate::simulate::acquire::{acquire, coil_maps_birdcage};

    const N_Y: usize = 48;
    const N_X: usize = 45;
    const N_FRAMES: usize = 10;

    /// A body at rest with an organ that takes up contrast agent and one that washes it out.
    fn series() -> Vec<Vec<Complex32>> {
        (0..N_FRAMES)
            .map(|t| {
                let time = t as f32 / (N_FRAMES - 1) as f32;
                (0..N_Y * N_X)
                    .map(|i| {
                        let y = 2.0 * (i / N_X) as f32 / N_Y as f32 - 1.0;
                        let x = 2.0 * (i % N_X) as f32 / N_X as f32 - 1.0;
                        let inside = |cy: f32, cx: f32, r: f32| (y - cy).hypot(x - cx) < r;
                        let mut v = 0.0;
                        if (y / 0.85).hypot(x / 0.7) < 1.0 {
                            v = 0.5;
                        }
                        if inside(0.2, 0.2, 0.25) {
                            v += time;
                        }
                        if inside(-0.3, -0.2, 0.2) {
                            v += (-3.0 * time).exp();
                        }
                        Complex32::from_polar(v, 0.5 * x)
                    })
                    .collect()
            })
            .collect()
    }

    fn scans(maps: &CoilMaps) -> Vec<KSpace> {
        let frames = series().into_iter().zip(0u64..);
        frames
            .map(|(image, t)| {
                let pattern = LinePattern {
                    axis: PhaseAxis::Y,
                    acceleration: 4.0,
                    n_centre: 6,
                    seed: 100 + t,
                };
                let mask = random_lines(N_Y, N_X, &pattern).unwrap();
                acquire(&image, maps, &mask, 0.05, t).unwrap()
            })
            .collect()
    }

    fn error(found: &[Complex32]) -> f64 {
        let truth: Vec<Complex32> = series().concat();
        let energy = |v: &mut dyn Iterator<Item = Complex32>| -> f64 {
            v.map(|v| f64::from(v.norm_sqr())).sum()
        };
        let distance = energy(&mut found.iter().zip(&truth).map(|(a, b)| a - b));
        (distance / energy(&mut truth.iter().copied())).sqrt()
    }

    #[test]
    fn frames_together_are_better_than_frame_by_frame() {
        let maps = coil_maps_birdcage(4, N_Y, N_X, 2);
        let frames = scans(&maps);
        let together = locally_low_rank(&frames, &maps, &LowRankOptions::default()).unwrap();
        let alone: Vec<Complex32> = frames
            .iter()
            .flat_map(|f| {
                sense_with_maps(f, maps.clone(), &SenseOptions::default())
                    .unwrap()
                    .initial
            })
            .collect();
        let (together_error, alone_error) = (error(&together.images), error(&alone));
        assert!(
            together_error < 0.7 * alone_error,
            "{together_error} against {alone_error} frame by frame"
        );
        let again = rayon::ThreadPoolBuilder::new()
            .num_threads(3)
            .build()
            .unwrap()
            .install(|| locally_low_rank(&frames, &maps, &LowRankOptions::default()).unwrap());
        assert!(again == together);
    }

    #[test]
    fn singular_values_are_shrunk_by_the_threshold() {
        // Two orthogonal columns of norms 3 and 0.5.
        let mut matrix = vec![Complex32::default(); 8];
        matrix[0] = Complex32::new(0.0, 3.0);
        matrix[3] = Complex32::new(0.5, 0.0);
        shrink(&mut matrix, 2, 1.0);
        assert!((matrix[0] - Complex32::new(0.0, 2.0)).norm() < 1e-6);
        assert!(matrix[1..].iter().all(|v| v.norm() < 1e-6));
    }

    #[test]
    fn patches_cover_every_pixel_once_whatever_the_shift() {
        let (n_y, n_x) = (19, 21);
        let images = random_array(3 * n_y * n_x, 7);
        for shift in [(0, 0), (3, 7), (7, 1)] {
            let mut out = images.clone();
            shrink_patches(&mut out, n_y, n_x, 8, shift, 0.0);
            assert!(out.iter().zip(&images).all(|(a, b)| (a - b).norm() < 1e-4));
            shrink_patches(&mut out, n_y, n_x, 8, shift, 1e4);
            assert!(out.iter().all(|v| v.norm() == 0.0));
        }
    }

    #[test]
    fn the_time_average_fills_the_mask() {
        let maps = coil_maps_birdcage(2, N_Y, N_X, 2);
        let frames = scans(&maps);
        let average = time_average(&frames).unwrap();
        let row = |k: &KSpace, y: usize| k.mask[y * N_X];
        for y in 0..N_Y {
            let measured: Vec<&KSpace> = frames.iter().filter(|f| row(f, y)).collect();
            assert_eq!(row(&average, y), !measured.is_empty());
            let sum: Complex32 = measured.iter().map(|f| f.samples[y * N_X + 5]).sum();
            let mean = sum / measured.len().max(1) as f32;
            assert!((average.samples[y * N_X + 5] - mean).norm() < 1e-4);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let maps = coil_maps_birdcage(2, N_Y, N_X, 2);
        let mut frames = scans(&maps);
        let options = LowRankOptions::default();
        assert!(matches!(
            locally_low_rank(&[], &maps, &options),
            Err(Error::OutOfRange { .. })
        ));
        let three = coil_maps_birdcage(3, N_Y, N_X, 2);
        assert!(matches!(
            locally_low_rank(&frames, &three, &options),
            Err(Error::Size { .. })
        ));
        let bad = LowRankOptions {
            block: 1,
            ..options.clone()
        };
        assert!(matches!(
            locally_low_rank(&frames, &maps, &bad),
            Err(Error::OutOfRange { .. })
        ));
        (frames[1].n_y, frames[1].n_x) = (N_X, N_Y);
        assert!(matches!(
            locally_low_rank(&frames, &maps, &options),
            Err(Error::Size { .. })
        ));
    }
}
