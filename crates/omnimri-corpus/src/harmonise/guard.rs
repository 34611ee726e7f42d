//! Parts of a dataset whose subjects are not named.
//!
//! Neighbouring rows of such a table are often slices of one person. Blocks of rows stand in for people, and where two
//! blocks of different parts meet, rows near the boundary are left out: a person who lies across it is then in neither.

use std::collections::BTreeMap;

use crate::example::Split;

/// A row as a guard band sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbered<'a> {
    /// Rows of different groups are no neighbours.
    pub group: &'a str,
    /// Place in the group.
    pub number: u64,
    /// Part.
    pub split: Split,
}

/// Which training rows lie within `width` numbers of a validation row of their group; these are to be left out.
///
/// Validation rows stay, so that a published test set keeps its size. One `bool` a row, in order.
pub fn guard_bands(rows: &[Numbered<'_>], width: u64) -> Vec<bool> {
    let mut val: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for row in rows.iter().filter(|r| r.split == Split::Val) {
        val.entry(row.group).or_default().push(row.number);
    }
    val.values_mut().for_each(|numbers| numbers.sort_unstable());
    rows.iter()
        .map(|row| {
            let Some(numbers) = val.get(row.group).filter(|_| row.split == Split::Train) else {
                return false;
            };
            let after = numbers.partition_point(|n| *n < row.number);
            let near = |k: usize| {
                numbers
                    .get(k)
                    .is_some_and(|n| n.abs_diff(row.number) <= width)
            };
            width > 0 && (near(after) || after.checked_sub(1).is_some_and(near))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(group: &str, number: u64, val: bool) -> Numbered<'_> {
        let split = if val { Split::Val } else { Split::Train };
        Numbered {
            group,
            number,
            split,
        }
    }

    #[test]
    fn only_training_rows_near_a_boundary_go() {
        // Blocks of ten: 0-9 train, 10-19 val, 20-39 train; a second group without val. Order does not matter.
        let mut rows: Vec<_> = (0..40)
            .map(|n| row("a", n, (10..20).contains(&n)))
            .collect();
        rows.extend((0..40).map(|n| row("b", n, false)));
        rows.reverse();
        let out = guard_bands(&rows, 3);
        let gone: Vec<_> = rows
            .iter()
            .zip(&out)
            .filter(|(_, gone)| **gone)
            .map(|(r, _)| (r.group, r.number))
            .collect();
        let expected = [22, 21, 20, 9, 8, 7].map(|n| ("a", n));
        assert_eq!(gone, expected);
        assert!(guard_bands(&rows, 0).iter().all(|gone| !gone));
        assert!(guard_bands(&[], 3).is_empty());
    }
}
