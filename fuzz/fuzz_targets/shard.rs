//! A shard whose bytes are anything, under a manifest that believes in it: an error, or records that fit their own sizes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use omnimri_corpus::{ShardSet, Split};
use omnimri_fuzz::with_shard;

fuzz_target!(|data: &[u8]| {
    with_shard(data, |root| {
        let Ok(set) = ShardSet::open(root, Split::Train) else {
            return;
        };
        for record in set.records(64 << 20).take(8) {
            let Ok(record) = record else { return };
            let example = record.example;
            assert_eq!(example.image.voxels.len(), example.image.size.count());
            let labels = example.labels.as_ref();
            assert!(labels.is_none_or(|l| l.len() == example.image.size.count()));
        }
    });
});
