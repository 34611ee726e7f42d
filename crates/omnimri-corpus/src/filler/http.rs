//! One chat completion over HTTP, asked again where asking again can help.

use std::fmt;
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::Value;
use ureq::Agent;

use super::budget::{Budget, Purse};
use crate::error::{Error, Result};

/// A key that no message shows.
#[derive(Clone)]
pub(super) struct Secret(String);

impl Secret {
    pub fn new(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// How often and how long a request is tried.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Tries in all.
    pub tries: u32,
    /// Wait before the second try; doubles with each further one.
    pub first_wait: Duration,
    /// No single wait is longer; a server that asks for more is given up.
    pub longest_wait: Duration,
    /// One try may take this long.
    pub timeout: Duration,
    /// No longer answer is read, in bytes.
    pub max_bytes: u64,
}

/// A server and how it is spoken to.
#[derive(Debug)]
pub(super) struct Client {
    agent: Agent,
    url: String,
    key: Option<Secret>,
    patience: Patience,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    /// The model's words.
    Text(String),
    /// The model or the server's filter refused to answer.
    Refused,
    /// No usable answer after all tries: why.
    Failed(String),
    /// The budget is spent: which bound.
    Spent(&'static str),
}

/// What one try brought.
enum Try {
    Done(Reply, Option<u64>),
    Again {
        why: String,
        after: Option<Duration>,
    },
}

impl Client {
    /// A client of `base` (`http://localhost:8000/v1`).
    pub fn new(base: &str, key: Option<Secret>, patience: Patience) -> Self {
        let url = format!("{}/chat/completions", base.trim_end_matches('/'));
        let config = Agent::config_builder()
            .timeout_global(Some(patience.timeout))
            .http_status_as_error(false)
            // A key must not follow a redirect to somewhere else.
            .max_redirects(0)
            .user_agent(concat!("omnimri/", env!("CARGO_PKG_VERSION")));
        let config = if is_loopback(&url) {
            config.proxy(None)
        } else {
            config
        };
        Self {
            agent: Agent::new_with_config(config.build()),
            url,
            key,
            patience,
        }
    }

    /// Asks; waits and asks again after 408, 429, 5xx, a time-out, a broken connection or an answer that is no JSON.
    ///
    /// # Errors
    /// [`Error::Filler`] where asking again cannot help: any other status (a wrong address, key or model name).
    pub fn ask(&self, body: &[u8], purse: &Purse, budget: &Budget, estimate: u64) -> Result<Reply> {
        let mut why = String::new();
        for attempt in 0..self.patience.tries.max(1) {
            let ticket = match purse.take(budget, estimate, attempt > 0) {
                Ok(ticket) => ticket,
                Err(bound) => return Ok(Reply::Spent(bound)),
            };
            match self.once(body)? {
                Try::Done(reply, tokens) => {
                    ticket.settle(tokens);
                    return Ok(reply);
                }
                Try::Again { why: now, after } => {
                    drop(ticket);
                    why = now;
                    if attempt + 1 == self.patience.tries {
                        break;
                    }
                    match wait_before(attempt, after, &self.patience) {
                        Some(wait) => sleep(wait),
                        None => {
                            why.push_str("; the server asks for a longer wait than is allowed");
                            break;
                        }
                    }
                }
            }
        }
        Ok(Reply::Failed(why))
    }

    fn once(&self, body: &[u8]) -> Result<Try> {
        let mut request = self
            .agent
            .post(&self.url)
            .header("Content-Type", "application/json");
        if let Some(Secret(key)) = &self.key {
            request = request.header("Authorization", format!("Bearer {key}"));
        }
        let again = |why: String, after| Ok(Try::Again { why, after });
        let mut response = match request.send(body) {
            Ok(response) => response,
            Err(ureq::Error::BadUri(found)) => return Err(self.wrong("an address", &found)),
            Err(error) => return again(error.to_string(), None),
        };
        let status = response.status().as_u16();
        let after = response
            .headers()
            .get("retry-after")
            .and_then(|v| v.to_str().ok())
            .and_then(|v| retry_after(v, SystemTime::now()));
        if matches!(status, 408 | 429 | 500..=599) {
            return again(format!("status {status}"), after);
        }
        let text = response
            .body_mut()
            .with_config()
            .limit(self.patience.max_bytes)
            .read_to_string();
        if status != 200 {
            let said: String = text.unwrap_or_default().chars().take(200).collect();
            return Err(self.wrong("status 200", &format!("status {status}: {said}")));
        }
        Ok(match text {
            Ok(text) => read(&text).map_or_else(
                || Try::Again {
                    why: "the answer is no chat completion".to_owned(),
                    after: None,
                },
                |(reply, tokens)| Try::Done(reply, tokens),
            ),
            Err(ureq::Error::BodyExceedsLimit(limit)) => Try::Done(
                Reply::Failed(format!("the answer is longer than {limit} bytes")),
                None,
            ),
            Err(error) => Try::Again {
                why: error.to_string(),
                after: None,
            },
        })
    }

