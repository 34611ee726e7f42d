//! Sentences against evidence: what is confirmed stays, what is contradicted is replaced, what was left out is added.

use serde::{Deserialize, Serialize};

use crate::evidence::Evidence;
use crate::facts::{Fact, Section, Signal, Statement};
use crate::grammar::{complete_lesion, describe, group_of, is_on_lesion, join};
use crate::phrases::cardiac_phrase;
use crate::vocabulary::TumourClass;

/// What the evidence says of a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verified {
    /// Everything it says agrees with the evidence.
    Confirmed,
    /// Something it says has no evidence for or against it.
    Unsupported,
    /// Something it says disagrees with the evidence.
    Contradicted,
}

/// Where a sentence comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The file's header.
    Header,
    /// A label of a dataset.
    Label,
    /// Measured on a mask.
    Measured,
    /// Written by the language model.
    Generated,
    /// Written by the grammar from the evidence.
    Template,
}

impl Origin {
    /// Lower-case name as in `result.json`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Label => "label",
            Self::Measured => "measured",
            Self::Generated => "generated",
            Self::Template => "template",
        }
    }
}

/// A sentence with the evidence for or against it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The sentence.
    pub text: String,
    /// What the evidence says, in words.
    pub evidence: String,
    /// The verdict.
    pub verified: Verified,
    /// Who wrote it.
    pub origin: Origin,
    /// Where it stands.
    pub section: Section,
    /// What it says.
    pub facts: Vec<Fact>,
    /// False for a sentence that was taken out of the report.
    pub in_report: bool,
}

/// A report in which every sentence has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedReport {
    /// Text of each section that has any, in reading order, impression last.
    pub sections: Vec<(Section, String)>,
    /// All sections as one text, each with its title.
    pub text: String,
    /// Every sentence: those of the report in reading order, then those taken out.
    pub claims: Vec<Claim>,
}

/// Checks every statement; nothing is replaced. Origin is [`Origin::Generated`].
pub fn verify(statements: &[Statement], truth: &Evidence) -> Vec<Claim> {
    statements
        .iter()
        .map(|statement| {
            let (verified, evidence) = verdict(&statement.facts, truth);
            Claim {
                text: statement.text.clone(),
                evidence,
                verified,
                origin: Origin::Generated,
                section: statement.section,
                facts: statement.facts.clone(),
                in_report: true,
            }
        })
        .collect()
}

/// The worst verdict of some facts, with the evidence for each.
fn verdict(facts: &[Fact], truth: &Evidence) -> (Verified, String) {
    if facts.is_empty() {
        return (Verified::Unsupported, "sentence not understood".to_owned());
    }
    let checked: Vec<_> = facts.iter().map(|f| check_fact(f, truth)).collect();
    let worst = checked
        .iter()
        .map(|(v, _)| *v)
        .max()
        .unwrap_or(Verified::Unsupported);
    let mut words: Vec<String> = Vec::new();
    for (_, text) in checked {
        if !words.contains(&text) {
            words.push(text);
        }
    }
    (worst, words.join("; "))
}

fn compare<T: PartialEq>(said: &T, known: Option<T>, words: String) -> (Verified, String) {
    match known {
        None => (Verified::Unsupported, words),
        Some(known) if known == *said => (Verified::Confirmed, words),
        Some(_) => (Verified::Contradicted, words),
    }
}

