//! One split of one dataset: its items through the workers into shards.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::estimate::estimate;
use super::likes::Likes;
use super::report::{Progress, Stages};
use super::{Build, BuildOptions, Work};
use crate::adapter::{Item, read_item};
use crate::copies::SLICES;
use crate::describe::{TextFiller, describe_study};
use crate::error::{Error, Result};
use crate::example::{DatasetId, Split};
use crate::harmonise::Quality;
use crate::harmonise::near::{Owner, Signatures};
use crate::instruct::{Known, instructions_of};
use crate::shard::manifest::{LeftOut, Part, Why};
use crate::shard::ordered::{self, ordered};
use crate::shard::record::{Packed, Record};
use crate::shard::write::ShardWriter;
use crate::study::Study;

/// What is kept of the items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// Rows in shards.
    All,
    /// Only what an image of the other split is compared with.
    Signatures,
}

/// What goes from part to part.
pub(super) struct Run<'a> {
    progress: &'a mut dyn FnMut(&Progress),
    total: usize,
    done: usize,
    /// Done in this run.
    fresh: usize,
    start: Instant,
    /// Images of the other split that are in no shard.
    pub unwritten: Vec<(Owner, Signatures)>,
}

impl<'a> Run<'a> {
    pub fn new(total: usize, progress: &'a mut dyn FnMut(&Progress)) -> Self {
        Self {
            progress,
            total,
            done: 0,
            fresh: 0,
            start: Instant::now(),
            unwritten: Vec::new(),
        }
    }

    fn step(&mut self, dataset: &DatasetId, split: Split) {
        self.done += 1;
        self.fresh += 1;
        let per_second = self.fresh as f64 / self.start.elapsed().as_secs_f64().max(1e-9);
        let left = self.total.saturating_sub(self.done) as f64 / per_second;
        (self.progress)(&Progress {
            dataset: dataset.clone(),
            split,
            done: self.done as u64,
            total: self.total as u64,
            per_second,
            left: Duration::try_from_secs_f64(left).ok(),
        });
    }
}

/// What became of an item.
enum Outcome {
    Row(Box<Packed>),
    Signature(Signatures),
    LeftOut(Why, String),
    /// Not the data's fault: the build stops.
    Failed(Box<Error>),
}

/// The work on the items of a part.
struct Items<'a> {
    options: &'a BuildOptions,
    filler: &'a dyn TextFiller,
    /// Most bytes of one item.
    limit: u64,
    licence: &'a str,
    items: Vec<&'a Item>,
    keep: Keep,
    against: &'a Likes,
}

impl ordered::Work for Items<'_> {
    type Out = (Outcome, Stages);

    fn estimate(&self, k: usize) -> u64 {
        estimate(self.items[k])
    }

    fn run(&self, k: usize, estimate: u64) -> Self::Out {
        let mut stages = Stages::default();
        let outcome = self.item(self.items[k], estimate, &mut stages);
        (outcome.unwrap_or_else(|o| o), stages)
    }

    fn kept(&self, (outcome, _): &Self::Out) -> u64 {
        match outcome {
            Outcome::Row(row) => row.n_bytes(),
            _ => 0,
        }
    }
}

impl Items<'_> {
    /// An item read, described and compressed; the error is what else became of it.
    fn item(
        &self,
        item: &Item,
        estimate: u64,
        stages: &mut Stages,
    ) -> std::result::Result<Outcome, Outcome> {
        if estimate > self.limit {
            return Err(Outcome::Failed(Box::new(Error::Memory {
                what: format!("{} {}", item.dataset, item.id),
                needed: estimate,
                limit: self.limit,
            })));
        }
        let clock = Instant::now();
        let (example, _) = read_item(item, self.options.max_side)
            .map_err(|fault| Outcome::LeftOut(Why::Damaged, fault.to_string()))?;
        stages.read_s = clock.elapsed().as_secs_f64();

        let clock = Instant::now();
        let signature = Signatures::of(&example.image, SLICES);
        if let Some(reason) = self.against.like(&signature) {
            return Err(Outcome::LeftOut(Why::NearDuplicate, reason));
        }
        if self.keep == Keep::Signatures {
            return Ok(Outcome::Signature(signature));
        }
        let variant = variant(self.options.seed, item);
        let study = Study::of(&example);
        let description = describe_study(&study, self.filler, variant)
            .map_err(|e| Outcome::Failed(Box::new(e)))?;
        let instructions = instructions_of(&Known::of_study(&study), variant);
        let record = Record {
            quality: Quality::of(&example.image),
            example,
            description,
            instructions,
            licence: self.licence.to_owned(),
        };
        stages.text_s = clock.elapsed().as_secs_f64();

        let clock = Instant::now();
        let packed = Packed::new(record, signature)
            .map_err(|reason| Outcome::LeftOut(Why::Damaged, reason))?;
        stages.encode_s = clock.elapsed().as_secs_f64();
        Ok(Outcome::Row(Box::new(packed)))
    }
}

