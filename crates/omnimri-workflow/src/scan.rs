//! A raw data file to a volume: every frame reconstructed in turn, slices stacked, geometry from the header.

use std::path::Path;

use num_complex::Complex32;
use omnimri_image::raw::SlicePosition;
use omnimri_image::{
    Affine, Frame, Geometry, KSpace, RawHeader, RawScan, SourceKind, Trust, Volume, Zyx,
};
use omnimri_recon::frame::{FrameImage, reconstruct_frame, reconstruct_frames};
use omnimri_recon::{Method, MultiCoil, ReconOptions};

use omnimri_report::ReconPictures;

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::kspace;

/// Bytes that solving holds for every sample of a frame: the samples, coil images, maps and a few images more, measured at
/// 8 to 32 coils.
const BYTES_A_SAMPLE: usize = 64;

/// A reconstructed scan.
#[derive(Debug, Clone)]
pub struct Reconstructed {
    /// Magnitudes, frames behind one another.
    pub volume: Volume,
    /// Magnitude with phase, in the order of `volume.voxels`.
    pub complex: Vec<Complex32>,
    /// Method that made it (never `auto`).
    pub method: String,
    /// Why, where `auto` chose.
    pub why: Option<String>,
    /// Matrix size over measured samples of the first frame.
    pub acceleration: f64,
    /// Regularisation weight of the first frame.
    pub lambda: Option<f32>,
}

/// Bytes needed to reconstruct the scan: one frame at a time, and the image.
pub fn bytes_needed(header: &RawHeader) -> usize {
    let (e, r) = (header.encoded, header.recon);
    let frame = header
        .n_coils
        .saturating_mul(e.z)
        .saturating_mul(e.y)
        .saturating_mul(e.x);
    let images = header
        .frames
        .len()
        .saturating_mul(r.z)
        .saturating_mul(r.y)
        .saturating_mul(r.x);
    frame
        .saturating_mul(BYTES_A_SAMPLE)
        .saturating_add(images.saturating_mul(12))
}

/// Bytes needed to reconstruct the frames of every slice together: all of a slice's samples, whitened once more, beside what one frame needs.
pub fn bytes_needed_together(header: &RawHeader) -> usize {
    let e = header.encoded;
    let frame = [e.z, e.y, e.x]
        .iter()
        .fold(header.n_coils, |n, side| n.saturating_mul(*side));
    frame
        .saturating_mul(Layout::of(header).n_frames)
        .saturating_mul(16)
        .saturating_add(bytes_needed(header))
}

/// Refuses a scan that would need more than `memory` bytes; `needed` is [`bytes_needed`] or [`bytes_needed_together`].
///
/// # Errors
/// [`Error::Memory`] with the number needed.
pub fn within(header: &RawHeader, needed: usize, memory: u64) -> Result<()> {
    let needed = needed as u64;
    if needed > memory {
        return Err(Error::Memory {
            path: header.path.clone(),
            needed,
            allowed: memory,
        });
    }
    Ok(())
}

/// Reconstructs frame `index` by any method; the learned one by the engine's model.
///
/// # Errors
/// What is wrong with the file or the samples, naming the file.
pub fn frame_image(
    engine: Option<&Engine>,
    scan: &RawScan,
    index: usize,
    method: Method,
    options: &ReconOptions,
) -> Result<FrameImage> {
    let path = &scan.header.path;
    let frame = scan.frame(index)?;
    carried(frame, engine, &scan.header, method, options).map_err(|e| match e {
        Carried::Workflow(e) => *e,
        Carried::Recon(source) => Error::Reconstruct {
            path: path.clone(),
            source,
        },
    })
}

