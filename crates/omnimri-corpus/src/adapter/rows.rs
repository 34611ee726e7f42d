//! The rows of a dataset: from its tables, from the names of its files, or from a layout that lists itself.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::settings::{Adapter, AdapterKind, Join, Rows};
use super::{bids, decathlon, pattern};
use crate::catalogue::CatalogueEntry;
use crate::error::{Error, Result};
use crate::example::Split;
use crate::json_table::Shape;
use crate::table::{Row, Table, placeholders, read_text};

/// Percentage of subjects put into val where the layout lists itself and the entry does not say.
const USUAL_VAL_PERCENT: u64 = 10;

/// True if the folder holds something to list.
pub(crate) fn has_rows(adapter: &Adapter, dir: &Path) -> bool {
    match adapter.kind {
        AdapterKind::Bids => bids::root(adapter, dir).is_dir(),
        AdapterKind::Decathlon => decathlon::json(adapter, dir).is_file(),
        _ => {
            let rows = &adapter.rows;
            let mut tables = rows.table.iter().chain(rows.tables.iter().map(|t| &t.file));
            match &rows.list {
                Some(list) => pattern::matches(dir, list).is_ok_and(|found| !found.is_empty()),
                None => tables.any(|table| dir.join(table).is_file()),
            }
        }
    }
}

/// The rows, and the path that messages name.
pub(crate) fn read_rows(
    entry: &CatalogueEntry,
    adapter: &Adapter,
    dir: &Path,
) -> Result<(Table, PathBuf)> {
    let missing = |path: PathBuf, what: &str| Error::Missing {
        path,
        expected: format!("the {what} of {}", entry.title),
        hint: format!(
            "`corpus show {}` says how to get it and how it is laid out",
            entry.name
        ),
    };
    let rows = &adapter.rows;
    let shape = Shape {
        items: rows.items.as_deref(),
        explode: rows.explode.as_deref(),
    };
    let read = |file: &str| {
        let path = dir.join(file);
        if !path.is_file() {
            return Err(missing(path, "table"));
        }
        Table::read(&path, shape)
    };
    let (mut table, path) = match adapter.kind {
        AdapterKind::Bids => {
            let path = bids::root(adapter, dir);
            if !path.is_dir() {
                return Err(missing(path, "folder"));
            }
            (bids::table(adapter, dir)?, path)
        }
        AdapterKind::Decathlon => {
            let path = decathlon::json(adapter, dir);
            if !path.is_file() {
                return Err(missing(path, "dataset.json"));
            }
            (decathlon::table(adapter, dir)?, path)
        }
        _ => match (&rows.table, &rows.list) {
            (Some(file), _) => (read(file)?, dir.join(file)),
            (None, Some(list)) => (listed(dir, list)?, dir.join(list)),
            (None, None) => {
                let mut all: Option<Table> = None;
                for part in &rows.tables {
                    let mut table = read(&part.file)?;
                    table.set_column(&rows.split, |_| part.part.name().to_owned());
                    match &mut all {
                        Some(all) => all.append(&table),
                        None => all = Some(table),
                    }
                }
                let path = dir.join(rows.tables.first().map_or("", |t| &t.file));
                (all.ok_or_else(|| missing(path.clone(), "tables"))?, path)
            }
        },
    };
    for join in &rows.joins {
        add_columns(&mut table, join, dir).map_err(|e| match e {
            Error::Io { path, .. } => missing(path, "table"),
            other => other,
        })?;
    }
    table.require(rows.keep.keys().map(String::as_str))?;
    table.retain(|row| {
        rows.keep
            .iter()
            .all(|(column, values)| values.iter().any(|v| v == row.get(column)))
    });
    if table.rows().next().is_none() {
        return Err(missing(path, "files"));
    }
    Ok((table, path))
}

/// A row for every match of a path with names.
fn listed(dir: &Path, list: &str) -> Result<Table> {
    let mut columns: Vec<&str> = Vec::new();
    for name in placeholders(list) {
        if !columns.contains(&name) {
            columns.push(name);
        }
    }
    let rows = pattern::matches(dir, list)?
        .into_iter()
        .map(|values| {
            let cell = |c: &&str| values.get(*c).cloned().unwrap_or_default();
            columns.iter().map(cell).collect()
        })
        .collect();
    Ok(Table::from_rows(&dir.join(list), &columns, rows))
}

