//! Files that are still there after the power went: written beside, synchronised with their folder, then named.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use dicom_object::FileMetaTableBuilder;

use super::error::{NodeError, Result};

/// Implementation Class UID and name in the meta information of received files: those of the program's own objects.
const IMPLEMENTATION_UID: &str = "2.25.262041936170917290843327196498731560187";
const IMPLEMENTATION: &str = concat!("OMNIMRI_", env!("CARGO_PKG_VERSION"));

/// The folders of a node.
#[derive(Debug, Clone)]
pub(super) struct Folders {
    pub root: PathBuf,
}

impl Folders {
    /// Makes the folders below `root`; what was left half-received by an earlier run goes away.
    pub fn prepare(root: &Path) -> Result<Self> {
        let folders = Self {
            root: root.to_owned(),
        };
        let incoming = folders.incoming();
        if incoming.exists() {
            std::fs::remove_dir_all(&incoming).map_err(NodeError::file(&incoming))?;
        }
        for folder in [incoming, folders.instances(), folders.results()] {
            make_folder(&folder)?;
        }
        Ok(folders)
    }

    fn incoming(&self) -> PathBuf {
        self.root.join("incoming")
    }

    pub fn instances(&self) -> PathBuf {
        self.root.join("instances")
    }

    pub fn results(&self) -> PathBuf {
        self.root.join("results")
    }

    /// Where `path` below the root is, as the index holds it.
    pub fn relative(&self, path: &Path) -> String {
        let path = path.strip_prefix(&self.root).unwrap_or(path);
        path.to_string_lossy().into_owned()
    }
}

/// Makes a folder and those above it, each synchronised with its parent.
pub(super) fn make_folder(folder: &Path) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent().filter(|p| !p.as_os_str().is_empty()) {
        make_folder(parent)?;
        match std::fs::create_dir(folder) {
            // Another association makes the same folder.
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            other => other.map_err(NodeError::file(folder))?,
        }
        sync_folder(parent)?;
    }
    Ok(())
}

/// Synchronises the names in a folder.
pub(super) fn sync_folder(folder: &Path) -> Result<()> {
    let open = File::open(folder).map_err(NodeError::file(folder))?;
    open.sync_all().map_err(NodeError::file(folder))
}

/// Synchronises every file and folder below `folder`.
pub(super) fn sync_tree(folder: &Path) -> Result<()> {
    let entries = std::fs::read_dir(folder).map_err(NodeError::file(folder))?;
    for entry in entries {
        let path = entry.map_err(NodeError::file(folder))?.path();
        if path.is_dir() {
            sync_tree(&path)?;
        } else {
            let file = File::open(&path).map_err(NodeError::file(&path))?;
            file.sync_all().map_err(NodeError::file(&path))?;
        }
    }
    sync_folder(folder)
}

/// An object that is being received; removed when dropped before it was kept.
#[derive(Debug)]
pub(super) struct Incoming {
    path: PathBuf,
    file: Option<BufWriter<File>>,
    bytes: u64,
    most: u64,
    kept: bool,
}

impl Incoming {
    /// An empty file; at most `most` bytes are taken.
    pub fn empty(folders: &Folders, most: u64) -> Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = folders.incoming().join(format!("{n}.part"));
        let file = File::create(&path).map_err(NodeError::file(&path))?;
        Ok(Self {
            path,
            file: Some(BufWriter::with_capacity(64 << 10, file)),
            bytes: 0,
            most,
            kept: false,
        })
    }

    /// A file with preamble and meta information (PS3.10 7.1), for a data set that follows.
    pub fn with_meta(folders: &Folders, most: u64, meta: Meta<'_>) -> Result<Self> {
        let mut new = Self::empty(folders, most)?;
        let table = FileMetaTableBuilder::new()
            .media_storage_sop_class_uid(meta.class_uid)
            .media_storage_sop_instance_uid(meta.sop_uid)
            .transfer_syntax(meta.transfer_syntax)
            .implementation_class_uid(IMPLEMENTATION_UID)
            .implementation_version_name(IMPLEMENTATION)
            .source_application_entity_title(meta.sender)
            .build()
            .map_err(|e| NodeError::protocol(e.to_string()))?;
        let mut head = vec![0; 128];
        head.extend(b"DICM");
        table
            .write(&mut head)
            .map_err(|e| NodeError::protocol(e.to_string()))?;
        new.write(&head)?;
        Ok(new)
    }

    /// Where it is for now.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes += bytes.len() as u64;
        let too_large = || std::io::Error::from(std::io::ErrorKind::FileTooLarge);
        if self.bytes > self.most {
            // What was taken so far only takes room.
            self.file = None;
            let _ = std::fs::remove_file(&self.path);
            return Err(NodeError::file(&self.path)(too_large()));
        }
        match &mut self.file {
            Some(file) => file.write_all(bytes).map_err(NodeError::file(&self.path)),
            None => Err(NodeError::file(&self.path)(too_large())),
        }
    }

    /// Hands everything to the disk.
    pub fn sync(&mut self) -> Result<u64> {
        if let Some(file) = self.file.take() {
            let file = file
                .into_inner()
                .map_err(|e| NodeError::file(&self.path)(e.into_error()))?;
            file.sync_all().map_err(NodeError::file(&self.path))?;
        }
        Ok(self.bytes)
    }

    /// Gives it its name, which is on the disk when this returns.
    pub fn keep(mut self, target: &Path) -> Result<()> {
        if let Some(folder) = target.parent() {
            make_folder(folder)?;
            std::fs::rename(&self.path, target).map_err(NodeError::file(target))?;
            self.kept = true;
            sync_folder(folder)?;
        }
        Ok(())
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.kept {
            // What cannot be removed is removed when the node starts again.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// File meta information of a received object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Meta<'a> {
    pub class_uid: &'a str,
    pub sop_uid: &'a str,
    pub transfer_syntax: &'a str,
    pub sender: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_kept_goes_away() {
        let dir = tempfile::tempdir().unwrap();
        let folders = Folders::prepare(dir.path()).unwrap();
        let mut a = Incoming::empty(&folders, 10).unwrap();
        a.write(b"0123456789").unwrap();
        assert!(a.write(b"0").unwrap_err().is_out_of_resources());
        assert!(a.write(b"0").is_err());
        let path = a.path().to_owned();
        drop(a);
        assert!(!path.exists());
        let mut b = Incoming::empty(&folders, 10).unwrap();
        b.write(b"kept").unwrap();
        assert_eq!(b.sync().unwrap(), 4);
        let target = folders.instances().join("1/2/3.dcm");
        b.keep(&target).unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"kept");
        // Left by a run that ended in the middle.
        std::fs::write(folders.incoming().join("7.part"), b"half").unwrap();
        Folders::prepare(dir.path()).unwrap();
        assert!(!folders.incoming().join("7.part").exists() && target.exists());
    }
}
