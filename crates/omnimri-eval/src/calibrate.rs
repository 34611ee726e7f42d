//! Calibration: fitted on other subjects than it is measured on, and fitted once more on all for use.
//!
//! Subjects are dealt into five folds; what is said of a fold is calibrated by what was fitted on the other four, so that no
//! subject judges what it helped to fit. What is stored with the checkpoint is fitted on all folds: the figures are those of
//! the procedure, on as good as the same number of subjects.

use omnimri_workflow::{Odds, Temperature};
use serde::Serialize;

use crate::figure::Figure;
use crate::interval::Bootstrap;
use crate::metrics::{Bin, brier, calibration, fit_odds, fit_temperature, folds, threshold};

/// Folds of subjects.
const FOLDS: usize = 5;
/// Rows of a reliability table.
const BINS: usize = 10;
/// Weight that holds Platt scaling to no change.
const RIDGE: f64 = 1.0;

/// What was fitted on all subjects, for use.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fitted {
    /// To class probabilities.
    Temperature(Temperature),
    /// To the probability of a statement.
    Odds(Odds),
}

/// What is calibrated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Matter {
    /// The tumour class of an image.
    Diagnosis,
    /// A tumour of a class in a place.
    Finding,
    /// An answer to a question that the evidence can check.
    Answer,
    /// An answer to any other question.
    FreeAnswer,
}

impl Matter {
    /// Lower-case name; figures begin with it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Diagnosis => "diagnosis",
            Self::Finding => "finding",
            Self::Answer => "answer",
            Self::FreeAnswer => "free_answer",
        }
    }

    /// Share of what is given that must be right; what is less sure is kept back or labelled.
    const fn wanted(self) -> f64 {
        match self {
            Self::Diagnosis => 0.95,
            Self::Answer => 0.97,
            Self::Finding => 0.9,
            // More right than wrong: these questions have no better.
            Self::FreeAnswer => 0.6,
        }
    }

    const fn figures(self) -> [&'static str; 6] {
        match self {
            Self::Diagnosis => [
                "diagnosis_ece",
                "diagnosis_ece_calibrated",
                "diagnosis_brier",
                "diagnosis_brier_calibrated",
                "diagnosis_given",
                "diagnosis_right_when_given",
            ],
            Self::Finding => [
                "finding_ece",
                "finding_ece_calibrated",
                "finding_brier",
                "finding_brier_calibrated",
                "finding_sure",
                "finding_right_when_sure",
            ],
            Self::Answer => [
                "answer_ece",
                "answer_ece_calibrated",
                "answer_brier",
                "answer_brier_calibrated",
                "answer_sure",
                "answer_right_when_sure",
            ],
            Self::FreeAnswer => [
                "free_answer_ece",
                "free_answer_ece_calibrated",
                "free_answer_brier",
                "free_answer_brier_calibrated",
                "free_answer_sure",
                "free_answer_right_when_sure",
            ],
        }
    }
}

/// Calibration of one matter, before and after.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CalibrationReport {
    /// The matter.
    pub of: Matter,
    /// Errors before and after, how much is given, and how much of that is right.
    #[serde(skip)]
    pub figures: Vec<Figure>,
    /// Reliability as the network says it.
    pub before: Vec<Bin>,
    /// Reliability once calibrated on other subjects.
    pub after: Vec<Bin>,
    /// What was fitted on all subjects.
    pub fitted: Fitted,
}

/// One statement with its probability before and after, and whether it may be given.
struct Said {
    before: f64,
    after: f64,
    right: bool,
    given: bool,
}

