//! From packed records to the columns of a row group.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Float32Array, Float64Array, Int32Array, ListArray,
    RecordBatch, StringArray, StructArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{ArrowError, DataType, Fields};
use omnimri_image::Zyx;
use serde_json::Value;

use super::record::Packed;
use super::schema::{
    class_fields, image_fields, item_of, question_fields, schema, sentence_fields, window_fields,
    zyx_fields,
};
use crate::describe::Sentence;
use crate::example::{Classes, Example, QuestionAnswer};
use crate::listing::name_of;

type Result<T> = std::result::Result<T, ArrowError>;

/// The columns of some rows, in the order of [`schema`].
pub(crate) fn to_batch(rows: &[Packed]) -> Result<RecordBatch> {
    let examples: Vec<&Example> = rows.iter().map(|r| &r.record.example).collect();
    let size = |of: fn(&Example) -> Zyx<usize>| {
        let axis = |get: fn(Zyx<usize>) -> usize| -> ArrayRef {
            let values = examples.iter().map(|e| get(of(e)) as i32);
            Arc::new(Int32Array::from_iter_values(values))
        };
        let columns = vec![axis(|s| s.z), axis(|s| s.y), axis(|s| s.x)];
        of_struct(zyx_fields(&DataType::Int32), columns, None)
    };
    let columns: Vec<ArrayRef> = vec![
        texts(examples.iter().map(|e| e.id.as_str())),
        texts(examples.iter().map(|e| e.dataset.name())),
        texts(examples.iter().map(|e| e.subject.as_str())),
        texts(examples.iter().map(|e| e.split.name())),
        texts(rows.iter().map(|r| r.record.licence.as_str())),
        size(|e| e.image.size)?,
        size(|e| e.image.native_size)?,
        spacing(&examples)?,
        window(&examples)?,
        Arc::new(Float32Array::from_iter_values(
            examples.iter().map(|e| e.image.peak),
        )),
        images(rows, "", |r| Some(&r.slices))?,
        images(rows, "_labels", |r| r.labels.as_ref())?,
        annotated(&examples)?,
        classes(&examples)?,
        questions(&examples)?,
        sentences(rows)?,
        Arc::new(BinaryArray::from_iter_values(
            rows.iter().map(|r| r.signature.to_bytes()),
        )),
    ];
    RecordBatch::try_new(schema(), columns)
}

fn texts<T: AsRef<str>>(cells: impl IntoIterator<Item = T>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(cells))
}

fn of_struct(
    fields: Fields,
    columns: Vec<ArrayRef>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    Ok(Arc::new(StructArray::try_new(fields, columns, nulls)?))
}

/// Lists of the given lengths over the items of all rows.
fn of_list(
    lengths: impl IntoIterator<Item = usize>,
    items: ArrayRef,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let item = item_of(items.data_type().clone());
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(item, offsets, items, nulls)?))
}

fn spacing(examples: &[&Example]) -> Result<ArrayRef> {
    let axis = |get: fn(Zyx<f64>) -> f64| -> ArrayRef {
        let cells = examples.iter().map(|e| e.image.spacing_mm.map_or(0.0, get));
        Arc::new(Float64Array::from_iter_values(cells))
    };
    let columns = vec![axis(|s| s.z), axis(|s| s.y), axis(|s| s.x)];
    let known = examples.iter().map(|e| e.image.spacing_mm.is_some());
    let nulls = NullBuffer::from_iter(known);
    of_struct(zyx_fields(&DataType::Float64), columns, Some(nulls))
}

fn window(examples: &[&Example]) -> Result<ArrayRef> {
    let end = |k: usize| -> ArrayRef {
        let cells = examples.iter().map(|e| e.image.window[k]);
        Arc::new(Float32Array::from_iter_values(cells))
    };
    of_struct(window_fields(), vec![end(0), end(1)], None)
}

/// Slices as `bytes` and a `path` that names them; `None` for a row without.
fn images(
    rows: &[Packed],
    suffix: &str,
    get: impl Fn(&Packed) -> Option<&Vec<Vec<u8>>>,
) -> Result<ArrayRef> {
    let all = || rows.iter().filter_map(&get);
    let bytes = BinaryArray::from_iter_values(all().flatten());
    let names = all().flat_map(|slices| 0..slices.len());
    let paths = texts(names.map(|z| format!("z{z:04}{suffix}.png")));
    let items = of_struct(image_fields(), vec![Arc::new(bytes), paths], None)?;
    let lengths = rows.iter().map(|r| get(r).map_or(0, Vec::len));
    let there = NullBuffer::from_iter(rows.iter().map(|r| get(r).is_some()));
    of_list(lengths, items, (there.null_count() > 0).then_some(there))
}

fn annotated(examples: &[&Example]) -> Result<ArrayRef> {
    let names = examples
        .iter()
        .flat_map(|e| e.annotated.iter().map(name_of));
    let lengths = examples.iter().map(|e| e.annotated.len());
    of_list(lengths, texts(names), None)
}

fn classes(examples: &[&Example]) -> Result<ArrayRef> {
    let told: Vec<Value> = examples.iter().map(|e| told(&e.classes)).collect();
    let columns = class_fields()
        .iter()
        .map(|field| -> ArrayRef {
            let cells = told.iter().map(|classes| &classes[field.name()]);
            match field.data_type() {
                DataType::Boolean => Arc::new(cells.map(Value::as_bool).collect::<BooleanArray>()),
                _ => Arc::new(cells.map(Value::as_str).collect::<StringArray>()),
            }
        })
        .collect();
    of_struct(class_fields(), columns, None)
}

/// The classes by the names of their columns.
fn told(classes: &Classes) -> Value {
    serde_json::to_value(classes).unwrap_or_default()
}

fn questions(examples: &[&Example]) -> Result<ArrayRef> {
    let all = || examples.iter().flat_map(|e| &e.questions);
    let text = |get: fn(&QuestionAnswer) -> &str| texts(all().map(get));
    let closed: BooleanArray = all().map(|q| Some(q.closed)).collect();
    let columns = vec![
        text(|q| &q.question),
        text(|q| &q.answer),
        Arc::new(closed) as ArrayRef,
    ];
    let items = of_struct(question_fields(), columns, None)?;
    of_list(examples.iter().map(|e| e.questions.len()), items, None)
}

fn sentences(rows: &[Packed]) -> Result<ArrayRef> {
    let all = || rows.iter().flat_map(|r| &r.record.description.sentences);
    let facts = |s: &Sentence| serde_json::to_string(&s.facts).unwrap_or_default();
    let columns = vec![
        texts(all().map(|s| name_of(&s.level))),
        texts(all().map(|s| name_of(&s.origin))),
        texts(all().map(|s| s.text.as_str())),
        texts(all().map(facts)),
    ];
    let items = of_struct(sentence_fields(), columns, None)?;
    let lengths = rows.iter().map(|r| r.record.description.sentences.len());
    of_list(lengths, items, None)
}
