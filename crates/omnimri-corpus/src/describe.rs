//! Five-level descriptions, every sentence with its origin.
//!
//! Every sentence but a model's is of the grammar of `omnimri-findings` and can be read back. Levels on which a dataset says
//! nothing go through a [`TextFiller`].

use omnimri_findings::facts::Section;
use omnimri_findings::verify::Origin;
use omnimri_findings::{Detail, Fact, Flip, Matter, Voice, describe_as};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::example::{Example, Split};
use crate::measured::MeasuredStatements;
use crate::study::Study;

/// The five levels of a description, in reading order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Modality, sequence, plane, grid.
    Acquisition,
    /// What anatomy is seen.
    Anatomy,
    /// How bright tissue and lesions are.
    Signal,
    /// What is abnormal, where and how large.
    Findings,
    /// What it means.
    Impression,
}

impl Level {
    /// All levels in reading order.
    pub const ALL: [Self; 5] = [
        Self::Acquisition,
        Self::Anatomy,
        Self::Signal,
        Self::Findings,
        Self::Impression,
    ];

    /// The level on which a fact is told.
    pub fn of(fact: &Fact) -> Self {
        match fact {
            Fact::Detail(detail) => Self::of_detail(detail),
            Fact::Plane(_) | Fact::Sequence(_) | Fact::Region(_) => Self::Acquisition,
            Fact::Structure(_) => Self::Anatomy,
            // Told in one sentence with size and side, so that a reader does not count two lesions.
            Fact::Signal(signal) if signal.is_lesion() => Self::Findings,
            Fact::Signal(_) => Self::Signal,
            Fact::Extent(_) | Fact::Location(_) => Self::Findings,
            Fact::Tumour(_) | Fact::MsLesions { .. } | Fact::Cardiac(_) => Self::Impression,
        }
    }

    fn of_detail(detail: &Detail) -> Self {
        let finding = detail.term().is_some_and(|t| t.is_finding());
        match detail {
            Detail::Parameter { .. } | Detail::Matrix { .. } | Detail::Voxel { .. } => {
                Self::Acquisition
            }
            Detail::Foreground { .. } => Self::Anatomy,
            Detail::Brightness { .. } | Detail::Relative { .. } => Self::Signal,
            Detail::Place { .. } => Self::Findings,
            Detail::Absent { .. }
            | Detail::Diameter { .. }
            | Detail::Area { .. }
            | Detail::Volume { .. }
            | Detail::Parts { .. }
            | Detail::Share { .. } => match finding {
                true => Self::Findings,
                false => Self::Anatomy,
            },
            Detail::Unknown { of } => match of {
                Matter::Plane
                | Matter::Sequence
                | Matter::Region
                | Matter::VoxelSize
                | Matter::ContrastAgent
                | Matter::Parameter(_) => Self::Acquisition,
                Matter::Structures => Self::Anatomy,
                Matter::Term(term) if !term.is_finding() => Self::Anatomy,
                Matter::Term(_) | Matter::Side | Matter::Findings => Self::Findings,
                Matter::Diagnosis | Matter::Age | Matter::Sex | Matter::Course => Self::Impression,
            },
        }
    }

    /// The section of a report in which a level is told.
    pub const fn section(self) -> Section {
        match self {
            Self::Acquisition => Section::Technique,
            Self::Anatomy | Self::Signal | Self::Findings => Section::Findings,
            Self::Impression => Section::Impression,
        }
    }
}

/// Where a fact comes from: the header, measured on image and masks, or a label of the dataset.
pub const fn origin_of(fact: &Fact) -> Origin {
    match fact {
        Fact::Signal(_) | Fact::Extent(_) | Fact::Location(_) => Origin::Measured,
        Fact::Detail(detail) => match detail {
            Detail::Parameter { .. } | Detail::Matrix { .. } | Detail::Voxel { .. } => {
                Origin::Header
            }
            Detail::Absent { .. } | Detail::Unknown { .. } => Origin::Label,
            _ => Origin::Measured,
        },
        _ => Origin::Label,
    }
}

/// The origin of a sentence of several facts: no better founded than its weakest.
pub(crate) fn origin_of_all(facts: &[Fact]) -> Origin {
    let all = |origin| facts.iter().all(|f| origin_of(f) == origin);
    if all(Origin::Header) {
        Origin::Header
    } else if facts.iter().any(|f| origin_of(f) == Origin::Measured) {
        Origin::Measured
    } else {
        Origin::Label
    }
}

/// The model that wrote a sentence, and what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenBy {
    /// Name of the model as its server knows it.
    pub model: String,
    /// The whole prompt.
    pub prompt: String,
}

/// One sentence of a description.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sentence {
    /// Its level.
    pub level: Level,
    /// Where it comes from.
    pub origin: Origin,
    /// What it says; empty for a statement outside the grammar.
    pub facts: Vec<Fact>,
    /// The sentence, with its full stop.
    pub text: String,
    /// Who wrote it, where [`Origin::Generated`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_by: Option<WrittenBy>,
}

/// A description of an example: sentences by rising level.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The sentences.
    pub sentences: Vec<Sentence>,
}

impl Description {
    /// All sentences as one text.
    pub fn text(&self) -> String {
        self.select(|_| true)
    }

