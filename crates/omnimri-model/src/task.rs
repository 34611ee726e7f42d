//! What the dense decoder can be asked for, and how its masks become label values.

use omnimri_findings::{Label, Region};

/// A mask the dense decoder can draw. One query each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MaskTask {
    /// A brain tumour of any class; the class comes from the tumour head.
    Tumour,
    /// One structure or finding of the vocabulary.
    Structure(Label),
}

impl MaskTask {
    /// Every task, in the order of the queries in a checkpoint.
    pub const ALL: [Self; 10] = [
        Self::Tumour,
        Self::Structure(Label::AnteriorHippocampus),
        Self::Structure(Label::PosteriorHippocampus),
        Self::Structure(Label::LeftVentricleCavity),
        Self::Structure(Label::VertebraL1),
        Self::Structure(Label::VertebraL2),
        Self::Structure(Label::VertebraL3),
        Self::Structure(Label::VertebraL4),
        Self::Structure(Label::VertebraL5),
        Self::Structure(Label::MsLesion),
    ];

    /// Position of the query.
    pub fn index(self) -> usize {
        Self::ALL
            .iter()
            .position(|t| *t == self)
            .unwrap_or_else(|| unreachable!("{self:?} is built from a label that has no query"))
    }

    /// The task that draws `label`.
    pub fn of(label: Label) -> Self {
        match label {
            Label::Glioma | Label::Meningioma | Label::PituitaryTumour => Self::Tumour,
            other => Self::Structure(other),
        }
    }

    /// Does a mask value belong to this task?
    pub fn holds(self, value: u8) -> bool {
        Label::from_value(value).is_some_and(|label| Self::of(label) == self)
    }

    /// The tasks worth drawing in a region.
    pub fn of_region(region: Region) -> &'static [Self] {
        match region {
            Region::Brain => &[Self::Tumour, Self::Structure(Label::MsLesion)],
            Region::Hippocampus => &[
                Self::Structure(Label::AnteriorHippocampus),
                Self::Structure(Label::PosteriorHippocampus),
            ],
            Region::Heart => &[Self::Structure(Label::LeftVentricleCavity)],
            Region::LumbarSpine => &[
                Self::Structure(Label::VertebraL1),
                Self::Structure(Label::VertebraL2),
                Self::Structure(Label::VertebraL3),
                Self::Structure(Label::VertebraL4),
                Self::Structure(Label::VertebraL5),
            ],
            // Regions that the head does not know have nothing to draw.
            _ => &[],
        }
    }
}
