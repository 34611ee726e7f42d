//! HDF5 as raw data uses it: groups, texts, and datasets read a block at a time.
//!
//! The structure of a file (groups, types, chunk indices) is read by `hdf5-pure-rust`, behind a guard; samples are read here,
//! by offset, so that memory is bounded by the block asked for and a chunk.

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use hdf5_pure_rust as h5;
use hdf5_pure_rust::format::messages::data_layout::LayoutClass;
use hdf5_pure_rust::format::messages::datatype::{DatatypeClass, DatatypeMessage};
use hdf5_pure_rust::format::messages::filter_pipeline::FilterPipelineMessage;

use super::blocks::{copy_block, runs};
use super::heap::{Heap, HeapRef};
use crate::guard::{causes, guarded};
use crate::{Error, Result};

/// First bytes of an HDF5 superblock, at offset 0 or after a user block of 512, 1024, ... bytes.
pub(crate) const MAGIC: &[u8; 8] = b"\x89HDF\r\n\x1a\n";
/// Largest chunk that is decoded.
const MAX_CHUNK_BYTES: usize = 1 << 30;
/// Deflate's best: a kilobyte of zeros a byte.
const MAX_COMPRESSION: u64 = 1032;
/// Longest text read.
const MAX_TEXT_BYTES: usize = 64 << 20;

/// True if the bytes at one of the places of a superblock mark an HDF5 file.
pub(crate) fn has_magic(start: &[u8]) -> bool {
    [0, 512, 1024, 2048]
        .iter()
        .any(|&at| start.get(at..at + 8) == Some(MAGIC))
}

/// An open file.
pub(super) struct Hdf5 {
    structure: h5::File,
    pub disk: Arc<Disk>,
}

/// Bytes by HDF5 address.
#[derive(Debug)]
pub(super) struct Disk {
    pub path: PathBuf,
    file: Mutex<File>,
    base: u64,
    length: u64,
    /// Bytes of an address in the file.
    pub address_bytes: usize,
    /// Bytes of a length in the file.
    pub length_bytes: usize,
}

impl Disk {
    /// Bytes of the file.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Fills `out` from `address`.
    pub fn read(&self, address: u64, out: &mut [u8]) -> Result<()> {
        let end = self
            .base
            .checked_add(address)
            .and_then(|at| at.checked_add(out.len() as u64));
        let Some(end) = end.filter(|&end| end <= self.length) else {
            return Err(Error::Truncated {
                path: self.path.clone(),
                expected: end.unwrap_or(u64::MAX),
                found: self.length,
                source: None,
            });
        };
        let mut file = self
            .file
            .lock()
            .unwrap_or_else(|broken| broken.into_inner());
        file.seek(SeekFrom::Start(end - out.len() as u64))
            .and_then(|_| file.read_exact(out))
            .map_err(Error::io(&self.path, "read"))
    }
}

