//! The rows of a miniature: a cell for every column that the settings name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{ROWS_PER_SUBJECT, SUBJECTS, is_val, table};
use crate::adapter::{Adapter, Choice, columns};
use crate::example::Split;
use crate::table::{Table, placeholders};

/// Rows with every column that the settings name.
pub(super) fn rows(adapter: &Adapter, dir: &Path) -> Table {
    let rows = &adapter.rows;
    let mut names: BTreeSet<String> = columns(adapter).into_iter().map(str::to_owned).collect();
    names.extend(rows.keep.keys().cloned());
    if let Some(list) = &rows.list {
        names.extend(placeholders(list).into_iter().map(str::to_owned));
    }
    for join in &rows.joins {
        names.extend(placeholders(&join.on).into_iter().map(str::to_owned));
    }
    for file in &rows.split_files {
        names.extend(placeholders(&file.name).into_iter().map(str::to_owned));
    }
    // A hash or a list of names tells the part where no column does.
    let own_split =
        rows.list.is_none() && rows.split_files.is_empty() && rows.val_percent.is_none();
    if own_split {
        names.insert(rows.split.clone());
    }
    let columns: Vec<String> = names.into_iter().collect();
    let cells = (0..SUBJECTS * ROWS_PER_SUBJECT)
        .map(|k| columns.iter().map(|c| cell(adapter, c, k)).collect())
        .collect();
    let mut rows = table(dir, &columns, cells);
    // Where one column is all there is of a row, two rows may be one.
    let mut seen = BTreeSet::new();
    rows.retain(|row| {
        let cells: Vec<&str> = columns.iter().map(|c| row.get(c)).collect();
        seen.insert(cells.join("\n"))
    });
    rows
}

/// Values that the settings know for each column of a rule.
fn vocabulary(adapter: &Adapter) -> BTreeMap<String, BTreeSet<String>> {
    fn add<T>(out: &mut BTreeMap<String, BTreeSet<String>>, choice: Option<&Choice<T>>) {
        if let Some(Choice::Column { column, map, .. }) = choice {
            out.entry(column.clone())
                .or_default()
                .extend(map.keys().cloned());
        }
    }
    let mut out = BTreeMap::new();
    let classes = &adapter.classes;
    add(&mut out, classes.plane.as_ref());
    add(&mut out, classes.sequence.as_ref());
    add(&mut out, classes.region.as_ref());
    add(&mut out, classes.tumour.as_ref());
    add(&mut out, classes.cardiac.as_ref());
    add(&mut out, classes.modality_mr.as_ref());
    for rule in adapter.mask_rules() {
        add(&mut out, rule.label.as_ref());
        if let Some(empty) = &rule.empty_when {
            out.entry(empty.column.clone())
                .or_default()
                .insert(empty.value.clone());
        }
    }
    // What is kept goes before what is known.
    for (column, values) in &adapter.rows.keep {
        let kept = values.iter().cloned().collect();
        let known = out.insert(column.clone(), kept);
        if let (Some(known), Some(kept)) = (known, out.get_mut(column)) {
            let both: BTreeSet<String> = kept.intersection(&known).cloned().collect();
            if !both.is_empty() {
                *kept = both;
            }
        }
    }
    out
}

/// A value of a column that some rule looks up.
pub(super) fn known(adapter: &Adapter, column: &str, k: usize) -> Option<String> {
    let all = vocabulary(adapter);
    let values = all.get(column)?;
    values.iter().nth(k % values.len().max(1)).cloned()
}

/// A word for the part in the column of the split.
fn part_word(adapter: &Adapter, val: bool) -> String {
    let wanted = if val { Split::Val } else { Split::Train };
    let words = &adapter.rows.split_words;
    let own = words.iter().find(|(_, split)| **split == wanted);
    own.map_or_else(|| wanted.name().to_owned(), |(word, _)| word.clone())
}

/// The cell of `column` in row `k`.
fn cell(adapter: &Adapter, column: &str, k: usize) -> String {
    let rows = &adapter.rows;
    let subject = k / ROWS_PER_SUBJECT;
    if column == rows.split {
        return part_word(adapter, is_val(subject));
    }
    if let Some(value) = known(adapter, column, k) {
        return value;
    }
    if let Some(questions) = &adapter.questions {
        let closed = questions.closed.as_ref().filter(|c| c.column == column);
        if column == questions.question {
            return format!("Is this, \"as it seems\", image {subject}?");
        } else if column == questions.answer {
            return "Yes".to_owned();
        } else if let Some(closed) = closed {
            return if k.is_multiple_of(2) {
                closed.value.clone()
            } else {
                "another".to_owned()
            };
        }
    }
    if adapter
        .texts
        .iter()
        .any(|t| t.column.as_deref() == Some(column))
    {
        return format!("Made-up text {k}, \"quoted\".");
    }
    if rows
        .subject_block
        .as_ref()
        .is_some_and(|b| b.within == column)
    {
        return format!("{}", subject + 1);
    }
    let in_id = placeholders(&rows.id).contains(&column);
    if placeholders(&rows.subject).contains(&column) && !in_id {
        return format!("s{subject:02}");
    }
    // The rows of one subject ask about one image.
    let number = match adapter.questions {
        Some(_) => subject,
        None => k,
    };
    // A name of a file that a template gives no ending needs one of its own.
    let images = adapter
        .image
        .iter()
        .chain(adapter.series.iter().map(|s| &s.image));
    let bare = images
        .filter(|t| t.ends_with(&format!("{{{column}}}")))
        .any(|t| Path::new(&t.replace(['{', '}'], "_")).extension().is_none());
    let folder = matches!(adapter.kind, crate::adapter::AdapterKind::DicomTree);
    let ending = if bare && !folder { ".jpg" } else { "" };
    format!("{:04}{ending}", number + 1)
}
