//! Every image series below a path to volumes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::grid::Grid;
use super::header::{FileInfo, max_inflated};
use super::pixels::read_frame;
use super::scan::{LeftOut, Scan};
use super::source::SourceSeries;
use super::stacks::{Stack, stacks};
use crate::nifti::{Decoded, make_finite};
use crate::open::files_below;
use crate::volume_ops::plane_of;
use crate::{Acquisition, Error, OpenOptions, Result, SourceKind, Volume, memory};

/// An image series and what refers to it.
#[derive(Debug)]
pub struct DicomSeries {
    /// The image.
    pub volume: Volume,
    /// What derived objects need of it; an error where the files do not say enough or do not belong together.
    pub source: Result<SourceSeries>,
}

/// Every image series below `path` (a file, a folder or a tree), one [`Volume`] each: [`read_dicom_series`] without the sources.
///
/// # Shapes
/// - output: `[frame][z][y][x]` each
pub fn read_dicom(path: &Path, options: &OpenOptions) -> Result<Vec<Volume>> {
    let series = read_dicom_series(path, options)?;
    Ok(series.into_iter().map(|s| s.volume).collect())
}

/// Every image series below `path` (a file, a folder or a tree) with what derived objects need of it.
///
/// Series are told apart by their UID and ordered by number; slices are ordered by their position
/// along the normal, and images that share a position become frames of the fourth axis. A series
/// whose slices cannot lie on one grid (a localizer, magnitude and phase) gives several volumes.
/// Rescale is applied, and MONOCHROME1 is turned so that large values are bright. Files that
/// cannot be read are left out and named in `warnings`; if none can be, that is an error.
///
/// # Shapes
/// - volumes: `[frame][z][y][x]` each
pub fn read_dicom_series(path: &Path, options: &OpenOptions) -> Result<Vec<DicomSeries>> {
    let mut scan = Scan::of(path, options)?;
    let mut made = Vec::new();
    for stack in stacks(path, &scan.files, &scan.records)? {
        let (volume, unreadable) = read_stack(path, &scan.files, stack, options);
        scan.left_out.extend(unreadable);
        made.extend(volume);
    }
    if made.is_empty() {
        return Err(scan.no_images(path));
    }
    let with_warnings = |Made {
                             mut series, files, ..
                         }: Made| {
        let parents = files.iter().filter_map(|&f| scan.files[f].path.parent());
        let folders = parents.collect();
        let warnings = scan.warnings_beside(&folders);
        series.volume.warnings.extend(warnings);
        series
    };
    Ok(made.into_iter().map(with_warnings).collect())
}

/// The files of one series, from their headers alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesFiles {
    /// Series instance UID, or a stand-in for a folder of files without one.
    pub uid: String,
    /// Series number.
    pub number: Option<i64>,
    /// Modality code.
    pub modality: Option<String>,
    /// Series description.
    pub description: Option<String>,
    /// Image files, sorted by path.
    pub files: Vec<PathBuf>,
}

/// The image series below `path` (a folder or a tree), by number and UID. No pixels are read.
///
/// # Errors
/// A folder that cannot be listed or holds no file; files that are no images are passed over.
pub fn dicom_series(path: &Path, options: &OpenOptions) -> Result<Vec<SeriesFiles>> {
    let paths = match path.is_dir() {
        true => files_below(path)?,
        false => vec![path.to_path_buf()],
    };
    let mut series: BTreeMap<(i64, String), SeriesFiles> = BTreeMap::new();
    for info in Scan::of_files(paths, options).files {
        let a = &info.acquisition;
        let key = (a.series_number.unwrap_or(i64::MAX), info.series_uid.clone());
        let one = series.entry(key).or_insert_with(|| SeriesFiles {
            uid: info.series_uid.clone(),
            number: a.series_number,
            modality: a.modality.clone(),
            description: a.description.clone(),
            files: Vec::new(),
        });
        one.files.push(info.path);
    }
    Ok(series.into_values().collect())
}

/// The volume of the files of one series with the most voxels, and the file of each of its slices in `z` order (of the first frame).
///
/// # Errors
/// No readable image among them, or more voxels than the limit.
///
/// # Shapes
/// - output: `[frame][z][y][x]`
pub fn read_dicom_files(
    files: &[PathBuf],
    options: &OpenOptions,
) -> Result<(Volume, Vec<PathBuf>)> {
    let Some(path) = files.first() else {
        return Err(Error::EmptyFolder {
            path: PathBuf::new(),
        });
    };
    let mut scan = Scan::of_files(files.to_vec(), options);
    scan.check_size(path, options)?;
    let mut best: Option<Made> = None;
    for stack in stacks(path, &scan.files, &scan.records)? {
        let (made, unreadable) = read_stack(path, &scan.files, stack, options);
        scan.left_out.extend(unreadable);
        let larger = |made: &Made| {
            best.as_ref()
                .is_none_or(|b| made.series.volume.voxels.len() > b.series.volume.voxels.len())
        };
        if let Some(made) = made.filter(larger) {
            best = Some(made);
        }
    }
    match best {
        Some(made) => {
            let paths = made.slices.iter().map(|&f| scan.files[f].path.clone());
            Ok((made.series.volume, paths.collect()))
        }
        None => Err(scan.no_images(path)),
    }
}

