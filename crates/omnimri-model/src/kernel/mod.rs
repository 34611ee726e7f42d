//! Three operations where most of a training step goes, with hand-written gradients for the CPU backend (Flex).
//!
//! On any other backend, and for second use inside a graph that mixes plain and tracked tensors, the same result is
//! composed from Burn's own operations. Both ways are tested against each other.

mod conv;
mod gelu;
mod norm;
mod self_adjoint;

use burn::backend::{Autodiff, Flex};
use burn::tensor::ops::PadMode;
use burn::tensor::{Tensor, TensorData, activation};
use burn_autodiff::checkpoint::base::Checkpointer;
use burn_autodiff::checkpoint::strategy::NoCheckpointing;
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};
use burn_flex::FlexTensor;

use conv::ConvShape;

pub use self_adjoint::{SelfAdjoint, self_adjoint};

pub(crate) type Tracked = Autodiff<Flex>;

/// Runs `f` on the values of a tensor in row-major order.
fn values<T>(tensor: &FlexTensor, f: impl FnOnce(&[f32]) -> T) -> T {
    match tensor.as_slice::<f32>() {
        Some(slice) => f(slice),
        None => {
            let copy = tensor.to_contiguous();
            f(copy.storage::<f32>())
        }
    }
}

fn flex(data: Vec<f32>, shape: &[usize]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(data, shape.to_vec()))
}

/// 3x3 convolution, channels last, stride 1, zero padding.
///
/// # Shapes
/// - `x`: `[b, h, w, c]`
/// - `weight`: `[9c, o]`, rows ordered tap by tap (`dy`, `dx`), then channel
/// - returns `[b, h, w, o]`
pub fn conv3x3(x: Tensor<4>, weight: Tensor<2>) -> Tensor<4> {
    let ([b, h, w, c], [_, o]) = (x.dims(), weight.dims());
    let s = ConvShape { b, h, w, c, o };
    let run = |x: &FlexTensor, weight: &FlexTensor| {
        let y = values(x, |x| values(weight, |weight| conv::forward(x, weight, s)));
        flex(y, &[b, h, w, o])
    };
    if let (Ok(x), Ok(weight)) = (
        x.clone().try_into_primitive::<Tracked>(),
        weight.clone().try_into_primitive::<Tracked>(),
    ) {
        let y = run(x.primitive(), weight.primitive());
        let out = match Conv3x3Backward
            .prepare::<NoCheckpointing>([x.node(), weight.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => {
                prep.finish((s, x.into_primitive(), weight.into_primitive()), y)
            }
            OpsKind::UnTracked(prep) => prep.finish(y),
        };
        return Tensor::from_primitive::<Tracked>(out);
    }
    if let (Ok(x), Ok(weight)) = (
        x.clone().try_into_primitive::<Flex>(),
        weight.clone().try_into_primitive::<Flex>(),
    ) {
        return Tensor::from_primitive::<Flex>(run(&x, &weight));
    }
    conv3x3_composed(x, weight)
}

/// [`conv3x3`] from nine shifted slices and one matrix product.
pub(crate) fn conv3x3_composed(x: Tensor<4>, weight: Tensor<2>) -> Tensor<4> {
    let ([b, h, w, c], [_, o]) = (x.dims(), weight.dims());
    let padded = x.pad([(0, 0), (1, 1), (1, 1), (0, 0)], PadMode::Constant(0.0));
    let taps = (0..9)
        .map(|t| {
            padded
                .clone()
                .slice([0..b, t / 3..t / 3 + h, t % 3..t % 3 + w, 0..c])
        })
        .collect();
    Tensor::cat(taps, 3)
        .reshape([b * h * w, 9 * c])
        .matmul(weight)
        .reshape([b, h, w, o])
}

#[derive(Debug)]
struct Conv3x3Backward;

impl Backward<Flex, 2> for Conv3x3Backward {
    type State = (ConvShape, FlexTensor, FlexTensor);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [x_node, weight_node] = ops.parents;
        let grad_y = grads.consume::<Flex>(&ops.node);
        let (s, x, weight) = ops.state;
        values(&grad_y, |gy| {
            if let Some(node) = x_node {
                let gx = values(&weight, |weight| conv::backward_input(gy, weight, s));
                grads.register::<Flex>(node.id, flex(gx, &[s.b, s.h, s.w, s.c]));
            }
            if let Some(node) = weight_node {
                let gw = values(&x, |x| conv::backward_weight(x, gy, s));
                grads.register::<Flex>(node.id, flex(gw, &[9 * s.c, s.o]));
            }
        });
    }
}

