//! Where the bytes of a NIfTI file lie: plain or gzip, one file or a header with its image file.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::header::identify;
use crate::{Error, Result};

/// Longest header that is read before the layout is known.
const HEADER_LEN: u64 = 540;

/// A file opened for reading from its start.
pub(super) enum Stream {
    /// Bytes as stored, with the length of the file.
    Plain(BufReader<File>, u64),
    /// A gzip stream, with the length of the compressed file.
    Gzip(Box<MultiGzDecoder<BufReader<File>>>, u64),
}

impl Stream {
    /// Opens `path` and looks at its first two bytes.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::io(path, "read"))?;
        let meta = file.metadata().map_err(Error::io(path, "read"))?;
        if meta.is_dir() {
            let source = std::io::Error::from(std::io::ErrorKind::IsADirectory);
            return Err(Error::Io {
                path: path.into(),
                action: "read",
                source,
            });
        }
        let mut reader = BufReader::with_capacity(1 << 18, file);
        let start = std::io::BufRead::fill_buf(&mut reader).map_err(Error::io(path, "read"))?;
        Ok(match start {
            [0x1f, 0x8b, ..] => Self::Gzip(Box::new(MultiGzDecoder::new(reader)), meta.len()),
            _ => Self::Plain(reader, meta.len()),
        })
    }

    /// The first bytes of the (decompressed) stream: a header's worth, or fewer where the file is
    /// shorter.
    pub(super) fn read_start(&mut self, path: &Path) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let outcome = match self {
            Self::Plain(r, _) => r.take(HEADER_LEN).read_to_end(&mut bytes),
            Self::Gzip(r, _) => r.as_mut().take(HEADER_LEN).read_to_end(&mut bytes),
        };
        match outcome {
            Ok(_) => Ok(bytes),
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => Err(Error::Truncated {
                path: path.into(),
                expected: HEADER_LEN,
                found: bytes.len() as u64,
                source: Some(e),
            }),
            Err(source) => Err(stream_error(path, matches!(self, Self::Gzip(..)), source)),
        }
    }
}

/// A decoder's complaint about content, or the system's about the file.
pub(super) fn stream_error(path: &Path, gzip: bool, source: std::io::Error) -> Error {
    use std::io::ErrorKind::{InvalidData, InvalidInput};
    if gzip && matches!(source.kind(), InvalidData | InvalidInput) {
        return Error::CorruptData {
            path: path.into(),
            expected: "a sound gzip stream",
            source,
        };
    }
    Error::Io {
        path: path.into(),
        action: "read",
        source,
    }
}

/// True if the bytes (decompressed) start like a NIfTI or Analyze header.
pub(crate) fn is_nifti_header(bytes: &[u8]) -> bool {
    identify(bytes).is_some()
}

/// The file name without a final `.gz`, lower-case.
pub(crate) fn base_name(path: &Path) -> String {
    let name = path
        .file_name()
        .map(|n| n.to_string_lossy().to_ascii_lowercase());
    let name = name.unwrap_or_default();
    name.strip_suffix(".gz").map(str::to_string).unwrap_or(name)
}

/// Header file and image file of a path that ends in `.hdr` or `.img` (with or without `.gz`).
///
/// `None` for another ending. The partner's case and compression may differ; the header exists if
/// it is to be read.
pub(crate) fn pair_of(path: &Path) -> Option<(PathBuf, PathBuf)> {
    let base = base_name(path);
    if base.ends_with(".hdr") {
        return Some((path.into(), partner(path, "img")));
    }
    base.ends_with(".img")
        .then(|| (partner(path, "hdr"), path.into()))
}

/// The file beside `path` with another extension; where none exists, the plain lower-case name.
fn partner(path: &Path, extension: &str) -> PathBuf {
    let name = path
        .file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default();
    let cut = base_name(path).len().saturating_sub(4);
    let stem = name.get(..cut).unwrap_or(&name);
    let upper = extension.to_ascii_uppercase();
    let candidates = [
        format!("{stem}.{extension}"),
        format!("{stem}.{extension}.gz"),
        format!("{stem}.{upper}"),
    ];
    let paths = candidates.map(|c| path.with_file_name(c));
    paths
        .iter()
        .find(|p| p.exists())
        .unwrap_or(&paths[0])
        .clone()
}
