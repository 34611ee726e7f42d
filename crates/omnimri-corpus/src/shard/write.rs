//! Writes one shard, row group by row group.

use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use sha2::{Digest, Sha256};

use super::batch::to_batch;
use super::manifest::{Group, Shard};
use super::record::Packed;
use super::schema::{properties, schema};
use super::store::{Store, Upload, hex};
use crate::error::{Error, Result};

/// A row group is full at so many bytes of compressed pixels,
const GROUP_BYTES: u64 = 16 << 20;
/// or of pixels in memory,
const GROUP_DECODED_BYTES: u64 = 32 << 20;
/// or rows.
const GROUP_ROWS: usize = 128;
/// Most memory that a writer takes beyond the example that it is given: the rows of a group, their columns, the encoded
/// pages, and the parts of an upload.
pub(crate) const WRITER_BYTES: u64 = 4 * GROUP_BYTES;

/// A shard that is being written.
pub(crate) struct ShardWriter {
    path: String,
    url: String,
    writer: ArrowWriter<Upload>,
    rows: Vec<Packed>,
    /// Of the rows that wait.
    bytes: u64,
    decoded_bytes: u64,
    groups: Vec<Group>,
    ids: Sha256,
}

impl ShardWriter {
    /// Begins a shard.
    pub fn new(store: &Store, path: String) -> Result<Self> {
        let url = store.url_of(&path);
        let upload = store.upload(&path)?;
        let writer = ArrowWriter::try_new(upload, schema(), Some(properties()))
            .map_err(failed(&url, "begin"))?;
        Ok(Self {
            path,
            url,
            writer,
            rows: Vec::new(),
            bytes: 0,
            decoded_bytes: 0,
            groups: Vec::new(),
            ids: Sha256::new(),
        })
    }

    /// Adds a row. Row groups end by what they hold alone, so the same rows always make the same file.
    pub fn push(&mut self, row: Packed) -> Result<()> {
        self.ids.update(&row.record.example.id);
        self.ids.update(b"\n");
        self.bytes += row.n_bytes();
        self.decoded_bytes += row.n_decoded;
        self.rows.push(row);
        if self.bytes >= GROUP_BYTES
            || self.decoded_bytes >= GROUP_DECODED_BYTES
            || self.rows.len() >= GROUP_ROWS
        {
            self.end_group()?;
        }
        Ok(())
    }

    /// Bytes written so far and waiting.
    pub fn n_bytes(&self) -> u64 {
        self.writer.bytes_written() as u64 + self.bytes
    }

    fn end_group(&mut self) -> Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let batch = to_batch(&self.rows).map_err(|e| failed(&self.url, "encode")(e.into()))?;
        self.groups.push(Group {
            rows: self.rows.len() as u64,
            decoded_bytes: self.decoded_bytes,
        });
        // The columns hold copies; the rows go before pages are made of them.
        self.rows.clear();
        (self.bytes, self.decoded_bytes) = (0, 0);
        self.writer
            .write(&batch)
            .and_then(|()| self.writer.flush())
            .map_err(failed(&self.url, "write"))
    }

    /// Ends the shard and makes it appear.
    pub fn finish(mut self) -> Result<Shard> {
        self.end_group()?;
        let upload = self
            .writer
            .into_inner()
            .map_err(failed(&self.url, "finish"))?;
        let done = upload.finish()?;
        Ok(Shard {
            path: self.path,
            bytes: done.n_bytes,
            sha256: done.sha256,
            ids_sha256: hex(&self.ids.finalize()),
            groups: self.groups,
            rejected: Vec::new(),
        })
    }
}

/// An [`Error::Parquet`] for `map_err`.
pub(crate) fn failed(
    url: &str,
    action: &'static str,
) -> impl FnOnce(ParquetError) -> Error + use<> {
    let url = url.to_owned();
    move |source| Error::Parquet {
        url,
        action,
        source: Box::new(source),
    }
}
