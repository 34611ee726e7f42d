//! One entry point from k-space to image, whatever the method.

use std::str::FromStr;

use num_complex::Complex32;
use omnimri_image::KSpace;

use crate::calibration::{CalibrationArea, MIN_CALIBRATION, Whitening, validate};
use crate::sense::{SenseOptions, SenseSetup, sense};
use crate::zero_filled::{coil_images, root_sum_of_squares};
use crate::{Error, Result};

/// How to make the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Method {
    /// SENSE where coils, undersampling and a calibration area allow it, else zero-filled. Never the learned method.
    #[default]
    Auto,
    /// Root sum of squares of the coil images, what was not measured taken as zero.
    ZeroFilled,
    /// SENSE by conjugate gradients.
    Sense,
    /// The learned reconstruction; needs a model, so the workflow runs it.
    Omnimri,
}

impl Method {
    /// All methods, in the order the command line names them.
    pub const ALL: [Self; 4] = [Self::Auto, Self::ZeroFilled, Self::Sense, Self::Omnimri];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::ZeroFilled => "zero-filled",
            Self::Sense => "sense",
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
        if let Some(method) = Self::ALL.into_iter().find(|m| m.name() == name) {
            return Ok(method);
        }
        Err(match name {
            "grappa" | "l1-wavelet" | "tv" => Error::MethodNotBuilt {
                found: name.to_owned(),
            },
            _ => Error::UnknownMethod {
                found: name.to_owned(),
            },
        })
    }
}

/// An image, and how it came to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Reconstruction {
    /// Magnitude `[y][x]` in the units and index order of the input.
    pub image: Vec<f32>,
    /// Rows.
    pub n_y: usize,
    /// Columns.
    pub n_x: usize,
    /// Name of the method that made it (never `auto`).
    pub method: String,
    /// Matrix size over measured samples.
    pub acceleration: f64,
    /// Iterations, if the method iterates.
    pub iterations: Option<usize>,
    /// What a user should know, each one sentence.
    pub warnings: Vec<String>,
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
#[derive(Debug, Clone, PartialEq)]
pub struct ReconOptions {
    /// Regularisation weight; chosen from the noise level if `None`.
    pub lambda: Option<f32>,
    /// Most iterations.
    pub max_iterations: usize,
    /// A noise scan `[coil][sample]`; coils are whitened by it before solving.
    pub noise: Option<Vec<Complex32>>,
}

impl Default for ReconOptions {
    fn default() -> Self {
        let sense = SenseOptions::default();
        Self {
            lambda: sense.lambda,
            max_iterations: sense.max_iterations,
            noise: None,
        }
    }
}

impl ReconOptions {
    fn sense(&self) -> SenseOptions {
        SenseOptions {
            lambda: self.lambda,
            max_iterations: self.max_iterations,
            ..SenseOptions::default()
        }
    }
}

/// Root sum of squares of the zero-filled coil images.
#[derive(Debug, Clone, Copy, Default)]
pub struct ZeroFilled;

impl Reconstructor for ZeroFilled {
    fn name(&self) -> &'static str {
        Method::ZeroFilled.name()
    }

    fn reconstruct(&self, kspace: &KSpace) -> Result<Reconstruction> {
        validate(kspace)?;
        let image = root_sum_of_squares(&coil_images(kspace), kspace.n_y * kspace.n_x);
        Ok(finished(kspace, image, self.name(), None, Vec::new()))
    }
}

/// SENSE by conjugate gradients.
#[derive(Debug, Clone, Default)]
pub struct Sense {
    /// Weight, iterations and the noise scan.
    pub options: ReconOptions,
}

