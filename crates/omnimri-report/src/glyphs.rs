//! Capital letters, digits and a few signs of 5 x 7 pixels, for words that are part of a picture.

use crate::render::Canvas;

/// Width and height of a letter, with a column and a row of space.
pub(crate) const CELL: [u32; 2] = [6, 9];

/// Rows of a letter from the top, highest of five bits on the left.
const fn rows(letter: char) -> [u8; 7] {
    match letter {
        'A' => [14, 17, 17, 31, 17, 17, 17],
        'B' => [30, 17, 17, 30, 17, 17, 30],
        'C' => [14, 17, 16, 16, 16, 17, 14],
        'D' => [30, 17, 17, 17, 17, 17, 30],
        'E' => [31, 16, 16, 30, 16, 16, 31],
        'F' => [31, 16, 16, 30, 16, 16, 16],
        'G' => [14, 17, 16, 23, 17, 17, 15],
        'H' => [17, 17, 17, 31, 17, 17, 17],
        'I' => [14, 4, 4, 4, 4, 4, 14],
        'J' => [7, 2, 2, 2, 2, 18, 12],
        'K' => [17, 18, 20, 24, 20, 18, 17],
        'L' => [16, 16, 16, 16, 16, 16, 31],
        'M' => [17, 27, 21, 21, 17, 17, 17],
        'N' => [17, 25, 21, 19, 17, 17, 17],
        'O' => [14, 17, 17, 17, 17, 17, 14],
        'P' => [30, 17, 17, 30, 16, 16, 16],
        'Q' => [14, 17, 17, 17, 21, 18, 13],
        'R' => [30, 17, 17, 30, 20, 18, 17],
        'S' => [15, 16, 16, 14, 1, 1, 30],
        'T' => [31, 4, 4, 4, 4, 4, 4],
        'U' => [17, 17, 17, 17, 17, 17, 14],
        'V' => [17, 17, 17, 17, 17, 10, 4],
        'W' => [17, 17, 17, 21, 21, 27, 17],
        'X' => [17, 17, 10, 4, 10, 17, 17],
        'Y' => [17, 17, 10, 4, 4, 4, 4],
        'Z' => [31, 1, 2, 4, 8, 16, 31],
        '0' => [14, 17, 19, 21, 25, 17, 14],
        '1' => [4, 12, 4, 4, 4, 4, 14],
        '2' => [14, 17, 1, 2, 4, 8, 31],
        '3' => [31, 2, 4, 2, 1, 17, 14],
        '4' => [2, 6, 10, 18, 31, 2, 2],
        '5' => [31, 16, 30, 1, 1, 17, 14],
        '6' => [6, 8, 16, 30, 17, 17, 14],
        '7' => [31, 1, 2, 4, 8, 8, 8],
        '8' => [14, 17, 17, 14, 17, 17, 14],
        '9' => [14, 17, 17, 15, 1, 2, 12],
        ',' => [0, 0, 0, 0, 12, 4, 8],
        '.' => [0, 0, 0, 0, 0, 12, 12],
        '-' => [0, 0, 0, 31, 0, 0, 0],
        ':' => [0, 12, 12, 0, 12, 12, 0],
        _ => [0; 7],
    }
}

/// Writes `text` in capitals with its top left corner at `(x, y)`, `scale` pixels a dot; what lies outside is left out.
pub(crate) fn write(
    canvas: &mut Canvas,
    text: &str,
    [x, y]: [u32; 2],
    scale: u32,
    colour: [u8; 3],
) {
    for (k, letter) in text.chars().enumerate() {
        let left = x + k as u32 * CELL[0] * scale;
        for (row, bits) in rows(letter.to_ascii_uppercase()).into_iter().enumerate() {
            for column in (0..5).filter(|c| bits >> (4 - c) & 1 == 1) {
                let corner = [left + column * scale, y + row as u32 * scale];
                fill(canvas, corner, [scale, scale], colour);
            }
        }
    }
}

/// Width of a text in pixels.
pub(crate) fn width(text: &str, scale: u32) -> u32 {
    text.chars().count() as u32 * CELL[0] * scale
}

/// A filled rectangle; what lies outside is left out.
pub(crate) fn fill(canvas: &mut Canvas, [x, y]: [u32; 2], size: [u32; 2], colour: [u8; 3]) {
    for row in y..(y + size[1]).min(canvas.height) {
        for column in x..(x + size[0]).min(canvas.width) {
            let at = (row as usize * canvas.width as usize + column as usize) * 3;
            canvas.rgb[at..at + 3].copy_from_slice(&colour);
        }
    }
}
