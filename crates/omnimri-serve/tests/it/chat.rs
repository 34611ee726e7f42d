//! Questions in the form of the OpenAI API.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use omnimri_image::{Affine, Geometry, SourceKind, Trust, Volume, Zyx};
use serde_json::{Value, json};

use crate::client::{Reply, post_json};
use crate::{Running, head_png, id, limits, start};

const PATH: &str = "/v1/chat/completions";

fn data_url(kind: &str, bytes: &[u8]) -> String {
    format!("data:{kind};base64,{}", STANDARD.encode(bytes))
}

fn question(text: &str, url: &str) -> Value {
    json!({
        "model": "nano",
        "messages": [{ "role": "user", "content": [
            { "type": "text", "text": text },
            { "type": "image_url", "image_url": { "url": url } },
        ]}],
    })
}

async fn ask(server: &Running, request: &Value) -> Reply {
    post_json(server.address, PATH, request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_asked_about_whole_and_in_pieces() {
    let server = start(limits()).await;
    let mut request = question("Which region is this?", &data_url("image/png", head_png()));
    let reply = ask(&server, &request).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let whole = reply.json();
    assert_eq!(
        (&whole["object"], &whole["model"]),
        (&json!("chat.completion"), &json!("nano"))
    );
    let message = &whole["choices"][0]["message"];
    assert_eq!(
        (&message["role"], &whole["choices"][0]["finish_reason"]),
        (&json!("assistant"), &json!("stop"))
    );
    let basis = &message["omnimri"];
    assert!(basis["status"].is_string() && basis["probability"].is_number());
    assert_eq!(basis["evidence"][0]["kind"], "check");

    request["stream"] = json!(true);
    let reply = ask(&server, &request).await;
    assert_eq!(reply.field("content-type"), Some("text/event-stream"));
    let text = reply.text();
    let pieces: Vec<&str> = text
        .lines()
        .filter_map(|l| l.strip_prefix("data: "))
        .collect();
    assert_eq!(pieces.last(), Some(&"[DONE]"));
    let chunks: Vec<Value> = pieces[..pieces.len() - 1]
        .iter()
        .map(|p| serde_json::from_str(p).expect("JSON"))
        .collect();
    assert!(
        chunks
            .iter()
            .all(|c| c["object"] == "chat.completion.chunk" && c["id"] == chunks[0]["id"])
    );
    let words: String = chunks
        .iter()
        .filter_map(|c| c["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(words, message["content"]);
    let last = &chunks.last().expect("a chunk")["choices"][0];
    assert_eq!(
        (&last["finish_reason"], &last["delta"]["omnimri"]),
        (&json!("stop"), basis)
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_mri_is_refused_in_words() {
    let server = start(limits()).await;
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("blank.png");
    omnimri_image::write_png_grey(&path, &[0.0; 64 * 64], 64, 64).expect("a PNG file");
    let blank = std::fs::read(&path).expect("its bytes");
    let reply = ask(
        &server,
        &question("Is there a tumour?", &data_url("image/png", &blank)),
    )
    .await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let message = reply.json()["choices"][0]["message"].clone();
    assert_eq!(message["omnimri"]["status"], "out_of_scope");
    assert!(
        message["content"]
            .as_str()
            .expect("words")
            .contains("blank")
    );
    assert_eq!(message["refusal"], message["content"]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn volumes_and_jobs_are_asked_about_too() {
    let server = start(limits()).await;
    let size = Zyx::new(3, 40, 36);
    let volume = Volume {
        voxels: (0..size.count())
            .map(|i| ((i % 36) as f32 - 18.0).abs() + (i / 36 % 40) as f32)
            .collect(),
        n_frames: 1,
        geometry: Geometry {
            size,
            affine: Affine::from_spacing(Zyx::new(1.0, 1.0, 1.0)),
            orientation: Trust::Trusted,
            spacing: Trust::Trusted,
        },
        acquisition: Default::default(),
        source: SourceKind::Nifti,
        warnings: Vec::new(),
    };
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("x.nii.gz");
    omnimri_image::write_nifti(&path, &volume).expect("a file");
    let nifti = std::fs::read(path).expect("its bytes");
    let reply = ask(
        &server,
        &question(
            "Which plane is this?",
            &data_url("application/gzip", &nifti),
        ),
    )
    .await;
    assert_eq!(reply.status, 200, "{}", reply.text());

    let id = id(&server.submit().await);
    server.wait(&id).await;
    for url in [
        format!("omnimri:job/{id}"),
        format!("omnimri:job/{id}/head"),
    ] {
        let reply = ask(&server, &question("Which plane is this?", &url)).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    let none = format!("omnimri:job/{}", "0".repeat(32));
    let reply = ask(&server, &question("Which plane is this?", &none)).await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (404, "job_not_found")
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_in_the_form_that_clients_know() {
    let server = start(limits()).await;
    let png = data_url("image/png", head_png());
    let mut other = question("Which plane?", &png);
    other["model"] = json!("gpt-4o");
    let reply = ask(&server, &other).await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (404, "model_not_found")
    );
    assert_eq!(reply.json()["error"]["type"], "invalid_request_error");
    assert!(
        reply.json()["error"]["message"]
            .as_str()
            .expect("words")
            .contains("gpt-4o")
    );

    let words = json!({ "model": "nano", "messages": [{ "role": "user", "content": "Hello" }] });
    let message = ask(&server, &words).await.json()["choices"][0]["message"].clone();
    assert_eq!(message["omnimri"]["status"], "abstained");

    for (url, status) in [
        ("https://example.org/a.png", 400),
        ("data:image/png;base64,@@@@", 400),
        ("data:image/png;base64,", 400),
        ("data:image/png;base64,AAAA", 422),
    ] {
        let reply = ask(&server, &question("Which plane?", url)).await;
        assert_eq!(reply.status, status, "{url}: {}", reply.text());
    }
    let mut two = question("Which plane?", &png);
    let part = two["messages"][0]["content"][1].clone();
    two["messages"][0]["content"]
        .as_array_mut()
        .expect("parts")
        .push(part);
    assert_eq!(ask(&server, &two).await.status, 422);
    let mut several = question("Which plane?", &png);
    several["n"] = json!(2);
    assert_eq!(ask(&server, &several).await.status, 400);
    server.stop().await;
}
