//! How a slice is turned for display, and what stands at its edges.
//!
//! Radiological convention, only where orientation is trusted: the patient's right is on the image's left, anterior is at the top of
//! axial slices and on the left of sagittal ones, superior is at the top of the others. An untrusted slice is shown as stored.

use omnimri_image::Geometry;

/// Turns the `[y][x]` grid of a slice into display rows and columns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct View {
    /// Columns of the display are rows of the slice.
    transpose: bool,
    flip_columns: bool,
    flip_rows: bool,
    /// Columns and rows of the display in voxels.
    pub(crate) columns: usize,
    pub(crate) rows: usize,
    /// Height of a display pixel over its width; 1 where spacing is not trusted.
    pub(crate) aspect: f64,
    /// Width of the display in millimetres, where spacing is trusted.
    pub(crate) width_mm: Option<f64>,
    /// Letters at the left, right, top and bottom edges, where orientation is trusted.
    pub(crate) letters: Option<[char; 4]>,
}

const LETTERS: [[char; 2]; 3] = [['L', 'R'], ['P', 'A'], ['I', 'S']];

impl View {
    /// The view of slices normal to the third axis.
    pub(crate) fn of(geometry: &Geometry) -> Self {
        let axes = geometry.affine.closest_axes();
        let trusted = geometry.orientation.is_trusted();
        // Right-left runs across wherever it lies in the slice; anterior-posterior does in sagittal slices.
        let normal = axes[2].0;
        let across = if normal == 0 { 1 } else { 0 };
        let transpose = trusted && axes[0].0 != across;
        let (column_axis, row_axis) = if transpose { (1, 0) } else { (0, 1) };
        // To the right and downwards run L, P and I.
        let flip = |axis: usize| trusted && axes[axis].1 > 0.0;
        let size = [geometry.size.x, geometry.size.y];
        let mm = geometry.trusted_spacing_mm().map(|mm| [mm.x, mm.y]);
        let (columns, rows) = (size[column_axis], size[row_axis]);
        let letters = trusted.then(|| {
            let ends = |axis: usize| {
                let [low, high] = LETTERS[axes[axis].0];
                [high, low]
            };
            let ([left, right], [top, bottom]) = (ends(column_axis), ends(row_axis));
            [left, right, top, bottom]
        });
        Self {
            transpose,
            flip_columns: flip(column_axis),
            flip_rows: flip(row_axis),
            columns,
            rows,
            aspect: mm.map_or(1.0, |mm| mm[row_axis] / mm[column_axis]),
            width_mm: mm.map(|mm| mm[column_axis] * columns as f64),
            letters,
        }
    }

    /// A plain grid, shown as it is.
    pub(crate) const fn plain(columns: usize, rows: usize) -> Self {
        Self {
            transpose: false,
            flip_columns: false,
            flip_rows: false,
            columns,
            rows,
            aspect: 1.0,
            width_mm: None,
            letters: None,
        }
    }

    /// A slice `[y][x]` turned into display order `[row][column]`.
    pub(crate) fn apply<T: Copy>(&self, slice: &[T]) -> Vec<T> {
        let mut out = Vec::with_capacity(slice.len());
        for row in 0..self.rows {
            let row = if self.flip_rows {
                self.rows - 1 - row
            } else {
                row
            };
            for column in 0..self.columns {
                let column = if self.flip_columns {
                    self.columns - 1 - column
                } else {
                    column
                };
                out.push(if self.transpose {
                    slice[column * self.rows + row]
                } else {
                    slice[row * self.columns + column]
                });
            }
        }
        out
    }

    /// Size of a picture whose longer edge has at least `longest` pixels and whose voxels keep their aspect.
    pub(crate) fn picture_size(&self, longest: u32) -> (u32, u32) {
        let aspect = if self.aspect.is_finite() {
            self.aspect.clamp(0.05, 20.0)
        } else {
            1.0
        };
        // The finer direction keeps one pixel a voxel before scaling up.
        let (w, h) = (
            self.columns.max(1) as f64 * (1.0 / aspect).max(1.0),
            self.rows.max(1) as f64 * aspect.max(1.0),
        );
        let scale = (f64::from(longest) / w.max(h)).clamp(1e-3, 64.0);
        // Large pictures are brought down so that a report stays small.
        let scale = if scale < 1.0 {
            scale.max(MOST_PIXELS / w.max(h)).min(1.0)
        } else {
            scale
        };
        let at_least_one = |v: f64| (v * scale).round().clamp(1.0, MOST_PIXELS) as u32;
        (at_least_one(w), at_least_one(h))
    }
}

/// Longest edge of a picture in a report.
const MOST_PIXELS: f64 = 1024.0;

#[cfg(test)]
mod tests {
    use super::*;
    use omnimri_image::{Affine, Trust, Zyx};

    fn geometry(affine: [[f64; 4]; 3], trusted: bool) -> Geometry {
        let trust = if trusted {
            Trust::Trusted
        } else {
            Trust::Untrusted("none".into())
        };
        let [a, b, c] = affine;
        Geometry {
            size: Zyx::new(2, 5, 7),
            affine: Affine([a, b, c, [0.0, 0.0, 0.0, 1.0]]),
            orientation: trust.clone(),
            spacing: trust,
        }
    }

    #[test]
    fn an_axial_ras_slice_is_flipped_both_ways() {
        let g = geometry(
            [
                [2.0, 0.0, 0.0, 0.0],
                [0.0, 3.0, 0.0, 0.0],
                [0.0, 0.0, 4.0, 0.0],
            ],
            true,
        );
        let view = View::of(&g);
        assert_eq!(view.letters, Some(['R', 'L', 'A', 'P']));
        let slice: Vec<usize> = (0..35).collect();
        assert_eq!(view.apply(&slice)[0], 34);
        assert_eq!((view.aspect, view.width_mm), (1.5, Some(14.0)));
    }

    #[test]
    fn a_sagittal_slice_stored_on_its_side_stands_up() {
        // i runs superior, j runs anterior, k runs right.
        let g = geometry(
            [
                [0.0, 0.0, 1.0, 0.0],
                [0.0, 2.0, 0.0, 0.0],
                [1.0, 0.0, 0.0, 0.0],
            ],
            true,
        );
        let view = View::of(&g);
        assert_eq!(view.letters, Some(['A', 'P', 'S', 'I']));
        assert_eq!((view.columns, view.rows), (5, 7));
        let slice: Vec<usize> = (0..35).collect();
        // Top left is the most anterior and superior voxel: the last of both axes.
        assert_eq!(view.apply(&slice)[0], 34);
        assert_eq!(view.apply(&slice)[1], 27);
    }

    #[test]
    fn an_untrusted_slice_is_left_alone() {
        let g = geometry(
            [
                [9.0, 0.0, 0.0, 0.0],
                [0.0, 1.0, 0.0, 0.0],
                [0.0, 0.0, 1.0, 0.0],
            ],
            false,
        );
        let view = View::of(&g);
        let slice: Vec<usize> = (0..35).collect();
        assert_eq!(view.apply(&slice), slice);
        assert_eq!(
            (view.letters, view.width_mm, view.aspect),
            (None, None, 1.0)
        );
        assert_eq!(view.picture_size(384), (384, 274));
        assert_eq!(View::plain(5000, 100).picture_size(384), (1024, 20));
        assert_eq!(View::plain(512, 512).picture_size(384), (512, 512));
    }
}
