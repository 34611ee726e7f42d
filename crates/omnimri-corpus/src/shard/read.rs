//! Reads the row groups of one shard, each with one request.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::{BinaryArray, RecordBatch, StringArray};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use sha2::{Digest, Sha256};

use super::batch::{from_batch, of_batch};
use super::manifest::Shard;
use super::record::Record;
use super::schema::{SCHEMA_VERSION, VERSION_KEY};
use super::store::{Store, hex};
use super::write::failed;
use crate::error::{Error, Result};

/// Most rows of a row group; ours have far fewer.
const MAX_ROWS: u64 = 1 << 16;
/// Bytes read at a time while a checksum is made.
const CHECK_BYTES: u64 = 8 << 20;

/// A shard whose footer was read.
#[derive(Clone)]
pub(crate) struct ShardReader {
    store: Store,
    path: String,
    n_bytes: u64,
    metadata: ArrowReaderMetadata,
}

impl ShardReader {
    /// Reads the footer and holds it against the manifest.
    pub fn open(store: &Store, shard: &Shard) -> Result<Self> {
        let url = store.url_of(&shard.path);
        let bad = |expected: String, found: String| Error::BadShard {
            url: url.clone(),
            expected,
            found,
        };
        let n_bytes = store.size(&shard.path)?;
        if n_bytes != Some(shard.bytes) {
            let found = n_bytes.map_or_else(|| "no file".into(), |n| format!("{n} bytes"));
            return Err(bad(format!("{} bytes", shard.bytes), found));
        }
        let on_demand = OnDemand {
            store: store.clone(),
            path: shard.path.clone(),
            n_bytes: shard.bytes,
        };
        let metadata = ArrowReaderMetadata::load(&on_demand, ArrowReaderOptions::new())
            .map_err(failed(&url, "read the footer"))?;
        let version = metadata.schema().metadata().get(VERSION_KEY);
        if version != Some(&SCHEMA_VERSION.to_string()) {
            let found = version.map_or("none", String::as_str).to_owned();
            return Err(bad(format!("schema version {SCHEMA_VERSION}"), found));
        }
        let groups = metadata.metadata().row_groups();
        let rows = groups.iter().map(|g| g.num_rows() as u64);
        if rows.clone().any(|n| n > MAX_ROWS) || !rows.eq(shard.groups.iter().map(|g| g.rows)) {
            return Err(bad(
                format!("{} row groups of the manifest", shard.groups.len()),
                format!("{} others", groups.len()),
            ));
        }
        Ok(Self {
            store: store.clone(),
            path: shard.path.clone(),
            n_bytes: shard.bytes,
            metadata,
        })
    }

    fn failed(&self, action: &'static str) -> impl FnOnce(ParquetError) -> Error + use<> {
        failed(&self.store.url_of(&self.path), action)
    }

    /// All rows of a row group.
    pub fn group(&self, k: usize) -> Result<Vec<Record>> {
        // The format's library panics on some damaged pages; here that is damage like any other.
        catch_unwind(AssertUnwindSafe(|| self.decoded(k))).unwrap_or_else(|_| {
            Err(Error::BadShard {
                url: self.store.url_of(&self.path),
                expected: format!("pages of row group {k}"),
                found: "others".into(),
            })
        })
    }

    fn decoded(&self, k: usize) -> Result<Vec<Record>> {
        let window = self.window(k)?;
        let batch = self.batch(window, k, ProjectionMask::all())?;
        from_batch(&batch).map_err(|found| Error::BadShard {
            url: self.store.url_of(&self.path),
            expected: "rows of the schema".into(),
            found,
        })
    }

    /// The bytes of a row group.
    fn window(&self, k: usize) -> Result<Window> {
        let group = self.metadata.metadata().row_groups().get(k);
        let (mut start, mut end) = (u64::MAX, 0);
        for column in group.iter().flat_map(|g| g.columns()) {
            let first = column.dictionary_page_offset().filter(|at| *at > 0);
            let first = first.unwrap_or_else(|| column.data_page_offset());
            // A negative number of a damaged footer lies beyond the end.
            let first = u64::try_from(first).unwrap_or(u64::MAX);
            let n = u64::try_from(column.compressed_size()).unwrap_or(u64::MAX);
            start = start.min(first);
            end = end.max(first.saturating_add(n));
        }
        if start >= end || end > self.n_bytes {
            return Err(Error::BadShard {
                url: self.store.url_of(&self.path),
                expected: format!("row group {k} within {} bytes", self.n_bytes),
                found: format!("bytes {start} to {end}"),
            });
        }
        Ok(Window {
            start,
            n_bytes: self.n_bytes,
            bytes: self.store.get_range(&self.path, start..end)?,
        })
    }

