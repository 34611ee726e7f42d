//! What an image shows and how it was made: regions and sequences.
//!
//! `ALL` is the vocabulary; `HEAD` is the part of it that the nano model's heads know, in the order of their outputs. What
//! lies outside `HEAD` is no target for a head and no answer of one.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::vocabulary::{Code, sct, serde_by_name};

/// Part of the body an image shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Region {
    /// The brain, whole or most of it.
    Brain,
    /// A crop around a hippocampus.
    Hippocampus,
    /// The heart.
    Heart,
    /// The lumbar spine.
    LumbarSpine,
    /// The head beyond the brain.
    Head,
    /// Head and neck together.
    HeadAndNeck,
    /// The neck.
    Neck,
    /// The carotid arteries.
    Carotid,
    /// The brain of a fetus.
    FetalBrain,
    /// The spine, more than one part of it.
    Spine,
    /// The cervical spine.
    CervicalSpine,
    /// The thoracic spine.
    ThoracicSpine,
    /// The spinal cord.
    SpinalCord,
    /// The chest.
    Chest,
    /// One or both breasts.
    Breast,
    /// The abdomen.
    Abdomen,
    /// The liver and what lies beside it.
    Liver,
    /// The kidneys.
    Kidney,
    /// The pancreas and what lies beside it.
    Pancreas,
    /// The pelvis.
    Pelvis,
    /// The prostate and what lies beside it.
    Prostate,
    /// A hip joint.
    Hip,
    /// One or both thighs.
    Thigh,
    /// A knee.
    Knee,
    /// An ankle or foot.
    Ankle,
    /// A shoulder.
    Shoulder,
    /// The body from head to thigh or farther.
    WholeBody,
}

impl Region {
    /// The regions that the model's region head knows, in the order of its outputs.
    pub const HEAD: [Self; 4] = [
        Self::Brain,
        Self::Hippocampus,
        Self::Heart,
        Self::LumbarSpine,
    ];

    /// All regions, those of [`Self::HEAD`] first.
    pub const ALL: [Self; 27] = [
        Self::Brain,
        Self::Hippocampus,
        Self::Heart,
        Self::LumbarSpine,
        Self::Head,
        Self::HeadAndNeck,
        Self::Neck,
        Self::Carotid,
        Self::FetalBrain,
        Self::Spine,
        Self::CervicalSpine,
        Self::ThoracicSpine,
        Self::SpinalCord,
        Self::Chest,
        Self::Breast,
        Self::Abdomen,
        Self::Liver,
        Self::Kidney,
        Self::Pancreas,
        Self::Pelvis,
        Self::Prostate,
        Self::Hip,
        Self::Thigh,
        Self::Knee,
        Self::Ankle,
        Self::Shoulder,
        Self::WholeBody,
    ];

    /// Lower-case name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Brain => "brain",
            Self::Hippocampus => "hippocampus",
            Self::Heart => "heart",
            Self::LumbarSpine => "lumbar spine",
            Self::Head => "head",
            Self::HeadAndNeck => "head and neck",
            Self::Neck => "neck",
            Self::Carotid => "carotid arteries",
            Self::FetalBrain => "fetal brain",
            Self::Spine => "spine",
            Self::CervicalSpine => "cervical spine",
            Self::ThoracicSpine => "thoracic spine",
            Self::SpinalCord => "spinal cord",
            Self::Chest => "chest",
            Self::Breast => "breast",
            Self::Abdomen => "abdomen",
            Self::Liver => "liver",
            Self::Kidney => "kidneys",
            Self::Pancreas => "pancreas",
            Self::Pelvis => "pelvis",
            Self::Prostate => "prostate",
            Self::Hip => "hip",
            Self::Thigh => "thigh",
            Self::Knee => "knee",
            Self::Ankle => "ankle",
            Self::Shoulder => "shoulder",
            Self::WholeBody => "whole body",
        }
    }

    /// SNOMED CT code of the body structure, where one was checked.
    pub const fn code(self) -> Option<Code> {
        Some(match self {
            Self::Brain => sct("12738006", "Brain structure", true),
            Self::Hippocampus => sct("5366008", "Hippocampal structure", true),
            Self::Heart => sct("80891009", "Heart structure", true),
            Self::SpinalCord => sct("2748008", "Spinal cord", true),
            Self::Liver => sct("10200004", "Liver", true),
            Self::Kidney => sct("64033007", "Kidney", true),
            Self::Pancreas => sct("15776009", "Pancreas", true),
            Self::Prostate => sct("41216001", "Prostate", true),
            Self::LumbarSpine => sct("122496007", "Lumbar spine", true),
            Self::CervicalSpine => sct("122494005", "Cervical spine", true),
            Self::ThoracicSpine => sct("122495006", "Thoracic spine", true),
            _ => return None,
        })
    }
}

serde_by_name!(Region, "a region of the vocabulary");

