//! Sections matched with the check of each sentence.

use crate::result::{FactEntry, ReportInfo};

/// A piece of a section: a sentence with its check, or text that has none.
pub(crate) struct Piece<'a> {
    pub(crate) text: &'a str,
    pub(crate) fact: Option<&'a FactEntry>,
}

/// A section's title and its pieces, in reading order.
pub(crate) struct SectionView<'a> {
    pub(crate) key: &'a str,
    pub(crate) title: String,
    pub(crate) pieces: Vec<Piece<'a>>,
}

/// The report as sections of checked sentences, and the sentences that were taken out.
pub(crate) fn split(report: &ReportInfo) -> (Vec<SectionView<'_>>, Vec<&FactEntry>) {
    let mut used = vec![false; report.facts.len()];
    let sections = report
        .sections
        .0
        .iter()
        .map(|(key, text)| SectionView {
            key,
            title: title(key),
            pieces: pieces(text, &report.facts, &mut used),
        })
        .collect();
    let removed = report
        .facts
        .iter()
        .zip(used)
        .filter(|(_, u)| !u)
        .map(|(f, _)| f)
        .collect();
    (sections, removed)
}

fn pieces<'a>(text: &'a str, facts: &'a [FactEntry], used: &mut [bool]) -> Vec<Piece<'a>> {
    let mut out = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        // The fact that begins here, or the one that begins soonest; what lies before it was not checked.
        let next = (0..facts.len())
            .filter(|k| !used[*k] && !facts[*k].claim.is_empty())
            .filter_map(|k| rest.find(&facts[k].claim).map(|at| (at, k)))
            .min();
        let Some((at, k)) = next else { break };
        if !rest[..at].trim().is_empty() {
            out.push(Piece {
                text: rest[..at].trim(),
                fact: None,
            });
        }
        let end = at + facts[k].claim.len();
        out.push(Piece {
            text: &rest[at..end],
            fact: Some(&facts[k]),
        });
        used[k] = true;
        rest = rest[end..].trim_start();
    }
    if !rest.is_empty() {
        out.push(Piece {
            text: rest,
            fact: None,
        });
    }
    out
}

/// `technique` becomes `Technique`.
fn title(key: &str) -> String {
    let words = key.replace('_', " ");
    let mut chars = words.chars();
    chars
        .next()
        .map(|c| c.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}
