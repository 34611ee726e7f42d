//! One door for every kind of input file.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::metaimage::{looks_like_metaimage, read_metaimage};
use crate::nifti::{base_name, is_nifti_header, pair_of, read_nifti};
use crate::nrrd::{looks_like_nrrd, read_nrrd};
use crate::raw::open::{open_single, raw_format};
use crate::{Error, KSpace, Result, Volume, dicom, npy, raster};

/// How to read k-space from an array that does not describe itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KSpaceOptions {
    /// Names of the axes in stored order, for example `coil,ky,kz`; the first that is not the coil
    /// is the first image axis. `None` to accept only an unambiguous array.
    pub axes: Option<Vec<String>>,
    /// A `.npy` sampling mask of shape `(y, x)`, or `(x,)` for whole columns of the last axis.
    pub mask: Option<PathBuf>,
}

/// Which raw data of a file to read, and what belongs to them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawOptions {
    /// Name of an array, an HDF5 dataset or an ISMRMRD group, where a file holds several.
    pub array: Option<String>,
    /// A file of coordinates: `.npy` for samples in `.npy`, `.cfl` for samples in `.cfl`.
    pub trajectory: Option<PathBuf>,
    /// Image matrix for a trajectory, in the order of the image axes.
    pub matrix: Vec<usize>,
}

/// Limits and hints for reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenOptions {
    /// Most voxels (all frames together), or samples of one frame of raw data, that one input may declare.
    pub max_voxels: usize,
    /// How to read k-space.
    pub kspace: KSpaceOptions,
    /// Which raw data to read.
    pub raw: RawOptions,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            max_voxels: 1 << 30,
            kspace: KSpaceOptions::default(),
            raw: RawOptions::default(),
        }
    }
}

/// What a path holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Images: one volume, or one for every series of a DICOM folder.
    Volumes(Vec<Volume>),
    /// Raw data of one slice.
    KSpace(KSpace),
}

/// Kind of an input, from its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    /// NIfTI-1 or NIfTI-2, a file or a pair.
    Nifti,
    /// MetaImage, one file or a header with its data.
    MetaImage,
    /// NRRD, attached or detached.
    Nrrd,
    /// A DICOM file, folder or tree.
    Dicom,
    /// A PNG or JPEG slice.
    Image,
    /// K-space: a `.npy` or `.npz` array, ISMRMRD, fastMRI, MATLAB v7.3, Siemens TWIX or BART's `.cfl`.
    #[serde(rename = "kspace")]
    KSpace,
}

/// Kinds named in errors.
const EXPECTED: &str =
    "NIfTI, MetaImage, NRRD, DICOM, PNG, JPEG, or k-space (npy, npz, HDF5, TWIX, cfl)";

/// Tells the kind of a file or folder by its content.
pub fn detect(path: &Path) -> Result<InputKind> {
    let meta = std::fs::metadata(path).map_err(Error::io(path, "read"))?;
    if meta.is_dir() {
        return detect_folder(path);
    }
    if !meta.is_file() {
        return Err(Error::UnknownFormat {
            path: path.into(),
            expected: EXPECTED,
            found: "a pipe or a device".into(),
            hint: "save it to a file first",
        });
    }
    let mut start = Vec::new();
    File::open(path)
        .and_then(|f| f.take(4096).read_to_end(&mut start))
        .map_err(Error::io(path, "read"))?;
    // The samples of a cfl have no mark of their own and could look like anything.
    if raw_format(path, &start).is_some() {
        return Ok(InputKind::KSpace);
    }
    if let Some(kind) = kind_of(&start) {
        return Ok(kind);
    }
    // The voxels of a header-and-image pair have no mark of their own.
    if base_name(path).ends_with(".img") && pair_of(path).is_some_and(|(hdr, _)| hdr.exists()) {
        return Ok(InputKind::Nifti);
    }
    let (found, hint) = describe(path, &start);
    Err(Error::UnknownFormat {
        path: path.into(),
        expected: EXPECTED,
        found,
        hint,
    })
}

