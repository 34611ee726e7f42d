//! What a version says, and how a person's changes lead from one version to the next.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::reply::Refusal;

/// Longest name of a person, in characters.
const MAX_AUTHOR: usize = 100;
/// Longest note.
const MAX_NOTE: usize = 2000;
/// Longest label.
const MAX_LABEL: usize = 80;
/// Most changes at once.
const MAX_CHANGES: usize = 1000;

/// A correction as it is sent.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewVersion {
    /// The series; the first when left out.
    #[serde(default)]
    pub series: Option<String>,
    /// The person who corrects.
    pub author: String,
    /// Why.
    #[serde(default)]
    pub note: Option<String>,
    /// The version that was looked at; if another one came in between, the correction is refused.
    #[serde(default)]
    pub supersedes: Option<u32>,
    /// What is said of findings and structures.
    #[serde(default)]
    pub findings: Vec<Change>,
    /// Base64 of a `.nii` or `.nii.gz` of labels on the prediction's grid.
    #[serde(default)]
    pub segmentation: Option<String>,
    /// The person has reviewed the report and stands by it.
    #[serde(default)]
    pub accepts_report: bool,
}

/// What is said of one finding or structure.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    /// `f0`, `f1`, ... for findings and `a0`, ... for anatomy, in the order of the result; any other name for one that is added.
    pub id: String,
    /// What is done with it.
    pub action: Action,
    /// Its label, where it is edited or added.
    #[serde(default)]
    pub label: Option<String>,
    /// Its value in the label map, where it is added.
    #[serde(default)]
    pub value: Option<u8>,
}

/// What can be done with a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Action {
    /// It is right.
    Accept,
    /// It is not there.
    Reject,
    /// It is there and is called otherwise.
    Edit,
    /// It was missed.
    Add,
}

/// A version of a result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct Version {
    /// 0 is the prediction.
    pub number: u32,
    /// The person who corrected; none for the prediction.
    pub author: Option<String>,
    /// The token's name, where the server asks for tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_in: Option<String>,
    /// When, RFC 3339.
    pub when: String,
    /// Why.
    pub note: Option<String>,
    /// The version before it.
    pub supersedes: Option<u32>,
    /// True if the person has reviewed the report and stands by it.
    pub accepted: bool,
    /// Findings and structures as this version leaves them.
    pub findings: Vec<Entry>,
    /// File of labels, where they were painted in this version or one before.
    pub segmentation: Option<String>,
    /// SHA-256 of that file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segmentation_sha256: Option<String>,
}

/// A finding or structure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct Entry {
    /// As in [`Change`].
    pub id: String,
    /// What it is called.
    pub label: String,
    /// Its value in the label map.
    pub value: Option<u8>,
    /// What became of it.
    pub state: State,
    /// Who last said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Voxels of that value, where labels were painted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voxels: Option<u64>,
    /// Their volume, where spacing is trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_ml: Option<f64>,
}

/// What became of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// As the model left it.
    Predicted,
    /// A person says it is right.
    Accepted,
    /// A person says it is not there.
    Rejected,
    /// A person calls it otherwise.
    Edited,
    /// A person added it.
    Added,
}

/// The prediction as version 0, from `result.json` and the moment it was written.
pub(super) fn prediction(result: &Value, when: String) -> Version {
    let listed = |key: &str, prefix: &str| {
        let items = result[key]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let entries = items.iter().enumerate().map(|(n, item)| Entry {
            id: format!("{prefix}{n}"),
            label: item["label"].as_str().unwrap_or_default().to_owned(),
            value: item["value"].as_u64().and_then(|v| u8::try_from(v).ok()),
            state: State::Predicted,
            by: None,
            voxels: None,
            volume_ml: None,
        });
        entries.collect::<Vec<_>>()
    };
    let mut findings = listed("findings", "f");
    findings.extend(listed("anatomy", "a"));
    Version {
        number: 0,
        author: None,
        signed_in: None,
        when,
        note: None,
        supersedes: None,
        accepted: false,
        findings,
        segmentation: None,
        segmentation_sha256: None,
    }
}

