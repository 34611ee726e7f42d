//! PNG and JPEG slices: grey levels in, labels and grey levels out.
//!
//! A raster has no place in the patient: voxel `i` is the column to the right, `j` the row
//! downwards, both of unit size.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use image::{DynamicImage, ImageError, ImageFormat, ImageReader, Limits};

use crate::write_beside::write_beside;
use crate::{Acquisition, Affine, Error, Geometry, OpenOptions, Result, SourceKind, Trust};
use crate::{Volume, Zyx};

/// Channels further apart than this (of 255) make a pixel coloured; JPEG alone stays below it.
const COLOURED: f32 = 24.0;
/// Channels further apart than this (of 255) make a pixel tinted; JPEG of a grey image seldom gets
/// there.
const TINTED: f32 = 12.0;
/// More coloured pixels than this are a photograph. Coloured marks on published slices cover up to
/// 5 %.
const MOST_COLOURED: f64 = 0.08;
/// More tinted pixels than this are a photograph in subdued colours.
const MOST_TINTED: f64 = 0.4;

/// Reads a PNG or JPEG slice (8 or 16 bits, one frame). Colour is accepted where it is grey but for
/// noise and marks.
///
/// # Shapes
/// - output: `[1][y][x]`, 0 to 255 or 0 to 65535
pub fn read_image(path: &Path, options: &OpenOptions) -> Result<Volume> {
    let open = || -> Result<ImageReader<BufReader<File>>> {
        let mut reader = ImageReader::open(path)
            .and_then(ImageReader::with_guessed_format)
            .map_err(Error::io(path, "read"))?;
        let mut limits = Limits::default();
        // Eight bytes a pixel (RGBA of 16 bits) and as much again for the decoder's own buffers.
        limits.max_alloc = Some((options.max_voxels as u64).saturating_mul(16).min(1 << 34));
        reader.limits(limits);
        Ok(reader)
    };
    let decode_error = |source| decode_error(path, source);
    let reader = open()?;
    if !matches!(reader.format(), Some(ImageFormat::Png | ImageFormat::Jpeg)) {
        return Err(Error::UnknownFormat {
            path: path.into(),
            expected: "a PNG or JPEG image",
            found: "another kind of file".into(),
            hint: "convert the slice to PNG",
        });
    }
    let format = reader.format();
    let (width, height) = reader.into_dimensions().map_err(decode_error)?;
    let n = u64::from(width) * u64::from(height);
    if n == 0 || n > options.max_voxels as u64 {
        return Err(Error::TooLarge {
            path: path.into(),
            what: "declared number of pixels",
            expected: options.max_voxels as u64,
            found: format!("{width}x{height}"),
            hint: "the file may be damaged",
        });
    }
    if format == Some(ImageFormat::Jpeg) {
        check_jpeg_end(path)?;
    }
    let image = open()?.decode().map_err(decode_error)?;
    let mut warnings = Vec::new();
    let voxels = to_grey(path, &image, &mut warnings)?;
    let untrusted = Trust::Untrusted("PNG and JPEG files carry none".into());
    Ok(Volume {
        voxels,
        n_frames: 1,
        geometry: Geometry {
            size: Zyx::new(1, image.height() as usize, image.width() as usize),
            affine: Affine::from_spacing(Zyx::new(1.0, 1.0, 1.0)),
            orientation: untrusted.clone(),
            spacing: untrusted,
        },
        acquisition: Acquisition::default(),
        source: SourceKind::Image,
        warnings,
    })
}

/// Decoders fill what is missing of a cut JPEG with grey; a whole one ends with a marker after its last scan.
fn check_jpeg_end(path: &Path) -> Result<()> {
    let bytes = std::fs::read(path).map_err(Error::io(path, "read"))?;
    let last = |marker: [u8; 2]| bytes.windows(2).rposition(|w| w == marker);
    // Within a scan, these pairs of bytes are markers and nothing else; a preview in the header comes before it.
    if last([0xff, 0xd9]) > last([0xff, 0xda]) {
        return Ok(());
    }
    let ends = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    Err(decode_error(path, ImageError::IoError(ends)))
}

fn decode_error(path: &Path, source: ImageError) -> Error {
    match source {
        ImageError::IoError(e) if e.kind() != std::io::ErrorKind::UnexpectedEof => Error::Io {
            path: path.into(),
            action: "read",
            source: e,
        },
        source => Error::DecodeImage {
            path: path.into(),
            source,
        },
    }
}