/// A volume and the files that it came from.
struct Made {
    series: DicomSeries,
    files: BTreeSet<usize>,
    /// File of every slice of the first frame, in `z` order.
    slices: Vec<usize>,
}

/// The volume of a stack, if any of its files can be decoded, and those whose pixels cannot be
/// read.
fn read_stack(
    input: &Path,
    files: &[FileInfo],
    mut stack: Stack,
    options: &OpenOptions,
) -> (Option<Made>, Vec<LeftOut>) {
    let sop_uids: Vec<_> = files.iter().map(|f| f.sop_uid.as_deref()).collect();
    let mut unreadable = Vec::new();
    while let Some(first) = stack.records.first() {
        let format = files[first.file].format;
        let grid = Grid::of(
            stack.records.clone(),
            [format.rows, format.columns],
            &sop_uids,
        );
        match read_voxels(files, &grid, options) {
            Ok(voxels) => {
                let used = grid.frames.iter().flatten().map(|r| r.file).collect();
                let slices = grid.frames.first();
                let slices = slices.map(|frame| frame.iter().map(|r| r.file).collect());
                let path = &files[first.file].path;
                let source = SourceSeries::of(input, files, &grid.frames[0], &grid.geometry);
                let made = match volume(path, files, grid, voxels, stack.warning) {
                    Ok(volume) => Some(Made {
                        series: DicomSeries { volume, source },
                        files: used,
                        slices: slices.unwrap_or_default(),
                    }),
                    Err(error) => {
                        unreadable.push(LeftOut::unreadable(path.clone(), error));
                        None
                    }
                };
                return (made, unreadable);
            }
            Err(failed) => {
                let bad: BTreeSet<_> = failed.iter().map(|(file, _)| *file).collect();
                stack.records.retain(|r| !bad.contains(&r.file));
                let mut named = BTreeSet::new();
                for (file, error) in failed.into_iter().filter(|(f, _)| named.insert(*f)) {
                    unreadable.push(LeftOut::unreadable(files[file].path.clone(), error));
                }
            }
        }
    }
    (None, unreadable)
}

/// Voxels of a grid, decoded in parallel; or all files that failed.
fn read_voxels(
    files: &[FileInfo],
    grid: &Grid,
    options: &OpenOptions,
) -> std::result::Result<Vec<f32>, Vec<(usize, Error)>> {
    let size = grid.geometry.size;
    let mut voxels = memory::zeros(size.count() * grid.frames.len());
    let slices: Vec<_> = grid.frames.iter().flatten().collect();
    let failed: Vec<_> = voxels
        .par_chunks_mut(size.y * size.x)
        .zip(slices)
        .filter_map(|(out, record)| {
            let info = &files[record.file];
            let outcome = read_frame(info, record, max_inflated(options), out);
            outcome.err().map(|error| (record.file, error))
        })
        .collect();
    if failed.is_empty() {
        Ok(voxels)
    } else {
        Err(failed)
    }
}

fn volume(
    path: &Path,
    files: &[FileInfo],
    grid: Grid,
    voxels: Vec<f32>,
    about_series: Option<String>,
) -> Result<Volume> {
    let Grid {
        geometry,
        mut frames,
        unlabelled,
        warnings: about_grid,
    } = grid;
    let mut warnings: Vec<_> = about_series.into_iter().chain(about_grid).collect();
    let first = frames[0][0];
    let info = &files[first.file];
    if frames.iter().flatten().any(|r| r.bad_rescale) {
        warnings.push("The rescale slope is 0 and was not applied.".into());
    }
    let n_bad = voxels.par_iter().filter(|v| !v.is_finite()).count();
    let (mut voxels, about_values) = make_finite(path, Decoded { voxels, n_bad })?;
    warnings.extend(about_values);
    let n = geometry.size.count();
    if unlabelled && voxels.chunks_exact(n).all(|frame| frame == &voxels[..n]) {
        let n_copies = (frames.len() - 1) * geometry.size.z;
        warnings.push(format!("{n_copies} duplicate images were left out."));
        voxels.truncate(n);
        frames.truncate(1);
    } else if unlabelled {
        warnings.push(format!(
            "There are {} images at each slice position that the header does not tell apart: \
             they are read as frames in order of their instance numbers.",
            frames.len()
        ));
    }
    if info.format.inverted {
        invert(&mut voxels);
        warnings.push("Small values are white (MONOCHROME1): the values were inverted.".into());
    }
    let acquisition = Acquisition {
        plane: plane_of(&geometry),
        echo_time_ms: first.key.echo_ms.or(info.acquisition.echo_time_ms),
        sop_uids: frames[0]
            .iter()
            .filter_map(|r| files[r.file].sop_uid.clone())
            .collect(),
        ..info.acquisition.clone()
    };
    Ok(Volume {
        voxels,
        n_frames: frames.len(),
        geometry,
        acquisition,
        source: SourceKind::Dicom,
        warnings,
    })
}

/// Mirrors the values within their own range, so that the largest becomes the smallest.
fn invert(voxels: &mut [f32]) {
    let (low, high) = voxels
        .iter()
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), v| {
            (low.min(*v), high.max(*v))
        });
    voxels.par_iter_mut().for_each(|v| *v = high - *v + low);
}
