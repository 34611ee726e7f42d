//! Someone who follows a reading: told how far it is, able to stop it, and to add files beside the result.

use std::path::Path;

use omnimri_image::{LabelMap, RawScan, Volume};

use crate::error::{Error, Result};
use crate::scan::Reconstructed;

/// A part of reading one input, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The file is opened and checked.
    Open,
    /// K-space becomes an image.
    Reconstruct,
    /// The network looks and the report is checked.
    Look,
    /// Masks, pictures and reports are written.
    Write,
}

/// How far a reading is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// What is being done.
    pub step: Step,
    /// The image this is about, from 0, and how many there are.
    pub image: (usize, usize),
    /// Share of the whole that is done, from 0 to 1.
    pub done: f64,
}

impl Progress {
    /// Shares of one image's time, roughly: what comes before the network, the network, and writing.
    pub(crate) fn of_image(step: Step, within: f64, image: (usize, usize)) -> Self {
        let (from, to) = match step {
            Step::Open => (0.0, 0.1),
            Step::Reconstruct => (0.1, 0.4),
            Step::Look => (0.4, 0.8),
            Step::Write => (0.8, 1.0),
        };
        let share = from + (to - from) * within.clamp(0.0, 1.0);
        Self {
            step,
            image,
            done: ((image.0 as f64 + share) / image.1.max(1) as f64).clamp(0.0, 1.0),
        }
    }
}

/// Follows one reading. Every method has a default that does nothing.
pub trait Watch {
    /// What results and messages call the input, where its place on this machine is nobody's business.
    fn name(&self) -> Option<&Path> {
        None
    }

    /// Told before each step and during long ones.
    fn progress(&self, _progress: Progress) {}

    /// True to stop the reading at the next step; it ends as [`Error::Stopped`] and leaves nothing behind.
    fn is_stopped(&self) -> bool {
        false
    }

    /// An image about to be read, and the folder its result goes to.
    ///
    /// # Errors
    /// Those of what is written there; they end the reading.
    fn image(&self, _folder: &Path, _volume: &Volume) -> Result<()> {
        Ok(())
    }

    /// The labels of an image, once it was looked at, and the folder its result goes to.
    ///
    /// # Errors
    /// Those of what is written there; they end the reading.
    fn labels(&self, _folder: &Path, _volume: &Volume, _labels: &LabelMap) -> Result<()> {
        Ok(())
    }

    /// A scan that was reconstructed, and the folder its result goes to.
    ///
    /// # Errors
    /// Those of what is written there; they end the reading.
    fn scan(&self, _folder: &Path, _scan: &RawScan, _made: &Reconstructed) -> Result<()> {
        Ok(())
    }
}

/// Nobody.
impl Watch for () {}

/// Tells `watch`, and stops if it says so.
pub(crate) fn tell(watch: &dyn Watch, path: &Path, progress: Progress) -> Result<()> {
    if watch.is_stopped() {
        return Err(Error::Stopped {
            path: path.to_owned(),
        });
    }
    watch.progress(progress);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_grows_over_steps_and_images() {
        let steps = [Step::Open, Step::Reconstruct, Step::Look, Step::Write];
        let mut last = -1.0;
        for image in 0..3 {
            for step in steps {
                for within in [0.0, 0.5] {
                    let done = Progress::of_image(step, within, (image, 3)).done;
                    assert!(done > last && done < 1.0, "{step:?} {image}: {done}");
                    last = done;
                }
            }
        }
        assert_eq!(Progress::of_image(Step::Write, 1.0, (2, 3)).done, 1.0);
        assert_eq!(Progress::of_image(Step::Write, 7.0, (0, 0)).done, 1.0);
    }
}
