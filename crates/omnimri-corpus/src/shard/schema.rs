//! Columns of a shard, and the same for Hugging Face `datasets`.
//!
//! The schema has a version of its own: a column that is added, renamed or told in another way raises it, and a reader
//! refuses what it does not know.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use arrow_schema::{DataType, Field, FieldRef, Fields, Schema};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use serde_json::{Map, Value, json};

use super::columns::as_json;

/// Version of the columns.
pub const SCHEMA_VERSION: u32 = 1;

/// Key of the schema's version in the Parquet metadata.
pub(crate) const VERSION_KEY: &str = "omnimri.schema_version";

/// The column of slices,
pub(crate) const SLICES: &str = "slices";
/// of label maps,
pub(crate) const LABELS: &str = "labels";
/// and of what near-duplicates are found by.
pub(crate) const SIGNATURE: &str = "signature";

/// A field. By its type every cell may be empty: `datasets` shows a column as images only where its type is the one that
/// it would write itself. What must be there is checked when a record is read.
fn column(name: &str, kind: DataType) -> Field {
    Field::new(name, kind, true)
}

/// Several text fields.
fn texts(names: &[&str]) -> Vec<Field> {
    names.iter().map(|n| column(n, DataType::Utf8)).collect()
}

fn structure(fields: Vec<Field>) -> DataType {
    DataType::Struct(Fields::from(fields))
}

/// The field of a list's items.
pub(crate) fn item(kind: DataType) -> FieldRef {
    Arc::new(column("item", kind))
}

fn list(kind: DataType) -> DataType {
    DataType::List(item(kind))
}

/// `bytes` and `path`, the form in which Hugging Face `datasets` keeps an image.
pub(crate) fn image_fields() -> Fields {
    Fields::from(vec![
        column("bytes", DataType::Binary),
        column("path", DataType::Utf8),
    ])
}

/// Three numbers by axis.
fn zyx(kind: &DataType) -> DataType {
    let axis = |name| column(name, kind.clone());
    structure(vec![axis("z"), axis("y"), axis("x")])
}

/// What a dataset says of an image as a whole; the names are those of [`crate::Classes`].
fn classes() -> DataType {
    let text = |name| column(name, DataType::Utf8);
    structure(vec![
        text("plane"),
        text("sequence"),
        text("region"),
        text("tumour"),
        text("cardiac"),
        column("modality_mr", DataType::Boolean),
    ])
}

/// A box of the dataset's own, in shares of the grid.
fn label_box() -> DataType {
    structure(vec![
        column("label", DataType::Utf8),
        column("lower", zyx(&DataType::Float64)),
        column("upper", zyx(&DataType::Float64)),
    ])
}

/// A question of the dataset's own.
fn question() -> DataType {
    let mut fields = texts(&["question", "answer"]);
    fields.push(column("closed", DataType::Boolean));
    structure(fields)
}

/// A sentence of the description; `facts` is a JSON list of what it states.
fn sentence() -> DataType {
    let mut fields = texts(&["level", "origin"]);
    fields.push(as_json(column("facts", DataType::Utf8)));
    fields.extend(texts(&["text"]));
    fields.push(as_json(column("written_by", DataType::Utf8)));
    structure(fields)
}

/// A question to the image, or a conversation, with the right answers.
fn instruction() -> DataType {
    let mut fields = texts(&["example", "dataset", "split", "task"]);
    let turn = structure(texts(&["question", "answer"]));
    fields.push(column("turns", list(turn)));
    fields.push(as_json(column("facts", DataType::Utf8)));
    fields.extend(texts(&["origin"]));
    fields.push(column("unanswerable", DataType::Boolean));
    fields.push(as_json(column("boxes", DataType::Utf8)));
    fields.push(column("masks", list(DataType::Utf8)));
    structure(fields)
}

/// The columns in order, with the metadata that `datasets` reads.
pub(crate) fn schema() -> Arc<Schema> {
    static SCHEMA: OnceLock<Arc<Schema>> = OnceLock::new();
    Arc::clone(SCHEMA.get_or_init(|| Arc::new(make())))
}

fn make() -> Schema {
    let images = || list(DataType::Struct(image_fields()));
    let ends = ["low", "high"].map(|end| column(end, DataType::Float32));
    let mut fields = texts(&["id", "dataset", "subject", "split", "licence"]);
    fields.extend([
        column("size", zyx(&DataType::Int32)),
        column("native_size", zyx(&DataType::Int32)),
        column("spacing_mm", zyx(&DataType::Float64)),
        column("window", structure(ends.to_vec())),
        column("peak", DataType::Float32),
        column(SLICES, images()),
        column(LABELS, images()),
        column("annotated", list(DataType::Utf8)),
        column("boxes", list(label_box())),
        column("classes", classes()),
        // Headers differ in what they state; a struct would be mostly empty.
        as_json(column("acquisition", DataType::Utf8)),
        column(
            "texts",
            list(structure(texts(&[
                "kind", "text", "writer", "language", "origin",
            ]))),
        ),
        column("questions", list(question())),
        column("description", list(sentence())),
        column("instructions", list(instruction())),
        as_json(column("quality", DataType::Utf8)),
        column(SIGNATURE, DataType::Binary),
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
    Schema::new_with_metadata(fields, metadata)
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
    for column in [SLICES, LABELS] {
        let path = ["list", "item", "bytes"];
        let path = std::iter::once(column).chain(path).map(str::to_owned);
        let path = ColumnPath::new(path.collect());
        builder = builder
            .set_column_compression(path.clone(), Compression::UNCOMPRESSED)
            .set_column_dictionary_enabled(path.clone(), false)
            // The smallest and the largest picture by their bytes say nothing.
            .set_column_statistics_enabled(path, EnabledStatistics::None);
    }
    let signature = ColumnPath::from(SIGNATURE);
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
        let DataType::Struct(fields) = classes() else {
            panic!("a struct");
        };
        let columns: Vec<_> = fields.iter().map(|f| f.name().clone()).collect();
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
