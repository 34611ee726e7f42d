//! Making datasets alike without losing what they were.
//!
//! - `quality`: noise, ghosts, focus, coverage, bias field, resolution, saturation of a volume

pub mod quality;
#[cfg(test)]
pub(crate) mod test_images;

pub use quality::Quality;
