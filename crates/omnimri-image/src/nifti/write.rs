//! A [`Volume`] or [`LabelMap`] to a NIfTI file on the same grid with the same affine.

use std::io::Write;
use std::path::Path;

use flate2::{Compression, GzBuilder};
use num_complex::Complex32;

use super::affine::{NO_ORIENTATION, NO_SPACING, WRITER, base_affine};
use super::header::{Header, Version};
use crate::write_beside::write_beside;
use crate::{Affine, Error, Geometry, LabelMap, Result, Volume};

/// Compression level: as small as the default within a few per cent, several times faster.
const LEVEL: u32 = 3;

/// Writes intensities as float32: `.nii`, or `.nii.gz` by the name. 3D for one frame, else 4D.
///
/// Never leaves half a file. What the volume's geometry does not trust is marked, and read back as
/// not trusted.
pub fn write_nifti(path: &Path, volume: &Volume) -> Result<()> {
    check_length(
        path,
        "volume",
        &volume.geometry,
        volume.n_frames,
        volume.voxels.len(),
    )?;
    let mut header = header(&volume.geometry, volume.n_frames, 16, 32);
    if volume.n_frames > 1
        && let Some(tr) = volume.acquisition.repetition_time_ms
    {
        header.pixdim[4] = tr / 1000.0;
    }
    write_file(path, &header, |w| {
        let mut bytes = Vec::with_capacity(4 << 14);
        for chunk in volume.voxels.chunks(1 << 14) {
            bytes.clear();
            bytes.extend(chunk.iter().flat_map(|v| v.to_le_bytes()));
            w.write_all(&bytes)?;
        }
        Ok(())
    })
}

/// Writes complex64 values on the grid of `volume`, whose own voxels are not looked at.
///
/// Never leaves half a file.
///
/// # Shapes
/// - `values`: `[frame][z][y][x]` of `volume`
pub fn write_nifti_complex(path: &Path, volume: &Volume, values: &[Complex32]) -> Result<()> {
    let (geometry, n_frames) = (&volume.geometry, volume.n_frames);
    check_length(path, "complex image", geometry, n_frames, values.len())?;
    write_file(path, &header(geometry, n_frames, 32, 64), |w| {
        for chunk in values.chunks(1 << 13) {
            let parts = chunk.iter().flat_map(|v| [v.re, v.im]);
            let bytes: Vec<u8> = parts.flat_map(f32::to_le_bytes).collect();
            w.write_all(&bytes)?;
        }
        Ok(())
    })
}

/// Writes a label map as uint8: `.nii`, or `.nii.gz` by the name.
///
/// Never leaves half a file.
pub fn write_label_map(path: &Path, map: &LabelMap) -> Result<()> {
    check_length(path, "label map", &map.geometry, 1, map.labels.len())?;
    write_file(path, &header(&map.geometry, 1, 2, 8), |w| {
        w.write_all(&map.labels)
    })
}

/// A whole single file in memory: `header` with its extension flag, and voxels already encoded as
/// it says.
pub fn encode_nifti(header: &Header, raw_voxels: &[u8]) -> Vec<u8> {
    let mut bytes = header.encode();
    if header.single_file {
        bytes.extend([0; 4]);
    }
    bytes.extend_from_slice(raw_voxels);
    bytes
}

fn check_length(
    path: &Path,
    what: &'static str,
    geometry: &Geometry,
    n_frames: usize,
    found: usize,
) -> Result<()> {
    let s = geometry.size;
    let expected = [s.z, s.y, s.x, n_frames]
        .into_iter()
        .try_fold(1_usize, usize::checked_mul);
    match expected {
        Some(expected) if expected == found => Ok(()),
        other => Err(Error::LengthMismatch {
            path: path.into(),
            what,
            expected: other.unwrap_or(usize::MAX),
            found,
        }),
    }
}

fn write_file(
    path: &Path,
    header: &Header,
    voxels: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<()> {
    let gzip = path
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("gz"));
    let start = encode_nifti(header, &[]);
    write_beside(path, |file| {
        if !gzip {
            file.write_all(&start)?;
            return voxels(file);
        }
        // No time stamp: equal volumes give equal files.
        let mut encoder = GzBuilder::new()
            .mtime(0)
            .write(file, Compression::new(LEVEL));
        encoder.write_all(&start)?;
        voxels(&mut encoder)?;
        encoder.finish().map(|_| ())
    })
}

