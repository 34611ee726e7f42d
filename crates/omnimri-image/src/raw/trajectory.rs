//! Samples along a trajectory that lies in a file of its own: `.npy` or BART's `.cfl`.

use std::path::{Path, PathBuf};

use super::array::{ArrayReader, check_frame};
use super::axes::bad_shape;
use super::{
    Frame, FrameData, FrameLabel, FrameSource, NonCartesian, RawHeader, RawScan, cfl, numpy,
};
use crate::npy::{NpyData, read_npy, shape_text};
use crate::{Acquisition, Error, OpenOptions, Result, Zyx};

/// Coordinates may leave the matrix by this part of it: gradient delays and rounding.
const BEYOND: f32 = 0.01;

/// Opens samples `(coil, [readout,] sample)` or, of one coil, `([readout,] sample)`, that lie at the coordinates of `coord`.
///
/// Both are `.npy`; `matrix` is the image matrix `(n0, n1[, n2])`.
///
/// # Shapes
/// - `coord`: `([readout,] sample, axis)` with 2 or 3 axes in the order of the image axes `n0, n1[, n2]`, in cycles per field of view
///
/// # Errors
/// [`Error::BadShape`] where samples, coordinates and matrix do not belong together or a coordinate leaves the matrix;
/// [`Error::NotFinite`]; and those of [`read_npy`].
pub fn noncartesian_from_npy(
    samples: &Path,
    coord: &Path,
    matrix: &[usize],
    options: &OpenOptions,
) -> Result<RawScan> {
    let reader = numpy::npy_reader(samples)?;
    let array = read_npy(coord, options)?;
    let values: Vec<f32> = match array.data {
        NpyData::F32(v) => v,
        NpyData::F64(v) => v.iter().map(|&k| k as f32).collect(),
        other => return Err(wrong(coord, "float32 or float64", other.type_name().into())),
    };
    let Some((&n_axes, places)) = array.shape.split_last() else {
        return Err(wrong(
            coord,
            "shape ([readout,] sample, axis)",
            shape_text(&array.shape),
        ));
    };
    let shape = reader.shape();
    // One of the two may leave out how samples fall into readouts.
    let alike = |rest: &[usize]| {
        rest == places
            || ((rest.len() == 1 || places.len() == 1)
                && rest.iter().product::<usize>() == places.iter().product::<usize>())
    };
    let (n_coils, rest) = match shape {
        [coils, rest @ ..] if !rest.is_empty() && alike(rest) => (*coils, rest),
        _ if alike(shape) => (1, shape),
        _ => {
            return Err(wrong(
                coord,
                &format!(
                    "shape ([readout,] sample, axis) for samples of shape {}",
                    shape_text(shape)
                ),
                format!(
                    "{}; samples are (coil, [readout,] sample)",
                    shape_text(&array.shape)
                ),
            ));
        }
    };
    let (n_readouts, n_samples) = match *if rest.len() > places.len() {
        rest
    } else {
        places
    } {
        [samples] => (1, samples),
        [readouts, samples] => (readouts, samples),
        _ => {
            return Err(wrong(
                coord,
                "one or two axes beside the last",
                shape_text(&array.shape),
            ));
        }
    };
    let size = size(coord, matrix, n_axes)?;
    // Missing leading axes are z.
    let coord_zyx = values
        .chunks_exact(n_axes.max(1))
        .map(|k| match *k {
            [y, x] => [0.0, y, x],
            [z, y, x] => [z, y, x],
            _ => [0.0; 3],
        })
        .collect();
    let extent = Extent {
        n_coils,
        n_readouts,
        n_samples,
    };
    open(
        samples,
        coord,
        "npy",
        Box::new(reader),
        extent,
        coord_zyx,
        size,
        options,
    )
}

/// Opens BART's samples `(1, sample, readout, coil)` with a trajectory `(3, sample, readout)` in cycles per field of view.
///
/// `matrix` is the image matrix in BART's order `(x, y[, z])`.
pub(super) fn from_cfl(
    samples: &Path,
    coord: &Path,
    matrix: &[usize],
    options: &OpenOptions,
) -> Result<RawScan> {
    let (reader, trajectory) = (cfl::reader(samples)?, cfl::reader(coord)?);
    let (shape, places) = (reader.shape(), trajectory.shape());
    let (n_samples, n_readouts, n_coils) = (shape[1], shape[2], shape[3]);
    let rest = |list: &[usize], from: usize| list[from..].iter().all(|&n| n == 1);
    if shape[0] != 1
        || !rest(shape, 4)
        || places[..3] != [3, n_samples, n_readouts]
        || !rest(places, 3)
    {
        return Err(wrong(
            coord,
            "samples (1, sample, readout, coil) and a trajectory (3, sample, readout)",
            format!("{} and {}", shape_text(shape), shape_text(places)),
        ));
    }
    check_frame(coord, 3, Zyx::new(1, n_readouts, n_samples), options)?;
    let values = trajectory.read_block(&[0; 16], places)?;
    let n = n_samples * n_readouts;
    let mut coord_zyx = vec![[0.0; 3]; n];
    for readout in 0..n_readouts {
        for sample in 0..n_samples {
            let k = |axis: usize| values[(axis * n_samples + sample) * n_readouts + readout].re;
            coord_zyx[readout * n_samples + sample] = [k(2), k(1), k(0)];
        }
    }
    let reversed: Vec<usize> = matrix.iter().rev().copied().collect();
    let size = size(coord, &reversed, matrix.len())?;
    let extent = Extent {
        n_coils,
        n_readouts,
        n_samples,
    };
    open(
        samples,
        coord,
        "BART cfl",
        Box::new(reader),
        extent,
        coord_zyx,
        size,
        options,
    )
}

