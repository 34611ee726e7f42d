//! OmniMRI: k-space to report, one program and one model.
//!
//! This crate is the facade a Rust user depends on: it re-exports the rooms, in the order data walks through them.
//! The command line of the same name is a thin layer over [`workflow`].

pub use omnimri_corpus as corpus;
pub use omnimri_eval as eval;
pub use omnimri_findings as findings;
pub use omnimri_image as image;
pub use omnimri_model as model;
pub use omnimri_recon as recon;
pub use omnimri_report as report;
pub use omnimri_serve as serve;
pub use omnimri_train as train;
pub use omnimri_workflow as workflow;
