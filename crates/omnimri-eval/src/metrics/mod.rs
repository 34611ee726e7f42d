//! Metrics as plain functions. `None` says that a figure is undefined; no function panics on any input.
//!
//! - `overlap`: Dice of masks, intersection over union of boxes; `surface`: surface Dice and Hausdorff distance
//! - `lesions`: lesions one by one, errors of volumes
//! - `detection`: average precision and the free-response ROC curve; `classification`: area under the ROC curve, balanced
//!   accuracy; `calibration`: expected calibration error, Brier score; `fit`: what calibrates
//! - `text`: BLEU-4 and ROUGE-L; `image`: reconstructions against a reference
//!
//! Empty masks: Dice, surface Dice and lesion-wise F1 are 1 where both masks are empty and 0 where one is; the Hausdorff
//! distance is 0 where both are and undefined where one is; the volume error is undefined where the true mask is empty.
//! `tools/peers/metrics_peer.py` holds each against the field's own packages.

mod calibration;
mod classification;
mod detection;
mod distance;
mod fit;
mod image;
mod lesions;
mod overlap;
mod surface;
mod text;

pub use calibration::{Bin, Calibration, brier, calibration};
pub use classification::{auroc, balanced_accuracy, confusion};
pub use detection::{
    Detection, FrocPoint, average_precision, froc, mean_average_precision, sensitivity_at,
};
pub use fit::{fit_logistic, fit_odds, fit_temperature, folds, threshold};
pub use image::{ImageScores, nmse, nrmse, psnr, score_reconstruction, ssim};
pub use lesions::{LesionCounts, volume_error};
pub use overlap::{bounding_box, box_iou, dice};
pub use surface::{SurfaceDistances, surface_distances};
pub use text::{bleu_4, rouge_l};
