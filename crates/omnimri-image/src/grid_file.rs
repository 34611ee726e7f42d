//! What MetaImage and NRRD share: a text header, a block of voxels, and a grid in space.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::read::{MultiGzDecoder, ZlibDecoder};

use crate::nifti::{ByteOrder, DataType, decode_block, make_finite};
use crate::volume_ops::plane_of;
use crate::{
    Acquisition, Affine, Error, Geometry, OpenOptions, Result, SourceKind, Trust, Volume, Zyx,
};

/// Longest header that is read.
const MAX_HEAD: u64 = 1 << 18;
/// Most frames or channels.
const MAX_FRAMES: usize = 1 << 16;

/// How the voxels are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    /// As they are.
    Raw,
    /// One zlib stream.
    Zlib,
    /// One gzip stream or several.
    Gzip,
}

/// Where the voxels lie.
#[derive(Debug)]
pub(crate) struct Block {
    pub path: PathBuf,
    pub offset: u64,
    pub packing: Packing,
    pub data_type: DataType,
    pub order: ByteOrder,
}

/// A grid as its header describes it, fastest axis first.
#[derive(Debug)]
pub(crate) struct Placed<'a> {
    pub path: &'a Path,
    /// Two to four sizes; the fourth axis is frames.
    pub sizes: Vec<usize>,
    /// Values of a voxel that lie together; they become frames.
    pub channels: usize,
    /// Step along every axis in the header's space, millimetres.
    pub directions: Vec<Vec<f64>>,
    /// Position of the first voxel.
    pub origin: Option<Vec<f64>>,
    /// True for LPS+, false for RAS+.
    pub lps: bool,
    pub has_spacing: bool,
    pub has_direction: bool,
    pub source: SourceKind,
    pub block: Block,
}

/// The start of a file, in which a text header ends.
pub(crate) fn read_head(path: &Path) -> Result<Vec<u8>> {
    let mut head = Vec::new();
    File::open(path)
        .and_then(|f| f.take(MAX_HEAD).read_to_end(&mut head))
        .map_err(Error::io(path, "read"))?;
    Ok(head)
}

pub(crate) fn bad_field(path: &Path, field: &str, expected: &str, found: &str) -> Error {
    Error::BadHeader {
        path: path.into(),
        field: field.into(),
        expected: expected.into(),
        found: found.escape_debug().take(80).collect(),
        hint: "export it again".into(),
    }
}

impl Placed<'_> {
    /// Reads the voxels; every size is held against the cap first.
    pub fn read(self, options: &OpenOptions) -> Result<Volume> {
        let path = self.path;
        let at = |axis: usize| self.sizes.get(axis).copied().unwrap_or(1);
        let size = Zyx::new(at(2), at(1), at(0));
        let frames = at(3).checked_mul(self.channels);
        let count = size
            .y
            .checked_mul(size.x)
            .and_then(|n| n.checked_mul(size.z))
            .and_then(|n| n.checked_mul(frames?))
            .filter(|n| *n <= options.max_voxels);
        let (Some(count), Some(n_frames)) = (count, frames.filter(|n| *n <= MAX_FRAMES)) else {
            return Err(Error::TooLarge {
                path: path.into(),
                what: "declared number of voxels",
                expected: options.max_voxels as u64,
                found: format!("{:?} of {} channels", self.sizes, self.channels),
                hint: "the header may be damaged",
            });
        };
        if count == 0 {
            return Err(bad_field(
                path,
                "sizes",
                "at least 1",
                &format!("{:?}", self.sizes),
            ));
        }
        let raw = self.block.read(count)?;
        let decoded = decode_block(self.block.data_type, self.block.order, &raw, count);
        let (mut voxels, about_values) = make_finite(&self.block.path, decoded)?;
        if self.channels > 1 {
            voxels = channels_apart(&voxels, self.channels);
        }
        let geometry = self.geometry(size)?;
        Ok(Volume {
            voxels,
            n_frames,
            acquisition: Acquisition {
                plane: plane_of(&geometry),
                ..Acquisition::default()
            },
            geometry,
            source: self.source,
            warnings: about_values.into_iter().collect(),
        })
    }

    /// The affine to RAS+ millimetres; what the header does not say is not trusted.
    fn geometry(&self, size: Zyx<usize>) -> Result<Geometry> {
        let mut affine = [[0.0; 4]; 4];
        affine[3][3] = 1.0;
        // LPS to RAS: the first two axes point the other way.
        let sign = |c: usize| if self.lps && c < 2 { -1.0 } else { 1.0 };
        for axis in 0..3 {
            for (c, row) in affine.iter_mut().take(3).enumerate() {
                let step = self.directions.get(axis).and_then(|d| d.get(c)).copied();
                // A 2D image is one slice of thickness 1.
                let missing = f64::from(u8::from(c == axis && axis >= self.sizes.len()));
                row[axis] = sign(c) * step.unwrap_or(missing);
            }
        }
        for (c, row) in affine.iter_mut().take(3).enumerate() {
            let origin = self.origin.as_ref().and_then(|o| o.get(c)).copied();
            row[3] = sign(c) * origin.unwrap_or(0.0);
        }
        let affine = Affine(affine);
        if affine.inverse().is_none() {
            return Err(Error::BadAffine {
                path: self.path.into(),
                expected: "three directions that span space".into(),
                found: format!("{:?}", self.directions),
                hint: "export it again".into(),
            });
        }
        let volume = self.sizes.len() >= 3;
        let trust = |there: bool, what: &str| match there && volume {
            true => Trust::Trusted,
            false if !volume => Trust::Untrusted("the image is 2D".into()),
            false => Trust::Untrusted(format!("the header gives no {what}")),
        };
        Ok(Geometry {
            size,
            affine,
            orientation: trust(self.has_direction, "direction"),
            spacing: trust(self.has_spacing, "voxel size"),
        })
    }
}

