//! Instruction data: what is asked of an image and the right answer, made from what is known of it.
//!
//! Deterministic from a seed and the example's name. What is not known is asked only where the right answer is to say so. Every
//! answer is a sentence of the grammar of `omnimri-findings` or a sentence around one of its tokens, so that it can be checked;
//! only a dataset's own texts are outside it.
//!
//! - `known`: what an instruction may be made from, and its flip
//! - `reconstruct`, `segment`, `detect`, `diagnose`, `report`, `ask`, `yes_no`, `unanswerable`, `conversation`, `source`: a
//!   task each

mod ask;
mod conversation;
mod detect;
mod diagnose;
mod draw;
mod known;
mod reconstruct;
mod report;
mod segment;
mod source;
mod unanswerable;
mod yes_no;

use omnimri_findings::verify::Origin;
use omnimri_findings::{Fact, Term};
use serde::{Deserialize, Serialize};

use crate::describe::origin_of_all;
use crate::example::{DatasetId, Example, Split};
use draw::Draw;
pub use known::{Known, TermBox};

/// What an instruction asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// An image from undersampled k-space.
    Reconstruct,
    /// An outline.
    Segment,
    /// Boxes around what is abnormal.
    Detect,
    /// The diagnosis.
    Diagnose,
    /// A report.
    Report,
    /// A free question with an answer that can be checked.
    Ask,
    /// A question to be answered by yes or no; as many of either.
    YesNo,
    /// A question whose right answer is that it is not known.
    Unanswerable,
    /// Three to five turns, the later ones referring to earlier ones.
    Conversation,
    /// A question of the dataset's own.
    Source,
}

impl Task {
    /// All tasks.
    pub const ALL: [Self; 10] = [
        Self::Reconstruct,
        Self::Segment,
        Self::Detect,
        Self::Diagnose,
        Self::Report,
        Self::Ask,
        Self::YesNo,
        Self::Unanswerable,
        Self::Conversation,
        Self::Source,
    ];
}

/// One question and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// What is asked.
    pub question: String,
    /// The right answer. `<seg>`, `<box>` and `<img>` stand for a mask, a box and an image, see [`mod@omnimri_findings::questions`].
    pub answer: String,
}

/// An instruction with its right answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instruction {
    /// Id of the example in its dataset.
    pub example: String,
    /// The catalogue entry.
    pub dataset: DatasetId,
    /// Part of the dataset.
    pub split: Split,
    /// What is asked for.
    pub task: Task,
    /// One turn, or three to five of a conversation.
    pub turns: Vec<Turn>,
    /// What the answers say, as far as it can be read back.
    pub facts: Vec<Fact>,
    /// Where the answers come from.
    pub origin: Origin,
    /// True where the right answer is that it is not known.
    pub unanswerable: bool,
    /// One box for each `<box>` of the answers, in their order.
    pub boxes: Vec<TermBox>,
    /// What each `<seg>` of the answers outlines, in their order: all voxels of the label map with the term's value.
    pub masks: Vec<Term>,
}

impl Instruction {
    /// Turns whose answers say `facts`; without facts they rest on outlines, which are labels.
    fn new(known: &Known, task: Task, turns: Vec<Turn>, facts: Vec<Fact>) -> Self {
        Self {
            example: known.id.clone(),
            dataset: known.dataset.clone(),
            split: known.split,
            task,
            turns,
            origin: match facts.as_slice() {
                [] => Origin::Label,
                facts => origin_of_all(facts),
            },
            facts,
            unanswerable: false,
            boxes: Vec::new(),
            masks: Vec::new(),
        }
    }

    fn single(
        known: &Known,
        task: Task,
        question: String,
        answer: String,
        facts: Vec<Fact>,
    ) -> Self {
        Self::new(known, task, vec![Turn { question, answer }], facts)
    }

    /// True if it may train: everything of the training split.
    pub fn may_train(&self) -> bool {
        self.split == Split::Train
    }

    /// True if its answers may be held against a model's: none that a model wrote.
    pub fn may_judge(&self) -> bool {
        self.origin != Origin::Generated
    }
}

/// All instructions of an example, in the order of [`Task::ALL`].
pub fn instructions(example: &Example, seed: u64) -> Vec<Instruction> {
    instructions_of(&Known::of(example), seed)
}

/// All instructions that what is known allows. For a flipped image, give [`Known::flipped`].
///
/// Text that a model wrote makes no instruction unless the example is of the training split.
pub fn instructions_of(known: &Known, seed: u64) -> Vec<Instruction> {
    let mut out = Vec::new();
    for task in Task::ALL {
        let draw = &mut Draw::new(seed, known, task);
        match task {
            Task::Reconstruct => out.extend(reconstruct::make(known, draw)),
            Task::Segment => out.extend(segment::make(known, draw)),
            Task::Detect => out.extend(detect::make(known, draw)),
            Task::Diagnose => out.extend(diagnose::make(known, draw)),
            Task::Report => out.extend(report::make(known, draw)),
            Task::Ask => out.extend(ask::make(known, draw)),
            Task::YesNo => out.extend(yes_no::make(known, draw)),
            Task::Unanswerable => out.extend(unanswerable::make(known, draw)),
            Task::Conversation => out.extend(conversation::make(known, draw)),
            Task::Source => out.extend(source::make(known)),
        }
    }
    out.retain(|i| i.may_judge() || i.may_train());
    out
}

#[cfg(test)]
mod tests;