    fn batch<R: ChunkReader + 'static>(
        &self,
        source: R,
        k: usize,
        mask: ProjectionMask,
    ) -> Result<RecordBatch> {
        let groups = self.metadata.metadata().row_groups();
        let rows = groups.get(k).map_or(0, |g| g.num_rows());
        let metadata = self.metadata.clone();
        let mut reader = ParquetRecordBatchReaderBuilder::new_with_metadata(source, metadata)
            .with_row_groups(vec![k])
            .with_projection(mask)
            .with_batch_size(usize::try_from(rows).unwrap_or(0).max(1))
            .build()
            .map_err(self.failed("read"))?;
        let failed = self.failed("decode");
        match reader.next() {
            Some(batch) => batch.map_err(|e| failed(e.into())),
            None => Ok(RecordBatch::new_empty(Arc::clone(self.metadata.schema()))),
        }
    }

    /// One column of text or bytes of all rows, without touching the pixels.
    fn column(&self, name: &str) -> Result<Vec<RecordBatch>> {
        let schema = self.metadata.metadata().file_metadata().schema_descr();
        (0..self.metadata.metadata().num_row_groups())
            .map(|k| {
                let source = OnDemand {
                    store: self.store.clone(),
                    path: self.path.clone(),
                    n_bytes: self.n_bytes,
                };
                self.batch(source, k, ProjectionMask::columns(schema, [name]))
            })
            .collect()
    }

    /// A text column of all rows in order.
    pub fn texts(&self, name: &str) -> Result<Vec<String>> {
        let mut out = Vec::new();
        for batch in self.column(name)? {
            let cells: &StringArray = self.understood(of_batch(&batch, name))?;
            out.extend(cells.iter().map(|t| t.unwrap_or_default().to_owned()));
        }
        Ok(out)
    }

    /// A column of bytes, each made into something.
    pub fn binaries<T>(&self, name: &str, parse: impl Fn(&[u8]) -> Option<T>) -> Result<Vec<T>> {
        let mut out = Vec::new();
        for batch in self.column(name)? {
            let cells: &BinaryArray = self.understood(of_batch(&batch, name))?;
            for cell in cells.iter() {
                let value = parse(cell.unwrap_or_default());
                out.push(self.understood(value.ok_or_else(|| format!("another {name}")))?);
            }
        }
        Ok(out)
    }

    fn understood<T>(&self, read: std::result::Result<T, String>) -> Result<T> {
        read.map_err(|found| Error::BadShard {
            url: self.store.url_of(&self.path),
            expected: "columns of the schema".into(),
            found,
        })
    }
}

/// Refuses a shard whose bytes are not those of the manifest.
pub(crate) fn verify(store: &Store, shard: &Shard) -> Result<()> {
    let mut hash = Sha256::new();
    if store.size(&shard.path)? == Some(shard.bytes) {
        let mut at = 0;
        while at < shard.bytes {
            let end = shard.bytes.min(at + CHECK_BYTES);
            hash.update(store.get_range(&shard.path, at..end)?);
            at = end;
        }
    }
    let found = hex(&hash.finalize());
    if found == shard.sha256 {
        return Ok(());
    }
    Err(Error::BadShard {
        url: store.url_of(&shard.path),
        expected: format!("SHA-256 {}", shard.sha256),
        found,
    })
}

/// A file of a store, read where it is asked for.
struct OnDemand {
    store: Store,
    path: String,
    n_bytes: u64,
}

impl Length for OnDemand {
    fn len(&self) -> u64 {
        self.n_bytes
    }
}

impl ChunkReader for OnDemand {
    type T = Cursor<Bytes>;

    fn get_read(&self, start: u64) -> std::result::Result<Self::T, ParquetError> {
        // Whoever asks so reads a page's header.
        let end = self.n_bytes.min(start.saturating_add(1 << 16));
        let length = end.saturating_sub(start) as usize;
        self.get_bytes(start, length).map(Cursor::new)
    }

    fn get_bytes(&self, start: u64, length: usize) -> std::result::Result<Bytes, ParquetError> {
        let end = start.saturating_add(length as u64);
        if end > self.n_bytes {
            return Err(ParquetError::EOF(format!(
                "bytes {start} to {end} of {}",
                self.n_bytes
            )));
        }
        self.store
            .get_range(&self.path, start..end)
            .map_err(|e| ParquetError::External(Box::new(e)))
    }
}

/// A part of a file in memory.
struct Window {
    start: u64,
    n_bytes: u64,
    bytes: Bytes,
}

impl Length for Window {
    fn len(&self) -> u64 {
        self.n_bytes
    }
}

impl ChunkReader for Window {
    type T = Cursor<Bytes>;

    fn get_read(&self, start: u64) -> std::result::Result<Self::T, ParquetError> {
        let at = self.inside(start, 0)?;
        Ok(Cursor::new(self.bytes.slice(at..)))
    }

    fn get_bytes(&self, start: u64, length: usize) -> std::result::Result<Bytes, ParquetError> {
        let at = self.inside(start, length)?;
        Ok(self.bytes.slice(at..at + length))
    }
}

impl Window {
    /// Where a part of the file lies in memory.
    fn inside(&self, start: u64, length: usize) -> std::result::Result<usize, ParquetError> {
        let at = start.checked_sub(self.start).map(|at| at as usize);
        at.filter(|at| {
            at.checked_add(length)
                .is_some_and(|end| end <= self.bytes.len())
        })
        .ok_or_else(|| ParquetError::EOF(format!("{length} bytes at {start}")))
    }
}