/// Kind of pulse sequence, as far as it shows in the contrast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sequence {
    /// T1-weighted.
    T1,
    /// T1-weighted after a contrast agent.
    T1Post,
    /// T2-weighted.
    T2,
    /// Fluid-attenuated inversion recovery.
    Flair,
    /// Cine of the beating heart.
    Cine,
    /// Chemical-shift encoded water-fat imaging.
    WaterFat,
    /// None of this vocabulary.
    Other,
    /// Proton-density-weighted.
    Pd,
    /// Proton-density-weighted with fat suppression.
    PdFatSat,
    /// T1-weighted with fat suppression, no contrast agent.
    T1FatSat,
    /// T2-weighted with fat suppression.
    T2FatSat,
    /// Short-tau inversion recovery.
    Stir,
    /// T2*-weighted gradient echo.
    T2Star,
    /// Susceptibility-weighted imaging.
    Swi,
    /// Diffusion-weighted, one b-value or the mean of several.
    Dwi,
    /// Map of the apparent diffusion coefficient.
    Adc,
    /// Perfusion by a bolus that darkens T2*.
    Dsc,
    /// T1-weighted during the passage of a contrast agent.
    Dce,
    /// Perfusion by labelled blood.
    Asl,
    /// Functional imaging by blood oxygenation.
    Bold,
    /// Inversion recovery minutes after a contrast agent.
    Lge,
    /// Angiography by inflow.
    Tof,
    /// Velocity-encoded imaging.
    PhaseContrast,
    /// Angiography with a contrast agent.
    CeAngio,
    /// Balanced steady-state free precession, one frame.
    Bssfp,
    /// Double-echo steady state, either echo or their sum.
    Dess,
    /// Water and fat in phase.
    InPhase,
    /// Water and fat out of phase.
    OutOfPhase,
    /// Inversion recovery that is neither FLAIR nor STIR nor late enhancement.
    Ir,
    /// Two inversion times combined to a uniform T1 contrast.
    Mp2rage,
    /// Map of the longitudinal relaxation time.
    T1Map,
    /// Map of the transverse relaxation time.
    T2Map,
    /// Map of the effective transverse relaxation time.
    T2StarMap,
    /// With a magnetisation-transfer pulse.
    Mt,
}

impl Sequence {
    /// The sequences that the model's sequence head knows, in the order of its outputs.
    pub const HEAD: [Self; 7] = [
        Self::T1,
        Self::T1Post,
        Self::T2,
        Self::Flair,
        Self::Cine,
        Self::WaterFat,
        Self::Other,
    ];

    /// All sequences, those of [`Self::HEAD`] first.
    pub const ALL: [Self; 34] = [
        Self::T1,
        Self::T1Post,
        Self::T2,
        Self::Flair,
        Self::Cine,
        Self::WaterFat,
        Self::Other,
        Self::Pd,
        Self::PdFatSat,
        Self::T1FatSat,
        Self::T2FatSat,
        Self::Stir,
        Self::T2Star,
        Self::Swi,
        Self::Dwi,
        Self::Adc,
        Self::Dsc,
        Self::Dce,
        Self::Asl,
        Self::Bold,
        Self::Lge,
        Self::Tof,
        Self::PhaseContrast,
        Self::CeAngio,
        Self::Bssfp,
        Self::Dess,
        Self::InPhase,
        Self::OutOfPhase,
        Self::Ir,
        Self::Mp2rage,
        Self::T1Map,
        Self::T2Map,
        Self::T2StarMap,
        Self::Mt,
    ];

    /// Name as written in a report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::T1 => "T1-weighted",
            Self::T1Post => "contrast-enhanced T1-weighted",
            Self::T2 => "T2-weighted",
            Self::Flair => "FLAIR",
            Self::Cine => "cine",
            Self::WaterFat => "water-fat",
            Self::Other => "other",
            Self::Pd => "proton-density-weighted",
            Self::PdFatSat => "fat-suppressed proton-density-weighted",
            Self::T1FatSat => "fat-suppressed T1-weighted",
            Self::T2FatSat => "fat-suppressed T2-weighted",
            Self::Stir => "STIR",
            Self::T2Star => "T2*-weighted",
            Self::Swi => "susceptibility-weighted",
            Self::Dwi => "diffusion-weighted",
            Self::Adc => "apparent diffusion coefficient",
            Self::Dsc => "dynamic susceptibility contrast",
            Self::Dce => "dynamic contrast-enhanced",
            Self::Asl => "arterial spin labelling",
            Self::Bold => "BOLD",
            Self::Lge => "late gadolinium enhancement",
            Self::Tof => "time-of-flight angiography",
            Self::PhaseContrast => "phase-contrast",
            Self::CeAngio => "contrast-enhanced angiography",
            Self::Bssfp => "balanced SSFP",
            Self::Dess => "double-echo steady-state",
            Self::InPhase => "in-phase T1-weighted",
            Self::OutOfPhase => "out-of-phase T1-weighted",
            Self::Ir => "inversion recovery",
            Self::Mp2rage => "MP2RAGE",
            Self::T1Map => "T1 map",
            Self::T2Map => "T2 map",
            Self::T2StarMap => "T2* map",
            Self::Mt => "magnetisation transfer",
        }
    }
}

serde_by_name!(Sequence, "a sequence of the vocabulary");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_come_first_and_names_are_unique() {
        assert_eq!(Region::ALL[..Region::HEAD.len()], Region::HEAD);
        assert_eq!(Sequence::ALL[..Sequence::HEAD.len()], Sequence::HEAD);
        for region in Region::ALL {
            assert_eq!(Region::from_name(region.name()), Some(region));
        }
        for sequence in Sequence::ALL {
            assert_eq!(Sequence::from_name(sequence.name()), Some(sequence));
        }
    }
}
