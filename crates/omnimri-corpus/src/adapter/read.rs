//! From an item to an example: pixels, masks, and the checks between them.

use std::collections::BTreeSet;
use std::path::Path;

use omnimri_image::{AxisMap, OpenOptions, Volume, Zyx, read_image, read_nifti};

use super::items::{Item, MaskSource};
use super::settings::NiftiForm;
use crate::example::Example;
use crate::stack::{Raw, Stack, shrink_labels};

/// Most voxels of one volume or image.
const MAX_VOXELS: usize = 1 << 28;

type Result<T> = std::result::Result<T, String>;

/// A label map as read: our values, and stored values that the map does not know.
#[derive(Debug)]
struct LabelSet {
    labels: Vec<u8>,
    size: Zyx<usize>,
    unknown: BTreeSet<u16>,
}

/// Reads the pixels and labels of an item; the error is the reason for `rejected`.
pub(crate) fn read_item(item: &Item, max_side: Option<usize>) -> Result<Example> {
    let raw = match &item.nifti {
        Some(form) => read_volume(&item.image, form)?,
        None => read_grey(&item.image)?,
    };
    let native = raw.size;
    let labels = read_labels(item, native)?;
    if let Some(set) = &labels {
        if set.size != native {
            let (a, b) = (set.size, native);
            return Err(format!(
                "the mask has {} x {} x {} voxels, the image {} x {} x {} (z, y, x)",
                a.z, a.y, a.x, b.z, b.y, b.x
            ));
        }
        if !set.unknown.is_empty() {
            return Err(format!(
                "mask values not in the label map: {:?}",
                set.unknown
            ));
        }
    }
    let image = Stack::from_raw(raw, max_side);
    let labels = labels.map(|set| shrink_labels(&set.labels, native, image.size));
    Ok(Example {
        id: item.id.clone(),
        dataset: item.dataset.clone(),
        subject: item.subject.clone(),
        split: item.split,
        image,
        labels,
        annotated: item.annotated.clone(),
        classes: item.classes,
        questions: item.questions.clone(),
    })
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
    let raw = match &item.nifti {
        Some(form) => read_volume(path, form)?,
        None => read_grey(path)?,
    };
    let values = raw.voxels.iter().map(|&v| {
        let rounded = v.round();
        if (v - rounded).abs() > 1e-3 || !(0.0..=65_535.0).contains(&rounded) {
            return Err(format!(
                "{}: mask value {v} is no whole number",
                path.display()
            ));
        }
        Ok(rounded as u16)
    });
    Ok((values.collect::<Result<_>>()?, raw.size))
}

/// A PNG or JPEG as grey levels, `[1][y][x]`, read as the program reads a user's image.
fn read_grey(path: &Path) -> Result<Raw> {
    let volume = read_image(path, &options()).map_err(|e| e.to_string())?;
    Ok(Raw {
        size: volume.geometry.size,
        voxels: volume.voxels,
        spacing_mm: None,
    })
}

fn options() -> OpenOptions {
    OpenOptions {
        max_voxels: MAX_VOXELS,
        ..OpenOptions::default()
    }
}

/// The first frame of a NIfTI volume, turned and trusted as the entry says.
fn read_volume(path: &Path, form: &NiftiForm) -> Result<Raw> {
    let mut volume: Volume = read_nifti(path, &options()).map_err(|e| e.to_string())?;
    let n = volume.geometry.size.count();
    if n == 0 {
        return Err("an empty volume".into());
    }
    volume.voxels.truncate(n);
    let mut geometry = volume.geometry;
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
    Ok(Raw {
        voxels: volume.voxels,
        size: geometry.size,
        spacing_mm,
    })
}
