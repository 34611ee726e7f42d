//! What is too large, too many, too slow or not HTTP at all.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{form, get, post, post_json, reply, request};
use crate::{Limits, head_png, limits, start};

#[tokio::test(flavor = "multi_thread")]
async fn malformed_and_large_requests_are_refused() {
    let server = start(Limits {
        max_file_bytes: 1000,
        max_job_bytes: 1500,
        max_json_bytes: 200,
        ..limits()
    })
    .await;
    for path in ["/v1/read", "/v1/jobs"] {
        let large = form(&[("file", "large.png", &[7; 1001])]);
        let refused = post(server.address, path, &large).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (413, "file_too_large"),
            "{path}"
        );
        let body = |name: &str, bytes: &[u8]| form(&[(name, "a.png", bytes)]);
        for malformed in [form(&[]), body("image", b"x"), body("file", b"")] {
            let refused = post(server.address, path, &malformed).await;
            assert_eq!(
                (refused.status, refused.code().as_str()),
                (400, "bad_request"),
                "{path}"
            );
        }
        let cut = &form(&[("file", "a.png", b"x")])[..60];
        assert_eq!(post(server.address, path, cut).await.status, 400, "{path}");
    }
    let twice = form(&[("file", "a.png", &[1; 800]), ("file", "b.png", &[1; 800])]);
    assert_eq!(post(server.address, "/v1/read", &twice).await.status, 400);
    assert_eq!(post(server.address, "/v1/jobs", &twice).await.status, 413);
    let json = request(server.address, "POST", "/v1/jobs")
        .json(b"{\"uploads\": 3}")
        .send()
        .await;
    assert_eq!((json.status, json.code().as_str()), (400, "bad_request"));
    let long = json!({ "name": "x".repeat(300), "bytes": 5 });
    assert_eq!(
        post_json(server.address, "/v1/uploads", &long).await.status,
        413
    );
    for bytes in [0, 1001] {
        let new = json!({ "name": "x", "bytes": bytes });
        let status = post_json(server.address, "/v1/uploads", &new).await.status;
        assert_eq!(status, if bytes == 0 { 400 } else { 413 });
    }
    for id in ["x", "..%2f..", &"f".repeat(32)] {
        assert_eq!(
            get(server.address, &format!("/v1/uploads/{id}"))
                .await
                .status,
            404
        );
        assert_eq!(
            get(server.address, &format!("/v1/jobs/{id}")).await.status,
            404
        );
    }
    // Nothing of what was refused is left.
    let data = server._data.as_ref().expect("a store").path();
    for folder in ["incoming", "jobs", "uploads"] {
        let left = std::fs::read_dir(data.join(folder))
            .expect("a folder")
            .count();
        assert_eq!(left, 0, "{folder}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_says_when_to_come_back() {
    let server = start(Limits {
        queued: 0,
        ..limits()
    })
    .await;
    let body = form(&[("file", "head.png", head_png())]);
    let refused = post(server.address, "/v1/jobs", &body).await;
    assert_eq!((refused.status, refused.code().as_str()), (429, "busy"));
    assert_eq!(refused.field("retry-after"), Some("5"));
    assert_eq!(
        get(server.address, "/v1/jobs").await.json()["jobs"],
        json!([])
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_too_many_is_sent_away() {
    let server = start(Limits {
        waiting: 0,
        ..limits()
    })
    .await;
    // Half a request holds the only place.
    let slow = form(&[("file", "slow.png", b"no image")]);
    let half = slow.len() / 2;
    let mut stream = request(server.address, "POST", "/v1/read")
        .form(&slow)
        .start(half)
        .await;
    while get(server.address, "/health").await.json()["under_way"] != 1 {
        tokio::task::yield_now().await;
    }
    let quick = form(&[("file", "quick.png", b"no image")]);
    let refused = post(server.address, "/v1/read", &quick).await;
    assert_eq!((refused.status, refused.code().as_str()), (429, "busy"));
    stream
        .write_all(&slow[half..])
        .await
        .expect("the rest is taken");
    assert_eq!(reply(stream).await.status, 422);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_beyond_the_memory_is_refused() {
    let server = start(Limits {
        memory: 1 << 20,
        ..limits()
    })
    .await;
    let body = form(&[("file", "head.png", head_png())]);
    let refused = post(server.address, "/v1/jobs", &body).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (413, "needs_too_much_memory")
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_room_on_the_disk() {
    let server = start(Limits {
        min_free_bytes: u64::MAX,
        ..limits()
    })
    .await;
    let body = form(&[("file", "head.png", head_png())]);
    let refused = post(server.address, "/v1/jobs", &body).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (507, "disk_full")
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_are_let_go() {
    let server = start(Limits {
        header_time: Duration::from_millis(300),
        idle_time: Duration::from_millis(300),
        ..limits()
    })
    .await;
    // Half a head: the connection is closed.
    let mut stream = TcpStream::connect(server.address)
        .await
        .expect("a connection");
    stream
        .write_all(b"GET /health HTTP/1.1\r\nHost: local")
        .await
        .expect("half a head");
    let mut rest = Vec::new();
    // Closed or reset: either way it ends.
    let _ = stream.read_to_end(&mut rest).await;
    assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
    // Half a body: the request is answered.
    for path in ["/v1/jobs", "/v1/read"] {
        let body = form(&[("file", "slow.png", head_png())]);
        let stream = request(server.address, "POST", path)
            .form(&body)
            .start(body.len() / 2)
            .await;
        let refused = reply(stream).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (408, "too_slow"),
            "{path}"
        );
    }
    // A body by single bytes: each in time, all together not.
    let body = form(&[("file", "slow.png", head_png())]);
    let mut stream = request(server.address, "POST", "/v1/jobs")
        .form(&body)
        .start(100)
        .await;
    for byte in body[100..].chunks(1) {
        if stream.write_all(byte).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        let mut answer = [0; 1024];
        if let Ok(n) = stream.try_read(&mut answer) {
            assert!(String::from_utf8_lossy(&answer[..n]).contains("408"), "{n}");
            break;
        }
    }
    assert_eq!(get(server.address, "/health").await.status, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_are_bounded() {
    let server = start(limits()).await;
    let long = request(server.address, "GET", "/health")
        .field("X-Long", "x".repeat(100_000))
        .send()
        .await;
    assert_eq!(long.status, 431);
    let mut many = request(server.address, "GET", "/health");
    let names: Vec<String> = (0..200).map(|i| format!("X-{i}")).collect();
    for name in &names {
        many = many.field(name, "x");
    }
    assert_eq!(many.send().await.status, 431);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_requests() {
    let server = start(limits()).await;
    // A generator of fixed seed.
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    let good = form(&[("file", "head.png", &head_png()[..500]), ("name", "", b"x")]);
    for round in 0..60 {
        if round % 3 == 0 {
            let noise: Vec<u8> = (0..300).map(|_| byte()).collect();
            let mut stream = TcpStream::connect(server.address)
                .await
                .expect("a connection");
            let _ = stream.write_all(&noise).await;
            let _ = stream.shutdown().await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
            continue;
        }
        let mut body = good.clone();
        for _ in 0..20 {
            let at = usize::from(byte()) * 256 + usize::from(byte());
            let at = at % body.len();
            body[at] = byte();
        }
        let path = ["/v1/jobs", "/v1/read"][round % 2];
        let status = post(server.address, path, &body).await.status;
        assert!(status < 500, "{path} {status}");
        let chat = request(server.address, "POST", "/v1/chat/completions")
            .json(&body)
            .send()
            .await;
        assert_eq!(chat.status, 400);
    }
    assert_eq!(get(server.address, "/health").await.status, 200);
    server.stop().await;
}
