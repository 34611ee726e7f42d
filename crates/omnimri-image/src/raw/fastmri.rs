//! fastMRI's HDF5: `kspace` `[slice][coil][y][x]` or `[slice][y][x]`, the ISMRMRD header, and for test files a `mask`.
//!
//! Zbontar, Knoll, Sriram et al., "fastMRI: an open dataset and benchmarks for accelerated MRI", arXiv:1811.08839. Rows (`y` here)
//! are the readout, columns (`x`) the phase direction, zero-filled to an even width.

use std::path::{Path, PathBuf};

use super::array::{ArrayReader, cartesian, check_frame};
use super::axes::bad_shape;
use super::hdf5::Hdf5;
use super::hdf5_types::Number;
use super::mask::Mask;
use super::matlab::Hdf5Array;
use super::mrd_header::{MrdHeader, Space};
use super::{Frame, FrameLabel, FrameSource, RawHeader, RawScan};
use crate::npy::shape_text;
use crate::{Acquisition, Error, OpenOptions, Result, Zyx};

/// Most slices of one file.
const MAX_SLICES: usize = 1 << 16;

/// Opens a file with a dataset `kspace`; `header` says whether `ismrmrd_header` is there.
pub(super) fn open(
    path: &Path,
    file: &Hdf5,
    members: &[String],
    options: &OpenOptions,
) -> Result<RawScan> {
    let has = |name: &str| members.iter().any(|m| m == name);
    let array = Hdf5Array::new(file.dataset("kspace")?, false)?;
    let shape = array.shape();
    let (n_slices, n_coils, n_y, n_x) = match *shape {
        [s, c, y, x] => (s, c, y, x),
        [s, y, x] => (s, 1, y, x),
        _ => {
            return Err(bad_shape(
                path,
                "kspace of [slice][coil][y][x] or [slice][y][x]",
                shape_text(shape),
                "is it a fastMRI file?".into(),
            ));
        }
    };
    if shape.contains(&0) {
        return Err(bad_shape(
            path,
            "at least one sample",
            shape_text(shape),
            "export it again".into(),
        ));
    }
    if n_slices > MAX_SLICES {
        return Err(Error::TooLarge {
            path: path.into(),
            what: "declared number of slices",
            expected: MAX_SLICES as u64,
            found: n_slices.to_string(),
            hint: "the header may be damaged",
        });
    }
    let size = Zyx::new(1, n_y, n_x);
    check_frame(path, n_coils, size, options)?;
    let mut warnings = Vec::new();
    let mut header = RawHeader {
        path: path.into(),
        format: "fastMRI",
        n_coils,
        encoded: size,
        recon: size,
        encoded_fov_mm: None,
        recon_fov_mm: None,
        frames: (0..n_slices)
            .map(|slice| FrameLabel {
                slice,
                ..FrameLabel::default()
            })
            .collect(),
        noise: None,
        acquisition: Acquisition::default(),
        warnings: Vec::new(),
    };
    if has("ismrmrd_header") {
        let mrd = MrdHeader::parse(path, &file.text("ismrmrd_header")?)?;
        let Space { matrix, fov_mm } = mrd.encodings[0].recon;
        let encoded = mrd.encodings[0].encoded;
        // The header's x is the readout, which the array has as rows.
        header.recon = Zyx::new(1, matrix.x, matrix.y);
        header.recon_fov_mm = fov_mm.map(|f| Zyx::new(f.z, f.x, f.y));
        header.encoded_fov_mm = encoded.fov_mm.map(|f| Zyx::new(f.z, f.x, f.y));
        header.acquisition = mrd.acquisition;
        header.acquisition.slice_thickness_mm = fov_mm.map(|f| f.z);
        if encoded.matrix.x != n_y {
            warnings.push(format!(
                "The header says {} readout samples, the array has {n_y} rows; the array is taken as it is.",
                encoded.matrix.x
            ));
        }
    } else {
        warnings
            .push("There is no ismrmrd_header: the image keeps the matrix of the array.".into());
    }
    if let Some(kind) = file.root_text("acquisition") {
        header.acquisition.description.get_or_insert(kind);
    }
    let own = if has("mask") {
        Some(own_mask(path, file, n_y, n_x)?)
    } else {
        None
    };
    let given = options
        .kspace
        .mask
        .as_deref()
        .map(|mask| Mask::read(mask, path, size, options))
        .transpose()?;
    header.warnings = warnings;
    let source = Source {
        path: path.into(),
        array,
        n_coils,
        size,
        own,
        given,
    };
    Ok(RawScan::new(header, Box::new(source)))
}

/// The file's own mask: one mark a column.
fn own_mask(path: &Path, file: &Hdf5, n_y: usize, n_x: usize) -> Result<Columns> {
    let dataset = file.dataset("mask")?;
    let number = Number::of_values(&dataset.kind);
    // Booleans of h5py are enumerations of one byte.
    let width = dataset.element;
    if dataset.shape.iter().product::<usize>() != n_x {
        return Err(Error::BadShape {
            path: path.into(),
            what: "sampling mask",
            expected: format!("one mark for each of {n_x} columns"),
            found: shape_text(&dataset.shape),
            hint: "the mask does not belong to these data".into(),
        });
    }
    let raw = dataset.read_block(&vec![0; dataset.shape.len()], &dataset.shape)?;
    let columns: Vec<bool> = raw
        .chunks_exact(width)
        .map(|value| match &number {
            Some(number) => number.real(value) != 0.0,
            None => value.iter().any(|&b| b != 0),
        })
        .collect();
    let mask = Mask::of_columns(&columns, n_y);
    Ok(Columns { columns, mask })
}

#[derive(Debug)]
struct Columns {
    columns: Vec<bool>,
    mask: Mask,
}

#[derive(Debug)]
struct Source {
    path: PathBuf,
    array: Hdf5Array,
    n_coils: usize,
    size: Zyx<usize>,
    /// The file's own mask.
    own: Option<Columns>,
    /// The user's mask.
    given: Option<Mask>,
}

impl FrameSource for Source {
    fn read(&self, index: usize) -> Result<Frame> {
        let shape = self.array.shape();
        let (mut start, mut count) = (vec![0; shape.len()], shape.to_vec());
        start[0] = index;
        count[0] = 1;
        let samples = self.array.read_block(&start, &count)?;
        let mut warnings = Vec::new();
        if let Some(own) = &self.own {
            let n_x = self.size.x;
            let outside = |column: &usize| {
                !own.columns[*column]
                    && samples
                        .iter()
                        .skip(*column)
                        .step_by(n_x)
                        .any(|s| s.re != 0.0 || s.im != 0.0)
            };
            let n = (0..n_x).filter(outside).count();
            if n > 0 {
                return Err(Error::BadShape {
                    path: self.path.clone(),
                    what: "sampling mask",
                    expected: "zeros in the columns that the mask leaves out".into(),
                    found: format!("samples in {n} of them in slice {index}"),
                    hint: "the mask does not belong to these data".into(),
                });
            }
        }
        let mask = self
            .given
            .as_ref()
            .or(self.own.as_ref().map(|own| &own.mask));
        let data = cartesian(
            &self.path,
            samples,
            self.n_coils,
            self.size,
            mask,
            &mut warnings,
        )?;
        Ok(Frame {
            index,
            data,
            warnings,
            calibration: None,
            epi: None,
        })
    }
}
