//! The fixed part of a NIfTI file, as fields: parsed from and encoded to bytes in either version
//! and byte order.

use std::path::Path;

use crate::{Error, Result};

/// NIfTI-1 (348 bytes) or NIfTI-2 (540 bytes).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// 348-byte header with 16-bit sizes and 32-bit floats.
    One,
    /// 540-byte header with 64-bit sizes and floats.
    Two,
}

impl Version {
    /// Bytes of the fixed part.
    pub const fn header_len(self) -> usize {
        match self {
            Self::One => 348,
            Self::Two => 540,
        }
    }
}

/// Order of the bytes of every number in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteOrder {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

/// The fields of a NIfTI header that this crate reads or writes.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// NIfTI-1 or NIfTI-2.
    pub version: Version,
    /// Byte order of header and voxels.
    pub order: ByteOrder,
    /// Voxels in the same file (`n+1`, `n+2`) rather than in an `.img`.
    pub single_file: bool,
    /// `dim[0]` axes, then the size of each.
    pub dim: [i64; 8],
    /// Code of the voxels' type.
    pub datatype: i16,
    /// Bits a voxel.
    pub bitpix: i16,
    /// `pixdim[0]` is the handedness of the qform, then the step of each axis.
    pub pixdim: [f64; 8],
    /// Offset of the first voxel in bytes, as written.
    pub vox_offset: f64,
    /// Factor from stored to real values; 0 or not finite: unscaled.
    pub scl_slope: f64,
    /// Offset from stored to real values.
    pub scl_inter: f64,
    /// Units of space (low three bits) and time (next three).
    pub xyzt_units: u8,
    /// Free text.
    pub descrip: String,
    /// Meaning of the qform; 0: not set.
    pub qform_code: i32,
    /// Meaning of the sform; 0: not set.
    pub sform_code: i32,
    /// Quaternion `b, c, d`.
    pub quatern: [f64; 3],
    /// Translation of the qform in the header's unit.
    pub qoffset: [f64; 3],
    /// First three rows of the sform.
    pub srow: [[f64; 4]; 3],
}

impl Header {
    /// An empty little-endian single-file header of `version`, identity scaling, no transform set.
    pub fn new(version: Version) -> Self {
        Self {
            version,
            order: ByteOrder::Little,
            single_file: true,
            dim: [0, 1, 1, 1, 1, 1, 1, 1],
            datatype: 16,
            bitpix: 32,
            pixdim: [1.0; 8],
            vox_offset: (version.header_len() + 4) as f64,
            scl_slope: 1.0,
            scl_inter: 0.0,
            xyzt_units: 2 | 8,
            descrip: String::new(),
            qform_code: 0,
            sform_code: 0,
            quatern: [0.0; 3],
            qoffset: [0.0; 3],
            srow: [[0.0; 4]; 3],
        }
    }