fn check_fact(fact: &Fact, truth: &Evidence) -> (Verified, String) {
    let nothing = |what: &str| format!("no evidence on the {what}");
    match fact {
        Fact::Plane(said) => {
            let words = truth
                .plane
                .map(|(p, by)| format!("{}: {} plane", by.name(), p.name()));
            let known = truth.plane.map(|(p, _)| p);
            compare(said, known, words.unwrap_or_else(|| nothing("plane")))
        }
        Fact::Sequence(said) => {
            let words = truth
                .sequence
                .map(|(s, by)| format!("{}: {s} sequence", by.name()));
            let known = truth.sequence.map(|(s, _)| s);
            compare(said, known, words.unwrap_or_else(|| nothing("sequence")))
        }
        Fact::Region(said) => {
            let words = truth.region.map(|(r, by)| format!("{}: {r}", by.name()));
            compare(
                said,
                truth.region.map(|(r, _)| r),
                words.unwrap_or_else(|| nothing("region")),
            )
        }
        Fact::Structure(term) => match truth.structures.iter().find(|s| *term == s.label) {
            Some(_) => (Verified::Confirmed, format!("mask: {term} outlined")),
            None => (Verified::Contradicted, format!("mask: {term} not outlined")),
        },
        Fact::Signal(said) if said.is_lesion() => {
            let words = truth.signal.map(|s| format!("measured: {s}"));
            let known = truth.main_finding().and(truth.signal);
            lesion(
                said,
                known,
                words.unwrap_or_else(|| nothing("lesion's signal")),
                truth,
            )
        }
        Fact::Signal(said) => {
            let typical = truth.sequence.and_then(|(s, _)| Signal::of_fluid(s));
            let words = "typical of the sequence, not measured".to_owned();
            match typical {
                Some(typical) if typical == *said => (Verified::Unsupported, words),
                Some(typical) => (
                    Verified::Contradicted,
                    format!("the sequence shows {typical}"),
                ),
                None => (Verified::Unsupported, nothing("tissue's signal")),
            }
        }
        Fact::Extent(said) => {
            let words = truth.extent.map(|e| format!("measured: {e}"));
            let known = truth.main_finding().and(truth.extent);
            lesion(
                said,
                known,
                words.unwrap_or_else(|| nothing("lesion's size")),
                truth,
            )
        }
        Fact::Location(said) => {
            let known = truth.main_finding().and_then(|f| f.location);
            let words = known.map(|s| format!("measured: centre of the mask at {}", s.name()));
            lesion(
                said,
                known,
                words.unwrap_or_else(|| nothing("lesion's side")),
                truth,
            )
        }
        Fact::MsLesions { present } => {
            let words = truth.ms_lesions.map(|known| match known {
                true => "mask: multiple sclerosis lesions outlined",
                false => "mask: no multiple sclerosis lesion outlined",
            });
            let words =
                words.map_or_else(|| nothing("lesions of multiple sclerosis"), str::to_owned);
            compare(present, truth.ms_lesions, words)
        }
        Fact::Tumour(said) => {
            let known = truth.top_tumour();
            let words = known.map(|(t, p)| format!("class head: {t} {:.0}%", 100.0 * p));
            let known = known.map(|(t, _)| t);
            compare(
                said,
                known,
                words.unwrap_or_else(|| nothing("tumour class")),
            )
        }
        Fact::Cardiac(said) => {
            let known = truth.top_cardiac();
            // "Normal" is a class of the training set, not something a report may say.
            let name = |c| cardiac_phrase(c).unwrap_or("none of the known heart diseases");
            let words = known.map(|(c, p)| format!("class head: {} {:.0}%", name(c), 100.0 * p));
            let known = known.map(|(c, _)| c);
            compare(
                said,
                known,
                words.unwrap_or_else(|| nothing("cardiac class")),
            )
        }
        // A report's own numbers are measured, not read from sentences.
        Fact::Detail(_) => (Verified::Unsupported, nothing("detail")),
    }
}

/// As [`compare`], but a lesion is contradicted where the class head says that there is no tumour and no other finding exists.
fn lesion<T: PartialEq>(
    said: &T,
    known: Option<T>,
    words: String,
    truth: &Evidence,
) -> (Verified, String) {
    let no_tumour = truth
        .top_tumour()
        .is_some_and(|(t, _)| t == TumourClass::None);
    if truth.main_finding().is_none() && no_tumour {
        return (
            Verified::Contradicted,
            "class head: no tumour, no lesion outlined".to_owned(),
        );
    }
    compare(said, known, words)
}

/// A sentence stays only if everything that it says is confirmed: what a sequence typically shows was not seen.
fn may_stay(facts: &[Fact], truth: &Evidence) -> bool {
    !facts.is_empty()
        && facts
            .iter()
            .all(|f| check_fact(f, truth).0 == Verified::Confirmed)
}

