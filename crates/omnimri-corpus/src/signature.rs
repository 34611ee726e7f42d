//! Perceptual signatures, to find images that are nearly the same.

use crate::stack::{Stack, shrink_mean};
use omnimri_image::Zyx;

/// Rows and columns of the difference hash; one column more is sampled.
const HASH_SIDE: usize = 16;
/// Rows and columns of the thumbnail.
const THUMB_SIDE: usize = 24;
/// Most differing bits of 256 at which two thumbnails are compared at all.
const MOST_BITS: u32 = 40;
/// Correlation of thumbnails from which two images count as nearly the same.
const LEAST_CORRELATION: f32 = 0.995;

/// What is kept of an image: a difference hash of 256 bits and a normalised thumbnail, both of the middle slice.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Signature {
    bits: [u64; 4],
    /// Mean 0 and norm 1, or all 0 for a flat image.
    thumb: Vec<f32>,
}

impl Signature {
    /// The signature of a stack's middle slice.
    pub fn of(stack: &Stack) -> Self {
        let slice: Vec<f32> = stack
            .slice(stack.size.z / 2)
            .iter()
            .map(|&v| f32::from(v))
            .collect();
        let from = Zyx::new(1, stack.size.y, stack.size.x);
        let small = shrink_mean(&slice, from, Zyx::new(1, HASH_SIDE, HASH_SIDE + 1));
        let mut bits = [0u64; 4];
        for (row, line) in small.chunks_exact(HASH_SIDE + 1).enumerate() {
            for x in 0..HASH_SIDE {
                let k = row * HASH_SIDE + x;
                bits[k / 64] |= u64::from(line[x] > line[x + 1]) << (k % 64);
            }
        }
        let mut thumb = shrink_mean(&slice, from, Zyx::new(1, THUMB_SIDE, THUMB_SIDE));
        let mean = thumb.iter().sum::<f32>() / thumb.len() as f32;
        thumb.iter_mut().for_each(|v| *v -= mean);
        let norm = thumb.iter().map(|v| v * v).sum::<f32>().sqrt();
        if norm > 1e-6 {
            thumb.iter_mut().for_each(|v| *v /= norm);
        } else {
            thumb.fill(0.0);
        }
        Self { bits, thumb }
    }

    /// The hash, then the thumbnail, all little-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        let bits = self.bits.iter().flat_map(|b| b.to_le_bytes());
        let thumb = self.thumb.iter().flat_map(|v| v.to_le_bytes());
        bits.chain(thumb).collect()
    }

    /// What [`Signature::to_bytes`] wrote; `None` for another length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (bits, thumb) = bytes.split_at_checked(size_of::<[u64; 4]>())?;
        if thumb.len() != THUMB_SIDE * THUMB_SIDE * size_of::<f32>() {
            return None;
        }
        let mut out = Self {
            bits: [0; 4],
            thumb: Vec::with_capacity(THUMB_SIDE * THUMB_SIDE),
        };
        for (word, bytes) in out.bits.iter_mut().zip(bits.as_chunks().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        let values = thumb.as_chunks().0.iter();
        out.thumb.extend(values.map(|b| f32::from_le_bytes(*b)));
        Some(out)
    }

    /// The correlation of two images if they are nearly the same.
    pub fn near(&self, other: &Self) -> Option<f32> {
        let differing: u32 = self
            .bits
            .iter()
            .zip(&other.bits)
            .map(|(a, b)| (a ^ b).count_ones())
            .sum();
        if differing > MOST_BITS {
            return None;
        }
        let correlation = self
            .thumb
            .iter()
            .zip(&other.thumb)
            .map(|(a, b)| a * b)
            .sum::<f32>();
        (correlation >= LEAST_CORRELATION).then_some(correlation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(seed: f32, brightness: f32) -> Stack {
        let size = Zyx::new(1, 53, 47);
        let voxels: Vec<f32> = (0..size.count())
            .map(|k| {
                let (x, y) = ((k % 47) as f32, (k / 47) as f32);
                brightness * (2.0 + (x * seed).sin() + (y * seed * 0.7 + seed).cos())
            })
            .collect();
        Stack::from_voxels(&voxels, size, None, None).unwrap()
    }

    #[test]
    fn brightness_and_size_do_not_hide_a_copy() {
        let one = Signature::of(&picture(0.31, 1.0));
        assert!(one.near(&Signature::of(&picture(0.31, 7.0))).is_some());
        assert!(one.near(&Signature::of(&picture(0.37, 1.0))).is_none());
        assert_eq!(Signature::from_bytes(&one.to_bytes()), Some(one));
        assert_eq!(Signature::from_bytes(&[0; 40]), None);
        let flat = Stack::from_voxels(&[1.0; 9], Zyx::new(1, 3, 3), None, None).unwrap();
        assert!(Signature::of(&flat).near(&Signature::of(&flat)).is_none());
    }
}
