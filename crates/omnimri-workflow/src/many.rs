//! Many inputs, in parallel within a memory bound, past the bad ones.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};

use omnimri_image::stem;

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::read::{ReadOptions, ReadOutcome};

/// Bytes the network itself needs for one input, whatever its size: one chunk of slices and their features.
const NETWORK_BYTES: u64 = 600 << 20;
/// Bytes in memory for a byte of file: decompression, floats, logits of every mask on the input's grid.
const BYTES_A_FILE_BYTE: u64 = 24;

/// Bytes that may be in use, handed out to inputs.
struct Budget {
    left: Mutex<u64>,
    freed: Condvar,
    total: u64,
}

impl Budget {
    fn take(&self, bytes: u64) -> u64 {
        // An input larger than the whole bound runs alone.
        let bytes = bytes.min(self.total);
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        while *left < bytes {
            left = self
                .freed
                .wait(left)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *left -= bytes;
        bytes
    }

    fn give(&self, bytes: u64) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) += bytes;
        self.freed.notify_all();
    }
}

/// Runs `read`; a panic fails this input alone.
fn guarded(input: &Path, read: impl FnOnce() -> Result<ReadOutcome>) -> Result<ReadOutcome> {
    // Nothing of a failed read is looked at afterwards: its folder is removed, the model is not changed by reading.
    std::panic::catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        Err(Error::Panicked {
            path: input.to_owned(),
        })
    })
}

/// Bytes of memory that reading an input takes, estimated from the size of its files.
pub fn memory_needed(input: &Path) -> u64 {
    NETWORK_BYTES.saturating_add(size_of(input).saturating_mul(BYTES_A_FILE_BYTE))
}

/// Bytes that an input takes once unpacked; of a folder, of all its files.
fn size_of(path: &Path) -> u64 {
    match std::fs::metadata(path) {
        Ok(m) if m.is_dir() => std::fs::read_dir(path)
            .map(|d| d.flatten().map(|e| size_of(&e.path())).sum())
            .unwrap_or(0),
        Ok(m) if m.is_file() => m.len().max(unpacked(path)),
        _ => 0,
    }
}

/// Size that the trailer of a gzip file states (modulo 4 GiB); 0 for other files.
fn unpacked(path: &Path) -> u64 {
    use std::io::{Read, Seek, SeekFrom};
    let read = || -> std::io::Result<u64> {
        let mut file = std::fs::File::open(path)?;
        let (mut magic, mut size) = ([0; 2], [0; 4]);
        file.read_exact(&mut magic)?;
        file.seek(SeekFrom::End(-4))?;
        file.read_exact(&mut size)?;
        Ok(if magic == [0x1f, 0x8b] {
            u32::from_le_bytes(size).into()
        } else {
            0
        })
    };
    // A file that cannot be read is reported by its reader.
    read().unwrap_or(0)
}

/// A folder name for every input: its stem, and for equal stems `-2`, `-3`, ... in the order given.
pub fn folder_names(inputs: &[PathBuf]) -> Vec<String> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut names: Vec<String> = Vec::with_capacity(inputs.len());
    for input in inputs {
        let base = stem(input);
        let n = seen.entry(base.clone()).or_insert(0);
        *n += 1;
        let mut name = if *n == 1 {
            base.clone()
        } else {
            format!("{base}-{n}")
        };
        while names.contains(&name) {
            name.push_str("-b");
        }
        names.push(name);
    }
    names
}

impl Engine {
    /// Reads every input into a folder of its own under `out`, as many at a time as threads and `memory` bytes allow;
    /// `done` is told of each as it ends. The order of the results is that of the inputs.
    pub fn read_many(
        &self,
        inputs: &[PathBuf],
        out: &Path,
        options: &ReadOptions,
        memory: u64,
        done: impl Fn(&Path, &Result<ReadOutcome>) + Sync,
    ) -> Vec<Result<ReadOutcome>> {
        let budget = Budget {
            left: Mutex::new(memory),
            freed: Condvar::new(),
            total: memory,
        };
        let names = folder_names(inputs);
        // Threads of their own: a worker that waits for memory must not hold one that the network needs.
        let threads = std::thread::available_parallelism()
            .map_or(1, usize::from)
            .min(inputs.len().max(1));
        let next = std::sync::atomic::AtomicUsize::new(0);
        let results: Vec<Mutex<Option<Result<ReadOutcome>>>> =
            inputs.iter().map(|_| Mutex::new(None)).collect();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    loop {
                        let i = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        let Some(input) = inputs.get(i) else { break };
                        let need = memory_needed(input);
                        let held = budget.take(need);
                        let result =
                            guarded(input, || self.read(input, out, Some(&names[i]), options));
                        budget.give(held);
                        done(input, &result);
                        *results[i].lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
                    }
                });
            }
        });
        results
            .into_iter()
            .filter_map(|r| r.into_inner().unwrap_or_else(PoisonError::into_inner))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn what_is_handed_out_stays_within_the_bound() {
        let budget = Budget {
            left: Mutex::new(100),
            freed: Condvar::new(),
            total: 100,
        };
        let (used, most) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            // Among them one that is larger than the bound: it runs alone.
            for need in [30, 60, 1000, 10, 50, 40, 70, 100] {
                let (budget, used, most) = (&budget, &used, &most);
                scope.spawn(move || {
                    for _ in 0..50 {
                        let held = budget.take(need);
                        let now = used.fetch_add(held, Ordering::SeqCst) + held;
                        most.fetch_max(now, Ordering::SeqCst);
                        std::thread::yield_now();
                        used.fetch_sub(held, Ordering::SeqCst);
                        budget.give(held);
                    }
                });
            }
        });
        let most = most.into_inner();
        assert!((30..=100).contains(&most), "{most}");
        assert_eq!(*budget.left.lock().unwrap(), 100);
    }

    #[test]
    fn a_packed_file_counts_with_its_unpacked_size() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.nii.gz");
        // Only magic and trailer matter.
        let mut bytes = vec![0x1f, 0x8b, 0, 0];
        bytes.extend(5_000_000u32.to_le_bytes());
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(size_of(&path), 5_000_000);
        assert_eq!(size_of(dir.path()), 5_000_000);
        std::fs::write(&path, b"short").unwrap();
        assert_eq!(size_of(&path), 5);
        assert_eq!(size_of(&dir.path().join("missing")), 0);
    }

    #[test]
    fn a_panic_fails_one_input() {
        let result = guarded(Path::new("x.nii"), || panic!("as a test"));
        let error = result.unwrap_err().to_string();
        assert!(
            error.starts_with("x.nii: ") && !error.contains('\n'),
            "{error}"
        );
    }

    #[test]
    fn equal_stems_get_distinct_folders() {
        let inputs = ["a/x.nii.gz", "b/x.png", "x-2.png", "c/x.jpg"].map(Into::into);
        assert_eq!(folder_names(&inputs), ["x", "x-2", "x-2-b", "x-3"]);
    }
}
