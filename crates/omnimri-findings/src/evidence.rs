//! What masks, geometry, header and class heads say: the ground on which sentences are checked.

use omnimri_image::Plane;

use crate::facts::{Extent, Fact, Signal, canonical};
use crate::finding::{AnatomyEntry, Finding};
use crate::vocabulary::{CardiacClass, Region, Sequence, TumourClass};

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The file's header.
    Header,
    /// A class head of the model.
    Model,
}

impl Source {
    /// Lower-case words for a report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Model => "class head",
        }
    }
}

/// Everything a report may be checked against. What is unknown is `None` or empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// Plane and who says so.
    pub plane: Option<(Plane, Source)>,
    /// Sequence and who says so.
    pub sequence: Option<(Sequence, Source)>,
    /// Region and who says so.
    pub region: Option<(Region, Source)>,
    /// Probability of every tumour class; empty where the model abstained.
    pub tumour: Vec<(TumourClass, f64)>,
    /// Probability of every cardiac class; empty where the model abstained.
    pub cardiac: Vec<(CardiacClass, f64)>,
    /// Whether lesions of multiple sclerosis were found; `None` where they were not looked for.
    pub ms_lesions: Option<bool>,
    /// What was found, the main finding first.
    pub findings: Vec<Finding>,
    /// Size class of the main finding.
    pub extent: Option<Extent>,
    /// Signal of the main finding, as measured.
    pub signal: Option<Signal>,
    /// What was outlined.
    pub structures: Vec<AnatomyEntry>,
}

impl Evidence {
    /// The most probable tumour class.
    pub fn top_tumour(&self) -> Option<(TumourClass, f64)> {
        top(&self.tumour)
    }

    /// The most probable cardiac class.
    pub fn top_cardiac(&self) -> Option<(CardiacClass, f64)> {
        top(&self.cardiac)
    }

    /// The evidence as facts, in canonical order: what a complete report says.
    ///
    /// Location, size and signal of a lesion are left out where the class head says that there is no tumour.
    pub fn facts(&self) -> Vec<Fact> {
        let mut out = Vec::new();
        out.extend(self.plane.map(|(p, _)| Fact::Plane(p)));
        out.extend(self.sequence.map(|(s, _)| Fact::Sequence(s)));
        out.extend(self.region.map(|(r, _)| Fact::Region(r)));
        out.extend(
            self.structures
                .iter()
                .map(|s| Fact::Structure(s.label.into())),
        );
        if let Some(main) = self.main_finding() {
            out.extend(self.signal.map(Fact::Signal));
            out.extend(self.extent.map(Fact::Extent));
            out.extend(main.location.map(Fact::Location));
        }
        out.extend(self.top_tumour().map(|(t, _)| Fact::Tumour(t)));
        out.extend(self.ms_lesions.map(|present| Fact::MsLesions { present }));
        out.extend(self.top_cardiac().map(|(c, _)| Fact::Cardiac(c)));
        canonical(&out)
    }

    /// The first finding that the class head does not contradict.
    pub fn main_finding(&self) -> Option<&Finding> {
        self.findings.first().filter(|f| self.agrees(f))
    }

    /// False for a tumour outlined where the class head says that there is none, or another.
    pub fn agrees(&self, finding: &Finding) -> bool {
        match (TumourClass::from_label(finding.label), self.top_tumour()) {
            (Some(class), Some((top, _))) => class == top,
            _ => true,
        }
    }
}

fn top<T: Copy>(classes: &[(T, f64)]) -> Option<(T, f64)> {
    classes
        .iter()
        .copied()
        .filter(|(_, p)| p.is_finite())
        .fold(None, |best, (class, p)| match best {
            Some((_, most)) if most >= p => best,
            _ => Some((class, p)),
        })
}
