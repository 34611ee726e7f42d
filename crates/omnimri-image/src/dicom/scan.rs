//! Every file below a path: its header, or why it is no image.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::frames::FrameRecord;
use super::header::{FileInfo, read_header};
use crate::open::files_below;
use crate::{Error, OpenOptions, Result};

/// Files named one by one in a warning; the rest are counted.
const MOST_NAMED: usize = 3;

/// The headers of all images below a path.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Readable image files, sorted by path.
    pub files: Vec<FileInfo>,
    /// Frames of all files.
    pub records: Vec<FrameRecord>,
    /// Files that gave no image.
    pub left_out: Vec<LeftOut>,
}

/// A file that gave no image.
#[derive(Debug)]
pub(super) struct LeftOut {
    path: PathBuf,
    reason: Reason,
}

#[derive(Debug)]
enum Reason {
    /// Something else than DICOM.
    NotDicom(Error),
    /// DICOM, but not an image: a report, a segmentation, a directory.
    NoImage(Error),
    /// An image that cannot be read.
    Unreadable(Error),
}

impl LeftOut {
    fn new(path: PathBuf, error: Error) -> Self {
        let reason = match error {
            Error::UnknownFormat { .. } => Reason::NotDicom(error),
            Error::Unsupported {
                what: "DICOM object",
                ..
            } => Reason::NoImage(error),
            _ => Reason::Unreadable(error),
        };
        Self { path, reason }
    }

    /// An image whose pixels cannot be read.
    pub fn unreadable(path: PathBuf, error: Error) -> Self {
        Self {
            path,
            reason: Reason::Unreadable(error),
        }
    }

    fn folder(&self) -> Option<&Path> {
        self.path.parent()
    }
}

impl Scan {
    /// Reads all headers below `path`, in parallel; fails if a folder cannot be listed or the
    /// images together exceed the voxel limit.
    pub fn of(path: &Path, options: &OpenOptions) -> Result<Self> {
        let paths = if path.is_dir() {
            files_below(path)?
        } else {
            vec![path.to_path_buf()]
        };
        if paths.is_empty() {
            return Err(Error::EmptyFolder { path: path.into() });
        }
        let scan = Self::of_files(paths, options);
        scan.check_size(path, options)?;
        Ok(scan)
    }

    /// Reads the headers of these files, in parallel; nothing is held against the voxel limit.
    pub fn of_files(paths: Vec<PathBuf>, options: &OpenOptions) -> Self {
        let headers: Vec<_> = paths
            .into_par_iter()
            .map(|p| (read_header(&p, options), p))
            .collect();
        let mut scan = Self::default();
        for (header, file) in headers {
            match header {
                Ok((info, records)) => {
                    let file = scan.files.len();
                    scan.records
                        .extend(records.into_iter().map(|r| FrameRecord { file, ..r }));
                    scan.files.push(info);
                }
                Err(error) => scan.left_out.push(LeftOut::new(file, error)),
            }
        }
        scan
    }

    /// Refuses images that together exceed the voxel limit.
    pub fn check_size(&self, path: &Path, options: &OpenOptions) -> Result<()> {
        let n_voxels = self.files.iter().fold(0_usize, |n, info| {
            n.saturating_add(info.format.n_samples().saturating_mul(info.n_frames))
        });
        if n_voxels > options.max_voxels {
            return Err(Error::TooLarge {
                path: path.into(),
                what: "voxels of all series",
                expected: options.max_voxels as u64,
                found: n_voxels.to_string(),
                hint: "give one series at a time or raise the voxel limit",
            });
        }
        Ok(())
    }

    /// The error of a path without any readable image.
    pub fn no_images(mut self, path: &Path) -> Error {
        // What is wrong with an image says more than that other files are none.
        let rank = |left: &LeftOut| match left.reason {
            Reason::Unreadable(_) => 0,
            Reason::NoImage(_) => 1,
            Reason::NotDicom(_) => 2,
        };
        self.left_out.sort_by_key(rank);
        let n_files = self.left_out.len();
        let n_first = self
            .left_out
            .iter()
            .filter(|l| rank(l) == rank(&self.left_out[0]))
            .count();
        let Some(first) = self.left_out.into_iter().next() else {
            return Error::EmptyFolder { path: path.into() };
        };
        let what = match first.reason {
            Reason::Unreadable(_) => "cannot be read",
            Reason::NoImage(_) => "hold no image",
            Reason::NotDicom(_) => "are not DICOM",
        };
        let (Reason::Unreadable(error) | Reason::NoImage(error) | Reason::NotDicom(error)) =
            first.reason;
        // One file, or a property that all share and that another build may read.
        if n_files == 1 || (error.is_unsupported() && what == "cannot be read") {
            return error;
        }
        Error::NoImages {
            path: path.into(),
            expected: "DICOM images",
            found: format!("{n_files} files, of which {n_first} {what} ({error})"),
            hint: "check the copy of the folder",
        }
    }

    /// What to say of the left-out files beside a volume made of the files in `folders`: those of
    /// the same folders, and those of folders without any readable image.
    pub fn warnings_beside(&self, folders: &BTreeSet<&Path>) -> Vec<String> {
        let readable: BTreeSet<_> = self.files.iter().filter_map(|f| f.path.parent()).collect();
        let concerns = |left: &&LeftOut| {
            left.folder()
                .is_none_or(|f| folders.contains(f) || !readable.contains(f))
        };
        let concerned: Vec<_> = self.left_out.iter().filter(concerns).collect();
        let mut warnings = Vec::new();
        let unreadable = concerned.iter().filter_map(|l| match &l.reason {
            Reason::Unreadable(error) => Some(error.to_string()),
            _ => None,
        });
        let what = ["image could not be read", "images could not be read"];
        warnings.extend(counted(unreadable.collect(), what));
        let no_image = concerned.iter().filter_map(|l| match &l.reason {
            // A medium's directory belongs to every exported disc.
            Reason::NoImage(Error::Unsupported { found, .. }) if !found.contains("DICOMDIR") => {
                Some(format!("{}: {found}", name(&l.path)))
            }
            _ => None,
        });
        let what = [
            "DICOM object without an image was skipped",
            "DICOM objects without an image were skipped",
        ];
        warnings.extend(counted(no_image.collect(), what));
        let not_dicom = concerned.iter().filter_map(|l| match &l.reason {
            Reason::NotDicom(_) => Some(name(&l.path)),
            _ => None,
        });
        let what = [
            "file that is not DICOM was skipped",
            "files that are not DICOM were skipped",
        ];
        warnings.extend(counted(not_dicom.collect(), what));
        warnings
    }
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

/// "3 files were skipped (a, b, c)."; nothing of nothing.
fn counted(items: Vec<String>, [one, many]: [&str; 2]) -> Option<String> {
    let n = items.len();
    let what = match n {
        0 => return None,
        1 => one,
        _ => many,
    };
    let named = items[..n.min(MOST_NAMED)].join("; ");
    let more = if n > MOST_NAMED {
        format!("; and {} more", n - MOST_NAMED)
    } else {
        String::new()
    };
    Some(format!("{n} {what} ({named}{more})."))
}
