//! A vision-language model behind an OpenAI-compatible address writes the levels on which a dataset says nothing.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use omnimri_findings::verify::Origin;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::budget::{Budget, Counts, Purse};
use super::cache::{Cache, Entry, Key};
use super::http::{Client, Patience, Reply, Secret};
use super::prompt::{PROMPT, level_name, picture, prompt, sentences_of};
use crate::describe::{Level, Sentence, TextFiller, WrittenBy};
use crate::error::{Error, Result};
use crate::example::Example;
use crate::measured::MeasuredStatements;

/// What is done where the model cannot be asked (the budget is spent, the server does not answer).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Otherwise {
    /// The build stops with an error.
    #[default]
    Stop,
    /// The level is told by measured statements, and counted. With workers side by side, which examples a spent budget meets
    /// depends on who asked first; a second build reads the cache and tells them all the same way.
    Measured,
}

/// Where the model is and how it is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenAiConfig {
    /// Address up to the version: `http://localhost:8000/v1`.
    pub address: String,
    /// Name of the model as the server knows it.
    pub model: String,
    /// Environment variable that holds the key; none for a server that asks for none. The key itself is never written.
    #[serde(default)]
    pub key_variable: Option<String>,
    /// Prompt template with `{known}` and `{level}`.
    #[serde(default = "default_prompt")]
    pub prompt: String,
    /// Seed that is sent along; the temperature is always 0.
    #[serde(default)]
    pub seed: u64,
    /// Most tokens of one answer.
    #[serde(default = "default_answer_tokens")]
    pub answer_tokens: u32,
    /// Folder that keeps the answers; none keeps nothing.
    #[serde(default)]
    pub cache: Option<PathBuf>,
    /// What may be spent.
    #[serde(default)]
    pub budget: Budget,
    /// What is done where the model cannot be asked.
    #[serde(default)]
    pub otherwise: Otherwise,
    /// Tries of one question in all, 1 to 20.
    #[serde(default = "default_tries")]
    pub tries: u32,
    /// Wait before the second try in milliseconds; doubles with each further one.
    #[serde(default = "default_first_wait_ms")]
    pub first_wait_ms: u64,
    /// Longest single wait in milliseconds; a server that asks for more is given up.
    #[serde(default = "default_longest_wait_ms")]
    pub longest_wait_ms: u64,
    /// Longest time of one try in milliseconds.
    #[serde(default = "default_timeout_ms")]
    pub timeout_ms: u64,
    /// No longer answer is read, in bytes.
    #[serde(default = "default_answer_bytes")]
    pub answer_bytes: u64,
}

fn default_prompt() -> String {
    PROMPT.to_owned()
}
const fn default_answer_tokens() -> u32 {
    120
}
const fn default_tries() -> u32 {
    5
}
const fn default_first_wait_ms() -> u64 {
    1000
}
const fn default_longest_wait_ms() -> u64 {
    60_000
}
const fn default_timeout_ms() -> u64 {
    120_000
}
const fn default_answer_bytes() -> u64 {
    256 * 1024
}

impl OpenAiConfig {
    /// The configuration for a model at an address, everything else as it is by default.
    pub fn new(address: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            model: model.into(),
            key_variable: None,
            prompt: default_prompt(),
            seed: 0,
            answer_tokens: default_answer_tokens(),
            cache: None,
            budget: Budget::default(),
            otherwise: Otherwise::default(),
            tries: default_tries(),
            first_wait_ms: default_first_wait_ms(),
            longest_wait_ms: default_longest_wait_ms(),
            timeout_ms: default_timeout_ms(),
            answer_bytes: default_answer_bytes(),
        }
    }

    fn wrong(&self, expected: &str, found: String) -> Error {
        Error::Filler {
            address: self.address.clone(),
            expected: expected.to_owned(),
            found,
            hint: "see the fields of the filler's configuration".to_owned(),
        }
    }

    fn validate(&self) -> Result<()> {
        let http = ["http://", "https://"];
        if !http.iter().any(|h| self.address.starts_with(h)) {
            return Err(self.wrong(
                "an address that starts with http:// or https://",
                self.address.clone(),
            ));
        }
        // A user name or key in the address would be shown in errors and cards.
        if self.address.contains(['@', '?', '#']) {
            return Err(self.wrong(
                "an address without user, query or fragment",
                "one of @ ? #".into(),
            ));
        }
        if self.model.trim().is_empty() {
            return Err(self.wrong("a model's name", "an empty name".into()));
        }
        if !self.prompt.contains("{level}") {
            return Err(self.wrong(
                "{level} in the prompt",
                "a prompt that asks of every level the same".into(),
            ));
        }
        if !(1..=20).contains(&self.tries) {
            return Err(self.wrong("1 to 20 tries", self.tries.to_string()));
        }
        if self.answer_tokens == 0 || self.timeout_ms == 0 || self.answer_bytes == 0 {
            return Err(self.wrong(
                "answer_tokens, timeout_ms and answer_bytes above 0",
                "0".into(),
            ));
        }
        Ok(())
    }
}

