//! Questions about head images, MR only: closed answers by their words, open answers by the words found again.

use std::collections::HashMap;

use omnimri_corpus::QuestionAnswer;
use omnimri_findings::questions::without_tokens;
use omnimri_workflow::{Checked, ReadOptions, Scope};
use rayon::prelude::*;

use crate::calibrate::{self, Matter};
use crate::case::Case;
use crate::figure::{Failed, Figure, SetReport};
use crate::questions::Nothing;
use crate::reading::{Event, Run};
use crate::sets::Set;

/// What became of one question.
#[derive(Debug)]
struct Outcome<'a> {
    asked: &'a QuestionAnswer,
    image: &'a str,
    answer: Result<String, String>,
    out_of_scope: bool,
    /// How sure the language model is of its own words, and whether they are the same for a blank and for noise; none for an
    /// image that was refused.
    own: Option<(f64, bool)>,
}

/// Lower-case words; anything but letters and digits parts them.
fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A closed answer is right if it begins with the words of the true one.
fn closed_right(answer: &str, truth: &str) -> bool {
    words(answer).starts_with(&words(truth))
}

/// Share of the true answer's words that the answer holds.
fn open_recall(answer: &str, truth: &str) -> f64 {
    let (answer, truth) = (words(answer), words(truth));
    let found = truth.iter().filter(|t| answer.contains(t)).count();
    found as f64 / truth.len().max(1) as f64
}

/// Share of the most common answer: what always giving it would score.
fn most_common(answers: &[String]) -> Option<f64> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for answer in answers {
        *counts.entry(answer).or_default() += 1;
    }
    counts
        .values()
        .max()
        .map(|n| *n as f64 / answers.len() as f64)
}

/// Looks at an image once and asks its questions.
fn ask<'a>(
    run: Run<'_>,
    case: &'a Case,
    questions: &[&'a QuestionAnswer],
    nothing: &Nothing<'_>,
) -> Vec<Outcome<'a>> {
    let looked = run
        .engine
        .look_at(&case.path, &ReadOptions::default())
        .map_err(|e| e.to_string());
    if let Err(reason) = &looked {
        (run.tell)(Event::Failed(&case.path, reason));
    }
    let each = questions.iter().map(|asked| {
        let reply = looked.as_ref().map_err(Clone::clone).and_then(|looked| {
            run.engine
                .ask(looked, &asked.question, &case.path)
                .map_err(|e| e.to_string())
        });
        let own = looked.as_ref().ok().and_then(|looked| {
            if matches!(looked.scope(), Scope::OutOfScope(_)) {
                return None;
            }
            let answer = run.engine.said(looked, &asked.question, &case.path).ok()?;
            let words = without_tokens(&answer.text);
            let same = nothing.says(&asked.question, &words).ok()?;
            Some((answer.probability, same))
        });
        (run.tell)(Event::Input);
        Outcome {
            own,
            asked,
            image: &case.example.id,
            out_of_scope: reply
                .as_ref()
                .is_ok_and(|r| r.checked == Checked::OutOfScope),
            answer: reply.map(|r| r.text),
        }
    });
    each.collect()
}

/// Asks and scores the questions; `limit` keeps the first questions of the table.
pub(crate) fn report(run: Run<'_>, cases: &[Case], limit: Option<usize>) -> SetReport {
    let mut left = limit.unwrap_or(usize::MAX);
    let mut asked: Vec<(&Case, Vec<&QuestionAnswer>)> = Vec::new();
    for case in cases {
        let questions: Vec<_> = case.example.questions.iter().take(left).collect();
        left -= questions.len();
        if case.example.classes.modality_mr == Some(true) && !questions.is_empty() {
            asked.push((case, questions));
        }
    }
    let inputs = asked.iter().map(|(_, q)| q.len()).sum();
    (run.tell)(Event::Set(Set::VqaRad, inputs));
    let nothing = Nothing::new(run.engine);
    let all: Vec<Outcome<'_>> = asked
        .par_iter()
        .flat_map_iter(|(case, questions)| ask(run, case, questions, &nothing))
        .collect();
    let (closed, open): (Vec<&Outcome<'_>>, Vec<&Outcome<'_>>) =
        all.iter().partition(|o| o.asked.closed);
    let images = |of: &[&Outcome<'_>]| of.iter().map(|o| o.image.to_owned()).collect::<Vec<_>>();
    let said = |o: &Outcome<'_>| o.answer.clone().unwrap_or_default();
    let right: Vec<bool> = closed
        .iter()
        .map(|o| closed_right(&said(o), &o.asked.answer))
        .collect();
    let recall: Vec<f64> = open
        .iter()
        .map(|o| open_recall(&said(o), &o.asked.answer))
        .collect();
    let truths: Vec<String> = closed
        .iter()
        .map(|o| o.asked.answer.to_lowercase())
        .collect();
    let failed = all.iter().filter_map(|o| {
        let reason = o.answer.as_ref().err()?.clone();
        Some(Failed {
            id: format!("{}: {}", o.image, o.asked.question),
            reason,
        })
    });
    let answered: Vec<&Outcome<'_>> = all.iter().filter(|o| o.own.is_some()).collect();
    let same: Vec<bool> = answered
        .iter()
        .filter_map(|o| o.own.map(|(_, same)| same))
        .collect();
    let sure = closed.iter().zip(&right);
    let sure = sure.filter_map(|(o, right)| Some((o.own?.0, *right, o.image.to_owned())));
    let (mut p, mut good, mut of) = (Vec::new(), Vec::new(), Vec::new());
    for (probability, right, image) in sure {
        p.push(probability);
        good.push(right);
        of.push(image);
    }
    let calibrations: Vec<_> =
        calibrate::statements(Matter::FreeAnswer, &p, &good, &of, run.bootstrap)
            .into_iter()
            .collect();
    let more: Vec<Figure> = calibrations
        .iter()
        .flat_map(|c: &calibrate::CalibrationReport| c.figures.clone())
        .collect();
    let mut report = SetReport {
        out_of_scope: all.iter().filter(|o| o.out_of_scope).count(),
        figures: vec![
            Figure::new(
                "closed_accuracy",
                run.bootstrap.share(&right, &images(&closed)),
            ),
            Figure::plain(
                "closed_always_most_common",
                most_common(&truths),
                truths.len(),
            ),
            Figure::new(
                "open_token_recall",
                run.bootstrap.mean(&recall, &images(&open)),
            ),
            Figure::new(
                "same_on_blank_and_noise",
                run.bootstrap.share(&same, &images(&answered)),
            ),
        ],
        calibrations,
        failed: failed.collect(),
        notes: vec![
            "Some answers of the set are vague or wrong. closed_always_most_common is what one fixed answer would score.",
        ],
        ..SetReport::new(Set::VqaRad, inputs)
    };
    report.figures.extend(more);
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_answers() {
        assert_eq!(words("T2-weighted, FLAIR!"), ["t2", "weighted", "flair"]);
        assert!(closed_right("Yes, in the left lobe.", "yes"));
        assert!(!closed_right("No", "yes") && !closed_right("", "yes"));
        assert!(!closed_right("ye", "yes"));
        assert!(
            (open_recall("the left frontal lobe", "Left temporal lobe") - 2.0 / 3.0).abs() < 1e-12
        );
        assert_eq!(open_recall("", ""), 0.0);
    }

    #[test]
    fn the_most_common_answer() {
        let answers = ["no", "yes", "no", "mri"].map(str::to_owned);
        assert_eq!(most_common(&answers), Some(0.5));
        assert_eq!(most_common(&[]), None);
    }
}
