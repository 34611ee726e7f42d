//! Lesions counted one by one, and volumes.

use omnimri_findings::components::components;
use omnimri_image::Zyx;

/// Lesions of a case: connected parts (corners touch) of the true and the found mask.
///
/// A true lesion is found if any of its voxels is drawn; a drawn one is false if it touches no true voxel. Source: the
/// detection counts of the MSSEG challenge (Commowick et al., Scientific Reports 8, 2018) with one voxel as the least overlap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LesionCounts {
    /// True lesions that were found.
    pub found: usize,
    /// True lesions that were missed.
    pub missed: usize,
    /// Drawn lesions without a true one.
    pub invented: usize,
}

impl LesionCounts {
    /// Counts of one case; `None` if a length does not fit the size.
    ///
    /// # Shapes
    /// - `truth`, `drawn`: `[z][y][x]` of `size`
    pub fn of(truth: &[bool], drawn: &[bool], size: Zyx<usize>) -> Option<Self> {
        if truth.len() != size.count() || drawn.len() != size.count() {
            return None;
        }
        let touched = |of: &[bool], by: &[bool]| {
            let parts = components(size, |k| of[k]);
            let mut hit = vec![false; parts.sizes.len()];
            for (part, by) in parts.part.iter().zip(by) {
                if let (true, Some(k)) = (*by, (*part as usize).checked_sub(1)) {
                    hit[k] = true;
                }
            }
            let n = hit.iter().filter(|h| **h).count();
            (n, hit.len() - n)
        };
        let (found, missed) = touched(truth, drawn);
        let (_, invented) = touched(drawn, truth);
        Some(Self {
            found,
            missed,
            invented,
        })
    }

    /// `2 found / (2 found + missed + invented)`; 1 where there is nothing and nothing was drawn.
    pub fn f1(self) -> f64 {
        let all = 2 * self.found + self.missed + self.invented;
        if all == 0 {
            1.0
        } else {
            2.0 * self.found as f64 / all as f64
        }
    }
}

impl std::ops::Add for LesionCounts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            found: self.found + other.found,
            missed: self.missed + other.missed,
            invented: self.invented + other.invented,
        }
    }
}

/// `(drawn - true) / true` of volumes or areas; `None` where there is none.
pub fn volume_error(drawn: f64, truth: f64) -> Option<f64> {
    let error = (drawn - truth) / truth;
    (truth > 0.0 && error.is_finite()).then_some(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(rows: &[&str]) -> Vec<bool> {
        let cells = rows.iter().flat_map(|r| r.bytes());
        cells.map(|b| b == b'#').collect()
    }

    #[test]
    fn by_hand() {
        let size = Zyx::new(1, 3, 7);
        let truth = bits(&["##....#", "..#....", "....##."]);
        let drawn = bits(&[".#.....", "......#", "#......"]);
        // The corner joins the first; (6, 0) touches (6, 1) by a face only in the drawn mask: no common voxel.
        let counts = LesionCounts::of(&truth, &drawn, size).unwrap();
        let expected = LesionCounts {
            found: 1,
            missed: 2,
            invented: 2,
        };
        assert_eq!(counts, expected);
        assert!((counts.f1() - 2.0 / 6.0).abs() < 1e-12);
        assert_eq!((counts + counts).missed, 4);
        let none = vec![false; 21];
        assert_eq!(LesionCounts::of(&none, &none, size).unwrap().f1(), 1.0);
        assert_eq!(LesionCounts::of(&truth, &none, size).unwrap().f1(), 0.0);
        assert_eq!(LesionCounts::of(&truth, &none[1..], size), None);
    }

    #[test]
    fn volumes() {
        assert_eq!(volume_error(3.0, 2.0), Some(0.5));
        assert_eq!(volume_error(0.0, 2.0), Some(-1.0));
        assert_eq!(volume_error(1.0, 0.0), None);
        assert_eq!(volume_error(f64::NAN, 1.0), None);
    }
}
