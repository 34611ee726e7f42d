//! Pixels of an item, by how they are stored.

use std::path::{Path, PathBuf};

use omnimri_image::{
    Acquisition, Affine, AxisMap, Geometry, Trust, Volume, Zyx, read_dicom_files, read_image,
    read_volume,
};

use super::{Fault, Opened, Result, array, options, raw};
use crate::adapter::item::{Item, Pixels};
use crate::adapter::settings::VolumeForm;
use crate::stack::Raw;

/// Reads the image of an item.
pub(super) fn open(item: &Item) -> Result<Opened> {
    if !item.image.exists() {
        return Err(Fault::Missing(item.image.clone()));
    }
    match &item.pixels {
        Pixels::Picture => picture(&item.image),
        Pixels::File { frame } => file(&item.image, *frame, &item.form),
        Pixels::Dicom { files, frame } => {
            let (volume, slice_files) = read_dicom_files(files, &options())?;
            volume_opened(&item.image, volume, *frame, &item.form, slice_files)
        }
        Pixels::Raw(form) => raw::open(&item.image, form),
        Pixels::Array { form, name, frame } => {
            array::open(&item.image, form, name.as_deref(), *frame)
        }
    }
}

/// A picture or a volume, by its content.
pub(super) fn file(path: &Path, frame: usize, form: &VolumeForm) -> Result<Opened> {
    if !path.is_file() {
        return Err(Fault::Missing(path.into()));
    }
    if is_picture(path) {
        return picture(path);
    }
    let volume = read_volume(path, &options())?;
    volume_opened(path, volume, frame, form, Vec::new())
}

/// True for names of PNG and JPEG files.
pub(super) fn is_picture(path: &Path) -> bool {
    path.extension().is_some_and(|e| {
        ["png", "jpg", "jpeg"]
            .iter()
            .any(|known| e.eq_ignore_ascii_case(known))
    })
}

/// A picture, whose voxel size nobody knows.
pub(super) fn picture(path: &Path) -> Result<Opened> {
    if !path.is_file() {
        return Err(Fault::Missing(path.into()));
    }
    let mut volume = read_image(path, &options())?;
    let n = volume.geometry.size.count();
    if n == 0 || volume.voxels.len() < n {
        return Err(Fault::Damaged(format!(
            "{}: an empty image",
            path.display()
        )));
    }
    volume.voxels.truncate(n);
    Ok(Opened {
        raw: Raw {
            voxels: volume.voxels,
            size: volume.geometry.size,
            spacing_mm: None,
        },
        orientation: None,
        acquisition: Acquisition::default(),
        stored: volume.geometry,
        turn: None,
        slice_files: Vec::new(),
    })
}

/// One frame of a volume, turned as the settings say.
fn volume_opened(
    path: &Path,
    volume: Volume,
    frame: usize,
    form: &VolumeForm,
    slice_files: Vec<PathBuf>,
) -> Result<Opened> {
    let n = volume.geometry.size.count();
    let Some(voxels) = frame
        .checked_mul(n)
        .and_then(|at| volume.voxels.get(at..at.checked_add(n)?))
        .filter(|voxels| !voxels.is_empty())
    else {
        return Err(Fault::Damaged(format!(
            "{}: frame {frame} of {} was asked for",
            path.display(),
            volume.n_frames
        )));
    };
    let stored = volume.geometry.clone();
    let turn = form
        .canonical
        .then(|| AxisMap::to_canonical(&stored.affine));
    let (voxels, geometry) = match &turn {
        Some(map) => (map.apply(voxels, stored.size), map.apply_geometry(&stored)),
        None => (voxels.to_vec(), stored.clone()),
    };
    let mut acquisition = volume.acquisition;
    if turn.is_some() {
        acquisition.plane = omnimri_image::plane_of(&geometry);
    }
    Ok(Opened {
        raw: Raw {
            voxels,
            size: geometry.size,
            spacing_mm: geometry
                .trusted_spacing_mm()
                .filter(|_| !form.spacing_wrong),
        },
        orientation: geometry
            .orientation
            .is_trusted()
            .then(|| geometry.affine.orientation_code()),
        acquisition,
        stored,
        turn,
        slice_files,
    })
}

/// What is read from data without a position in space.
pub(super) fn unplaced(
    voxels: Vec<f32>,
    size: Zyx<usize>,
    spacing_mm: Option<Zyx<f64>>,
    acquisition: Acquisition,
) -> Opened {
    let untrusted = |what: &str| Trust::Untrusted(format!("the file gives no {what}"));
    Opened {
        raw: Raw {
            voxels,
            size,
            spacing_mm,
        },
        orientation: None,
        acquisition,
        stored: Geometry {
            size,
            affine: Affine::from_spacing(spacing_mm.unwrap_or(Zyx::new(1.0, 1.0, 1.0))),
            orientation: untrusted("orientation"),
            spacing: untrusted("spacing"),
        },
        turn: None,
        slice_files: Vec::new(),
    }
}