/// Which phrasing an example gets: always the same for a seed, whatever else is built.
fn variant(seed: u64, item: &Item) -> u64 {
    let digest = Sha256::digest(format!("{seed}\n{}\n{}", item.dataset, item.id));
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_le_bytes(first)
}

impl Build<'_> {
    /// Works on the items of a part that are not done, and writes their shards.
    pub(super) fn part(
        &mut self,
        work: &Work<'_>,
        split: Split,
        keep: Keep,
        against: &Likes,
        run: &mut Run<'_>,
    ) -> Result<()> {
        let at = (keep == Keep::All).then(|| self.begin(&work.dataset, split));
        let parts = &self.manifest.parts;
        let part = parts
            .iter()
            .find(|p| p.dataset == work.dataset && p.split == split);
        let mut done = HashSet::new();
        if let Some(part) = part {
            done = self.ids(part)?;
            *self.report.kept.of(split) += done.len() as u64;
            let left_out = part.shards.iter().flat_map(|s| &s.rejected);
            done.extend(left_out.filter_map(|r| r.id.clone()));
        }
        let all = work.items(split);
        let items: Vec<&Item> = all.iter().filter(|i| !done.contains(&i.id)).collect();
        run.done += all.len() - items.len();
        let job = Items {
            options: self.options,
            filler: self.filler,
            limit: self.limits.bytes,
            licence: &work.entry.licence.name,
            items,
            keep,
            against,
        };
        let mut sink = Sink {
            build: self,
            work,
            split,
            at,
            writer: None,
            rejected: Vec::new(),
        };
        let n = job.items.len();
        let limits = sink.build.limits;
        let ended = ordered(n, limits, &job, |k, (outcome, stages)| {
            sink.build.report.stages.add(&stages);
            sink.take(job.items[k], outcome, run)?;
            run.step(&work.dataset, split);
            Ok::<(), Error>(())
        });
        let ended = ended.and_then(|peak| {
            sink.build.report.peak = sink.build.report.peak.max(peak);
            sink.end_shard()
        });
        sink.close(ended.is_ok());
        ended?;
        match at {
            Some(_) => self.manifest.write(&self.store),
            None => Ok(()),
        }
    }

    /// The place of a part in the manifest, made if need be.
    fn begin(&mut self, dataset: &DatasetId, split: Split) -> usize {
        let parts = &mut self.manifest.parts;
        let found = parts
            .iter()
            .position(|p| p.dataset == *dataset && p.split == split);
        let at = found.unwrap_or_else(|| {
            parts.push(Part {
                dataset: dataset.clone(),
                split,
                complete: false,
                shards: Vec::new(),
                rejected: Vec::new(),
            });
            parts.len() - 1
        });
        // What was left out of a whole part is tried again: a file may have been mended.
        parts[at].rejected.clear();
        parts[at].complete = false;
        at
    }
}

/// Where results go.
struct Sink<'a, 'b> {
    build: &'a mut Build<'b>,
    work: &'a Work<'a>,
    split: Split,
    /// The part in the manifest.
    at: Option<usize>,
    writer: Option<ShardWriter>,
    /// Left out since the last shard.
    rejected: Vec<LeftOut>,
}

