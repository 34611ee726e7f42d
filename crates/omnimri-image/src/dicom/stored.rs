//! A stored object as an archive needs it: its data set without the pixel data, and its frames as they are encoded.

use std::path::Path;

use dicom_encoding::transfer_syntax::TransferSyntaxIndex;
use dicom_object::InMemDicomObject;
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

use super::attributes::Attributes;
use super::codec::Codec;
use super::header::{acquisition, max_inflated, read_header, unsupported};
use super::layout::Layout;
use super::pixels::frame_bytes;
use crate::guard::{causes, guarded};
use crate::{Acquisition, Error, OpenOptions, Result};

/// The data set of a file up to its pixel data.
#[derive(Debug)]
pub struct DicomHeader {
    /// Transfer syntax UID.
    pub transfer_syntax: String,
    /// Every data element before the pixel data, texts decoded.
    pub object: InMemDicomObject,
    /// What it says of the acquisition; no plane.
    pub acquisition: Acquisition,
}

impl DicomHeader {
    /// Of the file at `path`; every length and the depth of its sequences is checked before anything is allocated for them.
    ///
    /// # Errors
    /// No DICOM, or data elements that are not well-formed.
    pub fn read(path: &Path, options: &OpenOptions) -> Result<Self> {
        let layout = Layout::read(path, max_inflated(options))?;
        Self::parse(
            path,
            layout.transfer_syntax,
            &layout.header,
            layout.encoding.uid(),
        )
    }

    /// Of the encoded elements `bytes`, which were walked already.
    pub(super) fn parse(
        path: &Path,
        transfer_syntax: String,
        bytes: &[u8],
        encoding: &str,
    ) -> Result<Self> {
        let syntax = TransferSyntaxRegistry.get(encoding).ok_or_else(|| {
            let expected = "one of the standard";
            unsupported(path, "transfer syntax", expected, &transfer_syntax, "")
        })?;
        let ill_formed = |found: String, source| Error::ReadDicom {
            path: path.into(),
            what: "data set".into(),
            expected: "well-formed data elements".into(),
            found,
            source,
        };
        let object = guarded(|| InMemDicomObject::read_dataset_with_ts(bytes, syntax))
            .map_err(|panic| ill_formed(panic, None))?
            .map_err(|source| ill_formed(causes(&source), Some(Box::new(source))))?;
        let acquisition = acquisition(Attributes(&object));
        Ok(Self {
            transfer_syntax,
            object,
            acquisition,
        })
    }
}

/// Frame `frame` (from 0) of an image as it is stored: little-endian samples of an uncompressed file, else its codestream; and the
/// transfer syntax of the file.
///
/// # Errors
/// No readable image, no such frame.
pub fn read_dicom_frame(
    path: &Path,
    frame: usize,
    options: &OpenOptions,
) -> Result<(String, Vec<u8>)> {
    let (info, records) = read_header(path, options)?;
    let number = |r: &&super::frames::FrameRecord| r.frame as usize == frame;
    let Some(record) = records.iter().find(number) else {
        let found = format!("{} frames", info.n_frames);
        let expected = "a frame that it has";
        return Err(unsupported(path, "frame number", expected, &found, ""));
    };
    if info.big_endian && info.codec == Codec::Native {
        let expected = "little-endian samples";
        return Err(unsupported(
            path,
            "transfer syntax",
            expected,
            "big-endian ones",
            "",
        ));
    }
    let bytes = frame_bytes(&info, record, max_inflated(options))?;
    Ok((info.transfer_syntax, bytes))
}
