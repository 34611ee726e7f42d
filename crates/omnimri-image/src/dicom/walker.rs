//! The walk over the data elements of a file.
//!
//! Every declared length is checked against the file and against what encloses it, and the nesting of sequences is bounded,
//! before any parser allocates for them.

use std::io::{BufRead, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use dicom_core::{DataDictionary, Tag, VR};
use dicom_dictionary_std::{StandardDataDictionary, tags, uids};

use super::layout::{PixelBytes, PixelElement, SampleKind};
use super::syntax::Encoding;
use crate::{Error, Result};

/// Deepest nesting of sequences; the deepest in the standard's image objects is below ten.
const MAX_DEPTH: usize = 24;
/// Most data elements before the pixel data: 60 a frame for 30,000 frames.
const MAX_ELEMENTS: usize = 2_000_000;
/// Most bytes before the pixel data.
const MAX_HEADER_BYTES: u64 = 256 << 20;
/// Most fragments of compressed pixel data.
const MAX_FRAGMENTS: usize = 1 << 20;

/// Header of one data element.
struct ElementHeader {
    tag: Tag,
    vr: VR,
    /// `None` for undefined length.
    len: Option<u64>,
}

/// Reads element headers and skips values, with every length checked against its enclosing bound.
pub(super) struct Walker<'a, R> {
    path: &'a Path,
    reader: R,
    /// Byte of the file that comes next.
    pub pos: u64,
    len: u64,
    n_elements: usize,
    /// Elements so far that the parser would read otherwise than this walk does.
    n_misfits: usize,
}

impl<'a, R: BufRead + Seek> Walker<'a, R> {
    pub fn new(path: &'a Path, reader: R, len: u64) -> Self {
        Self {
            path,
            reader,
            pos: 0,
            len,
            n_elements: 0,
            n_misfits: 0,
        }
    }

    pub fn seek(&mut self, to: u64) -> Result<()> {
        self.reader
            .seek(SeekFrom::Start(to))
            .map_err(Error::io(self.path, "read"))?;
        self.pos = to;
        Ok(())
    }

    /// Skips `n` bytes: short ones inside the buffer, long ones by a seek.
    fn skip(&mut self, n: u64) -> Result<()> {
        if n > 1 << 16 {
            return self.seek(self.pos + n);
        }
        let mut left = n as usize;
        while left > 0 {
            let available = self
                .reader
                .fill_buf()
                .map_err(Error::io(self.path, "read"))?
                .len();
            if available == 0 {
                return Err(self.truncated(self.pos + left as u64));
            }
            let step = available.min(left);
            self.reader.consume(step);
            self.pos += step as u64;
            left -= step;
        }
        Ok(())
    }

    pub fn fill(&mut self, out: &mut [u8]) -> Result<()> {
        let end = self.pos + out.len() as u64;
        if end > self.len {
            return Err(self.truncated(end));
        }
        self.reader
            .read_exact(out)
            .map_err(Error::io(self.path, "read"))?;
        self.pos = end;
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut out = [0; N];
        self.fill(&mut out)?;
        Ok(out)
    }

    fn truncated(&self, expected: u64) -> Error {
        Error::Truncated {
            path: self.path.into(),
            expected,
            found: self.len,
            source: None,
        }
    }

    fn malformed(&self, what: impl Into<String>, expected: &str, found: String) -> Error {
        Error::ReadDicom {
            path: self.path.into(),
            what: what.into(),
            expected: expected.into(),
            found: format!("{found} (before byte {})", self.pos),
            source: None,
        }
    }

    /// Transfer syntax UID from the file meta information, which is always explicit little-endian.
    pub fn meta(&mut self) -> Result<String> {
        let mut uid = String::new();
        while self.pos + 8 <= self.len {
            let at = self.pos;
            let header = self.element(Encoding::EXPLICIT_LE)?;
            if header.tag.group() != 0x0002 {
                self.seek(at)?;
                break;
            }
            let len = header.len.unwrap_or(u64::MAX);
            if header.tag == tags::TRANSFER_SYNTAX_UID && len <= 128 {
                let mut value = vec![0; len as usize];
                self.fill(&mut value)?;
                uid = String::from_utf8_lossy(&value)
                    .trim_matches(|c: char| c == '\0' || c.is_whitespace())
                    .to_string();
            } else {
                let end = self.checked_end(&header.tag, len, self.len)?;
                self.skip(end - self.pos)?;
            }
        }
        // A file meta group without the UID: the default of the standard.
        Ok(if uid.is_empty() {
            uids::IMPLICIT_VR_LITTLE_ENDIAN.to_string()
        } else {
            uid
        })
    }

