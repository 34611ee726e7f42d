//! Paths to handlers.

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderValue, header};
use axum::routing::get;
use axum::{Json, Router, middleware};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::access::door;
use crate::api::{Api, describe};
use crate::chat;
use crate::corrections;
use crate::jobs;
use crate::metrics::metrics;
use crate::page;
use crate::read::read;
use crate::reply::Refusal;
use crate::slow::bounded_body;
use crate::state::AppState;

/// Bytes of a form around its files.
const FORM_BYTES: u64 = 1 << 20;

/// Everything that is served.
pub(crate) fn router(state: AppState) -> Router {
    let (router, document) = api().finish("omnimri");
    let most = state.limits.max_job_bytes.saturating_add(FORM_BYTES);
    router
        .route("/openapi.json", get(|| async move { Json(document) }))
        .merge(page::router())
        .fallback(|| async { Refusal::NotFound })
        .method_not_allowed_fallback(|| async { Refusal::Method })
        .layer(DefaultBodyLimit::max(
            usize::try_from(most).unwrap_or(usize::MAX),
        ))
        .layer(middleware::from_fn_with_state(state.clone(), bounded_body))
        .layer(middleware::from_fn_with_state(state.clone(), door))
        .layer(middleware::map_response(no_guessing))
        .with_state(state)
}

/// The paths that are described.
fn api() -> Api {
    let form = json!({
        "type": "object",
        "required": ["file"],
        "properties": { "file": { "type": "string", "format": "binary" } },
    });
    let api = Api::new()
        .route(
            "/health",
            describe(
                "get",
                "server",
                "Does the server live, and with which model?",
            )
            .open()
            .answers::<Health>(200, "It lives."),
            health,
        )
        .route(
            "/metrics",
            describe("get", "server", "Counters in Prometheus' text format.").answers_kind(
                200,
                "text/plain",
                "The counters.",
            ),
            metrics,
        )
        .route(
            "/v1/models",
            describe("get", "model", "The model, as the OpenAI API lists it.")
                .answers::<ModelList>(200, "The only model."),
            models,
        )
        .route(
            "/v1/read",
            describe(
                "post",
                "model",
                "Read one file and wait for its result; nothing is kept.",
            )
            .takes_kind("multipart/form-data", form)
            .answers_kind(200, "application/json", "result.json"),
            read,
        );
    chat::add(corrections::routes::add(jobs::routes::add(api)))
}

/// A browser takes an answer for what it says it is.
async fn no_guessing(mut response: axum::response::Response) -> axum::response::Response {
    let value = HeaderValue::from_static("nosniff");
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, value);
    headers
        .entry(header::REFERRER_POLICY)
        .or_insert(HeaderValue::from_static("no-referrer"));
    response
}

#[derive(Debug, Serialize, JsonSchema)]
struct Health {
    /// `ok`
    status: &'static str,
    /// Version of the program.
    version: &'static str,
    model: Model,
    /// Synchronous requests under way, and how many may be.
    under_way: usize,
    places: usize,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Model {
    name: String,
    version: String,
    sha256: String,
}

/// `GET /health`
async fn health(State(state): State<AppState>) -> Json<Health> {
    let info = state.engine.model_info();
    let model = Model {
        name: info.name,
        version: info.version,
        sha256: info.sha256,
    };
    Json(Health {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
        model,
        under_way: state.under_way(),
        places: state.places,
    })
}

#[derive(Debug, Serialize, JsonSchema)]
struct ModelList {
    /// `list`
    object: &'static str,
    data: [ListedModel; 1],
}

/// A model as the OpenAI API lists it.
#[derive(Debug, Serialize, JsonSchema)]
struct ListedModel {
    id: String,
    /// `model`
    object: &'static str,
    created: u64,
    owned_by: &'static str,
}

/// `GET /v1/models`
async fn models(State(state): State<AppState>) -> Json<ModelList> {
    let id = state.engine.model_info().name;
    let model = ListedModel {
        id,
        object: "model",
        created: state.created,
        owned_by: "omnimri",
    };
    Json(ModelList {
        object: "list",
        data: [model],
    })
}