fn to_grey(path: &Path, image: &DynamicImage, warnings: &mut Vec<String>) -> Result<Vec<f32>> {
    let wide = |v: &u16| f32::from(*v);
    let byte = |v: &u8| f32::from(*v);
    match image {
        DynamicImage::ImageLuma8(g) => return Ok(g.iter().map(byte).collect()),
        DynamicImage::ImageLuma16(g) => return Ok(g.iter().map(wide).collect()),
        DynamicImage::ImageLumaA8(g) => {
            return Ok(g.chunks_exact(2).map(|p| byte(&p[0])).collect());
        }
        DynamicImage::ImageLumaA16(g) => {
            return Ok(g.chunks_exact(2).map(|p| wide(&p[0])).collect());
        }
        _ => {}
    }
    // Palettes and CMYK arrive here as RGB; 16-bit colour is judged and kept at 16 bits.
    let sixteen = matches!(
        image,
        DynamicImage::ImageRgb16(_) | DynamicImage::ImageRgba16(_)
    );
    let (rgb, full): (Vec<[f32; 3]>, f32) = if sixteen {
        let rgb = image.to_rgb16();
        (rgb.pixels().map(|p| p.0.map(f32::from)).collect(), 65535.0)
    } else {
        let rgb = image.to_rgb8();
        (rgb.pixels().map(|p| p.0.map(f32::from)).collect(), 255.0)
    };
    judge_colour(path, &rgb, full, warnings)?;
    Ok(rgb
        .iter()
        .map(|[r, g, b]| (0.299 * r + 0.587 * g + 0.114 * b).round())
        .collect())
}

/// Refuses photographs; warns of coloured marks.
fn judge_colour(
    path: &Path,
    rgb: &[[f32; 3]],
    full: f32,
    warnings: &mut Vec<String>,
) -> Result<()> {
    let (mut coloured, mut tinted) = (0_usize, 0_usize);
    for [r, g, b] in rgb {
        let spread = (r.max(*g).max(*b) - r.min(*g).min(*b)) * 255.0 / full;
        coloured += usize::from(spread > COLOURED);
        tinted += usize::from(spread > TINTED);
    }
    let part = |n: usize| n as f64 / rgb.len().max(1) as f64;
    if part(coloured) > MOST_COLOURED || part(tinted) > MOST_TINTED {
        return Err(Error::ColourImage {
            path: path.into(),
            found: format!("{:.0} % of its pixels are coloured", 100.0 * part(tinted)),
            hint: "a photograph or a colour map is no MR slice; export the slice in grey levels",
        });
    }
    if part(coloured) > 2e-4 {
        warnings.push(format!(
            "{:.2} % of the pixels are coloured, as marks or text burnt into the image; they are read as grey.",
            100.0 * part(coloured)
        ));
    }
    Ok(())
}

/// Writes a label map as an 8-bit greyscale PNG whose values are the labels, `[y][x]`.
pub fn write_png_labels(path: &Path, labels: &[u8], width: usize, height: usize) -> Result<()> {
    let expected = width.saturating_mul(height);
    if labels.len() != expected {
        let (path, found) = (path.into(), labels.len());
        return Err(Error::LengthMismatch {
            path,
            what: "PNG",
            expected,
            found,
        });
    }
    let too_wide = |_| Error::TooLarge {
        path: path.into(),
        what: "PNG size",
        expected: u32::MAX.into(),
        found: format!("{width}x{height}"),
        hint: "write it in parts",
    };
    let (w, h) = (
        u32::try_from(width).map_err(too_wide)?,
        u32::try_from(height).map_err(too_wide)?,
    );
    let mut png = std::io::Cursor::new(Vec::new());
    image::write_buffer_with_format(
        &mut png,
        labels,
        w,
        h,
        image::ExtendedColorType::L8,
        ImageFormat::Png,
    )
    .map_err(|source| Error::EncodeImage {
        path: path.into(),
        source,
    })?;
    write_beside(path, |file| file.write_all(png.get_ref()))
}

/// Writes grey levels `[y][x]` as an 8-bit PNG, from the 0.5th percentile (black) to the 99.5th
/// (white).
pub fn write_png_grey(path: &Path, grey: &[f32], width: usize, height: usize) -> Result<()> {
    let finite: Vec<f32> = grey.iter().copied().filter(|v| v.is_finite()).collect();
    let range = crate::volume_ops::percentiles(&finite, &[0.5, 99.5]);
    let (low, high) = match range[..] {
        [low, high] => (low, high),
        _ => (0.0, 1.0),
    };
    let scale = if high > low {
        255.0 / (high - low)
    } else {
        0.0
    };
    // A float to integer cast saturates, and takes NaN to 0.
    let bytes: Vec<u8> = grey
        .iter()
        .map(|v| ((v - low) * scale).round() as u8)
        .collect();
    write_png_labels(path, &bytes, width, height)
}
