//! NumPy's `.npy`: versions 1 to 3, C and Fortran order, both byte orders, real, complex and
//! boolean.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use num_complex::{Complex32, Complex64};

use crate::write_beside::write_beside;
use crate::{Error, OpenOptions, Result};

/// First bytes of every `.npy` file.
pub(crate) const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// Longest header accepted; real ones have about a hundred bytes.
const MAX_HEADER: usize = 1 << 16;

/// An array in C order.
#[derive(Debug, Clone, PartialEq)]
pub struct NpyArray {
    /// Size of every axis; empty for a scalar.
    pub shape: Vec<usize>,
    /// Values, last axis fastest.
    pub data: NpyData,
}

/// Values of an array in the machine's own byte order.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum NpyData {
    /// `b1`
    Bool(Vec<bool>),
    /// `i1`
    I8(Vec<i8>),
    /// `i2`
    I16(Vec<i16>),
    /// `i4`
    I32(Vec<i32>),
    /// `i8`
    I64(Vec<i64>),
    /// `u1`
    U8(Vec<u8>),
    /// `u2`
    U16(Vec<u16>),
    /// `u4`
    U32(Vec<u32>),
    /// `u8`
    U64(Vec<u64>),
    /// `f4`, and `f2` widened
    F32(Vec<f32>),
    /// `f8`
    F64(Vec<f64>),
    /// `c8`
    Complex32(Vec<Complex32>),
    /// `c16`
    Complex64(Vec<Complex64>),
}

macro_rules! for_each_variant {
    ($data:expr, $v:ident => $body:expr) => {
        match $data {
            NpyData::Bool($v) => $body,
            NpyData::I8($v) => $body,
            NpyData::I16($v) => $body,
            NpyData::I32($v) => $body,
            NpyData::I64($v) => $body,
            NpyData::U8($v) => $body,
            NpyData::U16($v) => $body,
            NpyData::U32($v) => $body,
            NpyData::U64($v) => $body,
            NpyData::F32($v) => $body,
            NpyData::F64($v) => $body,
            NpyData::Complex32($v) => $body,
            NpyData::Complex64($v) => $body,
        }
    };
}

impl NpyData {
    /// Number of values.
    pub fn len(&self) -> usize {
        for_each_variant!(self, v => v.len())
    }

    /// True if there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Name of the type, as NumPy calls it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Bool(_) => "bool",
            Self::I8(_) => "int8",
            Self::I16(_) => "int16",
            Self::I32(_) => "int32",
            Self::I64(_) => "int64",
            Self::U8(_) => "uint8",
            Self::U16(_) => "uint16",
            Self::U32(_) => "uint32",
            Self::U64(_) => "uint64",
            Self::F32(_) => "float32",
            Self::F64(_) => "float64",
            Self::Complex32(_) => "complex64",
            Self::Complex64(_) => "complex128",
        }
    }

    /// Values as single precision; of complex ones the magnitude, of truths 0 and 1.
    pub fn magnitudes(&self) -> Vec<f32> {
        match self {
            Self::Bool(v) => v.iter().map(|&b| f32::from(u8::from(b))).collect(),
            Self::I8(v) => v.iter().map(|&x| f32::from(x)).collect(),
            Self::I16(v) => v.iter().map(|&x| f32::from(x)).collect(),
            Self::I32(v) => v.iter().map(|&x| x as f32).collect(),
            Self::I64(v) => v.iter().map(|&x| x as f32).collect(),
            Self::U8(v) => v.iter().map(|&x| f32::from(x)).collect(),
            Self::U16(v) => v.iter().map(|&x| f32::from(x)).collect(),
            Self::U32(v) => v.iter().map(|&x| x as f32).collect(),
            Self::U64(v) => v.iter().map(|&x| x as f32).collect(),
            Self::F32(v) => v.clone(),
            Self::F64(v) => v.iter().map(|&x| x as f32).collect(),
            Self::Complex32(v) => v.iter().map(|x| x.norm()).collect(),
            Self::Complex64(v) => v.iter().map(|x| x.norm() as f32).collect(),
        }
    }

    /// Which values are not zero (NaN is not zero).
    pub fn non_zero(&self) -> Vec<bool> {
        match self {
            Self::Bool(v) => v.clone(),
            Self::I8(v) => v.iter().map(|&v| v != 0).collect(),
            Self::I16(v) => v.iter().map(|&v| v != 0).collect(),
            Self::I32(v) => v.iter().map(|&v| v != 0).collect(),
            Self::I64(v) => v.iter().map(|&v| v != 0).collect(),
            Self::U8(v) => v.iter().map(|&v| v != 0).collect(),
            Self::U16(v) => v.iter().map(|&v| v != 0).collect(),
            Self::U32(v) => v.iter().map(|&v| v != 0).collect(),
            Self::U64(v) => v.iter().map(|&v| v != 0).collect(),
            Self::F32(v) => v.iter().map(|&v| v != 0.0).collect(),
            Self::F64(v) => v.iter().map(|&v| v != 0.0).collect(),
            Self::Complex32(v) => v.iter().map(|v| v.re != 0.0 || v.im != 0.0).collect(),
            Self::Complex64(v) => v.iter().map(|v| v.re != 0.0 || v.im != 0.0).collect(),
        }
    }
}

