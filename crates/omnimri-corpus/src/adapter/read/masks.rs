//! Masks to one label map: each rule paints over those before it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use omnimri_findings::Term;
use omnimri_image::{Zyx, paint_dicom_labels};

use super::pixels::{file, is_picture, picture};
use super::{Fault, Opened, Result, array, options};
use crate::adapter::item::{Item, MaskSource, MaskWhat, Pixels};
use crate::adapter::settings::MissingMask;

/// Most pictures of one folder.
const MAX_PICTURES: usize = 1 << 14;

/// The label map of an item, `None` where nobody outlined anything, and the terms that were looked for.
pub(super) fn paint(item: &Item, image: &Opened) -> Result<(Option<Vec<u8>>, Vec<Term>)> {
    let size = image.raw.size;
    let mut labels: Option<Vec<u8>> = None;
    let mut annotated: Vec<Term> = Vec::new();
    let mut unknown = BTreeSet::new();
    for source in &item.masks {
        let painted = match one(item, source, image, &mut unknown) {
            Err(Fault::Missing(_)) if source.missing == MissingMask::Unlabelled => continue,
            Err(Fault::Missing(_)) if source.missing == MissingMask::Empty => None,
            other => other?,
        };
        annotated.extend(&source.annotated);
        let map = labels.get_or_insert_with(|| vec![0; size.count()]);
        for (to, from) in map.iter_mut().zip(painted.unwrap_or_default()) {
            if from != 0 {
                *to = from;
            }
        }
    }
    if !unknown.is_empty() {
        return Err(Fault::UnknownValues(unknown));
    }
    annotated.sort_unstable();
    annotated.dedup();
    Ok((labels, annotated))
}

/// What one rule paints on the grid of the image; `None` for nothing.
fn one(
    item: &Item,
    source: &MaskSource,
    image: &Opened,
    unknown: &mut BTreeSet<u16>,
) -> Result<Option<Vec<u8>>> {
    let size = image.raw.size;
    match &source.what {
        MaskWhat::Empty => Ok(None),
        MaskWhat::Binary(path, label) => {
            let values = fitting(values(path, item, source, image)?, size)?;
            // One-bit masks decode to 0 and 255, and a mask saved through JPEG has values between.
            let half = values.iter().copied().max().unwrap_or(0) / 2;
            let paint = |v: &u16| if *v > half { label.value() } else { 0 };
            Ok(Some(values.iter().map(paint).collect()))
        }
        MaskWhat::Values(path, map, ignore) => {
            let values = fitting(values(path, item, source, image)?, size)?;
            Ok(Some(mapped(&values, map, ignore, unknown)))
        }
        MaskWhat::Named(path, names) => named(path, names, image).map(Some),
    }
}

/// Terms of stored values; values that the map does not know are collected.
fn mapped(
    values: &[u16],
    map: &BTreeMap<u16, Term>,
    ignore: &[u16],
    unknown: &mut BTreeSet<u16>,
) -> Vec<u8> {
    let mut table: Vec<Option<u8>> = vec![None; 1 << 16];
    for &value in ignore.iter().chain(&[0]) {
        table[usize::from(value)] = Some(0);
    }
    for (&value, term) in map {
        table[usize::from(value)] = Some(term.value());
    }
    values
        .iter()
        .map(|&value| {
            table[usize::from(value)].unwrap_or_else(|| {
                unknown.insert(value);
                0
            })
        })
        .collect()
}

/// Values of a mask that has the size of the image.
fn fitting((values, found): (Vec<f32>, Zyx<usize>), size: Zyx<usize>) -> Result<Vec<u16>> {
    if found != size {
        return Err(Fault::Mismatch {
            mask: found,
            image: size,
        });
    }
    whole(&values)
}

