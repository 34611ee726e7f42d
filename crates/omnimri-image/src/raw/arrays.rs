//! Numeric arrays of `.npy`, `.npz`, MATLAB v7.3 and other HDF5 files, whole.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::hdf5::{self, Dataset, Hdf5, bad_structure};
use super::hdf5_types::{ComplexKind, Number};
use super::numpy::{self, ZIP_MAGIC};
use crate::npy::{NpyArray, NpyData, permute, read_npy};
use crate::{Error, OpenOptions, Result};

/// Names of the arrays in a file, sorted; a `.npy` has one without a name.
///
/// # Errors
/// What is wrong with the file.
pub fn array_names(path: &Path) -> Result<Vec<String>> {
    match start(path)?.as_slice() {
        s if hdf5::has_magic(s) => Ok(numeric(&Hdf5::open(path)?)?
            .into_iter()
            .map(|d| d.name)
            .collect()),
        s if s.starts_with(ZIP_MAGIC) => numpy::member_names(path),
        _ => Ok(vec![String::new()]),
    }
}

/// Reads one array: the one of this name (a path for HDF5), or the only one of two or more axes.
///
/// MATLAB files give their axes in MATLAB's order. Values of HDF5 are single precision, whatever their type.
///
/// # Errors
/// [`Error::BadShape`] where the name leaves a choice, [`Error::TooLarge`] above the cap, and what the reader finds.
pub fn read_array(path: &Path, name: Option<&str>, options: &OpenOptions) -> Result<NpyArray> {
    match start(path)?.as_slice() {
        s if hdf5::has_magic(s) => from_hdf5(path, name, options),
        s if s.starts_with(ZIP_MAGIC) => numpy::read_member(path, name, options),
        _ => read_npy(path, options),
    }
}

fn start(path: &Path) -> Result<Vec<u8>> {
    let mut start = Vec::new();
    File::open(path)
        .and_then(|f| f.take(4096).read_to_end(&mut start))
        .map_err(Error::io(path, "read"))?;
    Ok(start)
}

/// Numeric datasets of the root.
fn numeric(file: &Hdf5) -> Result<Vec<Dataset>> {
    let mut out = Vec::new();
    for name in file.members("/")? {
        // MATLAB keeps what cells and objects refer to in groups of such names.
        if name.starts_with('#') {
            continue;
        }
        if let Ok(dataset) = file.dataset(&name)
            && (Number::of_values(&dataset.kind).is_some()
                || ComplexKind::of(&dataset.kind).is_some())
        {
            out.push(dataset);
        }
    }
    Ok(out)
}

fn from_hdf5(path: &Path, name: Option<&str>, options: &OpenOptions) -> Result<NpyArray> {
    let file = Hdf5::open(path)?;
    let dataset = match name {
        Some(name) => file.dataset(name)?,
        None => {
            let mut found = numeric(&file)?;
            found.retain(|d| d.shape.len() >= 2);
            let names: Vec<_> = found.iter().map(|d| d.name.clone()).collect();
            match (found.pop(), names.len()) {
                (Some(dataset), 1) => dataset,
                _ => return Err(several(path, &names)),
            }
        }
    };
    let n = dataset
        .shape
        .iter()
        .try_fold(1_usize, |n, &d| n.checked_mul(d));
    let Some(_) = n.filter(|n| *n <= options.max_voxels) else {
        return Err(Error::TooLarge {
            path: path.into(),
            what: "declared number of values",
            expected: options.max_voxels as u64,
            found: format!("{:?}", dataset.shape),
            hint: "the header may be damaged",
        });
    };
    let raw = dataset.read_block(&vec![0; dataset.shape.len()], &dataset.shape)?;
    let data = if let Some(kind) = ComplexKind::of(&dataset.kind) {
        NpyData::Complex32(kind.decode(&raw))
    } else if let Some(number) = Number::of_values(&dataset.kind) {
        let values = raw.chunks_exact(dataset.element);
        NpyData::F32(values.map(|value| number.real(value) as f32).collect())
    } else {
        let found = format!("{:?} values", dataset.kind.class);
        return Err(bad_structure(path, &dataset.name, "numbers", found));
    };
    if !hdf5::has_user_block(path)? {
        return Ok(NpyArray {
            shape: dataset.shape.clone(),
            data,
        });
    }
    let shape: Vec<usize> = dataset.shape.iter().rev().copied().collect();
    let mut strides = vec![1; shape.len()];
    for axis in 1..shape.len() {
        strides[axis] = strides[axis - 1] * shape[axis - 1];
    }
    let data = match data {
        NpyData::Complex32(values) => NpyData::Complex32(permute(&values, &shape, &strides)),
        NpyData::F32(values) => NpyData::F32(permute(&values, &shape, &strides)),
        other => other,
    };
    Ok(NpyArray { shape, data })
}

/// The error of a file in which no name says which array is meant.
pub(super) fn several(path: &Path, names: &[String]) -> Error {
    Error::BadShape {
        path: path.into(),
        what: "file of arrays",
        expected: "one array of two or more axes, or a name".into(),
        found: match names.is_empty() {
            true => "none".into(),
            false => names.join(", "),
        },
        hint: "name the array to read".into(),
    }
}
