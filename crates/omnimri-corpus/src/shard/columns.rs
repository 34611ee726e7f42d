//! Values that serde knows to Arrow arrays and back, driven by the fields of the schema.
//!
//! Text, truth values, numbers, structs and lists of these, nested as the schema says. A field marked [`as_json`] holds any value
//! as its JSON text.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BooleanArray, Float32Array, Float64Array, Int32Array, ListArray, StringArray,
    StructArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{ArrowError, DataType, Field};
use serde_json::{Map, Number, Value};

/// Key of a field whose text is JSON.
const JSON_KEY: &str = "omnimri.json";
const NULL: &Value = &Value::Null;

/// Marks a text field as JSON.
pub(crate) fn as_json(field: Field) -> Field {
    field.with_metadata(HashMap::from([(JSON_KEY.to_owned(), "1".to_owned())]))
}

/// One array of a field's type, a cell a value.
pub(crate) fn array(field: &Field, cells: &[&Value]) -> Result<ArrayRef, ArrowError> {
    let numbers = || cells.iter().map(|c| c.as_f64());
    let there = || NullBuffer::from_iter(cells.iter().map(|c| !c.is_null()));
    let nulls = || Some(there()).filter(|n| field.is_nullable() && n.null_count() > 0);
    let out: ArrayRef = match field.data_type() {
        DataType::Utf8 if field.metadata().contains_key(JSON_KEY) => Arc::new(
            StringArray::from_iter_values(cells.iter().map(|c| c.to_string())),
        ),
        DataType::Utf8 => Arc::new(cells.iter().map(|c| c.as_str()).collect::<StringArray>()),
        DataType::Boolean => Arc::new(cells.iter().map(|c| c.as_bool()).collect::<BooleanArray>()),
        DataType::Int32 => {
            let whole = |c: &&Value| c.as_i64().and_then(|n| i32::try_from(n).ok());
            Arc::new(cells.iter().map(whole).collect::<Int32Array>())
        }
        DataType::Float32 => Arc::new(
            numbers()
                .map(|n| n.map(|n| n as f32))
                .collect::<Float32Array>(),
        ),
        DataType::Float64 => Arc::new(numbers().collect::<Float64Array>()),
        DataType::Struct(fields) => {
            let columns = fields.iter().map(|f| {
                // Below a struct that is not there stand empty cells, which its own mark covers.
                let cells = cells.iter().map(|c| c.get(f.name()).unwrap_or(NULL));
                array(f, &cells.collect::<Vec<_>>())
            });
            let columns = columns.collect::<Result<_, _>>()?;
            Arc::new(StructArray::try_new(fields.clone(), columns, nulls())?)
        }
        DataType::List(item) => {
            let lists = cells
                .iter()
                .map(|c| c.as_array().map_or(&[][..], Vec::as_slice));
            let offsets = OffsetBuffer::from_lengths(lists.clone().map(<[Value]>::len));
            let items: Vec<&Value> = lists.flatten().collect();
            let items = array(item, &items)?;
            Arc::new(ListArray::try_new(
                Arc::clone(item),
                offsets,
                items,
                nulls(),
            )?)
        }
        other => return Err(ArrowError::NotYetImplemented(other.to_string())),
    };
    Ok(out)
}

/// A cell as a value; the array must have the field's type.
pub(crate) fn value(field: &Field, cells: &ArrayRef, row: usize) -> Result<Value, String> {
    if cells.is_null(row) {
        return Ok(Value::Null);
    }
    let float = |n: f64| Number::from_f64(n).map_or(Value::Null, Value::Number);
    Ok(match field.data_type() {
        DataType::Utf8 => {
            let text = typed::<StringArray>(field, cells)?.value(row);
            if field.metadata().contains_key(JSON_KEY) {
                serde_json::from_str(text).map_err(|e| format!("{}: {e}", field.name()))?
            } else {
                text.into()
            }
        }
        DataType::Boolean => typed::<BooleanArray>(field, cells)?.value(row).into(),
        DataType::Int32 => typed::<Int32Array>(field, cells)?.value(row).into(),
        DataType::Float32 => float(typed::<Float32Array>(field, cells)?.value(row).into()),
        DataType::Float64 => float(typed::<Float64Array>(field, cells)?.value(row)),
        DataType::Struct(fields) => {
            let parent: &StructArray = typed(field, cells)?;
            let mut out = Map::new();
            for f in fields {
                let below = parent.column_by_name(f.name());
                let below = below.ok_or_else(|| format!("no {} in {}", f.name(), field.name()))?;
                out.insert(f.name().clone(), value(f, below, row)?);
            }
            Value::Object(out)
        }
        DataType::List(item) => {
            let list: &ListArray = typed(field, cells)?;
            let span = span(list, row);
            let items = span.map(|k| value(item, list.values(), k));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        other => return Err(format!("{}: a column of {other}", field.name())),
    })
}

/// The array as what the field says it is.
pub(crate) fn typed<'a, T: Array + 'static>(
    field: &Field,
    cells: &'a ArrayRef,
) -> Result<&'a T, String> {
    cells
        .as_any()
        .downcast_ref()
        .ok_or_else(|| format!("{} as {}", field.name(), cells.data_type()))
}

/// Where the items of a row lie.
pub(crate) fn span(list: &ListArray, row: usize) -> std::ops::Range<usize> {
    let offsets = list.value_offsets();
    offsets[row] as usize..offsets[row + 1] as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_schema::Fields;
    use serde_json::json;

    #[test]
    fn values_come_back() {
        let pair = Fields::from(vec![
            Field::new("a", DataType::Float64, false),
            Field::new("b", DataType::Utf8, true),
        ]);
        let pair = DataType::Struct(pair);
        let item = Arc::new(Field::new("element", pair.clone(), false));
        let fields = Fields::from(vec![
            Field::new("n", DataType::Int32, false),
            Field::new("f", DataType::Float32, false),
            Field::new("yes", DataType::Boolean, true),
            Field::new("one", pair, true),
            Field::new("many", DataType::List(item), false),
            as_json(Field::new("any", DataType::Utf8, false)),
        ]);
        let field = Field::new("row", DataType::Struct(fields), false);
        let rows = [
            json!({ "n": -7, "f": 0.5, "yes": true, "one": null, "many": [], "any": { "x": [1, null] } }),
            json!({ "n": 3, "f": 1.25, "yes": null, "one": { "a": 0.1, "b": "t" },
                    "many": [{ "a": 2.5, "b": null }, { "a": 1e-9, "b": "" }], "any": null }),
        ];
        let cells = array(&field, &rows.iter().collect::<Vec<_>>()).unwrap();
        for (k, row) in rows.iter().enumerate() {
            assert_eq!(&value(&field, &cells, k).unwrap(), row);
        }
        let other = Field::new("row", DataType::Utf8, false);
        assert!(value(&other, &cells, 0).is_err());
        assert!(array(&field, &[&json!({ "n": "text" })]).is_err());
    }
}