/// Reads an array; its declared size is checked against the cap and the file before anything is
/// allocated.
pub fn read_npy(path: &Path, options: &OpenOptions) -> Result<NpyArray> {
    let mut file = File::open(path).map_err(Error::io(path, "read"))?;
    let length = file.metadata().map_err(Error::io(path, "read"))?.len();
    read_npy_from(path, &mut file, length, options)
}

/// As [`read_npy`], from a stream of `length` bytes.
pub(crate) fn read_npy_from(
    path: &Path,
    file: &mut impl Read,
    length: u64,
    options: &OpenOptions,
) -> Result<NpyArray> {
    let (header, start) = Header::read(path, file, length)?;
    let n = header
        .shape
        .iter()
        .try_fold(1_usize, |n, &d| n.checked_mul(d));
    let n = match n {
        Some(n) if n <= options.max_voxels => n,
        _ => {
            return Err(Error::TooLarge {
                path: path.into(),
                what: "declared number of values",
                expected: options.max_voxels as u64,
                found: shape_text(&header.shape),
                hint: "the header may be damaged",
            });
        }
    };
    let width = header.width(path)?;
    let expected = (n as u64)
        .saturating_mul(width as u64)
        .saturating_add(start);
    if length < expected {
        return Err(Error::Truncated {
            path: path.into(),
            expected,
            found: length,
            source: None,
        });
    }
    let mut raw = vec![0; n * width];
    file.read_exact(&mut raw).map_err(Error::io(path, "read"))?;
    let data = header.decode(path, &raw)?;
    let data = if header.fortran && header.shape.len() > 1 {
        for_each_variant!(data, v => from_fortran(v, &header.shape).into())
    } else {
        data
    };
    Ok(NpyArray {
        shape: header.shape,
        data,
    })
}

/// `(2, 160, 320)` as NumPy writes it.
pub(crate) fn shape_text(shape: &[usize]) -> String {
    let parts: Vec<_> = shape.iter().map(usize::to_string).collect();
    format!(
        "({}{})",
        parts.join(", "),
        if shape.len() == 1 { "," } else { "" }
    )
}

fn read_header(path: &Path, file: &mut impl Read, length: u64) -> Result<(String, u64)> {
    let truncated = |expected: u64| Error::Truncated {
        path: path.into(),
        expected,
        found: length,
        source: None,
    };
    let mut start = [0; 12];
    if length < 10 {
        return Err(truncated(10));
    }
    file.read_exact(&mut start[..10])
        .map_err(Error::io(path, "read"))?;
    if &start[..6] != MAGIC {
        return Err(bad_header(
            path,
            "magic",
            "\\x93NUMPY",
            &start[..6].escape_ascii().to_string(),
        ));
    }
    let (header_len, at) = match start[6] {
        1 => (usize::from(u16::from_le_bytes([start[8], start[9]])), 10),
        2 | 3 => {
            if length < 12 {
                return Err(truncated(12));
            }
            file.read_exact(&mut start[10..])
                .map_err(Error::io(path, "read"))?;
            (
                u32::from_le_bytes([start[8], start[9], start[10], start[11]]) as usize,
                12,
            )
        }
        v => return Err(bad_header(path, "version", "1, 2 or 3", &v.to_string())),
    };
    if header_len > MAX_HEADER {
        let expected = format!("at most {MAX_HEADER} bytes");
        return Err(bad_header(
            path,
            "header length",
            &expected,
            &header_len.to_string(),
        ));
    }
    let end = at + header_len as u64;
    if length < end {
        return Err(truncated(end));
    }
    let mut text = vec![0; header_len];
    file.read_exact(&mut text)
        .map_err(Error::io(path, "read"))?;
    Ok((String::from_utf8_lossy(&text).into_owned(), end))
}

fn bad_header(path: &Path, field: &str, expected: &str, found: &str) -> Error {
    Error::BadHeader {
        path: path.into(),
        field: field.into(),
        expected: expected.into(),
        found: found.trim().escape_debug().take(80).collect(),
        hint: "save the array again with numpy.save".into(),
    }
}

