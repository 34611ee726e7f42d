//! Questions of the instruction data: is the language model right, how sure is it, and would it say the same of nothing?

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use omnimri_findings::questions::{Question, agrees, without_tokens};
use omnimri_workflow::{Engine, ReadOptions, Scope};
use rayon::prelude::*;

use crate::case::Case;
use crate::figure::Figure;
use crate::reading::Run;

/// Questions of an image at most, of different kinds.
const EACH: usize = 3;

/// What the language model says to one question.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answered {
    /// Person or block of slices, unique over all sets.
    pub subject: String,
    /// Probability that it gives its own words.
    pub probability: f64,
    /// Whether they agree with the truth.
    pub right: bool,
    /// Whether they are the same for a blank and for noise.
    pub same: bool,
}

/// What the model says of nothing, remembered by question.
pub(crate) struct Nothing<'a> {
    engine: &'a Engine,
    known: Mutex<HashMap<String, [String; 2]>>,
}

impl<'a> Nothing<'a> {
    pub fn new(engine: &'a Engine) -> Self {
        Self {
            engine,
            known: Mutex::default(),
        }
    }

    /// True if a blank and noise are answered in the same words.
    pub fn says(&self, question: &str, words: &str) -> Result<bool, String> {
        let known = |all: &HashMap<String, [String; 2]>| all.get(question).cloned();
        let remembered = known(&self.known.lock().unwrap_or_else(PoisonError::into_inner));
        let said = match remembered {
            Some(said) => said,
            None => {
                let said = self
                    .engine
                    .said_of_nothing(question)
                    .map_err(|e| e.to_string())?;
                let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                all.insert(question.to_owned(), said.clone());
                said
            }
        };
        Ok(said.iter().all(|s| s == words))
    }
}

/// At most `images` cases, evenly spread over the table.
fn spread(cases: &[Case], images: usize) -> Vec<&Case> {
    let n = cases.len().min(images);
    (0..n).map(|k| &cases[k * cases.len() / n]).collect()
}

/// Asks the questions of at most `images` cases; refused images are not asked about.
pub(crate) fn ask(
    run: Run<'_>,
    cases: &[Case],
    images: usize,
    nothing: &Nothing<'_>,
) -> Vec<Answered> {
    let asked = spread(cases, images);
    asked
        .par_iter()
        .flat_map_iter(|case| of_case(run, case, nothing))
        .collect()
}

fn of_case(run: Run<'_>, case: &Case, nothing: &Nothing<'_>) -> Vec<Answered> {
    let looked = run.engine.look_at(&case.path, &ReadOptions::default());
    // What cannot be read is listed by the reading of the set.
    let Ok(looked) = looked else {
        return Vec::new();
    };
    if matches!(looked.scope(), Scope::OutOfScope(_)) {
        return Vec::new();
    }
    let mut out = Vec::new();
    for text in case.questions.iter().take(EACH) {
        let Some(question) = Question::parse(text) else {
            continue;
        };
        let Ok(answer) = run.engine.said(&looked, text, &case.path) else {
            continue;
        };
        let words = without_tokens(&answer.text);
        let Some(right) = agrees(&question, &words, &case.facts) else {
            continue;
        };
        let Ok(same) = nothing.says(text, &words) else {
            continue;
        };
        out.push(Answered {
            subject: format!("{}/{}", case.example.dataset, case.example.subject),
            probability: answer.probability,
            right,
            same,
        });
    }
    out
}

/// Figures of the answers of a set.
pub(crate) fn figures(run: Run<'_>, answered: &[Answered]) -> Vec<Figure> {
    if answered.is_empty() {
        return Vec::new();
    }
    let groups: Vec<&str> = answered.iter().map(|a| a.subject.as_str()).collect();
    let share = |of: fn(&Answered) -> bool| {
        let values: Vec<bool> = answered.iter().map(of).collect();
        run.bootstrap.share(&values, &groups)
    };
    vec![
        Figure::new("questions_right_unchecked", share(|a| a.right)),
        Figure::new("questions_same_on_blank_and_noise", share(|a| a.same)),
        Figure::new(
            "questions_right_and_not_the_same",
            share(|a| a.right && !a.same),
        ),
    ]
}
