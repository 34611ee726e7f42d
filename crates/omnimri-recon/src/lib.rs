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
//! | [`matrix`], [`window`] | crop and zero-fill to another matrix; k-space windows |
//! | [`compression`], [`coil_basis`] | fewer, virtual coils; the way back to those of the input |
//! | [`coil_maps`], [`espirit`], [`map_sets`] | coil sensitivities from the calibration area |
//! | [`epi`], [`ramp_sampling`] | echo-planar lines brought into agreement, samples on gradient ramps regridded |
//! | [`zero_filled`], [`sense`] | images from k-space |
//! | [`mod@grappa`] | missing samples from their measured neighbours |
//! | [`partial_fourier`] | the side of k-space that was not measured |
//! | [`mod@low_rank`], [`series`] | dynamic series |
//! | [`volume`], [`volume_solve`] | 3D scans, slice by slice or whole |
//! | [`uncertainty`] | noise maps and g-factors |
//! | [`nlinv`] | coil sensitivities and image together, from all samples |
//! | [`sparse`], [`wavelet`], [`differences`], [`total_variation`], [`proximal`] | compressed sensing |
//! | [`nufft`], [`density`], [`delays`], [`noncartesian`] | samples along a trajectory |
//! | [`multi_coil`] | a solved slice as a learned method sees it |
//! | [`frame`] | a frame of a raw data file to its image on the reconstruction matrix |
//! | [`mod@reconstruct`] (with `solver.rs`) | [`Method`], [`Reconstructor`] and the one entry point |
//! | [`simulate`] | tissues, signal equations, head phantom, acquisition: the way back |

pub mod calibration;
pub mod coil_basis;
pub mod coil_maps;
pub mod compression;
pub mod delays;
pub mod density;
pub mod differences;
pub mod epi;
mod error;
pub mod espirit;
pub mod fft;
pub mod frame;
pub mod grappa;
mod linalg;
mod local_prior;
pub mod low_rank;
pub mod map_sets;
pub mod matrix;
pub mod multi_coil;
pub mod nlinv;
pub mod noncartesian;
pub mod nufft;
pub mod operator;
pub mod partial_fourier;
mod products;
pub mod proximal;
pub mod ramp_sampling;
pub mod reconstruct;
pub mod sampling;
pub mod sense;
pub mod series;
pub mod simulate;
mod solver;
pub mod sparse;
pub mod total_variation;
pub mod uncertainty;
pub mod volume;
pub mod volume_solve;
pub mod wavelet;
pub mod window;
pub mod zero_filled;

pub use coil_maps::CoilMaps;
pub use error::{Error, Result};
pub use fft::CentredFft;
pub use multi_coil::MultiCoil;
pub use operator::{CartesianSenseOp, LinearOperator};
pub use reconstruct::{Method, ReconOptions, Reconstruction, Reconstructor, reconstruct};
pub use sense::{SenseSetup, estimate_maps};
