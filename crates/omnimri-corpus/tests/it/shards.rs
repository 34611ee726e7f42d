//! Builds of miniatures: round trips, bytes, resuming, adding, refusing, and what training reads.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use omnimri_corpus::build::Rows;
use omnimri_corpus::catalogue::Use;
use omnimri_corpus::miniature::write_miniature;
use omnimri_corpus::shard::{LeftOut, Manifest, Record, Why};
use omnimri_corpus::{
    BuildOptions, BuildReport, Error, Example, LoadOptions, ShardSet, Split, build, build_with,
    find, load_with,
};

/// Room for every pixel of a miniature.
const ROOMY: u64 = 1 << 30;

/// Miniatures of some datasets, and a place for shards.
struct Corpus {
    dir: tempfile::TempDir,
    names: Vec<&'static str>,
}

impl Corpus {
    fn new(names: &[&'static str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in names {
            let entry = find(name).unwrap();
            write_miniature(entry, &dir.path().join("data").join(entry.folder())).unwrap();
        }
        Self {
            dir,
            names: names.to_vec(),
        }
    }

    fn data(&self, path: &str) -> PathBuf {
        self.dir.path().join("data").join(path)
    }

    fn out(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Shards of a few rows each.
    fn options(&self, out: &str) -> BuildOptions {
        let out = self.out(out).to_string_lossy().into_owned();
        BuildOptions {
            names: self.names.iter().map(|n| (*n).to_owned()).collect(),
            shard_bytes: 12 << 10,
            seed: 5,
            threads: Some(2),
            ..BuildOptions::new(self.dir.path().join("data"), out, Use::Unclear)
        }
    }

    fn build(&self, out: &str) -> BuildReport {
        build(&self.options(out)).unwrap()
    }

    fn open(&self, out: &str, split: Split) -> ShardSet {
        ShardSet::open(self.out(out).to_str().unwrap(), split).unwrap()
    }

    fn manifest(&self, out: &str) -> Manifest {
        let text = fs::read(self.out(out).join("manifest.json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    }
}

/// Every file below a folder with its bytes.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut out = BTreeMap::new();
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for file in fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = fs::read(&path).unwrap();
                out.insert(path.strip_prefix(dir).unwrap().into(), bytes);
            }
        }
    }
    out
}

fn records(set: &ShardSet) -> Vec<Record> {
    set.records(ROOMY).map(Result::unwrap).collect()
}

fn ids(records: &[Record]) -> Vec<String> {
    let id = |r: &Record| format!("{}/{}", r.example.dataset, r.example.id);
    records.iter().map(id).collect()
}

#[test]
fn every_field_comes_back() {
    let corpus = Corpus::new(&["brain_tumor_t1ce", "hippocampus", "ms_brain", "vqa_rad"]);
    let report = corpus.build("shards");
    let native = LoadOptions {
        max_side: None,
        ..LoadOptions::default()
    };
    let manifest = corpus.manifest("shards");
    assert!(manifest.left_out().all(|l| l.why == Why::NearDuplicate));
    let left_out = |e: &Example| {
        let of = |l: &LeftOut| l.dataset == e.dataset && l.id.as_ref() == Some(&e.id);
        manifest.left_out().any(of)
    };
    let mut seen = 0;
    for split in [Split::Train, Split::Val] {
        let set = corpus.open("shards", split);
        set.verify().unwrap();
        let records = records(&set);
        assert_eq!(records.len() as u64, set.len());
        seen += records.len();
        let mut expected = Vec::new();
        for name in &corpus.names {
            let entry = find(name).unwrap();
            let options = LoadOptions {
                split: Some(split),
                ..native.clone()
            };
            let dir = corpus.data(entry.folder());
            let loaded = load_with(entry, &dir, &options).unwrap().examples;
            // Made-up images of one file name are the same in every dataset.
            expected.extend(loaded.into_iter().filter(|e| !left_out(e)));
        }
        let name = |e: &Example| format!("{} {}", e.dataset, e.id);
        let found: Vec<_> = records.iter().map(|r| name(&r.example)).collect();
        assert_eq!(found, expected.iter().map(name).collect::<Vec<_>>());
        for (r, e) in records.iter().zip(&expected) {
            // Not printed: pixels say nothing to a reader.
            assert!(r.example == *e, "{}", name(e));
        }
        for r in &records {
            let licence = &find(r.example.dataset.name()).unwrap().licence.name;
            assert_eq!(&r.licence, licence);
            let (told, facts) = (r.description.facts(), r.example.facts());
            // Plane, sequence and region of what is no MRI are not told.
            if r.example.classes.modality_mr != Some(false) {
                assert!(facts.iter().all(|f| told.contains(f)), "{facts:?} {told:?}");
            }
            assert!(r.description.sentences.len() >= 3);
            assert!(!r.instructions.is_empty());
        }
    }
    let Rows { train, val } = report.written;
    assert_eq!((train + val) as usize, seen);
    let terms = corpus.open("shards", Split::Train).terms().to_vec();
    let names: Vec<_> = terms.iter().map(|t| t.dataset.as_str()).collect();
    assert_eq!(names, corpus.names);
}