impl Hdf5 {
    /// Opens a file; nothing but its superblock is read.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::io(path, "read"))?;
        let length = file.metadata().map_err(Error::io(path, "read"))?.len();
        let structure = sound(path, "superblock", || h5::File::open(path))?;
        let superblock = structure.superblock();
        let disk = Disk {
            path: path.into(),
            file: Mutex::new(file),
            base: superblock.base_addr,
            length,
            address_bytes: usize::from(superblock.sizeof_addr),
            length_bytes: usize::from(superblock.sizeof_size),
        };
        Ok(Self {
            structure,
            disk: Arc::new(disk),
        })
    }

    /// Names of what the root or a group holds, sorted.
    pub fn members(&self, group: &str) -> Result<Vec<String>> {
        let mut names = sound(&self.disk.path, group, || match group {
            "/" => self.structure.member_names(),
            _ => self.structure.group(group)?.member_names(),
        })?;
        names.sort();
        Ok(names)
    }

    /// A dataset by its path, for example `dataset/data`.
    pub fn dataset(&self, name: &str) -> Result<Dataset> {
        let path = &self.disk.path;
        let dataset = sound(path, name, || self.structure.dataset(name))?;
        let info = sound(path, name, || dataset.info())?;
        if info.external_file_list.is_some() || info.layout.layout_class == LayoutClass::Virtual {
            return Err(Error::Unsupported {
                path: path.clone(),
                what: "HDF5 storage",
                expected: format!("the values of {name} in this file"),
                found: "values in other files".into(),
                hint: "copy the dataset into one file, for example with h5repack".into(),
            });
        }
        let bad = |expected: &str, found: String| bad_structure(path, name, expected, found);
        let shape = info
            .dataspace
            .dims
            .iter()
            .map(|&d| usize::try_from(d))
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(|_| bad("sizes below 2^64", format!("{:?}", info.dataspace.dims)))?;
        let element = info.datatype.size as usize;
        let bytes = shape.iter().try_fold(element, |n, &d| n.checked_mul(d));
        let (Some(bytes), false) = (bytes, element == 0) else {
            return Err(bad("a size below 2^64 bytes", format!("shape {shape:?}")));
        };
        let mut chunk = Vec::new();
        let storage = match info.layout.layout_class {
            LayoutClass::Compact => Storage::Compact(info.layout.compact_data.unwrap_or_default()),
            LayoutClass::Contiguous => match info.layout.contiguous_addr {
                Some(at) if at != u64::MAX => Storage::Contiguous(at),
                _ => Storage::Absent,
            },
            _ => {
                let dims = info.layout.chunk_dims.unwrap_or_default();
                chunk.extend(dims.iter().take(shape.len()).map(|&d| d as usize));
                let size = chunk.iter().try_fold(element, |n, &d| n.checked_mul(d));
                if chunk.len() != shape.len() || size.is_none_or(|n| n == 0 || n > MAX_CHUNK_BYTES)
                {
                    let expected = format!("chunks of at most {MAX_CHUNK_BYTES} bytes");
                    return Err(bad(&expected, format!("chunks of {chunk:?}")));
                }
                Storage::Chunked(chunk_places(path, name, &dataset, &shape, &chunk)?)
            }
        };
        Ok(Dataset {
            disk: Arc::clone(&self.disk),
            name: name.into(),
            shape,
            element,
            bytes,
            kind: info.datatype,
            storage,
            chunk,
            filters: info.filter_pipeline.and_then(pipeline),
            decoded: Mutex::new(None),
        })
    }

    /// A text: the first string of a dataset of strings.
    pub fn text(&self, name: &str) -> Result<String> {
        let path = &self.disk.path;
        let dataset = self.dataset(name)?;
        let too_large = |found: usize| Error::TooLarge {
            path: path.clone(),
            what: "declared length of a text",
            expected: MAX_TEXT_BYTES as u64,
            found: format!("{found} bytes of {name}"),
            hint: "the header may be damaged",
        };
        let wrong = |found: String| bad_structure(path, name, "a text", found);
        if dataset.element > MAX_TEXT_BYTES {
            return Err(too_large(dataset.element));
        }
        if dataset.shape.contains(&0) {
            return Err(wrong("nothing".into()));
        }
        let rank = dataset.shape.len();
        let first = dataset.read_block(&vec![0; rank], &vec![1; rank])?;
        // The library would trust the declared size of the heap; ours does not.
        let bytes = match dataset.kind.class {
            DatatypeClass::String => first,
            DatatypeClass::VarLen if first.len() == 8 + self.disk.address_bytes => {
                let at = HeapRef::decode(&first);
                if at.len as usize > MAX_TEXT_BYTES {
                    return Err(too_large(at.len as usize));
                }
                Heap::new(Arc::clone(&self.disk)).value(at, 1, <[u8]>::to_vec)?
            }
            class => return Err(wrong(format!("{class:?} values of {} bytes", first.len()))),
        };
        let text = String::from_utf8_lossy(&bytes);
        Ok(text.trim_end_matches('\0').to_string())
    }

    /// A text in an attribute of the root.
    pub fn root_text(&self, name: &str) -> Option<String> {
        guarded(|| Some(self.structure.attr(name).ok()?.read_string()))
            .ok()
            .flatten()
            .filter(|text| !text.is_empty())
    }
}

/// h5py's LZF writes its versions before the size of a chunk, where the library looks for the size.
const LZF: u16 = 32000;

fn pipeline(mut pipeline: FilterPipelineMessage) -> Option<FilterPipelineMessage> {
    for filter in pipeline.filters.iter_mut().filter(|f| f.id == LZF) {
        if let Some(&size) = filter.client_data.get(2) {
            filter.client_data = vec![size];
        }
    }
    (!pipeline.filters.is_empty()).then_some(pipeline)
}

