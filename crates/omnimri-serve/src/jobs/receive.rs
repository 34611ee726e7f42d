//! Bodies of requests to files on disk: streamed, counted, and removed again if anything goes wrong.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::Multipart;
use axum::extract::multipart::{Field, MultipartError};
use axum::http::StatusCode;
use futures_util::{Stream, StreamExt};
use tokio::io::AsyncWriteExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::queue::{Jobs, Staged};
use super::unpack::{is_archive, unpack};
use crate::limits::Limits;
use crate::names::{harmless, title};
use crate::reply::Refusal;

/// Most bytes of a text field.
const MAX_TEXT: usize = 4 << 10;

/// Lets a bounded number of bodies in at the same time.
#[derive(Debug, Clone)]
pub(crate) struct Receiver {
    places: Arc<Semaphore>,
}

/// What a form held.
#[derive(Debug)]
pub(crate) struct Received {
    pub staged: Staged,
    /// The name its sender gave, else that of the first file.
    pub name: String,
}

impl Receiver {
    pub fn new(limits: &Limits) -> Self {
        Self {
            places: Arc::new(Semaphore::new(
                limits.receiving.clamp(1, Semaphore::MAX_PERMITS),
            )),
        }
    }

    /// A place for one body, if one is free and the disk has room.
    pub async fn admit(&self, jobs: &Jobs) -> Result<OwnedSemaphorePermit, Refusal> {
        let place = self.places.clone().try_acquire_owned();
        let place = place.map_err(|_| Refusal::Busy)?;
        room(jobs.root(), jobs.limits().min_free_bytes)?;
        Ok(place)
    }
}

/// Refuses if the disk has less room than that.
fn room(folder: &Path, least: u64) -> Result<(), Refusal> {
    #[cfg(unix)]
    {
        let stat = rustix::fs::statvfs(folder)
            .map_err(|e| Refusal::of_io("look at the disk", &e.into()))?;
        if stat.f_bavail.saturating_mul(stat.f_frsize) < least {
            return Err(Refusal::DiskFull);
        }
    }
    #[cfg(not(unix))]
    let _ = (folder, least);
    Ok(())
}

/// Stores the files of a form; an archive is unpacked.
pub(super) async fn receive(jobs: &Jobs, mut form: Multipart) -> Result<Received, Refusal> {
    let limits = jobs.limits();
    let refuse = |e| form_error(&e, limits.max_job_bytes);
    let mut staged = Intake::new(jobs)?;
    let mut name = None;
    while let Some(field) = form.next_field().await.map_err(refuse)? {
        match field.name().unwrap_or_default() {
            "file" => {
                let file = field.file_name().unwrap_or_default().to_owned();
                let chunks = field.map(|c| c.map_err(|e| form_error(&e, limits.max_job_bytes)));
                staged.add(&file, chunks).await?;
            }
            "name" => name = Some(text(field).await?),
            // Every job is read as a whole; the field is kept for clients that send it.
            "task" => drop(text(field).await?),
            other => {
                return Err(Refusal::BadRequest(format!(
                    "expected fields \"file\", \"name\" and \"task\", found one named {:?}",
                    title(other)
                )));
            }
        }
    }
    staged.finish(name.as_deref()).await
}

/// A form that cannot be understood.
pub(crate) fn form_error(error: &MultipartError, max_bytes: u64) -> Refusal {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::TooLarge(max_bytes),
        status if status.is_client_error() => Refusal::BadRequest(error.body_text()),
        // The form did not end: its sender is gone or too slow.
        _ => crate::extract::body_error(error),
    }
}

async fn text(mut field: Field<'_>) -> Result<String, Refusal> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field
        .chunk()
        .await
        .map_err(|e| form_error(&e, MAX_TEXT as u64))?
    {
        if bytes.len() + chunk.len() > MAX_TEXT {
            return Err(Refusal::TooLarge(MAX_TEXT as u64));
        }
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes)
        .map_err(|_| Refusal::BadRequest("expected a text field in UTF-8".into()))
}

/// Files on their way to become a job.
pub(crate) struct Intake {
    staged: Staged,
    limits: Limits,
    names: HashSet<String>,
    files: Vec<PathBuf>,
    first: Option<String>,
    bytes: u64,
}

