//! Miniatures: a dataset's published layout, filled with small made-up images, written by the entry's own settings.
//!
//! An entry whose miniature does not load or pass `check` contradicts itself. No real data is involved.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::Cursor;
use std::path::Path;

use image::{GrayImage, ImageFormat};
use omnimri_image::{
    Acquisition, Affine, Geometry, LabelMap, SourceKind, Trust, Volume, Zyx, write_beside,
    write_label_map, write_nifti,
};
use sha2::{Digest, Sha256};

use crate::adapter::{Adapter, Choice, MaskForm, MaskRule};
use crate::catalogue::CatalogueEntry;
use crate::error::{Error, Result};
use crate::table::{Table, placeholders};

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
    let columns = columns(adapter);
    let names: Vec<&str> = columns.iter().map(String::as_str).collect();
    let rows: Vec<Vec<String>> = (0..SUBJECTS * ROWS_PER_SUBJECT)
        .map(|k| columns.iter().map(|c| cell(adapter, c, k)).collect())
        .collect();
    let table = Table::from_rows(dir, &names, rows.clone());
    let mut written = HashSet::new();
    for row in table.rows() {
        for series in adapter.series() {
            let image = row.fill(&series.image);
            if !written.insert(image.clone()) {
                continue;
            }
            write_image(&dir.join(&image), &image)?;
            let Some(rule) = adapter.mask() else { continue };
            let empty = rule.empty_when.as_ref();
            if empty.is_some_and(|e| row.get(&e.column) == e.value) {
                continue;
            }
            if let Some(template) = series.mask.as_ref().or(rule.file.as_ref()) {
                let path = dir.join(row.fill(template));
                write_mask(&path, size_of(&image), rule)?;
            }
        }
    }
    if let Some(name) = &adapter.rows().table {
        write_table(&dir.join(name), &columns, &rows)?;
    }
    Ok(written.len())
}

/// Columns of the table: everything the settings name.
fn columns(adapter: &Adapter) -> Vec<String> {
    let rows = adapter.rows();
    let mut out: BTreeSet<String> = BTreeSet::from([rows.split.clone()]);
    let mut add =
        |template: &str| out.extend(placeholders(template).into_iter().map(str::to_owned));
    add(&rows.id);
    add(&rows.subject);
    for series in adapter.series() {
        add(&series.image);
        series.mask.iter().for_each(|m| add(m));
    }
    adapter
        .mask()
        .and_then(|m| m.file.as_ref())
        .into_iter()
        .for_each(|f| add(f));
    if let Some(block) = &rows.subject_block {
        out.extend([block.column.clone(), block.within.clone()]);
    }
    if let Adapter::QuestionAnswerCsv(s) = adapter {
        out.extend([s.question.clone(), s.answer.clone()]);
        out.extend(s.closed.iter().map(|c| c.column.clone()));
    }
    out.extend(vocabulary(adapter).into_keys());
    out.into_iter().collect()
}

/// Values that the settings know for each column of a rule.
fn vocabulary(adapter: &Adapter) -> BTreeMap<String, BTreeSet<String>> {
    fn add<T>(out: &mut BTreeMap<String, BTreeSet<String>>, choice: Option<&Choice<T>>) {
        if let Some(Choice::Column { column, map }) = choice {
            out.entry(column.clone())
                .or_default()
                .extend(map.keys().cloned());
        }
    }
    let mut out = BTreeMap::new();
    let classes = adapter.classes();
    add(&mut out, classes.plane.as_ref());
    add(&mut out, classes.sequence.as_ref());
    add(&mut out, classes.region.as_ref());
    add(&mut out, classes.tumour.as_ref());
    add(&mut out, classes.cardiac.as_ref());
    add(&mut out, classes.modality_mr.as_ref());
    if let Some(rule) = adapter.mask() {
        add(&mut out, rule.label.as_ref());
        if let Some(empty) = &rule.empty_when {
            out.entry(empty.column.clone())
                .or_default()
                .insert(empty.value.clone());
        }
    }
    out
}

/// The cell of `column` in row `k`.
fn cell(adapter: &Adapter, column: &str, k: usize) -> String {
    let rows = adapter.rows();
    let subject = k / ROWS_PER_SUBJECT;
    if column == rows.split {
        return if subject % 3 == 2 { "val" } else { "train" }.to_owned();
    }
    if let Some(values) = vocabulary(adapter).get(column)
        && let Some(value) = values.iter().nth(k % values.len().max(1))
    {
        return value.clone();
    }
    if let Adapter::QuestionAnswerCsv(s) = adapter {
        let closed = s.closed.as_ref().filter(|c| c.column == column);
        if column == s.question {
            return format!("Is this, \"as it seems\", image {subject}?");
        } else if column == s.answer {
            return "Yes".to_owned();
        } else if let Some(closed) = closed {
            return if k.is_multiple_of(2) {
                closed.value.clone()
            } else {
                "another".to_owned()
            };
        } else if placeholders(&rows.id).contains(&column) {
            // The rows of one subject ask about one image.
            let bare = Path::new(&s.image.replace(['{', '}'], "_"))
                .extension()
                .is_none();
            return format!("{:04}{}", subject + 1, if bare { ".jpg" } else { "" });
        }
    }
    if rows
        .subject_block
        .as_ref()
        .is_some_and(|b| b.within == column)
    {
        return format!("{}", subject + 1);
    }
    if placeholders(&rows.subject).contains(&column) && !placeholders(&rows.id).contains(&column) {
        return format!("s{subject:02}");
    }
    format!("{:04}", k + 1)
}