impl Sense {
    /// Whitens, estimates maps and solves: the complex image and all that led to it, in whitened units if there is a noise scan.
    ///
    /// # Errors
    /// See [`crate::estimate_maps`]; [`Error::Noise`] for a bad noise scan.
    pub fn setup(&self, kspace: &KSpace) -> Result<(SenseSetup, Option<Whitening>)> {
        validate(kspace)?;
        let Some(noise) = &self.options.noise else {
            return Ok((sense(kspace, &self.options.sense())?, None));
        };
        let whitening = Whitening::from_noise_scan(noise, kspace.n_coils)?;
        let mut white = kspace.clone();
        whitening.apply(&mut white.samples);
        Ok((sense(&white, &self.options.sense())?, Some(whitening)))
    }
}

impl Reconstructor for Sense {
    fn name(&self) -> &'static str {
        Method::Sense.name()
    }

    fn reconstruct(&self, kspace: &KSpace) -> Result<Reconstruction> {
        let (setup, whitening) = self.setup(kspace)?;
        let mut coils = setup.operator.coil_images(&setup.initial);
        if let Some(whitening) = whitening {
            whitening.undo(&mut coils);
        }
        let image = root_sum_of_squares(&coils, kspace.n_y * kspace.n_x);
        let mut warnings = Vec::new();
        let acceleration = acceleration(kspace);
        if acceleration > kspace.n_coils as f64 {
            warnings.push(format!(
                "The scan is accelerated {acceleration:.1} times with {} coils: detail is uncertain.",
                kspace.n_coils
            ));
        }
        Ok(finished(
            kspace,
            image,
            self.name(),
            Some(setup.iterations),
            warnings,
        ))
    }
}

/// Matrix size over measured samples.
pub fn acceleration(kspace: &KSpace) -> f64 {
    let n_measured = kspace.mask.iter().filter(|m| **m).count();
    kspace.mask.len() as f64 / n_measured.max(1) as f64
}

fn finished(
    kspace: &KSpace,
    image: Vec<f32>,
    method: &'static str,
    iterations: Option<usize>,
    warnings: Vec<String>,
) -> Reconstruction {
    Reconstruction {
        image,
        n_y: kspace.n_y,
        n_x: kspace.n_x,
        method: method.to_owned(),
        acceleration: acceleration(kspace),
        iterations,
        warnings,
    }
}

/// What `auto` makes of a scan: the method, and a sentence if a better one was out of reach.
fn choose(kspace: &KSpace) -> (Method, Option<String>) {
    if kspace.mask.iter().all(|m| *m) {
        return (Method::ZeroFilled, None);
    }
    let acceleration = acceleration(kspace);
    if kspace.n_coils == 1 {
        let why = format!(
            "The scan is undersampled {acceleration:.1} times with a single coil: shown zero-filled, with aliasing."
        );
        return (Method::ZeroFilled, Some(why));
    }
    let area = CalibrationArea::find(&kspace.mask, kspace.n_y, kspace.n_x, 24);
    if !area.at_least(MIN_CALIBRATION) {
        let why = format!(
            "The scan is undersampled {acceleration:.1} times without a fully sampled centre: shown zero-filled, with \
             aliasing."
        );
        return (Method::ZeroFilled, Some(why));
    }
    (Method::Sense, None)
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
    let sense = Sense {
        options: options.clone(),
    };
    match method {
        Method::ZeroFilled => ZeroFilled.reconstruct(kspace),
        Method::Sense => sense.reconstruct(kspace),
        Method::Omnimri => Err(Error::NeedsModel {
            found: method.name(),
        }),
        Method::Auto => {
            let (chosen, why) = choose(kspace);
            let result = match chosen {
                Method::Sense => sense.reconstruct(kspace),
                _ => ZeroFilled.reconstruct(kspace),
            };
            let mut reconstruction = match result {
                // A centre without usable signal: an image with aliasing is better than none, if it says so.
                Err(Error::NoCalibration { .. }) => {
                    let mut shown = ZeroFilled.reconstruct(kspace)?;
                    shown.warnings.push(
                        "No coil maps could be estimated from the fully sampled centre: shown zero-filled, with aliasing."
                            .to_owned(),
                    );
                    shown
                }
                other => other?,
            };
            reconstruction.warnings.extend(why);
            Ok(reconstruction)
        }
    }
}
