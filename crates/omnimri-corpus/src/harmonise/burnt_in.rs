//! Text burnt into an image: names, dates and scanner settings that a viewer wrote over the pixels.

use omnimri_findings::components::components;
use omnimri_image::Zyx;
use serde::{Deserialize, Serialize};

use crate::stack::Stack;

/// Least brightness of a glyph, in units of the window.
const LEAST_BRIGHT: f32 = 0.15;
/// How many times brighter than the mean of its surroundings a glyph is.
const LEAST_CONTRAST: f32 = 2.0;
/// Half of the side of those surroundings, in pixels.
const AROUND: usize = 7;
/// Least height of a glyph in pixels; smaller text cannot be told from noise.
const LEAST_HEIGHT: usize = 4;
/// Largest height and width of a glyph as a share of the image's longer side.
const MOST_HEIGHT: f32 = 0.06;
const MOST_WIDTH: f32 = 0.08;
/// Text stands within this share of the image's sides from its border.
const BORDER: f32 = 0.25;
/// Glyphs in one line from which it is text.
const LINE: usize = 5;
/// Slices of a volume that are looked at.
const SLICES: usize = 5;

/// What a search for burnt-in text found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BurntIn {
    /// Most glyph-like spots in one line of a slice.
    pub glyphs: usize,
    /// True from five: there is probably text. False says that none was found, not that there is none.
    pub suspected: bool,
}

#[derive(Clone, Copy)]
struct Spot {
    y: [usize; 2],
    x: [usize; 2],
    n: usize,
}

impl BurntIn {
    /// Looks at up to five slices, the first and the last among them.
    ///
    /// Measured with a prototype of the same rule on published sets: found in all of 82 head images from a teaching file, all
    /// of which carry text; in 13 of 245 slices from mixed sources, all of which do; in none of 250 tumour, 158 heart, 142
    /// spine and 96 stripped brain slices.
    ///
    /// A line of text is a row of bright spots on dark ground near the border, alike in height, on one line and close
    /// together. Text over bright tissue, vertical text and glyphs lower than four pixels are not found.
    pub fn of(stack: &Stack) -> Self {
        let last = stack.size.z.saturating_sub(1);
        let n = SLICES.min(stack.size.z);
        let mut at: Vec<usize> = (0..n)
            .map(|k| if n > 1 { k * last / (n - 1) } else { 0 })
            .collect();
        at.dedup();
        let glyphs = at
            .into_iter()
            .map(|z| longest_line(stack.slice(z), stack.size.y, stack.size.x))
            .max()
            .unwrap_or(0);
        Self {
            glyphs,
            suspected: glyphs >= LINE,
        }
    }
}

/// Most spots in one line of a slice `[y][x]`.
fn longest_line(slice: &[u8], n_y: usize, n_x: usize) -> usize {
    let around = mean_around(slice, n_y, n_x);
    let bright = |k: usize| {
        let v = f32::from(slice[k]) / 255.0;
        v > LEAST_BRIGHT && v > LEAST_CONTRAST * around[k]
    };
    let parts = components(Zyx::new(1, n_y, n_x), bright);
    let mut spots: Vec<Option<Spot>> = vec![None; parts.sizes.len()];
    for (k, &part) in parts.part.iter().enumerate().filter(|(_, p)| **p > 0) {
        let (y, x) = (k / n_x, k % n_x);
        let spot = spots[part as usize - 1].get_or_insert(Spot {
            y: [y, y],
            x: [x, x],
            n: 0,
        });
        spot.y = [spot.y[0].min(y), spot.y[1].max(y)];
        spot.x = [spot.x[0].min(x), spot.x[1].max(x)];
        spot.n += 1;
    }
    let mut glyphs: Vec<Spot> = spots
        .into_iter()
        .flatten()
        .filter(|s| is_glyph(s, n_y, n_x))
        .collect();
    glyphs.sort_by_key(|s| (s.x[0], s.y[0]));
    (0..glyphs.len())
        .map(|first| line_from(&glyphs[first..]))
        .max()
        .unwrap_or(0)
}

/// Is a spot of the size of a glyph, and near the border?
fn is_glyph(s: &Spot, n_y: usize, n_x: usize) -> bool {
    let (h, w) = (s.y[1] - s.y[0] + 1, s.x[1] - s.x[0] + 1);
    let side = n_y.max(n_x) as f32;
    let place = |from: usize, to: usize, n: usize| (from + to + 1) as f32 / (2 * n) as f32;
    let (cy, cx) = (place(s.y[0], s.y[1], n_y), place(s.x[0], s.x[1], n_x));
    let edge = cy.min(1.0 - cy).min(cx).min(1.0 - cx);
    h >= LEAST_HEIGHT
        && s.n > LEAST_HEIGHT
        && h as f32 <= MOST_HEIGHT * side
        && w as f32 <= MOST_WIDTH * side
        && 2 * w <= 5 * h
        && edge <= BORDER
}