impl Intake {
    pub fn new(jobs: &Jobs) -> Result<Self, Refusal> {
        Ok(Self {
            staged: jobs.stage()?,
            limits: jobs.limits().clone(),
            names: HashSet::new(),
            files: Vec::new(),
            first: None,
            bytes: 0,
        })
    }

    /// A path of its own for a file of that name.
    pub fn place(&mut self, name: &str) -> Result<PathBuf, Refusal> {
        if self.files.len() >= self.limits.max_files {
            return Err(Refusal::BadRequest(format!(
                "expected at most {} files, found more",
                self.limits.max_files
            )));
        }
        let mut name = harmless(name);
        self.first.get_or_insert_with(|| name.clone());
        if !self.names.insert(name.clone()) {
            name = format!("{:05}-{name}", self.files.len());
            self.names.insert(name.clone());
        }
        let path = self.staged.input().join(name);
        self.files.push(path.clone());
        Ok(path)
    }

    /// Counts bytes that were added.
    pub fn count(&mut self, bytes: u64) -> Result<(), Refusal> {
        self.bytes += bytes;
        if self.bytes > self.limits.max_job_bytes {
            return Err(Refusal::TooLarge(self.limits.max_job_bytes));
        }
        Ok(())
    }

    /// Adds a file as it comes in.
    pub async fn add<B: AsRef<[u8]>>(
        &mut self,
        name: &str,
        chunks: impl Stream<Item = Result<B, Refusal>>,
    ) -> Result<(), Refusal> {
        let path = self.place(name)?;
        let io = |e: std::io::Error| Refusal::of_io("store the file", &e);
        let mut file = tokio::fs::File::create_new(&path).await.map_err(io)?;
        let mut chunks = std::pin::pin!(chunks);
        let mut size = 0;
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk?;
            let chunk = chunk.as_ref();
            size += chunk.len() as u64;
            if size > self.limits.max_file_bytes {
                return Err(Refusal::TooLarge(self.limits.max_file_bytes));
            }
            self.count(chunk.len() as u64)?;
            file.write_all(chunk).await.map_err(io)?;
        }
        file.sync_all().await.map_err(io)?;
        if size == 0 {
            return Err(Refusal::BadRequest(
                "expected a file, found an empty one".into(),
            ));
        }
        Ok(())
    }

    /// Unpacks an archive, and looks whether the files are of a kind that can be read at all and within the memory allowed.
    pub async fn finish(mut self, name: Option<&str>) -> Result<Received, Refusal> {
        let done = tokio::task::spawn_blocking(move || {
            if self.files.is_empty() {
                return Err(Refusal::BadRequest(
                    "expected a form with one or more fields named \"file\", found none".into(),
                ));
            }
            if let [only] = self.files.as_slice()
                && is_archive(only).map_err(|e| Refusal::of_io("read the file", &e))?
            {
                let archive = only.clone();
                unpack(&archive, &mut self)?;
            }
            check(&self.staged.input(), &self.limits)?;
            Ok(self)
        });
        let done = done
            .await
            .map_err(|e| Refusal::Internal(format!("checking ended abnormally: {e}")))??;
        let name = name.map(title).filter(|n| !n.is_empty());
        Ok(Received {
            name: name.or(done.first).unwrap_or_default(),
            staged: done.staged,
        })
    }

    /// The limits it keeps to.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Forgets an archive that was unpacked, so that its content alone is the input.
    pub fn forget(&mut self, path: &Path) -> std::io::Result<()> {
        self.files.retain(|f| f != path);
        crate::erase::erase(path)
    }
}

/// Refuses what no reader takes, and what would need more memory than there is.
fn check(folder: &Path, limits: &Limits) -> Result<(), Refusal> {
    let (input, name) =
        super::worker::input_of(folder).map_err(|e| Refusal::of_io("look at the files", &e))?;
    if let Err(error) = omnimri_image::detect(&input) {
        let said = error
            .to_string()
            .replace(&input.display().to_string(), &name);
        return Err(Refusal::Unreadable(said));
    }
    let needed = omnimri_workflow::memory_needed(&input);
    if needed > limits.memory {
        return Err(Refusal::TooMuchMemory(needed, limits.memory));
    }
    Ok(())
}
