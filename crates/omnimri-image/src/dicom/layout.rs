//! First look at a file: where its data set begins, how it is encoded and where the pixel data lie.
//!
//! The walk checks every declared length against the file and bounds the nesting of sequences
//! before any parser allocates for them: a general parser trusts lengths and recurses, and a stack
//! overflow cannot be caught. What the parser would misread is kept from it.

use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use dicom_core::VR;
use dicom_dictionary_std::uids;

use super::syntax::Encoding;
use super::walker::Walker;
use crate::{Error, Result};

/// What kind of sample a pixel data element holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SampleKind {
    /// Pixel Data (7FE0,0010).
    Integer,
    /// Float Pixel Data (7FE0,0008).
    Float32,
    /// Double Float Pixel Data (7FE0,0009).
    Float64,
}

/// Where the pixel data lie, in bytes from the start of the file (of the inflated data set if
/// deflated).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PixelBytes {
    /// One block of uncompressed samples.
    Native {
        /// First byte.
        offset: u64,
        /// Number of bytes.
        len: u64,
    },
    /// Compressed fragments `(first byte, number of bytes)` after the basic offset table.
    Fragments {
        /// Basic offset table: first byte of each frame after the table's end; may be empty.
        offset_table: Vec<u64>,
        /// Fragments in stored order.
        fragments: Vec<(u64, u64)>,
    },
}

/// The pixel data element of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PixelElement {
    pub kind: SampleKind,
    /// Value representation OW: 16-bit words, which matters for 8-bit samples in big-endian files.
    pub words: bool,
    pub bytes: PixelBytes,
}

/// A file's structure up to its pixel data.
#[derive(Debug)]
pub(super) struct Layout {
    pub transfer_syntax: String,
    pub encoding: Encoding,
    /// Where the deflated data set begins, if it is deflated.
    pub deflated_at: Option<u64>,
    /// The encoded data set before the pixel data.
    pub header: Vec<u8>,
    pub pixels: Option<PixelElement>,
}

/// How a file starts.
enum Start {
    /// File meta information follows at this offset.
    Meta(u64),
    /// No meta information: a bare data set.
    Bare(Encoding),
}

/// True if these first bytes of a file (up to 160) look like DICOM, with or without the preamble.
pub(crate) fn looks_like_dicom(head: &[u8]) -> bool {
    find_start(head).is_some()
}

fn find_start(head: &[u8]) -> Option<Start> {
    if head.get(128..132) == Some(b"DICM") {
        return Some(Start::Meta(132));
    }
    if head.get(..4) == Some(b"DICM") {
        return Some(Start::Meta(4));
    }
    // Without the magic word: the first element must be one that opens a data set and be of a
    // plausible length.
    let first: &[u8; 8] = head.get(..8)?.try_into().ok()?;
    let group = u16::from_le_bytes([first[0], first[1]]);
    let element = u16::from_le_bytes([first[2], first[3]]);
    if group == 0x0002 && element <= 0x0002 && &first[4..6] != b"\0\0" {
        return VR::from_binary([first[4], first[5]]).map(|_| Start::Meta(0));
    }
    if group != 0x0008 || element > 0x0020 {
        return None;
    }
    if VR::from_binary([first[4], first[5]]).is_some() {
        return Some(Start::Bare(Encoding::EXPLICIT_LE));
    }
    let len = u32::from_le_bytes([first[4], first[5], first[6], first[7]]);
    (len <= 128 && len.is_multiple_of(2)).then_some(Start::Bare(Encoding::IMPLICIT_LE))
}

impl Layout {
    /// The structure of the file at `path`; `max_inflated` bounds a deflated data set in bytes.
    pub fn read(path: &Path, max_inflated: u64) -> Result<Self> {
        let file = File::open(path).map_err(Error::io(path, "read"))?;
        let len = file.metadata().map_err(Error::io(path, "read"))?.len();
        let mut walker = Walker::new(path, BufReader::new(file), len);
        let mut head = vec![0; len.min(160) as usize];
        walker.fill(&mut head)?;
        let start = find_start(&head).ok_or_else(|| not_dicom(path, &head))?;
        let (transfer_syntax, encoding) = match start {
            Start::Meta(at) => {
                walker.seek(at)?;
                let uid = walker.meta()?;
                let encoding = Encoding::of(&uid);
                (uid, encoding)
            }
            Start::Bare(encoding) => {
                walker.seek(0)?;
                (encoding.uid().to_string(), encoding)
            }
        };
        if transfer_syntax != uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN {
            let encoding = walker.encoding_found(encoding)?;
            let (header, pixels) = walker.data_set(encoding)?;
            return Ok(Self {
                transfer_syntax,
                encoding,
                deflated_at: None,
                header,
                pixels,
            });
        }
        let deflated_at = walker.pos;
        let _alone = inflate_alone();
        let data = inflate_from(path, deflated_at, max_inflated)?;
        let len = data.len() as u64;
        let (header, pixels) = Walker::new(path, Cursor::new(data), len).data_set(encoding)?;
        Ok(Self {
            transfer_syntax,
            encoding,
            deflated_at: Some(deflated_at),
            header,
            pixels,
        })
    }
}

/// Waits until no other thread holds an inflated data set: each may be as large as the voxel limit
/// allows, and is needed whole.
pub(super) fn inflate_alone() -> MutexGuard<'static, ()> {
    static INFLATING: Mutex<()> = Mutex::new(());
    INFLATING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The data set of a deflated file, inflated; at most `max_inflated` bytes.
pub(super) fn inflate_from(path: &Path, offset: u64, max_inflated: u64) -> Result<Vec<u8>> {
    let mut file = File::open(path).map_err(Error::io(path, "read"))?;
    file.seek(SeekFrom::Start(offset))
        .map_err(Error::io(path, "read"))?;
    let mut data = Vec::new();
    flate2::read::DeflateDecoder::new(BufReader::new(file))
        .take(max_inflated.saturating_add(1))
        .read_to_end(&mut data)
        .map_err(|source| Error::ReadDicom {
            path: path.into(),
            what: "deflated data set".into(),
            expected: "a deflate stream".into(),
            found: format!("{source} after {} bytes", data.len()),
            source: Some(Box::new(source)),
        })?;
    if data.len() as u64 > max_inflated {
        return Err(Error::TooLarge {
            path: path.into(),
            what: "bytes after inflation",
            expected: max_inflated,
            found: "more".into(),
            hint: "raise the voxel limit if the file is sound",
        });
    }
    Ok(data)
}

fn not_dicom(path: &Path, head: &[u8]) -> Error {
    let found = if head.is_empty() {
        "an empty file".to_string()
    } else {
        let hex: Vec<String> = head.iter().take(8).map(|b| format!("{b:02x}")).collect();
        format!("a file that begins with bytes {}", hex.join(" "))
    };
    Error::UnknownFormat {
        path: path.into(),
        expected: "a DICOM file (`DICM` at byte 128)",
        found,
        hint: "remove it from the folder or convert it",
    }
}
