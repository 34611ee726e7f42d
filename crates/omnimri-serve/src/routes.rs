//! Paths to handlers.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, State};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use omnimri_workflow::Engine;
use serde::Serialize;

use crate::guard::local_only;
use crate::limits::Limits;
use crate::page;
use crate::read::read;
use crate::reply::Refusal;
use crate::state::AppState;

/// Bytes of a form around its file.
const FORM_BYTES: u64 = 64 << 10;

/// The whole interface over one model that is loaded already.
pub fn router(engine: Arc<Engine>, limits: Limits) -> Router {
    let body = usize::try_from(limits.max_file_bytes.saturating_add(FORM_BYTES));
    Router::new()
        .route("/health", get(health))
        .route("/v1/models", get(models))
        .route("/v1/read", post(read))
        .merge(page::router())
        .fallback(|| async { Refusal::NotFound })
        .method_not_allowed_fallback(|| async { Refusal::Method })
        .layer(DefaultBodyLimit::max(body.unwrap_or(usize::MAX)))
        .layer(middleware::from_fn(local_only))
        .with_state(AppState::new(engine, limits))
}

#[derive(Debug, Serialize)]
struct Health {
    status: &'static str,
    version: &'static str,
    model: Model,
    /// Reading requests under way, and how many may be.
    under_way: usize,
    places: usize,
}

#[derive(Debug, Serialize)]
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

#[derive(Debug, Serialize)]
struct ModelList {
    object: &'static str,
    data: [ListedModel; 1],
}

/// A model as the OpenAI API lists it.
#[derive(Debug, Serialize)]
struct ListedModel {
    id: String,
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
