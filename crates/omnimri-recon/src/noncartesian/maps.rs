//! Coil maps from the centre of a trajectory.

use num_complex::Complex32;
use omnimri_image::{KSpace, NonCartesian, Zyx};
use rayon::prelude::*;

use crate::calibration::{CalibrationArea, MIN_CALIBRATION};
use crate::coil_maps::CoilMaps;
use crate::espirit::{EspiritOptions, espirit};
use crate::fft::CentredFft;
use crate::nufft::{Nufft, NufftOptions, ToeplitzNormal};
use crate::sense::conjugate_gradient;
use crate::{Error, Result};

/// Coil maps by ESPIRiT from the centre of k-space, which a least-squares fit of a small image brings onto the Cartesian grid.
///
/// # Errors
/// [`Error::NoCalibration`] if fewer than [`MIN_CALIBRATION`] samples an axis are covered.
pub fn estimate_maps(data: &NonCartesian) -> Result<CoilMaps> {
    let (n_y, n_x) = (data.size.y, data.size.x);
    if data.n_coils == 1 {
        return Ok(CoilMaps::single(n_y, n_x));
    }
    let options = EspiritOptions {
        crop: 0.7,
        ..EspiritOptions::default()
    };
    let wanted = options.max_calibration;
    let (a_y, a_x) = (wanted.min(n_y), wanted.min(n_x));
    let low = low_resolution(
        data,
        Zyx {
            z: 1,
            y: (a_y + 8).min(n_y),
            x: (a_x + 8).min(n_x),
        },
    )?;
    let (l_y, l_x) = (low.size.y, low.size.x);
    let mut spectra = low.images;
    CentredFft::new(&[l_y, l_x]).forward(&mut spectra);
    let area = CalibrationArea {
        y: n_y / 2 - a_y / 2..n_y / 2 - a_y / 2 + a_y,
        x: n_x / 2 - a_x / 2..n_x / 2 - a_x / 2 + a_x,
    };
    let mut kspace = KSpace {
        samples: vec![Complex32::default(); data.n_coils * n_y * n_x],
        n_coils: data.n_coils,
        n_y,
        n_x,
        mask: vec![false; n_y * n_x],
        warnings: Vec::new(),
    };
    for (out, coil) in kspace
        .samples
        .chunks_mut(n_y * n_x)
        .zip(spectra.chunks(l_y * l_x))
    {
        for (i, y) in area.y.clone().enumerate() {
            let from = (l_y / 2 - a_y / 2 + i) * l_x + l_x / 2 - a_x / 2;
            out[y * n_x + area.x.start..][..a_x].copy_from_slice(&coil[from..from + a_x]);
        }
    }
    for y in area.y.clone() {
        kspace.mask[y * n_x..][area.x.clone()].fill(true);
    }
    let maps = espirit(&kspace, &area, &options)?;
    // A map that covers almost nothing would give a silently black image.
    if maps.coverage() < 0.005 {
        return Err(Error::NoCalibration {
            expected: MIN_CALIBRATION,
            found_y: a_y,
            found_x: a_x,
        });
    }
    Ok(maps)
}

/// Small images of all coils.
struct LowResolution {
    /// `[coil][y][x]`
    images: Vec<Complex32>,
    size: Zyx<usize>,
}

/// Least-squares images of a small matrix from the samples that it reaches.
fn low_resolution(data: &NonCartesian, size: Zyx<usize>) -> Result<LowResolution> {
    let inside =
        |k: &[f32; 3]| k[1].abs() < size.y as f32 / 2.0 && k[2].abs() < size.x as f32 / 2.0;
    let chosen: Vec<usize> = (0..data.coord.len())
        .filter(|&i| inside(&data.coord[i]))
        .collect();
    let n_pixels = size.y * size.x;
    if chosen.len() < n_pixels / 4 {
        return Err(Error::NoCalibration {
            expected: MIN_CALIBRATION,
            found_y: 0,
            found_x: 0,
        });
    }
    let coord: Vec<[f32; 3]> = chosen.iter().map(|&i| data.coord[i]).collect();
    let nufft = Nufft::new(&coord, size, &NufftOptions::default())?;
    let normal = ToeplitzNormal::new(&coord, None, size)?;
    let mean = coord.len() as f32 / n_pixels as f32;
    let mut images = vec![Complex32::default(); data.n_coils * n_pixels];
    images
        .par_chunks_mut(n_pixels)
        .zip(data.samples.par_chunks(data.coord.len()))
        .for_each(|(image, coil)| {
            let samples: Vec<Complex32> = chosen.iter().map(|&i| coil[i]).collect();
            let rhs = nufft.adjoint_batch(&samples);
            let solution = conjugate_gradient(|u| normal.apply(u), &rhs, 1e-3 * mean, 40, 1e-4);
            image.copy_from_slice(&solution.x);
        });
    Ok(LowResolution { images, size })
}
