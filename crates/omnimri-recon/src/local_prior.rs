//! What an image says of itself at low resolution: where there is signal, and its smooth phase.

use num_complex::Complex32;
use rayon::prelude::*;

/// A Gaussian low-pass of an array `[n_y][n_x][P]`, standard deviation in pixels, normalised at the borders.
fn blur<const P: usize>(
    values: &[[f32; P]],
    n_y: usize,
    n_x: usize,
    deviation: f32,
) -> Vec<[f32; P]> {
    let reach = (3.0 * deviation).ceil() as usize;
    let taps: Vec<f32> = (0..=reach)
        .map(|i| (-((i * i) as f32) / (2.0 * deviation * deviation)).exp())
        .collect();
    // The weights that lie inside, for every position along an axis.
    let norms = |n: usize| -> Vec<f32> {
        (0..n)
            .map(|p| {
                let inside = p.saturating_sub(reach)..(p + reach + 1).min(n);
                1.0 / inside.map(|q| taps[q.abs_diff(p)]).sum::<f32>()
            })
            .collect()
    };
    let (norm_y, norm_x) = (norms(n_y), norms(n_x));
    let add = |out: &mut [[f32; P]], from: &[[f32; P]], w: f32| {
        for (out, v) in out.iter_mut().zip(from) {
            for (out, v) in out.iter_mut().zip(v) {
                *out += v * w;
            }
        }
    };
    let mut out = vec![[0.0; P]; values.len()];
    out.par_chunks_mut(n_x).enumerate().for_each(|(y, out)| {
        let mut row = vec![[0.0; P]; n_x];
        for q in y.saturating_sub(reach)..(y + reach + 1).min(n_y) {
            add(
                &mut row,
                &values[q * n_x..(q + 1) * n_x],
                taps[q.abs_diff(y)] * norm_y[y],
            );
        }
        // A shift of the whole row for every tap keeps the inner loop straight.
        for (shift, &tap) in taps.iter().enumerate().take(n_x) {
            add(&mut out[shift..], &row[..n_x - shift], tap);
            if shift > 0 {
                add(&mut out[..n_x - shift], &row[shift..], tap);
            }
        }
        for (v, w) in out.iter_mut().zip(&norm_x) {
            for v in v {
                *v *= w;
            }
        }
    });
    out
}

/// The unit phase factor of the low-passed image, `[n_y][n_x]`; one where there is nothing.
pub(crate) fn smooth_phase(
    image: &[Complex32],
    n_y: usize,
    n_x: usize,
    deviation: f32,
) -> Vec<Complex32> {
    let parts: Vec<[f32; 2]> = image.iter().map(|v| [v.re, v.im]).collect();
    blur(&parts, n_y, n_x, deviation)
        .iter()
        .map(|[re, im]| {
            let norm = re.hypot(*im);
            if norm > 0.0 {
                Complex32::new(re / norm, im / norm)
            } else {
                Complex32::ONE
            }
        })
        .collect()
}

/// A weight in 0 to 1 a pixel that says how likely there is signal: `e / (e + tau)` of the low-passed energy `e`, with `tau` the
/// square of `floor` times the magnitude at the 95th percentile.
pub(crate) fn signal_weight(
    image: &[Complex32],
    n_y: usize,
    n_x: usize,
    deviation: f32,
    floor: f32,
) -> Vec<f32> {
    let energy: Vec<[f32; 1]> = image.iter().map(|v| [v.norm_sqr()]).collect();
    let smooth = blur(&energy, n_y, n_x, deviation);
    let mut sorted: Vec<f32> = smooth.iter().map(|v| v[0]).collect();
    let at = (sorted.len() * 95 / 100).min(sorted.len() - 1);
    let high = *sorted.select_nth_unstable_by(at, f32::total_cmp).1;
    let tau = (high * floor * floor).max(f32::MIN_POSITIVE);
    smooth.iter().map(|v| v[0] / (v[0] + tau)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smooth_phase_is_found_and_air_gets_no_weight() {
        let (n_y, n_x) = (40, 37);
        let phase = |i: usize| 0.04 * (i / n_x) as f32 - 0.03 * (i % n_x) as f32;
        let inside = |i: usize| (10..30).contains(&(i / n_x)) && (8..28).contains(&(i % n_x));
        let image: Vec<Complex32> = (0..n_y * n_x)
            .map(|i| {
                if inside(i) {
                    Complex32::from_polar(1.0, phase(i))
                } else {
                    Complex32::default()
                }
            })
            .collect();
        let found = smooth_phase(&image, n_y, n_x, 2.0);
        let weight = signal_weight(&image, n_y, n_x, 1.5, 0.2);
        let centre = 20 * n_x + 18;
        assert!((found[centre] - image[centre]).norm() < 0.02);
        assert!(weight[centre] > 0.95 && weight[0] < 1e-3 && weight[n_y * n_x - 1] < 1e-3);
    }

    #[test]
    fn a_constant_stays_a_constant_up_to_the_borders() {
        for (n_y, n_x) in [(1, 1), (3, 20), (21, 4)] {
            for v in blur(&vec![[2.0f32]; n_y * n_x], n_y, n_x, 2.0) {
                assert!((v[0] - 2.0).abs() < 1e-5);
            }
        }
    }
}
