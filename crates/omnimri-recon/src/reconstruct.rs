//! One entry point from k-space to image, whatever the method.

use std::borrow::Cow;
use std::str::FromStr;

use num_complex::Complex32;
use omnimri_image::KSpace;
use rayon::prelude::*;

use crate::calibration::{CalibrationArea, MIN_CALIBRATION, validate};
use crate::coil_basis::CoilBasis;
use crate::coil_maps::{CoilMaps, strongest_combination};
use crate::grappa::{GrappaOptions, grappa_calibrated};
use crate::map_sets::{estimate_map_sets, sense_with_sets};
use crate::partial_fourier::{PartialFourier, detect_partial_fourier};
use crate::sense::{SenseOptions, SenseSetup, estimate_maps, sense_with_maps, unit_phase};
use crate::sparse::{SparseOptions, Sparsity, joint_maps, sparse_with_maps};
use crate::zero_filled::root_sum_of_squares;
use crate::{Error, Result};

/// How to make the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Method {
    /// Zero-filled where everything was measured, else L1-wavelet. Never the learned method.
    #[default]
    Auto,
    /// Root sum of squares of the coil images, what was not measured taken as zero.
    ZeroFilled,
    /// SENSE by conjugate gradients, maps by ESPIRiT.
    Sense,
    /// Missing samples from their measured neighbours.
    Grappa,
    /// Compressed sensing with wavelets.
    L1Wavelet,
    /// Compressed sensing with total variation.
    TotalVariation,
    /// The learned reconstruction; needs a model, so the workflow runs it.
    Omnimri,
}

impl Method {
    /// All methods, in the order the command line names them.
    pub const ALL: [Self; 7] = [
        Self::Auto,
        Self::ZeroFilled,
        Self::Sense,
        Self::Grappa,
        Self::L1Wavelet,
        Self::TotalVariation,
        Self::Omnimri,
    ];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::ZeroFilled => "zero-filled",
            Self::Sense => "sense",
            Self::Grappa => "grappa",
            Self::L1Wavelet => "l1-wavelet",
            Self::TotalVariation => "tv",
            Self::Omnimri => "omnimri",
        }
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Method {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|m| m.name() == name);
        found.ok_or_else(|| Error::UnknownMethod {
            found: name.to_owned(),
        })
    }
}

/// An image, and how it came to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Reconstruction {
    /// Magnitude `[y][x]`, the root sum of squares of the coil images, in the units and index order of the input.
    pub image: Vec<f32>,
    /// Phase `[y][x]` as unit numbers, relative to a fixed combination of the coils.
    pub phase: Vec<Complex32>,
    /// Rows.
    pub n_y: usize,
    /// Columns.
    pub n_x: usize,
    /// Name of the method that made it (never `auto`).
    pub method: String,
    /// Why this method, where `auto` chose it.
    pub why: Option<String>,
    /// Matrix size over measured samples.
    pub acceleration: f64,
    /// Regularisation weight used, if the method has one.
    pub lambda: Option<f32>,
    /// Iterations, if the method iterates.
    pub iterations: Option<usize>,
    /// What a user should know, each one sentence.
    pub warnings: Vec<String>,
}

impl Reconstruction {
    /// Magnitude with phase, `[y][x]`.
    pub fn complex(&self) -> Vec<Complex32> {
        self.image
            .iter()
            .zip(&self.phase)
            .map(|(m, p)| p * *m)
            .collect()
    }
}

/// Makes an image from k-space.
pub trait Reconstructor {
    /// The name on the command line.
    fn name(&self) -> &'static str;

    /// The image of one slice.
    ///
    /// # Errors
    /// If the input is not a scan or the method cannot be used on it.
    fn reconstruct(&self, kspace: &KSpace) -> Result<Reconstruction>;
}

/// Options that hold for every method.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReconOptions {
    /// Regularisation weight; chosen from the noise level if `None`.
    pub lambda: Option<f32>,
    /// Most iterations; the method's own number if `None`.
    pub max_iterations: Option<usize>,
    /// A noise scan `[coil][sample]`; coils are whitened by it before solving.
    pub noise: Option<Vec<Complex32>>,
    /// Lines of a separate reference scan of the same coils and field of view, for maps and kernels.
    pub calibration: Option<KSpace>,
    /// Virtual coils to compress to before solving; as many as there are if `None`, but at most 32 where maps come from ESPIRiT.
    pub coils: Option<usize>,
    /// What to do about a side of k-space that was not measured.
    pub partial_fourier: PartialFourier,
}

/// Most coils that the eigenvalue method is given: its patches hold 36 samples of each.
const MAX_EIGEN_COILS: usize = 32;

