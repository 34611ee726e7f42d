//! One row of a shard: an example with its text and the terms under which it came.

use omnimri_image::Zyx;

use super::png::{self, Content};
use crate::describe::Description;
use crate::example::Example;
use crate::harmonise::Quality;
use crate::harmonise::near::Signatures;
use crate::instruct::Instruction;

/// An example with what was made of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The example on the grid of its source (or shrunk, if the build was told to).
    pub example: Example,
    /// The five-level description.
    pub description: Description,
    /// What may be asked of it, with the right answers.
    pub instructions: Vec<Instruction>,
    /// Measures of the image's quality.
    pub quality: Quality,
    /// Name of the licence of its dataset.
    pub licence: String,
}

/// A record whose pixels are compressed.
#[derive(Debug)]
pub(crate) struct Packed {
    /// Everything but the pixels: voxels and labels are empty.
    pub record: Record,
    /// One PNG a slice.
    pub slices: Vec<Vec<u8>>,
    /// One PNG a slice, where someone outlined something.
    pub labels: Option<Vec<Vec<u8>>>,
    pub signature: Signatures,
    /// Bytes of voxels and labels when decoded.
    pub n_decoded: u64,
}

impl Packed {
    /// Compresses the pixels of a record.
    pub fn new(mut record: Record, signature: Signatures) -> Result<Self, String> {
        let image = &mut record.example.image;
        let voxels = std::mem::take(&mut image.voxels);
        let size = image.size;
        let labels = record.example.labels.as_mut().map(std::mem::take);
        let encode = |pixels: &[u8], content| {
            if size.count() == 0 || pixels.len() != size.count() {
                return Err(format!(
                    "{} pixels do not fill {} x {} x {} (z, y, x)",
                    pixels.len(),
                    size.z,
                    size.y,
                    size.x
                ));
            }
            png::encode(pixels, size, content).map_err(|e| e.to_string())
        };
        Ok(Self {
            slices: encode(&voxels, Content::Grey)?,
            labels: labels
                .as_deref()
                .map(|l| encode(l, Content::Labels))
                .transpose()?,
            n_decoded: decoded_bytes(size, labels.is_some()),
            record,
            signature,
        })
    }

    /// Bytes of the compressed pixels.
    pub fn n_bytes(&self) -> u64 {
        let all = self.slices.iter().chain(self.labels.iter().flatten());
        all.map(|png| png.len() as u64).sum()
    }
}

/// Bytes of the voxels of an example, and of its labels.
pub(crate) fn decoded_bytes(size: Zyx<usize>, with_labels: bool) -> u64 {
    size.count() as u64 * if with_labels { 2 } else { 1 }
}
