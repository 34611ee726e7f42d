//! Who may ask what: hosts, tokens, roles, TLS, rates; and what is written down of it.

use std::path::Path;

use omnimri_serve::{Config, Error, Server, Tls, Tokens, bind};
use serde_json::{Value, json};

use crate::client::{form, get, post, request};
use crate::{Limits, head_png, id, limits, start, start_with};

#[tokio::test]
async fn other_machines_are_kept_out_unless_told_so() {
    let open = |address: &'static str, tokens, tls, insecure| {
        bind(address.parse().expect("an address"), tokens, tls, insecure)
    };
    for address in ["0.0.0.0:0", "192.0.2.1:80", "[::]:0"] {
        for (tokens, tls, missing) in [
            (false, false, "tokens (--tokens) and TLS"),
            (true, false, "TLS"),
            (false, true, "tokens"),
        ] {
            let error = open(address, tokens, tls, false)
                .await
                .expect_err("a refusal");
            assert!(matches!(error, Error::Exposed { .. }));
            let text = error.to_string();
            assert!(
                text.contains(missing) && text.contains("--insecure"),
                "{text}"
            );
        }
    }
    open("0.0.0.0:0", true, true, false)
        .await
        .expect("a free port");
    open("0.0.0.0:0", false, false, true)
        .await
        .expect("a free port");
    open("127.0.0.1:0", false, false, false)
        .await
        .expect("a free port");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_hosts_and_origins_are_refused() {
    let server = start(limits()).await;
    let foreign = request(server.address, "GET", "/health")
        .field("Host", "example.org")
        .send()
        .await;
    assert_eq!(
        (foreign.status, foreign.code().as_str()),
        (403, "forbidden")
    );
    let page = request(server.address, "GET", "/health")
        .field("Origin", "https://example.org")
        .send()
        .await;
    assert_eq!(page.status, 403);
    server.stop().await;
}

