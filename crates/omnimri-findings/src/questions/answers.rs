//! Answers from facts, and the pairs a model learns from.

use omnimri_image::Plane;

use super::phrasings::article;
use super::{BOX_TOKEN, IMG_TOKEN, Question, SEG_TOKEN, words};
use crate::facts::{Extent, Fact, Signal};
use crate::grammar::{mix, report_text};
use crate::pattern::render;
use crate::vocabulary::{CardiacClass, Label, Region, Sequence, Side, TumourClass};

/// What is said where nothing is known.
pub const UNKNOWN: &str = "That cannot be told from this image by this model.";
const NO_TUMOUR: &str =
    "no glioma, meningioma or pituitary tumour was found among the classes this model knows.";

/// The answer to a question from the facts. A closed question is answered with `Yes` or `No` first.
pub fn answer(question: &Question, facts: &[Fact], variant: u64) -> String {
    try_answer(question, facts, variant).unwrap_or_else(|| UNKNOWN.to_owned())
}

/// Wordings of an answer that are tried when one is compared with the facts: more than any question has.
const WORDINGS: u64 = 64;

/// Does an answer say what the facts say, in any of our wordings? `None` where the facts cannot answer the question.
pub fn agrees(question: &Question, text: &str, facts: &[Fact]) -> Option<bool> {
    let said = words(&without_tokens(text));
    let first = try_answer(question, facts, 0)?;
    let same = |answer: &str| words(&without_tokens(answer)) == said;
    Some(
        same(&first)
            || (1..WORDINGS).any(|v| try_answer(question, facts, v).is_some_and(|a| same(&a))),
    )
}

/// An answer as it is read: without the tokens that point into the image.
pub fn without_tokens(text: &str) -> String {
    let mut text = text.to_owned();
    for token in [SEG_TOKEN, BOX_TOKEN, IMG_TOKEN] {
        text = text.replace(token, "");
    }
    // What stood before the token: `here: .`
    text.replace(": .", ".").trim().to_owned()
}

fn find<T>(facts: &[Fact], pick: impl Fn(&Fact) -> Option<T>) -> Option<T> {
    facts.iter().find_map(pick)
}

fn tumour_of(facts: &[Fact]) -> Option<TumourClass> {
    find(facts, |f| {
        if let Fact::Tumour(t) = f {
            Some(*t)
        } else {
            None
        }
    })
}

fn try_answer(question: &Question, facts: &[Fact], variant: u64) -> Option<String> {
    let pick = |options: &[String]| {
        options[(mix(variant, 101) % options.len().max(1) as u64) as usize].clone()
    };
    let yes_no = |yes: bool, then: String| format!("{}, {then}", if yes { "Yes" } else { "No" });
    let plane = find(facts, |f| {
        if let Fact::Plane(p) = f {
            Some(*p)
        } else {
            None
        }
    });
    let sequence = find(facts, |f| {
        if let Fact::Sequence(s) = f {
            Some(*s)
        } else {
            None
        }
    });
    Some(match question {
        Question::Plane => {
            let name = plane?.name();
            pick(&[
                render(&format!("{name}."), &[]),
                render(&format!("{name} plane."), &[]),
                format!("The plane is {name}."),
            ])
        }
        Question::IsPlane(asked) => {
            let plane = plane?;
            yes_no(plane == *asked, format!("the plane is {}.", plane.name()))
        }
        Question::Sequence => {
            let name = sequence?.name();
            pick(&[
                render(&format!("{name}."), &[]),
                format!("The image is {name}."),
                format!("The sequence is {name}."),
            ])
        }
        Question::IsSequence(asked) => {
            let sequence = sequence?;
            yes_no(
                sequence == *asked,
                format!("the sequence is {}.", sequence.name()),
            )
        }
        Question::Region => {
            let region = find(facts, |f| {
                if let Fact::Region(r) = f {
                    Some(*r)
                } else {
                    None
                }
            })?;
            pick(&[
                render(&format!("the {region}."), &[]),
                format!("The image shows the {region}."),
            ])
        }
        Question::TumourPresent => match tumour_of(facts)?.label() {
            None => format!("No, {NO_TUMOUR}"),
            Some(label) => {
                let name = article(label.name());
                format!("Yes, {name} is the most likely of the classes this model knows.")
            }
        },
        Question::TumourClass => match tumour_of(facts)?.label() {
            None => render(NO_TUMOUR, &[]),
            Some(label) => {
                let name = label.name();
                pick(&[
                    render(&format!("{name}."), &[]),
                    render(&format!("{{a}} {name}."), &[]),
                    format!("Most likely {}.", article(name)),
                ])
            }
        },
        Question::IsTumour(asked) => {
            let class = tumour_of(facts)?;
            match class.label() {
                None => format!("No, {NO_TUMOUR}"),
                Some(label) => yes_no(
                    class == *asked,
                    format!("{} is the most likely class.", article(label.name())),
                ),
            }
        }
        Question::Location => {
            let side = find(facts, |f| {
                if let Fact::Location(s) = f {
                    Some(*s)
                } else {
                    None
                }
            })?;
            render(&format!("{}.", side_phrase(side)), &[])
        }
        Question::Extent => {
            let extent = find(facts, |f| {
                if let Fact::Extent(e) = f {
                    Some(*e)
                } else {
                    None
                }
            })?;
            extent_answer(extent)
        }
        Question::Signal => {
            let signal = find(facts, |f| match f {
                Fact::Signal(s) if s.is_lesion() => Some(*s),
                _ => None,
            })?;
            signal_answer(signal)
        }
        Question::Structures => {
            let structures: Vec<Fact> = facts
                .iter()
                .copied()
                .filter(|f| matches!(f, Fact::Structure(_)))
                .collect();
            if structures.is_empty() {
                return None;
            }
            render("the {structures}.", &structures)
        }
        Question::MsLesions => {
            let present = find(facts, |f| match f {
                Fact::MsLesions { present } => Some(*present),
                _ => None,
            })?;
            if present {
                "Yes, lesions typical of multiple sclerosis are present.".to_owned()
            } else {
                "No, the model found no lesion of multiple sclerosis.".to_owned()
            }
        }
        Question::Cardiac => {
            let class = find(facts, |f| {
                if let Fact::Cardiac(c) = f {
                    Some(*c)
                } else {
                    None
                }
            })?;
            match class {
                CardiacClass::Normal => "No heart failure and no hypertrophy was found.".to_owned(),
                _ => render("{cardiac}.", &[Fact::Cardiac(class)]),
            }
        }
        Question::Describe => {
            let text = report_text(facts, variant);
            if text.is_empty() {
                return None;
            }
            text
        }
        Question::Segment(label) => located(*label, facts, "outlined here", SEG_TOKEN)?,
        Question::Detect(label) => located(*label, facts, "in this box", BOX_TOKEN)?,
        Question::Reconstruct => format!("The reconstructed image: {IMG_TOKEN}."),
    })
}

