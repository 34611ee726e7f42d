//! Removing files so that their content does not stay behind.
//!
//! Every file is overwritten with zeros and flushed before it is unlinked. A disk that writes elsewhere (flash, copy-on-write file
//! systems, snapshots, backups) may still hold the old blocks: encrypt the disk where that matters.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

static ZEROS: [u8; 1 << 16] = [0; 1 << 16];

/// Overwrites and removes a file, or a folder with all it holds. Links are removed, not followed. What is gone already is no error.
pub(crate) fn erase(path: &Path) -> io::Result<()> {
    match erase_inner(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn erase_inner(path: &Path) -> io::Result<()> {
    let meta = fs::symlink_metadata(path)?;
    if meta.is_dir() {
        for entry in fs::read_dir(path)? {
            erase(&entry?.path())?;
        }
        return fs::remove_dir(path);
    }
    // What cannot be overwritten, for example on a full copy-on-write disk, is removed all the same.
    if meta.is_file()
        && let Err(error) = overwrite(path, meta.len())
    {
        tracing::warn!(%error, "a file was removed without being overwritten");
    }
    fs::remove_file(path)
}

fn overwrite(path: &Path, length: u64) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).open(path)?;
    let mut left = length;
    while left > 0 {
        let n = left.min(ZEROS.len() as u64);
        file.write_all(&ZEROS[..n as usize])?;
        left -= n;
    }
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_overwritten_and_links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("job");
        fs::create_dir_all(folder.join("input")).unwrap();
        let file = folder.join("input/a");
        fs::write(&file, vec![7; 100_000]).unwrap();
        // A second name of the same content shows what was done to it.
        let witness = dir.path().join("witness");
        fs::hard_link(&file, &witness).unwrap();
        let other = dir.path().join("other");
        fs::write(&other, b"of somebody else").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(&other, folder.join("link")).unwrap();
        erase(&folder).unwrap();
        assert!(!folder.exists());
        assert_eq!(fs::read(&witness).unwrap(), vec![0; 100_000]);
        assert_eq!(fs::read(&other).unwrap(), b"of somebody else");
        erase(&folder).unwrap();
    }
}
