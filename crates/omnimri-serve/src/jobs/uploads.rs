//! Uploads in pieces that go on after a broken connection: the server says how much is there, the client sends the rest.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use futures_util::StreamExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;

use super::job::is_id;
use super::queue::{Jobs, new_id};
use super::store::Upload;
use crate::access::Who;
use crate::extract::Payload;
use crate::names::harmless;
use crate::reply::Refusal;
use crate::state::{AppState, blocking};

/// Where the bytes of an upload begin or go on.
const OFFSET: &str = "upload-offset";

/// Uploads that a request is writing to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Writing(Arc<Mutex<HashSet<String>>>);

pub(super) struct Writes<'a>(&'a Writing, &'a str);

impl Writing {
    pub(super) fn begin<'a>(&'a self, id: &'a str) -> Option<Writes<'a>> {
        let mut set = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        set.insert(id.to_owned()).then(|| Writes(self, id))
    }
}

impl Drop for Writes<'_> {
    fn drop(&mut self) {
        let mut set = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        set.remove(self.1);
    }
}

/// An upload to begin.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUpload {
    /// Name of the file.
    #[schemars(length(max = 1000))]
    name: String,
    /// Its size.
    #[schemars(range(min = 1))]
    bytes: u64,
}

/// How far an upload is.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct UploadStatus {
    /// 32 hexadecimal digits.
    id: String,
    /// Bytes that are there.
    offset: u64,
    /// Bytes of the whole file.
    bytes: u64,
}

impl UploadStatus {
    fn answer(self, status: StatusCode) -> Response {
        let headers = [
            (OFFSET, HeaderValue::from(self.offset)),
            ("upload-length", HeaderValue::from(self.bytes)),
            ("cache-control", HeaderValue::from_static("no-store")),
        ];
        (status, headers, Json(self)).into_response()
    }
}

fn place(jobs: &Jobs, id: &str) -> PathBuf {
    jobs.root().join("uploads").join(id)
}

/// An upload with the bytes that are there.
pub(super) fn find(jobs: &Jobs, id: &str) -> Result<(Upload, u64, PathBuf), Refusal> {
    if !is_id(id) {
        return Err(Refusal::NotFound);
    }
    let found = jobs.store().upload(id).map_err(|e| Refusal::of_store(&e))?;
    let upload = found.ok_or(Refusal::NotFound)?;
    let path = place(jobs, id);
    let offset = std::fs::metadata(&path).map_or(0, |m| m.len());
    Ok((upload, offset, path))
}

/// `POST /v1/uploads`
pub(crate) async fn begin(
    State(state): State<AppState>,
    Extension(who): Extension<Who>,
    Payload(new): Payload<NewUpload>,
) -> Result<Response, Refusal> {
    if new.bytes == 0 {
        return Err(Refusal::BadRequest(
            "expected a file of at least one byte".into(),
        ));
    }
    let most = state.limits.max_file_bytes;
    if new.bytes > most {
        return Err(Refusal::TooLarge(most));
    }
    let upload = Upload {
        id: new_id()?,
        name: harmless(&new.name),
        owner: who.name,
        bytes: new.bytes,
    };
    let status = UploadStatus {
        id: upload.id.clone(),
        offset: 0,
        bytes: upload.bytes,
    };
    let (jobs, most) = (state.jobs.clone(), state.limits.open_uploads);
    let begun = blocking(move || {
        jobs.store()
            .begin_upload(&upload, most)
            .map_err(|e| Refusal::of_store(&e))
    });
    if !begun.await? {
        return Err(Refusal::Busy);
    }
    let location = HeaderValue::try_from(format!("/v1/uploads/{}", status.id));
    let mut response = status.answer(StatusCode::CREATED);
    if let Ok(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// `GET` and `HEAD /v1/uploads/{id}`
pub(crate) async fn status(
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let (upload, offset, _) = blocking(move || find(&state.jobs, &id)).await?;
    let status = UploadStatus {
        id: upload.id,
        offset,
        bytes: upload.bytes,
    };
    Ok(status.answer(StatusCode::OK))
}

/// `PATCH /v1/uploads/{id}`
pub(crate) async fn add(
    State(state): State<AppState>,
    Path(id): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Refusal> {
    let writes = state.writing.begin(&id);
    let _writes = writes.ok_or(Refusal::Busy)?;
    let jobs = state.jobs.clone();
    let sought = id.clone();
    let (upload, offset, path) = blocking(move || find(&jobs, &sought)).await?;
    let from = headers
        .get(OFFSET)
        .and_then(|v| v.to_str().ok()?.parse().ok());
    match from {
        Some(from) if from == offset => {}
        Some::<u64>(_) => return Err(Refusal::Offset(offset)),
        None => {
            return Err(Refusal::BadRequest(
                "expected a header Upload-Offset with a number of bytes".into(),
            ));
        }
    }
    let _place = state.receiver.admit(&state.jobs).await?;
    let io = |e: std::io::Error| Refusal::of_io("store the file", &e);
    let mut options = tokio::fs::OpenOptions::new();
    let mut file = options
        .create(true)
        .append(true)
        .open(&path)
        .await
        .map_err(io)?;
    let end = append(request.into_body(), &mut file, offset, upload.bytes).await;
    // What came before a broken connection is kept: that is what resuming is for.
    file.sync_all().await.map_err(io)?;
    let status = UploadStatus {
        id: upload.id,
        offset: end?,
        bytes: upload.bytes,
    };
    Ok(status.answer(StatusCode::OK))
}

/// Bytes of a body to the end of a file; says where that end is then.
async fn append(
    body: Body,
    file: &mut tokio::fs::File,
    mut offset: u64,
    whole: u64,
) -> Result<u64, Refusal> {
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|e| crate::extract::body_error(&e))?;
        if offset + chunk.len() as u64 > whole {
            return Err(Refusal::TooLarge(whole));
        }
        file.write_all(&chunk)
            .await
            .map_err(|e| Refusal::of_io("store the file", &e))?;
        offset += chunk.len() as u64;
    }
    Ok(offset)
}

/// `DELETE /v1/uploads/{id}`
pub(crate) async fn remove(
    State(state): State<AppState>,
    Extension(who): Extension<Who>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    blocking(move || {
        let (upload, _, path) = find(&state.jobs, &id)?;
        who.may_remove(&upload.owner)?;
        discard(&state.jobs, &id, &path)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Forgets an upload and overwrites what is there.
pub(crate) fn discard(jobs: &Jobs, id: &str, path: &std::path::Path) -> Result<(), Refusal> {
    jobs.store()
        .remove_upload(id)
        .map_err(|e| Refusal::of_store(&e))?;
    crate::erase::erase(path).map_err(|e| Refusal::of_io("remove the upload", &e))
}

/// Where the bytes of an upload lie.
pub(crate) fn path_of(jobs: &Jobs, id: &str) -> PathBuf {
    place(jobs, id)
}
