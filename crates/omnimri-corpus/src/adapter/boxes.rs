//! Boxes: from a table of their own to shares of the grid.

use std::collections::HashMap;
use std::path::Path;

use omnimri_image::Zyx;

use super::choose::{chosen, column_of};
use super::item::BoxSource;
use super::settings::{Adapter, BoxForm, BoxRule};
use crate::error::{Error, Result};
use crate::example::LabelBox;
use crate::json_table::Shape;
use crate::table::{Row, Table, placeholders};

/// Boxes by the id of their item.
#[derive(Debug, Default)]
pub(super) struct Boxes(HashMap<String, Vec<BoxSource>>);

impl Boxes {
    /// Reads the table of boxes, if the settings name one.
    pub fn read(adapter: &Adapter, dir: &Path) -> Result<Self> {
        let Some(rule) = &adapter.boxes else {
            return Ok(Self::default());
        };
        let path = dir.join(&rule.table);
        let shape = Shape {
            items: rule.items.as_deref(),
            explode: None,
        };
        let table = Table::read(&path, shape)?;
        let mut columns = placeholders(&rule.id);
        columns.extend(rule.columns.iter().map(String::as_str));
        columns.extend(rule.slice.as_deref());
        columns.extend(rule.last_slice.as_deref());
        columns.extend(column_of(&rule.label));
        table.require(columns)?;
        let mut out: HashMap<String, Vec<BoxSource>> = HashMap::new();
        for (k, row) in table.rows().enumerate() {
            let found = one(rule, row).map_err(|found| Error::BadTable {
                path: path.clone(),
                // The header is line 1.
                line: k + 2,
                expected: "a box".into(),
                found,
            })?;
            if let Some(found) = found {
                out.entry(row.fill(&rule.id)).or_default().push(found);
            }
        }
        Ok(Self(out))
    }

    /// Boxes of an item.
    pub fn of(&self, id: &str) -> Vec<BoxSource> {
        self.0.get(id).cloned().unwrap_or_default()
    }
}

/// The box of a row; `None` where all its cells are empty or its term is unknown.
fn one(rule: &BoxRule, row: Row<'_>) -> std::result::Result<Option<BoxSource>, String> {
    let Some(label) = chosen("label", &rule.label, row)? else {
        return Ok(None);
    };
    if rule.columns.iter().all(|c| row.get(c).is_empty()) {
        return Ok(None);
    }
    let number = |column: &String| -> std::result::Result<f64, String> {
        let cell = row.get(column);
        match cell.parse::<f64>() {
            Ok(v) if v.is_finite() => Ok(v),
            _ => Err(format!("{column}: {cell:?}")),
        }
    };
    let mut numbers = [0.0; 4];
    for (value, column) in numbers.iter_mut().zip(&rule.columns) {
        *value = number(column)?;
    }
    let slices = match (&rule.slice, &rule.last_slice) {
        (None, _) => None,
        (Some(first), None) => Some([number(first)?; 2]),
        (Some(first), Some(last)) => Some([number(first)?, number(last)?]),
    };
    Ok(Some(BoxSource {
        label,
        form: rule.form,
        numbers,
        slices,
        first: f64::from(rule.first),
    }))
}

/// A box as shares of a grid of `size`; `None` for one that is empty or lies outside.
pub(super) fn on_grid(source: &BoxSource, size: Zyx<usize>) -> Option<LabelBox> {
    let (w, h, d) = (size.x as f64, size.y as f64, size.z as f64);
    let [a, b, c, e] = source.numbers;
    let first = source.first;
    let [x0, y0, x1, y1] = match source.form {
        BoxForm::LeftTopWidthHeight => [a - first, b - first, a - first + c, b - first + e],
        BoxForm::LeftTopRightBottom => [a - first, b - first, c - first, e - first],
        BoxForm::CentreShares => [
            (a - c / 2.0) * w,
            (b - e / 2.0) * h,
            (a + c / 2.0) * w,
            (b + e / 2.0) * h,
        ],
    };
    let [z0, z1] = source
        .slices
        .map_or([0.0, d], |[low, high]| [low - first, high - first + 1.0]);
    let share = |v: f64, n: f64| (v / n).clamp(0.0, 1.0);
    let lower = Zyx::new(share(z0, d), share(y0, h), share(x0, w));
    let upper = Zyx::new(share(z1, d), share(y1, h), share(x1, w));
    (lower.z < upper.z && lower.y < upper.y && lower.x < upper.x).then_some(LabelBox {
        label: source.label,
        lower,
        upper,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use omnimri_findings::Label;

    #[test]
    fn forms_of_a_box_agree() {
        let of = |form, numbers, first| BoxSource {
            label: Label::Glioma.into(),
            form,
            numbers,
            slices: Some([first + 1.0, first + 2.0]),
            first,
        };
        let size = Zyx::new(4, 20, 10);
        let expected = LabelBox {
            label: Label::Glioma.into(),
            lower: Zyx::new(0.25, 0.1, 0.2),
            upper: Zyx::new(0.75, 0.5, 0.5),
        };
        for source in [
            of(BoxForm::LeftTopWidthHeight, [3.0, 3.0, 3.0, 8.0], 1.0),
            of(BoxForm::LeftTopRightBottom, [2.0, 2.0, 5.0, 10.0], 0.0),
            of(BoxForm::CentreShares, [0.35, 0.3, 0.3, 0.4], 0.0),
        ] {
            let found = on_grid(&source, size).unwrap();
            for (a, b) in [(found.lower, expected.lower), (found.upper, expected.upper)] {
                assert!(
                    (a.x - b.x).abs() < 1e-12 && (a.y - b.y).abs() < 1e-12,
                    "{found:?}"
                );
                assert!((a.z - b.z).abs() < 1e-12, "{found:?}");
            }
        }
        let outside = of(BoxForm::LeftTopWidthHeight, [30.0, 3.0, 3.0, 8.0], 1.0);
        assert_eq!(on_grid(&outside, size), None);
    }
}
