//! What was done, by whom and when, as lines of JSON. No patient data: no names of files or jobs, no questions, no answers.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::jobs::now;

/// Size in bytes from which a new file is begun.
const ROTATE_AT: u64 = 32 << 20;
/// Older files that are kept.
const KEPT: u32 = 9;

/// One line.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Event<'a> {
    /// What happened: `request`, `job.done`, `job.failed`, `job.expired`, `start`, `stop`.
    pub event: &'a str,
    /// Name of the token; `local` without tokens, `-` for nobody known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub who: Option<&'a str>,
    /// Method of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<&'a str>,
    /// Pattern of the path, never the path itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<&'a str>,
    /// Status of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Identifier of the job, which is random.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<&'a str>,
    /// Milliseconds until the answer began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ms: Option<u64>,
}

impl<'a> Event<'a> {
    /// Something that happened to a job.
    pub fn job(event: &'a str, job: &'a str) -> Self {
        Self {
            event,
            job: Some(job),
            ..Self::default()
        }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    #[serde(flatten)]
    event: &'a Event<'a>,
}

/// The log; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Audit(Arc<Mutex<Log>>);

#[derive(Debug)]
struct Log {
    path: PathBuf,
    file: File,
    size: u64,
}

impl Audit {
    /// Appends to `audit.jsonl` of a folder.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let path = folder.join("audit.jsonl");
        let file = append(&path)?;
        let size = file.metadata()?.len();
        Ok(Self(Arc::new(Mutex::new(Log { path, file, size }))))
    }

    /// Writes one line. That it cannot be written is told to the program's own log and keeps no request from its answer.
    pub fn write(&self, event: &Event<'_>) {
        let line = Line { time: now(), event };
        let written = serde_json::to_vec(&line)
            .map_err(io::Error::from)
            .and_then(|mut line| {
                line.push(b'\n');
                let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                log.append(&line)
            });
        if let Err(error) = written {
            tracing::error!(%error, "cannot write the audit log");
        }
    }
}

impl Log {
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        if self.size >= ROTATE_AT {
            self.rotate()?;
        }
        self.file.write_all(line)?;
        self.size += line.len() as u64;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        let older = |n: u32| self.path.with_extension(format!("{n}.jsonl"));
        for n in (1..KEPT).rev() {
            if older(n).exists() {
                fs::rename(older(n), older(n + 1))?;
            }
        }
        fs::rename(&self.path, older(1))?;
        self.file = append(&self.path)?;
        self.size = 0;
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_json_and_old_files_move_on() {
        let dir = tempfile::tempdir().unwrap();
        let audit = Audit::open(dir.path()).unwrap();
        audit.write(&Event::job("job.done", "abc"));
        audit.0.lock().unwrap().size = ROTATE_AT;
        audit.write(&Event::job("job.failed", "def"));
        let lines = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
        let first: serde_json::Value = serde_json::from_str(&lines("audit.1.jsonl")).unwrap();
        assert_eq!(
            (&first["event"], &first["job"]),
            (&"job.done".into(), &"abc".into())
        );
        assert!(first["time"].is_string() && first.get("who").is_none());
        assert!(lines("audit.jsonl").contains("job.failed"));
    }
}