    /// Only what labels say of the image as a whole: plane, sequence, region and diagnosis.
    pub fn short(&self) -> String {
        self.select(|s| {
            let whole = |f: &Fact| {
                !matches!(f, Fact::Detail(_))
                    && matches!(Level::of(f), Level::Acquisition | Level::Impression)
            };
            !s.facts.is_empty() && s.facts.iter().all(whole)
        })
    }

    /// The description of the flipped image: facts are flipped and put into words again.
    ///
    /// A model's sentence that names a side or a place cannot be put right and is left out.
    #[must_use]
    pub fn flipped(&self, flip: Flip, variant: u64) -> Self {
        let mut sentences: Vec<Sentence> = Vec::new();
        for level in Level::ALL {
            let of_level = || self.sentences.iter().filter(|s| s.level == level);
            let facts: Vec<Fact> = of_level()
                .flat_map(|s| s.facts.iter().map(|f| f.flipped(flip)))
                .collect();
            sentences.extend(statements(level, &facts, variant));
            let others = of_level().filter(|s| s.facts.is_empty() && !names_a_place(&s.text));
            sentences.extend(others.cloned());
        }
        Self { sentences }
    }

    /// Only sentences that may serve as truth in an evaluation: none that a model wrote.
    pub fn truth(&self) -> String {
        self.select(|s| s.origin != Origin::Generated)
    }

    /// What the sentences say.
    pub fn facts(&self) -> Vec<Fact> {
        self.sentences
            .iter()
            .flat_map(|s| s.facts.iter().copied())
            .collect()
    }

    fn select(&self, keep: impl Fn(&Sentence) -> bool) -> String {
        let kept: Vec<_> = self
            .sentences
            .iter()
            .filter(|s| keep(s))
            .map(|s| s.text.as_str())
            .collect();
        kept.join(" ")
    }
}

/// True if a sentence holds a word that a flip may turn wrong.
fn names_a_place(text: &str) -> bool {
    const WORDS: [&str; 16] = [
        "left",
        "right",
        "upper",
        "lower",
        "top",
        "bottom",
        "above",
        "below",
        "superior",
        "inferior",
        "anterior",
        "posterior",
        "lateral",
        "side",
        "sided",
        "clockwise",
    ];
    text.to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .any(|word| WORDS.contains(&word))
}

/// Writes the levels on which a dataset says nothing.
pub trait TextFiller: Send + Sync {
    /// Name of the source, for the card: of a model and its prompt, or of the rules.
    fn name(&self) -> &str;

    /// True if its sentences are a model's, which only training examples may carry.
    fn is_generative(&self) -> bool {
        false
    }

    /// Sentences for `level`, given what was told on earlier levels; none where nothing can be said.
    ///
    /// A filler that asks a model marks its sentences [`Origin::Generated`].
    fn fill(
        &self,
        example: &Example,
        level: Level,
        told: &[Sentence],
        variant: u64,
    ) -> Result<Vec<Sentence>>;
}

/// The description of an example with measured statements on the levels that the dataset lacks.
///
/// `variant` chooses among phrasings, always in the same way.
pub fn describe(example: &Example, variant: u64) -> Result<Description> {
    describe_with(example, &MeasuredStatements, variant)
}

/// The description of an example; levels that the dataset lacks are written by `filler`.
///
/// Only a training example is shown to a filler that asks a model: the others are what a model is judged on, and measured
/// statements take its place.
pub fn describe_with(
    example: &Example,
    filler: &dyn TextFiller,
    variant: u64,
) -> Result<Description> {
    describe_study(&Study::of(example), filler, variant)
}

/// [`describe_with`] of an example under study.
pub(crate) fn describe_study(
    study: &Study<'_>,
    filler: &dyn TextFiller,
    variant: u64,
) -> Result<Description> {
    let (example, facts) = (study.example, study.statements());
    let measured = MeasuredStatements;
    let filler = if filler.is_generative() && example.split != Split::Train {
        &measured
    } else {
        filler
    };
    let mut sentences: Vec<Sentence> = Vec::new();
    for level in Level::ALL {
        let of_level: Vec<Fact> = facts
            .iter()
            .copied()
            .filter(|f| Level::of(f) == level)
            .collect();
        // The grid alone says nothing of the image.
        let silent = of_level.iter().all(|f| {
            matches!(
                f,
                Fact::Detail(Detail::Matrix { .. } | Detail::Voxel { .. })
            )
        });
        if silent {
            let filled = filler.fill(example, level, &sentences, variant)?;
            let allowed =
                |s: &Sentence| s.origin != Origin::Generated || example.split == Split::Train;
            sentences.extend(filled.into_iter().filter(allowed));
        }
        sentences.extend(statements(level, &of_level, variant));
    }
    Ok(Description { sentences })
}

/// Facts of one level as sentences of the grammar, in the words of a record.
pub(crate) fn statements(level: Level, facts: &[Fact], variant: u64) -> Vec<Sentence> {
    describe_as(Voice::Record, facts, variant)
        .into_iter()
        .map(|statement| Sentence {
            level,
            origin: origin_of_all(&statement.facts),
            facts: statement.facts,
            text: statement.text,
            written_by: None,
        })
        .collect()
}

#[cfg(test)]
mod tests;
