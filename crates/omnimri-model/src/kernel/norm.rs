//! Group normalisation followed by ReLU, channels last, on plain arrays.
//!
//! Each group of channels of an image is normalised over all its pixels (Wu and He 2018), so that contrast between pixels
//! survives; normalising every pixel by itself (layer normalisation over channels) loses it, and learned far slower.

use rayon::prelude::*;

const EPSILON: f32 = 1e-5;
/// Channels a group.
pub(super) const GROUP: usize = 8;

/// Groups of `c` channels: as many of [`GROUP`] channels as fit, one for odd widths.
fn group_size(c: usize) -> usize {
    if c.is_multiple_of(GROUP) { GROUP } else { c }
}

/// Spreads sums a channel over their group: mean a channel of the group's sum.
fn by_group(sums: &mut [f32], pixels: usize) {
    let size = group_size(sums.len());
    for group in sums.chunks_exact_mut(size) {
        let mean = group.iter().sum::<f32>() / (size * pixels) as f32;
        group.fill(mean);
    }
}

/// Mean and inverse standard deviation of each channel's group in one image `[pixels, c]`.
fn moments(x: &[f32], c: usize) -> (Vec<f32>, Vec<f32>) {
    let pixels = x.len() / c;
    let mut mean = vec![0.0; c];
    for row in x.chunks_exact(c) {
        for (mean, x) in mean.iter_mut().zip(row) {
            *mean += x;
        }
    }
    by_group(&mut mean, pixels);
    let mut variance = vec![0.0; c];
    for row in x.chunks_exact(c) {
        for ((variance, x), mean) in variance.iter_mut().zip(row).zip(&mean) {
            let d = x - mean;
            *variance += d * d;
        }
    }
    by_group(&mut variance, pixels);
    let scale = variance
        .iter()
        .map(|v| 1.0 / (v + EPSILON).sqrt())
        .collect();
    (mean, scale)
}

/// `relu((x - mean) / std * gamma + beta)` of images `[pixels, c]` that follow each other.
pub(super) fn forward(x: &[f32], gamma: &[f32], beta: &[f32], pixels: usize) -> Vec<f32> {
    let c = gamma.len();
    let mut y = vec![0.0; x.len()];
    y.par_chunks_mut(pixels * c)
        .zip(x.par_chunks(pixels * c))
        .for_each(|(y, x)| {
            let (mean, scale) = moments(x, c);
            let a: Vec<f32> = (0..c).map(|i| scale[i] * gamma[i]).collect();
            let b: Vec<f32> = (0..c).map(|i| beta[i] - mean[i] * a[i]).collect();
            for (y, x) in y.chunks_exact_mut(c).zip(x.chunks_exact(c)) {
                for (((y, x), a), b) in y.iter_mut().zip(x).zip(&a).zip(&b) {
                    *y = (x * a + b).max(0.0);
                }
            }
        });
    y
}

/// Gradients with respect to `x`, `gamma` and `beta`; images are summed in order.
pub(super) fn backward(
    x: &[f32],
    gamma: &[f32],
    beta: &[f32],
    grad_y: &[f32],
    pixels: usize,
) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let c = gamma.len();
    let mut grad_x = vec![0.0; x.len()];
    let parts: Vec<(Vec<f32>, Vec<f32>)> = grad_x
        .par_chunks_mut(pixels * c)
        .zip(x.par_chunks(pixels * c).zip(grad_y.par_chunks(pixels * c)))
        .map(|(gx, (x, gy))| image_backward(gx, x, gamma, beta, gy))
        .collect();
    let (mut dgamma, mut dbeta) = (vec![0.0; c], vec![0.0; c]);
    for (pg, pb) in parts {
        for i in 0..c {
            dgamma[i] += pg[i];
            dbeta[i] += pb[i];
        }
    }
    (grad_x, dgamma, dbeta)
}

/// The gradient behind a ReLU whose input is `z`.
#[inline(always)]
fn open(z: f32, gradient: f32) -> f32 {
    if z > 0.0 { gradient } else { 0.0 }
}

fn image_backward(
    gx: &mut [f32],
    x: &[f32],
    gamma: &[f32],
    beta: &[f32],
    gy: &[f32],
) -> (Vec<f32>, Vec<f32>) {
    let c = gamma.len();
    let pixels = x.len() / c;
    let (mean, scale) = moments(x, c);
    let (mut dgamma, mut dbeta) = (vec![0.0; c], vec![0.0; c]);
    let (mean, scale) = (&mean[..c], &scale[..c]);
    let (gamma, beta) = (&gamma[..c], &beta[..c]);
    {
        let (dgamma, dbeta) = (&mut dgamma[..c], &mut dbeta[..c]);
        for (x, gy) in x.chunks_exact(c).zip(gy.chunks_exact(c)) {
            for i in 0..c {
                let hat = (x[i] - mean[i]) * scale[i];
                let through = open(hat * gamma[i] + beta[i], gy[i]);
                dgamma[i] += through * hat;
                dbeta[i] += through;
            }
        }
    }
    // Means over the group of the gradient at `hat`, and of its product with `hat`.
    let mut mean_g: Vec<f32> = (0..c).map(|i| dbeta[i] * gamma[i]).collect();
    let mut mean_gh: Vec<f32> = (0..c).map(|i| dgamma[i] * gamma[i]).collect();
    by_group(&mut mean_g, pixels);
    by_group(&mut mean_gh, pixels);
    let (mean_g, mean_gh) = (&mean_g[..c], &mean_gh[..c]);
    for (gx, (x, gy)) in gx
        .chunks_exact_mut(c)
        .zip(x.chunks_exact(c).zip(gy.chunks_exact(c)))
    {
        for i in 0..c {
            let hat = (x[i] - mean[i]) * scale[i];
            let through = open(hat * gamma[i] + beta[i], gy[i]);
            gx[i] = scale[i] * (through * gamma[i] - mean_g[i] - hat * mean_gh[i]);
        }
    }
    (dgamma, dbeta)
}
