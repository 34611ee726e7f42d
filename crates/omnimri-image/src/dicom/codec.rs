//! Compressed frames to little-endian samples.
//!
//! Decoders of other crates are called with one frame at a time, after its own header was found to
//! agree with the data set's, and behind a guard: a panic of theirs is an error here.

use std::borrow::Cow;
use std::path::Path;

use dicom_dictionary_std::uids;
use dicom_encoding::adapters::{PixelDataObject, RawPixelData};
use dicom_encoding::transfer_syntax::TransferSyntaxIndex;
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

use super::codestream::Codestream;
use super::header::{PixelFormat, unsupported};
use super::rle;
use super::syntax::EXPLICIT_VR_BIG_ENDIAN;
use crate::guard::{causes, guarded};
use crate::{Error, Result};

/// Family of a transfer syntax.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    /// Uncompressed.
    Native,
    Rle,
    Jpeg,
    JpegLs,
    Jpeg2000,
}

/// Samples of one frame as a decoder left them.
pub(super) struct Samples {
    /// Little-endian samples.
    pub bytes: Vec<u8>,
    /// Bytes a sample.
    pub sample_bytes: usize,
    /// Bits that carry the value, from the lowest.
    pub bits: u32,
}

impl Codec {
    /// Codec of a transfer syntax, or an error that says what is read and how to get there.
    pub fn of(path: &Path, transfer_syntax: &str) -> Result<Self> {
        Ok(match transfer_syntax {
            uids::IMPLICIT_VR_LITTLE_ENDIAN
            | uids::EXPLICIT_VR_LITTLE_ENDIAN
            | EXPLICIT_VR_BIG_ENDIAN
            | uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN => Self::Native,
            uids::RLE_LOSSLESS => Self::Rle,
            uids::JPEG_BASELINE8_BIT
            | uids::JPEG_EXTENDED12_BIT
            | uids::JPEG_LOSSLESS
            | uids::JPEG_LOSSLESS_SV1 => Self::Jpeg,
            uids::JPEG2000_LOSSLESS | uids::JPEG2000 => Self::Jpeg2000,
            uids::JPEGLS_LOSSLESS | uids::JPEGLS_NEAR_LOSSLESS => {
                if cfg!(feature = "jpeg-ls") {
                    Self::JpegLs
                } else {
                    let found = format!("JPEG-LS ({transfer_syntax})");
                    let hint = "build with `--features omnimri-image/jpeg-ls`, or decompress the \
                                file first (dcmdjpls)";
                    return Err(not_read(path, &found, hint));
                }
            }
            other => {
                let name = TransferSyntaxRegistry
                    .get(other)
                    .map_or("not of the standard", |ts| ts.name());
                let found = format!("{other} ({name})");
                return Err(not_read(path, &found, "decompress the file first"));
            }
        })
    }

