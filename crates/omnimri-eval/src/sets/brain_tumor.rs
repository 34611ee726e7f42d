//! Brain slices: outlines, boxes, classes and their calibration.

use omnimri_findings::{Label, TumourClass};
use omnimri_image::Plane;
use omnimri_workflow::Interpretation;

use crate::calibrate::{self, CalibrationReport, Matter};
use crate::case::{Case, Overlap};
use crate::figure::{Confusion, Figure, SetReport};
use crate::interval::{Bootstrap, Estimate};
use crate::metrics::{
    Detection, auroc, average_precision, balanced_accuracy, bounding_box, box_iou, confusion, froc,
    mean_average_precision, sensitivity_at,
};
use crate::reading::{Event, Run};
use crate::record::Record;
use crate::sets::Set;
use crate::told::Told;

/// Intersection over union from which a box counts as found.
const FOUND: f64 = 0.5;
/// False boxes an image at which the sensitivity is told.
const FALSE_PER_IMAGE: f64 = 0.25;
/// Tolerance of the surface Dice, in pixels: JPEG carries no pixel size.
const TOLERANCE_PX: f64 = 2.0;

/// What became of one slice.
#[derive(Debug, Clone, Default)]
struct Outcome {
    /// Block of neighbouring slices; patients are not named.
    subject: String,
    /// The true class.
    truth: Option<TumourClass>,
    /// The true box, where there is a tumour.
    bbox: Option<[f64; 4]>,
    /// The true plane.
    true_plane: Option<Plane>,
    /// Agreement of all tumour outlines with the true one.
    overlap: Overlap,
    /// Probabilities of [`TumourClass::ALL`].
    p: [f64; TumourClass::ALL.len()],
    /// Most probable class with its probability; none if the model did not answer.
    first: Option<(TumourClass, f64)>,
    /// Most probable class other than none.
    first_tumour: Option<TumourClass>,
    /// Probability that there is a tumour.
    present: f64,
    /// Boxes that were found: class, probability, box.
    boxes: Vec<(TumourClass, f64, [f64; 4])>,
    /// Whether the plane is right.
    plane: bool,
}

impl Outcome {
    fn has_tumour(&self) -> bool {
        self.truth != Some(TumourClass::None)
    }

    fn is_right(&self) -> bool {
        self.first.is_some() && self.first.map(|(c, _)| c) == self.truth
    }
}

fn is_tumour(label: Label) -> bool {
    TumourClass::from_label(label).is_some()
}

fn judge(case: &Case, said: Option<&Interpretation>) -> Outcome {
    let drawn = case.drawn(said.and_then(|s| s.labels.as_ref()));
    let mut out = Outcome {
        subject: case.example.subject.clone(),
        truth: case.example.classes.tumour,
        bbox: bounding_box(case.true_mask(is_tumour), case.example.image.native_size.x),
        true_plane: case.example.classes.plane,
        overlap: case.overlap(&drawn, is_tumour, TOLERANCE_PX),
        ..Outcome::default()
    };
    let Some(said) = said else { return out };
    // A diagnosis that names no tumour, whatever else it names, says that there is none.
    let named = |label: &str| TumourClass::from_name(label).unwrap_or(TumourClass::None);
    let mut ranked: Vec<(TumourClass, f64)> = said
        .diagnosis
        .iter()
        .map(|d| (named(&d.label), d.probability))
        .collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    for (class, p) in &ranked {
        if let Some(k) = TumourClass::ALL.iter().position(|c| c == class) {
            out.p[k] += p;
        }
    }
    out.first = ranked.first().copied();
    out.first_tumour = ranked
        .iter()
        .map(|(c, _)| *c)
        .find(|c| *c != TumourClass::None);
    let none = ranked.iter().find(|(c, _)| *c == TumourClass::None);
    out.present = none.map_or_else(|| ranked.iter().map(|(_, p)| p).sum(), |(_, p)| 1.0 - p);
    out.plane =
        said.acquisition.plane.value.as_deref() == case.example.classes.plane.map(Plane::name);
    for f in &said.findings {
        if let (Some(class), [x0, y0, x1, y1]) = (TumourClass::from_label(f.label), &f.bbox[..]) {
            out.boxes
                .push((class, f.probability, [*x0, *y0, *x1, *y1].map(|v| v as f64)));
        }
    }
    out
}

