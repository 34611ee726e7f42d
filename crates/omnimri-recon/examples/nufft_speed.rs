//! Seconds of non-uniform transforms, with as many threads as RAYON_NUM_THREADS says: `nufft_speed MATRIX SAMPLES COILS AXES`.
//!
//! Positions are random over k-space (a golden-angle radial order in 2D); prints plan, forward, adjoint and Toeplitz normal times.

use std::time::Instant;

use num_complex::Complex32;
use omnimri_image::Zyx;
use omnimri_recon::nufft::{Nufft, NufftOptions, ToeplitzNormal};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<usize> = std::env::args()
        .skip(1)
        .map(|a| a.parse())
        .collect::<Result<_, _>>()?;
    let [n, samples, coils, axes] = args[..] else {
        return Err("usage: nufft_speed MATRIX SAMPLES COILS AXES".into());
    };
    let size = Zyx {
        z: if axes == 3 { n } else { 1 },
        y: n,
        x: n,
    };
    let mut state = 1u64;
    let mut random = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((state >> 40) as f32 / (1u64 << 24) as f32 - 0.5) * n as f32
    };
    let coord: Vec<[f32; 3]> = (0..samples)
        .map(|i| {
            if axes == 3 {
                return [random(), random(), random()];
            }
            let (spoke, s) = (i / (2 * n), i % (2 * n));
            let angle = spoke as f32 * 1.941_611;
            let r = (s as f32 - n as f32) / 2.0;
            [0.0, r * angle.sin(), r * angle.cos()]
        })
        .collect();
    let images: Vec<Complex32> = (0..coils * size.z * n * n)
        .map(|_| Complex32::new(random(), random()))
        .collect();
    let timed = |name: &str, work: &mut dyn FnMut()| {
        let best = (0..5)
            .map(|_| {
                let t = Instant::now();
                work();
                t.elapsed().as_secs_f64()
            })
            .fold(f64::MAX, f64::min);
        eprintln!("{name:10} {:8.2} ms", best * 1e3);
    };
    for oversampling in [None, Some(2.0), Some(1.5), Some(1.25)] {
        let options = NufftOptions {
            oversampling,
            ..NufftOptions::default()
        };
        let nufft = Nufft::new(&coord, size, &options)?;
        eprintln!(
            "oversampling {oversampling:?}, grid {:?}",
            nufft.grid_size()
        );
        timed("plan", &mut || drop(Nufft::new(&coord, size, &options)));
        let mut data = Vec::new();
        timed("forward", &mut || data = nufft.forward_batch(&images));
        timed("adjoint", &mut || drop(nufft.adjoint_batch(&data)));
    }
    let toeplitz = ToeplitzNormal::new(&coord, None, size)?;
    timed("toeplitz", &mut || {
        images
            .chunks(size.z * n * n)
            .for_each(|u| drop(toeplitz.apply(u)))
    });
    Ok(())
}
