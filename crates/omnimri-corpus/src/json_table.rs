//! Tables in JSON: an array of objects, or one object a line; nested keys are joined by dots.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::table::Table;

/// Deepest nesting of keys that become columns.
const MAX_DEPTH: usize = 8;
/// Most columns of one table.
const MAX_COLUMNS: usize = 4096;

/// Where the rows stand in a JSON document.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Shape<'a> {
    /// Key path of the array, dots between keys; the document itself if absent.
    pub items: Option<&'a str>,
    /// Key of an array within every object whose elements are the rows.
    pub explode: Option<&'a str>,
}

/// Parses a document, or with `lines` one document a line.
pub(crate) fn parse(path: &Path, text: &str, lines: bool, shape: Shape<'_>) -> Result<Table> {
    let bad = |line: usize, expected: &str, found: String| Error::BadTable {
        path: path.into(),
        line,
        expected: expected.into(),
        found,
    };
    let text = text.trim_start_matches('\u{feff}');
    let mut objects = Vec::new();
    if lines {
        for (k, line) in text
            .lines()
            .enumerate()
            .filter(|(_, l)| !l.trim().is_empty())
        {
            let value = serde_json::from_str(line)
                .map_err(|e| bad(k + 1, "a JSON object", e.to_string()))?;
            objects.push((k + 1, value));
        }
    } else {
        let value: Value = serde_json::from_str(text)
            .map_err(|e| bad(e.line(), "a JSON document", e.to_string()))?;
        let found = match shape.items {
            None => Some(&value),
            Some(keys) => keys.split('.').try_fold(&value, |v, key| v.get(key)),
        };
        match found {
            Some(Value::Array(items)) => objects.extend(items.iter().map(|v| (1, v.clone()))),
            // An object of objects: the key is a column of its own.
            Some(Value::Object(map)) => {
                for (key, value) in map {
                    let mut value = value.clone();
                    if let Value::Object(fields) = &mut value {
                        fields.insert("key".into(), Value::String(key.clone()));
                    }
                    objects.push((1, value));
                }
            }
            _ => {
                let expected = format!("an array at {:?}", shape.items.unwrap_or("the top"));
                return Err(bad(1, &expected, "none".into()));
            }
        }
    }
    let mut builder = Builder::default();
    for (line, object) in objects {
        let Value::Object(object) = object else {
            return Err(bad(
                line,
                "objects",
                object.to_string().chars().take(40).collect(),
            ));
        };
        match shape.explode.map(|key| (key, object.get(key))) {
            None => builder.row(&[(&object, "")]),
            Some((key, Some(Value::Array(parts)))) => {
                for part in parts {
                    if let Value::Object(part) = part {
                        let rest = without(&object, key);
                        builder.row(&[(&rest, ""), (part, "")]);
                    }
                }
            }
            // An object without the array has no rows.
            Some(_) => {}
        }
        if builder.columns.len() > MAX_COLUMNS {
            return Err(bad(
                line,
                &format!("at most {MAX_COLUMNS} keys"),
                "more".into(),
            ));
        }
    }
    Ok(builder.table(path))
}

fn without(object: &Map<String, Value>, key: &str) -> Map<String, Value> {
    let others = object.iter().filter(|(k, _)| *k != key);
    others.map(|(k, v)| (k.clone(), v.clone())).collect()
}

#[derive(Default)]
struct Builder {
    columns: HashMap<String, usize>,
    rows: Vec<Vec<String>>,
}

impl Builder {
    fn row(&mut self, parts: &[(&Map<String, Value>, &str)]) {
        let mut row = vec![String::new(); self.columns.len()];
        for (object, prefix) in parts {
            self.fields(object, prefix, 0, &mut row);
        }
        self.rows.push(row);
    }

    fn fields(
        &mut self,
        object: &Map<String, Value>,
        prefix: &str,
        depth: usize,
        row: &mut Vec<String>,
    ) {
        for (key, value) in object {
            let name = if prefix.is_empty() {
                key.clone()
            } else {
                format!("{prefix}.{key}")
            };
            let cell = match value {
                Value::Object(inner) if depth < MAX_DEPTH => {
                    self.fields(inner, &name, depth + 1, row);
                    continue;
                }
                Value::Array(items) => {
                    let words: Vec<_> = items.iter().filter_map(scalar).collect();
                    words.join(", ")
                }
                other => scalar(other).unwrap_or_default(),
            };
            let n = self.columns.len();
            let k = *self.columns.entry(name).or_insert(n);
            if k >= row.len() {
                row.resize(k + 1, String::new());
            }
            row[k] = cell;
        }
    }

    fn table(mut self, path: &Path) -> Table {
        let n = self.columns.len();
        for row in &mut self.rows {
            row.resize(n, String::new());
        }
        let mut names: Vec<(String, usize)> = self.columns.into_iter().collect();
        names.sort_by_key(|(_, k)| *k);
        let names: Vec<String> = names.into_iter().map(|(name, _)| name).collect();
        Table::from_rows(path, &names, self.rows)
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(n) => Some(n.to_string()),
        Value::Bool(b) => Some(b.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str, lines: bool, shape: Shape<'_>, template: &str) -> Result<Vec<String>> {
        let table = parse(Path::new("t.json"), text, lines, shape)?;
        Ok(table.rows().map(|r| r.fill(template)).collect())
    }

    #[test]
    fn arrays_lines_nested_keys_and_inner_arrays_become_rows() {
        let plain = Shape::default();
        let text = r#"[{"a": 1, "b": {"c": "x"}}, {"b": {"c": "y", "d": [1, "z"]}}]"#;
        assert_eq!(
            cells(text, false, plain, "{a}|{b.c}|{b.d}").unwrap(),
            ["1|x|", "|y|1, z"]
        );
        let text = "{\"a\": true}\n\n{\"a\": null}\n";
        assert_eq!(cells(text, true, plain, "{a}").unwrap(), ["true", ""]);
        let inner = Shape {
            items: Some("data.all"),
            explode: Some("qa"),
        };
        let text = r#"{"data": {"all": [{"i": 5, "qa": [{"q": "?"}, {"q": "!"}]}, {"i": 6}]}}"#;
        assert_eq!(cells(text, false, inner, "{i}{q}").unwrap(), ["5?", "5!"]);
        let text = r#"{"p1": {"x": 1}, "p2": {"x": 2}}"#;
        assert_eq!(
            cells(text, false, plain, "{key}{x}").unwrap(),
            ["p11", "p22"]
        );
    }

    #[test]
    fn what_is_no_table_is_refused_with_its_line() {
        let plain = Shape::default();
        let error = cells("{\"a\": 1}\n{", true, plain, "")
            .unwrap_err()
            .to_string();
        assert!(error.contains("line 2"), "{error}");
        for text in ["", "3", "[1]", "[{]"] {
            assert!(cells(text, false, plain, "").is_err(), "{text}");
        }
        let missing = Shape {
            items: Some("a.b"),
            explode: None,
        };
        assert!(cells("{\"a\": 1}", false, missing, "").is_err());
    }
}
