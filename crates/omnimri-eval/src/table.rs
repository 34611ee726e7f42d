//! An evaluation as Markdown.

use std::fmt::{self, Display, Formatter};

use crate::evaluate::Evaluation;
use crate::figure::SetReport;

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |v| format!("{v:.4}"))
}

impl Display for Evaluation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| set | split | figure | value | low | high | n | groups |"
        )?;
        writeln!(f, "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |")?;
        for set in &self.sets {
            for figure in &set.figures {
                let e = &figure.estimate;
                let groups = if e.groups == 0 {
                    "-".to_owned()
                } else {
                    e.groups.to_string()
                };
                writeln!(
                    f,
                    "| {} | {} | {} | {} | {} | {} | {} | {groups} |",
                    set.set.name(),
                    self.split,
                    figure.name,
                    number(e.value),
                    number(e.low),
                    number(e.high),
                    e.n,
                )?;
            }
        }
        for set in self.sets.iter().filter(|s| !s.reliability.is_empty()) {
            reliability(f, set)?;
        }
        writeln!(f)?;
        for set in &self.sets {
            write!(f, "- {}: {} inputs", set.set.name(), set.inputs)?;
            write!(
                f,
                ", {} out of scope, {} failed",
                set.out_of_scope,
                set.failed.len()
            )?;
            if let Some(limit) = self.limit {
                write!(f, " (the first {limit} rows only)")?;
            }
            writeln!(f, ".")?;
            for note in &set.notes {
                writeln!(f, "  {note}")?;
            }
        }
        writeln!(
            f,
            "- low, high: 95% percentile bootstrap over groups (subjects, images or blocks of slices), {} draws, seed {}.",
            self.draws, self.seed
        )?;
        write!(
            f,
            "- model {}, version {}, sha256 {}.",
            self.model.name, self.model.version, self.model.sha256
        )
    }
}

/// Said against right, a row a range of probability.
fn reliability(f: &mut Formatter<'_>, set: &SetReport) -> fmt::Result {
    writeln!(f, "\nReliability of the diagnosis, {}:\n", set.set.name())?;
    writeln!(f, "| probability | n | mean said | right |")?;
    writeln!(f, "| --- | ---: | ---: | ---: |")?;
    for bin in set.reliability.iter().filter(|b| b.n > 0) {
        writeln!(
            f,
            "| {:.1} to {:.1} | {} | {} | {} |",
            bin.low,
            bin.high,
            bin.n,
            number(bin.confidence),
            number(bin.accuracy),
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use omnimri_corpus::Split;

    use super::*;
    use crate::evaluate::ModelUnderTest;
    use crate::figure::Figure;
    use crate::interval::Estimate;
    use crate::metrics::calibration;
    use crate::sets::Set;

    #[test]
    fn prints_undefined_as_a_dash() {
        let estimate = Estimate {
            value: Some(0.5),
            low: Some(0.25),
            high: Some(0.75),
            n: 7,
            groups: 3,
        };
        let undefined = Estimate {
            value: None,
            low: None,
            high: None,
            n: 0,
            groups: 0,
        };
        let evaluation = Evaluation {
            schema: "omnimri.eval/1",
            model: ModelUnderTest {
                name: "nano".into(),
                version: "1".into(),
                sha256: "ab".into(),
            },
            split: Split::Val,
            limit: Some(7),
            seed: 5,
            draws: 100,
            sets: vec![SetReport {
                set: Set::Hippocampus,
                inputs: 7,
                out_of_scope: 1,
                failed: Vec::new(),
                figures: vec![
                    Figure::new("dice", estimate),
                    Figure::new("none", undefined),
                ],
                reliability: calibration(&[0.95], &[true], 10).map_or_else(Vec::new, |c| c.bins),
                notes: vec!["A note."],
            }],
        };
        let text = evaluation.to_string();
        for line in [
            "| hippocampus | val | dice | 0.5000 | 0.2500 | 0.7500 | 7 | 3 |",
            "| hippocampus | val | none | - | - | - | 0 | - |",
            "| 0.9 to 1.0 | 1 | 0.9500 | 1.0000 |",
            "- hippocampus: 7 inputs, 1 out of scope, 0 failed (the first 7 rows only).",
            "- model nano, version 1, sha256 ab.",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
        let json = serde_json::to_value(&evaluation).expect("JSON");
        assert_eq!(json["sets"][0]["figures"][0]["low"], 0.25);
        assert!(json["sets"][0]["figures"][1]["value"].is_null());
        assert_eq!(json["sets"][0]["set"], "hippocampus");
    }
}
