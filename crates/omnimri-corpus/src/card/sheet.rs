//! Small pictures of examples with their labels drawn on them.

use std::collections::BTreeSet;
use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::{ImageFormat, RgbImage};
use omnimri_findings::Term;
use omnimri_image::Zyx;

use crate::example::Example;

/// The Okabe-Ito colours, for terms beyond the model's labels.
const COLOURS: [[u8; 3]; 7] = [
    [230, 159, 0],
    [86, 180, 233],
    [0, 158, 115],
    [240, 228, 66],
    [213, 94, 0],
    [204, 121, 167],
    [0, 114, 178],
];

/// Colour of a term.
pub(super) fn colour(term: Term) -> [u8; 3] {
    term.label().map_or_else(
        || COLOURS[usize::from(term.value()) % COLOURS.len()],
        |l| l.rgb(),
    )
}

/// The slice to show: the one with the most labelled pixels, the middle one if none has any.
pub(super) fn shown_slice(example: &Example) -> usize {
    let n = (example.image.size.y * example.image.size.x).max(1);
    let middle = example.image.size.z / 2;
    let count = |z: usize| {
        let labels = example.labels.as_deref().unwrap_or_default();
        labels
            .get(z * n..(z + 1) * n)
            .map_or(0, |s| s.iter().filter(|v| **v > 0).count())
    };
    let best =
        (0..example.image.size.z).max_by_key(|&z| (count(z), usize::MAX - z.abs_diff(middle)));
    best.filter(|&z| count(z) > 0).unwrap_or(middle)
}

/// A slice as a PNG in a data URL, `side` pixels square, and the terms outlined in it; `None` if it cannot be encoded.
pub fn picture(example: &Example, side: usize) -> Option<(String, Vec<Term>)> {
    let size = example.image.size;
    if size.count() == 0 {
        return None;
    }
    let z = shown_slice(example);
    let slice = example.image.slice(z);
    let n = size.y * size.x;
    let labels = example
        .labels
        .as_deref()
        .and_then(|l| l.get(z * n..(z + 1) * n));
    // In millimetres where they are known, so that thick slices of a reformatted volume do not look squashed.
    let mm = example.image.spacing_mm.unwrap_or(Zyx::new(1.0, 1.0, 1.0));
    let (tall, wide) = (size.y as f64 * mm.y, size.x as f64 * mm.x);
    let step = tall.max(wide) / side as f64;
    if !(step.is_finite() && step > 0.0) {
        return None;
    }
    let (top, left) = (
        (side as f64 - tall / step) / 2.0,
        (side as f64 - wide / step) / 2.0,
    );
    // Place in the slice of a picture's pixel; `None` beside it.
    let place = |px: usize, py: usize| -> Option<(f64, f64)> {
        let y = (py as f64 + 0.5 - top) * step / mm.y;
        let x = (px as f64 + 0.5 - left) * step / mm.x;
        ((0.0..size.y as f64).contains(&y) && (0.0..size.x as f64).contains(&x)).then_some((x, y))
    };
    let label_at = |px: usize, py: usize| -> u8 {
        labels
            .zip(place(px, py))
            .map_or(0, |(l, (x, y))| l[y as usize * size.x + x as usize])
    };
    let mut terms = BTreeSet::new();
    let mut picture = RgbImage::new(side as u32, side as u32);
    for py in 0..side {
        for px in 0..side {
            let Some((x, y)) = place(px, py) else {
                continue;
            };
            let grey = sample(slice, size, x - 0.5, y - 0.5);
            let mut rgb = [grey; 3];
            let label = label_at(px, py);
            if let Some(term) = Term::from_value(label) {
                terms.insert(term);
                let around = [
                    label_at(px.saturating_sub(1), py),
                    label_at((px + 1).min(side - 1), py),
                    label_at(px, py.saturating_sub(1)),
                    label_at(px, (py + 1).min(side - 1)),
                ];
                // The outline covers, the inside tints: the tissue below stays to be judged.
                let share = if around.iter().any(|a| *a != label) {
                    1.0
                } else {
                    0.22
                };
                let colour = colour(term);
                for c in 0..3 {
                    let mixed = f32::from(rgb[c]) * (1.0 - share) + f32::from(colour[c]) * share;
                    rgb[c] = mixed.round() as u8;
                }
            }
            picture.put_pixel(px as u32, py as u32, image::Rgb(rgb));
        }
    }
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).ok()?;
    let url = format!(
        "data:image/png;base64,{}",
        STANDARD.encode(bytes.into_inner())
    );
    Some((url, terms.into_iter().collect()))
}

/// Linear between the four nearest pixels.
fn sample(slice: &[u8], size: Zyx<usize>, x: f64, y: f64) -> u8 {
    let (x, y) = (
        x.clamp(0.0, size.x as f64 - 1.0),
        y.clamp(0.0, size.y as f64 - 1.0),
    );
    let (i, j) = (x as usize, y as usize);
    let (i1, j1) = ((i + 1).min(size.x - 1), (j + 1).min(size.y - 1));
    let (u, v) = (x - i as f64, y - j as f64);
    let at = |i: usize, j: usize| f64::from(slice[j * size.x + i]);
    let above = at(i, j) * (1.0 - u) + at(i1, j) * u;
    let below = at(i, j1) * (1.0 - u) + at(i1, j1) * u;
    (above * (1.0 - v) + below * v).round() as u8
}
