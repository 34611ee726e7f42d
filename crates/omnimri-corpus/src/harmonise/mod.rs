//! Making datasets alike without losing what they were.
//!
//! - `quality`: noise, ghosts, focus, coverage, bias field, resolution, saturation of a volume
//! - `grid`: how a volume was turned and its intensities scaled, so that both can be undone
//! - `recognise`: sequence and plane from headers, file names and, where they are silent, the image
//! - `near`: images that are nearly the same, within a set and across sets
//! - `guard`: parts of a dataset whose subjects are not named
//! - `deidentify`: DICOM files without the people in them
//! - `burnt_in`, `face`: what pixels may still tell of a person

pub mod burnt_in;
pub mod deidentify;
pub mod face;
pub mod grid;
pub mod guard;
pub mod near;
pub mod quality;
pub mod recognise;
#[cfg(test)]
pub(crate) mod test_images;

pub use burnt_in::BurntIn;
pub use face::{Face, face};
pub use grid::{GridRecord, IntensityRecord};
pub use near::{NearOptions, NearReport, near_duplicates};
pub use quality::Quality;
pub use recognise::{Recognised, Source};