/// Group normalisation over pixels and groups of eight channels, then ReLU.
///
/// # Shapes
/// - `x`: `[b, h, w, c]`
/// - `gamma`, `beta`: `[c]`
/// - returns `[b, h, w, c]`
pub fn norm_relu(x: Tensor<4>, gamma: Tensor<1>, beta: Tensor<1>) -> Tensor<4> {
    let shape = x.dims();
    let pixels = shape[1] * shape[2];
    let run = |x: &FlexTensor, gamma: &FlexTensor, beta: &FlexTensor| {
        let y = values(x, |x| {
            values(gamma, |g| values(beta, |b| norm::forward(x, g, b, pixels)))
        });
        flex(y, &shape)
    };
    if let (Ok(x), Ok(gamma), Ok(beta)) = (
        x.clone().try_into_primitive::<Tracked>(),
        gamma.clone().try_into_primitive::<Tracked>(),
        beta.clone().try_into_primitive::<Tracked>(),
    ) {
        let y = run(x.primitive(), gamma.primitive(), beta.primitive());
        let out = match NormReluBackward
            .prepare::<NoCheckpointing>([x.node(), gamma.node(), beta.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => prep.finish(
                (
                    x.into_primitive(),
                    gamma.into_primitive(),
                    beta.into_primitive(),
                ),
                y,
            ),
            OpsKind::UnTracked(prep) => prep.finish(y),
        };
        return Tensor::from_primitive::<Tracked>(out);
    }
    if let (Ok(x), Ok(gamma), Ok(beta)) = (
        x.clone().try_into_primitive::<Flex>(),
        gamma.clone().try_into_primitive::<Flex>(),
        beta.clone().try_into_primitive::<Flex>(),
    ) {
        return Tensor::from_primitive::<Flex>(run(&x, &gamma, &beta));
    }
    norm_relu_composed(x, gamma, beta)
}

/// [`norm_relu`] from Burn's operations.
pub(crate) fn norm_relu_composed(x: Tensor<4>, gamma: Tensor<1>, beta: Tensor<1>) -> Tensor<4> {
    let [n, h, w, c] = x.dims();
    let size = if c.is_multiple_of(norm::GROUP) {
        norm::GROUP
    } else {
        c
    };
    let groups = x.reshape([n, h * w, c / size, size]);
    let mean = |x: Tensor<4>| x.mean_dim(3).mean_dim(1);
    let centred = groups.clone() - mean(groups);
    let scale = (mean(centred.clone().square()) + 1e-5).sqrt();
    let hat = (centred / scale).reshape([n, h, w, c]);
    activation::relu(hat * gamma.reshape([1, 1, 1, c]) + beta.reshape([1, 1, 1, c]))
}

#[derive(Debug)]
struct NormReluBackward;

impl Backward<Flex, 3> for NormReluBackward {
    type State = (FlexTensor, FlexTensor, FlexTensor);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad_y = grads.consume::<Flex>(&ops.node);
        let (x, gamma, beta) = ops.state;
        let c = gamma.layout().shape().to_vec()[0];
        let shape = x.layout().shape().to_vec();
        let pixels = shape[1] * shape[2];
        let (gx, gg, gb) = values(&x, |x| {
            values(&gamma, |g| {
                values(&beta, |b| {
                    values(&grad_y, |gy| norm::backward(x, g, b, gy, pixels))
                })
            })
        });
        let [x_node, gamma_node, beta_node] = ops.parents;
        if let Some(node) = x_node {
            grads.register::<Flex>(node.id, flex(gx, &shape));
        }
        if let Some(node) = gamma_node {
            grads.register::<Flex>(node.id, flex(gg, &[c]));
        }
        if let Some(node) = beta_node {
            grads.register::<Flex>(node.id, flex(gb, &[c]));
        }
    }
}

