//! Variable-length values of HDF5: the global heap.
//!
//! A value in a dataset is a length, the address of a collection and the number of an object in it (HDF5 File Format
//! Specification 3.0, III.E). Collections are read one at a time and the last few kept, because lines read one after another
//! mostly share them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::hdf5::{Disk, bad_structure};
use crate::{Error, Result};

/// Collections kept: of trajectories and of samples, of two places in the file.
const KEPT: usize = 4;
/// Largest collection read.
const MAX_BYTES: u64 = 1 << 30;

/// Where a value lies.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct HeapRef {
    /// Number of elements.
    pub len: u32,
    address: u64,
    object: u32,
}

impl HeapRef {
    /// From the `4 + A + 4` bytes stored in a dataset, `A` those of an address.
    pub fn decode(bytes: &[u8]) -> Self {
        let whole = |part: &[u8]| {
            part.iter()
                .rev()
                .fold(0_u64, |n, b| (n << 8) | u64::from(*b))
        };
        let n = bytes.len();
        Self {
            len: whole(&bytes[..4]) as u32,
            address: whole(&bytes[4..n - 4]),
            object: whole(&bytes[n - 4..]) as u32,
        }
    }
}

#[derive(Debug)]
struct Collection {
    address: u64,
    bytes: Vec<u8>,
    /// Number, start and length of every object, sorted by number.
    objects: Vec<(u32, usize, usize)>,
}

/// Reads values of one file.
#[derive(Debug)]
pub(super) struct Heap {
    disk: Arc<Disk>,
    kept: Mutex<VecDeque<Arc<Collection>>>,
}

impl Heap {
    pub fn new(disk: Arc<Disk>) -> Self {
        Self {
            disk,
            kept: Mutex::default(),
        }
    }

    /// Hands the bytes of a value of `width` bytes an element to `take`.
    pub fn value<T>(&self, at: HeapRef, width: usize, take: impl FnOnce(&[u8]) -> T) -> Result<T> {
        if at.len == 0 {
            return Ok(take(&[]));
        }
        let collection = self.collection(at.address)?;
        let needed = (at.len as usize).saturating_mul(width);
        let found = collection
            .objects
            .binary_search_by_key(&at.object, |o| o.0)
            .ok()
            .map(|i| collection.objects[i]);
        match found {
            Some((_, start, length)) if length >= needed => {
                Ok(take(&collection.bytes[start..start + needed]))
            }
            _ => Err(bad_structure(
                &self.disk.path,
                &format!("heap object {} at {}", at.object, at.address),
                &format!("{needed} bytes"),
                found.map_or("no such object".into(), |o| format!("{} bytes", o.2)),
            )),
        }
    }

    fn collection(&self, address: u64) -> Result<Arc<Collection>> {
        let mut kept = self
            .kept
            .lock()
            .unwrap_or_else(|broken| broken.into_inner());
        if let Some(found) = kept.iter().find(|c| c.address == address) {
            return Ok(Arc::clone(found));
        }
        let read = Arc::new(self.read(address)?);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(Arc::clone(&read));
        Ok(read)
    }

    fn read(&self, address: u64) -> Result<Collection> {
        let disk = &self.disk;
        let width = disk.length_bytes;
        let bad = |expected: &str, found: String| {
            bad_structure(
                &disk.path,
                &format!("heap collection at {address}"),
                expected,
                found,
            )
        };
        let length = |bytes: &[u8]| {
            bytes
                .iter()
                .rev()
                .fold(0_u64, |n, b| (n << 8) | u64::from(*b))
        };
        let mut start = vec![0; 8 + width];
        disk.read(address, &mut start)?;
        if &start[..4] != b"GCOL" || start[4] != 1 {
            return Err(bad(
                "the mark GCOL of version 1",
                start[..5].escape_ascii().to_string(),
            ));
        }
        let size = length(&start[8..]);
        if size > disk.length() {
            return Err(Error::Truncated {
                path: disk.path.clone(),
                expected: address.saturating_add(size),
                found: disk.length(),
                source: None,
            });
        }
        if size < start.len() as u64 || size > MAX_BYTES {
            return Err(bad(
                &format!("at most {MAX_BYTES} bytes"),
                format!("{size} bytes"),
            ));
        }
        let mut bytes = vec![0; size as usize];
        disk.read(address, &mut bytes)?;
        let mut objects = Vec::new();
        let mut at = start.len();
        // Each object: number, references, 4 spare bytes, length, data filled up to a multiple of 8.
        while at + 8 + width <= bytes.len() {
            let number = u32::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
            let size = length(&bytes[at + 8..at + 8 + width]);
            // Number 0 is the free space at the end.
            if number == 0 {
                break;
            }
            let from = at + 8 + width;
            let end = usize::try_from(size).ok().and_then(|n| from.checked_add(n));
            let Some(end) = end.filter(|&end| end <= bytes.len()) else {
                return Err(bad(
                    "objects inside the collection",
                    format!("object {number} of {size} bytes"),
                ));
            };
            objects.push((number, from, end - from));
            at = end.next_multiple_of(8);
        }
        objects.sort_unstable();
        Ok(Collection {
            address,
            bytes,
            objects,
        })
    }
}