#[test]
fn bytes_do_not_depend_on_the_number_of_threads() {
    let corpus = Corpus::new(&["hippocampus", "cardiac_lv"]);
    for (out, threads) in [("one", 1), ("four", 4)] {
        let options = BuildOptions {
            threads: Some(threads),
            ..corpus.options(out)
        };
        build(&options).unwrap();
    }
    let (one, four) = (files(&corpus.out("one")), files(&corpus.out("four")));
    assert!(one.len() > 7, "several shards: {:?}", one.keys());
    assert!(one == four, "{:?} {:?}", one.keys(), four.keys());
}

#[test]
fn a_killed_build_goes_on_where_it_was() {
    let corpus = Corpus::new(&["hippocampus", "cardiac_lv"]);
    corpus.build("whole");
    let whole = files(&corpus.out("whole"));
    corpus.build("broken");
    // The last shard never came to be, and a part of it lies about.
    let manifest = corpus.manifest("broken");
    let last = &manifest.parts.last().unwrap().shards.last().unwrap().path;
    let last = corpus.out("broken").join(last);
    fs::remove_file(&last).unwrap();
    let stale = PathBuf::from(format!("{}#1", last.display()));
    fs::write(&stale, b"half a shard").unwrap();
    let report = corpus.build("broken");
    assert_eq!(report.redone, 1);
    assert!(report.kept.train > 0 && report.kept.val > 0);
    assert!(
        report.written.val == 0 && report.written.train > 0,
        "{report}"
    );
    assert!(files(&corpus.out("broken")) == whole);
    // A part in the middle that is cut short is made again, with what follows it.
    let first = corpus.out("broken").join(&manifest.parts[2].shards[0].path);
    let bytes = fs::read(&first).unwrap();
    fs::write(&first, &bytes[..bytes.len() / 2]).unwrap();
    corpus.build("broken");
    assert!(files(&corpus.out("broken")) == whole);
    // Nothing to do changes nothing.
    let report = corpus.build("broken");
    assert_eq!(report.written, Rows::default());
    assert!(files(&corpus.out("broken")) == whole);
}

#[test]
fn a_build_that_fails_half_way_keeps_its_shards() {
    let corpus = Corpus::new(&["hippocampus"]);
    corpus.build("whole");
    let masks: Vec<_> = files(&corpus.data("hippocampus")).into_keys().collect();
    let last = masks.iter().rfind(|p| p.starts_with("images")).unwrap();
    let last = corpus.data("hippocampus").join(last);
    let sound = fs::read(&last).unwrap();
    fs::write(&last, b"no image").unwrap();
    let strict = BuildOptions {
        max_rejected_share: 0.0,
        ..corpus.options("halves")
    };
    let error = build(&strict).unwrap_err();
    assert!(matches!(error, Error::TooManyRejected { .. }), "{error}");
    let told = fs::read_to_string(corpus.out("halves").join("rejected.jsonl")).unwrap();
    assert_eq!(told.lines().count(), 1);
    assert!(told.contains("\"why\":\"damaged\""), "{told}");
    assert!(
        !told.contains(corpus.dir.path().to_str().unwrap()),
        "{told}"
    );
    fs::write(&last, sound).unwrap();
    corpus.build("halves");
    assert!(files(&corpus.out("halves")) == files(&corpus.out("whole")));
}

