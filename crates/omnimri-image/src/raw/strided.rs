//! Complex arrays that lie plainly in a file, read a block at a time.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use num_complex::Complex32;

use super::array::ArrayReader;
use super::blocks::runs;
use super::hdf5_types::complex_from_le;
use crate::npy::permute;
use crate::{Error, Result};

/// Bytes read at once where a block is made of short runs.
const WINDOW: usize = 1 << 20;

/// How values lie in a file.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// Offset of the first value.
    pub start: u64,
    /// Bytes a value: 8 or 16.
    pub width: usize,
    pub big: bool,
    /// First axis fastest.
    pub fortran: bool,
    /// Size of every axis.
    pub shape: Vec<usize>,
}

/// An array in a file.
#[derive(Debug)]
pub(super) struct Strided {
    path: PathBuf,
    file: Mutex<File>,
    layout: Layout,
}

impl Strided {
    /// Checks that the file holds all of `layout`.
    pub fn new(path: &Path, file: File, layout: Layout) -> Result<Self> {
        let length = file.metadata().map_err(Error::io(path, "read"))?.len();
        let bytes = layout
            .shape
            .iter()
            .try_fold(layout.width, |n, &d| n.checked_mul(d));
        let end = bytes.and_then(|n| layout.start.checked_add(n as u64));
        if end.is_none_or(|end| end > length) {
            return Err(Error::Truncated {
                path: path.into(),
                expected: end.unwrap_or(u64::MAX),
                found: length,
                source: None,
            });
        }
        Ok(Self {
            path: path.into(),
            file: Mutex::new(file),
            layout,
        })
    }

    fn decode(&self, raw: &[u8]) -> Vec<Complex32> {
        let Layout { width, big, .. } = self.layout;
        if width == 8 && !big {
            return complex_from_le(raw);
        }
        let part = |bytes: &[u8]| match (bytes, big) {
            (&[a, b, c, d], true) => f32::from_be_bytes([a, b, c, d]),
            (&[a, b, c, d, e, f, g, h], true) => {
                f64::from_be_bytes([a, b, c, d, e, f, g, h]) as f32
            }
            (&[a, b, c, d, e, f, g, h], false) => {
                f64::from_le_bytes([a, b, c, d, e, f, g, h]) as f32
            }
            _ => 0.0,
        };
        raw.chunks_exact(width)
            .map(|value| Complex32::new(part(&value[..width / 2]), part(&value[width / 2..])))
            .collect()
    }
}

impl ArrayReader for Strided {
    fn shape(&self) -> &[usize] {
        &self.layout.shape
    }

    fn read_block(&self, start: &[usize], count: &[usize]) -> Result<Vec<Complex32>> {
        let stored = |list: &[usize]| match self.layout.fortran {
            true => list.iter().rev().copied().collect::<Vec<_>>(),
            false => list.to_vec(),
        };
        let width = self.layout.width;
        let mut raw = vec![0; count.iter().product::<usize>() * width];
        let mut file = self
            .file
            .lock()
            .unwrap_or_else(|broken| broken.into_inner());
        // Runs ascend, so short ones are served from a window that moves through the file once.
        let (mut window, mut window_at) = (Vec::new(), 0_u64);
        runs(
            &stored(&self.layout.shape),
            &stored(start),
            &stored(count),
            |from, to, len| {
                let out = &mut raw[to * width..(to + len) * width];
                let at = self.layout.start + (from * width) as u64;
                if out.len() >= WINDOW {
                    return read_at(&self.path, &mut file, at, out);
                }
                let inside = |window: &[u8], window_at: u64| {
                    let skip = usize::try_from(at.checked_sub(window_at)?).ok()?;
                    (skip + out.len() <= window.len()).then_some(skip)
                };
                if inside(&window, window_at).is_none() {
                    file.seek(SeekFrom::Start(at))
                        .map_err(Error::io(&self.path, "read"))?;
                    window.clear();
                    (&mut *file)
                        .take(WINDOW as u64)
                        .read_to_end(&mut window)
                        .map_err(Error::io(&self.path, "read"))?;
                    window_at = at;
                }
                match inside(&window, window_at) {
                    Some(skip) => out.copy_from_slice(&window[skip..skip + out.len()]),
                    // The file has become shorter since it was opened.
                    None => return read_at(&self.path, &mut file, at, out),
                }
                Ok(())
            },
        )?;
        drop(file);
        let values = self.decode(&raw);
        if !self.layout.fortran || count.len() < 2 {
            return Ok(values);
        }
        let mut strides = vec![1; count.len()];
        for axis in 1..count.len() {
            strides[axis] = strides[axis - 1] * count[axis - 1];
        }
        Ok(permute(&values, count, &strides))
    }
}

fn read_at(path: &Path, file: &mut File, at: u64, out: &mut [u8]) -> Result<()> {
    file.seek(SeekFrom::Start(at))
        .and_then(|_| file.read_exact(out))
        .map_err(Error::io(path, "read"))
}
