//! Facts to sentences, and sentences back to facts.
//!
//! No sentence calls an image normal: where nothing was found, it says which classes were looked for.

use crate::facts::{Fact, Section, Statement, canonical};
pub use crate::groups::Voice;
pub(crate) use crate::groups::group_of;
use crate::groups::{GROUPS, LESION_MORE, kind_of};
use crate::pattern::{read, render};

/// A well-mixed number from a seed and a counter (SplitMix64), so that neighbouring seeds choose differently.
pub(crate) fn mix(seed: u64, counter: u64) -> u64 {
    let mut z = seed.wrapping_add(counter.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Facts as the sentences of a report in reading order; `variant` chooses among paraphrases, always in the same way.
///
/// Of several facts on one matter (two planes, two sides) the first is told.
pub fn describe(facts: &[Fact], variant: u64) -> Vec<Statement> {
    describe_as(Voice::Model, facts, variant)
}

/// As [`describe`], in the words of a voice. Lists of structures and parameters share a sentence; every number has its own.
pub fn describe_as(voice: Voice, facts: &[Fact], variant: u64) -> Vec<Statement> {
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
        let together = kind_of(index).is_none_or(|kind| kind.is_list());
        let sentences = if together && !part.is_empty() {
            vec![part]
        } else {
            part.into_iter().map(|fact| vec![fact]).collect()
        };
        for (k, facts) in sentences.into_iter().enumerate() {
            let pattern = group.choose(voice, mix(variant, (index + k * GROUPS.len()) as u64));
            out.push(Statement {
                section: section_of(group.section, &facts),
                text: render(pattern, &facts),
                facts,
            });
        }
    }
    out
}

/// The section of a sentence: its group's, but for unknown matters, each of which has its own.
fn section_of(section: Section, facts: &[Fact]) -> Section {
    match facts {
        [Fact::Detail(detail)] => detail.section(),
        _ => section,
    }
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
    for (index, group) in GROUPS.iter().enumerate() {
        for pattern in group.all() {
            if let Some(mut facts) = read(pattern, kind_of(index), sentence) {
                facts.extend(group.fixed);
                let facts = canonical(&facts);
                return Some((section_of(group.section, &facts), facts));
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
mod exhaustive;
#[cfg(test)]
mod tests {
    use super::*;

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