impl ReconOptions {
    /// Number of virtual coils for a method.
    fn n_virtual(&self, method: Method, n_coils: usize) -> Option<usize> {
        let too_many = method == Method::Sense && n_coils > MAX_EIGEN_COILS;
        self.coils.or(too_many.then_some(MAX_EIGEN_COILS))
    }
}

/// Root sum of squares of the zero-filled coil images.
#[derive(Debug, Clone, Copy, Default)]
pub struct ZeroFilled {
    /// What to do about a side of k-space that was not measured.
    pub partial_fourier: PartialFourier,
}

impl Reconstructor for ZeroFilled {
    fn name(&self) -> &'static str {
        Method::ZeroFilled.name()
    }

    fn reconstruct(&self, kspace: &KSpace) -> Result<Reconstruction> {
        validate(kspace)?;
        let coils = self.partial_fourier.coil_images(kspace)?;
        Ok(of_coil_images(kspace, &coils, self.name()))
    }
}

/// Root sum of squares of coil images `[coil][y][x]`, phase by the strongest combination of the coils.
pub(crate) fn of_coil_images(
    kspace: &KSpace,
    coils: &[Complex32],
    method: &'static str,
) -> Reconstruction {
    let n = kspace.n_y * kspace.n_x;
    let reference = strongest_combination(coils, kspace.n_coils, n);
    let mut phase = vec![Complex32::default(); n];
    for (coil, r) in coils.chunks(n).zip(&reference) {
        for (p, v) in phase.iter_mut().zip(coil) {
            *p += r.conj() * v;
        }
    }
    for p in &mut phase {
        *p = unit_phase(*p);
    }
    Reconstruction {
        image: root_sum_of_squares(coils, n),
        phase,
        n_y: kspace.n_y,
        n_x: kspace.n_x,
        method: method.to_owned(),
        why: None,
        acceleration: acceleration(kspace),
        lambda: None,
        iterations: None,
        warnings: Vec::new(),
    }
}

/// A method that solves for one image behind coil maps: SENSE, L1-wavelet or total variation.
#[derive(Debug, Clone)]
pub struct Solver {
    /// Which of them.
    pub method: Method,
    /// Weight, iterations and the noise scan.
    pub options: ReconOptions,
}

impl Solver {
    /// Whitens and compresses, estimates maps and solves: the complex image and all that led to it, in whitened units if there is a noise
    /// scan, and the way back to the input's coils.
    ///
    /// # Errors
    /// See [`sense_with_maps`] and [`sparse_with_maps`]; [`Error::Noise`] for a bad noise scan; [`Error::NeedsModel`] for a method that is none of
    /// the three.
    pub fn setup(&self, kspace: &KSpace) -> Result<(SenseSetup, CoilBasis)> {
        let (scan, reference, basis) = self.prepared(kspace)?;
        let mut setup = self.solve(&scan, reference.as_ref(), None)?;
        setup.warnings.extend(basis.say(kspace.n_coils));
        Ok((setup, basis))
    }

