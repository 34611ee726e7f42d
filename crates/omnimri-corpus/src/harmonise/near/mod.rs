//! Images that are nearly the same, within a set and across sets.
//!
//! Every volume gives a few slices, every slice a hash of 63 bits and a thumbnail. Candidates come from multi-index
//! hashing (Norouzi, Punjani and Fleet, IEEE Trans. Pattern Anal. Mach. Intell. 36, 2014): the hash is cut into four
//! parts of 16 bits, and two hashes that differ in at most seven bits agree in one part to one bit, so looking up 17
//! values in each of four tables finds them without comparing all pairs. A candidate counts if the thumbnails correlate.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use rayon::prelude::*;
use serde::Serialize;

use crate::example::{Example, Split};
use crate::signature::{Layout, SIDE, Signature};
use crate::stack::Stack;

/// Most differing bits of a pair.
const MOST_BITS: u32 = 7;
/// Correlation of thumbnails from which two slices count as nearly the same.
///
/// Measured on slices of known subjects: copies that were resized, re-windowed, compressed or made noisy correlate from
/// 0.978 and differ in at most 7 bits; of the spine and heart slices of different subjects none that is within 12 bits
/// reaches 0.85; neighbouring slices of one subject lie between.
const LEAST_CORRELATION: f32 = 0.92;
/// Slices whose best bits are shared by more than this many others tell nothing: a blank or a logo.
const BUCKET: usize = 4096;
/// Bytes that a slice takes: thumbnail, hash, owner and its places in four tables.
const SLICE_BYTES: usize = SIDE * SIDE + 64;

/// Choices of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NearOptions {
    /// Slices of a volume that are compared, spread over its middle.
    pub slices_per_volume: usize,
    /// Bytes that signatures may take; what comes later is counted as not compared.
    pub max_bytes: usize,
}

impl Default for NearOptions {
    fn default() -> Self {
        Self {
            slices_per_volume: 5,
            max_bytes: 1 << 30,
        }
    }
}

/// Whose image it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Owner {
    /// Name of the entry.
    pub dataset: String,
    /// Id of the example.
    pub id: String,
    /// Its subject.
    pub subject: String,
    /// Its part.
    pub split: Split,
}

/// Two images with slices that are nearly the same.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NearPair {
    /// The one that was added first.
    pub first: Owner,
    /// The other.
    pub second: Owner,
    /// Best correlation of their thumbnails, up to 1.
    pub correlation: f32,
    /// True if the second is mirrored or transposed.
    pub mirrored: bool,
}

/// Pairs found, and what was not looked at.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct NearReport {
    /// Pairs, in the order in which images were added.
    pub pairs: Vec<NearPair>,
    /// Images that were compared.
    pub n_compared: usize,
    /// Images without structure to compare.
    pub n_blank: usize,
    /// Images that were not compared for want of memory.
    pub n_not_compared: usize,
    /// Pairs by the two datasets' names.
    pub by_datasets: BTreeMap<String, usize>,
}

impl NearReport {
    /// The second images of all pairs, as (dataset, id): leaving these out leaves one of every group of copies.
    pub fn removable(&self) -> BTreeSet<(&str, &str)> {
        self.pairs
            .iter()
            .map(|p| (p.second.dataset.as_str(), p.second.id.as_str()))
            .collect()
    }
}

impl fmt::Display for NearReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} pairs of nearly the same image among {} ({} blank, {} not compared for want of memory)",
            self.pairs.len(),
            self.n_compared,
            self.n_blank,
            self.n_not_compared
        )?;
        for (names, n) in &self.by_datasets {
            writeln!(f, "  {names}: {n}")?;
        }
        Ok(())
    }
}

/// Signatures of many images, to be searched.
#[derive(Debug, Default)]
pub struct NearIndex {
    options: NearOptions,
    owners: Vec<Owner>,
    slices: Vec<(u32, Signature)>,
    tables: [HashMap<u16, Vec<u32>>; 4],
    n_blank: usize,
    n_not_compared: usize,
}

/// Signatures of an image, computed apart from the index so that threads can share the work.
#[derive(Debug, Clone, PartialEq)]
pub struct Signatures(Vec<Signature>);

