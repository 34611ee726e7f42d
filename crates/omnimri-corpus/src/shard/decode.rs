//! From the columns of a row group back to records.

use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Float32Array, Float64Array, Int32Array, ListArray,
    RecordBatch, StringArray, StructArray,
};
use omnimri_image::Zyx;
use rayon::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::png::decode_into;
use super::record::Record;
use super::schema::class_fields;
use crate::describe::{Description, Sentence};
use crate::example::{DatasetId, Example, QuestionAnswer};
use crate::stack::Stack;

/// Most voxels of one example.
const MAX_VOXELS: usize = 1 << 28;

/// What is wrong with a row, in words.
type Result<T> = std::result::Result<T, String>;

/// The records of a batch in order. Pixels are decoded in parallel.
pub(crate) fn records(batch: &RecordBatch) -> Result<Vec<Record>> {
    let columns = Columns::of(batch)?;
    (0..batch.num_rows())
        .into_par_iter()
        .map(|row| {
            columns
                .record(row)
                .map_err(|e| format!("{e} in row {row} ({})", columns.id.value(row)))
        })
        .collect()
}

/// A column by name, of the type that it should have.
fn column<'a, T: Array + 'static>(get: Option<&'a ArrayRef>, name: &str) -> Result<&'a T> {
    let array = get.ok_or_else(|| format!("no column {name}"))?;
    array
        .as_any()
        .downcast_ref()
        .ok_or_else(|| format!("the column {name} as {}", array.data_type()))
}

/// A column of a batch.
pub(crate) fn of_batch<'a, T: Array + 'static>(
    batch: &'a RecordBatch,
    name: &str,
) -> Result<&'a T> {
    column(batch.column_by_name(name), name)
}

fn of_struct<'a, T: Array + 'static>(parent: &'a StructArray, name: &str) -> Result<&'a T> {
    column(parent.column_by_name(name), name)
}

/// The items of a list column as a struct.
fn items(list: &ListArray) -> Result<&StructArray> {
    column(Some(list.values()), "element")
}

/// Where the items of a row lie.
fn span(list: &ListArray, row: usize) -> std::ops::Range<usize> {
    let offsets = list.value_offsets();
    offsets[row] as usize..offsets[row + 1] as usize
}

/// Three columns by axis.
struct Axes<'a, T>([&'a T; 3]);

impl<'a, T: Array + 'static> Axes<'a, T> {
    fn of(parent: &'a StructArray) -> Result<Self> {
        Ok(Self([
            of_struct(parent, "z")?,
            of_struct(parent, "y")?,
            of_struct(parent, "x")?,
        ]))
    }
}

impl Axes<'_, Int32Array> {
    fn size(&self, row: usize) -> Result<Zyx<usize>> {
        let axis = |k: usize| {
            let n = self.0[k].value(row);
            usize::try_from(n).map_err(|_| format!("a size of {n}"))
        };
        Ok(Zyx::new(axis(0)?, axis(1)?, axis(2)?))
    }
}

/// A list column of images.
struct Images<'a> {
    list: &'a ListArray,
    bytes: &'a BinaryArray,
}

impl<'a> Images<'a> {
    fn of(batch: &'a RecordBatch, name: &str) -> Result<Self> {
        let list = of_batch(batch, name)?;
        let bytes = of_struct(items(list)?, "bytes")?;
        Ok(Self { list, bytes })
    }

    /// The pixels of a row, `[z][y][x]`.
    fn pixels(&self, row: usize, size: Zyx<usize>) -> Result<Vec<u8>> {
        let span = span(self.list, row);
        if span.len() != size.z {
            return Err(format!("{} slices of {}", span.len(), size.z));
        }
        let mut out = vec![0; size.count()];
        for (k, slice) in span.zip(out.chunks_exact_mut(size.y * size.x)) {
            decode_into(self.bytes.value(k), size, slice)?;
        }
        Ok(out)
    }
}

struct Columns<'a> {
    id: &'a StringArray,
    dataset: &'a StringArray,
    subject: &'a StringArray,
    split: &'a StringArray,
    licence: &'a StringArray,
    size: Axes<'a, Int32Array>,
    native_size: Axes<'a, Int32Array>,
    spacing: &'a StructArray,
    spacing_mm: Axes<'a, Float64Array>,
    window: [&'a Float32Array; 2],
    peak: &'a Float32Array,
    slices: Images<'a>,
    labels: Images<'a>,
    annotated: &'a ListArray,
    annotated_names: &'a StringArray,
    classes: &'a StructArray,
    questions: &'a ListArray,
    description: &'a ListArray,
}

