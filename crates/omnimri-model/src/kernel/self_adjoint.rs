//! A linear self-adjoint operator on plain arrays as a tensor operation: its gradient is the operator itself.
//!
//! So the learned reconstruction trains through the very operators (FFT, coil maps, mask) that reconstruct.

use std::fmt::Debug;
use std::sync::Arc;

use burn::backend::Flex;
use burn::tensor::{Tensor, TensorData};
use burn_autodiff::checkpoint::base::Checkpointer;
use burn_autodiff::checkpoint::strategy::NoCheckpointing;
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

use super::{Tracked, flex, values};

/// `x` to `N x` with `N = N^H`, on `[n, h, w, 2]` in row-major order (real and imaginary parts last).
pub trait SelfAdjoint: Debug + Send + Sync {
    /// Applies the operator.
    fn apply(&self, x: &[f32]) -> Vec<f32>;
}

/// Applies `op` to `x`, `[n, h, w, 2]`.
///
/// Gradients flow on the CPU backend (Flex); on another backend the values are computed there and back without gradients.
pub fn self_adjoint(x: Tensor<4>, op: Arc<dyn SelfAdjoint>) -> Tensor<4> {
    let shape = x.dims();
    if let Ok(tracked) = x.clone().try_into_primitive::<Tracked>() {
        let y = flex(values(tracked.primitive(), |x| op.apply(x)), &shape);
        let out = match SelfAdjointBackward
            .prepare::<NoCheckpointing>([tracked.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => prep.finish((op, shape.to_vec()), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        };
        return Tensor::from_primitive::<Tracked>(out);
    }
    let device = x.device();
    let data = x.into_data().convert::<f32>();
    let y = data
        .as_slice::<f32>()
        .map(|x| op.apply(x))
        .unwrap_or_default();
    Tensor::from_data(TensorData::new(y, shape), &device)
}

#[derive(Debug)]
struct SelfAdjointBackward;

impl Backward<Flex, 1> for SelfAdjointBackward {
    type State = (Arc<dyn SelfAdjoint>, Vec<usize>);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad_y = grads.consume::<Flex>(&ops.node);
        let (op, shape) = ops.state;
        let [node] = ops.parents;
        if let Some(node) = node {
            let gx = values(&grad_y, |g| op.apply(g));
            grads.register::<Flex>(node.id, flex(gx, &shape));
        }
    }
}
