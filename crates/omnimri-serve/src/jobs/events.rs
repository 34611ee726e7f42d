//! A job followed by server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::IntoResponse;
use axum::response::Response;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream;
use tokio::sync::watch;

use super::job::{Job, State as JobState};
use crate::metrics::Gauge;
use crate::reply::Refusal;
use crate::state::{AppState, blocking};

/// How often a silent stream shows that it lives.
const ALIVE: Duration = Duration::from_secs(15);
/// Least time between two events: what changes faster is told together.
const APART: Duration = Duration::from_millis(100);

struct Following {
    state: AppState,
    id: String,
    changes: watch::Receiver<u64>,
    told: Option<Job>,
    over: bool,
    _open: Gauge,
}

/// `GET /v1/jobs/{id}/events`
pub(super) async fn events(
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let changes = state.jobs.changes();
    let (jobs, sought) = (state.jobs.clone(), id.clone());
    // A job that is not there is an error, not a stream.
    blocking(move || jobs.get(&sought)).await?;
    let following = Following {
        _open: state.metrics.stream(),
        state,
        id,
        changes,
        told: None,
        over: false,
    };
    let events = stream::unfold(following, |mut following| async move {
        let job = following.next().await?;
        let event = Event::default().event("job").json_data(&job);
        let event = event.unwrap_or_else(|_| Event::default().event("error"));
        Some((Ok::<_, Infallible>(event), following))
    });
    let alive = KeepAlive::new().interval(ALIVE);
    Ok(Sse::new(events).keep_alive(alive).into_response())
}

impl Following {
    /// The job once it differs from what was told; none after its final state and when the server stops.
    async fn next(&mut self) -> Option<Job> {
        if self.over {
            return None;
        }
        loop {
            self.changes.mark_unchanged();
            let (jobs, id) = (self.state.jobs.clone(), self.id.clone());
            let found = blocking(move || jobs.get(&id)).await;
            let job = match (found, &self.told) {
                (Ok(job), _) => job,
                // Removed meanwhile: that is how it ended.
                (Err(Refusal::NoJob), Some(last)) => Job {
                    state: JobState::Cancelled,
                    stage: "removed".into(),
                    ..last.clone()
                },
                (Err(_), _) => return None,
            };
            if self.told.as_ref() != Some(&job) {
                self.over = job.state.is_final();
                self.told = Some(job.clone());
                return Some(job);
            }
            let mut stopping = self.state.stopping.clone();
            tokio::select! {
                changed = self.changes.changed() => changed.ok()?,
                _ = stopping.wait_for(|stop| *stop) => return None,
            }
            tokio::time::sleep(APART).await;
        }
    }
}
