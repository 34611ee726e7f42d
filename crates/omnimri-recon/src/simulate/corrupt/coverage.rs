//! K-space that was not measured far or finely enough.
//!
//! Partial Fourier and truncation with zeros in the place of what is missing (Haacke et al., Magnetic Resonance Imaging, 1999,
//! chapters 12 and 13); wrap-around as the folding that sampling every `1 / share`-th position brings.

use num_complex::Complex32;
use omnimri_image::Zyx;

use super::{ComplexSlices, Corrupted};
use crate::fft::CentredFft;

pub(super) fn partial_fourier(image: &mut ComplexSlices, share: f32) {
    let n = image.size.y;
    let measured = ((n as f32 * share).round() as usize).clamp(n / 2 + 1, n);
    keep(image, |line, _| line >= n - measured);
}

pub(super) fn truncate(image: &mut ComplexSlices, share: f32) {
    let size = image.size;
    let inside = |k: usize, n: usize| {
        let measured = ((n as f32 * share).round() as usize).max(1);
        let first = n / 2 - measured / 2;
        (first..first + measured).contains(&k)
    };
    keep(image, |line, x| inside(line, size.y) && inside(x, size.x));
}

/// Sets every sample of k-space to zero that was not measured.
fn keep(image: &mut ComplexSlices, measured: impl Fn(usize, usize) -> bool) {
    let (n_y, n_x) = (image.size.y, image.size.x);
    let fft = CentredFft::new(&[n_y, n_x]);
    fft.forward(&mut image.data);
    for (i, v) in image.data.iter_mut().enumerate() {
        if !measured(i / n_x % n_y, i % n_x) {
            *v = Complex32::default();
        }
    }
    fft.inverse(&mut image.data);
}

pub(super) fn wrap_around(state: &mut Corrupted, share: f32) {
    let size = state.image.size;
    let rows = ((size.y as f32 * share).round() as usize).clamp(1, size.y);
    let first = (size.y - rows) / 2;
    let smaller = Zyx::new(size.z, rows, size.x);
    let crop = |from: usize| from..from + rows * size.x;
    let mut folded = vec![Complex32::default(); smaller.count()];
    let mut truth = Vec::with_capacity(smaller.count());
    let per_slice = size.y * size.x;
    for z in 0..size.z {
        let out = &mut folded[z * rows * size.x..(z + 1) * rows * size.x];
        for y in 0..size.y {
            // Row `first` of the whole is row 0 of what is left.
            let to = (y + size.y * rows - first) % rows;
            let row = &state.image.data[z * per_slice + y * size.x..][..size.x];
            for (o, v) in out[to * size.x..][..size.x].iter_mut().zip(row) {
                *o += v;
            }
        }
        truth.extend_from_slice(&state.truth.data[crop(z * per_slice + first * size.x)]);
    }
    state.moved = state.moved.take().map(|moved| {
        (0..size.z)
            .flat_map(|z| moved[crop(z * per_slice + first * size.x)].to_vec())
            .collect()
    });
    state.image = ComplexSlices {
        data: folded,
        size: smaller,
    };
    state.truth = ComplexSlices {
        data: truth,
        size: smaller,
    };
}
