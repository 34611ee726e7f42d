//! The labelled sets, and which figures each gets. The names of the figures say what is measured, and
//! in which unit where they are no shares. Where a distance or an error is undefined (an empty mask) `n` is smaller.

mod brain_tumor;
mod cardiac;
mod hippocampus;
mod spine;
mod vqa;

use omnimri_corpus::Split;
use serde::{Deserialize, Serialize};
use std::path::Path;

use crate::case::cases;
use crate::error::Result;
use crate::figure::SetReport;
use crate::reading::Run;

/// A labelled set, named as in the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Set {
    /// Brain slices with glioma, meningioma, pituitary tumour or none.
    #[serde(rename = "brain_tumor_t1ce")]
    BrainTumorT1ce,
    /// Hippocampus crops.
    Hippocampus,
    /// Short-axis cardiac slices.
    CardiacLv,
    /// Sagittal lumbar slices.
    SpineLumbar,
    /// Questions about head images.
    VqaRad,
}

impl Set {
    /// All sets.
    pub const ALL: [Self; 5] = [
        Self::BrainTumorT1ce,
        Self::Hippocampus,
        Self::CardiacLv,
        Self::SpineLumbar,
        Self::VqaRad,
    ];

    /// Name in the catalogue and in configurations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BrainTumorT1ce => "brain_tumor_t1ce",
            Self::Hippocampus => "hippocampus",
            Self::CardiacLv => "cardiac_lv",
            Self::SpineLumbar => "spine_lumbar",
            Self::VqaRad => "vqa_rad",
        }
    }

    /// Reads and scores one split. `limit` counts images or volumes, for questions the questions.
    pub(crate) fn report(
        self,
        run: Run<'_>,
        data: &Path,
        split: Split,
        limit: Option<usize>,
    ) -> Result<SetReport> {
        let cases = |limit| cases(self, data, split, limit);
        Ok(match self {
            Self::BrainTumorT1ce => brain_tumor::report(run, &cases(limit)?),
            Self::Hippocampus => hippocampus::report(run, &cases(limit)?),
            Self::CardiacLv => cardiac::report(run, &cases(limit)?),
            Self::SpineLumbar => spine::report(run, &cases(limit)?),
            Self::VqaRad => vqa::report(run, &cases(None)?, limit),
        })
    }
}