impl<'a> Columns<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self> {
        let spacing = of_batch(batch, "spacing_mm")?;
        let window = of_batch(batch, "window")?;
        let annotated: &ListArray = of_batch(batch, "annotated")?;
        Ok(Self {
            id: of_batch(batch, "id")?,
            dataset: of_batch(batch, "dataset")?,
            subject: of_batch(batch, "subject")?,
            split: of_batch(batch, "split")?,
            licence: of_batch(batch, "licence")?,
            size: Axes::of(of_batch(batch, "size")?)?,
            native_size: Axes::of(of_batch(batch, "native_size")?)?,
            spacing,
            spacing_mm: Axes::of(spacing)?,
            window: [of_struct(window, "low")?, of_struct(window, "high")?],
            peak: of_batch(batch, "peak")?,
            slices: Images::of(batch, "slices")?,
            labels: Images::of(batch, "labels")?,
            annotated,
            annotated_names: column(Some(annotated.values()), "annotated")?,
            classes: of_batch(batch, "classes")?,
            questions: of_batch(batch, "questions")?,
            description: of_batch(batch, "description")?,
        })
    }

    fn record(&self, row: usize) -> Result<Record> {
        let size = self.size.size(row)?;
        let voxels = size.z.checked_mul(size.y);
        let voxels = voxels.and_then(|n| n.checked_mul(size.x));
        if !voxels.is_some_and(|n| (1..=MAX_VOXELS).contains(&n)) {
            return Err(format!("{} x {} x {} voxels", size.z, size.y, size.x));
        }
        let annotated = span(self.annotated, row).map(|k| named(self.annotated_names.value(k)));
        let axis = |k: usize| self.spacing_mm.0[k].value(row);
        let labels = (!self.labels.list.is_null(row)).then(|| self.labels.pixels(row, size));
        let example = Example {
            id: self.id.value(row).to_owned(),
            dataset: DatasetId::new(self.dataset.value(row)),
            subject: self.subject.value(row).to_owned(),
            split: named(self.split.value(row))?,
            image: Stack {
                voxels: self.slices.pixels(row, size)?,
                size,
                native_size: self.native_size.size(row)?,
                spacing_mm: (!self.spacing.is_null(row))
                    .then(|| Zyx::new(axis(0), axis(1), axis(2))),
                window: self.window.map(|end| end.value(row)),
                peak: self.peak.value(row),
            },
            labels: labels.transpose()?,
            annotated: annotated.collect::<Result<_>>()?,
            classes: self.classes(row)?,
            questions: self.questions(row)?,
        };
        Ok(Record {
            example,
            description: self.description(row)?,
            licence: self.licence.value(row).to_owned(),
        })
    }

    fn classes<T: DeserializeOwned>(&self, row: usize) -> Result<T> {
        let mut told = Map::new();
        for field in &class_fields() {
            let name = field.name();
            let cells = self.classes.column_by_name(name);
            let cells = cells.ok_or_else(|| format!("no class {name}"))?;
            let value = if cells.is_null(row) {
                Value::Null
            } else if let Some(texts) = cells.as_any().downcast_ref::<StringArray>() {
                texts.value(row).into()
            } else {
                of_struct::<BooleanArray>(self.classes, name)?
                    .value(row)
                    .into()
            };
            told.insert(name.clone(), value);
        }
        parsed(Value::Object(told))
    }

    fn questions(&self, row: usize) -> Result<Vec<QuestionAnswer>> {
        let items = items(self.questions)?;
        let question: &StringArray = of_struct(items, "question")?;
        let answer: &StringArray = of_struct(items, "answer")?;
        let closed: &BooleanArray = of_struct(items, "closed")?;
        Ok(span(self.questions, row)
            .map(|k| QuestionAnswer {
                question: question.value(k).to_owned(),
                answer: answer.value(k).to_owned(),
                closed: closed.value(k),
            })
            .collect())
    }

    fn description(&self, row: usize) -> Result<Description> {
        let items = items(self.description)?;
        let level: &StringArray = of_struct(items, "level")?;
        let origin: &StringArray = of_struct(items, "origin")?;
        let text: &StringArray = of_struct(items, "text")?;
        let facts: &StringArray = of_struct(items, "facts")?;
        let sentences = span(self.description, row).map(|k| {
            Ok(Sentence {
                level: named(level.value(k))?,
                origin: named(origin.value(k))?,
                facts: serde_json::from_str(facts.value(k)).map_err(|e| e.to_string())?,
                text: text.value(k).to_owned(),
            })
        });
        Ok(Description {
            sentences: sentences.collect::<Result<_>>()?,
        })
    }
}

/// A value by the name under which it is serialised.
fn named<T: DeserializeOwned>(name: &str) -> Result<T> {
    parsed(Value::String(name.to_owned()))
}

fn parsed<T: DeserializeOwned>(value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|e| e.to_string())
}
