//! Rules that look a value up by a column.

use super::settings::{Choice, ClassRules};
use crate::example::Classes;
use crate::table::Row;

/// The value of a rule for a row; a value that the map does not know is an error, or unknown where the rule says so.
pub(super) fn choose<T: Copy>(
    what: &str,
    rule: &Option<Choice<T>>,
    row: Row<'_>,
) -> Result<Option<T>, String> {
    match rule {
        None => Ok(None),
        Some(rule) => chosen(what, rule, row),
    }
}

/// As [`choose`], for a rule that is there.
pub(super) fn chosen<T: Copy>(
    what: &str,
    rule: &Choice<T>,
    row: Row<'_>,
) -> Result<Option<T>, String> {
    match rule {
        Choice::Fixed(value) => Ok(Some(*value)),
        Choice::Column {
            column,
            map,
            others_unknown,
        } => match (map.get(row.get(column)), row.get(column)) {
            (Some(value), _) => Ok(Some(*value)),
            (None, "") => Ok(None),
            (None, _) if *others_unknown => Ok(None),
            (None, found) => {
                let known: Vec<_> = map.keys().map(String::as_str).collect();
                Err(format!(
                    "{what}: expected one of {}, found {found:?}",
                    known.join(", ")
                ))
            }
        },
    }
}

/// The column of a rule, if it has one.
pub(super) fn column_of<T>(rule: &Choice<T>) -> Option<&str> {
    match rule {
        Choice::Column { column, .. } => Some(column),
        Choice::Fixed(_) => None,
    }
}

/// Everything that the class rules say of a row.
pub(super) fn classes(rules: &ClassRules, row: Row<'_>) -> Result<Classes, String> {
    Ok(Classes {
        plane: choose("plane", &rules.plane, row)?,
        sequence: choose("sequence", &rules.sequence, row)?,
        region: choose("region", &rules.region, row)?,
        tumour: choose("tumour", &rules.tumour, row)?,
        cardiac: choose("cardiac", &rules.cardiac, row)?,
        modality_mr: choose("modality_mr", &rules.modality_mr, row)?,
    })
}

/// Columns that the class rules ask for.
pub(crate) fn class_columns(rules: &ClassRules) -> Vec<&str> {
    let mut out = Vec::new();
    out.extend(rules.plane.as_ref().and_then(column_of));
    out.extend(rules.sequence.as_ref().and_then(column_of));
    out.extend(rules.region.as_ref().and_then(column_of));
    out.extend(rules.tumour.as_ref().and_then(column_of));
    out.extend(rules.cardiac.as_ref().and_then(column_of));
    out.extend(rules.modality_mr.as_ref().and_then(column_of));
    out
}
