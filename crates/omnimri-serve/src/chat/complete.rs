//! `POST /v1/chat/completions`

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};

use super::image::find;
use super::reply::Completion;
use super::request::{Asked, ChatRequest};
use crate::answer::{Answered, Places, answer};
use crate::extract::json;
use crate::jobs::new_id;
use crate::reply::Refusal;
use crate::state::{AppState, blocking, unix_time};

/// What is said where there is nothing to look at.
const NO_IMAGE: &str =
    "This model answers questions about a magnetic resonance image; send one with the question.";

/// Answers the last question of a conversation.
pub(super) async fn complete(
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, Refusal> {
    // Bodies with images take memory: so many at a time, and no more.
    let admitted = state.admitted.clone().try_acquire_owned();
    let admitted = admitted.map_err(|_| Refusal::Busy)?;
    let request: ChatRequest = json(request, state.limits.max_chat_bytes).await?;
    let model = state.engine.model_info().name;
    if request.model != model {
        return Err(Refusal::NoModel(request.model));
    }
    let streamed = request.stream.unwrap_or(false);
    let Asked { question, images } = request.asked()?;
    let answered = if images.is_empty() {
        Answered::abstained(NO_IMAGE)
    } else {
        let shown = find(&state, images).await?;
        let places = Places::with(&state, admitted).await?;
        let state = state.clone();
        blocking(move || {
            let answered = answer(&state, &shown.image, &question);
            drop((shown, places));
            answered
        })
        .await?
    };
    let id = format!("chatcmpl-{}", new_id()?);
    let completion = Completion::new(id, unix_time(), model, answered);
    Ok(if streamed {
        completion.stream()
    } else {
        Json(completion).into_response()
    })
}
