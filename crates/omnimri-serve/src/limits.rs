//! How much is let in at once.

use std::time::Duration;

/// Bounds on requests, uploads, work at the same time and what is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Largest file in bytes.
    pub max_file_bytes: u64,
    /// Largest job in bytes: all its files together, unpacked.
    pub max_job_bytes: u64,
    /// Most files of one job.
    pub max_files: usize,
    /// Largest body in bytes of a request that carries no file of its own (JSON).
    pub max_json_bytes: usize,
    /// Largest body in bytes of a request to the chat API, its images included.
    pub max_chat_bytes: usize,
    /// Most voxels or samples that a file may declare, whatever its compressed size.
    pub max_voxels: usize,
    /// Bytes of memory that all readers together may need, by estimate; a single input that needs more is refused.
    pub memory: u64,
    /// Inputs read at the same time: jobs, and apart from them synchronous requests.
    pub readers: usize,
    /// Further synchronous requests that may wait for a reader; one more is refused.
    pub waiting: usize,
    /// Jobs that may wait in the queue; one more is refused.
    pub queued: usize,
    /// Uploads received at the same time; one more is refused.
    pub receiving: usize,
    /// Resumable uploads that may be open.
    pub open_uploads: usize,
    /// Connections at the same time; further ones wait to be accepted.
    pub connections: usize,
    /// Requests a second that one client may make on average; 0 for no limit.
    pub rate: u32,
    /// Free space in bytes on the store's disk below which nothing is taken in.
    pub min_free_bytes: u64,
    /// Longest time for the head of a request.
    pub header_time: Duration,
    /// Longest time without a byte of a body, and without a byte of an answer taken.
    pub idle_time: Duration,
    /// Fewest bytes a second of a body, averaged after the first `idle_time`.
    pub min_body_rate: u64,
    /// How long running jobs may go on after the server was told to stop; then they go back into the queue.
    pub grace: Duration,
    /// How often a job may be begun that took the process down with it.
    pub attempts: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_file_bytes: 1 << 30,
            max_job_bytes: 4 << 30,
            max_files: 20_000,
            max_json_bytes: 1 << 20,
            max_chat_bytes: 32 << 20,
            max_voxels: 1 << 27,
            memory: 8 << 30,
            readers: 2,
            waiting: 8,
            queued: 256,
            receiving: 16,
            open_uploads: 64,
            connections: 512,
            rate: 100,
            min_free_bytes: 256 << 20,
            header_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(30),
            min_body_rate: 4 << 10,
            grace: Duration::from_secs(30),
            attempts: 8,
        }
    }
}
