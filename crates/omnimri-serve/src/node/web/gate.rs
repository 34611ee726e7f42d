//! Who may ask: programs of this machine, pages of the origins that were named, holders of the token.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::uri::{Authority, Uri};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Shared;
use super::reply::Refusal;
use crate::access::is_local;

/// Lets a request through, or says why not; answers preflight requests of pages (Fetch standard, CORS protocol).
pub(super) async fn check(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let named = |origin: &HeaderValue| {
        let text = origin.to_str().unwrap_or_default();
        shared.web.origins.iter().any(|o| o == text)
    };
    let page = origin.filter(named);
    let mut answer = match allowed(&shared, &request, page.is_some()) {
        Err(refusal) => refusal.into_response(),
        Ok(()) if request.method() == Method::OPTIONS => preflight(),
        Ok(()) => next.run(request).await,
    };
    if let Some(origin) = page {
        let headers = answer.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    }
    answer
}

fn allowed(shared: &Shared, request: &Request, named_origin: bool) -> Result<(), Refusal> {
    // A page that is not of this machine needs to be named; so does a name of this machine that is none (DNS rebinding).
    if shared.web.listen.ip().is_loopback() {
        let host = text(request, header::HOST).and_then(|h| h.parse::<Authority>().ok());
        if !host.is_some_and(|h| is_local(h.host())) {
            return Err(Refusal::forbidden(
                "expected a Host header that names this machine",
            ));
        }
    }
    if let Some(origin) = text(request, header::ORIGIN).filter(|_| !named_origin) {
        let origin = origin.parse::<Uri>().ok();
        if !origin.is_some_and(|o| o.host().is_some_and(is_local)) {
            let why =
                "expected a page of this machine, or of the origins that the configuration names";
            return Err(Refusal::forbidden(why));
        }
    }
    let Some(token) = &shared.web.token else {
        return Ok(());
    };
    // Browsers send no credentials with a preflight request.
    if request.method() == Method::OPTIONS {
        return Ok(());
    }
    let given = text(request, header::AUTHORIZATION).and_then(|t| t.strip_prefix("Bearer "));
    match given {
        Some(given) if same(given.as_bytes(), token.as_bytes()) => Ok(()),
        _ => Err(Refusal::new(
            StatusCode::UNAUTHORIZED,
            "expected the token of the node in the header Authorization",
        )),
    }
}

fn text(request: &Request, name: header::HeaderName) -> Option<&str> {
    let value = request.headers().get(name)?;
    Some(value.to_str().unwrap_or_default())
}

/// Compares in a time that says nothing of where the first difference is.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |d, (x, y)| d | (x ^ y)) == 0
}

fn preflight() -> Response {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "Accept, Authorization, Content-Type",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ] {
        answer
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    answer
}