    /// Decodes one frame whose fragments are joined in `data`.
    pub fn decode(
        self,
        path: &Path,
        transfer_syntax: &str,
        format: &PixelFormat,
        data: &[u8],
    ) -> Result<Samples> {
        let damaged = |found: String| Error::ReadDicom {
            path: path.into(),
            what: "pixel data".into(),
            expected: format!("a frame of {} x {}", format.rows, format.columns),
            found,
            source: None,
        };
        let stream = match self {
            Self::Native => {
                return Err(damaged("compressed data in an uncompressed file".into()));
            }
            Self::Rle => {
                let sample_bytes = format.bits_allocated as usize / 8;
                let bytes = rle::decode(data, format.n_samples(), sample_bytes)
                    .map_err(|found| damaged(format!("RLE data with {found}")))?;
                let bits = format.bits_stored;
                return Ok(Samples {
                    bytes,
                    sample_bytes,
                    bits,
                });
            }
            Self::Jpeg2000 => Codestream::inside_jp2(data),
            Self::Jpeg | Self::JpegLs => data,
        };
        let declared = match self {
            Self::Jpeg2000 => Codestream::of_jpeg2000(stream),
            _ => Codestream::of_jpeg(stream),
        };
        let declared =
            declared.ok_or_else(|| damaged("no compressed image of one grey level".into()))?;
        let agrees = declared.rows == format.rows
            && declared.columns == format.columns
            && declared.components == 1
            && (2..=16).contains(&declared.precision);
        if !agrees {
            return Err(damaged(format!(
                "{} x {} of {} components of {} bits",
                declared.rows, declared.columns, declared.components, declared.precision
            )));
        }
        if self == Self::Jpeg && declared.precision != 8 && declared.process != Some(3) {
            let found = format!("JPEG of {} bits", declared.precision);
            return Err(not_read(
                path,
                &found,
                "decompress the file first (dcmdjpeg)",
            ));
        }
        let reader = TransferSyntaxRegistry
            .get(transfer_syntax)
            .and_then(|ts| ts.pixel_data_reader())
            .ok_or_else(|| not_read(path, transfer_syntax, "decompress the file first"))?;
        let frame = OneFrame {
            transfer_syntax,
            declared,
            stream,
        };
        let mut bytes = Vec::new();
        guarded(|| reader.decode_frame(&frame, 0, &mut bytes))
            .map_err(|panic| damaged(format!("data that the decoder fails on: {panic}")))?
            .map_err(|source| Error::ReadDicom {
                path: path.into(),
                what: "pixel data".into(),
                expected: format!("a compressed frame of {} x {}", format.rows, format.columns),
                found: causes(&source),
                source: Some(Box::new(source)),
            })?;
        let sample_bytes = frame.sample_bytes();
        if bytes.len() < format.n_samples() * sample_bytes {
            return Err(damaged(format!("{} bytes", bytes.len())));
        }
        let bits = format.bits_stored.min(declared.precision);
        Ok(Samples {
            bytes,
            sample_bytes,
            bits,
        })
    }
}

fn not_read(path: &Path, found: &str, hint: &str) -> Error {
    let read = "uncompressed, deflated, RLE, JPEG baseline or lossless, or JPEG 2000";
    unsupported(path, "transfer syntax", read, found, hint)
}

/// A single compressed frame in the form in which the registry's decoders take it.
///
/// Bits allocated are those of the compressed stream, not of the data set, so that a decoder's
/// samples always fit the buffer that it makes for them.
struct OneFrame<'a> {
    transfer_syntax: &'a str,
    declared: Codestream,
    stream: &'a [u8],
}

impl OneFrame<'_> {
    /// Bytes that decoders use a sample: JPEG lossless widens all but 8 bits.
    fn sample_bytes(&self) -> usize {
        let exactly = self.declared.process.is_some();
        let narrow = if exactly { 8..=8 } else { 0..=8 };
        if narrow.contains(&self.declared.precision) {
            1
        } else {
            2
        }
    }
}

impl PixelDataObject for OneFrame<'_> {
    fn transfer_syntax_uid(&self) -> &str {
        self.transfer_syntax
    }

    fn rows(&self) -> Option<u16> {
        self.declared.rows.try_into().ok()
    }

    fn cols(&self) -> Option<u16> {
        self.declared.columns.try_into().ok()
    }

    fn samples_per_pixel(&self) -> Option<u16> {
        Some(1)
    }

    fn bits_allocated(&self) -> Option<u16> {
        Some(8 * self.sample_bytes() as u16)
    }

    fn bits_stored(&self) -> Option<u16> {
        self.declared.precision.try_into().ok()
    }

    fn photometric_interpretation(&self) -> Option<&str> {
        Some("MONOCHROME2")
    }

    fn number_of_frames(&self) -> Option<u32> {
        Some(1)
    }

    fn number_of_fragments(&self) -> Option<u32> {
        Some(1)
    }

    fn fragment(&self, fragment: usize) -> Option<Cow<'_, [u8]>> {
        (fragment == 0).then_some(Cow::Borrowed(self.stream))
    }

    fn offset_table(&self) -> Option<Cow<'_, [u32]>> {
        Some(Cow::Borrowed(&[]))
    }

    fn raw_pixel_data(&self) -> Option<RawPixelData> {
        Some(RawPixelData {
            fragments: [self.stream.to_vec()].into_iter().collect(),
            offset_table: Default::default(),
        })
    }
}