/// A frame by any method, with the learned one where it is asked for.
fn carried(
    frame: Frame,
    engine: Option<&Engine>,
    header: &RawHeader,
    method: Method,
    options: &ReconOptions,
) -> std::result::Result<FrameImage, Carried> {
    let path = &header.path;
    let slice = |k: &KSpace, o: &ReconOptions| {
        kspace::run(engine, k, method, o, path).map_err(|e| Carried::Workflow(Box::new(e)))
    };
    let said = std::cell::RefCell::new(Vec::new());
    let refine = |problem: &MultiCoil| {
        let Some(engine) = engine else {
            let found = method.name();
            return Err(omnimri_recon::Error::NeedsModel { found }.into());
        };
        said.borrow_mut()
            .extend(kspace::cautions(problem, Method::TotalVariation));
        kspace::refine(engine, problem, path).map_err(|e| Carried::Workflow(Box::new(e)))
    };
    let mut made = reconstruct_frame(frame, header, method, options, &slice, &refine)?;
    made.warnings.append(&mut said.borrow_mut());
    Ok(made)
}

/// An error of ours or of the reconstruction's own steps around a slice.
enum Carried {
    Workflow(Box<Error>),
    Recon(omnimri_recon::Error),
}

impl From<omnimri_recon::Error> for Carried {
    fn from(e: omnimri_recon::Error) -> Self {
        Self::Recon(e)
    }
}

/// Reconstructs all frames; `progress` is told after each how many are done.
///
/// # Errors
/// As [`frame_image`]; frames of different matrices.
pub fn reconstruct_scan(
    engine: Option<&Engine>,
    scan: &RawScan,
    method: Method,
    options: &ReconOptions,
    progress: &dyn Fn(usize),
) -> Result<Reconstructed> {
    assemble(
        &scan.header,
        &|index| frame_image(engine, scan, index, method, options),
        progress,
    )
}

/// Reconstructs the frames of every slice together, as a dynamic series of locally low rank; `progress` is told how many frames are done.
///
/// # Errors
/// What is wrong with the file or the samples, naming the file.
pub fn reconstruct_dynamic(
    scan: &RawScan,
    options: &ReconOptions,
    progress: &dyn Fn(usize),
) -> Result<Reconstructed> {
    let header = &scan.header;
    let layout = Layout::of(header);
    let mut images: Vec<Option<FrameImage>> = vec![None; header.frames.len()];
    let mut done = 0;
    for slice in 0..layout.n_slices {
        let mut indices: Vec<usize> = (0..images.len())
            .filter(|i| layout.places[*i] % layout.n_slices == slice)
            .collect();
        indices.sort_by_key(|i| layout.places[*i]);
        let mut frames = Vec::with_capacity(indices.len());
        for &index in &indices {
            frames.push(scan.frame(index)?);
        }
        let made =
            reconstruct_frames(frames, header, options).map_err(|source| Error::Reconstruct {
                path: header.path.clone(),
                source,
            })?;
        for (index, image) in indices.into_iter().zip(made) {
            images[index] = Some(image);
        }
        done += layout.n_frames;
        progress(done.min(images.len()));
    }
    let images = std::cell::RefCell::new(images);
    let take = |index: usize| {
        let image = images.borrow_mut().get_mut(index).and_then(Option::take);
        image.ok_or_else(|| Error::Reconstruct {
            path: header.path.clone(),
            source: omnimri_recon::Error::NoSignal {
                found: "a frame that belongs to no slice",
            },
        })
    };
    assemble(header, &take, &|_| ())
}

/// The volume of the images of all frames, which `image` makes in turn.
fn assemble(
    header: &RawHeader,
    image: &dyn Fn(usize) -> Result<FrameImage>,
    progress: &dyn Fn(usize),
) -> Result<Reconstructed> {
    let layout = Layout::of(header);
    let first = image(0)?;
    let size = first.size;
    let each = size.z * size.y * size.x;
    let mut complex = vec![Complex32::default(); each * layout.n_slices * layout.n_frames];
    let mut warnings = header.warnings.clone();
    let about = (
        first.method.clone(),
        first.why.clone(),
        first.acceleration,
        first.lambda,
    );
    let mut made = Some(first);
    for (index, place) in layout.places.iter().enumerate() {
        let image = match made.take() {
            Some(first) => first,
            None => image(index)?,
        };
        if image.size != size {
            return Err(Error::Reconstruct {
                path: header.path.clone(),
                source: omnimri_recon::Error::Size {
                    what: "image of a frame",
                    expected: each,
                    found: image.image.len(),
                    hint: "all frames of a scan must have one matrix",
                },
            });
        }
        complex[place * each..(place + 1) * each].copy_from_slice(&image.image);
        for w in image.warnings {
            if !warnings.contains(&w) {
                warnings.push(w);
            }
        }
        progress(index + 1);
    }
    let grid = Zyx::new(size.z * layout.n_slices, size.y, size.x);
    let volume = Volume {
        voxels: complex.iter().map(|v| v.norm()).collect(),
        n_frames: layout.n_frames,
        geometry: geometry(header, &layout, grid),
        acquisition: header.acquisition.clone(),
        source: SourceKind::KSpace,
        warnings,
    };
    let (method, why, acceleration, lambda) = about;
    Ok(Reconstructed {
        volume,
        complex,
        method,
        why,
        acceleration,
        lambda,
    })
}

