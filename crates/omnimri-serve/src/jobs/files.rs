//! Results by name, whole or in ranges.

use std::io::SeekFrom;
use std::path::{Path as FilePath, PathBuf};
use std::time::UNIX_EPOCH;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::job::State as JobState;
use super::queue::Jobs;
use super::routes::{SeriesQuery, parsed};
use crate::extract::Asked;
use crate::names::below;
use crate::reply::Refusal;
use crate::state::{AppState, blocking};

/// Bytes read from disk at a time.
const CHUNK: usize = 64 << 10;
/// Levels of folders that are listed.
const MAX_DEPTH: usize = 4;

/// The files of a job's results.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct FileList {
    files: Vec<FileInfo>,
}

/// One file.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct FileInfo {
    /// Path below `files/`.
    path: String,
    /// Its size.
    bytes: u64,
    /// Its kind.
    media_type: &'static str,
}

/// Folder of the results of a job that is done.
fn results(jobs: &Jobs, id: &str) -> Result<PathBuf, Refusal> {
    let job = jobs.get(id)?;
    if job.state != JobState::Done {
        return Err(Refusal::NotDone(job.state.name()));
    }
    Ok(jobs.folder(id).join("results"))
}

/// `GET /v1/jobs/{id}/result`
pub(super) async fn result(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Asked(asked): Asked<SeriesQuery>,
) -> Result<Json<Value>, Refusal> {
    blocking(move || {
        let folder = state.jobs.series_folder(&id, asked.series.as_deref())?;
        let text = std::fs::read(folder.join("result.json"))
            .map_err(|e| Refusal::of_io("read the result", &e))?;
        parsed(&text)
    })
    .await
    .map(Json)
}

/// `GET /v1/jobs/{id}/files`
pub(super) async fn list(
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<Json<FileList>, Refusal> {
    let files = blocking(move || {
        let root = results(&state.jobs, &id)?;
        let mut files = Vec::new();
        walk(&root, &root, 0, &mut files).map_err(|e| Refusal::of_io("list the results", &e))?;
        files.sort_by(|a: &FileInfo, b| a.path.cmp(&b.path));
        Ok(files)
    });
    Ok(Json(FileList {
        files: files.await?,
    }))
}

fn walk(
    root: &FilePath,
    folder: &FilePath,
    depth: usize,
    files: &mut Vec<FileInfo>,
) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let (path, meta) = (entry.path(), entry.metadata()?);
        if meta.is_dir() && depth < MAX_DEPTH {
            walk(root, &path, depth + 1, files)?;
        } else if meta.is_file()
            && let Ok(relative) = path.strip_prefix(root)
            && let Some(text) = relative.to_str()
        {
            files.push(FileInfo {
                path: text.replace('\\', "/"),
                bytes: meta.len(),
                media_type: media_type(text),
            });
        }
    }
    Ok(())
}

