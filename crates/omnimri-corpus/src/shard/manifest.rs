//! `manifest.json`: what a set of shards holds, how it was made, and under which terms.
//!
//! It is written anew after every shard, in one piece, and names only shards that are whole: what it does not name is not
//! there.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::schema::SCHEMA_VERSION;
use super::store::Store;
use crate::catalogue::CatalogueEntry;
use crate::error::{Error, Result};
use crate::example::{DatasetId, Split};
use crate::licence::Terms;

/// Its name below the root.
pub const MANIFEST: &str = "manifest.json";
/// The word by which a manifest is known.
const FORMAT: &str = "omnimri-shards";
/// Version of the manifest's own form.
const MANIFEST_VERSION: u32 = 1;
/// Largest manifest that is read.
const MAX_BYTES: u64 = 1 << 30;

/// Everything that a set of shards says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Always `omnimri-shards`.
    pub format: String,
    /// Version of the manifest's form.
    pub manifest_version: u32,
    /// Version of the columns.
    pub schema_version: u32,
    /// Settings that decide what the shards hold.
    pub settings: Settings,
    /// The datasets in it, by name.
    pub datasets: Vec<Dataset>,
    /// Each split of each dataset, in the order in which they were begun.
    pub parts: Vec<Part>,
}

/// Settings that decide the bytes of the shards; a build goes on only with the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Seed of phrasings.
    pub seed: u64,
    /// Longest side of a slice in pixels; `None` keeps every size.
    pub max_side: Option<usize>,
    /// Bytes at which a shard is full.
    pub shard_bytes: u64,
    /// What wrote the levels on which a dataset says nothing.
    pub filler: String,
}

/// A dataset that went in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dataset {
    /// Its terms, as they stood.
    pub terms: Terms,
    /// How it was read: the settings of its adapter.
    pub adapter: Value,
    /// Rows of its table that make no sense.
    pub bad_rows: Vec<LeftOut>,
}

/// One split of one dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The dataset.
    pub dataset: DatasetId,
    /// The split.
    pub split: Split,
    /// True once every example of the listing is in a shard or left out.
    pub complete: bool,
    /// Shards in order.
    pub shards: Vec<Shard>,
    /// Inputs left out after the last shard.
    pub rejected: Vec<LeftOut>,
}

/// A finished shard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shard {
    /// Path below the root.
    pub path: String,
    /// Size of the file.
    pub bytes: u64,
    /// SHA-256 of the file.
    pub sha256: String,
    /// SHA-256 of the ids, each with a line feed.
    pub ids_sha256: String,
    /// Its row groups in order.
    pub groups: Vec<Group>,
    /// Inputs left out between the shard before and the last row of this one.
    pub rejected: Vec<LeftOut>,
}

/// A row group: what is read in one go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Number of examples.
    pub rows: u64,
    /// Bytes of their voxels and labels in memory.
    pub decoded_bytes: u64,
}

/// An input that is in no shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// The dataset.
    pub dataset: DatasetId,
    /// The split, where the input got so far as to have one.
    pub split: Option<Split>,
    /// Id of the example, where it has one.
    pub id: Option<String>,
    /// The file, below the data root.
    pub path: String,
    /// Why.
    pub why: Why,
    /// The same in words.
    pub reason: String,
}

/// Why an input is in no shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Its row of the table makes no sense.
    BadRow,
    /// A file is missing or damaged, or its mask does not fit.
    Damaged,
    /// It is nearly the same as an image of the other split.
    NearDuplicate,
}

impl Shard {
    /// Number of examples.
    pub fn rows(&self) -> u64 {
        self.groups.iter().map(|g| g.rows).sum()
    }
}

impl Dataset {
    /// A dataset as the catalogue has it.
    pub fn of(entry: &CatalogueEntry) -> Self {
        Self {
            terms: Terms::from(entry),
            // The settings came from TOML, so they can be told as JSON.
            adapter: serde_json::to_value(&entry.adapter).unwrap_or_default(),
            bad_rows: Vec::new(),
        }
    }
}

