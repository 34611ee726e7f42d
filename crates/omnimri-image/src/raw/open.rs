//! The one door to raw data: a file's format from its content.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::hdf5::{self, Hdf5};
use super::numpy::{self, ZIP_MAGIC};
use super::twix::{looks_like_twix, read_twix};
use super::{RawScan, cfl, fastmri, ismrmrd, matlab, trajectory};
use crate::npy::MAGIC as NPY_MAGIC;
use crate::npy::shape_text;
use crate::{Error, OpenOptions, Result};

/// Format of a raw data file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RawFormat {
    Hdf5,
    Npz,
    Npy,
    Cfl,
    Twix,
}

/// Format from the first kibibytes of a file and, for BART's pairs, from its name; `None` if it is none of them.
pub(crate) fn raw_format(path: &Path, start: &[u8]) -> Option<RawFormat> {
    match start {
        s if hdf5::has_magic(s) => Some(RawFormat::Hdf5),
        s if s.starts_with(ZIP_MAGIC) => Some(RawFormat::Npz),
        s if s.starts_with(NPY_MAGIC) => Some(RawFormat::Npy),
        _ if cfl::is_cfl(path) => Some(RawFormat::Cfl),
        s if looks_like_twix(s, std::fs::metadata(path).map_or(0, |m| m.len())) => {
            Some(RawFormat::Twix)
        }
        _ => None,
    }
}

/// Opens raw data: ISMRMRD, fastMRI and MATLAB v7.3 (all HDF5), Siemens TWIX, BART's `.cfl`, `.npz` and `.npy`.
///
/// The header is read at once, samples a frame at a time. Axes of plain arrays are named by
/// [`KSpaceOptions::axes`](crate::KSpaceOptions::axes); [`RawOptions`](crate::RawOptions) picks one of several arrays and names
/// a trajectory.
///
/// # Errors
/// [`Error::UnknownFormat`] for other content, and what the reader finds.
pub fn open_raw(path: &Path, options: &OpenOptions) -> Result<RawScan> {
    let mut start = Vec::new();
    File::open(path)
        .and_then(|f| f.take(4096).read_to_end(&mut start))
        .map_err(Error::io(path, "read"))?;
    let format = raw_format(path, &start);
    if let Some(coord) = &options.raw.trajectory {
        return match format {
            Some(RawFormat::Npy) => {
                trajectory::noncartesian_from_npy(path, coord, &options.raw.matrix, options)
            }
            Some(RawFormat::Cfl) => trajectory::from_cfl(path, coord, &options.raw.matrix, options),
            _ => Err(Error::Unsupported {
                path: path.into(),
                what: "a trajectory in a file of its own",
                expected: "samples in .npy or .cfl".into(),
                found: "another format".into(),
                hint: "ISMRMRD holds the trajectory itself; leave out the file".into(),
            }),
        };
    }
    match format {
        Some(RawFormat::Hdf5) => open_hdf5(path, options),
        Some(RawFormat::Npz) => numpy::open_npz(path, options),
        Some(RawFormat::Npy) => numpy::open_npy(path, options),
        Some(RawFormat::Cfl) => cfl::open(path, options),
        Some(RawFormat::Twix) => {
            no_options_of_arrays(path, "Siemens TWIX", options)?;
            read_twix(path, options)
        }
        None => Err(Error::UnknownFormat {
            path: path.into(),
            expected: "raw data: ISMRMRD, fastMRI or MATLAB v7.3 (HDF5), Siemens TWIX, cfl, npz or npy",
            found: start[..start.len().min(8)].escape_ascii().to_string(),
            hint: "is the file whole, and of one of these kinds?",
        }),
    }
}

/// Refuses a mask or names of axes for a format that says itself what was measured where: they would be passed over in silence.
fn no_options_of_arrays(path: &Path, format: &'static str, options: &OpenOptions) -> Result<()> {
    if options.kspace.mask.is_some() {
        return Err(says_itself(
            path,
            format,
            "a sampling mask in a file of its own",
        ));
    }
    no_axes(path, format, options)
}

