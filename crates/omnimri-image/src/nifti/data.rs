//! Stored voxels to finite `f32`: types, byte order, scaling, and values that are not finite.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use rayon::prelude::*;

use super::header::{ByteOrder, Header};
use super::source::{Stream, stream_error};
use crate::{Error, Result, memory};

/// Voxels decoded at a time; fixed, so that results do not depend on the number of threads.
const CHUNK: usize = 1 << 16;

/// A numeric type of stored voxels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DataType {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
}

impl DataType {
    /// From the header's code.
    pub(super) fn from_code(path: &Path, code: i16) -> Result<Self> {
        let name = match code {
            2 => return Ok(Self::U8),
            256 => return Ok(Self::I8),
            512 => return Ok(Self::U16),
            4 => return Ok(Self::I16),
            768 => return Ok(Self::U32),
            8 => return Ok(Self::I32),
            1280 => return Ok(Self::U64),
            1024 => return Ok(Self::I64),
            16 => return Ok(Self::F32),
            64 => return Ok(Self::F64),
            1 => "1-bit",
            32 => "complex64",
            1792 => "complex128",
            2048 => "complex256",
            1536 => "128-bit float",
            128 => "RGB24",
            2304 => "RGBA32",
            _ => {
                return Err(Error::BadHeader {
                    path: path.into(),
                    field: "datatype".into(),
                    expected: "a NIfTI data type code, for example 4 (int16) or 16 (float32)"
                        .into(),
                    found: code.to_string(),
                    hint: "the header may be damaged".into(),
                });
            }
        };
        Err(Error::Unsupported {
            path: path.into(),
            what: "data type",
            expected: "integers of 8 to 64 bits, float32 or float64".into(),
            found: format!("{name} (code {code})"),
            hint: "convert it first, for complex data to its magnitude".into(),
        })
    }

    /// Bytes a voxel.
    pub(crate) const fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }
}

/// How to turn stored bytes into values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decoder {
    data_type: DataType,
    order: ByteOrder,
    /// Slope and intercept, unless they are the identity.
    scale: Option<(f64, f64)>,
}

impl Decoder {
    /// From a header whose type code was accepted; the standard's rule: no scaling if the slope is
    /// 0 (or not finite).
    pub(super) fn new(header: &Header, data_type: DataType, warnings: &mut Vec<String>) -> Self {
        let (slope, mut inter) = (header.scl_slope, header.scl_inter);
        let mut scale = None;
        if slope != 0.0 && slope.is_finite() {
            if !inter.is_finite() {
                warnings
                    .push("The intensity offset scl_inter is not finite and is taken as 0.".into());
                inter = 0.0;
            }
            if (slope, inter) != (1.0, 0.0) {
                scale = Some((slope, inter));
            }
        }
        Self {
            data_type,
            order: header.order,
            scale,
        }
    }

    /// True if no decoded value can be other than finite.
    fn is_always_finite(&self) -> bool {
        self.scale.is_none() && !matches!(self.data_type, DataType::F32 | DataType::F64)
    }

    /// True if stored bytes are the values as this machine holds them.
    fn is_verbatim(&self) -> bool {
        let native = if cfg!(target_endian = "little") {
            ByteOrder::Little
        } else {
            ByteOrder::Big
        };
        self.data_type == DataType::F32 && self.scale.is_none() && self.order == native
    }

    /// Decodes `raw` (`out.len()` voxels) and counts values that are not finite, while they are in
    /// the cache.
    fn decode(&self, raw: &[u8], out: &mut [f32]) -> usize {
        macro_rules! decode_as {
            ($t:ty) => {{
                const N: usize = size_of::<$t>();
                match (self.order, self.scale) {
                    (ByteOrder::Little, None) => {
                        each::<N>(raw, out, |b| <$t>::from_le_bytes(b) as f32)
                    }
                    (ByteOrder::Big, None) => {
                        each::<N>(raw, out, |b| <$t>::from_be_bytes(b) as f32)
                    }
                    (ByteOrder::Little, Some((slope, inter))) => each::<N>(raw, out, |b| {
                        (<$t>::from_le_bytes(b) as f64 * slope + inter) as f32
                    }),
                    (ByteOrder::Big, Some((slope, inter))) => each::<N>(raw, out, |b| {
                        (<$t>::from_be_bytes(b) as f64 * slope + inter) as f32
                    }),
                }
            }};
        }
        match self.data_type {
            DataType::U8 => decode_as!(u8),
            DataType::I8 => decode_as!(i8),
            DataType::U16 => decode_as!(u16),
            DataType::I16 => decode_as!(i16),
            DataType::U32 => decode_as!(u32),
            DataType::I32 => decode_as!(i32),
            DataType::U64 => decode_as!(u64),
            DataType::I64 => decode_as!(i64),
            DataType::F32 => decode_as!(f32),
            DataType::F64 => decode_as!(f64),
        }
        if self.is_always_finite() {
            return 0;
        }
        count_bad(out)
    }
}

