//! NIfTI-1 and NIfTI-2: `.nii`, `.nii.gz` and `.hdr` with `.img`, both byte orders, every real
//! numeric type.
//!
//! `header` parses and encodes the fixed part, `affine` turns it into a geometry with its trust,
//! `data` reads voxels, `source` hides compression and pairs, `sidecar` reads acquisition
//! parameters beside the file, `write` writes volumes and label maps.

mod affine;
mod data;
mod header;
mod read;
mod sidecar;
mod source;
mod write;

pub use header::{ByteOrder, Header, Version};
pub use read::{read_header, read_nifti};
pub use write::{encode_nifti, write_label_map, write_nifti, write_nifti_complex};

pub(crate) use data::{DataType, Decoded, decode_block, make_finite};
pub(crate) use source::{base_name, is_nifti_header, pair_of};
