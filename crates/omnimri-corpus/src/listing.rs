//! What `corpus list` and `corpus show` print.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::catalogue::{AccessKind, CatalogueEntry, Kind, Use, Verified, catalogue, find};
use crate::error::Result;

/// Which entries to list; an absent filter admits all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// Of this kind.
    pub kind: Option<Kind>,
    /// With an anatomy that contains this text.
    pub anatomy: Option<String>,
    /// With a task that contains this text.
    pub task: Option<String>,
    /// Whose licence admits at least this use.
    pub admits: Option<Use>,
    /// That can be got so.
    pub access: Option<AccessKind>,
    /// Facts checked so far.
    pub verified: Option<Verified>,
    /// With raw k-space.
    pub kspace_only: bool,
    /// That this program can read.
    pub readable_only: bool,
}

impl ListFilter {
    fn admits(&self, e: &CatalogueEntry) -> bool {
        let within = |wanted: &Option<String>, list: &[String]| {
            wanted.as_ref().is_none_or(|w| {
                let w = w.to_lowercase();
                list.iter().any(|item| item.to_lowercase().contains(&w))
            })
        };
        self.kind.is_none_or(|k| k == e.kind)
            && within(&self.anatomy, &e.anatomy)
            && within(&self.task, &e.tasks)
            && self.admits.is_none_or(|u| e.licence.admits >= u)
            && self.access.is_none_or(|a| a == e.access.how)
            && self.verified.is_none_or(|v| v == e.verified)
            && (!self.kspace_only || e.kspace)
            && (!self.readable_only || e.adapter.is_some())
    }
}

/// A list of entries; as JSON `{"datasets": [...]}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listing {
    /// The entries, by name.
    pub datasets: Vec<&'static CatalogueEntry>,
}

/// The entries of the catalogue that a filter admits.
pub fn list(filter: &ListFilter) -> Listing {
    Listing {
        datasets: catalogue().iter().filter(|e| filter.admits(e)).collect(),
    }
}

impl Listing {
    /// How many entries have been checked so far.
    pub fn by_verified(&self) -> BTreeMap<Verified, usize> {
        let mut out =
            BTreeMap::from([Verified::Yes, Verified::Partly, Verified::No].map(|v| (v, 0)));
        for entry in &self.datasets {
            *out.entry(entry.verified).or_default() += 1;
        }
        out
    }
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self
            .datasets
            .iter()
            .map(|e| e.name.len())
            .max()
            .unwrap_or(0)
            .max(4);
        writeln!(
            f,
            "{:width$}  {:12} {:22} {:>8} {:>8} {:11} {:8} {:8}",
            "name", "kind", "anatomy", "subjects", "images", "admits", "verified", "readable"
        )?;
        for e in &self.datasets {
            let number = |n: Option<u64>| n.map_or_else(|| "-".into(), |n| n.to_string());
            writeln!(
                f,
                "{:width$}  {:12} {:22} {:>8} {:>8} {:11} {:8} {:8}",
                e.name,
                name_of(&e.kind),
                cut(&e.anatomy.join(", "), 22),
                number(e.counts.subjects),
                number(e.counts.volumes.or(e.counts.images)),
                name_of(&e.licence.admits),
                name_of(&e.verified),
                if e.adapter.is_some() { "yes" } else { "no" },
            )?;
        }
        let verified = self.by_verified();
        let count = |v| verified.get(&v).copied().unwrap_or(0);
        write!(
            f,
            "{} datasets: {} verified, {} partly, {} not verified; {} readable",
            self.datasets.len(),
            count(Verified::Yes),
            count(Verified::Partly),
            count(Verified::No),
            self.datasets.iter().filter(|e| e.adapter.is_some()).count(),
        )
    }
}

/// One entry in words; as JSON the entry itself.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Shown(pub &'static CatalogueEntry);

/// The entry of this name.
pub fn show(name: &str) -> Result<Shown> {
    find(name).map(Shown)
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let e = self.0;
        writeln!(f, "{} ({})", e.title, e.name)?;
        writeln!(f, "  kind       {}", name_of(&e.kind))?;
        writeln!(f, "  anatomy    {}", e.anatomy.join(", "))?;
        writeln!(f, "  sequences  {}", e.sequences.join(", "))?;
        writeln!(f, "  tasks      {}", e.tasks.join(", "))?;
        let c = &e.counts;
        let counts: Vec<_> = [
            ("subjects", c.subjects),
            ("volumes", c.volumes),
            ("images", c.images),
            ("questions", c.questions),
            ("texts", c.texts),
        ]
        .into_iter()
        .filter_map(|(what, n)| n.map(|n| format!("{n} {what}")))
        .collect();
        writeln!(
            f,
            "  size       {}",
            if counts.is_empty() {
                "not known".into()
            } else {
                counts.join(", ")
            }
        )?;
        writeln!(f, "  licence    {}", e.licence.name)?;
        writeln!(f, "             {}", e.licence.plain)?;
        if !e.licence.read {
            writeln!(
                f,
                "             Not read at the source's own words: read it before you rely on it."
            )?;
        }
        writeln!(
            f,
            "  get it     {} ({})",
            e.access.page,
            name_of(&e.access.how)
        )?;
        writeln!(f, "  folder     {} under the data root", e.folder())?;
        writeln!(f, "  layout     {}", e.layout)?;
        writeln!(f, "             from: {}", e.layout_from)?;
        match &e.adapter {
            Some(adapter) => writeln!(f, "  adapter    {}", adapter.kind.name())?,
            None => writeln!(f, "  adapter    none yet: the entry holds facts only")?,
        }
        if !e.overlaps_with.is_empty() {
            writeln!(f, "  overlaps   {}", e.overlaps_with.join(", "))?;
        }
        writeln!(f, "  cite       {}", e.citation)?;
        write!(f, "  verified   {}", name_of(&e.verified))?;
        for note in &e.notes {
            write!(f, "\n  note       {note}")?;
        }
        Ok(())
    }
}

/// The name under which a unit variant is serialised.
pub(crate) fn name_of<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}

/// At most `n` characters, with an ellipsis where something was cut.
fn cut(text: &str, n: usize) -> String {
    if text.chars().count() <= n {
        return text.to_owned();
    }
    text.chars()
        .take(n.saturating_sub(3))
        .chain("...".chars())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_and_counts() {
        let all = list(&ListFilter::default());
        assert_eq!(all.datasets.len(), catalogue().len());
        assert_eq!(
            all.by_verified().values().sum::<usize>(),
            all.datasets.len()
        );
        let heart = ListFilter {
            anatomy: Some("Heart".into()),
            ..ListFilter::default()
        };
        let heart = list(&heart);
        assert!(heart.datasets.iter().any(|e| e.name == "cardiac_lv"));
        assert!(
            heart
                .datasets
                .iter()
                .all(|e| e.anatomy.iter().any(|a| a.contains("heart")))
        );
        let json = serde_json::to_value(&heart).unwrap();
        assert_eq!(
            json["datasets"].as_array().unwrap().len(),
            heart.datasets.len()
        );
    }

    #[test]
    fn an_entry_is_shown_in_words() {
        let text = show("spine_lumbar").unwrap().to_string();
        assert!(text.contains("read it before you rely on it") && text.contains("images.csv"));
        let error = show("spine").unwrap_err().to_string();
        assert!(error.contains("spine_lumbar"), "{error}");
    }
}
