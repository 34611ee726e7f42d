//! Instructions and their answers, for training and for `ask`.

use omnimri_image::Plane;

use crate::facts::{Extent, Fact, Signal};
use crate::grammar::{mix, report_text};
use crate::pattern::render;
use crate::vocabulary::{CardiacClass, Label, Region, Sequence, Side, TumourClass};

/// Marks a mask in an answer.
pub const SEG_TOKEN: &str = "<seg>";
/// Marks a box in an answer.
pub const BOX_TOKEN: &str = "<box>";
/// Marks a reconstructed image in an answer.
pub const IMG_TOKEN: &str = "<img>";

/// An instruction this model understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Question {
    /// Which plane?
    Plane,
    /// Is it this plane?
    IsPlane(Plane),
    /// Which sequence?
    Sequence,
    /// Is it this sequence?
    IsSequence(Sequence),
    /// Which part of the body?
    Region,
    /// Is there a tumour?
    TumourPresent,
    /// Which tumour?
    TumourClass,
    /// Is there this tumour?
    IsTumour(TumourClass),
    /// On which side?
    Location,
    /// How large?
    Extent,
    /// Which signal has the lesion?
    Signal,
    /// Which structures are seen?
    Structures,
    /// Are there lesions of multiple sclerosis?
    MsLesions,
    /// Which cardiac disease?
    Cardiac,
    /// Write a report.
    Describe,
    /// Outline this.
    Segment(Label),
    /// Put a box around this.
    Detect(Label),
    /// Reconstruct the image from k-space.
    Reconstruct,
}

fn article(word: &str) -> String {
    let text = render(&format!("{{a}} {word}"), &[]);
    // Only the article changes case: "A T1-weighted" becomes "a T1-weighted".
    format!("{}{}", text[..1].to_lowercase(), &text[1..])
}

impl Question {
    /// Every question with its possible arguments, for reading a question back.
    pub fn all() -> Vec<Self> {
        let mut out = vec![
            Self::Plane,
            Self::Sequence,
            Self::Region,
            Self::TumourPresent,
            Self::TumourClass,
            Self::Location,
            Self::Extent,
            Self::Signal,
            Self::Structures,
            Self::MsLesions,
            Self::Cardiac,
            Self::Describe,
            Self::Reconstruct,
        ];
        out.extend(Plane::ALL.map(Self::IsPlane));
        out.extend(
            Sequence::ALL
                .into_iter()
                .filter(|s| *s != Sequence::Other)
                .map(Self::IsSequence),
        );
        out.extend(
            TumourClass::ALL
                .into_iter()
                .filter(|t| t.label().is_some())
                .map(Self::IsTumour),
        );
        out.extend(Label::ALL.map(Self::Segment));
        out.extend(Label::ALL.map(Self::Detect));
        out
    }

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

    /// Reads a question: by its phrasings first, else by its telling words. `None` if it is none of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let wanted = words(text);
        if wanted.is_empty() {
            return None;
        }
        let exact = Self::all().into_iter().find(|q| {
            q.phrasings()
                .iter()
                .any(|phrasing| words(phrasing) == wanted)
        });
        exact.or_else(|| by_keywords(&wanted))
    }
}

/// Lower-case words; spelling variants of tumour become one.
fn words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
        .map(|w| w.replace("tumor", "tumour"))
        .collect()
}

fn by_keywords(words: &[String]) -> Option<Question> {
    let has = |options: &[&str]| words.iter().any(|w| options.contains(&w.as_str()));
    let phrase = |text: &str| format!(" {} ", words.join(" ")).contains(&format!(" {text} "));
    let closed = words.first().is_some_and(|w| {
        ["is", "are", "was", "were", "does", "do", "has", "can"].contains(&w.as_str())
    });
    let label = Label::ALL
        .into_iter()
        .find(|l| phrase(&self::words(l.name()).join(" ")));
    if has(&["reconstruct", "undersampled", "undersampling"]) {
        return Some(Question::Reconstruct);
    }
    if has(&["segment", "outline", "mask", "delineate"]) {
        return label.map(Question::Segment);
    }
    if has(&["box", "detect", "localise", "localize"]) {
        return label.map(Question::Detect);
    }
    let plane = Plane::ALL.into_iter().find(|p| has(&[p.name()]));
    if let (true, Some(plane), false) = (closed, plane, has(&["or"])) {
        return Some(Question::IsPlane(plane));
    }
    if plane.is_some() || has(&["plane", "planes"]) {
        return Some(Question::Plane);
    }
    let sequence = if phrase("contrast enhanced") || has(&["contrast", "gadolinium"]) {
        Some(Sequence::T1Post)
    } else if has(&["t1"]) {
        Some(Sequence::T1)
    } else if has(&["t2"]) {
        Some(Sequence::T2)
    } else if has(&["flair"]) {
        Some(Sequence::Flair)
    } else {
        None
    };
    if let (true, Some(sequence), false) = (closed, sequence, has(&["or"])) {
        return Some(Question::IsSequence(sequence));
    }
    if has(&["sequence", "weighting", "modality", "weighted"]) {
        return Some(Question::Sequence);
    }
    if has(&["where", "side", "located", "location"]) {
        return Some(Question::Location);
    }
    if has(&["sclerosis"]) {
        return Some(Question::MsLesions);
    }
    if let (true, Some(class)) = (closed, label.and_then(TumourClass::from_label)) {
        return Some(Question::IsTumour(class));
    }
    if has(&[
        "tumour", "tumours", "mass", "masses", "neoplasm", "lesion", "lesions",
    ]) {
        return Some(if closed {
            Question::TumourPresent
        } else if has(&["large", "big", "size"]) {
            Question::Extent
        } else if has(&["signal", "intensity", "bright", "intense"]) {
            Question::Signal
        } else {
            Question::TumourClass
        });
    }
    if has(&["diagnosis", "pathology", "disease"]) {
        return Some(Question::TumourClass);
    }
    if has(&["organ", "region", "body"]) {
        return Some(Question::Region);
    }
    if has(&["structures", "anatomy"]) {
        return Some(Question::Structures);
    }
    has(&["report", "describe", "summarise", "summarize"]).then_some(Question::Describe)
}

const UNKNOWN: &str = "That cannot be told from this image by this model.";
const NO_TUMOUR: &str =
    "no glioma, meningioma or pituitary tumour was found among the classes this model knows.";

/// The answer to a question from the facts. A closed question is answered with `Yes` or `No` first.
pub fn answer(question: &Question, facts: &[Fact], variant: u64) -> String {
    try_answer(question, facts, variant).unwrap_or_else(|| UNKNOWN.to_owned())
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
                let other = Sequence::ALL[choose(3, 6)];
                asked.extend([
                    Question::Sequence,
                    Question::IsSequence(if choose(4, 2) == 0 { *s } else { other }),
                ]);
            }
            Fact::Sequence(_) => asked.push(Question::IsSequence(Sequence::ALL[choose(3, 6)])),
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
