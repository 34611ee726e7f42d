//! Random cuts and flipped bits of every kind of file: an error or a volume, never a panic.

use std::path::Path;

use dicom_dictionary_std::uids;
use num_complex::Complex32;
use omnimri_image::nifti::{ByteOrder, Version, encode_nifti};
use omnimri_image::{Info, Input, OpenOptions, open, write_npy_complex32, write_png_grey};

use crate::dicom_files::*;
use crate::dicom_streams::*;
use crate::support::*;

/// A small generator with a fixed seed (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

/// One file of each way to hold pixel data.
fn dicom_seeds(dir: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let (_, axes) = planes()[3];
    let made = |name: &'static str, write: &dyn Fn(&Path)| {
        let path = dir.join(name);
        write(&path);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        (name, bytes)
    };
    let native = |transfer_syntax| {
        move |path: &Path| {
            Slice {
                transfer_syntax,
                ..Slice::new(axes, 1)
            }
            .write(path);
        }
    };
    let stream = |hex: &'static str, syntax: &'static str, shape: [u16; 3]| {
        move |path: &Path| write_stream(&bytes(hex), syntax, shape, path)
    };
    let frames = |path: &Path| {
        let mut object = enhanced(axes, &[1, 0, 2]);
        let fragments = [1, 0, 2].map(|z| rle(&Slice::new(axes, z).samples));
        put_fragments(&mut object, fragments.to_vec());
        write(object, uids::RLE_LOSSLESS, path);
    };
    vec![
        made("h.dcm", &native(uids::EXPLICIT_VR_LITTLE_ENDIAN)),
        made("i.dcm", &native(uids::IMPLICIT_VR_LITTLE_ENDIAN)),
        made("j.dcm", &native(uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)),
        made("k.dcm", &frames),
        made(
            "l.dcm",
            &stream(JPEG_LOSSLESS_SV1, uids::JPEG_LOSSLESS_SV1, [7, 5, 12]),
        ),
        made(
            "m.dcm",
            &stream(JPEG_BASELINE, uids::JPEG_BASELINE8_BIT, [7, 5, 8]),
        ),
        made(
            "n.dcm",
            &stream(JPEG_2000, uids::JPEG2000_LOSSLESS, [33, 32, 12]),
        ),
    ]
}

#[test]
fn damaged_files_never_panic() {
    let dir = folder();
    let raw: Vec<u8> = (0..105_u16).flat_map(|v| v.to_be_bytes()).collect();
    let one = nifti_f32(|_| {}, &volume(1).voxels);
    let two = encode_nifti(&header(Version::Two, ByteOrder::Big, 4, 16), &raw);
    let png = dir.path().join("seed.png");
    write_png_grey(&png, &volume(1).voxels, 7, 15).unwrap();
    let jpg = dir.path().join("seed.jpg");
    image::GrayImage::from_fn(33, 17, |x, y| image::Luma([(x * y) as u8]))
        .save(&jpg)
        .unwrap();
    let npy = dir.path().join("seed.npy");
    write_npy_complex32(&npy, &[Complex32::new(1.0, 2.0); 105], &[3, 5, 7]).unwrap();
    let dicom = dicom_seeds(dir.path());
    let mut seeds = vec![
        ("a.nii", one.clone()),
        ("b.nii.gz", gzip(&one)),
        ("c.nii", two.clone()),
        ("d.nii.gz", gzip(&two)),
        ("e.png", std::fs::read(png).unwrap()),
        ("f.jpg", std::fs::read(jpg).unwrap()),
        ("g.npy", std::fs::read(npy).unwrap()),
    ];
    seeds.extend(dicom);
    // A cap that keeps honest but large readings quick.
    let options = OpenOptions {
        max_voxels: 1 << 22,
        ..OpenOptions::default()
    };
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut n_read = 0;
    for (name, seed) in &seeds {
        let path = dir.path().join(name);
        for round in 0..400 {
            let mut bytes = seed.clone();
            // Mostly damage to the first 600 bytes, where the headers are.
            for _ in 0..=random.below(4) {
                let reach = if round % 2 == 0 {
                    bytes.len()
                } else {
                    bytes.len().min(600)
                };
                let at = random.below(reach);
                bytes[at] ^= 1 << random.below(8);
            }
            if round % 3 == 0 {
                bytes.truncate(random.below(bytes.len()));
            }
            std::fs::write(&path, &bytes).unwrap();
            match open(&path, &options) {
                Ok(Input::Volumes(volumes)) => {
                    for v in &volumes {
                        n_read += 1;
                        assert_eq!(v.voxels.len(), v.geometry.size.count() * v.n_frames);
                        assert!(v.voxels.iter().all(|v| v.is_finite()));
                        assert!(v.geometry.affine.inverse().is_some());
                        assert!(!Info::from_volume(&path, v).to_string().is_empty());
                    }
                }
                Ok(Input::KSpace(k)) => {
                    n_read += 1;
                    assert_eq!(k.samples.len(), k.n_coils * k.n_y * k.n_x);
                }
                Err(error) => {
                    let text = error.to_string();
                    assert!(!text.is_empty() && !text.contains('\n'), "{text}");
                }
            }
        }
    }
    assert!(n_read > 100, "most damage should be survivable: {n_read}");
}
