//! STOW-RS (PS3.18 10.5): objects by HTTP, kept as those by C-STORE.

use std::pin::Pin;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use serde_json::{Value, json};

use super::Shared;
use super::multipart::{Parts, Piece};
use super::reply::{DICOM_JSON, Refusal};
use crate::node::error::NodeError;
use crate::node::files::Incoming;
use crate::node::receive::{Accepted, Refusal as Unkept};

/// Objects of one request.
const MOST_OBJECTS: usize = 10_000;

pub(super) async fn all(
    State(shared): State<Shared>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    store(shared, None, &headers, body).await
}

pub(super) async fn study(
    State(shared): State<Shared>,
    Path(study): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    store(shared, Some(study), &headers, body).await
}

/// What became of the parts.
#[derive(Default)]
struct Outcome {
    stored: Vec<Value>,
    failed: Vec<Value>,
    out_of_room: bool,
}

async fn store(
    shared: Shared,
    study: Option<String>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let _place = super::place(&shared).await?;
    let text = |name| headers.get(name).and_then(|v| v.to_str().ok());
    let mut parts = Parts::of(text(header::CONTENT_TYPE).unwrap_or_default())?;
    let mut stream = body.into_data_stream();
    let mut outcome = Outcome::default();
    let mut open: Option<Result<Incoming, NodeError>> = None;
    let mut n = 0;
    while let Some(bytes) = std::future::poll_fn(|cx| Pin::new(&mut stream).poll_next(cx)).await {
        let bytes = bytes.map_err(|_| Refusal::bad("the body is cut"))?;
        for piece in parts.push(&bytes)? {
            match piece {
                Piece::Begin(kind) => {
                    n += 1;
                    if n > MOST_OBJECTS {
                        return Err(Refusal::bad("expected at most 10,000 objects"));
                    }
                    if !(kind.is_empty() || kind.starts_with("application/dicom")) {
                        let why = "expected parts of application/dicom";
                        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
                    }
                    let folders = &shared.intake.folders;
                    open = Some(Incoming::empty(folders, shared.max_object_bytes));
                }
                Piece::Data(data) => {
                    if let Some(Ok(incoming)) = &mut open
                        && let Err(error) = incoming.write(&data)
                    {
                        open = Some(Err(error));
                    }
                }
                Piece::End => {
                    let part = open.take();
                    let (shared, study) = (shared.clone(), study.clone());
                    // Waits for the disk.
                    let kept = tokio::task::spawn_blocking(move || keep(&shared, part, study));
                    let kept = kept.await.unwrap_or_else(|_| {
                        Err(Unkept::Malformed("the program failed on it".to_owned()))
                    });
                    outcome.add(kept);
                }
            }
        }
    }
    if !parts.is_done() {
        return Err(Refusal::bad("the body is cut"));
    }
    Ok(outcome.answer(study.as_deref()))
}

fn keep(
    shared: &Shared,
    part: Option<Result<Incoming, NodeError>>,
    study: Option<String>,
) -> Result<Accepted, Unkept> {
    let Some(part) = part else {
        return Err(Unkept::Malformed("a part without a beginning".to_owned()));
    };
    shared.intake.keep(part?, None, study.as_deref())
}

impl Outcome {
    fn add(&mut self, kept: Result<Accepted, Unkept>) {
        match kept {
            Ok(accepted) => {
                let i = accepted.instance;
                let url = format!(
                    "/dicom-web/studies/{}/series/{}/instances/{}",
                    i.study_uid, i.series_uid, i.sop_uid
                );
                self.stored.push(json!({
                    "00081150": {"vr": "UI", "Value": [i.class_uid]},
                    "00081155": {"vr": "UI", "Value": [i.sop_uid]},
                    "00081190": {"vr": "UR", "Value": [url]},
                }));
            }
            Err(why) => {
                tracing::warn!("STOW-RS: {why}");
                // Failure Reason (PS3.18 Annex I, PS3.4 B.2.3).
                let reason = match &why {
                    Unkept::Malformed(_) | Unkept::Conflict(_) | Unkept::OtherPatient(_) => 0xc000,
                    Unkept::Unsupported(_) => 0x0122,
                    Unkept::Failed(_) => {
                        self.out_of_room = true;
                        0xa700
                    }
                };
                self.failed
                    .push(json!({"00081197": {"vr": "US", "Value": [reason]}}));
            }
        }
    }

    /// 200 if all were stored, 202 if some were, 409 if none was, 503 if there is no room.
    fn answer(self, study: Option<&str>) -> Response {
        let status = match (self.stored.is_empty(), self.failed.is_empty()) {
            (_, true) => StatusCode::OK,
            (true, false) if self.out_of_room => StatusCode::SERVICE_UNAVAILABLE,
            (true, false) => StatusCode::CONFLICT,
            (false, false) => StatusCode::ACCEPTED,
        };
        let mut set = serde_json::Map::new();
        if let Some(study) = study {
            let url = format!("/dicom-web/studies/{study}");
            set.insert("00081190".into(), json!({"vr": "UR", "Value": [url]}));
        }
        for (tag, items) in [("00081198", self.failed), ("00081199", self.stored)] {
            if !items.is_empty() {
                set.insert(tag.into(), json!({"vr": "SQ", "Value": items}));
            }
        }
        let body = Value::Object(set).to_string();
        (status, [(header::CONTENT_TYPE, DICOM_JSON)], body).into_response()
    }
}
