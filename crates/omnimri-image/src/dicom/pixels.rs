//! One frame of one file to intensities.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use super::codec::{Codec, Samples};
use super::frames::FrameRecord;
use super::header::{FileInfo, PixelFormat};
use super::layout::{PixelBytes, SampleKind, inflate_alone, inflate_from};
use crate::{Error, Result};

/// Reads and decodes the frame that `record` describes into `out`, rescaled; `[y][x]`.
///
/// MONOCHROME1 is left as stored: what is white is known when all slices are.
pub(super) fn read_frame(
    info: &FileInfo,
    record: &FrameRecord,
    max_inflated: u64,
    out: &mut [f32],
) -> Result<()> {
    let scale = |v: f64| (v * record.slope + record.intercept) as f32;
    let bytes = frame_bytes(info, record, max_inflated)?;
    if let PixelBytes::Native { .. } = &info.pixels.bytes {
        unpack_native(&info.format, info.big_endian, &bytes, scale, out);
    } else {
        let (path, syntax) = (&info.path, &info.transfer_syntax);
        let samples = info.codec.decode(path, syntax, &info.format, &bytes)?;
        unpack_decoded(&info.format, &samples, scale, out);
    }
    Ok(())
}

/// The bytes of a frame as they are stored: its samples, or its codestream.
pub(super) fn frame_bytes(
    info: &FileInfo,
    record: &FrameRecord,
    max_inflated: u64,
) -> Result<Vec<u8>> {
    match &info.pixels.bytes {
        PixelBytes::Native { offset, .. } => {
            let n = info.format.n_bytes();
            native(info, *offset, u64::from(record.frame) * n, n, max_inflated)
        }
        PixelBytes::Fragments {
            offset_table,
            fragments,
        } => {
            let table = info
                .extended_offsets
                .as_deref()
                .filter(|t| !t.is_empty())
                .unwrap_or(offset_table);
            compressed(info, table, fragments, record.frame as usize)
        }
    }
}

/// Bytes `start..start + n` of the uncompressed samples that begin at `offset`, as a
/// little-endian or big-endian writer meant them.
fn native(info: &FileInfo, offset: u64, start: u64, n: u64, max_inflated: u64) -> Result<Vec<u8>> {
    // 8-bit samples in big-endian words are swapped in pairs: read whole pairs and undo it.
    let swapped = info.big_endian && info.pixels.words && info.format.bits_allocated == 8;
    let lead = if swapped { start % 2 } else { 0 };
    let first = start - lead;
    let mut n_read = lead + n;
    if swapped {
        n_read = n_read.next_multiple_of(2).min(info.native_len() - first);
    }
    let mut bytes = match info.deflated_at {
        None => read_at(info, offset + first, n_read)?,
        Some(at) => inflated(info, at, offset, max_inflated)?
            .get(first as usize..(first + n_read) as usize)
            .map(<[u8]>::to_vec)
            .ok_or_else(|| cut(info, first + n_read))?,
    };
    if swapped {
        let (pairs, _) = bytes.as_chunks_mut::<2>();
        pairs.iter_mut().for_each(|pair| pair.swap(0, 1));
        bytes.drain(..lead as usize);
        bytes.truncate(n as usize);
    }
    Ok(bytes)
}

/// Samples of all frames of a deflated file.
fn inflated(info: &FileInfo, at: u64, offset: u64, max_inflated: u64) -> Result<&[u8]> {
    if let Some(samples) = info.inflated.get() {
        return Ok(samples);
    }
    let _alone = inflate_alone();
    if info.inflated.get().is_none() {
        let mut data = inflate_from(&info.path, at, max_inflated)?;
        let end = offset + info.format.n_bytes() * info.n_frames as u64;
        if (data.len() as u64) < end {
            return Err(cut(info, end));
        }
        data.truncate(end as usize);
        data.drain(..offset as usize);
        data.shrink_to_fit();
        let _ = info.inflated.set(data);
    }
    Ok(info.inflated.get().map_or(&[], Vec::as_slice))
}

fn cut(info: &FileInfo, expected: u64) -> Error {
    Error::Truncated {
        path: info.path.clone(),
        expected,
        found: info.native_len(),
        source: None,
    }
}

fn read_at(info: &FileInfo, offset: u64, n: u64) -> Result<Vec<u8>> {
    let io = || Error::io(&info.path, "read");
    let mut file = File::open(&info.path).map_err(io())?;
    file.seek(SeekFrom::Start(offset)).map_err(io())?;
    let mut bytes = Vec::new();
    file.take(n).read_to_end(&mut bytes).map_err(io())?;
    // The file may have become shorter since its header was read.
    if (bytes.len() as u64) < n {
        return Err(cut(info, offset + n));
    }
    Ok(bytes)
}

/// The joined fragments of frame `frame`.
fn compressed(
    info: &FileInfo,
    offset_table: &[u64],
    fragments: &[(u64, u64)],
    frame: usize,
) -> Result<Vec<u8>> {
    let mut data = Vec::new();
    for &(offset, len) in fragments_of(info, offset_table, fragments, frame)? {
        data.extend(read_at(info, offset, len)?);
    }
    Ok(data)
}