/// Adds the columns of another table to the rows that it knows.
fn add_columns(table: &mut Table, join: &Join, dir: &Path) -> Result<()> {
    let shape = Shape {
        items: join.items.as_deref(),
        explode: None,
    };
    let other = Table::read(&dir.join(&join.table), shape)?;
    other.require(placeholders(&join.with))?;
    let mut found: HashMap<String, Row<'_>> = HashMap::new();
    for row in other.rows() {
        found.entry(row.fill(&join.with)).or_insert(row);
    }
    let keys: Vec<String> = table.rows().map(|row| row.fill(&join.on)).collect();
    for column in other.columns() {
        let name = format!("{}{column}", join.prefix);
        // A column of the row's own stays.
        if table.has(&name) {
            continue;
        }
        let mut keys = keys.iter();
        table.set_column(&name, |_| {
            let row = keys.next().and_then(|key| found.get(key));
            row.map_or_else(String::new, |row| row.get(column).to_owned())
        });
    }
    Ok(())
}

/// Tells the part of a row: by its column, by a list of names, or by a hash of its subject.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    dataset: &'a str,
    rows: &'a Rows,
    column: bool,
    lists: Vec<(&'a str, Split, HashSet<String>)>,
    percent: Option<u64>,
}

impl<'a> Parts<'a> {
    /// Reads the lists; refuses a table that leaves the part open.
    pub fn new(
        entry: &'a CatalogueEntry,
        adapter: &'a Adapter,
        table: &Table,
        dir: &Path,
    ) -> Result<Self> {
        let rows = &adapter.rows;
        let column = table.has(&rows.split);
        let from_table = rows.table.is_some();
        let usual = (!from_table).then_some(USUAL_VAL_PERCENT);
        let percent = rows.val_percent.or(usual.filter(|_| !column));
        if !column && rows.split_files.is_empty() && percent.is_none() {
            table.require([rows.split.as_str()])?;
        }
        let mut lists = Vec::new();
        for list in &rows.split_files {
            table.require(placeholders(&list.name))?;
            let path = dir.join(&list.file);
            let names = read_text(&path)?;
            let names = names
                .lines()
                .filter_map(|line| line.split([',', '\t', ' ']).find(|w| !w.trim().is_empty()))
                .map(|word| word.trim().trim_matches('"').to_owned())
                .collect();
            lists.push((list.name.as_str(), list.part, names));
        }
        Ok(Self {
            dataset: &entry.name,
            rows,
            column,
            lists,
            percent,
        })
    }

    /// The part of a row whose subject is known.
    pub fn of(&self, row: Row<'_>, subject: &str) -> std::result::Result<Split, String> {
        if self.column {
            let word = row.get(&self.rows.split);
            if let Some(split) = self.rows.split_words.get(word) {
                return Ok(*split);
            }
            match word.to_lowercase().as_str() {
                "train" | "training" | "tr" => return Ok(Split::Train),
                "val" | "valid" | "validation" | "dev" | "test" | "testing" | "ts" => {
                    return Ok(Split::Val);
                }
                "" if !self.lists.is_empty() || self.percent.is_some() => {}
                _ => {
                    return Err(format!(
                        "{}: expected train, val or test, found {word:?}",
                        self.rows.split
                    ));
                }
            }
        }
        for (template, split, names) in &self.lists {
            if names.contains(row.fill(template).as_str()) {
                return Ok(*split);
            }
        }
        match self.percent {
            Some(percent) if is_val(self.dataset, subject, percent) => Ok(Split::Val),
            Some(_) => Ok(Split::Train),
            None => Err("in none of the lists of parts".into()),
        }
    }
}

/// Is this subject val? A hash of its name, so that adding subjects moves none from one part to the other.
fn is_val(dataset: &str, subject: &str, percent: u64) -> bool {
    let digest = Sha256::digest(format!("{dataset}\n{subject}"));
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(first) % 100 < percent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_split_keeps_its_share_and_its_members() {
        let val = (0..2000)
            .filter(|k| is_val("d", &format!("s{k}"), 10))
            .count();
        assert!((140..260).contains(&val), "{val}");
        assert!(!is_val("d", "s", 0) && is_val("d", "s", 100));
    }
}
