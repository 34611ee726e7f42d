//! Perceptual signatures of slices, to find images that are nearly the same.

use omnimri_image::Zyx;

use crate::stack::{Stack, shrink_mean};

/// Rows and columns of the thumbnail.
pub(crate) const SIDE: usize = 32;
/// Rows and columns of the lowest frequencies that make the hash.
const LOW: usize = 8;
/// Radius of the local mean that is taken from the thumbnail before it is compared.
const LOCAL: usize = 3;

/// Signs of the 63 lowest cosine frequencies of a slice and a thumbnail.
///
/// The hash is that of Zauner (Implementation and Benchmarking of Perceptual Image Hash Functions, 2010) with the sign in
/// place of the median: mirroring the image then turns the signs of the odd frequencies and transposing it swaps the
/// axes, so that the hashes of all eight layouts follow from one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Signature {
    /// Bit `v * 8 + u`: is the coefficient of `u` (along x) and `v` (along y) positive? Bit 0 is never set.
    pub hash: u64,
    /// The thumbnail without its local mean, scaled to bytes.
    pub thumb: Vec<i8>,
}

/// One of the eight layouts of a slice: mirrored along x, along y, then transposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    pub mirror_x: bool,
    pub mirror_y: bool,
    pub transpose: bool,
}

impl Layout {
    /// All eight; the first leaves the slice as it is.
    pub fn all() -> [Self; 8] {
        std::array::from_fn(|k| Self {
            mirror_x: k & 1 != 0,
            mirror_y: k & 2 != 0,
            transpose: k & 4 != 0,
        })
    }

    /// The hash of the slice in this layout.
    pub fn hash(self, hash: u64) -> u64 {
        // Bits whose frequency along x (or y) is odd.
        const ODD_X: u64 = 0xAAAA_AAAA_AAAA_AAAA;
        const ODD_Y: u64 = 0xFF00_FF00_FF00_FF00;
        let mut out = hash;
        if self.mirror_x {
            out ^= ODD_X;
        }
        if self.mirror_y {
            out ^= ODD_Y;
        }
        if self.transpose {
            let straight = out;
            out = (0..64).fold(0, |bits, k| {
                bits | (straight >> (k % 8 * 8 + k / 8) & 1) << k
            });
        }
        out & !1
    }

    /// Offset in the thumbnail of a slice of the pixel that lies at `k` in this layout.
    fn source(self, k: usize) -> usize {
        let (mut x, mut y) = (k % SIDE, k / SIDE);
        if self.transpose {
            (x, y) = (y, x);
        }
        if self.mirror_x {
            x = SIDE - 1 - x;
        }
        if self.mirror_y {
            y = SIDE - 1 - y;
        }
        y * SIDE + x
    }
}

impl Signature {
    /// The signature of slice `z`; `None` for a slice without structure.
    pub fn of_slice(stack: &Stack, z: usize) -> Option<Self> {
        let slice: Vec<f32> = stack.slice(z).iter().map(|&v| f32::from(v)).collect();
        let from = Zyx::new(1, stack.size.y, stack.size.x);
        let small = shrink_mean(&slice, from, Zyx::new(1, SIDE, SIDE));
        let thumb = thumb(&small)?;
        Some(Self {
            hash: hash(&small),
            thumb,
        })
    }

    /// Correlation of the thumbnails, `other` taken in a layout; -1 to 1.
    pub fn correlation(&self, other: &Self, layout: Layout) -> f32 {
        let (mut ab, mut aa, mut bb) = (0i64, 0i64, 0i64);
        for (k, &a) in self.thumb.iter().enumerate() {
            let b = i64::from(other.thumb[layout.source(k)]);
            let a = i64::from(a);
            ab += a * b;
            aa += a * a;
            bb += b * b;
        }
        let norm = ((aa as f64) * (bb as f64)).sqrt();
        if norm > 0.0 {
            (ab as f64 / norm) as f32
        } else {
            0.0
        }
    }
}

/// Signs of the low cosine frequencies of a thumbnail.
fn hash(small: &[f32]) -> u64 {
    let wave: Vec<f32> = (0..LOW * SIDE)
        .map(|k| {
            let (u, x) = (k / SIDE, k % SIDE);
            (std::f32::consts::PI * u as f32 * (x as f32 + 0.5) / SIDE as f32).cos()
        })
        .collect();
    let wave = |u: usize, x: usize| wave[u * SIDE + x];
    let mut bits = 0;
    for u in 0..LOW {
        let columns: Vec<f32> = small
            .chunks_exact(SIDE)
            .map(|row| row.iter().enumerate().map(|(x, v)| v * wave(u, x)).sum())
            .collect();
        for v in 0..LOW {
            let sum: f32 = columns
                .iter()
                .enumerate()
                .map(|(y, c)| c * wave(v, y))
                .sum();
            if (u, v) != (0, 0) && sum > 0.0 {
                bits |= 1u64 << (v * LOW + u);
            }
        }
    }
    bits
}

/// The thumbnail less its local mean, as bytes; `None` where nothing is left.
fn thumb(small: &[f32]) -> Option<Vec<i8>> {
    let detail: Vec<f32> = (0..SIDE * SIDE)
        .map(|k| {
            let near = |at: usize| at.saturating_sub(LOCAL)..(at + LOCAL + 1).min(SIDE);
            let (rows, columns) = (near(k / SIDE), near(k % SIDE));
            let n = (rows.len() * columns.len()) as f32;
            let sum: f32 = rows
                .map(|y| small[y * SIDE..][columns.clone()].iter().sum::<f32>())
                .sum();
            small[k] - sum / n
        })
        .collect();
    let most = detail.iter().fold(0f32, |m, v| m.max(v.abs()));
    // Less than one grey level is rounding.
    (most > 1.0).then(|| {
        detail
            .iter()
            .map(|v| (v / most * 127.0).round() as i8)
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harmonise::test_images::head;

    fn stack(voxels: &[f32], y: usize, x: usize) -> Stack {
        Stack::from_voxels(voxels, Zyx::new(1, y, x), None, None).unwrap()
    }

    #[test]
    fn the_hash_of_every_layout_follows_from_one() {
        let (ny, nx) = (61, 53);
        let voxels = head(Zyx::new(1, ny, nx), 8);
        let one = Signature::of_slice(&stack(&voxels, ny, nx), 0).unwrap();
        for layout in Layout::all() {
            let mut moved = Vec::new();
            let (my, mx) = if layout.transpose { (nx, ny) } else { (ny, nx) };
            for y in 0..my {
                for x in 0..mx {
                    let (mut sx, mut sy) = if layout.transpose { (y, x) } else { (x, y) };
                    if layout.mirror_x {
                        sx = nx - 1 - sx;
                    }
                    if layout.mirror_y {
                        sy = ny - 1 - sy;
                    }
                    moved.push(voxels[sy * nx + sx]);
                }
            }
            let other = Signature::of_slice(&stack(&moved, my, mx), 0).unwrap();
            let differing = (layout.hash(one.hash) ^ other.hash).count_ones();
            // A coefficient near 0 may change its sign by rounding.
            assert!(differing <= 2, "{layout:?}: {differing}");
            let right = other.correlation(&one, layout);
            assert!(right > 0.999, "{layout:?}");
            for wrong in Layout::all().into_iter().filter(|l| *l != layout) {
                assert!(other.correlation(&one, wrong) < right, "{layout:?}");
            }
        }
    }

    #[test]
    fn a_flat_slice_has_no_signature() {
        assert!(Signature::of_slice(&stack(&[1.0; 9], 3, 3), 0).is_none());
    }
}
