//! Fills the k-space of one case by GRAPPA: `grappa_case KSPACE.npy MASK.npy OUT.npy [NOISE.npy]`
//!
//! KSPACE is `(coil, n0, n1)`, MASK `(n0, n1)`; OUT is the root sum of squares of the filled coil images, in the coils' own
//! units. With a noise scan `(coil, sample)` the coils are whitened before the kernels are solved.

use std::error::Error;
use std::path::Path;

use num_complex::Complex32;
use omnimri_image::npy::{NpyArray, NpyData, read_npy, write_npy_f32};
use omnimri_image::{KSpace, OpenOptions};
use omnimri_recon::calibration::Whitening;
use omnimri_recon::grappa::{GrappaOptions, grappa};
use omnimri_recon::zero_filled::{coil_images, root_sum_of_squares};

fn complex(array: NpyArray) -> Result<(Vec<Complex32>, Vec<usize>), Box<dyn Error>> {
    let found = array.data.type_name();
    match array.data {
        NpyData::Complex32(values) => Ok((values, array.shape)),
        _ => Err(format!("expected complex64, found {found}").into()),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [kspace, mask, out, rest @ ..] = args.as_slice() else {
        return Err("usage: grappa_case KSPACE.npy MASK.npy OUT.npy [NOISE.npy]".into());
    };
    let open = OpenOptions::default();
    let (mut samples, shape) = complex(read_npy(Path::new(kspace), &open)?)?;
    let &[n_coils, n_y, n_x] = shape.as_slice() else {
        return Err(format!("k-space: expected (coil, n0, n1), found {shape:?}").into());
    };
    let mask = read_npy(Path::new(mask), &open)?;
    if mask.shape != [n_y, n_x] {
        return Err(format!("mask: expected ({n_y}, {n_x}), found {:?}", mask.shape).into());
    }
    let mask = mask.data.non_zero();
    let whitening = match rest.first() {
        Some(noise) => {
            let (noise, _) = complex(read_npy(Path::new(noise), &open)?)?;
            Some(Whitening::from_noise_scan(&noise, n_coils)?)
        }
        None => None,
    };
    for coil in samples.chunks_mut(n_y * n_x) {
        for (v, m) in coil.iter_mut().zip(&mask) {
            if !m {
                *v = Complex32::default();
            }
        }
    }
    let mut options = GrappaOptions::default();
    if let Some(whitening) = &whitening {
        whitening.apply(&mut samples);
        options.noise_variance = Some(1.0);
    }
    let kspace = KSpace {
        samples,
        n_coils,
        n_y,
        n_x,
        mask,
        warnings: Vec::new(),
    };
    let (mut filled, report) = grappa(&kspace, &options)?;
    if let Some(whitening) = &whitening {
        whitening.undo(&mut filled.samples);
    }
    let image = root_sum_of_squares(&coil_images(&filled), n_y * n_x);
    write_npy_f32(Path::new(out), &image, &[n_y, n_x])?;
    eprintln!(
        "calibrated on {:?} x {:?}, {} kernels, {} filled, {} left zero, noise variance {:.3e}",
        report.area.y,
        report.area.x,
        report.n_kernels,
        report.n_filled,
        report.n_unfilled,
        report.noise_variance
    );
    Ok(())
}
