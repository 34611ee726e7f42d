//! Reconstructed magnitude images against a reference.

/// Side of the structural similarity's window, in pixels.
const WINDOW: usize = 7;

/// The three usual figures of a reconstruction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImageScores {
    /// Normalised root mean square error.
    pub nrmse: f64,
    /// Peak signal-to-noise ratio in decibels.
    pub psnr_db: f64,
    /// Structural similarity, at most 1.
    pub ssim: f64,
}

/// Scores an image after the least-squares scale `<reference, image> / <image, image>`, since a reconstruction's unit is
/// arbitrary; the range of PSNR and SSIM is the largest reference value.
///
/// `None` where one of the three is undefined (see each). An exact copy has an infinite `psnr_db`.
///
/// # Shapes
/// - `image`, `reference`: `[y][x]`, rows `n_x` long, at least 7 x 7
pub fn score_reconstruction(image: &[f32], reference: &[f32], n_x: usize) -> Option<ImageScores> {
    let (mut xx, mut xr) = (0.0f64, 0.0f64);
    for (x, r) in image.iter().zip(reference) {
        xx += f64::from(*x) * f64::from(*x);
        xr += f64::from(*x) * f64::from(*r);
    }
    let scale = xr / xx.max(1e-30);
    let scaled: Vec<f64> = image.iter().map(|x| f64::from(*x) * scale).collect();
    let reference: Vec<f64> = reference.iter().map(|r| f64::from(*r)).collect();
    let range = reference.iter().copied().fold(0.0, f64::max);
    Some(ImageScores {
        nrmse: nrmse(&scaled, &reference)?,
        psnr_db: psnr(&scaled, &reference, range)?,
        ssim: ssim(&scaled, &reference, n_x, range)?,
    })
}

fn squared_error(image: &[f64], reference: &[f64]) -> Option<f64> {
    if image.len() != reference.len() || image.is_empty() {
        return None;
    }
    let sum: f64 = image
        .iter()
        .zip(reference)
        .map(|(x, r)| (x - r) * (x - r))
        .sum();
    sum.is_finite().then_some(sum)
}

/// `|image - reference| / |reference|`, without any scaling.
///
/// `None` for lengths that differ, values that are not finite, or a reference of zeros.
pub fn nrmse(image: &[f64], reference: &[f64]) -> Option<f64> {
    let error = squared_error(image, reference)?;
    let energy: f64 = reference.iter().map(|r| r * r).sum();
    (energy > 0.0).then(|| (error / energy).sqrt())
}

/// Normalised mean square error as fastMRI defines it, `|image - reference|^2 / |reference|^2`: the square of [`nrmse`].
pub fn nmse(image: &[f64], reference: &[f64]) -> Option<f64> {
    nrmse(image, reference).map(|e| e * e)
}

/// Peak signal-to-noise ratio in decibels, `10 log10(range^2 / mean squared error)`; infinite for equal images.
///
/// `None` for lengths that differ, values that are not finite, or a range that is not positive.
pub fn psnr(image: &[f64], reference: &[f64], range: f64) -> Option<f64> {
    let mean = squared_error(image, reference)? / image.len() as f64;
    (range > 0.0 && range.is_finite()).then(|| 10.0 * (range * range / mean).log10())
}

/// Structural similarity: 7 x 7 uniform window, k1 = 0.01, k2 = 0.03, sample covariance, mean over the places where the
/// window fits.
///
/// `None` for lengths that differ, images smaller than the window, values that are not finite, or a range that is not
/// positive. Source: Wang et al., IEEE Transactions on Image Processing 13 (2004), with the window of fastMRI.
///
/// # Shapes
/// - `image`, `reference`: `[y][x]`, rows `n_x` long
pub fn ssim(image: &[f64], reference: &[f64], n_x: usize, range: f64) -> Option<f64> {
    squared_error(image, reference)?;
    let n_y = image.len().checked_div(n_x)?;
    if n_y * n_x != image.len()
        || n_x < WINDOW
        || n_y < WINDOW
        || range <= 0.0
        || !range.is_finite()
    {
        return None;
    }
    let means = |f: &dyn Fn(usize) -> f64| box_means(f, (n_y, n_x));
    let (x, r) = (means(&|i| image[i]), means(&|i| reference[i]));
    let xx = means(&|i| image[i] * image[i]);
    let rr = means(&|i| reference[i] * reference[i]);
    let xr = means(&|i| image[i] * reference[i]);
    let n = (WINDOW * WINDOW) as f64;
    let sample = n / (n - 1.0);
    let (c1, c2) = ((0.01 * range).powi(2), (0.03 * range).powi(2));
    let sum: f64 = (0..x.len())
        .map(|i| {
            let (mx, mr) = (x[i], r[i]);
            let (vx, vr) = (sample * (xx[i] - mx * mx), sample * (rr[i] - mr * mr));
            let covariance = sample * (xr[i] - mx * mr);
            (2.0 * mx * mr + c1) * (2.0 * covariance + c2)
                / ((mx * mx + mr * mr + c1) * (vx + vr + c2))
        })
        .sum();
    Some(sum / x.len() as f64)
}