    /// The scan and the reference scan in the solver's coils.
    fn prepared<'a>(
        &self,
        kspace: &'a KSpace,
    ) -> Result<(Cow<'a, KSpace>, Option<KSpace>, CoilBasis)> {
        validate(kspace)?;
        let (n_coils, size) = (kspace.n_coils, (kspace.n_y, kspace.n_x));
        let n_virtual = self.options.n_virtual(self.method, n_coils);
        let (scan, basis) = CoilBasis::of(kspace, self.options.noise.as_deref(), n_virtual)?;
        let reference = match &self.options.calibration {
            Some(reference) => Some(basis.convert(reference, n_coils, size)?),
            None => None,
        };
        Ok((scan, reference, basis))
    }

    /// Settings of SENSE.
    fn sense_options(&self) -> SenseOptions {
        let defaults = SenseOptions::default();
        SenseOptions {
            lambda: self.options.lambda,
            // Whitened samples have unit variance.
            noise_variance: self.options.noise.as_ref().map(|_| 1.0),
            max_iterations: self
                .options
                .max_iterations
                .unwrap_or(defaults.max_iterations),
            ..defaults
        }
    }

    /// SENSE with as many sets of maps as the scan asks for.
    fn sense(&self, kspace: &KSpace) -> Result<Reconstruction> {
        let (scan, reference, basis) = self.prepared(kspace)?;
        let mut sets = estimate_map_sets(reference.as_ref().unwrap_or(&scan))?;
        if sets.len() == 1 {
            let mut setup = self.solve(&scan, reference.as_ref(), sets.pop())?;
            setup.warnings.extend(basis.say(kspace.n_coils));
            return Ok(of_solution(
                kspace,
                &setup,
                &setup.initial,
                &basis,
                self.name(),
            ));
        }
        let n_sets = sets.len();
        let solution = sense_with_sets(&scan, sets, &self.sense_options())?;
        let coils = basis.back(solution.coil_images);
        let mut made = of_coil_images(kspace, &coils, self.name());
        made.lambda = Some(solution.lambda);
        made.iterations = Some(solution.iterations);
        made.warnings.extend(basis.say(kspace.n_coils));
        made.warnings.push(format!(
            "The object seems larger than the field of view: {n_sets} sets of coil maps were used."
        ));
        Ok(made)
    }

    /// Solves in the solver's coils; maps of SENSE may be known already.
    fn solve(
        &self,
        kspace: &KSpace,
        reference: Option<&KSpace>,
        maps: Option<CoilMaps>,
    ) -> Result<SenseSetup> {
        // The scan that maps come from.
        let calibration = reference.unwrap_or(kspace);
        let (lambda, max_iterations) = (self.options.lambda, self.options.max_iterations);
        // Whitened samples have unit variance.
        let noise_variance = self.options.noise.as_ref().map(|_| 1.0);
        let sparsity = match self.method {
            Method::Sense => {
                let maps = match maps {
                    Some(maps) => maps,
                    None => estimate_maps(calibration)?,
                };
                return sense_with_maps(kspace, maps, &self.sense_options());
            }
            Method::L1Wavelet => Sparsity::Wavelet,
            Method::TotalVariation => Sparsity::TotalVariation,
            _ => {
                return Err(Error::NeedsModel {
                    found: self.method.name(),
                });
            }
        };
        let mut options = SparseOptions::default();
        options.sparsity = sparsity;
        options.noise_variance = noise_variance;
        options.lambda = lambda;
        options.max_iterations = max_iterations.unwrap_or(options.max_iterations);
        let maps = joint_maps(calibration)?;
        let mut setup = sparse_with_maps(kspace, maps, &options)?;
        let (mask, n_y, n_x) = (&calibration.mask, calibration.n_y, calibration.n_x);
        let area = CalibrationArea::find(mask, n_y, n_x, MIN_CALIBRATION);
        if kspace.n_coils > 1 && !area.at_least(MIN_CALIBRATION) {
            setup.warnings.push(
                "The scan has no fully sampled centre: coil maps rest on undersampled data, and aliasing may remain."
                    .to_owned(),
            );
        }
        Ok(setup)
    }
}

/// GRAPPA, then root sum of squares of the filled coil images.
#[derive(Debug, Clone, Default)]
pub struct Grappa {
    /// Weight, the noise scan and the reference scan.
    pub options: ReconOptions,
}

impl Reconstructor for Grappa {
    fn name(&self) -> &'static str {
        Method::Grappa.name()
    }

    fn reconstruct(&self, kspace: &KSpace) -> Result<Reconstruction> {
        validate(kspace)?;
        let (n_coils, size) = (kspace.n_coils, (kspace.n_y, kspace.n_x));
        let noise = self.options.noise.as_deref();
        let (scan, basis) = CoilBasis::of(kspace, noise, self.options.coils)?;
        let reference = match &self.options.calibration {
            Some(reference) => Some(basis.convert(reference, n_coils, size)?),
            None => None,
        };
        let options = GrappaOptions {
            lambda: self.options.lambda,
            ..GrappaOptions::default()
        };
        let (filled, report) =
            grappa_calibrated(&scan, reference.as_ref().unwrap_or(&scan), &options)?;
        let coils = basis.back(self.options.partial_fourier.coil_images(&filled)?);
        let mut made = of_coil_images(kspace, &coils, self.name());
        made.warnings.extend(basis.say(n_coils));
        if report.n_unfilled > 0 {
            made.warnings.push(format!(
                "{} of {} samples lie too far from measured ones to be filled and count as zero.",
                report.n_unfilled,
                kspace.mask.len()
            ));
        }
        Ok(made)
    }
}

/// The image that a solution stands for, in the coils' own units: root sum of squares of maps times image.
pub fn of_solution(
    kspace: &KSpace,
    setup: &SenseSetup,
    image: &[Complex32],
    basis: &CoilBasis,
    method: &'static str,
) -> Reconstruction {
    let acceleration = acceleration(kspace);
    let mut warnings = setup.warnings.clone();
    if kspace.n_coils > 1 && acceleration > kspace.n_coils as f64 {
        warnings.push(format!(
            "The scan is accelerated {acceleration:.1} times with {} coils: detail is uncertain.",
            kspace.n_coils
        ));
    }
    Reconstruction {
        image: magnitude(setup.maps(), image, basis),
        phase: setup.phase(image),
        n_y: kspace.n_y,
        n_x: kspace.n_x,
        method: method.to_owned(),
        why: None,
        acceleration,
        lambda: Some(setup.lambda),
        iterations: Some(setup.iterations),
        warnings,
    }
}

