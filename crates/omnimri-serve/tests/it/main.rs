//! The server on a free loopback port, asked as any client would, with the embedded model.

mod access;
mod bounds;
mod chat;
mod client;
mod jobs;
mod node;
mod restart;
mod scu;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use omnimri_recon::simulate::demo_scan;
use omnimri_serve::{Config, Limits, Server, bind};
use omnimri_workflow::Engine;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use client::{form, get, post, request};

/// The weights, loaded once for every test.
fn engine() -> Arc<Engine> {
    static ENGINE: OnceLock<Arc<Engine>> = OnceLock::new();
    ENGINE
        .get_or_init(|| Arc::new(Engine::embedded().expect("an embedded model")))
        .clone()
}

/// A simulated head slice as a PNG file's bytes.
fn head_png() -> &'static [u8] {
    static PNG: OnceLock<Vec<u8>> = OnceLock::new();
    PNG.get_or_init(|| {
        let scan = demo_scan(3).expect("a simulated scan");
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("head.png");
        let (n_y, n_x) = (scan.kspace.n_y, scan.kspace.n_x);
        omnimri_image::write_png_grey(&path, &scan.truth_image, n_x, n_y).expect("a PNG file");
        std::fs::read(path).expect("its bytes")
    })
}

/// Limits under which a test does not wait for the world: short times, no rate.
fn limits() -> Limits {
    Limits {
        readers: 1,
        rate: 0,
        min_free_bytes: 0,
        grace: Duration::from_secs(600),
        ..Limits::default()
    }
}

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    done: JoinHandle<omnimri_serve::Result<()>>,
    /// The store, where it is the server's own.
    _data: Option<TempDir>,
}

/// A server with a store of its own.
async fn start(limits: Limits) -> Running {
    let data = tempfile::tempdir().expect("a temporary folder");
    let config = Config {
        limits,
        ..Config::local(data.path())
    };
    let mut server = start_with(config).await;
    server._data = Some(data);
    server
}

/// A server on a store that outlives it.
async fn start_in(data: &Path, limits: Limits) -> Running {
    let config = Config {
        limits,
        ..Config::local(data)
    };
    start_with(config).await
}

async fn start_with(config: Config) -> Running {
    let address = ([127, 0, 0, 1], 0).into();
    let listener = bind(address, false, false, false)
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("its address");
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async move {
        // A dropped sender stops the server too.
        let _ = stopped.await;
    };
    let server = Server::start(engine(), config).expect("a store");
    let done = tokio::spawn(server.serve(listener, None, stopped));
    Running {
        address,
        stop,
        done,
        _data: None,
    }
}

impl Running {
    async fn stop(self) {
        self.stop.send(()).expect("a running server");
        self.done.await.expect("no panic").expect("a clean end");
    }

    /// A job of the simulated slice.
    async fn submit(&self) -> Value {
        let body = form(&[("file", "head.png", head_png())]);
        let reply = post(self.address, "/v1/jobs", &body).await;
        assert_eq!(reply.status, 202, "{}", reply.text());
        reply.json()
    }

    /// A job followed until it ends.
    async fn wait(&self, id: &str) -> Value {
        let events = get(self.address, &format!("/v1/jobs/{id}/events")).await;
        let text = events.text();
        let last = text
            .lines()
            .filter_map(|l| l.strip_prefix("data: "))
            .next_back();
        serde_json::from_str(last.unwrap_or_else(|| panic!("no events: {text}"))).expect("a job")
    }
}

fn id(job: &Value) -> String {
    job["id"].as_str().expect("an identifier").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn says_what_it_is() {
    let server = start(limits()).await;
    let health = get(server.address, "/health").await;
    assert_eq!(
        (health.status, &health.json()["status"]),
        (200, &"ok".into())
    );
    assert_eq!(
        health.json()["model"]["sha256"],
        engine().model_info().sha256
    );
    assert_eq!(health.field("x-content-type-options"), Some("nosniff"));
    let models = get(server.address, "/v1/models").await;
    assert_eq!(
        (models.status, &models.json()["object"]),
        (200, &"list".into())
    );
    assert_eq!(models.json()["data"][0]["id"], "nano");
    assert_eq!(models.json()["data"][0]["object"], "model");
    assert!(models.json()["data"][0]["created"].is_u64());
    let missing = get(server.address, "/v2/models").await;
    assert_eq!(
        (missing.status, missing.code().as_str()),
        (404, "not_found")
    );
    let method = get(server.address, "/v1/read").await;
    assert_eq!(
        (method.status, method.code().as_str()),
        (405, "method_not_allowed")
    );
    let metrics = get(server.address, "/metrics").await.text();
    assert!(
        metrics.contains(
            "omnimri_requests_total{route=\"/v1/models\",method=\"GET\",status=\"200\"} 1"
        ),
        "{metrics}"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn describes_every_path_that_it_serves() {
    let server = start(limits()).await;
    let document = get(server.address, "/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().expect("paths");
    assert!(paths.len() >= 12, "{}", paths.len());
    for (path, item) in paths {
        for (method, operation) in item.as_object().expect("methods") {
            assert!(
                operation["responses"]["default"].is_object(),
                "{method} {path}"
            );
            // What is described is there: the router knows the path and the method.
            let path = path.replace("{id}", &"0".repeat(32)).replace("{path}", "x");
            let reply = request(server.address, &method.to_uppercase(), &path)
                .send()
                .await;
            assert_ne!(reply.status, 405, "{method} {path}");
            assert!(
                reply.status != 404 || reply.code() != "not_found" || path.contains("uploads"),
                "{method} {path}"
            );
        }
    }
    // Every reference leads somewhere.
    let text = document.to_string();
    for (at, mark) in text.match_indices("\"#/components/schemas/") {
        let rest = &text[at + mark.len()..];
        let name = &rest[..rest.find('"').expect("an end")];
        assert!(
            document["components"]["schemas"][name].is_object(),
            "{name}"
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_a_simulated_slice() {
    let server = start(limits()).await;
    let body = form(&[("file", "../a head.png", head_png())]);
    let reply = post(server.address, "/v1/read", &body).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let result = reply.json();
    assert_eq!(result["schema"], "omnimri.result/1");
    assert_eq!(result["input"]["path"], "a_head.png");
    assert_eq!(result["input"]["shape"], serde_json::json!([256, 256]));
    assert_eq!(result["model"]["sha256"], engine().model_info().sha256);
    assert!(result["report"]["text"].is_string() && result["status"]["report"].is_object());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_is_named_and_the_next_is_read() {
    let server = start(limits()).await;
    let png = head_png();
    let broken: [(&str, &[u8]); 3] = [
        ("cut.png", &png[..png.len() / 2]),
        ("text.nii.gz", b"no image"),
        ("x.npy", b"\x93NUMPY\x01"),
    ];
    for (name, bytes) in broken {
        let reply = post(server.address, "/v1/read", &form(&[("file", name, bytes)])).await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (422, "unreadable_file")
        );
        let message = reply.json()["error"]["message"]
            .as_str()
            .expect("a message")
            .to_owned();
        assert!(message.starts_with(name), "{message}");
    }
    let body = form(&[("file", "head.png", png)]);
    assert_eq!(post(server.address, "/v1/read", &body).await.status, 200);
    server.stop().await;
}
