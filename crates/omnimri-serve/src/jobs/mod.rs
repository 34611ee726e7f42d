//! Inputs accepted now and read later: a queue in SQLite, a bounded number of workers, results in folders.
//!
//! - `job`: a job as clients see it; `store`: the database; `queue`: accepting, waking, following, removing
//! - `worker`: the threads that read; `beside`: files for viewers beside each result
//! - `receive`: bodies to files; `unpack`: archives to files; `uploads`: resumable ones
//! - `routes`: paths; `events`: progress as a stream; `files`: results by name, with ranges
//!
//! ```text
//! DIR/omnimri.sqlite       what was accepted, and where it stands
//! DIR/lock                 held by the server that runs
//! DIR/incoming/ID/         being received; emptied at the start
//! DIR/uploads/ID           resumable uploads
//! DIR/jobs/ID/input/       the files of an accepted job
//! DIR/jobs/ID/work-N/      results being written by the Nth attempt
//! DIR/jobs/ID/results/     whole results, one folder a series
//! ```

mod beside;
mod events;
mod files;
mod job;
mod queue;
mod receive;
pub(crate) mod routes;
mod store;
mod unpack;
mod uploads;
mod worker;

pub(crate) use files::send_file;
pub use job::{Job, Problem, Series, State};
pub(crate) use queue::{Jobs, new_id};
pub(crate) use receive::{Intake, Received, Receiver, form_error};
pub(crate) use store::now;
pub(crate) use uploads::{Writing, discard, path_of};
pub(crate) use worker::{Bench, input_of, start};