/// `The glioma is outlined here: <seg>.`, or that it was not found.
fn located(label: Label, facts: &[Fact], how: &str, token: &str) -> Option<String> {
    let present = match TumourClass::from_label(label) {
        Some(class) => tumour_of(facts).map(|t| t == class),
        None if label == Label::MsLesion => find(facts, |f| match f {
            Fact::MsLesions { present } => Some(*present),
            _ => None,
        }),
        None => {
            let any = facts.iter().any(|f| matches!(f, Fact::Structure(_)));
            any.then(|| facts.contains(&Fact::Structure(label)))
        }
    }?;
    Some(if present {
        format!("The {label} is {how}: {token}.")
    } else {
        format!("No {label} was found in this image by this model.")
    })
}

fn side_phrase(side: Side) -> String {
    render("{location}", &[Fact::Location(side)])
        .trim()
        .to_owned()
}

fn extent_answer(extent: Extent) -> String {
    let share = match extent {
        Extent::Small => "less than 1%",
        Extent::Medium => "1% to 4%",
        Extent::Large => "more than 4%",
    };
    render(
        &format!("{}, {share} of the area of the head.", extent.name()),
        &[],
    )
}

fn signal_answer(signal: Signal) -> String {
    render(&format!("{{a}} {}.", signal.name()), &[])
}

/// Questions that the facts can answer, each in one phrasing, with answers; closed ones are asked truly or falsely by `seed`.
pub fn questions(facts: &[Fact], seed: u64) -> Vec<(String, String)> {
    let mut asked: Vec<Question> = Vec::new();
    let choose = |counter: u64, n: usize| (mix(seed, counter) % n.max(1) as u64) as usize;
    for fact in facts {
        match fact {
            Fact::Plane(p) => {
                let other = Plane::ALL[choose(1, 3)];
                asked.extend([
                    Question::Plane,
                    Question::IsPlane(if choose(2, 2) == 0 { *p } else { other }),
                ]);
            }
            Fact::Sequence(s) if *s != Sequence::Other => {
                let other = Sequence::HEAD[choose(3, 6)];
                asked.extend([
                    Question::Sequence,
                    Question::IsSequence(if choose(4, 2) == 0 { *s } else { other }),
                ]);
            }
            Fact::Sequence(_) => asked.push(Question::IsSequence(Sequence::HEAD[choose(3, 6)])),
            Fact::Region(region) => {
                asked.push(Question::Region);
                if *region != Region::Brain
                    && !matches!(tumour_of(facts), Some(t) if t.label().is_some())
                {
                    asked.push(Question::Structures);
                }
            }
            Fact::Structure(label) => {
                asked.extend([Question::Segment(*label), Question::Detect(*label)]);
            }
            Fact::Tumour(class) => {
                let other = TumourClass::ALL[1 + choose(5, 3)];
                asked.extend([Question::TumourPresent, Question::TumourClass]);
                let same = if class.label().is_some() {
                    *class
                } else {
                    other
                };
                asked.push(Question::IsTumour(if choose(6, 2) == 0 {
                    same
                } else {
                    other
                }));
                let label = if choose(7, 4) == 0 {
                    other.label()
                } else {
                    same.label()
                };
                asked.extend(label.map(Question::Segment));
                asked.extend(label.map(Question::Detect));
            }
            Fact::Location(_) => asked.push(Question::Location),
            Fact::Extent(_) => asked.push(Question::Extent),
            Fact::Signal(s) if s.is_lesion() => asked.push(Question::Signal),
            Fact::Signal(_) => {}
            Fact::MsLesions { .. } => {
                asked.extend([Question::MsLesions, Question::Segment(Label::MsLesion)]);
            }
            Fact::Cardiac(_) => asked.push(Question::Cardiac),
        }
    }
    asked.push(Question::Describe);
    let mut out = Vec::new();
    for (k, question) in asked.iter().enumerate() {
        let variant = mix(seed, 1000 + k as u64);
        if let Some(text) = try_answer(question, facts, variant) {
            let phrasings = question.phrasings();
            let chosen = (mix(variant, 1) % phrasings.len().max(1) as u64) as usize;
            out.push((phrasings[chosen].clone(), text));
        }
    }
    out
}
