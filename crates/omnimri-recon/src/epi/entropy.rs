//! The phase between lines of opposite directions from the image alone.

use std::f64::consts::{FRAC_PI_2, TAU};

use num_complex::Complex32;
use omnimri_image::Zyx;
use rayon::prelude::*;

use super::{LinePhase, for_each_row};
use crate::fft::CentredFft;

/// Steepest disagreement searched, in shifts of a sample.
const MOST_SHIFT: f64 = 1.0;
/// Steps of the first search from zero to the largest constant or slope.
const COARSE: i32 = 8;
/// Halvings of the step around the best of the first search.
const REFINEMENTS: usize = 8;

/// Images of the lines of one direction alone; with any phase between them the image is a sum of two numbers a pixel.
struct Halves {
    forwards: Vec<Complex32>,
    backwards: Vec<Complex32>,
    n_coils: usize,
    n_x: usize,
    n_rows: usize,
    energy: f64,
}

/// The phase, common to all coils, that makes the root-sum-of-squares image's entropy least.
///
/// Constants are searched within a quarter turn either way (half a turn moves the image by half a field of view and
/// leaves its entropy alone), slopes within a shift of one sample.
///
/// # Shapes
/// - `samples`: `[coil][z][y][x]`, image along `x` and k-space along the other axes
pub(super) fn least_entropy(
    samples: &[Complex32],
    n_coils: usize,
    size: Zyx<usize>,
    reversed: &[bool],
) -> LinePhase {
    let halves = Halves::new(samples, n_coils, size, reversed);
    if halves.energy <= 0.0 {
        return LinePhase::default();
    }
    let steps = [
        FRAC_PI_2 / f64::from(COARSE),
        MOST_SHIFT * TAU / size.x as f64 / f64::from(COARSE),
    ];
    let mut best = (f64::INFINITY, LinePhase::default());
    let look = |best: &mut (f64, LinePhase), constant_rad: f64, slope_rad: f64| {
        let phase = LinePhase {
            constant_rad,
            slope_rad,
        };
        let entropy = halves.entropy(phase);
        if entropy < best.0 {
            *best = (entropy, phase);
        }
    };
    for i in -COARSE + 1..=COARSE {
        for j in -COARSE..=COARSE {
            look(&mut best, f64::from(i) * steps[0], f64::from(j) * steps[1]);
        }
    }
    let mut part = 0.5;
    for _ in 0..REFINEMENTS {
        let centre = best.1;
        for i in -1..=1 {
            for j in -1..=1 {
                look(
                    &mut best,
                    centre.constant_rad + f64::from(i) * part * steps[0],
                    centre.slope_rad + f64::from(j) * part * steps[1],
                );
            }
        }
        part /= 2.0;
    }
    best.1
}

impl Halves {
    fn new(samples: &[Complex32], n_coils: usize, size: Zyx<usize>, reversed: &[bool]) -> Self {
        let (n_x, n_rows) = (size.x, size.z * size.y);
        let fft = CentredFft::new(&[size.z, size.y, n_x]);
        let image_of = |way: bool| {
            let mut lines = samples.to_vec();
            for_each_row(&mut lines, n_x, |i, line| {
                if reversed[i % n_rows] != way {
                    line.fill(Complex32::ZERO);
                }
            });
            fft.inverse_axis(&mut lines, 0);
            fft.inverse_axis(&mut lines, 1);
            lines
        };
        Self {
            forwards: image_of(false),
            backwards: image_of(true),
            n_coils,
            n_x,
            n_rows,
            // The two kinds of line do not overlap, so that the image's energy does not depend on the phase.
            energy: samples.iter().map(|s| f64::from(s.norm_sqr())).sum(),
        }
    }

    /// `-sum b ln b` with `b` the magnitudes over the root of the energy.
    fn entropy(&self, phase: LinePhase) -> f64 {
        let centre = (self.n_x / 2) as f64;
        let turns: Vec<Complex32> = (0..self.n_x)
            .map(|x| phase.constant_rad + phase.slope_rad * (x as f64 - centre))
            .map(|angle| Complex32::cis(-angle as f32))
            .collect();
        let rows: Vec<f64> = (0..self.n_rows)
            .into_par_iter()
            .map(|row| {
                let mut squares = vec![0.0_f32; self.n_x];
                for coil in 0..self.n_coils {
                    let at = (coil * self.n_rows + row) * self.n_x;
                    let pairs = self.forwards[at..].iter().zip(&self.backwards[at..]);
                    for ((sum, turn), (f, b)) in squares.iter_mut().zip(&turns).zip(pairs) {
                        *sum += (f + b * turn).norm_sqr();
                    }
                }
                let magnitudes = squares.iter().map(|s| (f64::from(*s) / self.energy).sqrt());
                let terms = magnitudes.filter(|b| *b > 0.0).map(|b| -b * b.ln());
                terms.sum()
            })
            .collect();
        // In the order of rows, whatever the number of threads.
        rows.iter().sum()
    }
}
