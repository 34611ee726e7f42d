//! The image that a sequence makes of a phantom.

use rayon::prelude::*;

use super::phantom::Phantom;
use super::signal::Sequence;
use super::tissue::{N_TISSUES, Tissue};

/// Signal of every voxel, `[z][y][x]`, relative to the magnetisation of water: tissues mix by their parts of the voxel, T1
/// varies within tissues, the shading multiplies. Real and not negative; noise comes with the acquisition.
pub fn render(phantom: &Phantom, sequence: &Sequence) -> Vec<f32> {
    const STEP: f32 = 0.02;
    let signal: [f32; N_TISSUES] = Tissue::ALL.map(|t| sequence.tissue_signal(t, 1.0));
    // Change of the signal for a relative change of T1.
    let slope: [f32; N_TISSUES] = Tissue::ALL
        .map(|t| (sequence.tissue_signal(t, 1.0 + STEP) - sequence.tissue_signal(t, 1.0)) / STEP);
    phantom
        .fractions
        .par_chunks(N_TISSUES)
        .zip(&phantom.texture)
        .zip(&phantom.bias)
        .with_min_len(4096)
        .map(|((fractions, texture), bias)| {
            let (mut s, mut d) = (0.0, 0.0);
            for ((f, v), k) in fractions.iter().zip(&signal).zip(&slope) {
                s += f * v;
                d += f * k;
            }
            bias * (s + texture * d).max(0.0)
        })
        .collect()
}