/// Calibration of class probabilities `[item][class]` by a temperature.
pub(crate) fn classes(
    p: &[Vec<f64>],
    truth: &[usize],
    groups: &[String],
    bootstrap: Bootstrap,
) -> Option<CalibrationReport> {
    let matter = Matter::Diagnosis;
    let right: Vec<bool> = p.iter().zip(truth).map(|(p, t)| top(p).0 == *t).collect();
    let fit = |kept: &[usize]| -> Option<Temperature> {
        let rows: Vec<Vec<f64>> = kept.iter().map(|i| p[*i].clone()).collect();
        let classes: Vec<usize> = kept.iter().map(|i| truth[*i]).collect();
        let mut fitted = Temperature {
            temperature: fit_temperature(&rows, &classes)?,
            abstain_below: 0.0,
            n: kept.len(),
        };
        let sure: Vec<f64> = rows.iter().map(|r| top(&fitted.apply(r)).1).collect();
        let good: Vec<bool> = kept.iter().map(|i| right[*i]).collect();
        fitted.abstain_below = threshold(&sure, &good, matter.wanted());
        Some(fitted)
    };
    let said = crossed(groups, &fit, |fitted: &Temperature, i| {
        let after = top(&fitted.apply(&p[i])).1;
        Said {
            before: top(&p[i]).1,
            after,
            right: right[i],
            given: after >= fitted.abstain_below,
        }
    })?;
    let fitted = Fitted::Temperature(fit(&(0..p.len()).collect::<Vec<_>>())?);
    Some(report(matter, &said, groups, fitted, bootstrap))
}

/// Calibration of the probability of statements by Platt scaling.
pub(crate) fn statements(
    matter: Matter,
    p: &[f64],
    right: &[bool],
    groups: &[String],
    bootstrap: Bootstrap,
) -> Option<CalibrationReport> {
    let fit = |kept: &[usize]| -> Option<Odds> {
        let said: Vec<f64> = kept.iter().map(|i| p[*i]).collect();
        let good: Vec<bool> = kept.iter().map(|i| right[*i]).collect();
        let (scale, shift) = fit_odds(&said, &good, RIDGE)?;
        let mut fitted = Odds {
            scale,
            shift,
            unsure_below: 0.0,
            n: kept.len(),
        };
        let sure: Vec<f64> = said.iter().map(|p| fitted.apply(*p)).collect();
        fitted.unsure_below = threshold(&sure, &good, matter.wanted());
        Some(fitted)
    };
    let said = crossed(groups, &fit, |fitted: &Odds, i| {
        let after = fitted.apply(p[i]);
        Said {
            before: p[i],
            after,
            right: right[i],
            given: after >= fitted.unsure_below,
        }
    })?;
    let fitted = Fitted::Odds(fit(&(0..p.len()).collect::<Vec<_>>())?);
    Some(report(matter, &said, groups, fitted, bootstrap))
}

/// Every item by what was fitted on the other folds; `None` with fewer groups than folds.
fn crossed<F>(
    groups: &[String],
    fit: &dyn Fn(&[usize]) -> Option<F>,
    say: impl Fn(&F, usize) -> Said,
) -> Option<Vec<Said>> {
    let fold = folds(groups, FOLDS);
    let mut fitted = Vec::with_capacity(FOLDS);
    for k in 0..FOLDS {
        let others: Vec<usize> = (0..fold.len()).filter(|i| fold[*i] != k).collect();
        if others.is_empty() || others.len() == fold.len() {
            return None;
        }
        fitted.push(fit(&others)?);
    }
    Some((0..fold.len()).map(|i| say(&fitted[fold[i]], i)).collect())
}

