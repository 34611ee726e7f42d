//! What does not come from the object: spikes, radio interference, noise.

use num_complex::Complex32;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::ComplexSlices;
use crate::fft::CentredFft;
use crate::simulate::acquire::complex_noise;

/// Adds bad samples; returns slice, line and sample of each.
pub(super) fn spikes(
    image: &mut ComplexSlices,
    n: usize,
    strength: f32,
    rng: &mut ChaCha8Rng,
) -> Vec<[usize; 3]> {
    let (n_y, n_x) = (image.size.y, image.size.x);
    let fft = CentredFft::new(&[n_y, n_x]);
    fft.forward(&mut image.data);
    let mut places = Vec::with_capacity(n * image.size.z);
    for (z, slice) in image.data.chunks_exact_mut(n_y * n_x).enumerate() {
        let largest = slice.iter().map(|v| v.norm()).fold(0.0, f32::max);
        for _ in 0..n {
            let (y, x) = (rng.random_range(0..n_y), rng.random_range(0..n_x));
            let phase = rng.random_range(0.0..std::f32::consts::TAU);
            slice[y * n_x + x] += Complex32::from_polar(strength * largest, phase);
            places.push([z, y, x]);
        }
    }
    fft.inverse(&mut image.data);
    places
}

/// Adds a line of random phase at one column; returns the column.
pub(super) fn zipper(image: &mut ComplexSlices, strength: f32, rng: &mut ChaCha8Rng) -> usize {
    let (n_y, n_x) = (image.size.y, image.size.x);
    let column = rng.random_range(0..n_x);
    let amplitude = strength * image.rms();
    let fft = CentredFft::new(&[n_y, n_x]);
    // One frequency is one column after the transform along the readout; its phase differs from line to line.
    fft.forward_axis(&mut image.data, 0);
    for row in image.data.chunks_exact_mut(n_x) {
        let phase = rng.random_range(0.0..std::f32::consts::TAU);
        row[column] += Complex32::from_polar(amplitude, phase);
    }
    fft.inverse_axis(&mut image.data, 0);
    column
}

pub(super) fn noise(image: &mut ComplexSlices, sigma: f32, rng: &mut ChaCha8Rng) {
    let scale = sigma * image.rms();
    let seed: u64 = rng.random();
    let n = image.size.y * image.size.x;
    image
        .data
        .par_chunks_mut(n)
        .enumerate()
        .for_each(|(z, slice)| {
            // A stream a slice: the noise does not depend on how slices are handed to threads.
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(z as u64);
            for (v, e) in slice.iter_mut().zip(complex_noise(n, scale, &mut rng)) {
                *v += e;
            }
        });
}