/// The version after `before`, without its labels.
///
/// # Errors
/// [`Refusal::Invalid`] for a change that cannot be made, [`Refusal::Conflict`] if another version was looked at than stands.
pub(super) fn after(before: &Version, new: &NewVersion, when: String) -> Result<Version, Refusal> {
    let author = text("a person's name in \"author\"", &new.author, MAX_AUTHOR)?;
    let note = match new.note.as_deref().map(str::trim) {
        None | Some("") => None,
        Some(note) if note.chars().count() > MAX_NOTE => {
            return Err(Refusal::Invalid(format!(
                "expected a note of at most {MAX_NOTE} characters, found more"
            )));
        }
        Some(note) => Some(note.to_owned()),
    };
    if let Some(seen) = new.supersedes
        && seen != before.number
    {
        return Err(Refusal::Conflict(format!(
            "expected a correction of version {}, the last, found one of version {seen}",
            before.number
        )));
    }
    if new.findings.len() > MAX_CHANGES {
        return Err(Refusal::Invalid(format!(
            "expected at most {MAX_CHANGES} changes, found {}",
            new.findings.len()
        )));
    }
    if new.findings.is_empty() && new.segmentation.is_none() && !new.accepts_report {
        let why = "expected a change of findings, labels, or accepts_report, found none of them";
        return Err(Refusal::Invalid(why.into()));
    }
    let mut findings = before.findings.clone();
    let mut named = BTreeSet::new();
    for change in &new.findings {
        if !named.insert(change.id.as_str()) {
            return Err(Refusal::Invalid(format!(
                "expected one change of {:?}, found two",
                change.id
            )));
        }
        apply(&mut findings, change, &author)?;
    }
    Ok(Version {
        number: before.number.saturating_add(1),
        author: Some(author),
        signed_in: None,
        when,
        note,
        supersedes: Some(before.number),
        accepted: new.accepts_report,
        findings,
        segmentation: before.segmentation.clone(),
        segmentation_sha256: before.segmentation_sha256.clone(),
    })
}

fn apply(findings: &mut Vec<Entry>, change: &Change, author: &str) -> Result<(), Refusal> {
    let label = || match &change.label {
        Some(label) => text("a label", label, MAX_LABEL),
        None => Err(Refusal::Invalid(format!(
            "expected a label for {:?}, found none",
            change.id
        ))),
    };
    if change.action == Action::Add {
        return add(findings, change, label()?, author);
    }
    let known: Vec<_> = findings.iter().map(|f| f.id.clone()).collect();
    let Some(entry) = findings.iter_mut().find(|f| f.id == change.id) else {
        let known = if known.is_empty() {
            "none".into()
        } else {
            known.join(", ")
        };
        return Err(Refusal::Invalid(format!(
            "expected a finding of this result ({known}), found {:?}",
            change.id
        )));
    };
    entry.state = match change.action {
        Action::Reject => State::Rejected,
        Action::Edit => {
            entry.label = label()?;
            State::Edited
        }
        Action::Accept | Action::Add => State::Accepted,
    };
    entry.by = Some(author.to_owned());
    Ok(())
}

fn add(
    findings: &mut Vec<Entry>,
    change: &Change,
    label: String,
    author: &str,
) -> Result<(), Refusal> {
    let id = text("a name for what is added", &change.id, MAX_LABEL)?;
    if findings.iter().any(|f| f.id == id) {
        return Err(Refusal::Invalid(format!(
            "expected a new name for what is added, found {id:?}, which exists"
        )));
    }
    match change.value {
        Some(0) => {
            return Err(Refusal::Invalid(
                "expected a label value of 1 to 255, found 0, the background".into(),
            ));
        }
        Some(v) if findings.iter().any(|f| f.value == Some(v)) => {
            return Err(Refusal::Invalid(format!(
                "expected a label value that is free, found {v}, which is taken"
            )));
        }
        _ => {}
    }
    findings.push(Entry {
        id,
        label,
        value: change.value,
        state: State::Added,
        by: Some(author.to_owned()),
        voxels: None,
        volume_ml: None,
    });
    Ok(())
}

/// A text on one line that is not empty.
fn text(what: &str, given: &str, most: usize) -> Result<String, Refusal> {
    let clean: String = given
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let clean = clean.trim();
    match clean.chars().count() {
        0 => Err(Refusal::Invalid(format!("expected {what}, found nothing"))),
        n if n > most => Err(Refusal::Invalid(format!(
            "expected {what} of at most {most} characters, found {n}"
        ))),
        _ => Ok(clean.to_owned()),
    }
}
