//! Random cuts and flipped bits of every kind of file: an error or a volume, never a panic.

use num_complex::Complex32;
use omnimri_image::nifti::{ByteOrder, Version, encode_nifti};
use omnimri_image::{Info, Input, OpenOptions, open, write_npy_complex32, write_png_grey};

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
    let seeds = [
        ("a.nii", one.clone()),
        ("b.nii.gz", gzip(&one)),
        ("c.nii", two.clone()),
        ("d.nii.gz", gzip(&two)),
        ("e.png", std::fs::read(png).unwrap()),
        ("f.jpg", std::fs::read(jpg).unwrap()),
        ("g.npy", std::fs::read(npy).unwrap()),
    ];
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
