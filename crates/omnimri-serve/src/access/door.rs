//! Before every handler: the host, the token, the role, the rate. After it: one line in the audit log, and the counters.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderMap, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::host;
use super::token::{Role, Who};
use crate::audit::Event;
use crate::reply::Refusal;
use crate::state::AppState;

/// What a request is counted as that fits no path.
const NO_ROUTE: &str = "other";

/// Lets a request through, or says why not.
pub(crate) async fn door(
    State(state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let matched = request.extensions().get::<MatchedPath>();
    let route = matched.map_or_else(|| NO_ROUTE.to_owned(), |m| m.as_str().to_owned());
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let address = address.map(|ConnectInfo(a)| a.ip());
    let (who, response) = match identify(&state, &request, address) {
        Ok(who) => {
            let name = who.name.clone();
            let allowed = who.needs(needed(&method));
            request.extensions_mut().insert(who);
            match allowed {
                Ok(()) => (name, next.run(request).await),
                Err(refusal) => (name, refusal.into_response()),
            }
        }
        Err(refusal) => ("-".to_owned(), refusal.into_response()),
    };
    let status = response.status().as_u16();
    let took = began.elapsed();
    state.metrics.answered(&route, &method, status, took);
    // What is asked every few seconds by machines would drown the rest.
    if route != "/health" && route != "/metrics" {
        state.audit.write(&Event {
            event: "request",
            who: Some(&who),
            method: Some(method.as_str()),
            route: Some(&route),
            status: Some(status),
            ms: u64::try_from(took.as_millis()).ok(),
            ..Event::default()
        });
    }
    response
}

/// Who asks; refuses strangers, other hosts, and those who ask too often.
fn identify(state: &AppState, request: &Request, address: Option<IpAddr>) -> Result<Who, Refusal> {
    let headers = request.headers();
    if state.local {
        host::only_local(headers)?;
    } else {
        host::same_origin(headers)?;
    }
    let who = match &state.tokens {
        None => Who::local(),
        Some(tokens) => {
            let known = token(headers, request.uri()).and_then(|t| tokens.find(&t).cloned());
            match known {
                Some(who) => who,
                None if is_open(request.method(), request.uri().path()) => Who {
                    name: "-".into(),
                    role: Role::Read,
                },
                None => {
                    // Guessing is slowed down as asking is.
                    ask(state, address.map(|a| a.to_string()).as_deref())?;
                    return Err(Refusal::Unauthorized);
                }
            }
        }
    };
    let address = address.map(|a| a.to_string());
    ask(state, address.as_deref())?;
    Ok(who)
}

fn ask(state: &AppState, client: Option<&str>) -> Result<(), Refusal> {
    state
        .rate
        .ask(client.unwrap_or("-"), Instant::now())
        .map_err(Refusal::TooOften)
}

/// What anyone may see: that the server lives, what it serves, and the page, which asks for a token itself.
fn is_open(method: &Method, path: &str) -> bool {
    (method == Method::GET || method == Method::HEAD)
        && (matches!(path, "/" | "/health" | "/openapi.json" | "/favicon.ico")
            || path.starts_with("/assets/"))
}

/// Looking needs the lowest role, everything else the next; handlers that need more ask for it.
fn needed(method: &Method) -> Role {
    if method == Method::GET || method == Method::HEAD {
        Role::Read
    } else {
        Role::Write
    }
}

/// The token of a request: in its header, or in its query where a browser can send no header (event streams, images).
fn token(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let value = value.to_str().ok()?;
        let (scheme, token) = value.split_once(' ')?;
        return scheme
            .eq_ignore_ascii_case("bearer")
            .then(|| token.trim().to_owned());
    }
    let query = uri.query()?;
    let found = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("token="))?;
    // Tokens of our own kind need no escapes; those that have some go in the header.
    Some(found.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_in_header_and_query() {
        let mut headers = HeaderMap::new();
        let uri: Uri = "/v1/jobs?a=b&token=xyz".parse().unwrap();
        assert_eq!(token(&headers, &uri).as_deref(), Some("xyz"));
        headers.insert(header::AUTHORIZATION, "bearer abc".parse().unwrap());
        assert_eq!(token(&headers, &uri).as_deref(), Some("abc"));
        headers.insert(header::AUTHORIZATION, "Basic abc".parse().unwrap());
        assert_eq!(token(&headers, &uri), None);
    }

    #[test]
    fn only_looking_at_the_page_is_open() {
        assert!(is_open(&Method::GET, "/") && is_open(&Method::GET, "/assets/a.js"));
        assert!(!is_open(&Method::POST, "/") && !is_open(&Method::GET, "/v1/jobs"));
        assert!(!is_open(&Method::GET, "/metrics"));
    }
}
