//! An answer in the form of the OpenAI API, whole or in pieces.

use std::convert::Infallible;

use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::answer::{Answered, Ground, Status};

/// One answer.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Completion {
    pub id: String,
    /// `chat.completion`
    object: &'static str,
    /// When, in seconds since 1970.
    pub created: u64,
    pub model: String,
    choices: [Choice; 1],
}

/// The only choice.
#[derive(Debug, Serialize, JsonSchema)]
struct Choice {
    index: u32,
    message: Said,
    /// `stop`
    finish_reason: &'static str,
}

/// What the model says.
#[derive(Debug, Serialize, JsonSchema)]
struct Said {
    /// `assistant`
    role: &'static str,
    content: String,
    /// Why nothing is answered, where the image is out of scope; the content says the same.
    refusal: Option<String>,
    omnimri: Basis,
}

/// How to take an answer, and what it rests on.
#[derive(Debug, Serialize, JsonSchema)]
struct Basis {
    status: Status,
    /// How sure the language model is of its words; 0 where they are not its own.
    probability: f64,
    evidence: Vec<Ground>,
    /// Box that the answer points at.
    #[serde(rename = "box", skip_serializing_if = "Option::is_none")]
    bbox: Option<Vec<f64>>,
}

impl Completion {
    pub fn new(id: String, created: u64, model: String, answered: Answered) -> Self {
        let out_of_scope = answered.status == Status::OutOfScope;
        Self {
            id,
            object: "chat.completion",
            created,
            model,
            choices: [Choice {
                index: 0,
                message: Said {
                    role: "assistant",
                    refusal: out_of_scope.then(|| answered.answer.clone()),
                    content: answered.answer,
                    omnimri: Basis {
                        status: answered.status,
                        probability: answered.probability,
                        evidence: answered.evidence,
                        bbox: answered.bbox,
                    },
                },
                finish_reason: "stop",
            }],
        }
    }

    /// Server-sent events: the role, the words one by one, the basis with the end, and `[DONE]`.
    pub fn stream(self) -> Response {
        let Self {
            id, created, model, ..
        } = self;
        let [Choice { message, .. }] = self.choices;
        let chunk = |delta: Value, finish: Option<&str>| {
            json!({
                "id": id, "object": "chat.completion.chunk", "created": created, "model": model,
                "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }],
            })
            .to_string()
        };
        let mut pieces = vec![chunk(json!({ "role": message.role, "content": "" }), None)];
        pieces.extend(
            message
                .content
                .split_inclusive(' ')
                .map(|word| chunk(json!({ "content": word }), None)),
        );
        let end = json!({ "refusal": message.refusal, "omnimri": message.omnimri });
        pieces.push(chunk(end, Some("stop")));
        pieces.push("[DONE]".into());
        let events = pieces
            .into_iter()
            .map(|piece| Ok::<_, Infallible>(Event::default().data(piece)));
        Sse::new(stream::iter(events)).into_response()
    }
}
