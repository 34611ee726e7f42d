//! From packed records to the columns of a row group, and back.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BinaryArray, ListArray, RecordBatch, StringArray, StructArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{ArrowError, Field, Schema};
use omnimri_image::Zyx;
use rayon::prelude::*;
use serde_json::{Map, Value};

use super::columns::{array, span, typed, value};
use super::meta::Meta;
use super::png::decode_into;
use super::record::{Packed, Record};
use super::schema::{LABELS, SIGNATURE, SLICES, image_fields, item, schema};

/// Most voxels of one example.
const MAX_VOXELS: usize = 1 << 28;

/// The columns of some rows, in the order of the schema.
pub(crate) fn to_batch(rows: &[Packed]) -> Result<RecordBatch, ArrowError> {
    let told: Vec<Value> = rows
        .iter()
        .map(|r| serde_json::to_value(Meta::from(&r.record)))
        .collect::<Result<_, _>>()
        .map_err(|e| ArrowError::ExternalError(Box::new(e)))?;
    let schema = schema();
    let columns = schema
        .fields()
        .iter()
        .map(|field| match field.name().as_str() {
            SLICES => images(rows, "", |r| Some(&r.slices)),
            LABELS => images(rows, "_labels", |r| r.labels.as_ref()),
            SIGNATURE => {
                let bytes = rows.iter().map(|r| r.signature.to_bytes());
                Ok(Arc::new(BinaryArray::from_iter_values(bytes)) as ArrayRef)
            }
            name => array(field, &told.iter().map(|t| &t[name]).collect::<Vec<_>>()),
        });
    let columns = columns.collect::<Result<_, _>>()?;
    RecordBatch::try_new(schema, columns)
}

/// Slices as `bytes` and a `path` that names them; `None` for a row without.
fn images(
    rows: &[Packed],
    suffix: &str,
    get: impl Fn(&Packed) -> Option<&Vec<Vec<u8>>>,
) -> Result<ArrayRef, ArrowError> {
    let all = || rows.iter().filter_map(&get);
    let bytes: ArrayRef = Arc::new(BinaryArray::from_iter_values(all().flatten()));
    let names = all().flat_map(|slices| 0..slices.len());
    let paths = names.map(|z| format!("z{z:04}{suffix}.png"));
    let paths: ArrayRef = Arc::new(StringArray::from_iter_values(paths));
    let images = StructArray::try_new(image_fields(), vec![bytes, paths], None)?;
    let item = item(images.data_type().clone());
    let lengths = rows.iter().map(|r| get(r).map_or(0, Vec::len));
    let there = NullBuffer::from_iter(rows.iter().map(|r| get(r).is_some()));
    let nulls = (there.null_count() > 0).then_some(there);
    let offsets = OffsetBuffer::from_lengths(lengths);
    let list = ListArray::try_new(item, offsets, Arc::new(images), nulls)?;
    Ok(Arc::new(list))
}

/// The records of a batch in order; what is wrong is told in words. Pixels are decoded in parallel.
pub(crate) fn from_batch(batch: &RecordBatch) -> Result<Vec<Record>, String> {
    let schema = schema();
    let columns = Columns::of(&schema, batch)?;
    (0..batch.num_rows())
        .into_par_iter()
        .map(|row| columns.record(row).map_err(|e| format!("{e} in row {row}")))
        .collect()
}

/// A column that the schema has, of the type that it should have.
pub(crate) fn of_batch<'a, T: Array + 'static>(
    batch: &'a RecordBatch,
    name: &str,
) -> Result<&'a T, String> {
    let schema = schema();
    let field = schema.field_with_name(name).map_err(|e| e.to_string())?;
    typed(field, cells(batch, name)?)
}

fn cells<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef, String> {
    batch
        .column_by_name(name)
        .ok_or_else(|| format!("no column {name}"))
}

struct Columns<'a> {
    told: Vec<(&'a Field, &'a ArrayRef)>,
    slices: Images<'a>,
    labels: Images<'a>,
}

impl<'a> Columns<'a> {
    fn of(schema: &'a Schema, batch: &'a RecordBatch) -> Result<Self, String> {
        let told = schema
            .fields()
            .iter()
            .filter(|f| ![SLICES, LABELS, SIGNATURE].contains(&f.name().as_str()))
            .map(|f| -> Result<_, String> { Ok((f.as_ref(), cells(batch, f.name())?)) });
        Ok(Self {
            told: told.collect::<Result<_, _>>()?,
            slices: Images::of(batch, SLICES)?,
            labels: Images::of(batch, LABELS)?,
        })
    }

