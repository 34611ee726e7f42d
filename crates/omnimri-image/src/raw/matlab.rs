//! MATLAB v7.3 files: HDF5 with a user block, axes in reverse, complex numbers as `real, imag`.

use std::path::Path;

use num_complex::Complex32;

use super::RawScan;
use super::array::{self, ArrayReader};
use super::axes::{Axes, bad_shape, coil_like};
use super::hdf5::{Dataset, Hdf5};
use super::hdf5_types::{ComplexKind, complex_kind};
use crate::npy::{permute, shape_text};
use crate::{OpenOptions, Result};

/// A complex dataset as an array: in the axis order of HDF5, or in that of MATLAB, which is the reverse.
#[derive(Debug)]
pub(super) struct Hdf5Array {
    dataset: Dataset,
    kind: ComplexKind,
    reversed: bool,
    shape: Vec<usize>,
}

impl Hdf5Array {
    /// # Errors
    /// If the values are not complex.
    pub fn new(dataset: Dataset, reversed: bool) -> Result<Self> {
        let kind = complex_kind(&dataset)?;
        let mut shape = dataset.shape.clone();
        if reversed {
            shape.reverse();
        }
        Ok(Self {
            dataset,
            kind,
            reversed,
            shape,
        })
    }
}

impl ArrayReader for Hdf5Array {
    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn read_block(&self, start: &[usize], count: &[usize]) -> Result<Vec<Complex32>> {
        if !self.reversed {
            return Ok(self.kind.decode(&self.dataset.read_block(start, count)?));
        }
        let reverse = |list: &[usize]| list.iter().rev().copied().collect::<Vec<_>>();
        let values = self
            .kind
            .decode(&self.dataset.read_block(&reverse(start), &reverse(count))?);
        let mut strides = vec![1; count.len()];
        for axis in 1..count.len() {
            strides[axis] = strides[axis - 1] * count[axis - 1];
        }
        Ok(permute(&values, count, &strides))
    }
}

/// Opens the one complex array of a file, or the one named in the options; axes are named in MATLAB's order.
pub(super) fn open(path: &Path, file: &Hdf5, options: &OpenOptions) -> Result<RawScan> {
    let reversed = super::hdf5::has_user_block(path)?;
    let (mut found, mut others) = (Vec::new(), Vec::new());
    for name in file.members("/")? {
        // MATLAB keeps what cells and objects refer to in groups of such names.
        if name.starts_with('#') {
            continue;
        }
        match file.dataset(&name) {
            Ok(d) if ComplexKind::of(&d.kind).is_some() && d.shape.len() >= 2 => found.push(d),
            _ => others.push(name.escape_debug().to_string()),
        }
    }
    if let Some(wanted) = &options.raw.array {
        // A name may lead into a group.
        found = vec![file.dataset(wanted)?];
    }
    if found.len() != 1 {
        let names: Vec<_> = found
            .iter()
            .map(|d| format!("{} {}", d.name.escape_debug(), shape_text(&d.shape)))
            .collect();
        let found = match names.is_empty() {
            true => format!("none (others: {})", others.join(", ")),
            false => names.join(", "),
        };
        let hint = "name the array, or save the k-space alone".into();
        return Err(bad_shape(
            path,
            "one complex array of two or more axes",
            found,
            hint,
        ));
    }
    let Some(dataset) = found.pop() else {
        return Err(bad_shape(
            path,
            "a complex array",
            "none".into(),
            "save the k-space".into(),
        ));
    };
    let array = Hdf5Array::new(dataset, reversed)?;
    let shape = array.shape();
    let mut warnings = Vec::new();
    let axes = match &options.kspace.axes {
        Some(names) => Axes::named(path, shape, names, &mut warnings)?,
        None => {
            return Err(bad_shape(
                path,
                "names of the axes",
                format!("shape {} without; {}", shape_text(shape), coil_like(shape)),
                "name them in the array's order, as in --axes kx,ky,coil".into(),
            ));
        }
    };
    let format = if reversed {
        "MATLAB v7.3"
    } else {
        "HDF5 array"
    };
    array::open(path, format, Box::new(array), axes, options, warnings)
}
