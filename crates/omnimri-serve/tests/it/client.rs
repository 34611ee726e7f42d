//! A client of few lines: one request a connection.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const BOUNDARY: &str = "omnimri-test-boundary";

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Reply {
    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A field of the head, whatever its case.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The code of an error.
    pub fn code(&self) -> String {
        self.json()["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

/// A multipart form of files: field, file name, bytes. A field without a file name is text.
pub fn form(files: &[(&str, &str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (field, name, bytes) in files {
        let file = match name {
            &"" => String::new(),
            name => format!("; filename=\"{name}\""),
        };
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{field}\"{file}\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}

/// A request to be sent.
pub struct Request<'a> {
    address: SocketAddr,
    method: &'a str,
    path: &'a str,
    fields: Vec<(&'a str, String)>,
    body: &'a [u8],
}

/// Begins a request.
pub fn request<'a>(address: SocketAddr, method: &'a str, path: &'a str) -> Request<'a> {
    Request {
        address,
        method,
        path,
        fields: vec![("Host", address.to_string())],
        body: b"",
    }
}

impl<'a> Request<'a> {
    /// Adds a field, or replaces the one of that name.
    pub fn field(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.fields.retain(|(n, _)| *n != name);
        self.fields.push((name, value.into()));
        self
    }

    pub fn json(self, body: &'a [u8]) -> Self {
        self.field("Content-Type", "application/json").body(body)
    }

    pub fn form(self, body: &'a [u8]) -> Self {
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        self.field("Content-Type", kind).body(body)
    }

    pub fn body(mut self, body: &'a [u8]) -> Self {
        self.body = body;
        self
    }

    fn head(&self) -> String {
        let fields: String = self
            .fields
            .iter()
            .map(|(n, v)| format!("{n}: {v}\r\n"))
            .collect();
        format!(
            "{} {} HTTP/1.1\r\n{fields}Connection: close\r\nContent-Length: {}\r\n\r\n",
            self.method,
            self.path,
            self.body.len()
        )
    }

    /// Sends it and waits for the whole answer.
    pub async fn send(self) -> Reply {
        let mut stream = TcpStream::connect(self.address)
            .await
            .expect("a connection");
        let head = self.head();
        stream
            .write_all(head.as_bytes())
            .await
            .expect("the head is taken");
        // A server that refuses may close before it has taken everything.
        let _ = stream.write_all(self.body).await;
        reply(stream).await
    }

    /// Sends the head and the first bytes of the body.
    pub async fn start(self, first: usize) -> TcpStream {
        let mut stream = TcpStream::connect(self.address)
            .await
            .expect("a connection");
        stream
            .write_all(self.head().as_bytes())
            .await
            .expect("the head is taken");
        stream
            .write_all(&self.body[..first])
            .await
            .expect("the start is taken");
        stream
    }
}

/// The answer that a connection ends with.
pub async fn reply(mut stream: impl AsyncReadExt + Unpin) -> Reply {
    let mut bytes = Vec::new();
    // What came before a connection was reset counts.
    let _ = stream.read_to_end(&mut bytes).await;
    let at = bytes
        .windows(4)
        .position(|w| w == b"\r\n\r\n")
        .expect("a head and a body");
    let head = String::from_utf8(bytes[..at].to_vec()).expect("a head in ASCII");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|s| s.parse().ok())
        .expect("a status");
    let mut body = bytes[at + 4..].to_vec();
    if head
        .to_ascii_lowercase()
        .contains("transfer-encoding: chunked")
    {
        body = unchunk(&body);
    }
    Reply { status, head, body }
}

fn unchunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(at) = bytes.windows(2).position(|w| w == b"\r\n") {
        let size = std::str::from_utf8(&bytes[..at]).ok();
        let size = size
            .and_then(|s| usize::from_str_radix(s, 16).ok())
            .unwrap_or(0);
        if size == 0 || bytes.len() < at + 2 + size {
            break;
        }
        out.extend_from_slice(&bytes[at + 2..at + 2 + size]);
        bytes = &bytes[(at + 4 + size).min(bytes.len())..];
    }
    out
}

/// `GET`
pub async fn get(address: SocketAddr, path: &str) -> Reply {
    request(address, "GET", path).send().await
}

/// `POST` of a form.
pub async fn post(address: SocketAddr, path: &str, form: &[u8]) -> Reply {
    request(address, "POST", path).form(form).send().await
}

/// `POST` of JSON.
pub async fn post_json(address: SocketAddr, path: &str, json: &Value) -> Reply {
    request(address, "POST", path)
        .json(json.to_string().as_bytes())
        .send()
        .await
}
