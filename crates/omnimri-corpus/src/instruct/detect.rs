//! Boxes around what is abnormal, one for each connected part.

use omnimri_findings::questions::BOX_TOKEN;
use omnimri_findings::{Detail, Fact, Term};

use super::{Draw, Instruction, Known, Task};

const QUESTIONS: [&str; 8] = [
    "Find all abnormalities and put a box around each.",
    "Detect every abnormality in this image.",
    "Is anything abnormal? Give boxes.",
    "Mark what is abnormal with boxes.",
    "Where are the abnormalities? Answer with bounding boxes.",
    "Localise every finding.",
    "Give the bounding box of each abnormal area.",
    "Put a box around everything abnormal that you find.",
];

const ANSWERS: [&str; 6] = [
    "Boxed as {x}: {boxes}.",
    "Found and boxed as {x}: {boxes}.",
    "In boxes, as {x}: {boxes}.",
    "Marked as {x}: {boxes}.",
    "Bounding boxes, {x}: {boxes}.",
    "Localised as {x}: {boxes}.",
];

/// Asked only where findings were looked for; where none was outlined, the answer says which.
pub(super) fn make(known: &Known, draw: &mut Draw) -> Option<Instruction> {
    let question = draw.wording(&QUESTIONS, "");
    if known.boxes.is_empty() {
        let looked_for: Vec<Fact> =
            known.details(|d| matches!(d, Detail::Absent { of } if of.is_finding()));
        if looked_for.is_empty() || !known.findings().is_empty() {
            return None;
        }
        let answer = draw.told(&looked_for);
        return Some(Instruction::single(
            known,
            Task::Detect,
            question,
            answer,
            looked_for,
        ));
    }
    let mut terms: Vec<Term> = known.boxes.iter().map(|b| b.term).collect();
    terms.sort_unstable();
    terms.dedup();
    let mut sentences = Vec::new();
    let mut boxes = Vec::new();
    for term in terms {
        let of_term = known.boxes.iter().filter(|b| b.term == term);
        boxes.extend(of_term.clone().cloned());
        let tokens = vec![BOX_TOKEN; of_term.count()].join(", ");
        let sentence = draw.wording(&ANSWERS, term.name());
        sentences.push(sentence.replace("{boxes}", &tokens));
    }
    let answer = sentences.join(" ");
    let mut made = Instruction::single(known, Task::Detect, question, answer, Vec::new());
    made.boxes = boxes;
    Some(made)
}
