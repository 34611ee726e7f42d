//! Everything of a record but its pixels, by the names of the columns.

use omnimri_findings::Term;
use omnimri_image::{Acquisition, Zyx};
use serde::{Deserialize, Serialize};

use super::record::Record;
use crate::describe::{Description, Sentence};
use crate::example::{Classes, DatasetId, Example, LabelBox, QuestionAnswer, SourceText, Split};
use crate::harmonise::Quality;
use crate::instruct::Instruction;
use crate::stack::Stack;

/// Source intensities of the stored 0 and 255.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Window {
    low: f32,
    high: f32,
}

/// The columns that are told by value.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Meta {
    id: String,
    dataset: DatasetId,
    subject: String,
    split: Split,
    licence: String,
    pub size: Zyx<usize>,
    native_size: Zyx<usize>,
    spacing_mm: Option<Zyx<f64>>,
    window: Window,
    peak: f32,
    annotated: Vec<Term>,
    boxes: Vec<LabelBox>,
    classes: Classes,
    acquisition: Acquisition,
    texts: Vec<SourceText>,
    questions: Vec<QuestionAnswer>,
    description: Vec<Sentence>,
    instructions: Vec<Instruction>,
    quality: Quality,
}

impl From<&Record> for Meta {
    fn from(record: &Record) -> Self {
        let e = &record.example;
        let [low, high] = e.image.window;
        Self {
            id: e.id.clone(),
            dataset: e.dataset.clone(),
            subject: e.subject.clone(),
            split: e.split,
            licence: record.licence.clone(),
            size: e.image.size,
            native_size: e.image.native_size,
            spacing_mm: e.image.spacing_mm,
            window: Window { low, high },
            peak: e.image.peak,
            annotated: e.annotated.clone(),
            boxes: e.boxes.clone(),
            classes: e.classes,
            acquisition: e.acquisition.clone(),
            texts: e.texts.clone(),
            questions: e.questions.clone(),
            description: record.description.sentences.clone(),
            instructions: record.instructions.clone(),
            quality: record.quality.clone(),
        }
    }
}

impl Meta {
    /// The record with its pixels, which must fill `size`.
    pub fn record(self, voxels: Vec<u8>, labels: Option<Vec<u8>>) -> Record {
        Record {
            example: Example {
                id: self.id,
                dataset: self.dataset,
                subject: self.subject,
                split: self.split,
                image: Stack {
                    voxels,
                    size: self.size,
                    native_size: self.native_size,
                    spacing_mm: self.spacing_mm,
                    window: [self.window.low, self.window.high],
                    peak: self.peak,
                },
                labels,
                annotated: self.annotated,
                boxes: self.boxes,
                classes: self.classes,
                acquisition: self.acquisition,
                texts: self.texts,
                questions: self.questions,
            },
            description: Description {
                sentences: self.description,
            },
            instructions: self.instructions,
            quality: self.quality,
            licence: self.licence,
        }
    }
}
