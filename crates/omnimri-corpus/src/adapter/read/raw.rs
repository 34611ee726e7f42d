//! Raw data to images: the file's own reconstruction, or the root of the sum of squares of fully sampled frames.

use std::path::Path;

use omnimri_image::{
    FrameData, NpyArray, RawHeader, RawScan, Zyx, array_names, open_raw, read_array,
};
use omnimri_recon::zero_filled::{coil_images, root_sum_of_squares};

use super::pixels::unplaced;
use super::{Fault, Opened, Result, options};
use crate::adapter::settings::RawForm;

/// Share of samples that a fully sampled frame has at least: fastMRI pads the phase direction with zeros, and corners of an
/// elliptical 3D scan are never measured.
const FULLY_SAMPLED: f64 = 0.7;

/// Reads the frames of one contrast and repetition as the slices of a volume.
pub(super) fn open(path: &Path, form: &RawForm) -> Result<Opened> {
    if !path.is_file() {
        return Err(Fault::Missing(path.into()));
    }
    let own = if form.reconstructions.is_empty() {
        None
    } else {
        let names = array_names(path)?;
        form.reconstructions.iter().find(|n| names.contains(*n))
    };
    let scan = open_raw(path, &options())?;
    let acquisition = scan.header.acquisition.clone();
    let (voxels, size) = match own {
        Some(name) => slices(path, read_array(path, Some(name), &options())?)?,
        None => reconstructed(path, &scan, form)?,
    };
    let spacing = spacing_mm(&scan.header, size);
    Ok(unplaced(voxels, size, spacing, acquisition))
}

/// Voxel sizes of the reconstructed field of view, where the header states it for this matrix.
///
/// Slices of a 2D scan have a known distance only where the file gives their places: the thickness leaves out the gap.
fn spacing_mm(header: &RawHeader, size: Zyx<usize>) -> Option<Zyx<f64>> {
    let fov = header.recon_fov_mm?;
    let z = match size.z {
        n if n == header.recon.z => fov.z / n as f64,
        _ => slice_distance_mm(header)?,
    };
    let spacing = Zyx::new(z, fov.y / size.y as f64, fov.x / size.x as f64);
    let sound = [spacing.z, spacing.y, spacing.x];
    let fits = size.y == header.recon.y && size.x == header.recon.x;
    (fits && sound.iter().all(|v| v.is_finite() && *v > 0.0)).then_some(spacing)
}

/// Distance between the first two slices along their normal.
fn slice_distance_mm(header: &RawHeader) -> Option<f64> {
    let of = |slice| {
        let frame = header.frames.iter().find(|f| f.slice == slice)?;
        frame.position
    };
    let (a, b) = (of(0)?, of(1)?);
    let along = (0..3).map(|c| (b.centre_mm[c] - a.centre_mm[c]) * a.slice[c]);
    Some(along.sum::<f64>().abs()).filter(|d| *d > 0.0)
}

/// A reconstruction `[slice][y][x]`.
fn slices(path: &Path, array: NpyArray) -> Result<(Vec<f32>, Zyx<usize>)> {
    let size = match array.shape[..] {
        [z, y, x] if z * y * x > 0 => Zyx::new(z, y, x),
        [y, x] if y * x > 0 => Zyx::new(1, y, x),
        _ => {
            return Err(Fault::Damaged(format!(
                "{}: expected a reconstruction [slice][y][x], found shape {:?}",
                path.display(),
                array.shape
            )));
        }
    };
    Ok((array.data.magnitudes(), size))
}

