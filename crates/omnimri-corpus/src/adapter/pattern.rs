//! Paths with names in braces: which files and folders fit, and what each name stands for.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::{Error, Result};

/// Most files of one list.
const MAX_MATCHES: usize = 1 << 21;

/// What the names stand for in one match.
type Values = BTreeMap<String, String>;

/// One piece of a segment.
#[derive(Debug, Clone, PartialEq)]
enum Piece<'a> {
    Text(&'a str),
    /// A name; empty for one that gives no column.
    Name(&'a str),
}

fn pieces(segment: &str) -> Vec<Piece<'_>> {
    let mut out = Vec::new();
    let mut rest = segment;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, tail)) = after.split_once('}') else {
            break;
        };
        if !before.is_empty() {
            out.push(Piece::Text(before));
        }
        out.push(Piece::Name(name));
        rest = tail;
    }
    if !rest.is_empty() {
        out.push(Piece::Text(rest));
    }
    out
}

/// Every match of `template` below `dir`, in the order of the matched paths.
pub(super) fn matches(dir: &Path, template: &str) -> Result<Vec<Values>> {
    let segments: Vec<Vec<Piece<'_>>> = template.split('/').map(pieces).collect();
    let mut found = Vec::new();
    walk(dir, &segments, &Values::new(), &mut found)?;
    Ok(found)
}

fn walk(
    dir: &Path,
    segments: &[Vec<Piece<'_>>],
    known: &Values,
    found: &mut Vec<Values>,
) -> Result<()> {
    let Some((segment, below)) = segments.split_first() else {
        found.push(known.clone());
        return if found.len() > MAX_MATCHES {
            Err(Error::BadTable {
                path: dir.into(),
                line: 1,
                expected: format!("at most {MAX_MATCHES} files"),
                found: "more".into(),
            })
        } else {
            Ok(())
        };
    };
    // A segment without an unknown name needs no listing.
    if let Some(name) = fixed(segment, known) {
        let path = dir.join(name);
        return if path.exists() && (below.is_empty() || path.is_dir()) {
            walk(&path, below, known, found)
        } else {
            Ok(())
        };
    }
    if !dir.is_dir() {
        return Ok(());
    }
    let mut names = Vec::new();
    for file in std::fs::read_dir(dir).map_err(Error::io(dir, "list"))? {
        let file = file.map_err(Error::io(dir, "list"))?;
        names.push(file.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    // macOS leaves `._name` beside every file of some published archives.
    for name in names.iter().filter(|n| !n.starts_with('.')) {
        let mut values = known.clone();
        if !fits(segment, name, &mut values) {
            continue;
        }
        let path = dir.join(name);
        if below.is_empty() || path.is_dir() {
            walk(&path, below, &values, found)?;
        }
    }
    Ok(())
}

/// The segment with all names replaced, if all are known.
fn fixed(segment: &[Piece<'_>], known: &Values) -> Option<String> {
    segment
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => Some(*text),
            Piece::Name(name) => known.get(*name).map(String::as_str),
        })
        .collect()
}

/// Does the name of a file fit the segment? Names take as little as they can, and at least one character.
fn fits(segment: &[Piece<'_>], text: &str, values: &mut Values) -> bool {
    let Some((piece, later)) = segment.split_first() else {
        return text.is_empty();
    };
    match piece {
        Piece::Text(literal) => text
            .strip_prefix(literal)
            .is_some_and(|rest| fits(later, rest, values)),
        Piece::Name(name) => {
            if let Some(value) = values.get(*name).cloned() {
                return text
                    .strip_prefix(value.as_str())
                    .is_some_and(|rest| fits(later, rest, values));
            }
            let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
            for end in ends {
                let mut tried = values.clone();
                if !name.is_empty() {
                    tried.insert((*name).to_owned(), text[..end].to_owned());
                }
                if fits(later, &text[end..], &mut tried) {
                    *values = tried;
                    return true;
                }
            }
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(dir: &Path, template: &str, show: &[&str]) -> Vec<String> {
        let found = matches(dir, template).unwrap();
        let one = |v: &Values| {
            let words: Vec<&str> = show.iter().map(|n| v.get(*n).map_or("", |s| s)).collect();
            words.join("|")
        };
        found.iter().map(one).collect()
    }

    #[test]
    fn names_are_found_in_folders_and_files() {
        let dir = tempfile::tempdir().unwrap();
        for path in [
            "im/a_1.nii.gz",
            "im/._a_1.nii.gz",
            "im/b.txt",
            "c/p2/p2_t1.nii",
            "c/p2/p9_t1.nii",
            "c/p3/x",
            "train/s1/s1-ses-2.h5",
            "val/s2/s2-ses-10.h5",
        ] {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let at = |template, show: &[&str]| all(dir.path(), template, show);
        assert_eq!(at("im/{id}.nii.gz", &["id"]), ["a_1"]);
        assert_eq!(at("c/{case}", &["case"]), ["p2", "p3"]);
        assert_eq!(at("c/p{case}/p{case}_t1.nii", &["case"]), ["2"]);
        assert_eq!(
            at("{part}/{s}/{s}-ses-{n}.h5", &["part", "s", "n"]),
            ["train|s1|2", "val|s2|10"]
        );
        assert_eq!(at("c/{}/{}_t1.nii", &[]).len(), 2);
        assert!(at("none/{id}", &["id"]).is_empty());
    }
}