/// What the library says, its panics and errors as ours.
fn sound<T>(path: &Path, what: &str, call: impl FnOnce() -> h5::Result<T>) -> Result<T> {
    let found = match guarded(call) {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(error)) => causes(&error),
        Err(panic) => panic,
    };
    Err(bad_structure(path, what, "a sound HDF5 structure", found))
}

/// A part of another's message without control characters, for one line.
pub(super) fn printable(message: &str) -> String {
    let plain = |c: char| if c.is_control() { '?' } else { c };
    message.chars().take(160).map(plain).collect()
}

pub(super) fn bad_structure(path: &Path, what: &str, expected: &str, found: String) -> Error {
    Error::BadHeader {
        path: path.into(),
        field: format!("HDF5 {}", what.escape_debug()),
        expected: expected.into(),
        found: printable(&found),
        hint: "copy or export it again".into(),
    }
}

/// Where a chunk lies.
#[derive(Debug, Clone, Copy)]
struct ChunkPlace {
    /// Number of the chunk in C order of the chunk grid.
    number: u64,
    address: u64,
    bytes: u64,
    /// Filters that were not applied.
    filter_mask: u32,
}

/// Chunks in order of their number.
fn chunk_places(
    path: &Path,
    name: &str,
    dataset: &h5::Dataset,
    shape: &[usize],
    chunk: &[usize],
) -> Result<Vec<ChunkPlace>> {
    let mut places = Vec::new();
    sound(path, name, || {
        dataset.visit_chunk_infos(|offset, filter_mask, address, bytes| {
            let mut number = 0_u64;
            for (axis, &at) in offset.iter().take(shape.len()).enumerate() {
                let grid = shape[axis].div_ceil(chunk[axis]) as u64;
                number = number
                    .wrapping_mul(grid)
                    .wrapping_add(at / chunk[axis] as u64);
            }
            places.push(ChunkPlace {
                number,
                address,
                bytes,
                filter_mask,
            });
            Ok(())
        })
    })?;
    places.sort_by_key(|place| place.number);
    Ok(places)
}

enum Storage {
    /// Never written: zeros.
    Absent,
    Compact(Vec<u8>),
    Contiguous(u64),
    Chunked(Vec<ChunkPlace>),
}

/// A dataset whose values are read a block at a time.
pub(super) struct Dataset {
    pub disk: Arc<Disk>,
    pub name: String,
    /// Size of every axis, slowest first.
    pub shape: Vec<usize>,
    /// Bytes a value.
    pub element: usize,
    /// Bytes of all values.
    pub bytes: usize,
    /// Type of a value.
    pub kind: DatatypeMessage,
    storage: Storage,
    chunk: Vec<usize>,
    filters: Option<FilterPipelineMessage>,
    /// The chunk decoded last: the next block often lies in it too.
    decoded: Mutex<Option<(u64, Arc<Vec<u8>>)>>,
}

impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dataset")
            .field("name", &self.name)
            .field("shape", &self.shape)
            .finish_non_exhaustive()
    }
}

impl Dataset {
    /// Raw values of the block of `count` values from `start`, in C order; the caller has held its size against its cap.
    ///
    /// `start` and `count` have one entry an axis and lie within the shape.
    pub fn read_block(&self, start: &[usize], count: &[usize]) -> Result<Vec<u8>> {
        let n: usize = count.iter().product();
        self.check_plausible(n * self.element)?;
        let mut out = vec![0; n * self.element];
        if n == 0 {
            return Ok(out);
        }
        match &self.storage {
            Storage::Absent => {}
            Storage::Compact(values) => {
                self.check_length(values.len())?;
                let all = self.shape.clone();
                copy_block(
                    values,
                    &all,
                    start,
                    &mut out,
                    count,
                    &vec![0; all.len()],
                    count,
                    self.element,
                );
            }
            Storage::Contiguous(address) => {
                runs(&self.shape, start, count, |from, to, len| {
                    let at = address.saturating_add((from * self.element) as u64);
                    let bytes = to * self.element..(to + len) * self.element;
                    self.disk.read(at, &mut out[bytes])
                })?;
            }
            Storage::Chunked(places) => self.read_chunks(places, start, count, &mut out)?,
        }
        Ok(out)
    }

