//! Siemens raw data (TWIX, `.dat`): VB files of one measurement, VD and later files of several.
//!
//! | file | holds |
//! | --- | --- |
//! | `container` | the directory of measurements and the parts of a protocol header |
//! | `header` | the protocol: matrix, fields of view, slices, sequence |
//! | `mdh` | line headers and the index of a measurement |
//! | `scan` | which readout belongs to which frame, and where on the grid |
//! | `samples` | samples of one frame, read when asked for |
//! | `noise` | noise lines, scaled to the image's bandwidth |
//!
//! The last measurement of a file is the image; noise lines of an earlier one with the same coils make the noise scan.
//! Opening reads line headers only. Lines with several averages are averaged; lines read out backwards are turned
//! round; a reference scan of another contrast is kept apart as [`crate::raw::Calibration`]; synchronisation,
//! feedback and stabilisation lines are skipped. Values are as stored, in no known unit.
//!
//! The layout was worked out by the community (mapVBVD and twixtools by P. Ehses, siemens_to_ismrmrd by M. Hansen).

mod container;
mod header;
mod mdh;
mod noise;
mod samples;
mod scan;

use std::fs::File;
use std::path::Path;

use container::{Extent, Layout};
use header::Protocol;
use mdh::Index;
use samples::Source;
use scan::{Grid, Plan};

use crate::raw::{RawHeader, RawScan};
use crate::{Error, OpenOptions, Result, Zyx};

/// True if a file of `file_len` bytes begins as TWIX does; 160 bytes or more of it are needed.
pub fn looks_like_twix(start: &[u8], file_len: u64) -> bool {
    container::layout_of(start, file_len).is_some()
}

/// Opens a TWIX file: its header and noise now, samples a frame at a time.
///
/// A measurement that breaks off is read as far as its lines are whole, and a warning says where it ends. Frames come
/// ordered by repetition, cardiac phase, set, echo and slice, slices in the order of the protocol.
///
/// # Errors
/// - [`Error::UnknownFormat`] if it is no TWIX file
/// - [`Error::Truncated`] if it ends before the first line
/// - [`Error::BadHeader`], with the offset, for lengths and line headers that contradict the file
/// - [`Error::Unsupported`] for non-Cartesian and simultaneous multi-slice measurements
/// - [`Error::BadShape`] if there is no image line
/// - [`Error::TooLarge`] for frames above the cap of `options`
pub fn read_twix(path: &Path, options: &OpenOptions) -> Result<RawScan> {
    let mut file = File::open(path).map_err(Error::io(path, "read"))?;
    let file_len = file.metadata().map_err(Error::io(path, "read"))?.len();
    let mut start = vec![0; file_len.min(1024) as usize];
    container::read_at(&mut file, path, 0, &mut start)?;
    let Some(layout) = container::layout_of(&start, file_len) else {
        return Err(Error::UnknownFormat {
            path: path.into(),
            expected: "Siemens TWIX raw data",
            found: "bytes of another kind".into(),
            hint: "is it a .dat file as exported from the scanner?",
        });
    };
    let extents = container::measurements(&mut file, path, layout, file_len)?;
    let Some((imaging, earlier)) = extents.split_last() else {
        return Err(container::bad_header(
            path,
            "number of measurements",
            4,
            "at least 1",
            "0",
        ));
    };
    let (protocol, index) = open_measurement(&mut file, path, layout, imaging)?;
    let plan = Plan::new(path, index.readouts, &protocol, index.broken_at, options)?;
    let mut header = describe(path, layout, &plan, &protocol);
    let n_coils = plan.n_coils;
    header.noise = noise::read_noise(
        &mut file,
        path,
        &plan.readouts,
        n_coils,
        None,
        &protocol,
        options,
    )?;
    if header.noise.is_none() {
        let coils = |file: &mut File, index: &[mdh::Readout], purpose| {
            let first = index.iter().find(|r| r.purpose() == purpose).copied();
            first
                .map(|r| mdh::coil_numbers(file, path, layout, &r))
                .transpose()
        };
        let image_coils = coils(&mut file, &plan.readouts, mdh::Purpose::Image)?;
        for extent in earlier.iter().rev() {
            // An adjustment that cannot be read is no reason to refuse the image.
            let Ok((own, index)) = open_measurement(&mut file, path, layout, extent) else {
                header.warnings.push(format!(
                    "The measurement that begins at byte {} cannot be read; it may have held the noise scan.",
                    extent.start
                ));
                continue;
            };
            let noise_coils = coils(&mut file, &index.readouts, mdh::Purpose::Noise)?;
            if noise_coils.is_none() || noise_coils != image_coils {
                continue;
            }
            header.noise = noise::read_noise(
                &mut file,
                path,
                &index.readouts,
                n_coils,
                Some(&own),
                &protocol,
                options,
            )?;
            if header.noise.is_some() {
                break;
            }
        }
    }
    let path = path.into();
    Ok(RawScan::new(header, Box::new(Source { path, plan })))
}

