//! Answers of a model on disk, so that the same question is asked once.

use std::io::Read;
use std::path::{Path, PathBuf};

use omnimri_image::write_beside;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::shard::store::hex;

/// A longer file is none of ours.
const MAX_BYTES: u64 = 1 << 20;

/// What was asked; its hash names the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key<'a> {
    pub model: &'a str,
    pub prompt: &'a str,
    pub image: &'a [u8],
    pub level: &'a str,
    pub seed: u64,
}

impl Key<'_> {
    /// SHA-256 in hexadecimal. Every part is preceded by its length, so that no two keys run into one another.
    pub fn hash(&self) -> String {
        let mut digest = Sha256::new();
        let seed = self.seed.to_le_bytes();
        let image = Sha256::digest(self.image);
        for part in [
            self.model.as_bytes(),
            self.prompt.as_bytes(),
            &image,
            self.level.as_bytes(),
            &seed,
        ] {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        hex(&digest.finalize())
    }
}

/// One answer as it lies on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub model: String,
    pub level: String,
    pub prompt: String,
    /// The model's words as they came; empty where it declined.
    pub text: String,
}

/// A folder of answers, one file each.
#[derive(Debug, Clone)]
pub(super) struct Cache {
    dir: PathBuf,
}

impl Cache {
    /// The cache in `dir`, which is made if it is not there.
    pub fn open(dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir).map_err(Error::io(dir, "create"))?;
        Ok(Self { dir: dir.into() })
    }

    fn path(&self, hash: &str) -> PathBuf {
        let (folder, name) = hash.split_at(2);
        self.dir.join(folder).join(format!("{name}.json"))
    }

    /// The answer kept under `hash`; a damaged file counts as none and is written anew.
    pub fn get(&self, hash: &str) -> Option<Entry> {
        let file = std::fs::File::open(self.path(hash)).ok()?;
        let mut text = String::new();
        file.take(MAX_BYTES).read_to_string(&mut text).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Keeps an answer.
    pub fn put(&self, hash: &str, entry: &Entry) -> Result<()> {
        let path = self.path(hash);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(Error::io(parent, "create"))?;
        }
        let json = serde_json::to_vec_pretty(entry)
            .map_err(|e| Error::io(&path, "encode")(std::io::Error::other(e)))?;
        write_beside(&path, |file| file.write_all(&json)).map_err(Error::Write)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_the_question_changes_the_hash() {
        let key = Key {
            model: "m",
            prompt: "ab",
            image: b"i",
            level: "c",
            seed: 1,
        };
        let others = [
            Key { model: "n", ..key },
            Key {
                prompt: "a",
                level: "bc",
                ..key
            },
            Key { image: b"j", ..key },
            Key { level: "d", ..key },
            Key { seed: 2, ..key },
        ];
        assert_eq!(key.hash().len(), 64);
        for other in others {
            assert_ne!(key.hash(), other.hash(), "{other:?}");
        }
    }

    #[test]
    fn a_damaged_file_counts_as_none() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(&dir.path().join("new")).unwrap();
        let entry = Entry {
            model: "m".into(),
            level: "signal".into(),
            prompt: "p".into(),
            text: "Dark.".into(),
        };
        assert_eq!(cache.get("abcd"), None);
        cache.put("abcd", &entry).unwrap();
        assert_eq!(cache.get("abcd"), Some(entry.clone()));
        std::fs::write(cache.path("abcd"), "{\"model\": \"m\"").unwrap();
        assert_eq!(cache.get("abcd"), None);
        cache.put("abcd", &entry).unwrap();
        assert_eq!(cache.get("abcd"), Some(entry));
    }
}
