//! What requests share.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use omnimri_workflow::Engine;
use tokio::sync::Semaphore;

use crate::limits::Limits;

/// Shared by every request; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct AppState {
    /// The model, loaded once.
    pub engine: Arc<Engine>,
    /// Bounds.
    pub limits: Arc<Limits>,
    /// A permit a request under way, its upload included.
    pub admitted: Arc<Semaphore>,
    /// Requests that may be under way at once.
    pub places: usize,
    /// A permit an input being read.
    pub readers: Arc<Semaphore>,
    /// When the model became available, in seconds since 1970.
    pub created: u64,
}

impl AppState {
    /// Requests under way.
    pub fn under_way(&self) -> usize {
        self.places - self.admitted.available_permits()
    }

    pub fn new(engine: Arc<Engine>, limits: Limits) -> Self {
        let readers = limits.readers.clamp(1, Semaphore::MAX_PERMITS / 2);
        let waiting = limits.waiting.min(Semaphore::MAX_PERMITS / 2);
        Self {
            engine,
            limits: Arc::new(limits),
            admitted: Arc::new(Semaphore::new(readers + waiting)),
            places: readers + waiting,
            readers: Arc::new(Semaphore::new(readers)),
            created: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |d| d.as_secs()),
        }
    }
}
