//! The file around the measurements: where each begins and ends, and the text of its header.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use crate::{Error, Result};

/// Bytes before the directory of a multi-measurement file, and of one entry of it.
const DIRECTORY_START: usize = 8;
const ENTRY_BYTES: usize = 152;
/// Most measurements of one file; the format reserves room for as many.
const MAX_MEASUREMENTS: u32 = 64;
/// The first word of a multi-measurement file is below this, that of a VB file (its header's length) above.
const MAX_FIRST_WORD: u32 = 10_000;
/// Longest protocol header accepted; real ones have about one mebibyte.
const MAX_HEADER: u32 = 1 << 26;
/// Most named parts of one header.
const MAX_PARTS: u32 = 64;
/// Longest name of a part.
const MAX_NAME: usize = 64;
/// What the first part of a header is called.
const PART_NAMES: [&[u8]; 6] = [
    b"Config\0",
    b"Dicom\0",
    b"Meas\0",
    b"MeasYaps\0",
    b"Phoenix\0",
    b"Spice\0",
];

/// Generation of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// VA and VB: one measurement, a full line header before every coil's samples.
    Vb,
    /// VD, VE and later: a directory of measurements, one line header before all coils' samples.
    Vd,
}

/// One measurement in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    /// First byte, that of the protocol header.
    pub start: u64,
    /// One past the last byte as the directory says, or the file's end.
    pub end: u64,
    /// One past the last byte that is there.
    pub available: u64,
}

