//! From an item to an example: pixels, masks, boxes, texts, and the checks between them.

mod array;
mod masks;
mod pixels;
mod raw;

use std::collections::BTreeSet;
use std::path::PathBuf;

use omnimri_image::{Acquisition, AxisMap, Geometry, OpenOptions, Zyx};

use super::boxes::on_grid;
use super::item::{Item, TextSource};
use crate::example::{Example, LabelBox, SourceText};
use crate::stack::{Raw, Stack, shrink_labels};
use crate::table::read_text;

/// Most voxels of one volume or image.
const MAX_VOXELS: usize = 1 << 28;
/// Longest text of one file, in bytes.
const MAX_TEXT: u64 = 1 << 22;

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

impl From<omnimri_image::Error> for Fault {
    fn from(error: omnimri_image::Error) -> Self {
        Self::Damaged(error.to_string())
    }
}

/// An image as read: turned as the settings say, not yet scaled.
struct Opened {
    raw: Raw,
    /// Orientation code of the turned grid, where the header is trusted.
    orientation: Option<String>,
    acquisition: Acquisition,
    /// The grid as stored, for masks that are given on it.
    stored: Geometry,
    /// How the stored grid was turned.
    turn: Option<AxisMap>,
    /// The DICOM file of every stored slice.
    slice_files: Vec<PathBuf>,
}

fn options() -> OpenOptions {
    OpenOptions {
        max_voxels: MAX_VOXELS,
        ..OpenOptions::default()
    }
}

/// Reads the pixels and labels of an item, and the orientation code of its grid where a header gives one.
pub(crate) fn read_item(item: &Item, max_side: Option<usize>) -> Result<(Example, Option<String>)> {
    let opened = pixels::open(item)?;
    let native = opened.raw.size;
    let (labels, annotated) = masks::paint(item, &opened)?;
    let image = Stack::from_raw(opened.raw, max_side);
    let labels = labels.map(|labels| shrink_labels(&labels, native, image.size));
    let example = Example {
        id: item.id.clone(),
        dataset: item.dataset.clone(),
        subject: item.subject.clone(),
        split: item.split,
        image,
        labels,
        annotated,
        boxes: boxes(item, native, opened.turn.as_ref())?,
        classes: item.classes,
        acquisition: without_identifiers(opened.acquisition),
        texts: texts(item)?,
        questions: item.questions.clone(),
    };
    Ok((example, opened.orientation))
}

/// Unique identifiers of the source lead back to a person's study; the corpus keeps none.
fn without_identifiers(acquisition: Acquisition) -> Acquisition {
    Acquisition {
        series_uid: None,
        study_uid: None,
        sop_uids: Vec::new(),
        ..acquisition
    }
}

/// Boxes on the grid; they are given on the stored one, so a turned volume with boxes is refused.
fn boxes(item: &Item, native: Zyx<usize>, turn: Option<&AxisMap>) -> Result<Vec<LabelBox>> {
    if !item.boxes.is_empty() && turn.is_some() {
        return Err(Fault::Damaged(
            "boxes are given on the stored grid: form.canonical must be false".into(),
        ));
    }
    Ok(item
        .boxes
        .iter()
        .filter_map(|b| on_grid(b, native))
        .collect())
}

fn texts(item: &Item) -> Result<Vec<SourceText>> {
    let mut out = Vec::new();
    for source in &item.texts {
        match source {
            TextSource::Cell(text) => out.push(text.clone()),
            TextSource::File {
                path,
                kind,
                writer,
                language,
                origin,
            } => {
                let Ok(meta) = path.metadata() else { continue };
                if meta.len() > MAX_TEXT {
                    return Err(Fault::Damaged(format!(
                        "{}: a text of {} bytes, at most {MAX_TEXT} are read",
                        path.display(),
                        meta.len()
                    )));
                }
                let text = read_text(path).map_err(|e| Fault::Damaged(e.to_string()))?;
                let text = text.trim_start_matches('\u{feff}').trim();
                if !text.is_empty() {
                    out.push(SourceText {
                        kind: *kind,
                        text: text.to_owned(),
                        writer: *writer,
                        language: language.clone(),
                        origin: origin.clone(),
                    });
                }
            }
        }
    }
    Ok(out)
}