/// The checked report: confirmed sentences of `statements`, template sentences for what they got wrong or left out, and what was
/// measured. `variant` chooses the wording of templates.
pub fn check(statements: &[Statement], truth: &Evidence, variant: u64) -> CheckedReport {
    let mut kept: Vec<Claim> = Vec::new();
    let mut removed: Vec<Claim> = Vec::new();
    for mut claim in verify(statements, truth) {
        let told = |f: &Fact| kept.iter().any(|k| k.facts.contains(f));
        let repeats = !claim.facts.is_empty() && claim.facts.iter().all(told);
        if !repeats && may_stay(&claim.facts, truth) {
            claim.section = claim.facts.first().map_or(claim.section, Fact::section);
            kept.push(claim);
        } else if !removed.iter().any(|r| r.text == claim.text)
            && !kept.iter().any(|k| k.text == claim.text)
        {
            claim.in_report = false;
            if repeats {
                claim.evidence.push_str("; already told");
            }
            removed.push(claim);
        }
    }
    let mut missing: Vec<Fact> = truth
        .facts()
        .into_iter()
        .filter(|f| !kept.iter().any(|k| k.facts.contains(f)))
        .collect();
    let mut more = None;
    if kept.iter().any(|k| k.facts.iter().any(is_on_lesion)) {
        let left_out: Vec<Fact> = missing.iter().copied().filter(is_on_lesion).collect();
        missing.retain(|f| !is_on_lesion(f));
        more = (!left_out.is_empty()).then(|| complete_lesion(&left_out));
    }
    for statement in describe(&missing, variant).into_iter().chain(more) {
        let (verified, evidence) = verdict(&statement.facts, truth);
        kept.push(Claim {
            text: statement.text,
            evidence,
            verified,
            origin: Origin::Template,
            section: statement.section,
            facts: statement.facts,
            in_report: true,
        });
    }
    kept.extend(measured_claims(truth));
    if !kept.iter().any(|c| c.section == Section::Impression) {
        kept.push(Claim {
            text: "This model offers no diagnostic impression for this image.".to_owned(),
            evidence: "no class head answered".to_owned(),
            verified: Verified::Confirmed,
            origin: Origin::Template,
            section: Section::Impression,
            facts: vec![],
            in_report: true,
        });
    }
    // Sentences without facts are measurements or the closing line: last in their section. What was generated stands before the
    // template that completes it.
    kept.sort_by_key(|c| {
        let group = c.facts.first().map_or(usize::MAX, group_of);
        let rank = c.facts.first().map_or((u8::MAX, 0), Fact::rank);
        (c.section, group, c.origin == Origin::Template, rank)
    });
    assemble(kept, removed)
}

fn assemble(mut kept: Vec<Claim>, removed: Vec<Claim>) -> CheckedReport {
    let statements: Vec<Statement> = kept
        .iter()
        .map(|c| Statement {
            section: c.section,
            facts: vec![],
            text: c.text.clone(),
        })
        .collect();
    let mut sections = Vec::new();
    for section in Section::ALL {
        let texts: Vec<&str> = statements
            .iter()
            .filter(|s| s.section == section)
            .map(|s| s.text.as_str())
            .collect();
        if !texts.is_empty() {
            sections.push((section, texts.join(" ")));
        }
    }
    let text = join(&statements);
    kept.extend(removed);
    CheckedReport {
        sections,
        text,
        claims: kept,
    }
}

/// Sentences with numbers: the size of findings and of outlined anatomy.
fn measured_claims(truth: &Evidence) -> Vec<Claim> {
    let claim = |text: String, evidence: &str| Claim {
        text,
        evidence: evidence.to_owned(),
        verified: Verified::Confirmed,
        origin: Origin::Measured,
        section: Section::Findings,
        facts: vec![],
        in_report: true,
    };
    let mut out = Vec::new();
    for finding in truth
        .findings
        .iter()
        .filter(|f| f.value.is_some() && truth.agrees(f))
    {
        let mut sizes = Vec::new();
        sizes.extend(
            finding
                .diameter_mm
                .map(|mm| format!("{mm:.1} mm in its longest in-plane diameter")),
        );
        sizes.extend(finding.volume_ml.map(|ml| format!("{ml:.2} mL in volume")));
        if sizes.is_empty() {
            sizes.extend(finding.area_px.map(|px| format!("{px} pixels in area")));
        }
        if !sizes.is_empty() {
            // Where the model abstained from the class, the outline has no name.
            let unnamed =
                truth.tumour.is_empty() && TumourClass::from_label(finding.label).is_some();
            let name = if unnamed {
                "lesion"
            } else {
                finding.label.name()
            };
            let text = format!("The outlined {name} measures {}.", sizes.join(" and "));
            out.push(claim(text, "measured on the mask"));
        }
    }
    let list = |items: Vec<String>, what: &str| {
        (!items.is_empty()).then(|| {
            claim(
                format!("{what}: {}.", items.join(", ")),
                "measured on the mask",
            )
        })
    };
    let volumes = truth
        .structures
        .iter()
        .filter_map(|s| Some((s, s.volume_ml?)));
    out.extend(list(
        volumes
            .map(|(s, ml)| format!("{} {ml:.2} mL", s.label))
            .collect(),
        "Measured volumes",
    ));
    let areas = truth
        .structures
        .iter()
        .filter_map(|s| Some((s, s.area_px?)));
    out.extend(list(
        areas
            .map(|(s, px)| format!("{} {px} pixels", s.label))
            .collect(),
        "Measured areas",
    ));
    out
}