/// The dictionary of an `.npy` file.
pub(crate) struct Header {
    /// Big-endian values.
    pub big: bool,
    /// NumPy's letter of the type, for example `c`.
    pub kind: u8,
    /// Bytes a value.
    pub bytes: u8,
    /// First axis fastest.
    pub fortran: bool,
    /// Size of every axis.
    pub shape: Vec<usize>,
}

impl Header {
    /// Reads the header of an array of `length` bytes in all; also where its values start.
    pub fn read(path: &Path, file: &mut impl Read, length: u64) -> Result<(Self, u64)> {
        let (text, start) = read_header(path, file, length)?;
        Ok((Self::parse(path, &text)?, start))
    }

    fn parse(path: &Path, text: &str) -> Result<Self> {
        let value = |key: &str| -> Result<&str> {
            let mut found = None;
            for quote in ['\'', '"'] {
                let needle = format!("{quote}{key}{quote}");
                found = found.or(text.find(&needle).map(|at| at + needle.len()));
            }
            found
                .and_then(|at| text[at..].trim_start().strip_prefix(':'))
                .map(str::trim_start)
                .ok_or_else(|| bad_header(path, key, "an entry of the header", text.trim()))
        };
        let descr = value("descr")?;
        let unsupported = |found: &str| Error::Unsupported {
            path: path.into(),
            what: "array type",
            expected: "bool, integers, float16 to float64, complex64 or complex128".into(),
            found: found.escape_debug().take(80).collect(),
            hint: "convert it with numpy's astype, for example to complex64".into(),
        };
        let Some(quote) = descr.chars().next().filter(|c| matches!(c, '\'' | '"')) else {
            return Err(unsupported(descr));
        };
        let code = descr[1..].split(quote).next().unwrap_or_default();
        let (big, kind, bytes) = match *code.as_bytes() {
            [order @ (b'<' | b'>' | b'|' | b'='), kind, digit] => {
                (order == b'>', kind, digit.wrapping_sub(b'0'))
            }
            [order @ (b'<' | b'>'), b'c', b'1', b'6'] => (order == b'>', b'c', 16),
            _ => return Err(unsupported(code)),
        };
        let fortran = match value("fortran_order")? {
            v if v.starts_with("True") => true,
            v if v.starts_with("False") => false,
            v => return Err(bad_header(path, "fortran_order", "True or False", v)),
        };
        let shape = value("shape")?;
        let inside = shape
            .strip_prefix('(')
            .and_then(|s| s.split_once(')'))
            .ok_or_else(|| bad_header(path, "shape", "a tuple", shape))?
            .0;
        let shape = inside
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(|part| part.trim_end_matches('L').parse())
            .collect::<std::result::Result<Vec<usize>, _>>()
            .map_err(|_| bad_header(path, "shape", "a tuple of sizes", inside))?;
        if shape.len() > 32 {
            return Err(bad_header(path, "shape", "at most 32 axes", inside));
        }
        Ok(Self {
            big,
            kind,
            bytes,
            fortran,
            shape,
        })
    }

    pub(crate) fn type_error(&self, path: &Path) -> Error {
        Error::Unsupported {
            path: path.into(),
            what: "array type",
            expected: "bool, integers, float16 to float64, complex64 or complex128".into(),
            found: format!("{}{}", char::from(self.kind), self.bytes),
            hint: "convert it with numpy's astype, for example to complex64".into(),
        }
    }

    fn width(&self, path: &Path) -> Result<usize> {
        match (self.kind, self.bytes) {
            (b'b', 1) | (b'i' | b'u', 1 | 2 | 4 | 8) | (b'f', 2 | 4 | 8) | (b'c', 8 | 16) => {
                Ok(usize::from(self.bytes))
            }
            _ => Err(self.type_error(path)),
        }
    }

    fn decode(&self, path: &Path, raw: &[u8]) -> Result<NpyData> {
        macro_rules! values {
            ($t:ty) => {
                numbers(raw, self.big, <$t>::from_le_bytes, <$t>::from_be_bytes)
            };
        }
        Ok(match (self.kind, self.bytes) {
            (b'b', 1) => NpyData::Bool(raw.iter().map(|&b| b != 0).collect()),
            (b'i', 1) => NpyData::I8(values!(i8)),
            (b'i', 2) => NpyData::I16(values!(i16)),
            (b'i', 4) => NpyData::I32(values!(i32)),
            (b'i', 8) => NpyData::I64(values!(i64)),
            (b'u', 1) => NpyData::U8(raw.to_vec()),
            (b'u', 2) => NpyData::U16(values!(u16)),
            (b'u', 4) => NpyData::U32(values!(u32)),
            (b'u', 8) => NpyData::U64(values!(u64)),
            (b'f', 2) => {
                let halves = values!(half::f16);
                NpyData::F32(halves.into_iter().map(f32::from).collect())
            }
            (b'f', 4) => NpyData::F32(values!(f32)),
            (b'f', 8) => NpyData::F64(values!(f64)),
            (b'c', 8) => NpyData::Complex32(pairs(values!(f32))),
            (b'c', 16) => NpyData::Complex64(pairs(values!(f64))),
            _ => return Err(self.type_error(path)),
        })
    }
}

