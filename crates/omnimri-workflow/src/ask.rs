//! One question about an input; the answer is held against what was measured before it is given.

use std::path::Path;

use omnimri_findings::grammar::parse;
use omnimri_findings::questions::{Question, UNKNOWN, agrees, answer, without_tokens};
use omnimri_findings::{Evidence, Label, check};
use omnimri_image::{Input, InputKind, Volume, detect, open, open_raw};
use omnimri_model::{Answer, Look};

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::interpret::known;
use crate::read::ReadOptions;
use crate::scan;
use crate::scope::{Scope, Sight};

/// What stands for an answer without words.
const NO_WORDS: &str = "The model has no answer to this question.";

/// What must be said beside an answer that is the same without the image.
const INDEPENDENT: &str =
    "Not seen in this image: the model says the same of a blank and of noise.";
/// What must be said beside an answer that is not sure enough.
const UNSURE: &str = "Unsure: too often wrong where the model is no surer than this.";

/// An input looked at once, to be asked many times.
#[derive(Debug)]
pub struct Looked {
    look: Look,
    scope: Scope,
    /// None out of scope.
    evidence: Option<Evidence>,
}

impl Looked {
    /// May the model answer at all?
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// What answers are held against; none out of scope.
    pub fn evidence(&self) -> Option<&Evidence> {
        self.evidence.as_ref()
    }
}

/// How an answer stands to what was measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// The language model's words, and the evidence says the same.
    Agrees,
    /// The evidence's words: the language model said otherwise.
    Replaced {
        /// What the language model said.
        said: String,
    },
    /// The language model's words; the question is none that the evidence could answer.
    Unchecked,
    /// The language model's words, which are the same for a blank and for noise: not asserted, see [`Self::note`].
    Independent,
    /// The language model's words, less probable than what is asserted, see [`Self::note`].
    Unsure,
    /// Not answered: the image is out of scope.
    OutOfScope,
}

impl Checked {
    /// Lower-case name for machines.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::Replaced { .. } => "replaced",
            Self::Unchecked => "unchecked",
            Self::Independent => "independent",
            Self::Unsure => "unsure",
            Self::OutOfScope => "out_of_scope",
        }
    }

    /// What must be said beside the answer; an answer with a note is not asserted.
    pub const fn note(&self) -> Option<&'static str> {
        match self {
            Self::Independent => Some(INDEPENDENT),
            Self::Unsure => Some(UNSURE),
            _ => None,
        }
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The words; for an image out of scope, why nothing is answered.
    pub text: String,
    /// Probability that the language model's words are right, calibrated where that was fitted; 0 where they are not its own.
    pub probability: f64,
    /// How the answer stands to what was measured.
    pub checked: Checked,
    /// Box the answer points at, in pixels or voxels of the input with exclusive ends: `[x0, y0, x1, y1]`, or
    /// `[x0, y0, z0, x1, y1, z1]` where it was measured in a volume.
    pub bbox: Option<Vec<f64>>,
    /// What the language model gave; none where the evidence answered in its place.
    pub answer: Option<Answer>,
}

impl Engine {
    /// Opens and looks at an input; of a study, the first series.
    ///
    /// # Errors
    /// If the input cannot be read or reconstructed.
    pub fn look_at(&self, input: &Path, options: &ReadOptions) -> Result<Looked> {
        let volume = if detect(input)? == InputKind::KSpace {
            let raw = open_raw(input, &options.open)?;
            scan::reconstruct_scan(Some(self), &raw, options.method, &options.recon, &|_| ())?
                .volume
        } else {
            let volumes = match open(input, &options.open)? {
                Input::Volumes(volumes) => volumes,
                Input::KSpace(_) => Vec::new(),
            };
            volumes.into_iter().next().ok_or_else(|| Error::Kind {
                path: input.to_owned(),
                expected: "at least one image",
                found: "none".to_owned(),
                hint: "give a file or a folder with a series",
            })?
        };
        self.look_at_volume(&volume, input)
    }

    /// Looks at a volume in memory; `path` names it in errors.
    ///
    /// # Errors
    /// If the model fails.
    pub fn look_at_volume(&self, volume: &Volume, path: &Path) -> Result<Looked> {
        let look = self.seen(volume, path)?;
        let scope = Sight::of(volume, &look).scope(self.trust().gate.as_ref());
        let evidence = match &scope {
            Scope::Known(region, _) => {
                Some(known(volume, &look, *region, ("", self.trust())).evidence)
            }
            Scope::OutOfScope(_) => None,
        };
        Ok(Looked {
            look,
            scope,
            evidence,
        })
    }

    /// What the model makes of a volume, before anybody asks.
    fn seen(&self, volume: &Volume, path: &Path) -> Result<Look> {
        let look = self.predictor().look(volume, 0);
        look.map_err(|source| Error::Model {
            path: path.to_owned(),
            source: Box::new(source),
        })
    }

