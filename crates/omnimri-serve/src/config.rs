//! Everything a server is told at its start.

use std::path::PathBuf;
use std::time::Duration;

use crate::access::Tokens;
use crate::limits::Limits;

/// Where a server keeps things, whom it lets in, and how much.
#[derive(Debug, Clone)]
pub struct Config {
    /// The store: jobs, uploads and the audit log. One server a folder.
    pub data: PathBuf,
    /// Bounds.
    pub limits: Limits,
    /// Who may do what; `None` where everyone who reaches the address may do everything.
    pub tokens: Option<Tokens>,
    /// How long ended jobs are kept; `None` until they are deleted.
    pub keep: Option<Duration>,
    /// True if the address is this machine's own: then only its names are accepted as host.
    pub local: bool,
}

impl Config {
    /// A server for this machine alone, with its store in `data`.
    pub fn local(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            limits: Limits::default(),
            tokens: None,
            keep: None,
            local: true,
        }
    }
}
