//! One split of a finished set of shards, read as a stream or in shuffled blocks.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::manifest::{MANIFEST, Manifest, Shard};
use super::ordered::{Limits, Work, ordered};
use super::read::{ShardReader, verify};
use super::record::Record;
use super::store::{Root, Store};
use crate::error::{Error, Result};
use crate::example::{Example, Split};
use crate::licence::Terms;

/// The shards of one split. Clones share what was read of them; no file of the other split is ever opened.
#[derive(Clone)]
pub struct ShardSet {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    split: Split,
    shards: Vec<Shard>,
    readers: Vec<ShardReader>,
    groups: Vec<GroupAt>,
    terms: Vec<Terms>,
}

/// Where a row group lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GroupAt {
    shard: usize,
    group: usize,
    /// Bytes of voxels and labels in memory.
    pub decoded_bytes: u64,
}

impl ShardSet {
    /// Opens the shards of one split under a root: a folder, `s3://bucket/path` or `http(s)://host/path`.
    ///
    /// The manifest and every footer are read and held against each other; checksums are made by
    /// [`ShardSet::verify`] only. A build that was not finished is refused.
    pub fn open(root: &str, split: Split) -> Result<Self> {
        let store = Store::open(root, Root::MustExist)?;
        let bad = |expected: &str, found: &str| Error::BadShard {
            url: store.url_of(MANIFEST),
            expected: expected.into(),
            found: found.into(),
        };
        let manifest = Manifest::read(&store)?;
        let manifest = manifest.ok_or_else(|| bad("the manifest of `corpus build`", "no file"))?;
        if !manifest.is_complete() {
            return Err(bad(
                "a finished build",
                "one that was stopped; the same command goes on with it",
            ));
        }
        let parts = manifest.parts.into_iter().filter(|p| p.split == split);
        let shards: Vec<Shard> = parts.flat_map(|p| p.shards).collect();
        let readers = shards
            .iter()
            .map(|shard| ShardReader::open(&store, shard))
            .collect::<Result<Vec<_>>>()?;
        let groups = shards.iter().enumerate().flat_map(|(shard, s)| {
            s.groups.iter().enumerate().map(move |(group, g)| GroupAt {
                shard,
                group,
                decoded_bytes: g.decoded_bytes,
            })
        });
        Ok(Self {
            inner: Arc::new(Inner {
                groups: groups.collect(),
                split,
                shards,
                readers,
                terms: manifest.datasets.into_iter().map(|d| d.terms).collect(),
                store,
            }),
        })
    }

    /// The split that was asked for.
    pub fn split(&self) -> Split {
        self.inner.split
    }

    /// Number of examples.
    pub fn len(&self) -> u64 {
        self.inner.shards.iter().map(Shard::rows).sum()
    }

    /// True if the split holds no example.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The shards, as the manifest tells of them.
    pub fn shards(&self) -> &[Shard] {
        &self.inner.shards
    }

    /// Terms of every dataset of the set, by name, for the card of a model that is trained on it.
    pub fn terms(&self) -> &[Terms] {
        &self.inner.terms
    }

    /// Refuses the first shard of the split whose bytes are not those that were written.
    pub fn verify(&self) -> Result<()> {
        let inner = &self.inner;
        inner
            .shards
            .iter()
            .try_for_each(|s| verify(&inner.store, s))
    }

    pub(crate) fn groups(&self) -> &[GroupAt] {
        &self.inner.groups
    }

    /// The rows of a row group in order.
    pub(crate) fn group(&self, at: GroupAt) -> Result<Vec<Record>> {
        self.inner.readers[at.shard].group(at.group)
    }

    /// All rows in order, decoded on other threads while earlier ones are used; at most `budget_bytes` of pixels (or one
    /// row group) lie in memory beside those in use.
    pub fn records(&self, budget_bytes: u64) -> Stream {
        let (sender, receiver) = sync_channel(1);
        let set = self.clone();
        let limits = Limits {
            threads: rayon::current_num_threads(),
            bytes: budget_bytes,
        };
        let thread = std::thread::spawn(move || set.send(limits, &sender));
        Stream {
            receiver: Some(receiver),
            thread: Some(thread),
            rows: Vec::new().into_iter(),
        }
    }

    /// As [`ShardSet::records`], without the text.
    pub fn examples(&self, budget_bytes: u64) -> impl Iterator<Item = Result<Example>> + use<> {
        self.records(budget_bytes).map(|r| r.map(|r| r.example))
    }

    fn send(&self, limits: Limits, sender: &SyncSender<Result<Vec<Record>>>) {
        // An error is the last thing that is sent, and a receiver that is gone asks for nothing more.
        let _ = ordered(self.groups().len(), limits, &Decode(self), |_, rows| {
            let last = rows.is_err();
            match sender.send(rows) {
                Ok(()) if !last => Ok(()),
                _ => Err(()),
            }
        });
    }
}

/// Decodes row groups.
struct Decode<'a>(&'a ShardSet);

impl Work for Decode<'_> {
    type Out = Result<Vec<Record>>;

    fn estimate(&self, k: usize) -> u64 {
        self.0.groups()[k].decoded_bytes
    }

    fn run(&self, k: usize, _: u64) -> Self::Out {
        self.0.group(self.0.groups()[k])
    }

    fn kept(&self, out: &Self::Out) -> u64 {
        out.as_ref().map_or(0, |rows| {
            let labels = |e: &Example| e.labels.as_ref().map_or(0, Vec::len);
            let bytes = rows.iter().map(|r| &r.example);
            bytes
                .map(|e| (e.image.voxels.len() + labels(e)) as u64)
                .sum()
        })
    }
}

/// The rows of a split in order.
#[derive(Debug)]
pub struct Stream {
    receiver: Option<Receiver<Result<Vec<Record>>>>,
    thread: Option<JoinHandle<()>>,
    rows: std::vec::IntoIter<Record>,
}

impl Iterator for Stream {
    type Item = Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(row) = self.rows.next() {
                return Some(Ok(row));
            }
            match self.receiver.as_ref()?.recv() {
                Ok(Ok(rows)) => self.rows = rows.into_iter(),
                Ok(Err(e)) => {
                    self.receiver = None;
                    return Some(Err(e));
                }
                Err(_) => self.receiver = None,
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // The thread ends when it finds nobody to send to.
        self.receiver = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