/// Which fragments hold frame `frame`: all of a single frame, one each, or as the offsets say.
fn fragments_of<'f>(
    info: &FileInfo,
    offset_table: &[u64],
    fragments: &'f [(u64, u64)],
    frame: usize,
) -> Result<&'f [(u64, u64)]> {
    if info.n_frames == 1 {
        return Ok(fragments);
    }
    if fragments.len() == info.n_frames {
        return Ok(&fragments[frame..=frame]);
    }
    // Offsets count from the header (8 bytes) of the first fragment.
    let origin = fragments[0].0 - 8;
    let index = |offset: &u64| {
        let at = origin.checked_add(*offset)?.checked_add(8)?;
        fragments.binary_search_by_key(&at, |f| f.0).ok()
    };
    let bounds = match offset_table.get(frame) {
        Some(first) => {
            let last = offset_table
                .get(frame + 1)
                .map_or(Some(fragments.len()), index);
            index(first).zip(last)
        }
        None => None,
    };
    bounds
        .and_then(|(first, last)| fragments.get(first..last))
        .filter(|f| !f.is_empty())
        .ok_or_else(|| Error::ReadDicom {
            path: info.path.clone(),
            what: "offset table".into(),
            expected: format!("an offset for each of {} frames", info.n_frames),
            found: format!(
                "{} offsets that do not fit {} fragments",
                offset_table.len(),
                fragments.len()
            ),
            source: None,
        })
}

fn unpack_native(
    format: &PixelFormat,
    big_endian: bool,
    bytes: &[u8],
    scale: impl Fn(f64) -> f32,
    out: &mut [f32],
) {
    macro_rules! each {
        ($t:ty, $value:expr) => {{
            let (words, _) = bytes.as_chunks::<{ size_of::<$t>() }>();
            for (out, word) in out.iter_mut().zip(words) {
                let word = if big_endian {
                    <$t>::from_be_bytes(*word)
                } else {
                    <$t>::from_le_bytes(*word)
                };
                *out = scale($value(word));
            }
        }};
    }
    let shift = format.high_bit + 1 - format.bits_stored;
    let integer = IntegerFormat {
        shift,
        bits: format.bits_stored,
        signed: format.signed,
    };
    match (format.kind, format.bits_allocated) {
        (SampleKind::Float32, _) => each!(f32, f64::from),
        (SampleKind::Float64, _) => each!(f64, std::convert::identity),
        (SampleKind::Integer, 8) => each!(u8, |v: u8| integer.value(v.into())),
        (SampleKind::Integer, 16) => each!(u16, |v: u16| integer.value(v.into())),
        (SampleKind::Integer, _) => each!(u32, |v: u32| integer.value(v)),
    }
}

fn unpack_decoded(
    format: &PixelFormat,
    samples: &Samples,
    scale: impl Fn(f64) -> f32,
    out: &mut [f32],
) {
    let integer = IntegerFormat {
        shift: 0,
        bits: samples.bits,
        signed: format.signed,
    };
    for (out, sample) in out
        .iter_mut()
        .zip(samples.bytes.chunks_exact(samples.sample_bytes))
    {
        let raw = sample
            .iter()
            .rev()
            .fold(0, |raw, byte| raw << 8 | u32::from(*byte));
        *out = scale(integer.value(raw));
    }
}

/// Which bits of a stored word are the sample; the others may hold overlays.
struct IntegerFormat {
    shift: u32,
    bits: u32,
    signed: bool,
}

impl IntegerFormat {
    /// The sample in a stored word.
    fn value(&self, word: u32) -> f64 {
        let unused = 32 - self.bits;
        let top = (word >> self.shift) << unused;
        if self.signed {
            f64::from(top as i32 >> unused)
        } else {
            f64::from(top >> unused)
        }
    }
}

impl FileInfo {
    /// Bytes of uncompressed pixel data; 0 for a compressed file.
    fn native_len(&self) -> u64 {
        match self.pixels.bytes {
            PixelBytes::Native { len, .. } if self.codec == Codec::Native => len,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_outside_the_sample_are_left_out() {
        let at = |shift, bits, signed, word| {
            IntegerFormat {
                shift,
                bits,
                signed,
            }
            .value(word)
        };
        assert_eq!(at(0, 12, false, 0xF123), f64::from(0x123));
        assert_eq!(at(0, 12, true, 0x0FFF), -1.0);
        assert_eq!(at(4, 12, true, 0x8000), -2048.0);
        assert_eq!(at(0, 16, false, 0xFFFF), 65535.0);
        assert_eq!(at(0, 32, true, u32::MAX), -1.0);
        assert_eq!(at(0, 32, false, u32::MAX), 4_294_967_295.0);
        assert_eq!(at(0, 1, false, 3), 1.0);
    }
}
