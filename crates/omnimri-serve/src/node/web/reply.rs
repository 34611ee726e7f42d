//! Answers: refusals, DICOM JSON, and bodies that are read from the disk as they are sent.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::super::error::NodeError;

/// Media type of the DICOM JSON model (PS3.18 F).
pub(super) const DICOM_JSON: &str = "application/dicom+json";

/// A request that is not answered as asked.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    why: String,
}

impl Refusal {
    pub fn new(status: StatusCode, why: impl Into<String>) -> Self {
        let why = why.into();
        Self { status, why }
    }

    pub fn bad(why: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, why)
    }

    pub fn forbidden(why: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, why)
    }

    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "nothing of that name is stored")
    }
}

impl From<NodeError> for Refusal {
    fn from(error: NodeError) -> Self {
        tracing::error!("DICOMweb: {error}");
        let status = match error.is_out_of_resources() {
            true => StatusCode::SERVICE_UNAVAILABLE,
            false => StatusCode::INTERNAL_SERVER_ERROR,
        };
        // Paths of this machine are nobody's business.
        Self::new(status, "the node cannot answer; see its log")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({"error": {"message": self.why, "code": self.status.as_u16()}});
        (
            self.status,
            [(header::CONTENT_TYPE, "application/json")],
            body.to_string(),
        )
            .into_response()
    }
}

/// An array of data sets.
pub(super) fn data_sets(sets: Vec<Value>) -> Response {
    (
        [(header::CONTENT_TYPE, DICOM_JSON)],
        Value::Array(sets).to_string(),
    )
        .into_response()
}

/// Pieces that a thread hands over.
struct Pieces(mpsc::Receiver<std::io::Result<Bytes>>);

impl Stream for Pieces {
    type Item = std::io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx)
    }
}

/// A body that `write` fills on a thread of its own, no faster than the client takes it.
pub(super) fn streamed(
    content_type: &str,
    place: tokio::sync::OwnedSemaphorePermit,
    write: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()> + Send + 'static,
) -> Response {
    let (give, take) = mpsc::channel(4);
    tokio::task::spawn_blocking(move || {
        let _place = place;
        let failed = give.clone();
        let mut out = std::io::BufWriter::with_capacity(256 << 10, Giver(give));
        let done = write(&mut out).and_then(|()| std::io::Write::flush(&mut out));
        if let Err(error) = done {
            // The client sees a body that is cut, not one that seems whole.
            let _ = failed.blocking_send(Err(error));
        }
    });
    (
        [(header::CONTENT_TYPE, content_type.to_owned())],
        Body::from_stream(Pieces(take)),
    )
        .into_response()
}

struct Giver(mpsc::Sender<std::io::Result<Bytes>>);

impl std::io::Write for Giver {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let piece = Ok(Bytes::copy_from_slice(bytes));
        match self.0.blocking_send(piece) {
            Ok(()) => Ok(bytes.len()),
            Err(_) => Err(std::io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
