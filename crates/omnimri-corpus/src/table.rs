//! Tables: comma- or tab-separated values with a header row (RFC 4180: quotes, doubled quotes, line breaks inside quotes), and
//! JSON (see `json_table`).

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::json_table::{self, Shape};

/// Largest table that is read, in bytes.
const MAX_BYTES: u64 = 1 << 30;

/// A table in memory.
#[derive(Debug, Clone)]
pub struct Table {
    path: PathBuf,
    columns: HashMap<String, usize>,
    rows: Vec<Vec<String>>,
}

/// One row, asked by column name.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    table: &'a Table,
    cells: &'a [String],
}

impl Table {
    /// Reads a table: `.json` and `.jsonl` as `shape` has it, `.tsv` with tabs, anything else with commas.
    pub(crate) fn read(path: &Path, shape: Shape<'_>) -> Result<Self> {
        let text = read_text(path)?;
        let ends = |suffix: &str| {
            path.extension()
                .is_some_and(|e| e.eq_ignore_ascii_case(suffix))
        };
        if ends("json") || ends("jsonl") || ends("ndjson") {
            return json_table::parse(path, &text, !ends("json"), shape);
        }
        Self::parse_with(path, &text, if ends("tsv") { '\t' } else { ',' })
    }

    /// Parses the text of a table; `path` is for messages only.
    pub fn parse(path: &Path, text: &str) -> Result<Self> {
        Self::parse_with(path, text, ',')
    }

    fn parse_with(path: &Path, text: &str, separator: char) -> Result<Self> {
        let text = text.trim_start_matches('\u{feff}');
        let mut records = records(text, separator).into_iter();
        let bad = |line, expected: &str, found: String| Error::BadTable {
            path: path.into(),
            line,
            expected: expected.into(),
            found,
        };
        let Some((_, header)) = records.next() else {
            return Err(bad(1, "a header row", "an empty file".into()));
        };
        let n = header.len();
        let mut columns = HashMap::new();
        for (k, name) in header.into_iter().enumerate() {
            if columns.insert(name.trim().to_owned(), k).is_some() {
                return Err(bad(1, "column names that differ", format!("{name} twice")));
            }
        }
        let mut rows = Vec::new();
        for (line, cells) in records {
            if cells.len() != n {
                return Err(bad(
                    line,
                    &format!("{n} cells"),
                    format!("{} cells", cells.len()),
                ));
            }
            rows.push(cells);
        }
        Ok(Self {
            path: path.into(),
            columns,
            rows,
        })
    }

    /// A table made of columns and rows; `path` is for messages only.
    pub fn from_rows(path: &Path, columns: &[impl AsRef<str>], rows: Vec<Vec<String>>) -> Self {
        let columns = columns
            .iter()
            .enumerate()
            .map(|(k, c)| (c.as_ref().to_owned(), k))
            .collect();
        Self {
            path: path.into(),
            columns,
            rows,
        }
    }

    /// Column names in order.
    pub fn columns(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.columns.iter().collect();
        names.sort_by_key(|(_, k)| **k);
        names.into_iter().map(|(name, _)| name.as_str()).collect()
    }

    /// Sets a column to what `cell` says of every row; it is added where there is none.
    pub fn set_column(&mut self, name: &str, mut cell: impl FnMut(Row<'_>) -> String) {
        let cells: Vec<String> = self.rows().map(&mut cell).collect();
        let n = self.columns.len();
        let k = *self.columns.entry(name.to_owned()).or_insert(n);
        for (row, cell) in self.rows.iter_mut().zip(cells) {
            if k == row.len() {
                row.push(cell);
            } else {
                row[k] = cell;
            }
        }
    }

    /// Keeps the rows of which `wanted` is true.
    pub fn retain(&mut self, mut wanted: impl FnMut(Row<'_>) -> bool) {
        let keep: Vec<bool> = self.rows().map(&mut wanted).collect();
        let mut keep = keep.into_iter();
        self.rows.retain(|_| keep.next().unwrap_or(false));
    }

    /// Adds the rows of another table; columns that only one of the two has are empty in the other's rows.
    pub fn append(&mut self, other: &Self) {
        for name in other.columns() {
            if !self.has(name) {
                self.set_column(name, |_| String::new());
            }
        }
        let names: Vec<String> = self.columns().into_iter().map(str::to_owned).collect();
        let added = other
            .rows()
            .map(|row| names.iter().map(|name| row.get(name).to_owned()).collect());
        self.rows.extend(added.collect::<Vec<_>>());
    }

    /// True if the table has this column.
    pub fn has(&self, column: &str) -> bool {
        self.columns.contains_key(column)
    }

    /// Refuses a table without one of these columns.
    pub fn require<'c>(&self, columns: impl IntoIterator<Item = &'c str>) -> Result<()> {
        match columns.into_iter().find(|c| !self.has(c)) {
            None => Ok(()),
            Some(column) => Err(Error::BadTable {
                path: self.path.clone(),
                line: 1,
                expected: format!("a column named {column}"),
                found: {
                    let mut names: Vec<_> = self.columns.keys().cloned().collect();
                    names.sort();
                    names.join(", ")
                },
            }),
        }
    }

    /// The rows in order.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|cells| Row { table: self, cells })
    }
}

