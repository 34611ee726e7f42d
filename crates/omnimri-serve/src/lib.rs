//! HTTP interface to the workflow, for programs on the same machine.
//!
//! In: requests on a loopback address. Out: JSON; what is said of an image comes from [`omnimri_workflow`] alone.
//!
//! | request | answer |
//! | --- | --- |
//! | `GET /health` | `status`, version and model |
//! | `GET /v1/models` | the model in the form of the OpenAI API |
//! | `POST /v1/read` | a multipart form with one field `file`; answers `result.json` |
//!
//! Errors are `{"error": {"message", "type", "code"}}` with status 400 (a malformed request), 403 (a request made through another
//! host's name), 404, 405, 413 (too large), 422 (a file that cannot be read), 503 (too many at once; try again later) or 500.
//!
//! - `server`: addresses, start and stop; `routes`: paths to handlers; `limits`: how much is let in
//! - `guard`: who may ask; `upload`: a form to a file; `read`: a file to a result
//! - `reply`: errors as JSON

mod error;
mod guard;
mod limits;
pub mod node;
mod read;
mod reply;
mod routes;
mod server;
mod state;
mod upload;

pub use error::{Error, Result};
pub use limits::Limits;
pub use routes::router;
pub use server::{bind, serve};