#[test]
fn an_unfinished_build_is_not_read() {
    let corpus = Corpus::new(&["hippocampus"]);
    corpus.build("shards");
    let mut manifest = corpus.manifest("shards");
    manifest.parts[0].complete = false;
    let path = corpus.out("shards").join("manifest.json");
    fs::write(path, serde_json::to_vec(&manifest).unwrap()).unwrap();
    let root = corpus.out("shards");
    let error = ShardSet::open(root.to_str().unwrap(), Split::Train)
        .err()
        .unwrap();
    assert!(error.to_string().contains("finished build"), "{error}");
}

#[test]
fn datasets_and_rows_are_added_without_a_rebuild() {
    let corpus = Corpus::new(&["hippocampus", "cardiac_lv"]);
    let table = corpus.data("hippocampus/splits.csv");
    let full = fs::read_to_string(&table).unwrap();
    let lines: Vec<&str> = full.lines().collect();
    let part: Vec<_> = lines.iter().enumerate().filter(|(k, _)| *k != 2).collect();
    let part: String = part.iter().map(|(_, l)| format!("{l}\n")).collect();
    fs::write(&table, part).unwrap();
    let only = |names: &[&str]| BuildOptions {
        names: names.iter().map(|n| (*n).to_owned()).collect(),
        ..corpus.options("shards")
    };
    build(&only(&["hippocampus"])).unwrap();
    let before = files(&corpus.out("shards"));
    fs::write(&table, full).unwrap();
    let report = build(&only(&["hippocampus", "cardiac_lv"])).unwrap();
    let after = files(&corpus.out("shards"));
    for (path, bytes) in before
        .iter()
        .filter(|(p, _)| p.parent() != Some(Path::new("")))
    {
        assert!(after[path] == *bytes, "{} was touched", path.display());
    }
    assert_eq!(report.kept.train, 7);
    assert_eq!(report.written.train, 1 + 8);
    let set = corpus.open("shards", Split::Train);
    let found: BTreeSet<_> = ids(&records(&set)).into_iter().collect();
    assert_eq!(found.len() as u64, set.len());
    assert_eq!(set.len(), 16);
    assert_eq!(set.terms().len(), 2);
}

#[test]
fn other_settings_are_refused_by_name() {
    let corpus = Corpus::new(&["hippocampus"]);
    corpus.build("shards");
    let refused = |options: BuildOptions, part: &str| {
        let error = build(&options).unwrap_err().to_string();
        assert!(error.contains(part), "{error} lacks {part}");
    };
    let seed = BuildOptions {
        seed: 6,
        ..corpus.options("shards")
    };
    refused(seed, "with seed 5, asked to go on with 6");
    let side = BuildOptions {
        max_side: Some(20),
        ..corpus.options("shards")
    };
    refused(side, "max_side null");
}

#[test]
fn the_licence_is_asked_before_anything_is_read() {
    let corpus = Corpus::new(&["hippocampus"]);
    let strict = BuildOptions {
        // Its folder does not even exist.
        names: vec!["hippocampus".into(), "spine_lumbar".into()],
        allow: Use::Research,
        ..corpus.options("shards")
    };
    let error = build(&strict).unwrap_err();
    assert!(matches!(error, Error::Licence { .. }), "{error}");
    assert!(!corpus.out("shards").exists(), "nothing was begun");
    // What lies in the shards counts as much as what is added.
    let both = Corpus::new(&["hippocampus", "spine_lumbar"]);
    both.build("shards");
    let one = BuildOptions {
        names: vec!["hippocampus".into()],
        allow: Use::Commercial,
        ..both.options("shards")
    };
    let error = build(&one).unwrap_err().to_string();
    assert!(error.contains("spine_lumbar"), "{error}");
}

