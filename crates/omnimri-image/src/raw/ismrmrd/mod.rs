//! ISMRMRD (MRD) in HDF5: acquisitions with flags and counters, sorted into frames.
//!
//! Inati, Naegele, Zwart et al., "ISMRM Raw data format: a proposed standard for MRI raw datasets", Magn Reson Med 77 (2017).
//!
//! | file | job |
//! | --- | --- |
//! | [`index`] | heads of all acquisitions, read once |
//! | [`sort`] | which acquisition goes into which frame, and which are left out |
//! | [`grid`] | a Cartesian frame |
//! | [`epi`] | echo-planar facts of a Cartesian frame |
//! | [`along`] | a frame along a trajectory |
//! | [`noise`] | the noise scan |

mod along;
mod epi;
mod grid;
pub(super) mod index;
mod noise;
mod sort;

use std::path::{Path, PathBuf};

use num_complex::Complex32;

use crate::raw::heap::Heap;
use index::Line;
use sort::{FrameLines, Sorted};

use crate::raw::hdf5::Hdf5;
use crate::raw::hdf5_types::complex_from_le;
use crate::raw::mrd_header::{Encoding, MrdHeader};
use crate::raw::{Frame, FrameLabel, FrameSource, RawHeader, RawScan};
use crate::{Error, OpenOptions, Result, Zyx};

/// Opens the dataset in `group`, for example `dataset`.
pub(super) fn open(
    path: &Path,
    file: &Hdf5,
    group: &str,
    options: &OpenOptions,
) -> Result<RawScan> {
    let header = MrdHeader::parse(path, &file.text(&format!("{group}/xml"))?)?;
    let data = file.dataset(&format!("{group}/data"))?;
    let mut warnings = Vec::new();
    if header.encodings.len() > 1 {
        warnings.push(format!(
            "The file holds {} encodings; the first is reconstructed.",
            header.encodings.len()
        ));
    }
    let Sorted {
        lines,
        frames,
        noise,
        n_coils,
        n_samples,
    } = sort::sort(path, &data, &mut warnings)?;
    let encoding = header.encodings[0].clone();
    let size = encoding.encoded.matrix;
    let needed = n_coils
        .checked_mul(size.y)
        .and_then(|n| n.checked_mul(size.z))
        .and_then(|n| n.checked_mul(size.x));
    if needed.is_none_or(|n| n > options.max_voxels) {
        return Err(Error::TooLarge {
            path: path.into(),
            what: "samples of one frame",
            expected: options.max_voxels as u64,
            found: format!("{n_coils} coils of {} x {} x {}", size.z, size.y, size.x),
            hint: "the header may be damaged, or the limit too low",
        });
    }
    let heap = Heap::new(file.disk.clone());
    let noise = noise::read(
        path,
        &heap,
        &noise,
        &lines,
        n_coils,
        header.noise_bandwidth,
        &mut warnings,
    )?;
    let labels = frames.iter().map(label).collect();
    let mut source = Source {
        path: path.into(),
        heap,
        lines,
        frames,
        n_coils,
        n_samples,
        encoding,
        max_samples: options.max_voxels,
        centres: [0; 2],
        trajectory: None,
    };
    source.centres = grid::centres(&source, &mut warnings);
    if along::has_trajectory(&source)? {
        source.trajectory = Some(along::Scale::find(&source, &mut warnings)?);
    } else {
        grid::check(&source, &mut warnings)?;
    }
    let Encoding { encoded, recon, .. } = &source.encoding;
    let mut acquisition = header.acquisition;
    if encoded.matrix.z == 1 {
        acquisition.slice_thickness_mm = encoded.fov_mm.map(|fov| fov.z);
    }
    let header = RawHeader {
        path: path.into(),
        format: "ISMRMRD",
        n_coils,
        encoded: encoded.matrix,
        recon: recon.matrix,
        encoded_fov_mm: encoded.fov_mm,
        recon_fov_mm: recon.fov_mm,
        frames: labels,
        noise,
        acquisition,
        warnings,
    };
    Ok(RawScan::new(header, Box::new(source)))
}

