//! Hippocampus crops: the two parts and the whole.

use omnimri_findings::Label;
use omnimri_workflow::Interpretation;

use crate::case::{Case, mask};
use crate::figure::{Figure, SetReport};
use crate::metrics::dice;
use crate::reading::{Event, Run};
use crate::sets::Set;

/// Dice of anterior part, posterior part, and both taken together.
fn judge(case: &Case, said: Option<&Interpretation>) -> [f64; 3] {
    let drawn = case.drawn(said.and_then(|s| s.labels.as_ref()));
    let anterior = |l| l == Label::AnteriorHippocampus;
    let posterior = |l| l == Label::PosteriorHippocampus;
    let score = |wanted: &dyn Fn(Label) -> bool| {
        dice(mask(&drawn, wanted), case.true_mask(wanted)).unwrap_or(0.0)
    };
    [
        score(&anterior),
        score(&posterior),
        score(&|l| anterior(l) || posterior(l)),
    ]
}

/// Reads and scores the crops.
pub(crate) fn report(run: Run<'_>, cases: &[Case]) -> SetReport {
    (run.tell)(Event::Set(Set::Hippocampus, cases.len()));
    let outcomes = run.read_all(cases, judge);
    let groups: Vec<&str> = cases.iter().map(|c| c.example.subject.as_str()).collect();
    let mean = |of: fn(&[f64; 3]) -> f64| {
        run.bootstrap
            .mean(&outcomes.all.iter().map(of).collect::<Vec<_>>(), &groups)
    };
    SetReport {
        set: Set::Hippocampus,
        inputs: cases.len(),
        out_of_scope: outcomes.out_of_scope,
        figures: vec![
            Figure::new("dice", mean(|d| (d[0] + d[1]) / 2.0)),
            Figure::new("dice_anterior", mean(|d| d[0])),
            Figure::new("dice_posterior", mean(|d| d[1])),
            Figure::new("dice_whole", mean(|d| d[2])),
        ],
        reliability: Vec::new(),
        failed: outcomes.failed,
        notes: vec![
            "Left and right crops of one person may both be there, unnamed: each crop is resampled by itself.",
        ],
    }
}