    fn wrong(&self, expected: &str, found: &str) -> Error {
        let key = self.key.as_ref().map(|k| k.0.as_str()).unwrap_or_default();
        // A server may send the key back.
        let found = if key.is_empty() {
            found.to_owned()
        } else {
            found.replace(key, "[key]")
        };
        Error::Filler {
            address: self.url.clone(),
            expected: expected.to_owned(),
            found,
            hint: "check the address, the model's name and the key".to_owned(),
        }
    }
}

fn is_loopback(url: &str) -> bool {
    let host = url.split("://").nth(1).unwrap_or_default();
    ["localhost", "127.", "[::1]"]
        .iter()
        .any(|h| host.starts_with(h))
}

/// How long to wait before trying again; `None` to give up.
fn wait_before(attempt: u32, asked: Option<Duration>, patience: &Patience) -> Option<Duration> {
    let own = patience
        .first_wait
        .saturating_mul(2u32.saturating_pow(attempt))
        .min(patience.longest_wait);
    match asked {
        Some(asked) if asked > patience.longest_wait => None,
        Some(asked) => Some(asked.max(own)),
        None => Some(own),
    }
}

/// `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3); a date in the past is now.
fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(http_date(value)?))?;
    Some(at.duration_since(now).unwrap_or_default())
}

/// Seconds since 1970 of `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7, the one form that is sent).
fn http_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (_, rest) = text.trim().split_once(", ")?;
    let parts: Vec<&str> = rest.split(' ').collect();
    let [day, month, year, time, "GMT"] = parts[..] else {
        return None;
    };
    let month = MONTHS.iter().position(|m| *m == month)? as u64;
    let (day, year): (u64, u64) = (day.parse().ok()?, year.parse().ok()?);
    if !(1..=31).contains(&day) || !(1970..=9999).contains(&year) {
        return None;
    }
    let clock: Vec<u64> = time.split(':').map_while(|t| t.parse().ok()).collect();
    let [h, m, s] = clock[..] else { return None };
    let leap = |y: u64| y.is_multiple_of(4) && (!y.is_multiple_of(100) || y.is_multiple_of(400));
    let lengths = [
        31,
        28 + u64::from(leap(year)),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let years: u64 = (1970..year).map(|y| 365 + u64::from(leap(y))).sum();
    let months: u64 = lengths.iter().take(month as usize).sum();
    Some((years + months + day - 1) * 86_400 + h.min(24) * 3600 + m.min(60) * 60 + s.min(60))
}

#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<Value>,
    refusal: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    total_tokens: Option<u64>,
}

/// A chat completion; `None` if the text is none.
fn read(text: &str) -> Option<(Reply, Option<u64>)> {
    let completion: Completion = serde_json::from_str(text).ok()?;
    let choice = completion.choices.into_iter().next()?;
    let tokens = completion.usage.and_then(|u| u.total_tokens);
    let filtered = choice.finish_reason.as_deref() == Some("content_filter");
    let refused = choice.message.refusal.is_some_and(|r| !r.is_empty());
    let reply = match choice.message.content {
        _ if filtered || refused => Reply::Refused,
        Some(Value::String(text)) => Reply::Text(text),
        Some(Value::Array(parts)) => Reply::Text(
            parts
                .iter()
                .filter_map(|p| p.get("text")?.as_str())
                .collect(),
        ),
        None | Some(Value::Null) => Reply::Refused,
        Some(_) => return None,
    };
    Some((reply, tokens))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        tries: 4,
        first_wait: Duration::from_secs(1),
        longest_wait: Duration::from_secs(5),
        timeout: Duration::from_secs(1),
        max_bytes: 100,
    };

    #[test]
    fn waits_double_up_to_a_bound_and_honour_the_server() {
        let wait = |k, asked: Option<u64>| {
            wait_before(k, asked.map(Duration::from_secs), &PATIENCE).map(|d| d.as_secs())
        };
        assert_eq!(
            [0, 1, 2, 3, 40].map(|k| wait(k, None)),
            [1, 2, 4, 5, 5].map(Some)
        );
        assert_eq!((wait(0, Some(3)), wait(2, Some(3))), (Some(3), Some(4)));
        assert_eq!(wait(0, Some(6)), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770);
        let of = |text| retry_after(text, now).map(|d| d.as_secs());
        assert_eq!(of("17"), Some(17));
        assert_eq!(of("Sun, 06 Nov 1994 08:49:37 GMT"), Some(7));
        assert_eq!(of("Sun, 06 Nov 1993 08:49:37 GMT"), Some(0));
        assert_eq!(
            of("Thu, 29 Feb 1996 00:00:00 GMT").map(|s| s / 86400),
            Some(479)
        );
        for bad in [
            "soon",
            "-1",
            "Sun, 06 Now 1994 08:49:37 GMT",
            "Sun, 0 Nov 1994 1:2 GMT",
        ] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }

    #[test]
    fn completions_are_read_and_refusals_seen() {
        let message = |m: &str| read(&format!("{{\"choices\":[{{\"message\":{m}}}]}}"));
        let text = Reply::Text("Dark.".into());
        assert_eq!(
            message(r#"{"content":"Dark."}"#),
            Some((text.clone(), None))
        );
        assert_eq!(
            message(r#"{"content":[{"type":"text","text":"Dark."}]}"#),
            Some((text, None))
        );
        let refused = Some((Reply::Refused, None));
        assert_eq!(message(r#"{"content":"x","refusal":"No."}"#), refused);
        assert_eq!(message(r#"{"content":null}"#), refused);
        assert_eq!(message(r#"{"content":7}"#), None);
        assert_eq!(read("{\"choices\":[]}"), None);
        assert_eq!(read("<html>"), None);
    }

    #[test]
    fn a_key_is_not_shown() {
        let client = Client::new(
            "http://localhost:1/v1/",
            Some(Secret::new("abc".into())),
            PATIENCE,
        );
        assert!(!format!("{client:?}").contains("abc"));
        let error = client.wrong("x", "wrong key abc given");
        assert!(!error.to_string().contains("abc"), "{error}");
    }
}
