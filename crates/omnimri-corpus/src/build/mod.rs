//! From folders of datasets to shards.
//!
//! Every validation image is read first, so that a training image that is nearly the same as one of them, in whichever
//! dataset, can be left out. Examples are read, described and compressed in parallel; shards hold them in the order of the
//! datasets' tables, whatever the number of threads, so that the same input always makes the same bytes.
//!
//! A build may be killed at any time: the manifest names only shards that are whole, and the same call goes on after the
//! last of them. Further datasets, and further rows of a dataset, are added in shards of their own.

mod estimate;
mod likes;
mod part;
mod report;

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Instant;

use crate::adapter::{Item, list};
use crate::catalogue::{CatalogueEntry, Use, find};
use crate::describe::TextFiller;
use crate::error::{Error, Result};
use crate::example::{DatasetId, Split};
use crate::harmonise::near::{Owner, Signatures};
use crate::licence::gate;
use crate::load::chosen;
use crate::measured::MeasuredStatements;
use crate::shard::index::write_index;
use crate::shard::manifest::{Dataset, LeftOut, Manifest, Part, Settings, Why};
use crate::shard::ordered::Limits;
use crate::shard::read::ShardReader;
use crate::shard::store::{Root, Store};
use crate::shard::write::WRITER_BYTES;

use likes::Likes;
use part::{Keep, Run};

pub use report::{BuildReport, Progress, Rows, Stages};

/// Its name below the root.
const REJECTED: &str = "rejected.jsonl";

/// What to build, from where, and within which limits.
#[derive(Debug, Clone, PartialEq)]
pub struct BuildOptions {
    /// Folder that holds the datasets.
    pub data_root: PathBuf,
    /// Names of datasets; none for all whose folder is there.
    pub names: Vec<String>,
    /// The use that every licence must admit.
    pub allow: Use,
    /// Only this part; both if `None`. Validation images are read in any case, to keep their likes out of training.
    pub split: Option<Split>,
    /// Longest side of a slice in pixels, larger ones are shrunk; `None` keeps every size.
    pub max_side: Option<usize>,
    /// A folder, or `s3://bucket/path`.
    pub out: String,
    /// Bytes at which a shard is full.
    pub shard_bytes: u64,
    /// Most memory for pixels in flight and for the writer, by estimates from the headers.
    pub memory_bytes: u64,
    /// Seed of phrasings.
    pub seed: u64,
    /// Share of a dataset's inputs (0 to 1) that may be damaged before the build stops.
    pub max_rejected_share: f64,
    /// Threads that read; `None` for as many as rayon has. The result does not depend on it.
    pub threads: Option<usize>,
}

impl BuildOptions {
    /// The defaults: every dataset that is there, both splits, native sizes, shards of 256 MiB, 2 GiB of memory.
    pub fn new(data_root: impl Into<PathBuf>, out: impl Into<String>, allow: Use) -> Self {
        Self {
            data_root: data_root.into(),
            names: Vec::new(),
            allow,
            split: None,
            max_side: None,
            out: out.into(),
            shard_bytes: 256 << 20,
            memory_bytes: 2 << 30,
            seed: 0,
            max_rejected_share: 0.2,
            threads: None,
        }
    }
}

/// Builds with measured statements where a dataset says nothing, and without telling of the progress.
pub fn build(options: &BuildOptions) -> Result<BuildReport> {
    build_with(options, &MeasuredStatements, &mut |_| {})
}

