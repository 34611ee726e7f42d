//! Slices as PNG: windowed, with their aspect, upscaled, with outlines and translucent fill.

use image::{ExtendedColorType, ImageEncoder};
use omnimri_findings::Label;
use omnimri_image::volume_ops::percentiles;
use omnimri_image::{LabelMap, Volume};

use crate::error::{Error, Result};
use crate::view::View;

/// An encoded picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// PNG file.
    pub png: Vec<u8>,
    /// Columns in pixels.
    pub width: u32,
    /// Rows in pixels.
    pub height: u32,
}

/// Longer edge of a single picture in pixels, at least.
const LONGEST: u32 = 448;
/// Longer edge of one tile of a mosaic.
const TILE: u32 = 256;
/// Share of a label's colour in its fill.
const FILL: f32 = 0.28;

/// Intensities shown as black and white: the 1st and 99.5th percentile of the values.
pub fn window(values: &[f32]) -> (f32, f32) {
    let p = percentiles(values, &[1.0, 99.5]);
    match p.as_slice() {
        [low, high] if high > low => (*low, *high),
        [low, _] => (*low, low + 1.0),
        _ => (0.0, 1.0),
    }
}

/// A picture in memory: three bytes a pixel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Canvas {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// `[row][column][rgb]`.
    pub(crate) rgb: Vec<u8>,
}

impl Canvas {
    pub(crate) fn new(width: u32, height: u32) -> Self {
        Self {
            width,
            height,
            rgb: vec![0; width as usize * height as usize * 3],
        }
    }

    /// Encodes as PNG: grey where no pixel is coloured.
    pub(crate) fn encode(&self) -> Result<Picture> {
        let grey = self
            .rgb
            .chunks_exact(3)
            .all(|p| p[0] == p[1] && p[1] == p[2]);
        let luma: Vec<u8>;
        let (bytes, colour) = if grey {
            luma = self.rgb.iter().step_by(3).copied().collect();
            (luma.as_slice(), ExtendedColorType::L8)
        } else {
            (self.rgb.as_slice(), ExtendedColorType::Rgb8)
        };
        let (width, height) = (self.width, self.height);
        let mut png = Vec::new();
        image::codecs::png::PngEncoder::new_with_quality(
            &mut png,
            image::codecs::png::CompressionType::Default,
            image::codecs::png::FilterType::Adaptive,
        )
        .write_image(bytes, width, height, colour)
        .map_err(|source| Error::EncodePicture {
            width,
            height,
            source,
        })?;
        Ok(Picture { png, width, height })
    }
}

/// Linear interpolation of a display grid at the centres of `size` picture pixels.
fn resample(grid: &[f32], view: &View, size: (u32, u32)) -> Vec<f32> {
    let axis = |n_out: u32, n_in: usize| -> Vec<(usize, usize, f32)> {
        let ratio = n_in as f64 / f64::from(n_out);
        (0..n_out)
            .map(|k| {
                let last = n_in.saturating_sub(1);
                let at = ((f64::from(k) + 0.5) * ratio - 0.5).clamp(0.0, last as f64);
                let low = at.floor() as usize;
                (low, (low + 1).min(last), (at - low as f64) as f32)
            })
            .collect()
    };
    let (xs, ys) = (axis(size.0, view.columns), axis(size.1, view.rows));
    let mut out = Vec::with_capacity(xs.len() * ys.len());
    for &(y0, y1, ty) in &ys {
        let (upper, lower) = (&grid[y0 * view.columns..], &grid[y1 * view.columns..]);
        for &(x0, x1, tx) in &xs {
            let a = upper[x0] + (upper[x1] - upper[x0]) * tx;
            let b = lower[x0] + (lower[x1] - lower[x0]) * tx;
            out.push(a + (b - a) * ty);
        }
    }
    out
}

/// A grey slice, `[y][x]`, in display orientation.
pub(crate) fn draw_grey(
    slice: &[f32],
    view: &View,
    window: (f32, f32),
    longest: u32,
) -> Result<Canvas> {
    check("slice", view.columns * view.rows, slice.len())?;
    let size = view.picture_size(longest);
    let mut canvas = Canvas::new(size.0, size.1);
    let (low, high) = window;
    let scale = 255.0 / (high - low).max(f32::MIN_POSITIVE);
    let values = resample(&view.apply(slice), view, size);
    for (pixel, value) in canvas.rgb.chunks_exact_mut(3).zip(values) {
        pixel.fill(((value - low) * scale).round().clamp(0.0, 255.0) as u8);
    }
    Ok(canvas)
}

