//! Facts to sentences, and sentences back to facts.
//!
//! No sentence calls an image normal: where nothing was found, it says which classes were looked for.

use crate::facts::{Fact, Section, Statement, canonical};
use crate::pattern::{read, render};
use crate::vocabulary::{CardiacClass, TumourClass};

/// Sentences that say the same, and where they stand. `fixed` is what a sentence without slots says.
struct Group {
    section: Section,
    fixed: Option<Fact>,
    patterns: &'static [&'static str],
}

const TECHNIQUE: Group = Group {
    section: Section::Technique,
    fixed: None,
    patterns: &[
        "{a} {plane}{sequence}MR image{region}.",
        "this is {a} {plane}{sequence}MR image{region}.",
        "the input is {a} {plane}{sequence}MR image{region}.",
        "the study shows {a} {plane}{sequence}MR image{region}.",
        "{a} {plane}{sequence}MR acquisition{region} was read.",
        "what was acquired is {a} {plane}{sequence}MR image{region}.",
    ],
};

const STRUCTURES: Group = Group {
    section: Section::Findings,
    fixed: None,
    patterns: &[
        "visible structures: {structures}.",
        "outlined anatomy: {structures}.",
        "the image shows the {structures}.",
        "the anatomy that can be outlined is the {structures}.",
        "the slices include the {structures}.",
    ],
};

const LESION: Group = Group {
    section: Section::Findings,
    fixed: None,
    patterns: &[
        "there is {a} {extent}{lesion}{location}.",
        "{a} {extent}{lesion} is seen{location}.",
        "{a} {extent}{lesion} is visible{location}.",
        "the image shows {a} {extent}{lesion}{location}.",
        "{a} {extent}{lesion} is present{location}.",
        "the main finding is {a} {extent}{lesion}{location}.",
    ],
};

/// What a sentence on the lesion left out; stands after it, so that a reader does not count two lesions.
const LESION_MORE: Group = Group {
    section: Section::Findings,
    fixed: None,
    patterns: &["this is {a} {extent}{lesion}{location}."],
};

const TISSUE: Group = Group {
    section: Section::Findings,
    fixed: None,
    patterns: &[
        "{tissue}.",
        "on this sequence {tissue}.",
        "in this contrast {tissue}.",
        "as expected of the sequence, {tissue}.",
    ],
};

const TUMOUR: Group = Group {
    section: Section::Impression,
    fixed: None,
    patterns: &[
        "the appearance is most consistent with {a} {tumour} among the classes this model knows.",
        "{a} {tumour} is the most likely of the classes this model knows.",
        "of the classes this model knows, the findings fit {a} {tumour} best.",
        "the findings favour {a} {tumour} among the tumours this model knows.",
        "this most likely represents {a} {tumour} among the classes this model knows.",
    ],
};

const NO_TUMOUR: Group = Group {
    section: Section::Impression,
    fixed: Some(Fact::Tumour(TumourClass::None)),
    patterns: &[
        "no glioma, meningioma or pituitary tumour was found among the classes this model knows.",
        "among the tumours this model knows, no glioma, meningioma or pituitary tumour was found.",
        "the model found no glioma, no meningioma and no pituitary tumour, the classes it knows.",
        "of glioma, meningioma and pituitary tumour, the classes this model knows, no one was found.",
        "no tumour of the classes this model knows (glioma, meningioma, pituitary tumour) was found.",
    ],
};

const MS: Group = Group {
    section: Section::Impression,
    fixed: Some(Fact::MsLesions { present: true }),
    patterns: &[
        "lesions typical of multiple sclerosis are present.",
        "there are lesions that fit multiple sclerosis.",
        "the image shows lesions consistent with multiple sclerosis.",
        "multiple sclerosis lesions are seen.",
    ],
};

const NO_MS: Group = Group {
    section: Section::Impression,
    fixed: Some(Fact::MsLesions { present: false }),
    patterns: &[
        "no multiple sclerosis lesion was found by this model.",
        "the model found no lesion of multiple sclerosis.",
        "no lesion typical of multiple sclerosis was found by this model.",
    ],
};

