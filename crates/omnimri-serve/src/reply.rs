//! Errors of a request, as JSON.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Seconds after which a refused request may be tried again.
const RETRY_AFTER_S: &str = "5";

/// Why a request is not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The request is malformed.
    BadRequest(String),
    /// It came by another host's name.
    Forbidden(String),
    /// No such path.
    NotFound,
    /// The path does not take this method.
    Method,
    /// The file is larger than allowed, in bytes.
    TooLarge(u64),
    /// The file cannot be read.
    Unreadable(String),
    /// Too many requests are under way.
    Busy,
    /// The server is to blame.
    Internal(String),
}

impl Refusal {
    const fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unreadable(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// A short name for programs.
    const fn code(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => "bad_request",
            Self::Forbidden(_) => "forbidden",
            Self::NotFound => "not_found",
            Self::Method => "method_not_allowed",
            Self::TooLarge(_) => "file_too_large",
            Self::Unreadable(_) => "unreadable_file",
            Self::Busy => "busy",
            Self::Internal(_) => "internal",
        }
    }

    fn message(self) -> String {
        match self {
            Self::BadRequest(why)
            | Self::Forbidden(why)
            | Self::Unreadable(why)
            | Self::Internal(why) => why,
            Self::NotFound => "no such path; see GET /health, GET /v1/models, POST /v1/read".into(),
            Self::Method => "this path does not take this method".into(),
            Self::TooLarge(most) => format!("expected a file of at most {most} bytes, found more"),
            Self::Busy => "too many requests at once; try again later".into(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, code) = (self.status(), self.code());
        let kind = if status.is_server_error() {
            "server_error"
        } else {
            "invalid_request_error"
        };
        let message = self.message();
        let body = serde_json::json!({
            "error": { "message": message, "type": kind, "code": code },
        });
        let mut response = (status, Json(body)).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            let value = header::HeaderValue::from_static(RETRY_AFTER_S);
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
        response
    }
}