/// Builds; levels on which a dataset says nothing are written by `filler`, and `progress` is called after each example.
///
/// # Errors
/// Before anything is read: a licence that does not admit the use, of the datasets asked for or of those that are in the
/// shards already. Then: settings or an entry that changed since the shards were begun; too many damaged inputs; an
/// example that does not fit the memory; whatever the disk or the store says. Finished shards stay in every case.
pub fn build_with(
    options: &BuildOptions,
    filler: &dyn TextFiller,
    progress: &mut dyn FnMut(&Progress),
) -> Result<BuildReport> {
    let start = Instant::now();
    let entries = chosen(&options.data_root, &options.names)?;
    gate(&entries, options.allow)?;
    if entries.is_empty() {
        return Err(Error::Missing {
            path: options.data_root.clone(),
            expected: "the folder of a dataset of the catalogue".into(),
            hint: "`corpus list` prints their names".into(),
        });
    }
    if options.memory_bytes <= WRITER_BYTES {
        return Err(Error::Memory {
            what: "writing a shard".into(),
            needed: WRITER_BYTES,
            limit: options.memory_bytes,
        });
    }
    let mut build = Build::open(options, filler, &entries)?;
    let work = entries
        .iter()
        .map(|entry| Work::list(options, entry))
        .collect::<Result<Vec<_>>>()?;
    let outcome = build.run(&work, progress);
    // What was left out is told even where it was too much.
    build.write_rejected()?;
    outcome?;
    write_index(&build.store, &build.manifest)?;
    build.report.finish(&build.manifest, start.elapsed());
    Ok(build.report)
}

/// A dataset and its items.
struct Work<'a> {
    entry: &'a CatalogueEntry,
    dataset: DatasetId,
    train: Vec<Item>,
    val: Vec<Item>,
    bad_rows: Vec<LeftOut>,
}

impl<'a> Work<'a> {
    fn list(options: &BuildOptions, entry: &'a CatalogueEntry) -> Result<Self> {
        let listed = list(entry, &options.data_root.join(entry.folder()))?;
        let dataset = DatasetId::new(&entry.name);
        let bad_rows = listed.rejected.into_iter().map(|r| LeftOut {
            dataset: dataset.clone(),
            split: None,
            id: None,
            path: part::below(&options.data_root, &r.path),
            why: Why::BadRow,
            reason: part::without_root(&options.data_root, &r.reason),
        });
        let bad_rows = bad_rows.collect();
        let is_val = |item: &Item| item.split == Split::Val;
        let (val, train) = listed.items.into_iter().partition(is_val);
        Ok(Self {
            entry,
            dataset,
            train,
            val,
            bad_rows,
        })
    }

    /// Items of a split in the order of the table.
    fn items(&self, split: Split) -> &[Item] {
        match split {
            Split::Train => &self.train,
            Split::Val => &self.val,
        }
    }

    fn n_inputs(&self) -> usize {
        self.train.len() + self.val.len() + self.bad_rows.len()
    }
}

/// A build under way.
struct Build<'a> {
    options: &'a BuildOptions,
    filler: &'a dyn TextFiller,
    store: Store,
    manifest: Manifest,
    limits: Limits,
    report: BuildReport,
}

impl<'a> Build<'a> {
    /// Opens what is there, or begins.
    fn open(
        options: &'a BuildOptions,
        filler: &'a dyn TextFiller,
        entries: &[&CatalogueEntry],
    ) -> Result<Self> {
        let store = Store::open(&options.out, Root::Create)?;
        let settings = Settings {
            seed: options.seed,
            max_side: options.max_side,
            shard_bytes: options.shard_bytes,
            filler: filler.name().to_owned(),
        };
        let manifest = match Manifest::read(&store)? {
            None => Manifest::new(settings),
            Some(old) => {
                // What is in the shards already must admit the use as well.
                for dataset in &old.datasets {
                    gate(&[find(&dataset.terms.dataset)?], options.allow)?;
                }
                old.admit(&store.url_of(crate::shard::MANIFEST), &settings, entries)?;
                old
            }
        };
        let mut build = Self {
            options,
            filler,
            limits: Limits {
                threads: options.threads.unwrap_or_else(rayon::current_num_threads),
                bytes: options.memory_bytes - WRITER_BYTES,
            },
            report: BuildReport::new(&options.out),
            store,
            manifest,
        };
        for split in [Split::Train, Split::Val] {
            build.store.clean(split.name())?;
        }
        build.drop_lost()?;
        Ok(build)
    }

