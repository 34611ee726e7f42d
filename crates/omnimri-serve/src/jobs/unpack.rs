//! Archives to files. What an archive says of itself is not believed: bytes are counted as they come out, names are made harmless,
//! links and folders are not made.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::receive::Intake;
use crate::reply::Refusal;

/// Bytes that may come out for a byte that went in, beyond [`FREE`]: DICOM of large empty backgrounds stays below 30.
const MAX_RATIO: u64 = 100;
/// Bytes that may come out of any archive.
const FREE: u64 = 256 << 20;
/// The end of central directory: its mark, its size without the comment, and the longest comment.
const END_MARK: [u8; 4] = *b"PK\x05\x06";
const END_SIZE: usize = 22;
const END_COMMENT: u64 = u16::MAX as u64;

/// True for a file that is a ZIP archive by name and content (`.npz` is one by content only).
pub(super) fn is_archive(path: &Path) -> io::Result<bool> {
    let named = path
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("zip"));
    if !named {
        return Ok(false);
    }
    let mut start = Vec::new();
    File::open(path)?.take(4).read_to_end(&mut start)?;
    Ok(start == b"PK\x03\x04" || start == END_MARK)
}

/// Unpacks an archive beside itself and removes it.
pub(super) fn unpack(archive: &Path, intake: &mut Intake) -> Result<(), Refusal> {
    let io = |e: io::Error| Refusal::of_io("unpack the archive", &e);
    let bad = |found: &str| Refusal::Unreadable(format!("expected a ZIP archive, found {found}"));
    let mut file = File::open(archive).map_err(io)?;
    let packed = file.metadata().map_err(io)?.len();
    // Before the list of files is read into memory: how long does it say to be?
    let declared = entries(&mut file).map_err(io)?;
    match declared {
        None => return Err(bad("one without an end, or larger than 4 GiB (ZIP64)")),
        Some(n) if n > intake.limits().max_files => {
            return Err(bad(&format!("one of {n} files, more than allowed")));
        }
        Some(_) => {}
    }
    let mut zip = zip::ZipArchive::new(file).map_err(|e| bad(&format!("a broken one ({e})")))?;
    let most = FREE.max(packed.saturating_mul(MAX_RATIO));
    let (mut out, mut n_files) = (0u64, 0);
    for i in 0..zip.len() {
        let mut entry = zip
            .by_index(i)
            .map_err(|e| bad(&format!("a part that cannot be read ({e})")))?;
        let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
        if entry.is_dir() || entry.is_symlink() || is_clutter(&name) {
            continue;
        }
        let path = intake.place(&name)?;
        let mut file = File::create_new(&path).map_err(io)?;
        let mut size = 0u64;
        let mut buffer = vec![0; 1 << 16];
        loop {
            let n = match entry.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(bad(&format!("a part that cannot be unpacked ({e})"))),
            };
            size += n as u64;
            out += n as u64;
            if out > most {
                return Err(bad("one that unpacks to far more than its size"));
            }
            if size > intake.limits().max_file_bytes {
                return Err(Refusal::TooLarge(intake.limits().max_file_bytes));
            }
            intake.count(n as u64)?;
            file.write_all(&buffer[..n]).map_err(io)?;
        }
        file.sync_all().map_err(io)?;
        n_files += 1;
    }
    if n_files == 0 {
        return Err(bad("an empty one"));
    }
    drop(zip);
    intake.forget(archive).map_err(io)
}

/// What systems leave in archives beside the files.
fn is_clutter(name: &str) -> bool {
    name.split(['/', '\\'])
        .any(|part| part == "__MACOSX" || (part.starts_with('.') && part != "." && part != ".."))
}

/// Number of files that the archive's end declares; none for an archive without an end, and for ZIP64.
fn entries(file: &mut File) -> io::Result<Option<usize>> {
    let length = file.metadata()?.len();
    let from = length.saturating_sub(END_SIZE as u64 + END_COMMENT);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    file.take(END_SIZE as u64 + END_COMMENT)
        .read_to_end(&mut tail)?;
    let zip64 = tail.windows(4).any(|w| w == b"PK\x06\x07");
    let at = tail.windows(4).rposition(|w| w == END_MARK);
    let declared = at
        .and_then(|at| tail.get(at + 10..at + 12))
        .map(|n| usize::from(u16::from_le_bytes([n[0], n[1]])));
    Ok(declared.filter(|n| *n < usize::from(u16::MAX) && !zip64))
}