/// Opens any input; [`detect`] says which reader it goes to.
pub fn open(path: &Path, options: &OpenOptions) -> Result<Input> {
    Ok(match detect(path)? {
        InputKind::Nifti => Input::Volumes(vec![read_nifti(path, options)?]),
        InputKind::MetaImage => Input::Volumes(vec![read_metaimage(path, options)?]),
        InputKind::Nrrd => Input::Volumes(vec![read_nrrd(path, options)?]),
        InputKind::Dicom => Input::Volumes(dicom::read_dicom(path, options)?),
        InputKind::Image => Input::Volumes(vec![raster::read_image(path, options)?]),
        InputKind::KSpace => Input::KSpace(open_single(path, options)?),
    })
}

/// Kind from the first bytes of a file.
fn kind_of(start: &[u8]) -> Option<InputKind> {
    match start {
        [0x1f, 0x8b, ..] => {
            let mut inner = Vec::new();
            // The stream may end within what was read; whatever came out counts.
            let _ = MultiGzDecoder::new(start).take(540).read_to_end(&mut inner);
            is_nifti_header(&inner).then_some(InputKind::Nifti)
        }
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] | [0xff, 0xd8, 0xff, ..] => {
            Some(InputKind::Image)
        }
        s if s.starts_with(npy::MAGIC) => Some(InputKind::KSpace),
        s if dicom::looks_like_dicom(s) => Some(InputKind::Dicom),
        s if is_nifti_header(s) => Some(InputKind::Nifti),
        s if looks_like_metaimage(s) => Some(InputKind::MetaImage),
        s if looks_like_nrrd(s) => Some(InputKind::Nrrd),
        _ => None,
    }
}

/// What an unreadable file looks like, and what to do with it.
fn describe(path: &Path, start: &[u8]) -> (String, &'static str) {
    let known: &[(&[u8], &str, &str)] = &[
        (b"%PDF", "a PDF document", "give the images themselves"),
        (b"GIF8", "a GIF image", "convert the slice to PNG"),
        (b"BM", "a BMP image", "convert the slice to PNG"),
        (b"II*\0", "a TIFF image", "convert the slice to PNG"),
        (b"MM\0*", "a TIFF image", "convert the slice to PNG"),
        (
            b"\x1f\x8b",
            "gzip data that is no NIfTI",
            "unpack it and look at its content",
        ),
    ];
    if start.is_empty() {
        return ("an empty file".into(), "copy or export it again");
    }
    if let Some((_, what, hint)) = known.iter().find(|(magic, ..)| start.starts_with(magic)) {
        return ((*what).into(), hint);
    }
    let extension = path
        .extension()
        .map(|e| e.to_string_lossy().to_ascii_lowercase());
    if extension.as_deref() == Some("dat") {
        return (
            "what may be scanner raw data".into(),
            "save the k-space as a complex .npy array",
        );
    }
    if start
        .iter()
        .all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace())
    {
        return ("a text file".into(), "give an image or k-space file");
    }
    (
        "bytes of no known kind".into(),
        "is the file whole, and of one of these kinds?",
    )
}

/// A folder is DICOM if any file below it is.
fn detect_folder(path: &Path) -> Result<InputKind> {
    let files = files_below(path)?;
    if files.is_empty() {
        return Err(Error::EmptyFolder { path: path.into() });
    }
    let mut others = 0;
    for file in &files {
        let mut start = Vec::new();
        // A file that cannot be read here is reported by the DICOM reader if others can.
        let read = File::open(file).and_then(|f| f.take(1024).read_to_end(&mut start));
        match read.ok().and_then(|_| kind_of(&start)) {
            Some(InputKind::Dicom) => return Ok(InputKind::Dicom),
            Some(_) => others += 1,
            None => {}
        }
    }
    let (found, hint) = if others > 0 {
        (
            format!(
                "{} files, {others} of them NIfTI, PNG, JPEG or npy",
                files.len()
            ),
            "give those files themselves",
        )
    } else {
        (
            format!("{} files that are no images", files.len()),
            "check the path",
        )
    };
    let path = path.into();
    Err(Error::NoImages {
        path,
        expected: "a folder with DICOM files",
        found,
        hint,
    })
}

