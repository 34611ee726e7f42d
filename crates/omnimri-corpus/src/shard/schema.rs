//! Columns of a shard, and the same for Hugging Face `datasets`.
//!
//! The schema has a version of its own: a column that is added, renamed or told in another way raises it, and a reader
//! refuses what it does not know.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Fields, Schema};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use serde_json::{Map, Value, json};

/// Version of the columns.
pub const SCHEMA_VERSION: u32 = 1;

/// Key of the schema's version in the Parquet metadata.
pub(crate) const VERSION_KEY: &str = "omnimri.schema_version";

/// Whether a cell may be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    Filled,
    MaybeEmpty,
}

fn field(name: &str, kind: DataType, cell: Cell) -> Field {
    Field::new(name, kind, cell == Cell::MaybeEmpty)
}

fn filled(name: &str, kind: DataType) -> Field {
    field(name, kind, Cell::Filled)
}

fn list(item: DataType) -> DataType {
    DataType::List(item_of(item))
}

/// The field of a list's items.
pub(crate) fn item_of(kind: DataType) -> FieldRef {
    Arc::new(filled("element", kind))
}

/// `bytes` and `path`, the form in which Hugging Face `datasets` keeps an image.
pub(crate) fn image_fields() -> Fields {
    Fields::from(vec![
        filled("bytes", DataType::Binary),
        filled("path", DataType::Utf8),
    ])
}

/// Three numbers by axis.
pub(crate) fn zyx_fields(kind: &DataType) -> Fields {
    Fields::from(vec![
        filled("z", kind.clone()),
        filled("y", kind.clone()),
        filled("x", kind.clone()),
    ])
}

/// Source intensities of the stored 0 and 255.
pub(crate) fn window_fields() -> Fields {
    Fields::from(vec![
        filled("low", DataType::Float32),
        filled("high", DataType::Float32),
    ])
}

/// What a dataset says of an image as a whole; the names are those of [`crate::Classes`].
pub(crate) fn class_fields() -> Fields {
    let text = |name| field(name, DataType::Utf8, Cell::MaybeEmpty);
    Fields::from(vec![
        text("plane"),
        text("sequence"),
        text("region"),
        text("tumour"),
        text("cardiac"),
        field("modality_mr", DataType::Boolean, Cell::MaybeEmpty),
    ])
}

/// A question of the dataset's own.
pub(crate) fn question_fields() -> Fields {
    Fields::from(vec![
        filled("question", DataType::Utf8),
        filled("answer", DataType::Utf8),
        filled("closed", DataType::Boolean),
    ])
}

/// A sentence of the description; `facts` is a JSON list of what it states.
pub(crate) fn sentence_fields() -> Fields {
    Fields::from(vec![
        filled("level", DataType::Utf8),
        filled("origin", DataType::Utf8),
        filled("text", DataType::Utf8),
        filled("facts", DataType::Utf8),
    ])
}

/// The columns in order, with the metadata that `datasets` reads.
pub(crate) fn schema() -> Arc<Schema> {
    use DataType::{Binary, Float32, Float64, Int32, Struct, Utf8};
    let fields = Fields::from(vec![
        filled("id", Utf8),
        filled("dataset", Utf8),
        filled("subject", Utf8),
        filled("split", Utf8),
        filled("licence", Utf8),
        filled("size", Struct(zyx_fields(&Int32))),
        filled("native_size", Struct(zyx_fields(&Int32))),
        field("spacing_mm", Struct(zyx_fields(&Float64)), Cell::MaybeEmpty),
        filled("window", Struct(window_fields())),
        filled("peak", Float32),
        filled("slices", list(Struct(image_fields()))),
        field("labels", list(Struct(image_fields())), Cell::MaybeEmpty),
        filled("annotated", list(Utf8)),
        filled("classes", Struct(class_fields())),
        filled("questions", list(Struct(question_fields()))),
        filled("description", list(Struct(sentence_fields()))),
        filled("signature", Binary),
    ]);
    let features: Map<String, Value> = fields
        .iter()
        .map(|f| (f.name().clone(), feature(f.data_type())))
        .collect();
    let told = json!({ "info": { "features": features } }).to_string();
    let metadata = HashMap::from([
        ("huggingface".to_owned(), told),
        (VERSION_KEY.to_owned(), SCHEMA_VERSION.to_string()),
    ]);
    Arc::new(Schema::new_with_metadata(fields, metadata))
}

/// A type as `datasets` writes it.
fn feature(kind: &DataType) -> Value {
    let value = |name: &str| json!({ "dtype": name, "_type": "Value" });
    match kind {
        DataType::Struct(fields) if *fields == image_fields() => json!({ "_type": "Image" }),
        DataType::Struct(fields) => fields
            .iter()
            .map(|f| (f.name().clone(), feature(f.data_type())))
            .collect::<Map<_, _>>()
            .into(),
        DataType::List(item) => json!({ "feature": feature(item.data_type()), "_type": "List" }),
        DataType::Int32 => value("int32"),
        DataType::Int64 => value("int64"),
        DataType::Float32 => value("float32"),
        DataType::Float64 => value("float64"),
        DataType::Boolean => value("bool"),
        DataType::Binary => value("binary"),
        _ => value("string"),
    }
}

/// How the columns are stored: text as Zstandard, pixels as they are, since PNG is compressed already.
pub(crate) fn properties() -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(None)
        // Each row group is read as a whole, so a page index would only be bytes.
        .set_offset_index_disabled(true)
        .set_statistics_enabled(EnabledStatistics::Chunk);
    for column in ["slices", "labels"] {
        let path = ["list", "element", "bytes"];
        let path = std::iter::once(column).chain(path).map(str::to_owned);
        let path = ColumnPath::new(path.collect());
        builder = builder
            .set_column_compression(path.clone(), Compression::UNCOMPRESSED)
            .set_column_dictionary_enabled(path.clone(), false)
            // The smallest and the largest picture by their bytes say nothing.
            .set_column_statistics_enabled(path, EnabledStatistics::None);
    }
    let signature = ColumnPath::from("signature");
    builder
        .set_column_dictionary_enabled(signature.clone(), false)
        .set_column_statistics_enabled(signature, EnabledStatistics::None)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::Classes;

    #[test]
    fn every_class_has_a_column() {
        let told = serde_json::to_value(Classes::default()).unwrap();
        let names: Vec<_> = told.as_object().unwrap().keys().cloned().collect();
        let columns: Vec<_> = class_fields().iter().map(|f| f.name().clone()).collect();
        assert_eq!(names, columns);
    }

    #[test]
    fn images_are_told_as_images() {
        let schema = schema();
        let told: Value = serde_json::from_str(&schema.metadata()["huggingface"]).unwrap();
        let features = &told["info"]["features"];
        let image = json!({ "feature": { "_type": "Image" }, "_type": "List" });
        assert_eq!(features["slices"], image);
        assert_eq!(features["labels"], image);
        assert_eq!(features["size"]["z"]["dtype"], "int32");
        assert_eq!(
            features.as_object().unwrap().len(),
            schema.fields().len(),
            "one feature a column"
        );
    }
}
