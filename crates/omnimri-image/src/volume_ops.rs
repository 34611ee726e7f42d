//! Geometry-aware operations: reorientation with its exact inverse, imaging plane, percentiles.

use rayon::prelude::*;

use crate::{Affine, Geometry, Plane, Volume, Zyx};

/// An axis permutation with flips: one of the 48 ways to lay out the same volume.
///
/// Axis `a` of the output (0 = i, 1 = j, 2 = k) is axis `source[a]` of the input, reversed where
/// `flip[a]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AxisMap {
    source: [usize; 3],
    flip: [bool; 3],
}

impl AxisMap {
    /// Leaves everything as it is.
    pub const IDENTITY: Self = Self {
        source: [0, 1, 2],
        flip: [false; 3],
    };

    /// From the input axis of each output axis (a permutation of 0, 1, 2) and whether it is
    /// reversed.
    ///
    /// Returns `None` if `source` is no permutation.
    pub fn new(source: [usize; 3], flip: [bool; 3]) -> Option<Self> {
        let mut sorted = source;
        sorted.sort_unstable();
        (sorted == [0, 1, 2]).then_some(Self { source, flip })
    }

    /// All 48 maps.
    pub fn all() -> Vec<Self> {
        let mut maps = Vec::with_capacity(48);
        for code in 0..27_usize {
            let source = [code / 9, code / 3 % 3, code % 3];
            for bits in 0..8 {
                let flip = std::array::from_fn(|a| bits >> a & 1 == 1);
                maps.extend(Self::new(source, flip));
            }
        }
        maps
    }

    /// The map that brings `affine`'s axes closest to R, A, S.
    pub fn to_canonical(affine: &Affine) -> Self {
        let mut map = Self::IDENTITY;
        for (axis, (world, sign)) in affine.closest_axes().into_iter().enumerate() {
            map.source[world] = axis;
            map.flip[world] = sign < 0.0;
        }
        map
    }

    /// The map that undoes this one.
    pub fn invert(&self) -> Self {
        let mut inverse = Self::IDENTITY;
        for a in 0..3 {
            inverse.source[self.source[a]] = a;
            inverse.flip[self.source[a]] = self.flip[a];
        }
        inverse
    }

    /// Size of the output for an input of `size`.
    pub fn size(&self, size: Zyx<usize>) -> Zyx<usize> {
        let n = [size.x, size.y, size.z];
        let [x, y, z] = self.source.map(|s| n[s]);
        Zyx::new(z, y, x)
    }

    /// Rearranges one frame `[z][y][x]` of `size`.
    ///
    /// # Panics
    /// If `data` is not `size.count()` long.
    pub fn apply<T: Copy + Send + Sync>(&self, data: &[T], size: Zyx<usize>) -> Vec<T> {
        assert_eq!(data.len(), size.count(), "data must fill the grid");
        if *self == Self::IDENTITY || data.is_empty() {
            return data.to_vec();
        }
        let n = [size.x, size.y, size.z];
        let stride = [1, size.x as isize, (size.x * size.y) as isize];
        let out = self.size(size);
        let step: [isize; 3] = std::array::from_fn(|a| {
            if self.flip[a] {
                -stride[self.source[a]]
            } else {
                stride[self.source[a]]
            }
        });
        let first: isize = (0..3)
            .filter(|&a| self.flip[a])
            .map(|a| stride[self.source[a]] * (n[self.source[a]] as isize - 1))
            .sum();
        let mut result = vec![data[0]; data.len()];
        result
            .par_chunks_mut(out.y * out.x)
            .enumerate()
            .for_each(|(k, slice)| {
                for (j, row) in slice.chunks_mut(out.x).enumerate() {
                    let mut at = first + k as isize * step[2] + j as isize * step[1];
                    for value in row {
                        *value = data[at as usize];
                        at += step[0];
                    }
                }
            });
        result
    }

    /// The geometry of the rearranged grid: every voxel keeps its place in world space.
    pub fn apply_geometry(&self, geometry: &Geometry) -> Geometry {
        let n = [geometry.size.x, geometry.size.y, geometry.size.z];
        let mut to_source = [[0.0; 4]; 4];
        for a in 0..3 {
            let s = self.source[a];
            to_source[s][a] = if self.flip[a] { -1.0 } else { 1.0 };
            if self.flip[a] {
                to_source[s][3] = n[s] as f64 - 1.0;
            }
        }
        to_source[3][3] = 1.0;
        Geometry {
            size: self.size(geometry.size),
            affine: geometry.affine.compose(&Affine(to_source)),
            orientation: geometry.orientation.clone(),
            spacing: geometry.spacing.clone(),
        }
    }
}

/// The volume with its axes closest to R, A, S, and the map that was applied (invert it to bring
/// masks back).
pub fn reorient_to_canonical(volume: &Volume) -> (Volume, AxisMap) {
    let map = AxisMap::to_canonical(&volume.geometry.affine);
    (reorient(volume, map), map)
}

