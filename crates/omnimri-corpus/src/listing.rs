//! What `corpus list` and `corpus show` print.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::adapter::Adapter;
use crate::catalogue::{AccessKind, CatalogueEntry, Kind, Use, Verified, catalogue, find};
use crate::error::Result;

/// Which entries to list; an absent filter admits all. Letter case does not matter.
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
    /// That contain each of these words somewhere.
    pub words: Vec<String>,
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
            && self.has_words(e)
    }

    fn has_words(&self, e: &CatalogueEntry) -> bool {
        if self.words.is_empty() {
            return true;
        }
        let single = [&e.name, &e.title, &e.layout, &e.citation, &e.licence.name];
        let lists = [
            &e.anatomy,
            &e.sequences,
            &e.tasks,
            &e.notes,
            &e.overlaps_with,
        ];
        let all: Vec<&str> = single
            .into_iter()
            .chain(lists.into_iter().flatten())
            .map(String::as_str)
            .collect();
        let all = all.join("\n").to_lowercase();
        self.words.iter().all(|w| all.contains(&w.to_lowercase()))
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
        let mut out: BTreeMap<_, _> = Verified::ALL.iter().map(|v| (*v, 0)).collect();
        for entry in &self.datasets {
            *out.entry(entry.verified).or_default() += 1;
        }
        out
    }
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.datasets.iter().map(|e| e.name.len()).max();
        let width = width.unwrap_or(0).max(4);
        writeln!(
            f,
            "{:width$}  {:12} {:22} {:>8} {:>8} {:11} {:12} {:8} {:8}",
            "name",
            "kind",
            "anatomy",
            "subjects",
            "images",
            "admits",
            "access",
            "verified",
            "readable"
        )?;
        for e in &self.datasets {
            let number = |n: Option<u64>| n.map_or_else(|| "-".into(), |n| n.to_string());
            writeln!(
                f,
                "{:width$}  {:12} {:22} {:>8} {:>8} {:11} {:12} {:8} {:8}",
                e.name,
                e.kind,
                cut(&e.anatomy.join(", "), 22),
                number(e.counts.subjects),
                number(e.counts.volumes.or(e.counts.images)),
                e.licence.admits,
                e.access.how,
                e.verified,
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

impl Shown {
    /// Entries that share people with this one, by their own account or by this one's, and collections outside.
    fn overlaps(&self) -> Vec<&'static str> {
        let others = catalogue()
            .iter()
            .filter(|o| o.overlaps().any(|name| name == self.0.name))
            .map(|o| o.name.as_str());
        let mut all: Vec<_> = self.0.overlaps().chain(others).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The terms that its masks outline, each with its code where one was checked.
    fn labels(&self) -> Vec<String> {
        let rules = self.0.adapter.iter().flat_map(Adapter::mask_rules);
        let mut seen = Vec::new();
        for term in rules.flat_map(|rule| &rule.annotated) {
            if !seen.contains(term) {
                seen.push(*term);
            }
        }
        seen.into_iter()
            .map(|term| match term.code() {
                None => term.to_string(),
                Some(code) => {
                    let within = if code.exact { "" } else { "within " };
                    format!("{term} ({within}{} {})", code.scheme, code.value)
                }
            })
            .collect()
    }

    fn size(&self) -> String {
        let c = &self.0.counts;
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
        if counts.is_empty() {
            "not known".into()
        } else {
            counts.join(", ")
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let e = self.0;
        writeln!(f, "{} ({})", e.title, e.name)?;
        writeln!(f, "  kind       {}", e.kind)?;
        writeln!(f, "  anatomy    {}", e.anatomy.join(", "))?;
        writeln!(f, "  sequences  {}", e.sequences.join(", "))?;
        writeln!(f, "  tasks      {}", e.tasks.join(", "))?;
        writeln!(f, "  size       {}", self.size())?;
        writeln!(f, "  licence    {}", e.licence.name)?;
        writeln!(f, "             {}", e.licence.plain)?;
        writeln!(
            f,
            "             widest use that it admits: {}",
            e.licence.admits
        )?;
        if !e.licence.read {
            writeln!(
                f,
                "             Not read at the source's own words: read it before you rely on it."
            )?;
        }
        writeln!(f, "  get it     {} ({})", e.access.page, e.access.how)?;
        for sum in &e.checksum {
            writeln!(f, "             {} {}: {}", sum.file, sum.digest, sum.value)?;
        }
        writeln!(f, "  folder     {} under the data root", e.folder())?;
        writeln!(f, "  layout     {}", e.layout)?;
        writeln!(f, "             from: {}", e.layout_from)?;
        match &e.adapter {
            Some(adapter) => writeln!(f, "  adapter    {}", adapter.kind.name())?,
            None => writeln!(f, "  adapter    none yet: the entry holds facts only")?,
        }
        let labels = self.labels();
        if !labels.is_empty() {
            writeln!(f, "  labels     {}", labels.join(", "))?;
        }
        let overlaps = self.overlaps();
        if !overlaps.is_empty() {
            writeln!(f, "  overlaps   {}", overlaps.join(", "))?;
        }
        if !e.images_from.is_empty() {
            writeln!(f, "  images of  {}", e.images_from.join(", "))?;
        }
        writeln!(f, "  cite       {}", e.citation)?;
        write!(f, "  verified   {}", e.verified)?;
        for note in &e.notes {
            write!(f, "\n  note       {note}")?;
        }
        Ok(())
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

    fn names(filter: &ListFilter) -> Vec<&'static str> {
        list(filter)
            .datasets
            .iter()
            .map(|e| e.name.as_str())
            .collect()
    }

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
    fn every_filter_lets_some_through_and_holds_some_back() {
        let base = ListFilter::default;
        let filters = [
            ListFilter {
                kind: Some(Kind::Instruction),
                ..base()
            },
            ListFilter {
                task: Some("detection".into()),
                ..base()
            },
            ListFilter {
                admits: Some(Use::Commercial),
                ..base()
            },
            ListFilter {
                access: Some(AccessKind::Open),
                ..base()
            },
            ListFilter {
                verified: Some(Verified::Partly),
                ..base()
            },
            ListFilter {
                words: vec!["sunnybrook".into(), "CINE".into()],
                ..base()
            },
        ];
        for filter in filters {
            let n = names(&filter).len();
            assert!(0 < n && n < catalogue().len(), "{filter:?}: {n}");
        }
        let both = ListFilter {
            words: vec!["sunnybrook".into(), "hippocampus".into()],
            ..base()
        };
        assert_eq!(names(&both), Vec::<&str>::new());
    }

    #[test]
    fn an_entry_is_shown_in_words() {
        let text = show("spine_lumbar").unwrap().to_string();
        assert!(text.contains("read it before you rely on it") && text.contains("images.csv"));
        assert!(
            text.contains("vertebral body L1 (within SCT 66794005)"),
            "{text}"
        );
        let original = show("open_ms").unwrap().to_string();
        assert!(
            original.contains("overlaps   ms_brain"),
            "the other side says so: {original}"
        );
        let error = show("spine").unwrap_err().to_string();
        assert!(error.contains("spine_lumbar"), "{error}");
    }
}
