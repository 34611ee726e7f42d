//! Settings that cannot work are refused when the entry is read.

use super::{Adapter, AdapterKind, MaskForm, MaskRule, Rows};
use crate::catalogue::is_inside;
use crate::error::{Error, Result};
use crate::table::placeholders;

/// What is wrong: field, expected, found.
type Wrong = (&'static str, &'static str, String);

impl Adapter {
    /// Refuses settings that cannot work.
    pub(crate) fn validate(&self, name: &str) -> Result<()> {
        let wrong = rows(self)
            .or_else(|| series(self))
            .or_else(|| labels(self))
            .or_else(|| sections(self));
        match wrong {
            None => Ok(()),
            Some((field, expected, found)) => Err(Error::BadEntry {
                name: name.into(),
                field: format!("adapter.{field}"),
                expected: expected.into(),
                found,
            }),
        }
    }
}

fn rows(adapter: &Adapter) -> Option<Wrong> {
    let rows = &adapter.rows;
    let lists_itself = matches!(adapter.kind, AdapterKind::Bids | AdapterKind::Decathlon);
    let sources = usize::from(rows.table.is_some())
        + usize::from(!rows.tables.is_empty())
        + usize::from(rows.list.is_some());
    if sources != usize::from(!lists_itself) {
        let expected = if lists_itself {
            "neither a table nor a list: the layout lists itself"
        } else {
            "either a table or a list"
        };
        return Some(("rows", expected, format!("{sources} of them")));
    }
    let inside = |path: &String| !is_inside(path);
    let tables = rows.table.iter().chain(rows.tables.iter().map(|t| &t.file));
    if let Some(path) = tables.clone().find(|p| inside(p)) {
        return Some((
            "rows.table",
            "a path inside the dataset's folder",
            path.clone(),
        ));
    }
    let others = rows.joins.iter().map(|j| &j.table);
    let others = others.chain(rows.split_files.iter().map(|f| &f.file));
    if let Some(path) = others
        .chain(adapter.boxes.iter().map(|b| &b.table))
        .find(|p| inside(p))
    {
        return Some(("rows", "a path inside the dataset's folder", path.clone()));
    }
    if let Some(list) = &rows.list
        && (!is_inside(list) || placeholders(list).is_empty())
    {
        return Some((
            "rows.list",
            "a path inside the dataset's folder with {names}",
            list.clone(),
        ));
    }
    percent(rows)
}

fn percent(rows: &Rows) -> Option<Wrong> {
    match rows.val_percent {
        Some(percent) if percent > 100 => {
            return Some(("rows.val_percent", "0 to 100", percent.to_string()));
        }
        _ => {}
    }
    rows.subject_block
        .as_ref()
        .filter(|b| b.size == 0)
        .map(|_| ("rows.subject_block.size", "at least 1", "0".into()))
}

fn series(adapter: &Adapter) -> Option<Wrong> {
    let series = &adapter.series;
    let own = matches!(adapter.kind, AdapterKind::Bids | AdapterKind::Decathlon);
    if own && adapter.image.is_some() {
        return Some(("image", "none: the layout names its images", "one".into()));
    }
    if adapter.image.is_some() != series.is_empty() && !own {
        return Some(("image", "either image or series", "both or none".into()));
    }
    if adapter.kind == AdapterKind::Bids && !series.is_empty() {
        return Some(("series", "none: bids.images name them", "some".into()));
    }
    if series.len() > 1 && series.iter().any(|s| s.name.is_empty()) {
        return Some((
            "series.name",
            "a name for each of several series",
            "an empty name".into(),
        ));
    }
    let decathlon = adapter.kind == AdapterKind::Decathlon;
    series
        .iter()
        .find(|s| s.image.is_empty() != decathlon)
        .map(|s| {
            (
                "series.image",
                "a template, but for decathlon, which names its own",
                format!("{:?}", s.image),
            )
        })
}

