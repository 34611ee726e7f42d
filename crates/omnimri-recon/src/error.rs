//! What can go wrong between k-space and an image.

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an image could not be made; each message says what was expected, what was found and what to do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An array does not have the size that its axes say.
    #[error("{what}: expected {expected} values, found {found}; {hint}")]
    Size {
        /// Which array.
        what: &'static str,
        /// Number of values its axes call for.
        expected: usize,
        /// Number of values it has.
        found: usize,
        /// What to do about it.
        hint: &'static str,
    },
    /// An axis has a length that no scan has.
    #[error("{what}: expected between {min} and {max}, found {found}; {hint}")]
    OutOfRange {
        /// Which length or setting.
        what: &'static str,
        /// Smallest accepted value.
        min: f64,
        /// Largest accepted value.
        max: f64,
        /// The value given.
        found: f64,
        /// What to do about it.
        hint: &'static str,
    },
    /// NaN or infinite samples.
    #[error(
        "k-space: expected finite samples, found {found} NaN or infinite; remove or repair them first"
    )]
    NotFinite {
        /// How many samples are not finite.
        found: usize,
    },
    /// Sample positions that no scan has.
    #[error(
        "trajectory: expected finite positions in cycles per field of view, found {found}; {hint}"
    )]
    Trajectory {
        /// What was found instead, in words.
        found: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// Nothing was measured.
    #[error(
        "k-space: expected measured samples, found {found}; check the mask and the order of the axes"
    )]
    NoSignal {
        /// What was found instead, in words.
        found: &'static str,
    },
    /// No fully sampled centre to calibrate coil maps from.
    #[error(
        "calibration: expected a fully sampled centre of at least {expected} samples an axis, found {found_y} x \
         {found_x}; use --method zero-filled"
    )]
    NoCalibration {
        /// Smallest usable extent.
        expected: usize,
        /// Extent found along y.
        found_y: usize,
        /// Extent found along x.
        found_x: usize,
    },
    /// A noise scan whose covariance cannot be inverted.
    #[error(
        "noise scan: expected at least as many independent samples as coils ({n_coils}), found {n_samples} a coil \
         or a dead coil; leave out --noise"
    )]
    Noise {
        /// Number of coils.
        n_coils: usize,
        /// Noise samples a coil.
        n_samples: usize,
    },
    /// A sampling pattern that a step cannot work on.
    #[error("{step}: expected {expected}, found {found}; {hint}")]
    Pattern {
        /// Which step.
        step: &'static str,
        /// The pattern it takes.
        expected: &'static str,
        /// The pattern found.
        found: &'static str,
        /// What to do about it.
        hint: &'static str,
    },
    /// A name that is no method.
    #[error(
        "method: expected auto, zero-filled, sense, grappa, l1-wavelet, tv or omnimri, found `{found}`"
    )]
    UnknownMethod {
        /// The name given.
        found: String,
    },
    /// A method that this crate does not run itself.
    #[error(
        "method: `{found}` is the learned reconstruction and needs a model, expected another one here; run it through the workflow"
    )]
    NeedsModel {
        /// The name given.
        found: &'static str,
    },
}

impl Error {
    /// True if the input itself is at fault.
    pub fn is_invalid_input(&self) -> bool {
        !self.is_unsupported()
    }

    /// True if the input may be good but the program cannot do what was asked.
    pub fn is_unsupported(&self) -> bool {
        matches!(self, Self::NeedsModel { .. })
    }
}
