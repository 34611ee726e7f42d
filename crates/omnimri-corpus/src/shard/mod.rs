//! Shards: the corpus as Parquet files that stream, shuffle and explain themselves.
//!
//! In: records. Out: files that Hugging Face `datasets`, DuckDB and pyarrow read, and records again.
//!
//! ```text
//! manifest.json                      what is in it, how it was made, under which terms
//! index.parquet                      where each example lies
//! rejected.jsonl                     what was left out, and why
//! train/hippocampus-00000.parquet    one row an example
//! val/hippocampus-00000.parquet
//! ```
//!
//! - `store`: a folder, S3 or HTTP behind the same calls
//! - `schema`, `columns`, `meta`, `batch`, `png`: columns, and records to and from them
//! - `write`, `read`: one shard
//! - `manifest`: what is said of all of them
//! - `set`, `block`: one split as a stream, and as shuffled blocks
//! - `ordered`: parallel work in order within a bound of memory

mod batch;
mod block;
mod columns;
pub(crate) mod index;
pub(crate) mod manifest;
mod meta;
pub(crate) mod ordered;
mod png;
pub(crate) mod read;
pub(crate) mod record;
mod schema;
mod set;
pub(crate) mod store;
pub(crate) mod write;

pub use block::Prefetch;
pub use manifest::{Dataset, Group, LeftOut, MANIFEST, Manifest, Part, Settings, Shard, Why};
pub use ordered::Peak;
pub use record::Record;
pub use schema::SCHEMA_VERSION;
pub use set::{ShardSet, Stream};
