//! GGUF, versions 2 and 3 (github.com/ggml-org/ggml, docs/gguf.md): metadata, then tensors at aligned offsets.
//!
//! Every length is held against the rest of the file before anything is allocated.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use super::blocks::Stored;
use crate::error::{Error, Result};

/// Most keys, and most tensors.
const MAX_ENTRIES: u64 = 1 << 16;
/// Longest string.
const MAX_STRING: u64 = 1 << 24;
/// Most elements of an array.
const MAX_ARRAY: u64 = 1 << 24;
/// Alignment of tensors where the file does not say.
const ALIGNMENT: u64 = 32;

/// A value of the metadata.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Whole numbers of any width.
    Whole(i64),
    /// Floating point of any width.
    Real(f64),
    /// True or false.
    Truth(bool),
    /// UTF-8.
    Text(String),
    /// An array of strings.
    Texts(Vec<String>),
    /// An array of whole numbers.
    Wholes(Vec<i64>),
    /// An array of other values, passed over.
    Other,
}

#[derive(Debug, Clone)]
pub(super) struct Tensor {
    /// Slowest axis first.
    pub(super) shape: Vec<usize>,
    pub(super) stored: Stored,
    /// From the start of the file.
    pub(super) offset: u64,
    pub(super) bytes: usize,
}

/// An open file.
#[derive(Debug)]
pub struct Gguf {
    pub(super) path: PathBuf,
    pub(super) file: File,
    metadata: BTreeMap<String, Value>,
    pub(super) tensors: BTreeMap<String, Tensor>,
    pub(super) asked: BTreeSet<String>,
}

/// Reads little-endian values and counts what is left.
struct Cursor<'a> {
    path: &'a Path,
    reader: BufReader<&'a File>,
    at: u64,
    len: u64,
}

impl Cursor<'_> {
    fn bad(&self, what: &str, expected: impl Into<String>, found: impl Into<String>) -> Error {
        Error::Borrow {
            path: self.path.into(),
            what: format!("byte {}, {what}", self.at),
            expected: expected.into(),
            found: found.into(),
        }
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut out = [0; N];
        self.reader.read_exact(&mut out).map_err(|e| {
            let found = format!("the end of the file ({e})");
            self.bad("reading", format!("{N} more bytes"), found)
        })?;
        self.at += N as u64;
        Ok(out)
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.bytes()?))
    }

    fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.bytes()?))
    }

    /// A count of things of at least `size` bytes each, that can still be there.
    fn count(&mut self, what: &str, size: u64, most: u64) -> Result<usize> {
        let n = self.u64()?;
        let room = (self.len - self.at.min(self.len)) / size;
        if n > room.min(most) {
            let expected = format!("at most {}", room.min(most));
            return Err(self.bad(what, expected, n.to_string()));
        }
        Ok(n as usize)
    }

    fn text(&mut self) -> Result<String> {
        let n = self.count("length of a string", 1, MAX_STRING)?;
        let mut out = vec![0; n];
        self.reader
            .read_exact(&mut out)
            .map_err(|e| self.bad("a string", format!("{n} bytes"), e.to_string()))?;
        self.at += n as u64;
        // Tokens of byte-level vocabularies are UTF-8; a stray token of another file must not make it unreadable.
        Ok(String::from_utf8_lossy(&out).into_owned())
    }

    /// A scalar of a type; none for the types that are no scalar.
    fn scalar(&mut self, kind: u32) -> Result<Option<Value>> {
        Ok(Some(match kind {
            0 => Value::Whole(i64::from(self.bytes::<1>()?[0])),
            1 => Value::Whole(i64::from(self.bytes::<1>()?[0] as i8)),
            2 => Value::Whole(i64::from(u16::from_le_bytes(self.bytes()?))),
            3 => Value::Whole(i64::from(i16::from_le_bytes(self.bytes()?))),
            4 => Value::Whole(i64::from(self.u32()?)),
            5 => Value::Whole(i64::from(self.u32()? as i32)),
            6 => Value::Real(f64::from(f32::from_le_bytes(self.bytes()?))),
            7 => Value::Truth(self.bytes::<1>()?[0] != 0),
            8 => Value::Text(self.text()?),
            10 => Value::Whole(i64::try_from(self.u64()?).unwrap_or(i64::MAX)),
            11 => Value::Whole(self.u64()? as i64),
            12 => Value::Real(f64::from_le_bytes(self.bytes()?)),
            _ => return Ok(None),
        }))
    }

    fn value(&mut self) -> Result<Value> {
        let kind = self.u32()?;
        if kind != 9 {
            let known = self.scalar(kind)?;
            return known.ok_or_else(|| self.bad("type of a value", "0 to 12", kind.to_string()));
        }
        let of = self.u32()?;
        let size = match of {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            8 | 10..=12 => 8,
            _ => return Err(self.bad("type in an array", "a scalar", of.to_string())),
        };
        let n = self.count("length of an array", size, MAX_ARRAY)?;
        let (mut texts, mut wholes) = (Vec::new(), Vec::new());
        for _ in 0..n {
            match self.scalar(of)? {
                Some(Value::Text(text)) => texts.push(text),
                Some(Value::Whole(v)) => wholes.push(v),
                _ => {}
            }
        }
        Ok(match (texts.len() == n, wholes.len() == n) {
            (true, _) => Value::Texts(texts),
            (_, true) => Value::Wholes(wholes),
            _ => Value::Other,
        })
    }
}

