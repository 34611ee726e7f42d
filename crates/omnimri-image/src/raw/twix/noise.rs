//! Noise lines: samples without excitation, at the start of a measurement or in one of their own.

use std::fs::File;
use std::path::Path;

use num_complex::Complex32;

use super::header::Protocol;
use super::mdh::{Purpose, Readout};
use super::samples::read_readout;
use crate::raw::NoiseScan;
use crate::{OpenOptions, Result};

/// Most samples a coil that are read: a covariance of hundreds of coils is well known from them.
const MOST_SAMPLES: usize = 1 << 16;
/// Length of a noise line in microseconds, which headers do not tell: 130 hertz a pixel of the line without oversampling.
const NOISE_LINE_US: f64 = 7680.0;

/// Reads the noise lines among `readouts` and scales them to the bandwidth of the image.
///
/// `own` is the protocol of the measurement that the noise lines are in, if it is one of their own. `None` if there is
/// no noise line with the coils of the image.
pub(super) fn read_noise(
    file: &mut File,
    path: &Path,
    readouts: &[Readout],
    n_coils: usize,
    own: Option<&Protocol>,
    imaging: &Protocol,
    options: &OpenOptions,
) -> Result<Option<NoiseScan>> {
    let most = MOST_SAMPLES.min(options.max_voxels / n_coils);
    let mut lines: Vec<Vec<Complex32>> = Vec::new();
    let (mut n_samples, mut bytes) = (0, Vec::new());
    for r in readouts {
        if r.purpose() != Purpose::Noise || usize::from(r.n_coils) != n_coils {
            continue;
        }
        if n_samples + usize::from(r.n_samples) > most {
            break;
        }
        let mut line = Vec::new();
        read_readout(file, path, r, &mut bytes, &mut line)?;
        if line.iter().any(|s| !s.re.is_finite() || !s.im.is_finite()) {
            continue;
        }
        let noise_us = own
            .and_then(|p| p.dwell_us)
            .unwrap_or(NOISE_LINE_US / f64::from(r.n_samples));
        if let Some(image_us) = imaging.dwell_us {
            // Variance goes with bandwidth, the inverse of the time a sample takes.
            let scale = (noise_us / image_us).sqrt() as f32;
            line.iter_mut().for_each(|s| *s *= scale);
        }
        n_samples += usize::from(r.n_samples);
        lines.push(line);
    }
    if n_samples == 0 {
        return Ok(None);
    }
    let mut samples = Vec::with_capacity(n_coils * n_samples);
    for coil in 0..n_coils {
        for line in &lines {
            let n = line.len() / n_coils;
            samples.extend_from_slice(&line[coil * n..(coil + 1) * n]);
        }
    }
    Ok(Some(NoiseScan { samples, n_samples }))
}
