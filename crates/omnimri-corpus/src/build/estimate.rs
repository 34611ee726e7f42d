//! What an example will take in memory, from the headers and sizes of its files alone.

use std::path::Path;

use omnimri_image::nifti::read_header;

use crate::adapter::{Item, Pixels};

/// Bytes of a voxel at the worst moment: intensities as read, turned and sorted for the window (12), the mask as read
/// and as labels (7), and the bytes that are kept (2).
const BYTES_PER_VOXEL: u64 = 21;
/// Voxels that a byte of a compressed file may hold: what lossless codecs reach on medical images, with room.
const VOXELS_PER_BYTE: u64 = 8;

/// Most bytes that reading, describing and compressing an item takes.
///
/// NIfTI and pictures say their size in the header. Of other files (DICOM, raw data, arrays, NRRD, MetaImage) the size
/// on the disk is taken, [`VOXELS_PER_BYTE`] voxels a byte, which is a guess from above.
pub(super) fn estimate(item: &Item) -> u64 {
    let image = match &item.pixels {
        Pixels::Dicom { files, .. } => files
            .iter()
            .map(|f| guessed(f))
            .fold(0, u64::saturating_add),
        Pixels::Picture | Pixels::File { .. } => voxels(&item.image),
        Pixels::Raw(_) | Pixels::Array { .. } => guessed(&item.image),
    };
    image.saturating_mul(BYTES_PER_VOXEL)
}

/// Voxels of a file by its header; of one that has none that we read, by its size.
fn voxels(path: &Path) -> u64 {
    let name = path.to_string_lossy().to_lowercase();
    if [".nii", ".nii.gz", ".hdr", ".img"]
        .iter()
        .any(|e| name.ends_with(e))
    {
        if let Ok(header) = read_header(path) {
            let n = header.dim[0].clamp(0, 7) as usize;
            let sizes = header.dim[1..=n]
                .iter()
                .map(|&d| u64::try_from(d).unwrap_or(0));
            return sizes.fold(1, u64::saturating_mul);
        }
    } else if let Ok(reader) = image::ImageReader::open(path)
        && let Ok(reader) = reader.with_guessed_format()
        && let Ok((x, y)) = reader.into_dimensions()
    {
        return u64::from(x) * u64::from(y);
    }
    guessed(path)
}

fn guessed(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |m| m.len().saturating_mul(VOXELS_PER_BYTE))
}
