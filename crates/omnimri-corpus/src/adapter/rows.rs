//! The rows of a dataset: from its table, or from the names of its files where it has none.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::settings::Rows;
use crate::catalogue::CatalogueEntry;
use crate::error::{Error, Result};
use crate::table::{Table, placeholders};

/// True if the folder holds something to list.
pub(crate) fn has_rows(adapter: &super::Adapter, dir: &Path) -> bool {
    match (&adapter.rows().table, &adapter.rows().list) {
        (Some(table), _) => dir.join(table).is_file(),
        (None, Some(list)) => matches(dir, list).is_ok_and(|found| !found.is_empty()),
        (None, None) => false,
    }
}

/// The rows, and the path that messages name.
pub(crate) fn read_rows(
    entry: &CatalogueEntry,
    rows: &Rows,
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
    if let Some(table) = &rows.table {
        let path = dir.join(table);
        if !path.is_file() {
            return Err(missing(path, "table"));
        }
        return Ok((Table::read(&path)?, path));
    }
    let list = rows.list.as_deref().unwrap_or_default();
    let column = placeholders(list).first().copied().unwrap_or_default();
    let path = dir.join(list);
    let found = matches(dir, list)?;
    if found.is_empty() {
        return Err(missing(path, "files"));
    }
    let cells = found
        .into_iter()
        .map(|name| {
            let one = Table::from_rows(&path, &[column], vec![vec![name.clone()]]);
            let subject = one
                .rows()
                .next()
                .map_or_else(String::new, |r| r.fill(&rows.subject));
            let split = if is_val(&entry.name, &subject, rows.val_percent) {
                "val"
            } else {
                "train"
            };
            vec![name, split.to_owned()]
        })
        .collect();
    Ok((Table::from_rows(&path, &[column, &rows.split], cells), path))
}

/// Is this subject val? A hash of its name, so that adding subjects moves none from one part to the other.
fn is_val(dataset: &str, subject: &str, percent: u64) -> bool {
    let digest = Sha256::digest(format!("{dataset}\n{subject}"));
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(first) % 100 < percent
}

/// Sorted values of the one `{name}` of `template` among the files and folders of `dir`.
fn matches(dir: &Path, template: &str) -> Result<Vec<String>> {
    let (before, after) = template.split_once('{').unwrap_or((template, "}"));
    let after = after.split_once('}').map_or("", |(_, rest)| rest);
    let (folder, prefix) = before.rsplit_once('/').unwrap_or(("", before));
    let (suffix, below) = match after.split_once('/') {
        Some((suffix, below)) => (suffix, Some(below)),
        None => (after, None),
    };
    let folder = dir.join(folder);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for file in std::fs::read_dir(&folder).map_err(Error::io(&folder, "list"))? {
        let file = file.map_err(Error::io(&folder, "list"))?;
        let name = file.file_name().to_string_lossy().into_owned();
        // macOS leaves `._name` beside every file of some published archives.
        if name.starts_with('.') {
            continue;
        }
        let middle = name
            .strip_prefix(prefix)
            .and_then(|rest| rest.strip_suffix(suffix));
        let Some(middle) = middle.filter(|m| !m.is_empty()) else {
            continue;
        };
        if below.is_none_or(|rest| {
            file.path()
                .join(rest.replace(&wildcard(template), middle))
                .exists()
        }) {
            found.push(middle.to_owned());
        }
    }
    found.sort();
    Ok(found)
}

/// The `{name}` of a template, braces included.
fn wildcard(template: &str) -> String {
    placeholders(template)
        .first()
        .map_or_else(String::new, |name| format!("{{{name}}}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_files_and_case_folders() {
        let dir = tempfile::tempdir().unwrap();
        for path in [
            "im/a_1.nii.gz",
            "im/._a_1.nii.gz",
            "im/b.txt",
            "c/p2/p2_t1.nii",
            "c/p3/x",
        ] {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        assert_eq!(matches(dir.path(), "im/{id}.nii.gz").unwrap(), ["a_1"]);
        assert_eq!(matches(dir.path(), "c/{case}").unwrap(), ["p2", "p3"]);
        assert_eq!(
            matches(dir.path(), "c/p{case}/p{case}_t1.nii").unwrap(),
            ["2"]
        );
        assert!(matches(dir.path(), "none/{id}").unwrap().is_empty());
    }

    #[test]
    fn the_hash_split_keeps_its_share_and_its_members() {
        let val = (0..2000)
            .filter(|k| is_val("d", &format!("s{k}"), 10))
            .count();
        assert!((140..260).contains(&val), "{val}");
        assert!(!is_val("d", "s", 0) && is_val("d", "s", 100));
    }
}
