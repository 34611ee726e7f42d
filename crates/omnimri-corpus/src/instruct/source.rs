//! Questions of the dataset's own, as people wrote them.

use omnimri_findings::verify::Origin;

use super::{Instruction, Known, Task};

/// Every question with a non-empty answer.
pub(super) fn make(known: &Known) -> Vec<Instruction> {
    let of = known
        .questions
        .iter()
        .filter(|q| !q.question.trim().is_empty() && !q.answer.trim().is_empty());
    of.map(|q| {
        let (question, answer) = (q.question.clone(), q.answer.clone());
        let mut made = Instruction::single(known, Task::Source, question, answer, Vec::new());
        made.origin = Origin::Label;
        made
    })
    .collect()
}