/// Lays the labels of a slice, `[y][x]`, over its picture: translucent fill and a solid outline in the label's colour.
pub(crate) fn draw_labels(canvas: &mut Canvas, labels: &[u8], view: &View) -> Result<()> {
    check("labels", view.columns * view.rows, labels.len())?;
    let turned = view.apply(labels);
    for label in Label::ALL {
        if !turned.contains(&label.value()) {
            continue;
        }
        // A mask is upscaled as a smooth field and cut at one half, which rounds its steps.
        let field: Vec<f32> = turned
            .iter()
            .map(|l| f32::from(u8::from(*l == label.value())))
            .collect();
        let field = resample(&field, view, (canvas.width, canvas.height));
        paint(canvas, &field, label.rgb());
    }
    Ok(())
}

/// Fills where `field` (`[row][column]`) is at least one half, with an outline inside the edge and a dark line outside it, so
/// that the outline stands out from bright and dark tissue alike.
fn paint(canvas: &mut Canvas, field: &[f32], colour: [u8; 3]) {
    let (width, height) = (canvas.width as usize, canvas.height as usize);
    let inside = |x: usize, y: usize| field[y * width + x] >= 0.5;
    let near = |x: usize, y: usize, r: usize, wanted: bool| {
        let xs = x.saturating_sub(r)..(x + r + 1).min(width);
        (y.saturating_sub(r)..(y + r + 1).min(height))
            .any(|j| xs.clone().any(|i| inside(i, j) == wanted))
    };
    // Two pixels on a large picture, one on a tile.
    let line = (width.max(height) / LONGEST as usize + 1).min(3);
    for y in 0..height {
        for x in 0..width {
            let (target, share) = if !inside(x, y) {
                if !near(x, y, 1, true) {
                    continue;
                }
                ([0; 3], 0.55)
            } else if near(x, y, line, false) {
                (colour, 1.0)
            } else {
                (colour, FILL)
            };
            let at = (y * width + x) * 3;
            for (channel, target) in canvas.rgb[at..at + 3].iter_mut().zip(target) {
                let mixed = f32::from(*channel) * (1.0 - share) + f32::from(target) * share;
                *channel = mixed.round() as u8;
            }
        }
    }
}

/// Pictures side by side in rows of `per_row`, with a gap between them.
pub(crate) fn tile(canvases: &[Canvas], per_row: usize) -> Canvas {
    const GAP: u32 = 4;
    let per_row = per_row.clamp(1, canvases.len().max(1));
    let (w, h) = canvases
        .iter()
        .fold((1, 1), |(w, h), c| (w.max(c.width), h.max(c.height)));
    let n_rows = canvases.len().div_ceil(per_row).max(1) as u32;
    let mut out = Canvas::new((w + GAP) * per_row as u32 - GAP, (h + GAP) * n_rows - GAP);
    for (k, canvas) in canvases.iter().enumerate() {
        let (left, top) = (
            (k % per_row) * (w + GAP) as usize,
            (k / per_row) * (h + GAP) as usize,
        );
        for row in 0..canvas.height as usize {
            let from = row * canvas.width as usize * 3;
            let to = ((top + row) * out.width as usize + left) * 3;
            let n = canvas.width as usize * 3;
            out.rgb[to..to + n].copy_from_slice(&canvas.rgb[from..from + n]);
        }
    }
    out
}

fn check(what: &'static str, expected: usize, found: usize) -> Result<()> {
    if expected == found && expected > 0 {
        Ok(())
    } else {
        Err(Error::GridMismatch {
            what,
            expected,
            found,
        })
    }
}

/// Checks that voxels and labels fit their grid.
pub(crate) fn check_grid(volume: &Volume, labels: Option<&LabelMap>) -> Result<()> {
    let n = volume.geometry.size.count();
    check(
        "voxels",
        n.saturating_mul(volume.n_frames.max(1)),
        volume.voxels.len(),
    )?;
    labels.map_or(Ok(()), |l| check("labels", n, l.labels.len()))
}

