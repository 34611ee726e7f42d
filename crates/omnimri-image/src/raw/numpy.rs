//! `.npy` and `.npz` arrays with named axes.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use zip::{CompressionMethod, ZipArchive};

use super::RawScan;
use super::array::{self, ArrayReader};
use super::arrays::several;
use super::axes::{Axes, bad_shape};
use super::strided::{Layout, Strided};
use crate::guard::{causes, guarded};
use crate::npy::{Header, NpyArray, read_npy_from, shape_text};
use crate::{Error, OpenOptions, Result};

/// First bytes of a zip archive.
pub(crate) const ZIP_MAGIC: &[u8; 4] = b"PK\x03\x04";
/// Most arrays of one archive looked at.
const MAX_ARRAYS: usize = 1024;

/// Opens k-space in a `.npy`.
pub(super) fn open_npy(path: &Path, options: &OpenOptions) -> Result<RawScan> {
    let reader = npy_reader(path)?;
    open(path, "npy", reader, options, Vec::new())
}

/// The array of a `.npy`.
pub(super) fn npy_reader(path: &Path) -> Result<Strided> {
    let mut file = File::open(path).map_err(Error::io(path, "read"))?;
    let length = file.metadata().map_err(Error::io(path, "read"))?.len();
    let (header, start) = Header::read(path, &mut file, length)?;
    Strided::new(path, file, layout(path, header, start)?)
}

/// Opens k-space in an `.npz`: the one complex array in it, or the one named in the options.
pub(super) fn open_npz(path: &Path, options: &OpenOptions) -> Result<RawScan> {
    let (reader, warnings) = npz_reader(path, options)?;
    open(path, "npz", reader, options, warnings)
}

fn open(
    path: &Path,
    format: &'static str,
    reader: Strided,
    options: &OpenOptions,
    mut warnings: Vec<String>,
) -> Result<RawScan> {
    let axes = match &options.kspace.axes {
        Some(names) => Axes::named(path, reader.shape(), names, &mut warnings)?,
        None => Axes::guessed(path, reader.shape(), &mut warnings)?,
    };
    array::open(path, format, Box::new(reader), axes, options, warnings)
}

/// NumPy's name of a type, such as `float32`.
fn type_name(header: &Header) -> String {
    let kind = match header.kind {
        b'f' => "float",
        b'i' => "int",
        b'u' => "uint",
        b'b' => return "bool".to_owned(),
        other => return format!("type {}{}", char::from(other), header.bytes),
    };
    format!("{kind}{}", 8 * usize::from(header.bytes))
}

fn layout(path: &Path, header: Header, start: u64) -> Result<Layout> {
    if header.kind != b'c' {
        return Err(bad_shape(
            path,
            "complex samples (complex64 or complex128)",
            format!(
                "{} of shape {}",
                type_name(&header),
                shape_text(&header.shape)
            ),
            "magnitudes have lost their phase; export the complex data".into(),
        ));
    }
    if !matches!(header.bytes, 8 | 16) {
        return Err(header.type_error(path));
    }
    Ok(Layout {
        start,
        width: header.bytes.into(),
        big: header.big,
        fortran: header.fortran,
        shape: header.shape,
    })
}

/// The array of an `.npz`. A compressed one is unpacked into a temporary file, so that memory stays bounded by a frame.
fn npz_reader(path: &Path, options: &OpenOptions) -> Result<(Strided, Vec<String>)> {
    let mut archive = archive(path)?;
    let (mut complex, mut others) = (Vec::new(), Vec::new());
    for index in 0..archive.len() {
        let mut entry = zipped(path, || archive.by_index(index))?;
        let name = zipped(path, || entry.name().map(|name| name.into_owned()))?;
        let Some(name) = name.strip_suffix(".npy").map(str::to_string) else {
            continue;
        };
        let length = entry.size();
        let (header, _) = guarded(|| Header::read(path, &mut entry, length))
            .map_err(|panic| corrupt(path, panic))??;
        let text = format!("{} {}", name.escape_debug(), shape_text(&header.shape));
        if header.kind == b'c' && header.shape.len() >= 2 {
            complex.push((index, name, text));
        } else {
            others.push(text);
        }
    }
    if let Some(wanted) = &options.raw.array {
        complex.retain(|(_, name, _)| name == wanted);
    }
    let names: Vec<_> = complex.iter().map(|c| c.2.as_str()).collect();
    let [(index, ..)] = complex[..] else {
        let found = match names.is_empty() {
            true => format!("none (others: {})", others.join(", ")),
            false => names.join(", "),
        };
        return Err(bad_shape(
            path,
            "one complex array of two or more axes",
            found,
            "name the array, or save the k-space alone".into(),
        ));
    };
    let warnings = match others.is_empty() {
        true => Vec::new(),
        false => vec![format!(
            "Of the archive only {} is used (others: {}).",
            names[0],
            others.join(", ")
        )],
    };
    let reader = zipped_array(path, &mut archive, index, options)?;
    Ok((reader, warnings))
}

