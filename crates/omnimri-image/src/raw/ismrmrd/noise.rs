//! The noise scan, scaled to the bandwidth of the image.

use std::path::Path;

use super::index::{Line, flag};
use super::{Fault, fault, read_samples};
use crate::Result;
use crate::raw::NoiseScan;
use crate::raw::heap::Heap;

/// Samples a coil that are enough for any covariance.
const ENOUGH: usize = 1 << 18;

/// Reads noise lines up to [`ENOUGH`] samples a coil.
///
/// The variance of a sample goes with its bandwidth, so noise of dwell time `t_n` is scaled by `sqrt(t_n / (t_i b))` to image
/// samples of dwell time `t_i`, where `b` is the part of the bandwidth that noise passes (1 if not known): Kellman and McVeigh,
/// "Image reconstruction in SNR units", Magn Reson Med 54 (2005).
pub(super) fn read(
    path: &Path,
    heap: &Heap,
    noise: &[u32],
    lines: &[Line],
    n_coils: usize,
    bandwidth: Option<f64>,
    warnings: &mut Vec<String>,
) -> Result<Option<NoiseScan>> {
    let imaging = |l: &&Line| !l.has(flag::NOISE | flag::CALIBRATION);
    let image_us = lines
        .iter()
        .find(imaging)
        .or_else(|| lines.iter().find(|l| !l.has(flag::NOISE)))
        .map_or(0.0, |l| l.dwell_us);
    let mut coils = vec![Vec::new(); n_coils];
    let (mut n_unfit, mut n_unscaled) = (0, 0);
    for &at in noise {
        let line = &lines[at as usize];
        if usize::from(line.n_coils) != n_coils {
            n_unfit += 1;
            continue;
        }
        if coils.first().is_some_and(|c: &Vec<_>| c.len() >= ENOUGH) {
            break;
        }
        let samples = read_samples(path, heap, line)?;
        if matches!(fault(&samples), Some(Fault::NotFinite | Fault::AllZero)) {
            n_unfit += 1;
            continue;
        }
        let scale = if line.dwell_us > 0.0 && image_us > 0.0 {
            let ratio = f64::from(line.dwell_us) / f64::from(image_us) / bandwidth.unwrap_or(1.0);
            ratio.sqrt() as f32
        } else {
            n_unscaled += 1;
            1.0
        };
        for (coil, values) in coils
            .iter_mut()
            .zip(samples.chunks(usize::from(line.n_samples)))
        {
            coil.extend(values.iter().map(|v| v * scale));
        }
    }
    if n_unfit > 0 {
        warnings.push(format!(
            "{n_unfit} noise lines are left out: another number of coils, all zero or not finite."
        ));
    }
    if n_unscaled > 0 {
        warnings.push(
            "The noise scan is not scaled to the image's bandwidth: a dwell time is missing."
                .into(),
        );
    }
    let n_samples = coils.first().map_or(0, Vec::len);
    Ok((n_samples > 0).then(|| NoiseScan {
        samples: coils.concat(),
        n_samples,
    }))
}
