//! Files that are whole or not there: written beside their place, then renamed.

use std::io::{BufWriter, Write};
use std::path::Path;

use crate::{Error, Result};

/// Writes `path` through `content`: into a temporary file in the same folder, renamed when all of
/// it is on disk.
///
/// On any error (a full disk, a folder that cannot be written) nothing is left and an earlier file
/// stays as it was.
pub fn write_beside(
    path: &Path,
    content: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<()> {
    let folder = match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".omnimri-").suffix(".tmp");
    #[cfg(unix)]
    {
        // The umask applies, as for any other file; the default of temporary files would be
        // private.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let file = builder
        .tempfile_in(folder)
        .map_err(|e| write_error(path, e))?;
    let mut writer = BufWriter::with_capacity(1 << 18, file);
    content(&mut writer)
        .and_then(|()| writer.flush())
        .map_err(|e| write_error(path, e))?;
    let file = writer
        .into_inner()
        .map_err(|e| write_error(path, e.into_error()))?;
    file.persist(path).map_err(|e| write_error(path, e.error))?;
    Ok(())
}

fn write_error(path: &Path, source: std::io::Error) -> Error {
    // The temporary file adds its own name to the message, which says nothing to a user; the kind
    // says it all.
    let source = match source.raw_os_error() {
        None if source.kind() != std::io::ErrorKind::Other => source.kind().into(),
        _ => source,
    };
    Error::Io {
        path: path.into(),
        action: "write",
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_leaves_nothing_and_keeps_the_old_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.bin");
        std::fs::write(&path, b"old").unwrap();
        let error = write_beside(&path, |w| {
            w.write_all(&[0; 1000])?;
            Err(std::io::Error::from(std::io::ErrorKind::StorageFull))
        })
        .unwrap_err();
        assert!(error.to_string().contains("a.bin: cannot write"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, b"x").unwrap();
        for path in [file.join("out.nii"), dir.path().join("missing/out.nii")] {
            let error = write_beside(&path, |w| w.write_all(b"y")).unwrap_err();
            let text = error.to_string();
            assert!(
                text.contains("out.nii: cannot write") && !text.contains(".omnimri-"),
                "{text}"
            );
            assert!(!error.is_invalid_input());
        }
    }
}