fn header(geometry: &Geometry, n_frames: usize, datatype: i16, bitpix: i16) -> Header {
    let size = geometry.size;
    let sizes = [size.x, size.y, size.z, n_frames];
    let version = if sizes.iter().all(|&n| n <= i16::MAX as usize) {
        Version::One
    } else {
        Version::Two
    };
    let mut header = Header {
        datatype,
        bitpix,
        ..Header::new(version)
    };
    header.dim[0] = if n_frames > 1 { 4 } else { 3 };
    for (d, n) in header.dim[1..].iter_mut().zip(sizes) {
        *d = n as i64;
    }
    let spacing = geometry.affine.spacing_mm();
    header.pixdim = [1.0, spacing.x, spacing.y, spacing.z, 1.0, 1.0, 1.0, 1.0];
    header.descrip = WRITER.into();
    if !geometry.orientation.is_trusted() {
        header.descrip = format!("{}; {NO_ORIENTATION}", header.descrip);
    }
    if !geometry.spacing.is_trusted() {
        header.descrip = format!("{}; {NO_SPACING}", header.descrip);
    }
    // A file without transforms stays one: every reader then derives the same affine from the voxel
    // sizes.
    if !geometry.orientation.is_trusted() && geometry.affine == base_affine(spacing, size) {
        return header;
    }
    // 1: the scanner's own space; 2: aligned to another image.
    let code = if geometry.orientation.is_trusted() {
        1
    } else {
        2
    };
    let m = &geometry.affine.0;
    header.sform_code = code;
    header.srow = [m[0], m[1], m[2]];
    if let Some((quatern, qfac)) = quaternion(&geometry.affine) {
        header.qform_code = code;
        header.quatern = quatern;
        header.pixdim[0] = qfac;
        header.qoffset = [m[0][3], m[1][3], m[2][3]];
    }
    header
}

/// Quaternion `b, c, d` and handedness of an affine with orthogonal axes, `None` for a sheared one.
fn quaternion(affine: &Affine) -> Option<([f64; 3], f64)> {
    let s = affine.spacing_mm();
    let step = [s.x, s.y, s.z];
    let mut r = [[0.0; 3]; 3];
    for axis in 0..3 {
        for (row, v) in affine.column(axis).into_iter().enumerate() {
            r[row][axis] = v / step[axis];
        }
    }
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        let dot: f64 = (0..3).map(|row| r[row][a] * r[row][b]).sum();
        if dot.is_nan() || dot.abs() > 1e-5 {
            return None;
        }
    }
    let qfac = if affine.determinant() < 0.0 {
        -1.0
    } else {
        1.0
    };
    for row in &mut r {
        row[2] *= qfac;
    }
    // Take the largest of the four components from the diagonal: the others follow without loss of
    // precision.
    let squares = [
        1.0 + r[0][0] + r[1][1] + r[2][2],
        1.0 + r[0][0] - r[1][1] - r[2][2],
        1.0 - r[0][0] + r[1][1] - r[2][2],
        1.0 - r[0][0] - r[1][1] + r[2][2],
    ];
    let largest = (0..4)
        .max_by(|&a, &b| squares[a].total_cmp(&squares[b]))
        .unwrap_or(0);
    let double = squares[largest].sqrt();
    let f = 0.5 / double;
    let (yz, xz, xy) = (r[2][1] - r[1][2], r[0][2] - r[2][0], r[1][0] - r[0][1]);
    let (sxy, sxz, syz) = (r[0][1] + r[1][0], r[0][2] + r[2][0], r[1][2] + r[2][1]);
    let half = 0.5 * double;
    let [a, b, c, d] = match largest {
        0 => [half, yz * f, xz * f, xy * f],
        1 => [yz * f, half, sxy * f, sxz * f],
        2 => [xz * f, sxy * f, half, syz * f],
        _ => [xy * f, sxz * f, syz * f, half],
    };
    // The format keeps b, c, d only and takes a as not negative.
    Some((if a < 0.0 { [-b, -c, -d] } else { [b, c, d] }, qfac))
}
