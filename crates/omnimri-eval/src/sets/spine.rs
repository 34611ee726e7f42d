//! Sagittal lumbar slices: each vertebral body, and all taken together.

use omnimri_findings::{Label, Region};
use omnimri_workflow::Interpretation;

use crate::case::{Case, mask};
use crate::figure::{Figure, SetReport};
use crate::metrics::dice;
use crate::reading::{Event, Run};
use crate::record::Record;
use crate::sets::Set;
use crate::told::Told;

/// What became of one slice.
#[derive(Debug)]
struct Outcome {
    /// Dice of every vertebral body that is truly there.
    each: Vec<f64>,
    /// Dice of all bodies as one mask.
    any: f64,
}

fn is_vertebra(label: Label) -> bool {
    label.region() == Region::LumbarSpine
}

fn judge(case: &Case, said: Option<&Interpretation>) -> Outcome {
    let drawn = case.drawn(said.and_then(|s| s.labels.as_ref()));
    let score = |wanted: &dyn Fn(Label) -> bool| {
        dice(mask(&drawn, wanted), case.true_mask(wanted)).unwrap_or(0.0)
    };
    let bodies = Label::ALL.into_iter().filter(|l| is_vertebra(*l));
    let there = bodies.filter(|l| case.true_mask(|t| t == *l).any(|inside| inside));
    Outcome {
        each: there.map(|l| score(&|t| t == l)).collect(),
        any: score(&is_vertebra),
    }
}

/// Reads and scores the slices.
pub(crate) fn report(run: Run<'_>, cases: &[Case]) -> (SetReport, Vec<Option<Told>>) {
    (run.tell)(Event::Set(Set::SpineLumbar, cases.len()));
    let outcomes = run.read_all(cases, judge);
    let subjects: Vec<&str> = cases.iter().map(|c| c.example.subject.as_str()).collect();
    let any: Vec<f64> = outcomes.all.iter().map(|o| o.any).collect();
    let (mut each, mut each_subject) = (Vec::new(), Vec::new());
    for (outcome, subject) in outcomes.all.iter().zip(&subjects) {
        each.extend(&outcome.each);
        each_subject.extend(outcome.each.iter().map(|_| *subject));
    }
    let records = cases.iter().zip(&outcomes.all).map(|(case, o)| Record {
        dice: crate::interval::mean(&o.each),
        ..Record::new(Set::SpineLumbar, case, "vertebral bodies")
    });
    let report = SetReport {
        records: records.collect(),
        out_of_scope: outcomes.out_of_scope,
        figures: vec![
            Figure::new("dice", run.bootstrap.mean(&each, &each_subject)),
            Figure::new("dice_any_vertebra", run.bootstrap.mean(&any, &subjects)),
        ],
        failed: outcomes.failed,
        notes: vec!["dice counts every vertebral body that an annotator outlined in a slice once."],
        ..SetReport::new(Set::SpineLumbar, cases.len())
    };
    (report, outcomes.told)
}
