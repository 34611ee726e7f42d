//! Files for viewers beside each result: the image as it was read, and for k-space the zero-filled one to compare with.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use omnimri_image::{LabelMap, RawScan, Volume, write_label_map, write_nifti};
use omnimri_recon::{Method, ReconOptions};
use omnimri_workflow::scan::{Reconstructed, reconstruct_scan};
use omnimri_workflow::{Progress, Result, Step, Watch};

/// The image as it was read.
const IMAGE: &str = "image.nii.gz";
/// Its labels, for images whose result has them as PNG alone.
const LABELS: &str = "segmentation.nii.gz";
/// The reconstruction without any knowledge but the samples.
const ZERO_FILLED: &str = "zero_filled.nii.gz";

/// Follows the reading of one job.
pub(super) struct Follower<F: Fn(Progress)> {
    /// What results call the input.
    pub name: PathBuf,
    /// Set to stop the reading.
    pub stop: Arc<AtomicBool>,
    /// Told how far it is.
    pub told: F,
}

impl<F: Fn(Progress)> Watch for Follower<F> {
    fn name(&self) -> Option<&Path> {
        Some(&self.name)
    }

    fn progress(&self, progress: Progress) {
        (self.told)(progress);
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn image(&self, folder: &Path, volume: &Volume) -> Result<()> {
        Ok(write_nifti(&folder.join(IMAGE), volume)?)
    }

    fn labels(&self, folder: &Path, _volume: &Volume, labels: &LabelMap) -> Result<()> {
        // Of a volume the same file is written again with the result; of a 2D image only a PNG would be.
        Ok(write_label_map(&folder.join(LABELS), labels)?)
    }

    fn scan(&self, folder: &Path, scan: &RawScan, _made: &Reconstructed) -> Result<()> {
        let options = ReconOptions::default();
        let plain = reconstruct_scan(None, scan, Method::ZeroFilled, &options, &|_| ())?;
        Ok(write_nifti(&folder.join(ZERO_FILLED), &plain.volume)?)
    }
}

/// A step in words.
pub(super) fn words(progress: &Progress) -> String {
    let what = match progress.step {
        Step::Open => "opening",
        Step::Reconstruct => "reconstructing",
        Step::Look => "looking",
        Step::Write => "writing the report",
    };
    match progress.image {
        (_, 0 | 1) => what.to_owned(),
        (i, n) => format!("series {} of {n}: {what}", i + 1),
    }
}