impl Gguf {
    /// Reads the metadata and the list of tensors.
    ///
    /// # Errors
    /// [`Error::Read`], or [`Error::Borrow`] for what is no GGUF, is cut short, or lies about a length.
    pub fn open(path: &Path) -> Result<Self> {
        let read = |source| Error::Read {
            path: path.into(),
            source,
        };
        let file = File::open(path).map_err(read)?;
        let len = file.metadata().map_err(read)?.len();
        let mut c = Cursor {
            path,
            reader: BufReader::new(&file),
            at: 0,
            len,
        };
        let magic = c.bytes::<4>()?;
        if &magic != b"GGUF" {
            return Err(c.bad("start", "GGUF", format!("{magic:?}")));
        }
        let version = c.u32()?;
        if !(2..=3).contains(&version) {
            return Err(c.bad("version", "2 or 3", version.to_string()));
        }
        let n_tensors = c.count("number of tensors", 24, MAX_ENTRIES)?;
        let n_keys = c.count("number of keys", 13, MAX_ENTRIES)?;
        let mut metadata = BTreeMap::new();
        for _ in 0..n_keys {
            let key = c.text()?;
            let value = c.value()?;
            metadata.insert(key, value);
        }
        let alignment = match metadata.get("general.alignment") {
            None => ALIGNMENT,
            Some(Value::Whole(a)) if *a > 0 && *a <= 1 << 20 => *a as u64,
            Some(other) => {
                return Err(c.bad("general.alignment", "1 to 1048576", format!("{other:?}")));
            }
        };
        let listed: Vec<_> = (0..n_tensors)
            .map(|_| listed(&mut c))
            .collect::<Result<_>>()?;
        let start = c.at.next_multiple_of(alignment);
        let mut tensors = BTreeMap::new();
        for (name, mut tensor) in listed {
            let end = start
                .checked_add(tensor.offset)
                .and_then(|o| o.checked_add(tensor.bytes as u64));
            if end.is_none_or(|end| end > len) {
                let found = format!("a file of {len}");
                let expected = format!("{} bytes at {} + {start}", tensor.bytes, tensor.offset);
                return Err(c.bad(&format!("tensor {name}"), expected, found));
            }
            tensor.offset += start;
            tensors.insert(name, tensor);
        }
        drop(c);
        Ok(Self {
            path: path.into(),
            file,
            metadata,
            tensors,
            asked: BTreeSet::new(),
        })
    }

    pub(super) fn bad(
        &self,
        what: &str,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Error {
        Error::Borrow {
            path: self.path.clone(),
            what: what.into(),
            expected: expected.into(),
            found: found.into(),
        }
    }

    /// A value of the metadata.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.metadata.get(key)
    }
}

