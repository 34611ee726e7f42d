//! One example before its pixels are read.

use std::collections::BTreeMap;
use std::path::PathBuf;

use omnimri_findings::Term;

use super::settings::{ArrayForm, BoxForm, MissingMask, RawForm, VolumeForm};
use crate::example::{Classes, DatasetId, QuestionAnswer, SourceText, Split, TextKind, Writer};
use crate::load::Rejected;

/// How the pixels of an image are stored.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Pixels {
    /// A PNG or JPEG.
    Picture,
    /// A picture or a volume, by its content; this frame of it.
    File {
        /// Counted from 0.
        frame: usize,
    },
    /// Slices of one DICOM series; this frame of it.
    Dicom {
        /// The files of the series.
        files: Vec<PathBuf>,
        /// Counted from 0.
        frame: usize,
    },
    /// Raw data.
    Raw(RawForm),
    /// An array.
    Array {
        /// Axes and voxel sizes.
        form: ArrayForm,
        /// Name within the file.
        name: Option<String>,
        /// Counted from 0.
        frame: usize,
    },
}

/// What a mask says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum MaskWhat {
    /// There is nothing to outline.
    Empty,
    /// Foreground is one term.
    Binary(PathBuf, Term),
    /// Values map to terms; some are read as background.
    Values(PathBuf, BTreeMap<u16, Term>, Vec<u16>),
    /// Segments or structures by lower-case name.
    Named(PathBuf, BTreeMap<String, Term>),
}

/// A mask before it is read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MaskSource {
    pub what: MaskWhat,
    pub missing: MissingMask,
    pub annotated: Vec<Term>,
    /// Name of the array within the file.
    pub array: Option<String>,
}

/// A text before it is read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TextSource {
    /// Read from a table.
    Cell(SourceText),
    /// In a file of its own; a missing one is no text.
    File {
        path: PathBuf,
        kind: TextKind,
        writer: Writer,
        language: String,
        origin: String,
    },
}

/// A box as its table gives it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BoxSource {
    pub label: Term,
    pub form: BoxForm,
    pub numbers: [f64; 4],
    /// First and last slice, inclusive.
    pub slices: Option<[f64; 2]>,
    /// What the table calls the first pixel.
    pub first: f64,
}

/// One example before its pixels are read.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub dataset: DatasetId,
    pub id: String,
    pub subject: String,
    pub split: Split,
    /// The file, or the folder of a DICOM series.
    pub image: PathBuf,
    pub pixels: Pixels,
    /// How volumes are turned and trusted.
    pub form: VolumeForm,
    /// In the order in which they paint.
    pub masks: Vec<MaskSource>,
    pub boxes: Vec<BoxSource>,
    pub classes: Classes,
    pub texts: Vec<TextSource>,
    pub questions: Vec<QuestionAnswer>,
}

/// What a dataset lists.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    pub items: Vec<Item>,
    pub rejected: Vec<Rejected>,
}
