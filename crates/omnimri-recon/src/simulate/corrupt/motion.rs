//! Rigid motion between the shots of a scan.
//!
//! Every shot measures its lines of the object in its own pose: shifts are linear phases in k-space (Fourier shift theorem),
//! rotations are three shears, each a shift of lines by the same theorem, so that no interpolation blurs the moved object
//! (Larkin, Oldenburg, Klemm, Opt Commun 1997;139:99).

use num_complex::Complex32;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{ComplexSlices, Course, ShotOrder};
use crate::fft::CentredFft;

/// Where the object was during a shot, relative to the truth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Pose {
    /// Shift down, pixels.
    pub dy_px: f32,
    /// Shift to the right, pixels.
    pub dx_px: f32,
    /// Rotation about the centre of the matrix, from the x axis towards the y axis.
    pub rotation_deg: f32,
}

/// Poses of all shots.
pub(super) fn draw(
    shots: usize,
    course: Course,
    shift_px: f32,
    rotation_deg: f32,
    rng: &mut ChaCha8Rng,
) -> Vec<Pose> {
    let (sin, cos) = rng.random_range(0.0..std::f32::consts::TAU).sin_cos();
    let turn = if rng.random::<bool>() { 1.0 } else { -1.0 };
    let onset = rng.random_range(0.2..0.8f32);
    let (cycles, start) = (rng.random_range(2.0..6.0f32), rng.random_range(0.0..1.0f32));
    (0..shots)
        .map(|s| {
            let t = (s as f32 + 0.5) / shots as f32;
            let [a, b, c] = match course {
                Course::Drift => [t; 3],
                Course::Sudden => [if t > onset { 1.0 } else { 0.0 }; 3],
                Course::Periodic => [(std::f32::consts::TAU * (cycles * t + start)).sin(); 3],
                Course::Random => std::array::from_fn(|_| rng.random_range(-1.0..1.0)),
            };
            Pose {
                dy_px: a * sin * shift_px,
                dx_px: b * cos * shift_px,
                rotation_deg: c * turn * rotation_deg,
            }
        })
        .collect()
}

/// The shot that measures a line.
fn shot_of(line: usize, n_lines: usize, shots: usize, order: ShotOrder) -> usize {
    match order {
        ShotOrder::Sequential => line * shots / n_lines,
        ShotOrder::Interleaved => line % shots,
    }
}

/// Takes the pose at the centre of k-space from all.
pub(super) fn relative_to_centre(poses: Vec<Pose>, order: ShotOrder, n_lines: usize) -> Vec<Pose> {
    let centre = poses[shot_of(n_lines / 2, n_lines, poses.len(), order)];
    poses
        .into_iter()
        .map(|p| Pose {
            dy_px: p.dy_px - centre.dy_px,
            dx_px: p.dx_px - centre.dx_px,
            rotation_deg: p.rotation_deg - centre.rotation_deg,
        })
        .collect()
}

pub(super) fn apply(image: &mut ComplexSlices, poses: &[Pose], order: ShotOrder) {
    let (n_y, n_x) = (image.size.y, image.size.x);
    let n = n_y * n_x;
    let fft = CentredFft::new(&[n_y, n_x]);
    image.data.par_chunks_mut(n).for_each(|slice| {
        let mut measured = vec![Complex32::default(); n];
        for (shot, pose) in poses.iter().enumerate() {
            let mut moved = slice.to_vec();
            rotate(&mut moved, (n_y, n_x), pose.rotation_deg, &fft);
            fft.forward(&mut moved);
            for line in 0..n_y {
                if shot_of(line, n_y, poses.len(), order) != shot {
                    continue;
                }
                let row = line * n_x..(line + 1) * n_x;
                let out = &mut measured[row.clone()];
                out.copy_from_slice(&moved[row]);
                let down = turns(line, n_y) * pose.dy_px;
                for (x, v) in out.iter_mut().enumerate() {
                    *v *= cis_turns(-(down + turns(x, n_x) * pose.dx_px));
                }
            }
        }
        fft.inverse(&mut measured);
        slice.copy_from_slice(&measured);
    });
}

/// Frequency of sample `k` in turns a pixel.
fn turns(k: usize, n: usize) -> f32 {
    (k as f32 - (n / 2) as f32) / n as f32
}

fn cis_turns(t: f32) -> Complex32 {
    Complex32::cis(std::f32::consts::TAU * t)
}

/// Rotates a slice about its centre by three shears.
fn rotate(data: &mut [Complex32], (n_y, n_x): (usize, usize), degrees: f32, fft: &CentredFft) {
    if degrees == 0.0 {
        return;
    }
    let radians = degrees.to_radians();
    let (across, down) = (-(radians / 2.0).tan(), radians.sin());
    let mut shear = |axis: usize, slope: f32| {
        fft.forward_axis(data, axis);
        for (i, v) in data.iter_mut().enumerate() {
            let (y, x) = (i / n_x, i % n_x);
            let shift = match axis {
                1 => slope * (y as f32 - (n_y / 2) as f32) * turns(x, n_x),
                _ => slope * (x as f32 - (n_x / 2) as f32) * turns(y, n_y),
            };
            *v *= cis_turns(-shift);
        }
        fft.inverse_axis(data, axis);
    };
    shear(1, across);
    shear(0, down);
    shear(1, across);
}