/// Writes the table, every cell in quotes.
fn write_table(path: &Path, columns: &[String], rows: &[Vec<String>]) -> Result<()> {
    let quoted = |cells: &[String]| {
        let cells: Vec<_> = cells
            .iter()
            .map(|c| format!("\"{}\"", c.replace('"', "\"\"")))
            .collect();
        cells.join(",") + "\n"
    };
    let text: String = std::iter::once(quoted(columns))
        .chain(rows.iter().map(|r| quoted(r)))
        .collect();
    make_parent(path)?;
    std::fs::write(path, text).map_err(Error::io(path, "write"))
}

fn make_parent(path: &Path) -> Result<()> {
    match path.parent() {
        Some(parent) => std::fs::create_dir_all(parent).map_err(Error::io(parent, "create")),
        None => Ok(()),
    }
}

fn is_volume(path: &str) -> bool {
    path.ends_with(".nii") || path.ends_with(".nii.gz")
}

fn size_of(path: &str) -> Zyx<usize> {
    if is_volume(path) { DEEP } else { FLAT }
}

/// A smooth pattern that differs from path to path.
fn write_image(path: &Path, name: &str) -> Result<()> {
    let size = size_of(name);
    let digest = Sha256::digest(name);
    let wave = |k: usize| f32::from(digest[k]) / 255.0;
    let voxels: Vec<f32> = (0..size.count())
        .map(|n| {
            let (x, y, z) = (n % size.x, n / size.x % size.y, n / (size.x * size.y));
            let (x, y, z) = (x as f32, y as f32, z as f32);
            let mut v = 120.0;
            for k in 0..4 {
                let along = x * (0.1 + 0.5 * wave(k)) + y * (0.1 + 0.5 * wave(k + 8)) + z * 0.2;
                v += 28.0 * (along + 6.3 * wave(k + 16)).sin();
            }
            v
        })
        .collect();
    make_parent(path)?;
    if is_volume(name) {
        let volume = Volume {
            voxels,
            n_frames: 1,
            geometry: geometry(),
            acquisition: Acquisition::default(),
            source: SourceKind::Simulated,
            warnings: Vec::new(),
        };
        return write_nifti(path, &volume).map_err(Error::Write);
    }
    write_grey(
        path,
        voxels.iter().map(|v| v.clamp(0.0, 255.0) as u8).collect(),
    )
}

fn geometry() -> Geometry {
    Geometry {
        size: DEEP,
        affine: Affine::from_spacing(Zyx::new(3.0, 1.5, 1.25)),
        orientation: Trust::Trusted,
        spacing: Trust::Trusted,
    }
}

/// One block of every value that the rule knows.
fn write_mask(path: &Path, size: Zyx<usize>, rule: &MaskRule) -> Result<()> {
    let deep = size == DEEP;
    let values: Vec<u8> = match rule.form {
        MaskForm::Binary => vec![if deep { 1 } else { 255 }],
        MaskForm::Values => rule.values.keys().filter_map(|k| k.parse().ok()).collect(),
    };
    let mut labels = vec![0; size.count()];
    let height = (size.y - 4) / values.len().max(1);
    for (k, &value) in values.iter().enumerate() {
        for z in size.z / 3..=size.z / 2 {
            for y in 2 + k * height..2 + (k + 1) * height.max(1) {
                for x in 5..14 {
                    labels[size.offset(x, y.min(size.y - 1), z)] = value;
                }
            }
        }
    }
    make_parent(path)?;
    if deep {
        return write_label_map(
            path,
            &LabelMap {
                labels,
                geometry: geometry(),
            },
        )
        .map_err(Error::Write);
    }
    write_grey(path, labels)
}

/// Writes a 2D image in the format of its name.
fn write_grey(path: &Path, pixels: Vec<u8>) -> Result<()> {
    let (width, height) = (FLAT.x as u32, FLAT.y as u32);
    let jpeg = path.extension().is_some_and(|e| e == "jpg" || e == "jpeg");
    let format = if jpeg {
        ImageFormat::Jpeg
    } else {
        ImageFormat::Png
    };
    let mut bytes = Cursor::new(Vec::new());
    let Some(picture) = GrayImage::from_raw(width, height, pixels) else {
        return Ok(());
    };
    picture
        .write_to(&mut bytes, format)
        .map_err(|source| Error::EncodeImage {
            path: path.into(),
            source,
        })?;
    write_beside(path, |file| file.write_all(bytes.get_ref())).map_err(Error::Write)
}
