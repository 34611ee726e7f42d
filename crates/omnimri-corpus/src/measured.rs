//! The default filler: what can be measured on any image, and what is not recorded, said as such.

use omnimri_findings::{Detail, Fact, Matter};

use crate::describe::{Level, Sentence, TextFiller, statements};
use crate::error::Result;
use crate::example::Example;

/// Measured statements on the levels that a dataset lacks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MeasuredStatements;

impl TextFiller for MeasuredStatements {
    fn name(&self) -> &str {
        "measured statements"
    }

    fn fill(
        &self,
        example: &Example,
        level: Level,
        _told: &[Sentence],
        variant: u64,
    ) -> Result<Vec<Sentence>> {
        // What no label tells, the dataset's own texts may.
        let told = !example.texts.is_empty() || !example.questions.is_empty();
        let unknown = |of| (!told).then_some(Detail::Unknown { of });
        let detail = match level {
            // The grid is told anyway.
            Level::Acquisition => None,
            Level::Anatomy => match example.brightness() {
                Some((foreground, _)) => Some(foreground),
                None => unknown(Matter::Structures),
            },
            Level::Signal => example.brightness().map(|(_, brightness)| brightness),
            Level::Findings => unknown(Matter::Findings),
            Level::Impression => unknown(Matter::Diagnosis),
        };
        let facts = Vec::from_iter(detail.map(Fact::Detail));
        Ok(statements(level, &facts, variant))
    }
}
