//! The server on a free loopback port, asked as any client would, with the embedded model.

mod client;
mod node;
mod scu;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use omnimri_recon::simulate::demo_scan;
use omnimri_serve::{Error, Limits, bind, serve};
use omnimri_workflow::Engine;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use client::{Half, form, get, post, send};

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

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    done: JoinHandle<omnimri_serve::Result<()>>,
}

async fn start(limits: Limits) -> Server {
    let listener = bind(([127, 0, 0, 1], 0).into()).await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async move {
        // A dropped sender stops the server too.
        let _ = stopped.await;
    };
    let done = tokio::spawn(serve(listener, engine(), limits, stopped));
    Server {
        address,
        stop,
        done,
    }
}

impl Server {
    async fn stop(self) {
        self.stop.send(()).expect("a running server");
        self.done.await.expect("no panic").expect("a clean end");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn says_what_it_is() {
    let server = start(Limits::default()).await;
    let health = get(server.address, "/health").await;
    assert_eq!((health.status, &health.json["status"]), (200, &"ok".into()));
    assert_eq!(health.json["model"]["sha256"], engine().model_info().sha256);
    let models = get(server.address, "/v1/models").await;
    assert_eq!(
        (models.status, &models.json["object"]),
        (200, &"list".into())
    );
    assert_eq!(models.json["data"][0]["id"], "nano");
    assert_eq!(models.json["data"][0]["object"], "model");
    assert!(models.json["data"][0]["created"].is_u64());
    let missing = get(server.address, "/v2/models").await;
    assert_eq!(
        (missing.status, &missing.json["error"]["code"]),
        (404, &"not_found".into())
    );
    let method = get(server.address, "/v1/read").await;
    assert_eq!(
        (method.status, &method.json["error"]["code"]),
        (405, &"method_not_allowed".into())
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_a_simulated_slice() {
    let server = start(Limits::default()).await;
    let body = form(&[("file", "../a head.png", head_png())]);
    let reply = post(server.address, "/v1/read", &body).await;
    assert_eq!(reply.status, 200, "{}", reply.json);
    let result = &reply.json;
    assert_eq!(result["schema"], "omnimri.result/1");
    assert_eq!(result["input"]["path"], "a_head.png");
    assert_eq!(result["input"]["shape"], serde_json::json!([256, 256]));
    assert_eq!(result["model"]["sha256"], engine().model_info().sha256);
    assert!(result["report"]["text"].is_string() && result["status"]["report"].is_object());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_is_named_and_the_next_is_read() {
    let server = start(Limits::default()).await;
    let png = head_png();
    let broken: [(&str, &[u8]); 3] = [
        ("cut.png", &png[..png.len() / 2]),
        ("text.nii.gz", b"no image"),
        ("x.npy", b"\x93NUMPY\x01"),
    ];
    for (name, bytes) in broken {
        let reply = post(server.address, "/v1/read", &form(&[("file", name, bytes)])).await;
        assert_eq!(reply.status, 422, "{}", reply.json);
        let message = reply.json["error"]["message"]
            .as_str()
            .expect("a message")
            .to_owned();
        assert!(message.starts_with(name), "{message}");
        assert_eq!(reply.json["error"]["code"], "unreadable_file");
    }
    let body = form(&[("file", "head.png", png)]);
    assert_eq!(post(server.address, "/v1/read", &body).await.status, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_and_large_requests_are_refused() {
    let limits = Limits {
        max_file_bytes: 1000,
        ..Limits::default()
    };
    let server = start(limits).await;
    let large = form(&[("file", "large.png", &[7; 1001])]);
    let reply = post(server.address, "/v1/read", &large).await;
    assert_eq!(
        (reply.status, &reply.json["error"]["code"]),
        (413, &"file_too_large".into())
    );
    let body = |name: &str, bytes: &[u8]| form(&[(name, "a.png", bytes)]);
    for malformed in [form(&[]), body("image", b"x"), body("file", b"")] {
        let reply = post(server.address, "/v1/read", &malformed).await;
        assert_eq!(
            (reply.status, &reply.json["error"]["code"]),
            (400, &"bad_request".into())
        );
    }
    let twice = form(&[("file", "a.png", b"x"), ("file", "b.png", b"x")]);
    assert_eq!(post(server.address, "/v1/read", &twice).await.status, 400);
    let host = format!("{}", server.address);
    let json = send(
        server.address,
        "POST",
        "/v1/read",
        &host,
        "application/json",
        b"{}",
    )
    .await;
    assert_eq!(json.status, 400);
    let foreign = send(
        server.address,
        "GET",
        "/health",
        "example.org",
        "text/plain",
        b"",
    )
    .await;
    assert_eq!(
        (foreign.status, &foreign.json["error"]["code"]),
        (403, &"forbidden".into())
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_too_many_is_sent_away() {
    let server = start(Limits {
        readers: 1,
        waiting: 0,
        ..Limits::default()
    })
    .await;
    // Half a request holds the only place.
    let slow = form(&[("file", "slow.png", b"no image")]);
    let half = Half::start(server.address, "/v1/read", &slow).await;
    while get(server.address, "/health").await.json["under_way"] != 1 {
        tokio::task::yield_now().await;
    }
    let broken = form(&[("file", "quick.png", b"no image")]);
    let refused = post(server.address, "/v1/read", &broken).await;
    assert_eq!(refused.status, 503);
    assert_eq!(refused.json["error"]["code"], "busy");
    assert!(refused.head.to_lowercase().contains("retry-after: 5"));
    assert_eq!(half.finish().await.status, 422);
    server.stop().await;
}

#[tokio::test]
async fn other_machines_are_kept_out() {
    for address in ["0.0.0.0:0", "192.0.2.1:80", "[::]:0"] {
        let error = bind(address.parse().expect("an address"))
            .await
            .expect_err("a refusal");
        assert!(matches!(error, Error::NotLoopback { .. }));
        assert!(error.to_string().contains("authentication"), "{error}");
    }
}