    /// A block cannot be much larger than the file, however well it is compressed: nothing is allocated for a shape that lies.
    fn check_plausible(&self, bytes: usize) -> Result<()> {
        let ratio = match self.storage {
            Storage::Contiguous(_) => 1,
            _ => MAX_COMPRESSION,
        };
        let most = self.disk.length.saturating_mul(ratio);
        if bytes as u64 <= most {
            return Ok(());
        }
        Err(Error::Truncated {
            path: self.disk.path.clone(),
            expected: bytes as u64 / ratio,
            found: self.disk.length,
            source: None,
        })
    }

    fn check_length(&self, found: usize) -> Result<()> {
        if found >= self.bytes {
            return Ok(());
        }
        Err(Error::Truncated {
            path: self.disk.path.clone(),
            expected: self.bytes as u64,
            found: found as u64,
            source: None,
        })
    }

    fn read_chunks(
        &self,
        places: &[ChunkPlace],
        start: &[usize],
        count: &[usize],
        out: &mut [u8],
    ) -> Result<()> {
        let rank = self.shape.len();
        let first: Vec<usize> = (0..rank).map(|a| start[a] / self.chunk[a]).collect();
        let last: Vec<usize> = (0..rank)
            .map(|a| (start[a] + count[a] - 1) / self.chunk[a])
            .collect();
        let mut at = first.clone();
        loop {
            let number = (0..rank).fold(0_u64, |n, a| {
                let grid = self.shape[a].div_ceil(self.chunk[a]) as u64;
                n.wrapping_mul(grid).wrapping_add(at[a] as u64)
            });
            // A chunk that was never written holds zeros.
            if let Ok(place) = places.binary_search_by_key(&number, |place| place.number) {
                let values = self.decode(&places[place])?;
                let low: Vec<usize> = (0..rank)
                    .map(|a| start[a].max(at[a] * self.chunk[a]))
                    .collect();
                let size: Vec<usize> = (0..rank)
                    .map(|a| (start[a] + count[a]).min((at[a] + 1) * self.chunk[a]) - low[a])
                    .collect();
                let inside: Vec<usize> =
                    (0..rank).map(|a| low[a] - at[a] * self.chunk[a]).collect();
                let into: Vec<usize> = (0..rank).map(|a| low[a] - start[a]).collect();
                copy_block(
                    &values,
                    &self.chunk,
                    &inside,
                    out,
                    count,
                    &into,
                    &size,
                    self.element,
                );
            }
            // The next chunk, last axis fastest.
            let Some(axis) = (0..rank).rev().find(|&a| at[a] < last[a]) else {
                return Ok(());
            };
            at[axis] += 1;
            at[axis + 1..].copy_from_slice(&first[axis + 1..]);
        }
    }

    fn decode(&self, place: &ChunkPlace) -> Result<Arc<Vec<u8>>> {
        let mut cached = self
            .decoded
            .lock()
            .unwrap_or_else(|broken| broken.into_inner());
        if let Some((number, values)) = &*cached
            && *number == place.number
        {
            return Ok(Arc::clone(values));
        }
        let expected = self.chunk.iter().product::<usize>() * self.element;
        let path = &self.disk.path;
        if place.bytes > self.disk.length {
            return Err(Error::Truncated {
                path: path.clone(),
                expected: place.bytes,
                found: self.disk.length,
                source: None,
            });
        }
        let mut stored = vec![0; place.bytes as usize];
        self.disk.read(place.address, &mut stored)?;
        if let Some(filters) = &self.filters {
            stored = sound(path, &self.name, || {
                h5::filters::apply_pipeline_reverse_with_mask_expected(
                    &stored,
                    filters,
                    self.element,
                    place.filter_mask,
                    expected,
                )
            })?;
        }
        if stored.len() < expected {
            let found = format!("{} bytes", stored.len());
            return Err(bad_structure(
                path,
                &self.name,
                &format!("a chunk of {expected} bytes"),
                found,
            ));
        }
        let values = Arc::new(stored);
        *cached = Some((place.number, Arc::clone(&values)));
        Ok(values)
    }
}

/// True if the superblock lies after a user block, as MATLAB writes it.
pub(super) fn has_user_block(path: &Path) -> Result<bool> {
    let mut start = [0; 8];
    File::open(path)
        .and_then(|mut f| f.read_exact(&mut start))
        .map_err(Error::io(path, "read"))?;
    Ok(start != *MAGIC)
}
