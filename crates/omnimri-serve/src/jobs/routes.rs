//! Paths of jobs, uploads and results.

use std::collections::HashSet;

use axum::extract::multipart::Multipart;
use axum::extract::{FromRequest, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::job::Job;
use super::queue::Jobs;
use super::receive::{Intake, Received, receive};
use super::uploads::{self, NewUpload, UploadStatus, find};
use super::{events, files};
use crate::access::Who;
use crate::answer;
use crate::api::{Api, describe};
use crate::extract::Payload;
use crate::reply::Refusal;
use crate::state::{AppState, blocking};

/// Jobs, newest first.
#[derive(Debug, Serialize, JsonSchema)]
struct JobList {
    /// At most the 1000 newest.
    jobs: Vec<Job>,
}

/// A job made of uploads that are whole.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FromUploads {
    /// Identifiers of the uploads; several are one study.
    #[schemars(length(min = 1))]
    uploads: Vec<String>,
    /// What to call the job; the first file's name otherwise.
    #[serde(default)]
    name: Option<String>,
    /// Kept for clients that send it: a job is read as a whole.
    #[serde(default)]
    #[expect(dead_code, reason = "accepted so that clients may send it")]
    task: Option<String>,
}

/// Which series of a job.
#[derive(Debug, Deserialize)]
pub(crate) struct SeriesQuery {
    /// The first when left out.
    pub series: Option<String>,
}

/// Adds the paths of this module.
pub(crate) fn add(api: Api) -> Api {
    let file = json!({ "type": "string", "format": "binary" });
    let form = json!({
        "type": "object",
        "required": ["file"],
        "properties": {
            "file": { "type": "array", "items": file, "minItems": 1,
                "description": "One image, the files of one DICOM study, or a .zip of them." },
            "name": { "type": "string" },
            "task": { "type": "string" },
        },
    });
    let series = "Name of the series; the first when left out.";
    api.route(
        "/v1/jobs",
        describe(
            "post",
            "jobs",
            "Send files to be read; the job is accepted once this answers.",
        )
        .takes_kind("multipart/form-data", form)
        .takes::<FromUploads>()
        .answers::<Job>(202, "Accepted; Location says where to follow it."),
        submit,
    )
    .route(
        "/v1/jobs",
        describe("get", "jobs", "List jobs, newest first.").answers::<JobList>(200, "The jobs."),
        list,
    )
    .route(
        "/v1/jobs/{id}",
        describe("get", "jobs", "Where a job stands.")
            .id("The job.")
            .answers::<Job>(200, "The job."),
        get,
    )
    .route(
        "/v1/jobs/{id}",
        describe(
            "delete",
            "jobs",
            "Stop a job, forget it and overwrite its files.",
        )
        .id("The job.")
        .answers_kind(204, "", "Gone."),
        remove,
    )
    .route(
        "/v1/jobs/{id}/events",
        describe(
            "get",
            "jobs",
            "Follow a job: server-sent events named job, the last in a final state.",
        )
        .id("The job.")
        .answers_kind(200, "text/event-stream", "A stream of jobs."),
        events::events,
    )
    .route(
        "/v1/jobs/{id}/result",
        describe(
            "get",
            "results",
            "The result of a series, as docs/result.schema.json describes it.",
        )
        .id("The job.")
        .query::<String>("series", series)
        .answers_kind(200, "application/json", "result.json"),
        files::result,
    )
    .route(
        "/v1/jobs/{id}/files",
        describe("get", "results", "List the files of a job's results.")
            .id("The job.")
            .answers::<files::FileList>(200, "The files."),
        files::list,
    )
    .route(
        "/v1/jobs/{id}/files/{*path}",
        describe(
            "get",
            "results",
            "One file of a job's results; ranges are honoured.",
        )
        .id("The job.")
        .parameter(
            "path",
            "path",
            "Path as the list has it.",
            json!({ "type": "string", "minLength": 1 }),
        )
        .answers_kind(200, "*/*", "The file.")
        .answers_kind(206, "*/*", "The part asked for.")
        .answers_kind(304, "", "What the client has is still right."),
        files::file,
    )
    .route(
        "/v1/jobs/{id}/questions",
        describe("post", "results", "Ask about a job's image.")
            .id("The job.")
            .takes::<answer::Asking>()
            .answers::<answer::Answered>(200, "The answer, checked against what was measured."),
        answer::ask,
    )
    .route(
        "/v1/uploads",
        describe("post", "uploads", "Begin an upload that can be resumed.")
            .takes::<NewUpload>()
            .answers::<UploadStatus>(201, "Begun."),
        uploads::begin,
    )
    .route(
        "/v1/uploads/{id}",
        describe(
            "get",
            "uploads",
            "How much of an upload is there; HEAD answers the same headers.",
        )
        .id("The upload.")
        .answers::<UploadStatus>(200, "How far it is."),
        uploads::status,
    )
    .route(
        "/v1/uploads/{id}",
        describe("patch", "uploads", "Add bytes at the end of what is there.")
            .id("The upload.")
            .parameter(
                "Upload-Offset",
                "header",
                "Bytes that are there.",
                json!({ "type": "integer", "minimum": 0 }),
            )
            .takes_kind("application/octet-stream", file.clone())
            .answers::<UploadStatus>(200, "How far it is now."),
        uploads::add,
    )
    .route(
        "/v1/uploads/{id}",
        describe("delete", "uploads", "Drop an upload.")
            .id("The upload.")
            .answers_kind(204, "", "Gone."),
        uploads::remove,
    )
}

