//! A NIfTI file to a [`Volume`].

use std::path::{Path, PathBuf};

use super::affine::geometry;
use super::data::{DataType, Decoder, make_finite, read_voxels};
use super::header::Header;
use super::sidecar;
use super::source::{Stream, pair_of};
use crate::volume_ops::plane_of;
use crate::{Acquisition, Error, OpenOptions, Result, SourceKind, Volume, Zyx};

/// The header of a `.nii`, `.nii.gz` or `.hdr` file (of an `.img`: that of its partner).
pub fn read_header(path: &Path) -> Result<Header> {
    let header_path = pair_of(path).map_or_else(|| path.to_path_buf(), |(header, _)| header);
    let mut stream = Stream::open(&header_path)?;
    let start = stream.read_start(&header_path)?;
    Header::parse(&header_path, &start)
}

/// Reads a NIfTI-1 or NIfTI-2 file: 1D to 3D, or several such frames along one further axis.
///
/// Values are scaled by the header's slope and intercept; NaN and infinities are replaced with a
/// warning.
///
/// # Shapes
/// - output: `[frame][z][y][x]`
pub fn read_nifti(path: &Path, options: &OpenOptions) -> Result<Volume> {
    let (header_path, pair_data) = match pair_of(path) {
        Some((header, data)) => (header, Some(data)),
        None => (path.to_path_buf(), None),
    };
    let mut stream = Stream::open(&header_path)?;
    let mut start = stream.read_start(&header_path)?;
    let header = Header::parse(&header_path, &start)?;
    let layout = Layout::of(&header_path, &header, options.max_voxels)?;
    let mut warnings = Vec::new();
    let data_path = if header.single_file {
        header_path.clone()
    } else {
        let data_path = pair_data.unwrap_or_else(|| image_beside(&header_path));
        stream = Stream::open(&data_path)?;
        start.clear();
        data_path
    };
    if layout.data_type.bytes() * 8 != usize::from(header.bitpix.unsigned_abs()) {
        warnings.push(format!(
            "The header says {} bits a voxel, its data type has {}; the data type is used.",
            header.bitpix,
            layout.data_type.bytes() * 8
        ));
    }
    let decoder = Decoder::new(&header, layout.data_type, &mut warnings);
    let (geometry, about_affine) = geometry(&header_path, &header, layout.size)?;
    warnings.extend(about_affine);
    let n = layout.n_voxels;
    let decoded = read_voxels(&data_path, stream, &start, layout.offset, n, &decoder)?;
    let (voxels, about_values) = make_finite(&data_path, decoded)?;
    warnings.extend(about_values);
    warnings.extend(layout.warning);
    let mut acquisition = acquisition(&header, layout.n_frames);
    sidecar::fill(path, &mut acquisition, &mut warnings)?;
    acquisition.plane = plane_of(&geometry);
    Ok(Volume {
        voxels,
        n_frames: layout.n_frames,
        geometry,
        acquisition,
        source: SourceKind::Nifti,
        warnings,
    })
}

/// The image file of a two-file header whose own name does not end in `.hdr`.
fn image_beside(header: &Path) -> PathBuf {
    header.with_extension("img")
}

/// What the header declares of the data, checked before anything is allocated.
struct Layout {
    size: Zyx<usize>,
    n_frames: usize,
    n_voxels: usize,
    data_type: DataType,
    offset: u64,
    warning: Option<String>,
}

