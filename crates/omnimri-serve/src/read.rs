//! A stored file to its result, by the workflow.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::multipart::{Multipart, MultipartRejection};
use omnimri_workflow::{Engine, Error, ReadOptions};
use serde_json::Value;

use crate::reply::Refusal;
use crate::state::AppState;
use crate::upload::{Upload, receive};

/// `POST /v1/read`
pub(crate) async fn read(
    State(state): State<AppState>,
    form: Result<Multipart, MultipartRejection>,
) -> Result<Json<Value>, Refusal> {
    let admitted = state
        .admitted
        .clone()
        .try_acquire_owned()
        .map_err(|_| Refusal::Busy)?;
    let form = form.map_err(|e| Refusal::BadRequest(e.body_text()))?;
    let upload = receive(form, state.limits.max_file_bytes).await?;
    let reader = state.readers.clone().acquire_owned().await;
    let reader = reader.map_err(|_| Refusal::Internal("the server is stopping".into()))?;
    let mut options = ReadOptions::default();
    options.open.max_voxels = state.limits.max_voxels;
    let engine = state.engine.clone();
    // Permits and file go along: they are held until the work ends, even if the one who asked has gone.
    let work = tokio::task::spawn_blocking(move || {
        let result = result_of(&engine, &upload, &options);
        drop((upload, reader, admitted));
        result
    });
    match work.await {
        Ok(result) => result.map(Json),
        Err(error) => {
            tracing::error!(%error, "reading ended abnormally");
            Err(Refusal::Internal("reading ended abnormally".into()))
        }
    }
}

/// `result.json` of a file, under the name it was sent with.
fn result_of(
    engine: &Arc<Engine>,
    upload: &Upload,
    options: &ReadOptions,
) -> Result<Value, Refusal> {
    let out = upload.dir.path().join("out");
    let outcome = engine
        .read(&upload.path, &out, None, options)
        .map_err(|e| refusal(&e, upload))?;
    let Ok([mut result]) = <[_; 1]>::try_from(outcome.results) else {
        return Err(Refusal::Unreadable(format!(
            "{}: expected one series",
            upload.name
        )));
    };
    result.input.path.clone_from(&upload.name);
    serde_json::to_value(&result).map_err(|e| Refusal::Internal(e.to_string()))
}

/// The sender's file is called by the sender's name: where it lay here is nobody's business.
fn refusal(error: &Error, upload: &Upload) -> Refusal {
    let said = error.to_string();
    let said = said.replace(&upload.path.display().to_string(), &upload.name);
    let is_theirs = match error {
        Error::Image(e) => e.is_invalid_input() || e.is_unsupported(),
        e => e.is_invalid_input(),
    };
    if is_theirs {
        Refusal::Unreadable(said)
    } else {
        tracing::error!(%error, "reading failed");
        Refusal::Internal("the file could not be read; the server's log says why".into())
    }
}
