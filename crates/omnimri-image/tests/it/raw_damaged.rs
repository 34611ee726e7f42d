//! Random cuts and flipped bits of every kind of raw data file: an error of one line or data, never a panic.

use std::path::Path;

use num_complex::Complex32;
use omnimri_image::{FrameData, OpenOptions, open_raw, write_cfl};

use crate::support::*;
use omnimri_image::raw::hdf5_write::{MrdAcquisition as Acquisition, *};

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

fn lines() -> Vec<Acquisition> {
    let line = |y: u16| Acquisition::new(vec![[1.0, f32::from(y)]; 2 * 7], 2, y);
    (0..5).map(line).collect()
}

fn spokes() -> Vec<Acquisition> {
    let mut lines = lines();
    for line in &mut lines {
        line.n_dims = 2;
        line.trajectory = (0..14).map(|i| i as f32 / 28.0 - 0.25).collect();
    }
    lines
}

/// Reads all; true if it could be read.
fn survives(path: &Path) -> bool {
    let options = OpenOptions {
        max_voxels: 1 << 22,
        ..OpenOptions::default()
    };
    let read = open_raw(path, &options).and_then(|scan| {
        for index in 0..scan.len().min(50) {
            match scan.frame(index)?.data {
                FrameData::Cartesian(k) => assert_eq!(k.samples.len(), k.n_coils * k.n_y * k.n_x),
                FrameData::Cartesian3(k) => assert_eq!(k.samples.len(), k.n_coils * k.size.count()),
                FrameData::NonCartesian(k) => {
                    assert_eq!(k.coord.len() * k.n_coils, k.samples.len())
                }
                _ => panic!("another kind"),
            }
        }
        Ok(())
    });
    if let Err(error) = &read {
        let text = error.to_string();
        assert!(!text.is_empty() && !text.contains('\n'), "{text}");
    }
    read.is_ok()
}

#[test]
fn damaged_raw_files_never_panic() {
    let dir = folder();
    let xml = |trajectory: &str| mrd_xml([7, 5, 1], [7, 5, 1], 2, trajectory);
    let mut fastmri = Hdf5Writer::new();
    let values = floats((0..2 * 3 * 5 * 7 * 2).map(|i| 1.0 + i as f32));
    let kspace = fastmri.dataset(&Kind::complex(["r", "i"], 4), &[2, 3, 5, 7], &values);
    let mask = fastmri.dataset(&Kind::whole(1), &[7], &[1; 7]);
    let root = fastmri.group(&[("kspace", kspace), ("mask", mask)]);
    let cfl = dir.path().join("seed.cfl");
    write_cfl(&cfl, &[Complex32::new(1.0, 2.0); 105], &[3, 5, 7]).unwrap();
    let seeds = [
        ("a.h5", ismrmrd(&xml("cartesian"), &lines())),
        ("b.h5", ismrmrd(&xml("radial"), &spokes())),
        ("c.h5", fastmri.finish(root, 512)),
        (
            "seed.hdr",
            std::fs::read(dir.path().join("seed.hdr")).unwrap(),
        ),
    ];
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut n_read = 0;
    for (name, seed) in &seeds {
        let path = dir.path().join(name);
        std::fs::write(&path, seed).unwrap();
        assert!(survives(&path), "{name} itself is sound");
        for round in 0..240 {
            let mut bytes = seed.clone();
            for _ in 0..=random.below(3) {
                let at = random.below(bytes.len());
                match round % 4 {
                    // Fields of lengths and addresses are the ones that lie worst.
                    0 => bytes[at] = 0xff,
                    _ => bytes[at] ^= 1 << random.below(8),
                }
            }
            if round % 3 == 0 {
                bytes.truncate(random.below(bytes.len()));
            }
            std::fs::write(&path, &bytes).unwrap();
            n_read += usize::from(survives(&path));
        }
    }
    assert!(n_read > 60, "some damage should be survivable: {n_read}");
}
