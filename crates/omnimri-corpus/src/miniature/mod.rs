//! Miniatures: a dataset's published layout, filled with small made-up images, written by the entry's own settings.
//!
//! An entry whose miniature does not load or pass `check` contradicts itself. No real data is involved.
//!
//! | file | job |
//! | --- | --- |
//! | `plan` | which rows there are, and which cell goes to which table |
//! | `tables` | tables, joined tables, lists of parts, boxes, in the forms they are read in |
//! | `layouts` | BIDS and `dataset.json` |
//! | `pixels` | an image or a mask in the form of its name: pictures, volumes, arrays, raw data |
//! | `dicom` | a DICOM series and a structure set |

mod dicom;
mod layouts;
mod pixels;
mod plan;
mod tables;

use std::collections::HashSet;
use std::path::Path;

use omnimri_image::Zyx;

use crate::adapter::{Adapter, AdapterKind, MaskRule, Series};
use crate::catalogue::CatalogueEntry;
use crate::error::{Error, Result};
use crate::table::{Row, Table};

/// Subjects of a miniature.
const SUBJECTS: usize = 6;
/// Rows of a subject.
const ROWS_PER_SUBJECT: usize = 2;
/// Size of a made-up 2D image; odd and co-prime, so that swapped axes cannot pass.
const FLAT: Zyx<usize> = Zyx::new(1, 37, 29);
/// Size of a made-up volume.
const DEEP: Zyx<usize> = Zyx::new(7, 31, 23);

/// Writes a miniature of `entry` into `dir` and returns the number of examples it holds (before `only`).
pub fn write_miniature(entry: &CatalogueEntry, dir: &Path) -> Result<usize> {
    let Some(adapter) = &entry.adapter else {
        return Err(Error::NoAdapter {
            name: entry.name.clone(),
        });
    };
    let rows = match adapter.kind {
        AdapterKind::Bids => layouts::bids(adapter, dir)?,
        AdapterKind::Decathlon => layouts::decathlon(adapter, dir)?,
        _ => plan::rows(adapter, dir),
    };
    let mut written = HashSet::new();
    let mut files = HashSet::new();
    for row in rows.rows() {
        for series in adapter.series() {
            let image = layouts::image_of(adapter, row, &series);
            let key = format!("{image}#{}", series.name);
            if !written.insert(key) {
                continue;
            }
            if files.insert(image.clone()) {
                pixels::write_image(adapter, &series, &dir.join(&image), &image)?;
            }
            write_masks(adapter, row, &series, &image, dir)?;
        }
        write_texts(adapter, row, dir)?;
    }
    if !matches!(adapter.kind, AdapterKind::Bids | AdapterKind::Decathlon) {
        tables::write_all(adapter, &rows, dir)?;
    }
    Ok(written.len())
}

/// Masks of a series of a row. Of several rules each has columns of the image to itself, so that none paints over another.
fn write_masks(
    adapter: &Adapter,
    row: Row<'_>,
    series: &Series,
    image: &str,
    dir: &Path,
) -> Result<()> {
    let rules: Vec<&MaskRule> = adapter.mask_rules().collect();
    for (k, rule) in rules.iter().enumerate() {
        let empty = rule.empty_when.as_ref();
        if empty.is_some_and(|e| row.get(&e.column) == e.value) {
            continue;
        }
        let template = series.mask.as_deref().or(rule.file.as_deref());
        let file = match (template, adapter.kind) {
            (Some(template), _) => row.fill(template),
            (None, AdapterKind::Decathlon) => row.get("label").to_owned(),
            // The array lies in the file of the image, which is written with it.
            (None, _) => continue,
        };
        let path = dir.join(&file);
        pixels::write_mask(adapter, rule, &path, image, [k, rules.len()])?;
    }
    Ok(())
}

fn write_texts(adapter: &Adapter, row: Row<'_>, dir: &Path) -> Result<()> {
    for rule in &adapter.texts {
        if let Some(template) = &rule.file {
            let file = row.fill(template);
            let text = format!("Made-up text of {file}.\n");
            write(&dir.join(file), text.as_bytes())?;
        }
    }
    Ok(())
}

/// Writes a file and the folders above it.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    make_parent(path)?;
    std::fs::write(path, bytes).map_err(Error::io(path, "write"))
}

fn make_parent(path: &Path) -> Result<()> {
    match path.parent() {
        Some(parent) => std::fs::create_dir_all(parent).map_err(Error::io(parent, "create")),
        None => Ok(()),
    }
}

/// The part of a subject of a miniature.
fn is_val(subject: usize) -> bool {
    subject % 3 == 2
}

/// A table in memory; its path is for messages only.
fn table(dir: &Path, columns: &[String], rows: Vec<Vec<String>>) -> Table {
    Table::from_rows(dir, columns, rows)
}
