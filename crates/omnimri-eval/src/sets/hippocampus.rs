//! Hippocampus crops: the two parts and the whole.

use omnimri_findings::Label;
use omnimri_workflow::Interpretation;

use crate::case::{Case, Overlap, mask};
use crate::figure::{Figure, SetReport};
use crate::metrics::volume_error;
use crate::reading::{Event, Run};
use crate::record::Record;
use crate::sets::Set;
use crate::told::Told;

/// Tolerance of the surface Dice, in mm: a voxel.
const TOLERANCE_MM: f64 = 1.0;

/// What became of one crop.
#[derive(Debug, Default)]
struct Outcome {
    anterior: Overlap,
    posterior: Overlap,
    whole: Overlap,
    /// Relative error of the whole volume.
    volume_error: Option<f64>,
}

fn judge(case: &Case, said: Option<&Interpretation>) -> Outcome {
    let drawn = case.drawn(said.and_then(|s| s.labels.as_ref()));
    let anterior = |l| l == Label::AnteriorHippocampus;
    let posterior = |l| l == Label::PosteriorHippocampus;
    let whole = |l| anterior(l) || posterior(l);
    let count = |mask: &mut dyn Iterator<Item = bool>| mask.filter(|v| *v).count() as f64;
    let (found, true_volume) = (
        count(&mut mask(&drawn, whole)),
        count(&mut case.true_mask(whole)),
    );
    Outcome {
        anterior: case.overlap(&drawn, anterior, TOLERANCE_MM),
        posterior: case.overlap(&drawn, posterior, TOLERANCE_MM),
        whole: case.overlap(&drawn, whole, TOLERANCE_MM),
        volume_error: volume_error(found, true_volume),
    }
}

/// Reads and scores the crops.
pub(crate) fn report(run: Run<'_>, cases: &[Case]) -> (SetReport, Vec<Option<Told>>) {
    (run.tell)(Event::Set(Set::Hippocampus, cases.len()));
    let outcomes = run.read_all(cases, judge);
    let groups: Vec<&str> = cases.iter().map(|c| c.example.subject.as_str()).collect();
    let mean = |of: fn(&Outcome) -> Option<f64>| {
        let values: Vec<Option<f64>> = outcomes.all.iter().map(of).collect();
        run.bootstrap.mean_of_defined(&values, &groups)
    };
    let records = cases.iter().zip(&outcomes.all).map(|(case, o)| Record {
        dice: Some((o.anterior.dice + o.posterior.dice) / 2.0),
        ..Record::new(Set::Hippocampus, case, "hippocampus")
    });
    let report = SetReport {
        records: records.collect(),
        out_of_scope: outcomes.out_of_scope,
        figures: vec![
            Figure::new(
                "dice",
                mean(|o| Some((o.anterior.dice + o.posterior.dice) / 2.0)),
            ),
            Figure::new("dice_anterior", mean(|o| Some(o.anterior.dice))),
            Figure::new("dice_posterior", mean(|o| Some(o.posterior.dice))),
            Figure::new("dice_whole", mean(|o| Some(o.whole.dice))),
            Figure::new(
                "surface_dice_1mm_whole",
                mean(|o| Some(o.whole.surface_dice)),
            ),
            Figure::new("hausdorff95_mm_whole", mean(|o| o.whole.hausdorff_95)),
            Figure::new("volume_error_whole", mean(|o| o.volume_error)),
        ],
        failed: outcomes.failed,
        notes: vec![
            "Left and right crops of one person may both be there, unnamed: each crop is resampled by itself.",
        ],
        ..SetReport::new(Set::Hippocampus, cases.len())
    };
    (report, outcomes.told)
}