/// `GET /v1/jobs/{id}/files/{path}`
pub(super) async fn file(
    State(state): State<AppState>,
    Path((id, path)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let path = blocking(move || {
        let root = results(&state.jobs, &id)?;
        Ok(root.join(below(&path)?))
    });
    send_file(&path.await?, &headers).await
}

/// A file of the store as an answer: a range of it where one is asked for, nothing where the client has it already.
pub(crate) async fn send_file(path: &FilePath, headers: &HeaderMap) -> Result<Response, Refusal> {
    let io = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => Refusal::NotFound,
        _ => Refusal::of_io("read the file", &e),
    };
    let meta = tokio::fs::symlink_metadata(path).await.map_err(io)?;
    if !meta.is_file() {
        return Err(Refusal::NotFound);
    }
    let mut file = tokio::fs::File::open(path).await.map_err(io)?;
    let size = meta.len();
    let modified = meta
        .modified()
        .ok()
        .and_then(|t| t.duration_since(UNIX_EPOCH).ok());
    let tag = format!("\"{size:x}-{:x}\"", modified.map_or(0, |d| d.as_nanos()));
    let text = |name| {
        headers
            .get(name)
            .and_then(|v: &HeaderValue| v.to_str().ok())
    };
    let same = |value: &str| value.split(',').any(|t| t.trim() == tag || t.trim() == "*");
    if text(header::IF_NONE_MATCH).is_some_and(same) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    let range = text(header::RANGE)
        // A range of another version is of no use.
        .filter(|_| text(header::IF_RANGE).is_none_or(|t| t == tag))
        .and_then(|r| range_of(r, size));
    let (from, length, status) = match range {
        None => (0, size, StatusCode::OK),
        Some(Ok((from, length))) => (from, length, StatusCode::PARTIAL_CONTENT),
        Some(Err(())) => return Err(Refusal::Range(size)),
    };
    file.seek(SeekFrom::Start(from)).await.map_err(io)?;
    let chunks = stream::unfold((file, length), |(mut file, left)| async move {
        if left == 0 {
            return None;
        }
        let mut chunk = vec![0; left.min(CHUNK as u64) as usize];
        let read = file.read(&mut chunk).await.and_then(|n| match n {
            // Cut short meanwhile: the client must not take it for whole.
            0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
            n => Ok(n),
        });
        let done = read.map(|n| {
            chunk.truncate(n);
            (chunk, n as u64)
        });
        match done {
            Ok((chunk, n)) => Some((Ok(chunk), (file, left - n))),
            Err(e) => Some((Err(e), (file, 0))),
        }
    });
    let kind = media_type(&path.to_string_lossy());
    let mut response = Response::new(Body::from_stream(chunks));
    *response.status_mut() = status;
    let out = response.headers_mut();
    let mut set = |name, value: &str| {
        if let Ok(value) = HeaderValue::try_from(value) {
            out.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, kind);
    set(header::CONTENT_LENGTH, &length.to_string());
    set(header::ACCEPT_RANGES, "bytes");
    set(header::ETAG, &tag);
    set(header::CACHE_CONTROL, "private, no-cache");
    if status == StatusCode::PARTIAL_CONTENT {
        let end = from + length - 1;
        set(header::CONTENT_RANGE, &format!("bytes {from}-{end}/{size}"));
    }
    // A report is looked at, not run: whatever it holds may load and send nothing.
    set(
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox",
    );
    Ok(response)
}

/// First byte and length of a single range; none where the header means the whole file, an error where it lies outside.
fn range_of(text: &str, size: u64) -> Option<Result<(u64, u64), ()>> {
    let (from, to) = text.strip_prefix("bytes=")?.split_once('-')?;
    let (from, to) = (from.trim(), to.trim());
    // Several ranges: the whole file is a right answer.
    if to.contains(',') {
        return None;
    }
    let (from, end) = match (from, to) {
        ("", "") => return None,
        ("", last) => {
            let last: u64 = last.parse().ok()?;
            (size.saturating_sub(last), if last == 0 { 0 } else { size })
        }
        (from, "") => (from.parse().ok()?, size),
        (from, to) => {
            let (from, to): (u64, u64) = (from.parse().ok()?, to.parse().ok()?);
            if to < from {
                return None;
            }
            (from, to.saturating_add(1).min(size))
        }
    };
    if from >= end {
        return Some(Err(()));
    }
    Some(Ok((from, end - from)))
}

/// Kind of a file by its name.
pub(super) fn media_type(name: &str) -> &'static str {
    const KINDS: [(&str, &str); 13] = [
        (".nii.gz", "application/gzip"),
        (".gz", "application/gzip"),
        (".nii", "application/octet-stream"),
        (".json", "application/json"),
        (".md", "text/markdown; charset=utf-8"),
        (".html", "text/html; charset=utf-8"),
        (".pdf", "application/pdf"),
        (".png", "image/png"),
        (".jpg", "image/jpeg"),
        (".svg", "image/svg+xml"),
        (".dcm", "application/dicom"),
        (".tsv", "text/tab-separated-values; charset=utf-8"),
        (".zip", "application/zip"),
    ];
    let lower = name.to_ascii_lowercase();
    KINDS
        .iter()
        .find(|(suffix, _)| lower.ends_with(suffix))
        .map_or("application/octet-stream", |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        for (text, found) in [
            ("bytes=0-9", Some(Ok((0, 10)))),
            ("bytes=90-", Some(Ok((90, 10)))),
            ("bytes=-5", Some(Ok((95, 5)))),
            ("bytes=-500", Some(Ok((0, 100)))),
            ("bytes=50-1000", Some(Ok((50, 50)))),
            ("bytes=100-", Some(Err(()))),
            ("bytes=-0", Some(Err(()))),
            ("bytes=9-0", None),
            ("bytes=0-1,5-6", None),
            ("bytes=a-b", None),
            ("bytes=-", None),
            ("lines=0-1", None),
            (
                "bytes=18446744073709551615-18446744073709551615",
                Some(Err(())),
            ),
        ] {
            assert_eq!(range_of(text, 100), found, "{text}");
        }
        assert_eq!(range_of("bytes=0-", 0), Some(Err(())));
    }

    #[test]
    fn kinds() {
        assert_eq!(media_type("a/IMAGE.NII.GZ"), "application/gzip");
        assert_eq!(media_type("report.html"), "text/html; charset=utf-8");
        assert_eq!(media_type("x"), "application/octet-stream");
    }
}
