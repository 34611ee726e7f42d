//! The address alone does not ensure that only programs of this machine ask: a page of another site, opened in a browser here, can
//! send requests to a loopback address under its own name (DNS rebinding) or as a form.

use std::net::IpAddr;

use axum::http::{HeaderMap, Uri, header, uri::Authority};

use crate::reply::Refusal;

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).map(|v| v.to_str().unwrap_or_default())
}

/// Refuses a request that does not name this machine as its host, and as its origin where a browser says one.
pub(super) fn only_local(headers: &HeaderMap) -> Result<(), Refusal> {
    let host = text(headers, header::HOST).and_then(|h| h.parse::<Authority>().ok());
    if !host.is_some_and(|h| is_local(h.host())) {
        let why = "expected a Host header that names this machine, such as 127.0.0.1 or localhost";
        return Err(Refusal::Forbidden(why.into()));
    }
    let Some(origin) = text(headers, header::ORIGIN) else {
        return Ok(());
    };
    let origin = origin.parse::<Uri>().ok();
    if !origin.and_then(|o| o.host().map(is_local)).unwrap_or(false) {
        let why =
            "expected no Origin header, or one of this machine: pages of other sites may not ask";
        return Err(Refusal::Forbidden(why.into()));
    }
    Ok(())
}

/// Refuses a request that a page of another site makes: its origin is not the host that it asks.
pub(super) fn same_origin(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(origin) = text(headers, header::ORIGIN) else {
        return Ok(());
    };
    let origin = origin.parse::<Uri>().ok();
    let authority = origin.as_ref().and_then(|o| o.authority());
    let host = text(headers, header::HOST).and_then(|h| h.parse::<Authority>().ok());
    if authority.is_none() || authority != host.as_ref() {
        let why =
            "expected an Origin header that names the host asked: pages of other sites may not ask";
        return Err(Refusal::Forbidden(why.into()));
    }
    Ok(())
}

/// Does this name mean the machine itself?
pub(crate) fn is_local(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|a| a.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(host: Option<&str>, origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in [(header::HOST, host), (header::ORIGIN, origin)] {
            if let Some(value) = value {
                headers.insert(name, value.parse().expect("a header value"));
            }
        }
        only_local(&headers).is_ok()
    }

    #[test]
    fn names_of_this_machine() {
        for host in [
            "127.0.0.1:8080",
            "localhost",
            "LocalHost:1",
            "[::1]:8080",
            "127.9.9.9",
        ] {
            assert!(allowed(Some(host), None), "{host}");
        }
        assert!(allowed(Some("localhost"), Some("http://localhost:3000")));
        assert!(allowed(Some("localhost"), Some("http://[::1]:3000")));
    }

    #[test]
    fn other_names() {
        for host in [
            "example.org",
            "localhost.example.org",
            "192.168.0.1:8080",
            "",
            "a b",
        ] {
            assert!(!allowed(Some(host), None), "{host}");
        }
        assert!(!allowed(None, None));
        assert!(!allowed(Some("localhost"), Some("https://example.org")));
        assert!(!allowed(Some("localhost"), Some("null")));
    }

    #[test]
    fn other_origins() {
        let check = |host: &str, origin: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            headers.insert(header::ORIGIN, origin.parse().unwrap());
            same_origin(&headers).is_ok()
        };
        assert!(check(
            "mri.example.org:8443",
            "https://mri.example.org:8443"
        ));
        assert!(!check(
            "mri.example.org:8443",
            "https://other.example.org:8443"
        ));
        assert!(!check("mri.example.org", "null"));
        assert!(same_origin(&HeaderMap::new()).is_ok());
    }
}
