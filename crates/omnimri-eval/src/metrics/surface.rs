//! How far the surfaces of two masks lie from each other.
//!
//! A surface is made of the voxels of a mask that touch, by a face, a voxel outside it or the border of the grid (in a single
//! slice: by an edge). Distances are Euclidean between voxel centres, in mm where the spacing is in mm. These are the
//! definitions of MONAI's `compute_surface_dice` and `compute_hausdorff_distance`.

use omnimri_image::Zyx;

use super::distance::squared_distance;

/// Distances from each surface voxel of one mask to the nearest surface voxel of the other.
#[derive(Debug, Clone, PartialEq)]
pub struct SurfaceDistances {
    /// From the first mask's surface to the second's, in scan order.
    pub to_second: Vec<f64>,
    /// From the second mask's surface to the first's.
    pub to_first: Vec<f64>,
}

/// Surface distances of two masks. Where one mask is empty the other's distances are infinite.
///
/// `None` if a length does not fit the size, or a spacing is not positive.
///
/// # Shapes
/// - `a`, `b`: `[z][y][x]` of `size`
pub fn surface_distances(
    a: &[bool],
    b: &[bool],
    size: Zyx<usize>,
    spacing_mm: Zyx<f64>,
) -> Option<SurfaceDistances> {
    let positive = |v: f64| v > 0.0 && v.is_finite();
    let usable = [spacing_mm.x, spacing_mm.y, spacing_mm.z]
        .into_iter()
        .all(positive);
    if a.len() != size.count() || b.len() != size.count() || !usable {
        return None;
    }
    let (a, b) = (surface(a, size), surface(b, size));
    let from = |of: &[bool], to: &[bool]| {
        let field = squared_distance(to, size, spacing_mm);
        let kept = field.iter().zip(of).filter(|(_, of)| **of);
        kept.map(|(d, _)| d.sqrt()).collect()
    };
    Some(SurfaceDistances {
        to_second: from(&a, &b),
        to_first: from(&b, &a),
    })
}

impl SurfaceDistances {
    /// Surface Dice (normalised surface distance) at a tolerance: the share of both surfaces that lies within `tolerance_mm` of
    /// the other; 1 if both masks are empty, 0 if one is. Source: Nikolov et al., J Med Internet Res 23 (2021).
    pub fn surface_dice(&self, tolerance_mm: f64) -> f64 {
        let all = self.to_second.len() + self.to_first.len();
        let near = |d: &[f64]| d.iter().filter(|d| **d <= tolerance_mm).count();
        if all == 0 {
            return 1.0;
        }
        (near(&self.to_second) + near(&self.to_first)) as f64 / all as f64
    }

    /// The larger of the two directed 95th percentiles (linear between ranks), in mm; 0 if both masks are empty, `None` if one
    /// is: there is no distance to nothing. Source: Huttenlocher et al., IEEE TPAMI 15 (1993), made robust.
    pub fn hausdorff_95(&self) -> Option<f64> {
        if self.to_second.is_empty() && self.to_first.is_empty() {
            return Some(0.0);
        }
        let far = percentile_95(&self.to_second)?.max(percentile_95(&self.to_first)?);
        far.is_finite().then_some(far)
    }
}

fn percentile_95(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = 0.95 * sorted.len().checked_sub(1)? as f64;
    let (low, high) = (place.floor() as usize, place.ceil() as usize);
    Some(sorted[low] + (sorted[high] - sorted[low]) * (place - low as f64))
}

/// Voxels of the mask with a neighbour outside it; beyond the grid is outside.
fn surface(mask: &[bool], size: Zyx<usize>) -> Vec<bool> {
    let (nx, nxy) = (size.x, size.x * size.y);
    let inner = |at: usize| {
        let (x, y, z) = (at % nx, at / nx % size.y, at / nxy);
        let within = |i: usize, n: usize, stride: usize| {
            i > 0 && i + 1 < n && mask[at - stride] && mask[at + stride]
        };
        within(x, size.x, 1)
            && within(y, size.y, nx)
            // A single slice has no surface above and below.
            && (size.z == 1 || within(z, size.z, nxy))
    };
    (0..mask.len()).map(|at| mask[at] && !inner(at)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MM: Zyx<f64> = Zyx {
        z: 2.0,
        y: 1.0,
        x: 0.5,
    };

    fn block(size: Zyx<usize>, x: std::ops::Range<usize>) -> Vec<bool> {
        let inside =
            |k: usize| x.contains(&(k % size.x)) && (1..4).contains(&(k / size.x % size.y));
        (0..size.count()).map(inside).collect()
    }

    #[test]
    fn a_shift_by_hand() {
        let size = Zyx::new(1, 6, 12);
        // Two 3 x 3 blocks, two columns (1 mm) apart.
        let (a, b) = (block(size, 2..5), block(size, 4..7));
        let d = surface_distances(&a, &b, size, MM).unwrap();
        assert_eq!((d.to_first.len(), d.to_second.len()), (8, 8));
        // Column 4 of both belongs to both surfaces.
        let zero = d.to_second.iter().filter(|d| **d == 0.0).count();
        assert_eq!(zero, 3);
        assert_eq!(d.hausdorff_95(), Some(1.0));
        assert_eq!(d.surface_dice(1.0), 1.0);
        // In each direction three voxels at 0 and the two of column 3 (or 5) next to them at half a millimetre.
        assert_eq!(d.surface_dice(0.5), 10.0 / 16.0);
    }

    #[test]
    fn thickness_and_the_grid_border() {
        let size = Zyx::new(3, 3, 3);
        let full = vec![true; 27];
        assert_eq!(surface(&full, size).iter().filter(|s| **s).count(), 26);
        let slice = surface(&[true; 9], Zyx::new(1, 3, 3));
        assert_eq!(slice.iter().filter(|s| **s).count(), 8);
    }

    #[test]
    fn empty_masks() {
        let size = Zyx::new(1, 6, 12);
        let (a, none) = (block(size, 2..5), vec![false; 72]);
        let one = surface_distances(&a, &none, size, MM).unwrap();
        assert_eq!((one.surface_dice(9.0), one.hausdorff_95()), (0.0, None));
        let both = surface_distances(&none, &none, size, MM).unwrap();
        assert_eq!(
            (both.surface_dice(1.0), both.hausdorff_95()),
            (1.0, Some(0.0))
        );
        assert!(surface_distances(&a, &none[1..], size, MM).is_none());
        assert!(surface_distances(&a, &a, size, Zyx::new(1.0, 0.0, 1.0)).is_none());
    }
}
