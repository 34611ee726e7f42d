//! From a frame of a raw data file to its image on the reconstruction matrix.
//!
//! Echo-planar lines are brought into agreement, readout oversampling is taken off before solving, 3D scans are decoupled into
//! slices, samples along a trajectory go to their own solvers; the image is then cropped to the field of view and zero-filled or
//! cropped in k-space to the reconstruction matrix, about the centre.

use num_complex::Complex32;
use omnimri_image::raw::{Calibration, EpiInfo};
use omnimri_image::{Frame, FrameData, KSpace, KSpace3, NonCartesian, RawHeader, Zyx};

use crate::epi::{self, EpiSource};
use crate::matrix::{crop_centre, fourier_resize, remove_oversampling};
use crate::noncartesian::{self, NonCartesianMethod, NonCartesianOptions, Refine};
use crate::reconstruct::{Method, ReconOptions, Reconstruction};
use crate::series::reconstruct_series;
use crate::volume::{
    VolumeAxis, decouple, fully_sampled_axis, validate_volume, zero_filled_volume,
};
use crate::volume_solve::{can_calibrate, solve_volume};
use crate::wavelet::{Family, Wavelet};
use crate::{Error, Result};

/// The image of a frame.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameImage {
    /// Magnitude with phase, `[z][y][x]`; the magnitude is the root sum of squares in the input's units.
    pub image: Vec<Complex32>,
    /// Matrix.
    pub size: Zyx<usize>,
    /// Method that made it (never `auto`).
    pub method: String,
    /// Why, where `auto` chose.
    pub why: Option<String>,
    /// Matrix size over measured samples.
    pub acceleration: f64,
    /// Regularisation weight; of the last slice in 3D.
    pub lambda: Option<f32>,
    /// Iterations; the most of any slice in 3D.
    pub iterations: Option<usize>,
    /// What a user should know, each one sentence.
    pub warnings: Vec<String>,
}

/// Reconstructs one frame; `slice` makes a 2D image on a grid by the method that was asked for, and `refine` is the learned method on the
/// conventional image of samples along a trajectory.
///
/// # Errors
/// What is wrong with the samples, what the method refuses, and what `slice` returns.
pub fn reconstruct_frame<E: From<Error>>(
    frame: Frame,
    header: &RawHeader,
    method: Method,
    options: &ReconOptions,
    slice: &dyn Fn(&KSpace, &ReconOptions) -> std::result::Result<Reconstruction, E>,
    refine: &Refine<'_, E>,
) -> std::result::Result<FrameImage, E> {
    let mut options = options.clone();
    if options.noise.is_none() {
        options.noise = header.noise.as_ref().map(|n| n.samples.clone());
    }
    let mut warnings = frame.warnings;
    let mut made = match frame.data {
        FrameData::Cartesian(kspace) => {
            let scan = prepared(kspace, frame.epi.as_ref(), header, &mut warnings)?;
            if let Some(reference) = frame.calibration {
                options.calibration = reference_lines(*reference, header)?;
            }
            of_slice(slice(&scan, &options)?)
        }
        FrameData::Cartesian3(mut kspace) => {
            if let Some(info) = &frame.epi {
                say_epi(&epi::correct_3d(&mut kspace, info)?, &mut warnings);
            }
            volume(kspace, method, &options, slice)?
        }
        FrameData::NonCartesian(data) => along_trajectory(&data, method, &options, refine)?,
        _ => {
            return Err(Error::Pattern {
                step: "reconstruction",
                expected: "samples on a grid or along a trajectory",
                found: "another kind of samples",
                hint: "this version does not know them",
            }
            .into());
        }
    };
    to_recon_matrix(&mut made, header)?;
    warnings.append(&mut made.warnings);
    made.warnings = warnings;
    Ok(made)
}

