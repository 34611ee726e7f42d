//! Slices as 8-bit grey PNG (ISO/IEC 15948), which every reader of Parquet shards knows how to show.

use image::codecs::png::{CompressionType, FilterType, PngDecoder, PngEncoder};
use image::{ColorType, ExtendedColorType, ImageDecoder, ImageEncoder, ImageError};
use omnimri_image::Zyx;
use std::io::Cursor;

/// Bytes that a PNG of nothing but one chunk takes, for a first guess at its size.
const OVERHEAD: usize = 256;

/// How a slice is filtered before it is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// Intensities: the best filter of each row.
    Grey,
    /// Label values: rows mostly repeat the one above.
    Labels,
}

/// Each slice of `voxels` as one PNG.
///
/// # Shapes
/// - `voxels`: `[z][y][x]`
pub(crate) fn encode(
    voxels: &[u8],
    size: Zyx<usize>,
    content: Content,
) -> Result<Vec<Vec<u8>>, ImageError> {
    let filter = match content {
        Content::Grey => FilterType::Adaptive,
        Content::Labels => FilterType::Up,
    };
    let n = (size.y * size.x).max(1);
    voxels
        .chunks_exact(n)
        .map(|slice| {
            let mut out = Vec::with_capacity(n / 2 + OVERHEAD);
            PngEncoder::new_with_quality(&mut out, CompressionType::Fast, filter).write_image(
                slice,
                size.x as u32,
                size.y as u32,
                ExtendedColorType::L8,
            )?;
            out.shrink_to_fit();
            Ok(out)
        })
        .collect()
}

/// Decodes one PNG into `slice`, whose size is known: another size or kind of pixel is an error in words.
pub(crate) fn decode_into(png: &[u8], size: Zyx<usize>, slice: &mut [u8]) -> Result<(), String> {
    let decoder = PngDecoder::new(Cursor::new(png)).map_err(|e| e.to_string())?;
    let (width, height) = decoder.dimensions();
    if decoder.color_type() != ColorType::L8
        || (width as usize, height as usize) != (size.x, size.y)
        || slice.len() != size.y * size.x
    {
        return Err(format!(
            "a slice of {} x {} grey pixels was expected, found {width} x {height} of {:?}",
            size.x,
            size.y,
            decoder.color_type()
        ));
    }
    decoder.read_image(slice).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_come_back_and_another_size_is_refused() {
        let size = Zyx::new(3, 29, 37);
        let voxels: Vec<u8> = (0..size.count()).map(|k| (k * k % 253) as u8).collect();
        for content in [Content::Grey, Content::Labels] {
            let slices = encode(&voxels, size, content).unwrap();
            assert_eq!(slices.len(), 3);
            let mut back = vec![0; size.count()];
            for (png, slice) in slices.iter().zip(back.chunks_exact_mut(29 * 37)) {
                decode_into(png, size, slice).unwrap();
            }
            assert_eq!(back, voxels);
            let turned = Zyx::new(3, 37, 29);
            let error = decode_into(&slices[0], turned, &mut back[..29 * 37]).unwrap_err();
            assert!(error.contains("37 x 29"), "{error}");
            assert!(decode_into(&slices[0][..40], size, &mut back[..29 * 37]).is_err());
        }
    }
}
