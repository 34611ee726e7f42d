//! Learned reconstruction: unrolled proximal gradient steps, each soft data consistency with the measured samples and a small
//! network (after Hammernik et al. 2018 and Aggarwal et al. 2019), conditioned on the encoder's pooled features and on the
//! acquisition's noise and acceleration.
//!
//! It starts from the conventional image and, untrained, returns it up to data consistency. The network works on the image
//! folded four-fold into channels, so that its cost is small at the native matrix, and sees beside the image the gradient of
//! `1/2 || mask (F S x - y) ||^2`: what the samples still object to. That gradient comes from any [`SenseOp`].

use burn::module::{Initializer, Param};
use burn::nn::{Linear, LinearConfig};
use burn::prelude::*;
use burn::tensor::activation::relu;

use crate::config::{UnrolledConfig, VisionConfig};
use crate::layers::{ResidualBlock, depth_to_space, space_to_depth};

/// Side of the folding.
const FOLD: usize = 4;

/// Numbers that describe an acquisition to the network; see [`crate::sense::describe`].
pub const ACQUISITION: usize = 2;

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
    last: Param<Tensor<1>>,
    channels: usize,
}

impl UnrolledConfig {
    /// Builds the network on `device`.
    pub fn init(&self, vision: &VisionConfig, device: &Device) -> Unrolled {
        let folded = 2 * FOLD * FOLD;
        let weight = |v: f64| Initializer::Constant { value: v }.init([1], device);
        let silent = || Initializer::Zeros;
        Unrolled {
            steps: (0..self.steps)
                .map(|_| Step {
                    fold: LinearConfig::new(2 * folded, self.channels).init(device),
                    blocks: (0..self.blocks)
                        .map(|_| ResidualBlock::new(self.channels, device))
                        .collect(),
                    film: LinearConfig::new(vision.evidence_width + ACQUISITION, 2 * self.channels)
                        .with_initializer(silent())
                        .init(device),
                    unfold: LinearConfig::new(self.channels, folded)
                        .with_initializer(silent())
                        .init(device),
                    consistency: weight(0.5),
                })
                .collect(),
            last: weight(0.5),
            channels: self.channels,
        }
    }
}

impl Unrolled {
    /// Refines `x`, scaled by [`crate::sense::describe`].
    ///
    /// # Shapes
    /// - `x`: `[n, h, w, 2]`; returns the same
    /// - `pooled`: `[n, evidence_width]`; `acquisition`: `[n, ACQUISITION]`
    pub fn forward(
        &self,
        mut x: Tensor<4>,
        op: &dyn SenseOp,
        pooled: Tensor<2>,
        acquisition: Tensor<2>,
    ) -> Tensor<4> {
        let [n, h, w, _] = x.dims();
        let condition = Tensor::cat(vec![pooled, acquisition], 1);
        let (ph, pw) = (h.next_multiple_of(FOLD) - h, w.next_multiple_of(FOLD) - w);
        let scaled = |weight: &Param<Tensor<1>>, residual: Tensor<4>| {
            residual * weight.val().clamp(0.0, 1.0).reshape([1, 1, 1, 1])
        };
        for step in &self.steps {
            let residual = op.residual(x.clone());
            x = x - scaled(&step.consistency, residual.clone());
            // The gradient is small beside the image; ten-fold it has the size of what is to be found.
            let mut seen = Tensor::cat(vec![x.clone(), residual * 10.0], 3);
            if ph + pw > 0 {
                seen = seen.pad(
                    [(0, 0), (0, ph), (0, pw), (0, 0)],
                    burn::tensor::ops::PadMode::Constant(0.0),
                );
            }
            let mut f = step.fold.forward(space_to_depth(seen, FOLD));
            let film = step
                .film
                .forward(condition.clone())
                .reshape([n, 1, 1, 2 * self.channels]);
            let scale = film.clone().slice([0..n, 0..1, 0..1, 0..self.channels]);
            let shift = film.slice([0..n, 0..1, 0..1, self.channels..2 * self.channels]);
            for block in &step.blocks {
                f = block.forward_modulated(f, Some((scale.clone(), shift.clone())));
            }
            x = x
                + depth_to_space(step.unfold.forward(relu(f)), FOLD).slice([0..n, 0..h, 0..w, 0..2]);
        }
        let residual = op.residual(x.clone());
        x - scaled(&self.last, residual)
    }
}
