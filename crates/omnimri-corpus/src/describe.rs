//! Five-level descriptions, every sentence with its origin.
//!
//! Sentences that state facts are those of the grammar of `omnimri-findings`, so that they can be read back. Levels on
//! which a dataset says nothing go through a [`TextFiller`].

use omnimri_findings::facts::Section;
use omnimri_findings::verify::Origin;
use omnimri_findings::{Fact, grammar};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::example::Example;
use crate::measured::MeasuredStatements;

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
    pub const fn of(fact: &Fact) -> Self {
        match fact {
            Fact::Plane(_) | Fact::Sequence(_) | Fact::Region(_) => Self::Acquisition,
            Fact::Structure(_) => Self::Anatomy,
            Fact::Signal(_) => Self::Signal,
            Fact::Extent(_) | Fact::Location(_) => Self::Findings,
            Fact::Tumour(_) | Fact::MsLesions { .. } | Fact::Cardiac(_) => Self::Impression,
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

/// Where a fact comes from: measured on masks, or a label of the dataset.
pub const fn origin_of(fact: &Fact) -> Origin {
    match fact {
        Fact::Signal(_) | Fact::Extent(_) | Fact::Location(_) => Origin::Measured,
        _ => Origin::Label,
    }
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

    /// Only what labels and headers say of the image as a whole: the first level and the last.
    pub fn short(&self) -> String {
        self.select(|s| {
            !s.facts.is_empty() && matches!(s.level, Level::Acquisition | Level::Impression)
        })
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

/// Writes the levels on which a dataset says nothing.
pub trait TextFiller: Send + Sync {
    /// Name of the source, for the card: of a model and its prompt, or of the rules.
    fn name(&self) -> &str;

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
pub fn describe_with(
    example: &Example,
    filler: &dyn TextFiller,
    variant: u64,
) -> Result<Description> {
    let facts = example.facts();
    let mut sentences: Vec<Sentence> = Vec::new();
    for level in Level::ALL {
        let of_level: Vec<Fact> = facts
            .iter()
            .copied()
            .filter(|f| Level::of(f) == level)
            .collect();
        if of_level.is_empty() {
            let filled = filler.fill(example, level, &sentences, variant)?;
            sentences.extend(filled);
        } else {
            sentences.extend(statements(level, &of_level, variant));
        }
        if level == Level::Acquisition {
            sentences.push(grid(example, variant));
        }
    }
    Ok(Description { sentences })
}

/// Facts of one level as sentences of the grammar.
pub(crate) fn statements(level: Level, facts: &[Fact], variant: u64) -> Vec<Sentence> {
    grammar::describe(facts, variant)
        .into_iter()
        .map(|statement| Sentence {
            level,
            // A sentence of several facts is no better founded than its weakest.
            origin: if statement
                .facts
                .iter()
                .all(|f| origin_of(f) == Origin::Label)
            {
                Origin::Label
            } else {
                Origin::Measured
            },
            facts: statement.facts,
            text: statement.text,
        })
        .collect()
}

/// Size of the grid as stored, and of a voxel where the header can be trusted.
fn grid(example: &Example, variant: u64) -> Sentence {
    let n = example.image.native_size;
    let pixels = match (n.z, variant % 2) {
        (1, 0) => format!("The slice has {} x {} pixels", n.x, n.y),
        (1, _) => format!("The matrix is {} x {}", n.x, n.y),
        (_, 0) => format!("The volume has {} slices of {} x {} pixels", n.z, n.x, n.y),
        (_, _) => format!("The matrix is {} x {} with {} slices", n.x, n.y, n.z),
    };
    let text = match example.image.spacing_mm {
        Some(mm) => {
            // Shrunk slices have larger pixels than the file.
            let native = |mm: f64, now: usize, n: usize| mm * now as f64 / n.max(1) as f64;
            let size = example.image.size;
            let (x, y) = (native(mm.x, size.x, n.x), native(mm.y, size.y, n.y));
            format!(
                "{pixels}, and a voxel measures {x:.2} x {y:.2} x {:.2} mm.",
                mm.z
            )
        }
        None => format!("{pixels}."),
    };
    Sentence {
        level: Level::Acquisition,
        origin: Origin::Header,
        facts: Vec::new(),
        text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{Classes, DatasetId, Split};
    use crate::stack::Stack;
    use omnimri_findings::{Label, Region, Sequence, TumourClass, grammar::parse};
    use omnimri_image::{Plane, Zyx};

    fn example(label: Option<Label>, classes: Classes, annotated: &[Label]) -> Example {
        let size = Zyx::new(3, 41, 53);
        let mut voxels: Vec<f32> = (0..size.count()).map(|k| 80.0 + (k % 7) as f32).collect();
        let mut labels = vec![0; size.count()];
        for y in 6..12 {
            for x in 5..11 {
                let k = size.offset(x, y, 1);
                voxels[k] = 200.0;
                labels[k] = label.map_or(0, Label::value);
            }
        }
        Example {
            id: "a".into(),
            dataset: DatasetId::new("made"),
            subject: "s".into(),
            split: Split::Train,
            image: Stack::from_voxels(&voxels, size, Some(Zyx::new(3.0, 1.0, 0.5)), None).unwrap(),
            labels: (!annotated.is_empty()).then_some(labels),
            annotated: annotated.iter().map(|&l| l.into()).collect(),
            boxes: Vec::new(),
            classes,
            acquisition: Default::default(),
            texts: Vec::new(),
            questions: Vec::new(),
        }
    }

    fn made() -> Vec<Example> {
        let brain = |sequence, tumour| Classes {
            plane: Some(Plane::Axial),
            sequence,
            region: Some(Region::Brain),
            tumour,
            ..Classes::default()
        };
        let tumours = [Label::Glioma, Label::Meningioma, Label::PituitaryTumour];
        let glioma = brain(Some(Sequence::T1Post), Some(TumourClass::Glioma));
        let cine = Classes {
            sequence: Some(Sequence::Cine),
            ..Classes::default()
        };
        vec![
            example(Some(Label::Glioma), glioma, &tumours),
            example(None, brain(None, Some(TumourClass::None)), &tumours),
            example(
                Some(Label::MsLesion),
                brain(Some(Sequence::Flair), None),
                &[Label::MsLesion],
            ),
            example(None, brain(Some(Sequence::T2), None), &[Label::MsLesion]),
            example(
                Some(Label::LeftVentricleCavity),
                cine,
                &[Label::LeftVentricleCavity],
            ),
            example(
                Some(Label::VertebraL2),
                Classes::default(),
                &[Label::VertebraL2],
            ),
            example(None, Classes::default(), &[]),
        ]
    }

    #[test]
    fn every_level_is_told_and_every_sentence_is_read_back() {
        for (k, e) in made().iter().enumerate() {
            for variant in 0..12 {
                let description = describe(e, variant).unwrap();
                let mut levels: Vec<_> = description.sentences.iter().map(|s| s.level).collect();
                assert!(levels.is_sorted(), "{k}");
                levels.dedup();
                assert_eq!(levels, Level::ALL, "{k}: {}", description.text());
                for s in &description.sentences {
                    let read: Vec<Fact> =
                        parse(&s.text).into_iter().flat_map(|p| p.facts).collect();
                    assert_eq!(read, s.facts, "{k}: {}", s.text);
                    assert!(s.text.ends_with('.'));
                    assert_ne!(s.origin, Origin::Generated);
                }
                for fact in e.facts() {
                    assert!(description.facts().contains(&fact), "{k}: {fact:?}");
                }
            }
        }
    }

    #[test]
    fn origins_follow_the_facts() {
        let description = describe(&made()[0], 3).unwrap();
        let origin = |level| {
            let of = |s: &&Sentence| s.level == level && !s.facts.is_empty();
            description.sentences.iter().find(of).map(|s| s.origin)
        };
        assert_eq!(origin(Level::Acquisition), Some(Origin::Label));
        assert_eq!(origin(Level::Signal), Some(Origin::Measured));
        assert_eq!(origin(Level::Findings), Some(Origin::Measured));
        assert_eq!(origin(Level::Impression), Some(Origin::Label));
        let text = describe(&made()[0], 0).unwrap().text();
        assert!(
            text.contains("53 x 41") && text.contains("0.50 x 1.00 x 3.00 mm"),
            "{text}"
        );
    }

    #[test]
    fn what_a_model_wrote_is_no_truth() {
        struct Model;
        impl TextFiller for Model {
            fn name(&self) -> &str {
                "a model"
            }
            fn fill(
                &self,
                _: &Example,
                level: Level,
                _: &[Sentence],
                _: u64,
            ) -> Result<Vec<Sentence>> {
                let text = "Something a model thinks.".to_owned();
                Ok(vec![Sentence {
                    level,
                    origin: Origin::Generated,
                    facts: vec![],
                    text,
                }])
            }
        }
        let description = describe_with(&made()[6], &Model, 1).unwrap();
        assert!(description.text().contains("thinks"));
        assert!(!description.truth().contains("thinks"));
    }
}