/// One named part of a protocol header.
#[derive(Debug)]
pub(super) struct Part {
    pub name: String,
    pub text: Vec<u8>,
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes(word.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let word = bytes.get(at..at + 8)?;
    Some(u64::from_le_bytes(word.try_into().ok()?))
}

/// Tells the generation by a file's first bytes.
pub(super) fn layout_of(start: &[u8], file_len: u64) -> Option<Layout> {
    let first = u32_at(start, 0)?;
    let second = u32_at(start, 4)?;
    let several = first < MAX_FIRST_WORD && (1..=MAX_MEASUREMENTS).contains(&second);
    if several && has_directory(start, second) {
        return Some(Layout::Vd);
    }
    let named = start
        .get(8..)
        .is_some_and(|rest| PART_NAMES.iter().any(|n| rest.starts_with(n)));
    let sizes = (16..=MAX_HEADER).contains(&first) && (1..=MAX_PARTS).contains(&second);
    (named && sizes && file_len > 16).then_some(Layout::Vb)
}

/// True if a directory of `n` measurements follows, by its first entry: text for names, and a first measurement behind
/// the directory within the space that the format reserves.
fn has_directory(start: &[u8], n: u32) -> bool {
    let Some(entry) = start.get(DIRECTORY_START..DIRECTORY_START + ENTRY_BYTES) else {
        return false;
    };
    let directory = (DIRECTORY_START + ENTRY_BYTES * n as usize) as u64;
    let text = |name: &&[u8]| name.iter().take_while(|b| **b != 0).all(|b| *b >= b' ');
    u64_at(entry, 8).is_some_and(|offset| offset >= directory && offset <= 1 << 20)
        && [&entry[24..88], &entry[88..152]].iter().all(text)
}

/// What is wrong with a header, where.
pub(super) fn bad_header(
    path: &Path,
    what: &str,
    offset: u64,
    expected: impl Into<String>,
    found: impl Into<String>,
) -> Error {
    Error::BadHeader {
        path: path.into(),
        field: format!("{what} (byte {offset})"),
        expected: expected.into(),
        found: found.into(),
        hint: "the file is damaged; copy or export it again".into(),
    }
}

/// Reads `buffer.len()` bytes from `offset` on.
pub(super) fn read_at(file: &mut File, path: &Path, offset: u64, buffer: &mut [u8]) -> Result<()> {
    file.seek(SeekFrom::Start(offset))
        .map_err(Error::io(path, "read"))?;
    file.read_exact(buffer).map_err(|source| {
        if source.kind() == std::io::ErrorKind::UnexpectedEof {
            Error::Truncated {
                path: path.into(),
                expected: offset.saturating_add(buffer.len() as u64),
                found: file.metadata().map_or(offset, |m| m.len()),
                source: Some(source),
            }
        } else {
            Error::io(path, "read")(source)
        }
    })
}

/// All measurements of a file, in file order.
pub(super) fn measurements(
    file: &mut File,
    path: &Path,
    layout: Layout,
    file_len: u64,
) -> Result<Vec<Extent>> {
    if layout == Layout::Vb {
        return Ok(vec![Extent {
            start: 0,
            end: file_len,
            available: file_len,
        }]);
    }
    let mut start = [0; DIRECTORY_START];
    read_at(file, path, 0, &mut start)?;
    let n = u32_at(&start, 4).unwrap_or(0).min(MAX_MEASUREMENTS) as usize;
    let mut directory = vec![0; ENTRY_BYTES * n];
    read_at(file, path, DIRECTORY_START as u64, &mut directory)?;
    let mut extents = Vec::with_capacity(n);
    for (i, entry) in directory.chunks_exact(ENTRY_BYTES).enumerate() {
        let at = (DIRECTORY_START + i * ENTRY_BYTES) as u64;
        let offset = u64_at(entry, 8).unwrap_or(0);
        let length = u64_at(entry, 16).unwrap_or(0);
        if offset >= file_len {
            return Err(bad_header(
                path,
                &format!("offset of measurement {} of {n}", i + 1),
                at + 8,
                format!("an offset below the file's {file_len} bytes"),
                offset.to_string(),
            ));
        }
        // A length of zero is written when the scan was not closed: all that follows belongs to it.
        let end = match length {
            0 => Some(file_len),
            _ => offset.checked_add(length),
        };
        let Some(end) = end else {
            return Err(bad_header(
                path,
                &format!("length of measurement {} of {n}", i + 1),
                at + 16,
                "a length that a file can have",
                length.to_string(),
            ));
        };
        extents.push(Extent {
            start: offset,
            end,
            available: end.min(file_len),
        });
    }
    Ok(extents)
}

/// The parts of a measurement's protocol header, and where its readouts begin.
pub(super) fn read_parts(
    file: &mut File,
    path: &Path,
    extent: &Extent,
) -> Result<(Vec<Part>, u64)> {
    let mut sizes = [0; 8];
    read_at(file, path, extent.start, &mut sizes)?;
    let length = u32_at(&sizes, 0).unwrap_or(0);
    let n_parts = u32_at(&sizes, 4).unwrap_or(0);
    let room = extent.available - extent.start.min(extent.available);
    if !(8..=MAX_HEADER).contains(&length) {
        return Err(bad_header(
            path,
            "length of the protocol header",
            extent.start,
            format!("8 to {MAX_HEADER} bytes"),
            length.to_string(),
        ));
    }
    if u64::from(length) > room {
        return Err(Error::Truncated {
            path: path.into(),
            expected: extent.start + u64::from(length),
            found: extent.available,
            source: None,
        });
    }
    if n_parts > MAX_PARTS {
        return Err(bad_header(
            path,
            "number of parts of the protocol header",
            extent.start + 4,
            format!("at most {MAX_PARTS}"),
            n_parts.to_string(),
        ));
    }
    let mut bytes = vec![0; length as usize - 8];
    read_at(file, path, extent.start + 8, &mut bytes)?;
    let parts = split_parts(path, &bytes, n_parts, extent.start + 8)?;
    Ok((parts, extent.start + u64::from(length)))
}

/// Cuts a header into its parts: name, zero byte, length, text.
fn split_parts(path: &Path, bytes: &[u8], n_parts: u32, offset: u64) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    let mut at = 0;
    for _ in 0..n_parts {
        let here = offset + at as u64;
        let rest = &bytes[at..];
        let name_len = rest.iter().take(MAX_NAME + 1).position(|b| *b == 0);
        let length = name_len.and_then(|n| u32_at(rest, n + 1));
        let (Some(name_len), Some(length)) = (name_len, length) else {
            return Err(bad_header(
                path,
                "part of the protocol header",
                here,
                format!("a name of at most {MAX_NAME} bytes and a length"),
                format!("{} bytes without them", rest.len()),
            ));
        };
        let text = name_len + 5;
        let Some(text) = rest.get(text..).and_then(|r| r.get(..length as usize)) else {
            return Err(bad_header(
                path,
                "length of a part of the protocol header",
                here + name_len as u64 + 1,
                format!("at most {} bytes", rest.len() - text),
                length.to_string(),
            ));
        };
        parts.push(Part {
            name: String::from_utf8_lossy(&rest[..name_len]).into_owned(),
            text: text.to_vec(),
        });
        at += name_len + 5 + length as usize;
    }
    Ok(parts)
}
