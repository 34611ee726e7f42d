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

/// A disease of the heart is a patient's, not a slice's.
const OF_PATIENT: [&str; 6] = [
    "What is the diagnosis of this patient?",
    "Which heart disease does this patient have?",
    "What does the patient have?",
    "Name the cardiac diagnosis.",
    "What is known of the patient's heart?",
    "With which diagnosis was this patient examined?",
];

/// Every diagnosis that is recorded, in one answer.
pub(super) fn make(known: &Known, draw: &mut Draw) -> Option<Instruction> {
    let facts = known.select(is_diagnosis);
    if facts.is_empty() {
        return None;
    }
    let of_patient = facts.iter().any(|f| matches!(f, Fact::Cardiac(_)));
    let question = match of_patient {
        true => draw.wording(&OF_PATIENT, ""),
        false => draw.wording(&QUESTIONS, ""),
    };
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
