//! Operators, solvers and simulation: from k-space to images and back.
//!
//! In: a [`omnimri_image::KSpace`] (`[coil][y][x]`, zero where not measured). Out: a [`Reconstruction`], the root sum of
//! squares of the reconstructed coil images in the input's own units and index order. In the order data walks:
//!
//! | file | holds |
//! | --- | --- |
//! | [`fft`] | centred orthonormal Fourier transform; the convention is stated there |
//! | [`operator`] | [`LinearOperator`], composition, [`CartesianSenseOp`] |
//! | [`sampling`] | which samples a scan measures |
//! | [`calibration`] | the fully sampled centre; noise level and prewhitening |
//! | [`coil_maps`], [`espirit`] | coil sensitivities from the calibration area |
//! | [`zero_filled`], [`sense`] | images from k-space |
//! | [`nufft`], [`density`] | non-uniform transforms and their normal operator; density compensation |
//! | [`noncartesian`], [`delays`] | images from trajectories; gradient delays of radial scans |
//! | [`total_variation`] | a prior by its proximal map |
//! | [`mod@reconstruct`] | [`Method`], [`Reconstructor`] and the one entry point |
//! | [`simulate`] | tissues, signal equations, head phantom, acquisition: the way back |

pub mod calibration;
pub mod coil_maps;
pub mod delays;
pub mod density;
mod error;
pub mod espirit;
pub mod fft;
mod linalg;
pub mod noncartesian;
pub mod nufft;
pub mod operator;
pub mod reconstruct;
pub mod sampling;
pub mod sense;
pub mod simulate;
pub mod total_variation;
pub mod zero_filled;

pub use coil_maps::CoilMaps;
pub use error::{Error, Result};
pub use fft::CentredFft;
pub use operator::{CartesianSenseOp, LinearOperator};
pub use reconstruct::{Method, ReconOptions, Reconstruction, Reconstructor, reconstruct};
pub use sense::{SenseSetup, estimate_maps};
