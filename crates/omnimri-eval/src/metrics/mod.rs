//! Metrics as plain functions. `None` says that a figure is undefined; no function panics on any input.
//!
//! - `overlap`: Dice of masks, intersection over union of boxes
//! - `detection`: average precision, `classification`: area under the ROC curve, `calibration`: expected calibration error
//! - `image`: reconstructions against a reference

mod calibration;
mod classification;
mod detection;
mod image;
mod overlap;

pub use calibration::{Bin, Calibration, calibration};
pub use classification::auroc;
pub use detection::{Detection, average_precision};
pub use image::{ImageScores, nrmse, psnr, score_reconstruction, ssim};
pub use overlap::{bounding_box, box_iou, dice};