/// True boxes of images.
type Truth = Vec<Vec<[f64; 4]>>;

/// Found and true boxes, the drawn slices taken as so many images. `class`: only boxes of one class.
fn boxes(all: &[Outcome], drawn: &[usize], class: Option<TumourClass>) -> (Vec<Detection>, Truth) {
    let wanted = |c: TumourClass| class.is_none_or(|w| w == c);
    let true_box = |o: &Outcome| o.bbox.filter(|_| o.truth.is_some_and(wanted));
    let truth = drawn
        .iter()
        .map(|i| true_box(&all[*i]).into_iter().collect());
    let mut found = Vec::new();
    for (image, i) in drawn.iter().enumerate() {
        let boxes = all[*i].boxes.iter().filter(|(c, ..)| wanted(*c));
        found.extend(boxes.map(|(_, score, bbox)| Detection {
            image,
            score: *score,
            bbox: *bbox,
        }));
    }
    (found, truth.collect())
}

/// Mean of a figure of boxes over the tumour classes that occur.
fn mean_over_classes(
    all: &[Outcome],
    drawn: &[usize],
    figure: impl Fn(&[Detection], &[Vec<[f64; 4]>]) -> Option<f64>,
) -> Option<f64> {
    let classes = TumourClass::ALL
        .into_iter()
        .filter(|c| *c != TumourClass::None);
    let each: Vec<f64> = classes
        .filter_map(|c| {
            let (found, truth) = boxes(all, drawn, Some(c));
            figure(&found, &truth)
        })
        .collect();
    crate::interval::mean(&each)
}

/// Mean share of each of the three tumours that is recognised, whatever is said of none.
fn balanced(tumours: &[&Outcome], drawn: &[usize]) -> Option<f64> {
    let place = |c: Option<TumourClass>| TumourClass::ALL.iter().position(|a| Some(*a) == c);
    let (mut truth, mut said) = (Vec::new(), Vec::new());
    for o in drawn.iter().map(|i| tumours[*i]) {
        truth.push(place(o.truth)?);
        // An input without an answer is said to be of the one class that no tumour has.
        said.push(place(o.first_tumour.or(Some(TumourClass::None)))?);
    }
    balanced_accuracy(&confusion(&truth, &said, TumourClass::ALL.len())?)
}

/// Calibration of the class over all slices with an answer.
fn diagnosis(all: &[Outcome], bootstrap: Bootstrap) -> Option<CalibrationReport> {
    let place = |c: TumourClass| TumourClass::ALL.iter().position(|a| *a == c);
    let (mut p, mut truth, mut groups) = (Vec::new(), Vec::new(), Vec::new());
    for o in all.iter().filter(|o| o.first.is_some()) {
        p.push(o.p.to_vec());
        truth.push(place(o.truth?)?);
        groups.push(o.subject.clone());
    }
    calibrate::classes(&p, &truth, &groups, bootstrap)
}

/// Calibration of the boxes: right are those of the true class that meet the true box, each of which can be met once.
fn findings(all: &[Outcome], bootstrap: Bootstrap) -> Option<CalibrationReport> {
    let (mut p, mut right, mut groups) = (Vec::new(), Vec::new(), Vec::new());
    for o in all {
        let mut left = o.bbox;
        for (class, probability, bbox) in &o.boxes {
            let meets = left.is_some_and(|truth| box_iou(*bbox, truth) >= FOUND);
            let good = meets && Some(*class) == o.truth;
            if good {
                left = None;
            }
            p.push(*probability);
            right.push(good);
            groups.push(o.subject.clone());
        }
    }
    calibrate::statements(Matter::Finding, &p, &right, &groups, bootstrap)
}

