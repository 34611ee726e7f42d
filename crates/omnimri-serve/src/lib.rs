//! HTTP interface to the workflow.
