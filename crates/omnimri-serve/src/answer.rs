//! Questions about an image: what was asked, what is answered, and on what ground.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::extract::{Path as Route, State};
use omnimri_findings::Evidence;
use omnimri_findings::questions::UNKNOWN;
use omnimri_image::{Input, open};
use omnimri_workflow::{Checked, Looked, ReadOptions, Reply};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::extract::Payload;
use crate::read::refusal;
use crate::reply::Refusal;
use crate::state::{AppState, blocking};

/// Longest question in characters.
pub(crate) const MAX_QUESTION: usize = 2000;

/// How an answer is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// An answer about the image.
    Answered,
    /// The model has none.
    Abstained,
    /// The image is none that the model reads.
    OutOfScope,
}

/// Something an answer rests on.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Ground {
    /// What it is: `check`, `plane`, `sequence`, `region`, `class`, `finding` or `structure`.
    kind: &'static str,
    /// Its value in words.
    value: String,
    /// Who says so: `header`, `class head`, `mask`, or for a check the comparison.
    source: &'static str,
    /// How probable it is, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    probability: Option<f64>,
    /// Where it lies, in pixels or voxels of the input with exclusive ends.
    #[serde(rename = "box", skip_serializing_if = "Option::is_none")]
    bbox: Option<Vec<f64>>,
    /// Volume in ml, of a finding or structure with trusted spacing.
    #[serde(skip_serializing_if = "Option::is_none")]
    volume_ml: Option<f64>,
}

/// What is answered.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Answered {
    /// The words.
    pub answer: String,
    /// How to take them.
    pub status: Status,
    /// How sure the language model is of its words; 0 where they are not its own.
    pub probability: f64,
    /// What they rest on.
    pub evidence: Vec<Ground>,
    /// Box that the answer points at.
    #[serde(rename = "box", skip_serializing_if = "Option::is_none")]
    pub bbox: Option<Vec<f64>>,
}

/// A question about a job's image.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asking {
    /// In words.
    #[schemars(length(min = 1, max = 2000))]
    question: String,
    /// The series; the first when left out.
    #[serde(default)]
    series: Option<String>,
}

/// The image that was looked at last: questions come in rows about one image.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<Option<(String, Arc<Looked>)>>);

impl Recent {
    /// The look of that image, made by `look` unless it is the last one.
    fn get(
        &self,
        key: &str,
        look: impl FnOnce() -> omnimri_workflow::Result<Looked>,
    ) -> omnimri_workflow::Result<Arc<Looked>> {
        let recent = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, looked)) = &*recent()
            && known == key
        {
            return Ok(looked.clone());
        }
        let looked = Arc::new(look()?);
        *recent() = Some((key.to_owned(), looked.clone()));
        Ok(looked)
    }

    /// Forgets an image that was removed.
    pub fn forget(&self, key: &str) {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if recent
            .as_ref()
            .is_some_and(|(known, _)| known.starts_with(key))
        {
            *recent = None;
        }
    }
}

/// An image that is asked about.
#[derive(Debug)]
pub(crate) struct Image {
    /// Tells it from every other.
    pub key: String,
    /// Where it lies.
    pub path: PathBuf,
    /// What its sender calls it.
    pub name: PathBuf,
    /// Which of its series, from 0.
    pub series: usize,
}

/// Answers a question about an image; blocks.
pub(crate) fn answer(state: &AppState, image: &Image, question: &str) -> Result<Answered, Refusal> {
    let fail = |e| refusal(&e, &image.path, &image.name);
    let looked = state
        .recent
        .get(&image.key, || look(state, image))
        .map_err(fail)?;
    let reply = state
        .engine
        .ask(&looked, question, &image.name)
        .map_err(fail)?;
    Ok(Answered::new(reply, looked.evidence()))
}

fn look(state: &AppState, image: &Image) -> omnimri_workflow::Result<Looked> {
    let _memory = state
        .budget
        .take(omnimri_workflow::memory_needed(&image.path));
    let mut options = ReadOptions::default();
    options.open.max_voxels = state.limits.max_voxels;
    if image.series > 0
        && let Input::Volumes(volumes) = open(&image.path, &options.open)?
        && let Some(volume) = volumes.get(image.series)
    {
        return state.engine.look_at_volume(volume, &image.name);
    }
    state.engine.look_at(&image.path, &options)
}

impl Answered {
    fn new(reply: Reply, evidence: Option<&Evidence>) -> Self {
        let status = match reply.checked {
            Checked::OutOfScope => Status::OutOfScope,
            _ if reply.text == UNKNOWN => Status::Abstained,
            // Words that must not be asserted are shown, and said to be no answer.
            ref checked if checked.note().is_some() => Status::Abstained,
            _ => Status::Answered,
        };
        let check = match &reply.checked {
            Checked::Agrees => "the language model's words, and what was measured says the same",
            Checked::Replaced { .. } => {
                "the words of what was measured: the language model said otherwise"
            }
            Checked::Unchecked => {
                "the language model's words; nothing that was measured speaks for or against them"
            }
            Checked::Independent | Checked::Unsure => {
                reply.checked.note().unwrap_or("not asserted")
            }
            Checked::OutOfScope => "not answered: the image is out of scope",
        };
        let mut grounds = vec![Ground::plain("check", check.to_owned(), "comparison")];
        grounds.extend(evidence.map(grounds_of).unwrap_or_default());
        Self {
            answer: reply.text,
            status,
            probability: reply.probability,
            evidence: grounds,
            bbox: reply.bbox,
        }
    }