    /// The encoding that the data set's first element has; some writers declare the other of the
    /// two little-endian ones.
    pub fn encoding_found(&mut self, declared: Encoding) -> Result<Encoding> {
        let at = self.pos;
        if declared.big_endian || self.len - at < 8 {
            return Ok(declared);
        }
        let [_, _, _, _, a, b, _, _] = self.array::<8>()?;
        self.seek(at)?;
        let explicit = VR::from_binary([a, b]).is_some();
        Ok(Encoding {
            explicit,
            ..declared
        })
    }

    /// Header bytes and pixel data of the data set that begins here.
    pub fn data_set(&mut self, encoding: Encoding) -> Result<(Vec<u8>, Option<PixelElement>)> {
        // What the parser is to see, as ranges of bytes.
        let mut kept: Vec<Range<u64>> = Vec::new();
        let mut pixels = None;
        while self.pos < self.len {
            let at = self.pos;
            // Trailing zeros after the last element are padding that some writers leave.
            if self.len - at < 8 {
                break;
            }
            let element = self.element(encoding)?;
            let kind = match element.tag {
                tags::PIXEL_DATA => SampleKind::Integer,
                tags::FLOAT_PIXEL_DATA => SampleKind::Float32,
                tags::DOUBLE_FLOAT_PIXEL_DATA => SampleKind::Float64,
                tag => {
                    let before = self.n_misfits;
                    self.value(&element, encoding, self.len, 0)?;
                    // Private elements say nothing that is read here, and are the least sound.
                    if self.n_misfits == before && tag.group().is_multiple_of(2) {
                        match kept.last_mut() {
                            Some(last) if last.end == at => last.end = self.pos,
                            _ => kept.push(at..self.pos),
                        }
                    }
                    continue;
                }
            };
            let bytes = match element.len {
                Some(len) => {
                    self.checked_end(&element.tag, len, self.len)?;
                    PixelBytes::Native {
                        offset: self.pos,
                        len,
                    }
                }
                None => self.fragments(encoding)?,
            };
            pixels = Some(PixelElement {
                kind,
                words: element.vr == VR::OW,
                bytes,
            });
            break;
        }
        let n_bytes: u64 = kept.iter().map(|range| range.end - range.start).sum();
        if n_bytes > MAX_HEADER_BYTES {
            return Err(Error::TooLarge {
                path: self.path.into(),
                what: "bytes before the pixel data",
                expected: MAX_HEADER_BYTES,
                found: n_bytes.to_string(),
                hint: "the file is probably damaged",
            });
        }
        let mut header = vec![0; n_bytes as usize];
        let mut rest = header.as_mut_slice();
        for range in kept {
            let (part, after) = rest.split_at_mut((range.end - range.start) as usize);
            self.seek(range.start)?;
            self.fill(part)?;
            rest = after;
        }
        Ok((header, pixels))
    }

    fn element(&mut self, encoding: Encoding) -> Result<ElementHeader> {
        self.n_elements += 1;
        if self.n_elements > MAX_ELEMENTS {
            return Err(Error::TooLarge {
                path: self.path.into(),
                what: "number of data elements",
                expected: MAX_ELEMENTS as u64,
                found: "more".into(),
                hint: "the file is probably damaged",
            });
        }
        let tag = Tag(encoding.u16(self.array()?), encoding.u16(self.array()?));
        // Items and their delimiters carry no value representation in either encoding.
        if !encoding.explicit || tag.group() == 0xFFFE {
            let entry = StandardDataDictionary.by_tag(tag);
            let vr = entry.map_or(VR::UN, |e| e.vr.relaxed());
            return Ok(ElementHeader {
                tag,
                vr,
                len: defined(encoding.u32(self.array()?)),
            });
        }
        let vr = VR::from_binary(self.array()?).unwrap_or(VR::UN);
        let len = if has_short_length(vr) {
            Some(u64::from(encoding.u16(self.array()?)))
        } else {
            self.array::<2>()?;
            defined(encoding.u32(self.array()?))
        };
        Ok(ElementHeader { tag, vr, len })
    }

    /// Where a value of `len` bytes that begins here ends, if that lies within `bound`.
    fn checked_end(&self, tag: &Tag, len: u64, bound: u64) -> Result<u64> {
        let end = self.pos.saturating_add(len);
        if end > self.len {
            return Err(self.truncated(end));
        }
        if end > bound {
            let found = format!("{len} bytes, {} past its end", end - bound);
            return Err(self.malformed(tag.to_string(), "a value within its sequence", found));
        }
        Ok(end)
    }