    /// What speaks for and against a volume being in scope.
    ///
    /// # Errors
    /// If the model fails.
    pub fn sight(&self, volume: &Volume, path: &Path) -> Result<Sight> {
        let look = self.seen(volume, path)?;
        Ok(Sight::of(volume, &look))
    }

    /// Answers a question; an image out of scope is refused in words. An answer of the language model that the evidence (masks,
    /// geometry, header, class heads) contradicts is replaced by the evidence's.
    ///
    /// # Errors
    /// If the model fails.
    pub fn ask(&self, looked: &Looked, question: &str, path: &Path) -> Result<Reply> {
        if let Scope::OutOfScope(reason) = &looked.scope {
            return Ok(Reply {
                text: reason.clone(),
                probability: 0.0,
                checked: Checked::OutOfScope,
                bbox: None,
                answer: None,
            });
        }
        let evidence = looked.evidence.as_ref();
        let question = &specific(question, evidence);
        let answer = self.said(looked, question, path)?;
        let words = worded(&answer);
        let asked = Question::parse(question);
        let (text, checked) = match (&asked, evidence) {
            (Some(asked), Some(evidence)) => held_against(asked, words, evidence),
            (None, Some(evidence)) => free(words, evidence),
            (_, None) => (words, Checked::Unchecked),
        };
        let checkable = asked.is_some();
        let checked = match checked {
            Checked::Unchecked => self.labelled(question, &text, answer.probability)?,
            checked => checked,
        };
        Ok(match checked {
            // Place and mask were the language model's too.
            Checked::Replaced { .. } => Reply {
                text,
                probability: 0.0,
                checked,
                bbox: asked.and_then(|asked| measured_box(&asked, evidence)),
                answer: None,
            },
            _ => Reply {
                text,
                probability: self.probability(answer.probability, checkable),
                checked,
                // What was measured is surer than what was said.
                bbox: asked
                    .and_then(|asked| measured_box(&asked, evidence))
                    .or_else(|| answer.bbox.map(Vec::from)),
                answer: Some(answer),
            },
        })
    }
}

impl Engine {
    /// The language model's own answer, held against nothing.
    ///
    /// # Errors
    /// If the model fails.
    pub fn said(&self, looked: &Looked, question: &str, path: &Path) -> Result<Answer> {
        self.predictor()
            .ask(&looked.look, question)
            .map_err(|source| Error::Model {
                path: path.to_owned(),
                source: Box::new(source),
            })
    }

    /// What the language model says to a question on a blank and on noise.
    ///
    /// # Errors
    /// If the model fails.
    pub fn said_of_nothing(&self, question: &str) -> Result<[String; 2]> {
        let [blank, noise] = self.nothing()?;
        let words = |look: &Look| -> Result<String> {
            let answer = self
                .predictor()
                .ask(look, question)
                .map_err(|source| Error::Model {
                    path: "an image of nothing".into(),
                    source: Box::new(source),
                })?;
            Ok(worded(&answer))
        };
        Ok([words(blank)?, words(noise)?])
    }

    /// How an answer that nothing can check is to be labelled.
    fn labelled(&self, question: &str, said: &str, raw: f64) -> Result<Checked> {
        let nothing = self.said_of_nothing(question)?;
        let odds = self.trust().free_answers.as_ref();
        Ok(if nothing.iter().all(|words| words == said) {
            Checked::Independent
        } else if odds.is_some_and(|odds| odds.apply(raw) < odds.unsure_below) {
            Checked::Unsure
        } else {
            Checked::Unchecked
        })
    }

    /// Probability that an answer is right, calibrated where that was fitted.
    fn probability(&self, raw: f64, checkable: bool) -> f64 {
        let trust = self.trust();
        let odds = if checkable {
            &trust.answers
        } else {
            &trust.free_answers
        };
        odds.as_ref().map_or(raw, |odds| odds.apply(raw))
    }
}

/// The words of an answer without marks.
fn worded(answer: &Answer) -> String {
    match without_tokens(&answer.text) {
        words if words.is_empty() => NO_WORDS.to_owned(),
        words => words,
    }
}

/// The box of the finding that a question asks to point at.
fn measured_box(question: &Question, evidence: Option<&Evidence>) -> Option<Vec<f64>> {
    let (Question::Detect(label) | Question::Segment(label)) = question else {
        return None;
    };
    let finding = evidence?.findings.iter().find(|f| f.label == *label)?;
    let bbox: Vec<f64> = finding.bbox.iter().map(|v| *v as f64).collect();
    (!bbox.is_empty()).then_some(bbox)
}

