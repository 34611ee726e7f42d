//! Simulation: from tissue parameters to an image, and from an image to multi-coil k-space.
//!
//! | file | holds |
//! | --- | --- |
//! | [`tissue`] | T1, T2, T2* and proton density of each tissue, with sources |
//! | [`signal`] | signal equations of the sequences |
//! | [`head`] | what a head is made of, drawn from a seed |
//! | [`lesion`] | tumours |
//! | [`phantom`] | the head sampled on a grid |
//! | [`mod@render`] | the image a sequence makes of it |
//! | [`body`] | phantoms of any part of the body: materials on a grid |
//! | [`heart`] | a beating heart in short-axis slices |
//! | [`spine`] | a lumbar spine in sagittal slices |
//! | [`detail`] | the head with its structures: hippocampi, ventricles, deep nuclei |
//! | [`maps`] | tissue maps of any origin, and their image |
//! | [`pathology`] | lesions of known extent for any image |
//! | [`deform`], [`filter`] | deformation and smoothing of volumes |
//! | [`acquire`] | coils, noise and sampling |
//! | [`corrupt`] | motion, ghosts, off-resonance, interference, missing data: known corruption with known truth |
//! | [`demo`] | the scan of `omnimri demo` |

pub mod acquire;
mod anatomy;
pub mod body;
pub mod corrupt;
pub mod deform;
pub mod demo;
pub mod detail;
pub mod field;
pub mod filter;
pub mod head;
pub mod heart;
pub mod lesion;
pub mod maps;
pub mod pathology;
pub mod phantom;
pub mod render;
pub mod signal;
pub mod spine;
pub mod tissue;

pub use demo::{DemoScan, demo_scan};
pub use head::HeadSpec;
pub use lesion::{Enhancement, LesionKind, LesionSpec};
pub use phantom::{Cut, Phantom, slice, stack};
pub use render::render;
pub use signal::Sequence;
pub use tissue::{FieldStrength, Tissue};