/// One entry of the list of tensors, its offset from the start of the data.
fn listed(c: &mut Cursor<'_>) -> Result<(String, Tensor)> {
    let name = c.text()?;
    let n_axes = c.u32()?;
    if !(1..=4).contains(&n_axes) {
        return Err(c.bad(&format!("axes of {name}"), "1 to 4", n_axes.to_string()));
    }
    let mut shape = Vec::with_capacity(4);
    for _ in 0..n_axes {
        let n = c.u64()?;
        shape.push(usize::try_from(n).unwrap_or(usize::MAX));
    }
    let kind = c.u32()?;
    let offset = c.u64()?;
    let Some(stored) = Stored::of(kind) else {
        let expected = "F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K or Q6_K";
        return Err(c.bad(&format!("type of {name}"), expected, kind.to_string()));
    };
    let n = shape
        .iter()
        .try_fold(1usize, |n, axis| n.checked_mul(*axis));
    let Some(bytes) = n.and_then(|n| stored.bytes(n)) else {
        return Err(c.bad(
            &format!("shape of {name}"),
            "whole blocks",
            format!("{shape:?}"),
        ));
    };
    // Blocks run along the fastest axis, which comes first.
    if !shape[0].is_multiple_of(stored.block().0) {
        return Err(c.bad(
            &format!("rows of {name}"),
            "whole blocks",
            shape[0].to_string(),
        ));
    }
    shape.reverse();
    let tensor = Tensor {
        shape,
        stored,
        offset,
        bytes,
    };
    Ok((name, tensor))
}

#[cfg(test)]
mod tests {
    use super::super::Weights;
    use super::*;

    /// A file of version 3 from metadata (already encoded) and tensors of singles.
    fn file(keys: &[(&str, Vec<u8>)], tensors: &[(&str, Vec<usize>, Vec<f32>)]) -> Vec<u8> {
        let mut out = b"GGUF".to_vec();
        out.extend(3u32.to_le_bytes());
        out.extend((tensors.len() as u64).to_le_bytes());
        out.extend((keys.len() as u64).to_le_bytes());
        let text = |out: &mut Vec<u8>, t: &str| {
            out.extend((t.len() as u64).to_le_bytes());
            out.extend(t.as_bytes());
        };
        for (key, value) in keys {
            text(&mut out, key);
            out.extend(value);
        }
        let mut offset = 0u64;
        for (name, shape, values) in tensors {
            text(&mut out, name);
            out.extend((shape.len() as u32).to_le_bytes());
            for n in shape.iter().rev() {
                out.extend((*n as u64).to_le_bytes());
            }
            out.extend(0u32.to_le_bytes());
            out.extend(offset.to_le_bytes());
            offset += (4 * values.len() as u64).next_multiple_of(32);
        }
        out.resize(out.len().next_multiple_of(32), 0);
        for (_, _, values) in tensors {
            out.extend(values.iter().flat_map(|v| v.to_le_bytes()));
            out.resize(out.len().next_multiple_of(32), 0);
        }
        out
    }

    fn whole(v: u32) -> Vec<u8> {
        [4u32.to_le_bytes(), v.to_le_bytes()].concat()
    }

    fn text(t: &str) -> Vec<u8> {
        let mut out = 8u32.to_le_bytes().to_vec();
        out.extend((t.len() as u64).to_le_bytes());
        out.extend(t.as_bytes());
        out
    }

    fn open(bytes: &[u8]) -> Result<Gguf> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m.gguf");
        std::fs::write(&path, bytes).unwrap();
        Gguf::open(&path)
    }

    #[test]
    fn values_and_tensors_are_read() {
        let bytes = file(
            &[("general.architecture", text("llama")), ("x", whole(7))],
            &[
                ("a", vec![3], vec![1.0, 2.0, 3.0]),
                ("b", vec![2, 2], vec![4.0, 5.0, 6.0, 7.0]),
            ],
        );
        let mut g = open(&bytes).unwrap();
        assert_eq!(g.get("x"), Some(&Value::Whole(7)));
        assert_eq!(g.tensor("b", &[2, 2]).unwrap(), [4.0, 5.0, 6.0, 7.0]);
        assert_eq!(g.unused(), Some("a".into()));
        assert!(g.tensor("a", &[4]).is_err() && g.tensor("c", &[1]).is_err());
    }

    #[test]
    fn damaged_files_are_errors_and_allocate_nothing_large() {
        let good = file(&[("k", text("v"))], &[("a", vec![4], vec![0.0; 4])]);
        assert!(open(&good).is_ok());
        for cut in 0..good.len() - 16 {
            assert!(open(&good[..cut]).is_err(), "cut at {cut}");
        }
        // Counts, lengths and axes that lie.
        for at in [8, 16, 24, 37] {
            let mut bad = good.clone();
            bad[at..at + 8].copy_from_slice(&(u64::MAX / 3).to_le_bytes());
            assert!(open(&bad).is_err(), "lie at {at}");
        }
        assert!(open(b"GGML").is_err() && open(b"GGUF\x09\0\0\0").is_err());
    }
}
