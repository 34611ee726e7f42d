//! From what the model sees to what a result says: measurements, diagnosis, the checked report.

use omnimri_findings::evidence::Source;
use omnimri_findings::grammar::parse;
use omnimri_findings::{
    AnatomyEntry, CardiacClass, Evidence, Finding, Label, Measurement, Region, Sequence,
    TumourClass, check, lesion_signal,
};
use omnimri_image::{LabelMap, Plane, Volume};
use omnimri_model::Look;
use omnimri_report::result::{
    AcquisitionInfo, DiagnosisEntry, ReportInfo, Sourced, TaskState, TaskStatus, ValueSource,
};
use std::collections::BTreeMap;
use std::path::Path;

use crate::cut::{header_plane, measured, recut};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::outline::{label_map, likely_tumour, tumour_present};
use crate::read::segmentation_file;
use crate::scope::{SURE, Scope, Sight, header_sequence};
use crate::trust::Trust;

/// What is said of one volume, before it is written.
#[derive(Debug)]
pub struct Interpretation {
    /// Labels on the input's grid; none where nothing was outlined.
    pub labels: Option<LabelMap>,
    /// Status of every task.
    pub status: BTreeMap<String, TaskStatus>,
    /// Plane, sequence, modality.
    pub acquisition: AcquisitionInfo,
    /// Outlined structures.
    pub anatomy: Vec<AnatomyEntry>,
    /// Found abnormalities, most probable first.
    pub findings: Vec<Finding>,
    /// Alternatives, best first.
    pub diagnosis: Vec<DiagnosisEntry>,
    /// The checked report.
    pub report: ReportInfo,
    /// What the language model wrote, before it was checked.
    pub written: String,
    /// What a user should know.
    pub warnings: Vec<String>,
}

impl Interpretation {
    /// True if the model does not answer for this kind of image.
    pub fn is_out_of_scope(&self) -> bool {
        self.status
            .values()
            .any(|s| s.state == TaskState::OutOfScope)
    }
}

/// Where the words of a report come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wording {
    /// The language model.
    Decoded,
    /// None are asked for; masks, findings and diagnosis do not depend on them.
    Omitted,
}

impl Engine {
    /// What reading a volume says, in memory: nothing is written. `path` names the volume in errors.
    ///
    /// # Errors
    /// [`Error::Model`] if the model fails.
    pub fn interpret_volume(
        &self,
        volume: &Volume,
        path: &Path,
        wording: Wording,
    ) -> Result<Interpretation> {
        self.interpret_with(volume, path, wording, self.trust())
    }

    /// As [`Self::interpret_volume`], with `trust` instead of the model's own: to measure what it is worth.
    ///
    /// # Errors
    /// [`Error::Model`] if the model fails.
    pub fn interpret_with(
        &self,
        volume: &Volume,
        path: &Path,
        wording: Wording,
        trust: &Trust,
    ) -> Result<Interpretation> {
        let model_error = |source| Error::Model {
            path: path.to_owned(),
            source: Box::new(source),
        };
        let look = self.predictor().look(volume, 0).map_err(model_error)?;
        let scope = Sight::of(volume, &look).scope(trust.gate.as_ref());
        let text = match (&scope, wording) {
            (Scope::Known(..), Wording::Decoded) => {
                self.predictor().report(&look).map_err(model_error)?
            }
            _ => String::new(),
        };
        let file = segmentation_file(volume);
        Ok(interpret(volume, &look, &scope, &text, (file, trust)))
    }
}

/// Names of the tasks in `status`.
const TASKS: [&str; 4] = ["segmentation", "detection", "diagnosis", "report"];

fn status(state: TaskState, reason: &str) -> TaskStatus {
    TaskStatus {
        state,
        reason: reason.to_owned(),
    }
}

fn best<T: Copy>(all: &[T], p: &[f32]) -> Option<(T, f64)> {
    all.iter()
        .copied()
        .zip(p)
        .max_by(|a, b| a.1.total_cmp(b.1))
        .filter(|(_, p)| **p >= SURE)
        .map(|(v, p)| (v, f64::from(*p)))
}

/// Plane: the header's where it can be trusted, else the model's if it is sure.
fn plane(volume: &Volume, look: &Look) -> Option<(Plane, Source)> {
    match header_plane(volume) {
        Some(p) => Some((p, Source::Header)),
        None => best(&Plane::ALL, &look.plane).map(|(p, _)| (p, Source::Model)),
    }
}

fn sequence(volume: &Volume, look: &Look) -> Option<(Sequence, Source)> {
    match header_sequence(volume) {
        Some(s) => Some((s, Source::Header)),
        None => best(&Sequence::HEAD, &look.sequence).map(|(s, _)| (s, Source::Model)),
    }
}

fn sourced<T>(value: Option<(T, Source)>, name: impl Fn(T) -> &'static str) -> Sourced {
    match value {
        Some((v, Source::Header)) => Sourced::new(name(v), ValueSource::Header),
        Some((v, Source::Model)) => Sourced::new(name(v), ValueSource::Model),
        None => Sourced::unknown(),
    }
}

