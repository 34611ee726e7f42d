//! One slice of k-space from a `.npy` array.

use std::path::Path;

use crate::raw::open::open_single;
use crate::{KSpace, KSpaceOptions, OpenOptions, Result};

/// Reads one slice of Cartesian k-space; see [`KSpaceOptions`] for how axes are named.
///
/// Without axis names only a coil-first array `(coil, y, x)` that cannot be taken for anything
/// else, or a single-coil `(y, x)`, is accepted, and a warning records it. Axes of size 1 are
/// dropped.
///
/// # Errors
/// What [`crate::open_raw`] finds; [`crate::Error::BadShape`] if there is more than one slice.
///
/// # Shapes
/// - output: `[coil][y][x]`
pub fn read_kspace_npy(path: &Path, options: &KSpaceOptions) -> Result<KSpace> {
    open_single(
        path,
        &OpenOptions {
            kspace: options.clone(),
            ..OpenOptions::default()
        },
    )
}
