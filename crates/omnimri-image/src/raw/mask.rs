//! A sampling mask from a file of its own.

use std::path::Path;

use num_complex::Complex32;

use crate::npy::{read_npy, shape_text};
use crate::{Error, OpenOptions, Result, Zyx};

/// Which samples to keep, `[z][y][x]`.
#[derive(Debug)]
pub(super) struct Mask(Vec<bool>);

impl Mask {
    /// Reads a `.npy` of the last one, two or three axes of `size`; it holds for every place along the others.
    pub fn read(mask: &Path, data: &Path, size: Zyx<usize>, options: &OpenOptions) -> Result<Self> {
        let array = read_npy(mask, options)?;
        let full = [size.z, size.y, size.x];
        let mut shape = array.shape.as_slice();
        while let [1, rest @ ..] = shape {
            shape = rest;
        }
        if shape.is_empty() || !full.ends_with(shape) {
            let used = if size.z == 1 { &full[1..] } else { &full[..] };
            return Err(Error::BadShape {
                path: mask.into(),
                what: "sampling mask",
                expected: format!(
                    "shape {} or {} as the k-space of {}",
                    shape_text(used),
                    shape_text(&full[2..]),
                    data.display()
                ),
                found: shape_text(&array.shape),
                hint: "one value a sample, or one a column of the last axis".into(),
            });
        }
        let marks = array.data.non_zero();
        let times = size.count() / marks.len().max(1);
        Ok(Self(marks.repeat(times)))
    }

    /// One mark a column.
    pub fn of_columns(columns: &[bool], n_rows: usize) -> Self {
        Self(columns.repeat(n_rows))
    }

    /// Keeps the samples that both the mask and the data have; says where they differ.
    ///
    /// # Shapes
    /// - `samples`: `[coil][z][y][x]`
    /// - `measured`: `[z][y][x]`
    pub fn apply(
        &self,
        samples: &mut [Complex32],
        measured: &mut [bool],
        warnings: &mut Vec<String>,
    ) {
        for coil in samples.chunks_mut(measured.len()) {
            for (s, m) in coil.iter_mut().zip(&self.0) {
                if !m {
                    *s = Complex32::ZERO;
                }
            }
        }
        let (mut n_missing, mut n_dropped) = (0, 0);
        for (measured, given) in measured.iter_mut().zip(&self.0) {
            n_missing += usize::from(*given && !*measured);
            n_dropped += usize::from(*measured && !*given);
            *measured &= given;
        }
        if n_missing > 0 {
            warnings.push(format!(
                "The mask marks {n_missing} samples as measured that are zero in every coil; they count as not measured."
            ));
        }
        if n_dropped > 0 {
            warnings.push(format!("The mask drops {n_dropped} measured samples."));
        }
    }
}
