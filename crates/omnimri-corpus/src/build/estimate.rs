//! What an example will take in memory, from the headers of its files alone.

use std::path::Path;

use omnimri_image::nifti::read_header;

use crate::adapter::{Item, MaskSource};

/// Bytes of a voxel at the worst moment: intensities as read, turned and sorted for the window (12), the mask as read
/// and as labels (7), and the bytes that are kept (2).
const BYTES_PER_VOXEL: u64 = 21;

/// Most bytes that reading, describing and compressing an item takes.
///
/// A file whose header does not read counts with its own size: it will not get farther than that.
pub(super) fn estimate(item: &Item) -> u64 {
    let volume = item.nifti.is_some();
    let mask = match &item.mask {
        MaskSource::Binary(path, _) | MaskSource::Values(path, _) => voxels(path, volume),
        MaskSource::None | MaskSource::Empty => 0,
    };
    voxels(&item.image, volume)
        .max(mask)
        .saturating_mul(BYTES_PER_VOXEL)
}

fn voxels(path: &Path, volume: bool) -> u64 {
    let told = if volume {
        read_header(path).ok().map(|header| {
            let n = header.dim[0].clamp(0, 7) as usize;
            header.dim[1..=n]
                .iter()
                .map(|&d| u64::try_from(d).unwrap_or(0))
                .fold(1, u64::saturating_mul)
        })
    } else {
        let size = image::ImageReader::open(path)
            .ok()
            .and_then(|r| r.with_guessed_format().ok())
            .and_then(|r| r.into_dimensions().ok());
        size.map(|(x, y)| u64::from(x) * u64::from(y))
    };
    told.unwrap_or_else(|| std::fs::metadata(path).map_or(0, |m| m.len()))
}