/// Reconstructs the 2D frames of one slice together, as a dynamic series; images in the order of the frames.
///
/// # Errors
/// [`Error::Pattern`] for frames that are no 2D grids; what [`reconstruct_series`] refuses.
pub fn reconstruct_frames(
    frames: Vec<Frame>,
    header: &RawHeader,
    options: &ReconOptions,
) -> Result<Vec<FrameImage>> {
    let mut options = options.clone();
    if options.noise.is_none() {
        options.noise = header.noise.as_ref().map(|n| n.samples.clone());
    }
    let mut warnings = Vec::new();
    let mut scans = Vec::with_capacity(frames.len());
    for frame in frames {
        let FrameData::Cartesian(kspace) = frame.data else {
            return Err(Error::Pattern {
                step: "dynamic series",
                expected: "2D frames on a grid",
                found: "3D frames or samples along a trajectory",
                hint: "reconstruct the frames one by one",
            });
        };
        let mut said = frame.warnings;
        scans.push(prepared(kspace, frame.epi.as_ref(), header, &mut said)?);
        warnings.push(said);
        if let Some(reference) = frame.calibration
            && options.calibration.is_none()
        {
            options.calibration = reference_lines(*reference, header)?;
        }
    }
    let made = reconstruct_series(&scans, &options)?;
    let mut images = Vec::with_capacity(made.len());
    for (made, mut warnings) in made.into_iter().zip(warnings) {
        let mut image = of_slice(made);
        to_recon_matrix(&mut image, header)?;
        warnings.append(&mut image.warnings);
        image.warnings = warnings;
        images.push(image);
    }
    Ok(images)
}

/// A slice with its echo-planar lines in agreement and its readout oversampling off.
fn prepared(
    mut kspace: KSpace,
    epi: Option<&EpiInfo>,
    header: &RawHeader,
    warnings: &mut Vec<String>,
) -> Result<KSpace> {
    if let Some(info) = epi {
        say_epi(&epi::correct(&mut kspace, info)?, warnings);
    }
    without_oversampling(kspace, header)
}

/// The lines of a reference scan, prepared as those of the image.
fn reference_lines(reference: Calibration, header: &RawHeader) -> Result<Option<KSpace>> {
    match reference.data {
        FrameData::Cartesian(lines) => {
            prepared(lines, reference.epi.as_ref(), header, &mut Vec::new()).map(Some)
        }
        _ => Ok(None),
    }
}

fn say_epi(correction: &epi::EpiCorrection, warnings: &mut Vec<String>) {
    match correction.source {
        EpiSource::Navigators => {
            warnings.push("Echo-planar ghosts were corrected by navigator lines.".to_owned());
        }
        EpiSource::Entropy => warnings.push(
            "Echo-planar ghosts were corrected without navigators, by the image of least entropy."
                .to_owned(),
        ),
        _ => {}
    }
    if correction.regridded {
        warnings.push("Samples on gradient ramps were regridded.".to_owned());
    }
}

/// Pixels of the encoded matrix that lie in the reconstructed field of view.
fn pixels_in_view(encoded: usize, recon: usize, fov_mm: Option<(f64, f64)>) -> usize {
    match fov_mm {
        Some((encoded_mm, recon_mm)) if encoded_mm > 0.0 && recon_mm > 0.0 => {
            let n = (encoded as f64 * recon_mm / encoded_mm).round();
            (n.max(1.0) as usize).min(encoded)
        }
        // Without fields of view a smaller matrix means a smaller field, as with readout oversampling.
        _ => encoded.min(recon),
    }
}

fn in_view(header: &RawHeader) -> Zyx<usize> {
    let fov = header.encoded_fov_mm.zip(header.recon_fov_mm);
    let (e, r) = (header.encoded, header.recon);
    Zyx::new(
        pixels_in_view(e.z, r.z, fov.map(|(a, b)| (a.z, b.z))),
        pixels_in_view(e.y, r.y, fov.map(|(a, b)| (a.y, b.y))),
        pixels_in_view(e.x, r.x, fov.map(|(a, b)| (a.x, b.x))),
    )
}

