//! An evaluation as Markdown.

use std::fmt::{self, Display, Formatter};

use crate::calibrate::{CalibrationReport, Fitted};
use crate::evaluate::Evaluation;
use crate::figure::Figure;
use crate::interval::Estimate;
use crate::scope::ScopeReport;

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |v| format!("{v:.4}"))
}

impl Display for Evaluation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(scope) = &self.scope {
            of_scope(f, scope)?;
        } else {
            self.of_sets(f)?;
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

impl Evaluation {
    fn of_sets(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| set | split | figure | value | low | high | n | groups |"
        )?;
        writeln!(f, "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |")?;
        for set in &self.sets {
            let part = set.set.part(self.split);
            for figure in &set.figures {
                line(f, set.set.name(), part.name(), figure)?;
            }
        }
        if let Some(answers) = &self.answers {
            for figure in &answers.figures {
                line(f, "all sets", self.split.name(), figure)?;
            }
        }
        if !self.rows.is_empty() {
            writeln!(f, "\nBy centre, plane and class:\n")?;
            writeln!(
                f,
                "| by | value | dice | low | high | n | recognised | low | high | n |"
            )?;
            writeln!(
                f,
                "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
            )?;
            for row in &self.rows {
                writeln!(
                    f,
                    "| {} | {} | {} | {} |",
                    row.by,
                    row.value,
                    cells(&row.dice),
                    cells(&row.recognised)
                )?;
            }
        }
        for set in &self.sets {
            for calibration in &set.calibrations {
                reliability(f, calibration, set.set.name())?;
            }
        }
        if let Some(answers) = &self.answers {
            reliability(f, answers, "all sets")?;
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
            for contradiction in &set.contradictions {
                writeln!(f, "  Contradiction: {contradiction}")?;
            }
        }
        Ok(())
    }
}

/// A figure as a row of the table.
fn line(f: &mut Formatter<'_>, set: &str, part: &str, figure: &Figure) -> fmt::Result {
    let e = &figure.estimate;
    let groups = if e.groups == 0 {
        "-".to_owned()
    } else {
        e.groups.to_string()
    };
    writeln!(
        f,
        "| {set} | {part} | {} | {} | {groups} |",
        figure.name,
        cells(e)
    )
}

/// Value, interval and count as cells.
fn cells(e: &Estimate) -> String {
    format!(
        "{} | {} | {} | {}",
        number(e.value),
        number(e.low),
        number(e.high),
        e.n
    )
}

fn of_scope(f: &mut Formatter<'_>, scope: &ScopeReport) -> fmt::Result {
    writeln!(f, "| figure | value | low | high | n |")?;
    writeln!(f, "| --- | ---: | ---: | ---: | ---: |")?;
    for figure in &scope.figures {
        writeln!(f, "| {} | {} |", figure.name, cells(&figure.estimate))?;
    }
    writeln!(
        f,
        "\n| images | should be | refused | low | high | n | without gate | gate fitted without the kind |"
    )?;
    writeln!(f, "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")?;
    for row in &scope.rows {
        writeln!(
            f,
            "| {} | {} | {} | {} | {} |",
            row.name,
            if row.in_scope { "read" } else { "refused" },
            cells(&row.refused),
            number(row.without_gate.value),
            number(row.kind_unseen)
        )?;
    }
    writeln!(
        f,
        "\n- The gate was fitted on {} training images in scope and {} out of it, made with other seeds than those that judge; {} images could not be read.",
        scope.fitted_on[0], scope.fitted_on[1], scope.failed
    )?;
    writeln!(
        f,
        "- All images out of scope but the CT are made by simple generators: refusing them is the least that refusing is worth."
    )
}

/// Said against right, a row a range of probability, before and after.
fn reliability(f: &mut Formatter<'_>, of: &CalibrationReport, set: &str) -> fmt::Result {
    let fitted = match of.fitted {
        Fitted::Temperature(t) => format!(
            "temperature {:.3}, abstains below {:.3}",
            t.temperature, t.abstain_below
        ),
        Fitted::Odds(o) => format!(
            "scale {:.3}, shift {:.3}, unsure below {:.3}",
            o.scale, o.shift, o.unsure_below
        ),
    };
    writeln!(
        f,
        "\nReliability of the {}, {set} (for use, fitted on all: {fitted}):\n",
        of.of.name().replace('_', " ")
    )?;
    writeln!(
        f,
        "| probability | n | mean said | right | n, calibrated | mean said | right |"
    )?;
    writeln!(f, "| --- | ---: | ---: | ---: | ---: | ---: | ---: |")?;
    for (bin, after) in of.before.iter().zip(&of.after) {
        if bin.n + after.n == 0 {
            continue;
        }
        writeln!(
            f,
            "| {:.1} to {:.1} | {} | {} | {} | {} | {} | {} |",
            bin.low,
            bin.high,
            bin.n,
            number(bin.confidence),
            number(bin.accuracy),
            after.n,
            number(after.confidence),
            number(after.accuracy),
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use omnimri_corpus::Split;

    use super::*;
    use crate::calibrate::{self, Matter};
    use crate::evaluate::ModelUnderTest;
    use crate::figure::SetReport;
    use crate::interval::Bootstrap;
    use crate::record::{Record, rows};
    use crate::sets::Set;
    use omnimri_workflow::Trust;

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
        let bootstrap = Bootstrap { seed: 1, draws: 20 };
        let groups: Vec<String> = (0..10).map(|k| k.to_string()).collect();
        let answered =
            calibrate::statements(Matter::Answer, &[0.95; 10], &[true; 10], &groups, bootstrap)
                .expect("ten subjects");
        let record = Record {
            set: Set::Hippocampus,
            id: "a".into(),
            path: "a".into(),
            subject: "s".into(),
            centre: "c",
            plane: None,
            class: "hippocampus",
            dice: Some(0.5),
            recognised: None,
        };
        let evaluation = Evaluation {
            schema: "omnimri.eval/2",
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
                out_of_scope: 1,
                figures: vec![
                    Figure::new("dice", estimate),
                    Figure::new("none", undefined),
                ],
                calibrations: vec![answered.clone()],
                contradictions: vec!["x: y".into()],
                notes: vec!["A note."],
                ..SetReport::new(Set::Hippocampus, 7)
            }],
            rows: rows(&[record], bootstrap),
            answers: None,
            scope: None,
            shown: Vec::new(),
            trust: Trust::default(),
        };
        let text = evaluation.to_string();
        for line in [
            "| hippocampus | val | dice | 0.5000 | 0.2500 | 0.7500 | 7 | 3 |",
            "| hippocampus | val | none | - | - | - | 0 | - |",
            "  Contradiction: x: y",
            "| class | hippocampus | 0.5000 | 0.5000 | 0.5000 | 1 | - | - | - | 0 |",
            "- hippocampus: 7 inputs, 1 out of scope, 0 failed (the first 7 rows only).",
            "- model nano, version 1, sha256 ab.",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
        assert!(
            text.contains("| 0.9 to 1.0 | 10 | 0.9500 | 1.0000 | 10 |"),
            "{text}"
        );
        let json = serde_json::to_value(&evaluation).expect("JSON");
        assert_eq!(json["sets"][0]["figures"][0]["low"], 0.25);
        assert!(json["sets"][0]["figures"][1]["value"].is_null());
        assert_eq!(json["sets"][0]["set"], "hippocampus");
    }
}