    /// Parses the fixed part from the first bytes of a header file.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self> {
        let Some((version, order)) = identify(bytes) else {
            return Err(Error::BadHeader {
                path: path.into(),
                field: "sizeof_hdr".into(),
                expected: "348 (NIfTI-1) or 540 (NIfTI-2) in either byte order".into(),
                found: match bytes.first_chunk::<4>() {
                    Some(b) => i32::from_le_bytes(*b).to_string(),
                    None => format!("a file of {} bytes", bytes.len()),
                },
                hint: "is this a NIfTI file?".into(),
            });
        };
        if bytes.len() < version.header_len() {
            return Err(Error::Truncated {
                path: path.into(),
                expected: version.header_len() as u64,
                found: bytes.len() as u64,
                source: None,
            });
        }
        let f = Fields { bytes, order };
        let single_file = check_magic(path, &f, version)?;
        Ok(match version {
            Version::One => Self::parse_one(&f, single_file),
            Version::Two => Self::parse_two(&f, single_file),
        })
    }

    fn parse_one(f: &Fields<'_>, single_file: bool) -> Self {
        Self {
            version: Version::One,
            order: f.order,
            single_file,
            dim: std::array::from_fn(|i| f.i16(40 + 2 * i).into()),
            datatype: f.i16(70),
            bitpix: f.i16(72),
            pixdim: std::array::from_fn(|i| f.f32(76 + 4 * i).into()),
            vox_offset: f.f32(108).into(),
            scl_slope: f.f32(112).into(),
            scl_inter: f.f32(116).into(),
            xyzt_units: f.bytes[123],
            descrip: f.text(148, 80),
            qform_code: f.i16(252).into(),
            sform_code: f.i16(254).into(),
            quatern: std::array::from_fn(|i| f.f32(256 + 4 * i).into()),
            qoffset: std::array::from_fn(|i| f.f32(268 + 4 * i).into()),
            srow: std::array::from_fn(|r| {
                std::array::from_fn(|c| f.f32(280 + 16 * r + 4 * c).into())
            }),
        }
    }

    fn parse_two(f: &Fields<'_>, single_file: bool) -> Self {
        Self {
            version: Version::Two,
            order: f.order,
            single_file,
            dim: std::array::from_fn(|i| f.i64(16 + 8 * i)),
            datatype: f.i16(12),
            bitpix: f.i16(14),
            pixdim: std::array::from_fn(|i| f.f64(104 + 8 * i)),
            vox_offset: f.i64(168) as f64,
            scl_slope: f.f64(176),
            scl_inter: f.f64(184),
            xyzt_units: (f.i32(500) & 0xff) as u8,
            descrip: f.text(240, 80),
            qform_code: f.i32(344),
            sform_code: f.i32(348),
            quatern: std::array::from_fn(|i| f.f64(352 + 8 * i)),
            qoffset: std::array::from_fn(|i| f.f64(376 + 8 * i)),
            srow: std::array::from_fn(|r| std::array::from_fn(|c| f.f64(400 + 32 * r + 8 * c))),
        }
    }

    /// The fixed part as bytes (348 or 540), without the extension flag that follows it in a single
    /// file.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer {
            bytes: vec![0; self.version.header_len()],
            order: self.order,
        };
        w.i32(0, self.version.header_len() as i32);
        match self.version {
            Version::One => self.encode_one(&mut w),
            Version::Two => self.encode_two(&mut w),
        }
        w.bytes
    }

    fn encode_one(&self, w: &mut Writer) {
        for i in 0..8 {
            w.i16(40 + 2 * i, self.dim[i] as i16);
            w.f32(76 + 4 * i, self.pixdim[i]);
        }
        w.i16(70, self.datatype);
        w.i16(72, self.bitpix);
        w.f32(108, self.vox_offset);
        w.f32(112, self.scl_slope);
        w.f32(116, self.scl_inter);
        w.bytes[123] = self.xyzt_units;
        w.text(148, 79, &self.descrip);
        w.i16(252, self.qform_code as i16);
        w.i16(254, self.sform_code as i16);
        for i in 0..3 {
            w.f32(256 + 4 * i, self.quatern[i]);
            w.f32(268 + 4 * i, self.qoffset[i]);
            for c in 0..4 {
                w.f32(280 + 16 * i + 4 * c, self.srow[i][c]);
            }
        }
        w.put(344, if self.single_file { b"n+1\0" } else { b"ni1\0" });
    }

    fn encode_two(&self, w: &mut Writer) {
        w.put(
            4,
            if self.single_file {
                b"n+2\0\r\n\x1a\n"
            } else {
                b"ni2\0\r\n\x1a\n"
            },
        );
        w.i16(12, self.datatype);
        w.i16(14, self.bitpix);
        for i in 0..8 {
            w.i64(16 + 8 * i, self.dim[i]);
            w.f64(104 + 8 * i, self.pixdim[i]);
        }
        w.i64(168, self.vox_offset as i64);
        w.f64(176, self.scl_slope);
        w.f64(184, self.scl_inter);
        w.text(240, 79, &self.descrip);
        w.i32(344, self.qform_code);
        w.i32(348, self.sform_code);
        for i in 0..3 {
            w.f64(352 + 8 * i, self.quatern[i]);
            w.f64(376 + 8 * i, self.qoffset[i]);
            for c in 0..4 {
                w.f64(400 + 32 * i + 8 * c, self.srow[i][c]);
            }
        }
        w.i32(500, self.xyzt_units.into());
    }
}

/// Version and byte order from `sizeof_hdr`, if the bytes start like a NIfTI (or Analyze) header.
pub(super) fn identify(bytes: &[u8]) -> Option<(Version, ByteOrder)> {
    let first = *bytes.first_chunk::<4>()?;
    match (i32::from_le_bytes(first), i32::from_be_bytes(first)) {
        (348, _) => Some((Version::One, ByteOrder::Little)),
        (_, 348) => Some((Version::One, ByteOrder::Big)),
        (540, _) => Some((Version::Two, ByteOrder::Little)),
        (_, 540) => Some((Version::Two, ByteOrder::Big)),
        _ => None,
    }
}

