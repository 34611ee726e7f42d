//! `index.parquet`: where each example lies, so that one can be found without opening a shard.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::manifest::Manifest;
use super::read::ShardReader;
use super::store::Store;
use super::write::failed;
use crate::error::Result;

/// Its name below the root.
pub(crate) const INDEX: &str = "index.parquet";

/// Writes the index of all shards that the manifest names.
pub(crate) fn write_index(store: &Store, manifest: &Manifest) -> Result<()> {
    let url = store.url_of(INDEX);
    let names = ["id", "dataset", "subject", "split", "shard"];
    let numbers = ["row_group", "row"];
    let fields = names.map(|n| Field::new(n, DataType::Utf8, false));
    let more = numbers.map(|n| Field::new(n, DataType::Int64, false));
    let fields: Vec<Field> = fields.into_iter().chain(more).collect();
    let schema = Arc::new(Schema::new(fields));
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .build();
    let upload = store.upload(INDEX)?;
    let mut writer = ArrowWriter::try_new(upload, Arc::clone(&schema), Some(properties))
        .map_err(failed(&url, "begin"))?;
    for part in &manifest.parts {
        for shard in &part.shards {
            let reader = ShardReader::open(store, shard)?;
            let n = usize::try_from(shard.rows()).unwrap_or(usize::MAX);
            let same = |text: &str| vec![text.to_owned(); n];
            let columns = [
                reader.texts("id")?,
                same(part.dataset.name()),
                reader.texts("subject")?,
                same(part.split.name()),
                same(&shard.path),
            ];
            let at = |of: fn(i64, i64) -> i64| -> ArrayRef {
                let groups = shard.groups.iter().enumerate();
                let cells = groups.flat_map(|(g, group)| {
                    (0..group.rows as i64).map(move |row| of(g as i64, row))
                });
                Arc::new(Int64Array::from_iter_values(cells))
            };
            let texts = columns.map(|c| -> ArrayRef { Arc::new(StringArray::from(c)) });
            let numbers = [at(|group, _| group), at(|_, row| row)];
            let columns = texts.into_iter().chain(numbers).collect();
            let batch = RecordBatch::try_new(Arc::clone(&schema), columns)
                .map_err(|e| failed(&url, "encode")(e.into()))?;
            writer.write(&batch).map_err(failed(&url, "write"))?;
        }
    }
    let upload = writer.into_inner().map_err(failed(&url, "finish"))?;
    upload.finish().map(|_| ())
}