    /// Skips the value of `header`, descending into sequences.
    fn value(
        &mut self,
        header: &ElementHeader,
        encoding: Encoding,
        bound: u64,
        depth: usize,
    ) -> Result<()> {
        // A value of undefined length and unknown representation is an implicitly encoded sequence
        // (PS3.5, 6.2.2).
        let inner = if header.vr == VR::UN && header.len.is_none() && encoding.explicit {
            Encoding::IMPLICIT_LE
        } else {
            encoding
        };
        match header.len {
            Some(len) => {
                let end = self.checked_end(&header.tag, len, bound)?;
                if header.vr == VR::SQ {
                    self.items(inner, end, true, depth + 1)
                } else {
                    // The parser would read whole numbers only, and take the rest of the value for
                    // an element.
                    if !len.is_multiple_of(number_bytes(header.vr)) {
                        self.n_misfits += 1;
                    }
                    self.skip(end - self.pos)
                }
            }
            None if header.tag == tags::PIXEL_DATA => self.fragments(encoding).map(|_| ()),
            None => {
                // The parser takes anything of undefined length for a sequence in the encoding of
                // the data set.
                if header.vr != VR::SQ && encoding.explicit {
                    self.n_misfits += 1;
                }
                self.items(inner, bound, false, depth + 1)
            }
        }
    }

    /// Skips the items of a sequence that ends at `end` (`defined`) or at its delimiter.
    fn items(&mut self, encoding: Encoding, end: u64, defined: bool, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(self.malformed(
                "sequences",
                &format!("at most {MAX_DEPTH} nested"),
                "more".into(),
            ));
        }
        while !defined || self.pos < end {
            let item = self.element(encoding)?;
            match (item.tag, item.len) {
                (Tag(0xFFFE, 0xE0DD), _) => return Ok(()),
                (Tag(0xFFFE, 0xE000), len) => {
                    let bound = match len {
                        Some(len) => self.checked_end(&item.tag, len, end)?,
                        None => end,
                    };
                    self.item(encoding, bound, len.is_some(), depth)?;
                }
                (tag, _) => {
                    return Err(self.malformed("a sequence", "an item", format!("element {tag}")));
                }
            }
        }
        Ok(())
    }

    fn item(&mut self, encoding: Encoding, end: u64, defined: bool, depth: usize) -> Result<()> {
        while !defined || self.pos < end {
            let element = self.element(encoding)?;
            if element.tag == Tag(0xFFFE, 0xE00D) {
                return Ok(());
            }
            self.value(&element, encoding, end, depth)?;
        }
        Ok(())
    }

    /// The offset table and fragments of encapsulated pixel data.
    fn fragments(&mut self, encoding: Encoding) -> Result<PixelBytes> {
        let mut offset_table = None;
        let mut fragments = Vec::new();
        // Some writers forget the final delimiter: the end of the file ends the last fragment.
        while self.pos < self.len {
            let item = self.element(encoding)?;
            let len = match (item.tag, item.len) {
                (Tag(0xFFFE, 0xE000), Some(len)) => len,
                (Tag(0xFFFE, 0xE0DD), _) => break,
                (tag, _) => {
                    let found = format!("element {tag}");
                    return Err(self.malformed("pixel data", "fragments of known length", found));
                }
            };
            let end = self.checked_end(&item.tag, len, self.len)?;
            if offset_table.is_none() {
                if len > 4 * MAX_FRAGMENTS as u64 {
                    let found = format!("{len} bytes");
                    return Err(self.malformed("offset table", "at most a million frames", found));
                }
                let mut table = vec![0; len as usize];
                self.fill(&mut table)?;
                let (words, _) = table.as_chunks::<4>();
                offset_table = Some(words.iter().map(|w| u64::from(encoding.u32(*w))).collect());
            } else {
                if fragments.len() == MAX_FRAGMENTS {
                    return Err(self.malformed(
                        "pixel data",
                        "at most a million fragments",
                        "more".into(),
                    ));
                }
                fragments.push((self.pos, len));
                self.skip(end - self.pos)?;
            }
        }
        Ok(PixelBytes::Fragments {
            offset_table: offset_table.unwrap_or_default(),
            fragments,
        })
    }
}

fn defined(len: u32) -> Option<u64> {
    (len != u32::MAX).then_some(u64::from(len))
}

/// Bytes of one number of a value representation; 1 for text and bytes.
fn number_bytes(vr: VR) -> u64 {
    match vr {
        VR::OW | VR::SS | VR::US => 2,
        VR::AT | VR::FL | VR::OF | VR::OL | VR::SL | VR::UL => 4,
        VR::FD | VR::OD | VR::OV | VR::SV | VR::UV => 8,
        _ => 1,
    }
}

/// Explicit value representations whose length is stored in 16 bits.
fn has_short_length(vr: VR) -> bool {
    use VR::*;
    matches!(
        vr,
        AE | AS
            | AT
            | CS
            | DA
            | DS
            | DT
            | FL
            | FD
            | IS
            | LO
            | LT
            | PN
            | SH
            | SL
            | SS
            | ST
            | TM
            | UI
            | UL
            | US
    )
}
