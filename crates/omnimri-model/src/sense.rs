//! The encoding operators of `omnimri-recon` as the learned reconstruction sees them.

use std::fmt;
use std::sync::Arc;

use burn::prelude::*;
use num_complex::Complex32;
use omnimri_recon::{LinearOperator, MultiCoil};

use crate::kernel::{SelfAdjoint, self_adjoint};
use crate::unrolled::{ACQUISITION, SenseOp};

/// The normal operators of a batch of slices of one matrix.
struct Normal {
    ops: Vec<Arc<Encoding>>,
}

/// An encoding that gradients may pass through on another thread.
type Encoding = dyn LinearOperator + Send + Sync;

impl fmt::Debug for Normal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Normal({})", self.ops.len())
    }
}

/// The scale that brings an image to the size the network knows, and what it is told of the acquisition: noise deviation of a
/// cell of k-space over that scale (in per cent), and the logarithm of the acceleration.
pub fn describe(problem: &MultiCoil) -> Option<(f32, [f32; ACQUISITION])> {
    let mut magnitude: Vec<f32> = problem.initial.iter().map(|c| c.norm()).collect();
    let at = (magnitude.len() * 98 / 100).min(magnitude.len().checked_sub(1)?);
    let scale = *magnitude.select_nth_unstable_by(at, f32::total_cmp).1;
    let noise = problem.cell_variance.sqrt() as f32 / scale;
    let acceleration = problem.acceleration as f32;
    (scale > 0.0).then_some((scale, [100.0 * noise.min(0.2), acceleration.ln()]))
}

/// What of an acquisition lies outside those the network was trained on (`configs/nano/recon.toml`), a sentence each.
pub fn outside_training(problem: &MultiCoil) -> Vec<String> {
    let mut out = Vec::new();
    let Some((_, [noise, acceleration])) = describe(problem) else {
        return out;
    };
    let acceleration = acceleration.exp();
    if !problem.on_grid {
        out.push(
            "The learned reconstruction was trained on samples on a grid, not along a trajectory."
                .to_owned(),
        );
    }
    if !(2.5..=13.0).contains(&acceleration) {
        out.push(format!(
            "The learned reconstruction was trained on 3 to 12-fold undersampling, not on {acceleration:.1}-fold."
        ));
    }
    if !(0.3..=15.0).contains(&noise) {
        out.push(format!(
            "The learned reconstruction was trained on noise of 0.5 to 10 per cent a sample, not on {noise:.2} per cent."
        ));
    }
    let n_coils = problem.n_coils;
    if n_coils < 4 {
        out.push(format!(
            "The learned reconstruction was trained on 4 to 8 coils, not on {n_coils}."
        ));
    }
    out
}

/// Pairs of real and imaginary parts to complex numbers.
pub fn to_complex(x: &[f32]) -> Vec<Complex32> {
    x.chunks_exact(2)
        .map(|p| Complex32::new(p[0], p[1]))
        .collect()
}

/// Complex numbers to pairs of real and imaginary parts.
pub fn to_pairs(x: &[Complex32]) -> Vec<f32> {
    x.iter().flat_map(|c| [c.re, c.im]).collect()
}

impl SelfAdjoint for Normal {
    fn apply(&self, x: &[f32]) -> Vec<f32> {
        let each = x.len() / self.ops.len().max(1);
        x.chunks_exact(each)
            .zip(&self.ops)
            .flat_map(|(x, op)| to_pairs(&op.normal(&to_complex(x))))
            .collect()
    }
}

/// `A^H (A x - y)` of a batch of slices.
#[derive(Debug)]
pub struct BatchSense {
    normal: Arc<Normal>,
    rhs: Tensor<4>,
}

impl BatchSense {
    /// From the operators and the adjoint images `A^H y` of each slice, all of one matrix.
    ///
    /// # Shapes
    /// - `rhs`: `[n][h * w]`
    pub fn new(
        ops: Vec<Arc<Encoding>>,
        rhs: &[Vec<Complex32>],
        (h, w): (usize, usize),
        device: &Device,
    ) -> Self {
        let values: Vec<f32> = rhs.iter().flat_map(|r| to_pairs(r)).collect();
        let rhs = Tensor::from_data(TensorData::new(values, [ops.len(), h, w, 2]), device);
        Self {
            normal: Arc::new(Normal { ops }),
            rhs,
        }
    }
}

impl SenseOp for BatchSense {
    fn residual(&self, x: Tensor<4>) -> Tensor<4> {
        self_adjoint(x, self.normal.clone()) - self.rhs.clone()
    }
}

/// An encoding seen in a mirror: the network works on the mirrored image, the operator on the image itself.
pub struct Mirrored<'a> {
    /// The encoding.
    pub op: &'a dyn SenseOp,
    /// Is the image mirrored top to bottom?
    pub vertical: bool,
    /// Is it mirrored left to right?
    pub horizontal: bool,
}

impl Mirrored<'_> {
    /// The image mirrored, `[n, h, w, 2]`; twice is none.
    pub fn mirror(&self, x: Tensor<4>) -> Tensor<4> {
        let x = if self.vertical { x.flip([1]) } else { x };
        if self.horizontal { x.flip([2]) } else { x }
    }
}

impl SenseOp for Mirrored<'_> {
    fn residual(&self, x: Tensor<4>) -> Tensor<4> {
        self.mirror(self.op.residual(self.mirror(x)))
    }
}
