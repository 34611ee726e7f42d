//! A multipart form with one file to that file in a temporary folder.

use std::path::PathBuf;

use axum::extract::Multipart;
use axum::extract::multipart::{Field, MultipartError};
use axum::http::StatusCode;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;

use crate::reply::Refusal;

/// The form's only field.
const FIELD: &str = "file";
/// Longest file name that is kept.
const MAX_NAME: usize = 100;

/// A file that was sent; removed with its folder when dropped.
#[derive(Debug)]
pub(crate) struct Upload {
    /// The folder that holds it, and nothing else yet.
    pub dir: TempDir,
    /// The file.
    pub path: PathBuf,
    /// Its name as the sender gave it, made harmless.
    pub name: String,
}

/// Stores the file of a form.
pub(crate) async fn receive(mut form: Multipart, max_bytes: u64) -> Result<Upload, Refusal> {
    let refuse = |e| form_error(&e, max_bytes);
    let mut upload = None;
    while let Some(field) = form.next_field().await.map_err(refuse)? {
        let found = field.name().unwrap_or_default().to_owned();
        if found != FIELD {
            return Err(bad(&format!("a field named {found:?}")));
        }
        if upload.is_some() {
            return Err(bad("two of them"));
        }
        upload = Some(store(field, max_bytes).await?);
    }
    upload.ok_or_else(|| bad("none"))
}

fn bad(found: &str) -> Refusal {
    Refusal::BadRequest(format!(
        "expected a form with one field named \"{FIELD}\", found {found}"
    ))
}

fn form_error(error: &MultipartError, max_bytes: u64) -> Refusal {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::TooLarge(max_bytes),
        status if status.is_client_error() => Refusal::BadRequest(error.body_text()),
        _ => Refusal::Internal(error.body_text()),
    }
}

async fn store(mut field: Field<'_>, max_bytes: u64) -> Result<Upload, Refusal> {
    let io = |e: std::io::Error| Refusal::Internal(format!("cannot store the file: {e}"));
    let name = harmless(field.file_name().unwrap_or_default());
    let dir = TempDir::with_prefix("omnimri-").map_err(io)?;
    let path = dir.path().join(&name);
    let mut file = tokio::fs::File::create(&path).await.map_err(io)?;
    let mut size = 0u64;
    while let Some(chunk) = field.chunk().await.map_err(|e| form_error(&e, max_bytes))? {
        size += chunk.len() as u64;
        if size > max_bytes {
            return Err(Refusal::TooLarge(max_bytes));
        }
        file.write_all(&chunk).await.map_err(io)?;
    }
    file.flush().await.map_err(io)?;
    if size == 0 {
        return Err(Refusal::BadRequest(
            "expected a file, found an empty one".into(),
        ));
    }
    Ok(Upload { dir, path, name })
}

/// The last part of a name, in letters, digits, dots, dashes and underscores; never hidden, never empty.
fn harmless(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept: String = last
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') {
                c
            } else {
                '_'
            }
        })
        .collect();
    let kept = kept.trim_start_matches('.');
    // The end holds the suffix.
    let kept = &kept[kept.len().saturating_sub(MAX_NAME)..];
    let kept = kept.trim_start_matches('.');
    if kept.is_empty() {
        "upload".into()
    } else {
        kept.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_folder() {
        assert_eq!(harmless("scan.nii.gz"), "scan.nii.gz");
        assert_eq!(harmless("../../etc/passwd"), "passwd");
        assert_eq!(harmless("C:\\scans\\a b.png"), "a_b.png");
        for name in ["", "..", ".", "a/", "..."] {
            assert_eq!(harmless(name), "upload", "{name:?}");
        }
        assert_eq!(harmless(".hidden"), "hidden");
        assert_eq!(harmless("schädel.png"), "sch_del.png");
        let long = harmless(&format!("{}.png", "x".repeat(500)));
        assert!(long.len() == MAX_NAME && long.ends_with(".png"));
    }
}