const CARDIAC: Group = Group {
    section: Section::Impression,
    fixed: None,
    patterns: &[
        "the ventricle is most consistent with {cardiac} among the classes this model knows.",
        "of the cardiac classes this model knows, {cardiac} fits best.",
        "the findings favour {cardiac} among the cardiac classes this model knows.",
        "the most likely of the cardiac classes this model knows is {cardiac}.",
    ],
};

const NO_CARDIAC: Group = Group {
    section: Section::Impression,
    fixed: Some(Fact::Cardiac(CardiacClass::Normal)),
    patterns: &[
        "no heart failure and no hypertrophy was found among the classes this model knows.",
        "of the cardiac classes this model knows, no heart failure and no hypertrophy was found.",
        "the model found no heart failure and no hypertrophy, the cardiac classes it knows.",
    ],
};

/// In the order in which a report tells them; the last only completes another.
const GROUPS: [&Group; 11] = [
    &TECHNIQUE,
    &STRUCTURES,
    &LESION,
    &TISSUE,
    &TUMOUR,
    &NO_TUMOUR,
    &MS,
    &NO_MS,
    &CARDIAC,
    &NO_CARDIAC,
    &LESION_MORE,
];

/// Which group tells a fact; an index into [`GROUPS`].
pub(crate) fn group_of(fact: &Fact) -> usize {
    match fact {
        Fact::Plane(_) | Fact::Sequence(_) | Fact::Region(_) => 0,
        Fact::Structure(_) => 1,
        Fact::Signal(s) if !s.is_lesion() => 3,
        Fact::Signal(_) | Fact::Extent(_) | Fact::Location(_) => 2,
        Fact::Tumour(TumourClass::None) => 5,
        Fact::Tumour(_) => 4,
        Fact::MsLesions { present: true } => 6,
        Fact::MsLesions { present: false } => 7,
        Fact::Cardiac(CardiacClass::Normal) => 9,
        Fact::Cardiac(_) => 8,
    }
}

