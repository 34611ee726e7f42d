//! MR artefacts in their cheap forms: in the image, or along one axis of k-space.
//!
//! The full physics is in `omnimri_recon::simulate::corrupt`; these keep the look at a fraction of the time.

use num_complex::Complex32;
use omnimri_recon::CentredFft;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::intensity::map_unit;

/// The ghost of a phase error that alternates from line to line: exact for a real image.
pub(super) fn ghost(
    planes: &mut [Vec<f32>],
    (h, w): (usize, usize),
    strength: f32,
    rng: &mut ChaCha8Rng,
) {
    let phase = rng.random_range(0.1..0.5f32) * strength;
    let (sin, cos) = phase.sin_cos();
    let rows = rng.random_bool(0.5);
    for plane in planes {
        let source = plane.clone();
        map_unit(std::slice::from_mut(plane), |i, v| {
            let (y, x) = (i / w, i % w);
            let far = if rows {
                (y + h / 2) % h * w + x
            } else {
                y * w + (x + w / 2) % w
            };
            (cos * v.max(0.0)).hypot(sin * ((source[far] + 1.0) / 2.0).max(0.0))
        });
    }
}

/// The outer lines of k-space measured in another place than the inner ones.
pub(super) fn motion(
    planes: &mut [Vec<f32>],
    (h, w): (usize, usize),
    strength: f32,
    rng: &mut ChaCha8Rng,
) {
    let down = rng.random_range(-4.0..4.0f32) * strength;
    let across = (rng.random_range(-3.0..3.0f32) * strength).round() as isize;
    // Where the object moved: on one side of the centre, some way out.
    let from = (h as f32 * (0.5 + rng.random_range(0.04..0.25f32))) as usize;
    let fft = CentredFft::new(&[h, w]);
    for plane in planes {
        let mut lines: Vec<Complex32> = plane
            .iter()
            .map(|v| Complex32::new((v + 1.0) / 2.0, 0.0))
            .collect();
        fft.forward_axis(&mut lines, 0);
        for y in from.min(h)..h {
            let row = &mut lines[y * w..(y + 1) * w];
            row.rotate_right(across.rem_euclid(w as isize) as usize);
            let turns = (y as f32 - (h / 2) as f32) / h as f32 * down;
            let phase = Complex32::cis(-std::f32::consts::TAU * turns);
            row.iter_mut().for_each(|v| *v *= phase);
        }
        fft.inverse_axis(&mut lines, 0);
        map_unit(std::slice::from_mut(plane), |i, _| lines[i].norm());
    }
}

/// One bad sample is a plane wave.
pub(super) fn spike(
    planes: &mut [Vec<f32>],
    (h, w): (usize, usize),
    strength: f32,
    rng: &mut ChaCha8Rng,
) {
    let amplitude = rng.random_range(0.02..0.15f32) * strength;
    let (ky, kx) = (
        rng.random_range(0..h) as f32 / h as f32,
        rng.random_range(0..w) as f32 / w as f32,
    );
    let start: f32 = rng.random();
    // The wave is a product of one along rows and one along columns.
    let wave = |n: usize, k: f32, start: f32| -> Vec<Complex32> {
        let turns = (0..n).map(|i| start + k * i as f32);
        turns
            .map(|t| Complex32::cis(std::f32::consts::TAU * t.fract()))
            .collect()
    };
    let (down, across) = (wave(h, ky, start), wave(w, kx, 0.0));
    map_unit(planes, |i, v| {
        (down[i / w] * across[i % w] * amplitude + v).norm()
    });
}

/// Means over blocks of pixels, interpolated back.
pub(super) fn low_resolution(
    planes: &mut [Vec<f32>],
    (h, w): (usize, usize),
    strength: f32,
    rng: &mut ChaCha8Rng,
) {
    let mut factor = || 1.0 + rng.random_range(0.2..1.0f32) * 2.0 * strength;
    let factors = [factor(), factor()];
    let which = rng.random_range(0..3);
    for plane in planes {
        if which != 1 {
            coarse(plane, (h, w), 0, factors[0]);
        }
        if which != 0 {
            coarse(plane, (h, w), 1, factors[1]);
        }
    }
}

/// Loses resolution by `factor` along one axis.
fn coarse(plane: &mut [f32], (h, w): (usize, usize), axis: usize, factor: f32) {
    let (n, stride, lines) = if axis == 0 { (h, w, w) } else { (w, 1, h) };
    let cells = ((n as f32 / factor).round() as usize).clamp(1, n);
    let step = n as f32 / cells as f32;
    for line in 0..lines {
        let first = if axis == 0 { line } else { line * w };
        let means: Vec<f32> = (0..cells)
            .map(|c| {
                let (a, b) = (c as f32 * step, ((c + 1) as f32 * step).min(n as f32));
                let mut sum = 0.0;
                for i in a as usize..(b.ceil() as usize).min(n) {
                    let share = ((i + 1) as f32).min(b) - (i as f32).max(a);
                    sum += share * plane[first + i * stride];
                }
                sum / (b - a)
            })
            .collect();
        for i in 0..n {
            let at = ((i as f32 + 0.5) / step - 0.5).clamp(0.0, (cells - 1) as f32);
            let low = at as usize;
            let high = (low + 1).min(cells - 1);
            plane[first + i * stride] = means[low] + (at - low as f32) * (means[high] - means[low]);
        }
    }
}
