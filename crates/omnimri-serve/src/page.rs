//! The viewer: the files that `npm run build` left in `web/dist` when this crate was compiled.
//!
//! Compiling needs no Node. Without a built page, `/` says how to build one.

use std::borrow::Cow;

use axum::Router;
use axum::extract::Path;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::reply::Refusal;

/// What the build left.
#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Built;

const INDEX: &str = "index.html";

/// Nothing is fetched from, sent to, or framed by another origin. `data:` and `blob:` are made by the page itself:
/// pictures, the viewer's font, and volumes that it has already received.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
     font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; frame-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What is shown where no page was built.
const UNBUILT: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>omnimri</title>
<h1>omnimri</h1>
<p>The server runs; this binary was compiled without its page. To have it, build the page first, then the binary:</p>
<pre>cd web &amp;&amp; npm ci &amp;&amp; npm run build
cd .. &amp;&amp; cargo build --release --workspace</pre>
<p>Programs can ask all the same: see <a href="/health">/health</a> and <a href="/v1/models">/v1/models</a>.
Not a medical device; for research only.</p>
</html>
"#;

/// `GET /` and `GET /assets/{path}`.
pub(crate) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/", get(index))
        .route("/assets/{*path}", get(asset))
}

async fn index(headers: HeaderMap) -> Response {
    match Built::get(INDEX) {
        Some(file) => reply(&headers, INDEX, file, "no-cache"),
        None => guarded(
            [(CONTENT_TYPE, "text/html; charset=utf-8")],
            Cow::Borrowed(UNBUILT.as_bytes()),
        ),
    }
}

async fn asset(headers: HeaderMap, Path(path): Path<String>) -> Response {
    let name = format!("assets/{path}");
    match Built::get(&name) {
        // The build puts a hash of the content into each name.
        Some(file) => reply(&headers, &name, file, "public, max-age=31536000, immutable"),
        None => Refusal::NotFound.into_response(),
    }
}

/// A file, or 304 where the browser has this very one.
fn reply(headers: &HeaderMap, name: &str, file: EmbeddedFile, cache: &'static str) -> Response {
    let tag: String = file.metadata.sha256_hash()[..16]
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let tag = format!("\"{tag}\"");
    let known = headers.get(IF_NONE_MATCH);
    if known.and_then(|k| k.to_str().ok()) == Some(tag.as_str()) {
        return (StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response();
    }
    let described = [
        (CONTENT_TYPE, media_type(name).to_owned()),
        (CACHE_CONTROL, cache.to_owned()),
        (ETAG, tag),
    ];
    guarded(described, file.data)
}

/// Adds what keeps a page to itself.
fn guarded(
    described: impl axum::response::IntoResponseParts,
    body: Cow<'static, [u8]>,
) -> Response {
    let guards = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    (described, guards, body).into_response()
}

/// The kinds of file that the build makes.
fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "json" | "map" => "application/json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn there_is_always_a_page_and_it_stays_with_its_origin() {
        let page = index(HeaderMap::new()).await;
        assert_eq!(page.status(), StatusCode::OK);
        let policy = page.headers()[CONTENT_SECURITY_POLICY]
            .to_str()
            .expect("text");
        assert!(policy.starts_with("default-src 'none'"));
        assert!(!policy.contains("http") && !policy.contains("unsafe") && !policy.contains('*'));
        assert_eq!(page.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
    }

    #[tokio::test]
    async fn what_the_browser_has_is_not_sent_again() {
        let file = |bytes: &'static [u8]| EmbeddedFile {
            data: Cow::Borrowed(bytes),
            metadata: rust_embed::Metadata::__rust_embed_new([7; 32], None, None),
        };
        let first = reply(&HeaderMap::new(), "a.js", file(b"x"), "no-cache");
        assert_eq!(first.status(), StatusCode::OK);
        let mut headers = HeaderMap::new();
        headers.insert(IF_NONE_MATCH, first.headers()[ETAG].clone());
        let second = reply(&headers, "a.js", file(b"x"), "no-cache");
        assert_eq!(second.status(), StatusCode::NOT_MODIFIED);
        headers.insert(IF_NONE_MATCH, "\"other\"".parse().expect("a value"));
        let third = reply(&headers, "a.js", file(b"x"), "no-cache");
        assert_eq!(third.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn an_asset_that_does_not_exist() {
        for path in ["none.js", "../Cargo.toml", "%2e%2e/index.html"] {
            let reply = asset(HeaderMap::new(), Path(path.into())).await;
            assert_eq!(reply.status(), StatusCode::NOT_FOUND, "{path}");
        }
    }
}
