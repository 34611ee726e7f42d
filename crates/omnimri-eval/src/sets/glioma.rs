//! Glioma volumes of a centre that is not among the training data: the outline in 3D, and which class is ranked first.

use omnimri_findings::{Label, TumourClass};
use omnimri_workflow::Interpretation;

use crate::case::{Case, Overlap};
use crate::figure::{Figure, SetReport};
use crate::metrics::volume_error;
use crate::reading::{Event, Run};
use crate::record::Record;
use crate::sets::Set;
use crate::told::Told;

/// Tolerance of the surface Dice, in voxels: the headers' spacing is wrong.
const TOLERANCE: f64 = 2.0;

/// What became of one volume.
#[derive(Debug, Default)]
struct Outcome {
    /// Agreement of all tumour outlines, whatever class they are given.
    overlap: Overlap,
    /// Relative error of the outlined volume.
    volume_error: Option<f64>,
    /// Whether glioma is the most probable class.
    first: bool,
    /// Whether a tumour is more probable than none.
    tumour: bool,
}

fn is_tumour(label: Label) -> bool {
    TumourClass::from_label(label).is_some()
}

fn judge(case: &Case, said: Option<&Interpretation>) -> Outcome {
    let drawn = case.drawn(said.and_then(|s| s.labels.as_ref()));
    let count = |mask: &mut dyn Iterator<Item = bool>| mask.filter(|v| *v).count() as f64;
    let found = count(&mut crate::case::mask(&drawn, is_tumour));
    let first = said.and_then(|s| s.diagnosis.first());
    let class = first.and_then(|d| TumourClass::from_name(&d.label));
    Outcome {
        overlap: case.overlap(&drawn, is_tumour, TOLERANCE),
        volume_error: volume_error(found, count(&mut case.true_mask(is_tumour))),
        first: class == Some(TumourClass::Glioma),
        tumour: class.is_some_and(|c| c != TumourClass::None),
    }
}

/// Reads and scores the volumes.
pub(crate) fn report(run: Run<'_>, cases: &[Case]) -> (SetReport, Vec<Option<Told>>) {
    let set = Set::GliomaProgression;
    (run.tell)(Event::Set(set, cases.len()));
    let outcomes = run.read_all(cases, judge);
    let groups: Vec<&str> = cases.iter().map(|c| c.example.subject.as_str()).collect();
    let mean = |of: fn(&Outcome) -> Option<f64>| {
        let values: Vec<Option<f64>> = outcomes.all.iter().map(of).collect();
        run.bootstrap.mean_of_defined(&values, &groups)
    };
    let share = |of: fn(&Outcome) -> bool| {
        let values: Vec<bool> = outcomes.all.iter().map(of).collect();
        run.bootstrap.share(&values, &groups)
    };
    let records = cases.iter().zip(&outcomes.all).map(|(case, o)| Record {
        dice: Some(o.overlap.dice),
        recognised: Some(o.first),
        ..Record::new(set, case, TumourClass::Glioma.name())
    });
    let report = SetReport {
        out_of_scope: outcomes.out_of_scope,
        figures: vec![
            Figure::new("dice", mean(|o| Some(o.overlap.dice))),
            Figure::new(
                "surface_dice_2voxels",
                mean(|o| Some(o.overlap.surface_dice)),
            ),
            Figure::new("hausdorff95_voxels", mean(|o| o.overlap.hausdorff_95)),
            Figure::new("volume_error", mean(|o| o.volume_error)),
            Figure::new("glioma_ranked_first", share(|o| o.first)),
            Figure::new("any_tumour_ranked_first", share(|o| o.tumour)),
        ],
        records: records.collect(),
        failed: outcomes.failed,
        notes: vec![
            "An outside centre: nothing of it was trained on. Two volumes a patient, of four patients.",
            "The annotators outlined what enhances; the training masks hold the whole mass.",
        ],
        ..SetReport::new(set, cases.len())
    };
    (report, outcomes.told)
}
