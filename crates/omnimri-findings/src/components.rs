//! Connected parts of a mask.

use omnimri_image::Zyx;

/// The connected parts of a mask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Components {
    /// Part number of every voxel `[z][y][x]`; 0 is background, parts count from 1 in scan order.
    pub part: Vec<u32>,
    /// Voxels of every part; entry 0 belongs to part 1.
    pub sizes: Vec<usize>,
}

impl Components {
    /// Number of the part with the most voxels (the first of equals); `None` for an empty mask.
    pub fn largest(&self) -> Option<u32> {
        let mut best = None;
        for (k, &n) in self.sizes.iter().enumerate() {
            if best.is_none_or(|(_, most)| n > most) {
                best = Some((k as u32 + 1, n));
            }
        }
        best.map(|(k, _)| k)
    }
}

/// Splits the voxels for which `inside` holds into parts that touch by a face, an edge or a corner.
///
/// 26 neighbours in 3D, and so 8 within a slice. Linear in the number of voxels. Offsets follow `size` in C order.
pub fn components(size: Zyx<usize>, inside: impl Fn(usize) -> bool) -> Components {
    let mut part = vec![0u32; size.count()];
    let mut sizes = Vec::new();
    let mut stack = Vec::new();
    for start in 0..part.len() {
        if part[start] != 0 || !inside(start) {
            continue;
        }
        let number = sizes.len() as u32 + 1;
        let mut n = 0;
        part[start] = number;
        stack.push(start);
        while let Some(at) = stack.pop() {
            n += 1;
            let (x, y, z) = (at % size.x, at / size.x % size.y, at / (size.x * size.y));
            for k in z.saturating_sub(1)..(z + 2).min(size.z) {
                for j in y.saturating_sub(1)..(y + 2).min(size.y) {
                    for i in x.saturating_sub(1)..(x + 2).min(size.x) {
                        let next = size.offset(i, j, k);
                        if part[next] == 0 && inside(next) {
                            part[next] = number;
                            stack.push(next);
                        }
                    }
                }
            }
        }
        sizes.push(n);
    }
    Components { part, sizes }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(rows: &[&str]) -> (Zyx<usize>, Vec<bool>) {
        let bits = rows
            .iter()
            .flat_map(|r| r.bytes().map(|b| b == b'#'))
            .collect();
        (Zyx::new(1, rows.len(), rows[0].len()), bits)
    }

    #[test]
    fn corners_connect_in_a_slice() {
        let (size, bits) = mask(&["#..##", ".#...", "....#"]);
        let c = components(size, |k| bits[k]);
        assert_eq!(c.sizes, [2, 2, 1]);
        assert_eq!(c.largest(), Some(1));
    }

    #[test]
    fn corners_connect_across_slices_but_rows_do_not_wrap() {
        let size = Zyx::new(2, 2, 3);
        let mut bits = vec![false; size.count()];
        bits[size.offset(2, 0, 0)] = true;
        bits[size.offset(1, 1, 1)] = true;
        assert_eq!(components(size, |k| bits[k]).sizes, [2]);
        bits[size.offset(1, 1, 1)] = false;
        bits[size.offset(0, 1, 0)] = true;
        assert_eq!(components(size, |k| bits[k]).sizes, [1, 1]);
    }

    #[test]
    fn an_empty_mask_has_no_parts() {
        let c = components(Zyx::new(3, 5, 7), |_| false);
        assert_eq!((c.sizes.len(), c.largest()), (0, None));
    }
}
