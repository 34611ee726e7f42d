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
//! | [`acquire`] | coils, noise and sampling |
//! | [`corrupt`] | motion, ghosts, off-resonance, interference, missing data: known corruption with known truth |
//! | [`demo`] | the scan of `omnimri demo` |

pub mod acquire;
mod anatomy;
pub mod corrupt;
pub mod demo;
pub mod field;
pub mod head;
pub mod lesion;
pub mod phantom;
pub mod render;
pub mod signal;
pub mod tissue;

pub use demo::{DemoScan, demo_scan};
pub use head::HeadSpec;
pub use lesion::{Enhancement, LesionKind, LesionSpec};
pub use phantom::{Cut, Phantom, slice, stack};
pub use render::render;
pub use signal::Sequence;
pub use tissue::{FieldStrength, Tissue};
