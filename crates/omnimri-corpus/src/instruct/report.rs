//! A report: composed from the facts, or the dataset's own text.

use omnimri_findings::grammar::join;
use omnimri_findings::verify::Origin;
use omnimri_findings::{Detail, Fact, Section, Voice, describe_as};

use super::{Draw, Instruction, Known, Task};
use crate::example::{TextKind, Writer};

const QUESTIONS: [&str; 8] = [
    "Write a report.",
    "Report this study.",
    "Please write the radiology report.",
    "Dictate a report of this image.",
    "Describe technique, findings and impression.",
    "Summarise this examination as a report.",
    "What would the report of this image say?",
    "Read this image and report.",
];

const CAPTIONS: [&str; 4] = [
    "Write a caption for this image.",
    "Describe this image.",
    "What does this image show?",
    "Give a short description of this image.",
];

/// The composed report, and every text of the dataset's own that describes the image.
pub(super) fn make(known: &Known, draw: &mut Draw) -> Vec<Instruction> {
    let mut out = Vec::new();
    let facts = known.select(in_report);
    // Technique alone is no report.
    if facts.iter().any(|f| f.section() != Section::Technique) {
        let question = draw.wording(&QUESTIONS, "");
        let answer = join(&describe_as(Voice::Record, &facts, draw.number()));
        out.push(Instruction::single(
            known,
            Task::Report,
            question,
            answer,
            facts,
        ));
    }
    for text in &known.texts {
        let question = match text.kind {
            // What happened before the scan is not in the picture.
            TextKind::History => continue,
            TextKind::Report | TextKind::Findings | TextKind::Impression => {
                draw.wording(&QUESTIONS, "")
            }
            TextKind::Caption | TextKind::Description => draw.wording(&CAPTIONS, ""),
        };
        let answer = text.text.clone();
        let mut made = Instruction::single(known, Task::Report, question, answer, Vec::new());
        made.origin = match text.writer {
            Writer::Model => Origin::Generated,
            Writer::Template => Origin::Template,
            Writer::Person => Origin::Label,
        };
        out.push(made);
    }
    out
}

/// What a report tells: no grid, no numbers that only a program would give.
fn in_report(fact: &Fact) -> bool {
    match fact {
        Fact::Detail(detail) => matches!(
            detail,
            Detail::Parameter { .. }
                | Detail::Diameter { .. }
                | Detail::Volume { .. }
                | Detail::Place { .. }
                | Detail::Parts { .. }
        ),
        _ => true,
    }
}