/// Slice `z` of the first frame as a grey picture, with its labels where `labels` is given.
pub fn slice_picture(volume: &Volume, labels: Option<&LabelMap>, z: usize) -> Result<Picture> {
    check_grid(volume, labels)?;
    let z = z.min(volume.geometry.size.z.saturating_sub(1));
    draw_slice(volume, labels, z, window(volume.frame(0)), LONGEST)?.encode()
}

/// Slices `slices` as tiles of one picture, three a row.
pub fn mosaic(volume: &Volume, labels: Option<&LabelMap>, slices: &[usize]) -> Result<Picture> {
    mosaic_canvas(volume, labels, slices)?.encode()
}

pub(crate) fn mosaic_canvas(
    volume: &Volume,
    labels: Option<&LabelMap>,
    slices: &[usize],
) -> Result<Canvas> {
    check_grid(volume, labels)?;
    let shown = window(volume.frame(0));
    let n_z = volume.geometry.size.z;
    let tiles: Vec<Canvas> = slices
        .iter()
        .filter(|z| **z < n_z)
        .map(|z| draw_slice(volume, labels, *z, shown, TILE))
        .collect::<Result<_>>()?;
    Ok(tile(&tiles, 3))
}

pub(crate) fn draw_slice(
    volume: &Volume,
    labels: Option<&LabelMap>,
    z: usize,
    shown: (f32, f32),
    longest: u32,
) -> Result<Canvas> {
    let view = View::of(&volume.geometry);
    let mut canvas = draw_grey(volume.slice(0, z), &view, shown, longest)?;
    if let Some(map) = labels {
        let area = view.columns * view.rows;
        draw_labels(&mut canvas, &map.labels[z * area..(z + 1) * area], &view)?;
    }
    Ok(canvas)
}

/// A reconstructed slice `[n_y][n_x]` in the window of `reference`, as stored.
pub fn plain_picture(slice: &[f32], reference: &[f32], n_y: usize, n_x: usize) -> Result<Picture> {
    draw_grey(slice, &View::plain(n_x, n_y), window(reference), LONGEST)?.encode()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_leaves_out_the_extremes() {
        let mut values: Vec<f32> = (0..1000).map(|v| v as f32).collect();
        values[999] = 1e9;
        let (low, high) = window(&values);
        assert!((low - 9.99).abs() < 0.1 && (high - 994.0).abs() < 1.0);
        assert_eq!(window(&[5.0; 9]), (5.0, 6.0));
        assert_eq!(window(&[]), (0.0, 1.0));
    }

    #[test]
    fn a_label_is_filled_and_outlined() {
        let view = View::plain(7, 5);
        let mut canvas = draw_grey(&[0.5; 35], &view, (0.0, 1.0), 70).unwrap();
        let before = canvas.clone();
        let mut labels = [0u8; 35];
        for y in 1..4 {
            for x in 2..5 {
                labels[y * 7 + x] = Label::Glioma.value();
            }
        }
        draw_labels(&mut canvas, &labels, &view).unwrap();
        let pixel = |c: &Canvas, x: usize, y: usize| {
            let at = (y * c.width as usize + x) * 3;
            [c.rgb[at], c.rgb[at + 1], c.rgb[at + 2]]
        };
        assert_eq!(pixel(&canvas, 20, 25), Label::Glioma.rgb());
        assert_ne!(pixel(&canvas, 35, 25), pixel(&before, 35, 25));
        assert_eq!(pixel(&canvas, 5, 5), pixel(&before, 5, 5));
        assert!(draw_labels(&mut canvas, &labels[1..], &view).is_err());
    }

    #[test]
    fn tiles_stand_side_by_side() {
        let view = View::plain(3, 5);
        let tile_of = |v: f32| draw_grey(&[v; 15], &view, (0.0, 1.0), 10).unwrap();
        let out = tile(&[tile_of(1.0), tile_of(0.0), tile_of(1.0), tile_of(1.0)], 3);
        assert_eq!((out.width, out.height), (6 * 3 + 8, 24));
        assert_eq!(out.rgb[0], 255);
        assert_eq!(out.rgb[10 * 3], 0);
        assert_eq!(tile(&[], 3).rgb.len(), 3);
        let png = out.encode().unwrap().png;
        assert_eq!(image::load_from_memory(&png).unwrap().width(), 26);
    }
}
