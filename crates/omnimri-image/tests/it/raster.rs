//! PNG and JPEG slices.

use image::{DynamicImage, GrayImage, ImageBuffer, Luma, Rgb, RgbImage};
use omnimri_image::{
    Error, Input, OpenOptions, SourceKind, Zyx, open, read_image, write_png_grey, write_png_labels,
};

use crate::support::*;

fn photo(width: u32, height: u32) -> RgbImage {
    ImageBuffer::from_fn(width, height, |x, y| {
        Rgb([
            (x * 11 % 256) as u8,
            (y * 7 % 256) as u8,
            ((x + y) * 3 % 256) as u8,
        ])
    })
}

#[test]
fn labels_come_back_as_written_with_columns_first() {
    let dir = folder();
    let path = dir.path().join("l.png");
    let labels: Vec<u8> = (0..35).collect();
    write_png_labels(&path, &labels, 7, 5).unwrap();
    let Input::Volumes(volumes) = open(&path, &OpenOptions::default()).unwrap() else {
        panic!()
    };
    let v = &volumes[0];
    assert_eq!(v.geometry.size, Zyx::new(1, 5, 7));
    assert_eq!(
        v.voxels,
        labels.iter().map(|&l| f32::from(l)).collect::<Vec<_>>()
    );
    assert!(v.is_2d() && v.source == SourceKind::Image && v.warnings.is_empty());
    assert!(!v.geometry.orientation.is_trusted() && v.geometry.voxel_ml().is_none());
    let error = write_png_labels(&path, &labels, 7, 6).unwrap_err();
    assert!(matches!(
        error,
        Error::LengthMismatch {
            expected: 42,
            found: 35,
            ..
        }
    ));
}

#[test]
fn grey_levels_span_the_range() {
    let dir = folder();
    let path = dir.path().join("g.png");
    let grey: Vec<f32> = (0..1000).map(|v| v as f32 * 0.001 - 5.0).collect();
    write_png_grey(&path, &grey, 40, 25).unwrap();
    let v = read_image(&path, &OpenOptions::default()).unwrap();
    assert_eq!((v.voxels[0], v.voxels[999]), (0.0, 255.0));
    assert!(v.voxels.is_sorted());
    write_png_grey(&path, &[f32::NAN, 2.0, 2.0, f32::INFINITY], 2, 2).unwrap();
}

#[test]
fn sixteen_bits_and_alpha_are_kept_and_dropped() {
    let dir = folder();
    let path = dir.path().join("a.png");
    let wide: ImageBuffer<Luma<u16>, _> =
        ImageBuffer::from_fn(7, 5, |x, y| Luma([(x + 300 * y) as u16]));
    DynamicImage::ImageLuma16(wide.clone()).save(&path).unwrap();
    let v = read_image(&path, &OpenOptions::default()).unwrap();
    assert_eq!(
        v.voxels,
        wide.iter().map(|&v| f32::from(v)).collect::<Vec<_>>()
    );
    let grey: GrayImage = ImageBuffer::from_fn(7, 5, |x, y| Luma([(x * y) as u8]));
    for image in [
        DynamicImage::ImageLumaA8(DynamicImage::ImageLuma8(grey.clone()).to_luma_alpha8()),
        DynamicImage::ImageRgb8(DynamicImage::ImageLuma8(grey.clone()).to_rgb8()),
        DynamicImage::ImageRgba8(DynamicImage::ImageLuma8(grey.clone()).to_rgba8()),
    ] {
        image.save(&path).unwrap();
        let v = read_image(&path, &OpenOptions::default()).unwrap();
        assert_eq!(
            v.voxels,
            grey.iter().map(|&v| f32::from(v)).collect::<Vec<_>>()
        );
    }
}

#[test]
fn a_photograph_is_refused_and_a_coloured_mark_is_not() {
    let dir = folder();
    for name in ["p.png", "p.jpg"] {
        let path = dir.path().join(name);
        photo(64, 48).save(&path).unwrap();
        let error = read_image(&path, &OpenOptions::default()).unwrap_err();
        assert!(
            matches!(error, Error::ColourImage { .. }) && error.is_invalid_input(),
            "{error}"
        );
        let mut marked: RgbImage = ImageBuffer::from_fn(64, 48, |x, y| Rgb([(x + y) as u8; 3]));
        for x in 10..20 {
            marked.put_pixel(x, 10, Rgb([255, 0, 0]));
        }
        marked.save(&path).unwrap();
        let v = read_image(&path, &OpenOptions::default()).unwrap();
        assert!(
            v.warnings.len() == 1 && v.warnings[0].contains("coloured"),
            "{:?}",
            v.warnings
        );
    }
}

#[test]
fn damaged_and_huge_images_are_errors() {
    let dir = folder();
    let path = dir.path().join("d.png");
    write_png_labels(&path, &[9; 35], 7, 5).unwrap();
    let good = std::fs::read(&path).unwrap();
    std::fs::write(&path, &good[..good.len() / 2]).unwrap();
    let error = read_image(&path, &OpenOptions::default()).unwrap_err();
    assert!(matches!(error, Error::DecodeImage { .. }), "{error}");
    let few = OpenOptions {
        max_voxels: 20,
        ..OpenOptions::default()
    };
    std::fs::write(&path, &good).unwrap();
    assert!(matches!(
        read_image(&path, &few).unwrap_err(),
        Error::TooLarge { .. }
    ));
    // A header that claims 2^31 x 2^31 pixels; its checksum is right.
    let mut huge = good;
    huge[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
    let crc = flate2_crc(&huge[12..29]);
    huge[29..33].copy_from_slice(&crc.to_be_bytes());
    std::fs::write(&path, &huge).unwrap();
    assert!(read_image(&path, &OpenOptions::default()).is_err());
}

fn flate2_crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}