fn labels(adapter: &Adapter) -> Option<Wrong> {
    for rule in adapter.mask_rules() {
        let own = adapter.kind == AdapterKind::Decathlon;
        let each = !adapter.series.is_empty() && adapter.series.iter().all(|s| s.mask.is_some());
        if rule.file.is_none() && !own && !each && rule.array.is_none() {
            return Some((
                "mask.file",
                "a template, or one in every series",
                "none".into(),
            ));
        }
        if let Some(wrong) = mask(rule) {
            return Some(wrong);
        }
    }
    for text in &adapter.texts {
        if text.column.is_some() == text.file.is_some() {
            return Some(("texts", "either a column or a file", "both or none".into()));
        }
    }
    if let Some(boxes) = adapter.boxes.as_ref().filter(|b| b.first > 1) {
        return Some(("boxes.first", "0 or 1", boxes.first.to_string()));
    }
    match adapter.kind {
        AdapterKind::VolumeReport if adapter.texts.is_empty() => {
            Some(("texts", "at least one text rule", "none".into()))
        }
        AdapterKind::QuestionAnswer if adapter.texts.is_empty() && adapter.questions.is_none() => {
            Some(("questions", "questions or texts", "neither".into()))
        }
        _ => None,
    }
}

fn mask(rule: &MaskRule) -> Option<Wrong> {
    match rule.form {
        MaskForm::Binary if rule.label.is_none() => Some(("mask.label", "a label", "none".into())),
        MaskForm::Values if rule.values.is_empty() => Some(("mask.values", "a map", "none".into())),
        MaskForm::Named if rule.names.is_empty() => Some(("mask.names", "a map", "none".into())),
        _ => rule
            .values
            .keys()
            .find(|k| !k.parse::<u16>().is_ok_and(|v| v > 0))
            .map(|key| ("mask.values", "whole numbers from 1 to 65535", key.clone())),
    }
}

/// Sections that belong to other kinds, or are missing.
fn sections(adapter: &Adapter) -> Option<Wrong> {
    use AdapterKind::{Array, Bids, Decathlon, DicomTree, Fastmri, Ismrmrd};
    let kind = adapter.kind;
    let name = || kind.name().to_owned();
    for (field, given, fits) in [
        ("bids", adapter.bids.is_some(), kind == Bids),
        ("decathlon", adapter.decathlon.is_some(), kind == Decathlon),
        (
            "raw",
            adapter.raw.is_some(),
            matches!(kind, Fastmri | Ismrmrd),
        ),
        ("array", adapter.array.is_some(), kind == Array),
        (
            "series.dicom",
            adapter.series.iter().any(|s| s.dicom.is_some()),
            kind == DicomTree,
        ),
    ] {
        if given && !fits {
            return Some((field, "a section of this kind of adapter", name()));
        }
    }
    if adapter.bids.as_ref().is_none_or(|b| b.images.is_empty()) && kind == Bids {
        return Some(("bids.images", "at least one", "none".into()));
    }
    let root = adapter.bids.as_ref().and_then(|b| b.root.as_ref());
    if let Some(root) = root.filter(|r| !is_inside(r)) {
        return Some((
            "bids.root",
            "a path inside the dataset's folder",
            root.clone(),
        ));
    }
    let json = adapter.decathlon.as_ref().and_then(|d| d.file.as_ref());
    if let Some(json) = json.filter(|f| !is_inside(f)) {
        return Some((
            "decathlon.file",
            "a path inside the dataset's folder",
            json.clone(),
        ));
    }
    let Some(form) = &adapter.array else {
        return (kind == Array).then(|| ("array.axes", "names of the axes", "none".into()));
    };
    let axes = |name: &str| form.axes.iter().filter(|a| *a == name).count();
    let sound = axes("y") == 1 && axes("x") == 1 && axes("z") <= 1 && axes("frame") <= 1;
    (!sound).then(|| {
        (
            "array.axes",
            "y and x once, z and frame at most once",
            form.axes.join(","),
        )
    })
}