fn reconstructed(path: &Path, scan: &RawScan, form: &RawForm) -> Result<(Vec<f32>, Zyx<usize>)> {
    let wanted: Vec<usize> = (0..scan.len())
        .filter(|&k| {
            let label = &scan.header.frames[k];
            label.contrast == form.contrast && label.repetition == form.repetition
        })
        .collect();
    let mut chosen: Vec<(usize, usize)> = wanted
        .iter()
        .map(|&k| (scan.header.frames[k].slice, k))
        .collect();
    chosen.sort_unstable();
    // Of several phases or sets the first of each slice.
    chosen.dedup_by_key(|(slice, _)| *slice);
    let (mut voxels, mut size) = (Vec::new(), None::<Zyx<usize>>);
    for (_, k) in chosen {
        let frame = scan.frame(k)?;
        let (image, of) = image(path, frame.data, scan.header.recon)?;
        match size {
            None => size = Some(of),
            Some(first) if first.y == of.y && first.x == of.x => {
                size = Some(Zyx::new(first.z + of.z, of.y, of.x));
            }
            Some(_) => {
                return Err(Fault::Damaged(format!(
                    "{}: slices of different matrices",
                    path.display()
                )));
            }
        }
        voxels.extend(image);
    }
    match size {
        Some(size) => Ok((voxels, size)),
        None => Err(Fault::Damaged(format!(
            "{}: no frame of contrast {} and repetition {}",
            path.display(),
            form.contrast,
            form.repetition
        ))),
    }
}

/// The image of one frame, cropped about the centre to the reconstruction matrix.
fn image(path: &Path, data: FrameData, recon: Zyx<usize>) -> Result<(Vec<f32>, Zyx<usize>)> {
    let refuse = |found: String| {
        Err(Fault::Damaged(format!(
            "{}: expected fully sampled Cartesian data, found {found}",
            path.display()
        )))
    };
    let sampled =
        |mask: &[bool]| mask.iter().filter(|m| **m).count() as f64 / mask.len().max(1) as f64;
    match data {
        FrameData::Cartesian(kspace) => {
            let share = sampled(&kspace.mask);
            if share < FULLY_SAMPLED {
                return refuse(format!("{:.0}% of the samples", 100.0 * share));
            }
            let n = kspace.n_y * kspace.n_x;
            let image = root_sum_of_squares(&coil_images(&kspace), n);
            Ok(cropped(&image, Zyx::new(1, kspace.n_y, kspace.n_x), recon))
        }
        FrameData::Cartesian3(kspace) => {
            let share = sampled(&kspace.mask);
            if share < FULLY_SAMPLED {
                return refuse(format!("{:.0}% of the samples", 100.0 * share));
            }
            let size = kspace.size;
            let image = omnimri_recon::volume::zero_filled_volume(kspace)
                .map_err(|e| Fault::Damaged(format!("{}: {e}", path.display())))?;
            Ok(cropped(&image, size, recon))
        }
        _ => refuse("samples along a trajectory".into()),
    }
}

/// The centre of an image; axes that are no longer than wanted are kept.
fn cropped(image: &[f32], from: Zyx<usize>, to: Zyx<usize>) -> (Vec<f32>, Zyx<usize>) {
    let least = |a: usize, b: usize| if b == 0 { a } else { a.min(b) };
    let size = Zyx::new(
        if from.z == 1 { 1 } else { least(from.z, to.z) },
        least(from.y, to.y),
        least(from.x, to.x),
    );
    let first = |from: usize, to: usize| from / 2 - to / 2;
    let (z0, y0, x0) = (
        first(from.z, size.z),
        first(from.y, size.y),
        first(from.x, size.x),
    );
    let mut out = Vec::with_capacity(size.count());
    for z in z0..z0 + size.z {
        for y in y0..y0 + size.y {
            let at = from.offset(x0, y, z);
            out.extend_from_slice(&image[at..at + size.x]);
        }
    }
    (out, size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_centre_is_kept() {
        let image: Vec<f32> = (0..35).map(|v| v as f32).collect();
        let (out, size) = cropped(&image, Zyx::new(1, 5, 7), Zyx::new(1, 3, 4));
        assert_eq!(size, Zyx::new(1, 3, 4));
        // Rows 1 to 3, columns 1 to 4: the centre 3 stays at floor(4 / 2).
        assert_eq!(out[..4], [8.0, 9.0, 10.0, 11.0]);
        assert_eq!(out[5], 16.0);
        let (all, same) = cropped(&image, Zyx::new(1, 5, 7), Zyx::new(1, 9, 0));
        assert_eq!((all.len(), same), (35, Zyx::new(1, 5, 7)));
    }
}