fn label(frame: &FrameLines) -> FrameLabel {
    FrameLabel {
        slice: frame.key.slice.into(),
        contrast: frame.key.contrast.into(),
        phase: frame.key.phase.into(),
        repetition: frame.key.repetition.into(),
        set: frame.key.set.into(),
        position: frame.position,
    }
}

/// Where frames come from.
#[derive(Debug)]
struct Source {
    path: PathBuf,
    heap: Heap,
    lines: Vec<Line>,
    frames: Vec<FrameLines>,
    n_coils: usize,
    /// Samples of every imaging line, discarded ones included.
    n_samples: usize,
    encoding: Encoding,
    max_samples: usize,
    /// Phase counters of the zero frequency, first and second direction.
    centres: [usize; 2],
    /// How coordinates are scaled, if samples lie along a trajectory.
    trajectory: Option<along::Scale>,
}

impl Source {
    fn size(&self) -> Zyx<usize> {
        self.encoding.encoded.matrix
    }

    /// Samples `[coil][sample]` of a line, discarded ones included.
    fn samples(&self, line: &Line) -> Result<Vec<Complex32>> {
        read_samples(&self.path, &self.heap, line)
    }
}

impl FrameSource for Source {
    fn read(&self, index: usize) -> Result<Frame> {
        let mut warnings = Vec::new();
        let (data, epi) = match &self.trajectory {
            Some(scale) => (along::read(self, index, *scale, &mut warnings)?, None),
            None => {
                let data = grid::read(self, index, &mut warnings)?;
                (data, epi::read(self, index, &mut warnings)?)
            }
        };
        Ok(Frame {
            warnings,
            epi,
            ..Frame::new(index, data)
        })
    }
}

/// Samples `[coil][sample]` of a line: pairs of single precision floats in the file.
fn read_samples(path: &Path, heap: &Heap, line: &Line) -> Result<Vec<Complex32>> {
    let n = usize::from(line.n_coils) * usize::from(line.n_samples);
    if line.samples.len as usize != 2 * n {
        return Err(Error::BadHeader {
            path: path.into(),
            field: format!("acquisition {} data", line.number),
            expected: format!(
                "{} floats for {} coils of {} samples",
                2 * n,
                line.n_coils,
                line.n_samples
            ),
            found: format!("{} floats", line.samples.len),
            hint: "convert the raw data again".into(),
        });
    }
    heap.value(line.samples, 4, complex_from_le)
}

/// What is wrong with the values of a line, if anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    NotFinite,
    AllZero,
}

/// Looks for values that no receiver gives.
fn fault(samples: &[Complex32]) -> Option<Fault> {
    if !samples.iter().all(|s| s.re.is_finite() && s.im.is_finite()) {
        return Some(Fault::NotFinite);
    }
    samples
        .iter()
        .all(|s| s.re == 0.0 && s.im == 0.0)
        .then_some(Fault::AllZero)
}

/// Counts of lines left out of a frame, as sentences.
#[derive(Debug, Default)]
struct Faults {
    not_finite: usize,
    all_zero: usize,
}

impl Faults {
    /// True if the line is left out.
    fn leave_out(&mut self, samples: &[Complex32]) -> bool {
        match fault(samples) {
            Some(Fault::NotFinite) => self.not_finite += 1,
            Some(Fault::AllZero) => self.all_zero += 1,
            None => return false,
        }
        true
    }

    fn warn(&self, warnings: &mut Vec<String>) {
        if self.not_finite > 0 {
            warnings.push(format!(
                "{} lines hold NaN or infinite samples and count as not measured.",
                self.not_finite
            ));
        }
        if self.all_zero > 0 {
            warnings.push(format!(
                "{} lines hold zeros only and count as not measured.",
                self.all_zero
            ));
        }
    }
}

/// The error of a frame of which nothing is left.
fn nothing_measured(path: &Path, index: usize) -> Error {
    Error::BadShape {
        path: path.into(),
        what: "k-space",
        expected: format!("at least one measured line in frame {index}"),
        found: "none: all zero, not finite or left out".into(),
        hint: "the export holds no data".into(),
    }
}
