//! What a build tells while it runs and when it ends.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::example::{DatasetId, Split};
use crate::filler::Counts;
use crate::shard::{Manifest, Peak, Why};

/// How far a build is.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The dataset at hand.
    pub dataset: DatasetId,
    /// Its split.
    pub split: Split,
    /// Examples done, those found done included.
    pub done: u64,
    /// Examples of all datasets.
    pub total: u64,
    /// Examples a second of this run.
    pub per_second: f64,
    /// Time left at this rate; `None` before there is one.
    pub left: Option<Duration>,
}

/// Rows by split.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Rows {
    /// Of the training split.
    pub train: u64,
    /// Of the validation split.
    pub val: u64,
}

impl Rows {
    pub(super) fn of(&mut self, split: Split) -> &mut u64 {
        match split {
            Split::Train => &mut self.train,
            Split::Val => &mut self.val,
        }
    }
}

/// Where the time went, in seconds; the first four are summed over the threads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Stages {
    /// Reading, decoding and scaling.
    pub read_s: f64,
    /// Descriptions and signatures.
    pub text_s: f64,
    /// Compressing slices.
    pub encode_s: f64,
    /// Writing shards, checksums included.
    pub write_s: f64,
    /// From start to end.
    pub wall_s: f64,
}

impl Stages {
    pub(super) fn add(&mut self, other: &Self) {
        self.read_s += other.read_s;
        self.text_s += other.text_s;
        self.encode_s += other.encode_s;
        self.write_s += other.write_s;
    }
}

/// What a build did, and what is there now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BuildReport {
    /// Where the shards lie.
    pub out: String,
    /// Examples that this run wrote.
    pub written: Rows,
    /// Examples that were there already.
    pub kept: Rows,
    /// Shards that the manifest named and that were gone or damaged: made again.
    pub redone: usize,
    /// Shards, all in all.
    pub shards: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Inputs in no shard, by why.
    pub left_out: BTreeMap<Why, usize>,
    /// The most that was in flight.
    pub peak: Peak,
    /// Where the time went.
    pub stages: Stages,
    /// What the model was asked that wrote missing levels; none where measured statements did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Counts>,
}

impl BuildReport {
    pub(super) fn new(out: &str) -> Self {
        Self {
            out: out.to_owned(),
            written: Rows::default(),
            kept: Rows::default(),
            redone: 0,
            shards: 0,
            bytes: 0,
            left_out: BTreeMap::new(),
            peak: Peak::default(),
            stages: Stages::default(),
            text: None,
        }
    }

    /// Fills in what the finished manifest says.
    pub(super) fn finish(&mut self, manifest: &Manifest, wall: Duration) {
        let shards = || manifest.parts.iter().flat_map(|p| &p.shards);
        self.shards = shards().count();
        self.bytes = shards().map(|s| s.bytes).sum();
        for left_out in manifest.left_out() {
            *self.left_out.entry(left_out.why).or_default() += 1;
        }
        self.stages.wall_s = wall.as_secs_f64();
    }
}

impl fmt::Display for BuildReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (new, old) = (self.written, self.kept);
        writeln!(
            f,
            "{}: {} shards, {:.1} MiB",
            self.out,
            self.shards,
            self.bytes as f64 / f64::from(1 << 20)
        )?;
        writeln!(f, "  written      {} train, {} val", new.train, new.val)?;
        writeln!(f, "  there before {} train, {} val", old.train, old.val)?;
        if self.redone > 0 {
            writeln!(f, "  made again   {} shards", self.redone)?;
        }
        for (why, n) in &self.left_out {
            let why = match why {
                Why::BadRow => "bad rows",
                Why::Damaged => "damaged or missing",
                Why::NearDuplicate => "nearly the same as one of the other split",
            };
            writeln!(f, "  left out     {n} {why}")?;
        }
        if let Some(c) = &self.text {
            writeln!(
                f,
                "  model        {} requests ({} after a failure), {} tokens; {} levels from the cache, {} written, {} declined, \
                 {} measured instead",
                c.requests, c.retries, c.tokens, c.cached, c.written, c.declined, c.fallen_back
            )?;
        }
        let s = &self.stages;
        let n = (new.train + new.val) as f64;
        write!(
            f,
            "  time         {:.1} s, {:.1} examples a second (threads: read {:.1} s, text {:.1} s, encode {:.1} s, write \
             {:.1} s)",
            s.wall_s,
            n / s.wall_s.max(1e-9),
            s.read_s,
            s.text_s,
            s.encode_s,
            s.write_s
        )
    }
}