/// Takes readout oversampling off, where rows were measured whole.
fn without_oversampling(kspace: KSpace, header: &RawHeader) -> Result<KSpace> {
    let n_x = in_view(header).x;
    let whole_rows = kspace
        .mask
        .chunks(kspace.n_x)
        .all(|row| row.iter().all(|m| *m == row[0]));
    if kspace.n_x != header.encoded.x || n_x >= kspace.n_x || !whole_rows {
        return Ok(kspace);
    }
    remove_oversampling(&kspace, n_x)
}

fn of_slice(made: Reconstruction) -> FrameImage {
    FrameImage {
        image: made.complex(),
        size: Zyx::new(1, made.n_y, made.n_x),
        method: made.method,
        why: made.why,
        acceleration: made.acceleration,
        lambda: made.lambda,
        iterations: made.iterations,
        warnings: made.warnings,
    }
}

/// A 3D scan, slice by slice across its fully sampled axis; whole where it has none.
fn volume<E: From<Error>>(
    kspace: KSpace3,
    method: Method,
    options: &ReconOptions,
    slice: &dyn Fn(&KSpace, &ReconOptions) -> std::result::Result<Reconstruction, E>,
) -> std::result::Result<FrameImage, E> {
    validate_volume(&kspace)?;
    let size = kspace.size;
    let n_measured = kspace.mask.iter().filter(|m| **m).count().max(1);
    let acceleration = kspace.mask.len() as f64 / n_measured as f64;
    let mut out = FrameImage {
        image: Vec::new(),
        size,
        method: Method::ZeroFilled.name().to_owned(),
        why: None,
        acceleration,
        lambda: None,
        iterations: None,
        warnings: Vec::new(),
    };
    let axis = fully_sampled_axis(&kspace.mask, size);
    let Some(axis) = axis.filter(|_| acceleration > 1.0 || size.z == 1) else {
        let solved = match method {
            _ if acceleration <= 1.0 => None,
            Method::ZeroFilled => None,
            Method::Auto if !can_calibrate(&kspace) => None,
            Method::Auto => Some(Method::L1Wavelet),
            method => Some(method),
        };
        if let Some(solver) = solved {
            let made = solve_volume(kspace, solver, options)?;
            out.image = made.image;
            out.method = solver.name().to_owned();
            out.lambda = Some(made.lambda);
            out.iterations = Some(made.iterations);
            out.warnings = made.warnings;
            out.why = (method == Method::Auto).then(|| {
                format!("{acceleration:.1}-fold undersampled along all axes, solved as a whole")
            });
            return Ok(out);
        }
        if acceleration > 1.0 {
            out.warnings
                .push("No axis is fully sampled: shown zero-filled.".to_owned());
        }
        out.image = zero_filled_volume(kspace)?
            .into_iter()
            .map(Complex32::from)
            .collect();
        return Ok(out);
    };
    let (n_y, n_x) = axis.slice_size(size);
    let mut image = vec![Complex32::default(); size.z * size.y * size.x];
    for (position, scan) in decouple(kspace, axis)?.enumerate() {
        // A slice beyond the object holds nothing to calibrate on, and nothing to show.
        if scan.samples.iter().all(|v| v.norm_sqr() == 0.0) {
            continue;
        }
        let made = slice(&scan, options)?;
        for (i, v) in made.complex().into_iter().enumerate() {
            image[offset(axis, size, position, i / n_x, i % n_x)] = v;
        }
        for w in made.warnings {
            if !out.warnings.contains(&w) {
                out.warnings.push(w);
            }
        }
        out.method = made.method;
        out.why = made.why;
        out.lambda = made.lambda;
        out.iterations = made.iterations.max(out.iterations);
    }
    debug_assert_eq!(n_y * n_x * axis.length(size), image.len());
    out.image = image;
    Ok(out)
}

fn offset(axis: VolumeAxis, size: Zyx<usize>, position: usize, row: usize, column: usize) -> usize {
    let (z, y, x) = match axis {
        VolumeAxis::Z => (position, row, column),
        VolumeAxis::Y => (row, position, column),
        VolumeAxis::X => (row, column, position),
    };
    (z * size.y + y) * size.x + x
}

