//! What is old goes: ended jobs after the time they are kept, uploads that nobody went on with.

use std::time::Duration;

use chrono::{SecondsFormat, Utc};

use crate::audit::Event;
use crate::jobs::{discard, path_of};
use crate::reply::Refusal;
use crate::state::AppState;

/// How often old things are looked for.
pub(crate) const EVERY: Duration = Duration::from_secs(600);
/// How long an upload that is not made a job is kept.
const UPLOADS: Duration = Duration::from_secs(24 * 3600);

/// Removes what is old now. One thing that cannot be removed does not keep the others.
pub(crate) fn sweep(state: &AppState, keep: Option<Duration>) -> Result<(), Refusal> {
    let jobs = &state.jobs;
    let store = jobs.store();
    let fail = |e: &rusqlite::Error| Refusal::of_store(e);
    if let Some(keep) = keep {
        for id in store.ended_before(&ago(keep)).map_err(|e| fail(&e))? {
            state.recent.forget(&id);
            if jobs.remove(&id).is_ok() {
                state.audit.write(&Event::job("job.expired", &id));
            }
        }
    }
    for id in store.uploads_before(&ago(UPLOADS)).map_err(|e| fail(&e))? {
        discard(jobs, &id, &path_of(jobs, &id))?;
    }
    Ok(())
}

/// The moment that long ago, as stored.
fn ago(time: Duration) -> String {
    let now = Utc::now();
    let then = chrono::Duration::from_std(time)
        .ok()
        .and_then(|t| now.checked_sub_signed(t))
        .unwrap_or(chrono::DateTime::UNIX_EPOCH);
    then.to_rfc3339_opts(SecondsFormat::Millis, true)
}