/// `POST /v1/jobs`
async fn submit(
    State(state): State<AppState>,
    Extension(who): Extension<Who>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Refusal> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let job = if kind.starts_with("application/json") {
        let Payload(from) = Payload::from_request(request, &state).await?;
        from_uploads(&state, from, &who).await?
    } else {
        // The place first: who is sent away should not have to send everything before.
        let _place = state.receiver.admit(&state.jobs).await?;
        let form = Multipart::from_request(request, &state).await;
        let form = form.map_err(|e| Refusal::BadRequest(e.body_text()))?;
        let received = receive(&state.jobs, form).await?;
        accept(&state, received, who.name).await?
    };
    let location = HeaderValue::try_from(format!("/v1/jobs/{}", job.id));
    let mut response = (StatusCode::ACCEPTED, Json(job)).into_response();
    if let Ok(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

async fn accept(state: &AppState, received: Received, owner: String) -> Result<Job, Refusal> {
    let jobs = state.jobs.clone();
    blocking(move || jobs.accept(received.staged, &received.name, &owner)).await
}

/// Uploads become the files of a job; if it is not accepted they go back where they were.
async fn from_uploads(state: &AppState, from: FromUploads, who: &Who) -> Result<Job, Refusal> {
    let distinct: HashSet<&String> = from.uploads.iter().collect();
    if from.uploads.is_empty() || distinct.len() < from.uploads.len() {
        return Err(Refusal::BadRequest(
            "expected one or more uploads, each once".into(),
        ));
    }
    let mut intake = Intake::new(&state.jobs)?;
    let writes: Vec<_> = from
        .uploads
        .iter()
        .map(|id| state.writing.begin(id))
        .collect();
    if writes.iter().any(Option::is_none) {
        return Err(Refusal::Busy);
    }
    let (jobs, ids) = (state.jobs.clone(), from.uploads.clone());
    let intake = blocking(move || {
        for id in &ids {
            take(&jobs, id, &mut intake)?;
        }
        Ok(intake)
    })
    .await?;
    let received = intake.finish(from.name.as_deref()).await?;
    let job = accept(state, received, who.name.clone()).await?;
    let jobs = state.jobs.clone();
    let ids = from.uploads.clone();
    blocking(move || {
        for id in &ids {
            uploads::discard(&jobs, id, &uploads::path_of(&jobs, id))?;
        }
        Ok(())
    })
    .await?;
    drop(writes);
    Ok(job)
}

/// One upload that is whole to a file of the job.
fn take(jobs: &Jobs, id: &str, intake: &mut Intake) -> Result<(), Refusal> {
    let (upload, offset, path) = find(jobs, id)?;
    if offset != upload.bytes {
        return Err(Refusal::BadRequest(format!(
            "expected uploads that are whole, found one with {offset} of {} bytes",
            upload.bytes
        )));
    }
    let place = intake.place(&upload.name)?;
    intake.count(upload.bytes)?;
    // A copy: whatever is refused later, the upload is still there.
    std::fs::copy(&path, &place)
        .and_then(|_| std::fs::File::open(&place)?.sync_all())
        .map_err(|e| Refusal::of_io("keep the files", &e))
}

/// `GET /v1/jobs`
async fn list(State(state): State<AppState>) -> Result<Json<JobList>, Refusal> {
    let jobs = blocking(move || state.jobs.list()).await?;
    Ok(Json(JobList { jobs }))
}

/// `GET /v1/jobs/{id}`
async fn get(State(state): State<AppState>, Path(id): Path<String>) -> Result<Json<Job>, Refusal> {
    blocking(move || state.jobs.get(&id)).await.map(Json)
}

/// `DELETE /v1/jobs/{id}`
async fn remove(
    State(state): State<AppState>,
    Extension(who): Extension<Who>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    blocking(move || {
        let (_, owner) = state.jobs.with_owner(&id)?;
        who.may_remove(&owner)?;
        state.recent.forget(&id);
        state.jobs.remove(&id)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A JSON file that was written by this program.
pub(super) fn parsed(text: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(text).map_err(|e| Refusal::Internal(format!("a result is broken: {e}")))
}
