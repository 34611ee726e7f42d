//! Computes every metric on cases from standard input, for the comparison with the field's packages:
//! `metrics_dump < cases.json > values.json`

use std::collections::BTreeMap;
use std::io::{Read, stdin};

use omnimri_eval::metrics::{
    Detection, LesionCounts, auroc, average_precision, balanced_accuracy, bleu_4, brier,
    calibration, confusion, dice, fit_logistic, fit_odds, fit_temperature, froc,
    mean_average_precision, nmse, psnr, rouge_l, sensitivity_at, ssim, surface_distances,
};
use omnimri_image::Zyx;
use serde::Deserialize;

/// One case of any kind.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Case {
    /// Two masks `[z][y][x]`.
    Masks {
        size: [usize; 3],
        spacing_mm: [f64; 3],
        tolerance_mm: f64,
        truth: Vec<bool>,
        drawn: Vec<bool>,
    },
    /// Boxes: (image, score, box), and the true boxes of every image.
    Boxes {
        found: Vec<(usize, f64, [f64; 4])>,
        truth: Vec<Vec<[f64; 4]>>,
    },
    /// Probabilities of a yes, and what it was.
    Binary {
        probability: Vec<f64>,
        happened: Vec<bool>,
    },
    /// Class probabilities and true classes, to be calibrated by a temperature.
    Temperature {
        probability: Vec<Vec<f64>>,
        truth: Vec<usize>,
    },
    /// Features and whether each item is of the class.
    Logistic {
        rows: Vec<Vec<f64>>,
        positive: Vec<bool>,
        ridge: f64,
    },
    /// True and said classes.
    Classes {
        truth: Vec<usize>,
        said: Vec<usize>,
        classes: usize,
    },
    /// Texts and their references.
    Texts {
        texts: Vec<String>,
        references: Vec<String>,
    },
    /// Images of rows `n_x` long.
    Images {
        image: Vec<f64>,
        reference: Vec<f64>,
        n_x: usize,
    },
}

type Values = BTreeMap<&'static str, Option<f64>>;

fn values(case: &Case) -> Values {
    match case {
        Case::Masks {
            size: [z, y, x],
            spacing_mm: mm,
            tolerance_mm,
            truth,
            drawn,
        } => {
            let size = Zyx::new(*z, *y, *x);
            let d = surface_distances(drawn, truth, size, Zyx::new(mm[0], mm[1], mm[2]));
            let lesions = LesionCounts::of(truth, drawn, size);
            Values::from([
                ("dice", dice(drawn.iter().copied(), truth.iter().copied())),
                (
                    "surface_dice",
                    d.as_ref().map(|d| d.surface_dice(*tolerance_mm)),
                ),
                ("hausdorff_95", d.as_ref().and_then(|d| d.hausdorff_95())),
                ("lesions_found", lesions.map(|l| l.found as f64)),
                ("lesions_missed", lesions.map(|l| l.missed as f64)),
                ("lesions_invented", lesions.map(|l| l.invented as f64)),
            ])
        }
        Case::Boxes { found, truth } => {
            let found: Vec<Detection> = found
                .iter()
                .map(|(image, score, bbox)| Detection {
                    image: *image,
                    score: *score,
                    bbox: *bbox,
                })
                .collect();
            let at_one = froc(&found, truth, 0.5).map(|curve| sensitivity_at(&curve, 1.0));
            Values::from([
                ("ap50", average_precision(&found, truth, 0.5)),
                ("ap", mean_average_precision(&found, truth)),
                ("sensitivity_at_1", at_one),
            ])
        }
        Case::Binary {
            probability,
            happened,
        } => {
            let odds = fit_odds(probability, happened, 1e-9);
            Values::from([
                ("auroc", auroc(probability, happened)),
                ("brier", brier(probability, happened)),
                ("ece", calibration(probability, happened, 10).map(|c| c.ece)),
                ("odds_scale", odds.map(|o| o.0)),
                ("odds_shift", odds.map(|o| o.1)),
            ])
        }
        Case::Temperature { probability, truth } => {
            Values::from([("temperature", fit_temperature(probability, truth))])
        }
        Case::Logistic {
            rows,
            positive,
            ridge,
        } => {
            let prior = vec![0.0; rows.first().map_or(0, Vec::len)];
            let fitted = fit_logistic(rows, positive, *ridge, &prior);
            let weight = |k: usize| fitted.as_ref().and_then(|(w, _)| w.get(k).copied());
            Values::from([
                ("logistic_first", weight(0)),
                ("logistic_second", weight(1)),
                ("logistic_bias", fitted.as_ref().map(|(_, b)| *b)),
            ])
        }
        Case::Classes {
            truth,
            said,
            classes,
        } => {
            let counts = confusion(truth, said, *classes);
            let balanced = counts.as_deref().and_then(balanced_accuracy);
            Values::from([("balanced_accuracy", balanced)])
        }
        Case::Texts { texts, references } => {
            let pairs = || texts.iter().zip(references);
            let sum: f64 = pairs().map(|(t, r)| rouge_l(t, r)).sum();
            Values::from([
                ("bleu_4", bleu_4(texts, references)),
                ("rouge_l", Some(sum / pairs().count() as f64)),
            ])
        }
        Case::Images {
            image,
            reference,
            n_x,
        } => {
            let range = reference.iter().copied().fold(0.0, f64::max);
            Values::from([
                ("nmse", nmse(image, reference)),
                ("psnr", psnr(image, reference, range)),
                ("ssim", ssim(image, reference, *n_x, range)),
            ])
        }
    }
}

#[expect(clippy::print_stdout, reason = "the result")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut text = String::new();
    stdin().read_to_string(&mut text)?;
    let cases: Vec<Case> = serde_json::from_str(&text)?;
    let all: Vec<Values> = cases.iter().map(values).collect();
    println!("{}", serde_json::to_string(&all)?);
    Ok(())
}
