//! Questions about images in the form of the OpenAI API (`POST /v1/chat/completions`), so that its client libraries work.
//!
//! - `request`: messages to a question and its images; `image`: data URLs and jobs to files
//! - `reply`: an answer as one object or as a stream; `complete`: the handler
//!
//! The model answers one question about one image. The last user message asks; the image is that of the last message which has one,
//! so a conversation may go on about it. An answer is checked before its first word is sent.

mod complete;
mod image;
mod reply;
mod request;

use crate::api::{Api, describe};

/// Adds the path of this module.
pub(crate) fn add(api: Api) -> Api {
    api.route(
        "/v1/chat/completions",
        describe(
            "post",
            "model",
            "Ask about an image, in the form of the OpenAI API.",
        )
        .takes::<request::ChatRequest>()
        .answers::<reply::Completion>(
            200,
            "The answer; with stream, as server-sent events that end with [DONE].",
        )
        .answers_kind(200, "text/event-stream", "The answer in pieces."),
        complete::complete,
    )
}
