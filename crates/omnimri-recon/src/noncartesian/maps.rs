//! Coil maps from the centre of a trajectory.

use num_complex::Complex32;
use omnimri_image::{NonCartesian, Zyx};
use rayon::prelude::*;

use crate::calibration::MIN_CALIBRATION;
use crate::coil_maps::CoilMaps;
use crate::espirit::{EspiritOptions, espirit_sets, volume_options};
use crate::fft::CentredFft;
use crate::nufft::{Nufft, NufftOptions, ToeplitzNormal};
use crate::sense::conjugate_gradient;
use crate::{Error, Result};

/// Coil maps by ESPIRiT from the centre of k-space, which a least-squares fit of a small image brings onto the Cartesian grid.
///
/// # Errors
/// [`Error::NoCalibration`] if fewer than [`MIN_CALIBRATION`] samples an axis are covered.
pub fn estimate_maps(data: &NonCartesian) -> Result<CoilMaps> {
    let Zyx {
        z: n_z,
        y: n_y,
        x: n_x,
    } = data.size;
    if data.n_coils == 1 {
        return Ok(CoilMaps::single(n_z * n_y, n_x));
    }
    let options = EspiritOptions {
        crop: 0.7,
        ..match n_z {
            1 => EspiritOptions::default(),
            _ => volume_options(),
        }
    };
    let wanted = options.max_calibration;
    let area = Zyx::new(wanted.min(n_z), wanted.min(n_y), wanted.min(n_x));
    let low = low_resolution(
        data,
        Zyx {
            z: if n_z == 1 { 1 } else { (area.z + 8).min(n_z) },
            y: (area.y + 8).min(n_y),
            x: (area.x + 8).min(n_x),
        },
    )?;
    let Zyx {
        z: l_z,
        y: l_y,
        x: l_x,
    } = low.size;
    let mut spectra = low.images;
    CentredFft::new(&[l_z, l_y, l_x]).forward(&mut spectra);
    let mut centre = Vec::with_capacity(data.n_coils * area.count());
    for coil in spectra.chunks(low.size.count()) {
        for z in 0..area.z {
            for y in 0..area.y {
                let (z, y) = (l_z / 2 - area.z / 2 + z, l_y / 2 - area.y / 2 + y);
                let from = (z * l_y + y) * l_x + l_x / 2 - area.x / 2;
                centre.extend_from_slice(&coil[from..from + area.x]);
            }
        }
    }
    let mut sets = espirit_sets(
        &centre,
        data.n_coils,
        area,
        data.size,
        &[options.crop],
        &options,
    )?;
    let maps = sets.swap_remove(0);
    // A map that covers almost nothing would give a silently black image.
    if maps.coverage() < 0.005 {
        return Err(Error::NoCalibration {
            expected: MIN_CALIBRATION,
            found_y: area.y,
            found_x: area.x,
        });
    }
    Ok(maps)
}

/// Small images of all coils.
struct LowResolution {
    /// `[coil][z][y][x]`
    images: Vec<Complex32>,
    size: Zyx<usize>,
}

/// Least-squares images of a small matrix from the samples that it reaches.
fn low_resolution(data: &NonCartesian, size: Zyx<usize>) -> Result<LowResolution> {
    let lengths = [size.z, size.y, size.x];
    let inside = |k: &[f32; 3]| {
        let mut axes = k.iter().zip(lengths);
        axes.all(|(k, n)| n == 1 || k.abs() < n as f32 / 2.0)
    };
    let chosen: Vec<usize> = (0..data.coord.len())
        .filter(|&i| inside(&data.coord[i]))
        .collect();
    let n_pixels = size.count();
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
