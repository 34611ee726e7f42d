//! What was accepted outlives the process, and is done once.

use std::path::Path;
use std::time::Duration;

use omnimri_serve::{Config, Error, Server};
use rusqlite::Connection;

use crate::client::{form, get, post};
use crate::{Limits, engine, head_png, id, limits, start_in, start_with};

fn database(data: &Path) -> Connection {
    Connection::open(data.join("omnimri.sqlite")).expect("a database")
}

/// State and number of completions.
fn row(data: &Path, id: &str) -> (String, i64) {
    let sql = "SELECT state, completed FROM jobs WHERE id = ?1";
    database(data)
        .query_row(sql, [id], |r| Ok((r.get(0)?, r.get(1)?)))
        .expect("a job")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_cut_off_is_read_at_the_next_start() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let server = start_in(data.path(), limits()).await;
    let done = id(&server.submit().await);
    server.wait(&done).await;
    server.stop().await;
    let folder = data.path().join("jobs").join(&done);
    // As a process leaves it that ends in the middle of a job: marked as running, results half-written.
    let set = |sql: &str| {
        let changed = database(data.path())
            .execute(sql, [&done])
            .expect("a change");
        assert_eq!(changed, 1);
    };
    set("UPDATE jobs SET state = 'running', finished = NULL, completed = 0 WHERE id = ?1");
    std::fs::rename(folder.join("results"), folder.join("work-1")).expect("a move");
    std::fs::create_dir_all(data.path().join("incoming/abc/input")).expect("a folder");
    std::fs::create_dir_all(data.path().join("jobs/of-nobody/input")).expect("a folder");

    let server = start_in(data.path(), limits()).await;
    let ended = server.wait(&done).await;
    assert_eq!(ended["state"], "done", "{ended}");
    assert_eq!(
        get(server.address, &format!("/v1/jobs/{done}/result"))
            .await
            .status,
        200
    );
    server.stop().await;
    assert_eq!(row(data.path(), &done), ("done".into(), 1));
    assert!(!folder.join("work-1").exists());
    assert!(
        !data.path().join("incoming/abc").exists() && !data.path().join("jobs/of-nobody").exists()
    );

    // As one that ends between putting the results in place and writing that down: they are kept, not made again.
    set("UPDATE jobs SET state = 'running', finished = NULL, completed = 0 WHERE id = ?1");
    let made = |name: &str| {
        std::fs::metadata(folder.join(name))
            .and_then(|m| m.modified())
            .expect("a time")
    };
    let before = made("results/head/result.json");
    let server = start_in(data.path(), limits()).await;
    assert_eq!(server.wait(&done).await["state"], "done");
    server.stop().await;
    assert_eq!(
        (row(data.path(), &done), made("results/head/result.json")),
        (("done".into(), 1), before)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_ends_the_process_again_and_again_is_given_up() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let few = || Limits {
        attempts: 2,
        ..limits()
    };
    let server = start_in(data.path(), few()).await;
    let id = id(&server.submit().await);
    server.wait(&id).await;
    server.stop().await;
    std::fs::remove_dir_all(data.path().join("jobs").join(&id).join("results")).expect("a folder");
    let sql = "UPDATE jobs SET state = 'running', finished = NULL, completed = 0, crashes = 1 WHERE id = ?1";
    database(data.path()).execute(sql, [&id]).expect("a change");
    let server = start_in(data.path(), few()).await;
    let ended = server.wait(&id).await;
    assert_eq!(ended["state"], "failed");
    assert!(
        ended["error"]["message"]
            .as_str()
            .expect("words")
            .contains("2 times"),
        "{ended}"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_done_when_the_server_stops_waits_for_the_next() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let hurried = Limits {
        grace: Duration::ZERO,
        ..limits()
    };
    let server = start_in(data.path(), hurried).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(id(&server.submit().await));
    }
    server.stop().await;
    // The worker of a process that ends would be gone; here it still runs to its next step.
    let lock = || std::fs::File::open(data.path().join("lock")).expect("a file");
    while lock().try_lock().is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let server = start_in(data.path(), limits()).await;
    for id in &ids {
        assert_eq!(server.wait(id).await["state"], "done");
    }
    server.stop().await;
    for id in &ids {
        assert_eq!(row(data.path(), id), ("done".into(), 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_jobs_go_without_a_trace() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let server = start_in(data.path(), limits()).await;
    let body = form(&[
        ("file", "head.png", head_png()),
        ("name", "", b"Jane Roe 1970"),
    ]);
    let old = id(&post(server.address, "/v1/jobs", &body).await.json());
    server.wait(&old).await;
    server.stop().await;
    let config = || Config {
        limits: limits(),
        keep: Some(Duration::ZERO),
        ..Config::local(data.path())
    };
    let server = start_with(config()).await;
    let left = || {
        std::fs::read_dir(data.path().join("jobs"))
            .expect("a folder")
            .count()
    };
    while left() > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    while !get(server.address, "/v1/jobs").await.json()["jobs"]
        .as_array()
        .expect("jobs")
        .is_empty()
    {
        tokio::task::yield_now().await;
    }
    server.stop().await;
    for name in ["omnimri.sqlite", "omnimri.sqlite-wal", "audit.jsonl"] {
        let bytes = std::fs::read(data.path().join(name)).unwrap_or_default();
        assert!(!bytes.windows(8).any(|w| w == b"Jane Roe"), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_a_store() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let server = start_in(data.path(), limits()).await;
    let second = Server::start(engine(), Config::local(data.path())).expect_err("a refusal");
    assert!(matches!(second, Error::InUse { .. }), "{second}");
    server.stop().await;
    let other = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(
        other.path().join("omnimri.sqlite"),
        b"no database at all, but a text of some length",
    )
    .expect("a file");
    let broken = Server::start(engine(), Config::local(other.path())).expect_err("a refusal");
    assert!(matches!(broken, Error::Database { .. }), "{broken}");
}
