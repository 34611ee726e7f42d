//! One door for every kind of input file.

use std::path::PathBuf;

/// How to read k-space from an array that does not describe itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KSpaceOptions {
    /// Names of the axes in stored order, for example `coil,ky,kz`; `None` to accept only an unambiguous array.
    pub axes: Option<Vec<String>>,
    /// A `.npy` sampling mask of shape `(y, x)` or `(x,)`.
    pub mask: Option<PathBuf>,
}

/// Limits and hints for reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenOptions {
    /// Most voxels (all frames together) or samples that one input may declare.
    pub max_voxels: usize,
    /// How to read k-space.
    pub kspace: KSpaceOptions,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            max_voxels: 1 << 30,
            kspace: KSpaceOptions::default(),
        }
    }
}