/// A file of one token a role.
fn tokens(folder: &Path) -> Tokens {
    let path = folder.join("tokens");
    let text = "read reader reading-token-0123\nwrite writer writing-token-0123\nadmin boss admins-token-01234\n";
    std::fs::write(&path, text).expect("a file");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("its mode");
    }
    Tokens::from_file(&path).expect("tokens")
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_say_who_may_what() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let config = Config {
        limits: limits(),
        tokens: Some(tokens(data.path())),
        ..Config::local(data.path().join("store"))
    };
    let server = start_with(config).await;
    let ask = |method, path, token: &str| {
        request(server.address, method, path).field("Authorization", format!("Bearer {token}"))
    };
    assert_eq!(get(server.address, "/health").await.status, 200);
    for path in ["/v1/jobs", "/v1/models", "/metrics"] {
        let reply = get(server.address, path).await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (401, "unauthorized"),
            "{path}"
        );
        assert_eq!(reply.field("www-authenticate"), Some("Bearer"));
        assert_eq!(
            ask("GET", path, "wrong-token-012345").send().await.status,
            401
        );
        assert_eq!(
            ask("GET", path, "reading-token-0123").send().await.status,
            200
        );
        let query = format!("{path}?token=reading-token-0123");
        assert_eq!(get(server.address, &query).await.status, 200);
    }
    let body = form(&[("file", "patient-name.png", head_png())]);
    let send = |token: &str| ask("POST", "/v1/jobs", token).form(&body).send();
    let refused = send("reading-token-0123").await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (403, "forbidden")
    );
    let theirs = id(&send("writing-token-0123").await.json());
    let ours = id(&send("admins-token-01234").await.json());
    let remove = |id: &str, token: &str| {
        let path = format!("/v1/jobs/{id}");
        let (address, token) = (server.address, format!("Bearer {token}"));
        async move {
            request(address, "DELETE", &path)
                .field("Authorization", token)
                .send()
                .await
                .status
        }
    };
    assert_eq!(remove(&theirs, "reading-token-0123").await, 403);
    assert_eq!(remove(&ours, "writing-token-0123").await, 403);
    assert_eq!(remove(&theirs, "writing-token-0123").await, 204);
    assert_eq!(remove(&ours, "admins-token-01234").await, 204);
    server.stop().await;

    // What was done is written down, without what anything is called.
    let log = std::fs::read_to_string(data.path().join("store/audit.jsonl")).expect("a log");
    let lines: Vec<Value> = log
        .lines()
        .map(|l| serde_json::from_str(l).expect("JSON"))
        .collect();
    let made = |line: &&Value| line["route"] == "/v1/jobs" && line["method"] == "POST";
    let statuses: Vec<_> = lines
        .iter()
        .filter(made)
        .map(|l| (&l["who"], &l["status"]))
        .collect();
    assert_eq!(
        statuses,
        [
            (&json!("reader"), &json!(403)),
            (&json!("writer"), &json!(202)),
            (&json!("boss"), &json!(202))
        ]
    );
    assert!(
        !log.contains("patient") && !log.contains("token-0"),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_too_often() {
    let server = start(Limits {
        rate: 1,
        ..limits()
    })
    .await;
    let mut refused = None;
    for _ in 0..20 {
        let reply = get(server.address, "/health").await;
        if reply.status == 429 {
            refused = Some(reply);
            break;
        }
    }
    let refused = refused.expect("a refusal");
    assert_eq!(refused.code(), "rate_limited");
    let wait: u64 = refused
        .field("retry-after")
        .and_then(|s| s.parse().ok())
        .expect("seconds");
    assert!((1..=2).contains(&wait));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_post_needs_no_body() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let config = Config {
        limits: limits(),
        tokens: Some(tokens(data.path())),
        ..Config::local(data.path().join("store"))
    };
    let server = start_with(config).await;
    let body = form(&[("file", "head.png", head_png())]);
    assert_eq!(post(server.address, "/v1/jobs", &body).await.status, 401);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_encrypted() {
    use std::sync::Arc;

    use rustls::{ClientConfig, RootCertStore};
    use rustls_pki_types::pem::PemObject;
    use rustls_pki_types::{CertificateDer, ServerName};
    use tokio::io::AsyncWriteExt;
    use tokio_rustls::TlsConnector;

    // Made for this test alone; nothing trusts it.
    let (certificate, key) = (
        include_bytes!("tls/cert.pem"),
        include_bytes!("tls/key.pem"),
    );
    let data = tempfile::tempdir().expect("a temporary folder");
    let place = |name: &str| data.path().join(name);
    std::fs::write(place("cert.pem"), certificate).expect("a file");
    std::fs::write(place("key.pem"), key).expect("a file");
    for (cert, key, found) in [
        ("key.pem", "key.pem", "cert"),
        ("cert.pem", "cert.pem", "private key"),
    ] {
        let error = Tls::from_files(&place(cert), &place(key))
            .expect_err("a refusal")
            .to_string();
        assert!(error.contains(found), "{error}");
    }
    let tls = Tls::from_files(&place("cert.pem"), &place("key.pem")).expect("a pair");

    let listener = bind(([127, 0, 0, 1], 0).into(), false, true, false)
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("its address");
    let config = Config {
        limits: limits(),
        ..Config::local(place("store"))
    };
    let server = Server::start(crate::engine(), config).expect("a store");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let done = tokio::spawn(server.serve(listener, Some(tls), async move {
        let _ = stopped.await;
    }));

    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(certificate).expect("a certificate"))
        .expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(client));
    let stream = tokio::net::TcpStream::connect(address)
        .await
        .expect("a connection");
    let name = ServerName::try_from("localhost").expect("a name");
    let mut stream = connector.connect(name, stream).await.expect("a handshake");
    let ask = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(ask).await.expect("a request");
    let reply = crate::client::reply(stream).await;
    assert_eq!((reply.status, &reply.json()["status"]), (200, &json!("ok")));
    // Without encryption there is no answer.
    let mut plain = tokio::net::TcpStream::connect(address)
        .await
        .expect("a connection");
    plain.write_all(ask).await.expect("a request");
    let mut bytes = Vec::new();
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut plain, &mut bytes).await;
    assert!(!bytes.starts_with(b"HTTP/"));
    stop.send(()).expect("a running server");
    done.await.expect("no panic").expect("a clean end");
}