impl Manifest {
    /// The manifest of a set that holds nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            format: FORMAT.into(),
            manifest_version: MANIFEST_VERSION,
            schema_version: SCHEMA_VERSION,
            settings,
            datasets: Vec::new(),
            parts: Vec::new(),
        }
    }

    /// Reads the manifest below a root; `None` where there is none.
    pub(crate) fn read(store: &Store) -> Result<Option<Self>> {
        let Some(bytes) = store.get(MANIFEST, MAX_BYTES)? else {
            return Ok(None);
        };
        let bad = |expected: String, found: String| Error::BadShard {
            url: store.url_of(MANIFEST),
            expected,
            found,
        };
        let no_manifest = |e: serde_json::Error| bad("a manifest".into(), e.to_string());
        let value: Value = serde_json::from_slice(&bytes).map_err(no_manifest)?;
        // Said before the rest is understood, which another version may not be.
        for (key, ours) in [
            ("format", Value::from(FORMAT)),
            ("manifest_version", MANIFEST_VERSION.into()),
            ("schema_version", SCHEMA_VERSION.into()),
        ] {
            if value[key] != ours {
                return Err(bad(format!("{key} {ours}"), value[key].to_string()));
            }
        }
        let manifest: Self = serde_json::from_value(value).map_err(no_manifest)?;
        for shard in manifest.parts.iter().flat_map(|p| &p.shards) {
            if !crate::catalogue::is_inside(&shard.path) {
                return Err(bad("paths below the root".into(), shard.path.clone()));
            }
        }
        Ok(Some(manifest))
    }

    /// Writes it in one piece.
    pub(crate) fn write(&self, store: &Store) -> Result<()> {
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        store.put(MANIFEST, text)
    }

    /// True once every part is whole.
    pub fn is_complete(&self) -> bool {
        self.parts.iter().all(|p| p.complete)
    }

    /// Everything that was left out: bad rows, then by the order of the parts.
    pub fn left_out(&self) -> impl Iterator<Item = &LeftOut> {
        let bad_rows = self.datasets.iter().flat_map(|d| &d.bad_rows);
        bad_rows.chain(self.parts.iter().flat_map(|part| {
            let in_shards = part.shards.iter().flat_map(|s| &s.rejected);
            in_shards.chain(&part.rejected)
        }))
    }

    /// Refuses to go on with other settings, or with an entry that has changed since.
    pub(crate) fn admit(
        &self,
        url: &str,
        settings: &Settings,
        entries: &[&CatalogueEntry],
    ) -> Result<()> {
        let changed = |what: String, was: &Value, now: &Value| Error::Changed {
            url: url.to_owned(),
            what,
            was: was.to_string(),
            now: now.to_string(),
            hint: "build into another folder, or go on with what was set",
        };
        let told = |s: &Settings| serde_json::to_value(s).unwrap_or_default();
        if let Some((what, was, now)) = difference(&told(&self.settings), &told(settings)) {
            return Err(changed(what, &was, &now));
        }
        for entry in entries {
            let Some(old) = self.datasets.iter().find(|d| d.terms.dataset == entry.name) else {
                continue;
            };
            let told = |d: &Dataset| json!({ "terms": d.terms, "adapter": d.adapter });
            if let Some((what, was, now)) = difference(&told(old), &told(&Dataset::of(entry))) {
                return Err(changed(format!("{} {what}", entry.name), &was, &now));
            }
        }
        Ok(())
    }
}

/// Where two values differ first: the path in dots, and both sides.
fn difference(was: &Value, now: &Value) -> Option<(String, Value, Value)> {
    if was == now {
        return None;
    }
    if let (Value::Object(a), Value::Object(b)) = (was, now) {
        let keys = a.keys().chain(b.keys().filter(|k| !a.contains_key(*k)));
        for key in keys {
            if let Some((path, was, now)) = difference(&was[key], &now[key]) {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{key}.{path}")
                };
                return Some((path, was, now));
            }
        }
    }
    Some((String::new(), was.clone(), now.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::find;
    use crate::shard::store::Root;

    fn settings() -> Settings {
        Settings {
            seed: 7,
            max_side: None,
            shard_bytes: 1 << 20,
            filler: "measured".into(),
        }
    }

    #[test]
    fn a_change_is_named() {
        let entry = find("hippocampus").unwrap();
        let mut manifest = Manifest::new(settings());
        manifest.datasets.push(Dataset::of(entry));
        assert!(manifest.admit("m", &settings(), &[entry]).is_ok());
        let other = Settings {
            max_side: Some(128),
            ..settings()
        };
        let error = manifest.admit("m", &other, &[entry]).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("max_side null") && error.contains("128"),
            "{error}"
        );
        let mut moved = entry.clone();
        moved.licence.name = "another".into();
        let error = manifest.admit("m", &settings(), &[&moved]).unwrap_err();
        assert!(error.to_string().contains("terms.licence"), "{error}");
        let text = include_str!("../../../../catalogue/hippocampus.toml");
        let text = text.replace("canonical = true", "canonical = false");
        let turned = CatalogueEntry::parse("hippocampus", &text).unwrap();
        let error = manifest.admit("m", &settings(), &[&turned]).unwrap_err();
        assert!(error.to_string().contains("form.canonical true"), "{error}");
    }

    #[test]
    fn another_version_and_a_path_outside_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().to_str().unwrap(), Root::Create).unwrap();
        assert!(Manifest::read(&store).unwrap().is_none());
        let mut manifest = Manifest::new(settings());
        manifest.write(&store).unwrap();
        assert_eq!(Manifest::read(&store).unwrap().unwrap(), manifest);
        manifest.schema_version += 1;
        manifest.write(&store).unwrap();
        let error = Manifest::read(&store).unwrap_err().to_string();
        assert!(error.contains("schema_version 1, found 2"), "{error}");
        manifest.schema_version -= 1;
        manifest.parts.push(Part {
            dataset: DatasetId::new("x"),
            split: Split::Train,
            complete: true,
            rejected: Vec::new(),
            shards: vec![Shard {
                path: "../secret".into(),
                bytes: 1,
                sha256: String::new(),
                ids_sha256: String::new(),
                groups: Vec::new(),
                rejected: Vec::new(),
            }],
        });
        manifest.write(&store).unwrap();
        assert!(Manifest::read(&store).is_err());
        store.put(MANIFEST, b"{".to_vec()).unwrap();
        assert!(Manifest::read(&store).is_err());
    }
}