/// The middle slice of the first volume beside its zero-filled image, for the report.
///
/// # Errors
/// As [`frame_image`].
pub fn pictures(
    scan: &RawScan,
    made: &Reconstructed,
    options: &ReconOptions,
) -> Result<ReconPictures> {
    let layout = Layout::of(&scan.header);
    let size = made.volume.geometry.size;
    let each = size.z / layout.n_slices.max(1);
    let z = size.z / 2;
    let index = layout
        .places
        .iter()
        .position(|p| *p == z / each.max(1))
        .unwrap_or(0);
    let zero_filled = frame_image(None, scan, index, Method::ZeroFilled, options)?;
    let n = size.y * size.x;
    let at = (z % each.max(1)) * n;
    Ok(ReconPictures {
        zero_filled: zero_filled.image[at..at + n]
            .iter()
            .map(|v| v.norm())
            .collect(),
        reconstructed: made.volume.slice(0, z).to_vec(),
        n_y: size.y,
        n_x: size.x,
    })
}

/// Where each frame of a file goes: slices of one time point stand together.
struct Layout {
    n_slices: usize,
    n_frames: usize,
    /// Place of every frame of the header, in units of its own size.
    places: Vec<usize>,
}

impl Layout {
    fn of(header: &RawHeader) -> Self {
        let key = |i: usize| {
            let f = &header.frames[i];
            (f.repetition, f.phase, f.set, f.contrast)
        };
        let mut slices: Vec<usize> = header.frames.iter().map(|f| f.slice).collect();
        slices.sort_unstable();
        slices.dedup();
        let mut times: Vec<_> = (0..header.frames.len()).map(key).collect();
        times.sort_unstable();
        times.dedup();
        let places = (0..header.frames.len())
            .map(|i| {
                let time = times.binary_search(&key(i)).unwrap_or(0);
                let slice = slices.binary_search(&header.frames[i].slice).unwrap_or(0);
                time * slices.len() + slice
            })
            .collect();
        Self {
            n_slices: slices.len(),
            n_frames: times.len(),
            places,
        }
    }
}

/// Grid and affine, from the header's field of view and slice positions; not trusted where it has none.
fn geometry(header: &RawHeader, layout: &Layout, size: Zyx<usize>) -> Geometry {
    let unknown = |what: &str| Trust::Untrusted(format!("the raw data do not say {what}"));
    let spacing = header.recon_fov_mm.map(|f| {
        Zyx::new(
            f.z / header.recon.z.max(1) as f64,
            f.y / size.y as f64,
            f.x / size.x as f64,
        )
    });
    let position = |slice: usize| {
        let at = layout.places.iter().position(|p| *p == slice)?;
        header.frames[at].position
    };
    let spacing = spacing.filter(|s| [s.x, s.y, s.z].iter().all(|v| v.is_finite() && *v > 0.0));
    let (Some(mut spacing), Some(first)) = (spacing, position(0)) else {
        let unit = Zyx::new(1.0, 1.0, 1.0);
        return Geometry {
            size,
            affine: Affine::from_spacing(spacing.unwrap_or(unit)),
            orientation: unknown("where slices lie"),
            spacing: match spacing {
                Some(_) => Trust::Trusted,
                None => unknown("how large a pixel is"),
            },
        };
    };
    // Between slices counts the distance of their centres, gaps included.
    if layout.n_slices > 1
        && let Some(last) = position(layout.n_slices - 1)
    {
        let d: f64 = (0..3)
            .map(|i| (last.centre_mm[i] - first.centre_mm[i]) * first.slice[i])
            .sum();
        if d.abs() > 1e-3 {
            spacing.z = d / (layout.n_slices - 1) as f64;
        }
    }
    let slab = if layout.n_slices > 1 { 0 } else { size.z / 2 };
    Geometry {
        size,
        affine: affine(&first, spacing, size, slab),
        orientation: Trust::Trusted,
        spacing: Trust::Trusted,
    }
}