/// Refuses names of axes for a format that has its own.
fn no_axes(path: &Path, format: &'static str, options: &OpenOptions) -> Result<()> {
    match options.kspace.axes {
        Some(_) => Err(says_itself(path, format, "names of axes")),
        None => Ok(()),
    }
}

fn says_itself(path: &Path, format: &'static str, what: &'static str) -> Error {
    Error::Unsupported {
        path: path.into(),
        what,
        expected: "an array (npy, npz, cfl, MATLAB) or, for a mask, fastMRI".into(),
        found: format.into(),
        hint: "the file says itself what was measured; leave it out".into(),
    }
}

/// What an HDF5 file is, by what it holds.
fn open_hdf5(path: &Path, options: &OpenOptions) -> Result<RawScan> {
    let file = Hdf5::open(path)?;
    let members = file.members("/")?;
    if options.raw.array.is_none()
        && members.iter().any(|m| m == "kspace")
        && is_fastmri(&file, &members)
    {
        no_axes(path, "fastMRI", options)?;
        return fastmri::open(path, &file, &members, options);
    }
    let is_ismrmrd = |group: &str| {
        let inside = file.members(group);
        inside.is_ok_and(|names| {
            ["xml", "data"]
                .iter()
                .all(|want| names.iter().any(|n| n == want))
        })
    };
    if let Some(group) = &options.raw.array {
        return match is_ismrmrd(group) {
            true => {
                no_options_of_arrays(path, "ISMRMRD", options)?;
                ismrmrd::open(path, &file, group, options)
            }
            false => matlab::open(path, &file, options),
        };
    }
    let groups: Vec<&String> = members.iter().filter(|m| is_ismrmrd(m)).collect();
    if !groups.is_empty() {
        no_options_of_arrays(path, "ISMRMRD", options)?;
    }
    match groups[..] {
        [] => matlab::open(path, &file, options),
        [group] => ismrmrd::open(path, &file, group, options),
        _ => match groups.iter().find(|g| g.as_str() == "dataset") {
            Some(group) => ismrmrd::open(path, &file, group, options),
            None => Err(Error::BadShape {
                path: path.into(),
                what: "ISMRMRD file",
                expected: "one dataset, or one named dataset".into(),
                found: format!("{groups:?}"),
                hint: "name the one to read".into(),
            }),
        },
    }
}

/// fastMRI has slices first, and the header or a mask beside the samples; a MATLAB variable may be called `kspace` too.
fn is_fastmri(file: &Hdf5, members: &[String]) -> bool {
    members.iter().any(|m| {
        m == "ismrmrd_header"
            || m == "mask"
            || m == "reconstruction_rss"
            || m == "reconstruction_esc"
    }) || file.root_text("acquisition").is_some()
}

/// The one 2D Cartesian frame of a file.
///
/// # Errors
/// [`Error::BadShape`] if the file holds more than that.
pub(crate) fn open_single(path: &Path, options: &OpenOptions) -> Result<crate::KSpace> {
    let scan = open_raw(path, options)?;
    let wrong = |found: String| Error::BadShape {
        path: path.into(),
        what: "k-space",
        expected: "one 2D Cartesian slice".into(),
        found,
        hint: "reconstruct it first".into(),
    };
    if scan.len() != 1 {
        return Err(wrong(format!("{} frames", scan.len())));
    }
    let frame = scan.frame(0)?;
    match frame.data {
        super::FrameData::Cartesian(mut kspace) => {
            kspace.warnings = scan.header.warnings;
            kspace.warnings.extend(frame.warnings);
            Ok(kspace)
        }
        super::FrameData::Cartesian3(k) => Err(wrong(format!(
            "a 3D matrix {}",
            shape_text(&[k.size.z, k.size.y, k.size.x])
        ))),
        super::FrameData::NonCartesian(_) => Err(wrong("samples along a trajectory".into())),
    }
}
