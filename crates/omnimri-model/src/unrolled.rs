//! Learned reconstruction: unrolled proximal gradient steps, each soft data consistency with the measured samples and a small
//! network (after Hammernik et al. 2018 and Aggarwal et al. 2019), conditioned on the encoder's pooled features and on the
//! acquisition's noise and acceleration.
//!
//! It starts from the conventional image and, untrained, returns it up to data consistency. The network is a small U-Net at
//! strides 2, 4 and 8 of the native matrix, so that it reaches as far as aliasing does, and sees beside the image the gradient
//! of `1/2 || mask (F S x - y) ||^2`: what the samples still object to. That gradient comes from any [`SenseOp`].

use burn::module::{Initializer, Param};
use burn::nn::{Linear, LinearConfig};
use burn::prelude::*;
use burn::tensor::activation::relu;

use crate::config::{UnrolledConfig, VisionConfig};
use crate::layers::{RestoreBlock, depth_to_space, space_to_depth};

/// Coarsest stride; images are padded to a multiple of it.
const STRIDE: usize = 8;

/// Numbers that describe an acquisition to the network; see [`crate::sense::describe`].
pub const ACQUISITION: usize = 2;

/// The encoding operator as the network sees it.
pub trait SenseOp {
    /// `A^H (A x - y)`: image in, image out, `[n, h, w, 2]` with real and imaginary parts last; the normal operator has norm 1.
    fn residual(&self, x: Tensor<4>) -> Tensor<4>;
}

/// One network: down from stride 2 to 8 and back, with shortcuts.
#[derive(Module, Debug)]
struct Step {
    enter: Linear,
    down4: Linear,
    down8: Linear,
    up4: Linear,
    up2: Linear,
    leave: Linear,
    /// Before going down and after coming up, at strides 2 and 4.
    s2: Vec<RestoreBlock>,
    s4: Vec<RestoreBlock>,
    s8: Vec<RestoreBlock>,
    film: Linear,
    consistency: Param<Tensor<1>>,
}

impl Step {
    fn new(config: &UnrolledConfig, condition: usize, device: &Device) -> Self {
        let [c2, c4, c8] = config.widths();
        let linear = |from, to| LinearConfig::new(from, to).init(device);
        let silent = |from, to| {
            LinearConfig::new(from, to)
                .with_initializer(Initializer::Zeros)
                .init(device)
        };
        let blocks = |n, c| (0..n).map(|_| RestoreBlock::new(c, device)).collect();
        let modulated = 2 * c2 + 2 * c4 + config.blocks * c8;
        Self {
            enter: linear(4 * 4, c2),
            down4: linear(4 * c2, c4),
            down8: linear(4 * c4, c8),
            up4: linear(c8, 4 * c4),
            up2: linear(c4, 4 * c2),
            leave: silent(c2, 4 * 2),
            s2: blocks(2, c2),
            s4: blocks(2, c4),
            s8: blocks(config.blocks, c8),
            film: silent(condition, 2 * modulated),
            consistency: Initializer::Constant { value: 0.5 }.init([1], device),
        }
    }

    /// What to add to the image, from the image and the gradient of data consistency, `[n, h, w, 4]` to `[n, h, w, 2]`; height
    /// and width are multiples of [`STRIDE`].
    fn forward(&self, seen: Tensor<4>, condition: Tensor<2>) -> Tensor<4> {
        let film = self.film.forward(condition);
        let n = film.dims()[0];
        let mut at = 0;
        let mut modulated = |block: &RestoreBlock, x: Tensor<4>| {
            let width = 2 * x.dims()[3];
            let part = film.clone().slice([0..n, at..at + width]);
            at += width;
            block.forward(x, part)
        };
        let fine = modulated(&self.s2[0], self.enter.forward(space_to_depth(seen, 2)));
        let down = self.down4.forward(space_to_depth(fine.clone(), 2));
        let middle = modulated(&self.s4[0], down);
        let mut coarse = self.down8.forward(space_to_depth(middle.clone(), 2));
        for block in &self.s8 {
            coarse = modulated(block, coarse);
        }
        let up = depth_to_space(self.up4.forward(coarse), 2);
        let middle = modulated(&self.s4[1], middle + up);
        let up = depth_to_space(self.up2.forward(middle), 2);
        let fine = modulated(&self.s2[1], fine + up);
        depth_to_space(self.leave.forward(relu(fine)), 2)
    }
}

/// The unrolled network.
#[derive(Module, Debug)]
pub struct Unrolled {
    steps: Vec<Step>,
    last: Param<Tensor<1>>,
}

impl UnrolledConfig {
    /// Channels at strides 2, 4 and 8.
    pub const fn widths(&self) -> [usize; 3] {
        [self.channels, 2 * self.channels, 3 * self.channels]
    }

    /// Builds the network on `device`.
    pub fn init(&self, vision: &VisionConfig, device: &Device) -> Unrolled {
        let condition = vision.evidence_width + ACQUISITION;
        Unrolled {
            steps: (0..self.steps)
                .map(|_| Step::new(self, condition, device))
                .collect(),
            last: Initializer::Constant { value: 0.5 }.init([1], device),
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
        let (ph, pw) = (
            h.next_multiple_of(STRIDE) - h,
            w.next_multiple_of(STRIDE) - w,
        );
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
            x = x + step
                .forward(seen, condition.clone())
                .slice([0..n, 0..h, 0..w, 0..2]);
        }
        let residual = op.residual(x.clone());
        x - scaled(&self.last, residual)
    }
}