impl Signatures {
    /// Of `n` slices of a stack, spread over the middle three fifths of the slices that hold something.
    pub fn of(stack: &Stack, n: usize) -> Self {
        let holds = |z: usize| {
            let slice = stack.slice(z);
            slice.iter().filter(|v| **v > 25).count() * 20 > slice.len()
        };
        let first = (0..stack.size.z).find(|&z| holds(z)).unwrap_or(0);
        let last = (0..stack.size.z)
            .rfind(|&z| holds(z))
            .unwrap_or(stack.size.z.saturating_sub(1));
        let at =
            |share: f64| (first as f64 + share * (last - first.min(last)) as f64).round() as usize;
        let wanted: BTreeSet<usize> = match n {
            0 => BTreeSet::new(),
            1 => [at(0.5)].into(),
            n => (0..n)
                .map(|k| at(0.2 + 0.6 * k as f64 / (n - 1) as f64))
                .collect(),
        };
        Self(
            wanted
                .into_iter()
                .filter_map(|z| Signature::of_slice(stack, z))
                .collect(),
        )
    }

    /// Hash (little-endian) and thumbnail of every slice, for storing.
    pub fn to_bytes(&self) -> Vec<u8> {
        let one = |s: &Signature| {
            let thumb = s.thumb.iter().map(|v| v.to_le_bytes()[0]);
            s.hash
                .to_le_bytes()
                .into_iter()
                .chain(thumb)
                .collect::<Vec<u8>>()
        };
        self.0.iter().flat_map(one).collect()
    }

    /// What [`Self::to_bytes`] wrote; `None` for bytes of another length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let slices = bytes.chunks(8 + SIDE * SIDE).map(|chunk| {
            let (hash, thumb) = chunk.split_at_checked(8)?;
            (thumb.len() == SIDE * SIDE).then(|| Signature {
                hash: u64::from_le_bytes(hash.try_into().unwrap_or_default()),
                thumb: thumb.iter().map(|b| i8::from_le_bytes([*b])).collect(),
            })
        });
        slices.collect::<Option<Vec<_>>>().map(Self)
    }
}

impl NearIndex {
    /// An empty index.
    pub fn new(options: NearOptions) -> Self {
        Self {
            options,
            ..Self::default()
        }
    }

    /// Adds an image. Beyond the bound of memory it is counted and left out.
    pub fn add(&mut self, owner: Owner, signatures: Signatures) {
        if signatures.0.is_empty() {
            self.n_blank += 1;
            return;
        }
        let after = self.slices.len() + signatures.0.len();
        let fits = after.saturating_mul(SLICE_BYTES) <= self.options.max_bytes;
        let (Ok(number), true) = (u32::try_from(self.owners.len()), fits) else {
            self.n_not_compared += 1;
            return;
        };
        self.owners.push(owner);
        for signature in signatures.0 {
            let slice = self.slices.len() as u32;
            for (part, table) in self.tables.iter_mut().enumerate() {
                let key = (signature.hash >> (16 * part)) as u16;
                table.entry(key).or_default().push(slice);
            }
            self.slices.push((number, signature));
        }
    }

    /// All pairs of images that `wanted` asks for and that are nearly the same.
    ///
    /// The result does not depend on the number of threads.
    pub fn pairs(&self, wanted: impl Fn(&Owner, &Owner) -> bool + Sync) -> NearReport {
        let found: Vec<_> = (0..self.slices.len())
            .into_par_iter()
            .flat_map_iter(|slice| self.near(slice, &wanted))
            .collect();
        let mut best: BTreeMap<(u32, u32), (f32, bool)> = BTreeMap::new();
        for (a, b, correlation, mirrored) in found {
            let entry = best.entry((a, b)).or_insert((correlation, mirrored));
            if correlation > entry.0 {
                *entry = (correlation, mirrored);
            }
        }
        let mut report = NearReport {
            n_compared: self.owners.len(),
            n_blank: self.n_blank,
            n_not_compared: self.n_not_compared,
            ..NearReport::default()
        };
        for ((a, b), (correlation, mirrored)) in best {
            let (first, second) = (&self.owners[a as usize], &self.owners[b as usize]);
            let names = if first.dataset == second.dataset {
                first.dataset.clone()
            } else {
                format!("{} and {}", first.dataset, second.dataset)
            };
            *report.by_datasets.entry(names).or_default() += 1;
            report.pairs.push(NearPair {
                first: first.clone(),
                second: second.clone(),
                correlation,
                mirrored,
            });
        }
        report
    }

