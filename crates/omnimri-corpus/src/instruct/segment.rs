//! Outlines: of something that is there, and of something that was looked for and is not.

use omnimri_findings::questions::SEG_TOKEN;
use omnimri_findings::{Detail, Fact, Term};

use super::{Draw, Instruction, Known, Task};

/// Outlines of one example; more would drown other tasks.
const MOST: usize = 3;

const QUESTIONS: [&str; 8] = [
    "Segment the {x}.",
    "Outline the {x}.",
    "Show a mask of the {x}.",
    "Mark every pixel of the {x}.",
    "Please delineate the {x}.",
    "Give me the outline of the {x}.",
    "Draw the contour of the {x}.",
    "Create a segmentation of the {x}.",
];

const ANSWERS: [&str; 6] = [
    "This is the outline of the {x}: {seg}.",
    "Outline of the {x}: {seg}.",
    "Mask of the {x}: {seg}.",
    "The {x} as outlined: {seg}.",
    "Segmentation of the {x}: {seg}.",
    "Here is the mask of the {x}: {seg}.",
];

/// Findings first, then structures in a drawn order; the absent one only where something else is outlined to compare with.
pub(super) fn make(known: &Known, draw: &mut Draw) -> Vec<Instruction> {
    let mut structures: Vec<Term> = known.present.clone();
    structures.retain(|t| !t.is_finding());
    draw.shuffle(&mut structures);
    let chosen = known.findings().into_iter().chain(structures).take(MOST);
    let mut out: Vec<Instruction> = chosen
        .map(|term| {
            let question = draw.wording(&QUESTIONS, term.name());
            let answer = draw.wording(&ANSWERS, term.name());
            let answer = answer.replace("{seg}", SEG_TOKEN);
            let facts = match term.is_finding() {
                true => Vec::new(),
                false => vec![Fact::Structure(term)],
            };
            let mut made = Instruction::single(known, Task::Segment, question, answer, facts);
            made.masks = vec![term];
            made
        })
        .collect();
    if let Some(&of) = draw.pick(&known.absent) {
        let question = draw.wording(&QUESTIONS, of.name());
        let facts = vec![Fact::Detail(Detail::Absent { of })];
        let answer = draw.told(&facts);
        out.push(Instruction::single(
            known,
            Task::Segment,
            question,
            answer,
            facts,
        ));
    }
    out
}