fn acquisition(volume: &Volume, evidence: &Evidence) -> AcquisitionInfo {
    AcquisitionInfo {
        modality: volume
            .acquisition
            .modality
            .as_ref()
            .map_or_else(Sourced::unknown, |m| Sourced::new(m, ValueSource::Header)),
        sequence: sourced(evidence.sequence, Sequence::name),
        plane: sourced(evidence.plane, Plane::name),
    }
}

/// Nothing is said but why.
pub fn out_of_scope(volume: &Volume, reason: &str) -> Interpretation {
    let evidence = Evidence {
        plane: header_plane(volume).map(|p| (p, Source::Header)),
        sequence: header_sequence(volume).map(|s| (s, Source::Header)),
        ..Evidence::default()
    };
    let mut report = ReportInfo::default();
    report
        .sections
        .0
        .push(("impression".to_owned(), reason.to_owned()));
    report.text = format!("Impression: {reason}");
    Interpretation {
        labels: None,
        status: TASKS
            .iter()
            .map(|t| ((*t).to_owned(), status(TaskState::OutOfScope, reason)))
            .collect(),
        acquisition: acquisition(volume, &evidence),
        anatomy: Vec::new(),
        findings: Vec::new(),
        diagnosis: Vec::new(),
        report,
        written: String::new(),
        warnings: vec![reason.to_owned()],
    }
}

/// What is known of a volume before anything is said of it.
#[derive(Debug)]
pub struct Known {
    /// Label values on the input's grid.
    pub labels: Vec<u8>,
    /// Outlined structures.
    pub anatomy: Vec<AnatomyEntry>,
    /// All that sentences and answers are checked against.
    pub evidence: Evidence,
}

/// Outlines, measures and collects the evidence of a volume that shows `region`.
pub fn known(
    volume: &Volume,
    look: &Look,
    region: Region,
    (segmentation_file, trust): (&str, &Trust),
) -> Known {
    let labels = label_map(look, volume.geometry.size);
    let recut = recut(volume, &labels);
    let mut anatomy = Vec::new();
    let mut findings: Vec<(Finding, Measurement)> = Vec::new();
    for label in Label::ALL {
        let Some(m) = measured(&labels, label.value(), volume, recut.as_ref()) else {
            continue;
        };
        if label.is_finding() {
            findings.push((
                Finding::from_measurement(label, finding_probability(label, look, trust), &m),
                m,
            ));
        } else {
            anatomy.push(AnatomyEntry::from_measurement(label, &m, segmentation_file));
        }
    }
    findings.sort_by(|a, b| b.0.probability.total_cmp(&a.0.probability));
    let sequence = sequence(volume, look);
    let main = findings.first();
    let evidence = Evidence {
        plane: plane(volume, look),
        sequence,
        region: Some((region, Source::Model)),
        tumour: if region == Region::Brain {
            let all = tumour_classes(look, trust);
            match undecided(&all, trust) {
                Some(_) => Vec::new(),
                None => all,
            }
        } else {
            Vec::new()
        },
        cardiac: if region == Region::Heart {
            classes(&CardiacClass::ALL, &look.cardiac)
        } else {
            Vec::new()
        },
        ms_lesions: None,
        extent: main.map(|(_, m)| m.extent()),
        signal: main.and_then(|(f, _)| {
            let stored = (&labels, volume);
            let (labels, volume) = recut.as_ref().map_or(stored, |r| (&r.labels, &r.volume));
            lesion_signal(labels, f.value?, volume, sequence.map(|(s, _)| s))
        }),
        findings: findings.iter().map(|(f, _)| f.clone()).collect(),
        structures: anatomy.clone(),
    };
    Known {
        labels,
        anatomy,
        evidence,
    }
}

/// Everything the model may say of a volume; `text` is what its language model wrote.
pub fn interpret(
    volume: &Volume,
    look: &Look,
    scope: &Scope,
    text: &str,
    (segmentation_file, trust): (&str, &Trust),
) -> Interpretation {
    let region = match scope {
        Scope::OutOfScope(reason) => return out_of_scope(volume, reason),
        Scope::Known(region, _) => *region,
    };
    let Known {
        labels,
        anatomy,
        evidence,
    } = known(volume, look, region, (segmentation_file, trust));
    let (diagnosis, undecided) = diagnosis(region, look, trust);
    let checked = check(&parse(text), &evidence, 0);
    let mut warnings = Vec::new();
    if region == Region::Heart {
        warnings.push(
            "The cardiac diagnosis is experimental and must not be drawn from one slice; sum it over a subject's slices."
                .to_owned(),
        );
    }
    warnings.extend(evidence.findings.iter().filter_map(|f| unsure(f, trust)));
    let acquisition = acquisition(volume, &evidence);
    let anything = labels.iter().any(|v| *v > 0);
    Interpretation {
        status: task_status(region, anything, !diagnosis.is_empty(), undecided),
        labels: Some(LabelMap {
            labels,
            geometry: volume.geometry.clone(),
        }),
        acquisition,
        anatomy,
        findings: evidence.findings,
        diagnosis,
        report: ReportInfo::from(&checked),
        written: text.to_owned(),
        warnings,
    }
}