    fn record(&self, row: usize) -> Result<Record, String> {
        let mut told = Map::new();
        for (field, cells) in &self.told {
            told.insert(field.name().clone(), value(field, cells, row)?);
        }
        let meta: Meta = serde_json::from_value(Value::Object(told)).map_err(|e| e.to_string())?;
        let size = meta.size;
        let n = size
            .z
            .checked_mul(size.y)
            .and_then(|n| n.checked_mul(size.x));
        if !n.is_some_and(|n| (1..=MAX_VOXELS).contains(&n)) {
            return Err(format!("{} x {} x {} voxels", size.z, size.y, size.x));
        }
        let labels = (!self.labels.list.is_null(row)).then(|| self.labels.pixels(row, size));
        Ok(meta.record(self.slices.pixels(row, size)?, labels.transpose()?))
    }
}

/// A list column of images.
struct Images<'a> {
    list: &'a ListArray,
    bytes: &'a BinaryArray,
}

impl<'a> Images<'a> {
    fn of(batch: &'a RecordBatch, name: &str) -> Result<Self, String> {
        let list: &ListArray = of_batch(batch, name)?;
        let images = list.values().as_any().downcast_ref::<StructArray>();
        let bytes = images.and_then(|s| s.column_by_name("bytes"));
        let bytes = bytes.and_then(|b| b.as_any().downcast_ref());
        Ok(Self {
            list,
            bytes: bytes.ok_or_else(|| format!("no images in {name}"))?,
        })
    }

    /// The pixels of a row, `[z][y][x]`.
    fn pixels(&self, row: usize, size: Zyx<usize>) -> Result<Vec<u8>, String> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::describe::describe;
    use crate::example::{
        Classes, DatasetId, Example, LabelBox, QuestionAnswer, SourceText, Split, TextKind, Writer,
    };
    use crate::harmonise::Quality;
    use crate::harmonise::near::Signatures;
    use crate::instruct::instructions;
    use crate::stack::Stack;
    use omnimri_findings::{Label, Region, Sequence};
    use omnimri_image::Acquisition;

    fn record(k: usize) -> Record {
        let size = Zyx::new(3, 29, 37 + k);
        let voxels: Vec<f32> = (0..size.count())
            .map(|v| ((v * 31 + k) % 701) as f32)
            .collect();
        let spacing_mm = (k > 0).then_some(Zyx::new(3.1, 0.7, 1.0 / 3.0));
        let mut image = Stack::from_voxels(&voxels, size, spacing_mm, None).unwrap();
        image.native_size = Zyx::new(3, 290, 370);
        let outlined = (0..size.count()).map(|v| {
            if v % 7 == 0 {
                Label::MsLesion.value()
            } else {
                0
            }
        });
        let example = Example {
            id: format!("a/{k} \u{e4}"),
            dataset: DatasetId::new("made"),
            subject: "s".into(),
            split: if k == 0 { Split::Train } else { Split::Val },
            image,
            labels: (k != 1).then(|| outlined.collect()),
            annotated: vec![Label::MsLesion.into(); k],
            boxes: (0..k)
                .map(|b| LabelBox {
                    label: Label::MsLesion.into(),
                    lower: Zyx::new(0.0, 0.1, 0.2 + b as f64 / 7.0),
                    upper: Zyx::new(1.0, 0.3, 0.9),
                })
                .collect(),
            classes: Classes {
                sequence: (k > 0).then_some(Sequence::Flair),
                region: Some(Region::Brain),
                modality_mr: [None, Some(true), Some(false)][k],
                ..Classes::default()
            },
            acquisition: Acquisition {
                echo_time_ms: (k > 0).then_some(0.1 + k as f64),
                description: Some("a \"b\"".into()),
                ..Acquisition::default()
            },
            texts: (0..k)
                .map(|_| SourceText {
                    kind: TextKind::Report,
                    text: "Two\nlines".into(),
                    writer: Writer::Person,
                    language: "en".into(),
                    origin: "column report".into(),
                })
                .collect(),
            questions: (0..k)
                .map(|q| QuestionAnswer {
                    question: format!("Is it {q}?"),
                    answer: "yes\nno".into(),
                    closed: q == 0,
                })
                .collect(),
        };
        Record {
            description: describe(&example, k as u64).unwrap(),
            instructions: instructions(&example, 3),
            quality: Quality::of(&example.image),
            example,
            licence: "CC0".into(),
        }
    }

    #[test]
    fn every_field_of_every_row_comes_back() {
        let records: Vec<Record> = (0..3).map(record).collect();
        let pack = |r: &Record| {
            let signature = Signatures::of(&r.example.image, 2);
            Packed::new(r.clone(), signature).unwrap()
        };
        let batch = to_batch(&records.iter().map(pack).collect::<Vec<_>>()).unwrap();
        assert_eq!(from_batch(&batch).unwrap(), records);
        let less = batch.project(&[0, 1, 2]).unwrap();
        assert!(from_batch(&less).unwrap_err().contains("no column"));
    }

    #[test]
    fn pixels_that_do_not_fill_their_size_are_refused() {
        let mut short = record(2);
        short.example.image.voxels.pop();
        let signature = Signatures::of(&record(2).example.image, 2);
        assert!(Packed::new(short, signature).unwrap_err().contains("fill"));
    }
}
