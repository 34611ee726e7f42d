//! A whole evaluation.

use std::path::Path;

use omnimri_corpus::Split;
use omnimri_findings::Fact;
use omnimri_workflow::{Engine, Trust, Wording};
use serde::Serialize;

use crate::calibrate::{self, CalibrationReport, Fitted, Matter};
use crate::case::Case;
use crate::config::EvalConfig;
use crate::error::{Error, Result};
use crate::figure::SetReport;
use crate::interval::Bootstrap;
use crate::page::ends;
use crate::questions::{self, Answered, Nothing};
use crate::reading::{Event, Run};
use crate::record::{Record, Row, rows};
use crate::scope::{self, ScopeReport};
use crate::told::{self, Line, OfNothing, Told};

/// Name and version of the JSON that an evaluation becomes.
const SCHEMA: &str = "omnimri.eval/2";

/// The model that was evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelUnderTest {
    /// Name.
    pub name: String,
    /// Version of the program that trained it.
    pub version: String,
    /// SHA-256 of the weights, lower-case hexadecimal.
    pub sha256: String,
}

/// Figures of every set, and what is needed to get them again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Name and version of this form.
    pub schema: &'static str,
    /// The model.
    pub model: ModelUnderTest,
    /// The split.
    pub split: Split,
    /// Only the first rows of each set; `None` for all.
    pub limit: Option<usize>,
    /// Seed of the bootstrap.
    pub seed: u64,
    /// Resamples of the bootstrap.
    pub draws: usize,
    /// The sets in the order of the configuration.
    pub sets: Vec<SetReport>,
    /// One row over every centre, plane and class of all sets.
    pub rows: Vec<Row>,
    /// Calibration of answers to checkable questions, over all sets.
    pub answers: Option<CalibrationReport>,
    /// How well images are told from all others, where that was asked for.
    pub scope: Option<ScopeReport>,
    /// The best and the worst cases of each set, for pictures.
    #[serde(skip)]
    pub(crate) shown: Vec<Case>,
    /// What was fitted, beside what the model came with; not published here but in `trust.json`.
    #[serde(skip)]
    pub trust: Trust,
}

/// Reads and scores every set; `tell` hears of each input.
///
/// # Errors
/// If the configuration makes no sense, or a set is missing, damaged or empty. An input whose reading fails is no error: it is
/// listed and counts as wrong.
pub fn evaluate(
    engine: &Engine,
    config: &EvalConfig,
    tell: &(dyn Fn(Event<'_>) + Sync),
) -> Result<Evaluation> {
    config.check()?;
    let bootstrap = Bootstrap {
        seed: config.seed,
        draws: config.draws,
    };
    let run = Run {
        engine,
        bootstrap,
        tell,
        wording: match config.words {
            true => Wording::Decoded,
            false => Wording::Omitted,
        },
    };
    let model = engine.model_info();
    let mut done = Evaluation {
        schema: SCHEMA,
        model: ModelUnderTest {
            name: model.name,
            version: model.version,
            sha256: model.sha256,
        },
        split: config.split,
        limit: config.limit,
        seed: config.seed,
        draws: config.draws,
        sets: Vec::new(),
        rows: Vec::new(),
        answers: None,
        scope: None,
        shown: Vec::new(),
        trust: engine.trust().clone(),
    };
    match &config.scope {
        Some(wanted) => {
            let (report, gate) = scope::report(run, config, wanted)?;
            done.scope = Some(report);
            done.trust.gate = gate;
        }
        None => sets(run, config, &mut done)?,
    }
    Ok(done)
}

/// Scores every set.
fn sets(run: Run<'_>, config: &EvalConfig, done: &mut Evaluation) -> Result<()> {
    let bootstrap = run.bootstrap;
    let of_nothing = match config.words {
        true => Some(OfNothing::read(run.engine).map_err(Error::Nothing)?),
        false => None,
    };
    let nothing = Nothing::new(run.engine);
    let mut answered: Vec<Answered> = Vec::new();
    for set in &config.sets {
        let (mut report, cases, told) =
            set.report(run, &config.data, config.split, config.limit)?;
        if let Some(of_nothing) = &of_nothing {
            let words = lines(&cases, &told);
            let shown = told::figures(&words, of_nothing, bootstrap);
            report.figures.extend(shown);
            for (case, told) in cases.iter().zip(&told) {
                let all = told.iter().flat_map(|t| &t.contradictions);
                let named = all.map(|c| format!("{}: {c}", case.example.id));
                report.contradictions.extend(named);
            }
            let own = questions::ask(run, &cases, config.asked, &nothing);
            report.figures.extend(questions::figures(run, &own));
            answered.extend(own);
        }
        for calibration in &report.calibrations {
            keep(&mut done.trust, calibration);
        }
        let shown = ends(report.records.iter()).concat();
        let shown: Vec<&Path> = shown.iter().map(|r| r.path.as_path()).collect();
        let cases = cases
            .into_iter()
            .filter(|c| shown.contains(&c.path.as_path()));
        done.shown.extend(cases);
        done.sets.push(report);
    }
    let (mut p, mut right, mut groups) = (Vec::new(), Vec::new(), Vec::new());
    for a in answered {
        p.push(a.probability);
        right.push(a.right);
        groups.push(a.subject);
    }
    done.answers = calibrate::statements(Matter::Answer, &p, &right, &groups, bootstrap);
    if let Some(calibration) = &done.answers {
        keep(&mut done.trust, calibration);
    }
    let records: Vec<Record> = done.sets.iter().flat_map(|s| s.records.clone()).collect();
    done.rows = rows(&records, bootstrap);
    Ok(())
}

/// Cases whose report is known, each with what is true of it.
fn lines<'a>(cases: &'a [Case], told: &'a [Option<Told>]) -> Vec<Line<'a>> {
    let all = cases.iter().zip(told).filter_map(|(case, told)| {
        let truth: &[Fact] = &case.facts;
        Some(Line {
            subject: &case.example.subject,
            truth,
            told: told.as_ref()?,
        })
    });
    all.collect()
}

/// Stores what was fitted where reading looks for it.
fn keep(trust: &mut Trust, calibration: &CalibrationReport) {
    match (calibration.of, calibration.fitted) {
        (Matter::Diagnosis, Fitted::Temperature(t)) => trust.diagnosis = Some(t),
        (Matter::Finding, Fitted::Odds(o)) => trust.findings = Some(o),
        (Matter::Answer, Fitted::Odds(o)) => trust.answers = Some(o),
        (Matter::FreeAnswer, Fitted::Odds(o)) => trust.free_answers = Some(o),
        (Matter::Diagnosis, Fitted::Odds(_)) | (_, Fitted::Temperature(_)) => {}
    }
}