#[test]
fn likes_of_validation_images_stay_out_of_training_across_datasets() {
    let corpus = Corpus::new(&["cardiac_lv", "hippocampus", "ms_brain"]);
    let images = |name: &str| -> Vec<PathBuf> {
        let all = files(&corpus.data(name)).into_keys();
        let of = all.filter(|p| p.starts_with("images"));
        of.map(|p| corpus.data(name).join(p)).collect()
    };
    // Rows 1 to 4 are train, 5 and 6 val.
    let heart = images("cardiac_lv");
    fs::copy(&heart[4], &heart[1]).unwrap();
    let report = corpus.build("shards");
    assert_eq!(
        report.left_out.get(&Why::NearDuplicate),
        Some(&1),
        "{report}"
    );
    let left_out: Vec<_> = corpus.manifest("shards").left_out().cloned().collect();
    assert!(left_out[0].reason.contains("cardiac_lv"), "{left_out:?}");
    assert_eq!(left_out[0].split, Some(Split::Train));
    // Asked for training alone, validation is read for this and written nowhere.
    let train = BuildOptions {
        split: Some(Split::Train),
        ..corpus.options("train")
    };
    let report = build(&train).unwrap();
    assert_eq!(report.left_out.get(&Why::NearDuplicate), Some(&1));
    assert!(!corpus.out("train").join("val").exists());
    assert!(corpus.open("train", Split::Val).is_empty());
    let of = |out| ids(&records(&corpus.open(out, Split::Train)));
    assert_eq!(of("train"), of("shards"));
    // Validation that comes later gives way to what training holds already.
    let val = BuildOptions {
        split: Some(Split::Val),
        ..corpus.options("train")
    };
    let moved = images("cardiac_lv");
    fs::copy(&moved[0], &moved[5]).unwrap();
    let report = build(&val).unwrap();
    assert!(report.left_out[&Why::NearDuplicate] >= 1, "{report}");
    let val = corpus.manifest("train");
    let val = val.left_out().find(|l| l.split == Some(Split::Val));
    assert!(val.is_some_and(|l| l.dataset.name() == "cardiac_lv"));
}

#[test]
fn damage_is_found() {
    let corpus = Corpus::new(&["hippocampus"]);
    corpus.build("shards");
    let set = corpus.open("shards", Split::Train);
    let path = corpus.out("shards").join(&set.shards()[0].path);
    let sound = fs::read(&path).unwrap();
    // One bit in the middle of the pixels.
    let mut bytes = sound.clone();
    let middle = bytes.len() / 3;
    bytes[middle] ^= 4;
    fs::write(&path, &bytes).unwrap();
    let error = set.verify().unwrap_err().to_string();
    assert!(
        error.contains("SHA-256") && error.contains("00000.parquet"),
        "{error}"
    );
    // Cut short, or no Parquet at all: named at the door.
    let root = corpus.out("shards");
    let refused = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        ShardSet::open(root.to_str().unwrap(), Split::Train)
            .err()
            .unwrap()
            .to_string()
    };
    assert!(refused(&sound[..sound.len() / 2]).contains("bytes"));
    assert!(refused(&vec![7; sound.len()]).contains("footer"));
    // The footer is whole and points at rubbish.
    let mut bytes = sound.clone();
    for byte in &mut bytes[4..sound.len() / 2] {
        *byte = 0xa5;
    }
    fs::write(&path, &bytes).unwrap();
    let set = corpus.open("shards", Split::Train);
    assert!(set.records(ROOMY).any(|r| r.is_err()));
    assert!((0..2).any(|k| set.block(1, k, ROOMY).is_err()));
    // The other split is not touched by any of this.
    assert!(corpus.open("shards", Split::Val).verify().is_ok());
}

