//! The diagnosis, where one is recorded.

use omnimri_findings::Fact;

use super::{Draw, Instruction, Known, Task};

const QUESTIONS: [&str; 8] = [
    "What is the diagnosis?",
    "What is the most likely diagnosis?",
    "Which disease does this image show?",
    "What does the patient have?",
    "Give your impression.",
    "What would you put in the impression of the report?",
    "Name the diagnosis.",
    "How would you interpret this image?",
];

/// Every diagnosis that is recorded, in one answer.
pub(super) fn make(known: &Known, draw: &mut Draw) -> Option<Instruction> {
    let facts = known.select(is_diagnosis);
    if facts.is_empty() {
        return None;
    }
    let question = draw.wording(&QUESTIONS, "");
    let answer = draw.told(&facts);
    Some(Instruction::single(
        known,
        Task::Diagnose,
        question,
        answer,
        facts,
    ))
}

pub(super) const fn is_diagnosis(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::Tumour(_) | Fact::MsLesions { .. } | Fact::Cardiac(_)
    )
}
