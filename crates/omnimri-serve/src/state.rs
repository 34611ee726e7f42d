//! What requests share.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use omnimri_workflow::Engine;
use tokio::sync::Semaphore;

use crate::access::{Rate, Tokens};
use crate::answer::Recent;
use crate::audit::Audit;
use crate::budget::Budget;
use crate::jobs::{Jobs, Receiver, Writing};
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::reply::Refusal;

/// Shared by every request; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct AppState {
    /// The model, loaded once.
    pub engine: Arc<Engine>,
    /// Bounds.
    pub limits: Arc<Limits>,
    /// The queue and its folders.
    pub jobs: Jobs,
    /// Lets bodies in.
    pub receiver: Receiver,
    /// Resumable uploads that a request is writing to.
    pub writing: Writing,
    /// Memory handed out to readers.
    pub budget: Arc<Budget>,
    /// The image that was asked about last.
    pub recent: Arc<Recent>,
    /// Counters.
    pub metrics: Metrics,
    /// What was done, by whom.
    pub audit: Audit,
    /// Who may do what; none where everyone may everything.
    pub tokens: Option<Tokens>,
    /// How often each client may ask.
    pub rate: Arc<Rate>,
    /// True if only this machine's names are accepted as host.
    pub local: bool,
    /// A permit a synchronous request under way, its upload included.
    pub admitted: Arc<Semaphore>,
    /// Synchronous requests that may be under way at once.
    pub places: usize,
    /// A permit an input being read while somebody waits.
    pub readers: Arc<Semaphore>,
    /// When the model became available, in seconds since 1970.
    pub created: u64,
    /// True once the server stops: event streams end.
    pub stopping: tokio::sync::watch::Receiver<bool>,
}

impl AppState {
    /// Synchronous requests under way.
    pub fn under_way(&self) -> usize {
        self.places - self.admitted.available_permits()
    }
}

/// Semaphores of synchronous requests: places, their number, readers.
pub(crate) fn places(limits: &Limits) -> (Arc<Semaphore>, usize, Arc<Semaphore>) {
    let readers = limits.readers.clamp(1, Semaphore::MAX_PERMITS / 2);
    let waiting = limits.waiting.min(Semaphore::MAX_PERMITS / 2);
    let places = readers + waiting;
    (
        Arc::new(Semaphore::new(places)),
        places,
        Arc::new(Semaphore::new(readers)),
    )
}

/// Seconds since 1970.
pub(crate) fn unix_time() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |d| d.as_secs())
}

/// Runs what waits for disks or computes, off the threads that serve connections.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| {
            tracing::error!(%error, "a request ended abnormally");
            Err(Refusal::Internal("the request ended abnormally".into()))
        })
}
