//! Messages to a question and its images.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::answer::{MAX_QUESTION, check_question};
use crate::reply::Refusal;

/// Most messages of a conversation.
const MAX_MESSAGES: usize = 256;

/// A request to the chat API. Parameters of sampling are taken and do nothing: answers are the most probable ones.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct ChatRequest {
    /// `nano`
    pub model: String,
    /// The conversation.
    #[schemars(length(min = 1, max = 256))]
    pub messages: Vec<Message>,
    /// Send the answer in pieces.
    #[serde(default)]
    pub stream: Option<bool>,
    /// How many answers: there is one.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1))]
    pub n: Option<u32>,
}

/// One message.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said and shown.
    #[serde(default)]
    pub content: Option<Content>,
}

/// Who says a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Role {
    /// How to behave: taken, and without effect.
    System,
    /// As `system`.
    Developer,
    /// The one who asks.
    User,
    /// The model.
    Assistant,
    /// A tool: taken, and without effect.
    Tool,
}

/// Text alone, or parts.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Content {
    /// Words.
    Text(String),
    /// Words and images.
    Parts(Vec<Part>),
}

/// A part of a message.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Part {
    /// Words.
    Text {
        /// The words.
        text: String,
    },
    /// An image.
    ImageUrl {
        /// Where it is.
        image_url: ImageUrl,
    },
}

/// Where an image is.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct ImageUrl {
    /// `data:image/png;base64,...` with a PNG, JPEG, NIfTI or DICOM file, or `omnimri:job/ID` with `/SERIES` where it has several.
    pub url: String,
}

/// What is asked, about which images.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub question: String,
    /// Addresses of the images; empty where none was shown.
    pub images: Vec<String>,
}

impl ChatRequest {
    /// The question of the last user message, and the images of the last message that shows any.
    pub fn asked(self) -> Result<Asked, Refusal> {
        let bad = |what: &str| Err(Refusal::BadRequest(what.to_owned()));
        if self.n.is_some_and(|n| n != 1) {
            return bad("expected n to be 1: there is one answer");
        }
        if self.messages.len() > MAX_MESSAGES {
            return bad("expected at most 256 messages, found more");
        }
        let mut question = None;
        let mut images = Vec::new();
        for message in self.messages {
            if message.role != Role::User {
                continue;
            }
            let parts = match message.content {
                None => continue,
                Some(Content::Text(text)) => vec![Part::Text { text }],
                Some(Content::Parts(parts)) => parts,
            };
            let (mut words, mut shown) = (Vec::new(), Vec::new());
            for part in parts {
                match part {
                    Part::Text { text } => words.push(text),
                    Part::ImageUrl { image_url } => shown.push(image_url.url),
                }
            }
            if !words.is_empty() {
                question = Some(words.join("\n"));
            }
            if !shown.is_empty() {
                images = shown;
            }
        }
        let Some(question) = question else {
            return bad("expected a user message with text, found none");
        };
        let question = question.trim().to_owned();
        check_question(&question)?;
        debug_assert!(question.chars().count() <= MAX_QUESTION);
        Ok(Asked { question, images })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(messages: &str) -> Result<Asked, Refusal> {
        let text = format!(r#"{{"model": "nano", "temperature": 0, "messages": {messages}}}"#);
        serde_json::from_str::<ChatRequest>(&text).unwrap().asked()
    }

    #[test]
    fn the_last_question_about_the_last_image() {
        let found = asked(
            r#"[{"role": "system", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "Which plane?"},
                    {"type": "image_url", "image_url": {"url": "data:a", "detail": "high"}}]},
                {"role": "assistant", "content": "Axial."},
                {"role": "user", "content": " And the sequence? "}]"#,
        );
        let expected = Asked {
            question: "And the sequence?".into(),
            images: vec!["data:a".into()],
        };
        assert_eq!(found, Ok(expected));
    }

    #[test]
    fn conversations_without_a_question() {
        for messages in [
            "[]",
            r#"[{"role": "assistant", "content": "Axial."}]"#,
            r#"[{"role": "user", "content": []}]"#,
            r#"[{"role": "user", "content": "  "}]"#,
            r#"[{"role": "user"}]"#,
        ] {
            assert!(asked(messages).is_err(), "{messages}");
        }
        let long = format!(
            r#"[{{"role": "user", "content": "{}"}}]"#,
            "x".repeat(MAX_QUESTION + 1)
        );
        assert!(asked(&long).is_err());
    }
}
