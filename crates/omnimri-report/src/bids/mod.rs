//! Results as BIDS derivatives, and which files of a BIDS dataset are read (Brain Imaging Data Structure 1.10).
//!
//! - `name`: the entities of a file name, taken from a BIDS input or made for any other
//! - `tree`: the inputs of `omnimri bids BIDS_DIR OUT participant`
//! - `write`: `_dseg.nii.gz`, its lookup table and sidecar, the report, and the description of the dataset

mod name;
mod tree;
mod write;

pub use name::BidsName;
pub use tree::{BidsInput, bids_inputs};
pub use write::{write_bids, write_bids_description};