/// Voxel index to RAS+ millimetres; the centre of the image lies at index `n / 2`.
fn affine(p: &SlicePosition, spacing: Zyx<f64>, size: Zyx<usize>, slab: usize) -> Affine {
    let mut m = [[0.0; 4]; 4];
    m[3][3] = 1.0;
    // DICOM's LPS to RAS: the first two axes change sign.
    for (row, sign) in [-1.0, -1.0, 1.0].into_iter().enumerate() {
        let step = [
            p.read[row] * spacing.x,
            p.phase[row] * spacing.y,
            p.slice[row] * spacing.z,
        ];
        let middle = [size.x / 2, size.y / 2, slab];
        let start: f64 = p.centre_mm[row] - (0..3).map(|a| step[a] * middle[a] as f64).sum::<f64>();
        for (column, v) in step.into_iter().enumerate() {
            m[row][column] = sign * v;
        }
        m[row][3] = sign * start;
    }
    Affine(m)
}

/// Standard deviation of every pixel under the scan's noise, by pseudo-replicas (Robson et al. 2008), in the image's units.
///
/// # Errors
/// As [`frame_image`]; [`Error::Reconstruct`] where the scan is not one 2D Cartesian frame.
pub fn noise_map(
    engine: Option<&Engine>,
    scan: &RawScan,
    method: Method,
    options: &ReconOptions,
    n_replicas: usize,
    path: &Path,
) -> Result<Vec<f32>> {
    use omnimri_image::FrameData;
    use omnimri_recon::calibration::{Whitening, noise_variance};
    use omnimri_recon::uncertainty::{NoiseModel, ReplicaOptions, noise_map};
    let fail = |source| Error::Reconstruct {
        path: path.to_owned(),
        source,
    };
    let frame = scan.frame(0)?;
    let FrameData::Cartesian(k) = &frame.data else {
        return Err(fail(omnimri_recon::Error::Pattern {
            step: "noise map",
            expected: "one 2D frame on a grid",
            found: "a 3D frame or a trajectory",
            hint: "leave out --uncertainty",
        }));
    };
    let noise = options
        .noise
        .clone()
        .or_else(|| scan.header.noise.as_ref().map(|n| n.samples.clone()));
    let whitening = match &noise {
        Some(n) => Some(Whitening::from_noise_scan(n, k.n_coils).map_err(fail)?),
        None => None,
    };
    let model = match &whitening {
        Some(w) => NoiseModel::Measured(w),
        None => NoiseModel::White {
            variance: noise_variance(k),
        },
    };
    let settings = ReplicaOptions {
        n_replicas,
        ..ReplicaOptions::default()
    };
    let failed = std::cell::RefCell::new(None);
    let map = noise_map(k, model, &settings, |replica| {
        let mut again = frame.clone();
        again.data = FrameData::Cartesian(replica.clone());
        match carried(again, engine, &scan.header, method, options) {
            Ok(image) => Ok(image.image.iter().map(|v| v.norm()).collect()),
            Err(Carried::Recon(e)) => Err(e),
            Err(Carried::Workflow(e)) => {
                failed.replace(Some(*e));
                Err(omnimri_recon::Error::NoSignal {
                    found: "a replica that could not be reconstructed",
                })
            }
        }
    });
    map.map_err(|e| failed.take().unwrap_or_else(|| fail(e)))
}