fn numbers<const N: usize, T>(
    raw: &[u8],
    big: bool,
    little: fn([u8; N]) -> T,
    from_big: fn([u8; N]) -> T,
) -> Vec<T> {
    let (values, _) = raw.as_chunks::<N>();
    if big {
        values.iter().map(|b| from_big(*b)).collect()
    } else {
        values.iter().map(|b| little(*b)).collect()
    }
}

fn pairs<T: Copy>(parts: Vec<T>) -> Vec<num_complex::Complex<T>> {
    let (pairs, _) = parts.as_chunks::<2>();
    pairs
        .iter()
        .map(|[re, im]| num_complex::Complex { re: *re, im: *im })
        .collect()
}

/// First axis fastest to last axis fastest.
fn from_fortran<T: Copy>(values: Vec<T>, shape: &[usize]) -> Vec<T> {
    let mut strides = vec![1; shape.len()];
    for axis in 1..shape.len() {
        strides[axis] = strides[axis - 1] * shape[axis - 1];
    }
    permute(&values, shape, &strides)
}

/// Values in C order of `shape`, taken from `values` at the given strides.
pub(crate) fn permute<T: Copy>(values: &[T], shape: &[usize], strides: &[usize]) -> Vec<T> {
    let n: usize = shape.iter().product();
    let mut out = Vec::with_capacity(n);
    let mut index = vec![0; shape.len()];
    let mut at = 0;
    for _ in 0..n {
        out.push(values[at]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            at += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            at -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
    }
    out
}

macro_rules! into_data {
    ($($t:ty => $variant:ident),* $(,)?) => {
        $(impl From<Vec<$t>> for NpyData {
            fn from(values: Vec<$t>) -> Self {
                Self::$variant(values)
            }
        })*
    };
}

into_data!(
    bool => Bool, i8 => I8, i16 => I16, i32 => I32, i64 => I64, u8 => U8, u16 => U16, u32 => U32, u64 => U64,
    f32 => F32, f64 => F64, Complex32 => Complex32, Complex64 => Complex64,
);

/// Writes `values` in C order of `shape` as float32.
pub fn write_npy_f32(path: &Path, values: &[f32], shape: &[usize]) -> Result<()> {
    write(
        path,
        "<f4",
        shape,
        values.len(),
        values.iter().map(|v| v.to_le_bytes()),
    )
}

/// Writes `values` in C order of `shape` as complex64.
pub fn write_npy_complex32(path: &Path, values: &[Complex32], shape: &[usize]) -> Result<()> {
    let parts = values
        .iter()
        .flat_map(|c| [c.re.to_le_bytes(), c.im.to_le_bytes()]);
    write(path, "<c8", shape, values.len(), parts)
}

/// Writes `values` in C order of `shape` as bool.
pub fn write_npy_bool(path: &Path, values: &[bool], shape: &[usize]) -> Result<()> {
    write(
        path,
        "|b1",
        shape,
        values.len(),
        values.iter().map(|&v| [u8::from(v)]),
    )
}

fn write<const N: usize>(
    path: &Path,
    descr: &str,
    shape: &[usize],
    found: usize,
    values: impl Iterator<Item = [u8; N]>,
) -> Result<()> {
    let expected = shape.iter().try_fold(1_usize, |n, &d| n.checked_mul(d));
    if expected != Some(found) {
        return Err(Error::LengthMismatch {
            path: path.into(),
            what: "array",
            expected: expected.unwrap_or(usize::MAX),
            found,
        });
    }
    let shape = shape_text(shape);
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    // The data start at a multiple of 64 bytes, after a line end.
    let used = 10 + header.len() + 1;
    header.push_str(&" ".repeat(used.next_multiple_of(64) - used));
    header.push('\n');
    write_beside(path, |file: &mut dyn Write| {
        file.write_all(MAGIC)?;
        file.write_all(&[1, 0])?;
        file.write_all(&(header.len() as u16).to_le_bytes())?;
        file.write_all(header.as_bytes())?;
        for value in values {
            file.write_all(&value)?;
        }
        Ok(())
    })
}
