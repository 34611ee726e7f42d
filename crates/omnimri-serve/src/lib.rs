//! HTTP interface to the workflow: jobs that outlive the process, results by name, and questions in the form of the OpenAI API.
//!
//! In: requests, by default on a loopback address only. Out: JSON and files; what is said of an image comes from
//! [`omnimri_workflow`] alone. Every path is described in `GET /openapi.json`, which is made from the same table as the router;
//! `docs/server.md` tells how to run it.
//!
//! - `server`: start and stop; `config`, `limits`: whom and how much is let in; `state`: what requests share
//! - `api`: paths with their description; `routes`: all of them; `reply`: errors as JSON; `extract`: parts of requests as types
//! - `jobs`: the queue, its workers, uploads and results; `read`: one file read while the client waits
//! - `answer`: questions about an image; `chat`: the same in the form of the OpenAI API
//! - `page`: the viewer, embedded where it was built; `corrections`: versions of a result by named persons, and training data
//! - [`node`]: the DICOM node
//! - `access`: tokens, TLS, hosts, rates; `slow`: clients that hold places; `names`: what clients call things, made harmless
//! - `budget`: memory for readers; `erase`, `retention`: what is removed, and how; `audit`, `metrics`: what happened

mod access;
mod answer;
mod api;
mod audit;
mod budget;
mod chat;
mod config;
mod corrections;
mod erase;
mod error;
mod extract;
mod jobs;
mod limits;
mod metrics;
mod names;
pub mod node;
mod page;
mod read;
mod reply;
mod retention;
mod routes;
mod server;
mod slow;
mod state;

pub use access::{Role, Tls, Tokens};
pub use config::Config;
pub use error::{Error, Result};
pub use jobs::{Job, Problem, Series, State};
pub use limits::Limits;
pub use server::{Server, bind};
