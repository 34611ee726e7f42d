//! Details: what a description can say beyond a report, most of it with a number.

use serde::{Deserialize, Serialize};

use crate::facts::Section;
use crate::term::Term;

/// A number with two decimals, as whole hundredths, so that a sentence gives back exactly what it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Hundredths(pub u32);

impl Hundredths {
    /// The largest number that a sentence can hold: 9,999,999.99.
    pub const MAX: Self = Self(999_999_999);

    /// The nearest number of hundredths; `None` if `value` is not finite, negative or too large.
    pub fn new(value: f64) -> Option<Self> {
        let hundredths = (value * 100.0).round();
        (0.0..=f64::from(Self::MAX.0))
            .contains(&hundredths)
            .then_some(Self(hundredths as u32))
    }
}

/// A parameter of the acquisition that a header may state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parameter {
    /// Repetition time in milliseconds.
    RepetitionTime,
    /// Echo time in milliseconds.
    EchoTime,
    /// Inversion time in milliseconds.
    InversionTime,
    /// Flip angle in degrees.
    FlipAngle,
    /// Field strength in tesla.
    FieldStrength,
    /// Slice thickness in millimetres.
    SliceThickness,
}

impl Parameter {
    /// All parameters, in the order in which they are told.
    pub const ALL: [Self; 6] = [
        Self::RepetitionTime,
        Self::EchoTime,
        Self::InversionTime,
        Self::FlipAngle,
        Self::FieldStrength,
        Self::SliceThickness,
    ];

    /// Lower-case name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RepetitionTime => "repetition time",
            Self::EchoTime => "echo time",
            Self::InversionTime => "inversion time",
            Self::FlipAngle => "flip angle",
            Self::FieldStrength => "field strength",
            Self::SliceThickness => "slice thickness",
        }
    }

    /// Unit as written after a number.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::RepetitionTime | Self::EchoTime | Self::InversionTime => "ms",
            Self::FlipAngle => "degrees",
            Self::FieldStrength => "T",
            Self::SliceThickness => "mm",
        }
    }
}

/// A length in the unit that can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Length {
    /// Millimetres, where the spacing is trusted.
    Mm(Hundredths),
    /// Pixels of the image, where it is not.
    Px(Hundredths),
}

/// Where along the height of the picture a lesion of the head lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The upper third of the rows that hold the head.
    Upper,
    /// The middle third.
    Middle,
    /// The lower third.
    Lower,
}

impl Place {
    /// All places from above.
    pub const ALL: [Self; 3] = [Self::Upper, Self::Middle, Self::Lower];

    /// Lower-case name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Upper => "upper",
            Self::Middle => "middle",
            Self::Lower => "lower",
        }
    }
}

/// What may be unknown of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Matter {
    /// The plane of the slices.
    Plane,
    /// The sequence.
    Sequence,
    /// The part of the body.
    Region,
    /// Sizes in millimetres.
    VoxelSize,
    /// Whether a contrast agent was given.
    ContrastAgent,
    /// A parameter of the acquisition.
    Parameter(Parameter),
    /// Whether this is there.
    Term(Term),
    /// On which side the lesion lies.
    Side,
    /// Whether anything is abnormal.
    Findings,
    /// What the anatomy is.
    Structures,
    /// The diagnosis.
    Diagnosis,
    /// The patient's age.
    Age,
    /// The patient's sex.
    Sex,
    /// What came before or after this image.
    Course,
}

impl Matter {
    /// Every matter.
    pub fn all() -> Vec<Self> {
        let mut out = vec![
            Self::Plane,
            Self::Sequence,
            Self::Region,
            Self::VoxelSize,
            Self::ContrastAgent,
            Self::Side,
            Self::Findings,
            Self::Structures,
            Self::Diagnosis,
            Self::Age,
            Self::Sex,
            Self::Course,
        ];
        out.extend(Parameter::ALL.map(Self::Parameter));
        out.extend(Term::all().map(Self::Term));
        out
    }
}

/// A statement beyond those of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "detail")]
pub enum Detail {
    /// The header states a parameter.
    Parameter {
        /// Which.
        of: Parameter,
        /// Its value in [`Parameter::unit`].
        value: Hundredths,
    },
    /// Size of the stored grid.
    Matrix {
        /// Pixels in a row.
        columns: u32,
        /// Pixels in a column.
        rows: u32,
        /// Slices; 1 for a single one.
        slices: u32,
    },
    /// Size of a voxel in millimetres, from a trusted header.
    Voxel {
        /// Along a row.
        x: Hundredths,
        /// Along a column.
        y: Hundredths,
        /// From slice to slice.
        z: Hundredths,
    },
    /// Share of the image that is brighter than a tenth of its brightest voxel, in percent.
    Foreground {
        /// 0 to 100.
        percent: u32,
    },
    /// Someone looked for this and outlined none.
    Absent {
        /// What was looked for.
        of: Term,
    },
    /// Median of the foreground as a share of the brightest voxel, in percent.
    Brightness {
        /// 0 to 100.
        percent: u32,
    },
    /// Mean signal inside an outline as a share of that of the foreground outside all findings, in percent.
    Relative {
        /// What is outlined.
        of: Term,
        /// 100 for equal brightness.
        percent: u32,
    },
    /// Longest in-plane diameter of the largest connected part.
    Diameter {
        /// What is outlined.
        of: Term,
        /// The diameter.
        length: Length,
    },
    /// Area in a single slice.
    Area {
        /// What is outlined.
        of: Term,
        /// Pixels of the image.
        pixels: u32,
    },
    /// Volume, where the spacing is trusted.
    Volume {
        /// What is outlined.
        of: Term,
        /// Millilitres.
        ml: Hundredths,
    },
    /// Number of connected parts of an outline.
    Parts {
        /// What is outlined.
        of: Term,
        /// At least 1.
        n: u32,
    },
    /// Share of the foreground that an outline covers.
    Share {
        /// What is outlined.
        of: Term,
        /// Percent.
        percent: Hundredths,
    },
    /// Where in the head the main lesion lies.
    Place {
        /// Along the height of the picture.
        place: Place,
    },
    /// Something is not known.
    Unknown {
        /// What.
        of: Matter,
    },
}

