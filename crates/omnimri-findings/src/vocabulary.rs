//! The names that every room uses: label values, classes, sides and codes.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use crate::imaging::{Region, Sequence};

/// A code of a published terminology.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// Coding scheme designator as DICOM writes it; `SCT` is SNOMED CT.
    pub scheme: &'static str,
    /// The code.
    pub value: &'static str,
    /// The code's own meaning.
    pub meaning: &'static str,
    /// False where the terminology has only a wider concept than our label.
    pub exact: bool,
}

pub(crate) const fn sct(value: &'static str, meaning: &'static str, exact: bool) -> Code {
    Code {
        scheme: "SCT",
        value,
        meaning,
        exact,
    }
}

/// Serialises an enum by its `name()` and reads it back through its `from_name()`.
macro_rules! serde_by_name {
    ($type:ident, $what:literal) => {
        impl $type {
            /// The item with this name, letter case ignored.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL
                    .into_iter()
                    .find(|item| item.name().eq_ignore_ascii_case(name.trim()))
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = String::deserialize(deserializer)?;
                Self::from_name(&name)
                    .ok_or_else(|| de::Error::invalid_value(de::Unexpected::Str(&name), &$what))
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}
pub(crate) use serde_by_name;

/// A value of a label map: anatomy or a finding. 0 is background and no label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Label {
    /// Anterior part (head) of the hippocampus.
    AnteriorHippocampus = 1,
    /// Posterior part (body and tail) of the hippocampus.
    PosteriorHippocampus = 2,
    /// Blood pool of the left ventricle.
    LeftVentricleCavity = 3,
    /// Body of the first lumbar vertebra.
    VertebraL1 = 4,
    /// Body of the second lumbar vertebra.
    VertebraL2 = 5,
    /// Body of the third lumbar vertebra.
    VertebraL3 = 6,
    /// Body of the fourth lumbar vertebra.
    VertebraL4 = 7,
    /// Body of the fifth lumbar vertebra.
    VertebraL5 = 8,
    /// Glioma.
    Glioma = 9,
    /// Meningioma.
    Meningioma = 10,
    /// Tumour of the pituitary.
    PituitaryTumour = 11,
    /// Lesion of multiple sclerosis.
    MsLesion = 12,
}

impl Label {
    /// All labels by rising value.
    pub const ALL: [Self; 12] = [
        Self::AnteriorHippocampus,
        Self::PosteriorHippocampus,
        Self::LeftVentricleCavity,
        Self::VertebraL1,
        Self::VertebraL2,
        Self::VertebraL3,
        Self::VertebraL4,
        Self::VertebraL5,
        Self::Glioma,
        Self::Meningioma,
        Self::PituitaryTumour,
        Self::MsLesion,
    ];

    /// Value in a label map, 1 to 12.
    pub const fn value(self) -> u8 {
        self as u8
    }

    /// The label with this value; `None` for background and unknown values.
    pub fn from_value(value: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|l| l.value() == value)
    }

    /// Lower-case name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AnteriorHippocampus => "anterior hippocampus",
            Self::PosteriorHippocampus => "posterior hippocampus",
            Self::LeftVentricleCavity => "left ventricle cavity",
            Self::VertebraL1 => "vertebral body L1",
            Self::VertebraL2 => "vertebral body L2",
            Self::VertebraL3 => "vertebral body L3",
            Self::VertebraL4 => "vertebral body L4",
            Self::VertebraL5 => "vertebral body L5",
            Self::Glioma => "glioma",
            Self::Meningioma => "meningioma",
            Self::PituitaryTumour => "pituitary tumour",
            Self::MsLesion => "multiple sclerosis lesion",
        }
    }

    /// True for pathology, false for anatomy.
    pub const fn is_finding(self) -> bool {
        self.value() >= Self::Glioma.value()
    }

    /// The region in which the label occurs.
    pub const fn region(self) -> Region {
        match self {
            Self::AnteriorHippocampus | Self::PosteriorHippocampus => Region::Hippocampus,
            Self::LeftVentricleCavity => Region::Heart,
            Self::VertebraL1
            | Self::VertebraL2
            | Self::VertebraL3
            | Self::VertebraL4
            | Self::VertebraL5 => Region::LumbarSpine,
            Self::Glioma | Self::Meningioma | Self::PituitaryTumour | Self::MsLesion => {
                Region::Brain
            }
        }
    }

    /// SNOMED CT code; `exact` is false where only a wider concept was found (a whole vertebra for its body).
    ///
    /// RadLex codes are left out: none could be checked against the published list.
    pub const fn code(self) -> Option<Code> {
        Some(match self {
            Self::AnteriorHippocampus | Self::PosteriorHippocampus => {
                sct("5366008", "Hippocampal structure", false)
            }
            Self::LeftVentricleCavity => sct("87878005", "Left ventricular structure", false),
            Self::VertebraL1 => sct("66794005", "L1 vertebra", false),
            Self::VertebraL2 => sct("14293000", "L2 vertebra", false),
            Self::VertebraL3 => sct("36470004", "L3 vertebra", false),
            Self::VertebraL4 => sct("11994002", "L4 vertebra", false),
            Self::VertebraL5 => sct("49668003", "L5 vertebra", false),
            Self::Glioma => sct("393564001", "Glioma", true),
            Self::Meningioma => sct("302820008", "Intracranial meningioma", true),
            Self::PituitaryTumour => sct("127024001", "Neoplasm of pituitary gland", true),
            Self::MsLesion => sct("24700007", "Multiple sclerosis", false),
        })
    }

    /// Display colour `[r, g, b]`: the Okabe-Ito set, which people with any kind of colour blindness can tell apart.
    pub const fn rgb(self) -> [u8; 3] {
        const ORANGE: [u8; 3] = [230, 159, 0];
        const SKY: [u8; 3] = [86, 180, 233];
        const GREEN: [u8; 3] = [0, 158, 115];
        const YELLOW: [u8; 3] = [240, 228, 66];
        const VERMILION: [u8; 3] = [213, 94, 0];
        const PURPLE: [u8; 3] = [204, 121, 167];
        match self {
            Self::AnteriorHippocampus | Self::VertebraL1 | Self::MsLesion => ORANGE,
            Self::PosteriorHippocampus | Self::VertebraL2 | Self::Meningioma => SKY,
            Self::VertebraL3 => GREEN,
            Self::VertebraL4 | Self::PituitaryTumour => YELLOW,
            Self::LeftVentricleCavity | Self::VertebraL5 => PURPLE,
            Self::Glioma => VERMILION,
        }
    }
}