fn classes<T: Copy>(all: &[T], p: &[f32]) -> Vec<(T, f64)> {
    all.iter()
        .copied()
        .zip(p.iter().map(|p| f64::from(*p)))
        .collect()
}

/// Calibrated probabilities of the tumour classes.
fn tumour_classes(look: &Look, trust: &Trust) -> Vec<(TumourClass, f64)> {
    let raw = classes(&TumourClass::ALL, &look.tumour);
    let Some(temperature) = &trust.diagnosis else {
        return raw;
    };
    let p: Vec<f64> = raw.iter().map(|(_, p)| *p).collect();
    let calibrated = temperature.apply(&p);
    raw.iter().map(|(c, _)| *c).zip(calibrated).collect()
}

/// Why no diagnosis is given, where no class is probable enough.
fn undecided(all: &[(TumourClass, f64)], trust: &Trust) -> Option<String> {
    let (class, p) = all.iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let least = trust.diagnosis.as_ref()?.abstain_below;
    (*p < least).then(|| {
        format!(
            "Undecided: the most probable class, {class}, has a probability of {p:.2}, and below {least:.2} no diagnosis is given."
        )
    })
}

/// A finding that is more probably right than wrong is given without a note.
const EVEN: f64 = 0.5;

/// What must be said beside a tumour that is more probably wrong than right in class or place.
fn unsure(finding: &Finding, trust: &Trust) -> Option<String> {
    let least = trust.findings.as_ref()?.unsure_below.min(EVEN);
    let p = finding.probability;
    (TumourClass::from_label(finding.label).is_some() && p < least).then(|| {
        format!(
            "Unsure finding: the outlined {} is right in class and place with a probability of {p:.2} only.",
            finding.label
        )
    })
}

fn finding_probability(label: Label, look: &Look, trust: &Trust) -> f64 {
    match TumourClass::from_label(label) {
        Some(class) => TumourClass::ALL
            .iter()
            .position(|c| *c == class)
            .and_then(|i| look.tumour.get(i))
            .map_or(0.0, |p| {
                let p = f64::from(*p);
                trust.findings.as_ref().map_or(p, |odds| odds.apply(p))
            }),
        // No head of its own: how sure the model is of its strongest voxels.
        None => look
            .masks
            .iter()
            .filter(|(t, _)| t.holds(label.value()))
            .flat_map(|(_, logits)| logits)
            .fold(0.0f64, |p, l| p.max(1.0 / (1.0 + f64::from(-*l).exp()))),
    }
}

/// Alternatives, best first, and why none of them is given as a diagnosis.
fn diagnosis(region: Region, look: &Look, trust: &Trust) -> (Vec<DiagnosisEntry>, Option<String>) {
    let mut why = None;
    let entry = |label: &str, p: f64| DiagnosisEntry {
        label: label.to_owned(),
        probability: p.clamp(0.0, 1.0),
    };
    let mut out: Vec<DiagnosisEntry> = match region {
        Region::Brain => {
            let all = tumour_classes(look, trust);
            why = undecided(&all, trust);
            all.into_iter().map(|(c, p)| entry(c.name(), p)).collect()
        }
        Region::Heart => classes(&CardiacClass::ALL, &look.cardiac)
            .into_iter()
            .map(|(c, p)| entry(c.name(), p))
            .collect(),
        _ => Vec::new(),
    };
    out.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    (out, why)
}

fn task_status(
    region: Region,
    outlined: bool,
    diagnosed: bool,
    undecided: Option<String>,
) -> BTreeMap<String, TaskStatus> {
    let answered = |reason: &str| status(TaskState::Answered, reason);
    let mut out = BTreeMap::new();
    let segmentation = if outlined {
        answered("Outlined on the input's own grid.")
    } else {
        status(
            TaskState::Answered,
            "None of the structures and findings this model knows was outlined.",
        )
    };
    out.insert("segmentation".to_owned(), segmentation);
    let detection = match region {
        Region::Brain => answered(
            "Looked for glioma, meningioma, pituitary tumour and multiple sclerosis lesions.",
        ),
        _ => status(
            TaskState::Abstained,
            "This model knows no findings of this region.",
        ),
    };
    out.insert("detection".to_owned(), detection);
    let diagnosis = if let Some(reason) = undecided {
        status(TaskState::Abstained, &reason)
    } else if diagnosed {
        answered("Alternatives with probabilities from the class head.")
    } else {
        status(
            TaskState::Abstained,
            "This model has no diagnoses for this region.",
        )
    };
    out.insert("diagnosis".to_owned(), diagnosis);
    out.insert(
        "report".to_owned(),
        answered("Decoded by the language model, every sentence checked against masks, geometry, header and class heads."),
    );
    out
}

/// The likely tumour of a look, for a line of text; none where no tumour is likely.
pub fn tumour_line(look: &Look) -> Option<(TumourClass, f64)> {
    tumour_present(look).then(|| likely_tumour(look)).flatten()
}