fn wrong(path: &Path, expected: &str, found: String) -> Error {
    Error::BadShape {
        path: path.into(),
        what: "trajectory",
        expected: expected.into(),
        found,
        hint: "samples, trajectory and matrix must belong together".into(),
    }
}

fn size(path: &Path, matrix: &[usize], n_axes: usize) -> Result<Zyx<usize>> {
    match *matrix {
        [y, x] if n_axes == 2 && y > 0 && x > 0 => Ok(Zyx::new(1, y, x)),
        [z, y, x] if n_axes == 3 && z > 0 && y > 0 && x > 0 => Ok(Zyx::new(z, y, x)),
        _ => Err(wrong(
            path,
            &format!("an image matrix of {n_axes} sizes, as in --matrix 128,128"),
            format!("{matrix:?}"),
        )),
    }
}

#[derive(Debug)]
struct Extent {
    n_coils: usize,
    n_readouts: usize,
    n_samples: usize,
}

#[expect(
    clippy::too_many_arguments,
    reason = "two files and what is known of them"
)]
fn open(
    path: &Path,
    coord_path: &Path,
    format: &'static str,
    reader: Box<dyn ArrayReader>,
    extent: Extent,
    coord: Vec<[f32; 3]>,
    size: Zyx<usize>,
    options: &OpenOptions,
) -> Result<RawScan> {
    let Extent {
        n_coils,
        n_readouts,
        n_samples,
    } = extent;
    if n_coils * n_readouts * n_samples == 0 {
        return Err(bad_shape(
            path,
            "at least one sample",
            shape_text(reader.shape()),
            "export it again".into(),
        ));
    }
    check_frame(path, n_coils, Zyx::new(1, n_readouts, n_samples), options)?;
    check_frame(path, n_coils, size, options)?;
    for (i, k) in coord.iter().enumerate() {
        for (axis, (&k, side)) in k.iter().zip([size.z, size.y, size.x]).enumerate() {
            let most = side as f32 / 2.0;
            let allowed = if side == 1 {
                0.5
            } else {
                most * (1.0 + BEYOND) + 0.5
            };
            if !k.is_finite() || k.abs() > allowed {
                return Err(wrong(
                    coord_path,
                    &format!(
                        "{} within -{most} to {most} cycles per field of view",
                        ["kz", "ky", "kx"][axis]
                    ),
                    format!(
                        "{k} at sample {} of readout {}",
                        i % n_samples,
                        i / n_samples
                    ),
                ));
            }
        }
    }
    let mut warnings = Vec::new();
    let most = coord
        .iter()
        .flatten()
        .fold(0.0_f32, |most, k| most.max(k.abs()));
    if most <= 0.5 * (1.0 + BEYOND) && size.y.max(size.x) > 2 {
        warnings.push(format!(
            "The trajectory stays within {most} cycles per field of view; if it is in cycles per sample, multiply it by the matrix."
        ));
    }
    let header = RawHeader {
        path: path.into(),
        format,
        n_coils,
        encoded: size,
        recon: size,
        encoded_fov_mm: None,
        recon_fov_mm: None,
        frames: vec![FrameLabel::default()],
        noise: None,
        acquisition: Acquisition::default(),
        warnings,
    };
    let source = Source {
        path: path.into(),
        reader,
        extent,
        coord,
        size,
    };
    Ok(RawScan::new(header, Box::new(source)))
}

#[derive(Debug)]
struct Source {
    path: PathBuf,
    reader: Box<dyn ArrayReader>,
    extent: Extent,
    coord: Vec<[f32; 3]>,
    size: Zyx<usize>,
}

impl FrameSource for Source {
    fn read(&self, index: usize) -> Result<Frame> {
        let shape = self.reader.shape();
        let values = self.reader.read_block(&vec![0; shape.len()], shape)?;
        let Extent {
            n_coils,
            n_readouts,
            n_samples,
        } = self.extent;
        // A BART array comes as (1, sample, readout, coil), a NumPy array in order.
        let samples = if shape.len() == 16 {
            crate::npy::permute(
                &values,
                &[n_coils, n_readouts, n_samples],
                &[1, n_coils, n_readouts * n_coils],
            )
        } else {
            values
        };
        let bad = samples
            .iter()
            .filter(|s| !s.re.is_finite() || !s.im.is_finite())
            .count();
        if bad > 0 {
            return Err(Error::NotFinite {
                path: self.path.clone(),
                what: "k-space samples",
                found: format!("{bad} of {} NaN or infinite", samples.len()),
                hint: "leave out readouts that were not measured",
            });
        }
        if samples.iter().all(|s| s.re == 0.0 && s.im == 0.0) {
            return Err(bad_shape(
                &self.path,
                "a measured sample",
                "zeros only".into(),
                "export it again".into(),
            ));
        }
        let data = FrameData::NonCartesian(NonCartesian {
            samples,
            n_coils,
            n_readouts,
            n_samples,
            coord: self.coord.clone(),
            size: self.size,
            density: None,
        });
        Ok(Frame {
            index,
            data,
            warnings: Vec::new(),
            calibration: None,
            epi: None,
        })
    }
}