/// A well-mixed number from a seed and a counter (SplitMix64), so that neighbouring seeds choose differently.
pub(crate) fn mix(seed: u64, counter: u64) -> u64 {
    let mut z = seed.wrapping_add(counter.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Facts as sentences in reading order; `variant` chooses among paraphrases, always in the same way.
///
/// Of several facts on one matter (two planes, two sides) the first is told.
pub fn describe(facts: &[Fact], variant: u64) -> Vec<Statement> {
    let mut told: Vec<Fact> = Vec::new();
    for fact in canonical(facts) {
        if !told.iter().any(|t| t.same_matter(&fact)) {
            told.push(fact);
        }
    }
    let mut out = Vec::new();
    for (index, group) in GROUPS.iter().enumerate() {
        let part: Vec<Fact> = told
            .iter()
            .copied()
            .filter(|f| group_of(f) == index)
            .collect();
        if part.is_empty() {
            continue;
        }
        let choice = mix(variant, index as u64) % group.patterns.len() as u64;
        let text = render(group.patterns[choice as usize], &part);
        out.push(Statement {
            section: group.section,
            facts: part,
            text,
        });
    }
    out
}

/// True for what is told in the sentence on the main lesion.
pub(crate) fn is_on_lesion(fact: &Fact) -> bool {
    group_of(fact) == 2
}

/// A sentence that tells more of a lesion already told of; `facts` all satisfy [`is_on_lesion`].
pub(crate) fn complete_lesion(facts: &[Fact]) -> Statement {
    let text = render(LESION_MORE.patterns[0], facts);
    Statement {
        section: LESION_MORE.section,
        facts: facts.to_vec(),
        text,
    }
}

/// Statements as one compact text: `Technique: ... Findings: ... Impression: ...`, empty sections left out.
pub fn join(statements: &[Statement]) -> String {
    let mut out = Vec::new();
    for section in Section::ALL {
        let sentences: Vec<&str> = statements
            .iter()
            .filter(|s| s.section == section)
            .map(|s| s.text.as_str())
            .collect();
        if !sentences.is_empty() {
            out.push(format!("{}: {}", section.title(), sentences.join(" ")));
        }
    }
    out.join(" ")
}

/// The compact report of some facts: what the language model learns to write.
pub fn report_text(facts: &[Fact], variant: u64) -> String {
    join(&describe(facts, variant))
}

/// Splits text into sentences: after `.`, `!` or `?` that a space or the end follows, and at line breaks.
fn sentences(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    for line in text.lines() {
        let bytes = line.as_bytes();
        let mut start = 0;
        for (at, byte) in bytes.iter().enumerate() {
            let ends = matches!(byte, b'.' | b'!' | b'?')
                && bytes.get(at + 1).is_none_or(u8::is_ascii_whitespace);
            if ends {
                out.push(line[start..=at].trim());
                start = at + 1;
            }
        }
        out.push(line[start..].trim());
    }
    out.retain(|s| !s.is_empty());
    out
}

/// What one sentence says; `None` if no pattern fits it.
fn understand(sentence: &str) -> Option<(Section, Vec<Fact>)> {
    for group in GROUPS {
        for pattern in group.patterns {
            if let Some(mut facts) = read(pattern, sentence) {
                facts.extend(group.fixed);
                return Some((group.section, canonical(&facts)));
            }
        }
    }
    None
}

/// Reads text sentence by sentence. A sentence that fits no pattern is kept with no facts.
///
/// Letter case and repeated spaces do not matter; a sentence stands in the section last named, or where its facts belong.
pub fn parse(text: &str) -> Vec<Statement> {
    let mut named = None;
    let mut out = Vec::new();
    for sentence in sentences(text) {
        let mut sentence = sentence.split_whitespace().collect::<Vec<_>>().join(" ");
        while let Some((section, rest)) = Section::ALL.into_iter().find_map(|s| {
            let rest = crate::pattern::strip(&sentence, s.title())?.strip_prefix(':')?;
            Some((s, rest.trim_start().to_owned()))
        }) {
            named = Some(section);
            sentence = rest;
        }
        if sentence.is_empty() {
            continue;
        }
        let (section, facts) = understand(&sentence).unwrap_or((Section::Findings, vec![]));
        out.push(Statement {
            section: named.unwrap_or(section),
            facts,
            text: sentence,
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_different_groups_do_not_read_each_other() {
        for (index, group) in GROUPS.iter().enumerate() {
            for pattern in group.patterns {
                let facts = sample(index);
                let text = render(pattern, &facts);
                assert_eq!(understand(&text), Some((group.section, facts)), "{text}");
            }
        }
    }

    fn sample(group: usize) -> Vec<Fact> {
        use crate::facts::{Extent, Signal};
        use crate::vocabulary::{Label, Region, Sequence, Side};
        match group {
            0 => vec![
                Fact::Plane(omnimri_image::Plane::Coronal),
                Fact::Sequence(Sequence::Other),
                Fact::Region(Region::LumbarSpine),
            ],
            1 => vec![Fact::Structure(Label::AnteriorHippocampus)],
            2 | 10 => vec![
                Fact::Signal(Signal::IsointenseLesion),
                Fact::Extent(Extent::Medium),
                Fact::Location(Side::PatientLeft),
            ],
            3 => vec![Fact::Signal(Signal::BrightBlood)],
            4 => vec![Fact::Tumour(TumourClass::Pituitary)],
            8 => vec![Fact::Cardiac(CardiacClass::HeartFailureNoInfarct)],
            _ => GROUPS[group].fixed.into_iter().collect(),
        }
    }

    #[test]
    fn garbled_sentences_are_kept_without_facts() {
        let text = "technique: an  AXIAL MR image. Findings: glioma glioma brain the. \
                    Impression: The appearance is most con";
        let parsed = parse(text);
        assert_eq!(parsed.len(), 3);
        assert_eq!(parsed[0].facts, [Fact::Plane(omnimri_image::Plane::Axial)]);
        assert_eq!(
            (parsed[1].section, parsed[1].facts.len()),
            (Section::Findings, 0)
        );
        assert_eq!(
            (parsed[2].section, parsed[2].facts.len()),
            (Section::Impression, 0)
        );
        assert_eq!(parsed[2].text, "The appearance is most con");
        assert!(parse("").is_empty());
        assert!(parse(" : . Technique: ").iter().all(|s| s.facts.is_empty()));
        assert!(
            parse("Größe: é. ünïcode\u{1F600}")
                .iter()
                .all(|s| s.facts.is_empty())
        );
    }
}
