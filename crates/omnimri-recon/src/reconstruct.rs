//! One entry point from k-space to image, whatever the method.

use std::str::FromStr;

use num_complex::Complex32;
use omnimri_image::KSpace;

use crate::calibration::{CalibrationArea, validate};
use crate::coil_basis::CoilBasis;
use crate::coil_maps::strongest_combination;
use crate::grappa::{GrappaOptions, grappa_calibrated};
use crate::partial_fourier::{PartialFourier, detect_partial_fourier};
use crate::sense::unit_phase;
pub use crate::solver::{Solver, of_solution};
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