/// Means over every whole window, `[n_y - 6][n_x - 6]`, from a table of sums.
fn box_means(value: &dyn Fn(usize) -> f64, (n_y, n_x): (usize, usize)) -> Vec<f64> {
    let width = n_x + 1;
    let mut sums = vec![0.0; (n_y + 1) * width];
    for y in 0..n_y {
        let mut row = 0.0;
        for x in 0..n_x {
            row += value(y * n_x + x);
            sums[(y + 1) * width + x + 1] = sums[y * width + x + 1] + row;
        }
    }
    let mut out = Vec::with_capacity((n_y + 1 - WINDOW) * (n_x + 1 - WINDOW));
    for y in 0..=n_y - WINDOW {
        for x in 0..=n_x - WINDOW {
            let at = |y: usize, x: usize| sums[y * width + x];
            let sum = at(y + WINDOW, x + WINDOW) - at(y, x + WINDOW) - at(y + WINDOW, x) + at(y, x);
            out.push(sum / (WINDOW * WINDOW) as f64);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of rows 11 long, 13 rows.
    fn picture() -> Vec<f64> {
        (0..143).map(|i| f64::from((i * 37) % 101)).collect()
    }

    #[test]
    fn nrmse_and_psnr_by_hand() {
        let (x, r) = ([1.0, 2.0, 5.0], [1.0, 4.0, 4.0]);
        assert!((nrmse(&x, &r).unwrap() - (5.0f64 / 33.0).sqrt()).abs() < 1e-12);
        let expected = 10.0 * (16.0f64 / (5.0 / 3.0)).log10();
        assert!((psnr(&x, &r, 4.0).unwrap() - expected).abs() < 1e-12);
        assert_eq!(psnr(&r, &r, 4.0), Some(f64::INFINITY));
    }

    #[test]
    fn ssim_of_one_window_by_hand() {
        // Constant images: variances are 0, the second factor is 1.
        let (x, r) = (vec![2.0; 49], vec![4.0; 49]);
        let c1 = 0.04f64.powi(2);
        let expected = (2.0 * 8.0 + c1) / (4.0 + 16.0 + c1);
        assert!((ssim(&x, &r, 7, 4.0).unwrap() - expected).abs() < 1e-9);
    }

    #[test]
    fn ssim_against_the_definition() {
        let r = picture();
        let x: Vec<f64> = r
            .iter()
            .enumerate()
            .map(|(i, v)| v + f64::from((i * 7) as u32 % 13))
            .collect();
        let (mut sum, mut n) = (0.0, 0.0);
        for y0 in 0..=13 - WINDOW {
            for x0 in 0..=11 - WINDOW {
                let at = |image: &[f64]| -> Vec<f64> {
                    (0..49)
                        .map(|k| image[(y0 + k / 7) * 11 + x0 + k % 7])
                        .collect()
                };
                let (a, b) = (at(&x), at(&r));
                let mean = |v: &[f64]| v.iter().sum::<f64>() / 49.0;
                let (ma, mb) = (mean(&a), mean(&b));
                let cov = |p: &[f64], mp: f64, q: &[f64], mq: f64| {
                    p.iter()
                        .zip(q)
                        .map(|(p, q)| (p - mp) * (q - mq))
                        .sum::<f64>()
                        / 48.0
                };
                let (c1, c2) = (1.0, 9.0);
                sum += (2.0 * ma * mb + c1) * (2.0 * cov(&a, ma, &b, mb) + c2)
                    / ((ma * ma + mb * mb + c1) * (cov(&a, ma, &a, ma) + cov(&b, mb, &b, mb) + c2));
                n += 1.0;
            }
        }
        assert!((ssim(&x, &r, 11, 100.0).unwrap() - sum / n).abs() < 1e-9);
        assert!((ssim(&r, &r, 11, 100.0).unwrap() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn scale_does_not_matter() {
        let r: Vec<f32> = picture().iter().map(|v| *v as f32).collect();
        let x: Vec<f32> = r
            .iter()
            .enumerate()
            .map(|(i, v)| v + (i % 5) as f32)
            .collect();
        let twice: Vec<f32> = x.iter().map(|v| 2.0 * v).collect();
        let (a, b) = (
            score_reconstruction(&x, &r, 11).unwrap(),
            score_reconstruction(&twice, &r, 11).unwrap(),
        );
        assert!((a.nrmse - b.nrmse).abs() < 1e-9 && (a.psnr_db - b.psnr_db).abs() < 1e-6);
        assert!((a.ssim - b.ssim).abs() < 1e-9 && a.ssim < 1.0);
    }

    #[test]
    fn undefined() {
        assert_eq!(nrmse(&[1.0], &[0.0]), None);
        assert_eq!(nrmse(&[], &[]), None);
        assert_eq!(nrmse(&[f64::NAN], &[1.0]), None);
        assert_eq!(psnr(&[1.0], &[1.0, 2.0], 1.0), None);
        assert_eq!(psnr(&[1.0], &[1.0], 0.0), None);
        assert_eq!(ssim(&[1.0; 36], &[1.0; 36], 6, 1.0), None);
        assert_eq!(ssim(&[1.0; 49], &[1.0; 49], 0, 1.0), None);
        assert_eq!(score_reconstruction(&[0.0; 49], &[0.0; 49], 7), None);
    }
}
