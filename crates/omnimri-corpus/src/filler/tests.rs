//! The filler against a stand-in server on this machine that speaks the protocol, well and badly.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use omnimri_findings::verify::Origin;
use omnimri_image::Zyx;
use serde_json::{Value, json};

use super::*;
use crate::describe::{Level, TextFiller, describe_with};
use crate::error::Error;
use crate::example::{Classes, DatasetId, Example, Split};
use crate::stack::Stack;

/// What the server sends for one connection.
enum Answer {
    /// A status, further headers and a body.
    Full(u16, &'static str, String),
    /// Nothing: the connection is closed.
    Hang,
    /// Headers, and then silence until the client gives up.
    Slow,
}

fn says(text: &str) -> Answer {
    let body = json!({
        "id": "x", "object": "chat.completion", "model": "stand-in",
        "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": text } }],
        "usage": { "prompt_tokens": 90, "completion_tokens": 10, "total_tokens": 100 },
    });
    Answer::Full(200, "", body.to_string())
}

fn status(code: u16, headers: &'static str) -> Answer {
    Answer::Full(code, headers, "{\"error\":{\"message\":\"no\"}}".to_owned())
}

/// A server that answers each connection in turn and keeps what it was asked.
struct Server {
    address: String,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn new(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/v1", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        let thread = std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let request = read_request(&mut stream);
                // The connection with which the test ends the server.
                let Some(request) = request else { return };
                kept.lock().unwrap().push(request);
                send(&mut stream, answer);
            }
        });
        Self {
            address,
            asked,
            thread: Some(thread),
        }
    }

    fn asked(&self) -> Vec<(String, Value)> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Server {
    /// Wakes the server where it still waits, so that no test leaves a thread behind.
    fn drop(&mut self) {
        let host = self.address.trim_start_matches("http://");
        let _ = TcpStream::connect(host.trim_end_matches("/v1"));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Head and body of a request; `None` if the connection closes before one came.
fn read_request(stream: &mut TcpStream) -> Option<(String, Value)> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let n = stream.read(&mut chunk).ok()?;
        if n == 0 {
            return None;
        }
        bytes.extend_from_slice(&chunk[..n]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length: usize = head
            .lines()
            .find_map(|l| {
                let (name, value) = l.split_once(':')?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.trim().parse().unwrap())
            })
            .unwrap();
        if body.len() >= length {
            return Some((head.to_owned(), serde_json::from_str(body).unwrap()));
        }
    }
}