/// Classes taken for each other; a slice without an answer counts as one without a tumour.
fn confused(all: &[Outcome]) -> Option<Confusion> {
    let place = |c: TumourClass| TumourClass::ALL.iter().position(|a| *a == c);
    let truth: Option<Vec<usize>> = all.iter().map(|o| place(o.truth?)).collect();
    let said: Option<Vec<usize>> = all
        .iter()
        .map(|o| place(o.first.map_or(TumourClass::None, |(c, _)| c)))
        .collect();
    Some(Confusion {
        classes: TumourClass::ALL.map(TumourClass::name).to_vec(),
        counts: confusion(&truth?, &said?, TumourClass::ALL.len())?,
    })
}

fn figures(all: &[Outcome], bootstrap: Bootstrap) -> Vec<Figure> {
    let subjects = |of: &[&Outcome]| of.iter().map(|o| o.subject.clone()).collect::<Vec<_>>();
    let tumours: Vec<&Outcome> = all.iter().filter(|o| o.has_tumour()).collect();
    let without: Vec<&Outcome> = all.iter().filter(|o| !o.has_tumour()).collect();
    let every: Vec<&Outcome> = all.iter().collect();
    let (blocks, everyone) = (subjects(&tumours), subjects(&every));
    let share = |of: &[&Outcome], groups: &[String], right: fn(&Outcome) -> bool| -> Estimate {
        bootstrap.share(&of.iter().map(|o| right(o)).collect::<Vec<_>>(), groups)
    };
    let dices: Vec<f64> = tumours.iter().map(|o| o.overlap.dice).collect();
    let surfaces: Vec<f64> = tumours.iter().map(|o| o.overlap.surface_dice).collect();
    let far: Vec<Option<f64>> = tumours.iter().map(|o| o.overlap.hausdorff_95).collect();
    let part = |name, keep: &dyn Fn(&Outcome) -> bool| {
        let kept: Vec<&Outcome> = tumours.iter().copied().filter(|o| keep(o)).collect();
        let dices: Vec<f64> = kept.iter().map(|o| o.overlap.dice).collect();
        Figure::new(name, bootstrap.mean(&dices, &subjects(&kept)))
    };
    let class = |name, c| part(name, &|o: &Outcome| o.truth == Some(c));
    let plane = |name, p| part(name, &|o: &Outcome| o.true_plane == Some(p));
    let whole =
        |statistic: &dyn Fn(&[usize]) -> Option<f64>| bootstrap.estimate(&everyone, statistic);
    let present = |drawn: &[usize]| {
        let scores: Vec<f64> = drawn.iter().map(|i| all[*i].present).collect();
        let positive: Vec<bool> = drawn.iter().map(|i| all[*i].has_tumour()).collect();
        auroc(&scores, &positive)
    };
    let is_false = |o: &Outcome| o.first.is_some_and(|(c, _)| c != TumourClass::None);
    vec![
        Figure::new("dice", bootstrap.mean(&dices, &blocks)),
        Figure::new("dice_median", bootstrap.median(&dices, &blocks)),
        class("dice_glioma", TumourClass::Glioma),
        class("dice_meningioma", TumourClass::Meningioma),
        class("dice_pituitary", TumourClass::Pituitary),
        plane("dice_axial", Plane::Axial),
        plane("dice_coronal", Plane::Coronal),
        plane("dice_sagittal", Plane::Sagittal),
        Figure::new("surface_dice_2px", bootstrap.mean(&surfaces, &blocks)),
        Figure::new("hausdorff95_px", bootstrap.mean_of_defined(&far, &blocks)),
        Figure::new(
            "accuracy_3_tumours",
            share(&tumours, &blocks, |o| {
                o.first_tumour.is_some() && o.first_tumour == o.truth
            }),
        ),
        Figure::new(
            "accuracy_4_with_none",
            share(&every, &everyone, Outcome::is_right),
        ),
        Figure::new(
            "false_tumour_on_none",
            share(&without, &subjects(&without), is_false),
        ),
        Figure::new(
            "balanced_accuracy_3_tumours",
            bootstrap.estimate(&blocks, |drawn| balanced(&tumours, drawn)),
        ),
        Figure::new(
            "map50",
            whole(&|drawn| mean_over_classes(all, drawn, |f, t| average_precision(f, t, FOUND))),
        ),
        Figure::new(
            "map50_95",
            whole(&|drawn| mean_over_classes(all, drawn, mean_average_precision)),
        ),
        Figure::new(
            "ap50_any_tumour",
            whole(&|drawn| {
                let (found, truth) = boxes(all, drawn, None);
                average_precision(&found, &truth, FOUND)
            }),
        ),
        Figure::new(
            "sensitivity_at_quarter_false",
            whole(&|drawn| {
                let (found, truth) = boxes(all, drawn, None);
                froc(&found, &truth, FOUND).map(|curve| sensitivity_at(&curve, FALSE_PER_IMAGE))
            }),
        ),
        Figure::new("auroc_tumour_present", whole(&present)),
        Figure::new("plane_accuracy", share(&tumours, &blocks, |o| o.plane)),
    ]
}

