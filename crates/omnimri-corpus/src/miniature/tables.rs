//! Tables of a miniature, in the forms in which they are read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Map, Value};

use super::{FLAT, is_val, write};
use crate::adapter::{Adapter, BoxForm, Choice, Join, PartTable, Rows};
use crate::error::Result;
use crate::example::Split;
use crate::table::{Row, Table, placeholders};

/// The rows' own table or tables, or what the list finds; joined tables, lists of parts, boxes.
pub(super) fn write_all(adapter: &Adapter, rows: &Table, dir: &Path) -> Result<()> {
    let settings = &adapter.rows;
    let all: Vec<&str> = rows.columns();
    let own: Vec<&str> = match &settings.list {
        Some(list) => placeholders(list),
        None => all
            .iter()
            .copied()
            .filter(|c| !of_join(&settings.joins, c))
            .collect(),
    };
    let form = Form {
        items: settings.items.as_deref(),
        explode: settings.explode.as_deref(),
        heading: &settings.heading,
        separator: settings.separator,
    };
    if let Some(file) = &settings.table {
        write_table(&dir.join(file), &own, rows.rows(), form)?;
    }
    for (k, part) in settings.tables.iter().enumerate() {
        let in_it = rows
            .rows()
            .filter(|row| table_of(settings, rows, *row) == Some(k));
        let columns: Vec<&str> = own
            .iter()
            .copied()
            .filter(|c| *c != settings.split && !part.columns.contains_key(*c))
            .collect();
        write_table(&dir.join(&part.file), &columns, in_it, form)?;
    }
    if let Some(list) = &settings.list {
        for row in rows.rows() {
            let path = dir.join(row.fill(&list.replace("{}", "x")));
            if !path.exists() && path.extension().is_some() {
                write(&path, b"")?;
            } else if !path.exists() {
                std::fs::create_dir_all(&path).map_err(crate::Error::io(&path, "create"))?;
            }
        }
    }
    for join in &settings.joins {
        let others = all.iter().copied().filter(|c| !own.contains(c));
        write_join(join, &others.collect::<Vec<_>>(), rows, dir)?;
    }
    for file in &settings.split_files {
        let mut names = BTreeSet::new();
        for (k, row) in rows.rows().enumerate() {
            let subject = k * super::SUBJECTS / rows.rows().count().max(1);
            if is_val(subject) == (file.part == Split::Val) {
                names.insert(row.fill(&file.name));
            }
        }
        let lines: Vec<String> = names.into_iter().collect();
        write(&dir.join(&file.file), lines.join("\n").as_bytes())?;
    }
    write_boxes(adapter, rows, dir)
}

/// The one of several tables in which a row stands: that of its part whose own columns it has; subjects take turns where they have
/// none.
fn table_of(settings: &Rows, rows: &Table, row: Row<'_>) -> Option<usize> {
    let part = row.get(&settings.split);
    let tables = settings.tables.iter().enumerate();
    let of_part: Vec<_> = tables.filter(|(_, t)| t.part.name() == part).collect();
    if of_part.iter().any(|(_, t)| !t.columns.is_empty()) {
        let has = |t: &PartTable| t.columns.iter().all(|(c, cell)| row.get(c) == cell);
        return of_part.into_iter().find(|(_, t)| has(t)).map(|(k, _)| k);
    }
    let same_part = rows.rows().filter(|r| r.get(&settings.split) == part);
    let subjects: BTreeSet<String> = same_part.map(|r| r.fill(&settings.subject)).collect();
    let place = subjects
        .iter()
        .position(|s| *s == row.fill(&settings.subject))?;
    of_part.get(place % of_part.len().max(1)).map(|(k, _)| *k)
}

/// True for a column that comes from a joined table with a prefix.
fn of_join(joins: &[Join], column: &str) -> bool {
    let with_prefix = |j: &Join| !j.prefix.is_empty() && column.starts_with(&j.prefix);
    joins.iter().any(with_prefix)
}

/// How a JSON table nests its rows, and how separated values go without a heading.
#[derive(Clone, Copy, Default)]
struct Form<'a> {
    items: Option<&'a str>,
    explode: Option<&'a str>,
    heading: &'a [String],
    separator: Option<char>,
}