/// Most files of one folder tree, and most levels of it.
const MAX_FILES: usize = 1_000_000;
const MAX_DEPTH: usize = 32;

/// All files below a folder, sorted by path. Links to folders are not followed.
pub(crate) fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![(folder.to_path_buf(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(Error::io(&folder, "list"))? {
            let entry = entry.map_err(Error::io(&folder, "list"))?;
            let kind = entry.file_type().map_err(Error::io(entry.path(), "read"))?;
            if kind.is_dir() && depth < MAX_DEPTH {
                folders.push((entry.path(), depth + 1));
            } else if kind.is_file() || (kind.is_symlink() && entry.path().is_file()) {
                files.push(entry.path());
            }
            if files.len() > MAX_FILES {
                return Err(Error::TooLarge {
                    path: folder.clone(),
                    what: "number of files",
                    expected: MAX_FILES as u64,
                    found: "more".into(),
                    hint: "give a folder further down",
                });
            }
        }
    }
    files.sort();
    Ok(files)
}

/// File or folder name without a known suffix: `.nii.gz .nii .hdr .img .mha .mhd .nrrd .nhdr .jpg .jpeg .png .npy
/// .npz .dcm .cfl .h5 .mat .dat`.
pub fn stem(path: &Path) -> String {
    const SUFFIXES: [&str; 20] = [
        ".nii.gz", ".hdr.gz", ".img.gz", ".nii", ".hdr", ".img", ".jpg", ".jpeg", ".png", ".npy",
        ".npz", ".dcm", ".cfl", ".h5", ".mat", ".dat", ".mha", ".mhd", ".nrrd", ".nhdr",
    ];
    let name = match path.file_name() {
        Some(name) => name.to_string_lossy().into_owned(),
        // `.` and `..` have no name of their own.
        None => match path.canonicalize() {
            Ok(p) => p
                .file_name()
                .map(|n| n.to_string_lossy().into_owned())
                .unwrap_or_default(),
            Err(_) => String::new(),
        },
    };
    let lower = name.to_ascii_lowercase();
    let cut = SUFFIXES
        .iter()
        .find(|s| lower.len() > s.len() && lower.ends_with(**s));
    let stem = cut.map_or(name.as_str(), |s| &name[..name.len() - s.len()]);
    if stem.is_empty() {
        "input".into()
    } else {
        stem.into()
    }
}

/// SHA-256 in lower-case hexadecimal: of a file's content; of a folder, over sorted relative names,
/// lengths and contents.
pub fn sha256(path: &Path) -> Result<String> {
    let meta = std::fs::metadata(path).map_err(Error::io(path, "read"))?;
    let mut hash = Sha256::new();
    if meta.is_dir() {
        for file in files_below(path)? {
            let name = file.strip_prefix(path).unwrap_or(&file);
            // One separator on every system.
            let parts: Vec<_> = name.iter().map(|p| p.to_string_lossy()).collect();
            let length = std::fs::metadata(&file)
                .map_err(Error::io(&file, "read"))?
                .len();
            hash.update(format!("{}\0{length}\0", parts.join("/")));
            hash_file(&file, &mut hash)?;
        }
    } else {
        hash_file(path, &mut hash)?;
    }
    Ok(hash.finalize().iter().map(|b| format!("{b:02x}")).collect())
}

fn hash_file(path: &Path, hash: &mut Sha256) -> Result<()> {
    let mut file = File::open(path).map_err(Error::io(path, "read"))?;
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => hash.update(&buffer[..n]),
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Error::io(path, "read")(e)),
        }
    }
}