/// Reads and scores the slices.
pub(crate) fn report(run: Run<'_>, cases: &[Case]) -> (SetReport, Vec<Option<Told>>) {
    (run.tell)(Event::Set(Set::BrainTumorT1ce, cases.len()));
    let outcomes = run.read_all(cases, judge);
    let all: Vec<usize> = (0..outcomes.all.len()).collect();
    let mut shown = figures(&outcomes.all, run.bootstrap);
    let calibrations: Vec<CalibrationReport> = [
        diagnosis(&outcomes.all, run.bootstrap),
        findings(&outcomes.all, run.bootstrap),
    ]
    .into_iter()
    .flatten()
    .collect();
    shown.extend(calibrations.iter().flat_map(|c| c.figures.clone()));
    let (found, truth) = boxes(&outcomes.all, &all, None);
    let records = cases.iter().zip(&outcomes.all).map(|(case, o)| {
        let class = o.truth.map_or("not stated", TumourClass::name);
        Record {
            // They come from other scanners.
            centre: if o.has_tumour() {
                Set::BrainTumorT1ce.name()
            } else {
                "brain_tumor_t1ce, slices without tumour"
            },
            dice: o.has_tumour().then_some(o.overlap.dice),
            recognised: Some(o.is_right()),
            ..Record::new(Set::BrainTumorT1ce, case, class)
        }
    });
    let report = SetReport {
        out_of_scope: outcomes.out_of_scope,
        figures: shown,
        calibrations,
        confusion: confused(&outcomes.all),
        froc: froc(&found, &truth, FOUND).unwrap_or_default(),
        records: records.collect(),
        failed: outcomes.failed,
        notes: vec![
            "Patients are not named: intervals resample blocks of eight neighbouring slices, which may hold part of a patient.",
            "Slices without tumour come from other scanners and contrasts than those with one, so a classifier can tell them \
             apart by style: accuracy_4_with_none, false_tumour_on_none and auroc_tumour_present flatter the model.",
        ],
        ..SetReport::new(Set::BrainTumorT1ce, cases.len())
    };
    (report, outcomes.told)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOX: [f64; 4] = [0.0, 0.0, 8.0, 4.0];

    fn slice(subject: &str, truth: TumourClass, said: TumourClass, p: f64) -> Outcome {
        let tumour = truth != TumourClass::None;
        Outcome {
            subject: subject.into(),
            truth: Some(truth),
            true_plane: Some(Plane::Axial),
            bbox: tumour.then_some(BOX),
            overlap: Overlap {
                dice: if tumour { 0.5 } else { 1.0 },
                ..Overlap::default()
            },
            p: [0.0; TumourClass::ALL.len()],
            first: Some((said, p)),
            first_tumour: Some(if said == TumourClass::None {
                TumourClass::Glioma
            } else {
                said
            }),
            present: if said == TumourClass::None {
                1.0 - p
            } else {
                p
            },
            boxes: if said == TumourClass::None {
                vec![]
            } else {
                vec![(said, p, BOX)]
            },
            plane: true,
        }
    }

    #[test]
    fn figures_by_hand() {
        use TumourClass::{Glioma, Meningioma, None};
        let all = [
            slice("a", Glioma, Glioma, 0.9),
            slice("a", Glioma, None, 0.6),
            slice("b", Meningioma, Glioma, 0.8),
            slice("c", None, None, 0.7),
            // Not read: wrong everywhere, and no answer to be calibrated.
            Outcome {
                subject: "d".into(),
                truth: Some(None),
                ..Outcome::default()
            },
        ];
        let figures = figures(&all, Bootstrap { seed: 1, draws: 50 });
        let value = |name: &str| {
            let figure = figures
                .iter()
                .find(|f| f.name == name)
                .expect("a figure of this name");
            (
                figure.estimate.value.expect("a value"),
                figure.estimate.n,
                figure.estimate.groups,
            )
        };
        assert_eq!(value("dice"), (0.5, 3, 2));
        assert_eq!(value("accuracy_3_tumours"), (2.0 / 3.0, 3, 2));
        assert_eq!(value("accuracy_4_with_none"), (2.0 / 5.0, 5, 4));
        assert_eq!(value("false_tumour_on_none"), (0.0, 2, 2));
        assert_eq!(value("plane_accuracy").0, 1.0);
        // Two of three boxes found by the two first detections: precision 1 up to recall 2/3.
        assert!((value("ap50_any_tumour").0 - 67.0 / 101.0).abs() < 1e-12);
        // Glioma: hit, miss, one of two found; meningioma: none found.
        assert!((value("map50").0 - 51.0 / 101.0 / 2.0).abs() < 1e-12);
        // A third of the true boxes is missed, and no box is false.
        assert!((value("sensitivity_at_quarter_false").0 - 2.0 / 3.0).abs() < 1e-12);
        // Every box fits exactly.
        assert!((value("map50_95").0 - value("map50").0).abs() < 1e-12);
        assert_eq!(value("balanced_accuracy_3_tumours").0, 0.5);
        assert_eq!(value("dice_meningioma"), (0.5, 1, 1));
        // Present 0.9, 0.4, 0.8 against 0.3, 0.
        assert_eq!(value("auroc_tumour_present").0, 1.0);
        let counts = confused(&all).unwrap();
        let at = |t, s| {
            let place = |c| TumourClass::ALL.iter().position(|a| *a == c).unwrap();
            counts.counts[place(t)][place(s)]
        };
        // What was not read counts as "none".
        assert_eq!(
            (at(Glioma, Glioma), at(Glioma, None), at(Meningioma, Glioma)),
            (1, 1, 1)
        );
        assert_eq!(at(None, None), 2);
    }

    #[test]
    fn a_finding_is_right_in_class_and_place_and_once() {
        use TumourClass::{Glioma, Meningioma};
        let mut all: Vec<Outcome> = (0..6)
            .map(|k| slice(&format!("s{k}"), Glioma, Glioma, 0.9))
            .collect();
        all[1] = slice("s1", Meningioma, Glioma, 0.9);
        all[2].boxes.push((Glioma, 0.9, BOX));
        all[3].boxes[0].2 = [20.0, 20.0, 28.0, 24.0];
        let report = findings(&all, Bootstrap { seed: 1, draws: 20 }).unwrap();
        // Seven boxes: one of another class, one of a tumour already met, one elsewhere.
        let said: usize = report.before.iter().map(|b| b.n).sum();
        let last = report.before.iter().rev().find(|b| b.n > 0).unwrap();
        assert_eq!(said, 7);
        assert!((last.accuracy.unwrap() - 4.0 / 7.0).abs() < 1e-12);
    }
}
