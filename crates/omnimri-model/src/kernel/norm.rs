//! Layer normalisation over the last axis followed by ReLU, in one pass each way, on plain arrays.

use rayon::prelude::*;

/// Rows a parallel task takes; fixed, so that sums do not depend on the number of threads.
const ROWS: usize = 2048;
const EPSILON: f32 = 1e-5;

fn moments(row: &[f32]) -> (f32, f32) {
    let n = row.len() as f32;
    let mean = row.iter().sum::<f32>() / n;
    let variance = row.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / n;
    (mean, 1.0 / (variance + EPSILON).sqrt())
}

/// `relu((x - mean) / std * gamma + beta)` over rows of `c` values.
pub(super) fn forward(x: &[f32], gamma: &[f32], beta: &[f32]) -> Vec<f32> {
    let c = gamma.len();
    let mut y = vec![0.0; x.len()];
    y.par_chunks_mut(ROWS * c).zip(x.par_chunks(ROWS * c)).for_each(|(y, x)| {
        for (y, x) in y.chunks_exact_mut(c).zip(x.chunks_exact(c)) {
            let (mean, scale) = moments(x);
            for i in 0..c {
                y[i] = ((x[i] - mean) * scale * gamma[i] + beta[i]).max(0.0);
            }
        }
    });
    y
}

/// Gradients with respect to `x`, `gamma` and `beta`.
pub(super) fn backward(
    x: &[f32],
    gamma: &[f32],
    beta: &[f32],
    grad_y: &[f32],
) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let c = gamma.len();
    let mut grad_x = vec![0.0; x.len()];
    let parts: Vec<(Vec<f32>, Vec<f32>)> = grad_x
        .par_chunks_mut(ROWS * c)
        .zip(x.par_chunks(ROWS * c).zip(grad_y.par_chunks(ROWS * c)))
        .map(|(gx, (x, gy))| {
            let (mut dgamma, mut dbeta) = (vec![0.0; c], vec![0.0; c]);
            let (mut hat, mut g) = (vec![0.0; c], vec![0.0; c]);
            for (gx, (x, gy)) in
                gx.chunks_exact_mut(c).zip(x.chunks_exact(c).zip(gy.chunks_exact(c)))
            {
                let (mean, scale) = moments(x);
                let (mut sum_g, mut sum_gh) = (0.0, 0.0);
                for i in 0..c {
                    hat[i] = (x[i] - mean) * scale;
                    let through = if hat[i] * gamma[i] + beta[i] > 0.0 { gy[i] } else { 0.0 };
                    dgamma[i] += through * hat[i];
                    dbeta[i] += through;
                    g[i] = through * gamma[i];
                    sum_g += g[i];
                    sum_gh += g[i] * hat[i];
                }
                let n = c as f32;
                for i in 0..c {
                    gx[i] = scale * (g[i] - sum_g / n - hat[i] * sum_gh / n);
                }
            }
            (dgamma, dbeta)
        })
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