fn send(stream: &mut TcpStream, answer: Answer) {
    match answer {
        Answer::Full(code, headers, body) => {
            let head = format!(
                "HTTP/1.1 {code} X\r\nContent-Type: application/json\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.write_all(body.as_bytes());
        }
        Answer::Hang => {}
        Answer::Slow => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{");
            // Returns when the client closes the connection.
            let _ = stream.read(&mut [0]);
        }
    }
}

fn example() -> Example {
    let size = Zyx::new(3, 11, 7);
    let voxels: Vec<f32> = (0..size.count()).map(|k| (k % 13) as f32).collect();
    Example {
        id: "e".into(),
        dataset: DatasetId::new("made"),
        subject: "s".into(),
        split: Split::Train,
        image: Stack::from_voxels(&voxels, size, None, None).unwrap(),
        labels: None,
        annotated: Vec::new(),
        boxes: Vec::new(),
        classes: Classes::default(),
        acquisition: Default::default(),
        texts: Vec::new(),
        questions: Vec::new(),
    }
}

/// A configuration that does not wait long.
fn config(server: &Server) -> OpenAiConfig {
    OpenAiConfig {
        first_wait_ms: 1,
        longest_wait_ms: 50,
        timeout_ms: 5_000,
        tries: 3,
        ..OpenAiConfig::new(&server.address, "stand-in")
    }
}

fn texts(filler: &OpenAi) -> crate::error::Result<Vec<String>> {
    let sentences = filler.fill(&example(), Level::Signal, &[], 0)?;
    Ok(sentences.into_iter().map(|s| s.text).collect())
}

#[test]
fn a_busy_server_is_asked_again_and_the_request_is_as_the_protocol_has_it() {
    let server = Server::new(vec![
        status(429, "Retry-After: 0\r\n"),
        Answer::Hang,
        says("Fluid is dark. Fat is bright."),
    ]);
    let filler = OpenAi::new(config(&server)).unwrap();
    let sentences = filler.fill(&example(), Level::Signal, &[], 0).unwrap();
    assert_eq!(sentences.len(), 2);
    for s in &sentences {
        assert_eq!((s.origin, s.level), (Origin::Generated, Level::Signal));
        let by = s.written_by.as_ref().unwrap();
        assert_eq!(by.model, "stand-in");
        assert!(by.prompt.contains("how bright"));
        assert!(s.facts.is_empty());
    }
    let counts = filler.counts();
    assert_eq!(
        (
            counts.requests,
            counts.retries,
            counts.tokens,
            counts.written
        ),
        (3, 2, 100, 1)
    );
    let asked = server.asked();
    assert_eq!(asked.len(), 3);
    let (head, body) = &asked[2];
    assert!(head.starts_with("POST /v1/chat/completions "), "{head}");
    assert!(!head.to_lowercase().contains("authorization"));
    assert_eq!(
        (&body["model"], &body["temperature"], &body["seed"]),
        (&json!("stand-in"), &json!(0), &json!(0))
    );
    let content = &body["messages"][0]["content"];
    assert_eq!(content[0]["type"], "text");
    let url = content[1]["image_url"]["url"].as_str().unwrap();
    let png = url.strip_prefix("data:image/png;base64,").unwrap();
    use base64::Engine as _;
    let png = base64::engine::general_purpose::STANDARD
        .decode(png)
        .unwrap();
    let picture = image::load_from_memory(&png).unwrap();
    assert_eq!((picture.width(), picture.height()), (7, 11));
    assert_eq!(picture.to_luma8().into_raw(), example().image.slice(1));
}

#[test]
fn a_server_that_stays_bad_stops_the_build_or_is_replaced_and_counted() {
    let page = || Answer::Full(200, "", "<html>not found</html>".into());
    let broken = || Answer::Full(200, "", "{\"choices\": [{\"mess".into());
    let stop = Server::new(vec![page(), broken(), status(503, "")]);
    let error = texts(&OpenAi::new(config(&stop)).unwrap()).unwrap_err();
    assert!(matches!(error, Error::Filler { .. }) && !error.is_invalid_input());
    assert!(error.to_string().contains("status 503"), "{error}");
    let go_on = Server::new(vec![page(), broken(), status(503, "")]);
    let filler = OpenAi::new(OpenAiConfig {
        otherwise: Otherwise::Measured,
        ..config(&go_on)
    })
    .unwrap();
    let sentences = filler.fill(&example(), Level::Signal, &[], 0).unwrap();
    assert!(sentences.iter().all(|s| s.origin == Origin::Measured) && !sentences.is_empty());
    let counts = filler.counts();
    assert_eq!(
        (counts.requests, counts.fallen_back, counts.written),
        (3, 1, 0)
    );
}

#[test]
fn a_slow_or_endless_answer_is_given_up() {
    let slow = Server::new(vec![Answer::Slow]);
    let error = texts(
        &OpenAi::new(OpenAiConfig {
            tries: 1,
            timeout_ms: 100,
            ..config(&slow)
        })
        .unwrap(),
    )
    .unwrap_err();
    assert!(error.to_string().contains("timeout"), "{error}");
    let long = Server::new(vec![says(&"Dark. ".repeat(4000))]);
    let error = texts(
        &OpenAi::new(OpenAiConfig {
            answer_bytes: 2000,
            ..config(&long)
        })
        .unwrap(),
    )
    .unwrap_err();
    assert!(
        error.to_string().contains("longer than 2000 bytes"),
        "{error}"
    );
    assert_eq!(long.asked().len(), 1);
    let patient = Server::new(vec![status(429, "Retry-After: 3600\r\n")]);
    let error = texts(&OpenAi::new(config(&patient)).unwrap()).unwrap_err();
    assert!(error.to_string().contains("longer wait"), "{error}");
}

#[test]
fn a_refusal_is_an_answer_and_a_wrong_key_is_an_error_without_the_key() {
    let body = json!({ "choices": [{ "message": { "content": null, "refusal": "I cannot." } }] });
    let server = Server::new(vec![
        Answer::Full(200, "", body.to_string()),
        says("UNKNOWN"),
        Answer::Full(401, "", "bad key".into()),
    ]);
    let filler = OpenAi::new(config(&server)).unwrap();
    assert!(texts(&filler).unwrap().is_empty());
    assert!(texts(&filler).unwrap().is_empty());
    assert_eq!(filler.counts().declined, 2);
    let error = texts(&filler).unwrap_err();
    assert!(error.to_string().contains("401"), "{error}");
    assert_eq!(filler.counts().requests, 3);
}

#[test]
fn the_key_is_sent_and_never_shown() {
    // Some variable that is set wherever cargo runs a test.
    let (variable, key) = ("CARGO_PKG_NAME", std::env::var("CARGO_PKG_NAME").unwrap());
    let server = Server::new(vec![
        status(403, ""),
        Answer::Full(403, "", format!("no {key}")),
    ]);
    let filler = OpenAi::new(OpenAiConfig {
        key_variable: Some(variable.into()),
        ..config(&server)
    })
    .unwrap();
    assert!(!format!("{filler:?}").contains(&key));
    texts(&filler).unwrap_err();
    let error = texts(&filler).unwrap_err().to_string();
    assert!(
        error.contains("no [key]") && !error.contains(&key),
        "{error}"
    );
    let head = server.asked()[0].0.to_lowercase();
    assert!(
        head.contains(&format!("authorization: bearer {}", key.to_lowercase())),
        "{head}"
    );
    let missing = OpenAi::new(OpenAiConfig {
        key_variable: Some("OMNIMRI_NO_SUCH_KEY".into()),
        ..config(&server)
    });
    assert!(
        missing
            .unwrap_err()
            .to_string()
            .contains("OMNIMRI_NO_SUCH_KEY")
    );
}

#[test]
fn the_cache_answers_without_a_server_and_the_budget_stops() {
    let dir = tempfile::tempdir().unwrap();
    let cached = |server: &Server| OpenAiConfig {
        cache: Some(dir.path().join("cache")),
        ..config(server)
    };
    let server = Server::new(vec![says("Fluid is dark.")]);
    let filler = OpenAi::new(cached(&server)).unwrap();
    let first = texts(&filler).unwrap();
    assert_eq!(first, ["Fluid is dark."]);
    // No server at all: the answer lies on disk, and nothing is spent.
    let gone = Server::new(vec![]);
    let again = OpenAi::new(OpenAiConfig {
        budget: Budget {
            max_requests: 0,
            max_tokens: 0,
        },
        ..cached(&gone)
    })
    .unwrap();
    assert_eq!(texts(&again).unwrap(), first);
    assert_eq!((again.counts().cached, again.counts().requests), (1, 0));
    // Another level is another question.
    let error = again.fill(&example(), Level::Findings, &[], 0).unwrap_err();
    assert!(
        matches!(
            error,
            Error::BudgetSpent {
                bound: "max_requests",
                ..
            }
        ),
        "{error}"
    );
    let tokens = OpenAi::new(OpenAiConfig {
        budget: Budget {
            max_requests: 9,
            max_tokens: 10,
        },
        otherwise: Otherwise::Measured,
        ..config(&gone)
    })
    .unwrap();
    assert!(!texts(&tokens).unwrap().is_empty());
    assert_eq!(
        (tokens.counts().fallen_back, tokens.counts().requests),
        (1, 0)
    );
}

#[test]
fn a_description_carries_who_wrote_it_and_only_in_training() {
    let levels = Level::ALL.len();
    let server = Server::new((0..levels).map(|_| says("It looks dark.")).collect());
    let filler = OpenAi::new(config(&server)).unwrap();
    let mut e = example();
    let description = describe_with(&e, &filler, 0).unwrap();
    let generated: Vec<_> = description
        .sentences
        .iter()
        .filter(|s| s.origin == Origin::Generated)
        .collect();
    assert_eq!(generated.len(), levels);
    assert!(generated.iter().all(|s| s.written_by.is_some()));
    assert!(!description.truth().contains("looks"));
    let text = serde_json::to_string(&description).unwrap();
    assert_eq!(
        serde_json::from_str::<crate::Description>(&text).unwrap(),
        description
    );
    e.split = Split::Val;
    let val = describe_with(&e, &filler, 0).unwrap();
    assert!(
        val.sentences
            .iter()
            .all(|s| s.origin != Origin::Generated && s.written_by.is_none())
    );
    assert_eq!(filler.counts().requests, levels as u64);
}

#[test]
fn a_configuration_that_contradicts_itself_is_refused() {
    let good = OpenAiConfig::new("http://localhost:1/v1", "m");
    assert!(OpenAi::new(good.clone()).is_ok());
    let bad = [
        OpenAiConfig {
            address: "localhost:1".into(),
            ..good.clone()
        },
        OpenAiConfig {
            address: "http://user:key@localhost".into(),
            ..good.clone()
        },
        OpenAiConfig {
            model: " ".into(),
            ..good.clone()
        },
        OpenAiConfig {
            prompt: "Describe.".into(),
            ..good.clone()
        },
        OpenAiConfig {
            tries: 0,
            ..good.clone()
        },
        OpenAiConfig {
            answer_bytes: 0,
            ..good
        },
    ];
    for config in bad {
        let shown = format!("{config:?}");
        assert!(
            matches!(OpenAi::new(config), Err(Error::Filler { .. })),
            "{shown}"
        );
    }
    let text = "{\"address\": \"http://localhost:1/v1\", \"model\": \"m\"}";
    let read: OpenAiConfig = serde_json::from_str(text).unwrap();
    assert_eq!(read, OpenAiConfig::new("http://localhost:1/v1", "m"));
    let typo = text.replace("\"model\"", "\"kee\": 1, \"model\"");
    assert!(serde_json::from_str::<OpenAiConfig>(&typo).is_err());
}
