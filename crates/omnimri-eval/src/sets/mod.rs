//! The labelled sets, and which figures each gets. The names of the figures say what is measured, and
//! in which unit where they are no shares. Where a distance or an error is undefined (an empty mask) `n` is smaller.

mod brain_tumor;
mod cardiac;
mod glioma;
mod hippocampus;
mod ms;
mod spine;
mod vqa;

use omnimri_corpus::Split;
use omnimri_workflow::Wording;
use serde::{Deserialize, Serialize};
use std::path::Path;

use crate::case::{Case, cases};
use crate::error::Result;
use crate::figure::SetReport;
use crate::reading::Run;
use crate::told::Told;

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
    /// Brain volumes of glioma patients of a centre that is not among the training data.
    GliomaProgression,
    /// Slices of two patients with multiple sclerosis; the set has no val part.
    MsBrain,
}

impl Set {
    /// All sets.
    pub const ALL: [Self; 7] = [
        Self::BrainTumorT1ce,
        Self::Hippocampus,
        Self::CardiacLv,
        Self::SpineLumbar,
        Self::VqaRad,
        Self::GliomaProgression,
        Self::MsBrain,
    ];

    /// Name in the catalogue and in configurations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BrainTumorT1ce => "brain_tumor_t1ce",
            Self::Hippocampus => "hippocampus",
            Self::CardiacLv => "cardiac_lv",
            Self::SpineLumbar => "spine_lumbar",
            Self::VqaRad => "vqa_rad",
            Self::GliomaProgression => "glioma_progression",
            Self::MsBrain => "ms_brain",
        }
    }

    /// The part that is read where a configuration asks for `split`: the one there is, of a set that has only one.
    pub(crate) const fn part(self, split: Split) -> Split {
        match self {
            Self::MsBrain => Split::Train,
            Self::GliomaProgression => Split::Val,
            _ => split,
        }
    }

    /// Reads and scores one split. `limit` counts images or volumes, for questions the questions.
    pub(crate) fn report(
        self,
        run: Run<'_>,
        data: &Path,
        split: Split,
        limit: Option<usize>,
    ) -> Result<(SetReport, Vec<Case>, Vec<Option<Told>>)> {
        let part = self.part(split);
        let words = run.wording == Wording::Decoded;
        let cases = |limit| cases(self, data, part, (limit, words));
        let all = match self {
            // Its limit counts questions.
            Self::VqaRad => cases(None)?,
            Self::MsBrain => ms::flair(cases(None)?, limit),
            _ => cases(limit)?,
        };
        let (report, told) = match self {
            Self::BrainTumorT1ce => brain_tumor::report(run, &all),
            Self::Hippocampus => hippocampus::report(run, &all),
            Self::CardiacLv => cardiac::report(run, &all),
            Self::SpineLumbar => spine::report(run, &all),
            Self::VqaRad => (vqa::report(run, &all, limit), Vec::new()),
            Self::GliomaProgression => glioma::report(run, &all),
            Self::MsBrain => ms::report(run, &all),
        };
        Ok((report, all, told))
    }
}