impl Sink<'_, '_> {
    fn take(&mut self, item: &Item, outcome: Outcome, run: &mut Run<'_>) -> Result<()> {
        match outcome {
            Outcome::Failed(error) => Err(*error),
            Outcome::Signature(signature) => {
                let owner = Owner {
                    dataset: item.dataset.name().to_owned(),
                    id: item.id.clone(),
                    subject: item.subject.clone(),
                    split: item.split,
                };
                run.unwritten.push((owner, signature));
                Ok(())
            }
            Outcome::LeftOut(why, reason) => self.leave_out(item, why, &reason),
            Outcome::Row(row) => {
                let clock = Instant::now();
                let written = self.write(*row);
                self.build.report.stages.write_s += clock.elapsed().as_secs_f64();
                written
            }
        }
    }

    fn leave_out(&mut self, item: &Item, why: Why, reason: &str) -> Result<()> {
        let root = &self.build.options.data_root;
        self.rejected.push(LeftOut {
            dataset: item.dataset.clone(),
            split: Some(item.split),
            id: Some(item.id.clone()),
            path: below(root, &item.image),
            why,
            reason: without_root(root, reason),
        });
        // Left-out duplicates are no sign of a damaged copy.
        let faults: Vec<&LeftOut> = self
            .build
            .manifest
            .left_out()
            .chain(&self.rejected)
            .filter(|l| l.dataset == self.work.dataset && l.why != Why::NearDuplicate)
            .collect();
        let total = self.work.n_inputs();
        let allowed = (total as f64 * self.build.options.max_rejected_share).floor() as usize;
        match faults.first() {
            Some(first) if faults.len() > allowed => Err(Error::TooManyRejected {
                name: self.work.entry.name.clone(),
                rejected: faults.len(),
                total,
                allowed,
                first: format!("{}: {}", first.path, first.reason),
            }),
            _ => Ok(()),
        }
    }

    fn write(&mut self, row: Packed) -> Result<()> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => {
                let shards = self.at.and_then(|k| self.build.manifest.parts.get(k));
                let number = shards.map_or(0, |p| p.shards.len());
                let path = format!("{}/{}-{number:05}.parquet", self.split, self.work.dataset);
                let writer = ShardWriter::new(&self.build.store, path)?;
                self.writer.insert(writer)
            }
        };
        writer.push(row)?;
        let full = writer.n_bytes() >= self.build.options.shard_bytes;
        *self.build.report.written.of(self.split) += 1;
        if full { self.end_shard() } else { Ok(()) }
    }

    /// Ends the shard at hand and names it in the manifest.
    fn end_shard(&mut self) -> Result<()> {
        let Some(writer) = self.writer.take() else {
            return Ok(());
        };
        let mut shard = writer.finish()?;
        shard.rejected = std::mem::take(&mut self.rejected);
        if let Some(part) = self.at.and_then(|k| self.build.manifest.parts.get_mut(k)) {
            part.shards.push(shard);
        }
        self.build.manifest.write(&self.build.store)
    }

    /// Notes what was left out last. In a whole part all of it stands in one place, in the order of the table.
    fn close(self, whole: bool) {
        let Some(part) = self.at.and_then(|k| self.build.manifest.parts.get_mut(k)) else {
            return;
        };
        part.rejected = self.rejected;
        if !whole {
            return;
        }
        for shard in &mut part.shards {
            part.rejected.append(&mut shard.rejected);
        }
        let order: HashMap<&str, usize> = self
            .work
            .items(self.split)
            .iter()
            .enumerate()
            .map(|(k, item)| (item.id.as_str(), k))
            .collect();
        let place = |l: &LeftOut| l.id.as_deref().and_then(|id| order.get(id).copied());
        part.rejected.sort_by_key(place);
        part.complete = true;
    }
}

/// A path below the data root, so that nothing of this machine is told.
pub(super) fn below(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path);
    below.to_string_lossy().into_owned()
}

/// A message without the data root in its paths.
pub(super) fn without_root(root: &Path, text: &str) -> String {
    text.replace(&format!("{}/", root.display()), "")
}