fn report(
    matter: Matter,
    said: &[Said],
    groups: &[String],
    fitted: Fitted,
    bootstrap: Bootstrap,
) -> CalibrationReport {
    let columns = |drawn: &[usize], of: fn(&Said) -> f64| -> (Vec<f64>, Vec<bool>) {
        drawn
            .iter()
            .map(|i| (of(&said[*i]), said[*i].right))
            .unzip()
    };
    let ece = |of: fn(&Said) -> f64| {
        bootstrap.estimate(groups, |drawn| {
            let (p, right) = columns(drawn, of);
            calibration(&p, &right, BINS).map(|c| c.ece)
        })
    };
    let score = |of: fn(&Said) -> f64| {
        bootstrap.estimate(groups, |drawn| {
            let (p, right) = columns(drawn, of);
            brier(&p, &right)
        })
    };
    let given: Vec<bool> = said.iter().map(|s| s.given).collect();
    let right = bootstrap.estimate(groups, |drawn| {
        let kept = drawn.iter().map(|i| &said[*i]).filter(|s| s.given);
        let (n, good) = kept.fold((0.0, 0.0), |(n, good), s| {
            (n + 1.0, good + f64::from(u8::from(s.right)))
        });
        (n > 0.0).then(|| good / n)
    });
    let values = [
        ece(|s| s.before),
        ece(|s| s.after),
        score(|s| s.before),
        score(|s| s.after),
        bootstrap.share(&given, groups),
        right,
    ];
    let all: Vec<usize> = (0..said.len()).collect();
    let bins = |of: fn(&Said) -> f64| {
        let (p, right) = columns(&all, of);
        calibration(&p, &right, BINS).map_or_else(Vec::new, |c| c.bins)
    };
    CalibrationReport {
        of: matter,
        figures: matter
            .figures()
            .into_iter()
            .zip(values)
            .map(|(name, value)| Figure::new(name, value))
            .collect(),
        before: bins(|s| s.before),
        after: bins(|s| s.after),
        fitted,
    }
}

/// The most probable class and its probability.
fn top(p: &[f64]) -> (usize, f64) {
    p.iter().copied().enumerate().fold(
        (0, f64::MIN),
        |best, (k, p)| {
            if p > best.1 { (k, p) } else { best }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOTSTRAP: Bootstrap = Bootstrap { seed: 1, draws: 50 };

    fn figure(report: &CalibrationReport, name: &str) -> f64 {
        let found = report.figures.iter().find(|f| f.name == name);
        found.and_then(|f| f.estimate.value).expect(name)
    }

    #[test]
    fn an_overconfident_model_is_calibrated_on_other_subjects() {
        // Says 0.95 and 0.6; is right in 8 of 10 and in 6 of 10, in every subject alike.
        let (mut p, mut truth, mut groups) = (Vec::new(), Vec::new(), Vec::new());
        for subject in 0..10 {
            for k in 0..10 {
                let (sure, right) = if k % 2 == 0 {
                    (0.95, k < 8)
                } else {
                    (0.6, k < 6)
                };
                p.push(vec![sure, 1.0 - sure]);
                truth.push(usize::from(!right));
                groups.push(format!("s{subject}"));
            }
        }
        let report = classes(&p, &truth, &groups, BOOTSTRAP).unwrap();
        assert!(figure(&report, "diagnosis_ece") > 0.05);
        assert!(figure(&report, "diagnosis_ece_calibrated") < figure(&report, "diagnosis_ece"));
        let Fitted::Temperature(t) = report.fitted else {
            panic!("a temperature");
        };
        assert!(t.temperature > 1.2 && t.n == 100, "{t:?}");
        // Nothing reaches 97%: nothing is given.
        assert_eq!(
            (t.abstain_below, figure(&report, "diagnosis_given")),
            (1.0, 0.0)
        );
    }

    #[test]
    fn a_subject_does_not_judge_what_it_helped_to_fit() {
        // Four subjects are always right when they say 0.6; the fifth is always wrong.
        let groups: Vec<String> = (0..50).map(|k| format!("s{}", k / 10)).collect();
        let right: Vec<bool> = (0..50).map(|k| k < 40).collect();
        let report = statements(Matter::Finding, &[0.6; 50], &right, &groups, BOOTSTRAP).unwrap();
        // Seen by the others, the fifth is as good as surely right; itself it is wrong.
        let last = report.after.iter().rev().find(|b| b.n > 0).unwrap();
        assert!(
            last.confidence.unwrap() > 0.9 && last.accuracy == Some(0.0),
            "{last:?}"
        );
    }

    #[test]
    fn one_subject_cannot_be_crossed() {
        let groups = vec!["a".to_owned(); 4];
        let right = [true, false, true, true];
        assert_eq!(
            statements(Matter::Answer, &[0.5; 4], &right, &groups, BOOTSTRAP),
            None
        );
    }
}