/// Glyphs of the line that starts with the first; the rest are sorted from left to right.
fn line_from(glyphs: &[Spot]) -> usize {
    let height = |s: &Spot| s.y[1] - s.y[0] + 1;
    let Some(mut current) = glyphs.first().copied() else {
        return 0;
    };
    let mut n = 1;
    for next in &glyphs[1..] {
        let (a, b) = (height(&current), height(next));
        let (low, high) = (a.min(b), a.max(b));
        if next.x[0] > current.x[1] + 1 + 3 * high / 2 {
            break;
        }
        if next.x[0] + 1 < current.x[1] + 1 {
            continue;
        }
        let shared = (current.y[1].min(next.y[1]) + 1).saturating_sub(current.y[0].max(next.y[0]));
        let aligned = 10 * shared >= 6 * high || current.y[1].abs_diff(next.y[1]) <= 1;
        if aligned && 10 * low >= 6 * high {
            n += 1;
            current = *next;
        }
    }
    n
}

/// Mean of a square around every pixel, 0 to 1, by sums over rows and columns.
fn mean_around(slice: &[u8], n_y: usize, n_x: usize) -> Vec<f32> {
    let mut sums = vec![0u32; (n_y + 1) * (n_x + 1)];
    let wide = n_x + 1;
    for y in 0..n_y {
        let mut row = 0;
        for x in 0..n_x {
            row += u32::from(slice[y * n_x + x]);
            sums[(y + 1) * wide + x + 1] = sums[y * wide + x + 1].wrapping_add(row);
        }
    }
    (0..slice.len())
        .map(|k| {
            let (y, x) = (k / n_x, k % n_x);
            let (top, bottom) = (y.saturating_sub(AROUND), (y + AROUND + 1).min(n_y));
            let (left, right) = (x.saturating_sub(AROUND), (x + AROUND + 1).min(n_x));
            let sum = sums[bottom * wide + right]
                .wrapping_sub(sums[top * wide + right])
                .wrapping_sub(sums[bottom * wide + left])
                .wrapping_add(sums[top * wide + left]);
            sum as f32 / ((bottom - top) * (right - left)) as f32 / 255.0
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harmonise::test_images::{Random, head, rician};

    /// Writes `n` made-up glyphs of 5 x 7 pixels with their upper left at `(x, y)`.
    fn write(voxels: &mut [f32], n_x: usize, x: usize, y: usize, n: usize) {
        let mut random = Random(9);
        for glyph in 0..n {
            for row in 0..7 {
                for column in 0..5 {
                    // A stem on the left holds a glyph together, as in most letters.
                    if column == 0 || (row % 3 == 0) || random.unit() > 0.7 {
                        voxels[(y + row) * n_x + x + glyph * 8 + column] = 0.8;
                    }
                }
            }
        }
    }

    fn of(voxels: &[f32], size: Zyx<usize>) -> BurntIn {
        BurntIn::of(&Stack::from_voxels(voxels, size, None, None).unwrap())
    }

    #[test]
    fn lines_of_glyphs_near_the_border_are_text() {
        let size = Zyx::new(1, 211, 197);
        for seed in 0..5 {
            let clean = rician(&head(size, seed), 0.02, seed);
            assert!(!of(&clean, size).suspected, "seed {seed}");
            let mut written = clean.clone();
            write(&mut written, size.x, 6, 4, 9);
            let found = of(&written, size);
            assert!(found.suspected && found.glyphs >= 8, "{found:?}");
            // Three letters, as of a side, are no line.
            let mut short = clean;
            write(&mut short, size.x, 170, 200, 3);
            assert!(!of(&short, size).suspected);
        }
    }

    #[test]
    fn one_slice_of_several_is_enough() {
        let size = Zyx::new(4, 180, 180);
        let mut voxels = head(size, 1);
        let last = 3 * size.y * size.x;
        write(&mut voxels[last..], size.x, 100, 170, 8);
        assert!(of(&voxels, size).suspected);
        assert!(!of(&[0.0; 12], Zyx::new(1, 3, 4)).suspected);
    }
}