/// GELU.
///
/// # Shapes
/// - `x`: any; returns the same
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let shape = x.dims();
    let run = |x: &FlexTensor| flex(values(x, gelu::forward), &shape);
    if let Ok(x) = x.clone().try_into_primitive::<Tracked>() {
        let y = run(x.primitive());
        let out = match GeluBackward
            .prepare::<NoCheckpointing>([x.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => prep.finish(x.into_primitive(), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        };
        return Tensor::from_primitive::<Tracked>(out);
    }
    if let Ok(x) = x.clone().try_into_primitive::<Flex>() {
        return Tensor::from_primitive::<Flex>(run(&x));
    }
    activation::gelu(x)
}

#[derive(Debug)]
struct GeluBackward;

impl Backward<Flex, 1> for GeluBackward {
    type State = FlexTensor;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [node] = ops.parents;
        let grad_y = grads.consume::<Flex>(&ops.node);
        let Some(node) = node else { return };
        let shape = ops.state.layout().shape().to_vec();
        let gx = values(&ops.state, |x| values(&grad_y, |gy| gelu::backward(x, gy)));
        grads.register::<Flex>(node.id, flex(gx, &shape));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::prelude::*;
    use burn::tensor::{Distribution, Tolerance};

    fn close<const D: usize>(a: Tensor<D>, b: Tensor<D>) {
        a.into_data()
            .assert_approx_eq::<f32>(&b.into_data(), Tolerance::absolute(2e-3));
    }

    /// Output and every gradient of both ways, on co-prime sizes.
    #[test]
    fn conv_equals_composition() {
        let device = Device::flex().autodiff();
        for (b, h, w, c, o) in [(2, 7, 5, 3, 4), (1, 1, 1, 2, 3), (3, 13, 11, 8, 5)] {
            let x =
                Tensor::<4>::random([b, h, w, c], Distribution::Default, &device).require_grad();
            let k = Tensor::<2>::random([9 * c, o], Distribution::Default, &device).require_grad();
            let g = Tensor::<4>::random([b, h, w, o], Distribution::Default, &device);
            let (y1, y2) = (
                conv3x3(x.clone(), k.clone()),
                conv3x3_composed(x.clone(), k.clone()),
            );
            close(y1.clone().inner(), y2.clone().inner());
            let (g1, g2) = ((y1 * g.clone()).sum().backward(), (y2 * g).sum().backward());
            close(x.grad(&g1).unwrap(), x.grad(&g2).unwrap());
            close(k.grad(&g1).unwrap(), k.grad(&g2).unwrap());
            close(
                conv3x3(x.clone().inner(), k.clone().inner()),
                conv3x3(x, k).inner(),
            );
        }
    }

    #[test]
    fn norm_equals_composition() {
        let device = Device::flex().autodiff();
        for c in [7, 16] {
            let shape = [2, 5, 3, c];
            let x =
                Tensor::<4>::random(shape, Distribution::Normal(1.0, 2.0), &device).require_grad();
            let ga = Tensor::<1>::random([c], Distribution::Default, &device).require_grad();
            let be = Tensor::<1>::random([c], Distribution::Default, &device).require_grad();
            let g = Tensor::<4>::random(shape, Distribution::Default, &device);
            let y1 = norm_relu(x.clone(), ga.clone(), be.clone());
            let y2 = norm_relu_composed(x.clone(), ga.clone(), be.clone());
            close(y1.clone().inner(), y2.clone().inner());
            let (g1, g2) = ((y1 * g.clone()).sum().backward(), (y2 * g).sum().backward());
            close(x.grad(&g1).unwrap(), x.grad(&g2).unwrap());
            close(ga.grad(&g1).unwrap(), ga.grad(&g2).unwrap());
            close(be.grad(&g1).unwrap(), be.grad(&g2).unwrap());
        }
    }

    #[test]
    fn gelu_equals_composition() {
        let device = Device::flex().autodiff();
        let x =
            Tensor::<3>::random([3, 7, 5], Distribution::Normal(0.0, 3.0), &device).require_grad();
        let g = Tensor::<3>::random([3, 7, 5], Distribution::Default, &device);
        // A transposed input, too: values are read in the tensor's own order.
        let (y1, y2) = (
            gelu(x.clone().swap_dims(0, 2)),
            activation::gelu(x.clone().swap_dims(0, 2)),
        );
        let g = g.swap_dims(0, 2);
        let tight = Tolerance::absolute(2e-6);
        y1.clone()
            .inner()
            .into_data()
            .assert_approx_eq::<f32>(&y2.clone().inner().into_data(), tight);
        let (g1, g2) = ((y1 * g.clone()).sum().backward(), (y2 * g).sum().backward());
        let (a, b) = (x.grad(&g1).unwrap(), x.grad(&g2).unwrap());
        a.into_data().assert_approx_eq::<f32>(&b.into_data(), tight);
    }
}