/// Whole numbers; fractional and negative ones are refused.
fn whole(values: &[f32]) -> Result<Vec<u16>> {
    values
        .iter()
        .map(|&v| {
            let rounded = v.round();
            if (v - rounded).abs() > 1e-3 || !(0.0..=65_535.0).contains(&rounded) {
                return Err(Fault::Damaged(format!("mask value {v} is no whole number")));
            }
            Ok(rounded as u16)
        })
        .collect()
}

/// Stored values of a mask on the grid of the turned image.
fn values(
    path: &Path,
    item: &Item,
    source: &MaskSource,
    image: &Opened,
) -> Result<(Vec<f32>, Zyx<usize>)> {
    if path.is_dir() {
        let (values, size) = pictures(path, image)?;
        return Ok(turned(values, size, image));
    }
    if let Pixels::Array { form, .. } = &item.pixels
        && !is_picture(path)
    {
        let name = source.array.as_deref();
        return array::values(path, form, name, 0);
    }
    let opened = file(path, 0, &item.form)?;
    Ok((opened.raw.voxels, opened.raw.size))
}

/// A label map that is given on the stored grid of the image, turned as the image was.
fn turned(values: Vec<f32>, size: Zyx<usize>, image: &Opened) -> (Vec<f32>, Zyx<usize>) {
    match &image.turn {
        Some(map) if size == image.stored.size => (map.apply(&values, size), image.raw.size),
        _ => (values, size),
    }
}

/// Pictures of a folder as the slices of a mask: by the names of the DICOM files where all match, else in order.
fn pictures(folder: &Path, image: &Opened) -> Result<(Vec<f32>, Zyx<usize>)> {
    let damaged = |found: String| Fault::Damaged(format!("{}: {found}", folder.display()));
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(|e| damaged(e.to_string()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| is_picture(path))
        .collect();
    if paths.is_empty() || paths.len() > MAX_PICTURES {
        return Err(damaged(format!(
            "expected 1 to {MAX_PICTURES} pictures, found {}",
            paths.len()
        )));
    }
    paths.sort();
    let by_name: BTreeMap<_, _> = paths.iter().map(|p| (p.file_stem(), p)).collect();
    let matched: Vec<&PathBuf> = image
        .slice_files
        .iter()
        .filter_map(|file| by_name.get(&file.file_stem()).copied())
        .collect();
    let ordered = if matched.len() == paths.len() && !matched.is_empty() {
        matched
    } else if image.slice_files.is_empty() {
        paths.iter().collect()
    } else {
        // Names that do not match still have the order of the files' names.
        let mut files: Vec<&PathBuf> = image.slice_files.iter().collect();
        files.sort();
        if files.len() != paths.len() {
            return Err(damaged(format!(
                "{} pictures for {} slices",
                paths.len(),
                files.len()
            )));
        }
        let place: BTreeMap<_, _> = files.iter().zip(&paths).collect();
        image
            .slice_files
            .iter()
            .filter_map(|file| place.get(&file).copied())
            .collect()
    };
    let (mut values, mut size) = (Vec::new(), None::<Zyx<usize>>);
    for path in &ordered {
        let one = picture(path)?.raw;
        if size.is_some_and(|s| s != one.size) {
            return Err(damaged("pictures of different sizes".into()));
        }
        size = Some(one.size);
        values.extend(one.voxels);
    }
    let size = size.unwrap_or(Zyx::new(1, 0, 0));
    Ok((values, Zyx::new(ordered.len(), size.y, size.x)))
}

/// Segments or structures of DICOM objects by name, on the grid of the turned image.
fn named(path: &Path, names: &BTreeMap<String, Term>, image: &Opened) -> Result<Vec<u8>> {
    if !path.exists() {
        return Err(Fault::Missing(path.into()));
    }
    let term = |name: &str| names.get(&name.trim().to_lowercase()).map(|t| t.value());
    let labels = paint_dicom_labels(path, &image.stored, &term, &options())?;
    let values: Vec<f32> = labels.iter().map(|&v| f32::from(v)).collect();
    let (values, _) = turned(values, image.stored.size, image);
    Ok(values.iter().map(|&v| v as u8).collect())
}
