//! The licence gate, and the terms that travel with what was built from the data.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::catalogue::{CatalogueEntry, Use, find};
use crate::error::{Error, Result};
use crate::example::DatasetId;

/// Refuses the first entry whose licence does not admit the use that is asked for.
///
/// Terms that nobody has settled (`unclear`) admit nothing, unless that is what the caller asks for.
pub fn gate(entries: &[&CatalogueEntry], asked: Use) -> Result<()> {
    match entries.iter().find(|e| e.licence.admits < asked) {
        None => Ok(()),
        Some(e) => Err(Error::Licence {
            name: e.name.clone(),
            licence: e.licence.name.clone(),
            admits: match e.licence.admits {
                Use::Unclear => "no use that is settled".into(),
                other => format!("{other} use"),
            },
            asked: format!("{asked} use"),
        }),
    }
}

/// Terms of one dataset, as they are written into a model card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Name of the entry.
    pub dataset: String,
    /// Name as published.
    pub title: String,
    /// The licence's name.
    pub licence: String,
    /// The widest use it admits.
    pub admits: Use,
    /// Was it read at the source's own words?
    pub read: bool,
    /// What it asks, in plain words.
    pub plain: String,
    /// Whom to cite.
    pub citation: String,
    /// What a user should know.
    pub notes: Vec<String>,
}

impl From<&CatalogueEntry> for Terms {
    fn from(e: &CatalogueEntry) -> Self {
        Self {
            dataset: e.name.clone(),
            title: e.title.clone(),
            licence: e.licence.name.clone(),
            admits: e.licence.admits,
            read: e.licence.read,
            plain: e.licence.plain.clone(),
            citation: e.citation.clone(),
            notes: e.notes.clone(),
        }
    }
}

impl fmt::Display for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}. {}", self.title, self.licence, self.plain)?;
        if !self.read {
            write!(f, " (Not read at the source's own words.)")?;
        }
        write!(f, " Cite: {}", self.citation)
    }
}

/// Terms of the named datasets, each once, by name.
pub fn terms<'a>(datasets: impl IntoIterator<Item = &'a DatasetId>) -> Result<Vec<Terms>> {
    let mut names: Vec<&str> = datasets.into_iter().map(DatasetId::name).collect();
    names.sort_unstable();
    names.dedup();
    names
        .into_iter()
        .map(|name| find(name).map(Terms::from))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gate_refuses_what_is_not_admitted() {
        let hippocampus = find("hippocampus").unwrap();
        let spine = find("spine_lumbar").unwrap();
        assert!(gate(&[hippocampus], Use::Commercial).is_ok());
        let error = gate(&[hippocampus, spine], Use::Research).unwrap_err();
        assert!(error.to_string().contains("spine_lumbar"), "{error}");
        assert!(gate(&[hippocampus, spine], Use::Unclear).is_ok());
    }

    #[test]
    fn terms_name_each_dataset_once() {
        let ids = ["vqa_rad", "hippocampus", "vqa_rad"].map(DatasetId::new);
        let all = terms(&ids).unwrap();
        assert_eq!(
            all.iter().map(|t| t.dataset.as_str()).collect::<Vec<_>>(),
            ["hippocampus", "vqa_rad"]
        );
        assert!(all[0].to_string().contains("CC BY-SA"));
    }
}
