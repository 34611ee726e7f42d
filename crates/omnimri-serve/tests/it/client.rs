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
    pub json: Value,
}

/// A multipart form of files: field, file name, bytes.
pub fn form(files: &[(&str, &str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (field, name, bytes) in files {
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}

fn head(method: &str, path: &str, host: &str, kind: &str, length: usize) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: {kind}\r\n\
         Content-Length: {length}\r\n\r\n"
    )
}

async fn reply(mut stream: TcpStream) -> Reply {
    let mut bytes = Vec::new();
    stream
        .read_to_end(&mut bytes)
        .await
        .expect("a whole answer");
    let text = String::from_utf8(bytes).expect("text");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|s| s.parse().ok())
        .expect("a status");
    let json = serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {text}"));
    Reply {
        status,
        head: head.to_owned(),
        json,
    }
}

/// Sends a request.
pub async fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    host: &str,
    kind: &str,
    body: &[u8],
) -> Reply {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let head = head(method, path, host, kind, body.len());
    stream
        .write_all(head.as_bytes())
        .await
        .expect("the head is taken");
    stream.write_all(body).await.expect("the body is taken");
    reply(stream).await
}

/// `GET`
pub async fn get(address: SocketAddr, path: &str) -> Reply {
    send(
        address,
        "GET",
        path,
        &address.to_string(),
        "text/plain",
        b"",
    )
    .await
}

/// `POST` of a form.
pub async fn post(address: SocketAddr, path: &str, form: &[u8]) -> Reply {
    send(
        address,
        "POST",
        path,
        &address.to_string(),
        &form_kind(),
        form,
    )
    .await
}

fn form_kind() -> String {
    format!("multipart/form-data; boundary={BOUNDARY}")
}

/// A form of which only the first half has been sent.
pub struct Half {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl Half {
    pub async fn start(address: SocketAddr, path: &str, form: &[u8]) -> Self {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let head = head("POST", path, &address.to_string(), &form_kind(), form.len());
        let (first, rest) = form.split_at(form.len() / 2);
        stream
            .write_all(head.as_bytes())
            .await
            .expect("the head is taken");
        stream
            .write_all(first)
            .await
            .expect("half the body is taken");
        Self {
            stream,
            rest: rest.to_vec(),
        }
    }

    pub async fn finish(mut self) -> Reply {
        self.stream
            .write_all(&self.rest)
            .await
            .expect("the rest is taken");
        reply(self.stream).await
    }
}