/// Root sum of squares of maps times image in the input's coils; a block of pixels at a time, so that the coil images are never held
/// whole.
pub(crate) fn magnitude(maps: &CoilMaps, image: &[Complex32], basis: &CoilBasis) -> Vec<f32> {
    const BLOCK: usize = 4096;
    let n = image.len();
    let mut out = vec![0.0; n];
    out.par_chunks_mut(BLOCK)
        .zip(image.par_chunks(BLOCK))
        .enumerate()
        .for_each(|(block, (out, image))| {
            let first = block * BLOCK;
            let coils: Vec<Complex32> = maps
                .maps
                .chunks(n)
                .flat_map(|map| map[first..].iter().zip(image).map(|(s, u)| s * u))
                .collect();
            out.copy_from_slice(&root_sum_of_squares(&basis.back(coils), image.len()));
        });
    out
}

impl Reconstructor for Solver {
    fn name(&self) -> &'static str {
        self.method.name()
    }

    fn reconstruct(&self, kspace: &KSpace) -> Result<Reconstruction> {
        let mut made = if self.method == Method::Sense {
            self.sense(kspace)?
        } else {
            let (setup, basis) = self.setup(kspace)?;
            of_solution(kspace, &setup, &setup.initial, &basis, self.name())
        };
        if self.options.partial_fourier != PartialFourier::Off {
            let mut image = made.complex();
            let how = self.options.partial_fourier;
            how.correct_image(&mut image, &kspace.mask, kspace.n_y, kspace.n_x)?;
            made.image = image.iter().map(|v| v.norm()).collect();
            made.phase = image.iter().map(|v| unit_phase(*v)).collect();
        }
        Ok(made)
    }
}

/// Matrix size over measured samples.
pub fn acceleration(kspace: &KSpace) -> f64 {
    let n_measured = kspace.mask.iter().filter(|m| **m).count();
    kspace.mask.len() as f64 / n_measured.max(1) as f64
}

/// What `auto` makes of a scan, and why.
fn choose(kspace: &KSpace) -> (Method, String) {
    if kspace.mask.iter().all(|m| *m) {
        let why = "everything was measured, so there is nothing to solve for";
        return (Method::ZeroFilled, why.to_owned());
    }
    let area = CalibrationArea::find(&kspace.mask, kspace.n_y, kspace.n_x, usize::MAX);
    let why = format!(
        "{:.1}-fold undersampled, {} coil{}, fully sampled centre {} x {}",
        acceleration(kspace),
        kspace.n_coils,
        if kspace.n_coils == 1 { "" } else { "s" },
        area.y.len(),
        area.x.len()
    );
    (Method::L1Wavelet, why)
}

/// Reconstructs one slice.
///
/// # Errors
/// If the input is not a scan, or the method cannot be used on it; [`Error::NeedsModel`] for the learned method.
pub fn reconstruct(
    kspace: &KSpace,
    method: Method,
    options: &ReconOptions,
) -> Result<Reconstruction> {
    validate(kspace)?;
    let (method, why) = match method {
        Method::Auto => {
            let (method, why) = choose(kspace);
            (method, Some(why))
        }
        method => (method, None),
    };
    let mut reconstruction = match method {
        Method::ZeroFilled => ZeroFilled {
            partial_fourier: options.partial_fourier,
        }
        .reconstruct(kspace)?,
        Method::Grappa => Grappa {
            options: options.clone(),
        }
        .reconstruct(kspace)?,
        _ => Solver {
            method,
            options: options.clone(),
        }
        .reconstruct(kspace)?,
    };
    if reconstruction.image.iter().any(|v| !v.is_finite()) {
        return Err(Error::NotFinite {
            found: reconstruction
                .image
                .iter()
                .filter(|v| !v.is_finite())
                .count(),
        });
    }
    if options.partial_fourier != PartialFourier::Off
        && detect_partial_fourier(&kspace.mask, kspace.n_y, kspace.n_x).is_empty()
    {
        reconstruction.warnings.push(
            "No axis was measured asymmetrically: partial Fourier changes nothing.".to_owned(),
        );
    }
    reconstruction.why = why;
    Ok(reconstruction)
}