impl Layout {
    fn of(path: &Path, header: &Header, max_voxels: usize) -> Result<Self> {
        let dims = dims(path, header)?;
        let n = dims.iter().try_fold(1_u64, |n, &d| n.checked_mul(d));
        let n_voxels = match n.and_then(|n| usize::try_from(n).ok()) {
            Some(n) if n <= max_voxels => n,
            _ => {
                // Sizes beyond the last that counts say nothing.
                let n_axes = dims.iter().rposition(|&d| d > 1).map_or(1, |last| last + 1);
                let shape: Vec<_> = dims[..n_axes].iter().map(u64::to_string).collect();
                return Err(Error::TooLarge {
                    path: path.into(),
                    what: "declared number of voxels",
                    expected: max_voxels as u64,
                    found: shape.join("x"),
                    hint: "the header may be damaged",
                });
            }
        };
        let data_type = DataType::from_code(path, header.datatype)?;
        let long: Vec<u64> = dims[3..].iter().copied().filter(|&d| d > 1).collect();
        if long.len() > 1 {
            return Err(Error::Unsupported {
                path: path.into(),
                what: "array of more than four axes",
                expected: "3D or 4D, further axes of size 1".into(),
                found: format!("dim {:?}", &header.dim),
                hint: "split it into 4D files".into(),
            });
        }
        // Each is at most `n_voxels`, which is a usize.
        let [x, y, z] = [dims[0], dims[1], dims[2]].map(|d| d as usize);
        let n_frames = long.first().map_or(1, |&d| d as usize);
        let warning = (n_frames > 1 && dims[3] == 1)
            .then(|| format!("The fifth axis of {n_frames} is read as frames."));
        let offset = offset(path, header)?;
        Ok(Self {
            size: Zyx::new(z, y, x),
            n_frames,
            n_voxels,
            data_type,
            offset,
            warning,
        })
    }
}

/// Seven sizes, those beyond `dim[0]` as 1.
fn dims(path: &Path, header: &Header) -> Result<[u64; 7]> {
    let bad = |field: String, expected: &str, found: i64| Error::BadHeader {
        path: path.into(),
        field,
        expected: expected.into(),
        found: found.to_string(),
        hint: "the header may be damaged".into(),
    };
    let n_axes = header.dim[0];
    if !(1..=7).contains(&n_axes) {
        return Err(bad("dim[0]".into(), "1 to 7 axes", n_axes));
    }
    let mut dims = [1; 7];
    for axis in 1..=n_axes as usize {
        dims[axis - 1] = match u64::try_from(header.dim[axis]) {
            Ok(d) if d > 0 => d,
            _ => {
                return Err(bad(
                    format!("dim[{axis}]"),
                    "a size of at least 1",
                    header.dim[axis],
                ));
            }
        };
    }
    Ok(dims)
}

/// Byte offset of the voxels; in a single file 0 stands for "after header and extension flag".
fn offset(path: &Path, header: &Header) -> Result<u64> {
    let least = if header.single_file {
        header.version.header_len() as f64
    } else {
        0.0
    };
    let offset = match header.vox_offset {
        o if o == 0.0 && header.single_file => least + 4.0,
        o => o,
    };
    // Beyond 2^53 a float no longer counts bytes; no such file exists.
    if !(offset >= least && offset < 9e15 && offset.fract() == 0.0) {
        return Err(Error::BadHeader {
            path: path.into(),
            field: "vox_offset".into(),
            expected: format!("a whole number of at least {least}"),
            found: header.vox_offset.to_string(),
            hint: "the header may be damaged".into(),
        });
    }
    Ok(offset as u64)
}

/// What a NIfTI header tells of the acquisition: its description, an echo time inside it, and the
/// time between frames.
fn acquisition(header: &Header, n_frames: usize) -> Acquisition {
    let description = (!header.descrip.is_empty()).then(|| header.descrip.clone());
    // Converters write "TE=2.9;Time=101500.100".
    let echo_time_ms = header
        .descrip
        .split(';')
        .find_map(|part| part.trim().strip_prefix("TE="))
        .and_then(|te| te.trim().parse::<f64>().ok())
        .filter(|te| te.is_finite() && *te > 0.0);
    let unit_ms = match header.xyzt_units & 0x38 {
        8 => Some(1e3),
        16 => Some(1.0),
        24 => Some(1e-3),
        _ => None,
    };
    let step = header.pixdim[4];
    let repetition_time_ms = unit_ms
        .filter(|_| n_frames > 1 && step.is_finite() && step > 0.0)
        .map(|u| u * step);
    Acquisition {
        description,
        echo_time_ms,
        repetition_time_ms,
        ..Acquisition::default()
    }
}