/// A vision-language model behind an OpenAI-compatible address (chat completions with the slice as a PNG data URL).
///
/// Every sentence is [`Origin::Generated`], carries the model's name and the whole prompt, and states no [`Fact`]: what a model
/// wrote may train and never serves as truth. Answers are kept on disk under the hash of model, prompt, picture, level and seed.
///
/// [`Fact`]: omnimri_findings::Fact
#[derive(Debug)]
pub struct OpenAi {
    config: OpenAiConfig,
    client: Client,
    cache: Option<Cache>,
    purse: Purse,
    name: String,
}

impl OpenAi {
    /// A filler; nothing is asked yet.
    ///
    /// # Errors
    /// [`Error::Filler`] if the configuration contradicts itself or the key's variable is not set; [`Error::Io`] if the cache
    /// cannot be made.
    pub fn new(config: OpenAiConfig) -> Result<Self> {
        config.validate()?;
        let key = match &config.key_variable {
            None => None,
            Some(variable) => match std::env::var(variable) {
                Ok(key) if !key.trim().is_empty() => Some(Secret::new(key.trim().to_owned())),
                _ => {
                    let expected = format!("a key in the environment variable {variable}");
                    return Err(config.wrong(&expected, "nothing".into()));
                }
            },
        };
        let patience = Patience {
            tries: config.tries,
            first_wait: Duration::from_millis(config.first_wait_ms),
            longest_wait: Duration::from_millis(config.longest_wait_ms),
            timeout: Duration::from_millis(config.timeout_ms),
            max_bytes: config.answer_bytes,
        };
        Ok(Self {
            client: Client::new(&config.address, key, patience),
            cache: config.cache.as_deref().map(Cache::open).transpose()?,
            purse: Purse::default(),
            name: format!("{} at {}", config.model, config.address),
            config,
        })
    }

    /// What was asked, spent and written so far.
    pub fn counts(&self) -> Counts {
        self.purse.counts()
    }

    /// The chat request for a prompt and a picture.
    fn body(&self, prompt: &str, png: &[u8]) -> Vec<u8> {
        let url = format!("data:image/png;base64,{}", STANDARD.encode(png));
        let request = json!({
            "model": self.config.model,
            "messages": [{
                "role": "user",
                "content": [
                    { "type": "text", "text": prompt },
                    { "type": "image_url", "image_url": { "url": url } },
                ],
            }],
            "temperature": 0,
            "seed": self.config.seed,
            "max_tokens": self.config.answer_tokens,
            "stream": false,
        });
        request.to_string().into_bytes()
    }

    /// The model's words, from the cache or over the wire.
    fn words(&self, prompt: &str, png: &[u8], level: Level) -> Result<Reply> {
        let hash = Key {
            model: &self.config.model,
            prompt,
            image: png,
            level: level_name(level),
            seed: self.config.seed,
        }
        .hash();
        if let Some(kept) = self.cache.as_ref().and_then(|c| c.get(&hash)) {
            self.purse.note(|c| c.cached += 1);
            return Ok(Reply::Text(kept.text));
        }
        // Four characters a token, and a picture of a few hundred: only a guess, replaced by the server's count.
        let estimate = prompt.len() as u64 / 4 + 500 + u64::from(self.config.answer_tokens);
        let body = self.body(prompt, png);
        let reply = self
            .client
            .ask(&body, &self.purse, &self.config.budget, estimate)?;
        let text = match &reply {
            Reply::Text(text) => text.clone(),
            Reply::Refused => String::new(),
            Reply::Failed(_) | Reply::Spent(_) => return Ok(reply),
        };
        if let Some(cache) = &self.cache {
            let entry = Entry {
                model: self.config.model.clone(),
                level: level_name(level).to_owned(),
                prompt: prompt.to_owned(),
                text,
            };
            cache.put(&hash, &entry)?;
        }
        Ok(reply)
    }
}

impl TextFiller for OpenAi {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_generative(&self) -> bool {
        true
    }

    fn fill(
        &self,
        example: &Example,
        level: Level,
        told: &[Sentence],
        variant: u64,
    ) -> Result<Vec<Sentence>> {
        let prompt = prompt(&self.config.prompt, level, told);
        let reply = self.words(&prompt, &picture(example)?, level)?;
        let failed = match reply {
            Reply::Text(text) => {
                let texts = sentences_of(&text);
                self.purse.note(|c| match texts.is_empty() {
                    true => c.declined += 1,
                    false => c.written += 1,
                });
                let by = WrittenBy {
                    model: self.config.model.clone(),
                    prompt,
                };
                let sentence = |text| Sentence {
                    level,
                    origin: Origin::Generated,
                    facts: Vec::new(),
                    text,
                    written_by: Some(by.clone()),
                };
                return Ok(texts.into_iter().map(sentence).collect());
            }
            Reply::Refused => {
                self.purse.note(|c| c.declined += 1);
                return Ok(Vec::new());
            }
            Reply::Failed(why) => Error::Filler {
                address: self.config.address.clone(),
                expected: "an answer".to_owned(),
                found: why,
                hint: "start the server, or set otherwise = \"measured\"".to_owned(),
            },
            Reply::Spent(bound) => Error::BudgetSpent {
                bound,
                requests: self.counts().requests,
                tokens: self.counts().tokens,
            },
        };
        match self.config.otherwise {
            Otherwise::Stop => Err(failed),
            Otherwise::Measured => {
                self.purse.note(|c| c.fallen_back += 1);
                MeasuredStatements.fill(example, level, told, variant)
            }
        }
    }
}
