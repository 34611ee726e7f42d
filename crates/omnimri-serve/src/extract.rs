//! Parts of requests as types, with errors in this server's form.

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::reply::Refusal;
use crate::state::AppState;

/// A body of JSON, within the bound for such bodies.
pub(crate) struct Payload<T>(pub T);

impl<T: DeserializeOwned> FromRequest<AppState> for Payload<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Refusal> {
        json(request, state.limits.max_json_bytes).await.map(Self)
    }
}

/// A body of JSON of at most so many bytes.
pub(crate) async fn json<T: DeserializeOwned>(request: Request, most: usize) -> Result<T, Refusal> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, most).await.map_err(|e| {
        if is_length(&e) {
            Refusal::TooLarge(most as u64)
        } else {
            body_error(&e)
        }
    })?;
    let request = Request::from_parts(parts, axum::body::Body::from(body));
    match Json::<T>::from_request(request, &()).await {
        Ok(Json(value)) => Ok(value),
        Err(e) => Err(Refusal::BadRequest(e.body_text())),
    }
}

/// The parameters of a query.
pub(crate) struct Asked<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<AppState> for Asked<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Refusal> {
        Query::<T>::try_from_uri(&parts.uri)
            .map(|Query(value)| Self(value))
            .map_err(|e| Refusal::BadRequest(e.body_text()))
    }
}

/// Why a body broke off, where we know.
pub(crate) fn body_error(error: &(dyn std::error::Error + 'static)) -> Refusal {
    let mut cause = Some(error);
    while let Some(e) = cause {
        // What an `io::Error` holds is not its source.
        let held = e.downcast_ref::<std::io::Error>().and_then(|e| e.get_ref());
        if held.is_some_and(|e| e.is::<crate::slow::TooSlow>()) {
            return Refusal::Slow;
        }
        cause = e.source();
    }
    Refusal::BadRequest("the body broke off".into())
}

/// True if a body was longer than allowed.
fn is_length(error: &axum::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(e) = cause {
        if e.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        cause = e.source();
    }
    false
}