    /// Forgets shards whose file is gone or has another size, with those after them: they are made again.
    fn drop_lost(&mut self) -> Result<()> {
        for part in &mut self.manifest.parts {
            let mut whole = 0;
            for shard in &part.shards {
                if self.store.size(&shard.path)? != Some(shard.bytes) {
                    break;
                }
                whole += 1;
            }
            if whole < part.shards.len() {
                self.report.redone += part.shards.len() - whole;
                part.shards.truncate(whole);
                part.rejected.clear();
                part.complete = false;
            }
        }
        Ok(())
    }

    fn run(&mut self, work: &[Work<'_>], progress: &mut dyn FnMut(&Progress)) -> Result<()> {
        for one in work {
            let mut dataset = Dataset::of(one.entry);
            dataset.bad_rows.clone_from(&one.bad_rows);
            let datasets = &mut self.manifest.datasets;
            let name = &one.entry.name;
            match datasets.binary_search_by(|d| d.terms.dataset.as_str().cmp(name)) {
                Ok(k) => datasets[k] = dataset,
                Err(k) => datasets.insert(k, dataset),
            }
        }
        let wanted = |split| self.options.split.is_none_or(|s| s == split);
        let (write_train, write_val) = (wanted(Split::Train), wanted(Split::Val));
        let n_train = work.iter().map(|w| w.train.len()).sum::<usize>();
        let n_val = work.iter().map(|w| w.val.len()).sum::<usize>();
        let mut run = Run::new(n_val + if write_train { n_train } else { 0 }, progress);

        // New validation images must not be the likes of training images that are in shards already.
        let val_is_new = work.iter().any(|w| self.is_new(w, Split::Val));
        let old_train = if write_val && val_is_new {
            self.signatures(Split::Train)?
        } else {
            Vec::new()
        };
        let old_train = Likes::of(old_train);
        for one in work {
            let keep = if write_val {
                Keep::All
            } else {
                Keep::Signatures
            };
            self.part(one, Split::Val, keep, &old_train, &mut run)?;
        }
        if write_train {
            let mut val = self.signatures(Split::Val)?;
            val.append(&mut run.unwritten);
            let val = Likes::of(val);
            for one in work {
                self.part(one, Split::Train, Keep::All, &val, &mut run)?;
            }
        }
        Ok(())
    }

    /// True if the split of a dataset has items that are in no shard; those left out are tried again.
    fn is_new(&self, work: &Work<'_>, split: Split) -> bool {
        let parts = &self.manifest.parts;
        let of = |p: &&Part| p.dataset == work.dataset && p.split == split;
        let shards = parts.iter().filter(of).flat_map(|p| &p.shards);
        shards.map(|s| s.rows() as usize).sum::<usize>() < work.items(split).len()
    }

    /// Signatures of all rows of a split that are in shards.
    fn signatures(&self, split: Split) -> Result<Vec<(Owner, Signatures)>> {
        let mut out = Vec::new();
        for part in self.manifest.parts.iter().filter(|p| p.split == split) {
            for shard in &part.shards {
                let reader = ShardReader::open(&self.store, shard)?;
                let signatures = reader.binaries("signature", Signatures::from_bytes)?;
                let ids = reader.texts("id")?;
                let subjects = reader.texts("subject")?;
                let owners = ids.into_iter().zip(subjects).map(|(id, subject)| Owner {
                    dataset: part.dataset.name().to_owned(),
                    id,
                    subject,
                    split,
                });
                out.extend(owners.zip(signatures));
            }
        }
        Ok(out)
    }

    /// Ids of a part that are in shards.
    fn ids(&self, part: &Part) -> Result<HashSet<String>> {
        let mut ids = HashSet::new();
        for shard in &part.shards {
            ids.extend(ShardReader::open(&self.store, shard)?.texts("id")?);
        }
        Ok(ids)
    }

    /// Everything that was left out, one line of JSON each.
    fn write_rejected(&self) -> Result<()> {
        let mut lines = String::new();
        for left_out in self.manifest.left_out() {
            lines += &serde_json::to_string(left_out).unwrap_or_default();
            lines.push('\n');
        }
        self.store.put(REJECTED, lines.into_bytes())
    }
}
