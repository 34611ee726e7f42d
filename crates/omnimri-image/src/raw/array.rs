//! Arrays of samples with named axes: frames cut out of an array that stays in its file.

use std::fmt::Debug;
use std::path::{Path, PathBuf};

use num_complex::Complex32;

use super::axes::{Axes, bad_shape};
use super::mask::Mask;
use super::{Frame, FrameData, FrameSource, KSpace3, RawScan};
use crate::npy::{permute, shape_text};
use crate::{Error, KSpace, OpenOptions, Result, Zyx};

/// An array in a file, read a block at a time.
pub(super) trait ArrayReader: Debug + Send + Sync {
    /// Size of every axis.
    fn shape(&self) -> &[usize];

    /// Values of a block in C order; it lies within the shape and its size has been held against the cap.
    fn read_block(&self, start: &[usize], count: &[usize]) -> Result<Vec<Complex32>>;
}

/// Frames of an array.
#[derive(Debug)]
pub(super) struct ArraySource {
    path: PathBuf,
    reader: Box<dyn ArrayReader>,
    axes: Axes,
    mask: Option<Mask>,
}

/// Opens an array whose axes are known.
pub(super) fn open(
    path: &Path,
    format: &'static str,
    reader: Box<dyn ArrayReader>,
    axes: Axes,
    options: &OpenOptions,
    warnings: Vec<String>,
) -> Result<RawScan> {
    let shape = reader.shape();
    if shape.contains(&0) {
        return Err(bad_shape(
            path,
            "at least one sample along every axis",
            format!("shape {}", shape_text(shape)),
            "the array is empty; export it again".into(),
        ));
    }
    let header = axes.header(path, format, shape, warnings)?;
    check_frame(path, header.n_coils, header.encoded, options)?;
    let mask = options
        .kspace
        .mask
        .as_deref()
        .map(|mask| Mask::read(mask, path, header.encoded, options))
        .transpose()?;
    Ok(RawScan::new(
        header,
        Box::new(ArraySource {
            path: path.into(),
            reader,
            axes,
            mask,
        }),
    ))
}

/// Holds the size of a frame against the cap.
pub(super) fn check_frame(
    path: &Path,
    n_coils: usize,
    size: Zyx<usize>,
    options: &OpenOptions,
) -> Result<()> {
    let n = [n_coils, size.z, size.y, size.x]
        .iter()
        .try_fold(1_usize, |n, &d| n.checked_mul(d));
    if n.is_some_and(|n| n <= options.max_voxels) {
        return Ok(());
    }
    Err(Error::TooLarge {
        path: path.into(),
        what: "samples of one frame",
        expected: options.max_voxels as u64,
        found: format!("{n_coils} coils of {} x {} x {}", size.z, size.y, size.x),
        hint: "name the axes that tell frames apart, or raise the limit",
    })
}

impl FrameSource for ArraySource {
    fn read(&self, index: usize) -> Result<Frame> {
        let shape = self.reader.shape();
        let (start, count) = self.axes.block(shape, index);
        let values = self.reader.read_block(&start, &count)?;
        let mut strides = vec![1; count.len()];
        for axis in (1..count.len()).rev() {
            strides[axis - 1] = strides[axis] * count[axis];
        }
        let mut order: Vec<usize> = self.axes.coil.into_iter().collect();
        order.extend(&self.axes.image);
        let of = |list: &[usize]| order.iter().map(|&a| list[a]).collect::<Vec<_>>();
        let (out_shape, out_strides) = (of(shape), of(&strides));
        let in_place = order.windows(2).all(|pair| pair[0] < pair[1]);
        let samples = if in_place {
            values
        } else {
            permute(&values, &out_shape, &out_strides)
        };
        let mut warnings = Vec::new();
        let data = cartesian(
            &self.path,
            samples,
            self.axes.n_coils(shape),
            self.axes.size(shape),
            self.mask.as_ref(),
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

/// A Cartesian frame from samples `[coil][z][y][x]`: what is zero in every coil was not measured.
pub(super) fn cartesian(
    path: &Path,
    mut samples: Vec<Complex32>,
    n_coils: usize,
    size: Zyx<usize>,
    given: Option<&Mask>,
    warnings: &mut Vec<String>,
) -> Result<FrameData> {
    let bad = samples
        .iter()
        .filter(|s| !s.re.is_finite() || !s.im.is_finite())
        .count();
    if bad > 0 {
        return Err(Error::NotFinite {
            path: path.into(),
            what: "k-space samples",
            found: format!("{bad} of {} NaN, infinite or beyond float32", samples.len()),
            hint: "set samples that were not measured to zero",
        });
    }
    let n = size.count();
    let mut mask = vec![false; n];
    for coil in samples.chunks(n) {
        for (m, s) in mask.iter_mut().zip(coil) {
            *m |= s.re != 0.0 || s.im != 0.0;
        }
    }
    if let Some(given) = given {
        given.apply(&mut samples, &mut mask, warnings);
    }
    if !mask.contains(&true) {
        return Err(bad_shape(
            path,
            "at least one measured sample",
            "zeros only".into(),
            "the export, or the mask, holds no data".into(),
        ));
    }
    Ok(if size.z == 1 {
        FrameData::Cartesian(KSpace {
            samples,
            n_coils,
            n_y: size.y,
            n_x: size.x,
            mask,
            warnings: Vec::new(),
        })
    } else {
        FrameData::Cartesian3(KSpace3 {
            samples,
            n_coils,
            size,
            mask,
        })
    })
}
