//! Catalogue entries: facts about a dataset and how to read it, one small TOML file each.

use serde::{Deserialize, Serialize};

use crate::adapter::Adapter;
use crate::error::{Error, Result};

/// What a dataset pairs its images with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Images, with masks, boxes or classes or without.
    ImageOnly,
    /// Images with reports or captions.
    Paired,
    /// Images with questions and answers.
    Instruction,
}

/// How far the facts of an entry were read at their source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verified {
    /// Every figure and the licence.
    Yes,
    /// Some of them; `notes` say which.
    Partly,
    /// None.
    No,
}

/// The widest use that a licence admits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Use {
    /// Not settled: treated as no use at all until a person has read the terms.
    Unclear,
    /// Named persons who signed an agreement.
    Agreement,
    /// Research that earns nothing.
    Research,
    /// Anything.
    Commercial,
}

/// How one gets the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccessKind {
    /// A download.
    Open,
    /// An account, and ticking terms.
    Registration,
    /// A person decides.
    Application,
    /// Nobody outside gets it.
    Closed,
}

/// Sizes as published; `None` where the source does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Counts {
    /// People.
    pub subjects: Option<u64>,
    /// 3D volumes.
    pub volumes: Option<u64>,
    /// 2D images.
    pub images: Option<u64>,
    /// Question-answer pairs.
    pub questions: Option<u64>,
    /// Reports or captions.
    pub texts: Option<u64>,
    /// Examples that the adapter yields, where the copy at hand was counted.
    pub examples: Option<u64>,
    /// Of these: training examples.
    pub train: Option<u64>,
    /// Of these: validation examples.
    pub val: Option<u64>,
}

/// Terms of use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Licence {
    /// Name as the source writes it.
    pub name: String,
    /// The widest use it admits.
    pub admits: Use,
    /// Were the terms read at the source's own words?
    pub read: bool,
    /// Must derived works carry the same licence?
    #[serde(default)]
    pub share_alike: bool,
    /// What it asks of a user, in plain words.
    pub plain: String,
}

/// How to get the data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// What stands before the download.
    pub how: AccessKind,
    /// Page or host to start from.
    pub page: String,
}

/// A dataset: what it is, what it may be used for, how it is laid out, how it is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogueEntry {
    /// Unique lower-case name; also the name of its file.
    pub name: String,
    /// Name as published.
    pub title: String,
    /// What images are paired with.
    pub kind: Kind,
    /// Parts of the body.
    pub anatomy: Vec<String>,
    /// Sequences.
    pub sequences: Vec<String>,
    /// What its labels can be used for.
    pub tasks: Vec<String>,
    /// True for raw k-space.
    #[serde(default)]
    pub kspace: bool,
    /// Folder under the data root; the entry's name if absent.
    #[serde(default)]
    pub folder: Option<String>,
    /// What a user should know, one sentence each.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Catalogue names or well-known collections that share people with this one.
    #[serde(default)]
    pub overlaps_with: Vec<String>,
    /// How far the facts were read at their source.
    pub verified: Verified,
    /// Whom to cite.
    pub citation: String,
    /// Folders and files, in words.
    pub layout: String,
    /// Where the layout was read: a page, a file or the data itself.
    pub layout_from: String,
    /// Sizes.
    #[serde(default)]
    pub counts: Counts,
    /// Terms of use.
    pub licence: Licence,
    /// How to get it.
    pub access: Access,
    /// How to read it; absent for an entry that holds facts only.
    #[serde(default)]
    pub adapter: Option<Adapter>,
}

impl CatalogueEntry {
    /// Parses an entry; `source` names it in messages.
    pub fn parse(source: &str, text: &str) -> Result<Self> {
        let entry: Self = toml::from_str(text).map_err(|e| Error::ParseEntry {
            name: source.into(),
            source: Box::new(e),
        })?;
        entry.validate()?;
        Ok(entry)
    }

    /// Folder under the data root.
    pub fn folder(&self) -> &str {
        self.folder.as_deref().unwrap_or(&self.name)
    }

    /// Refuses what parses and makes no sense.
    fn validate(&self) -> Result<()> {
        let bad = |field: &str, expected: &str, found: &str| {
            Err(Error::BadEntry {
                name: self.name.clone(),
                field: field.into(),
                expected: expected.into(),
                found: found.into(),
            })
        };
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if self.name.is_empty() || !self.name.chars().all(plain) {
            return bad(
                "name",
                "lower-case letters, digits and underscores",
                &self.name,
            );
        }
        for (field, list) in [("anatomy", &self.anatomy), ("tasks", &self.tasks)] {
            if list.is_empty() {
                return bad(field, "at least one item", "an empty list");
            }
        }
        if !is_inside(self.folder()) {
            return bad("folder", "a path inside the data root", self.folder());
        }
        if let (Some(all), Some(train), Some(val)) =
            (self.counts.examples, self.counts.train, self.counts.val)
            && train.checked_add(val) != Some(all)
        {
            return bad(
                "counts",
                "train + val = examples",
                &format!("{train} + {val}, {all}"),
            );
        }
        match &self.adapter {
            Some(adapter) => adapter.validate(&self.name),
            None => Ok(()),
        }
    }
}

/// True for a relative path that cannot leave its folder.
pub(crate) fn is_inside(path: &str) -> bool {
    !path.is_empty()
        && std::path::Path::new(path)
            .components()
            .all(|c| matches!(c, std::path::Component::Normal(_)))
}

use crate::builtin::BUILTIN;

/// All built-in entries, by name.
pub fn catalogue() -> &'static [CatalogueEntry] {
    static ENTRIES: std::sync::OnceLock<Vec<CatalogueEntry>> = std::sync::OnceLock::new();
    ENTRIES.get_or_init(|| {
        // A file that does not parse is caught by the test `every_entry_parses`, so nothing is lost here.
        let mut entries: Vec<_> = BUILTIN
            .iter()
            .filter_map(|(source, text)| CatalogueEntry::parse(source, text).ok())
            .collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        entries
    })
}

/// The built-in entry of this name.
pub fn find(name: &str) -> Result<&'static CatalogueEntry> {
    catalogue().iter().find(|e| e.name == name).ok_or_else(|| {
        let near: Vec<_> = catalogue()
            .iter()
            .filter(|e| e.name.contains(name) || name.contains(&e.name))
            .map(|e| e.name.as_str())
            .collect();
        Error::UnknownDataset {
            name: name.into(),
            hint: if near.is_empty() {
                "`corpus list` prints all names".into()
            } else {
                format!("did you mean {}?", near.join(" or "))
            },
        }
    })
}