    /// Words that are not about an image.
    pub fn abstained(words: &str) -> Self {
        Self {
            answer: words.to_owned(),
            status: Status::Abstained,
            probability: 0.0,
            evidence: Vec::new(),
            bbox: None,
        }
    }
}

impl Ground {
    fn plain(kind: &'static str, value: String, source: &'static str) -> Self {
        Self {
            kind,
            value,
            source,
            probability: None,
            bbox: None,
            volume_ml: None,
        }
    }
}

/// What masks, header and class heads say.
fn grounds_of(evidence: &Evidence) -> Vec<Ground> {
    let mut out = Vec::new();
    if let Some((plane, source)) = evidence.plane {
        out.push(Ground::plain(
            "plane",
            plane.name().to_owned(),
            source.name(),
        ));
    }
    if let Some((sequence, source)) = evidence.sequence {
        out.push(Ground::plain(
            "sequence",
            sequence.name().to_owned(),
            source.name(),
        ));
    }
    if let Some((region, source)) = evidence.region {
        out.push(Ground::plain(
            "region",
            region.name().to_owned(),
            source.name(),
        ));
    }
    let head = "class head";
    let tumour = evidence.tumour.iter().map(|(c, p)| (c.name(), *p));
    let cardiac = evidence.cardiac.iter().map(|(c, p)| (c.name(), *p));
    for (name, p) in tumour.chain(cardiac) {
        out.push(Ground {
            probability: Some(p),
            ..Ground::plain("class", name.to_owned(), head)
        });
    }
    for finding in &evidence.findings {
        let bbox: Vec<f64> = finding.bbox.iter().map(|v| *v as f64).collect();
        out.push(Ground {
            probability: Some(finding.probability),
            bbox: (!bbox.is_empty()).then_some(bbox),
            volume_ml: finding.volume_ml,
            ..Ground::plain("finding", finding.label.name().to_owned(), "mask")
        });
    }
    for structure in &evidence.structures {
        out.push(Ground {
            volume_ml: structure.volume_ml,
            ..Ground::plain("structure", structure.label.name().to_owned(), "mask")
        });
    }
    out
}

/// The image of a series of a job that is done: the input itself, whose header the model heeds, and for k-space what was reconstructed.
pub(crate) fn image_of_job(
    state: &AppState,
    id: &str,
    series: Option<&str>,
) -> Result<Image, Refusal> {
    let folder = state.jobs.series_folder(id, series)?;
    let name = folder.file_name().map(PathBuf::from).unwrap_or_default();
    let key = format!("{id}/{}", name.display());
    let reconstructed = folder.join("reconstruction.nii.gz");
    let (path, series) = if reconstructed.is_file() {
        (reconstructed, 0)
    } else {
        let (input, _) = crate::jobs::input_of(&state.jobs.folder(id).join("input"))
            .map_err(|e| Refusal::of_io("look at the files", &e))?;
        (input, place_in_study(&folder, &name))
    };
    Ok(Image {
        key,
        path,
        name,
        series,
    })
}

/// Which series of its study a result folder is; the first where there is no study.
fn place_in_study(folder: &Path, name: &Path) -> usize {
    let place = || {
        let text = std::fs::read(folder.with_file_name("study.json")).ok()?;
        let study: serde_json::Value = serde_json::from_slice(&text).ok()?;
        let series = study["series"].as_array()?;
        series
            .iter()
            .position(|s| s["folder"].as_str().is_some_and(|f| Path::new(f) == name))
    };
    place().unwrap_or(0)
}

/// `POST /v1/jobs/{id}/questions`
pub(crate) async fn ask(
    State(state): State<AppState>,
    Route(id): Route<String>,
    Payload(asking): Payload<Asking>,
) -> Result<Json<Answered>, Refusal> {
    check_question(&asking.question)?;
    let places = Places::take(&state).await?;
    blocking(move || {
        let image = image_of_job(&state, &id, asking.series.as_deref())?;
        let answered = answer(&state, &image, &asking.question);
        drop(places);
        answered
    })
    .await
    .map(Json)
}

/// A question that is neither empty nor endless.
pub(crate) fn check_question(question: &str) -> Result<(), Refusal> {
    let length = question.chars().count();
    if question.trim().is_empty() || length > MAX_QUESTION {
        return Err(Refusal::BadRequest(format!(
            "expected a question of 1 to {MAX_QUESTION} characters, found {length}"
        )));
    }
    Ok(())
}

/// A place among the requests that somebody waits for, and a reader.
#[derive(Debug)]
pub(crate) struct Places {
    _admitted: tokio::sync::OwnedSemaphorePermit,
    _reader: tokio::sync::OwnedSemaphorePermit,
}

impl Places {
    /// Waits for a reader, unless too many wait already.
    pub async fn take(state: &AppState) -> Result<Self, Refusal> {
        let admitted = state.admitted.clone().try_acquire_owned();
        let admitted = admitted.map_err(|_| Refusal::Busy)?;
        Self::with(state, admitted).await
    }

    /// As [`Places::take`], for a request that has its place.
    pub async fn with(
        state: &AppState,
        admitted: tokio::sync::OwnedSemaphorePermit,
    ) -> Result<Self, Refusal> {
        let reader = state.readers.clone().acquire_owned().await;
        let reader = reader.map_err(|_| Refusal::Internal("the server is stopping".into()))?;
        Ok(Self {
            _admitted: admitted,
            _reader: reader,
        })
    }
}
