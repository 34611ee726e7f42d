//! One file to its result while the client waits; nothing is kept.

use std::path::PathBuf;

use axum::Json;
use axum::extract::State;
use axum::extract::multipart::{Multipart, MultipartRejection};
use futures_util::StreamExt;
use omnimri_workflow::{Error, ReadOptions, Watch};
use serde_json::Value;

use crate::jobs::{Intake, form_error};
use crate::reply::Refusal;
use crate::state::{AppState, blocking};

/// The form's only field.
const FIELD: &str = "file";

/// `POST /v1/read`
pub(crate) async fn read(
    State(state): State<AppState>,
    form: Result<Multipart, MultipartRejection>,
) -> Result<Json<Value>, Refusal> {
    let admitted = state.admitted.clone().try_acquire_owned();
    let admitted = admitted.map_err(|_| Refusal::Busy)?;
    let place = state.receiver.admit(&state.jobs).await?;
    let mut form = form.map_err(|e| Refusal::BadRequest(e.body_text()))?;
    let most = state.limits.max_file_bytes;
    let refuse = |e| form_error(&e, most);
    let mut intake = None;
    while let Some(field) = form.next_field().await.map_err(refuse)? {
        if field.name() != Some(FIELD) {
            return Err(bad("a field of another name"));
        }
        if intake.is_some() {
            return Err(bad("two of them"));
        }
        let name = field.file_name().unwrap_or_default().to_owned();
        let mut one = Intake::new(&state.jobs)?;
        one.add(&name, field.map(|c| c.map_err(refuse))).await?;
        intake = Some(one);
    }
    let received = intake.ok_or_else(|| bad("none"))?.finish(None).await?;
    drop(place);
    let reader = state.readers.clone().acquire_owned().await;
    let reader = reader.map_err(|_| Refusal::Internal("the server is stopping".into()))?;
    // Permits and files go along: they are held until the work ends, even if the one who asked has gone.
    blocking(move || {
        let input = received.staged.input();
        let (path, name) =
            crate::jobs::input_of(&input).map_err(|e| Refusal::of_io("look at the files", &e))?;
        let _memory = state.budget.take(omnimri_workflow::memory_needed(&path));
        let mut options = ReadOptions::default();
        options.open.max_voxels = state.limits.max_voxels;
        let out = input.with_file_name("out");
        let named = Named(name.into());
        let read = state
            .engine
            .read_watched(&path, &out, None, &options, &named);
        let outcome = read.map_err(|e| refusal(&e, &path, &named.0))?;
        drop((reader, admitted));
        let Ok([result]) = <[_; 1]>::try_from(outcome.results) else {
            return Err(Refusal::Unreadable(
                "expected one series, found several; send them as a job (POST /v1/jobs)".into(),
            ));
        };
        serde_json::to_value(&result).map_err(|e| Refusal::Internal(e.to_string()))
    })
    .await
    .map(Json)
}

fn bad(found: &str) -> Refusal {
    Refusal::BadRequest(format!(
        "expected a form with one field named \"{FIELD}\", found {found}"
    ))
}

/// Calls an input by its sender's name.
struct Named(PathBuf);

impl Watch for Named {
    fn name(&self) -> Option<&std::path::Path> {
        Some(&self.0)
    }
}

/// The sender's file is called by the sender's name: where it lay here is nobody's business.
pub(crate) fn refusal(error: &Error, path: &std::path::Path, name: &std::path::Path) -> Refusal {
    let said = error.to_string();
    let said = said.replace(&path.display().to_string(), &name.display().to_string());
    let is_theirs = match error {
        Error::Image(e) => e.is_invalid_input() || e.is_unsupported(),
        e => e.is_invalid_input(),
    };
    if is_theirs {
        Refusal::Unreadable(said)
    } else if error.is_disk_full() {
        Refusal::DiskFull
    } else {
        tracing::error!(%error, "reading failed");
        Refusal::Internal("the file could not be read; the server's log says why".into())
    }
}