serde_by_name!(Label, "a label of the vocabulary");

/// Which of the tumours this model knows is present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TumourClass {
    /// None of the known classes was found; other disease is not ruled out by this.
    None,
    /// Meningioma.
    Meningioma,
    /// Glioma.
    Glioma,
    /// Tumour of the pituitary.
    Pituitary,
}

impl TumourClass {
    /// All classes, in the order the model's tumour head uses.
    pub const ALL: [Self; 4] = [Self::None, Self::Meningioma, Self::Glioma, Self::Pituitary];

    /// Lower-case name as `diagnosis` in `result.json` lists it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "no tumour",
            Self::Meningioma => "meningioma",
            Self::Glioma => "glioma",
            Self::Pituitary => "pituitary tumour",
        }
    }

    /// The label that outlines this class.
    pub const fn label(self) -> Option<Label> {
        match self {
            Self::None => None,
            Self::Meningioma => Some(Label::Meningioma),
            Self::Glioma => Some(Label::Glioma),
            Self::Pituitary => Some(Label::PituitaryTumour),
        }
    }

    /// The class a label belongs to, if it is a tumour.
    pub fn from_label(label: Label) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.label() == Some(label))
    }
}

serde_by_name!(TumourClass, "a tumour class of the vocabulary");

/// Diagnosis of a cardiac cine examination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CardiacClass {
    /// Heart failure with infarct.
    HeartFailureInfarct,
    /// Heart failure without infarct.
    HeartFailureNoInfarct,
    /// Hypertrophy of the left ventricle.
    Hypertrophy,
    /// None of the above.
    Normal,
}

impl CardiacClass {
    /// All classes, in the order the model's cardiac head uses.
    pub const ALL: [Self; 4] = [
        Self::HeartFailureInfarct,
        Self::HeartFailureNoInfarct,
        Self::Hypertrophy,
        Self::Normal,
    ];

    /// Lower-case name as `diagnosis` in `result.json` lists it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HeartFailureInfarct => "heart failure infarct",
            Self::HeartFailureNoInfarct => "heart failure no infarct",
            Self::Hypertrophy => "hypertrophy",
            Self::Normal => "normal",
        }
    }
}

serde_by_name!(CardiacClass, "a cardiac class of the vocabulary");

/// Where a finding lies: in image terms, or in the patient's where orientation is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Towards the first column of the image.
    ImageLeft,
    /// Towards the last column of the image.
    ImageRight,
    /// Within 5% of the width of the centre.
    Midline,
    /// The patient's left.
    PatientLeft,
    /// The patient's right.
    PatientRight,
}

impl Side {
    /// All sides.
    pub const ALL: [Self; 5] = [
        Self::ImageLeft,
        Self::ImageRight,
        Self::Midline,
        Self::PatientLeft,
        Self::PatientRight,
    ];

    /// Lower-case name as a report writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ImageLeft => "image left",
            Self::ImageRight => "image right",
            Self::Midline => "midline",
            Self::PatientLeft => "patient left",
            Self::PatientRight => "patient right",
        }
    }
}

serde_by_name!(Side, "a side of the vocabulary");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_contiguous_and_names_are_unique() {
        for (k, label) in Label::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(label.value()), k + 1);
            assert_eq!(Label::from_value(label.value()), Some(label));
            assert_eq!(Label::from_name(&label.name().to_uppercase()), Some(label));
        }
        assert_eq!(Label::from_value(0), None);
        assert_eq!(Label::from_value(13), None);
    }

    #[test]
    fn tumours_map_to_findings_and_back() {
        for class in TumourClass::ALL {
            if let Some(label) = class.label() {
                assert!(label.is_finding());
                assert_eq!(TumourClass::from_label(label), Some(class));
            }
        }
        assert!(!Label::VertebraL5.is_finding());
    }

    #[test]
    fn colours_differ_within_a_region() {
        for a in Label::ALL {
            for b in Label::ALL {
                assert!(
                    a == b || a.region() != b.region() || a.rgb() != b.rgb(),
                    "{a} {b}"
                );
            }
        }
    }

    #[test]
    fn names_survive_json() {
        let text = serde_json::to_string(&Side::ImageLeft).unwrap();
        assert_eq!(text, "\"image left\"");
        assert_eq!(
            serde_json::from_str::<Side>(&text).unwrap(),
            Side::ImageLeft
        );
        assert!(serde_json::from_str::<Side>("\"up\"").is_err());
    }
}
