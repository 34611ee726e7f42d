//! A whole dataset into memory.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::adapter::{Item, has_rows, list, read_item};
use crate::catalogue::{CatalogueEntry, catalogue, find};
use crate::error::{Error, Result};
use crate::example::{Example, Split};

/// An input that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// The file.
    pub path: PathBuf,
    /// Why, in words.
    pub reason: String,
}

/// A dataset in memory.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Examples in the order of the dataset's table.
    pub examples: Vec<Example>,
    /// Inputs that were left out.
    pub rejected: Vec<Rejected>,
}

/// Limits and choices of loading.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadOptions {
    /// Only this part; both if `None`.
    pub split: Option<Split>,
    /// Longest side of a slice in pixels, larger ones are shrunk; `None` keeps every size.
    pub max_side: Option<usize>,
    /// Share of inputs (0 to 1) that may be rejected before loading fails.
    pub max_rejected_share: f64,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            split: None,
            max_side: Some(256),
            max_rejected_share: 0.2,
        }
    }
}

/// Loads a dataset from its folder with the default [`LoadOptions`].
///
/// `split` asks for one part; rows of the other are never read.
pub fn load(entry: &CatalogueEntry, dir: &Path, split: Option<Split>) -> Result<Loaded> {
    load_with(
        entry,
        dir,
        &LoadOptions {
            split,
            ..LoadOptions::default()
        },
    )
}

/// Loads a dataset from its folder. Items are read in parallel; the result does not depend on the number of threads.
pub fn load_with(entry: &CatalogueEntry, dir: &Path, options: &LoadOptions) -> Result<Loaded> {
    let listed = list(entry, dir)?;
    let wanted: Vec<Item> = listed
        .items
        .into_iter()
        .filter(|item| options.split.is_none_or(|split| split == item.split))
        .collect();
    let read: Vec<_> = wanted
        .par_iter()
        .map(|item| {
            read_item(item, options.max_side)
                .map(|(example, _)| example)
                .map_err(|fault| Rejected {
                    path: item.image.clone(),
                    reason: fault.to_string(),
                })
        })
        .collect();
    let mut loaded = Loaded {
        examples: Vec::with_capacity(read.len()),
        rejected: listed.rejected,
    };
    for result in read {
        match result {
            Ok(example) => loaded.examples.push(example),
            Err(rejected) => loaded.rejected.push(rejected),
        }
    }
    let total = loaded.examples.len() + loaded.rejected.len();
    let allowed = (total as f64 * options.max_rejected_share).floor() as usize;
    match loaded.rejected.first() {
        Some(first) if loaded.rejected.len() > allowed => Err(Error::TooManyRejected {
            name: entry.name.clone(),
            rejected: loaded.rejected.len(),
            total,
            allowed,
            first: format!("{}: {}", first.path.display(), first.reason),
        }),
        _ => Ok(loaded),
    }
}

/// Loads the named datasets from their folders under `data_root`, one after the other.
///
/// No names: every dataset of the catalogue whose folder is there and that has an adapter.
pub fn load_all(data_root: &Path, names: &[String], split: Option<Split>) -> Result<Loaded> {
    load_all_with(
        data_root,
        names,
        &LoadOptions {
            split,
            ..LoadOptions::default()
        },
    )
}

/// As [`load_all`] with explicit options.
pub fn load_all_with(data_root: &Path, names: &[String], options: &LoadOptions) -> Result<Loaded> {
    let mut all = Loaded::default();
    for entry in chosen(data_root, names)? {
        let one = load_with(entry, &data_root.join(entry.folder()), options)?;
        all.examples.extend(one.examples);
        all.rejected.extend(one.rejected);
    }
    Ok(all)
}

/// Entries by name; without names all that can be read and whose table is there.
pub fn chosen(data_root: &Path, names: &[String]) -> Result<Vec<&'static CatalogueEntry>> {
    if !names.is_empty() {
        return names.iter().map(|name| find(name)).collect();
    }
    let there = |entry: &&CatalogueEntry| {
        entry
            .adapter
            .as_ref()
            .is_some_and(|a| has_rows(a, &data_root.join(entry.folder())))
    };
    Ok(catalogue().iter().filter(there).collect())
}
