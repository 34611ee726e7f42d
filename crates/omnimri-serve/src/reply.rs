//! Errors of a request, as JSON.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

/// Seconds after which a refused request may be tried again.
const RETRY_AFTER_S: u64 = 5;

/// Why a request is not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The request is malformed.
    BadRequest(String),
    /// No token, or none that is known.
    Unauthorized,
    /// It came by another host's name, or the token's role does not allow it.
    Forbidden(String),
    /// No such path.
    NotFound,
    /// No such job, or no longer.
    NoJob,
    /// No such model.
    NoModel(String),
    /// The path does not take this method.
    Method,
    /// The body came too slowly.
    Slow,
    /// The job is in this state and has no results.
    NotDone(&'static str),
    /// Bytes were sent for another place of an upload than its end, which is here.
    Offset(u64),
    /// The file is larger than allowed, in bytes.
    TooLarge(u64),
    /// Reading it would need more memory than allowed, both in bytes.
    TooMuchMemory(u64, u64),
    /// The range lies outside the file of that many bytes.
    Range(u64),
    /// The file cannot be read.
    Unreadable(String),
    /// What is said cannot be so.
    Invalid(String),
    /// It is said of a state that no longer holds.
    Conflict(String),
    /// Too many requests are under way, or too many jobs wait.
    Busy,
    /// This client asks too often; it may again after so many seconds.
    TooOften(u64),
    /// No room for what was sent.
    DiskFull,
    /// The server is to blame.
    Internal(String),
}

/// The body of an error.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ErrorBody {
    /// What is wrong.
    pub error: ErrorInfo,
}

/// What is wrong with a request, in the form of the OpenAI API.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ErrorInfo {
    /// One line in words.
    pub message: String,
    /// `invalid_request_error` where another request would succeed, else `server_error`.
    pub r#type: &'static str,
    /// A short name for programs.
    pub code: &'static str,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<&'static str>,
}

impl Refusal {
    /// A file of the store that cannot be used; `action` completes "cannot".
    pub fn of_io(action: &str, error: &std::io::Error) -> Self {
        use std::io::ErrorKind as K;
        match error.kind() {
            K::StorageFull | K::QuotaExceeded => Self::DiskFull,
            _ => {
                tracing::error!(%error, "cannot {action}");
                Self::Internal(format!("cannot {action}; the server's log says why"))
            }
        }
    }

    /// A database that cannot be used.
    pub fn of_store(error: &rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::DiskFull,
            _ => {
                tracing::error!(%error, "the database failed");
                Self::Internal("the database failed; the server's log says why".into())
            }
        }
    }

    pub const fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound | Self::NoJob | Self::NoModel(_) => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::NotDone(_) | Self::Offset(_) | Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooLarge(_) | Self::TooMuchMemory(..) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Range(_) => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::Unreadable(_) | Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Busy | Self::TooOften(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// A short name for programs.
    const fn code(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => "bad_request",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden(_) => "forbidden",
            Self::NotFound => "not_found",
            Self::NoJob => "job_not_found",
            Self::NoModel(_) => "model_not_found",
            Self::Method => "method_not_allowed",
            Self::Slow => "too_slow",
            Self::NotDone(_) => "not_done",
            Self::Offset(_) => "wrong_offset",
            Self::TooLarge(_) => "file_too_large",
            Self::TooMuchMemory(..) => "needs_too_much_memory",
            Self::Range(_) => "range_not_satisfiable",
            Self::Unreadable(_) => "unreadable_file",
            Self::Invalid(_) => "invalid",
            Self::Conflict(_) => "conflict",
            Self::Busy => "busy",
            Self::TooOften(_) => "rate_limited",
            Self::DiskFull => "disk_full",
            Self::Internal(_) => "internal",
        }
    }

    fn message(&self) -> String {
        match self {
            Self::BadRequest(why)
            | Self::Forbidden(why)
            | Self::Unreadable(why)
            | Self::Invalid(why)
            | Self::Conflict(why)
            | Self::Internal(why) => why.clone(),
            Self::Unauthorized => {
                "expected a token of this server (Authorization: Bearer TOKEN), found none that is known".into()
            }
            Self::NotFound => "no such path".into(),
            Self::NoJob => "no such job, or it was removed".into(),
            Self::NoModel(name) => format!("the model {name:?} does not exist"),
            Self::Method => "this path does not take this method".into(),
            Self::Slow => "the request came too slowly".into(),
            Self::NotDone(state) => format!("expected a job that is done, found it {state}"),
            Self::Offset(at) => format!("expected bytes from offset {at}, the end of what is there"),
            Self::TooLarge(most) => format!("expected at most {most} bytes, found more"),
            Self::TooMuchMemory(needed, most) => format!(
                "expected an input that can be read in {most} bytes of memory, found one that needs about {needed}"
            ),
            Self::Range(size) => format!("expected a range within {size} bytes"),
            Self::Busy => "too many requests at once; try again later".into(),
            Self::TooOften(_) => "too many requests from this client".into(),
            Self::DiskFull => "no room left on the server's disk".into(),
        }
    }

    const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotFound => Some("GET /openapi.json lists every path"),
            Self::NoModel(_) => Some("GET /v1/models lists what there is"),
            Self::NotDone(_) => Some("follow GET /v1/jobs/{id}/events until it is done"),
            Self::Offset(_) => Some("HEAD /v1/uploads/{id} tells the offset"),
            Self::Busy | Self::TooOften(_) => {
                Some("try again after the seconds that Retry-After says")
            }
            Self::DiskFull => {
                Some("remove jobs that are no longer needed, or start with --keep DAYS")
            }
            Self::TooMuchMemory(..) => Some("start the server with a larger --memory"),
            Self::Unreadable(_) => Some("give NIfTI, MetaImage, NRRD, DICOM, PNG, JPEG or k-space"),
            _ => None,
        }
    }

    /// The body that says it.
    pub fn body(&self) -> ErrorBody {
        let kind = if self.status().is_server_error() {
            "server_error"
        } else {
            "invalid_request_error"
        };
        ErrorBody {
            error: ErrorInfo {
                message: self.message(),
                r#type: kind,
                code: self.code(),
                hint: self.hint(),
            },
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status(), Json(self.body())).into_response();
        let headers = response.headers_mut();
        match self {
            Self::Busy | Self::DiskFull => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
            }
            Self::TooOften(seconds) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            Self::Unauthorized => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::Offset(at) => {
                headers.insert("upload-offset", HeaderValue::from(at));
            }
            Self::Range(size) => {
                if let Ok(value) = HeaderValue::try_from(format!("bytes */{size}")) {
                    headers.insert(header::CONTENT_RANGE, value);
                }
            }
            _ => {}
        }
        response
    }
}