/// Values of a block of `n` voxels without scaling; `raw` holds them all.
pub(crate) fn decode_block(data_type: DataType, order: ByteOrder, raw: &[u8], n: usize) -> Decoded {
    let decoder = Decoder {
        data_type,
        order,
        scale: None,
    };
    let mut voxels = memory::zeros(n);
    let width = data_type.bytes();
    let n_bad = voxels
        .par_chunks_mut(CHUNK)
        .zip(raw.par_chunks(CHUNK * width))
        .map(|(out, raw)| decoder.decode(raw, out))
        .sum();
    Decoded { voxels, n_bad }
}

/// How many values of a chunk are not finite.
fn count_bad(chunk: &[f32]) -> usize {
    // Counted in 32 bits, as wide as the values, so that it runs in vectors.
    let n_bad: u32 = chunk.iter().map(|v| u32::from(!v.is_finite())).sum();
    n_bad as usize
}

fn each<const N: usize>(raw: &[u8], out: &mut [f32], value: impl Fn([u8; N]) -> f32) {
    let (voxels, _) = raw.as_chunks::<N>();
    for (o, b) in out.iter_mut().zip(voxels) {
        *o = value(*b);
    }
}

/// Voxels as decoded, and how many of them are not finite.
pub(crate) struct Decoded {
    pub(crate) voxels: Vec<f32>,
    pub(crate) n_bad: usize,
}

/// Reads `n` voxels that start at byte `offset` of the (decompressed) `stream`, of which `start`
/// was read already.
pub(super) fn read_voxels(
    path: &Path,
    stream: Stream,
    start: &[u8],
    offset: u64,
    n: usize,
    decoder: &Decoder,
) -> Result<Decoded> {
    let width = decoder.data_type.bytes();
    // Cannot overflow: `n` is under the cap, but a cap of usize::MAX is allowed.
    let expected = (n as u64)
        .checked_mul(width as u64)
        .and_then(|b| b.checked_add(offset))
        .unwrap_or(u64::MAX);
    match stream {
        Stream::Plain(_, len) => {
            if len < expected {
                return Err(Error::Truncated {
                    path: path.into(),
                    expected,
                    found: len,
                    source: None,
                });
            }
            read_plain(path, offset, n, decoder)
        }
        Stream::Gzip(mut gz, compressed) => {
            let skipped = offset.min(start.len() as u64) as usize;
            let mut input = GzipInput {
                path,
                expected,
                found: start.len() as u64,
                gz: &mut gz,
            };
            input.skip(offset - skipped as u64)?;
            input.read_voxels(&start[skipped..], n, decoder, compressed)
        }
    }
}

/// The file is long enough: allocate once, and let every thread read and decode its own part.
fn read_plain(path: &Path, offset: u64, n: usize, decoder: &Decoder) -> Result<Decoded> {
    let width = decoder.data_type.bytes();
    let mut voxels = memory::zeros(n);
    // Parts large enough that opening the file again costs nothing beside reading them.
    let part = 16 * CHUNK;
    let read_part = |(i, out): (usize, &mut [f32])| {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(offset + (i * part * width) as u64))?;
        let mut raw = vec![0; CHUNK.min(out.len()) * width];
        let mut n_bad = 0;
        for out in out.chunks_mut(CHUNK) {
            if decoder.is_verbatim() {
                file.read_exact(bytemuck::cast_slice_mut(out))?;
                n_bad += count_bad(out);
                continue;
            }
            let raw = &mut raw[..out.len() * width];
            file.read_exact(raw)?;
            n_bad += decoder.decode(raw, out);
        }
        Ok(n_bad)
    };
    let parts = voxels.par_chunks_mut(part).enumerate();
    let n_bad = parts
        .map(read_part)
        .try_reduce(|| 0, |a, b| Ok(a + b))
        .map_err(Error::io(path, "read"))?;
    Ok(Decoded { voxels, n_bad })
}

