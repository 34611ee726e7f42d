//! Training examples in memory that are nearly the same as a validation image: found once, then kept in a file.
//!
//! [`build()`](crate::build()) leaves such images out of shards. A run that reads folders has no shards to rely on, and reading the whole
//! validation part before every start would cost more than many a run: what was found is kept under a digest of everything
//! that it follows from.

use std::collections::HashSet;
use std::io::Read;
use std::path::Path;

use omnimri_image::write_beside;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::adapter::list;
use crate::catalogue::CatalogueEntry;
use crate::error::{Error, Result};
use crate::example::{Example, Split};
use crate::harmonise::near::{NearIndex, NearOptions, Owner, Signatures};
use crate::load::load;
use crate::shard::store::hex;

/// Slices of a volume that are compared, as in a build.
pub(crate) const SLICES: usize = 3;
/// Form of the kept file.
const VERSION: u32 = 1;
/// A longer file is none of ours.
const MAX_BYTES: u64 = 64 << 20;

/// A training example that is nearly the same as a validation image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NearCopy {
    /// The example's entry.
    pub dataset: String,
    /// The example.
    pub id: String,
    /// Entry and id of the validation image.
    pub of: String,
    /// Best correlation of their thumbnails, up to 1.
    pub correlation: f32,
}

/// What is kept.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    version: u32,
    /// Digest of the training images' signatures, and of the validation part's tables and files.
    inputs: String,
    copies: Vec<NearCopy>,
}

/// Those of `train` that are nearly the same as a validation image of any of the datasets below `data_root`, in the order
/// of `train`; read from `kept` where that file is of the same inputs, else found and written there.
///
/// A validation image that cannot be read is compared with nothing, for nothing is evaluated on it either.
///
/// # Errors
/// Those of reading a dataset, and [`Error::Io`] or [`Error::Write`] if `kept` cannot be written. A kept file that is of another form is made anew.
pub fn copies_of_validation(
    data_root: &Path,
    entries: &[&CatalogueEntry],
    train: &[Example],
    kept: &Path,
) -> Result<Vec<NearCopy>> {
    let signed: Vec<Signatures> = train
        .par_iter()
        .map(|e| Signatures::of(&e.image, SLICES))
        .collect();
    let inputs = digest(data_root, entries, train, &signed)?;
    if let Some(copies) = read(kept, &inputs) {
        return Ok(copies);
    }
    let mut index = NearIndex::new(NearOptions {
        slices_per_volume: SLICES,
        max_bytes: usize::MAX,
    });
    // One dataset in memory at a time beside what is trained on.
    for entry in entries {
        let loaded = load(entry, &data_root.join(entry.folder()), Some(Split::Val))?;
        let signatures: Vec<Signatures> = loaded
            .examples
            .par_iter()
            .map(|e| Signatures::of(&e.image, SLICES))
            .collect();
        for (example, signatures) in loaded.examples.iter().zip(signatures) {
            index.add(Owner::of(example), signatures);
        }
    }
    let found: Vec<Option<NearCopy>> = train
        .par_iter()
        .zip(&signed)
        .map(|(example, signatures)| {
            let (of, correlation) = index.first_like(signatures)?;
            Some(NearCopy {
                dataset: example.dataset.name().to_owned(),
                id: example.id.clone(),
                of: format!("{} {}", of.dataset, of.id),
                correlation,
            })
        })
        .collect();
    let found = Kept {
        version: VERSION,
        inputs,
        copies: found.into_iter().flatten().collect(),
    };
    let text = serde_json::to_string_pretty(&found).unwrap_or_default();
    if let Some(folder) = kept.parent() {
        std::fs::create_dir_all(folder).map_err(Error::io(folder, "make the folder"))?;
    }
    write_beside(kept, |out| out.write_all(text.as_bytes())).map_err(Error::Write)?;
    Ok(found.copies)
}

/// `examples` without those that are among `copies`.
pub fn without(examples: Vec<Example>, copies: &[NearCopy]) -> Vec<Example> {
    let gone: HashSet<(&str, &str)> = copies
        .iter()
        .map(|c| (c.dataset.as_str(), c.id.as_str()))
        .collect();
    let stays = |e: &Example| !gone.contains(&(e.dataset.name(), e.id.as_str()));
    examples.into_iter().filter(stays).collect()
}

/// Digest of what the result follows from: the training images as compared, and names and sizes of validation files.
fn digest(
    data_root: &Path,
    entries: &[&CatalogueEntry],
    train: &[Example],
    signed: &[Signatures],
) -> Result<String> {
    let mut digest = Sha256::new();
    let mut part = |bytes: &[u8]| {
        digest.update((bytes.len() as u64).to_le_bytes());
        digest.update(bytes);
    };
    for (example, signatures) in train.iter().zip(signed) {
        part(example.dataset.name().as_bytes());
        part(example.id.as_bytes());
        part(&signatures.to_bytes());
    }
    for entry in entries {
        part(entry.name.as_bytes());
        let listed = list(entry, &data_root.join(entry.folder()))?;
        for item in listed.items.iter().filter(|i| i.split == Split::Val) {
            part(item.id.as_bytes());
            let bytes = std::fs::metadata(&item.image).map_or(0, |m| m.len());
            part(&bytes.to_le_bytes());
        }
    }
    Ok(hex(&digest.finalize()))
}

/// What was kept of the same inputs.
fn read(kept: &Path, inputs: &str) -> Option<Vec<NearCopy>> {
    let mut text = String::new();
    let file = std::fs::File::open(kept).ok()?;
    file.take(MAX_BYTES).read_to_string(&mut text).ok()?;
    let kept: Kept = serde_json::from_str(&text).ok()?;
    (kept.version == VERSION && kept.inputs == inputs).then_some(kept.copies)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::miniature::write_miniature;

    #[test]
    fn a_copy_is_found_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let entry = crate::catalogue::find("brain_tumor_t1ce").unwrap();
        let dir = folder.path().join(entry.folder());
        write_miniature(entry, &dir).unwrap();
        let of = |split| load(entry, &dir, Some(split)).unwrap().examples;
        let mut train = of(Split::Train);
        let val = of(Split::Val);
        let n = train.len();
        train.push(Example {
            id: "planted".into(),
            split: Split::Train,
            ..val[0].clone()
        });
        let kept = folder.path().join("run/near-copies.json");
        let find = |train: &[Example]| {
            copies_of_validation(folder.path(), &[entry], train, &kept).unwrap()
        };
        let copies = find(&train);
        let planted = copies.iter().find(|c| c.id == "planted").unwrap();
        assert!(planted.of.ends_with(&val[0].id) && planted.correlation > 0.99);
        let left = without(train.clone(), &copies);
        assert_eq!(left.len(), n + 1 - copies.len());
        assert!(left.iter().all(|e| e.id != "planted"));
        // Kept for the same inputs: what stands in the file is believed.
        let text = std::fs::read_to_string(&kept).unwrap();
        std::fs::write(&kept, text.replace("planted", "as kept")).unwrap();
        assert!(find(&train).iter().any(|c| c.id == "as kept"));
        // Of other inputs, or of another form, it is made anew.
        assert!(find(&train[..n]).iter().all(|c| c.id != "as kept"));
        std::fs::write(&kept, "{}").unwrap();
        assert_eq!(find(&train), copies);
    }
}
