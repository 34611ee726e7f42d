//! Learned reconstruction: unrolled proximal gradient steps, each a small network and soft data consistency with the
//! measured samples (after Hammernik et al. 2018 and Aggarwal et al. 2019), conditioned on the encoder's pooled features.
//!
//! The network works on the image folded four-fold into channels, so that its cost is small at the native matrix. Data
//! consistency is a gradient step on `|| mask (F S x - y) ||^2` through any [`SenseOp`]; after the last step a full step
//! brings the measured samples back within noise.

use burn::module::{Initializer, Param};
use burn::nn::{Linear, LinearConfig};
use burn::prelude::*;
use burn::tensor::activation::relu;

use crate::config::{UnrolledConfig, VisionConfig};
use crate::layers::{ResidualBlock, depth_to_space, space_to_depth};

/// Side of the folding.
const FOLD: usize = 4;

/// The encoding operator as the network sees it.
pub trait SenseOp {
    /// `A^H (A x - y)`: image in, image out, `[n, h, w, 2]` with real and imaginary parts last; the normal operator has norm 1.
    fn residual(&self, x: Tensor<4>) -> Tensor<4>;
}

#[derive(Module, Debug)]
struct Step {
    fold: Linear,
    blocks: Vec<ResidualBlock>,
    film: Linear,
    unfold: Linear,
    consistency: Param<Tensor<1>>,
}

/// The unrolled network.
#[derive(Module, Debug)]
pub struct Unrolled {
    steps: Vec<Step>,
    channels: usize,
}

impl UnrolledConfig {
    /// Builds the network on `device`.
    pub fn init(&self, vision: &VisionConfig, device: &Device) -> Unrolled {
        let folded = 2 * FOLD * FOLD;
        let silent = || Initializer::Zeros;
        Unrolled {
            steps: (0..self.steps)
                .map(|_| Step {
                    fold: LinearConfig::new(folded, self.channels).init(device),
                    blocks: (0..self.blocks)
                        .map(|_| ResidualBlock::new(self.channels, device))
                        .collect(),
                    film: LinearConfig::new(vision.evidence_width, 2 * self.channels)
                        .with_initializer(silent())
                        .init(device),
                    unfold: LinearConfig::new(self.channels, folded)
                        .with_initializer(silent())
                        .init(device),
                    consistency: Initializer::Ones.init([1], device),
                })
                .collect(),
            channels: self.channels,
        }
    }
}

impl Unrolled {
    /// Refines `x`, scaled so that its largest magnitude is about one.
    ///
    /// # Shapes
    /// - `x`: `[n, h, w, 2]`; returns the same
    /// - `pooled`: `[n, evidence_width]`
    pub fn forward(&self, mut x: Tensor<4>, op: &dyn SenseOp, pooled: Tensor<2>) -> Tensor<4> {
        let [n, h, w, _] = x.dims();
        let (ph, pw) = (h.next_multiple_of(FOLD) - h, w.next_multiple_of(FOLD) - w);
        for step in &self.steps {
            let padded = if ph + pw > 0 {
                x.clone().pad(
                    [(0, 0), (0, ph), (0, pw), (0, 0)],
                    burn::tensor::ops::PadMode::Constant(0.0),
                )
            } else {
                x.clone()
            };
            let mut f = step.fold.forward(space_to_depth(padded, FOLD));
            let film = step
                .film
                .forward(pooled.clone())
                .reshape([n, 1, 1, 2 * self.channels]);
            let scale = film.clone().slice([0..n, 0..1, 0..1, 0..self.channels]);
            let shift = film.slice([0..n, 0..1, 0..1, self.channels..2 * self.channels]);
            for block in &step.blocks {
                f = block.forward_modulated(f, Some((scale.clone(), shift.clone())));
            }
            let update =
                depth_to_space(step.unfold.forward(relu(f)), FOLD).slice([0..n, 0..h, 0..w, 0..2]);
            x = x + update;
            let weight = step.consistency.val().clamp(0.0, 1.0).reshape([1, 1, 1, 1]);
            x = x.clone() - op.residual(x) * weight;
        }
        x.clone() - op.residual(x)
    }
}
