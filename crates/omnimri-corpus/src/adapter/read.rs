//! From an item to an example: pixels, masks, and the checks between them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use omnimri_image::{AxisMap, OpenOptions, Volume, Zyx, read_image, read_nifti};

use super::items::{Item, MaskSource};
use crate::example::Example;
use crate::stack::{Raw, Stack, shrink_labels};

/// Most voxels of one volume or image.
const MAX_VOXELS: usize = 1 << 28;

type Result<T> = std::result::Result<T, Fault>;

/// Why an item cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// A file of the table that is not there.
    #[error("{}: listed and not there", .0.display())]
    Missing(PathBuf),
    /// A file that does not decode.
    #[error("{0}")]
    Damaged(String),
    /// Values of a mask that the label map does not know.
    #[error("mask values not in the label map: {0:?}")]
    UnknownValues(BTreeSet<u16>),
    /// A mask that does not fit its image.
    #[error(
        "the mask has {} x {} x {} voxels, the image {} x {} x {} (z, y, x)",
        .mask.z, .mask.y, .mask.x, .image.z, .image.y, .image.x
    )]
    Mismatch {
        /// Size of the mask.
        mask: Zyx<usize>,
        /// Size of the image.
        image: Zyx<usize>,
    },
}

/// A label map as read: our values, and stored values that the map does not know.
#[derive(Debug)]
struct LabelSet {
    labels: Vec<u8>,
    size: Zyx<usize>,
    unknown: BTreeSet<u16>,
}

/// Reads the pixels and labels of an item, and the orientation code of its grid where a header gives one.
pub(crate) fn read_item(item: &Item, max_side: Option<usize>) -> Result<(Example, Option<String>)> {
    let (raw, orientation) = read_pixels(&item.image, item)?;
    let native = raw.size;
    let labels = match read_labels(item, native)? {
        Some(set) if set.size != native => {
            return Err(Fault::Mismatch {
                mask: set.size,
                image: native,
            });
        }
        Some(set) if !set.unknown.is_empty() => return Err(Fault::UnknownValues(set.unknown)),
        other => other,
    };
    let image = Stack::from_raw(raw, max_side);
    let labels = labels.map(|set| shrink_labels(&set.labels, native, image.size));
    let example = Example {
        id: item.id.clone(),
        dataset: item.dataset.clone(),
        subject: item.subject.clone(),
        split: item.split,
        image,
        labels,
        annotated: item.annotated.clone(),
        classes: item.classes,
        questions: item.questions.clone(),
    };
    Ok((example, orientation))
}

/// The label map of an item; `None` where nobody outlined anything. `native` is the size of an empty one.
fn read_labels(item: &Item, native: Zyx<usize>) -> Result<Option<LabelSet>> {
    let (values, size) = match &item.mask {
        MaskSource::None => return Ok(None),
        MaskSource::Empty => {
            let labels = vec![0; native.count()];
            return Ok(Some(LabelSet {
                labels,
                size: native,
                unknown: BTreeSet::new(),
            }));
        }
        MaskSource::Binary(path, _) | MaskSource::Values(path, _) => read_values(path, item)?,
    };
    let mut table = [None::<u8>; 256];
    table[0] = Some(0);
    let mut unknown = BTreeSet::new();
    let labels = match &item.mask {
        MaskSource::Binary(_, label) => {
            // One-bit masks decode to 0 and 255, and a mask saved through JPEG has values between.
            let half = values.iter().copied().max().unwrap_or(0) / 2;
            values
                .iter()
                .map(|&v| if v > half { label.value() } else { 0 })
                .collect()
        }
        MaskSource::Values(_, map) => {
            for (&value, label) in map {
                table[usize::from(value)] = Some(label.value());
            }
            let mut to_label = |value: u16| {
                let label = table.get(usize::from(value)).copied().flatten();
                label.unwrap_or_else(|| {
                    unknown.insert(value);
                    0
                })
            };
            values.iter().map(|&v| to_label(v)).collect()
        }
        MaskSource::None | MaskSource::Empty => Vec::new(),
    };
    Ok(Some(LabelSet {
        labels,
        size,
        unknown,
    }))
}

/// Stored values of a mask; fractional and negative ones are refused.
fn read_values(path: &Path, item: &Item) -> Result<(Vec<u16>, Zyx<usize>)> {
    let (raw, _) = read_pixels(path, item)?;
    let values = raw.voxels.iter().map(|&v| {
        let rounded = v.round();
        if (v - rounded).abs() > 1e-3 || !(0.0..=65_535.0).contains(&rounded) {
            let path = path.display();
            return Err(Fault::Damaged(format!(
                "{path}: mask value {v} is no whole number"
            )));
        }
        Ok(rounded as u16)
    });
    Ok((values.collect::<Result<_>>()?, raw.size))
}

/// Intensities as the program reads a user's file, with the orientation code where there is a trusted one.
fn read_pixels(path: &Path, item: &Item) -> Result<(Raw, Option<String>)> {
    if !path.is_file() {
        return Err(Fault::Missing(path.into()));
    }
    let options = OpenOptions {
        max_voxels: MAX_VOXELS,
        ..OpenOptions::default()
    };
    let read = match &item.nifti {
        Some(_) => read_nifti(path, &options),
        None => read_image(path, &options),
    };
    let mut volume: Volume = read.map_err(|e| Fault::Damaged(e.to_string()))?;
    let n = volume.geometry.size.count();
    if n == 0 || volume.voxels.len() < n {
        return Err(Fault::Damaged(format!(
            "{}: an empty image",
            path.display()
        )));
    }
    // Of several frames the first is read.
    volume.voxels.truncate(n);
    let mut geometry = volume.geometry;
    let Some(form) = &item.nifti else {
        return Ok((
            Raw {
                voxels: volume.voxels,
                size: geometry.size,
                spacing_mm: None,
            },
            None,
        ));
    };
    if form.canonical {
        let map = AxisMap::to_canonical(&geometry.affine);
        volume.voxels = map.apply(&volume.voxels, geometry.size);
        geometry = map.apply_geometry(&geometry);
    }
    let spacing_mm = if form.spacing_wrong {
        None
    } else {
        geometry.trusted_spacing_mm()
    };
    let code = geometry
        .orientation
        .is_trusted()
        .then(|| geometry.affine.orientation_code());
    Ok((
        Raw {
            voxels: volume.voxels,
            size: geometry.size,
            spacing_mm,
        },
        code,
    ))
}
