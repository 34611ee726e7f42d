//! Raw data files: a header read at once, samples read a frame at a time.
//!
//! In: a path. Out: a [`RawScan`]. One frame is what one image (or one 3D volume) is reconstructed from: a slice, contrast,
//! repetition, cardiac phase or set. A reader keeps memory to one frame whatever the file's size, and checks every declared
//! length before it allocates.
//!
//! | file | holds |
//! | --- | --- |
//! | [`frame`] | [`Frame`] and its three kinds of data |
//! | [`header`] | [`RawHeader`]: matrices, fields of view, geometry, noise scan |
//! | [`open`](mod@open) | the one door: tells the format by content |
//! | `ismrmrd`, `mrd_header` | ISMRMRD acquisitions and the XML header |
//! | `fastmri`, `matlab` | arrays in HDF5 |
//! | `arrays` | numeric arrays of any of these files, whole |
//! | [`cfl`], `numpy` | arrays in plain files |
//! | `array`, `axes`, `mask` | frames cut out of an array whose axes are named |
//! | [`trajectory`] | samples and coordinates in two files |
//! | `hdf5`, `hdf5_types`, `heap`, `strided`, `blocks` | blocks of values from files |
//! | [`hdf5_write`] | small HDF5 files |
//! | [`epi_info`] | [`EpiInfo`]: what echo-planar frames need beside their samples |
//! | [`twix`] | Siemens TWIX |

mod array;
mod arrays;
mod axes;
mod blocks;
pub mod cfl;
pub mod epi_info;
mod fastmri;
pub mod frame;
mod hdf5;
mod hdf5_types;
pub mod hdf5_write;
pub mod header;
mod heap;
mod ismrmrd;
mod mask;
mod matlab;
mod mrd_header;
mod numpy;
pub mod open;
mod strided;
pub mod trajectory;
pub mod twix;

use std::fmt::Debug;

pub use arrays::{array_names, read_array};
pub use cfl::write_cfl;
pub use epi_info::{EpiInfo, EpiNavigator, RampSampling, RampShape};
pub use frame::{Calibration, Frame, FrameData, KSpace3, NonCartesian};
pub use header::{FrameLabel, NoiseScan, RawHeader, SlicePosition};
pub use open::open_raw;
pub use trajectory::noncartesian_from_npy;
pub use twix::{looks_like_twix, read_twix};

use crate::{Error, Result};

/// Where frames come from; one implementation a format.
pub trait FrameSource: Debug + Send + Sync {
    /// Reads one frame, the `index`-th of [`RawHeader::frames`].
    ///
    /// # Errors
    /// What is wrong with the file, named.
    fn read(&self, index: usize) -> Result<Frame>;
}

/// An opened raw data file.
#[derive(Debug)]
pub struct RawScan {
    /// What the file says of itself.
    pub header: RawHeader,
    source: Box<dyn FrameSource>,
}

impl RawScan {
    /// A scan from its header and where its frames come from.
    pub fn new(header: RawHeader, source: Box<dyn FrameSource>) -> Self {
        Self { header, source }
    }

    /// Number of frames.
    pub fn len(&self) -> usize {
        self.header.frames.len()
    }

    /// True if the file holds no frame.
    pub fn is_empty(&self) -> bool {
        self.header.frames.is_empty()
    }

    /// Reads one frame.
    ///
    /// # Errors
    /// [`Error::BadShape`] for an index that is not there, and what the reader finds.
    pub fn frame(&self, index: usize) -> Result<Frame> {
        if index >= self.len() {
            return Err(Error::BadShape {
                path: self.header.path.clone(),
                what: "frame",
                expected: format!("an index below {}", self.len()),
                found: index.to_string(),
                hint: "count frames from 0".into(),
            });
        }
        self.source.read(index)
    }
}