/// The volume rearranged by `map`, every frame alike.
pub fn reorient(volume: &Volume, map: AxisMap) -> Volume {
    let size = volume.geometry.size;
    let voxels = if map == AxisMap::IDENTITY {
        volume.voxels.clone()
    } else {
        (0..volume.n_frames)
            .flat_map(|f| map.apply(volume.frame(f), size))
            .collect()
    };
    let geometry = map.apply_geometry(&volume.geometry);
    let mut acquisition = volume.acquisition.clone();
    if acquisition.plane.is_some() {
        acquisition.plane = plane_of(&geometry).or(acquisition.plane);
    }
    Volume {
        voxels,
        n_frames: volume.n_frames,
        geometry,
        acquisition,
        source: volume.source,
        warnings: volume.warnings.clone(),
    }
}

/// Plane of the stored slices (normal along `k`), if the orientation is trusted.
pub fn plane_of(geometry: &Geometry) -> Option<Plane> {
    geometry
        .orientation
        .is_trusted()
        .then(|| match geometry.affine.closest_axes()[2].0 {
            0 => Plane::Sagittal,
            1 => Plane::Coronal,
            _ => Plane::Axial,
        })
}

/// Percentiles (0 to 100, linear between neighbours, as numpy's default) of finite values; empty
/// for no values.
pub fn percentiles(values: &[f32], percents: &[f64]) -> Vec<f32> {
    if values.is_empty() {
        return Vec::new();
    }
    let mut order: Vec<usize> = (0..percents.len()).collect();
    order.sort_by(|&a, &b| percents[a].total_cmp(&percents[b]));
    let mut sorted = values.to_vec();
    let last = sorted.len() - 1;
    let mut result = vec![0.0; percents.len()];
    // Each selection leaves everything below it in place, so the next works on the rest only.
    let mut from = 0;
    for p in order {
        let rank = (percents[p].clamp(0.0, 100.0) / 100.0 * last as f64).min(last as f64);
        let low = rank.floor() as usize;
        let (_, &mut a, above) = sorted[from..].select_nth_unstable_by(low - from, f32::total_cmp);
        let b = above.iter().copied().fold(f32::INFINITY, f32::min);
        let t = (rank - low as f64) as f32;
        result[p] = if t > 0.0 && b.is_finite() {
            a + (b - a) * t
        } else {
            a
        };
        from = low;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Trust;

    fn geometry() -> Geometry {
        let affine = Affine([
            [0.1, -0.9, 0.2, 4.0],
            [-0.8, 0.1, 0.1, -3.0],
            [0.1, 0.2, 2.0, 9.0],
            [0.0, 0.0, 0.0, 1.0],
        ]);
        let size = Zyx::new(3, 5, 7);
        Geometry {
            size,
            affine,
            orientation: Trust::Trusted,
            spacing: Trust::Trusted,
        }
    }

    #[test]
    fn all_48_maps_keep_places_and_invert_exactly() {
        let g = geometry();
        let data: Vec<u32> = (0..g.size.count() as u32).collect();
        let maps = AxisMap::all();
        assert_eq!(maps.len(), 48);
        for map in maps {
            let moved = map.apply(&data, g.size);
            let mg = map.apply_geometry(&g);
            assert_eq!(map.invert().apply(&moved, mg.size), data);
            let back = map.invert().apply_geometry(&mg);
            assert_eq!(back.size, g.size);
            for r in 0..3 {
                for c in 0..4 {
                    assert!((back.affine.0[r][c] - g.affine.0[r][c]).abs() < 1e-9);
                }
            }
            // The value at a world position is the same in both layouts.
            let to_source = g.affine.inverse().unwrap().compose(&mg.affine);
            for (i, j, k) in [(0, 0, 0), (1, 2, 0), (2, 1, 1)] {
                let s = to_source
                    .apply([i as f64, j as f64, k as f64])
                    .map(|v| v.round() as usize);
                assert_eq!(
                    moved[mg.size.offset(i, j, k)],
                    data[g.size.offset(s[0], s[1], s[2])]
                );
            }
            // From every layout the canonical one is reached.
            let canonical = AxisMap::to_canonical(&mg.affine).apply_geometry(&mg);
            assert_eq!(canonical.affine.orientation_code(), "RAS");
        }
    }

    #[test]
    fn percentiles_interpolate_as_numpy() {
        let values: Vec<f32> = (0..10).rev().map(|v| v as f32).collect();
        assert_eq!(
            percentiles(&values, &[100.0, 0.0, 50.0, 25.0]),
            [9.0, 0.0, 4.5, 2.25]
        );
        assert!(percentiles(&[], &[1.0]).is_empty());
        assert_eq!(percentiles(&[3.0], &[0.0, 99.0]), [3.0, 3.0]);
    }

    #[test]
    fn plane_follows_the_slice_normal() {
        let mut g = geometry();
        assert_eq!(plane_of(&g), Some(Plane::Axial));
        g.orientation = Trust::Untrusted("test".into());
        assert_eq!(plane_of(&g), None);
    }
}
