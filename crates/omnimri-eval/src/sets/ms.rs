//! FLAIR slices of two patients with multiple sclerosis: lesions one by one.
//!
//! The set has no val part. A model that was trained on both patients has seen what it is judged by here; leaving one patient out
//! needs a model that was trained without it, which the note says.

use omnimri_findings::Label;
use omnimri_workflow::Interpretation;

use crate::case::{Case, mask};
use crate::figure::{Figure, SetReport};
use crate::metrics::{LesionCounts, dice};
use crate::reading::{Event, Run};
use crate::record::Record;
use crate::sets::Set;
use crate::told::Told;

/// Series that shows the lesions best and is read.
const SERIES: &str = "/flair";

/// What became of one slice.
#[derive(Debug, Default)]
struct Outcome {
    dice: f64,
    lesions: LesionCounts,
}

/// The first FLAIR slices; the other series show the same slices again.
pub(crate) fn flair(cases: Vec<Case>, limit: Option<usize>) -> Vec<Case> {
    let all = cases.into_iter().filter(|c| c.example.id.ends_with(SERIES));
    all.take(limit.unwrap_or(usize::MAX)).collect()
}

fn is_lesion(label: Label) -> bool {
    label == Label::MsLesion
}

fn judge(case: &Case, said: Option<&Interpretation>) -> Outcome {
    let drawn = case.drawn(said.and_then(|s| s.labels.as_ref()));
    let size = case.example.image.native_size;
    let (drawn, truth): (Vec<bool>, Vec<bool>) = (
        mask(&drawn, is_lesion).collect(),
        case.true_mask(is_lesion).collect(),
    );
    Outcome {
        lesions: LesionCounts::of(&truth, &drawn, size).unwrap_or_default(),
        dice: dice(drawn, truth).unwrap_or(0.0),
    }
}

/// F1 of the lesions of some slices taken together.
fn f1(all: &[Outcome], drawn: &[usize]) -> Option<f64> {
    let sum = drawn
        .iter()
        .map(|i| all[*i].lesions)
        .fold(LesionCounts::default(), |a, b| a + b);
    Some(sum.f1())
}

/// Reads and scores the slices.
pub(crate) fn report(run: Run<'_>, cases: &[Case]) -> (SetReport, Vec<Option<Told>>) {
    let set = Set::MsBrain;
    (run.tell)(Event::Set(set, cases.len()));
    let outcomes = run.read_all(cases, judge);
    let groups: Vec<&str> = cases.iter().map(|c| c.example.subject.as_str()).collect();
    let there: Vec<bool> = cases
        .iter()
        .map(|c| c.true_mask(is_lesion).any(|inside| inside))
        .collect();
    let dices = outcomes.all.iter().zip(&there);
    let dices: Vec<Option<f64>> = dices.map(|(o, there)| there.then_some(o.dice)).collect();
    let records = cases.iter().zip(&dices).map(|(case, dice)| Record {
        dice: *dice,
        ..Record::new(set, case, Label::MsLesion.name())
    });
    let report = SetReport {
        out_of_scope: outcomes.out_of_scope,
        figures: vec![
            Figure::new(
                "lesion_f1_trained_on",
                run.bootstrap
                    .estimate(&groups, |drawn| f1(&outcomes.all, drawn)),
            ),
            Figure::new(
                "dice_trained_on",
                run.bootstrap.mean_of_defined(&dices, &groups),
            ),
        ],
        records: records.collect(),
        failed: outcomes.failed,
        notes: vec![
            "Trained on: the set has two patients and no val part, and the committed model saw both. Its figures say how well it fits, \
             not how well it does on others; leaving one patient out needs a model trained without that patient.",
        ],
        ..SetReport::new(set, cases.len())
    };
    (report, outcomes.told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lesions_are_counted_over_all_slices() {
        let slice = |found, missed, invented| Outcome {
            dice: 0.0,
            lesions: LesionCounts {
                found,
                missed,
                invented,
            },
        };
        let all = [slice(1, 0, 0), slice(0, 2, 1), slice(0, 0, 0)];
        assert_eq!(f1(&all, &[0, 1, 2]), Some(2.0 / 5.0));
        assert_eq!(f1(&all, &[0, 2]), Some(1.0));
    }
}