fn write_table<'a>(
    path: &Path,
    columns: &[&str],
    rows: impl Iterator<Item = Row<'a>>,
    form: Form<'_>,
) -> Result<()> {
    let ending = path
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default();
    let values = !matches!(ending, "json" | "jsonl" | "ndjson");
    let heading: Vec<&str> = form.heading.iter().map(String::as_str).collect();
    // Without a heading the cells stand in the order that the settings give.
    let columns: &[&str] = if values && !heading.is_empty() {
        &heading
    } else {
        columns
    };
    let cells: Vec<Vec<&str>> = rows
        .map(|row| columns.iter().map(|c| row.get(c)).collect())
        .collect();
    if values {
        let usual = if ending == "tsv" { '\t' } else { ',' };
        let separator = form.separator.unwrap_or(usual).to_string();
        let line = |cells: &[&str]| {
            let quoted: Vec<_> = cells
                .iter()
                .map(|c| format!("\"{}\"", c.replace('"', "\"\"")))
                .collect();
            quoted.join(&separator) + "\n"
        };
        let first = heading.is_empty().then(|| line(columns));
        let text: String = first
            .into_iter()
            .chain(cells.iter().map(|r| line(r)))
            .collect();
        return write(path, text.as_bytes());
    }
    let objects: Vec<Value> = cells
        .iter()
        .map(|row| {
            let object = nested(columns, row);
            match form.explode {
                None => object,
                Some(key) => Value::Object(Map::from_iter([(
                    key.to_owned(),
                    Value::Array(vec![object]),
                )])),
            }
        })
        .collect();
    let text = if ending == "json" {
        let mut document = Value::Array(objects);
        for key in form.items.into_iter().flat_map(|i| i.rsplit('.')) {
            document = Value::Object(Map::from_iter([(key.to_owned(), document)]));
        }
        document.to_string()
    } else {
        objects.iter().map(|o| format!("{o}\n")).collect()
    };
    write(path, text.as_bytes())
}

/// An object whose dotted keys are nested.
fn nested(columns: &[&str], cells: &[&str]) -> Value {
    let mut root = Map::new();
    for (column, cell) in columns.iter().zip(cells) {
        let mut keys: Vec<&str> = column.split('.').collect();
        let Some(last) = keys.pop() else { continue };
        let mut at = &mut root;
        for key in keys {
            let next = at.entry(key).or_insert_with(|| Value::Object(Map::new()));
            match next {
                Value::Object(inner) => at = inner,
                // A key that is a value and an object at once cannot be written; the reader will say what it lacks.
                _ => return Value::Object(root),
            }
        }
        at.insert(last.to_owned(), Value::String((*cell).to_owned()));
    }
    Value::Object(root)
}

/// A joined table: a row for every key, with the columns that the rows' own table lacks.
fn write_join(join: &Join, others: &[&str], rows: &Table, dir: &Path) -> Result<()> {
    let keys = placeholders(&join.with);
    let own: Vec<&str> = others
        .iter()
        .filter_map(|c| c.strip_prefix(join.prefix.as_str()))
        .filter(|c| !keys.contains(c))
        .collect();
    let mut columns: Vec<&str> = keys.clone();
    columns.extend(&own);
    let mut by_key: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in rows.rows() {
        let key = row.fill(&join.on);
        let values = values_of(&join.with, &key);
        let cells = values.into_iter().chain(
            own.iter()
                .map(|c| row.get(&format!("{}{c}", join.prefix)).to_owned()),
        );
        by_key.entry(key).or_insert_with(|| cells.collect());
    }
    let table = Table::from_rows(dir, &columns, by_key.into_values().collect());
    let form = Form {
        items: join.items.as_deref(),
        ..Form::default()
    };
    write_table(&dir.join(&join.table), &columns, table.rows(), form)
}

/// The value of the one name of a template that gives `key`; the key itself for each of several.
fn values_of(template: &str, key: &str) -> Vec<String> {
    let names = placeholders(template);
    let whole = match names[..] {
        [name] => {
            let (before, after) = template
                .split_once(&format!("{{{name}}}"))
                .unwrap_or(("", ""));
            key.strip_prefix(before).and_then(|k| k.strip_suffix(after))
        }
        _ => None,
    };
    names
        .iter()
        .map(|_| whole.unwrap_or(key).to_owned())
        .collect()
}

/// A box for every row.
fn write_boxes(adapter: &Adapter, rows: &Table, dir: &Path) -> Result<()> {
    let Some(rule) = &adapter.boxes else {
        return Ok(());
    };
    let mut columns: Vec<&str> = placeholders(&rule.id);
    columns.extend(rule.columns.iter().map(String::as_str));
    columns.extend(rule.slice.as_deref());
    columns.extend(rule.last_slice.as_deref());
    let label = match &rule.label {
        Choice::Fixed(_) => None,
        Choice::Column { column, map, .. } => map.keys().next().map(|key| (column, key)),
    };
    columns.extend(label.map(|(column, _)| column.as_str()));
    let numbers = match rule.form {
        BoxForm::LeftTopWidthHeight => [5.0, 6.0, 7.0, 8.0],
        BoxForm::LeftTopRightBottom => [5.0, 6.0, 12.0, 14.0],
        BoxForm::CentreShares => [0.4, 0.5, 0.2, 0.2],
    };
    const { assert!(FLAT.x > 14) };
    let mut cells = Vec::new();
    for row in rows.rows() {
        let id = row.fill(&adapter.rows.id);
        let mut line = values_of(&rule.id, &id);
        line.extend(numbers.iter().map(f64::to_string));
        let slices = rule.slice.iter().chain(&rule.last_slice);
        line.extend(slices.map(|_| rule.first.to_string()));
        line.extend(label.map(|(_, key)| key.clone()));
        cells.push(line);
    }
    let table = Table::from_rows(dir, &columns, cells);
    let form = Form {
        items: rule.items.as_deref(),
        ..Form::default()
    };
    write_table(&dir.join(&rule.table), &columns, table.rows(), form)
}