    /// The image that was added first of those that an image outside the index is nearly the same as, with the best
    /// correlation of their slices in any layout.
    pub fn first_like(&self, other: &Signatures) -> Option<(&Owner, f32)> {
        let mut best: Option<(u32, f32)> = None;
        for signature in &other.0 {
            // No bucket is too full here: what is not looked at would be taken for new.
            self.visit(signature, usize::MAX, |owner, candidate, _, correlate| {
                if best.is_some_and(|(first, _)| first < owner) {
                    return;
                }
                let correlation = correlate(candidate);
                let better = best.is_none_or(|(first, c)| owner < first || correlation > c);
                if correlation >= LEAST_CORRELATION && better {
                    best = Some((owner, correlation));
                }
            });
        }
        let (owner, correlation) = best?;
        Some((self.owners.get(owner as usize)?, correlation))
    }

    /// Slices of earlier images near a slice: the two images' numbers, the correlation, and whether it is mirrored.
    fn near(
        &self,
        slice: usize,
        wanted: &(impl Fn(&Owner, &Owner) -> bool + Sync),
    ) -> Vec<(u32, u32, f32, bool)> {
        let (number, signature) = &self.slices[slice];
        let mut out = Vec::new();
        self.visit(signature, BUCKET, |owner, candidate, layout, correlate| {
            let both = || (&self.owners[owner as usize], &self.owners[*number as usize]);
            if owner >= *number || !wanted(both().0, both().1) {
                return;
            }
            let correlation = correlate(candidate);
            if correlation >= LEAST_CORRELATION {
                let mirrored = layout != Layout::all()[0];
                out.push((owner, *number, correlation, mirrored));
            }
        });
        out
    }

    /// Calls `found` for every slice of the index whose hash is near that of `signature` in a layout, once a layout: with its
    /// image's number, its signature, the layout, and what correlates it. Buckets of more than `most` slices are passed by.
    fn visit(
        &self,
        signature: &Signature,
        most: usize,
        mut found: impl FnMut(u32, &Signature, Layout, &dyn Fn(&Signature) -> f32),
    ) {
        let mut seen = BTreeSet::new();
        for layout in Layout::all() {
            let hash = layout.hash(signature.hash);
            let correlate = |candidate: &Signature| candidate.correlation(signature, layout);
            seen.clear();
            for (part, table) in self.tables.iter().enumerate() {
                let key = (hash >> (16 * part)) as u16;
                let near = std::iter::once(key).chain((0..16).map(|bit| key ^ 1 << bit));
                for bucket in near.filter_map(|key| table.get(&key)) {
                    if bucket.len() > most {
                        continue;
                    }
                    for &other in bucket {
                        let (owner, candidate) = &self.slices[other as usize];
                        let bits = (candidate.hash ^ hash).count_ones();
                        if bits <= MOST_BITS && seen.insert(other) {
                            found(*owner, candidate, layout, &correlate);
                        }
                    }
                }
            }
        }
    }
}

/// Pairs of images of different subjects or datasets that are nearly the same, over all `sets`.
///
/// Pairs of one subject of one dataset are no news: its neighbouring slices and repeated scans belong together.
pub fn near_duplicates(sets: &[&[Example]], options: NearOptions) -> NearReport {
    let mut index = NearIndex::new(options);
    for set in sets {
        // In portions, so that signatures and not thumbnails of a whole set wait to be added.
        for portion in set.chunks(256) {
            let signed: Vec<_> = portion
                .par_iter()
                .map(|e| Signatures::of(&e.image, options.slices_per_volume))
                .collect();
            for (example, signatures) in portion.iter().zip(signed) {
                index.add(Owner::of(example), signatures);
            }
        }
    }
    index.pairs(|a, b| a.dataset != b.dataset || a.subject != b.subject)
}

impl Owner {
    /// The owner of an example's image.
    pub fn of(example: &Example) -> Self {
        Self {
            dataset: example.dataset.name().to_owned(),
            id: example.id.clone(),
            subject: example.subject.clone(),
            split: example.split,
        }
    }
}

#[cfg(test)]
mod tests;
