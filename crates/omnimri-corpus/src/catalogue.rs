//! Catalogue entries: facts about a dataset and how to read it, one small TOML file each.

use serde::{Deserialize, Serialize};

use crate::adapter::Adapter;
use crate::error::{Error, Result};
pub use crate::kinds::{AccessKind, Digest, Kind, Use, Verified};

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

/// A checksum that was published with the data, or by a program that loads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checksum {
    /// The file it belongs to, as it is downloaded.
    pub file: String,
    /// How it is computed.
    pub digest: Digest,
    /// Lower-case hexadecimal digits.
    pub value: String,
    /// Where it was read.
    pub from: String,
}

impl Checksum {
    fn is_well_formed(&self) -> bool {
        let digits = match self.digest {
            Digest::Md5 => 32,
            Digest::Sha256 => 64,
        };
        let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        self.value.len() == digits && self.value.chars().all(hex)
    }
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
    /// Kinds of imaging; MR alone if absent.
    #[serde(default = "mr")]
    pub modalities: Vec<String>,
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
    /// Catalogue names (lower-case) or collections outside it (as published) that share people with this one.
    #[serde(default)]
    pub overlaps_with: Vec<String>,
    /// Catalogue names of which this one is a copy, a part, or new text: its people and images are not counted again.
    #[serde(default)]
    pub images_from: Vec<String>,
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
    /// Checksums of what is downloaded, where one was published.
    #[serde(default)]
    pub checksum: Vec<Checksum>,
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

    /// True if every image is a magnetic resonance image.
    pub fn is_mr_only(&self) -> bool {
        self.modalities == mr()
    }

    /// Everything that shares people with this one, each once.
    pub fn overlaps(&self) -> impl Iterator<Item = &str> {
        let images_from = self.images_from.iter();
        let others = self.overlaps_with.iter();
        images_from
            .chain(others.filter(|name| !self.images_from.contains(name)))
            .map(String::as_str)
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
        if !is_name(&self.name) {
            return bad(
                "name",
                "lower-case letters, digits and underscores",
                &self.name,
            );
        }
        for (field, list) in [
            ("anatomy", &self.anatomy),
            ("tasks", &self.tasks),
            ("modalities", &self.modalities),
        ] {
            if list.is_empty() {
                return bad(field, "at least one item", "an empty list");
            }
        }
        if let Some(wrong) = self.checksum.iter().find(|c| !c.is_well_formed()) {
            return bad(
                "checksum.value",
                "32 (md5) or 64 (sha256) lower-case hexadecimal digits",
                &wrong.value,
            );
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

fn mr() -> Vec<String> {
    vec!["MR".into()]
}

/// True for what can be the name of an entry.
pub(crate) fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    !text.is_empty() && text.chars().all(plain)
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
