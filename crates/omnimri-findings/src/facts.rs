//! Facts: the meaning of a sentence, without its words.

use omnimri_image::Plane;
use serde::{Deserialize, Serialize};

use crate::vocabulary::{CardiacClass, Label, Region, Sequence, Side, TumourClass, serde_by_name};
use serde::{Deserializer, Serializer, de};

/// Size of a lesion as a share of the head's area in the slice that shows most of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Extent {
    /// Below 1%.
    Small,
    /// 1% to 4%.
    Medium,
    /// Above 4%.
    Large,
}

impl Extent {
    /// All extents, rising.
    pub const ALL: [Self; 3] = [Self::Small, Self::Medium, Self::Large];

    /// Lower-case name as a report writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Medium => "medium-sized",
            Self::Large => "large",
        }
    }

    /// The class of an area fraction between 0 and 1.
    pub fn from_fraction(fraction: f64) -> Self {
        if fraction < 0.01 {
            Self::Small
        } else if fraction <= 0.04 {
            Self::Medium
        } else {
            Self::Large
        }
    }
}

serde_by_name!(Extent, "an extent of the vocabulary");

/// Signal of a lesion against the rest of the head, or of a tissue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    /// Brighter than the rest after a contrast agent.
    EnhancingMass,
    /// Brighter than the rest.
    HyperintenseLesion,
    /// Darker than the rest.
    HypointenseLesion,
    /// About as bright as the rest.
    IsointenseLesion,
    /// Dark fluid, as in T1 and FLAIR.
    HypointenseFluid,
    /// Bright fluid, as in T2.
    HyperintenseFluid,
    /// Bright blood, as in cine.
    BrightBlood,
}

impl Signal {
    /// All signals.
    pub const ALL: [Self; 7] = [
        Self::EnhancingMass,
        Self::HyperintenseLesion,
        Self::HypointenseLesion,
        Self::IsointenseLesion,
        Self::HypointenseFluid,
        Self::HyperintenseFluid,
        Self::BrightBlood,
    ];

    /// Lower-case name as a report writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EnhancingMass => "enhancing mass",
            Self::HyperintenseLesion => "hyperintense lesion",
            Self::HypointenseLesion => "hypointense lesion",
            Self::IsointenseLesion => "isointense lesion",
            Self::HypointenseFluid => "hypointense fluid",
            Self::HyperintenseFluid => "hyperintense fluid",
            Self::BrightBlood => "bright blood",
        }
    }

    /// True where the signal is that of a lesion, false for a tissue.
    pub const fn is_lesion(self) -> bool {
        matches!(
            self,
            Self::EnhancingMass
                | Self::HyperintenseLesion
                | Self::HypointenseLesion
                | Self::IsointenseLesion
        )
    }

    /// The fluid or blood signal a sequence shows, where it is typical of the sequence.
    pub const fn of_fluid(sequence: Sequence) -> Option<Self> {
        match sequence {
            Sequence::T1 | Sequence::T1Post | Sequence::Flair => Some(Self::HypointenseFluid),
            Sequence::T2 => Some(Self::HyperintenseFluid),
            Sequence::Cine => Some(Self::BrightBlood),
            _ => None,
        }
    }
}

serde_by_name!(Signal, "a signal of the vocabulary");

/// One thing a report can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "fact", content = "value")]
pub enum Fact {
    /// Plane of the slices.
    Plane(Plane),
    /// Sequence.
    Sequence(Sequence),
    /// Part of the body.
    Region(Region),
    /// A structure that is seen and outlined.
    Structure(Label),
    /// Signal of the main lesion or of a tissue.
    Signal(Signal),
    /// Size of the main lesion.
    Extent(Extent),
    /// Where the main lesion lies.
    Location(Side),
    /// Lesions of multiple sclerosis were found, or not.
    MsLesions {
        /// True if found.
        present: bool,
    },
    /// Tumour class of the impression; `None` means none of the known classes was found.
    Tumour(TumourClass),
    /// Cardiac class of the impression.
    Cardiac(CardiacClass),
}

impl Fact {
    /// The section a fact is told in.
    pub const fn section(&self) -> Section {
        match self {
            Self::Plane(_) | Self::Sequence(_) | Self::Region(_) => Section::Technique,
            Self::Structure(_) | Self::Signal(_) | Self::Extent(_) | Self::Location(_) => {
                Section::Findings
            }
            Self::MsLesions { .. } | Self::Tumour(_) | Self::Cardiac(_) => Section::Impression,
        }
    }

    /// The order in which a report tells facts; also the order of canonical lists.
    pub fn rank(&self) -> (u8, u8) {
        let position = |ok: bool| u8::from(!ok);
        match self {
            Self::Plane(p) => (0, *p as u8),
            Self::Sequence(s) => (1, *s as u8),
            Self::Region(r) => (2, *r as u8),
            Self::Structure(l) => (3, l.value()),
            Self::Signal(s) => (4, *s as u8),
            Self::Extent(e) => (5, *e as u8),
            Self::Location(s) => (6, *s as u8),
            Self::Tumour(t) => (7, *t as u8),
            Self::MsLesions { present } => (8, position(*present)),
            Self::Cardiac(c) => (9, *c as u8),
        }
    }

    /// True if both speak of the same matter, so that they cannot both hold unless equal.
    ///
    /// A report names several structures, and a lesion's signal beside a tissue's; everything else is told once.
    pub fn same_matter(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Structure(a), Self::Structure(b)) => a == b,
            (Self::Signal(a), Self::Signal(b)) => a.is_lesion() == b.is_lesion(),
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

/// Facts in canonical order without repetitions.
pub fn canonical(facts: &[Fact]) -> Vec<Fact> {
    let mut out = facts.to_vec();
    out.sort_by_key(Fact::rank);
    out.dedup();
    out
}

/// All facts of some statements in canonical order without repetitions.
pub fn all_facts(statements: &[Statement]) -> Vec<Fact> {
    let facts: Vec<Fact> = statements
        .iter()
        .flat_map(|s| s.facts.iter().copied())
        .collect();
    canonical(&facts)
}

/// Part of a report, in reading order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// How the image was acquired and what it shows.
    Technique,
    /// What is seen.
    Findings,
    /// What it means.
    Impression,
}

impl Section {
    /// All sections in reading order, impression last.
    pub const ALL: [Self; 3] = [Self::Technique, Self::Findings, Self::Impression];

    /// Capitalised title, also the prefix in compact text (`Technique: ...`).
    pub const fn title(self) -> &'static str {
        match self {
            Self::Technique => "Technique",
            Self::Findings => "Findings",
            Self::Impression => "Impression",
        }
    }

    /// Lower-case key of `report.sections` in `result.json`.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Technique => "technique",
            Self::Findings => "findings",
            Self::Impression => "impression",
        }
    }
}

/// A sentence with what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// Where it stands.
    pub section: Section,
    /// What it says; empty where the sentence was not understood.
    pub facts: Vec<Fact>,
    /// The sentence, with its full stop.
    pub text: String,
}