fn along_trajectory<E: From<Error>>(
    data: &NonCartesian,
    method: Method,
    options: &ReconOptions,
    refine: &Refine<'_, E>,
) -> std::result::Result<FrameImage, E> {
    if options.coils.is_some() {
        return Err(Error::Pattern {
            step: "coil compression",
            expected: "samples on a grid",
            found: "samples along a trajectory",
            hint: "leave out the number of virtual coils",
        }
        .into());
    }
    let wavelet = Wavelet::volume(data.size, Family::Haar, 4);
    let shrink = |image: &mut [Complex32], threshold: f32| wavelet.shrink(image, threshold);
    let (chosen, name) = match method {
        Method::ZeroFilled => (NonCartesianMethod::Gridding, "gridding"),
        Method::Sense => (NonCartesianMethod::IterativeSense, "iterative sense"),
        Method::L1Wavelet => (
            NonCartesianMethod::Proximal(&shrink),
            "iterative l1-wavelet",
        ),
        // A volume takes minutes to hours to solve: only on request.
        Method::Auto if data.size.z > 1 => (NonCartesianMethod::Gridding, "gridding"),
        Method::Auto | Method::TotalVariation => {
            (NonCartesianMethod::TotalVariation, "iterative tv")
        }
        // The learned method refines the best conventional image.
        Method::Omnimri => (NonCartesianMethod::TotalVariation, method.name()),
        _ => {
            return Err(Error::Pattern {
                step: method.name(),
                expected: "samples on a grid",
                found: "samples along a trajectory",
                hint: "use auto, zero-filled (gridding), sense, l1-wavelet, tv or omnimri",
            }
            .into());
        }
    };
    let settings = NonCartesianOptions {
        method: chosen,
        lambda: options.lambda,
        max_iterations: options.max_iterations.unwrap_or(0),
        noise: options.noise.clone(),
        ..NonCartesianOptions::default()
    };
    let refine = Some(refine).filter(|_| method == Method::Omnimri);
    let made = noncartesian::reconstruct_refined(data, &settings, refine)?;
    let why = format!(
        "{} readouts of {} samples along a trajectory, {} coils",
        data.n_readouts, data.n_samples, data.n_coils
    );
    Ok(FrameImage {
        size: made.size,
        image: made.image,
        method: name.to_owned(),
        why: (method == Method::Auto).then_some(match data.size.z {
            1 => why,
            _ => format!(
                "{why}; ask for sense, tv or l1-wavelet to solve the volume, which takes long"
            ),
        }),
        acceleration: (made.size.z * made.size.y * made.size.x) as f64
            / (data.n_readouts * data.n_samples) as f64,
        lambda: made.lambda,
        iterations: Some(made.iterations).filter(|n| *n > 0),
        warnings: made.warnings,
    })
}

/// Crops to the field of view and resizes to the reconstruction matrix.
fn to_recon_matrix(made: &mut FrameImage, header: &RawHeader) -> Result<()> {
    let (encoded, view, recon) = (header.encoded, in_view(header), header.recon);
    let of = |n: usize, encoded: usize, view: usize| if n == encoded { view.min(n) } else { n };
    let Zyx { z, y, x } = made.size;
    let crop = Zyx::new(
        of(z, encoded.z, view.z),
        of(y, encoded.y, view.y),
        of(x, encoded.x, view.x),
    );
    if crop.z < z {
        let first = z / 2 - crop.z / 2;
        made.image = made.image[first * y * x..(first + crop.z) * y * x].to_vec();
    }
    if (crop.y, crop.x) != (y, x) {
        made.image = crop_centre(&made.image, [y, x], [crop.y, crop.x])?;
    }
    let to = [recon.y.max(1), recon.x.max(1)];
    if [crop.y, crop.x] != to {
        made.image = fourier_resize(&made.image, [crop.y, crop.x], to)?;
    }
    made.size = Zyx::new(crop.z, to[0], to[1]);
    Ok(())
}
