//! The ways in which each question is put.

use super::Question;
use crate::pattern::render;

/// `word` with its article, in lower case: `an axial`.
pub(super) fn article(word: &str) -> String {
    let text = render(&format!("{{a}} {word}"), &[]);
    // Only the article changes case: "A T1-weighted" becomes "a T1-weighted".
    format!("{}{}", text[..1].to_lowercase(), &text[1..])
}

impl Question {
    /// The ways in which a question is put; the first is the plainest.
    pub fn phrasings(&self) -> Vec<String> {
        let fixed = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
        match self {
            Self::Plane => fixed(&[
                "In what plane is this image?",
                "Which plane is shown?",
                "What is the plane of this image?",
                "What plane was this image taken in?",
                "What is the imaging plane?",
            ]),
            Self::IsPlane(p) => {
                let name = p.name();
                vec![
                    format!("Is this {} image?", article(name)),
                    format!("Is the plane {name}?"),
                    format!("Is this {} slice?", article(name)),
                    format!("Is this {} plane?", article(name)),
                ]
            }
            Self::Sequence => fixed(&[
                "Which sequence is this?",
                "What kind of MR image is this?",
                "What is the MRI weighting of this image?",
                "Name the pulse sequence.",
                "What type of sequence was used?",
            ]),
            Self::IsSequence(s) => {
                let name = s.name();
                vec![
                    format!("Is this {} image?", article(name)),
                    format!("Is the sequence {name}?"),
                    format!("Was this acquired as {} scan?", article(name)),
                ]
            }
            Self::Region => fixed(&[
                "Which part of the body is shown?",
                "What organ is imaged?",
                "What body region does this image show?",
                "What anatomy is imaged?",
            ]),
            Self::TumourPresent => fixed(&[
                "Is there a tumour?",
                "Is a tumour present?",
                "Does this image show a tumour?",
                "Do you see a mass?",
            ]),
            Self::TumourClass => fixed(&[
                "Which tumour is this?",
                "What kind of tumour is shown?",
                "What is the most likely diagnosis?",
                "Name the tumour.",
            ]),
            Self::IsTumour(t) => {
                let name = t.name();
                vec![
                    format!("Is there {}?", article(name)),
                    format!("Does this image show {}?", article(name)),
                    format!("Is this {}?", article(name)),
                ]
            }
            Self::Location => fixed(&[
                "Where is the lesion?",
                "On which side is the lesion?",
                "On what side does the tumour lie?",
                "Where does the mass lie?",
            ]),
            Self::Extent => fixed(&[
                "How large is the lesion?",
                "What size is the lesion?",
                "Is the lesion small or large?",
            ]),
            Self::Signal => fixed(&[
                "What is the signal of the lesion?",
                "How bright is the lesion?",
                "Describe the intensity of the lesion.",
            ]),
            Self::Structures => fixed(&[
                "Which structures are visible?",
                "What anatomy can be outlined?",
                "List the structures in this image.",
            ]),
            Self::MsLesions => fixed(&[
                "Are there multiple sclerosis lesions?",
                "Does this image show lesions of multiple sclerosis?",
                "Is there multiple sclerosis?",
            ]),
            Self::Cardiac => fixed(&[
                "What is the cardiac diagnosis?",
                "Which heart disease is shown?",
                "What is wrong with the heart?",
            ]),
            Self::Describe => fixed(&[
                "Write a report.",
                "Describe this image.",
                "Report this study.",
                "What does this image show?",
            ]),
            Self::Segment(l) => {
                vec![
                    format!("Segment the {l}."),
                    format!("Outline the {l}."),
                    format!("Show a mask of the {l}."),
                ]
            }
            Self::Detect(l) => {
                vec![
                    format!("Put a box around the {l}."),
                    format!("Detect the {l}."),
                    format!("Give the bounding box of the {l}."),
                ]
            }
            Self::Reconstruct => fixed(&[
                "Reconstruct the image.",
                "Reconstruct this undersampled scan.",
                "Remove the undersampling artefacts.",
            ]),
        }
    }
}