/// The question, with "the tumour" become the finding that was found where only that makes it one of ours.
fn specific(question: &str, evidence: Option<&Evidence>) -> String {
    const GENERIC: [&str; 5] = ["tumour", "tumor", "lesion", "mass", "abnormality"];
    let found = evidence.and_then(Evidence::main_finding);
    let (None, Some(finding)) = (Question::parse(question), found) else {
        return question.to_owned();
    };
    let lower = question.to_lowercase();
    GENERIC
        .into_iter()
        .map(|word| lower.replace(word, finding.label.name()))
        .find(|named| Question::parse(named).is_some())
        .unwrap_or_else(|| question.to_owned())
}

/// The answer to a question that is none of ours: `said`, unless it names a finding that was not found.
fn free(said: String, evidence: &Evidence) -> (String, Checked) {
    let lower = said.to_lowercase();
    let invented = Label::ALL.into_iter().any(|label| {
        label.is_finding()
            && lower.contains(&label.name().to_lowercase())
            && !evidence.findings.iter().any(|f| f.label == label)
    });
    if invented {
        (UNKNOWN.to_owned(), Checked::Replaced { said })
    } else {
        (said, Checked::Unchecked)
    }
}

/// The answer to give: `said` where the evidence says the same, else the evidence's.
fn held_against(question: &Question, said: String, evidence: &Evidence) -> (String, Checked) {
    let facts = evidence.facts();
    match question {
        // A report is checked sentence by sentence.
        Question::Describe => {
            let text = check(&parse(&said), evidence, 0).text;
            let checked = match text == said {
                true => Checked::Agrees,
                false => Checked::Replaced { said },
            };
            (text, checked)
        }
        // Asks for an image, not for words.
        Question::Reconstruct => (said, Checked::Unchecked),
        _ if agrees(question, &said, &facts) == Some(true) => (said, Checked::Agrees),
        // Where the evidence has nothing, that is what is said.
        _ => {
            let text = without_tokens(&answer(question, &facts, 0));
            (text, Checked::Replaced { said })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use omnimri_findings::evidence::Source;
    use omnimri_findings::{Finding, Region, TumourClass};
    use omnimri_image::Plane;

    fn evidence() -> Evidence {
        Evidence {
            plane: Some((Plane::Axial, Source::Model)),
            region: Some((Region::Brain, Source::Model)),
            tumour: vec![(TumourClass::Meningioma, 0.8), (TumourClass::None, 0.2)],
            ..Evidence::default()
        }
    }

    fn held(question: &str, said: &str) -> (String, Checked) {
        let question = Question::parse(question).unwrap();
        held_against(&question, said.to_owned(), &evidence())
    }

    #[test]
    fn an_answer_that_the_evidence_contradicts_is_replaced() {
        let (text, checked) = held(
            "Is there a tumour?",
            "No, a meningioma is the most likely class.",
        );
        assert!(text.starts_with("Yes, a meningioma"), "{text}");
        assert_eq!(checked.name(), "replaced");
        let (text, checked) = held("Which plane is this?", "Coronal.");
        assert!(text.to_lowercase().contains("axial"), "{text}");
        assert!(matches!(checked, Checked::Replaced { said } if said == "Coronal."));
    }

    #[test]
    fn an_answer_that_agrees_stays_in_its_own_words() {
        for said in ["Axial.", "axial plane", "The plane is axial."] {
            let (text, checked) = held("Which plane is this?", said);
            assert_eq!((text.as_str(), checked), (said, Checked::Agrees));
        }
    }

    #[test]
    fn the_tumour_is_the_one_that_was_found() {
        let mut e = evidence();
        assert_eq!(
            specific("Segment the tumour.", Some(&e)),
            "Segment the tumour."
        );
        e.findings.push(Finding {
            label: Label::Meningioma,
            value: Some(Label::Meningioma.value()),
            probability: 0.8,
            bbox: Vec::new(),
            area_px: None,
            volume_ml: None,
            diameter_mm: None,
            location: None,
        });
        let named = specific("Segment the tumour.", Some(&e));
        let label = Question::Segment(Label::Meningioma);
        assert_eq!(Question::parse(&named), Some(label), "{named}");
        // A question of ours stays as it was asked.
        assert_eq!(
            specific("Is there a tumour?", Some(&e)),
            "Is there a tumour?"
        );
    }

    #[test]
    fn a_finding_that_was_not_found_is_not_named() {
        let (text, checked) = free("The glioma is outlined here.".to_owned(), &evidence());
        assert_eq!((text.as_str(), checked.name()), (UNKNOWN, "replaced"));
        let (text, checked) = free("Supine.".to_owned(), &evidence());
        assert_eq!((text.as_str(), checked.name()), ("Supine.", "unchecked"));
    }

    #[test]
    fn what_the_evidence_does_not_know_is_not_claimed() {
        let (text, checked) = held("Where is the tumour?", "On the image left.");
        assert!(text.contains("cannot be told"), "{text}");
        assert_eq!(checked.name(), "replaced");
    }
}