/// Kinds of details, in the order in which they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Parameter,
    Matrix,
    Voxel,
    Foreground,
    Absent,
    Brightness,
    Relative,
    Diameter,
    Area,
    Volume,
    Parts,
    Share,
    Place,
    Unknown,
}

impl Kind {
    pub const ALL: [Self; 14] = [
        Self::Parameter,
        Self::Matrix,
        Self::Voxel,
        Self::Foreground,
        Self::Absent,
        Self::Brightness,
        Self::Relative,
        Self::Diameter,
        Self::Area,
        Self::Volume,
        Self::Parts,
        Self::Share,
        Self::Place,
        Self::Unknown,
    ];

    /// True for kinds of which one sentence tells several.
    pub const fn is_list(self) -> bool {
        matches!(self, Self::Parameter | Self::Absent)
    }

    pub const fn section(self) -> Section {
        match self {
            Self::Parameter | Self::Matrix | Self::Voxel => Section::Technique,
            _ => Section::Findings,
        }
    }
}

impl Detail {
    pub(crate) const fn kind(&self) -> Kind {
        match self {
            Self::Parameter { .. } => Kind::Parameter,
            Self::Matrix { .. } => Kind::Matrix,
            Self::Voxel { .. } => Kind::Voxel,
            Self::Foreground { .. } => Kind::Foreground,
            Self::Absent { .. } => Kind::Absent,
            Self::Brightness { .. } => Kind::Brightness,
            Self::Relative { .. } => Kind::Relative,
            Self::Diameter { .. } => Kind::Diameter,
            Self::Area { .. } => Kind::Area,
            Self::Volume { .. } => Kind::Volume,
            Self::Parts { .. } => Kind::Parts,
            Self::Share { .. } => Kind::Share,
            Self::Place { .. } => Kind::Place,
            Self::Unknown { .. } => Kind::Unknown,
        }
    }

    /// What the detail speaks of, where that is a term.
    pub const fn term(&self) -> Option<Term> {
        match *self {
            Self::Absent { of }
            | Self::Relative { of, .. }
            | Self::Diameter { of, .. }
            | Self::Area { of, .. }
            | Self::Volume { of, .. }
            | Self::Parts { of, .. }
            | Self::Share { of, .. } => Some(of),
            _ => None,
        }
    }

    /// The section of a report in which it is told.
    pub const fn section(&self) -> Section {
        match self {
            Self::Unknown {
                of: Matter::Diagnosis,
            } => Section::Impression,
            Self::Unknown {
                of:
                    Matter::Plane
                    | Matter::Sequence
                    | Matter::Region
                    | Matter::VoxelSize
                    | Matter::ContrastAgent
                    | Matter::Parameter(_),
            } => Section::Technique,
            other => other.kind().section(),
        }
    }

    /// Position among details: by kind, then by what it speaks of.
    pub(crate) fn rank(&self) -> (u8, u8) {
        let about = match self {
            Self::Parameter { of, .. } => *of as u8,
            Self::Unknown { of } => match of {
                Matter::Term(term) => term.value(),
                _ => 0,
            },
            other => other.term().map_or(0, Term::value),
        };
        (self.kind() as u8, about)
    }

    /// True if both speak of the same matter.
    pub(crate) fn same_matter(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Parameter { of: a, .. }, Self::Parameter { of: b, .. }) => a == b,
            (Self::Unknown { of: a }, Self::Unknown { of: b }) => a == b,
            _ => self.kind() == other.kind() && self.term() == other.term(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_two_decimals() {
        assert_eq!(Hundredths::new(2.8937), Some(Hundredths(289)));
        assert_eq!(Hundredths::new(0.0), Some(Hundredths(0)));
        for bad in [f64::NAN, -0.01, 1e8, f64::INFINITY] {
            assert_eq!(Hundredths::new(bad), None, "{bad}");
        }
    }

    #[test]
    fn details_survive_json() {
        let term = Term::from(crate::Label::Glioma);
        let details = [
            Detail::Diameter {
                of: term,
                length: Length::Mm(Hundredths(1234)),
            },
            Detail::Unknown {
                of: Matter::Term(term),
            },
            Detail::Unknown {
                of: Matter::Parameter(Parameter::EchoTime),
            },
        ];
        for fact in details.map(crate::Fact::Detail) {
            let text = serde_json::to_string(&fact).unwrap();
            assert_eq!(serde_json::from_str::<crate::Fact>(&text).unwrap(), fact);
        }
    }
}
