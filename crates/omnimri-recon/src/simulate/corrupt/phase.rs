//! Phase errors from line to line.
//!
//! A phase that is periodic over the lines is a sum of complex exponentials (Jacobi-Anger), each of which shifts the image:
//! ghosts at multiples of the field of view over the period (Haacke et al., Magnetic Resonance Imaging, 1999, chapter 23;
//! echo-planar ghosts: Bruder et al., Magn Reson Med 1992;23:311).

use num_complex::Complex32;
use rayon::prelude::*;

use super::ComplexSlices;
use crate::fft::CentredFft;

pub(super) fn ghosting(image: &mut ComplexSlices, period: usize, phase_rad: f32) {
    let factor: Vec<Complex32> = (0..image.size.y)
        .map(|line| {
            let k = (line as f32 - (image.size.y / 2) as f32) / period as f32;
            Complex32::cis(phase_rad * (std::f32::consts::TAU * k).cos())
        })
        .collect();
    on_lines(image, |line, _| factor[line]);
}

pub(super) fn epi(image: &mut ComplexSlices, constant_rad: f32, slope_rad: f32) {
    let middle = (image.size.x / 2) as f32;
    on_lines(image, |line, x| {
        let half = 0.5 * (constant_rad + slope_rad * (x as f32 - middle));
        Complex32::cis(if line % 2 == 0 { half } else { -half })
    });
}

/// Multiplies the lines of k-space, transformed along the readout already, by a factor of line and column.
fn on_lines(image: &mut ComplexSlices, factor: impl Fn(usize, usize) -> Complex32 + Sync) {
    let (n_y, n_x) = (image.size.y, image.size.x);
    let fft = CentredFft::new(&[n_y, n_x]);
    fft.forward_axis(&mut image.data, 0);
    image.data.par_chunks_mut(n_y * n_x).for_each(|slice| {
        for (line, row) in slice.chunks_exact_mut(n_x).enumerate() {
            for (x, v) in row.iter_mut().enumerate() {
                *v *= factor(line, x);
            }
        }
    });
    fft.inverse_axis(&mut image.data, 0);
}
