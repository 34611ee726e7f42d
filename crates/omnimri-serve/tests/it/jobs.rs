//! Jobs from upload to files.

use std::io::Write;

use serde_json::json;

use crate::client::{form, get, post, post_json, request};
use crate::{head_png, id, limits, start};

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_followed_read_and_removed() {
    let server = start(limits()).await;
    let body = form(&[("file", "a head.png", head_png()), ("name", "", b"first")]);
    let reply = post(server.address, "/v1/jobs", &body).await;
    assert_eq!(reply.status, 202, "{}", reply.text());
    let job = reply.json();
    let id = id(&job);
    assert_eq!(
        reply.field("location"),
        Some(format!("/v1/jobs/{id}").as_str())
    );
    assert_eq!(
        (&job["name"], &job["error"]),
        (&json!("first"), &json!(null))
    );
    let ended = server.wait(&id).await;
    assert_eq!(
        (&ended["state"], &ended["progress"]),
        (&json!("done"), &json!(1.0)),
        "{ended}"
    );
    assert!(ended["started"].is_string() && ended["finished"].is_string());
    assert_eq!(ended["series"][0]["name"], "a_head");
    let listed = get(server.address, "/v1/jobs").await.json();
    assert_eq!(listed["jobs"], json!([ended]));

    let result = get(
        server.address,
        &format!("/v1/jobs/{id}/result?series=a_head"),
    )
    .await
    .json();
    assert_eq!(result["schema"], "omnimri.result/1");
    // Where it lay on the server is nobody's business.
    assert_eq!(result["input"]["path"], "a_head.png");
    let none = get(server.address, &format!("/v1/jobs/{id}/result?series=b")).await;
    assert_eq!(none.status, 404);

    let files = get(server.address, &format!("/v1/jobs/{id}/files"))
        .await
        .json();
    let files = files["files"].as_array().expect("files").clone();
    for name in ["image.nii.gz", "result.json", "report.html", "report.md"] {
        let path = format!("a_head/{name}");
        let info = files.iter().find(|f| f["path"] == path.as_str());
        let info = info.unwrap_or_else(|| panic!("{name} in {files:?}"));
        let file = get(server.address, &format!("/v1/jobs/{id}/files/{path}")).await;
        assert_eq!(file.status, 200);
        assert_eq!(
            file.body.len() as u64,
            info["bytes"].as_u64().expect("a size")
        );
        assert_eq!(file.field("content-type"), info["media_type"].as_str());
    }
    let gone = request(server.address, "DELETE", &format!("/v1/jobs/{id}"))
        .send()
        .await;
    assert_eq!(gone.status, 204);
    for path in ["", "/result", "/files", "/events"] {
        let reply = get(server.address, &format!("/v1/jobs/{id}{path}")).await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (404, "job_not_found"),
            "{path}"
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_in_ranges_and_nothing_else() {
    let server = start(limits()).await;
    let id = id(&server.submit().await);
    server.wait(&id).await;
    let path = format!("/v1/jobs/{id}/files/head/image.nii.gz");
    let whole = get(server.address, &path).await;
    let range = |text: &str| {
        request(server.address, "GET", &path)
            .field("Range", text)
            .send()
    };
    let part = range("bytes=2-11").await;
    assert_eq!((part.status, &part.body[..]), (206, &whole.body[2..12]));
    let size = whole.body.len();
    assert_eq!(
        part.field("content-range"),
        Some(format!("bytes 2-11/{size}").as_str())
    );
    assert_eq!(range("bytes=-4").await.body, whole.body[size - 4..]);
    let beyond = range(&format!("bytes={size}-")).await;
    assert_eq!(
        (beyond.status, beyond.code().as_str()),
        (416, "range_not_satisfiable")
    );
    let tag = whole.field("etag").expect("a tag").to_owned();
    let same = request(server.address, "GET", &path)
        .field("If-None-Match", tag)
        .send()
        .await;
    assert_eq!((same.status, same.body.len()), (304, 0));
    for bad in [
        "head/../../input/head.png",
        "../input/head.png",
        "..%2finput%2fhead.png",
        "%2e%2e/input/head.png",
        "head/%2e%2e/%2e%2e/input/head.png",
        "%2fetc%2fpasswd",
        "head",
        "head/",
        "head/none",
        "head%5c..%5c..",
        ".hidden",
        "head/result.json%00",
    ] {
        let reply = get(server.address, &format!("/v1/jobs/{id}/files/{bad}")).await;
        assert!(matches!(reply.status, 400 | 404), "{bad}: {}", reply.status);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kspace_has_a_zero_filled_image_beside() {
    let server = start(limits()).await;
    let scan = omnimri_recon::simulate::demo_scan(3).expect("a simulated scan");
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("scan.npy");
    let k = &scan.kspace;
    omnimri_image::write_npy_complex32(&path, &k.samples, &[k.n_coils, k.n_y, k.n_x])
        .expect("a file");
    let bytes = std::fs::read(path).expect("its bytes");
    let reply = post(
        server.address,
        "/v1/jobs",
        &form(&[("file", "scan.npy", &bytes)]),
    )
    .await;
    let id = id(&reply.json());
    let ended = server.wait(&id).await;
    assert_eq!(ended["state"], "done", "{ended}");
    let files = ended["series"][0]["files"].as_array().expect("files");
    for name in [
        "image.nii.gz",
        "reconstruction.nii.gz",
        "zero_filled.nii.gz",
    ] {
        assert!(
            files.contains(&json!(format!("scan/{name}"))),
            "{name} in {files:?}"
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_refused_or_fails_alone() {
    let server = start(limits()).await;
    let text = form(&[("file", "a.txt", b"no image")]);
    let reply = post(server.address, "/v1/jobs", &text).await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (422, "unreadable_file")
    );
    // Two images are no study.
    let two = form(&[("file", "a.png", head_png()), ("file", "b.png", head_png())]);
    let reply = post(server.address, "/v1/jobs", &two).await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (422, "unreadable_file")
    );
    // A file that looks right at first.
    let png = head_png();
    let cut = form(&[("file", "cut.png", &png[..png.len() / 2])]);
    let id = id(&post(server.address, "/v1/jobs", &cut).await.json());
    let ended = server.wait(&id).await;
    assert_eq!(ended["state"], "failed");
    let message = ended["error"]["message"].as_str().expect("a message");
    assert!(
        message.starts_with("cut.png") && !message.contains("jobs/"),
        "{message}"
    );
    let result = get(server.address, &format!("/v1/jobs/{id}/result")).await;
    assert_eq!((result.status, result.code().as_str()), (409, "not_done"));
    server.submit().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_goes_on_after_a_broken_connection() {
    let server = start(limits()).await;
    let png = head_png();
    let new = json!({ "name": "head.png", "bytes": png.len() });
    let begun = post_json(server.address, "/v1/uploads", &new).await;
    assert_eq!((begun.status, &begun.json()["offset"]), (201, &json!(0)));
    let id = id(&begun.json());
    let path = format!("/v1/uploads/{id}");
    // The connection breaks after a part.
    let half = png.len() / 2;
    let stream = request(server.address, "PATCH", &path)
        .field("Upload-Offset", "0")
        .body(png)
        .start(half)
        .await;
    drop(stream);
    let mut offset = 0;
    for _ in 0..500 {
        let head = request(server.address, "HEAD", &path).send().await;
        offset = head
            .field("upload-offset")
            .and_then(|o| o.parse().ok())
            .expect("an offset");
        if offset == half {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(offset, half);
    // Not yet whole, and not from elsewhere.
    let job = json!({ "uploads": [id] });
    assert_eq!(
        post_json(server.address, "/v1/jobs", &job).await.status,
        400
    );
    let patch = |from: usize, bytes| {
        request(server.address, "PATCH", &path)
            .field("Upload-Offset", from.to_string())
            .body(bytes)
            .send()
    };
    // The broken request may hold the upload for a moment.
    let mut wrong = patch(0, png).await;
    while wrong.status == 429 {
        wrong = patch(0, png).await;
    }
    assert_eq!(
        (wrong.status, wrong.field("upload-offset")),
        (409, Some(half.to_string().as_str()))
    );
    let rest = patch(half, &png[half..]).await;
    assert_eq!(
        (rest.status, &rest.json()["offset"]),
        (200, &json!(png.len()))
    );
    assert_eq!(patch(png.len(), b"more").await.status, 413);
    let twice = json!({ "uploads": [id, id] });
    assert_eq!(
        post_json(server.address, "/v1/jobs", &twice).await.status,
        400
    );
    let accepted = post_json(server.address, "/v1/jobs", &job).await;
    assert_eq!(accepted.status, 202, "{}", accepted.text());
    assert_eq!(accepted.json()["name"], "head.png");
    let ended = server.wait(&crate::id(&accepted.json())).await;
    assert_eq!(ended["state"], "done");
    assert_eq!(get(server.address, &path).await.status, 404);
    server.stop().await;
}

/// A ZIP archive of files that are stored or deflated.
fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file(*name, options).expect("a part");
        zip.write_all(bytes).expect("its bytes");
    }
    zip.finish().expect("an archive").into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn archives_are_unpacked_within_bounds() {
    let server = start(crate::Limits {
        max_files: 3,
        ..limits()
    })
    .await;
    let send = |bytes: Vec<u8>| async move {
        post(
            server.address,
            "/v1/jobs",
            &form(&[("file", "study.zip", &bytes)]),
        )
        .await
    };
    // Names that lead out of the folder lead nowhere.
    let good = archive(&[
        ("../../head.png", head_png()),
        ("__MACOSX/._head.png", b"x"),
    ]);
    let reply = send(good).await;
    assert_eq!(reply.status, 202, "{}", reply.text());
    let ended = server.wait(&id(&reply.json())).await;
    assert_eq!(
        (&ended["state"], &ended["series"][0]["name"]),
        (&json!("done"), &json!("head"))
    );
    let zeros = vec![0; 300 << 20];
    let bomb = archive(&[("bomb.dcm", &zeros)]);
    assert!(bomb.len() < 1 << 20);
    let many = archive(&[("a", b"1"), ("b", b"2"), ("c", b"3"), ("d", b"4")]);
    let mut cut = archive(&[("head.png", head_png())]);
    cut.truncate(cut.len() / 2);
    for (bytes, found) in [
        (bomb, "far more than its size"),
        (many, "4 files"),
        (cut, "without an end"),
        (archive(&[]), "an empty one"),
    ] {
        let reply = send(bytes).await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (422, "unreadable_file"),
            "{found}"
        );
        assert!(reply.text().contains(found), "{}", reply.text());
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_about_a_job() {
    let server = start(limits()).await;
    let id = id(&server.submit().await);
    server.wait(&id).await;
    let path = format!("/v1/jobs/{id}/questions");
    let reply = post_json(
        server.address,
        &path,
        &json!({ "question": "Which plane is this?" }),
    )
    .await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let answer = reply.json();
    assert!(
        ["answered", "abstained", "out_of_scope"]
            .contains(&answer["status"].as_str().expect("a status"))
    );
    assert!(!answer["answer"].as_str().expect("words").is_empty());
    assert_eq!(answer["evidence"][0]["kind"], "check");
    for bad in [
        json!({ "question": " " }),
        json!({}),
        json!({ "question": "x", "serie": "y" }),
    ] {
        assert_eq!(
            post_json(server.address, &path, &bad).await.status,
            400,
            "{bad}"
        );
    }
    server.stop().await;
}