fn open_measurement(
    file: &mut File,
    path: &Path,
    layout: Layout,
    extent: &Extent,
) -> Result<(Protocol, Index)> {
    let (parts, data_start) = container::read_parts(file, path, extent)?;
    let index = mdh::index(file, path, layout, extent, data_start)?;
    Ok((Protocol::parse(&parts), index))
}

/// The header of the scan; noise is added later.
fn describe(path: &Path, layout: Layout, plan: &Plan, protocol: &Protocol) -> RawHeader {
    let encoded = plan.grid.size;
    let recon = recon_matrix(&plan.grid, protocol);
    let fovs = protocol
        .read_fov_mm
        .zip(protocol.phase_fov_mm)
        .zip(protocol.thickness_mm);
    let recon_fov_mm = fovs.map(|((x, y), z)| Zyx::new(z, y, x));
    let read_factor = protocol
        .read_oversampling
        .unwrap_or(encoded.x as f64 / recon.x as f64);
    let encoded_fov_mm = recon_fov_mm.map(|fov| {
        let slab = match plan.grid.is_3d {
            true => fov.z * (1.0 + protocol.slice_oversampling),
            false => fov.z,
        };
        Zyx::new(
            slab,
            fov.y * (1.0 + protocol.phase_oversampling),
            fov.x * read_factor,
        )
    });
    let mut acquisition = protocol.acquisition.clone();
    if plan.grid.is_3d {
        // The protocol's thickness is that of the slab.
        let slab = acquisition.slice_thickness_mm;
        acquisition.slice_thickness_mm = slab.map(|mm| mm / recon.z as f64);
    }
    RawHeader {
        path: path.into(),
        format: match layout {
            Layout::Vb => "Siemens TWIX (VB)",
            Layout::Vd => "Siemens TWIX (VD)",
        },
        n_coils: plan.n_coils,
        encoded,
        recon,
        encoded_fov_mm,
        recon_fov_mm,
        frames: plan.frames.iter().map(|f| f.label.clone()).collect(),
        noise: None,
        acquisition,
        warnings: plan.warnings.clone(),
    }
}

/// The matrix of the image as the protocol has it; the encoded matrix where it does not say.
fn recon_matrix(grid: &Grid, protocol: &Protocol) -> Zyx<usize> {
    let mut size = grid.size;
    if let Some(x) = protocol.base_resolution {
        size.x = x;
        let ratio = protocol
            .phase_fov_mm
            .zip(protocol.read_fov_mm)
            .map(|(phase, read)| phase / read);
        if let Some(ratio) = ratio {
            size.y = ((x as f64 * ratio).round() as usize).clamp(1, 8 * x);
        }
        // Interpolation doubles both axes of the image.
        let doubled = protocol.image_columns == Some(2 * x)
            && protocol
                .image_lines
                .is_some_and(|y| y.abs_diff(2 * size.y) <= 2);
        if doubled {
            size.x *= 2;
            size.y *= 2;
        }
    }
    if grid.is_3d
        && let Some(z) = protocol.images_per_slab
    {
        size.z = z;
    }
    size
}
