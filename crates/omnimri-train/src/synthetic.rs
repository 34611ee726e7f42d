//! tmp
use crate::{batch::*, config::Ingredient};
pub fn batch(_s: u64, _t: u64, _i: &Ingredient) -> DenseBatch { DenseBatch { slices: Slices::default(), tasks: vec![], masks: vec![], classes: Default::default() } }
