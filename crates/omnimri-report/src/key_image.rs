//! Key images that stand alone: letters at the edges, a scale bar, a legend and a notice are part of the picture.

use omnimri_findings::Label;
use omnimri_image::{LabelMap, Volume};

use crate::error::Result;
use crate::figures::{Pictures, labelled, legend, main_slice, mosaic_slices, scale_bar};
use crate::glyphs::{CELL, fill, width, write};
use crate::render::{Canvas, check_grid, draw_slice, mosaic_canvas, window};
use crate::view::View;

/// What stands under every key image.
const NOTICE: &str = "OMNIMRI AI, PRELIMINARY, NOT FOR CLINICAL USE";
const WHITE: [u8; 3] = [255; 3];
const MARGIN: u32 = 6;
/// Longer edge of the picture of one slice in pixels, at least.
const LONGEST: u32 = 448;

/// A key image.
pub(crate) struct KeyImage {
    pub(crate) canvas: Canvas,
    /// Slices that it shows.
    pub(crate) slices: Vec<usize>,
    /// Patient directions of rows (to the right) and of columns (downwards), where one orientation holds for all of it.
    pub(crate) directions: Option<[char; 2]>,
    /// What it shows, in words.
    pub(crate) caption: String,
}

/// The slice with the largest outlined area, and for a volume an overview of up to six slices.
pub(crate) fn key_images(pictures: &Pictures<'_>) -> Result<Vec<KeyImage>> {
    check_grid(pictures.volume, pictures.labels)?;
    let mut out = vec![main(pictures)?];
    if !pictures.volume.is_2d() {
        out.push(overview(pictures)?);
    }
    Ok(out)
}

fn main(pictures: &Pictures<'_>) -> Result<KeyImage> {
    let volume = pictures.volume;
    let z = main_slice(&labelled(pictures));
    let view = View::of(&volume.geometry);
    let shown = window(volume.frame(0));
    let mut picture = draw_slice(volume, pictures.labels, z, shown, LONGEST)?;
    if let Some(letters) = view.letters {
        edge_letters(&mut picture, letters);
    }
    let bar = view.width_mm.and_then(scale_bar);
    let caption = words(volume, pictures.labels, &[z]);
    let names = legend(pictures.labels, &[z]);
    Ok(KeyImage {
        canvas: framed(&picture, &place(volume, &[z]), &names, bar),
        slices: vec![z],
        directions: view.letters.map(|[_, right, _, bottom]| [right, bottom]),
        caption,
    })
}

fn overview(pictures: &Pictures<'_>) -> Result<KeyImage> {
    let slices = mosaic_slices(&labelled(pictures));
    let picture = mosaic_canvas(pictures.volume, pictures.labels, &slices)?;
    let names = legend(pictures.labels, &slices);
    Ok(KeyImage {
        canvas: framed(&picture, &place(pictures.volume, &slices), &names, None),
        caption: words(pictures.volume, pictures.labels, &slices),
        slices,
        directions: None,
    })
}

fn place(volume: &Volume, slices: &[usize]) -> String {
    let numbers: Vec<String> = slices.iter().map(|z| (z + 1).to_string()).collect();
    format!("slice {} of {}", numbers.join(", "), volume.geometry.size.z)
}

fn words(volume: &Volume, labels: Option<&LabelMap>, slices: &[usize]) -> String {
    let names: Vec<&str> = legend(labels, slices).iter().map(|l| l.name()).collect();
    let outlined = if names.is_empty() {
        "nothing outlined".to_owned()
    } else {
        format!("outlined: {}", names.join(", "))
    };
    format!("Key image, {}; {outlined}", place(volume, slices))
}

/// Letters of the patient's directions at the left, right, top and bottom edge.
fn edge_letters(canvas: &mut Canvas, letters: [char; 4]) {
    let (w, h) = (canvas.width, canvas.height);
    let [cell_x, cell_y] = CELL.map(|c| 2 * c);
    let corners = [
        [MARGIN, h / 2],
        [w.saturating_sub(MARGIN + cell_x), h / 2],
        [w / 2, MARGIN],
        [w / 2, h.saturating_sub(MARGIN + cell_y)],
    ];
    for (letter, corner) in letters.into_iter().zip(corners) {
        let text = letter.to_string();
        // A dark copy beside it keeps the letter apart from bright tissue.
        write(canvas, &text, corner.map(|c| c + 1), 2, [0; 3]);
        write(canvas, &text, corner, 2, WHITE);
    }
}

/// The picture with a strip below it: notice, place, legend and scale bar.
fn framed(picture: &Canvas, place: &str, names: &[Label], bar: Option<(f64, f64)>) -> Canvas {
    let line = CELL[1] + 3;
    let n_lines = 2 + names.len() as u32 + u32::from(bar.is_some());
    let texts = [NOTICE, place].map(|t| width(t, 1)).into_iter();
    let widest = texts
        .chain(names.iter().map(|l| width(l.name(), 1) + 2 * CELL[0]))
        .chain([picture.width])
        .max()
        .unwrap_or(picture.width);
    let mut out = Canvas::new(
        widest + 2 * MARGIN,
        picture.height + 2 * MARGIN + n_lines * line,
    );
    let left = (out.width - picture.width) / 2;
    let row_bytes = picture.width as usize * 3;
    for (row, bytes) in picture.rgb.chunks_exact(row_bytes.max(1)).enumerate() {
        let at = (row * out.width as usize + left as usize) * 3;
        out.rgb[at..at + row_bytes].copy_from_slice(bytes);
    }
    let mut y = picture.height + MARGIN;
    write(&mut out, NOTICE, [MARGIN, y], 1, WHITE);
    y += line;
    write(&mut out, place, [MARGIN, y], 1, WHITE);
    for label in names {
        y += line;
        fill(&mut out, [MARGIN, y], [7, 7], label.rgb());
        write(&mut out, label.name(), [MARGIN + 2 * CELL[0], y], 1, WHITE);
    }
    if let Some((mm, share)) = bar {
        y += line;
        let length = (share * f64::from(picture.width)).round() as u32;
        fill(&mut out, [MARGIN, y + 3], [length, 2], WHITE);
        let text = format!("{mm:.0} mm");
        write(&mut out, &text, [MARGIN + length + CELL[0], y], 1, WHITE);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strip_holds_the_notice_and_a_bar_of_the_right_length() {
        let picture = Canvas::new(400, 100);
        let canvas = framed(
            &picture,
            "slice 3 of 9",
            &[Label::Glioma],
            Some((50.0, 0.25)),
        );
        let pixel = |x: u32, y: u32| {
            let at = (y * canvas.width + x) as usize * 3;
            [canvas.rgb[at], canvas.rgb[at + 1], canvas.rgb[at + 2]]
        };
        let line = CELL[1] + 3;
        let bar = 100 + MARGIN + 3 * line + 3;
        let lit = (0..MARGIN + 100 + CELL[0]).filter(|x| pixel(*x, bar) == WHITE);
        assert_eq!(lit.count(), 100);
        assert_eq!(pixel(MARGIN, 100 + MARGIN + 2 * line), Label::Glioma.rgb());
        assert!((0..7).any(|y| pixel(MARGIN + 1, 100 + MARGIN + y) == WHITE));
    }
}