/// A gzip stream, and how much of it was expected and found, for the message if it ends early.
struct GzipInput<'a, R> {
    path: &'a Path,
    expected: u64,
    found: u64,
    gz: &'a mut R,
}

impl<R: Read> GzipInput<'_, R> {
    fn fill(&mut self, mut buffer: &mut [u8]) -> Result<()> {
        while !buffer.is_empty() {
            match self.gz.read(buffer) {
                Ok(0) => return Err(self.truncated(None)),
                Ok(k) => {
                    self.found += k as u64;
                    buffer = &mut buffer[k..];
                }
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
                    return Err(self.truncated(Some(e)));
                }
                Err(e) => return Err(stream_error(self.path, true, e)),
            }
        }
        Ok(())
    }

    fn truncated(&self, source: Option<std::io::Error>) -> Error {
        Error::Truncated {
            path: self.path.into(),
            expected: self.expected,
            found: self.found,
            source,
        }
    }

    fn skip(&mut self, mut n: u64) -> Result<()> {
        let mut scratch = [0; 4096];
        while n > 0 {
            let k = n.min(scratch.len() as u64) as usize;
            self.fill(&mut scratch[..k])?;
            n -= k as u64;
        }
        Ok(())
    }

    /// Decodes `n` voxels, the first of them from `head`. The output grows with what was really
    /// decompressed, so a header that lies about its size costs no memory.
    fn read_voxels(
        &mut self,
        head: &[u8],
        n: usize,
        decoder: &Decoder,
        compressed: u64,
    ) -> Result<Decoded> {
        let width = decoder.data_type.bytes();
        let likely = (compressed as usize).saturating_mul(16) / width;
        let mut voxels = memory::with_capacity(n.min(likely));
        let mut raw = vec![0; CHUNK.min(n) * width];
        let mut head = head;
        let mut n_bad = 0;
        while voxels.len() < n {
            let k = CHUNK.min(n - voxels.len());
            let raw = &mut raw[..k * width];
            let from_head = head.len().min(raw.len());
            raw[..from_head].copy_from_slice(&head[..from_head]);
            head = &head[from_head..];
            self.fill(&mut raw[from_head..])?;
            let done = voxels.len();
            voxels.resize(done + k, 0.0);
            n_bad += decoder.decode(raw, &mut voxels[done..]);
        }
        // One read past the data reaches the checksum where the stream ends there.
        match self.gz.read(&mut [0]) {
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
                self.expected = self.found + 8;
                Err(self.truncated(Some(e)))
            }
            Err(e) => Err(stream_error(self.path, true, e)),
            Ok(_) => Ok(Decoded { voxels, n_bad }),
        }
    }
}

/// The voxels with NaN and infinities replaced by the smallest finite value; a warning counts them.
pub(crate) fn make_finite(path: &Path, decoded: Decoded) -> Result<(Vec<f32>, Option<String>)> {
    let Decoded {
        mut voxels,
        n_bad: bad,
    } = decoded;
    if bad == 0 {
        return Ok((voxels, None));
    }
    if bad == voxels.len() {
        return Err(Error::NotFinite {
            path: path.into(),
            what: "voxels",
            found: format!("{bad} of {bad} voxels NaN or infinite"),
            hint: "the file holds no image; export it again",
        });
    }
    let nan = voxels.iter().filter(|v| v.is_nan()).count();
    let low = voxels
        .iter()
        .copied()
        .filter(|v| v.is_finite())
        .fold(f32::INFINITY, f32::min);
    voxels
        .par_chunks_mut(CHUNK)
        .flatten()
        .filter(|v| !v.is_finite())
        .for_each(|v| *v = low);
    let warning = format!(
        "{nan} NaN and {} infinite voxels of {} are replaced by the smallest finite value {low}.",
        bad - nan,
        voxels.len()
    );
    Ok((voxels, Some(warning)))
}