/// Whether the magic says that voxels lie in the same file.
fn check_magic(path: &Path, f: &Fields<'_>, version: Version) -> Result<bool> {
    let (at, single, pair): (usize, &[u8], &[u8]) = match version {
        Version::One => (344, b"n+1\0", b"ni1\0"),
        Version::Two => (4, b"n+2\0", b"ni2\0"),
    };
    let found = &f.bytes[at..at + 4];
    if found == single {
        return Ok(true);
    }
    if found == pair {
        return Ok(false);
    }
    if version == Version::One && found.iter().all(|&b| b == 0) {
        return Err(Error::Unsupported {
            path: path.into(),
            what: "Analyze 7.5 header",
            expected: "NIfTI-1 or NIfTI-2".into(),
            found: "a header without NIfTI magic".into(),
            hint: "convert it to NIfTI, because Analyze does not say left from right".into(),
        });
    }
    Err(Error::BadHeader {
        path: path.into(),
        field: "magic".into(),
        expected: "n+1, ni1, n+2 or ni2".into(),
        found: format!("\"{}\"", found.escape_ascii()),
        hint: "is this a NIfTI file?".into(),
    })
}

/// Reads numbers at offsets; `bytes` is at least as long as the header of the version at hand.
struct Fields<'a> {
    bytes: &'a [u8],
    order: ByteOrder,
}

macro_rules! number {
    ($name:ident) => {
        fn $name(&self, at: usize) -> $name {
            let mut b = [0; size_of::<$name>()];
            b.copy_from_slice(&self.bytes[at..at + size_of::<$name>()]);
            match self.order {
                ByteOrder::Little => $name::from_le_bytes(b),
                ByteOrder::Big => $name::from_be_bytes(b),
            }
        }
    };
}

impl Fields<'_> {
    number!(i16);
    number!(i32);
    number!(i64);
    number!(f32);
    number!(f64);

    fn text(&self, at: usize, len: usize) -> String {
        let raw = &self.bytes[at..at + len];
        let end = raw.iter().position(|&b| b == 0).unwrap_or(len);
        String::from_utf8_lossy(&raw[..end]).trim().to_string()
    }
}

/// Writes numbers at offsets.
struct Writer {
    bytes: Vec<u8>,
    order: ByteOrder,
}

impl Writer {
    fn put(&mut self, at: usize, value: &[u8]) {
        self.bytes[at..at + value.len()].copy_from_slice(value);
    }

    fn ordered<const N: usize>(&mut self, at: usize, mut little: [u8; N]) {
        if self.order == ByteOrder::Big {
            little.reverse();
        }
        self.put(at, &little);
    }

    fn i16(&mut self, at: usize, v: i16) {
        self.ordered(at, v.to_le_bytes());
    }

    fn i32(&mut self, at: usize, v: i32) {
        self.ordered(at, v.to_le_bytes());
    }

    fn i64(&mut self, at: usize, v: i64) {
        self.ordered(at, v.to_le_bytes());
    }

    fn f32(&mut self, at: usize, v: f64) {
        self.ordered(at, (v as f32).to_le_bytes());
    }

    fn f64(&mut self, at: usize, v: f64) {
        self.ordered(at, v.to_le_bytes());
    }

    /// At most `max` bytes of text, cut at a character.
    fn text(&mut self, at: usize, max: usize, text: &str) {
        let mut end = text.len().min(max);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.put(at, &text.as_bytes()[..end]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encode_then_parse_is_identity_in_both_versions_and_orders() {
        for version in [Version::One, Version::Two] {
            for order in [ByteOrder::Little, ByteOrder::Big] {
                for single_file in [true, false] {
                    let header = Header {
                        order,
                        single_file,
                        dim: [4, 3, 5, 7, 11, 1, 1, 1],
                        datatype: 4,
                        bitpix: 16,
                        pixdim: [-1.0, 0.5, 0.75, 6.5, 2.0, 0.0, 0.0, 0.0],
                        scl_slope: 2.5,
                        scl_inter: -1024.0,
                        descrip: "TE=12;odd µ".into(),
                        qform_code: 1,
                        sform_code: 4,
                        quatern: [0.5, -0.25, 0.125],
                        qoffset: [-90.0, 126.5, -72.25],
                        srow: [
                            [1.0, 2.0, 3.0, 4.0],
                            [5.0, 6.0, 7.0, 8.0],
                            [9.0, 10.0, 11.0, 12.0],
                        ],
                        ..Header::new(version)
                    };
                    let bytes = header.encode();
                    assert_eq!(bytes.len(), version.header_len());
                    assert_eq!(Header::parse(Path::new("t.nii"), &bytes).unwrap(), header);
                }
            }
        }
    }

    #[test]
    fn analyze_is_named_as_unsupported() {
        let mut bytes = Header::new(Version::One).encode();
        bytes[344..348].fill(0);
        let error = Header::parse(Path::new("a.hdr"), &bytes).unwrap_err();
        assert!(error.is_unsupported(), "{error}");
    }
}