fn zipped_array(
    path: &Path,
    archive: &mut ZipArchive<File>,
    index: usize,
    options: &OpenOptions,
) -> Result<Strided> {
    let mut entry = zipped(path, || archive.by_index(index))?;
    let length = entry.size();
    let stored = entry.compression() == CompressionMethod::Stored;
    let data_start = entry.data_start();
    let (header, start) = guarded(|| Header::read(path, &mut entry, length))
        .map_err(|panic| corrupt(path, panic))??;
    let mut layout = layout(path, header, start)?;
    if let (true, Some(at)) = (stored, data_start) {
        layout.start = start.saturating_add(at);
        let file = File::open(path).map_err(Error::io(path, "read"))?;
        return Strided::new(path, file, layout);
    }
    let bytes = layout
        .shape
        .iter()
        .try_fold(layout.width, |n, &d| n.checked_mul(d));
    let most = options.max_voxels.saturating_mul(layout.width);
    let Some(bytes) = bytes.filter(|&n| n <= most) else {
        return Err(Error::TooLarge {
            path: path.into(),
            what: "declared number of values",
            expected: options.max_voxels as u64,
            found: shape_text(&layout.shape),
            hint: "save the array uncompressed, or raise the limit",
        });
    };
    let mut unpacked = tempfile::tempfile().map_err(Error::io(path, "unpack"))?;
    let copied = guarded(|| std::io::copy(&mut (&mut entry).take(bytes as u64), &mut unpacked));
    match copied {
        Ok(Ok(n)) if n == bytes as u64 => {}
        Ok(Ok(n)) => {
            return Err(Error::Truncated {
                path: path.into(),
                expected: bytes as u64,
                found: n,
                source: None,
            });
        }
        Ok(Err(source)) => {
            return Err(Error::CorruptData {
                path: path.into(),
                expected: "a sound zip archive",
                source,
            });
        }
        Err(panic) => return Err(corrupt(path, panic)),
    }
    unpacked
        .seek(SeekFrom::Start(0))
        .map_err(Error::io(path, "unpack"))?;
    layout.start = 0;
    Strided::new(path, unpacked, layout)
}

/// An archive of not too many files.
fn archive(path: &Path) -> Result<ZipArchive<File>> {
    let file = File::open(path).map_err(Error::io(path, "read"))?;
    let archive = zipped(path, || ZipArchive::new(file))?;
    if archive.len() > MAX_ARRAYS {
        return Err(Error::TooLarge {
            path: path.into(),
            what: "number of arrays",
            expected: MAX_ARRAYS as u64,
            found: archive.len().to_string(),
            hint: "save the k-space alone",
        });
    }
    Ok(archive)
}

/// Names of the arrays of an archive, sorted.
pub(super) fn member_names(path: &Path) -> Result<Vec<String>> {
    let mut archive = archive(path)?;
    let mut names = Vec::new();
    for index in 0..archive.len() {
        let entry = zipped(path, || archive.by_index(index))?;
        let name = zipped(path, || entry.name().map(|name| name.into_owned()))?;
        names.extend(name.strip_suffix(".npy").map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// One array of an archive, whole: that of this name, or the only one of two or more axes.
pub(super) fn read_member(
    path: &Path,
    name: Option<&str>,
    options: &OpenOptions,
) -> Result<NpyArray> {
    let mut archive = archive(path)?;
    let mut found = Vec::new();
    for index in 0..archive.len() {
        let mut entry = zipped(path, || archive.by_index(index))?;
        let member = zipped(path, || entry.name().map(|name| name.into_owned()))?;
        let Some(member) = member.strip_suffix(".npy").map(str::to_owned) else {
            continue;
        };
        let length = entry.size();
        let (header, _) = guarded(|| Header::read(path, &mut entry, length))
            .map_err(|panic| corrupt(path, panic))??;
        if name.map_or(header.shape.len() >= 2, |name| name == member) {
            found.push((index, member));
        }
    }
    let names: Vec<String> = found.iter().map(|f| f.1.clone()).collect();
    let [(index, _)] = found[..] else {
        return Err(several(path, &names));
    };
    let mut entry = zipped(path, || archive.by_index(index))?;
    let length = entry.size();
    guarded(|| read_npy_from(path, &mut entry, length, options))
        .map_err(|panic| corrupt(path, panic))?
}

fn zipped<T>(path: &Path, call: impl FnOnce() -> zip::result::ZipResult<T>) -> Result<T> {
    match guarded(call) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(corrupt(path, causes(&error))),
        Err(panic) => Err(corrupt(path, panic)),
    }
}

fn corrupt(path: &Path, message: String) -> Error {
    Error::CorruptData {
        path: path.into(),
        expected: "a sound zip archive",
        source: std::io::Error::other(message),
    }
}
