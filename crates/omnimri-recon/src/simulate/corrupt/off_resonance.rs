//! Off-resonance: spins that precess at another frequency than the scanner thinks.
//!
//! The forward model is summed as it stands: while a line is read, each voxel gains the phase of its own frequency, which moves
//! its content by frequency over bandwidth a pixel and lets signals pile up where the field is steep (Jezzard, Balaban, Magn
//! Reson Med 1995;34:65; Haacke et al., Magnetic Resonance Imaging, 1999, chapter 20). Across a voxel the gradient echo
//! dephases by a sinc of the frequency difference between its faces times the echo time.

use num_complex::{Complex32, Complex64};
use omnimri_image::Zyx;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{ComplexSlices, Corrupted, FieldShape, ShiftAxis};
use crate::fft::CentredFft;

/// A field map in closed form, in voxels of the image (rows are phase-encoding steps).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FieldMap {
    /// Shape.
    pub shape: FieldShape,
    /// Largest frequency offset in hertz.
    pub peak_hz: f32,
    /// Centre of a bump: slice, row, column.
    pub centre: [f32; 3],
    /// Standard deviations of a bump along the three axes; the half width along the readout of a ramp is in the last.
    pub width: [f32; 3],
}

impl FieldMap {
    pub(super) fn draw(
        shape: FieldShape,
        peak_hz: f32,
        size: Zyx<usize>,
        rng: &mut ChaCha8Rng,
    ) -> Self {
        let length = [size.z, size.y, size.x].map(|n| n as f32);
        let side = length[1].min(length[2]);
        let place: [f32; 3] = std::array::from_fn(|_| rng.random_range(0.3..0.7));
        let spread = rng.random_range(0.07..0.16) * side;
        let middle = length.map(|n| (n - 1.0) / 2.0);
        let (centre, width) = match shape {
            FieldShape::Bump => (
                std::array::from_fn(|a| place[a] * (length[a] - 1.0)),
                [(0.25 * length[0]).max(1.0), spread, spread],
            ),
            FieldShape::Uniform | FieldShape::Ramp => {
                (middle, [length[0], length[1], middle[2].max(0.5)])
            }
        };
        Self {
            shape,
            peak_hz,
            centre,
            width,
        }
    }

    /// Frequency offset at a voxel position.
    pub fn hertz(&self, z: f32, y: f32, x: f32) -> f32 {
        let at = [z, y, x];
        let scaled: [f32; 3] = std::array::from_fn(|a| (at[a] - self.centre[a]) / self.width[a]);
        self.peak_hz
            * match self.shape {
                FieldShape::Uniform => 1.0,
                FieldShape::Ramp => scaled[2],
                FieldShape::Bump => (-0.5 * scaled.iter().map(|v| v * v).sum::<f32>()).exp(),
            }
    }

    /// What a gradient echo at `echo_s` keeps of a voxel: its phase, and the sincs of the differences between its faces.
    fn echo(&self, [z, y, x]: [f32; 3], echo_s: f32) -> Complex32 {
        let difference = [
            self.hertz(z + 0.5, y, x) - self.hertz(z - 0.5, y, x),
            self.hertz(z, y + 0.5, x) - self.hertz(z, y - 0.5, x),
            self.hertz(z, y, x + 0.5) - self.hertz(z, y, x - 0.5),
        ];
        let kept: f32 = difference.iter().map(|d| sinc(d * echo_s)).product();
        Complex32::from_polar(kept, std::f32::consts::TAU * self.hertz(z, y, x) * echo_s)
    }
}

/// `sin(pi t) / (pi t)`
fn sinc(t: f32) -> f32 {
    let p = std::f32::consts::PI * t;
    if p.abs() < 1e-4 { 1.0 } else { p.sin() / p }
}

pub(super) fn apply(
    state: &mut Corrupted,
    map: &FieldMap,
    bandwidth_hz: f32,
    echo_ms: f32,
    along: ShiftAxis,
) {
    let size = state.image.size;
    let n = size.y * size.x;
    let echo_s = echo_ms / 1000.0;
    let shift =
        |z: usize, y: usize, x: usize| map.hertz(z as f32, y as f32, x as f32) / bandwidth_hz;
    if echo_s > 0.0 {
        state
            .image
            .data
            .par_chunks_mut(n)
            .enumerate()
            .for_each(|(z, slice)| {
                for (i, v) in slice.iter_mut().enumerate() {
                    *v *= map.echo([z as f32, (i / size.x) as f32, (i % size.x) as f32], echo_s);
                }
            });
    }
    let moved = state
        .moved
        .get_or_insert_with(|| vec![[0.0; 2]; size.count()]);
    for (i, m) in moved.iter_mut().enumerate() {
        let by = shift(i / n, i / size.x % size.y, i % size.x);
        match along {
            ShiftAxis::Readout => m[1] += by,
            ShiftAxis::Phase => m[0] += by,
        }
    }
    match along {
        ShiftAxis::Readout => distort_rows(&mut state.image, shift),
        ShiftAxis::Phase => {
            let mut turned = state.image.transposed();
            distort_rows(&mut turned, |z, y, x| shift(z, x, y));
            state.image = turned.transposed();
        }
    }
}

/// Reads every row with the phase that its voxels gain, and transforms back as if they gained none.
fn distort_rows(image: &mut ComplexSlices, shift: impl Fn(usize, usize, usize) -> f32 + Sync) {
    let (n_y, n_x) = (image.size.y, image.size.x);
    let fft = CentredFft::new(&[n_x]);
    image
        .data
        .par_chunks_mut(n_x)
        .enumerate()
        .for_each(|(row, line)| {
            let centre = (n_x / 2) as f64;
            let scale = 1.0 / (n_x as f64).sqrt();
            let mut samples = vec![Complex64::default(); n_x];
            for (x, v) in line.iter().enumerate() {
                if *v == Complex32::default() {
                    continue;
                }
                let place = x as f64 - centre + f64::from(shift(row / n_y, row % n_y, x));
                let turn = std::f64::consts::TAU * place / n_x as f64;
                let step = Complex64::cis(-turn);
                let mut wave = Complex64::cis(centre * turn)
                    * Complex64::new(v.re.into(), v.im.into())
                    * scale;
                for s in &mut samples {
                    *s += wave;
                    wave *= step;
                }
            }
            for (v, s) in line.iter_mut().zip(samples) {
                *v = Complex32::new(s.re as f32, s.im as f32);
            }
        });
    fft.inverse(&mut image.data);
}