impl<'a> Row<'a> {
    /// The cell of a column, trimmed; empty where the table lacks the column.
    pub fn get(&self, column: &str) -> &'a str {
        self.table
            .columns
            .get(column)
            .map_or("", |&k| self.cells[k].trim())
    }

    /// `template` with every `{column}` replaced by its cell.
    pub fn fill(&self, template: &str) -> String {
        let mut out = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((column, tail)) = after.split_once('}') else {
                break;
            };
            out.push_str(before);
            out.push_str(self.get(column));
            rest = tail;
        }
        out.push_str(rest);
        out
    }
}

/// Column names in the `{}` of a template; `{}` itself has no name.
pub(crate) fn placeholders(template: &str) -> Vec<&str> {
    template
        .split('{')
        .skip(1)
        .filter_map(|s| s.split_once('}'))
        .map(|(c, _)| c)
        .filter(|c| !c.is_empty())
        .collect()
}

/// The text of a file of at most a gibibyte, invalid UTF-8 replaced.
pub(crate) fn read_text(path: &Path) -> Result<String> {
    let size = std::fs::metadata(path)
        .map_err(Error::io(path, "read"))?
        .len();
    if size > MAX_BYTES {
        return Err(Error::BadTable {
            path: path.into(),
            line: 1,
            expected: format!("at most {MAX_BYTES} bytes"),
            found: format!("{size} bytes"),
        });
    }
    let bytes = std::fs::read(path).map_err(Error::io(path, "read"))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Records with the line on which each starts; blank lines are left out.
fn records(text: &str, separator: char) -> Vec<(usize, Vec<String>)> {
    let mut out = Vec::new();
    let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    let (mut line, mut start) = (1, 1);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\n' {
            line += 1;
        }
        match (c, quoted) {
            ('"', true) if chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            ('"', true) => quoted = false,
            ('"', false) if cell.is_empty() => quoted = true,
            (c, false) if c == separator => cells.push(std::mem::take(&mut cell)),
            ('\r', false) if chars.peek() == Some(&'\n') => {}
            ('\n', false) => {
                if !cells.is_empty() || !cell.is_empty() {
                    cells.push(std::mem::take(&mut cell));
                    out.push((start, std::mem::take(&mut cells)));
                }
                start = line;
            }
            _ => cell.push(c),
        }
    }
    if !cells.is_empty() || !cell.is_empty() {
        cells.push(cell);
        out.push((start, cells));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Table> {
        Table::parse(Path::new("t.csv"), text)
    }

    #[test]
    fn quotes_commas_and_line_breaks_stay_in_their_cell() {
        let table = parse("\u{feff}a,b\r\n1,\"x, \"\"y\"\"\nz\"\r\n\r\n2,\n").unwrap();
        let rows: Vec<_> = table.rows().collect();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].get("b"), "x, \"y\"\nz");
        assert_eq!(rows[1].get("b"), "");
        assert_eq!(rows[0].fill("p/{a}-{nope}.png"), "p/1-.png");
        assert_eq!(placeholders("p/{a}-{b}.png"), ["a", "b"]);
    }

    #[test]
    fn columns_are_set_and_tables_joined_at_their_ends() {
        let mut table = parse("a,b\n1,2\n3,4\n").unwrap();
        table.set_column("c", |row| row.fill("{a}{b}"));
        table.set_column("a", |_| "9".into());
        table.append(&parse("c,d\nx,y\n").unwrap());
        let cells: Vec<_> = table.rows().map(|r| r.fill("{a}|{b}|{c}|{d}")).collect();
        assert_eq!(cells, ["9|2|12|", "9|4|34|", "||x|y"]);
        table.retain(|row| row.get("d").is_empty());
        assert_eq!(table.rows().count(), 2);
        let tabs = Table::parse_with(Path::new("t.tsv"), "a\tb,c\n1\t2,3\n", '\t').unwrap();
        assert_eq!(tabs.columns(), ["a", "b,c"]);
    }

    #[test]
    fn malformed_tables_name_the_line() {
        let error = parse("a,b\n1,2\n\"x\ny\",2,3\n").unwrap_err().to_string();
        assert!(
            error.contains("line 3") && error.contains("3 cells"),
            "{error}"
        );
        assert!(parse("").is_err());
        assert!(parse("a,a\n").is_err());
        assert!(parse("a\n1\n").unwrap().require(["b"]).is_err());
    }
}