impl Block {
    /// Bytes of `count` voxels, no more and no fewer.
    fn read(&self, count: usize) -> Result<Vec<u8>> {
        let path = &self.path;
        let mut file = File::open(path).map_err(Error::io(path, "read"))?;
        let length = file.metadata().map_err(Error::io(path, "read"))?.len();
        let expected = (count as u64).saturating_mul(self.data_type.bytes() as u64);
        let truncated = |found: u64| Error::Truncated {
            path: path.clone(),
            expected,
            found,
            source: None,
        };
        let stored = length.saturating_sub(self.offset);
        // Deflate's best is a kilobyte of zeros a byte: nothing is allocated for a size that lies.
        let most = match self.packing {
            Packing::Raw => stored,
            Packing::Zlib | Packing::Gzip => stored.saturating_mul(1032),
        };
        if most < expected {
            return Err(truncated(most));
        }
        file.seek(SeekFrom::Start(self.offset))
            .map_err(Error::io(path, "read"))?;
        let mut raw = Vec::new();
        let outcome = match self.packing {
            Packing::Raw => file.take(expected).read_to_end(&mut raw),
            Packing::Zlib => ZlibDecoder::new(file).take(expected).read_to_end(&mut raw),
            Packing::Gzip => MultiGzDecoder::new(file)
                .take(expected)
                .read_to_end(&mut raw),
        };
        match outcome {
            Ok(_) if raw.len() as u64 == expected => Ok(raw),
            Ok(_) => Err(truncated(raw.len() as u64)),
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
                Err(truncated(raw.len() as u64))
            }
            Err(source) if self.packing != Packing::Raw => Err(Error::CorruptData {
                path: path.clone(),
                expected: "a sound deflate stream",
                source,
            }),
            Err(e) => Err(Error::io(path, "read")(e)),
        }
    }
}

/// `[voxel][channel]` to `[channel][voxel]`.
fn channels_apart(values: &[f32], channels: usize) -> Vec<f32> {
    (0..channels)
        .flat_map(|c| values.iter().skip(c).step_by(channels).copied())
        .collect()
}

/// Reads a volume file by its content: NIfTI, MetaImage or NRRD.
///
/// # Errors
/// [`Error::UnknownFormat`] for other content, and what the reader finds.
pub fn read_volume(path: &Path, options: &OpenOptions) -> Result<Volume> {
    let mut start = Vec::new();
    File::open(path)
        .and_then(|f| f.take(512).read_to_end(&mut start))
        .map_err(Error::io(path, "read"))?;
    match start.as_slice() {
        s if crate::nrrd::looks_like_nrrd(s) => crate::nrrd::read_nrrd(path, options),
        s if crate::metaimage::looks_like_metaimage(s) => {
            crate::metaimage::read_metaimage(path, options)
        }
        _ => crate::nifti::read_nifti(path, options),
    }
}