#[test]
fn memory_is_kept_within_its_bound() {
    let corpus = Corpus::new(&["hippocampus"]);
    let writer = 64 << 20;
    // A miniature takes 31 x 23 x 7 voxels of 21 bytes: two at once, not three.
    let one = 31 * 23 * 7 * 21;
    let tight = BuildOptions {
        memory_bytes: writer + 2 * one + one / 2,
        threads: Some(4),
        ..corpus.options("tight")
    };
    let report = build(&tight).unwrap();
    assert!(report.peak.bytes <= 2 * one + one / 2, "{:?}", report.peak);
    assert!(report.peak.bytes >= one);
    let roomy = corpus.build("roomy");
    assert_eq!(roomy.written, report.written);
    assert!(files(&corpus.out("tight")) == files(&corpus.out("roomy")));
    let too_little = |memory_bytes| {
        let options = BuildOptions {
            memory_bytes,
            ..corpus.options("none")
        };
        build(&options).unwrap_err()
    };
    assert!(matches!(too_little(writer), Error::Memory { .. }));
    let error = too_little(writer + one - 1).to_string();
    assert!(
        error.contains("hippocampus") && error.contains("bytes"),
        "{error}"
    );
}

#[test]
fn blocks_are_reproducible_and_an_epoch_holds_each_example_once() {
    let corpus = Corpus::new(&["hippocampus", "cardiac_lv", "ms_brain"]);
    corpus.build("shards");
    let set = corpus.open("shards", Split::Train);
    let budget = 40_000;
    let mut order = Vec::new();
    let mut by_epoch: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for k in 0.. {
        let epoch = set.epoch_of_block(3, k, budget).unwrap();
        if epoch == 3 {
            break;
        }
        let block = set.block_records(3, k, budget).unwrap();
        let again = set.block(3, k, budget).unwrap();
        assert!(block.iter().map(|r| &r.example).eq(&again));
        let bytes = |r: &Record| {
            r.example.image.voxels.len() + r.example.labels.as_ref().map_or(0, Vec::len)
        };
        assert!(block.iter().map(bytes).sum::<usize>() as u64 <= budget);
        assert!(block.iter().all(|r| r.example.split == Split::Train));
        order.push(ids(&block));
        by_epoch.entry(epoch).or_default().extend(ids(&block));
    }
    assert!(order.len() > 6, "several blocks an epoch");
    let all: BTreeSet<_> = ids(&records(&set)).into_iter().collect();
    assert_eq!(by_epoch.len(), 3);
    for epoch in by_epoch.values() {
        assert_eq!(epoch.len() as u64, set.len());
        assert_eq!(epoch.iter().cloned().collect::<BTreeSet<_>>(), all);
    }
    assert_ne!(by_epoch[&0], by_epoch[&1]);
    let other: Vec<_> = ids(&set.block_records(4, 0, budget).unwrap());
    assert_ne!(other, order[0]);
    // From the middle, as a run that goes on does; dropped while a block is on its way.
    let prefetch = set.prefetch(3, 2, budget);
    for (k, block) in prefetch.take(4).enumerate() {
        assert_eq!(ids(&block.unwrap()), order[2 + k]);
    }
    let error = set.block(3, 0, 100).unwrap_err();
    assert!(matches!(error, Error::Memory { .. }), "{error}");
}

#[test]
fn progress_reaches_its_end() {
    let corpus = Corpus::new(&["hippocampus"]);
    let mut told = Vec::new();
    let filler = omnimri_corpus::MeasuredStatements;
    build_with(&corpus.options("shards"), &filler, &mut |p| {
        told.push(p.clone())
    })
    .unwrap();
    assert!(told.iter().map(|p| p.done).eq(1..=12));
    assert!(told.iter().all(|p| p.total == 12 && p.per_second > 0.0));
    assert!(told.last().unwrap().left.unwrap().is_zero());
}
