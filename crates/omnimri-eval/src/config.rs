//! What is evaluated: one TOML a run.

use std::path::{Path, PathBuf};

use omnimri_corpus::Split;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::sets::Set;

/// An evaluation: one split, never two mixed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvalConfig {
    /// Folder that holds the sets; a relative path is taken from the current folder.
    pub data: PathBuf,
    /// `val`, or `train` to see how far a model has overfitted.
    pub split: Split,
    /// The sets, each once, in the order of the table.
    pub sets: Vec<Set>,
    /// Only the first rows of each set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Seed of the bootstrap.
    #[serde(default)]
    pub seed: u64,
    /// Resamples of the bootstrap.
    #[serde(default = "default_draws")]
    pub draws: usize,
    /// Whether reports are written and read back, which takes several times as long.
    #[serde(default)]
    pub words: bool,
    /// Images of each set that are asked about, spread over it; none without `words`.
    #[serde(default)]
    pub asked: usize,
    /// Instead of the figures of the sets: how well images are told from all others, the sets being what is in scope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<ScopeConfig>,
}

/// What is out of scope, and what a gate is fitted on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScopeConfig {
    /// Images of every made kind that judge.
    pub each: usize,
    /// Their seed.
    pub seed: u64,
    /// Images of every made kind that a gate is fitted on.
    pub train_each: usize,
    /// Their seed, another one.
    pub train_seed: u64,
    /// Images of the train part of every set that a gate is fitted on, spread over it.
    pub train_images: usize,
}

const fn default_draws() -> usize {
    1000
}

impl EvalConfig {
    /// Reads and checks a configuration.
    ///
    /// # Errors
    /// If the file cannot be read, has unknown or missing keys, or impossible values.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Read {
            path: path.into(),
            source,
        })?;
        let config: Self = toml::from_str(&text).map_err(|source| Error::ParseConfig {
            path: path.into(),
            source: Box::new(source),
        })?;
        config.check()?;
        Ok(config)
    }

    /// Refuses values that make no sense.
    ///
    /// # Errors
    /// [`Error::Config`] naming the key.
    pub fn check(&self) -> Result<()> {
        let bad = |key, expected, found: String| {
            Err(Error::Config {
                key,
                expected,
                found,
            })
        };
        if self.sets.is_empty() {
            return bad("sets", "at least one set", "none".into());
        }
        for (k, set) in self.sets.iter().enumerate() {
            if self.sets[..k].contains(set) {
                return bad("sets", "each set once", format!("{} twice", set.name()));
            }
        }
        if self.limit == Some(0) {
            return bad("limit", "at least 1", "0".into());
        }
        if let Some(scope) = &self.scope {
            if scope.seed == scope.train_seed {
                let found = format!("{} twice", scope.seed);
                return bad("scope.train_seed", "another seed than scope.seed", found);
            }
            for (key, n) in [
                ("scope.each", scope.each),
                ("scope.train_each", scope.train_each),
                ("scope.train_images", scope.train_images),
            ] {
                if !(1..=10_000).contains(&n) {
                    return bad(key, "1 to 10000", n.to_string());
                }
            }
        }
        if !(20..=100_000).contains(&self.draws) {
            return bad("draws", "20 to 100000", self.draws.to_string());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<EvalConfig> {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("eval.toml");
        std::fs::write(&path, text).expect("a file");
        EvalConfig::read(&path)
    }

    const SOUND: &str = "data = \"d\"\nsplit = \"val\"\nsets = [\"hippocampus\", \"vqa_rad\"]\n";

    #[test]
    fn defaults_and_names() {
        let config = parse(SOUND).unwrap();
        assert_eq!(config.sets, [Set::Hippocampus, Set::VqaRad]);
        assert_eq!((config.seed, config.draws, config.limit), (0, 1000, None));
        let all = Set::ALL.map(|s| format!("\"{}\"", s.name())).join(", ");
        assert_eq!(
            parse(&SOUND.replace("\"hippocampus\", \"vqa_rad\"", &all))
                .unwrap()
                .sets,
            Set::ALL
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = |text: &str, word: &str| {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        };
        wrong(&format!("{SOUND}sedd = 3\n"), "sedd");
        wrong(&SOUND.replace("\"val\"", "\"both\""), "both");
        wrong(&SOUND.replace("vqa_rad", "hippocampus"), "twice");
        wrong(
            &SOUND.replace("\"hippocampus\", \"vqa_rad\"", ""),
            "at least one",
        );
        wrong(&format!("{SOUND}limit = 0\n"), "limit");
        wrong(&format!("{SOUND}draws = 1\n"), "draws");
        let scope =
            "[scope]\neach = 2\nseed = 1\ntrain_each = 2\ntrain_seed = 1\ntrain_images = 2\n";
        wrong(&format!("{SOUND}{scope}"), "train_seed");
        let sound = scope.replace("train_seed = 1", "train_seed = 2");
        assert!(parse(&format!("{SOUND}{sound}")).unwrap().scope.is_some());
        wrong(
            &format!("{SOUND}{}", sound.replace("each = 2", "each = 0")),
            "scope.each",
        );
    }
}
